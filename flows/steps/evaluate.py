"""Put the held-out questions to the base, the champion and the candidate, and score what they say."""

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from connectors.records import Passage, sha256
from flows import judge, measure, models
from flows.measure import HeldOut, Scored
from flows.runs import Step
from flows.saving import write_atomically
from flows.steps.engine import asking, base, fault, identity, in_trainer, opened, prepared_base
from flows.steps.export import base_gguf
from flows.steps.questions import all_held_out, held_out, said
from flows.store import Version
from flows.work import Work
from trainer import jobs


def inputs(work: Work) -> Any:
    champion, options = champion_to_beat(work), work.loop.evaluate
    shown = work.output("harvest", "records") if "open_book" in options.modes else ""
    judging = [identity(work, options.judge), judge.prompt_hashes()] if options.judge else []
    contenders = [work.output("export", "sha256"), champion.sha256 if champion else "", base(work).sha256]
    return [contenders, options, work.loop.system, held_out(work), shown, judging]


def do(work: Work, step: Step) -> None:
    questions = held_out(work)
    _say_whom_it_meets(work, step)
    answers = models.run(_answers(work, step, questions))
    path, data = work.folder.path / "answers.jsonl", b"".join(msgspec.json.encode(one) + b"\n" for one in answers)
    write_atomically(path, data)
    step.counts["questions"] = len(questions)
    if beyond := len(all_held_out(work)) - len(questions):
        step.counts["beyond_limit"] = beyond
    step.counts |= {**_means(answers), **_losses(work, questions)}
    step.outputs = {"answers": work.relative(path), "sha256": sha256(data.decode())}


def champion_to_beat(work: Work) -> Version | None:
    """The version in service; when that is this very candidate (a repeated run), the one before it.

    None also when its file is gone or damaged: then nothing is there that could be beaten.
    """
    rival = _rival(work)
    return rival if rival and not fault(work.config.state, rival) else None


def _rival(work: Work) -> Version | None:
    champion = work.store.champion(work.name)
    same = champion and champion.sha256 == work.output("export", "sha256")
    return work.store.previous(work.name) if same else champion


def _say_whom_it_meets(work: Work, step: Step) -> None:
    serving, rival, wanted = work.store.champion(work.name), champion_to_beat(work), _rival(work)
    step.counts = {"champion": rival.name if rival else "none"}
    against = rival.name if rival else "the base model alone"
    if serving and serving.sha256 == work.output("export", "sha256"):
        work.note(f"This model is in service already, as {serving.name}; it is compared with {against}.")
    if wanted and not rival:
        called = f"{wanted.name} in service" if wanted == serving else wanted.name
        what = fault(work.config.state, wanted)
        work.note(f"{work.config.state / wanted.path}, the file of {called}, is {what}: compared with {against}.")


async def _answers(work: Work, step: Step, questions: Sequence[HeldOut]) -> list[Scored]:
    options, contenders = work.loop.evaluate, _contenders(work)
    found: list[Scored] = []
    total = len(contenders) * len(options.modes) * len(questions)
    with work.progress.task("evaluate: answers", total) as task:
        for model, gguf in contenders.items():
            async with opened(work, gguf) as teacher:
                for mode in options.modes:
                    task.at(task.done, detail=f"{model}, {mode.replace('_', '-')}")
                    found += await measure.ask_each(
                        model,
                        teacher,
                        questions,
                        mode,
                        passages=functools.partial(_retrieved, work),
                        system=work.loop.system,
                        answer_tokens=options.answer_tokens,
                        on_answer=task.advance,
                    )
    return await _judged(work, step, questions, found) if options.judge else found


async def _judged(work: Work, step: Step, questions: Sequence[HeldOut], answers: list[Scored]) -> list[Scored]:
    async with asking(work, step, work.loop.evaluate.judge) as teacher:
        with work.progress.task(f"evaluate: answers judged by {teacher.model}", len(answers)) as task:
            found = await judge.judge_answers(teacher, questions, answers, task.advance)
    if lost := sum("judge" not in one.scores for one in found):
        work.note(f"{lost} of {len(found)} answers got no judgement: the judge gave none of the form asked for.")
    return found


def _contenders(work: Work) -> dict[str, Path]:
    champion = champion_to_beat(work)
    found = {"base": base_gguf(work)}
    if champion:
        found["champion"] = work.config.state / champion.path
    return found | {"candidate": work.path("export", "gguf")}


def _retrieved(work: Work, wanted: HeldOut) -> list[Passage]:
    found = work.store.search(work.name, wanted.question, work.loop.evaluate.passages)
    return [passage for passage, _ in found]


def _means(answers: Sequence[Scored]) -> dict[str, float]:
    values: dict[str, list[float]] = {}
    for one in answers:
        for metric, value in one.scores.items():
            values.setdefault(f"{one.model} {one.mode} {metric}", []).append(value)
    return {name: sum(found) / len(found) for name, found in values.items()}


def _losses(work: Work, questions: Sequence[HeldOut]) -> dict[str, float]:
    """Mean loss of the right answers, closed-book: it tells two models apart whose greedy answers agree."""
    folder = work.folder.path / "evaluate"
    folder.mkdir(exist_ok=True)
    rows = [
        {"prompt": said(work, wanted), "completion": [{"role": "assistant", "content": wanted.answer}]}
        for wanted in questions
    ]
    write_atomically(folder / "rows.jsonl", b"".join(msgspec.json.encode(row) + b"\n" for row in rows))
    adapters = {"candidate": str(work.path("train", "adapter"))}
    champion = champion_to_beat(work)
    if champion and (work.config.state / champion.adapter).exists():
        adapters["champion"] = str(work.config.state / champion.adapter)
    job = jobs.ScoreJob(
        base=str(prepared_base(work)),
        adapters=adapters,
        rows=str(folder / "rows.jsonl"),
        out=str(folder / "loss.json"),
    )
    in_trainer(work, "score", job, folder)
    losses = msgspec.json.decode((folder / "loss.json").read_bytes())
    return {f"{model} loss": sum(found) / len(found) for model, found in losses.items()}
