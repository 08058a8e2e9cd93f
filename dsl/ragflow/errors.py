"""What stands in place of the result of a step that failed."""

import json
from dataclasses import replace
from typing import Any

from dsl.ir import Node
from dsl.kinds import outputs


def name_default(node: Node) -> None:
    """RAGFlow has one text, called result, whatever the step gives: it is the output that is read of it."""
    default = node.on_error.default
    if default and (name := _result(node)):
        value = default.get("result")
        type_ = outputs(node).get(name)
        held = _parsed(value) if type_ is not None and type_.name in ("object", "array") else value
        node.on_error = replace(node.on_error, default={name: held})


def _result(node: Node) -> str:
    if node.kind in ("llm", "agent"):
        return "structured" if node.params.get("schema") else "text"
    return "body" if node.kind == "http" else next(iter(node.outputs), "") if node.kind == "code" else ""


def _parsed(value: Any) -> Any:
    try:
        return json.loads(value)
    except (TypeError, ValueError, RecursionError):
        return value
