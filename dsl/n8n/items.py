"""Items: who gives several of them, what runs for each, and what of an item is known where it comes in."""

import re
from typing import TYPE_CHECKING

from dsl.computed import ALL
from dsl.ir import Ref, Script, Value
from dsl.n8n import sets, sorts, subnodes, tables, text
from dsl.n8n.source import Raw

if TYPE_CHECKING:
    from dsl.n8n.read import Reader

_LOST = "(() => {{ throw new Error({message}) }})()"


def lost(reader: "Reader", raw: Raw, message: str) -> Script:
    """An expression that says, when it is reached, why there is no value."""
    reader.note(raw, "stub", "items.many", message, "Make the list in a code node.")
    return Script("n8n", _LOST.format(message=text.string(message)))


def gives(raw: Raw) -> bool:
    """Whether a node itself decides how many items it gives."""
    return sorts.sort(raw) in ("code", "tool", "retrieve") and not raw.disabled and not raw.mark


def is_code(raw: Raw) -> bool:
    return sorts.sort(raw) == "code" and not raw.disabled and not raw.mark


def incoming(reader: "Reader", raw: Raw, makers: list[Raw]) -> Value:
    """The item that comes into a node from its makers; of code and the like all they give (see rounds.py, `_flat`)."""
    if len(makers) == 1 and gives(makers[0]):
        return every(reader, makers[0])
    fields = sets.known_fields(reader, raw, makers[0]) if len(makers) == 1 else {}
    if fields:
        return fields
    whole = reader.ref(raw, makers[0], ()) if len(makers) == 1 else None
    if whole is not None and whole.path:
        return whole
    named = ", ".join(sorted(maker.name for maker in makers)) or "nothing"
    return lost(reader, raw, f"What it takes of each item comes from {named}: its fields are not known.")


def makers(reader: "Reader", raw: Raw) -> list[Raw]:
    return [reader.nodes[name] for name, _ in sorted(reader.producers(raw, ()))]


def every(reader: "Reader", maker: Raw) -> Ref:
    reader.whole.add(maker.name)
    return Ref(maker.id, (ALL,))


def streams(reader: "Reader") -> dict[str, str]:
    """The nodes that several items come to, and who gave those, as far as is known."""
    found: dict[str, str] = {}
    for giver in reader.main:
        stack = [giver.name] if _gives_many(reader, giver) else []
        while stack:
            after = [link.target for link in reader.source.out[stack.pop()] if link.target not in found]
            found.update(dict.fromkeys(after, giver.name))
            stack += [name for name in after if not _gathers(reader, reader.nodes[name])]
    return found


def _gathers(reader: "Reader", raw: Raw) -> bool:
    """Whether what follows a node does not run for each item that came to it."""
    return raw.kind == "aggregate" or raw.name in reader.own or raw.kind in tables.STREAMS or is_code(raw)


def runs_for_each(reader: "Reader", raw: Raw) -> bool:
    """Whether a node runs for each item that comes in, where a node of the common form runs once."""
    alone = raw.disabled or raw.kind in ("stickyNote", "noOp") or tables.is_trigger(raw.kind)
    of_all = _gathers(reader, raw) or sorts.sort(raw) == "list"
    return not alone and not of_all and raw.name not in reader.inside


_RETURNS_MANY = re.compile(
    r"\breturn (items|\$input\.all\(\))\s*(;|\Z)|\breturn [^{};]{1,200}?\.map\(|\.push\(\s*\{\s*json\b"
)


def _gives_many(reader: "Reader", raw: Raw) -> bool:
    """Whether a tool gives an item for each record, a store for each passage, code or a model for several values."""
    if raw.mark or raw.disabled:
        return False
    if sorts.sort(raw) == "chain":
        parser = subnodes.parser(reader.source, raw.name)
        return parser is not None and parser.kind == subnodes.ITEM_LIST
    if sorts.sort(raw) == "retrieve":
        return bool(raw.params.get("topK", 4) != 1)
    if sorts.sort(raw) == "code":
        source = raw.params.get("jsCode", raw.params.get("functionCode"))
        return isinstance(source, str) and _RETURNS_MANY.search(source) is not None
    operation = raw.params.get("operation", tables.READS.get(raw.kind))
    return sorts.sort(raw) == "tool" and isinstance(operation, str) and operation in tables.MANY


def whole(reader: "Reader", raw: Raw) -> Value:
    """The item that a node gives: n8n's own word for it, which no other platform has."""
    return Script("n8n", f"$('{raw.name}').item.json", (Ref(raw.id, ()),)) if "'" not in raw.name else None
