"""Prompts that are templates, for platforms whose prompts hold references alone."""

from collections.abc import Callable
from typing import Any

from dsl.computed import insert
from dsl.ir import Graph, Node, Ref, Script
from dsl.steps import plain
from dsl.values import unique

Lifted = Callable[[Node, Node], None]  # told for each: the model's node, the template


def lift(graph: Graph, taken: set[str], lifted: Lifted) -> None:
    """A template that only names its inputs becomes text, one with logic a step in front, in bodies as well."""
    for node in list(graph.nodes):
        if node.body is not None:
            lift(node.body, taken, lifted)
        if any(_is_template(each) for each in node.params.get("messages", [])):
            node.params["messages"] = [_said(graph, node, each, taken, lifted) for each in node.params["messages"]]


def _is_template(message: dict[str, Any]) -> bool:
    said = message.get("text")
    return isinstance(said, Script) and said.lang == "jinja2"


def _said(graph: Graph, node: Node, message: dict[str, Any], taken: set[str], lifted: Lifted) -> dict[str, Any]:
    if not _is_template(message):
        return message
    text = plain(message["text"].source, node.inputs)
    if text is None:
        title, params = f"Prompt of {node.title or node.id}", {"template": message["text"]}
        before = Node(unique(f"{node.id}_prompt", taken), "template", title, "", params, dict(node.inputs))
        insert(graph, before, node)
        lifted(node, before)
        text = Ref(before.id, ("output",))
    return {**message, "text": text}
