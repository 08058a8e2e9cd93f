"""The sidecar: what a file held, beside the file written from it, so that nothing is lost on the way back.

It holds no secret: where one stood there is `${NAME}`, and on the way back it is read again from the original file, if
that still is what it was.
"""

import copy
import hashlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from dsl import DslError, load
from dsl.dialects import Dialect, again, joined, named
from dsl.hiding import hidden
from dsl.ir import Flow, Node
from dsl.irjson import decode, encode
from dsl.merge import same
from dsl.notes import Note
from dsl.renamed import original as with_own_names
from dsl.secrets import mask, secrets_of
from dsl.values import copied, graphs, nodes, rename

if TYPE_CHECKING:
    from dsl.lint import Finding

VERSION = "1"
MAX_BYTES = 3 * load.MAX_BYTES  # of a sidecar, which holds two documents


@dataclass(frozen=True)
class Sidecar:
    """`document` is what was read, `written` what it became; `secrets` are pointers into the former."""

    dialect: str
    target: str
    document: Any
    written: Any
    file: str = ""  # the name of the original
    sha256: str = ""  # of its bytes
    secrets: list[str] = field(default_factory=list)
    back: str = ""  # the same as `sha256` of what was last written over the original on the way back

    def plain(self) -> dict[str, Any]:
        """As JSON can hold it."""
        inner = {name: encode(getattr(self, name)) for name in self.__dataclass_fields__}
        return {"flowstill_sidecar": VERSION} | inner

    def is_of(self, data: bytes) -> bool:
        """Whether it was made from this very file."""
        return bool(data) and _sha256(data) == self.sha256


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def make(flow: Flow, target: str, written: Any, *, file: str = "", data: bytes = b"") -> Sidecar:
    document, secrets = hidden(flow.raw, secrets_of(flow))
    return Sidecar(flow.dialect, target, document, written, file, _sha256(data), secrets)


def parse(plain: Any) -> Sidecar:
    """DslError when this is no sidecar, or one of another version."""
    if not isinstance(plain, dict) or plain.get("flowstill_sidecar") != VERSION:
        raise DslError(f"This is no sidecar of version {VERSION}.")
    try:
        made = Sidecar(
            **{name: decode(value, f"/{name}") for name, value in plain.items() if name != "flowstill_sidecar"}
        )
    except TypeError as error:
        raise DslError(f"This is no sidecar of version {VERSION}: {error}.") from None
    places = made.secrets if isinstance(made.secrets, list) else [None]
    if not all(
        isinstance(word, str) for word in (made.dialect, made.target, made.file, made.sha256, made.back, *places)
    ):
        raise DslError(f"This is no sidecar of version {VERSION}: all but its documents is text.")
    return made


def restore(flow: Flow, sidecar: Sidecar, original: bytes = b"") -> tuple[Any, list[Note]]:
    """The document that `sidecar` keeps, with what `flow` has changed since.

    `original` gives the secrets back, when it is the file that the sidecar was made from.
    """
    mine, notes = _with_secrets(sidecar, original)
    source, target = named(sidecar.dialect), named(sidecar.target)
    own = source.read(mine)  # which says what is wrong with a document that is none
    if same(flow.raw, sidecar.written):
        return mine, notes
    written = target.read(sidecar.written)
    if not _of_one(flow, written):
        raise DslError(
            f"This is the sidecar of another flow ({_about(written, sidecar)}): nothing of it is in this file."
        )
    (written, _), (flow, found) = mask(with_own_names(written)), mask(with_own_names(flow))
    written, flow = _with_ids_of(own, written, flow)
    before, after = (again(source, each, mine) for each in (written, flow))
    built, more = source.build(flow)
    merged = joined(source, mine, before, after)
    if not _is_joined(source, mine, before, after, merged):
        return built, [*found, *more, _APART]
    known = nodes(written)  # what building these anew would lose, the sidecar restores
    return merged, [*notes, *found, *(note for note in more if note.node not in known)]


def _with_ids_of(own: Flow, written: Flow, edited: Flow) -> tuple[Flow, Flow]:
    """Both flows with the ids that the nodes have in the original, where the platform wanted others."""
    from dsl.changes import pairs  # which no other way needs

    ids = {there: here for here, there in pairs(own, written).items() if here != there}
    taken = (nodes(written).keys() | nodes(edited).keys()) - ids.keys()
    ids = {there: here for there, here in ids.items() if here not in taken}
    copies = [replace(flow, graph=copied(flow.graph)) for flow in (written, edited)]
    for each in copies if ids else ():
        rename(each, ids)
    return copies[0], copies[1]


_APART = Note(
    "degraded",
    "sidecar.apart",
    "What was changed here does not fit into what the sidecar keeps: the file is as without it.",
    "Make the change in the original, and convert that again.",
)


def _is_joined(source: Dialect, mine: Any, before: Any, after: Any, merged: Any) -> bool:
    """Whether the merged document has the edges that were drawn, all that was changed, and no error of its own."""
    from dsl.changes import kept  # which no other way needs

    try:
        flows = [source.read(each) for each in (mine, before, after, merged)]
    except DslError:
        return False
    own, was, is_, joined = (_edges(each) for each in flows)
    helpers = (nodes(flows[1]).keys() & nodes(flows[2]).keys()) - nodes(flows[0]).keys()
    was, is_ = _without(was, helpers), _without(is_, helpers)
    gone, new = was - is_, is_ - was
    errors = [{(each.code, each.node) for each in _errors(flow)} for flow in (flows[0], flows[2], flows[3])]
    fits = gone <= own and joined == (own - gone) | new and errors[2] <= errors[0] | errors[1]
    return fits and kept(*flows[1:])


Ends = tuple[str, str, str]


def _edges(flow: Flow) -> set[Ends]:
    return {(edge.source, edge.port, edge.target) for graph in graphs(flow.graph) for edge in graph.edges}


def _without(edges: set[Ends], helpers: set[str]) -> set[Ends]:
    """The edges past nodes that only the way back puts in."""
    for helper in helpers:
        into, out = ({each for each in edges if each[place] == helper} for place in (2, 0))
        edges = (edges - into - out) | {(one[0], one[1], other[2]) for one in into for other in out}
    return edges


def _errors(flow: Flow) -> "list[Finding]":
    from dsl.lint import check

    return [each for each in check(flow) if each.level == "error"]


def _of_one(flow: Flow, written: Flow) -> bool:
    """Whether one may be the other, edited: some step is in both. Beginnings and ends look alike everywhere."""
    one, other = (
        {node.id: node for node in nodes(each).values() if node.kind not in ("start", "end", "note")}
        for each in (flow, written)
    )
    return any(_is_step(one[id_], other[id_]) for id_ in one.keys() & other.keys()) or not one or not other


def _is_step(one: Node, other: Node) -> bool:
    """Whether two of one id are one: ids alone are small numbers in many files. It may be called something else."""
    does, did = ((node.kind, node.params, node.inputs) for node in (one, other))
    return one.title == other.title or does == did


def _about(written: Flow, sidecar: Sidecar) -> str:
    return f"{written.name!r}" + (f", from {sidecar.file}" if sidecar.file else "")


def refuse_another(kept: Sidecar, made: Sidecar) -> None:
    """DslError when writing what was made would take another file's sidecar away, or that of another target."""
    if kept.file and made.file and kept.file != made.file and kept.sha256 != made.sha256:
        raise DslError(f"This is the sidecar of {kept.file}, which would be lost: name another file.")
    if kept.sha256 == made.sha256 and kept.target != made.target:
        what = f"This is the sidecar of what {kept.file or 'this file'} became on {kept.target}"
        raise DslError(f"{what}, which could not come back without it: name another file.")


def refuse_changed(kept: Sidecar, original: bytes) -> None:
    """DslError when writing over the original would take away what somebody has changed there since."""
    known = (kept.sha256,) if kept.secrets else (kept.sha256, kept.back)  # only of the first the secrets come back
    if _sha256(original) not in known:
        raise DslError(f"{kept.file} was changed since, and that would be lost: name another file with --out.")


def brought_back(kept: Sidecar, data: str | bytes) -> Sidecar:
    """The sidecar of an original that was written over with what came back: nobody else has changed it."""
    return replace(kept, back=_sha256(data.encode() if isinstance(data, str) else data))


def _with_secrets(sidecar: Sidecar, original: bytes) -> tuple[Any, list[Note]]:
    if not sidecar.secrets:
        return copy.deepcopy(sidecar.document), []
    if sidecar.is_of(original):
        return _document(original, sidecar.dialect), []
    told = Note(
        "needs_binding",
        "secret.found",
        f"A secret stood here; the sidecar does not keep it, and {sidecar.file or 'the original'} is not what it was.",
        "Put the secret in again.",
    )
    return copy.deepcopy(sidecar.document), [replace(told, target_pointer=place) for place in sidecar.secrets]


def _document(data: bytes, dialect: str) -> Any:
    unpacked = named(dialect).unpack(data)
    return load.load(load.text(data)) if unpacked is None else unpacked
