"""Iteration, Loop, ExitLoop."""

from typing import Any

from dsl.ir import Graph, Ref, Type, Value
from dsl.ragflow.branches import read_conditions, write_conditions
from dsl.ragflow.reading import Reading
from dsl.ragflow.stale import HERE, is_stale
from dsl.ragflow.tables import EMPTY, LOOP_SIGNS
from dsl.ragflow.types import certain, type_of
from dsl.ragflow.writing import Made, Writing
from dsl.values import map_refs


def read_iteration(reading: Reading) -> None:
    node = reading.node
    node.kind, node.body = "iterate", Graph()
    node.inputs = {"item": reading.bare(reading.params.get("items_ref") or "")}
    collect = {
        name: reading.bare(each.get("ref"))
        for name, each in reading.mapping("outputs").items()
        if isinstance(each, dict)
    }
    node.params = {"collect": {name: ref for name, ref in collect.items() if isinstance(ref, Ref)}}
    node.outputs = dict.fromkeys(node.params["collect"], Type("array"))


def read_loop(reading: Reading) -> None:
    node, params = reading.node, reading.params
    node.kind, node.body = "loop", Graph()
    variables: dict[str, dict[str, Any]] = {
        str(each.get("variable")): {
            "type": type_of(each.get("type")),
            "value": _read_first(reading, each),
        }
        for each in reading.items("loop_variables")
    }
    until = {"items": params.get("loop_termination_condition"), "logical_operator": params.get("logical_operator")}
    node.params = {"variables": variables, "count": params.get("maximum_loop_count")}
    if until["items"]:
        node.params["until"] = _inside(read_conditions(reading, until, "variable"), node.id)
    node.outputs = {name: each["type"] for name, each in variables.items()}


def _read_first(reading: Reading, variable: dict[str, Any]) -> Value:
    if variable.get("input_mode") == "variable":
        return reading.bare(variable.get("value"))
    if variable.get("input_mode") != EMPTY:
        return variable.get("value")
    empty: dict[str, Any] = {"number": 0, "boolean": False, "object": {}, "array": []}
    return empty.get(type_of(variable.get("type")).name, "")


def _inside(value: Any, key: str) -> Any:
    """A loop's own condition speaks of its variables as they are inside."""

    return map_refs(value, lambda ref: Ref(key, ref.path, "loop") if ref.node == key else ref)


def read_leave(reading: Reading) -> None:
    reading.node.kind = "break"


def write_iterate(writing: Writing) -> Made:
    node, params = writing.node, writing.node.params
    over = list(node.inputs.values())
    if params.get("parallel"):
        writing.note("degraded", "iterate.sequential", "The rounds run one after the other here.")
    if params.get("on_item_error") in ("null", "skip"):
        writing.note("degraded", "iterate.error", "A round that fails ends the whole iteration here.")
    if len(over) > 1:
        writing.note("degraded", "iterate.lists", "One list is walked here: the others are not.")
    _tell_stale(writing)
    outs = {name: {"type": "array", "ref": writing.bare(ref)} for name, ref in params.get("collect", {}).items()}
    return "Iteration", {"items_ref": writing.bare(over[0]) if over else "", "outputs": outs}


def _tell_stale(writing: Writing) -> None:
    if writing.flow.dialect != "ragflow" and is_stale(writing.node):
        writing.note("degraded", "rounds.stale", HERE, "Read it in the branch that gives it.")


def write_loop(writing: Writing) -> Made:
    params = writing.node.params
    _tell_stale(writing)
    variables = [
        {"variable": name} | _write_first(writing, each.get("value"), certain(each.get("type") or Type()))
        for name, each in params.get("variables", {}).items()
    ]
    until = write_conditions(writing, params.get("until") or {}, LOOP_SIGNS, "variable")
    count = params.get("count")
    if count is None:
        writing.note("degraded", "loop.capped", "A loop has an end here: after 100 rounds.")
    logic = until["logical_operator"] if until["items"] else "or"  # an empty list with `and` would end it at once
    return "Loop", {
        "loop_variables": variables,
        "loop_termination_condition": until["items"],
        "logical_operator": logic,
        "maximum_loop_count": 100 if count is None else writing.bare(count),
    }


def _write_first(writing: Writing, value: Value, kind: str) -> dict[str, Any]:
    """What a variable of a loop begins with. RAGFlow refuses an empty constant, and 0, but has them for each type."""
    given = writing.bare(value)
    if isinstance(value, Ref):
        return {"type": kind, "input_mode": "variable", "value": given}
    if given or writing.flow.dialect == "ragflow":
        return {"type": kind, "input_mode": "constant", "value": given}
    typed = {bool: "boolean", int: "number", float: "number", list: "array", dict: "object", str: "string"}
    empty = typed.get(type(given), kind)
    return {"type": kind if kind.startswith(empty) else empty, "input_mode": EMPTY, "value": EMPTY}


def write_leave(writing: Writing) -> Made:
    return "ExitLoop", {}
