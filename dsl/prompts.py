"""Prompts that are templates, for platforms whose prompts hold references alone."""

from collections.abc import Callable
from functools import partial
from typing import Any

from dsl.computed import insert
from dsl.ir import Flow, Graph, Node, Ref, Script, Value
from dsl.steps import PRINTED, as_python, plain
from dsl.values import nodes, unique, walk

Lifted = Callable[[Node, Node], None]  # told for each: the model's node, the template
Noted = Callable[[Node, Any, str, str], None]  # a node, and severity, code and message of what is to be said of it


def lift(flow: Flow, taken: set[str], lifted: Lifted, note: Noted) -> None:
    """A template that only names its inputs becomes text, one with logic a step in front, in bodies as well."""
    printed = partial(_printed, nodes(flow), flow, note)
    for node, graph, _ in list(walk(flow.graph)):
        if any(_is_template(each) for each in node.params.get("messages", [])):
            said = [_said(graph, node, each, taken, lifted, printed) for each in node.params["messages"]]
            node.params["messages"] = said


def _is_template(message: dict[str, Any]) -> bool:
    said = message.get("text")
    return isinstance(said, Script) and said.lang == "jinja2"


def _said(
    graph: Graph,
    node: Node,
    message: dict[str, Any],
    taken: set[str],
    lifted: Lifted,
    printed: Callable[[Node, Value], None],
) -> dict[str, Any]:
    if not _is_template(message):
        return message
    text = plain(message["text"].source, node.inputs)
    if text is not None:
        printed(node, text)
    else:
        title, params = f"Prompt of {node.title or node.id}", {"template": message["text"]}
        before = Node(unique(f"{node.id}_prompt", taken), "template", title, "", params, dict(node.inputs))
        insert(graph, before, node)
        lifted(node, before)
        text = Ref(before.id, ("output",))
    return {**message, "text": text}


def _printed(every: dict[str, Node], flow: Flow, note: Noted, node: Node, text: Value) -> None:
    if told := as_python(text, every, flow):
        note(node, "degraded", "template.printed", PRINTED.format(told))
