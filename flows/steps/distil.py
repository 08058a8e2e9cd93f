"""Have the teacher turn the records into pairs."""

from collections.abc import Collection, Iterator
from typing import Any

import msgspec

from connectors.records import Exchange, Passage, Record, sha256
from connectors.teacher import Teacher
from flows import FlowError, models
from flows.distil import Lost, Partial, distil, plan
from flows.distil import prompt_hashes as prompts
from flows.measure import keys_of
from flows.pairs import Pair, encode
from flows.runs import Step
from flows.saving import write_atomically
from flows.steps.engine import asking, identity
from flows.work import Work
from trainer.evaluate import words

SUPPORT = 0.6  # share of an answer's words that its passage must hold
BUDGET = {"max_tokens", "max_cost"}  # they decide how far a run comes, not what it makes


def inputs(work: Work) -> Any:
    options = msgspec.to_builtins(work.loop.distil)
    settings = {key: value for key, value in options.items() if key not in BUDGET}
    return [work.output("harvest", "records"), settings, prompts(), identity(work, work.loop.distil.teacher)]


def do(work: Work, step: Step) -> None:
    # Before the teacher is paid: pairs are of no use to a loop whose base model cannot be had.
    models.fetch_base(work.config, work.name, work.cache, work.progress.say)
    pairs, lost, partial = models.run(_distil(work, step))
    if lost and not pairs:
        asked = f"asked {len(lost)} time{'s' if len(lost) > 1 else ''}"
        raise FlowError(f"the teacher, {asked}, gave no answer that can be used; the first: {lost[0].reason}")
    pairs.sort(key=lambda pair: pair.id)  # the order of arrival is chance, the dataset must not be
    for start in range(0, len(pairs), 500):
        work.store.put_pairs(work.name, pairs[start : start + 500])
    path = work.folder.path / "pairs.jsonl"
    data = b"".join(encode(pair) + b"\n" for pair in pairs)
    write_atomically(path, data)
    step.lost = _named(work, lost)
    _tell(work, partial)
    step.counts |= {"pairs": len(pairs), "lost": len(lost), "partial": len(partial)}
    step.counts |= {kind: sum(pair.kind == kind for pair in pairs) for kind in sorted({p.kind for p in pairs})}
    step.outputs = {"pairs": work.relative(path), "sha256": sha256(data.decode())}


async def _distil(work: Work, step: Step) -> tuple[list[Pair], list[Lost], list[Partial]]:
    options = work.loop.distil
    pairs: list[Pair] = []
    lost: list[Lost] = []
    partial: list[Partial] = []
    opened = asking(work, step, options.teacher)
    planned = plan(work.store.records(work.name), options)
    async with opened as teacher:
        with work.progress.task(f"distil: answers of {teacher.model}", planned.calls) as task:

            def answered() -> None:
                task.known = min(teacher.cached, task.done + 1)
                task.advance()

            try:
                async for one in distil(_cited(work), teacher, options, planned, answered):
                    match one:
                        case Pair():
                            pairs.append(one)
                        case Lost():
                            lost.append(one)
                            task.lost += 1
                            task.at(task.done, detail=f"{task.lost} lost")
                        case Partial():
                            partial.append(one)
            finally:
                step.counts |= _figures(teacher)
    return pairs, lost, partial


def _cited(work: Work) -> Iterator[tuple[str, Record]]:
    """The records; what people were told cites the passage that bears it out, where its service did not say."""
    for known_as, record in work.store.records(work.name):
        if isinstance(record, Exchange) and not record.passages and record.rating >= 0:
            record = msgspec.structs.replace(record, passages=_support(work, record))
        yield known_as, record


def _support(work: Work, asked: Exchange) -> tuple[Passage, ...]:
    """The passage that holds the answer's figures and most of its words, if one of the best fitting does."""
    said, keys = set(words(asked.answer)), set(keys_of(asked.answer))
    for passage, _ in work.store.search(work.name, f"{asked.question} {asked.answer}", 3):
        known = set(words(passage.titled))
        if said and keys <= known and len(said & known) / len(said) >= SUPPORT:
            return (passage,)
    return ()


def _tell(work: Work, partial: list[Partial]) -> None:
    """Say that there are fewer pairs than were asked for, and what a person can do about it."""
    came = "of the teacher's answers came only in part, repairs included: what was whole in them is kept."
    if cut_off := [one.record for one in partial if one.cut_off]:
        tokens = f"distil.answer_tokens ({work.loop.distil.answer_tokens})"
        told = f"{len(cut_off)} {came} To have the rest, raise {tokens}: all is then asked anew."
        work.note(f"{told} They are about {_about(work, cut_off)}.")
    if broken := [one.record for one in partial if not one.cut_off]:
        told = f"{len(broken)} {came} The rest was broken JSON: a larger teacher (distil.teacher) writes less of that."
        work.note(f"{told} They are about {_about(work, broken)}.")


def _about(work: Work, records: Collection[str]) -> str:
    """The first few documents of these records."""
    wanted = set(records)
    names = list(
        dict.fromkeys(r.origin.document for known_as, r in work.store.records(work.name) if known_as in wanted)
    )
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more documents" if names[5:] else "")


def _named(work: Work, lost: list[Lost]) -> list[str]:
    """A line for each lost answer that says where a person finds what was asked about."""
    reasons: dict[str, list[str]] = {}
    for one in lost:
        reasons.setdefault(one.record, []).append(one.reason)
    records = work.store.records(work.name)
    return [f"{_place(record)}: {reason}" for known_as, record in records for reason in reasons.get(known_as, [])]


def _place(record: Record) -> str:
    if isinstance(record, Exchange):
        return f"{record.origin.document}, row {record.origin.chunk}"
    under = f", {' > '.join(record.headings)}" if record.headings else ""
    return f"{record.origin.document}{under}, from character {record.offset}"


def _figures(teacher: Teacher) -> dict[str, int | float | str]:
    return {
        "teacher": teacher.model,
        "cached": teacher.cached,
        "retries": teacher.retries,
        "repaired": teacher.repaired,
    }
