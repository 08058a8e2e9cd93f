"""A process that waits for a trainer as a run does: `python -m tests.doubles.listener FOLDER CHILD`, CHILD a script.

It prints the trainer's process id, which the trainer tells in its first event.
"""

import signal
import sys
from pathlib import Path

from flows import cli, training
from trainer.jobs import ProbeJob

# What the trainer is, with `work` in the place of what it does.
TRAINER = """
import os, sys, time
from trainer import __main__ as main, backend
def work(job, say):
    say("phase", name="waiting", pid=os.getpid())
    {work}
    return {{"answer": 42}}
backend.probe = work
sys.exit(main.main(["probe"]))
"""


def main(folder: Path, child: str) -> None:
    for one in cli.STOPS:
        signal.signal(one, cli._stop)
    training.backend.command = lambda python, verb, job: [python, "-c", child]  # type: ignore[attr-defined]
    training.run_trainer("probe", ProbeJob(), folder, on_event=lambda event: tell(str(event["pid"])))


def tell(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
