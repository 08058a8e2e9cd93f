"""Containers and branches as they were, once all that was found stands where it was wanted."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from dsl.dify.expressions import Call
from dsl.dify.lower.loops import COUNTS
from dsl.dify.recipes.found import Found, take_out
from dsl.ir import Edge, Graph, Node, Ref, Text
from dsl.loops import INDEX, ROUND
from dsl.values import map_refs, walk


def assign(found: Found, node: Node, graph: Graph, container: Node) -> None:
    items = node.params.get("items") or []
    if node.description == COUNTS:
        found.counted.add(container.id)
        entered = [edge.target for edge in graph.edges if edge.source == node.id]
        take_out(node, graph)
        graph.edges[:0] = [Edge(container.id, target, "body") for target in entered]
    elif len(items) == 1 and isinstance(items[0]["target"], Ref):
        name = str(items[0]["target"].path[0])
        container.params.setdefault("collect", {})[name] = items[0]["value"]
        container.params.get("variables", {}).pop(name, None)
        found.gone.append((node, graph))


def _loop(found: Found, node: Node) -> None:
    """The count that was tested as a condition is the count."""
    variables = node.params.get("variables", {})
    for name in (ROUND, INDEX):
        if node.id in found.counted:
            variables.pop(name, None)
            node.outputs.pop(name, None)
    until = node.params.get("until")
    if node.id in found.counted and until:
        kept = [each for each in until["conditions"] if each.get("left") != Ref(node.id, (ROUND,), "loop")]
        counts = [each["right"] for each in until["conditions"] if each not in kept]
        if counts:
            right = counts[0]
            node.params["count"] = right.parts[0] if isinstance(right, Text) and len(right.parts) == 1 else right
            node.params["until"] = {**until, "conditions": kept}
        if not kept:
            del node.params["until"]
    if node.params.get("variables") == {}:
        del node.params["variables"]


def _iterate(found: Found, node: Node) -> None:
    """Lists that were walked side by side, and the number of rounds that was cut to."""
    source = node.inputs.get("item")
    if not isinstance(source, Call):
        return
    if source.name == "first":
        node.inputs, node.params["limit"] = {"item": source.args[0]}, source.args[1]
    elif source.name == "rows":
        node.inputs = dict(source.args[0])
        if source.args[1] is not None:
            node.params["limit"] = source.args[1]

        def apart(ref: Ref) -> Ref:
            mine = ref.scope == "item" and ref.node == node.id and len(ref.path) > 1
            return replace(ref, path=ref.path[1:]) if mine else ref

        for inner, _, _ in walk(node.body) if node.body else []:
            inner.params, inner.inputs = map_refs(inner.params, apart), map_refs(inner.inputs, apart)
        node.params = map_refs(node.params, apart)


def _if(found: Found, node: Node) -> None:
    """Questions that were answered before are conditions."""
    cases = []
    for case in node.params.get("cases", []):
        cases.append({**case, "conditions": [_asked(found, each) for each in case["conditions"]]})
        folded = [each for each in cases[-1]["conditions"] if each.pop("fold", False)]
        if folded:
            node.params["ignore_case"] = True
    node.params["cases"] = cases


def _asked(found: Found, condition: dict[str, Any]) -> dict[str, Any]:
    question = condition.get("left")
    if not isinstance(question, Call):
        return condition
    return _question(found, question)


def _question(found: Found, question: Call) -> dict[str, Any]:
    if question.name in ("all", "any"):
        inner = [_question(found, each) for each in question.args[0]]
        return {"logic": "and" if question.name == "all" else "or", "conditions": inner}
    op, left, right, *fold = question.args
    type_ = found.type_of(left) or "any"
    made = {"left": left, "op": op, "right": right, "type": type_}
    return made | ({"fold": True} if fold else {})


def _items(found: Found, node: Node) -> None:
    for item in node.params.get("items", []):
        value = item.get("value")
        if isinstance(value, Call) and value.name == "calc":
            item |= {"op": value.args[0], "value": value.args[2]}
        elif isinstance(value, Call) and value.name == "first":
            item["value"] = value.args[0]


SHAPES: dict[str, Callable[[Found, Node], None]] = {
    "loop": _loop,
    "iterate": _iterate,
    "if": _if,
    "assign": _items,
}
