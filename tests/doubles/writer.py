"""A process that writes 300 answers: `python -m tests.doubles.writer BACKEND FOLDER NAME`."""

import sys
from collections.abc import Callable
from pathlib import Path

from connectors.teacher import Answer
from flows.store import Store, open_store

BACKENDS: dict[str, Callable[[Path], Store]] = {"sqlite": open_store}


def main(backend: str, folder: str, name: str) -> None:
    store = BACKENDS[backend](Path(folder))
    for number in range(300):
        store.put_answer(f"{name}{number}", Answer("text " * 50, 1, 1, 0.0, "m", "stop"))
        print(f"{name}{number}", flush=True)  # noqa: T201
    store.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
