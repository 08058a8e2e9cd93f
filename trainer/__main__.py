"""`python -m trainer COMMAND JOB.json`, or this file by its path in an environment that lacks the package.

Events are JSON lines on stdout: phase, note, step, then one of done (exit 0), error (exit 1) or stopped
(exit 143, after SIGTERM or Ctrl+C: what is trained so far is kept, and the same job goes on there).
A traceback on stderr is our bug.
"""

import contextlib
import importlib
import importlib.util
import os
import signal
import stat
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # the rest of the package is imported late: see _import_by_path
    from trainer import events, jobs

STOPPED = 128 + signal.SIGTERM
PATIENCE = 30.0  # seconds to save a checkpoint in when the parent is gone

# Set before any heavy import, since libraries read them there. Nothing the trainer does needs the network.
ENVIRONMENT = {
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "OMP_WAIT_POLICY": "PASSIVE",  # on a busy machine, threads that spin made a step 5 times slower
    "UNSLOTH_AUTO_INSTALL": "0",  # else it may run a package manager
    "UNSLOTH_DISABLE_STATISTICS": "1",
    "UNSLOTH_OFFLINE": "1",
}

MODULES = {"probe": "backend", "prepare": "prepare", "train": "sft", "export": "export", "score": "score"}

_TRAIN = 'Training needs extra packages: pip install "flowstill[train]"'
EXTRAS = dict.fromkeys(
    ("torch", "transformers", "trl", "peft", "datasets", "accelerate", "gguf", "safetensors"), _TRAIN
) | {
    "bitsandbytes": "Method qlora needs bitsandbytes: pip install --no-deps bitsandbytes==0.50.2",
    "unsloth": "Backend unsloth needs its own environment: make unsloth",
}


def _import_by_path() -> None:
    """Make `import trainer` mean this folder, and this folder alone, for a Python of another environment."""
    folder = Path(__file__).resolve().parent
    sys.path = [entry for entry in sys.path if Path(entry or ".").resolve() != folder]
    spec = importlib.util.spec_from_file_location(
        "trainer", folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    assert spec and spec.loader
    sys.modules["trainer"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sys.modules["trainer"])


def main(arguments: list[str]) -> int:
    from trainer import TrainError, events

    say = events.Events(events.claim_stdout())
    os.environ.update(ENVIRONMENT)
    for stop in (signal.SIGTERM, signal.SIGINT):
        signal.signal(stop, _stop)
    _end_with_parent()
    try:
        say("done", **_run(*_arguments(arguments), say))
    except TrainError as error:
        say("error", message=str(error))
        return 1
    except events.Stopped:
        with contextlib.suppress(BrokenPipeError):  # told to stop because the parent is gone
            say("stopped")
        return STOPPED
    finally:  # all is said: what comes now must not disturb the interpreter's own end
        for stop in (signal.SIGTERM, signal.SIGINT):
            signal.signal(stop, signal.SIG_IGN)
    return 0


def _stop(_signal: int, _frame: object) -> None:
    from trainer.events import Stopped

    raise Stopped(STOPPED)


def _end_with_parent() -> None:
    """A pipe on stdin is held open by the parent: when it closes, nobody waits for us and we stop."""

    def watch() -> None:
        while os.read(0, 1024):
            pass
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(PATIENCE)  # a long native call hears no signal
        os._exit(STOPPED)

    if stat.S_ISFIFO(os.fstat(0).st_mode):
        threading.Thread(target=watch, daemon=True).start()


def _arguments(arguments: list[str]) -> tuple[str, "jobs.Job"]:
    from trainer import TrainError, jobs
    from trainer.recipe import decode

    if not arguments or arguments[0] not in jobs.COMMANDS or len(arguments) > 2:
        raise TrainError(f"python -m trainer {'|'.join(jobs.COMMANDS)} JOB.json, got {arguments}")
    command, *path = arguments
    if command == "probe":
        return command, decode({"backend": (path or ["trl"])[0]}, jobs.ProbeJob, "probe")
    if not path:
        raise TrainError(f"python -m trainer {command} needs a job file")
    return command, jobs.read(Path(path[0]), jobs.COMMANDS[command])


def _run(command: str, job: Any, say: "events.Say") -> dict[str, object]:
    """Run one command; its module, and with it what that imports, is loaded only now."""
    from trainer import TrainError

    module = importlib.import_module(f"trainer.{MODULES[command]}")
    try:
        return dict(getattr(module, command)(job, say))
    except ModuleNotFoundError as error:
        raise TrainError(_missing(error)) from error


def _missing(error: ModuleNotFoundError) -> str:
    package = (error.name or "").partition(".")[0]
    if package not in EXTRAS:
        raise error
    return EXTRAS[package]


if __name__ == "__main__":
    if not __package__:
        _import_by_path()
    sys.exit(main(sys.argv[1:]))
