"""What RAGFlow asks of each component before it runs a canvas: if one has it not, it refuses them all."""

import json
from collections.abc import Callable, Iterator
from typing import Any

from dsl.lint import Level
from dsl.ragflow.reading import listing

Found = tuple[Level, str, str, str]
_OPERATORS = frozenset(
    {"contains", "not contains", "start with", "end with", "empty", "not empty", "=", "≠", ">", "<", "≥", "≤"}
)
_METHODS = ("get", "post", "put")
_WITHIN = ("temperature", "top_p", "presence_penalty", "frequency_penalty")


def asked(name: str, params: dict[str, Any]) -> Iterator[Found]:
    yield from _ASKED[name](params) if name in _ASKED else ()


def _switch(params: dict[str, Any]) -> Iterator[Found]:
    if not params.get("end_cpn_ids"):
        yield "error", "switch.else", "it has no way for what fits no case, and is refused.", "Lead it somewhere."
    cases = [each for each in listing(params.get("conditions")) if isinstance(each, dict)]
    if any(not each.get("to") for each in cases):
        yield "error", "switch.case", "a case of it leads nowhere, and it is refused.", "Lead each case somewhere."
    items = [item for each in cases for item in listing(each.get("items")) if isinstance(item, dict)]
    for word in dict.fromkeys(str(item.get("operator")) for item in items if item.get("cpn_id")):
        if word not in _OPERATORS:
            message = f"it compares by {word!r}, which RAGFlow's switch does not have: it fails."
            yield "error", "switch.operator", message, f"It has: {', '.join(sorted(_OPERATORS))}."


def _categorize(params: dict[str, Any]) -> Iterator[Found]:
    described = params.get("category_description")
    known = [each for each in (described if isinstance(described, dict) else {}).values() if isinstance(each, dict)]
    if any(not each.get("to") for each in known):
        yield "error", "class.way", "a category of it leads nowhere, and it is refused.", "Lead each somewhere."
    if any(not isinstance(one, str) for each in known for one in listing(each.get("examples"))):
        yield "error", "class.examples", "an example is no text, and it fails.", "Write the text alone."
    window = params.get("message_history_window_size", 1)
    if not isinstance(window, int) or window < 1:
        yield "error", "class.history", "message_history_window_size is no whole number above 0.", "Write 1."
    yield from _model(params)


def _model(params: dict[str, Any]) -> Iterator[Found]:
    for name in _WITHIN:
        if (number := _number(params.get(name))) is not None and not 0 <= number <= 1:
            yield "error", "model.range", f"{name} is not from 0 to 1, and it is refused.", "Write another value."


def _number(value: Any) -> float | None:
    try:
        return float(value) if isinstance(value, int | float | str) else None
    except (ValueError, OverflowError):
        return None


def _invoke(params: dict[str, Any]) -> Iterator[Found]:
    if str(params.get("method", "get")).lower() not in _METHODS:
        yield "error", "http.method", f"RAGFlow does not send {params.get('method')!r}.", "It has: get, post, put."
    limit = params.get("timeout", 60)
    if type(limit) is not int or limit < 1:
        yield "error", "http.timeout", "its time limit is no whole number of seconds, and it is refused.", "Write one."
    if _no_json(params.get("headers")):
        yield "error", "http.headers", "its headers are no JSON: it fails.", 'Write {"name": "value"}.'


def _no_json(headers: Any) -> bool:
    """Of references in them it is not known what they become."""
    if not isinstance(headers, str) or not headers or "{" in headers[1:]:
        return False
    try:
        json.loads(headers)
    except ValueError:
        return True
    return False


def _message(params: dict[str, Any]) -> Iterator[Found]:
    if not params.get("content"):
        yield "error", "message.empty", "it has nothing to say, and is refused.", "Write a text."


_ASKED: dict[str, Callable[[dict[str, Any]], Iterator[Found]]] = {
    "Switch": _switch,
    "Categorize": _categorize,
    "Agent": _model,
    "LLM": _model,
    "Invoke": _invoke,
    "Message": _message,
}
