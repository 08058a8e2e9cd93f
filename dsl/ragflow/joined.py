"""Where RAGFlow takes one reference and nothing else, a text is put together by a step in front, a constant made."""

from collections.abc import Callable
from functools import partial
from typing import Any

from dsl.bodies import TYPES
from dsl.computed import insert
from dsl.ir import Graph, Node, Ref, Script, Text, Type, Value
from dsl.ragflow.constants import is_constant
from dsl.values import refs, unique

Joined = Callable[[Node, Node], None]  # told for each: the node, the template in front
Put = Callable[[Value], Value]


def join(graph: Graph, taken: set[str], joined: Joined) -> None:
    """Put such a step before each node that needs it, in bodies as well."""
    for node in list(graph.nodes):
        if node.body is not None:
            join(node.body, taken, joined)
        _rewrite(node, partial(_in_front, graph, node, {}, taken, joined))


def _rewrite(node: Node, put: Put) -> None:
    """Let `put` change what stands where only a reference may."""
    if node.kind == "classify":
        node.params["query"] = put(node.params.get("query"))
    elif node.kind == "json_parse":
        node.params["value"] = put(node.params.get("value"))
    elif node.kind == "code":
        node.inputs = {name: _put(value, put) for name, value in node.inputs.items()}
    elif node.kind == "iterate":
        node.inputs = {name: put(value) for name, value in node.inputs.items()}
    elif node.kind == "loop":
        held = node.params.get("variables", {}).items()
        node.params["variables"] = {name: {**each, "value": _put(each.get("value"), put)} for name, each in held}
    elif node.kind == "aggregate":
        node.params["groups"] = [_gathered(each, put) for each in node.params.get("groups", [])]
    elif node.kind == "if":
        node.params["cases"] = [_compared(case, put) for case in node.params.get("cases", [])]


def _put(value: Value, put: Put) -> Value:
    """Where words that refer to nothing may stand as well."""
    return value if isinstance(value, str) else put(value)


def _gathered(group: dict[str, Any], put: Put) -> dict[str, Any]:
    return group | {"values": [put(value) for value in group.get("values", []) if value not in (None, "")]}


def _compared(group: dict[str, Any], put: Put) -> dict[str, Any]:
    if "conditions" in group:
        return group | {"conditions": [_compared(each, put) for each in group["conditions"]]}
    return group | {"left": put(group.get("left"))}


def _in_front(graph: Graph, node: Node, made: dict[str, Ref], taken: set[str], joined: Joined, value: Value) -> Value:
    asked = is_constant(value) if node.kind in ("iterate", "aggregate") else False
    if not (asked or _is_text(value) or (isinstance(value, dict | list) and any(refs(value)))):
        return value
    if repr(value) not in made:
        before = _text(node, value, taken) if _is_text(value) else _constant(node, value, taken)
        insert(graph, before, node)
        joined(node, before)
        made[repr(value)] = Ref(before.id, ("output",))
    return made[repr(value)]


def _text(node: Node, value: Value, taken: set[str]) -> Node:
    title = f"Text for {node.title or node.id}"
    return Node(unique(f"{node.id}_text", taken), "template", title, params={"template": value})


def _constant(node: Node, value: Value, taken: set[str]) -> Node:
    title, outputs = f"Value for {node.title or node.id}", {"output": TYPES.get(type(value), Type())}
    return Node(unique(f"{node.id}_value", taken), "set", title, inputs={"output": value}, outputs=outputs)


def _is_text(value: Value) -> bool:
    if isinstance(value, Text):
        return not any(isinstance(part, Script) for part in value.parts)
    return isinstance(value, str) and value != ""
