"""Small programs of `dsl.dify.lower` are the kinds, or the values, that they were made for."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from dsl import DslError
from dsl.dify.expressions import Call
from dsl.dify.names import type_of
from dsl.dify.recipes.found import Found, take_out
from dsl.ir import Graph, Node, Ref, Text, Type, Value
from dsl.load import load_json
from dsl.values import text

Recognise = Callable[[Found, Node, Graph, "Node | None", Any], None]


def program(
    found: Found, node: Node, graph: Graph, container: Node | None, made: tuple[str, str, Any, list[Ref]]
) -> None:
    """What `dsl.dify.expressions.parsed` made of the code, as the node that it was made for."""
    said, action, value, picked = made
    word, _, labels = said.partition(" {")
    found.picked |= {ref.node for ref in picked if ref.path[:1] == ("body",) and ref.scope == "node"}
    if word in PROGRAMS and (action == "raise") == (word == "stop"):
        _recognise(found, node, graph, container, PROGRAMS[word], value)
        _label(node, "{" + labels if labels else "")


def _recognise(
    found: Found, node: Node, graph: Graph, container: Node | None, recognise: Recognise, value: Any
) -> None:
    """Leaves the node as it is when the program does not say what such a node says."""
    before = replace(node, outputs=dict(node.outputs))
    boxed, values = set(found.boxed), dict(found.values)
    try:
        recognise(found, node, graph, container, value)
    except (LookupError, TypeError, ValueError, AttributeError):
        for name in ("kind", "params", "inputs", "outputs"):
            setattr(node, name, getattr(before, name))
        found.boxed, found.values = boxed, values


def unboxed(found: Found, node: Node, types: dict[str, str]) -> None:
    for name, word in types.items():
        found.boxed.add((node.id, name))
        if name in node.outputs:
            node.outputs[name] = type_of(word)


def _results(found: Found, node: Node, value: Any) -> dict[str, Value]:
    """What the program returns by name, out of the boxes."""
    made = {}
    for name, inner in value.items():
        if isinstance(inner, Call) and inner.name == "box":
            unboxed(found, node, {name: str(inner.args[1]) if len(inner.args) > 1 else "any"})
            inner = inner.args[0]
        if isinstance(inner, Call) and inner.name == "typed":
            inner = inner.args[0]
        made[name] = inner
    return made


def _set(found: Found, node: Node, graph: Graph, container: Node | None, value: Any) -> None:
    fields = _flat(_results(found, node, value), "")
    node.kind, node.inputs, node.params = "set", fields, {}


def _set_keep(found: Found, node: Node, graph: Graph, container: Node | None, value: Any) -> None:
    _set(found, node, graph, container, value)
    node.params["keep"] = True


def _label(node: Node, said: str) -> None:
    """What fields were called that have other names here."""
    try:
        labels = load_json(said) if said else {}
    except DslError:
        return
    for name, label in labels.items() if node.kind == "set" else ():
        if name in node.outputs and isinstance(label, str):
            node.outputs[name] = replace(node.outputs[name], label=label)


def _flat(fields: dict[str, Value], before: str) -> dict[str, Value]:
    made: dict[str, Value] = {}
    for name, value in fields.items():
        inner = _flat(value, f"{before}{name}.") if isinstance(value, dict) and value else {before + name: value}
        made |= inner
    return made


def _split(found: Found, node: Node, graph: Graph, container: Node | None, value: Any) -> None:
    source, delimiters = _results(found, node, value)["items"].args
    node.kind, node.params, node.inputs, node.outputs = "split", {"text": source, "delimiters": delimiters}, {}, {}


def _json(kind: str) -> Recognise:
    def made(found: Found, node: Node, graph: Graph, container: Node | None, value: Any) -> None:
        (inner,) = _results(found, node, value)["output"].args
        node.kind, node.params, node.inputs = kind, {"value": inner}, {}
        if kind == "json_dump" or node.outputs == {"output": Type()}:
            node.outputs = {}

    return made


def _input(found: Found, node: Node, graph: Graph, container: Node | None, value: Any) -> None:
    """A list that came as JSON text is an input of the start."""
    ((output, call),) = _results(found, node, value).items()
    (given,) = call.args
    start = {each.id: each for each in graph.nodes if each.kind == "start"}[given.node]
    name, items = str(given.path[0]), node.outputs[output].items
    default = json.loads(start.outputs[name].default or "[]") or None
    start.outputs[name] = replace(start.outputs[name], name="array", items=items, default=default)
    found.values[node.id, output] = given
    found.gone.append((node, graph))


def _entered(found: Found, node: Node, graph: Graph, container: Node | None, value: Any) -> None:
    """What is read out of the fields of a form are fields of that type."""
    forms = {each.id: each for each in graph.nodes if each.kind == "ask"}
    for output, call in _results(found, node, value).items():
        (given,) = call.args
        form, name = forms[given.node], str(given.path[0])
        form.outputs[name] = replace(
            form.outputs[name], name=node.outputs[output].name, items=node.outputs[output].items
        )
        found.values[node.id, output] = given
    found.gone.append((node, graph))


def _stop(found: Found, node: Node, graph: Graph, container: Node | None, value: Any) -> None:
    message = text(list(value.parts)) if isinstance(value, Text) else value
    node.kind, node.params, node.inputs = "stop", {"message": message}, {}


def _list(found: Found, node: Node, graph: Graph, container: Node | None, value: Any) -> None:
    list_, filter_, sort, limit, nth, unique = value.args
    wanted = {"list": list_, "filter": filter_, "sort": sort, "limit": limit, "nth": nth, "unique": unique}
    node.params = {name: inner for name, inner in wanted.items() if inner is not None and (name, inner) != ("sort", [])}
    if filter_:
        node.params["filter"] = _conditions(node, filter_)
    unboxed(found, node, dict.fromkeys(node.outputs, "any"))
    node.kind, node.inputs, node.outputs = "list", {}, {}


def _conditions(node: Node, group: dict[str, Any]) -> dict[str, Any]:
    made = []
    for each in group["conditions"]:
        if "logic" in each:
            made.append(_conditions(node, each))
            continue
        left = each["left"]
        if isinstance(left, dict) and "item" in left:
            left = Ref(node.id, tuple(left["item"]), "item")
        made.append({"left": left, "op": each["op"], "right": each.get("right"), "type": _guess(each.get("right"))})
    return {"logic": group["logic"], "conditions": made}


def _guess(value: Value) -> str:
    if isinstance(value, bool):
        return "boolean"
    return "number" if isinstance(value, (int, float)) else "array" if isinstance(value, list) else "string"


def _values(found: Found, node: Node, graph: Graph, container: Node | None, value: Any) -> None:
    for name, inner in _results(found, node, value).items():
        found.values[node.id, name] = inner
    found.gone.append((node, graph))


def _row(found: Found, node: Node, graph: Graph, container: Node | None, value: Any) -> None:
    """The last node of an iteration's body that makes one object of what is collected."""
    if container is None or container.kind != "iterate":
        return
    fields = _results(found, node, value)["row"]
    container.params["collect"] = fields
    container.outputs = {name: Type("array") for name in fields}
    take_out(node, graph)


def _round(found: Found, node: Node, graph: Graph, container: Node | None, value: Any) -> None:
    """The last node of an iteration's body that makes the one value that is collected."""
    if container is None or container.kind != "iterate":
        return
    container.params["collect"] = {"output": _results(found, node, value)["row"]}
    take_out(node, graph)


PROGRAMS: dict[str, Recognise] = {
    "set": _set,
    "set keep": _set_keep,
    "split": _split,
    "json_parse": _json("json_parse"),
    "input": _input,
    "entered": _entered,
    "json_dump": _json("json_dump"),
    "stop": _stop,
    "list": _list,
    "values": _values,
    "row": _row,
    "round": _round,
}
