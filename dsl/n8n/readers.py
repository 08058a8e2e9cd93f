"""What a node of n8n is in the common form: a function for each sort of node, here or in a file of its own."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from dsl.ir import Node, Ref, Value
from dsl.n8n import (
    answers,
    asking,
    branches,
    calls,
    items,
    lists,
    merged,
    others,
    python,
    sets,
    shims,
    sorts,
    text,
    triggers,
    written,
)
from dsl.n8n.source import Raw, is_number

if TYPE_CHECKING:
    from dsl.n8n.read import Reader


def read(reader: "Reader", raw: Raw, node: Node) -> None:
    READERS[sorts.sort(raw)](reader, raw, node)


def _pass(reader: "Reader", raw: Raw, node: Node) -> None:
    node.kind = "pass"


def _wait(reader: "Reader", raw: Raw, node: Node) -> None:
    if raw.params.get("resume", "timeInterval") != "timeInterval":
        others.opaque(reader, raw, node)
        return
    node.kind = "pass"
    amount, unit = raw.params.get("amount", 5 if raw.version > 1 else 1), raw.params.get("unit", "seconds")
    message = f"It waits for {amount} {unit}; no other platform has a pause, control passes at once there."
    reader.note(raw, "degraded", "kind.unsupported", message)


def _note(reader: "Reader", raw: Raw, node: Node) -> None:
    node.kind = "note"
    content = raw.params.get("content", "")
    size = [raw.params.get("width", 240), raw.params.get("height", 160)]
    size = size if all(map(is_number, size)) else [240, 160]
    node.params = {"text": content if isinstance(content, str) else "", "size": size}


def _set(reader: "Reader", raw: Raw, node: Node) -> None:
    if raw.mark and raw.mark[0] == "inputs" and raw.name in {owner.name for owner in reader.before.values()}:
        node.kind = "start"
        triggers.read_inputs(reader, raw, node)
    else:
        sets.read(reader, raw, node)


def _code(reader: "Reader", raw: Raw, node: Node) -> None:
    language = raw.params.get("language", "javaScript")
    in_python = isinstance(language, str) and language.startswith("python")
    if in_python and python.read(reader, raw, node):
        return
    source = raw.params.get("pythonCode" if in_python else "jsCode", raw.params.get("functionCode", ""))
    source = source if isinstance(source, str) else ""
    if raw.kind == "code" and (shim := shims.parsed(source)) and shim.role in written.SHIMS:
        written.SHIMS[shim.role](reader, raw, node, shim)
        return
    once = raw.params.get("mode", "runOnceForAllItems") == "runOnceForAllItems" and raw.kind != "functionItem"
    node.kind = "code"
    node.params = {
        "lang": "python3" if in_python else "javascript",
        "source": source,
        "style": "items" if once else "item",
    }
    node.inputs = _read_by_code(reader, raw, source)
    for maker in items.makers(reader, raw):
        sets.tell(reader, maker)
        region = reader.regions.get(maker.name)
        loops = region is not None and region.kind == "batches" and raw.name not in region.body
        if loops or (region is None and items.gives(maker)):
            reader.whole.add(maker.name)


def _read_by_code(reader: "Reader", raw: Raw, source: str) -> dict[str, Value]:
    """The nodes that code calls by name: whoever renames one finds the code by these."""
    found: dict[str, Value] = {}
    for *_, path, _refs in text.reads(source, lambda path: ()):
        other = reader.nodes.get(path.name) if path.root == "node" else None
        if other and other.name not in reader.source.serves and other.kind != "stickyNote":
            region = reader.own.get(other.name)
            found[other.name] = Ref(region.owner.id if region and region.end is other else other.id, ())
            reader.over(raw, other)
    return found


def _stop(reader: "Reader", raw: Raw, node: Node) -> None:
    node.kind = "stop"
    node.params["message"] = reader.words(raw.params.get("errorMessage", raw.params.get("errorObject", "")), raw)


READERS: dict[str, Callable[["Reader", Raw, Node], None]] = {
    "trigger": triggers.read,
    "pass": _pass,
    "wait": _wait,
    "note": _note,
    "set": _set,
    "if": branches.read_if,
    "switch": branches.read_switch,
    "code": _code,
    "http": calls.http,
    "subflow": calls.subflow,
    "document": calls.document,
    "stop": _stop,
    "merge": merged.merge,
    "list": lists.read,
    "aggregate": lists.aggregate,
    "respond": answers.respond,
    "form": answers.form,
    "chat": answers.chat,
    "chain": asking.chain,
    "agent": asking.agent,
    "openai": asking.open_ai,
    "classify": asking.classify,
    "extract": asking.extract,
    "retrieve": asking.retrieve,
    "tool": others.tool,
    "opaque": others.opaque,
}
