"""Conditions, and the nodes that hold them: branches, and lists of which some elements are taken."""

from dsl.dify import names
from dsl.dify.place import Place, number
from dsl.dify.readers.source import Fill, Source
from dsl.ir import Node, Ref, Value


def _if(data: Place, node: Node, source: Source) -> None:
    if data.value.get("cases") is None and data.has("conditions"):  # until 0.6: one case, in the node itself
        ids, cases = ["true"], [conditions(data, "conditions", node, source)]
    else:
        places = data.mappings("cases")
        ids = [each.text("case_id", default=names.case_id(i)) for i, each in enumerate(places)]
        cases = [conditions(each, "conditions", node, source) for each in places]
    source.handles[node.id] = {"false": "else"} | {name: f"case:{i}" for i, name in enumerate(ids)}
    node.params["cases"] = [
        case | ({} if ids[i] == names.case_id(i) else {"id": ids[i]}) for i, case in enumerate(cases)
    ]


def conditions(place: Place, key: str, node: Node, source: Source) -> dict[str, Value]:
    logic = place.text("logical_operator", default="and")
    made = [condition(each, node, source) for each in place.mappings(key)]
    return {"logic": "or" if logic == "or" else "and", "conditions": made}


def condition(place: Place, node: Node, source: Source) -> dict[str, Value]:
    word = place.text("comparison_operator")
    op = operator(place)
    named = place.text("varType") or place.text("var_type")
    type_ = names.type_of(named).name if named else "any"
    if type_ == "any":
        type_ = "number" if word in names.NUMERIC else "string"
    right = right_side(place, type_, node, source)
    if place.has("sub_variable_condition"):
        right = _below(place.mapping("sub_variable_condition"), node, source)
    elif type_ == "boolean" and op == "eq" and isinstance(right, bool):
        op, right = ("true" if right else "false"), None
    return {"left": source.ref(place.at("variable_selector"), node), "op": op, "right": right, "type": type_}


def operator(place: Place) -> str:
    word = place.text("comparison_operator")
    if word and word not in names.OPERATORS:
        raise place.at("comparison_operator").wants(f"one of {', '.join(names.OPERATORS)}")
    return names.OPERATORS.get(word, "eq")


def right_side(place: Place, type_: str, node: Node, source: Source) -> Value:
    value = place.value.get("value")
    if isinstance(value, list):
        return [source.value(each, node) for each in value]
    if isinstance(value, str) and type_ == "boolean" and value.lower() in ("true", "false"):
        return value.lower() == "true"
    if isinstance(value, str) and type_ in ("number", "integer"):
        value = number(value)
    return source.value(value, node)


def _below(place: Place, node: Node, source: Source) -> dict[str, Value]:
    """Conditions on the files of a list: `left` is a key of the element."""
    made = []
    for each in place.mappings("conditions"):
        type_ = names.type_of(each.text("varType")).name if each.has("varType") else "string"
        left = Ref(node.id, (each.text("key"),) if each.text("key") else (), "item")
        made.append({"left": left, "op": operator(each), "right": right_side(each, type_, node, source), "type": type_})
    logic = place.text("logical_operator", default="and")
    return {"logic": "or" if logic == "or" else "and", "conditions": made}


def _list(data: Place, node: Node, source: Source) -> None:
    node.params["list"] = source.ref(data.at("variable"), node)
    if data.flag("filter_by", "enabled"):
        node.params["filter"] = _filter(data, node, source)
    if data.flag("order_by", "enabled"):
        order = "desc" if data.text("order_by", "value") == "desc" else "asc"
        node.params["sort"] = [{"key": data.text("order_by", "key"), "order": order}]
    if data.flag("limit", "enabled"):
        node.params["limit"] = {"size": data.mapping("limit").integer("size"), "keep": "first"}
    if data.flag("extract_by", "enabled"):
        node.params["nth"] = source.value(number(data.text("extract_by", "serial", default="1")), node)


def _filter(data: Place, node: Node, source: Source) -> dict[str, Value]:
    made = []
    item = data.text("item_var_type", default="string")
    for each in data.mapping("filter_by").mappings("conditions"):
        numeric = each.text("comparison_operator") in names.NUMERIC
        type_ = "number" if numeric else "string" if each.text("key") else names.type_of(item).name
        left = Ref(node.id, (each.text("key"),) if each.text("key") else (), "item")
        made.append({"left": left, "op": operator(each), "right": right_side(each, type_, node, source), "type": type_})
    return {"logic": "and", "conditions": made}


READERS: dict[str, Fill] = {"if": _if, "list": _list}
