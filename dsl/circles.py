"""Circles of edges that a loop can take the place of (dsl/looped.py).

Such a one is plain: it has one way in, and its rounds read nothing of the rounds before. n8n and RAGFlow run any other
one, too; elsewhere that is cut (dsl/rings.py).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from dsl.computed import HANDS_ON, RUNS
from dsl.ir import Edge, Graph, Node, Script
from dsl.kinds import ports
from dsl.rings import backward
from dsl.values import node_refs, scripts, walk

_ALONE = {"start", "ask", "answer"}  # what no loop can hold; nor should it hold another
_SAME = {"set", "code", "tool"}  # whose outputs are called what they are on n8n
_TAKES, _CODE_TAKES = re.compile(r"\$json|\$input"), re.compile(r"\$json|\$input|\b_?items?\b")

Readers = dict[str, list[Node]]  # by node, those that refer to it


@dataclass
class Circle:
    entry: Node
    nodes: list[Node]
    edges: list[Edge]  # those of a round
    ways: list[tuple[str, str]]  # that lead out of it: node and port
    after: list[Edge]  # where they lead


def plain(graph: Graph, readers: Readers) -> Iterator[Circle]:
    """The plain circles of a graph, which may be changed meanwhile."""
    for entry in dict.fromkeys(edge.target for edge in backward(graph)):
        circle = _circle(graph, entry)
        if circle is not None and _is_plain(circle, graph, readers):
            yield circle


def readers_of(graph: Graph) -> Readers:
    readers: Readers = {}
    for node, _, _ in walk(graph):
        for id_ in {ref.node for ref in node_refs(node)}:
            readers.setdefault(id_, []).append(node)
    return readers


def leading_to(ids: list[str], edges: list[Edge], first: str = "") -> set[str]:
    """Some nodes, and what leads to them; not what leads to the first."""
    into: dict[str, list[str]] = {}
    for edge in edges:
        into.setdefault(edge.target, []).append(edge.source)
    met, stack = {first}, [*ids]
    while stack:
        if (id_ := stack.pop()) not in met:
            met.add(id_)
            stack += into.get(id_, ())
    return met - {first}


def _circle(graph: Graph, entry: str) -> Circle | None:
    """None where control enters by more than one way, or runs in a circle within."""
    met = {entry} | leading_to([edge.source for edge in backward(graph) if edge.target == entry], graph.edges, entry)
    nodes = {node.id: node for node in graph.nodes if node.id in met}
    inner = [edge for edge in graph.edges if edge.source in met and edge.target in met]
    after = [edge for edge in graph.edges if edge.source in met and edge.target not in met]
    round_ = [edge for edge in inner if edge.target != entry]
    stay, leave = ({(edge.source, edge.port) for edge in edges} for edges in (inner, after))
    ways = [(id_, port) for id_, node in nodes.items() for port in ports(node) if port != "body"]
    ways += sorted(leave - {*ways})  # by a port that its node does not have: such a way is never taken
    entered = any(edge.target in met - {entry} and edge.source not in met for edge in graph.edges)
    if entered or leave & stay or backward(Graph([*nodes.values()], round_)):
        return None
    return Circle(nodes[entry], [*nodes.values()], round_, [way for way in ways if way not in stay], after)


# -- what is read


def _is_plain(circle: Circle, inside: Graph, readers: Readers) -> bool:
    fits = circle.ways and not any(node.kind in _ALONE or node.body is not None for node in circle.nodes)
    return bool(fits) and not any(map(_takes, _handed(circle, inside))) and _reads(circle, readers)


def _handed(circle: Circle, graph: Graph) -> Iterator[Node]:
    """The nodes that what comes in gets to, in the circle and behind it."""
    known = {node.id: node for node in graph.nodes}
    met, stack = set(), [circle.entry.id, *(edge.target for edge in circle.after)]
    while stack:
        if (id_ := stack.pop()) in known and id_ not in met:
            met.add(id_)
            yield known[id_]
            stack += [edge.target for edge in graph.edges if edge.source == id_ and known[id_].kind in HANDS_ON]


def _takes(node: Node) -> bool:
    """Whether a node reads what comes in as such, which is not the same in each round."""
    if node.kind == "code" and node.params.get("style") in RUNS:
        return _CODE_TAKES.search(str(node.params.get("source"))) is not None
    return any(not each.refs and _TAKES.search(each.source) for each in scripts([node.params, node.inputs]))


def _reads(circle: Circle, readers: Readers) -> bool:
    """Whether each round reads what itself made, and what follows the circle what it left behind."""
    within = {node.id: node for node in circle.nodes}
    left = {id_ for way, _ in circle.ways for id_ in leading_to([way], circle.edges)}
    every = {node.id: node for id_ in within for node in readers.get(id_, ())}
    for node in every.values():
        read = [ref for ref in node_refs(node) if ref.node in within]
        if node.id in within:
            before = leading_to([node.id], circle.edges) - {node.id}
            fits = all(ref.node in before for ref in read)
        else:
            fits = all(ref.node in left and ref.scope == "node" and ref.path for ref in read)
            fits = fits and all(_is_found(each, within) for each in scripts([node.params, node.inputs]))
        if not fits:
            return False
    return True


def _is_found(script: Script, within: dict[str, Node]) -> bool:
    """Whether an expression behind the loop finds what it reads of the circle under the name that n8n has for it."""
    return {within[ref.node].kind for ref in script.refs if ref.node in within} <= _SAME
