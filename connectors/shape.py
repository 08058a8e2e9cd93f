"""JSON of a wanted shape from models that wrap it, cut it off, or miss it."""

import functools
import json
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import msgspec

Shape = type[msgspec.Struct]
_OPENING = re.compile(r"[{\[]")
_TOKEN = re.compile(r'"(?:[^"\\]|\\[\s\S]?)*+(?:"|\Z)|[{}\[\]]')  # a text, cut off at the end perhaps, or a bracket
TRIES = 64  # brackets from which JSON is looked for: each may be read to the end of the text
_OUTERMOST = (
    "",
    "}",
    "]",
    "}]",
)  # what is open around or between the elements of a list in an object, or of a bare one


class ShapeError(ValueError):
    """The text holds no such JSON; the message tells the model what is wrong."""


@functools.cache
def schema(shape: Shape) -> dict[str, Any]:
    """The shape as a JSON schema for any server: references put in, every field required, no others."""
    whole = msgspec.json.schema(shape)
    found = _flat(whole, whole.get("$defs", {}))
    return found if isinstance(found, dict) else {}


def _flat(node: Any, known: dict[str, Any]) -> Any:
    if isinstance(node, list):
        return [_flat(one, known) for one in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        return _flat(known[node["$ref"].removeprefix("#/$defs/")], known)
    flat = {name: _flat(value, known) for name, value in node.items() if name not in ("$defs", "default")}
    if "properties" in flat:
        flat.pop("title", None)
        flat |= {"required": list(flat["properties"]), "additionalProperties": False}
    return flat


def read(text: str, shape: Shape) -> str:
    """The JSON in `text`, checked against the shape; raises ShapeError. Brackets that lack at its end are put there."""
    try:
        return _first(text, shape)
    except ShapeError:
        for cut in _closed(text):
            with suppress(ShapeError):
                if _has_all(found := _first(cut, shape), shape):
                    return found
        raise


def read_part(text: str, shape: Shape) -> str:
    """What is complete in JSON that was cut off, as long as that has the shape; raises ShapeError."""
    for cut in _closed(text):
        with suppress(ShapeError):
            return _first(cut, shape)
    raise ShapeError("nothing complete is in what was cut off")


def elements(found: str) -> int:
    """How much that `read` or `read_part` found: all elements of its lists."""
    return sum(len(value) for value in json.loads(found).values() if isinstance(value, list))


def _has_all(found: str, shape: Shape) -> bool:
    """Whether a part is the whole: as many elements as the schema allows."""
    most = [field.get("maxItems") for field in schema(shape)["properties"].values() if field.get("type") == "array"]
    return bool(most) and None not in most and elements(found) >= sum(most)


def _first(text: str, shape: Shape) -> str:
    """The first JSON value in the text that has the shape; raises ShapeError."""
    problem = "it holds no complete JSON"
    for value in _values(text):
        try:
            return _encoded(value, shape)
        except ValueError as error:
            problem = str(error)
    raise ShapeError(problem)


def _encoded(value: Any, shape: Shape) -> str:
    """Raises ValueError: for a value of another shape, and for text that is no Unicode."""
    if isinstance(value, list) and value and len(lists := _lists(shape)) == 1:
        value = {lists[0]: value}  # models like to leave the outermost braces away
    return msgspec.json.encode(msgspec.convert(value, shape, strict=False)).decode()


@functools.cache
def _lists(shape: Shape) -> list[str]:
    """The fields that are lists."""
    return [f.name for f in msgspec.structs.fields(shape) if _is_list(f.type)]


def _is_list(kind: Any) -> bool:
    known = msgspec.inspect.type_info(kind)
    if isinstance(known, msgspec.inspect.Metadata):  # what stands around a list with bounds in the schema alone
        known = known.type
    return isinstance(known, msgspec.inspect.ListType)


def _values(text: str) -> Iterator[Any]:
    """JSON objects and lists in the text, each tried from where it opens, past prose and code fences."""
    text = _after_thoughts(text)
    decoder, position, tries = json.JSONDecoder(), 0, 0
    while tries < TRIES and (match := _OPENING.search(text, position)):
        try:
            value, position = decoder.raw_decode(text, match.start())
            yield value
        except ValueError:
            position = match.end()
            tries += 1
        except RecursionError:  # a model that stutters brackets
            return


def _after_thoughts(text: str) -> str:
    """Reasoning models think aloud first, sometimes in JSON."""
    return text.rpartition("</think>")[2]


def _closed(text: str) -> Iterator[str]:
    """The text cut after each element of its outermost list, longest first, with what is still open closed.

    Not after what is inside an element: what it lacks may have a default, which would stand for what was never read.
    """
    text = _after_thoughts(text)
    cuts, open_brackets = [], ""
    for token in _TOKEN.finditer(text):
        mark = token.group()
        if mark in "{[":
            open_brackets += "}" if mark == "{" else "]"
            continue
        if mark in "}]":
            open_brackets = open_brackets[:-1]
        if open_brackets in _OUTERMOST and (mark in "}]" or open_brackets.endswith("]")):
            cuts.append((token.end(), open_brackets[::-1]))
    for end, closers in reversed(cuts[-20:]):
        yield text[:end] + closers
