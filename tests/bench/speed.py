"""A clean run: how near to the floor it distils, how soon it asks, what it holds in memory, what a rerun costs."""

import subprocess
import sys
import time
from pathlib import Path
from statistics import median

from connectors.teacher import Request
from tests.bench.figures import Figure, Target
from tests.bench.floor import floor_seconds, requests
from tests.bench.place import IN_FLIGHT, LATENCY, PAIRS_PER_PASSAGE, Place, Ran, Stub, environment

MIB = 2**20


def python_seconds(*arguments: str, times: int = 5) -> float:
    """Median wall time of starting this Python with these arguments; `-c pass` is the baseline."""
    seconds = []
    for _ in range(times):
        started = time.perf_counter()
        command = [sys.executable, *(arguments or ("-c", "pass"))]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment())
        seconds.append(time.perf_counter() - started)
    return median(seconds)


def measure(stub: Stub, folder: Path, passages: int = 100, times: int = 3) -> list[Figure]:
    """Floor and run take turns, so that what else the machine does meets both; the medians count."""
    floors, runs, places, firsts, distils = [], list[Ran](), list[Place](), [], []
    asked: list[Request] = []
    for number in range(times):
        place = Place(folder / f"clean-{number}", stub.url, passages)
        stub.behave()
        ran = place.run("harvest", "distil")
        report = stub.report()
        assert (ran.code, report.calls, report.first is None) == (0, passages, False), (ran, report)
        assert len(set(place.pairs())) == passages * PAIRS_PER_PASSAGE
        firsts.append((report.first or 0.0) - ran.started)
        distils.append(place.step_seconds("distil"))
        asked = asked or requests(place.records(), place.loop.distil)
        stub.behave()
        floors.append(floor_seconds(stub.url, asked, IN_FLIGHT))
        runs.append(ran)
        places.append(place)
    bare = python_seconds()
    made = f"{passages * PAIRS_PER_PASSAGE} pairs from {passages} passages"
    step = "the distil step of a real run, imports, journal and pairs on disk included"
    return [
        Figure(
            f"{made}, {LATENCY * 1000:g} ms, {IN_FLIGHT} in flight",
            median(distils),
            "s",
            median(floors),
            "bare asyncio streams",
            Target(1.3, "ratio"),
            step,
        ),
        Figure("start to first teacher call", median(firsts), "s", bare, "python -c pass", Target(1.0)),
        Figure(
            "peak memory of harvest and distil",
            max(ran.peak_bytes for ran in runs) / MIB,
            "MiB",
            target=Target(80),
            note="resident, whole process tree, the worst run",
        ),
        *_rerun(stub, places[-1], bare),
    ]


def _rerun(stub: Stub, place: Place, bare: float) -> list[Figure]:
    stub.behave()
    ran = place.run("harvest", "distil")
    assert ran.code == 0
    return [
        Figure("rerun, nothing changed: calls", stub.report().calls, "", target=Target(0)),
        Figure("rerun, nothing changed: time", ran.seconds, "s", bare, "python -c pass", Target(1.0)),
    ]
