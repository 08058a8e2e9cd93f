"""What a person sees while long work goes on: bars on a terminal, plain lines in a log. Always on stderr."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from dsl.printed import shown

EVERY = 10.0  # seconds between two plain lines of one step
RECENT = 6  # lines from whose pace the time left is told: what was done before may have come from the journal at once


class Task:
    """One piece of long work. `advance` counts up, `at` sets the count; the total may become known later."""

    def __init__(self, name: str, total: float | None) -> None:
        self.name, self.total, self.done, self.detail = name, total, 0.0, ""
        self.lost = 0  # of what is done, what came to nothing
        self.known = 0.0  # how much of what is done was done before: it tells nothing of how long the rest takes

    def advance(self, by: float = 1) -> None:
        self.at(self.done + by)

    def at(self, done: float, total: float | None = None, detail: str | None = None) -> None:
        self.done = done
        self.total = total if total is not None else self.total
        self.detail = detail if detail is not None else self.detail
        self.show()

    def show(self) -> None:
        """Bring what is on the screen up to date; the two kinds of screen say how."""


class Progress:
    """Plain lines: the start of each step, its count now and then, its end and how long it took."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self.stream = stream or sys.stderr

    def say(self, text: str) -> None:
        print(shown(text), file=self.stream, flush=True)

    @contextmanager
    def task(self, name: str, total: float | None = None) -> Iterator[Task]:
        task = _PlainTask(self, name, total)
        self.say(f"{name} ...")
        with _every(EVERY, task.remind):
            yield task
        took = duration(time.monotonic() - task.started)
        self.say(f"{name}: done{task.count()} in {took}{left_out(task)}")


class _PlainTask(Task):
    def __init__(self, progress: Progress, name: str, total: float | None) -> None:
        super().__init__(name, total)
        self.progress, self.started = progress, time.monotonic()
        self.shown = self.started
        self.points: list[tuple[float, float]] = []  # when, and how much was done then: at first and at each line

    def show(self) -> None:
        self.points = self.points or [(time.monotonic(), self._fresh())]  # work may be taken up again
        self.remind()

    def remind(self) -> None:
        """Say how far it is, if that was long ago: a model or a large file may be at work on one thing for minutes."""
        now = time.monotonic()
        if now - self.shown >= EVERY:
            self.shown = now
            so_far = self.count() or (f" 0/{self.total:g}" if self.total else "")
            self.progress.say(f"{self.name}:{so_far}{self._left(now)} {self.detail}".rstrip())
            if self.points:
                self.points.append((now, self._fresh()))

    def count(self) -> str:
        if not self.done:
            return ""
        return f" {self.done:g}/{self.total:g}" if self.total else f" {self.done:g}"

    def _fresh(self) -> float:
        return self.done - self.known

    def _left(self, now: float) -> str:
        fresh = self._fresh()
        recent = [point for point in self.points[-RECENT:] if point[1] < fresh]
        since, before = [*recent, *self.points[:1], (now, fresh)][0]
        stalled = self.points and self.points[-1][1] == fresh  # since the last line: an estimate would only rise
        if not self.total or fresh <= before or stalled:
            return ""
        left = (now - since) / (fresh - before) * (self.total - self.done)
        return f", about {duration(left)} left" if left >= 1 else ""


@contextmanager
def _every(seconds: float, call: Callable[[], None]) -> Iterator[None]:
    over = threading.Event()

    def beat() -> None:
        while not over.wait(seconds):
            call()

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


class TerminalProgress(Progress):
    """Rich progress bars with counts and time left."""

    def __init__(self) -> None:
        super().__init__()
        from rich.console import Console

        self.console = Console(stderr=True, emoji=False)

    def say(self, text: str) -> None:
        self.console.print(shown(text), markup=False, highlight=False)

    @contextmanager
    def task(self, name: str, total: float | None = None) -> Iterator[Task]:
        from rich import progress as bars

        columns = [
            bars.SpinnerColumn(finished_text="[green]✓[/]"),
            bars.TextColumn("{task.description}", markup=False),
            bars.BarColumn(bar_width=30),
            bars.MofNCompleteColumn(),
            bars.TimeElapsedColumn(),
            bars.TextColumn("left"),
            bars.TimeRemainingColumn(),
            bars.TextColumn("{task.fields[detail]}", markup=False),
        ]
        with bars.Progress(*columns, console=self.console) as bar:
            number = bar.add_task(name, total=total, detail="")
            task = _BarTask(bar, number, name, total)
            yield task
            done = task.done or task.total or 1
            bar.update(number, completed=done, total=done, detail=left_out(task).removeprefix(", ") or task.detail)


class _BarTask(Task):
    def __init__(self, bar: object, number: object, name: str, total: float | None) -> None:
        super().__init__(name, total)
        self.bar, self.number = bar, number

    def show(self) -> None:
        self.bar.update(self.number, completed=self.done, total=self.total, detail=self.detail)  # type: ignore[attr-defined]


def for_this_terminal() -> Progress:
    return TerminalProgress() if sys.stderr.isatty() else Progress()


def left_out(task: Task) -> str:
    """What work that is over did not do after all: there was no need of it, or it failed."""
    missing = task.total - task.done if task.total and task.done else 0
    return (f", {missing:g} left out" if missing > 0 else "") + (f", {task.lost} lost" if task.lost else "")


def duration(seconds: float) -> str:
    if seconds < 0.05:
        return "less than 0.1 s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else (f"{seconds:.1f} s" if seconds < 9.95 else f"{rest} s")
