"""What installing the core, without extras, puts on the disk, and how soon its command line answers."""

import compileall
import subprocess
import sys
from pathlib import Path

from tests.bench.figures import Figure, Target
from tests.bench.place import ROOT
from tests.bench.speed import MIB, python_seconds


def measure(folder: Path) -> list[Figure]:
    """A real installation from a wheel of this tree into an empty folder; sizes are sums of the files' bytes."""
    target = folder / "core"
    command = [sys.executable, "-m", "pip", "install", "-qq", "--no-compile", "--target", str(target), str(ROOT)]
    subprocess.run(command, check=True)
    bare = size(target)
    largest = sorted(((size(one), one.name) for one in target.iterdir()), reverse=True)[:5]
    compileall.compile_dir(target, quiet=2)
    return [
        Figure(
            "installed size of the core, no extras",
            size(target) / MIB,
            "MiB",
            bare / MIB,
            "without bytecode",
            Target(30),
            "largest: " + ", ".join(f"{name} {bytes_ / MIB:.1f}" for bytes_, name in largest),
        )
    ]


def size(path: Path) -> int:
    """Bytes of a file, or of all files below a folder."""
    files = [path] if path.is_file() else path.rglob("*")
    return sum(file.stat().st_size for file in files if file.is_file())


def help_time() -> list[Figure]:
    seconds = python_seconds("-m", "flows", "--help")
    return [Figure("flowstill --help", seconds, "s", python_seconds(), "python -c pass", Target(0.3))]
