"""Starts the trainer in its own process and listens to it: its memory comes back, its imports stay there."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flows import FlowError
from trainer import backend, jobs

Event = dict[str, Any]


def run_trainer(
    command: str,
    job: jobs.Job,
    folder: Path,
    *,
    python: str = sys.executable,
    on_event: Callable[[Event], None] = lambda event: None,
) -> Event:
    """Run one trainer command on `job`, keep its job file and log in `folder`, return its `done` event.

    The child holds our end of its stdin: when this process dies, even by kill -9, the pipe closes and the child
    ends, so that no training goes on that nobody waits for.
    """
    folder.mkdir(parents=True, exist_ok=True)
    job_file, log_file = folder / f"{command}.job.json", folder / f"{command}.log"
    jobs.write(job_file, job)
    with log_file.open("ab") as log:
        child = subprocess.Popen(
            backend.command(python, command, job_file),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        try:
            return _listen(child, command, log_file, on_event)
        finally:
            _end(child)


def _listen(child: "subprocess.Popen[str]", command: str, log: Path, on_event: Callable[[Event], None]) -> Event:
    assert child.stdout is not None
    last: Event = {}
    for line in child.stdout:
        last = json.loads(line)
        if last["event"] == "error":
            raise FlowError(f"{command}: {last['message']}")
        on_event(last)
    code = child.wait()
    if code or last.get("event") != "done":
        end = f"signal {-code}, perhaps out of memory" if code < 0 else f"exit code {code}"
        raise FlowError(f"{command}: the trainer ended with {end}, without a result. Its last words are in {log}.")
    return last


def _end(child: "subprocess.Popen[str]") -> None:
    """SIGTERM lets the trainer save a checkpoint; after 30 s it is killed."""
    if child.poll() is None:
        child.terminate()
    try:
        child.wait(timeout=30)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
    for pipe in (child.stdin, child.stdout):
        if pipe:
            pipe.close()
