"""Who is at work: an owner that can be seen to be dead, and a lease that only one owner holds."""

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

from flows import FlowError
from flows.store import Lease, Store

SECONDS = 60.0  # a lease nobody renews is free after this; owners on this machine are seen to be dead at once


def myself() -> str:
    """This process, so that nobody is mistaken for it later: a process id alone is soon used again."""
    return f"{socket.gethostname()}/{os.getpid()}/{psutil.Process().create_time():.2f}"


def is_dead(owner: str) -> bool:
    """True when the owner ran on this machine and does no longer; of other machines nothing is known."""
    host, pid, created = owner.rsplit("/", 2)
    if host != socket.gethostname():
        return False
    try:
        return f"{psutil.Process(int(pid)).create_time():.2f}" != created
    except psutil.NoSuchProcess:
        return True


@contextmanager
def only_one(store: Store, name: str, what: str, wait: bool = False) -> Iterator[None]:
    """Hold the lease `name` for the block, renewing it; while someone alive holds it, wait or raise FlowError."""
    me = myself()
    while (holder := take(store, name, me)) and wait:
        time.sleep(1)
    if holder:
        process = holder.owner.split("/")[1]
        raise FlowError(
            f"{what} is going on already, in process {process} since {holder.since:%Y-%m-%d %H:%M} UTC. "
            "Wait for it, or stop it; nothing was changed."
        )
    done = threading.Event()
    renewing = threading.Thread(target=_renew, args=(store, name, me, done), daemon=True)
    renewing.start()
    try:
        yield
    finally:
        done.set()
        renewing.join()
        store.release(name, me)


def take(store: Store, name: str, owner: str) -> Lease | None:
    """Take a lease, over a dead owner if need be; else the lease of who has it."""
    holder = store.lease(name, owner, SECONDS)
    if holder and is_dead(holder.owner):
        holder = store.lease(name, owner, SECONDS, over=holder.owner)
    return holder


def _renew(store: Store, name: str, owner: str, done: threading.Event) -> None:
    while not done.wait(SECONDS / 4):
        store.lease(name, owner, SECONDS)
