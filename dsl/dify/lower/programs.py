"""Values that a code node of a few plain lines computes, and errors that it raises."""

import json

from dsl.dify.expressions import TYPED, Call
from dsl.dify.work import ANY, STRING, Recipe, Work, literal_type
from dsl.ir import Node, Ref, Script, Text, Type, Value
from dsl.values import parts


def _set(work: Work, node: Node) -> None:
    """Fields by name; a dotted name is a field of an object."""
    value: dict[str, Value] = {}
    for name, inner in node.inputs.items():
        here, *below = name.split(".")
        place = value
        kind = node.outputs.get(name, ANY).name
        if not work.own and kind in TYPED and isinstance(inner, (Ref, Script)):
            inner = inner if _known_type(work, inner).name == kind else Call("typed", (inner, kind))
        for step in below:
            place[here] = place[here] if isinstance(place.get(here), dict) else {}
            place, here = place[here], step
        place[here] = inner
    types = {name: _known_type(work, inner) for name, inner in value.items()}
    declared = dict(node.outputs)
    word = "set keep" if node.params.get("keep") else "set"
    if labels := {name: type_.label for name, type_ in declared.items() if type_.label}:
        word = f"{word} {json.dumps(labels, ensure_ascii=False)}"
    work.program(node, word, value, types)
    node.outputs = {name: declared.get(name, type_) for name, type_ in types.items()}


def _known_type(work: Work, value: Value) -> Type:
    return work.type_of(value) if isinstance(value, Ref) else literal_type(value)


def _split(work: Work, node: Node) -> None:
    value = {"items": Call("split", (node.params.get("text"), list(node.params.get("delimiters", []))))}
    work.program(node, "split", value, {"items": Type("array", items=STRING)})


def _json_parse(work: Work, node: Node) -> None:
    type_ = node.outputs.get("output", ANY)
    work.program(node, "json_parse", {"output": Call("parse", (node.params.get("value"),))}, {"output": type_})


def _json_dump(work: Work, node: Node) -> None:
    work.program(node, "json_dump", {"output": Call("dump", (node.params.get("value"),))}, {"output": STRING})


def _stop(work: Work, node: Node) -> None:
    message = Text(parts(node.params.get("message", "")))
    work.program(node, "stop", message, {}, "raise")


RECIPES: dict[str, Recipe] = {
    "set": _set,
    "split": _split,
    "json_parse": _json_parse,
    "json_dump": _json_dump,
    "stop": _stop,
}
