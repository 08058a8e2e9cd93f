"""Values that an operation of the assigner does not take: a run fails there."""

from collections.abc import Iterator
from typing import Any

from dsl.dify.names import BY_CONSTANT, BY_VARIABLE
from dsl.ir import Flow, Node, Ref
from dsl.kinds import declared
from dsl.lint import Finding


def assigned(data: dict[str, Any], place: str, known: dict[str, Node], flow: Flow) -> Iterator[Finding]:
    items = data.get("items")
    title = str(data.get("title", ""))
    for i, item in enumerate(items if data.get("type") == "assigner" and isinstance(items, list) else ()):
        if isinstance(item, dict) and (instead := _instead(item, known, flow)):
            operation, given = item.get("operation"), item.get("input_type")
            message = f"'{title}' does {operation!r} from a {given}, which Dify does not take: the run fails."
            yield Finding("error", "assign.input", message, f"{place}/items/{i}", title=title, fix=instead)


def _instead(item: dict[str, Any], known: dict[str, Node], flow: Flow) -> str:
    """What to do; "" where Dify takes it."""
    operation, given = item.get("operation"), item.get("input_type")
    if given == "variable" and operation in BY_CONSTANT:
        return "Write a constant, or compute the value in code before and over-write with that."
    if given == "constant" and (operation in BY_VARIABLE or _is_list(item.get("variable_selector"), known, flow)):
        return "Set input_type to variable, and choose one unless the operation takes no value."
    return ""


def _is_list(selector: Any, known: dict[str, Node], flow: Flow) -> bool:
    if not isinstance(selector, list) or len(selector) != 2:
        return False
    holder, name = map(str, selector)
    ref = Ref("", (name,), "session") if holder == "conversation" else Ref(holder, (name,), "loop")
    return declared(ref, known, flow).name == "array"
