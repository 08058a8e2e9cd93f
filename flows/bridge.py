"""The verbs for workflow files: convert, inspect, diff. Results go to stdout, notes to stderr."""

from __future__ import annotations

import json
import os
import sys
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dsl.notes import SEVERITIES
from dsl.printed import line, shown
from flows import UsageError
from flows.saving import distinct, exists, read, save

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dsl import Flow, Note, Written
    from dsl.lint import Finding
    from dsl.sidecar import Sidecar

LOSSY = 3
_FILE = click.argument("file", metavar="FILE")
_OUT = click.option("--out", "-o", default="-", help="The file to write; - is stdout.")
_FROM = click.option("--from", "dialect", default=None, help="The platform that wrote FILE; found out otherwise.")
_JSON = click.option("--json", "as_json", is_flag=True, help="As JSON.")


@click.command()
@_FILE
@_FROM
@click.option("--to", "target", required=True, help="dify coze n8n ragflow ir")
@_OUT
@click.option(
    "--option", "-O", "options", multiple=True, metavar="NAME=VALUE", help="Of the platform: form=F4 for coze."
)
@click.option("--report", type=click.Path(path_type=Path), help="Write the loss report: JSON, or Markdown for *.md.")
@click.option("--sidecar", type=click.Path(path_type=Path), help="Keep beside OUT what FILE held, or give it back.")
@click.option("--fail-on", type=click.Choice(SEVERITIES[1:]), help="Exit 3 when a note is at least this severe.")
def convert(
    file: str,
    dialect: str | None,
    target: str,
    out: str,
    options: tuple[str, ...],
    report: Path | None,
    sidecar: Path | None,
    fail_on: str | None,
) -> None:
    """Turn the workflow FILE into one of another platform; - is stdin.

    What does not travel unchanged is told on stderr. With --sidecar nothing is lost on the way back: give the same file
    again when you convert back. Workflows that the one written calls (on Coze loops in loops, and the others of an
    archive, but with form=F4) stand beside OUT, with their names in front of its ending.
    """
    import dsl
    from dsl.dump import dump_json

    if Path("-") in (report, sidecar):
        raise UsageError("--report and --sidecar want the name of a file: stdout is for the workflow.")
    distinct(FILE=file, report=report, sidecar=sidecar)
    distinct(out=out, report=report, sidecar=sidecar)
    data = read(file)
    flow = _flow(file, data, dialect)
    written, made = _written(flow, target, _options(options), sidecar, file, data, out)
    if out != "-":
        distinct(FILE=file, report=report, sidecar=sidecar, **{name: _beside_out(out, name) for name in written.beside})
    _tell(written)
    if report:
        _report(report, flow, target, written, file, data)
    _write(out, written.data)
    _write_others(out, written.beside)
    if sidecar and made:  # last: with an older OUT it would be of no use
        save(sidecar, dump_json(made.plain(), indent=None).encode())
    if fail_on and SEVERITIES.index(dsl.worst(written.notes)) >= SEVERITIES.index(fail_on):
        sys.exit(LOSSY)


def _written(
    flow: Flow, target: str, options: dict[str, Any], sidecar: Path | None, file: str, data: bytes, out: str
) -> tuple[Written, Sidecar | None]:
    """What is written, and the sidecar to keep beside it; of what came back by one only over its original."""
    import dsl
    from dsl import sidecar as side

    kept = _kept(sidecar) if sidecar and exists(sidecar) else None
    comes_back = kept and (kept.target, kept.dialect) == (flow.dialect, target) and not kept.is_of(data)
    if sidecar and kept and comes_back:
        with _naming(sidecar):
            return _restored(flow, kept, sidecar, options, out)
    kept_out, secrets = dsl.without_secrets(flow) if flow.dialect == target else (flow, [])
    written = dsl.write(kept_out, target, **options)
    written = replace(written, notes=[*secrets, *written.notes])
    if not sidecar:
        return written, None
    made = side.make(flow, target, written.document, file=_beside(sidecar, file), data=data)
    if kept:
        with _naming(sidecar):
            side.refuse_another(kept, made)
    return written, made


def _restored(
    flow: Flow, kept: Sidecar, sidecar: Path, options: dict[str, Any], out: str
) -> tuple[Written, Sidecar | None]:
    """What came back; over the original nothing that was changed there since is overwritten."""
    import dsl
    from dsl import sidecar as side

    original = _original(sidecar, kept.file)
    is_over = bool(original) and out != "-" and os.path.realpath(out) == os.path.realpath(sidecar.parent / kept.file)
    if is_over:
        side.refuse_changed(kept, original)
    written = dsl.restored(flow, kept, original, **options)
    return written, side.brought_back(kept, written.data) if is_over else None


def _kept(path: Path) -> Sidecar:
    from dsl import sidecar as side
    from dsl.load import load_json, text

    with _naming(path):
        return side.parse(load_json(text(read(str(path)), side.MAX_BYTES)))


@contextmanager
def _naming(path: Path | str) -> Iterator[None]:
    """Errors say which file they are about."""
    import dsl

    try:
        yield
    except dsl.OptionError:
        raise
    except dsl.DslError as error:
        raise dsl.DslError(f"{path}: {error}") from None


def _beside(sidecar: Path, file: str) -> str:
    return _said(os.path.relpath(file, sidecar.parent)) if file != "-" else ""


def _said(name: str) -> str:
    """The name of a file for a file: one that is no UTF-8 with a sign for what is none."""
    return os.fsencode(name).decode("utf-8", "replace")


def _original(sidecar: Path, file: str) -> bytes:
    path = sidecar.parent / file
    return read(str(path)) if file and os.path.isfile(path) else b""


def _report(path: Path, flow: Flow, target: str, written: Written, file: str, data: bytes) -> None:
    from dsl.dump import dump_json
    from dsl.report import markdown, report

    plain = report(flow, target, written, file=_said(Path(file).name), data=data)
    save(path, (markdown(plain) if path.suffix == ".md" else dump_json(plain)).encode())


@click.command()
@_FILE
@_FROM
@click.option("--format", "form", type=click.Choice(["text", "json", "sarif"]), default="text", show_default=True)
@click.option("--fix", is_flag=True, help="Mend what is unambiguous: in FILE, or in --out.")
@click.option("--out", "-o", default=None, help="With --fix: the file to write; - is stdout.")
def check(file: str, dialect: str | None, form: str, fix: bool, out: str | None) -> None:
    """Find what the platforms accept in the workflow FILE and then fail on. Exits 1 when there is an error."""
    from dsl import findings

    if out is not None and not fix:
        raise UsageError("--out is for what --fix mends: give both.")
    data = read(file)
    if fix:
        data = _mended(file, data, dialect, out)
    found = _findings(data, dialect)
    if form == "sarif":
        said = findings.sarif(file, found, _version())
    else:
        said = (findings.as_json if form == "json" else findings.text)(file, found)
    _say(said, err=fix and (out or file) == "-")  # where the mended file has stdout
    sys.exit(any(each.level == "error" for each in found))


def _findings(data: bytes, dialect: str | None) -> list[Finding]:
    """A file that cannot be read is a finding, too: who reads them by program misses nothing."""
    import dsl

    try:
        return dsl.check(dsl.read(data, dialect))
    except dsl.OptionError:
        raise
    except dsl.DslError:
        from dsl.refused import refusals

        return refusals(data, dialect)


def _mended(file: str, data: bytes, dialect: str | None, out: str | None) -> bytes:
    """The file with what is unambiguous mended, and written; as it is when it cannot be read even so."""
    import dsl
    from dsl.lint import mend
    from dsl.refused import made_readable

    try:
        flow, first = made_readable(data, dialect)
    except dsl.OptionError:
        raise
    except dsl.DslError:
        return data
    flow, done = mend(flow)
    if first or done:
        if out is None and file != "-":
            _anew(file, data)
        written = dsl.write(flow, flow.dialect).data
        data = written.encode() if isinstance(written, str) else written
    if first or done or out is not None or file == "-":
        _write(out or file, data)
    for each in first + done:  # once it is in the file
        _say(line(f"mended: {each}"), err=True)
    return data


def _anew(file: str, data: bytes) -> None:
    """Says before it happens what mending a file of YAML in its place takes away."""
    from dsl.load import comments

    if count := comments(data.decode("utf-8", "replace")):
        lost = "its comment is" if count == 1 else f"its {count} comments are"
        _say(line(f"{file} is written anew: {lost} lost, and how it was laid out. Use --out to keep it."), err=True)


def _version() -> str:
    from importlib.metadata import version

    return version("flowstill")


@click.command()
@_FILE
@_FROM
@_JSON
def inspect(file: str, dialect: str | None, as_json: bool) -> None:
    """Say what the workflow FILE is: platform, inputs, models, knowledge bases, tools, secrets, what it needs."""
    from dsl.summary import summarise, words

    plain = summarise(_flow(file, read(file), dialect))
    _say(json.dumps(plain, ensure_ascii=False, indent=2) if as_json else words(plain))


@click.command()
@_FILE
@_FROM
@click.option("--out", "-o", default="-", help="The picture: x.svg, x.mmd (Mermaid) or x.html; - is stdout.")
@click.option("--format", "form", default=None, help="svg mmd html; what OUT ends with otherwise, svg on stdout.")
def draw(file: str, dialect: str | None, out: str, form: str | None) -> None:
    """Draw the workflow FILE."""
    import dsl

    ending = Path(out).suffix.lstrip(".").lower() if out != "-" else ""
    _write(out, dsl.draw(_flow(file, read(file), dialect), form or ending or "svg"))


@click.command()
@click.argument("one", metavar="A")
@click.argument("other", metavar="B")
@_JSON
def diff(one: str, other: str, as_json: bool) -> None:
    """Say in words what changed from the workflow A to B, which may be of different platforms."""
    from dsl.changes import diff as changes

    found = changes(*(_flow(each, read(each), None) for each in (one, other)))
    if as_json:
        _say(json.dumps([vars(change) for change in found], ensure_ascii=False, indent=2))
    else:
        _say("\n".join(line(str(change)) for change in found) or "The same workflow.")


def _flow(file: str, data: bytes, dialect: str | None) -> Flow:
    import dsl

    with _naming("stdin" if file == "-" else file):
        return dsl.read(data, dialect)


def _options(given: tuple[str, ...]) -> dict[str, str]:
    for each in given:
        if each.find("=") < 1:
            raise UsageError(f"--option {each}: NAME=VALUE is wanted.")
    return dict(each.split("=", 1) for each in given)


def _tell(written: Written) -> None:
    """The notes, worst first; small details as a count, for the report has them."""
    detail = [note for note in written.notes if note.code.startswith(("layout.", "leaf."))]
    told = [note for note in written.notes if note not in detail]
    for note in sorted(told, key=lambda note: -SEVERITIES.index(note.severity)):
        _say(line(_in_words(note)), err=True)
    if detail:
        click.echo(f"{len(detail)} notes on single values and on layout: --report FILE has them.", err=True)


def _say(text: str, *, err: bool = False) -> None:
    """What is told quotes the file: nothing of it may move the cursor or set the clipboard."""
    click.echo(shown(text), err=err)


def _in_words(note: Note) -> str:
    where = f"{note.title or note.node}: " if note.node else ""
    return f"{note.severity.replace('_', ' ')}: {where}{note.message} {note.suggestion}".rstrip() + f" [{note.code}]"


def _write(out: str, data: str | bytes) -> None:
    raw = data.encode() if isinstance(data, str) else data
    if out != "-":
        save(out, raw)
    elif isinstance(data, bytes) and sys.stdout.isatty():
        raise UsageError("The result is an archive: name a file with --out.")
    else:
        sys.stdout.buffer.write(raw)
        sys.stdout.buffer.flush()


def _write_others(out: str, others: dict[str, str | bytes]) -> None:
    """Workflows that the one written calls stand beside it: x.json, x.NAME.json."""
    for name, data in others.items():
        if out != "-" and Path(out).is_file():
            _write(_beside_out(out, name), data)
        else:
            _say(line(f"{name} is a workflow that this one calls: --out FILE writes it beside FILE."), err=True)


def _beside_out(out: str, name: str) -> str:
    root, ending = os.path.splitext(out)
    return f"{root}.{name}{ending}"


VERBS = (convert, check, inspect, diff, draw)
