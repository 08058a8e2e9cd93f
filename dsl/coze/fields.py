"""The fields that a model of Coze answers in: as outputs, and as the JSON schema that other platforms want."""

from typing import Any

from dsl.coze.names import identifier
from dsl.coze.reading import mappings, types_of
from dsl.ir import Node, Type


def answers_fields(inputs: dict[str, Any], outputs: Any) -> bool:
    """Whether a model's outputs are fields of a JSON answer (responseFormat 2), and not one text."""
    formats = [
        each.get("input", {}).get("value", {}).get("content")
        for each in mappings(inputs.get("llmParam"))
        if each.get("name") == "responseFormat" and isinstance(each.get("input"), dict)
        and isinstance(each["input"].get("value"), dict)
    ]  # fmt: skip
    names = {name: each for name, each in types_of(outputs).items() if name != "reasoning_content"}
    lone = len(names) == 1 and next(iter(names.values())).name == "string"
    return "2" in map(str, formats) and not lone


def schema_of(fields: dict[str, Type]) -> dict[str, Any]:
    """The JSON schema of an object with these fields."""
    return {
        "type": "object",
        "properties": {name: _schema(each) for name, each in fields.items()},
        "required": list(fields),
    }


def _schema(of: Type) -> dict[str, Any]:
    made: dict[str, Any] = (
        {}
        if of.name == "any"
        else {"type": {"file": "string", "time": "string", "secret": "string"}.get(of.name, of.name)}
    )
    if of.description:
        made["description"] = of.description
    if of.items is not None:
        made["items"] = _schema(of.items)
    if of.props:
        made |= schema_of(of.props)
    return made


def fields(node: Node) -> dict[str, Type]:
    """The outputs of a model that answers in fields."""
    declared = node.outputs.get("structured")
    return declared.props if declared is not None and declared.props else _fields(node.params.get("schema"))


def named(node: Node) -> dict[str | int, str]:
    """What each of them is called as an output."""
    taken: set[str] = set()
    return {name: identifier(name, taken) for name in fields(node)}


def _fields(schema: Any) -> dict[str, Type]:
    held = schema.get("properties") if isinstance(schema, dict) else None
    return {str(name): _typed(each) for name, each in (held or {}).items()} if isinstance(held, dict) else {}


def _typed(schema: Any) -> Type:
    word = schema.get("type") if isinstance(schema, dict) else None
    if word == "array":
        return Type("array", items=_typed(schema.get("items")))
    if word == "object":
        return Type("object", props=_fields(schema))
    known = word if word in ("string", "integer", "number", "boolean") else "string"
    return Type(known, description=str((schema or {}).get("description") or "") if isinstance(schema, dict) else "")  # type: ignore[arg-type]
