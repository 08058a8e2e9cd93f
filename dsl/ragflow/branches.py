"""Switch, and conditions, which loops have as well."""

from typing import Any

from dsl.ir import Ref, Value
from dsl.kinds import UNARY
from dsl.ragflow.reading import Reading
from dsl.ragflow.tables import IGNORES_CASE, OPERATORS, SIGNS
from dsl.ragflow.writing import Made, Writing


def read_switch(reading: Reading) -> None:
    reading.node.kind = "if"
    reading.node.params = {
        "cases": [read_conditions(reading, each) for each in reading.items("conditions")],
        "ignore_case": True,
    }


def read_conditions(reading: Reading, each: dict[str, Any], left: str = "cpn_id") -> dict[str, Value]:
    items = each.get("items") if isinstance(each.get("items"), list) else []
    return {
        "logic": "or" if each.get("logical_operator") == "or" else "and",
        "conditions": [
            {
                "left": reading.bare(item.get(left, "")),
                "op": OPERATORS.get(str(item.get("operator")), "eq"),
                "right": reading.value(item.get("value")),
                "type": "any",
            }
            for item in items or []
            if isinstance(item, dict)
        ],
    }


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
    if each.get("type") == "number":  # a loop has other signs for texts
        signs = SIGNS
    made = {left: writing.bare(each.get("left")), "operator": signs.get(operator, "=")}
    if left == "variable":
        return [made | _compared(writing, operator, right)]
    value = {"true": "True", "false": "False"}.get(operator, "" if operator in UNARY else writing.text(right))
    return [made | {"value": value}]


def _compared(writing: Writing, operator: str, right: Value) -> dict[str, Any]:
    """What a loop compares with, as it is: RAGFlow fails where a number meets the text of one."""
    if isinstance(right, Ref):
        return {"value": writing.bare(right), "input_mode": "variable"}
    known = {"true": True, "false": False}.get(operator, "" if operator in UNARY else right)
    return {"value": known if isinstance(known, bool | int | float) else writing.text(known), "input_mode": "constant"}
