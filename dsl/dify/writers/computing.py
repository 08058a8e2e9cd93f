"""Nodes that compute a value, or keep one: code, templates, aggregators, assigners."""

from typing import Any

from dsl.dify import names
from dsl.dify.work import Work
from dsl.dify.writers.values import Data, Write, is_grouped, named_inputs, plain, selector, text
from dsl.ir import Node, Ref, Script, Type


def _code(work: Work, node: Node) -> Data:
    made: Data = {
        "code_language": node.params.get("lang", "python3"),
        "code": node.params.get("source", ""),
        "variables": named_inputs(work, node),
        "outputs": {name: _output(work, node, name, type_) for name, type_ in node.outputs.items()},
    }
    if node.params.get("packages"):
        made["dependencies"] = node.params["packages"]
    return made


def _output(work: Work, node: Node, name: str, type_: Type) -> Data:
    if (node.id, name) in work.boxed:
        return {"type": "object", "children": None}
    word = names.word_of(type_) if work.own else names.narrowed(type_, names.CODE_TYPES, "string")
    return {"type": word, "children": _as_read(type_) if work.own else _children(type_)}


def _as_read(type_: Type) -> Data | None:
    fields = type_.props or {}
    return {name: {"type": names.word_of(each), "children": _as_read(each)} for name, each in fields.items()} or None


def _children(type_: Type) -> Data | None:
    """A file with another word in it does not load."""
    return {
        name: {"type": names.narrowed(each, names.CODE_TYPES, "string"), "children": _children(each)}
        for name, each in names.fields(type_).items()
    } or None


def _template(work: Work, node: Node) -> Data:
    template = node.params.get("template", "")
    source = template.source if isinstance(template, Script) else text(work, template)
    return {"template": source, "variables": named_inputs(work, node)}


def _aggregate(work: Work, node: Node) -> Data:
    groups = [
        {
            "output_type": names.word_of(group["type"]),
            "variables": [selector(work, value) for value in group["values"]],
        }
        for group in node.params.get("groups", [])
    ]
    if not is_grouped(node):
        return {**groups[0], "advanced_settings": {"group_enabled": False, "groups": []}}
    named = [
        made
        | {"groupId": group["name"], "group_name": group["name"]}
        | ({} if work.own else {"output_type": names.narrowed(group["type"], names.GROUP_TYPES, "string")})
        for group, made in zip(node.params["groups"], groups, strict=True)
    ]
    first = groups[0] if groups else {"output_type": "any", "variables": []}
    return {**first, "advanced_settings": {"group_enabled": True, "groups": named}}


def _assign(work: Work, node: Node) -> Data:
    items = node.params.get("items", [])
    if node.params.get("version") == "1" and len(items) == 1 and items[0]["op"] in _MODES:
        mode, target, value = _MODES[items[0]["op"]], items[0]["target"], items[0].get("value")
        if mode == "clear" or isinstance(value, Ref):
            made = {"assigned_variable_selector": selector(work, target), "write_mode": mode}
            return made | {"input_variable_selector": selector(work, value)}
    return {"version": "2", "items": [_item(work, item) for item in node.params.get("items", [])]}


_MODES = {"set": "over-write", "append": "append", "clear": "clear"}


def _item(work: Work, item: dict[str, Any]) -> Data:
    op, value = item["op"], item.get("value")
    by_variable = isinstance(value, Ref)
    word = "over-write" if op == "set" and by_variable else names.NATIVE_ASSIGNMENTS[op]
    made: Data = {"variable_selector": selector(work, item["target"]), "operation": word}
    made["input_type"] = "variable" if by_variable or word in names.BY_VARIABLE else "constant"
    made["value"] = selector(work, value) if by_variable else plain(work, value)
    return made | {"write_mode": "over-write"}


WRITERS: dict[str, Write] = {"code": _code, "template": _template, "aggregate": _aggregate, "assign": _assign}
