"""The base model, the trainer's process and the embedded server, as the steps use them."""

import functools
import hashlib
import importlib.metadata
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from connectors import missing_extra, modelhub
from connectors.teacher import Budget, Teacher
from flows import models
from flows.config import EmbeddedService, OpenAIService
from flows.runs import Spent, Step
from flows.store import Version, require
from flows.training import Event, run_trainer
from flows.work import Work
from trainer import jobs

UNSLOTH = "envs/unsloth-2026.10.9/bin/python"  # below the cache; `make unsloth` puts it there

SAVED_EVERY = 0.1  # seconds; the whole record takes 0.2 ms, a line in the ledger some microseconds

TASKS = {
    "prepare": "prepare: base model unpacked",
    "train": "train: steps",
    "export": "export: merged, converted, quantised",
    "score": "evaluate: loss of the right answers",
}


def base(work: Work) -> modelhub.Base:
    return models.base_model(work.config, work.config.recipe(work.loop.recipe).base, work.cache, work.progress.say)


def prepared_base(work: Work) -> Path:
    """The base model as a folder that the trainer reads; made from a GGUF once and kept in the cache."""
    found = base(work)
    if found.kind == "folder":
        return found.path
    version = version_of("transformers", "train", "Training")
    folder = work.cache / "bases" / f"{found.sha256[:12]}-{version}"
    if not (folder / "config.json").exists():
        job = jobs.PrepareJob(gguf=str(found.path), out=str(folder))
        in_trainer(work, "prepare", job, work.folder.path / "train")
    return folder


def version_of(package: str, extra: str, what: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        raise missing_extra(extra, what) from None


def in_trainer(work: Work, command: str, job: jobs.Job, folder: Path, task: str = "", **process: Any) -> Event:
    """Run one trainer command with its progress on the screen, as `task`; returns its `done` event."""
    with work.progress.task(task or TASKS[command]) as shown:

        def listen(event: Event) -> None:
            if event["event"] == "step":
                loss = event.get("loss")
                shown.at(event["step"], event["of"], f"loss {loss:.3f}" if loss is not None else None)
            elif event["event"] == "phase":
                shown.at(shown.done, detail=event["name"])

        return run_trainer(command, job, folder, on_event=listen, **process)


def opened(work: Work, gguf: Path) -> AbstractAsyncContextManager[Teacher]:
    """A GGUF as a teacher whose answers are journalled under the file's hash."""
    alias = f"{work.name}-{file_hash(gguf)[:12]}"
    service = models.serving(work.config)
    return models.open_gguf(gguf, alias, state=work.config.state / "servers", journal=work.store, service=service)


@asynccontextmanager
async def asking(work: Work, step: Step, service: str) -> AsyncIterator[Teacher]:
    """A service that answers questions of a step, within what the loop's budget leaves: teacher and judges share it.

    What the answers took stands in the run's record as they come: a run that was killed and goes on has spent what it
    had spent, but for the calls that were under way.
    """
    before, saved = step.spent, 0.0
    others = sum((one.spent for one in work.run.steps if one.name != step.name), Spent())
    options, so_far = work.loop.distil, before + others
    currency = models.currency(work.config, service)
    unit = currency or so_far.currency
    budget = Budget(options.max_tokens, options.max_cost, so_far.tokens, so_far.cost, currency=unit)
    opened = models.open_service(
        work.config, service, cache=work.cache, journal=work.store, budget=budget, note=work.progress.say
    )
    async with opened as teacher:
        with work.folder.ledger(step.name).open("ab", buffering=0) as ledger:

            def keep() -> None:
                nonlocal saved
                tokens, cost = budget.spent_tokens - others.tokens, round(budget.spent_cost - others.cost, 12)
                step.spent = Spent(before.calls + teacher.calls, tokens, cost, currency)
                ledger.write(msgspec.json.encode(step.spent) + b"\n")
                if time.monotonic() - saved > SAVED_EVERY:
                    work.folder.save()
                    require(work.config.state)
                    saved = time.monotonic()

            budget.on_charge = keep
            try:
                yield teacher
            finally:
                saved = 0.0
                keep()
        work.folder.ledger(step.name).unlink(missing_ok=True)  # all of it stands in the run's record


def file_hash(path: Path) -> str:
    file = path.stat()
    return _file_hash(path, file.st_size, file.st_mtime_ns)


def fault(state: Path, version: Version) -> str:
    """What is wrong with the file of a version: gone, damaged, or nothing."""
    path = state / version.path
    if not path.is_file():
        return "gone"
    return "" if file_hash(path) == version.sha256 else "damaged"


@functools.cache
def _file_hash(path: Path, size: int, changed: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def identity(work: Work, service: str) -> str:
    """What of a service decides its answers: the model it serves, not where it stands or what opens it."""
    found = work.config.service(service)
    return found.model if isinstance(found, OpenAIService | EmbeddedService) else service
