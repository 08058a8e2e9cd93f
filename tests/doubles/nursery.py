"""Trainers that begin with all imported: one process imports it, and each trainer is a fork of that one.

What training imports takes a core ten seconds, and the tests start dozens of trainers. `python -m trainer` itself is
started by the tests of whole runs in tests/flows, and by those of another environment.
"""

import json
import os
import subprocess
import sys
import traceback
from functools import cache
from pathlib import Path
from typing import IO, Any, Self

from trainer.__main__ import ENVIRONMENT, main

THREADS = {"OMP_NUM_THREADS": "2"}


class Forked:
    """A trainer, with what of `subprocess.Popen` a parent of one needs."""

    def __init__(self, verb: str, job_file: Path, stderr: Path) -> None:
        pipes = [job_file.with_suffix(f".{name}") for name in ("stdin", "stdout")]
        for pipe in pipes:
            os.mkfifo(pipe)
        self.pid = _tell({"arguments": [verb, str(job_file)], "files": [*map(str, pipes), str(stderr)]})
        self.stdin: IO[str] = pipes[0].open("w")
        self.stdout: IO[str] = pipes[1].open()
        for pipe in pipes:
            pipe.unlink()

    def send_signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(9)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stdin.close()
        self.stdout.close()
        self.returncode = os.waitstatus_to_exitcode(_tell({"wait": self.pid}))


def _tell(request: dict[str, Any]) -> int:
    nursery = _nursery()
    assert nursery.stdin and nursery.stdout
    nursery.stdin.write(json.dumps(request) + "\n")
    nursery.stdin.flush()
    return int(nursery.stdout.readline())


@cache
def _nursery() -> "subprocess.Popen[str]":
    """It ends with the process that has started it, when its stdin closes."""
    command = [sys.executable, "-W", "ignore", "-m", "tests.doubles.nursery"]
    environment = os.environ | ENVIRONMENT | THREADS
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)


def _serve() -> None:
    _import_all()
    for line in sys.stdin:
        request = json.loads(line)
        answer = os.waitpid(request["wait"], 0)[1] if "wait" in request else _fork(**request)
        sys.stdout.write(f"{answer}\n")
        sys.stdout.flush()


def _import_all() -> None:
    from peft import LoraConfig, get_peft_model  # noqa: F401
    from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaForCausalLM  # noqa: F401
    from trl import SFTConfig, SFTTrainer  # noqa: F401


def _fork(arguments: list[str], files: list[str]) -> int:
    if pid := os.fork():
        return pid
    for number, path in enumerate(files):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT if number else os.O_RDONLY), number)
    try:
        code = main(arguments)
    except BaseException as error:  # what the interpreter does at its own end
        code = getattr(error, "code", 1)
        if not isinstance(error, SystemExit):
            traceback.print_exc()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    _serve()
