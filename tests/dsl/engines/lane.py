"""An engine of another platform, in an environment of its own: where it is, and a process of it that takes many flows.

`make` sets the environments up, outside the checkout. One that is not there skips the test with the command that sets
it up, which in CI is a failure.
"""

import atexit
import json
import os
import subprocess
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import msgspec
import pytest

# Engines reach this machine only: for everything else there is a proxy that is not there.
ALONE = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")
ALONE |= dict.fromkeys(("no_proxy", "NO_PROXY"), "127.0.0.1,localhost")


class Ran(msgspec.Struct, frozen=True):
    """What a run of a flow gave, in the same words for every engine."""

    status: str  # succeeded, partial-succeeded, failed
    outputs: dict[str, Any]  # Dify: of the end or answer nodes. n8n: the first item of the last node
    error: str = ""
    nodes: dict[str, Any] = {}  # Dify: id -> outputs. n8n: name -> items of each output port. The last run of each
    order: list[str] = []  # the nodes as they ended, those of a loop once a round
    items: list[dict[str, Any]] = []  # n8n: the last node's, of its first output with any
    response: Any = None  # n8n: what a webhook answers

    def __str__(self) -> str:
        return f"{self.status} {self.outputs} {self.error} {self.order}"


class EngineError(AssertionError):
    """The engine itself ended or hung: nothing that a flow should be able to do."""


def home(name: str) -> Path:
    """The environment of this name; skips the test when `make` has not set it up."""
    cache = os.environ.get("FLOWSTILL_CACHE") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "flowstill"
    folder = Path(cache).expanduser() / "envs" / name
    if not (folder / "ready").is_file():
        pytest.skip(f"{folder} is not set up: make {name.rpartition('-')[0]}")
    return folder


class Worker:
    """A process that answers each JSON line with one, started at the first and anew after it has died.

    It reaches nothing beyond this machine.
    """

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self._command, self._environment = command, environment
        self._process: subprocess.Popen[str] | None = None
        self._said: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - as long as the process
        self.keeps: object = None  # what is to live as long as it
        atexit.register(self.stop)

    def ask(self, request: Mapping[str, Any], seconds: float = 60) -> Any:
        """The answer; a worker that gives none in this time is ended."""
        process = self._running()
        assert process.stdin and process.stdout
        guard = threading.Timer(seconds, process.kill)
        guard.start()
        try:
            process.stdin.write(json.dumps(request) + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
        except BrokenPipeError:
            line = ""
        finally:
            guard.cancel()
        if not line:
            raise EngineError(f"the worker ended, or gave no answer within {seconds} s:\n{self._last_words()}")
        return json.loads(line)

    def stop(self) -> None:
        if self._process is None:
            return
        self._process.kill()
        self._process.communicate()
        self._process = None

    def _running(self) -> "subprocess.Popen[str]":
        if self._process is None or self._process.poll() is not None:
            self.stop()
            self._process = subprocess.Popen(
                self._command,
                env={**os.environ, **ALONE, **self._environment},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._said,
                text=True,
            )
        return self._process

    def _last_words(self) -> str:
        self.stop()
        self._said.seek(0)
        return self._said.read().decode(errors="replace")[-2000:]
