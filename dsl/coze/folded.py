"""Text nodes that join what an input of another node holds: written in front of it, read as a part of it."""

from typing import Any

from dsl.ir import Edge, Graph, Ref, Text, Value
from dsl.values import map_refs, text

FOLDED = "flowstill:text"  # the description of such a node


def unfold(graph: Graph) -> None:
    """Text nodes that were put in front of a node, to join what one of its inputs holds, are part of that input."""
    helpers = {node.id: node for node in graph.nodes if node.kind == "template" and node.description == FOLDED}
    if not helpers:
        return

    def joined(ref: Ref) -> Value:
        return helpers[ref.node].params["template"] if ref.node in helpers and ref.path == ("output",) else ref

    graph.nodes = [node for node in graph.nodes if node.id not in helpers]
    for node in graph.nodes:
        node.params, node.inputs = _spliced(node.params, joined), _spliced(node.inputs, joined)
    after = {edge.source: edge.target for edge in graph.edges if edge.source in helpers}
    kept = []
    for edge in graph.edges:
        if edge.source not in helpers:
            target = edge.target
            met: set[str] = set()  # in a circle of them there is no end
            while target in after and target not in met:
                met.add(target)
                target = after[target]
            kept.append(Edge(edge.source, target, edge.port, edge.into, edge.pointer))
    graph.edges = kept


def _spliced(value: Value, joined: Any) -> Value:
    changed = map_refs(value, joined)
    return _flat(changed)


def _flat(value: Value) -> Value:
    if isinstance(value, Text):
        return text([part for each in value.parts for part in (each.parts if isinstance(each, Text) else (each,))])
    if isinstance(value, dict):
        return {key: _flat(inner) for key, inner in value.items()}
    return [_flat(inner) for inner in value] if isinstance(value, list) else value
