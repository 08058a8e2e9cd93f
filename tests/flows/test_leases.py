"""Only one at a time, whatever happens to that one."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from flows import FlowError, leases
from flows.leases import holding, is_dead, is_going_on, myself, only_one
from flows.store import Store, open_store

HOLDER = """
import sys, time
from pathlib import Path
from flows import FlowError, leases
from flows.store import open_store
leases.SECONDS = float(sys.argv[2])
def stop(*_): sys.exit(143)
import signal; signal.signal(signal.SIGTERM, stop)
try:
    with leases.only_one(open_store(Path(sys.argv[1])), "loop:a", "a run of loop a"):
        print("held", flush=True)
        time.sleep(60)
except FlowError as error:
    sys.exit(str(error))
"""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the lease of loop a."""
    command = [sys.executable, "-c", HOLDER, str(tmp_path), "0.4"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def test_while_one_is_at_it_another_is_told_who(store: Store, holder: subprocess.Popen[str]) -> None:
    said = rf"a run of loop a is going on already, in process {holder.pid} on \S+ since \d{{4}}-.* UTC\. Wait for it"
    with pytest.raises(FlowError, match=said), only_one(store, "loop:a", "a run of loop a"):
        pass


def test_whether_anybody_is_at_it_can_be_seen(store: Store, holder: subprocess.Popen[str]) -> None:
    assert is_going_on(store, "loop:a")
    assert not is_going_on(store, "loop:b")
    holder.kill()
    holder.wait()
    assert not is_going_on(store, "loop:a")


def test_other_names_are_free(store: Store, holder: subprocess.Popen[str]) -> None:
    with only_one(store, "loop:b", "a run of loop b"):
        pass


def test_a_kill_9_frees_the_lease_at_once(store: Store, tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLDER, str(tmp_path), "600"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        process.kill()
    with only_one(store, "loop:a", "a run of loop a"):
        pass


def test_a_killed_process_that_nobody_reaped_is_dead(store: Store, holder: subprocess.Popen[str]) -> None:
    lease = store.lease("loop:a", "me", 1)
    assert lease
    assert not is_dead(lease.owner)
    holder.kill()
    os.waitid(os.P_PID, holder.pid, os.WEXITED | os.WNOWAIT)  # it has ended, and stays a zombie
    assert is_dead(lease.owner)


def test_a_later_process_with_the_same_id_is_not_mistaken_for_the_owner() -> None:
    machine, pid, started, mark = myself().rsplit("/", 3)
    assert not is_dead(f"{machine}/{pid}/{started}/{mark}")
    assert is_dead(f"{machine}/{pid}/{float(started) - 100}/{mark}")


@pytest.mark.parametrize("owner", ["", "somebody", "a/b/c/d", "a/1/b/c", "a/99999999999999999999/1.0/c"])
def test_a_lease_whose_owner_was_damaged_stops_nobody(store: Store, owner: str) -> None:
    store.lease("loop:a", owner, 10**6)
    assert not is_going_on(store, "loop:a")
    with only_one(store, "loop:a", "a run of loop a"):
        pass


def test_of_a_process_on_another_machine_nothing_is_known(store: Store) -> None:
    _, _, *rest = myself().rsplit("/", 3)
    elsewhere = "/".join(["elsewhere", "999999999", *rest])
    assert not is_dead(elsewhere)
    store.lease("loop:a", elsewhere, 60)
    with pytest.raises(FlowError, match="in process 999999999 on elsewhere"), only_one(store, "loop:a", "a run"):
        pass
    store.lease("loop:a", elsewhere, -1)  # it ran out
    with only_one(store, "loop:a", "a run"):
        pass


def test_whoever_may_wait_gets_it_when_the_other_ends(store: Store, holder: subprocess.Popen[str]) -> None:
    threading.Timer(0.5, holder.terminate).start()
    with only_one(store, "loop:a", "a run of loop a", wait=True):
        assert holder.wait(timeout=30)


def test_two_threads_of_one_process_are_two(store: Store) -> None:
    with holding(store, "loop:a") as nobody, holding(store, "loop:a") as somebody:
        assert nobody is None
        assert somebody


def test_a_lease_is_renewed_as_long_as_the_work_takes(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "SECONDS", 0.4)
    with only_one(store, "loop:a", "a run"):
        for _ in range(8):
            threading.Event().wait(0.2)
            assert store.lease("loop:a", "thief", 1)


def test_a_process_that_was_halted_too_long_stops_when_another_took_its_place(
    store: Store, holder: subprocess.Popen[str]
) -> None:
    holder.send_signal(signal.SIGSTOP)
    while store.lease("loop:a", "successor", 600):
        threading.Event().wait(0.05)
    holder.send_signal(signal.SIGCONT)
    _, said = holder.communicate(timeout=60)
    assert said == "a run of loop a was halted for so long that another took its place.\n"
    assert holder.returncode == 1
    assert store.lease("loop:a", "somebody", 1)  # still the successor's


def test_a_block_that_fails_gives_the_lease_back(store: Store) -> None:
    with pytest.raises(ZeroDivisionError), only_one(store, "loop:a", "a run"):
        raise ZeroDivisionError
    assert store.lease("loop:a", "next", 1) is None
