"""Outputs that are called as in the common form, where Dify has another name for them: a run finds nothing there."""

from collections.abc import Iterator
from typing import Any

from dsl.dify.names import NATIVE_OUTPUTS
from dsl.dify.references import TOKEN
from dsl.ir import Node
from dsl.lint import Finding
from dsl.values import at, pointer


def misnamed(data: dict[str, Any], place: str, known: dict[str, Node], document: Any) -> Iterator[Finding]:
    title = str(data.get("title", ""))
    for where, steps in references(data, place):
        producer = known.get(steps[0])
        if producer is None or not (meant := _meant(producer, steps[1])) or _is_code(producer, document):
            continue
        what = f"'{title}' refers to '{steps[0]}.{steps[1]}', which '{producer.title or producer.id}' does not produce"
        fix = f"Did you mean {meant!r}?"
        yield Finding("error", "ref.output", f"{what}: it is nothing.", where, title=title, fix=fix)


def _meant(producer: Node, name: str) -> str:
    """What Dify calls the output; "" where the name is right, or its author's."""
    own = {*producer.outputs, *(producer.params.get("variables") or {})}
    return "" if name in own else NATIVE_OUTPUTS.get(producer.kind, {}).get(name, "")


def _is_code(producer: Node, document: Any) -> bool:
    """Whether it stands for something that Dify has no node for: code gives that out by its own names."""
    data = at(document, producer.pointer).get("data") or {}
    return data.get("type") == "code"


def references(value: Any, place: str) -> Iterator[tuple[str, list[str]]]:
    """Every selector and every reference in a text, with its place."""
    if isinstance(value, str):
        yield from ((place, steps) for match in TOKEN.finditer(value) if len(steps := match[1].split(".")) > 1)
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from references(inner, place + pointer(str(key)))
    elif isinstance(value, list):
        if len(value) > 1 and all(isinstance(step, str) for step in value):
            yield place, value
        for i, inner in enumerate(value):
            yield from references(inner, f"{place}/{i}")
