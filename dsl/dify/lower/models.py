"""What models, agents and classifiers lack in Dify: a prompt, a schema, a class for what fits none."""

import json
from dataclasses import replace
from typing import Any

from dsl.classes import DESCRIBED, described
from dsl.dify import names
from dsl.dify.work import Recipe, Work
from dsl.ir import Graph, Node
from dsl.values import parts


def _llm(work: Work, node: Node) -> None:
    said = [part for each in node.params.get("messages", []) for part in parts(each.get("text", ""))]
    silent = all(isinstance(part, str) and not part.strip() for part in said)
    if silent and not work.own and not node.params.get("memory"):
        work.note(node, "degraded", "prompt.missing", "The model is asked nothing, and so it fails.", "Write a prompt.")


def _agent(work: Work, node: Node) -> None:
    """An agent of Dify has no schema: it is told what to answer, as n8n's is."""
    if work.own or not (schema := node.params.get("schema")):
        return
    asked = f"Answer with one JSON object that fits this JSON schema, and nothing around it:\n{json.dumps(schema)}"
    node.params["messages"] = [*node.params.get("messages", []), {"role": "system", "text": asked}]
    message = (
        "An agent has no schema in Dify: the instruction asks for JSON, and another answer fails where it is read."
    )
    work.note(node, "degraded", "agent.schema", message, "Try it with the model that is chosen.")


def _classify(work: Work, node: Node) -> None:
    """Dify takes the first class for what fits none: where that is wrong, a class of its own stands for it."""
    graph = work.where[node.id]
    classes = [dict(each) for each in node.params.get("classes", [])]
    old = node.params.get("instruction", "")
    if (said := described(node)) != old:
        work.note(node, "equivalent", "classify.description", DESCRIBED)
        node.params["instruction"] = said
    ports = ("class:0", f"class:{len(classes) - 1}", "default")
    first, last, default = (_targets(graph, node, port) for port in ports)
    if default in (first, last):
        graph.edges[:] = [edge for edge in graph.edges if (edge.source, edge.port) != (node.id, "default")]
    if default and default == last != first:
        note = "What fits no class takes the first one, which leads to the same node: it was the last."
        work.note(node, "equivalent", "classify.default", note)
        classes = _last_first(graph, node, classes)
    elif default and default != first:
        classes.append({"name": "anything else", "id": names.OTHER_CLASS})
    node.params["classes"] = classes


def _last_first(graph: Graph, node: Node, classes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The classes with the last one in front, and the ways that lead from them; each keeps the id that it has."""
    count = len(classes)
    ports = {f"class:{i}": f"class:{(i + 1) % count}" for i in range(count)}
    graph.edges[:] = [
        replace(edge, port=ports.get(edge.port, edge.port)) if edge.source == node.id else edge for edge in graph.edges
    ]
    known = [{"id": str(i + 1)} | each for i, each in enumerate(classes)]
    return [*known[-1:], *known[:-1]]


def _targets(graph: Graph, node: Node, port: str) -> set[str]:
    return {edge.target for edge in graph.edges if (edge.source, edge.port) == (node.id, port)}


RECIPES: dict[str, Recipe] = {"llm": _llm, "agent": _agent, "classify": _classify}
