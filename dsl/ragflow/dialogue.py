"""What a canvas asks people and tells them: Begin, UserFillUp, Message."""

from typing import Any

from dsl.ir import Graph, Type
from dsl.ragflow import jinja
from dsl.ragflow.reading import Reading
from dsl.ragflow.tables import INPUT_TYPES
from dsl.ragflow.text import read_text
from dsl.ragflow.writing import Made, Writing


def read_begin(reading: Reading) -> None:
    node = reading.node
    node.kind = "start"
    mode = reading.params.get("mode")
    if mode == "Webhook":
        node.params["trigger"] = {"type": "webhook"}
    if reading.params.get("prologue") and reading.params.get("enablePrologue", True):
        node.params["prologue"] = reading.params["prologue"]
    node.outputs = read_fields(reading)


def read_fields(reading: Reading) -> dict[str, Type]:
    result = {}
    for name, each in reading.mapping("inputs").items():
        if isinstance(each, dict):
            kind = str(each.get("type", "line"))
            options = each.get("options") if isinstance(each.get("options"), list) else []
            result[name] = Type(
                INPUT_TYPES.get(kind, "string"),  # type: ignore[arg-type]
                required=not each.get("optional", False),
                label=str(each.get("name") or ""),
                default=each.get("value") or None,
                options=tuple(map(str, options or [])) if kind == "options" else (),
            )
    return result


def read_fill_up(reading: Reading) -> None:
    node = reading.node
    node.kind = "ask"
    node.params = {"question": reading.prompt(reading.params.get("tips") or "")}
    node.outputs = read_fields(reading)


def read_message(reading: Reading) -> None:
    contents = reading.params.get("content")
    said = contents if isinstance(contents, list) else [contents]
    reading.node.kind = "answer"
    text = str(said[0] or "") if said else ""
    printed = jinja.words(text, reading.find) if jinja.is_template(text) else None
    reading.node.params["text"] = read_text(text, reading.find) if printed is None else printed


def write_start(writing: Writing) -> Made:
    node = writing.node
    trigger = (node.params.get("trigger") or {}).get("type", "")
    if trigger in ("schedule", "event", "form"):
        writing.note(
            "degraded", "trigger.lost", f"The trigger ({trigger}) does not exist here.", "Call the agent on a clock."
        )
    if node.id != "begin":
        writing.note("degraded", "trigger.extra", "A canvas has one beginning: this one is never reached.")
    mode = "Webhook" if trigger == "webhook" else "conversational" if writing.flow.mode == "chat" else "task"
    made: dict[str, Any] = {"mode": mode, "inputs": write_fields(writing)}
    if node.params.get("prologue"):
        made |= {"prologue": writing.text(node.params["prologue"]), "enablePrologue": True}
    return "Begin", made


def write_fields(writing: Writing) -> dict[str, Any]:
    """The form that asks for what the node gives out."""
    node = writing.node
    kinds = {"string": "line", "integer": "integer", "number": "integer", "boolean": "boolean", "file": "file"}
    for name, each in node.outputs.items():
        if each.name in ("array", "object", "number") and writing.flow.dialect != "ragflow":
            what = "whole numbers" if each.name == "number" else "text"
            writing.note("degraded", "type.narrowed", f"{name} ({each.name}) is a field for {what} here.")
    return {
        name: {
            "name": each.label or name,
            "type": "options" if each.options else kinds.get(each.name, "paragraph"),
            "optional": not each.required,
            "options": list(each.options),
            "value": "" if each.default is None else each.default,
        }
        for name, each in node.outputs.items()
    }


def write_ask(writing: Writing) -> Made:
    node = writing.node
    return "UserFillUp", {
        "inputs": write_fields(writing),
        "tips": writing.prompt(node.params.get("question", "")),
        "enable_tips": True,
    }


def end_with_messages(graph: Graph) -> None:
    """A canvas ends with what it says: an end that says nothing more is none, for RAGFlow refuses empty messages."""
    answers = {node.id for node in graph.nodes if node.kind == "answer"}
    for node in [each for each in graph.nodes if each.kind == "end" and not each.inputs]:
        ways = [edge for edge in graph.edges if edge.target == node.id]
        said = bool(ways) and all(edge.source in answers and edge.port == "out" for edge in ways)
        if said and not node.params.get("message"):
            graph.nodes.remove(node)
            graph.edges[:] = [edge for edge in graph.edges if edge.target != node.id]


def write_end(writing: Writing) -> Made:
    node = writing.node
    if node.params.get("message") is not None:
        return "Message", {"content": [writing.said(node.params["message"])]}
    results = list(node.inputs.items())
    lines = [writing.text(value) if len(results) == 1 else f"{name}: {writing.text(value)}" for name, value in results]
    writing.note("degraded", "end.message", "A canvas returns no values: the results are said in a message.")
    return "Message", {"content": ["\n".join(lines)]}


def write_answer(writing: Writing) -> Made:
    return "Message", {"content": [writing.said(writing.node.params.get("text", ""))]}
