"""Nodes with a body: once for each element of a list, or until a condition holds."""

from dsl.dify import names
from dsl.dify.place import Place, number, parsed
from dsl.dify.readers.conditions import conditions
from dsl.dify.readers.source import Fill, Source
from dsl.ir import Node, Ref, Type, Value


def _iterate(data: Place, node: Node, source: Source) -> None:
    node.inputs = {"item": source.ref(data.at("iterator_selector"), node)}
    collected = source.ref(data.at("output_selector"), node)
    if collected and collected != Ref(node.id, ("item",), "item"):
        node.params["collect"] = {"output": collected}
        node.outputs = {"output": names.type_of(data.text("output_type", default="array"))}
    node.params["on_item_error"] = names.ITEM_ERRORS.get(data.text("error_handle_mode"), "stop")
    if data.flag("flatten_output", default=True):
        node.params["flatten"] = True
    if data.flag("is_parallel"):
        node.params["parallel"] = data.integer("parallel_nums") or 10
    _entry(data, node)


def _loop(data: Place, node: Node, source: Source) -> None:
    if (count := data.integer("loop_count")) is not None:
        node.params["count"] = count
    if data.value.get("break_conditions"):
        node.params["until"] = conditions(data, "break_conditions", node, source)
    for each in data.mappings("loop_variables"):
        type_ = names.type_of(each.text("var_type"))
        node.params.setdefault("variables", {})[each.text("label")] = {
            "type": type_,
            "value": _initial(each, type_, node, source),
        }
        node.outputs[each.text("label")] = type_
    _entry(data, node)


def _initial(place: Place, type_: Type, node: Node, source: Source) -> Value:
    value = place.value.get("value")
    if place.text("value_type") == "variable":
        return source.ref(place.at("value"), node) if isinstance(value, list) else None
    if isinstance(value, str) and type_.name in ("number", "integer"):
        return number(value)
    return parsed(value) if type_.name in ("array", "object", "boolean") else value


def _entry(data: Place, node: Node) -> None:
    if (name := data.text("start_node_id")) and name != names.entry(node.id):
        node.params["entry"] = name


def _break(data: Place, node: Node, source: Source) -> None:
    """Leaves the loop; holds nothing."""


READERS: dict[str, Fill] = {"iterate": _iterate, "loop": _loop, "break": _break}
