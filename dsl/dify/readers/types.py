"""Types as a file spells them: the inputs that a start node asks for, and JSON schemas."""

from typing import Any

from dsl.dify import names
from dsl.dify.place import Place, parsed
from dsl.ir import Type


def input_type(place: Place, word: str = "") -> Type:
    """The type of an input of the flow: what the form of the start node asks for."""
    type_ = names.type_of(word or place.text("type", default="string"))
    kinds = [each.text() for each in place.items("allowed_file_types")]
    if len(kinds) == 1 and "file" in (type_.name, type_.items.name if type_.items else ""):
        file = Type("file", file=kinds[0])
        type_ = Type("array", items=file) if type_.name == "array" else file
    if place.has("json_schema"):
        type_ = schema_type(parsed(place.value["json_schema"]))
    label = place.text("label")
    return typed(
        type_,
        required=place.flag("required"),
        label="" if label == place.text("variable") else label,
        description=place.text("description"),
        default=place.value.get("default"),
        options=tuple(each.text() for each in place.items("options")),
        max_length=place.integer("max_length"),
    )


def schema_type(schema: Any, depth: int = 0) -> Type:
    """A JSON schema as a type, as far as types go."""
    if not isinstance(schema, dict) or depth > 20:
        return Type()
    word = schema.get("type")
    if word == "array":
        return Type("array", items=schema_type(schema.get("items"), depth + 1) if "items" in schema else None)
    if word == "object" and isinstance(schema.get("properties"), dict):
        members = schema["properties"].items()
        return Type("object", props={str(name): schema_type(inner, depth + 1) for name, inner in members})
    return names.type_of(word) if isinstance(word, str) else Type()


def typed(type_: Type, **more: Any) -> Type:
    return Type(type_.name, type_.items, type_.props, type_.file, **more)
