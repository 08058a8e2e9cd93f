"""Workflow files of Dify, Coze, n8n and RAGFlow and their common form. Pure: data in, data and notes out.

flow = dsl.read(data)                  # which platform wrote it is found out
written = dsl.write(flow, "n8n")       # written.data is the file, written.notes what does not travel unchanged
"""

import inspect
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any


class DslError(Exception):
    """A workflow file that cannot be read or written; the message names the file, the place and what to do."""

    def __str__(self) -> str:
        """Without the secrets that it quotes: an error is what people send around."""
        from dsl.hiding import discreet

        return str(discreet(super().__str__()))


class OptionError(DslError):
    """A dialect, a form or an option that does not exist."""


from dsl import load, signatures  # noqa: E402  (they raise DslError)
from dsl.audit import unreported  # noqa: E402
from dsl.dialects import DIALECTS, Dialect, dialect_of, joined, named  # noqa: E402
from dsl.hiding import discreet, hidden  # noqa: E402
from dsl.ir import Flow, Resource  # noqa: E402
from dsl.merge import same  # noqa: E402
from dsl.notes import Note, worst  # noqa: E402
from dsl.renamed import original  # noqa: E402
from dsl.secrets import mask, secrets_of  # noqa: E402
from dsl.sidecar import Sidecar, restore  # noqa: E402
from dsl.values import walk  # noqa: E402

if TYPE_CHECKING:
    from dsl.changes import Change
    from dsl.lint import Finding

__all__ = [
    "DIALECTS",
    "DslError",
    "Flow",
    "Note",
    "OptionError",
    "Written",
    "check",
    "diff",
    "draw",
    "read",
    "restored",
    "sniff",
    "without_secrets",
    "worst",
    "write",
]


@dataclass(frozen=True)
class Written:
    """What `write` made."""

    data: str | bytes  # what the file holds
    notes: list[Note] = field(default_factory=list)
    rebind: list[Resource] = field(default_factory=list)  # what has to be bound again on the target
    document: Any = None  # the file as plain data, to look at: what it shares with the flow is not copied
    beside: dict[str, str | bytes] = field(default_factory=dict)  # by name, workflows that it calls, each a file too


def sniff(data: bytes | bytearray | str) -> str:
    """The dialect of a file: a key of DIALECTS. DslError says why none fits."""
    return recognised(data)[0]


def read(data: bytes | bytearray | str, dialect: str | None = None) -> Flow:
    """A file as a flow. DslError: it cannot be read, or is not of the dialect named; no other exception leaves here."""
    found, document = recognised(data, dialect)
    return named(found).read(document)


def recognised(data: bytes | bytearray | str, dialect: str | None = None) -> tuple[str, Any]:
    """The dialect of a file and the whole of it as plain data. DslError: it is neither of any nor of the one named."""
    document = None
    data = bytes(data) if isinstance(data, bytearray) else data
    for name in [dialect] if dialect else DIALECTS:
        if isinstance(data, bytes) and (document := named(name).unpack(data)) is not None:
            return name, document
    if isinstance(data, bytes) and (kind := signatures.kind(data)):
        none = f" and no file of {dialect}" if dialect else ": there is no workflow in it"
        raise DslError(f"This is {kind}{none}.")
    document = load.load(load.text(data))
    found = dialect_of(document, dialect)
    is_unpacked = getattr(named(found), "is_unpacked", None)
    if is_unpacked and is_unpacked(document):
        raise DslError(f"This is text that poses as the inside of an archive of {found}: the archive is wanted here.")
    return found, document


def check(flow: Flow) -> "list[Finding]":
    """What will not work, or not as it looks: errors first, then warnings, in the order of the file."""
    from dsl.lint import check as lint

    return lint(flow)


def diff(one: Flow, other: Flow) -> "list[Change]":
    """The changes that lead from one flow to another, in words; the two may be of different dialects."""
    from dsl.changes import diff as changes

    return changes(one, other)


def draw(flow: Flow, form: str = "svg") -> str:
    """The flow as "svg", "mmd" (Mermaid) or "html" (a page with zoom and search). DslError: another form."""
    from dsl.drawing import draw as drawn

    return drawn(flow, form)


def write(flow: Flow, dialect: str, **options: Any) -> Written:
    """A flow as a file of a dialect; the options are those of the dialect's `build`.

    In the dialect that it was read from, what was not changed is written as it was, its secrets too. In another, notes
    name every value that the way back would not restore, and every secret, which is left out. DslError: unknown dialect
    or option.
    """
    target = named(dialect)
    if not isinstance(flow, Flow):
        raise DslError(f"What is written is a flow, as dsl.read gives it, and not {type(flow).__name__}.")
    if options:
        _check_options(dialect, target, options)
    if flow.dialect == dialect and flow.raw is not None:
        return _reshaped(target, *_changed(flow, target), options)
    document, notes, resources, others = _converted(flow, target, options)
    beside = {name: target.dump(other) for name, other in others.items()}
    return Written(target.dump(document), notes, [] if flow.dialect == dialect else resources, document, beside)


def without_secrets(flow: Flow) -> tuple[Flow, list[Note]]:
    """The flow as it is read where `${NAME}` stands for each secret in its file, and a note for each such place."""
    if flow.raw is None:
        return mask(flow)
    document, places = hidden(_changed(flow, named(flow.dialect))[0], secrets_of(flow))
    told = Note("needs_binding", "secret.found", "A secret stood here; it is not in the file.", "Put it in again.")
    notes = [replace(told, source_pointer=place) for place in places]
    return (named(flow.dialect).read(document) if places else flow), notes


def restored(flow: Flow, sidecar: Sidecar, original: bytes = b"", **options: Any) -> Written:
    """A flow back in the dialect it once came from, with all that the sidecar kept and what was changed since."""
    target = named(sidecar.dialect)
    _check_options(sidecar.dialect, target, options)
    return _reshaped(target, *restore(flow, sidecar, original), options)


def _check_options(dialect: str, target: Dialect, options: dict[str, Any]) -> None:
    known = list(inspect.signature(target.build).parameters)[1:]
    if odd := next((name for name in options if name not in known), None):
        raise OptionError(f"{dialect} has no option {odd!r}. It has: {', '.join(known) or 'none'}.")


def _converted(
    flow: Flow, target: Dialect, options: dict[str, Any]
) -> tuple[Any, list[Note], list[Resource], dict[str, Any]]:
    """The document, notes, what is to be bound again, and what has to be a document of its own, by name."""
    keeps_all = target is named("ir") and flow.raw is not None  # the common form carries the document itself
    masked, secrets = without_secrets(flow) if keeps_all else mask(flow)
    masked = masked if keeps_all else original(masked)
    document, notes = target.build(masked, **options)
    notes = [*flow.notes, *secrets, *_untold(_by_id(notes, flow, masked), flow.notes)]
    beside = getattr(target, "beside", None)
    others = beside(masked, **options) if beside else {}
    notes += unreported(flow, document, named(flow.dialect), target, notes)
    notes = [*dict.fromkeys(notes)]  # a node that has two values of a kind says the same of both
    return document, discreet(notes, secrets_of(flow).told()) if secrets else notes, masked.resources, others


def _by_id(notes: list[Note], flow: Flow, renamed: Flow) -> list[Note]:
    """Notes that name nodes by the ids that they have in the file."""
    pairs = zip(walk(renamed.graph), walk(flow.graph), strict=True)
    ids = {new.id: node.id for (new, _, _), (node, _, _) in pairs if new.id != node.id}
    return [replace(note, node=ids[note.node]) if note.node in ids else note for note in notes] if ids else notes


def _untold(notes: list[Note], told: list[Note]) -> list[Note]:
    """Without what was told of the same node when it was read: that what it calls is to be bound, wherever it goes."""
    known = {(note.node, note.code) for note in told if note.code.startswith("resource.")}
    return [note for note in notes if (note.node, note.code) not in known]


def _reshaped(target: Dialect, document: Any, notes: list[Note], options: dict[str, Any]) -> Written:
    """A document of the target's own as the options want it."""
    if not options:
        return Written(target.dump(document), notes, [], document)
    made, notes = target.reshaped(document, notes, **options)  # type: ignore[attr-defined]
    apart = getattr(target, "apart", None)
    others = apart(document, **options) if apart else {}
    return Written(target.dump(made), notes, [], made, {name: target.dump(each) for name, each in others.items()})


def _changed(flow: Flow, target: Dialect) -> tuple[Any, list[Note]]:
    """The document that was read with what the flow has changed since, in its own dialect."""
    before, _ = target.build(target.read(flow.raw))
    after, notes = target.build(flow)
    return (flow.raw, []) if same(before, after) else (joined(target, flow.raw, before, after), notes)
