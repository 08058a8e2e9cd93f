"""The documents: what Dify's and Coze's readers make of them, by rules of their own written down here."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from openapi_spec_validator import validate
from pydantic import BaseModel

from tests.tools.offered import registry
from tools import openapi
from tools.context import Context
from tools.registry import Registry

SERVER = "https://tools.example.com"
REGISTRY = registry()


@pytest.mark.parametrize("document", [openapi.full(REGISTRY, SERVER), openapi.flat(REGISTRY, SERVER)])
def test_the_documents_are_valid(document: dict[str, Any]) -> None:
    validate(document)
    assert document["servers"] == [{"url": SERVER}]
    assert [*document["paths"]] == [f"/tools/{name}" for name in REGISTRY.tools]


def test_the_full_document_tells_every_status_and_how_to_get_in() -> None:
    document = openapi.full(REGISTRY, SERVER)
    assert {*document["paths"]["/tools/add_up"]["post"]["responses"]} >= {"200", "401", "422", "500"}
    assert document["security"] == [{"key": []}]
    assert document["components"]["securitySchemes"]["key"]["scheme"] == "bearer"


def everything(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else []:
        yield from everything(inner)


def operations() -> list[tuple[str, dict[str, Any]]]:
    return [(path, each["post"]) for path, each in openapi.flat(REGISTRY, SERVER)["paths"].items()]


@pytest.mark.parametrize(("path", "operation"), operations())
def test_coze_takes_every_operation(path: str, operation: dict[str, Any]) -> None:
    """coze.md, section 14: what its checker refuses."""
    assert [*operation["responses"]] == ["200"]
    for holder in (operation["requestBody"], operation["responses"]["200"]):
        assert [*holder["content"]] == ["application/json"]
        assert holder["content"]["application/json"]["schema"]["type"] == "object"
    assert operation["operationId"] and operation["summary"] and operation["description"]
    for each in everything(operation):
        assert not {"$ref", "anyOf", "oneOf", "allOf", "const", "$defs"} & each.keys()
    for each in everything(operation):
        for schema in each.get("properties", {}).values():
            assert schema["type"] in ("string", "number", "integer", "boolean", "array", "object")
            assert schema["description"]


def read_by_dify(operation: dict[str, Any]) -> dict[str, tuple[str, bool]]:
    """dify.md, section 11: the types of parameters and whether one must be given."""
    known = {"integer": "number", "number": "number", "boolean": "boolean", "string": "string", "array": "array"}
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    required = schema.get("required", [])
    return {
        name: (known.get(each.get("type", ""), "string"), name in required)
        for name, each in schema["properties"].items()
    }


def test_dify_reads_the_type_of_every_parameter() -> None:
    read = {operation["operationId"]: read_by_dify(operation) for _, operation in operations()}
    assert read["add_up"] == {
        "rows": ("array", True),
        "currency": ("string", False),
        "discount": ("number", False),
        "labels": ("string", False),  # an object, which Dify asks for as JSON text
        "rounded": ("boolean", False),
    }
    assert read["search_knowledge"]["top_k"] == ("number", False)


def test_bounds_and_choices_survive_in_the_words_of_openapi_3_0() -> None:
    flat = dict(operations())["/tools/add_up"]["requestBody"]["content"]["application/json"]["schema"]["properties"]
    assert flat["currency"]["enum"] == ["EUR", "USD"]
    assert {key: flat["discount"][key] for key in ("minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum")} == {
        "minimum": 0,
        "exclusiveMinimum": True,
        "maximum": 1,
        "exclusiveMaximum": True,
    }
    assert "null" not in json.dumps(flat)


class Tree(BaseModel):
    """A thing with such things in it."""

    branches: list["Tree"] = []


def grow(context: Context) -> Tree:
    """Grow a tree."""
    return Tree()


def test_a_type_that_is_in_itself_is_refused_since_coze_ends_on_it() -> None:
    made = Registry()
    made.add([grow])
    with pytest.raises(ValueError, match="Tree is in itself"):
        openapi.flat(made, SERVER)
