"""Conditions: of if, filter and switch in all their versions (n8n.md, sections 12 and 15), read and written."""

import re
from typing import Any

from dsl.ir import Ref, Script, Text, Value
from dsl.kinds import UNARY
from dsl.n8n import tables, text
from dsl.n8n.source import Raw, dig, members


def read(reader: Any, raw: Raw, found: Any) -> dict[str, Value]:
    """The conditions of one output, as {"logic", "conditions"}."""
    if isinstance(dig(found, "conditions"), list):
        logic = "or" if dig(found, "combinator") == "or" else "and"
        return {"logic": logic, "conditions": [_read(reader, raw, item) for item in members(found, "conditions")]}
    conditions = []
    for type_, items in found.items() if isinstance(found, dict) else ():
        conditions += [_legacy(reader, raw, type_, item) for item in (items if isinstance(items, list) else [])]
    logic = "or" if raw.params.get("combineOperation") == "any" else "and"
    return {"logic": logic, "conditions": [each for each in conditions if each]}


def _read(reader: Any, raw: Raw, item: dict[str, Any]) -> dict[str, Value]:
    kind, operation = dig(item, "operator", "type"), dig(item, "operator", "operation")
    left, right = reader.value(item.get("leftValue", ""), raw), reader.value(item.get("rightValue", ""), raw)
    op = tables.OPERATIONS.get(operation) if isinstance(operation, str) else None
    if op == "true" and isinstance(left, Script) and (found := text.membership(left.source, reader.resolve(raw))):
        items, value, negated = found
        return {"left": value, "op": "not_in" if negated else "in", "right": items, "type": "string"}
    if op is None:
        kind, op = "string", "eq"
    return _condition(left, op, right, kind)


def _condition(left: Value, op: str, right: Value, kind: Any) -> dict[str, Value]:
    type_ = {"dateTime": "time"}.get(kind, kind) if isinstance(kind, str) and kind in tables.CAN else "string"
    return {"left": left, "op": op, "right": None if op in UNARY else right, "type": type_}


def _legacy(reader: Any, raw: Raw, type_: Any, item: Any) -> dict[str, Value] | None:
    """Version 1: {"string": [{"value1", "operation", "value2"}]}."""
    if not isinstance(item, dict):
        return None
    operation = item.get("operation", "smaller" if type_ == "number" else "equal")
    op = tables.LEGACY_OPERATIONS.get(operation, "eq") if isinstance(operation, str) else "eq"
    left, right = reader.value(item.get("value1", ""), raw), reader.value(item.get("value2", ""), raw)
    return _condition(left, op, right, type_)


def switched(reader: Any, raw: Raw) -> list[dict[str, Value]]:
    """The cases of a switch: of its rules, of the old ones, or of the number that an expression gives."""
    params = raw.params
    if params.get("mode") == "expression":
        value = reader.value(params.get("output", 0), raw)
        number = params.get("numberOutputs", params.get("outputsAmount", 4))
        count = number if isinstance(number, int) and 0 <= number <= 50 else 4
        return [_case(_condition(value, "eq", i, "number")) for i in range(count)]
    if isinstance(dig(params, "rules", "rules"), list):
        left = reader.value(params.get("value1", ""), raw)
        return [_case(_old_rule(reader, raw, left, rule)) for rule in members(params, "rules", "rules")]
    return [read(reader, raw, rule.get("conditions")) for rule in members(params, "rules", "values")]


def _case(condition: dict[str, Value]) -> dict[str, Value]:
    return {"logic": "and", "conditions": [condition]}


def _old_rule(reader: Any, raw: Raw, left: Value, rule: dict[str, Any]) -> dict[str, Value]:
    type_ = raw.params.get("dataType", "number")
    operation = rule.get("operation", "smaller" if type_ == "number" else "equal")
    op = tables.LEGACY_OPERATIONS.get(operation, "eq") if isinstance(operation, str) else "eq"
    return _condition(left, op, reader.value(rule.get("value2", ""), raw), type_)


def ignores_case(found: Any) -> bool:
    return dig(found, "options", "caseSensitive") is False


# -- writing


def written(printer: text.Printer, case: dict[str, Value], ignore_case: bool, place: str) -> dict[str, Any]:
    """One output's conditions; what the filter cannot ask is asked in JavaScript."""
    items = case.get("conditions", [])
    return {
        "options": {
            "caseSensitive": not ignore_case,
            "leftValue": "",
            "typeValidation": "loose",
            "version": 3,
        },
        "conditions": [{"id": f"{place}-{i}", **_written(printer, item)} for i, item in enumerate(items)],
        "combinator": case.get("logic", "and"),
    }


def _written(printer: text.Printer, item: dict[str, Value]) -> dict[str, Any]:
    if "conditions" in item:
        return _asked(javascript(printer, item))
    op, operation = item["op"], tables.OPERATORS.get(item["op"], "")
    kind = _type(item, operation)
    if kind is None:
        return _asked(_plain(printer, item))
    if kind == "dateTime":
        operation = {"gte": "afterOrEquals", "lte": "beforeOrEquals", "gt": "after", "lt": "before"}.get(
            operation, operation
        )
    operator = {"type": kind, "operation": operation} | ({"singleValue": True} if op in UNARY else {})
    if kind == "array" and op not in UNARY:  # n8n reads the right side as a list otherwise, and fails
        operator["rightType"] = "number" if operation.startswith("length") else "any"
    right = "" if op in UNARY else printer.value(item.get("right"))
    return {"leftValue": printer.value(item.get("left")), "rightValue": right, "operator": operator}


def _type(item: dict[str, Value], operation: str) -> str | None:
    """A type whose filter knows the operation; the one that the condition names, when it can."""
    wanted = tables.FILTER_TYPES.get(item.get("type", ""), "string")
    if wanted == "dateTime" and operation in ("gte", "lte", "gt", "lt"):
        return wanted
    if operation in tables.CAN[wanted]:
        return wanted
    fits = [kind for kind in ("number", "boolean", "dateTime") if operation in tables.CAN[kind]]
    return fits[0] if fits and wanted == "string" and not operation.startswith("length") else None


def _asked(source: str) -> dict[str, Any]:
    operator = {"type": "boolean", "operation": "true", "singleValue": True}
    return {"leftValue": "={{ " + source + " }}", "rightValue": "", "operator": operator}


def javascript(printer: text.Printer, item: dict[str, Value]) -> str:
    """Conditions of any depth as one JavaScript expression."""
    if "conditions" not in item:
        return _plain(printer, item)
    joint = " || " if item.get("logic") == "or" else " && "
    inner = [javascript(printer, each) for each in item["conditions"]]
    return "(" + joint.join(inner) + ")" if inner else "true"


def _plain(printer: text.Printer, item: dict[str, Value]) -> str:
    left, right = printer.js(item.get("left")), printer.js(item.get("right"))
    if not isinstance(item.get("left"), Ref) and not re.fullmatch(r"[\w.\[\]\"']+", left):
        left = left if isinstance(item.get("left"), (Text, str, list)) else f"({left})"
    return tables.JAVASCRIPT[item["op"]].format(left, right)
