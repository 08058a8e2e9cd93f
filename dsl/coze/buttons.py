"""Buttons are options of a question on Coze; whoever writes something else takes none of their ways."""

from collections.abc import Callable
from dataclasses import replace

from dsl.ir import Edge, Graph, Node

Told = Callable[[Node, bool], None]  # for each node with buttons, and whether they could become options


def choose(graph: Graph, told: Told) -> None:
    """Make options of the buttons, in bodies as well; what asks for fields, too, becomes a stub: none has both here."""
    for node in graph.nodes:
        if node.body is not None:
            choose(node.body, told)
        actions = node.params.get("actions") if node.kind == "ask" else None
        if not actions:
            continue
        told(node, not node.outputs)
        if node.outputs:
            node.params, node.kind = {"type": "human-input"}, "opaque"
            continue
        ports = {f"action:{action['id']}": f"option:{i}" for i, action in enumerate(actions)}
        graph.edges[:] = [_renamed(edge, node, ports) for edge in graph.edges if not _is_timeout(edge, node)]
        others = {name: value for name, value in node.params.items() if name not in ("actions", "timeout_s")}
        node.params = others | {"options": [action["title"] for action in actions]}


def _is_timeout(edge: Edge, node: Node) -> bool:
    return (edge.source, edge.port) == (node.id, "timeout")


def _renamed(edge: Edge, node: Node, ports: dict[str, str]) -> Edge:
    return replace(edge, port=ports.get(edge.port, edge.port)) if edge.source == node.id else edge
