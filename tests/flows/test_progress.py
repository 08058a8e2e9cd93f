"""What a person sees while work goes on, on a terminal and in a log."""

import io
import os
import pty
import re
import subprocess
import sys
import threading
import time

import pytest

from flows import progress
from flows.progress import Progress, TerminalProgress, duration

WORK = """
import sys, time
from flows import progress
screen = progress.for_this_terminal()
screen.say("a note with [brackets] :+1:")
with screen.task("distil: answers of [stub]", 40) as task:
    for done in range(1, 41):
        task.advance()
        if done == 20:
            task.at(20, detail="loss 1.234")
            time.sleep(1.5)
            screen.say("a word in between")
with screen.task("prepare"):
    pass
print("the result")
"""


def on_a_terminal() -> tuple[str, str]:
    """stdout, and what a terminal of 120 columns on stderr got."""
    ours, theirs = pty.openpty()
    environment = os.environ | {"TERM": "xterm", "COLUMNS": "120"}
    command = [sys.executable, "-c", WORK]
    shown: list[bytes] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=theirs, text=True, env=environment) as child:
        os.close(theirs)
        reading = threading.Thread(target=_read, args=(ours, shown))
        reading.start()
        assert child.stdout is not None
        out = child.stdout.read()
    reading.join()
    os.close(ours)
    return out, b"".join(shown).decode()


def _read(terminal: int, shown: list[bytes]) -> None:
    try:
        while data := os.read(terminal, 4096):
            shown.append(data)
    except OSError:  # how Linux tells that nobody holds the other end any more
        return


def test_a_terminal_shows_bars_with_counts_the_time_left_and_what_is_said_meanwhile() -> None:
    out, screen = on_a_terminal()
    plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", screen)
    assert out == "the result\n"
    assert "a note with [brackets] :+1:" in plain
    assert re.search(r"distil: answers of \[stub\] \S+.* 20/40 .*left 0:00:0[1-9] loss 1\.234", plain)
    assert "✓ distil: answers of [stub]" in plain
    assert "40/40" in plain
    assert "a word in between" in plain
    assert "✓ prepare" in plain


def test_a_log_gets_plain_lines_without_signs_for_a_terminal() -> None:
    ended = subprocess.run([sys.executable, "-c", WORK], capture_output=True, text=True, check=True)
    assert ended.stdout == "the result\n"
    assert [re.sub(r"(less than )?[\d.]+ s$", "N s", line) for line in ended.stderr.splitlines()] == [
        "a note with [brackets] :+1:",
        "distil: answers of [stub] ...",
        "a word in between",
        "distil: answers of [stub]: done 40/40 in N s",
        "prepare ...",
        "prepare: done in N s",
    ]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that stands until a test moves it."""
    now = [0.0]
    monkeypatch.setattr("flows.progress.time.monotonic", lambda: now[0])
    return now


def test_long_work_is_heard_of_every_ten_seconds_with_the_time_left(clock: list[float]) -> None:
    stream = io.StringIO()
    with Progress(stream).task("train: steps", 100) as task:
        for step in range(1, 61):
            clock[0] += 0.5
            task.at(step, detail=f"loss {2 - step / 100:.2f}")
    assert stream.getvalue().splitlines() == [
        "train: steps ...",
        "train: steps: 20/100, about 40 s left loss 1.80",
        "train: steps: 40/100, about 30 s left loss 1.60",
        "train: steps: 60/100, about 20 s left loss 1.40",
        "train: steps: done 60/100 in 30 s, 40 left out",
    ]


def test_what_was_done_before_does_not_count_for_the_time_left(clock: list[float]) -> None:
    stream = io.StringIO()
    with Progress(stream).task("distil", 18) as task:
        for now, known, done in ((0.0, 15, 15), (30.0, 15, 15), (60.0, 15, 16), (100.0, 15, 17)):
            clock[0], task.known = now, known
            task.at(done)
    assert stream.getvalue().splitlines()[1:4] == [
        "distil: 15/18",
        "distil: 16/18, about 2 min 0 s left",
        "distil: 17/18, about 50 s left",
    ]


def test_while_nothing_comes_in_no_time_left_is_told_rather_than_a_rising_one(clock: list[float]) -> None:
    stream = io.StringIO()
    with Progress(stream).task("distil", 20) as task:
        for now, done in ((0.0, 0), (10.0, 2), (20.0, 2), (30.0, 2), (40.0, 4)):
            clock[0] = now
            task.at(done)
    assert stream.getvalue().splitlines()[1:5] == [
        "distil: 2/20, about 1 min 30 s left",
        "distil: 2/20",
        "distil: 2/20",
        "distil: 4/20, about 2 min 40 s left",
    ]


def test_work_that_is_all_but_done_has_no_time_left(clock: list[float]) -> None:
    stream = io.StringIO()
    with Progress(stream).task("train: steps", 100) as task:
        for now, done in ((0.0, 0), (11.0, 99), (22.0, 100)):
            clock[0] = now
            task.at(done)
    assert stream.getvalue().splitlines() == [
        "train: steps ...",
        "train: steps: 99/100",
        "train: steps: 100/100",
        "train: steps: done 100/100 in 22 s",
    ]


def test_work_that_goes_on_from_a_checkpoint_is_judged_by_the_steps_it_did_itself(clock: list[float]) -> None:
    stream = io.StringIO()
    with Progress(stream).task("train: steps") as task:
        task.at(80, 100)
        clock[0] = 10.0
        task.at(90, 100)
    assert "train: steps: 90/100, about 10 s left" in stream.getvalue()


def test_work_on_one_large_thing_is_heard_of_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "EVERY", 0.05)
    stream = io.StringIO()
    with Progress(stream).task("harvest: documents") as task:
        task.at(2, 8, "large.docx")
        time.sleep(0.2)
    assert stream.getvalue().count("harvest: documents: 2/8 large.docx\n") >= 2


def test_before_the_first_of_many_is_done_it_says_how_many_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "EVERY", 0.05)
    stream = io.StringIO()
    with Progress(stream).task("distil: answers", 4):
        time.sleep(0.2)
    assert stream.getvalue().count("distil: answers: 0/4\n") >= 2


def test_work_of_which_much_was_done_before_is_judged_by_its_pace_now(clock: list[float]) -> None:
    stream = io.StringIO()
    with Progress(stream).task("distil: answers", 200) as task:
        for _ in range(100):
            task.advance()  # out of the journal
        for _ in range(10):
            clock[0] += 10
            task.advance()
    assert stream.getvalue().splitlines()[-2] == "distil: answers: 110/200, about 15 min 0 s left"


def test_a_total_may_become_known_on_the_way(clock: list[float]) -> None:
    stream = io.StringIO()
    with Progress(stream).task("harvest: documents") as task:
        task.at(1)
        clock[0] = 10.0
        task.at(2, 8)
    assert "harvest: documents: 2/8, about 1 min 0 s left" in stream.getvalue()


def test_work_that_fails_is_not_called_done() -> None:
    stream = io.StringIO()
    with pytest.raises(KeyError), Progress(stream).task("train"):
        raise KeyError
    assert stream.getvalue() == "train ...\n"


@pytest.mark.parametrize(("terminal", "kind"), [(True, TerminalProgress), (False, Progress)])
def test_the_screen_decides_which(monkeypatch: pytest.MonkeyPatch, terminal: bool, kind: type) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: terminal, raising=False)
    assert type(progress.for_this_terminal()) is kind


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (0.04, "less than 0.1 s"),
        (0.05, "0.1 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (59.4, "59 s"),
        (59.7, "1 min 0 s"),
        (3725, "62 min 5 s"),
    ],
)
def test_durations_read_well(seconds: float, told: str) -> None:
    assert duration(seconds) == told
