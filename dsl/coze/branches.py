"""Conditions on Coze, read and written."""

from typing import Any

from dsl.conditions import is_of_elements
from dsl.coze.reading import Reading, mapping, mappings, type_of
from dsl.coze.tables import INCOMPARABLE, OPERATORS, SIGNS
from dsl.coze.writing import Made, Writing
from dsl.ir import Value
from dsl.kinds import UNARY


def read(reading: Reading) -> None:
    held = [each.get("condition") for each in mappings(reading.inputs.get("branches"))]
    reading.node.kind = "if"
    reading.node.params = {"cases": [_case_of(reading, each) for each in mappings(held)]}


def _case_of(reading: Reading, case: dict[str, Any]) -> dict[str, Value]:
    return {
        "logic": "or" if case.get("logic") == 1 else "and",
        "conditions": [_compared(reading, each) for each in mappings(case.get("conditions"))],
    }


def _compared(reading: Reading, each: dict[str, Any]) -> dict[str, Value]:
    left, right = (mapping(each.get(side)).get("input") for side in ("left", "right"))
    operator = each.get("operator")
    return {
        "left": reading.value(left),
        "op": OPERATORS.get(operator, "eq") if isinstance(operator, int) else "eq",
        "right": reading.value(right),
        "type": type_of(left).name,
    }


# -- and back


def write(writing: Writing) -> Made:
    cases = [{"condition": case(writing, each)} for each in writing.node.params.get("cases", [])]
    return "8", {"branches": cases}, []


def case(writing: Writing, case: dict[str, Any]) -> dict[str, Any]:
    found: list[dict[str, Any]] = []
    for each in case.get("conditions", []):
        found += _condition(writing, each)
    return {"logic": 1 if case.get("logic") == "or" else 2, "conditions": found}


_NO_FILE = "no file"  # which is no file's address


def _condition(writing: Writing, each: dict[str, Any]) -> list[dict[str, Any]]:
    if "op" not in each:
        writing.note(
            "degraded", "condition.nested", "Groups in groups do not exist here: the inner one was taken apart."
        )
        return [one for inner in each.get("conditions", []) for one in _condition(writing, inner)]
    operator, right = each["op"], each.get("right")
    if is_of_elements(right):
        message = "Files have no fields here, and no element of a list is looked at: it finds none."
        writing.note("degraded", "condition.operator", message)
        operator, right = "not_contains" if "not" in operator else "contains", _NO_FILE
    if operator in ("in", "not_in") and isinstance(right, list):
        writing.note(
            "degraded", "condition.in", "One of several values: became comparisons, all joined as the others are."
        )
        word = "eq" if operator == "in" else "ne"
        return [one for value in right for one in _condition(writing, each | {"op": word, "right": value})]
    if operator not in SIGNS:
        writing.note(
            "degraded",
            "condition.operator",
            f"The comparison {operator} does not exist here: it compares for equality.",
        )
    number = SIGNS.get(operator, 1)
    made: dict[str, Any] = {"operator": number, "left": {"input": writing.block(each.get("left"))}}
    if each.get("type") in ("number", "boolean") and made["left"]["input"]["type"] == "string":
        message = f"What is compared as a {each['type']} is declared as text, for nothing says of what type it is."
        writing.note("degraded", "condition.type", message, "Declare its field where it comes from.")
    elif (kind := made["left"]["input"]["type"]) in INCOMPARABLE.get(number, ()):
        message = f"A {kind} is compared by {operator}, which Coze Studio does not do: it fails."
        writing.note("degraded", "condition.type", message, "Make of it what can be compared, before.")
    if operator not in UNARY and OPERATORS[number] not in ("empty", "not_empty", "true", "false"):
        made["right"] = {"input": writing.block(right)}
    return [made]
