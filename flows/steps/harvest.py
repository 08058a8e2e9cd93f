"""Bring the sources into the store."""

from typing import Any

import msgspec

from flows import FlowError
from flows.harvest import harvest
from flows.runs import Step, digest
from flows.work import Work

NAMED = 5  # files that were skipped; the others are a number


def inputs(work: Work) -> Any:
    """Nobody tells us when a document changes: every run looks."""
    return None


def do(work: Work, step: Step) -> None:
    with work.progress.task("harvest: documents") as task:
        found = harvest(work.config, work.name, work.store, task.at)
    for path, why in found.skipped:
        work.progress.say(f"skipped {path}: {why}")
    active = [digest(identity, record) for identity, record in work.store.records(work.name)]
    if step.outputs != {"records": digest(active)}:
        step.notes = []
    for note in found.notes:
        work.note(note)
    step.lost = [*found.unreadable, *found.lost]
    if not active:
        raise FlowError(f"loop {work.name}: the sources hold nothing to learn from. Look at loops.{work.name}.harvest.")
    found.kept = len(active) - found.added
    told = msgspec.to_builtins(found)
    del told["kinds"], told["redacted_first"], told["notes"]
    step.counts = {name: len(one) if isinstance(one, list) else one for name, one in told.items()}
    step.counts["skipped"] = _named([path for path, _ in found.skipped])
    step.counts["records"] = len(active)
    step.outputs = {"records": digest(active)}


def _named(files: list[str]) -> int | str:
    """How many, and the first few of them: `2 (Makefile, pic.png)`."""
    more = " ..." if len(files) > NAMED else ""
    return f"{len(files)} ({', '.join(files[:NAMED])}{more})" if files else 0
