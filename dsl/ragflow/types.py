"""RAGFlow's words for types: `string`, `number`, `Array<Object>`; it reads them in any case."""

from typing import Any

from dsl.ir import Type

_WORDS = frozenset({"string", "integer", "number", "boolean", "object", "file"})


def type_of(name: Any) -> Type:
    """The type by its word; any for a word that says nothing. Of `array` and `array<any>` the elements are unknown."""
    word = str(name or "any").lower()
    if word.startswith("array"):
        inner = word.removeprefix("array").strip("<>[]")
        return Type("array", items=None if inner in ("", "any") else type_of(inner))
    return Type(word if word in _WORDS else "any")  # type: ignore[arg-type]


def word_of(type_: Type) -> str:
    if type_.name == "array":
        return f"array<{word_of(type_.items or Type())}>"
    return {"secret": "string", "time": "string", "integer": "number"}.get(type_.name, type_.name)


def certain(type_: Type) -> str:
    """The word where RAGFlow wants one: of what is not known, object."""
    return "object" if type_.name == "any" else word_of(type_)
