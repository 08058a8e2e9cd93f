"""Conditions, and the nodes that hold them: branches, and lists of which some elements are taken."""

from typing import Any

from dsl.dify import names
from dsl.dify.work import Work
from dsl.dify.writers.values import Data, Write, selector, text
from dsl.ir import Json, Node, Ref, Type, Value


def _if(work: Work, node: Node) -> Data:
    cases = []
    for i, case in enumerate(node.params.get("cases", [])):
        name = str(case.get("id", names.case_id(i)))
        conditions = [condition_of(work, each, str(place + 1)) for place, each in enumerate(case["conditions"])]
        cases.append({"case_id": name, "id": name, "logical_operator": case["logic"], "conditions": conditions})
    return {"cases": cases}


def condition_of(work: Work, condition: dict[str, Any], name: str) -> Data:
    op, right = condition["op"], condition.get("right")
    left = condition.get("left")
    type_ = work.type_of(left) if isinstance(left, Ref) else Type()
    if op in ("true", "false"):
        op, right, word = "eq", op == "true", "boolean"
    else:
        word = _word(condition, type_)
    numeric = word in ("number", "integer")
    made: Data = {
        "id": name,
        "varType": word,
        "variable_selector": selector(work, left),
        "comparison_operator": (names.NUMBER_WORDS if numeric else names.WORDS | {"eq": "is", "ne": "is not"})[op],
        "value": "",
    }
    if isinstance(right, dict) and "logic" in right:
        inner = [element(work, each) for each in right["conditions"]]
        made["sub_variable_condition"] = {"logical_operator": right["logic"], "conditions": inner}
    else:
        made["value"] = _right(work, right)
    return made


def _word(condition: dict[str, Any], type_: Type) -> str:
    """What the editor shows the left side as."""
    named = condition.get("type") or "string"
    if type_.name in (named, "number", "integer", "boolean") and type_.name != "any":
        return names.word_of(type_)
    if named == "array":
        return "array[file]" if isinstance(condition.get("right"), dict) else names.word_of(type_)
    return str(named) if named != "any" else names.word_of(type_)


def _right(work: Work, right: Value) -> Json:
    if isinstance(right, (list, tuple)):
        return [text(work, each) for each in right]
    return right if isinstance(right, bool) else text(work, right)


def element(work: Work, condition: dict[str, Any]) -> Data:
    """A condition on what one is looked at of a list."""
    left = condition.get("left")
    key = str(left.path[0]) if isinstance(left, Ref) and left.path else ""
    numeric = condition.get("type") in ("number", "integer")
    words = names.NUMBER_WORDS if numeric else names.WORDS | {"eq": "is", "ne": "is not"}
    return {"key": key, "comparison_operator": words[condition["op"]], "value": _right(work, condition.get("right"))}


def _list(work: Work, node: Node) -> Data:
    given = node.params
    conditions = [element(work, each) for each in (given.get("filter") or {}).get("conditions", [])]
    order = (given.get("sort") or [{}])[0]
    limit, nth = given.get("limit") or {}, given.get("nth")
    type_ = work.type_of(given["list"]) if isinstance(given.get("list"), Ref) else Type()
    item = type_.items.name if type_.items else "string"
    return {
        "variable": selector(work, given.get("list")),
        "filter_by": {"enabled": "filter" in given and given["filter"] is not None, "conditions": conditions},
        "order_by": {"enabled": bool(order), "key": order.get("key", ""), "value": order.get("order", "asc")},
        "limit": {"enabled": bool(limit), "size": limit.get("size") or 10},
        "extract_by": {"enabled": nth is not None, "serial": "1" if nth is None else text(work, nth)},
        "var_type": names.word_of(type_),
        "item_var_type": item if item != "any" else "string",
    }


WRITERS: dict[str, Write] = {"if": _if, "list": _list}
