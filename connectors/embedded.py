"""The child process that serves one GGUF file: `python -m connectors.embedded`, started by connectors.spawn.

It is shared: every process that asks for the same file and settings becomes an owner, named in the state
file. The child looks there twice a second and ends when no owner lives any more. (Linux could end it with its
parent, by PR_SET_PDEATHSIG, but the parent is only the first owner: the others would lose their server.)
"""

import os
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import psutil
from filelock import FileLock, Timeout

POLL = 0.5  # seconds
LOOKS = 3
LOOK = 0.2  # seconds that the cores are watched for, each time
IDLE = 0.3  # cores: a machine on which nothing computes is below
CPU_MAX = Path("/sys/fs/cgroup/cpu.max")  # https://docs.kernel.org/admin-guide/cgroup-v2.html


class Running(msgspec.Struct, frozen=True):
    """A process, told apart from a later one that got the same id."""

    pid: int
    created: float

    @classmethod
    def of(cls, pid: int) -> "Running":
        return cls(pid, psutil.Process(pid).create_time())

    def process(self) -> psutil.Process | None:
        """The process, as long as it lives."""
        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(self.pid)
            if abs(process.create_time() - self.created) < 1 and process.status() != psutil.STATUS_ZOMBIE:
                return process
        return None


class State(msgspec.Struct, frozen=True):
    """The state file: where a child listens and who uses it."""

    model: str
    alias: str
    child: Running
    owners: dict[str, Running]  # by a token: one process may own twice
    port: int = 0  # 0: not listening yet

    def orphan(self) -> bool:
        return not any(owner.process() for owner in self.owners.values())


def read(path: Path) -> State | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=State)
    except (FileNotFoundError, msgspec.DecodeError):
        return None  # a file of another version counts as none


def write(path: Path, state: State) -> None:
    part = path.with_suffix(".part")
    part.write_bytes(msgspec.json.encode(state))
    part.replace(path)


def lock(path: Path) -> FileLock:
    """Held while the state file is changed, or while what it says must stay true."""
    return FileLock(path.with_suffix(".lock"))


class Job(msgspec.Struct, frozen=True):
    """What a child is told on its command line."""

    state: Path
    model: Path
    alias: str
    port: int  # 0: any free one
    context: int  # tokens of one slot
    slots: int
    threads: int  # 0: as many as `spare_cores` finds

    def argument(self) -> str:
        return msgspec.json.encode(self, enc_hook=str).decode()

    @classmethod
    def parse(cls, argument: str) -> "Job":
        return msgspec.json.decode(argument, type=cls, dec_hook=lambda kind, value: kind(value))


def main(job: Job) -> None:
    server = _serve(job)
    # The one line on stdout tells the parent the port; stdout then follows stderr into the log.
    sys.stdout.write(f"{server.listening_address.rsplit(':', 1)[1]}\n")
    sys.stdout.flush()
    os.dup2(2, 1)
    _watch(job.state)
    # No tidy shutdown: nobody is connected, and native threads need not be waited for.
    os._exit(0)


def _serve(job: Job) -> Any:
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(job.model)
    params.model_alias = {job.alias}
    params.hostnames = ["127.0.0.1"]
    params.port = job.port
    params.n_parallel = job.slots
    params.n_ctx = job.context * job.slots  # the engine counts all slots together
    params.cpuparams.n_threads = job.threads or spare_cores()
    params.warmup = False
    params.cors_origins, params.cors_origins_explicit = (
        "localhost",
        True,
    )  # no web page may ask; default: all may
    params.cache_ram_mib = 256  # of earlier prompts; the default of 8 GiB is more than the whole job may take
    return xllamacpp.Server(params)


def spare_cores() -> int:
    """All cores of an idle machine; all but one where something computes already.

    The engine's threads wait for each other by spinning: one that shares its core slows all of them down. On two
    cores, two threads were 1.8 times as fast as one beside nothing, and a quarter as fast beside a busy process.
    """
    cores = _cores()
    idle = any(_busy() < IDLE for _ in range(LOOKS))  # what is busy for a moment would slow us down for minutes
    return cores if idle else max(cores - 1, 1)


def _busy() -> float:
    """How many cores compute right now."""
    return psutil.cpu_percent(interval=LOOK) / 100 * (psutil.cpu_count() or 1)


def _cores() -> int:
    """Those that this process may use: a container with a quota sees all of the machine's."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with suppress(OSError, ValueError):
        quota, period = CPU_MAX.read_text().split()  # `max 100000` where there is no limit
        return max(min(allowed, int(quota) // int(period)), 1)
    return allowed


def _watch(path: Path) -> None:
    """Return, with the state file gone, once nobody owns this process."""
    me = os.getpid()
    while True:
        time.sleep(POLL)
        if not _unwanted(read(path), me):
            continue
        # Only under the lock is it certain that nobody is joining right now.
        with suppress(Timeout), lock(path).acquire(timeout=0):
            state = read(path)
            if _unwanted(state, me):
                if state is not None and state.child.pid == me:
                    path.unlink()
                    path.with_suffix(".log").unlink(missing_ok=True)
                return


def _unwanted(state: State | None, me: int) -> bool:
    return state is None or state.child.pid != me or state.orphan()


if __name__ == "__main__":
    main(Job.parse(sys.argv[1]))
