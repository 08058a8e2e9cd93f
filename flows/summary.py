"""A run's record and artefacts, gathered into what its report shows."""

from collections.abc import Iterable, Sequence
from typing import get_args

import msgspec

from flows import FlowError, dataset, report
from flows.config import Curate, EmbeddedService
from flows.gate import Interval, interval
from flows.measure import METRICS, HeldOut, Scored, deciding
from flows.pairs import Pair, decode
from flows.privacy import redact
from flows.runs import Count, Step
from flows.saving import write_atomically
from flows.work import Work

EXAMPLES = 3  # dropped pairs shown for each reason
MODELS: tuple[report.Model, ...] = get_args(report.Model)
WORDS = {
    "unchanged": "documents unchanged",
    "added": "records added",  # a passage or a row each
    "kept": "records as before",
    "repeated": "rows or passages that repeat another",
    "retired": "records retired",
    "redacted": "records with personal data blanked",
    "unreadable": "documents unreadable",
    "skipped": "files skipped",
    "cached": "answers known already",
    "train_loss": "loss of training rows, on average",
    "eval_loss": "loss of validation rows, at the end",
    "beyond_limit": "questions beyond evaluate.limit",
    "open_book": "rows that show a pair again with its passage",
}
RISE = 0.2  # a validation loss that ends so far above its lowest, or
GAP = 0.5  # so far above the training loss, tells of rows that were learnt by heart


class Metrics(msgspec.Struct, frozen=True):
    """What a report shows of the trainer's metrics.json."""

    train_loss: float = 0.0
    loss_history: tuple[report.Point, ...] = ()
    eval_history: tuple[report.Point, ...] = ()
    versions: dict[str, str] = {}


def write_report(work: Work, questions: Sequence[HeldOut], answers: Sequence[Scored]) -> None:
    page = report.render(build(work, questions, answers))
    write_atomically(work.folder.path / "report.html", page.encode())


def build(work: Work, questions: Sequence[HeldOut], answers: Sequence[Scored]) -> report.RunReport:
    """Whatever the run has come to; parts that it did not reach stay empty."""
    run, gate = work.run, work.loop.gate
    metrics, decisive = _metrics(work), deciding(gate.metric, questions, gate.min_questions)
    return report.RunReport(
        loop=run.loop,
        run=run.id,
        created=run.created,
        verdict=run.verdict or ("failed" if run.status == "failed" else "unfinished"),
        why=run.why,
        metric=decisive,
        mode=gate.mode,
        steps=tuple(_bar(step) for step in run.steps),
        cost=_cost(work),
        dropped=_dropped(work),
        dataset=_dataset(work),
        training_loss=metrics.loss_history,
        validation_loss=metrics.eval_history,
        learning=learning(metrics),
        scores=tuple(_scores(work, questions, answers)),
        gains=tuple(_gains(work, questions, answers)),
        answers=tuple(_compared(gate.mode, decisive, number, q, answers) for number, q in enumerate(questions))
        if answers
        else (),
        environment=_environment(run.step("train"), metrics),
        notes=tuple(dict.fromkeys((*run.notes, *run.lost))),
        files=_files(work),
    )


def _bar(step: Step) -> report.StepBar:
    counts = _without_reasons(counts_of(step))
    return report.StepBar(step.name, step.status, step.seconds, counts, bool(step.reused), step.error)


def _without_reasons(counts: dict[str, Count]) -> dict[str, Count]:
    """Why pairs were dropped has a table of its own."""
    return {name: value for name, value in counts.items() if not name.startswith("dropped: ")}


def counts_of(step: Step) -> dict[str, Count]:
    """What a step counted and spent, in people's words; the scores of the models have a table of their own."""
    spent = {name: value for name in ("calls", "tokens") if (value := getattr(step.spent, name))}
    if step.spent.cost:
        spent["cost"] = report.price(step.spent.cost, step.spent.currency)
    scores = tuple(f"{model} " for model in MODELS)
    return dict(_in_words(*one) for one in (step.counts | spent).items() if not one[0].startswith(scores))


def _in_words(name: str, value: Count) -> tuple[str, Count]:
    if name.endswith("bytes") and not isinstance(value, str):
        return name.removesuffix("bytes").replace("_", " ").strip() or "size", f"{value / 2**20:,.0f} MiB"
    return WORDS.get(name, name.replace("_", " ")), value


def _cost(work: Work) -> report.Cost:
    step = work.run.step("distil")
    if step is None or step.reused:
        return report.Cost()
    service = work.config.services.get(work.loop.distil.teacher)
    return report.Cost(
        tokens=step.spent.tokens,
        money=step.spent.cost,
        currency=step.spent.currency,
        calls=step.spent.calls,
        cached=int(work.folder.number("distil", "cached")) if "cached" in step.counts else 0,
        local=isinstance(service, EmbeddedService),
    )


def _dropped(work: Work) -> tuple[report.DroppedFor, ...]:
    step = work.run.step("curate")
    if step is None or step.status != "done":
        return ()
    pairs = {}
    for line in work.read("distil", "pairs").splitlines():
        pair = decode(line)
        pairs[pair.id] = pair
    by_reason: dict[str, list[str]] = {}
    for one in dataset.read(work.path("curate", "dataset")).dropped:
        by_reason.setdefault(one.reason, []).append(one.pair)
    return tuple(
        report.DroppedFor(
            reason,
            len(found),
            tuple(_example(pairs[i], work.loop.curate) for i in found[:EXAMPLES] if i in pairs),
        )
        for reason, found in sorted(by_reason.items(), key=lambda item: -len(item[1]))
    )


def _example(pair: Pair, options: Curate) -> report.Example:
    """What a document says may hold personal data too, and a dropped pair never came to be cleaned."""
    if options.personal_data == "keep":
        return report.Example(pair.question, pair.answer)
    return report.Example(redact(pair.question, options.allow)[0], redact(pair.answer, options.allow)[0])


def _dataset(work: Work) -> report.DatasetSummary:
    step = work.run.step("curate")
    if step is None or step.status != "done":
        return report.DatasetSummary()
    return report.DatasetSummary(work.path("curate", "dataset").name, _without_reasons(step.counts))


def _metrics(work: Work) -> Metrics:
    step = work.run.step("train")
    if step is None or step.status != "done":
        return Metrics()
    path = work.path("train", "metrics")
    try:
        return msgspec.json.decode(path.read_bytes(), type=Metrics)
    except (ValueError, OSError) as error:
        raise FlowError(f"{path} is not what step 'train' wrote: {error}. Delete it and run again.") from None


def learning(metrics: Metrics) -> str:
    """What it means when a model does worse and worse on rows that it is not trained on."""
    found = [point.loss for point in metrics.eval_history]
    if not found or (found[-1] - min(found) < RISE and found[-1] - metrics.train_loss < GAP):
        return ""
    return (
        "It learnt the training rows by heart: the right answers among them surprise it little (loss "
        f"{metrics.train_loss:.2f} on average), those it was not trained on more ({found[-1]:.2f} at the end, "
        f"{min(found):.2f} at best). More documents, or more questions about each (distil.questions), help; "
        "fewer epochs in the recipe make it milder."
    )


def _scores(work: Work, questions: Sequence[HeldOut], answers: Sequence[Scored]) -> Iterable[report.Score]:
    for model, mode, metric, found in _each(work, answers):
        got = interval(list(found.values()), [questions[n].group for n in found], confidence=work.loop.gate.confidence)
        yield report.Score(model, mode, metric, got.mean, got.low, got.high, got.n)


def _gains(work: Work, questions: Sequence[HeldOut], answers: Sequence[Scored]) -> Iterable[report.Gain]:
    table = {(model, mode, metric): found for model, mode, metric, found in _each(work, answers)}
    for (model, mode, metric), old in table.items():
        new = table.get(("candidate", mode, metric), {})
        both = sorted(old.keys() & new.keys())
        if model == "candidate" or not both:
            continue
        got: Interval = interval(
            [new[n] - old[n] for n in both],
            [questions[n].group for n in both],
            confidence=work.loop.gate.confidence,
        )
        yield report.Gain(model, mode, metric, got.mean, got.low, got.high)


def _each(work: Work, answers: Sequence[Scored]) -> Iterable[tuple[report.Model, str, str, dict[int, float]]]:
    """Model, mode, metric and question -> score, for what was measured."""
    for model in MODELS:
        for mode in work.loop.evaluate.modes:
            for metric in (*METRICS, "judge"):
                if found := scores_of(answers, model, mode, metric):
                    yield model, mode, metric, found


def scores_of(answers: Iterable[Scored], model: str, mode: str, metric: str) -> dict[int, float]:
    """question -> score, for the questions that have this metric."""
    chosen = [one for one in answers if one.model == model and one.mode == mode]
    return {one.question: one.scores[metric] for one in chosen if metric in one.scores}


def _compared(mode: str, metric: str, number: int, wanted: HeldOut, answers: Sequence[Scored]) -> report.Compared:
    """One question's answers by what the verdict rests on."""
    asked = {one.model: one for one in answers if one.question == number and one.mode == mode}
    said = {model: _said(asked[model], metric) for model in MODELS if model in asked}
    return report.Compared(wanted.question, wanted.answer, said)


def _said(one: Scored, metric: str) -> report.Said:
    return report.Said(one.answer, one.scores.get(metric, one.scores["f1"]) >= report.RIGHT, one.finished)


def _environment(step: Step | None, metrics: Metrics) -> report.Environment:
    if step is None or step.status != "done":
        return report.Environment()
    return report.Environment(str(step.counts.get("backend", "")), str(step.counts.get("device", "")), metrics.versions)


def _files(work: Work) -> dict[str, str]:
    known = {
        "pairs as distilled": "pairs.jsonl",
        "training rows": "train/train.jsonl",
        "training metrics": "train/metrics.json",
        "answers before and after quantising": "export/fidelity.jsonl",
        "answers of all models": "answers.jsonl",
        "run record": "run.json",
    }
    return {what: path for what, path in known.items() if (work.folder.path / path).exists()}
