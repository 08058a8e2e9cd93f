"""Nodes that the common form has no word of its own for: those of a service are tools, the rest stays opaque."""

from typing import TYPE_CHECKING

from dsl.ir import Node, Value
from dsl.n8n import subnodes, tables
from dsl.n8n.source import Raw

if TYPE_CHECKING:
    from dsl.n8n.read import Reader

FIXED = ("resource", "operation", "authentication", "options", "additionalFields")


def tool(reader: "Reader", raw: Raw, node: Node) -> None:
    """A node of a service: which one, and its credential, is a resource; what refers to something is an input."""
    node.kind = "tool"
    node.params["tool"] = reader.resource(subnodes.resource(raw, "tool", raw.name))
    settings: dict[str, Value] = {}
    for name, value in raw.params.items():
        read = reader.value(value, raw)
        if isinstance(name, str) and name not in FIXED and _refers(read):
            node.inputs[name] = read
        else:
            settings[name] = read
    node.params["settings"] = settings
    subnodes.fold(reader, raw, node)


def _refers(value: Value) -> bool:
    if isinstance(value, dict):
        return any(map(_refers, value.values()))
    return any(map(_refers, value)) if isinstance(value, list) else not isinstance(value, (str, int, float, type(None)))


def opaque(reader: "Reader", raw: Raw, node: Node) -> None:
    node.kind, node.params = "opaque", {"type": raw.data["type"]}
    node.inputs = {str(name): reader.value(value, raw) for name, value in raw.params.items()}
    subnodes.fold(reader, raw, node)
    if raw.kind in tables.STREAMS:
        reader.note(raw, "degraded", "items.many", "It works on several items at once, which no other platform does.")
