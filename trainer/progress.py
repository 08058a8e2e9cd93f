"""What happens at every training step besides training: report it, judge the loss, save, stop when told."""

import math
import re
import resource
import signal
import time
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback

from trainer import TrainError, checkpoints
from trainer.events import Say, Stopped


class Progress(TrainerCallback):  # type: ignore[misc]
    """One run's progress over `steps` steps; `before` is what earlier processes of the run have spent."""

    def __init__(self, say: Say, steps: int, vocabulary: int, before: checkpoints.Mark) -> None:
        self._say, self._steps, self._before = say, steps, before
        self._started = time.monotonic()
        self._hopeless = 2 * math.log(vocabulary)  # guessing at random costs log(vocabulary) a token
        self.stopping = False

    def total(self) -> checkpoints.Mark:
        seconds = self._before.seconds + time.monotonic() - self._started
        return checkpoints.Mark(seconds, max(self._before.peak_memory_bytes, peak_memory()))

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float], **_: Any) -> None:
        if "eval_loss" in logs:
            self._say("validation", step=state.global_step, of=self._steps, loss=logs["eval_loss"])
        if "loss" not in logs:
            return
        if not logs["loss"] < self._hopeless:  # NaN is not less than anything
            raise TrainError(
                f"the loss is {logs['loss']} at step {state.global_step}: training went astray. "
                f"A learning_rate below {args.learning_rate} or more warmup_steps helps."
            )
        self._say("step", **(point(logs) | {"step": state.global_step, "of": self._steps}))

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        control.should_save |= self.stopping
        control.should_training_stop |= self.stopping

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        checkpoints.complete(Path(args.output_dir) / f"checkpoint-{state.global_step}", self.total())


def run(trainer: Any, checkpoint: Path | None, steps: int, progress: Progress) -> None:
    """Train to the end; when told to stop, save a checkpoint after the step at hand and raise Stopped."""

    def stop(_signal: int, _frame: object) -> None:
        progress.stopping = True

    kept = {one: signal.signal(one, stop) for one in (signal.SIGTERM, signal.SIGINT)}
    try:
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    except torch.OutOfMemoryError as error:
        raise TrainError(
            "the GPU's memory is full. A smaller batch (with accumulate), a smaller max_length, "
            "gradient_checkpointing: true or method: qlora in the recipe helps."
        ) from error
    finally:
        for one, handler in kept.items():
            signal.signal(one, handler)
    if trainer.state.global_step < steps:
        raise Stopped(128 + signal.SIGTERM)


def point(entry: dict[str, Any]) -> dict[str, Any]:
    """One point of the loss curve."""
    return {name: entry[name] for name in ("step", "loss", "learning_rate", "grad_norm") if name in entry}


def peak_memory() -> int:
    """Bytes: of the GPU when there is one, else of this process."""
    if torch.cuda.is_available():
        return int(torch.cuda.max_memory_allocated())
    status = Path("/proc/self/status")
    if status.is_file():  # on Linux, ru_maxrss begins with the size of the process that started this one
        return 1024 * int(re.findall(r"VmHWM:\s*(\d+)", status.read_text())[0])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
