"""Who is at work: an owner that can be seen to be dead, and a lease that only one owner holds."""

import os
import re
import signal
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import psutil

from flows import FlowError
from flows.store import Lease, Store

SECONDS = 60.0  # a lease nobody renews is free after this; owners on this machine are seen to be dead at once
OWNER = re.compile(r"(.*)/(\d{1,10})/(\d+\.\d)/[0-9a-f]+")  # machine, process, its start; as `myself` says them


def myself() -> str:
    """A name for this process at one piece of work; nothing else ever has the same."""
    pid = os.getpid()
    return f"{_machine()}/{pid}/{_started(pid):.1f}/{uuid.uuid4().hex[:8]}"


def is_dead(owner: str) -> bool:
    """True when the owner ran on this machine and does no longer; of other machines nothing is known.

    A name that `myself` gives to nobody was damaged: who had it loses the lease when it is renewed.
    """
    if not (name := OWNER.fullmatch(owner)):
        return True
    machine, pid, started = name.groups()
    if machine != _machine():
        return False
    try:
        ended = psutil.Process(int(pid)).status() == psutil.STATUS_ZOMBIE
        return ended or abs(_started(int(pid)) - float(started)) > 1
    except psutil.NoSuchProcess:
        return True


@contextmanager
def holding(store: Store, name: str, on_loss: Callable[[], None] = lambda: None) -> Iterator[Lease | None]:
    """Hold the lease `name` for the block, renewing it: gives None then, else the lease of who has it."""
    me = myself()
    if holder := _take(store, name, me):
        yield holder
        return
    done = threading.Event()
    renewing = threading.Thread(target=_renew, args=(store, name, me, done, on_loss), daemon=True)
    renewing.start()
    try:
        yield None
    finally:
        done.set()
        renewing.join()
        store.release(name, me)


@contextmanager
def only_one(store: Store, name: str, what: str, wait: bool = False) -> Iterator[None]:
    """Do the block while nobody else does it: wait for whoever is at it, or raise FlowError that names them."""
    lost = threading.Event()
    while True:
        with holding(store, name, lambda: _stop(lost)) as holder:
            if not holder:
                try:
                    yield
                except BaseException:  # also the exit that stops this thread when the lease is lost
                    if lost.is_set():
                        raise FlowError(f"{what} was halted for so long that another took its place.") from None
                    raise
                return
        if not wait:
            raise FlowError(f"{what} is going on already, {in_words(holder)}. Wait for it, or stop it.")
        time.sleep(1)


def is_going_on(store: Store, name: str) -> bool:
    """Somebody who lives holds the lease `name`."""
    holder = store.holder(name)
    return holder is not None and not is_dead(holder.owner)


def _take(store: Store, name: str, owner: str) -> Lease | None:
    """Take a lease, over a dead owner if need be; else the lease of who has it."""
    holder = store.lease(name, owner, SECONDS)
    if holder and is_dead(holder.owner):
        holder = store.lease(name, owner, SECONDS, over=holder.owner)
    return holder


def _renew(store: Store, name: str, owner: str, done: threading.Event, on_loss: Callable[[], None]) -> None:
    while not done.wait(SECONDS / 4):
        with suppress(FlowError):  # while this process cannot write (disk full), others cannot take the lease either
            if store.lease(name, owner, SECONDS):
                on_loss()
                return


def _stop(lost: threading.Event) -> None:
    """End this process's work as SIGTERM does: a machine that slept must not go on beside its successor."""
    lost.set()
    os.kill(os.getpid(), signal.SIGTERM)


def _machine() -> str:
    """Host name, and the container: two may share the name, but then their process ids mean different things."""
    with suppress(OSError):
        return f"{socket.gethostname()} {os.readlink('/proc/self/ns/pid')}"
    return socket.gethostname()


def _started(pid: int) -> float:
    """Seconds from the start of the machine to that of the process, which setting the clock does not change."""
    booted = psutil.boot_time()
    return psutil.Process(pid).create_time() - booted


def in_words(holder: Lease) -> str:
    """Which process holds a lease, and since when."""
    machine, pid, *_ = holder.owner.rsplit("/", 3)
    return f"in process {pid} on {machine.split()[0]} since {holder.since:%Y-%m-%d %H:%M:%S} UTC"
