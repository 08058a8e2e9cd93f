"""A node while it is read from Coze: BLOCKINPUTs as values, VARIABLEs as types."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from dsl import DslError
from dsl.coze import text
from dsl.coze.tables import FILE_KINDS, SCOPES, TIME
from dsl.ir import Node, Ref, Resource, Scope, Type, Value, Variable
from dsl.load import load_json
from dsl.notes import Note


def type_of(variable: Any) -> Type:
    """A VARIABLE or a BLOCKINPUT as a type; a string with an assistType is a file or a time."""
    if not isinstance(variable, dict):
        return Type("any")
    word, assist = str(variable.get("type", "any")), variable.get("assistType")
    about: dict[str, Any] = {
        "required": variable.get("required") is True,
        "description": str(variable.get("description") or ""),
    }
    about["default"] = variable.get("defaultValue")
    schema = variable.get("schema")
    if word == "list":
        return Type("array", items=type_of(schema) if isinstance(schema, dict) else None, **about)
    if word == "object":
        return Type("object", props=types_of(schema) if isinstance(schema, list) and schema else None, **about)
    if word == "string" and isinstance(assist, int) and assist:
        return Type("time", **about) if assist == TIME else Type("file", file=FILE_KINDS.get(assist, "any"), **about)
    known = {"float": "number", "image": "file"}.get(word, word)
    return Type(known if known in ("string", "integer", "number", "boolean", "file") else "any", **about)  # type: ignore[arg-type]


def types_of(variables: Any) -> dict[str, Type]:
    """VARIABLEs, or PARAMs that point at inner values, by name."""
    return {
        str(each.get("name")): type_of(each["input"] if isinstance(each.get("input"), dict) else each)
        for each in mappings(variables)
        if each.get("name") not in (None, "errorBody", "isSuccess") or "readonly" not in {key.lower() for key in each}
    }


def mapping(value: Any) -> dict[str, Any]:
    """The value when it is a mapping; else an empty one."""
    return value if isinstance(value, dict) else {}


def mappings(value: Any) -> list[dict[str, Any]]:
    """The mappings in a list; none when it is no list."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


@dataclass
class Found:
    """What a canvas has beside its nodes, while it is read."""

    resources: dict[str, Resource] = field(default_factory=dict)
    variables: dict[tuple[Scope, str], Variable] = field(default_factory=dict)
    joined: dict[str, list[Ref]] = field(default_factory=dict)  # by Text node: what it joins where that is a list
    notes: list[Note] = field(default_factory=list)  # of what Coze alone does

    def resource(self, kind: str, name: str, hint: dict[str, Any]) -> str:
        key = f"{kind}:{name}"
        self.resources.setdefault(key, Resource(key, kind, name, hint))  # type: ignore[arg-type]
        return key

    def variable(self, ref: Ref, type_: Type) -> None:
        """A canvas declares no variable of its app: what refers to one tells its type."""
        if len(ref.path) == 1 and ref.scope != "system":
            plain = replace(type_, required=False, description="", default=None)
            self.variables.setdefault((ref.scope, str(ref.path[0])), Variable(ref.scope, str(ref.path[0]), plain))


@dataclass(frozen=True)
class Reading:
    """A node being read: what it becomes, its data, and how references are resolved."""

    node: Node
    type: str
    data: dict[str, Any]
    inputs: dict[str, Any]
    find: Callable[[str, tuple[str | int, ...]], Ref]
    found: Found

    def value(self, given: Any) -> Value:
        """A BLOCKINPUT as a value."""
        held = given.get("value") if isinstance(given, dict) else None
        if not isinstance(held, dict):
            return None
        content = held.get("content")
        if held.get("type") == "ref" and isinstance(content, dict):
            return self._ref(content, given)
        if held.get("type") == "object_ref":
            return self.params(given.get("schema"))
        return _literal(given, content)

    def _ref(self, content: dict[str, Any], given: dict[str, Any]) -> Value:
        source = str(content.get("source", ""))
        if source in SCOPES:
            path = content.get("path")
            ref = Ref("", tuple(map(str, path)) if isinstance(path, list) else (), SCOPES[source])
            self.found.variable(ref, type_of(given))
            return ref
        block = content.get("blockID")
        return self.find(str(block), text.path(str(content.get("name") or ""))) if block else None

    def params(self, given: Any) -> dict[str, Value]:
        """PARAMs by name."""
        return {str(each["name"]): self.value(each.get("input")) for each in mappings(given) if "name" in each}

    def named(self) -> dict[str, Value]:
        given = self.inputs.get("inputParameters")
        return self.params(given if given is not None else self.data.get("inputParameters"))

    def template(self, given: Any) -> Value:
        """Text over the node's own inputs, as a literal BLOCKINPUT or as it is."""
        content = self.value(given) if isinstance(given, dict) else given
        return text.named(content, self.named()) if isinstance(content, str) else content

    def declared(self) -> dict[str, Type]:
        return types_of(self.data.get("outputs"))


def _literal(given: dict[str, Any], content: Any) -> Value:
    kind = given.get("type")
    if kind in ("integer", "float") and isinstance(content, str):
        return number(content)
    if kind in ("list", "object") and isinstance(content, str):
        try:
            return load_json(content)
        except DslError:  # no JSON, or nested or large beyond what a file may hold
            return content
    if kind == "boolean" and content in ("true", "false"):
        return content == "true"
    return content


def number(value: Any) -> Any:
    """A number that is written as text; anything else as it is."""
    if not isinstance(value, str):
        return value
    try:
        return int(value)
    except ValueError:
        try:
            made = float(value)
        except ValueError:
            return value
        return made if math.isfinite(made) else value
