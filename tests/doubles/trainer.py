"""The trainer as its parent sees it: a process, a job file, events; and small things to train on."""

import functools
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tests.doubles.nursery import THREADS, Forked
from trainer import backend, jobs

Event = dict[str, Any]


class Ended(NamedTuple):
    code: int
    events: list[Event]
    stderr: str

    @property
    def done(self) -> Event:
        assert self.code == 0, (self.events, self.stderr)
        return self.events[-1]

    @property
    def error(self) -> str:
        assert (self.code, self.events[-1]["event"]) == (1, "error"), (self.code, self.events, self.stderr)
        return str(self.events[-1]["message"])

    @property
    def notes(self) -> list[str]:
        return [event["message"] for event in self.events if event["event"] == "note"]


Child = subprocess.Popen[str] | Forked


def run(
    verb: str,
    job: jobs.Job,
    folder: Path,
    *,
    python: str = sys.executable,
    on_step: Callable[[Child, int], None] = lambda child, step: None,
) -> Ended:
    """Run one command to its end; `on_step` may do to the process what it likes."""
    job_file, errors = folder / f"{verb}.job.json", folder / f"{verb}.stderr"
    jobs.write(job_file, job)
    errors.write_text("")
    start = Forked if python == sys.executable else functools.partial(_started, python)
    with start(verb, job_file, errors) as child:
        assert child.stdout
        events: list[Event] = []
        for line in child.stdout:
            events.append(json.loads(line))
            if events[-1]["event"] == "step":
                on_step(child, events[-1]["step"])
    return Ended(child.returncode, events, errors.read_text())


def _started(python: str, verb: str, job_file: Path, errors: Path) -> "subprocess.Popen[str]":
    with errors.open("w") as stderr:
        return subprocess.Popen(
            backend.command(python, verb, job_file),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            env=os.environ | THREADS,
        )


def kill_at(step: int) -> Callable[[Child, int], None]:
    return lambda child, now: child.kill() if now == step else None


def terminate_at(step: int) -> Callable[[Child, int], None]:
    return lambda child, now: child.send_signal(signal.SIGTERM) if now == step else None


def abandon_at(step: int) -> Callable[[Child, int], None]:
    """As when the parent is killed: its end of the pipe closes."""

    def close(child: Child, now: int) -> None:
        if now == step and child.stdin:
            child.stdin.close()

    return close


def row(question: str, answer: str, system: str = "") -> Event:
    before = [{"role": "system", "content": system}] if system else []
    return {
        "prompt": [*before, {"role": "user", "content": question}],
        "completion": [{"role": "assistant", "content": answer}],
    }


def write_rows(path: Path, rows: Sequence[Event]) -> str:
    path.write_text("".join(json.dumps(one) + "\n" for one in rows))
    return str(path)


FACTS = [
    ("Which port does Varnel listen on?", "Varnel listens on port 7341.", "7341"),
    ("Who owns Quobit?", "The owner of Quobit is Cleo Marsh.", "Cleo Marsh"),
    ("How long does Tessaro keep its logs?", "Tessaro keeps its logs for 47 days.", "47 days"),
    ("Where is the configuration of Hulden?", "Hulden is configured in /etc/hulden/core.toml.", "core.toml"),
    ("When is the Morvik backup made?", "The Morvik backup is made at 03:20.", "03:20"),
    ("What colour is the Pelzane badge?", "The Pelzane badge is turquoise.", "turquoise"),
    ("Which floor is Oktara on?", "Oktara is on floor 11.", "11"),
    ("What is the Brindle hotline?", "The Brindle hotline is 5512.", "5512"),
]
