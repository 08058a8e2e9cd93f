"""Where RAGFlow takes one reference and nothing else, a text is put together by a step in front."""

from collections.abc import Callable
from functools import partial
from typing import Any

from dsl.computed import insert
from dsl.ir import Graph, Node, Ref, Script, Text, Value
from dsl.values import unique

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
        node.inputs = {name: value if isinstance(value, str) else put(value) for name, value in node.inputs.items()}
    elif node.kind == "if":
        node.params["cases"] = [_compared(case, put) for case in node.params.get("cases", [])]


def _compared(group: dict[str, Any], put: Put) -> dict[str, Any]:
    if "conditions" in group:
        return group | {"conditions": [_compared(each, put) for each in group["conditions"]]}
    return group | {"left": put(group.get("left"))}


def _in_front(graph: Graph, node: Node, made: dict[Value, Ref], taken: set[str], joined: Joined, value: Value) -> Value:
    if not _is_text(value):
        return value
    if value not in made:
        params, title = {"template": value}, f"Text for {node.title or node.id}"
        before = Node(unique(f"{node.id}_text", taken), "template", title, params=params)
        insert(graph, before, node)
        joined(node, before)
        made[value] = Ref(before.id, ("output",))
    return made[value]


def _is_text(value: Value) -> bool:
    if isinstance(value, Text):
        return not any(isinstance(part, Script) for part in value.parts)
    return isinstance(value, str) and value != ""
