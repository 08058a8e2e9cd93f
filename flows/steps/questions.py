"""The held-out questions of a loop, and the answers that were given to them."""

import msgspec

from connectors.records import sha256
from flows import dataset, measure
from flows.dialogue import Message, messages
from flows.measure import HeldOut, Scored
from flows.work import Work


def from_user(work: Work) -> list[HeldOut]:
    """What evaluate.questions names; empty when it names nothing."""
    name = work.loop.evaluate.questions
    return measure.from_file(work.config.folder / name) if name else []


def all_held_out(work: Work) -> list[HeldOut]:
    """The user's file, else the test split."""
    return from_user(work) or measure.from_pairs(dataset.read(work.path("curate", "dataset")).test)


def held_out(work: Work) -> list[HeldOut]:
    """What every model is asked: of all that there is at most `limit`, drawn by hash."""
    rows, limit = all_held_out(work), work.loop.evaluate.limit
    if len(rows) <= limit:
        return rows
    chosen = set(sorted(range(len(rows)), key=lambda n: sha256(rows[n].question))[:limit])
    return [row for number, row in enumerate(rows) if number in chosen]


def said(work: Work, wanted: HeldOut) -> list[Message]:
    """The question as the model hears it closed-book."""
    return messages(wanted.question, system=work.loop.system, history=wanted.history)


def read_answers(work: Work) -> list[Scored]:
    return [msgspec.json.decode(line, type=Scored) for line in work.read("evaluate", "answers").splitlines()]
