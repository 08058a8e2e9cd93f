"""What the command line prints: results on stdout, as tables a person reads and a script can cut."""

import difflib
import sys
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from flows import FlowError, UsageError
from flows.config import Config
from flows.runs import Run, RunFolder, all_runs
from flows.store import Store
from flows.summary import counts_of

METRICS = ("f1", "key", "exact", "refusal", "judge")


def show_result(config: Config, store: Store, folder: RunFolder) -> None:
    """The end of a run: what each model scored, the verdict, where the report is."""
    run = folder.run
    if run.status == "finished":
        console().print(scores_table(run))
        click.echo(f"Verdict: {run.verdict or 'none'}. {run.why}")
    else:
        click.echo(f"Run {run.id}: {', '.join(step.name for step in run.steps if step.status == 'done')} done.")
        if (gate := run.step("gate")) and gate.status == "done":
            click.echo(f"Gate: {gate.outputs.get('verdict')}. {gate.counts.get('why', '')}")
    champion = store.champion(run.loop)
    click.echo(f"In service: {f'{run.loop}-{champion.name}' if champion else 'the base model'}")
    if (report := folder.path / "report.html").exists():
        click.echo(f"Report: {_readable(report)}")


def scores_table(run: Run) -> Table:
    """A row a model, a column a mode and metric; the verdict beside the candidate."""
    step = run.step("evaluate")
    counts = step.counts if step else {}
    columns = [
        (mode, metric)
        for mode in ("closed_book", "open_book")
        for metric in METRICS
        if any(name.endswith(f" {mode} {metric}") for name in counts)
    ]
    table = Table(title=f"{run.loop}, run {run.id}: {counts.get('questions', 0)} held-out questions")
    for heading in [
        "model",
        *[f"{mode.replace('_', '-')}\n{metric}" for mode, metric in columns],
        "loss",
        "verdict",
    ]:
        table.add_column(heading, justify="left" if heading in ("model", "verdict") else "right")
    for model in ("base", "champion", "candidate"):
        cells = [_figure(counts.get(f"{model} {mode} {metric}")) for mode, metric in columns]
        verdict = run.verdict if model == "candidate" else ""
        table.add_row(model, *cells, _figure(counts.get(f"{model} loss")), verdict)
    return table


def show_runs(config: Config, loop: str | None) -> None:
    loops = [loop] if loop else list(config.loops)
    table = Table("loop", "run", "status", "verdict", "pairs", "minutes", "why")
    for name in loops:
        config.loop(name)
        for folder in all_runs(config.state / "runs", name):
            run = folder.run
            curate = run.step("curate")
            pairs = str(curate.counts.get("train", "")) if curate else ""
            minutes = sum(step.seconds for step in run.steps) / 60
            status = "unfinished" if run.status == "running" else run.status
            table.add_row(name, run.id, status, run.verdict, pairs, f"{minutes:.1f}", run.why)
    console().print(table)


def show_run(config: Config, store: Store, name: str, form: str | None) -> None:
    folder = find_run(config, name)
    if form == "json":
        return click.echo((folder.path / "run.json").read_text(encoding="utf-8"), nl=False)
    if form == "report":
        if not (report := folder.path / "report.html").exists():
            raise FlowError(
                f"run {folder.run.id} has no report yet: `flowstill run {folder.run.loop}` goes on with it."
            )
        return click.echo(_readable(report))
    table = Table("step", "status", "seconds", "counts", title=f"{folder.run.loop}, run {folder.run.id}")
    for step in folder.run.steps:
        status = f"taken from {step.reused}" if step.reused else step.status
        counts = "\n".join(f"{key}: {_figure(value)}" for key, value in counts_of(step).items())
        table.add_row(step.name, status, f"{step.seconds:.1f}", f"{step.error}\n{counts}".strip())
    console().print(table)
    show_result(config, store, folder)


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
    table = Table("version", "train", "validation", "test", "made by run")
    for version, folder in _datasets(config, loop).items():
        counts = folder.run.step("curate").counts  # type: ignore[union-attr]
        sizes = [str(counts.get(side, 0)) for side in ("train", "validation", "test")]
        table.add_row(version, *sizes, folder.run.id)
    console().print(table)


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


def _datasets(config: Config, loop: str) -> dict[str, RunFolder]:
    """version -> the run that made it, newest first."""
    found: dict[str, RunFolder] = {}
    for folder in all_runs(config.state / "runs", loop):
        step = folder.run.step("curate")
        if step and step.status == "done":
            found.setdefault(Path(step.outputs["dataset"]).name, folder)
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


def console() -> Console:
    """Prints texts as they are, and a table as wide as it needs where nobody looks at a terminal: no word is lost."""
    width = None if sys.stdout.isatty() else 10_000
    return Console(width=width, markup=False, emoji=False, highlight=False)
