"""The command line. Every verb parses its arguments, calls one function, prints; imports come late."""

from __future__ import annotations

import functools
import signal
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from connectors import ServiceError
from dsl import DslError, OptionError
from dsl.printed import line, shown
from flows import FlowError, RowsLostError, UsageError, bridge, streams
from trainer import TrainError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flows.config import Config
    from flows.runs import RunFolder
    from flows.store import Store

USAGE, ROWS_LOST = 2, 4
STOPS = (signal.SIGTERM, signal.SIGINT)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="flowstill")
@click.option(
    "--config",
    "-c",
    "path",
    type=click.Path(path_type=Path),
    default="flowstill.yml",
    show_default=True,
    help="The settings file.",
)
@click.pass_context
def cli(context: click.Context, path: Path) -> None:
    """Distil what people ask a knowledge base into a small model; carry workflows from platform to platform.

    Results go to stdout, everything else to stderr. Exit codes: 0 done, 1 an error that the message explains,
    2 wrong usage or a name that does not exist, 3 done but more was lost than --fail-on allows, 4 done but rows were
    lost, 128 + the signal's number when stopped by one.
    """
    context.obj = path


@cli.command()
@click.argument("loop")
@click.argument("steps", nargs=-1, metavar="[STEP]...")
@click.option("--fire", default="", hidden=True, help="The time the schedule asked for.")
@click.pass_obj
def run(path: Path, loop: str, steps: tuple[str, ...], fire: str) -> None:
    """Run LOOP, or only the STEPs named: harvest distil curate train export evaluate gate promote.

    Goes on where an interrupted run stopped; does nothing when nothing changed.
    """
    from flows import progress
    from flows.loop import run_loop

    def show(done: RunFolder) -> None:
        from flows.show import show_result

        if not (fire and done.repeated):  # the schedule says in a line that nothing is new
            show_result(config, store, done)

    with _resumable(), _opened(path) as (config, store):
        try:
            show(run_loop(config, loop, store, _cache(), progress.for_this_terminal(), steps, fire))
        except RowsLostError as lost:
            show(lost.run)
            raise


@cli.command()
@click.argument("loop", required=False)
@click.pass_obj
def runs(path: Path, loop: str | None) -> None:
    """List the runs, newest first, of LOOP or of all loops."""
    from flows.show import show_runs

    with _opened(path) as (config, store):
        show_runs(config, store, loop)


@cli.command()
@click.argument("run")
@click.option("--json", "form", flag_value="json", help="The run record as JSON.")
@click.option("--report", "form", flag_value="report", help="Only the path of the run's report.")
@click.pass_obj
def show(path: Path, run: str, form: str | None) -> None:
    """Show RUN: an id as `flowstill runs` lists it, or the name of a loop for its newest run."""
    from flows.show import show_run

    with _opened(path) as (config, store):
        show_run(config, store, run, form)


@cli.command()
@click.argument("loop")
@click.argument("question", nargs=-1, required=True)
@click.option("--model", default="", help="A version such as v2, or `base`; the one in service otherwise.")
@click.option("--open-book", is_flag=True, help="Show the model the passages that fit the question best.")
@click.pass_obj
def ask(path: Path, loop: str, question: tuple[str, ...], model: str, open_book: bool) -> None:
    """Ask LOOP's model one or more QUESTIONs, each in quotes."""
    from flows.asking import answers

    if len(question) > 1 and not any(" " in one.strip() for one in question):
        question = (" ".join(question),)  # somebody forgot the quotes
        click.echo(f"Asked as one question: {question[0]}", err=True)

    with _opened(path) as (config, store):
        tell = functools.partial(click.echo, err=True)
        said = answers(config, store, _cache(), loop, question, model=model, open_book=open_book, say=tell)
        for asked, answer in zip(question, said, strict=True):
            click.echo(f"Q: {asked}\nA: {answer}\n" if len(question) > 1 else answer)


@cli.command()
@click.argument("loop")
@click.option("--to", default="", help="A version such as v2, or `base`; the one before otherwise.")
@click.pass_obj
def rollback(path: Path, loop: str, to: str) -> None:
    """Put LOOP's earlier model back into service: the version before, or after `--to base` the one it took out."""
    from flows.promote import registries, rollback, served_name, withdraw
    from flows.steps.engine import fault

    with _opened(path) as (config, store):
        if to == "base":
            withdraw(loop, registries(config, loop), store)
            click.echo("The base model is in service.")
            return
        damaged = lambda version: fault(config.state, version) == "damaged"  # noqa: E731
        version = rollback(loop, registries(config, loop), store, to, damaged)
        click.echo(f"{served_name(version)} is in service.")


@cli.command()
@click.pass_obj
def schedule(path: Path) -> None:
    """Run every loop on its cron until stopped."""
    from flows.schedule import run_scheduled

    with _resumable(), _opened(path) as (config, store):
        run_scheduled(config, store, lambda text: click.echo(text, err=True))


@cli.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen at; 0.0.0.0 is all.")
@click.option("--port", "-p", type=click.IntRange(1, 65535), default=8020, show_default=True)
@click.option("--public-url", default="", help="This server's address as others reach it, for the OpenAPI documents.")
@click.pass_obj
def serve(path: Path, host: str, port: int, public_url: str) -> None:
    """Offer the tools to workflows: HTTP with OpenAPI, and MCP, on one port.

    Needs no settings file. Callers need a key: flowstill keys create NAME.
    """
    from flows import serve as serving

    with _opened(path, needed=False) as (config, store):
        click.echo(serving.greeting(store, host, port), err=True)
        serving.serve(config, store, host, port, public_url)


@cli.command()
@click.pass_obj
def mcp(path: Path) -> None:
    """Offer the tools over MCP on stdin and stdout, to editors and desktop programs that start this command."""
    from flows import serve as serving

    with _opened(path, needed=False) as (config, store):
        serving.serve_stdio(config, store)


@cli.group()
def keys() -> None:
    """Who may call the tools."""


@keys.command("create")
@click.argument("name")
@click.option("--tool", "tools", multiple=True, help="Only this tool; may be given more than once.")
@click.pass_obj
def create_key(path: Path, name: str, tools: tuple[str, ...]) -> None:
    """Make a key called NAME and show it, once: the store keeps its digest only."""
    from flows import keys as made

    with _opened(path, needed=False) as (_, store):
        click.echo(made.create(store, name, tools))


@keys.command("list")
@click.pass_obj
def list_keys(path: Path) -> None:
    """List the keys by name."""
    with _opened(path, needed=False) as (_, store):
        for key in store.access_keys():
            click.echo(f"{key.name}\t{key.created:%Y-%m-%d %H:%M}\t{', '.join(key.tools) or 'all tools'}")


@keys.command("revoke")
@click.argument("name")
@click.pass_obj
def revoke_key(path: Path, name: str) -> None:
    """Let nobody in any more with the key called NAME."""
    from flows import keys as made

    with _opened(path, needed=False) as (_, store):
        made.revoke(store, name)


@cli.command()
@click.pass_obj
def doctor(path: Path) -> None:
    """Reach every configured service; say what would train here. Exit 1 when something is wrong."""
    from flows.config import load_config
    from flows.doctor import examine, show

    findings = examine(load_config(path), _cache())
    show(findings)
    if not all(finding.good for finding in findings):
        sys.exit(1)


@cli.group()
def dataset() -> None:
    """The dataset versions that the runs made."""


@dataset.command("list")
@click.argument("loop")
@click.pass_obj
def list_datasets(path: Path, loop: str) -> None:
    """List LOOP's dataset versions, newest first."""
    from flows.config import load_config
    from flows.show import show_datasets

    show_datasets(load_config(path), loop)


@dataset.command()
@click.argument("loop")
@click.argument("version", default="")
@click.option("--format", "form", required=True, help="messages alpaca sharegpt prompt-completion dpo kto text")
@click.option("--out", "-o", type=click.Path(path_type=Path), default=None, help="Folder; LOOP-FORMAT otherwise.")
@click.pass_obj
def export(path: Path, loop: str, version: str, form: str, out: Path | None) -> None:
    """Write LOOP's dataset VERSION (the newest otherwise) in another tool's format.

    LLaMA-Factory's dataset_info.json is written beside the files.
    """
    from flows.config import load_config
    from flows.show import dataset_folder

    config = load_config(path)
    from flows import formats

    formats.named(form)  # a wrong one is told before a dataset is missed
    folder = dataset_folder(config, loop, version)
    for written in formats.export(folder, form, out or Path(f"{loop}-{form}")):
        click.echo(written)


for verb in bridge.VERBS:
    cli.add_command(verb)


@contextmanager
def _opened(path: Path, *, needed: bool = True) -> Iterator[tuple[Config, Store]]:
    """`needed`: whether there must be a settings file; an empty one is as good otherwise."""
    from flows.config import load_config, without_file
    from flows.store import open_store

    config = load_config(path) if needed or path.exists() or path != Path("flowstill.yml") else without_file(path)
    store = open_store(config.state)
    try:
        yield config, store
    finally:
        store.close()


def _cache() -> Path:
    from flows.config import cache_folder

    return cache_folder()


class Stopped(SystemExit):
    """Ctrl-C or SIGTERM: unwinds, so that children end and leases are given back."""


@contextmanager
def _resumable() -> Iterator[None]:
    """What is done inside goes on where it was stopped, which is said when it is."""
    try:
        yield
    except Stopped as stopped:
        stopped.add_note("A run that was under way goes on from here when it is started again.")
        raise


def _stop(number: int, _: Any) -> None:
    for one in STOPS:
        signal.signal(one, signal.SIG_IGN)  # a second one must not stop the tidying up
    raise Stopped(128 + number)


def main() -> None:
    """The entry point: known errors become one line and an exit code, all others keep their traceback."""
    streams.secure()
    for one in STOPS:
        signal.signal(one, _stop)
    try:
        cli(prog_name="flowstill")
    except Stopped as stopped:
        click.echo(" ".join(["flowstill: stopped.", *getattr(stopped, "__notes__", [])]), err=True)
        raise
    except RowsLostError as error:
        _fail(error, ROWS_LOST)
    except (UsageError, OptionError) as error:
        _fail(error, USAGE)
    except (FlowError, DslError, ServiceError, TrainError) as error:
        _fail(error, 1)


def _fail(error: Exception, code: int) -> None:
    # What it says of a workflow is one line, whatever the file holds.
    click.echo(f"flowstill: {(line if isinstance(error, DslError) else shown)(str(error))}", err=True)
    sys.exit(code)


if __name__ == "__main__":
    main()
