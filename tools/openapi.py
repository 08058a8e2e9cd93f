"""The OpenAPI documents of the tools: one that says all, and flat ones that Dify's and Coze's own readers take.

Dify reads `servers[0].url`, follows no `$ref` inside properties and shows `anyOf` as text; Coze refuses null, unions,
more than one server, statuses beside 200, and answers that are no object. Both want names, summaries and descriptions.
"""

from importlib.metadata import version
from typing import Any

from pydantic import BaseModel

from tools.registry import Registry, Tool

Schema = dict[str, Any]
ABOUT = "Tools of flowstill: knowledge search, workflow files, and the loop from knowledge base to model."
_REFERENCE = "#/components/schemas/{model}"
_UNKNOWN_TO_3_0 = ("title", "$schema", "$defs", "examples", "propertyNames", "const", "prefixItems")


def full(registry: Registry, server: str) -> Schema:
    """OpenAPI 3.1 with every status, and the schemas as pydantic has them."""
    schemas: dict[str, Schema] = {}
    paths = {f"/tools/{each.name}": {"post": _operation(each, schemas)} for each in registry.tools.values()}
    components = {
        "schemas": dict(sorted(schemas.items())) | {"Error": ERROR},
        "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
    }
    return _head("3.1.0", server) | {"paths": paths, "components": components, "security": [{"key": []}]}


def flat(registry: Registry, server: str) -> Schema:
    """OpenAPI 3.0 without references, unions and null, for Dify and Coze."""
    paths = {f"/tools/{each.name}": {"post": _flat_operation(each)} for each in registry.tools.values()}
    return _head("3.0.3", server) | {"paths": paths}


def _head(openapi: str, server: str) -> Schema:
    about = {"title": "flowstill", "description": ABOUT, "version": version("flowstill")}
    return {"openapi": openapi, "info": about, "servers": [{"url": server}]}


def _said(tool: Tool) -> Schema:
    return {"operationId": tool.name, "summary": tool.summary, "description": tool.description}


def _operation(tool: Tool, schemas: dict[str, Schema]) -> Schema:
    body, answer = (_shared(model, mode, schemas) for model, mode in _models(tool))
    failed = {status: _json(words, {"$ref": "#/components/schemas/Error"}) for status, words in STATUSES.items()}
    return _said(tool) | {
        "requestBody": {"required": True, "content": {"application/json": {"schema": body}}},
        "responses": {"200": _json(_about(tool.answer), answer)} | failed,
    }


def _flat_operation(tool: Tool) -> Schema:
    body, answer = (flattened(model.model_json_schema(mode=mode)) for model, mode in _models(tool))
    return _said(tool) | {
        "requestBody": {"required": True, "content": {"application/json": {"schema": body}}},
        "responses": {"200": _json(_about(tool.answer), answer)},
    }


def _models(tool: Tool) -> list[tuple[type[BaseModel], Any]]:
    return [(tool.arguments, "validation"), (tool.answer, "serialization")]


def _about(answer: type[BaseModel]) -> str:
    return (answer.__doc__ or answer.__name__).splitlines()[0]


def _json(description: str, schema: Schema) -> Schema:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _shared(model: type[BaseModel], mode: Any, schemas: dict[str, Schema]) -> Schema:
    """A reference to the schema, which is put beside the others with all that it refers to."""
    schema = model.model_json_schema(mode=mode, ref_template=_REFERENCE)
    schemas.update(schema.pop("$defs", {}))
    schemas[model.__name__] = schema
    return {"$ref": _REFERENCE.format(model=model.__name__)}


def flattened(schema: Schema, known: dict[str, Schema] | None = None) -> Schema:
    """JSON Schema 2020-12 in the words of OpenAPI 3.0 that every reader knows. ValueError: it is recursive."""
    known = schema.get("$defs", {}) if known is None else known
    if "$ref" in schema:
        return _followed(schema, known)
    options = [each for each in schema.get("anyOf", []) if each.get("type") != "null"]
    if "anyOf" in schema:  # of several the first: no reader tells them apart
        rest = {key: value for key, value in schema.items() if key not in ("anyOf", "default") or value}
        return flattened({key: value for key, value in rest.items() if key != "anyOf"} | options[0], known)
    made = {key: value for key, value in schema.items() if key not in _UNKNOWN_TO_3_0}
    if "const" in schema:
        made["enum"] = [schema["const"]]
    for bound in ("Minimum", "Maximum"):  # a number since 3.1, a word about minimum and maximum before
        if isinstance(made.get(f"exclusive{bound}"), (int, float)):
            made[bound.lower()], made[f"exclusive{bound}"] = made[f"exclusive{bound}"], True
    for key in ("items", "additionalProperties"):
        if isinstance(made.get(key), dict):
            made[key] = flattened(made[key], known)
    if "properties" in made:
        made["properties"] = {
            name: _described(name, flattened(each, known)) for name, each in made["properties"].items()
        }
    return made


def _followed(schema: Schema, known: dict[str, Schema]) -> Schema:
    name = schema["$ref"].rsplit("/", 1)[-1]
    if name not in known:
        raise ValueError(f"{name} is in itself: Coze's reader ends on that.")
    beside = {key: value for key, value in schema.items() if key != "$ref"}
    return flattened(known[name], {key: value for key, value in known.items() if key != name}) | beside


def _described(name: str, schema: Schema) -> Schema:
    return schema if schema.get("description") else schema | {"description": name.replace("_", " ")}


ERROR = {
    "type": "object",
    "required": ["error", "request_id"],
    "properties": {
        "error": {"type": "string", "description": "What failed, and what to do."},
        "fields": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["name", "message"],
                "properties": {"name": {"type": "string"}, "message": {"type": "string"}},
            },
        },
        "request_id": {"type": "string"},
    },
}
STATUSES = {
    "400": "The tool cannot do it with these arguments, or the body is no JSON.",
    "401": "The key is missing or wrong.",
    "413": "The body is too large.",
    "422": "An argument is missing or wrong.",
    "500": "The tool failed.",
}
