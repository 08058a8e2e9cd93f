"""Coze sets a variable as a whole: what counts it up or adds to it is computed by a code node in front."""

import copy
from collections.abc import Callable
from typing import Any

from dsl.computed import insert
from dsl.ir import Graph, Node, Ref, Type, Value
from dsl.steps import arguments, expression, printing
from dsl.values import map_refs, unique

Typed = Callable[[Ref], Type]
Told = Callable[[Node, Node], None]  # for each: the assignment, the node in front

_CHANGES = {  # {0} is what the variable holds, null at first where nothing was set
    "append": "[*({0} or []), {1}]",
    "extend": "[*({0} or []), *({1} or [])]",
    "add": "({0} or 0) + {1}",
    "subtract": "({0} or 0) - {1}",
    "multiply": "({0} or 0) * {1}",
    "divide": "({0} or 0) / {1}",
    "remove_first": "({0} or [])[1:]",
    "remove_last": "({0} or [])[:-1]",
}
_NUMBER, _LIST = Type("number"), Type("array", items=Type("string"))
_EMPTY: dict[str, Any] = {"array": [], "object": {}, "number": 0, "integer": 0, "boolean": False}


def compute(graph: Graph, typed: Typed, taken: set[str], computed: Told, split: Told) -> None:
    """Put such a code node before each assignment that does more than set, in bodies as well.

    Variables of a loop and others are set by nodes of different kinds: the others get one of their own, in front.
    """
    for node in list(graph.nodes):
        if node.body is not None:
            compute(node.body, typed, taken, computed, split)
        if node.kind != "assign" or _is_plain(node):
            continue
        before, others = _before(node, typed, taken), _others(node, taken)
        if before.outputs:
            insert(graph, before, node)
            computed(node, before)
        if others.params["items"]:
            insert(graph, others, node)
            split(node, others)


def _is_plain(node: Node) -> bool:
    items = node.params.get("items", [])
    return all(each.get("op", "set") == "set" for each in items) and len({_of_loop(each) for each in items}) < 2


def _of_loop(item: dict[str, Any]) -> bool:
    return bool(item["target"].scope == "loop")


def _others(node: Node, taken: set[str]) -> Node:
    """What is not of a loop in an assignment that has both, which keeps the rest."""
    items = node.params["items"]
    both = len({_of_loop(each) for each in items}) > 1
    others = [each for each in items if both and not _of_loop(each)]
    node.params["items"] = [each for each in items if each not in others]
    return Node(unique(f"{node.id}_others", taken), "assign", node.title, "", {"items": others})


def _before(node: Node, typed: Typed, taken: set[str]) -> Node:
    """The code node; the assignment only sets then, to what comes out last of it."""
    id_, names = unique(f"{node.id}_values", taken), arguments(node)
    inputs: dict[str, Value] = {name: ref for ref, name in names.items()}
    now: dict[Ref, Value] = {}  # what the variables hold after the changes so far
    outputs: dict[str, Type] = {}
    lines = ""
    for each in node.params["items"]:
        target, op = each["target"], each.get("op", "set")
        value = map_refs(each.get("value"), lambda ref: now.get(ref, ref))
        if op == "clear":
            value = copy.copy(_EMPTY.get(typed(target).name, ""))
        elif op != "set":
            name = f"value{len(outputs)}"
            made = _CHANGES[op].format(expression(now.get(target, target), names), expression(value, names))
            lines, outputs = f"{lines}    {name} = {made}\n", outputs | {name: _type(op, typed(target))}
            value = Ref(id_, (name,))
            names[value] = name
        now[target] = value
    node.params["items"] = [{"target": target, "op": "set", "value": value} for target, value in now.items()]
    given = "".join(f"    {name} = args.params.get({name!r})\n" for name in inputs)
    found = ", ".join(f"{name!r}: {name}" for name in outputs)
    params = {
        "lang": "python3",
        "style": "args",
        "source": f"async def main(args):\n{given}{printing(lines)}{lines}    return {{{found}}}\n",
    }
    return Node(id_, "code", f"Values of {node.title or node.id}", "", params, inputs, outputs)


def _type(op: str, held: Type) -> Type:
    """The type of what comes out, where the variable is not declared too."""
    if held.name in ("number", "integer", "array"):
        return held
    return _NUMBER if op in ("add", "subtract", "multiply", "divide") else _LIST
