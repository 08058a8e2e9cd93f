"""Switch, and conditions, which loops have as well."""

import math
from typing import Any

from dsl.conditions import Says, is_of_elements
from dsl.ir import Flow, Node, Ref, Text, Value
from dsl.kinds import ANY, UNARY, declared
from dsl.notes import Note
from dsl.ragflow.reading import Reading, listing
from dsl.ragflow.tables import COMPARED, EMPTINESS, IGNORES_CASE, OPERATORS, SAID, SIGNS
from dsl.ragflow.writing import Made, Writing
from dsl.values import nodes, refs

_COUNTED = ("number", "integer", "boolean")
_TRUTH = {("eq", "1"): "true", ("eq", "0"): "false", ("ne", "1"): "false", ("ne", "0"): "true"}
_MIXED = (
    "RAGFlow takes heed of capitals where it compares with =, and not where it looks for a text in another: here none."
)


def read_switch(reading: Reading) -> None:
    cases = [read_conditions(reading, each) for each in reading.items("conditions")]
    asked = {each["op"] for case in cases for each in case["conditions"]}
    reading.node.kind, reading.node.params = "if", {"cases": cases, "ignore_case": bool(asked & IGNORES_CASE)}


def read_conditions(reading: Reading, case: dict[str, Any], left: str = "cpn_id") -> dict[str, Any]:
    items = [each for each in listing(case.get("items")) if isinstance(each, dict)]
    logic = "or" if case.get("logical_operator") == "or" else "and"
    return {"logic": logic, "conditions": [_condition(reading, each, left) for each in items]}


def _condition(reading: Reading, each: dict[str, Any], left: str) -> dict[str, Value]:
    op = OPERATORS.get(str(each.get("operator")), "eq")
    right = None if op in UNARY else reading.value(each.get("value"))
    return {"left": reading.bare(each.get(left, "")), "op": op, "right": right, "type": "any"}


def settle(flow: Flow) -> None:
    """A boolean that is compared with 1 or 0 is asked whether it is true; and which texts take heed of capitals."""
    known = nodes(flow)
    for node in known.values():
        asked = [each for case in node.params.get("cases", []) for each in case["conditions"]]
        for each in asked if node.kind == "if" else ():
            if _is_boolean(each["left"], known, flow) and (op := _TRUTH.get((each["op"], str(each["right"])))):
                each |= {"op": op, "right": None}
        if {each["op"] for each in asked} >= {"eq"} and node.params.get("ignore_case"):
            flow.notes.append(Note("degraded", "case.insensitive", _MIXED, "", node.id, node.title, node.pointer))


def _is_boolean(value: Value, known: dict[str, Node], flow: Flow) -> bool:
    """A field of the form, too, whatever a caller may give for it: what it is compared with is meant for a boolean."""
    if not isinstance(value, Ref):
        return False
    producer = known.get(value.node)
    if producer is not None and producer.kind == "start" and len(value.path) == 1:
        return producer.outputs.get(str(value.path[0]), ANY).name == "boolean"
    return declared(value, known, flow).name == "boolean"


def says(flow: Flow) -> Says:
    """Whether a switch can say a condition: it fails where the value on its left is of another type than it takes."""
    known = nodes(flow)

    def said(each: dict[str, Any], fold: bool) -> bool:
        left, op, right = each.get("left"), each["op"], each.get("right")
        if is_of_elements(right):  # nobody can say it
            return True
        if any(refs(right)) or not isinstance(left, Ref | Text | str):  # on the right are words alone
            return False
        of = declared(left, known, flow).name if isinstance(left, Ref) else "string"
        if of in ("number", "integer"):
            return op in COMPARED and _is_number(right)
        if fold and op not in IGNORES_CASE | UNARY:
            return False
        return op in SAID.get(of, EMPTINESS)

    return said


def _is_number(value: Value) -> bool:
    try:
        return not isinstance(value, bool) and math.isfinite(float(value))
    except (ValueError, TypeError, OverflowError):
        return False


def write_if(writing: Writing) -> Made:
    params = writing.node.params
    cases = [
        write_conditions(writing, each, SIGNS, "cpn_id") | {"to": writing.targets(f"case:{i}")}
        for i, each in enumerate(params.get("cases", []))
    ]
    words = [each["op"] for case in params.get("cases", []) for each in case.get("conditions", []) if "op" in each]
    if set(words) & IGNORES_CASE and not params.get("ignore_case"):
        writing.note("degraded", "case.insensitive", "contains, starts and ends take no heed of capitals here.")
    return "Switch", {"conditions": cases, "end_cpn_ids": writing.targets("else")}


def write_conditions(writing: Writing, case: dict[str, Any], signs: dict[str, str], left: str) -> dict[str, Any]:
    items = []
    for each in case.get("conditions", []):
        items += _items(writing, each, signs, left)
    return {"logical_operator": case.get("logic", "and"), "items": items}


def _items(writing: Writing, each: dict[str, Any], signs: dict[str, str], left: str) -> list[dict[str, Any]]:
    if "op" not in each:
        writing.note(
            "degraded", "condition.nested", "Groups in groups do not exist here: the inner one was taken apart."
        )
        return [one for inner in each.get("conditions", []) for one in _items(writing, inner, signs, left)]
    operator, right = each["op"], each.get("right")
    if operator in ("in", "not_in") and isinstance(right, list):
        writing.note(
            "degraded", "condition.in", "One of several values: became comparisons, all joined as the others are."
        )
        word = "eq" if operator == "in" else "ne"
        return [one for value in right for one in _items(writing, each | {"op": word, "right": value}, signs, left)]
    if operator not in signs:
        writing.note(
            "degraded", "condition.operator", f"The comparison {operator} does not exist here: it compares with =."
        )
    if is_of_elements(right):
        message = "Files have no fields here, and no element of a list is looked at: it finds none."
        writing.note("degraded", "condition.operator", message)
        return [{left: writing.bare(each.get("left")), "operator": "≠" if "not" in operator else "=", "value": ""}]
    if left == "variable" and _type(writing, each) in _COUNTED:
        signs = SIGNS  # a loop has other signs for texts
    made = {left: writing.bare(each.get("left")), "operator": signs.get(operator, "=")}
    if left == "variable":
        return [made | _compared(writing, operator, right)]
    # RAGFlow makes a number of it, whatever is compared, where what is on the left is a number or a boolean.
    return [made | {"value": ("1" if operator == "true" else "0") if operator in UNARY else writing.text(right)}]


def _type(writing: Writing, each: dict[str, Any]) -> str:
    said = str(each.get("type") or "any")
    return writing.type_of(each.get("left")) if said == "any" else said


def _compared(writing: Writing, operator: str, right: Value) -> dict[str, Any]:
    """What a loop compares with, as it is: RAGFlow fails where a number meets the text of one."""
    if isinstance(right, Ref):
        return {"value": writing.bare(right), "input_mode": "variable"}
    known = {"true": True, "false": False}.get(operator, "" if operator in UNARY else right)
    return {"value": known if isinstance(known, bool | int | float) else writing.text(known), "input_mode": "constant"}
