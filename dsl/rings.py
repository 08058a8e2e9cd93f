"""Edges that lead back: n8n and RAGFlow run them round, Dify and Coze refuse the whole flow for them."""

from collections.abc import Callable
from dataclasses import replace

from dsl.ir import Edge, Graph, Node
from dsl.values import graphs, unique

MESSAGE = "Control comes back to it over an edge, which only a loop node does here: the run fails instead."
ADVICE = "Put what repeats into a loop."


def cut(graph: Graph, taken: set[str], told: Callable[[Node, Node], None]) -> None:
    """Lets each such edge lead to a node that raises instead, in bodies as well."""
    for each in graphs(graph):
        known = {node.id: node for node in each.nodes}
        for edge in backward(each):
            node = known[edge.target]
            message = f"{node.title or node.id} would run again here: put what repeats into a loop."
            end = Node(unique(f"{node.id}_again", taken), "stop", f"{node.title} again", params={"message": message})
            each.edges[each.edges.index(edge)] = replace(edge, target=end.id)
            each.nodes.append(end)
            told(node, end)


def backward(graph: Graph) -> list[Edge]:
    """The edges that lead back to a node on the way to themselves, found from where control enters."""
    places = {node.id: place for place, node in enumerate(graph.nodes)}
    if all(places.get(edge.source, -1) < places.get(edge.target, len(places)) for edge in graph.edges):
        return []  # each leads on in the order of the nodes, as in most files
    after: dict[str, list[Edge]] = {node.id: [] for node in graph.nodes}
    for edge in graph.edges:
        if edge.source in after and edge.target in after:
            after[edge.source].append(edge)
    found: list[Edge] = []
    state: dict[str, int] = {}  # 1: on the way, 2: done
    entered = {edge.target for edge in graph.edges}
    for node in sorted(graph.nodes, key=lambda node: node.id in entered):
        stack = [(node.id, iter(after[node.id]))] if node.id not in state else []
        state.setdefault(node.id, 1)
        while stack:
            id_, edges = stack[-1]
            onward = next(edges, None)
            if onward is None:
                state[id_] = 2
                stack.pop()
            elif state.get(onward.target) == 1:
                found.append(onward)
            elif onward.target not in state:
                state[onward.target] = 1
                stack.append((onward.target, iter(after[onward.target])))
    return found
