"""Nodes that compute a value, or keep one: code, templates, aggregators, assigners."""

from typing import Any

from dsl.dify import names
from dsl.dify.place import Place
from dsl.dify.readers.source import Fill, Source, named_inputs
from dsl.ir import Node, Script, Type, Value


def _code(data: Place, node: Node, source: Source) -> None:
    lang = "javascript" if data.text("code_language") == "javascript" else "python3"
    node.params |= {"lang": lang, "source": data.text("code"), "style": "kwargs"}
    if data.has("dependencies"):
        node.params["packages"] = data.value["dependencies"]
    node.inputs = named_inputs(data.mappings("variables"), node, source)
    node.outputs = {name: _declared(place.mapping()) for name, place in data.entries("outputs")}


def _declared(place: Place, depth: int = 0) -> Type:
    type_ = names.type_of(place.text("type"))
    if not place.has("children") or depth > 20:
        return type_
    props = {name: _declared(inner.mapping(), depth + 1) for name, inner in place.entries("children")}
    return Type(type_.name, type_.items, props)


def _template(data: Place, node: Node, source: Source) -> None:
    node.params["template"] = Script("jinja2", data.text("template"))
    node.inputs = named_inputs(data.mappings("variables"), node, source)


def _aggregate(data: Place, node: Node, source: Source) -> None:
    groups = [("output", data)]
    if data.flag("advanced_settings", "group_enabled"):
        groups = [(each.text("group_name"), each) for each in data.mapping("advanced_settings").mappings("groups")]
    node.params |= {"groups": [_group(name, each, node, source) for name, each in groups], "skip": "missing"}
    node.outputs = {group["name"]: group["type"] for group in node.params["groups"]}


def _group(name: str, place: Place, node: Node, source: Source) -> dict[str, Any]:
    refs = [source.ref(each, node) for each in place.items("variables")]
    type_ = names.type_of(place.text("output_type"))
    return {"name": name, "type": type_, "values": [ref for ref in refs if ref is not None]}


def _assign(data: Place, node: Node, source: Source) -> None:
    node.params["items"] = []
    if "items" not in data.value and data.has("assigned_variable_selector"):  # version 1 has one item, in the node
        op = names.ASSIGNMENTS.get(data.text("write_mode"), "set")
        value = None if op == "clear" else source.ref(data.at("input_variable_selector"), node)
        target = source.ref(data.at("assigned_variable_selector"), node)
        node.params |= {"items": [{"target": target, "op": op, "value": value}] if target else [], "version": "1"}
    for each in data.mappings("items"):
        if target := source.ref(each.at("variable_selector"), node):
            node.params["items"].append({"target": target, **_assignment(each, node, source)})


def _assignment(place: Place, node: Node, source: Source) -> dict[str, Value]:
    word = place.text("operation", default="over-write")
    if word not in names.ASSIGNMENTS:
        raise place.at("operation").wants(f"one of {', '.join(names.ASSIGNMENTS)}")
    op = names.ASSIGNMENTS[word]
    if word in names.WITHOUT_VALUE:
        return {"op": op, "value": None}
    if place.text("input_type") == "variable":
        value = place.at("value")
        return {"op": op, "value": source.ref(value, node) if isinstance(value.value, list) else None}
    return {"op": op, "value": place.value.get("value")}


READERS: dict[str, Fill] = {"code": _code, "template": _template, "aggregate": _aggregate, "assign": _assign}
