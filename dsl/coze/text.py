"""References of Coze: `ref` values, templates over a node's own inputs, and `block_output_` texts of HTTP nodes."""

import re
from collections.abc import Callable
from typing import Any

from dsl.ir import Ref, Value
from dsl.values import parse

_STEP = r"[^.\[\]{}\"\s](?:[^.\[\]{}\"]*[^.\[\]{}\"\s])?"  # a field may be called anything but this
_PATH = rf"(?:\.{_STEP}|\[\d+\])"
_NAMED = re.compile(rf"\{{\{{\s*([A-Za-z_]\w*{_PATH}*)\s*\}}\}}")
_BLOCK = re.compile(rf"\{{\{{\s*block_output_(\w+?)({_PATH}+)\s*\}}\}}")
_GLOBAL = re.compile(rf"\{{\{{\s*(global_variable_(?:app|user|system))\[\"([^\"]+)\"\]({_PATH}*)\s*\}}\}}")
_KEY, _INDEX = re.compile(r"[^.\[\]]+"), re.compile("[0-9]{1,9}")
_HTTP = re.compile(f"(?:{_BLOCK.pattern})|(?:{_GLOBAL.pattern})")
Find = Callable[[str, tuple[str | int, ...]], Ref]


def path(source: str) -> tuple[str | int, ...]:
    """`a.b[0].c` in steps."""
    return tuple(int(step) if _INDEX.fullmatch(step) else step for step in _KEY.findall(source))


def named(source: str, inputs: dict[str, Value]) -> Value:
    """A template over inputs: a name becomes what the input is; of an input that is no reference, its value."""

    def found(match: "re.Match[str]") -> Any:
        value, rest = _below(inputs, path(match[1]))
        if isinstance(value, Ref):
            return Ref(value.node, (*value.path, *rest), value.scope)
        return None if value is None or rest or not isinstance(value, (str, int, float)) else str(value)

    return parse(source, _NAMED, found)


def _below(value: Value, steps: tuple[str | int, ...]) -> tuple[Value, tuple[str | int, ...]]:
    """What stands in an object that was built field by field, and the steps that lead on from there."""
    while steps and isinstance(value, dict):
        value, steps = value.get(str(steps[0])), steps[1:]
    return value, steps


def called(source: str, inputs: dict[str, Value]) -> list[Ref]:
    """What a template calls by the name of an input alone."""
    values = [inputs.get(name) for name in re.findall(r"\{\{([A-Za-z_]\w*)\}\}", source)]
    return [value for value in values if isinstance(value, Ref)]


def blocks(source: str, find: Find, scopes: dict[str, Any]) -> Value:
    """The text of an HTTP node."""

    def found(match: "re.Match[str]") -> Ref:
        if match[1]:
            return find(match[1], path(match[2]))
        return Ref("", (match[4], *path(match[5])), scopes[match[3]])

    return parse(source, _HTTP, found)
