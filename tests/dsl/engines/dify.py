"""Dify workflow files run on graphon, Dify's own engine, with the model and the sandbox faked."""

import atexit
import functools
import os
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec

from tests.doubles.sandbox import sandbox
from tests.dsl.engines.lane import Ran, Worker, home

VERSIONS = ("0.8.0", "0.6.0")  # the latest, and the one that Dify 1.16.1 pins
SLIM = Path(__file__).parents[2] / "doubles" / "slim.py"
WORKER = Path(__file__).with_name("graphon_worker.py")


def run_dify(yaml_text: str, inputs: dict[str, Any], *, version: str = VERSIONS[0], seconds: float = 60) -> Ran:
    """Run a workflow or chatflow; `inputs` are those of its start node, and `query` for a chatflow.

    A file that does not load is a failed run whose error begins with the engine's code: `graph.build_failed: ...`.
    """
    request = {"flow": yaml_text, "inputs": inputs, "sandbox": _sandbox()}
    return msgspec.convert(_worker(version).ask(request, seconds), Ran)


@functools.cache
def _worker(version: str) -> Worker:
    folder = home(f"graphon-{version}")
    python = str(folder / "bin" / "python")
    # Its folder comes first on PATH: `slim.py` is started by name, and not by a slow shim of a version manager.
    path = f"{folder / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"
    return Worker([python, str(WORKER)], {"SLIM_BINARY_PATH": str(SLIM), "PATH": path})


@functools.cache
def _sandbox() -> str:
    """One for the whole test run."""
    stack = ExitStack()
    atexit.register(stack.close)
    return stack.enter_context(sandbox())
