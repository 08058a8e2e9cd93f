"""Put the candidate into service if the gate let it pass."""

from typing import Any

from flows.promote import local_models, promote, registries, served_name
from flows.runs import Step, all_runs, digest, now_text
from flows.steps.questions import held_out
from flows.store import Version
from flows.work import Work


def inputs(work: Work) -> Any:
    """What an earlier run put into service counts only while it is there still; else it is done anew."""
    verdict, candidate = work.output("gate", "verdict"), work.output("export", "sha256")
    champion = work.store.champion(work.name)
    if verdict == "promoted" and (champion is None or champion.sha256 != candidate):
        return None
    return [verdict, candidate, work.loop.promote.to]


def do(work: Work, step: Step) -> None:
    _make_room(work)
    if work.output("gate", "verdict") == "refused":
        step.counts = {"promoted": "nothing"}
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


def _make_room(work: Work) -> None:
    """Models that older runs exported are let go; what was promoted is kept under its version's name."""
    others = [folder for folder in all_runs(work.config.state / "runs", work.name) if folder.run.id != work.run.id]
    for folder in others[work.loop.promote.keep :]:
        for model in (folder.path / "export").glob("*.gguf"):
            model.unlink()


def _version(work: Work) -> Version:
    """The version this run makes; a run that was interrupted while promoting keeps its number."""
    known = work.store.versions(work.name)
    mine = next((version.name for version in known if version.run == work.run.id), "")
    name = mine or f"v{1 + max((int(version.name[1:]) for version in known), default=0)}"
    measured = work.run.step("evaluate")
    folder = local_models(work.config, work.name).folder
    return Version(
        loop=work.name,
        name=name,
        run=work.run.id,
        path=work.relative(folder / f"{work.name}-{name}.gguf"),
        sha256=work.output("export", "sha256"),
        adapter=work.output("train", "adapter"),
        scores={k: v for k, v in measured.counts.items() if isinstance(v, float)} if measured else {},
        created=now_text(),
    )
