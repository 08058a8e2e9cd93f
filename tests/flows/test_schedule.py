"""Exactly one run for each fire time, whatever happens to the processes."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from flows import FlowError
from flows.config import load_config
from flows.cron import read_cron
from flows.leases import holding
from flows.runs import Run
from flows.schedule import Runs, Schedule, run_scheduled
from flows.store import Store, open_store

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def hours(count: float) -> timedelta:
    return timedelta(hours=count)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(tmp_path)
    yield opened
    opened.close()


class Operator:
    """Starts schedules of an hourly loop, moves their clock, and notes what ran when."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.now = NOON - hours(0.5)
        self.ran: list[datetime] = []
        self.said: list[str] = []
        self.run: Callable[[str, datetime], bool] = lambda loop, fire: True
        self.start()

    def start(self) -> None:
        """A new process, as it were."""
        self.schedule = Schedule(self.store, self._run, self.said.append, lambda: self.now)
        self.schedule.add("support", read_cron("0 * * * *", "UTC", "here"))

    def at(self, now: datetime) -> list[datetime]:
        """What runs when the clock ticks at `now`."""
        self.now, self.ran = now, []
        self.schedule.look("support")
        return self.ran

    def _run(self, loop: str, fire: datetime) -> bool:
        self.ran.append(fire)
        return self.run(loop, fire)


@pytest.fixture
def operator(store: Store) -> Operator:
    return Operator(store)


def test_a_fire_time_has_one_run_however_often_the_clock_ticks(operator: Operator) -> None:
    assert operator.at(NOON - hours(0.1)) == []
    assert operator.at(NOON) == [NOON]
    assert operator.at(NOON) == operator.at(NOON + hours(0.9)) == []
    assert operator.at(NOON + hours(1)) == [NOON + hours(1)]


def test_after_downtime_the_latest_missed_fire_runs_and_the_others_are_skipped(
    operator: Operator, store: Store
) -> None:
    operator.at(NOON)
    operator.start()
    assert operator.at(NOON + hours(5.5)) == [NOON + hours(5)]
    assert operator.at(NOON + hours(5.6)) == []
    assert not store.claim_fire("support", NOON + hours(2), "anybody")


def test_downtime_before_the_first_run_ever_is_made_up_for_too(operator: Operator) -> None:
    operator.start()
    assert operator.at(NOON + hours(1.5)) == [NOON + hours(1)]


def test_a_month_of_downtime_is_one_run(operator: Operator) -> None:
    assert operator.at(NOON + timedelta(days=300)) == [NOON + timedelta(days=300)]
    assert operator.at(NOON + timedelta(days=300)) == []


def test_a_clock_that_was_set_back_does_not_stop_the_schedule(operator: Operator, store: Store) -> None:
    store.skip_fires("support", [operator.now + timedelta(days=3650)])
    operator.start()
    assert operator.at(NOON) == [NOON]
    assert operator.at(NOON) == []
    assert operator.at(NOON + hours(1)) == [NOON + hours(1)]


def test_fires_that_pass_during_a_run_are_one_run_after_it(operator: Operator) -> None:
    def slow(loop: str, fire: datetime) -> bool:
        operator.now = max(operator.now, NOON + hours(3.5))
        return True

    operator.run = slow
    assert operator.at(NOON) == [NOON, NOON + hours(3)]


def test_a_run_whose_process_died_goes_on_with_the_same_fire_time(operator: Operator, store: Store) -> None:
    store.claim_fire("support", NOON, "dead")
    assert operator.at(NOON + hours(2.5)) == [NOON, NOON + hours(2)]
    assert operator.at(NOON + hours(2.6)) == []


def test_a_run_that_was_stopped_goes_on_at_the_next_start_and_nothing_new_begins(operator: Operator) -> None:
    operator.run = lambda loop, fire: False
    assert operator.at(NOON) == [NOON]
    assert operator.at(NOON + hours(1)) == [NOON]
    operator.run = lambda loop, fire: True
    operator.start()
    assert operator.at(NOON + hours(1)) == [NOON, NOON + hours(1)]


def test_nothing_is_done_while_another_scheduler_is_at_it(operator: Operator, store: Store) -> None:
    with holding(store, "schedule:support"):
        assert operator.at(NOON) == []
    assert operator.at(NOON) == [NOON]


def test_after_each_run_the_next_one_is_announced(operator: Operator) -> None:
    operator.at(NOON)
    assert operator.said == [
        "support: next run at 2026-03-01 12:00 UTC",
        "support: run of 2026-03-01 12:00:00 UTC",
        "support: next run at 2026-03-01 13:00 UTC",
    ]


def test_what_is_due_begins_before_a_next_run_is_announced(operator: Operator) -> None:
    operator.now = NOON + hours(1.5)
    operator.said.clear()
    operator.start()
    operator.at(NOON + hours(1.5))
    assert operator.said == [
        "support: run of 2026-03-01 13:00:00 UTC",
        "support: next run at 2026-03-01 14:00 UTC",
    ]


def test_a_store_that_fails_is_reported_and_asked_again(operator: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> bool:
        raise FlowError("store.db: database or disk is full.")

    with monkeypatch.context() as broken:
        broken.setattr(operator.store, "claim_fire", full)
        assert operator.at(NOON) == []
    assert operator.said[-1] == "support: store.db: database or disk is full."
    assert operator.at(NOON) == [NOON]


# --- runs as processes


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: list[str]) -> Callable[[str], Runs]:
    """Runs whose process is a shell script instead of flowstill."""

    def of(script: str) -> Runs:
        program = tmp_path / "program"
        program.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/calls\n{script}\n')
        program.chmod(0o755)
        monkeypatch.setattr(sys, "executable", str(program))
        return Runs(tmp_path / "flowstill.yml", tmp_path / "runs", said.append)

    return of


def calls(tmp_path: Path) -> list[str]:
    return (tmp_path / "calls").read_text().splitlines() if (tmp_path / "calls").exists() else []


def wait_for(condition: Callable[[], object]) -> None:
    for _ in range(1200):
        if condition():
            return
        time.sleep(0.05)
    pytest.fail("a minute has passed")


@pytest.mark.parametrize("code", [0, 1, 4])
def test_a_run_that_ended_is_over_well_or_badly(runs: Callable[[str], Runs], tmp_path: Path, code: int) -> None:
    assert runs(f"exit {code}").run("support", NOON)
    assert calls(tmp_path) == [
        f"-m flows --config {tmp_path}/flowstill.yml run support --fire 2026-03-01T12:00:00+00:00"
    ]


def leaves(tmp_path: Path, run: str, status: str, why: str, verdict: str = "") -> str:
    """A script that leaves a run with this record."""
    folder = tmp_path / "runs" / "support" / run
    record = msgspec.json.encode(Run(loop="support", id=run, created="", status=status, verdict=verdict, why=why))  # type: ignore[arg-type]
    return f"mkdir -p {folder}; echo '{record.decode()}' > {folder}/run.json"


FIRST, SECOND = "20260301T120000000Z", "20260302T120000000Z"


def test_the_outcome_of_a_run_is_told(runs: Callable[[str], Runs], tmp_path: Path, said: list[str]) -> None:
    good = leaves(tmp_path, FIRST, "finished", "its gain is 0.3.", verdict="promoted")
    for script in [
        "exit 2",
        good,
        "exit 4",
        leaves(tmp_path, SECOND, "failed", "distil: 401") + "; exit 1",
        "exit 1",
        leaves(tmp_path, SECOND, "finished", "no gain.", verdict="refused") + "; exit 4",
    ]:
        assert runs(script).run("support", NOON)
    assert [text.partition(" (took ")[0] for text in said] == [
        "support: the run failed with exit code 2, for the reason above",
        f"support: run {FIRST} finished: promoted, its gain is 0.3",
        f"support: nothing is new since run {FIRST}; what was lost is named above",
        f"support: run {SECOND} failed: distil: 401",
        "support: the run failed with exit code 1, for the reason above",
        f"support: run {SECOND} finished: refused, no gain; what was lost is named above",
    ]


def test_a_run_that_was_killed_goes_on_once_more(runs: Callable[[str], Runs], tmp_path: Path) -> None:
    assert runs("kill -9 $$").run("support", NOON)
    assert len(calls(tmp_path)) == 2


def test_a_run_that_is_stopped_is_not_over_and_none_starts_after_it(
    runs: Callable[[str], Runs], tmp_path: Path, said: list[str]
) -> None:
    sleeping = runs("exec sleep 60")
    over: list[bool] = []
    running = threading.Thread(target=lambda: over.append(sleeping.run("support", NOON)))
    running.start()
    wait_for(lambda: calls(tmp_path))
    sleeping.stop()
    running.join(60)
    assert over == [False]
    assert said == ["stopping; the run that is going on is taken up when the schedule starts again"]
    assert not sleeping.run("support", NOON)
    assert len(calls(tmp_path)) == 1


# --- schedulers as processes


class Schedulers:
    """Scheduler processes of a loop that is due every second, and the log their runs write."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(self, seconds: float) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-W", "error", "-m", "tests.doubles.scheduler", str(self.state), str(seconds)]
        self.processes.append(subprocess.Popen(command, stderr=subprocess.PIPE))
        return self.processes[-1]

    def log(self, word: str) -> list[list[str]]:
        """Fire time, process id and time of each line with this word."""
        path = self.state / "log"
        lines = path.read_text().splitlines() if path.exists() else []
        return [line.split()[1:] for line in lines if line.startswith(word)]

    def until(self, word: str, count: int) -> None:
        wait_for(lambda: len(self.log(word)) >= count)

    def stop(self) -> None:
        """SIGTERM for all; each must end cleanly."""
        for process in self.processes:
            process.terminate()
        said = [process.communicate(timeout=60)[1].decode() for process in self.processes]
        assert not [text for text in said if "Traceback" in text or "skipped: maximum" in text]
        assert [process.returncode for process in self.processes] == [0] * len(self.processes)
        self.processes.clear()


@pytest.fixture
def schedulers(tmp_path: Path) -> Iterator[Schedulers]:
    made = Schedulers(tmp_path)
    yield made
    for process in made.processes:
        process.kill()
        process.communicate()


def fires(lines: list[list[str]]) -> Counter[str]:
    return Counter(fire for fire, *_ in lines)


def overlaps(schedulers: Schedulers) -> bool:
    """Did a run begin before the one before it had ended?"""
    begun = [(float(when), 1) for _, _, when in schedulers.log("begin")]
    ended = [(float(when), -1) for word in ("end", "stopped") for _, _, when in schedulers.log(word)]
    running = [sum(step for _, step in sorted(begun + ended)[: n + 1]) for n in range(len(begun + ended))]
    return max(running) > 1


def test_two_schedulers_run_each_fire_once(schedulers: Schedulers, store: Store) -> None:
    schedulers.start(0.1)
    schedulers.start(0.1)
    schedulers.until("end", 6)
    schedulers.stop()
    assert set(fires(schedulers.log("end")).values()) == {1}
    assert not overlaps(schedulers)
    assert store.lease("loop:support", "next", 1) is store.lease("schedule:support", "next", 1) is None


def test_a_run_longer_than_its_interval_never_overlaps(schedulers: Schedulers) -> None:
    schedulers.start(1.7)
    schedulers.start(1.7)
    schedulers.until("end", 3)
    schedulers.stop()
    assert not overlaps(schedulers)
    assert set(fires(schedulers.log("end")).values()) == {1}


def test_a_scheduler_killed_in_the_middle_of_a_run_is_taken_over(schedulers: Schedulers, store: Store) -> None:
    schedulers.start(60)
    schedulers.until("begin", 1)
    ((killed_at, _, _),) = schedulers.log("begin")
    victim = schedulers.processes.pop()
    schedulers.start(0.2)
    victim.kill()
    victim.communicate()
    schedulers.until("end", 3)
    schedulers.stop()
    assert fires(schedulers.log("begin"))[killed_at] == 2
    assert set(fires(schedulers.log("end")).values()) == {1}
    assert killed_at in fires(schedulers.log("end"))
    assert store.unfinished_fires("support") == []


def test_a_scheduler_that_is_stopped_in_the_middle_of_a_run_leaves_it_to_the_next(
    schedulers: Schedulers, store: Store
) -> None:
    schedulers.start(30)
    schedulers.until("begin", 1)
    schedulers.stop()
    ((fire, _, _),) = schedulers.log("stopped")
    assert store.lease("loop:support", "next", 0) is store.lease("schedule:support", "next", 0) is None
    assert len(store.unfinished_fires("support")) == 1
    schedulers.start(0.1)
    schedulers.until("end", 2)
    schedulers.stop()
    assert schedulers.log("end")[0][0] == fire
    assert set(fires(schedulers.log("end")).values()) == {1}


def test_a_scheduler_that_was_down_makes_up_once(schedulers: Schedulers) -> None:
    schedulers.start(0.1)
    schedulers.until("end", 1)
    schedulers.stop()
    before = len(schedulers.log("end"))
    time.sleep(4)
    schedulers.start(1.5)
    schedulers.until("end", before + 1)
    schedulers.stop()
    down, up = schedulers.log("end")[before - 1 : before + 1]
    assert float(up[2]) - float(down[2]) > 4
    missed = [fire for fire, *_ in schedulers.log("begin")[before:] if fire < up[0]]
    assert missed == []


# --- the command


SETTINGS = """
loops:
  support:
    cron: "0 3 * * *"
    harvest: [{folder: documents}]
"""


def test_schedule_makes_up_for_a_missed_run_and_ends_at_sigterm(tmp_path: Path) -> None:
    config = tmp_path / "flowstill.yml"
    config.write_text(SETTINGS)
    store = open_store(tmp_path / "still")
    down_since = datetime.now(UTC) - timedelta(days=3)
    store.skip_fires("support", [down_since])
    command = [sys.executable, "-m", "flows", "--config", str(config), "schedule"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        wait_for(lambda: store.last_fire("support") != down_since and not store.unfinished_fires("support"))
        process.terminate()
        _, said = process.communicate(timeout=60)
    assert process.returncode == 0, said
    assert said.startswith("support: run of") and said.count("support: run of") == 1
    assert re.search(r"support: run \S+ failed: harvest: .*documents.* \(took ", said)
    assert said.count("support: next run at") == 1
    assert said.endswith("stopping\n")
    assert "documents" in said  # the run's own error: there is no such folder
    assert store.lease("loop:support", "next", 1) is store.lease("schedule:support", "next", 1) is None
    store.close()


def test_a_second_scheduler_says_that_there_is_another(tmp_path: Path) -> None:
    config = tmp_path / "flowstill.yml"
    config.write_text(SETTINGS)
    command = [sys.executable, "-m", "flows", "--config", str(config), "schedule"]
    store = open_store(tmp_path / "still")
    with holding(store, "scheduler"), subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        said = [process.stderr.readline() for _ in range(2)]
        process.terminate()
    store.close()
    assert f"another scheduler is at work, in process {os.getpid()} on" in said[1]


def test_a_run_that_goes_on_without_the_schedule_is_told_when_that_stops(tmp_path: Path) -> None:
    config = tmp_path / "flowstill.yml"
    config.write_text(SETTINGS)
    command = [sys.executable, "-m", "flows", "--config", str(config), "schedule"]
    store = open_store(tmp_path / "still")
    with (
        holding(store, "loop:support"),
        holding(store, "scheduler"),
        subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process,
    ):
        assert process.stderr
        while "another scheduler" not in process.stderr.readline():  # from then on it can be told to stop
            pass
        process.terminate()
        _, said = process.communicate(timeout=60)
    store.close()
    assert said.endswith("support: a run goes on in a process that is not this schedule's; `flowstill runs` shows it\n")


def test_ctrl_c_ends_it_too(tmp_path: Path) -> None:
    config = tmp_path / "flowstill.yml"
    config.write_text(SETTINGS)
    command = [sys.executable, "-m", "flows", "--config", str(config), "schedule"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        process.stderr.readline()
        time.sleep(1)
        os.kill(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert (process.returncode, "Traceback" in said) == (0, False)


def test_a_config_without_cron_has_nothing_to_schedule(tmp_path: Path, store: Store) -> None:
    (tmp_path / "flowstill.yml").write_text(SETTINGS.replace('"0 3 * * *"', '""'))
    with pytest.raises(FlowError, match="no loop has a cron"):
        run_scheduled(load_config(tmp_path / "flowstill.yml"), store, print)
