"""Types as JSON schemas."""

from typing import Any

from dsl.ir import Type

WORDS = ("string", "integer", "number", "boolean", "object", "array")


def schema_for(type_: Type) -> dict[str, Any]:
    """The JSON schema of a type."""
    schema: dict[str, Any] = {} if type_.name == "any" else {"type": type_.name if type_.name in WORDS else "string"}
    if type_.description:
        schema["description"] = type_.description
    if type_.items:
        schema["items"] = schema_for(type_.items)
    if type_.props is not None:
        schema["properties"] = {name: schema_for(each) for name, each in type_.props.items()}
    if type_.options:
        schema["enum"] = list(type_.options)
    return schema


def schema_with(outputs: dict[str, Type]) -> dict[str, Any]:
    required = [name for name, type_ in outputs.items() if type_.required]
    properties = {name: schema_for(type_) for name, type_ in outputs.items()}
    return {"type": "object", "properties": properties} | ({"required": required} if required else {})
