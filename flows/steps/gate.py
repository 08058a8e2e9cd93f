"""Decide whether the candidate takes over."""

from collections.abc import Sequence
from typing import Any

import msgspec

from flows import dataset
from flows.gate import decide
from flows.measure import Scored, deciding
from flows.runs import Step
from flows.steps.export import unfaithful
from flows.steps.questions import held_out, read_answers
from flows.store import Version
from flows.summary import scores_of
from flows.work import Work
from trainer import evaluate


def inputs(work: Work) -> Any:
    measured = [work.output("evaluate", "sha256"), work.output("export", "sha256")]
    return [measured, work.loop.gate, work.loop.export.fidelity, _rolled_back(work)]


def do(work: Work, step: Step) -> None:
    options, questions = work.loop.gate, held_out(work)
    answers = read_answers(work)
    metric = deciding(options.metric, questions, options.min_questions)
    rival = "champion" if any(one.model == "champion" for one in answers) else "base"
    new, old = (scores_of(answers, model, options.mode, metric) for model in ("candidate", rival))
    asked = sorted(new.keys() & old.keys())
    verdict = decide(
        [new[number] for number in asked],
        [old[number] for number in asked],
        [questions[number].group for number in asked],
        margin=options.margin,
        confidence=options.confidence,
        min_questions=options.min_questions,
        stops=_stops(work, answers),
        metric=metric,
    )
    why = f"{verdict.why} {_unscored(metric, len(questions) - len(asked))}".rstrip()
    step.counts = {"against": rival, "metric": metric, "why": why}
    if verdict.gain:
        step.counts |= {f"gain {key}": value for key, value in msgspec.to_builtins(verdict.gain).items()}
    step.outputs = {"verdict": "promoted" if verdict.promote else "refused"}


def _unscored(metric: str, count: int) -> str:
    if not count:
        return ""
    advice = "give them `keys`, or choose gate.metric: f1" if metric == "key" else "see evaluate.judge"
    return f"{count} more held-out questions have no '{metric}' to score: {advice}."


def _rolled_back(work: Work) -> Version | None:
    """The version under which the candidate was in service until somebody rolled it back."""
    candidate, serving = work.output("export", "sha256"), work.store.champion(work.name)
    if serving and serving.sha256 == candidate:
        return None
    return next((one for one in work.store.rolled_back(work.name) if one.sha256 == candidate), None)


def _stops(work: Work, answers: Sequence[Scored]) -> list[str]:
    """What forbids a promotion whatever the scores say."""
    stops, options = [], work.loop.gate
    if version := _rolled_back(work):
        undone = f"`flowstill rollback {work.name} --to {version.name}` undoes that"
        kept = (work.config.state / version.path).is_file()
        then = undone if kept else "it is no longer kept; other documents or settings make another model"
        stops.append(f"this very model is {version.name}, which was rolled back: {then}")
    if unlike := unfaithful(work):
        stops.append(unlike)
    said = [one for one in answers if one.model == "candidate" and one.mode == options.mode]
    cut = sum(not one.finished for one in said) / max(len(said), 1)
    if cut > options.unfinished:
        within = f"evaluate.answer_tokens ({work.loop.evaluate.answer_tokens})"
        stops.append(
            f"{cut:.0%} of its answers did not end within {within}, and gate.unfinished allows "
            f"{options.unfinished:.0%}: raise answer_tokens if right answers are longer, else train for more epochs"
        )
    trained = {evaluate.normalise(pair.question) for pair in dataset.read(work.path("curate", "dataset")).train}
    if shared := sum(evaluate.normalise(wanted.question) in trained for wanted in held_out(work)):
        stops.append(f"{shared} held-out questions stand in the training data")
    return stops
