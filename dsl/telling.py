"""Values in a few words, as a change of them is told."""

from dataclasses import fields, is_dataclass
from typing import Any

from dsl.ir import Ref, Script, Text, Type

_LONGEST = 60
_BEFORE = 12  # letters that are shown of what two long texts have in common


def change(one: Any, other: Any) -> str:
    """Two values that differ, so that one sees where: `a -> b`."""
    left, right = words(one), words(other)
    if left == right and type(one) is not type(other):
        left, right = _with_kind(left, one), _with_kind(right, other)
    elif left == right:
        left, right = _exactly(one), _exactly(other)
    if max(len(left), len(right)) > _LONGEST:
        start = max(0, _alike(left, right) - _BEFORE)
        left, right = (_cut(each, start if start > _BEFORE else 0) for each in (left, right))
    return f"{left} -> {right}"


def _alike(one: str, other: str) -> int:
    """How many letters are the same before the first that is not."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((i for i, (left, right) in pairs if left != right), min(len(one), len(other)))


def _exactly(value: Any) -> str:
    """With blanks and line breaks as they are."""
    if isinstance(value, Text):
        return repr("".join(part if isinstance(part, str) else words(part) for part in value.parts))
    return (
        repr(value.source if isinstance(value, Script) else value) if isinstance(value, (str, Script)) else words(value)
    )


def words(value: Any) -> str:
    """References in braces, lists and mappings as people write them."""
    if value is None or value == "":
        return "nothing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Ref):
        return "{" + ".".join([value.node or value.scope, *map(str, value.path)]) + "}"
    if isinstance(value, Text):
        return " ".join("".join(part if isinstance(part, str) else words(part) for part in value.parts).split())
    if isinstance(value, Script):
        return " ".join(value.source.split())
    if isinstance(value, Type):
        return _type(value)
    if is_dataclass(value):
        return words({each.name: getattr(value, each.name) for each in fields(value)})
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {words(inner)}" for name, inner in value.items()) + "}"
    return (
        "[" + ", ".join(map(words, value)) + "]" if isinstance(value, (list, tuple)) else " ".join(str(value).split())
    )


def _type(type_: Type) -> str:
    inner = f" of {_type(type_.items)}" if type_.items else ""
    return f"{type_.name}{inner}{', required' if type_.required else ''}"


_KINDS = {bool: "a truth value", int: "a number", float: "a number", str: "a text", Ref: "a reference", Text: "a text"}


def _with_kind(told: str, value: Any) -> str:
    if value is None:
        return told
    return (
        f"{told} ({'an empty text' if value == '' else _KINDS.get(type(value), 'a ' + type(value).__name__.lower())})"
    )


def _cut(told: str, start: int) -> str:
    told = f"...{told[start:]}" if start else told
    return told if len(told) <= _LONGEST else f"{told[: _LONGEST - 3]}..."
