"""Plain data and words without secrets: `${NAME}` stands where one stood, in keys and names too."""

import copy
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass, replace
from functools import partial
from typing import Any

from dsl.sensitive import Found, found, is_random
from dsl.tokens import likely
from dsl.values import at, leaves, pointer, put, steps, unique

# Between a name and what stands under it, as in `{"name": "Authorization", "input": {"value": {"content": ...}}}`.
_BETWEEN = {"value", "content", "input", "default"}
_CODE = ("code", "jsCode", "pythonCode", "script", "functionCode")


def hidden(document: Any, secrets: dict[str, str] | None = None) -> tuple[Any, list[str]]:
    """A document without secrets, and the pointers of the values that held one; `secrets` are known, with their names.

    What stands in a key, or looks like chance, is taken out wherever else it stands: references stay whole.
    """
    names, anywhere = dict(secrets or {}), dict(secrets or {})
    look = partial(found, forms=likely(texts(document)))
    taken, changed = set(names.values()), {}
    for place, value in leaves(document):
        spans = _found_at(document, place, value, look) if isinstance(value, str) else []
        for span in spans:
            secret = value[span.start : span.end]
            names[secret] = names.get(secret) or unique(span.name, taken)
        if spans:
            changed[place] = _cut(value, spans, names)
    for key in dict.fromkeys(_keys(document)):
        for span in look(key, code=True):
            secret = key[span.start : span.end]
            anywhere[secret] = names[secret] = names.get(secret) or unique(span.name, taken)
    if not names:
        return document, []
    result = copy.deepcopy(document)
    for place, value in changed.items():
        put(result, place, value)
    result = without(result, anywhere | {secret: name for secret, name in names.items() if is_random(secret)})
    both = zip(leaves(document), leaves(result), strict=True)
    return result, [place for (_, old), (place, new) in both if isinstance(old, str) and old != new]


def without(value: Any, secrets: dict[str, str]) -> Any:
    """Plain data or a part of a flow with `${NAME}` for each of these secrets, by their names."""
    longest = sorted(secrets, key=len, reverse=True)

    def spelt(each: str) -> str:
        for secret in longest:
            each = each.replace(secret, "${" + secrets[secret] + "}")
        return each

    return _each_text(value, spelt) if secrets else value


def discreet(value: Any, secrets: dict[str, str] | None = None) -> Any:
    """What is told to people without these secrets, and without any other that is known by its look."""
    names, told = dict(secrets or {}), texts(value)
    look = partial(found, forms=likely(told))
    for each in told:
        for span in look(each, code=True):
            names.setdefault(each[span.start : span.end], span.name)
    return without(value, names)


def texts(value: Any) -> dict[str, None]:
    """All texts in plain data or a flow, each once, keys and names too; not the document that a flow was read from."""
    found: dict[str, None] = {}
    left = [value]
    for value in left:  # which grows
        if isinstance(value, str):
            found[value] = None
        elif isinstance(value, dict):
            left += value
            left += value.values()
        elif isinstance(value, (list, tuple)):
            left += value
        elif value and is_dataclass(value):
            left += [inner for name, inner in vars(value).items() if inner and name != "raw"]
    return found


def _keys(document: Any) -> Iterator[str]:
    stack = [document]
    while stack:
        value = stack.pop()
        if isinstance(value, dict):
            yield from (key for key in value if isinstance(key, str))
            stack += value.values()
        elif isinstance(value, list):
            stack += value


def _each_text(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {_each_text(key, change): _each_text(inner, change) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_each_text(inner, change) for inner in value)
    if is_dataclass(value) and not isinstance(value, type):
        inner = {each.name: getattr(value, each.name) for each in fields(value) if each.name != "raw"}
        return replace(value, **{name: _each_text(each, change) for name, each in inner.items()})
    return value


def _cut(value: str, spans: list[Found], names: dict[str, str]) -> str:
    for span in reversed(spans):
        value = value[: span.start] + "${" + names[value[span.start : span.end]] + "}" + value[span.end :]
    return value


def _found_at(document: Any, place: str, value: str, look: Callable[..., list[Found]]) -> list[Found]:
    """By what the value stands under; of `{"name": "Authorization", "value": ...}` the name."""
    path = steps(place)
    is_sent = any(word in step.lower() for step in path for word in ("header", "query", "auth"))
    code = bool(path) and path[-1] in _CODE
    if "credentials" in path[:-1] and path[-1] not in ("id", "name", "type"):
        return look(value, "credentials", sent=is_sent)
    while path and path[-1] in _BETWEEN:
        path = path[:-1]
        parent = at(document, pointer(*path))
        if isinstance(parent, dict) and isinstance(parent.get("name"), str):
            return look(value, parent["name"], sent=is_sent, code=code)
    return look(value, path[-1] if path else "", sent=is_sent, code=code)
