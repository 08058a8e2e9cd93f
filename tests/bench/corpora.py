"""All real files to every other platform, in one process: `python -m tests.bench.corpora` prints what it took."""

import json
import subprocess
import sys
import time

import psutil

import dsl
from tests.bench.figures import Figure
from tests.bench.place import environment
from tests.dsl.corpus import FOLDERS, paths


def measure() -> list[Figure]:
    """Files a second and peak memory; nothing where the corpora are not there."""
    ended = subprocess.run(
        [sys.executable, "-m", "tests.bench.corpora"], capture_output=True, check=True, env=environment()
    )
    took = json.loads(ended.stdout)
    if not took["conversions"]:
        return []
    what = f"{took['files']} real files, {took['conversions']} conversions"
    per_second = took["conversions"] / took["seconds"]
    return [
        Figure(f"{what}: conversions a second", per_second, "/s"),
        Figure(f"{what}: peak memory, seen after each", took["peak"], "MiB", took["bare"], "importing dsl"),
    ]


def main() -> None:
    bare, files, conversions, started = _resident(), 0, 0, time.process_time()
    peak = bare
    for source in FOLDERS:
        for path in paths(source):
            files += 1
            data = path.read_bytes()
            for target in FOLDERS:
                if target != source:
                    dsl.write(dsl.read(data), target)
                    conversions += 1
                    peak = max(peak, _resident())
    seconds = time.process_time() - started
    found = {"files": files, "conversions": conversions, "seconds": seconds, "peak": peak, "bare": bare}
    print(json.dumps(found))


def _resident() -> float:
    """MiB now. The peak that the system keeps counts what this process was before: the one that started it."""
    return psutil.Process().memory_info().rss / 2**20


if __name__ == "__main__":
    main()
