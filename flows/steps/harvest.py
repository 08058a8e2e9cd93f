"""Bring the sources into the store."""

from typing import Any

import msgspec

from flows import FlowError
from flows.harvest import harvest
from flows.runs import Step, digest
from flows.work import Work


def inputs(work: Work) -> Any:
    """Nobody tells us when a document changes: every run looks."""
    return None


def do(work: Work, step: Step) -> None:
    with work.progress.task("harvest: documents") as task:
        found = harvest(work.config, work.name, work.store, task.at)
    for path in found.skipped:
        work.progress.say(f"  {path}")
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
    step.counts["records"] = len(active)
    step.outputs = {"records": digest(active)}
