"""What the command line prints: results on stdout, as tables a person reads and a script can cut."""

import difflib
import sys
from collections.abc import Collection
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import click
import msgspec
from rich.console import Console
from rich.table import Table

from flows import FlowError, UsageError, dataset
from flows.config import Config
from flows.leases import is_going_on
from flows.report import METRICS, MODES, called
from flows.runs import Count, Run, RunFolder, Step, all_runs
from flows.store import Store
from flows.summary import MODELS, counts_of

SPLITS = ("train", "validation", "test")
NO_RUN = "-"
WIDTH = 120  # of a table where nobody looks at a terminal


def show_result(config: Config, store: Store, folder: RunFolder) -> None:
    """The end of a run: what each model scored, the verdict, where the report is."""
    run = folder.run
    if folder.repeated:
        click.echo(f"Nothing is new since run {run.id}, which came to this:")
    if (evaluated := run.step("evaluate")) and evaluated.status == "done":
        console().print(scores_table(run, evaluated))
    if run.status == "finished":
        click.echo(f"Verdict: {run.verdict or 'none'}. {run.why}")
    else:
        done = ", ".join(step.name for step in run.steps if step.status == "done")
        click.echo(f"Run {run.id}: {f'{done} done' if done else 'no step was done'}.{f' {run.why}' if run.why else ''}")
        if (gate := run.step("gate")) and gate.status == "done":
            click.echo(f"Gate: {gate.outputs.get('verdict')}. {gate.counts.get('why', '')}")
    champion = store.champion(run.loop)
    click.echo(f"In service: {f'{run.loop}-{champion.name}' if champion else 'the base model'}")
    if (report := folder.path / "report.html").exists():
        click.echo(f"Report: {_readable(report)}")


def scores_table(run: Run, evaluated: Step) -> Table:
    """A row a measure with what it means, a column a model."""
    counts = evaluated.counts
    models = [model for model in MODELS if any(name.startswith(f"{model} ") for name in counts)]
    title = f"{run.loop}, run {run.id}: {_asked(evaluated)}"
    table = table_of("measure", *models, "what it means", title=title, numbers=models)
    for mode, words in (*MODES.items(), ("", "")):
        for metric, meaning in METRICS.items():
            scores = [counts.get(" ".join(filter(None, (model, mode, metric)))) for model in models]
            if any(score is not None for score in scores):
                name = f"{mode.replace('_', '-')} {called(metric)}".strip()
                table.add_row(name, *map(_figure, scores), ", ".join(filter(None, (meaning, words))))
    return table


def _asked(evaluated: Step) -> str:
    """`20 of 23 held-out questions`."""
    asked, beyond = (evaluated.counts.get(name, 0) for name in ("questions", "beyond_limit"))
    many = f"{asked} of {int(asked) + int(beyond)}" if beyond else str(asked)
    return f"{many} held-out question{'s' if many != '1' else ''}"


def show_runs(config: Config, store: Store, loop: str | None) -> None:
    loops = [loop] if loop else list(config.loops)
    table = table_of("loop", "run", "status", "verdict", "pairs", "minutes", "why", numbers=("pairs", "minutes"))
    for name in loops:
        config.loop(name)
        for folder in all_runs(config.state / "runs", name):
            run, live = folder.run, _is_live(store, folder)
            curate = run.step("curate")
            pairs = str(curate.counts.get("train", "")) if curate else ""
            minutes = sum(_seconds(step, _at(run, live)) for step in run.steps) / 60
            table.add_row(name, run.id, _status_of_run(run, live), run.verdict, pairs, f"{minutes:.1f}", run.why)
    console().print(table)


def _is_live(store: Store, folder: RunFolder) -> bool:
    """Somebody is at this run now: one that broke off says `running` too."""
    return folder.run.status == "running" and is_going_on(store, f"loop:{folder.run.loop}")


def _at(run: Run, live: bool) -> Step | None:
    """The step that is being done now."""
    return run.at if live else None


def _status_of_run(run: Run, live: bool) -> str:
    if run.status != "running":
        return run.status
    step = _at(run, live)
    return f"running {step.name if step else ''}".rstrip() if live else "unfinished"


def _status_of_step(step: Step, at: Step | None) -> str:
    return "broken off" if step.status == "running" and step is not at else step.status


def _record(run: Run, live: bool) -> str:
    """The run as run.json has it, but for what says `running` and is not: who was killed could write nothing more."""
    told = msgspec.json.decode(msgspec.json.encode(run))
    told["status"] = run.status if live else _status_of_run(run, live)
    for shown, step in zip(told["steps"], run.steps, strict=True):
        shown["status"] = _status_of_step(step, _at(run, live))
    return msgspec.json.format(msgspec.json.encode(told)).decode()


def _seconds(step: Step, at: Step | None) -> float:
    """How long a step took, or has taken so far."""
    if step is not at or step.started is None:
        return step.seconds
    return step.seconds + max((datetime.now(UTC) - step.started).total_seconds(), 0.0)


def show_run(config: Config, store: Store, name: str, form: str | None) -> None:
    folder = find_run(config, name)
    if form == "json":
        return click.echo(_record(folder.run, _is_live(store, folder)))
    if form == "report":
        if not (report := folder.path / "report.html").exists():
            raise FlowError(
                f"run {folder.run.id} has no report yet: `flowstill run {folder.run.loop}` goes on with it."
            )
        return click.echo(_readable(report))
    console().print(_steps_table(folder.run, _is_live(store, folder)))
    for title, lines in (("Notes", folder.run.notes), ("Went on without", folder.run.lost)):
        if lines:
            click.echo("\n  ".join([f"{title}:", *lines]))
    show_result(config, store, folder)


def _steps_table(run: Run, live: bool) -> Table:
    title = f"{run.loop}, run {run.id}: {_status_of_run(run, live)}"
    table = table_of("step", "status", "seconds", "counts", title=title, numbers=("seconds",))
    at = _at(run, live)
    for step in run.steps:
        status = f"taken from {step.reused}" if step.reused else _status_of_step(step, at)
        counts = "\n".join(f"{key}: {_figure(value)}" for key, value in counts_of(step).items())
        table.add_row(step.name, status, f"{_seconds(step, at):.1f}", f"{step.error}\n{counts}".strip())
    return table


def find_run(config: Config, name: str) -> RunFolder:
    """A run by its id, or the newest one of a loop by the loop's name."""
    runs = {loop: all_runs(config.state / "runs", loop) for loop in config.loops}
    if runs.get(name):
        return runs[name][0]
    found = [folder for folders in runs.values() for folder in folders if folder.run.id == name]
    if name in runs:
        raise FlowError(f"loop {name} has no runs yet: `flowstill run {name}` makes one.")
    if not found:
        near = difflib.get_close_matches(name, runs, n=1)
        hint = f"Did you mean '{near[0]}'?" if near else "`flowstill runs` lists them."
        raise UsageError(f"no run or loop '{name}'. {hint}")
    return found[0]


def show_datasets(config: Config, loop: str) -> None:
    config.loop(loop)
    table = table_of("version", *SPLITS, "made by run", "made", "files", numbers=SPLITS)
    known = _datasets(config, loop)
    for version, (run, counts) in known.items():
        path = config.state / "datasets" / loop / version
        table.add_row(version, *[str(counts.get(side, 0)) for side in SPLITS], run, _made(path), _files(path))
    console().print(table)
    if any(run == NO_RUN for run, _ in known.values()):
        click.echo(f"{NO_RUN}: its run went on with other documents or settings, or its record was deleted.")


def _made(path: Path) -> str:
    """When a dataset version was written; the time of its file, for in it stands none."""
    with suppress(OSError):
        made = datetime.fromtimestamp((path / dataset.MANIFEST).stat().st_mtime, UTC)
        return f"{made:%Y-%m-%d %H:%M} UTC"
    return ""


def _files(path: Path) -> str:
    """How the files of a dataset version are; `flowstill doctor` says what to do about them."""
    if not path.exists():
        return "deleted"
    try:
        dataset.read(path)
    except FlowError:
        return "damaged"
    return "whole"


def dataset_folder(config: Config, loop: str, version: str) -> Path:
    """The folder of a dataset version; the newest one when none is named."""
    config.loop(loop)
    known = list(_datasets(config, loop))
    if not known:
        raise FlowError(f"loop {loop} has no dataset yet: `flowstill run {loop}` makes one.")
    matches = [name for name in known if name.startswith(version)] if version else known[:1]
    if len(matches) != 1:
        raise UsageError(f"loop {loop}: no dataset '{version}'. Versions: {', '.join(known)}.")
    return config.state / "datasets" / loop / matches[0]


def _datasets(config: Config, loop: str) -> dict[str, tuple[str, dict[str, Count]]]:
    """version -> the run that made it and its counts, the version that was used last first.

    At the end, newest first, those of runs that went on with other documents: each made another in its place.
    """
    found = {}
    for folder in all_runs(config.state / "runs", loop):
        step = folder.run.step("curate")
        if step and step.status == "done":  # an older run takes the place of those that only used its version
            found[Path(folder.output(step, "dataset")).name] = (step.reused or folder.run.id, step.counts)
    manifests = (config.state / "datasets" / loop).glob(f"*/{dataset.MANIFEST}")
    for path in sorted(manifests, key=lambda one: (-one.stat().st_mtime, one)):
        with suppress(FlowError):  # one that is damaged and no run's is nobody's
            sides = dataset.manifest(path.parent).counts
            found.setdefault(path.parent.name, (NO_RUN, {side: sides[side]["pairs"] for side in SPLITS}))
    return found


def _figure(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.3f}"
    return "-" if value is None else str(value)


def _readable(path: Path) -> str:
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def table_of(*headings: str, title: str | None = None, numbers: Collection[str] = ()) -> Table:
    """Long texts go on in the next line, and no word of them is lost."""
    table = Table(title=title)
    for heading in headings:
        table.add_column(heading, justify="right" if heading in numbers else "left", overflow="fold")
    return table


def console() -> Console:
    """Prints texts as they are."""
    width = None if sys.stdout.isatty() else WIDTH
    return Console(width=width, markup=False, emoji=False, highlight=False)
