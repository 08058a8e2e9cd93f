"""Put the candidate into service if the gate let it pass."""

from typing import Any

from flows import dataset
from flows.promote import local_models, promote, registries, served_name
from flows.runs import RunFolder, Step, all_runs, digest, now_text
from flows.steps.engine import fault
from flows.steps.questions import held_out
from flows.store import Version
from flows.work import Work


def inputs(work: Work) -> Any:
    """What an earlier run put into service counts only while it is there still; else it is done anew."""
    verdict, candidate = work.output("gate", "verdict"), work.output("export", "sha256")
    if verdict == "promoted" and not _serves(work, candidate):
        return None
    return [verdict, candidate, work.loop.promote.to]


def _serves(work: Work, candidate: str) -> bool:
    champion = work.store.champion(work.name)
    return champion is not None and champion.sha256 == candidate and not fault(work.config.state, champion)


def do(work: Work, step: Step) -> None:
    _make_room(work)
    if work.output("gate", "verdict") == "refused":
        step.counts = {"promoted": "nothing"}
        _warn_of_forgotten(work)
        return
    version, targets = _version(work), registries(work.config, work.name)
    smoke = [{"role": "user", "content": work.loop.promote.smoke or held_out(work)[0].question}]
    if work.loop.system:
        smoke.insert(0, {"role": "system", "content": work.loop.system})
    keep = work.loop.promote.keep
    # A server elsewhere reads the file that is kept: the run's own export will make room one day.
    gguf = local_models(work.config, work.name).register(served_name(version), work.path("export", "gguf"))
    with work.progress.task(f"promote: {served_name(version)}", len(targets)) as task:
        answer = promote(version, gguf, targets, work.store, smoke, keep, work.progress.say)
        task.at(len(targets))
    step.counts = {"promoted": served_name(version), "smoke answer": answer}
    step.outputs = {"version": version.name}
    step.input_hash = digest(inputs(work))  # from here on it is in service, and a later run finds it done


def _warn_of_forgotten(work: Work) -> None:
    """Say so when the model that stays in service has learnt what no longer stands in the documents."""
    champion = work.store.champion(work.name)
    learnt_from = next((run for run in _other_runs(work) if champion and run.run.id == champion.run), None)
    curated = learnt_from.run.step("curate") if learnt_from else None
    if champion is None or learnt_from is None or curated is None:
        return
    folder = work.config.state / learnt_from.output(curated, "dataset")
    if not folder.is_dir():
        return
    there = {identity for identity, _ in work.store.records(work.name)}
    gone = sorted({pair.origin.document for pair in dataset.read(folder).train if pair.record not in there})
    if gone:
        work.note(
            f"{served_name(champion)} stays in service and has learnt from documents that were changed or deleted "
            f"since ({len(gone)}: {', '.join(gone[:5])}{' ...' if gone[5:] else ''}): it may still answer from them. "
            f"`flowstill rollback {work.name} --to base` takes it out of service."
        )


def _other_runs(work: Work) -> list[RunFolder]:
    return [folder for folder in all_runs(work.config.state / "runs", work.name) if folder.run.id != work.run.id]


def _make_room(work: Work) -> None:
    """Models that older runs exported are let go; what was promoted is kept under its version's name."""
    for folder in _other_runs(work)[work.loop.promote.keep :]:
        for model in (folder.path / "export").glob("*.gguf"):
            model.unlink()


def _version(work: Work) -> Version:
    """The version this run makes; the very model that is in service, or that it was promoting, keeps its number."""
    known, candidate = work.store.versions(work.name), work.output("export", "sha256")
    champion = work.store.champion(work.name)
    again = [one for one in known if one.sha256 == candidate and (one == champion or one.run == work.run.id)]
    name = again[0].name if again else f"v{1 + max((int(version.name[1:]) for version in known), default=0)}"
    measured = work.run.step("evaluate")
    folder = local_models(work.config, work.name).folder
    return Version(
        loop=work.name,
        name=name,
        run=work.run.id,
        path=work.relative(folder / f"{work.name}-{name}.gguf"),
        sha256=candidate,
        adapter=work.output("train", "adapter"),
        scores={k: v for k, v in measured.counts.items() if isinstance(v, float)} if measured else {},
        created=now_text(),
    )
