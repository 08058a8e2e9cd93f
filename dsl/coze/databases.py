"""Databases of Coze, read and written: elsewhere each operation is a tool that has to be supplied.

What it asks of the tool are plain arguments: the database, the conditions and fields, or the SQL and its parameters,
which are handed to the database apart from it, as Coze does.
"""

from typing import Any

from dsl.coze.reading import Reading, mapping, mappings
from dsl.coze.tables import DATABASES, WORDS
from dsl.coze.writing import Made, Writing, variables
from dsl.ir import Value


def read(reading: Reading) -> None:
    node, inputs = reading.node, reading.inputs
    node.kind = "tool"
    node.params = {"tool": reading.found.resource("tool", WORDS[reading.type], {"type": "coze", "node": reading.type})}
    node.outputs = reading.declared()
    node.inputs = {"database": ",".join(str(each.get("databaseInfoID")) for each in _databases(inputs))}
    if reading.type == "12":
        node.inputs |= {"sql": str(inputs.get("sql") or ""), "parameters": dict(reading.named())}
        return
    asked = mapping(inputs.get(DATABASES[reading.type]))
    if "fieldInfo" in asked:
        node.inputs["values"] = _values_of(reading, asked["fieldInfo"])
    if "condition" in asked:
        node.inputs |= _where_of(reading, mapping(asked["condition"]))
    node.inputs |= {ours: asked[theirs] for theirs, ours in _AS_THEY_ARE.items() if asked.get(theirs) is not None}


_AS_THEY_ARE = {"fieldList": "fields", "orderByList": "order", "limit": "limit"}


def _databases(inputs: dict[str, Any]) -> list[dict[str, Any]]:
    return mappings(inputs.get("databaseInfoList"))


def _values_of(reading: Reading, given: Any) -> dict[str, Value]:
    """By the id of a field, what it is set to."""
    pairs = [reading.params(each) for each in given] if isinstance(given, list) else []
    return {str(each.get("fieldID")): each.get("fieldValue") for each in pairs}


def _where_of(reading: Reading, condition: dict[str, Any]) -> dict[str, Value]:
    given = condition.get("conditionList")
    parts = [reading.params(each) for each in given] if isinstance(given, list) else []
    return {"where": parts, "logic": str(condition.get("logic") or "AND")}


# -- and back


def write(writing: Writing, kind: str) -> Made:
    given = writing.node.inputs
    ids = [each for each in str(given.get("database") or "").split(",") if each]
    made: dict[str, Any] = {"databaseInfoList": [{"databaseInfoID": each} for each in ids]}
    if kind == "12":
        parameters = given.get("parameters")
        made |= {"sql": given.get("sql"), "inputParameters": writing.params(mapping(parameters))}
    else:
        made[DATABASES[kind]] = _asked(writing, given)
    return kind, made, variables(writing.node.outputs)


def _asked(writing: Writing, given: dict[str, Value]) -> dict[str, Any]:
    made = {theirs: given[ours] for theirs, ours in _AS_THEY_ARE.items() if ours in given}
    if "where" in given:
        parts = [_params(writing, each) for each in mappings(given["where"])]
        made["condition"] = {"conditionList": parts, "logic": given.get("logic")}
    if "values" in given:
        values = mapping(given["values"])
        made["fieldInfo"] = [_params(writing, {"fieldID": name, "fieldValue": value}) for name, value in values.items()]
    return made


def _params(writing: Writing, given: dict[str, Value]) -> list[dict[str, Any]]:
    return [writing.param(name, value) for name, value in given.items()]
