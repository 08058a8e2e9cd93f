"""The sidecar: what a file held, beside the file written from it, so that nothing is lost on the way back.

It holds no secret: where one stood there is `${NAME}`, and on the way back it is read again from the original file, if
that still is what it was.
"""

import copy
import hashlib
from dataclasses import dataclass, field, replace
from typing import Any

from dsl import DslError, load
from dsl.dialects import named
from dsl.hiding import hidden
from dsl.ir import Flow
from dsl.irjson import decode, encode
from dsl.merge import merge, same
from dsl.notes import Note
from dsl.secrets import secrets_of
from dsl.values import nodes

VERSION = "1"


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

    def plain(self) -> dict[str, Any]:
        """As JSON can hold it."""
        inner = {name: encode(getattr(self, name)) for name in self.__dataclass_fields__}
        return {"flowstill_sidecar": VERSION} | inner

    def is_of(self, data: bytes) -> bool:
        """Whether it was made from this very file."""
        return bool(data) and hashlib.sha256(data).hexdigest() == self.sha256


def make(flow: Flow, target: str, written: Any, *, file: str = "", data: bytes = b"") -> Sidecar:
    document, secrets = hidden(flow.raw, secrets_of(flow))
    return Sidecar(flow.dialect, target, document, written, file, hashlib.sha256(data).hexdigest(), secrets)


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
    if not all(isinstance(word, str) for word in (made.dialect, made.target, made.file, made.sha256, *places)):
        raise DslError(f"This is no sidecar of version {VERSION}: all but its documents is text.")
    return made


def restore(flow: Flow, sidecar: Sidecar, original: bytes = b"") -> tuple[Any, list[Note]]:
    """The document that `sidecar` keeps, with what `flow` has changed since.

    `original` gives the secrets back, when it is the file that the sidecar was made from.
    """
    mine, notes = _with_secrets(sidecar, original)
    source, target = named(sidecar.dialect), named(sidecar.target)
    source.read(mine)  # which says what is wrong with a document that is none
    if same(flow.raw, sidecar.written):
        return mine, notes
    written = target.read(sidecar.written)
    if not _of_one(flow, written):
        raise DslError(
            f"This is the sidecar of another flow ({_about(written, sidecar)}): nothing of it is in this file."
        )
    before, _ = source.build(written)
    after, more = source.build(flow)
    return merge(mine, before, after), notes + [note for note in more if note.node not in _known(sidecar)]


def _of_one(flow: Flow, written: Flow) -> bool:
    """Whether one may be the other, edited: some step is in both. Beginnings and ends look alike everywhere."""
    one, other = (
        {(node.id, node.title) for node in nodes(each).values() if node.kind not in ("start", "end", "note")}
        for each in (flow, written)
    )
    return bool(one & other) or not one or not other


def _about(written: Flow, sidecar: Sidecar) -> str:
    return f"{written.name!r}" + (f", from {sidecar.file}" if sidecar.file else "")


def refuse_another(kept: Sidecar, made: Sidecar) -> None:
    """DslError when writing what was made would take another file's sidecar away, or that of another target."""
    if kept.file and made.file and kept.file != made.file and kept.sha256 != made.sha256:
        raise DslError(f"This is the sidecar of {kept.file}, which would be lost: name another file.")
    if kept.sha256 == made.sha256 and kept.target != made.target:
        what = f"This is the sidecar of what {kept.file or 'this file'} became on {kept.target}"
        raise DslError(f"{what}, which could not come back without it: name another file.")


def _known(sidecar: Sidecar) -> set[str]:
    """Nodes that the source had: what building them anew would lose, the sidecar restores."""
    return set(nodes(named(sidecar.target).read(sidecar.written)))


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
