"""The trainer as the loop meets it: a process that is listened to, and that never outlives who listens."""

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from flows import FlowError
from flows.training import run_trainer
from tests.doubles.listener import TRAINER
from trainer.jobs import ProbeJob

Trainer = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def trainer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Trainer:
    """Runs a trainer that does `work`, and gives back what it was heard to say; the last is the result."""

    def run(work: str, script: str = TRAINER) -> list[dict[str, Any]]:
        command = [sys.executable, "-c", script.format(work=work)]
        monkeypatch.setattr("trainer.backend.command", lambda python, verb, job: command)
        heard: list[dict[str, Any]] = []
        return [*heard, run_trainer("probe", ProbeJob(), tmp_path / "run", on_event=heard.append)]

    return run


def test_events_are_heard_and_the_last_one_is_the_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    work = TRAINER.format(work='say("step", step=1, of=2, loss=0.5)')
    monkeypatch.setattr("trainer.backend.command", lambda python, verb, job: [sys.executable, "-c", work])
    heard: list[dict[str, Any]] = []
    done = run_trainer("probe", ProbeJob(), tmp_path, on_event=heard.append)
    assert [event["event"] for event in heard] == ["phase", "step", "done"]
    assert heard[1]["loss"] == 0.5
    assert done["answer"] == 42
    assert (tmp_path / "probe.job.json").exists()


def test_an_error_of_the_trainer_is_one_line(trainer: Trainer) -> None:
    with pytest.raises(FlowError) as caught:
        trainer('from trainer import TrainError; raise TrainError("train.jsonl: no rows.")')
    assert str(caught.value) == "probe: train.jsonl: no rows."


def test_a_crash_names_the_log_that_holds_the_last_words(trainer: Trainer, tmp_path: Path) -> None:
    with pytest.raises(FlowError, match=r"probe: the trainer ended with exit code 1, .*probe\.log"):
        trainer("raise RuntimeError('a bug')")
    assert "RuntimeError: a bug" in (tmp_path / "run" / "probe.log").read_text()


def test_a_trainer_that_the_system_kills_may_have_had_too_little_memory(trainer: Trainer) -> None:
    with pytest.raises(FlowError, match=r"probe: the trainer ended with signal 9, perhaps out of memory"):
        trainer("os.kill(os.getpid(), 9)")


def test_a_trainer_that_ends_well_without_a_result_is_an_error(trainer: Trainer) -> None:
    with pytest.raises(FlowError, match="without a result"):
        trainer("", script="import sys; sys.exit(0)")


def test_what_libraries_print_is_in_the_log_and_not_among_the_events(trainer: Trainer, tmp_path: Path) -> None:
    assert trainer('print("Loading weights"); os.system("echo from C")')[-1]["answer"] == 42
    log = (tmp_path / "run" / "probe.log").read_text()
    assert "Loading weights" in log
    assert "from C" in log


def test_a_listener_that_fails_ends_the_trainer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    work = TRAINER.format(work="time.sleep(60)")
    monkeypatch.setattr("trainer.backend.command", lambda python, verb, job: [sys.executable, "-c", work])
    before = {child.pid for child in psutil.Process().children()}  # servers that other tests share
    with pytest.raises(KeyboardInterrupt):
        run_trainer("probe", ProbeJob(), tmp_path, on_event=_interrupt)
    assert {child.pid for child in psutil.Process().children()} <= before


def _interrupt(event: object) -> None:
    raise KeyboardInterrupt


WAITING = "time.sleep(120)"
# A native call that hears no signal before it ends.
COMPUTING = "import hashlib; main.PATIENCE = 1.0; hashlib.pbkdf2_hmac('sha256', b'a', b'b', 400_000_000)"


@pytest.mark.parametrize(
    ("number", "work"),
    [(signal.SIGTERM, WAITING), (signal.SIGINT, WAITING), (signal.SIGKILL, WAITING), (signal.SIGKILL, COMPUTING)],
    ids=["SIGTERM", "SIGINT", "SIGKILL", "SIGKILL while computing"],
)
def test_the_trainer_ends_soon_after_the_run_however_that_ends(tmp_path: Path, number: int, work: str) -> None:
    command = [sys.executable, "-m", "tests.doubles.listener", str(tmp_path), TRAINER.format(work=work)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        trainer = psutil.Process(int(run.stdout.readline()))
        run.send_signal(number)
        run.wait(timeout=20)
    _, alive = psutil.wait_procs([trainer], timeout=10)
    assert not alive
