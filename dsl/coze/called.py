"""The names of the inputs that prompts, messages and texts call."""

import copy
from collections.abc import Iterator
from typing import Any

from dsl.called import Inputs, called, names, said
from dsl.coze.formats import inside
from dsl.coze.reading import mapping, mappings

_LISTS = ("inputParameters", "node_inputs")  # of a canvas and of the YAML


def as_called(built: Any, document: Any) -> Any:
    """What was built, with the inputs that texts call named as in a document of the same form."""
    own = {str(node["id"]): _inputs(_held(node)) for node in _nodes(inside(document)[1])}
    built = copy.deepcopy(built)
    for node in _nodes(inside(built)[1]):
        held = _held(node)
        if "code" not in held and (new := names(_inputs(held), own.get(str(node["id"]), []), called(held))):
            _call(held, new)
    return built


def _nodes(document: Any) -> Iterator[dict[str, Any]]:
    """Those in containers, too."""
    if isinstance(document, dict) and "id" in document and _held(document):
        yield document
    if isinstance(document, (dict, list)):
        for value in document.values() if isinstance(document, dict) else document:
            yield from _nodes(value)


def _held(node: dict[str, Any]) -> dict[str, Any]:
    return mapping(node.get("parameters")) or mapping(mapping(node.get("data")).get("inputs"))


def _listed(held: dict[str, Any]) -> list[dict[str, Any]]:
    return [each for key in _LISTS for each in mappings(held.get(key)) if isinstance(each.get("name"), str)]


def _inputs(held: dict[str, Any]) -> Inputs:
    return [(each["name"], _source(each)) for each in _listed(held)]


def _source(given: dict[str, Any]) -> dict[str, Any] | None:
    value = mapping(mapping(given.get("input")).get("value"))
    return mapping(value.get("content") if "type" in value else value) or None


def _call(held: dict[str, Any], new: dict[str, str]) -> None:
    for each in _listed(held):
        each["name"] = new.get(each["name"], each["name"])
    held |= {key: said(value, new) for key, value in held.items() if key not in _LISTS}
