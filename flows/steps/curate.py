"""Keep the pairs that are fit to learn from, as an immutable dataset version."""

from typing import Any

import msgspec

from connectors.records import Passage
from flows import FlowError, dataset, judge, models
from flows.config import Curate
from flows.curate import curate
from flows.distil import prompt_hashes
from flows.pairs import Pair, decode
from flows.runs import Step
from flows.steps.engine import asking, identity
from flows.steps.questions import from_user
from flows.subjects import answerable
from flows.work import Work

NEAREST = 3  # passages that a refusal's question is held against: what a retrieval would show
HELD_OUT = "dropped: held_out"
HELD = {"train": "pairs to train with", "validation": "held back to validate", "test": "held back to test"}


def inputs(work: Work) -> Any:
    judging = work.loop.curate.judge
    asked = [judge.prompt_hashes(), identity(work, judging)] if judging else []
    records = work.output("harvest", "records")  # refusals are checked against all passages
    return [work.output("distil", "sha256"), records, work.loop.curate, from_user(work), asked]


def _said(counts: dict[str, int]) -> str:
    """`3 ungrounded, 1 duplicate`."""
    words = {name: name.removeprefix("dropped: ").replace("_", " ") for name in counts}
    words[HELD_OUT] = "asked by evaluate.questions"
    return ", ".join(f"{count} {words[name]}" for name, count in counts.items()) or "there were none"


def _nothing_fit(work: Work, pairs: int, counts: dict[str, int]) -> FlowError:
    start = f"none of {pairs} pairs is fit for training"
    if counts.keys() == {HELD_OUT}:
        return FlowError(
            f"{start}: evaluate.questions ({work.loop.evaluate.questions}) asks all of them, and what measures a model "
            "must not train it. Add documents or rows about more, or hold out other questions."
        )
    return FlowError(
        f"{start} ({_said(counts)}). More documents help, or milder settings under loops.{work.name}.curate."
    )


def do(work: Work, step: Step) -> None:
    pairs = [decode(line) for line in work.read("distil", "pairs").splitlines()]
    judged = models.run(_judged(work, step, pairs)) if work.loop.curate.judge else {}
    with work.progress.task("curate: pairs", len(pairs)) as task:
        held_out = [row.question for row in from_user(work)]
        result = curate(pairs, held_out, _options(work), judged, _answered(work, pairs))
        task.at(len(pairs))
    reasons = sorted({dropped.reason for dropped in result.dropped})
    counts = {f"dropped: {reason}": sum(d.reason == reason for d in result.dropped) for reason in reasons}
    if not result.train:
        raise _nothing_fit(work, len(pairs), counts)
    if not work.loop.evaluate.questions and not result.test:
        raise FlowError(
            f"{len(result.train)} pairs can be trained on, but none is left to measure a model with: all of them come "
            f"from {result.components} document(s) that belong together. Name held-out questions under "
            f"loops.{work.name}.evaluate.questions, or add documents."
        )
    lineage = {"records": work.output("harvest", "records"), "prompts": prompt_hashes()}
    made = dataset.write(work.config.state / "datasets" / work.name, result, lineage)
    _warn_of_unused(work, result.train)
    sizes = {"train": len(result.train), "validation": len(result.validation), "test": len(result.test)}
    kept = ", ".join(f"{number} {HELD[side]}" for side, number in sizes.items() if number)
    why = f": {_said(counts)}" if counts else ""
    work.progress.say(f"curate: {kept}; dropped {len(result.dropped) or 'none'} of {len(pairs)} pairs{why}")
    step.counts = {**sizes, "dropped": len(result.dropped), **counts}
    step.outputs = {"dataset": work.relative(made.path), "sha256": made.sha256}


def _answered(work: Work, pairs: list[Pair]) -> dict[str, str]:
    """Refusals, by id, to what another document may answer: the teacher saw one passage only."""
    found = {}
    for pair in (pair for pair in pairs if pair.kind == "refusal"):
        for passage, _ in work.store.search(work.name, pair.question, NEAREST):
            if why := answerable(pair.question, passage):
                found[pair.id] = f"{why} of {passage.origin.document}"
                break
    return found


def _options(work: Work) -> Curate:
    """Nothing is held back for a test where people brought the questions: it would be neither taught nor asked."""
    options = work.loop.curate
    return msgspec.structs.replace(options, test=0.0) if work.loop.evaluate.questions else options


def _warn_of_unused(work: Work, trained: list[Pair]) -> None:
    """Say so when most documents teach nothing: their text was harvested, but no pair of it was fit."""
    documents = {r.origin.document for _, r in work.store.records(work.name) if isinstance(r, Passage)}
    used = {passage.origin.document for pair in trained for passage in pair.passages}
    if len(used & documents) * 2 < len(documents) and not work.loop.distil.questions:
        work.note(
            f"Only {len(used & documents)} of {len(documents)} documents are in the training data: distil.questions is "
            "0, and so the teacher wrote nothing about them."
        )
    elif len(used & documents) * 2 < len(documents):
        note = (
            f"Only {len(used & documents)} of {len(documents)} documents are in the training data: what the teacher "
            "wrote about the others did not bear checking. A larger teacher helps (distil.teacher)."
        )
        work.note(note)


async def _judged(work: Work, step: Step, pairs: list[Pair]) -> dict[str, float]:
    # By id: what the teacher wrote twice is judged once.
    fit = list({pair.id: pair for pair in pairs if judge.can_be_judged(pair)}.values())
    async with asking(work, step, work.loop.curate.judge) as teacher:
        with work.progress.task(f"curate: groundedness by {teacher.model}", len(fit)) as task:
            found = await judge.judge_pairs(teacher, fit, task.advance)
    if lost := len(fit) - len(found):
        told = "pairs got no judgement and stay: the judge gave no answer of the form asked for."
        work.note(f"{lost} of {len(fit)} {told}")
    return found
