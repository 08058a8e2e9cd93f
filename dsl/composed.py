"""Lists and objects that refer to something: made by a step in front where a platform takes a reference."""

from collections.abc import Callable
from functools import partial

from dsl.computed import insert
from dsl.ir import Graph, Node, Ref, Type, Value
from dsl.steps import STEPS
from dsl.values import refs, unique

Asked = Callable[[Value], bool]
Told = Callable[[Node, Node], None]  # for each: the node, the step in front


def compose(graph: Graph, taken: set[str], asked: Asked, told: Told) -> None:
    """Put such a step before each node with a value that is `asked` for, in bodies as well."""
    for node in list(graph.nodes):
        if node.body is not None:
            compose(node.body, taken, asked, told)
        if node.kind not in STEPS or node.kind == "json_dump":  # the others are code that puts together what it has
            _rewrite(node, partial(_in_front, graph, node, {}, taken, asked, told))


def refers(value: Value) -> bool:
    """Whether it is a list or an object that refers to something."""
    return isinstance(value, list | dict) and any(refs(value))


def _rewrite(node: Node, put: Callable[[Value], Value]) -> None:
    node.inputs = {name: put(value) for name, value in node.inputs.items()}
    params = node.params
    if "value" in params:  # of JSON that is read
        params["value"] = put(params["value"])
    if node.kind == "aggregate":
        params["groups"] = [each | {"values": [put(value) for value in each["values"]]} for each in params["groups"]]
    body = params.get("body") or {}
    if node.kind == "http" and body.get("fields"):
        params["body"] = body | {"fields": [each | {"value": put(each.get("value"))} for each in body["fields"]]}
    if node.kind == "loop":
        held = params.get("variables", {}).items()
        params["variables"] = {name: each | {"value": put(each.get("value"))} for name, each in held}
    if node.kind == "assign":
        params["items"] = [each | {"value": put(each.get("value"))} for each in params.get("items", [])]


def _in_front(
    graph: Graph, node: Node, made: dict[str, Ref], taken: set[str], asked: Asked, told: Told, value: Value
) -> Value:
    if not asked(value):
        return value
    if repr(value) not in made:
        before = Node(unique(f"{node.id}_value", taken), "set", f"Value for {node.title or node.id}")
        before.inputs, before.outputs = {"output": value}, {"output": _type(value)}
        insert(graph, before, node)
        told(node, before)
        made[repr(value)] = Ref(before.id, ("output",))
    return made[repr(value)]


def _type(value: Value) -> Type:
    if isinstance(value, list):
        return Type("array", items=Type("object") if all(isinstance(each, dict) for each in value) else None)
    return Type("object")
