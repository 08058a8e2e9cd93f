"""The names of the inputs that templates call."""

import copy
import re
from collections.abc import Iterator
from typing import Any

from dsl.called import Inputs, names

_LOGIC = "{%"
_BRACES = re.compile(r"\{\{.*?\}\}", re.DOTALL)
_WORD = re.compile(r"""'[^']*'|"[^"]*"|[.|]\s*[A-Za-z_]\w*|([A-Za-z_]\w*)""")  # a text, a field or a filter, a name


def as_called(built: Any, document: Any) -> Any:
    """What was built, with the inputs that its templates call named as in another document."""
    own = {id_: _inputs(held) for id_, held in _templates(document)}
    built = copy.deepcopy(built)
    for id_, held in _templates(built):
        if _LOGIC not in held["template"]:
            _call(held, names(_inputs(held), own.get(id_, []), _called(held["template"])))
    return built


def _call(held: dict[str, Any], new: dict[str, str]) -> None:
    held["template"] = _BRACES.sub(lambda found: _renamed(found[0], new), held["template"])
    for each in held["variables"]:
        each["variable"] = new.get(each["variable"], each["variable"])


def _called(template: str) -> set[str]:
    return {word[1] for braces in _BRACES.findall(template) for word in _WORD.finditer(braces) if word[1]}


def _renamed(braces: str, new: dict[str, str]) -> str:
    return _WORD.sub(lambda word: new.get(word[1], word[0]) if word[1] else word[0], braces)


def _templates(document: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """By the id of its node; apps without a graph have none."""
    if isinstance(document, list):
        for value in document:
            yield from _templates(value)
    elif isinstance(document, dict):
        data = document.get("data")
        if isinstance(data, dict) and data.get("type") == "template-transform" and _is_whole(data):
            yield str(document.get("id")), data
        for value in document.values():
            yield from _templates(value)


def _is_whole(data: dict[str, Any]) -> bool:
    listed = data.get("variables")
    named = isinstance(listed, list) and all(isinstance(each, dict) and "variable" in each for each in listed)
    return named and isinstance(data.get("template"), str)


def _inputs(data: dict[str, Any]) -> Inputs:
    return [(each["variable"], each.get("value_selector")) for each in data["variables"]]
