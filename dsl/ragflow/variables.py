"""VariableAggregator and VariableAssigner."""

import json
import re
from typing import Any

from dsl.ir import Ref, Type, Value
from dsl.ragflow.reading import Reading
from dsl.ragflow.scripts import stub
from dsl.ragflow.tables import ASSIGNMENTS, COUNTING
from dsl.ragflow.types import certain, type_of
from dsl.ragflow.writing import Made, Writing
from dsl.values import refs

_ASSIGN = {ours: theirs for theirs, ours in reversed(ASSIGNMENTS.items())}


def read_aggregator(reading: Reading) -> None:
    node = reading.node
    node.kind = "aggregate"
    groups = reading.items("groups")
    node.params = {
        "groups": [
            {
                "name": str(each.get("group_name") or "output"),
                "type": type_of(each.get("type")),
                "values": [
                    reading.bare(one.get("value")) for one in each.get("variables") or [] if isinstance(one, dict)
                ],
            }
            for each in groups
        ],
        "skip": "falsy",
    }
    node.outputs = {each["name"]: each["type"] for each in node.params["groups"]}


def read_assigner(reading: Reading) -> None:
    reading.node.kind = "assign"
    made = [_read_assignment(reading, each) for each in reading.items("variables")]
    reading.node.params = {"items": [each for each in made if isinstance(each["target"], Ref)]}


def _read_assignment(reading: Reading, each: dict[str, Any]) -> dict[str, Value]:
    op, value = ASSIGNMENTS.get(str(each.get("operator")), "set"), reading.value(each.get("parameter"))
    if op in COUNTING and isinstance(value, str) and re.fullmatch(r"-?(0|[1-9]\d{0,14})(\.\d{1,14})?", value):
        value = json.loads(value)  # a form left the digits as text
    return {"target": reading.bare(each.get("variable") or ""), "op": op, "value": value}


def write_aggregate(writing: Writing) -> Made:
    params = writing.node.params
    groups = [
        {
            "group_name": each.get("name") or "output",
            "type": certain(each.get("type") or Type()),
            "variables": [{"value": writing.bare(value)} for value in each.get("values", [])],
        }
        for each in params.get("groups", [])
    ]
    if params.get("skip") != "falsy":
        writing.note(
            "degraded",
            "aggregate.falsy",
            'RAGFlow takes the first truthy value: 0, "", false and empty lists are skipped.',
            "Check that no branch yields an empty value.",
        )
    return "VariableAggregator", {"groups": groups}


def write_assign(writing: Writing) -> Made:
    items = writing.node.params.get("items", [])
    if any(not _assignable(each) for each in items):
        why = "RAGFlow counts by fixed numbers only, and appends only what is referred to."
        return stub(writing, why, "assign.value")
    return "VariableAssigner", {"variables": [_write_assignment(writing, each) for each in items]}


def _assignable(each: dict[str, Any]) -> bool:
    """Whether RAGFlow looks the value up where it has to: else the variable becomes a text that says ERROR."""
    value = each.get("value")
    if each.get("op") in COUNTING:
        return isinstance(value, int | float)
    looked_up = isinstance(value, Ref) or each.get("op") not in ("append", "extend")
    return looked_up and not (isinstance(value, dict | list) and any(refs(value)))


def _write_assignment(writing: Writing, each: dict[str, Any]) -> dict[str, Any]:
    op, target, value = each.get("op", "set"), each.get("target"), each.get("value")
    operator = "set" if op == "set" and not isinstance(value, Ref) else _ASSIGN[op]
    as_it_is = isinstance(value, Ref) or op in COUNTING or writing.type_of(target) not in ("string", "any")
    given = writing.bare(value) if as_it_is and value is not None else writing.text(value)
    return {"variable": writing.bare(target), "operator": operator, "parameter": given}
