"""`make bench`: what flowstill costs, as one table of figures beside their floors, measured in one go.

Nothing fails here for being slow: whether a target is met stands in the last column.
"""

import importlib.metadata
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import click
import msgspec
from rich.console import Console

from tests.bench import converting, corpora, curating, faults, size, speed
from tests.bench.figures import Figure, as_json, table
from tests.bench.place import Stub, stub

Part = Callable[[Stub, Path], list[Figure]]

PARTS: dict[str, Part] = {
    "speed": speed.measure,
    "faults": faults.measure,
    "kills": faults.kills,
    "size": lambda stub, folder: size.measure(folder),
    "help": lambda stub, folder: size.help_time(),
    "duplicates": lambda stub, folder: curating.near_duplicates(),
    "convert": lambda stub, folder: converting.measure() + corpora.measure(),
}


def machine() -> dict[str, str]:
    """What the figures were taken on; other work on it shows in the load."""
    libraries = ("httpx", "msgspec", "numpy", "rensa", "semantic-text-splitter")
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in libraries)
    return {
        "system": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "Python": f"{platform.python_version()}; {versions}",
    }


def load() -> str:
    averages = os.getloadavg()
    busy = averages[0] > (os.cpu_count() or 1)
    said = " ".join(f"{average:.2f}" for average in averages)
    return f"{said} (busy with other work: times are longer than they need be)" if busy else said


@click.command()
@click.argument("parts", nargs=-1, type=click.Choice(list(PARTS)))
@click.option("--json", "kept", type=click.Path(path_type=Path), help="Write the figures there, too.")
def main(parts: tuple[str, ...], kept: Path | None) -> None:
    """Measure PARTS, or all of them, and print one table."""
    figures, facts, started = [], machine() | {"load before": load()}, time.monotonic()
    with tempfile.TemporaryDirectory() as folder, stub() as teacher:
        for name in parts or PARTS:
            click.echo(f"{name} ...", err=True)
            figures += PARTS[name](teacher, Path(folder))
    facts |= {"load after": load(), "took": f"{time.monotonic() - started:.0f} s"}
    Console(width=None if sys.stdout.isatty() else 132).print(table(figures))
    for name, value in facts.items():
        click.echo(f"{name}: {value}")
    if kept:
        kept.write_bytes(msgspec.json.format(msgspec.json.encode(facts | {"figures": as_json(figures)})))


if __name__ == "__main__":
    main(prog_name="python -m tests.bench")
