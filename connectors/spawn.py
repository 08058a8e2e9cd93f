"""Start and stop the child process of one embedded model."""

import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import msgspec
import psutil

from connectors import ServiceError, embedded
from connectors.embedded import Job, Running, State

Child = subprocess.Popen[str]
_started: dict[int, Child] = {}  # by this process, which alone can reap them


def start(job: Job, owners: dict[str, Running], timeout: float) -> State:
    """A child that answers, or ServiceError with its last words; the caller holds the lock."""
    child = _spawn(job)
    state = State(str(job.model), job.alias, Running.of(child.pid), owners)
    # Before the child listens, so that it knows its owner should this process die meanwhile.
    embedded.write(job.state, state)
    try:
        state = msgspec.structs.replace(state, port=_port(child, job, timeout))
        _wait_healthy(state, timeout)
    except BaseException:  # whatever it is, it is raised again once things are put right
        stop(state)
        job.state.unlink()
        raise
    embedded.write(job.state, state)
    return state


def answers(state: State, timeout: float) -> bool:
    """Is the child of an earlier state file alive and well?"""
    if not state.port or not state.child.process():
        return False
    try:
        _wait_healthy(state, timeout)
    except ServiceError:
        return False
    return True


def stop(state: State, patience: float = 5.0) -> None:
    """End the child, and return when it is gone."""
    process = state.child.process()
    if process:
        _signal(process.terminate)
        if not _gone(state.child, patience):
            _signal(process.kill)
            _gone(state.child, patience)
    if ours := _started.pop(state.child.pid, None):
        ours.wait()


def _spawn(job: Job) -> Child:
    command = [sys.executable, "-P", "-m", "connectors.embedded", job.argument()]
    with job.state.with_suffix(".log").open("wb") as log:
        child = subprocess.Popen(
            command,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            start_new_session=True,  # Ctrl-C here must not end what another process uses too
        )
    for earlier in [*_started.values()]:
        earlier.poll()  # reaps those that their last owner, another process, has ended
    _started[child.pid] = child
    return child


def _environment() -> dict[str, str]:
    """This process's, with this very package importable wherever the child starts."""
    paths = [str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    return os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))}


def _port(child: Child, job: Job, timeout: float) -> int:
    """The port the child got, which it tells once the model is loaded."""
    late = threading.Event()

    def give_up() -> None:
        late.set()
        child.kill()

    timer = threading.Timer(timeout, give_up)
    timer.start()
    assert child.stdout
    with child.stdout as stdout:
        line = stdout.readline()
    timer.cancel()
    timer.join()
    if line:
        return int(line)
    raise ServiceError(_why(child, job, timeout if late.is_set() else 0))


def _why(child: Child, job: Job, timeout: float) -> str:
    path = job.state.with_suffix(".log")
    if timeout:
        return f"{job.model} was not loaded within {timeout:g} s; its server was ended. Log: {path}"
    log, code = path.read_text(errors="replace"), child.wait()
    if "couldn't bind" in log:
        return f"Port {job.port} is taken: {job.alias} cannot be served there. Choose another port."
    end = f"signal {-code}, perhaps out of memory" if code < 0 else f"exit code {code}"
    said = f": {words}" if (words := _last_words(log)) else ""
    return f"The server of {job.model} ended while starting ({end}){said}. Log: {path}"


def _last_words(log: str) -> str:
    """The engine's own errors, or else the last lines whatever they are."""
    errors = re.findall(r"^[\d.]+ E (.+)", log, re.MULTILINE)
    return "; ".join(" ".join(line.split()) for line in (errors or log.splitlines())[-3:])


def _wait_healthy(state: State, timeout: float) -> None:
    """Return once /health says 200; it is 503 while the model loads."""
    deadline = time.monotonic() + timeout
    while not _healthy(state.port):
        if not state.child.process():
            raise ServiceError(f"The server of {state.model} ended while starting.")
        if time.monotonic() > deadline:
            raise ServiceError(
                f"The server of {state.model} on port {state.port} did not get healthy in {timeout:g} s."
            )
        time.sleep(0.05)


def _healthy(port: int) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def _signal(send: Callable[[], None]) -> None:
    with suppress(psutil.NoSuchProcess):
        send()


def _gone(child: Running, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while child.process():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
