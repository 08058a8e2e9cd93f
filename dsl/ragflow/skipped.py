"""RAGFlow leaves a message or a prompt out while a component that it names has not run: of another branch, for ever.

Code is not left out: in front of who reads what another branch may give, it hands on what there is, and else null.
"""

from collections.abc import Callable, Iterable
from functools import cached_property

from dsl.computed import insert
from dsl.ir import Edge, Flow, Graph, Node, Ref, Value
from dsl.kinds import declared, ports
from dsl.values import leaving, map_refs, node_refs, nodes, unique, walk

Told = Callable[[Node, Node], None]  # who reads, and the code
_LEFT_OUT = {"answer", "end", "llm", "agent", "classify", "extract"}
_Closed = frozenset[tuple[str, str]]  # nodes and their ports by which no way leads


def hand_on(flow: Flow, taken: set[str], told: Told) -> None:
    """Put that code in front of such a reader. The flow given is changed."""
    known = nodes(flow)
    ways: dict[int, _Ways] = {}
    for node, graph, container in list(walk(flow.graph)):
        if node.kind not in _LEFT_OUT:
            continue
        way = ways.setdefault(id(graph), _Ways(graph, container))
        unsure = [ref for ref in dict.fromkeys(node_refs(node)) if ref.node in way and way.misses(ref.node, node.id)]
        if unsure:
            made = _handing(flow, node, unsure, known, unique(f"{node.id}_given", taken))
            _refer(node, {ref: Ref(made.id, (name,)) for name, ref in made.inputs.items()})
            insert(graph, made, node)
            told(node, made)


def _refer(node: Node, handed: dict[Value, Ref]) -> None:
    node.params, node.inputs = (map_refs(held, lambda ref: handed.get(ref, ref)) for held in (node.params, node.inputs))


def _handing(flow: Flow, node: Node, unsure: list[Ref], known: dict[str, Node], id_: str) -> Node:
    names = [f"in_{i}" for i in range(len(unsure))]
    given = ", ".join(f"{name!r}: {name}" for name in names)
    source = f"def main({', '.join(names)}):\n    return {{{given}}}\n"
    outputs = {name: declared(ref, known, flow) for name, ref in zip(names, unsure, strict=True)}
    params = {"lang": "python3", "style": "kwargs", "source": source}
    inputs = dict(zip(names, unsure, strict=True))
    return Node(id_, "code", f"What {node.title or node.id} says", "", params, inputs, outputs)


class _Ways:
    """Where control goes in a graph as it was before anything was put into it."""

    def __init__(self, graph: Graph, container: Node | None) -> None:
        self.known = {node.id: node for node in graph.nodes}
        self.edges = {name: list(edges) for name, edges in leaving(graph).items()}
        entered = {edge.target for edge in graph.edges}
        self.entries = [container.id] if container else [name for name in self.known if name not in entered]
        self.cached: dict[_Closed, set[str]] = {}

    def __contains__(self, name: str) -> bool:
        return name in self.known

    def misses(self, producer: str, reader: str) -> bool:
        """Whether the reader may run where the producer never does: a fork went another way."""
        for fork, by_port in self._forks.items():
            closed = frozenset((fork, port) for port, reached in by_port.items() if producer in reached)
            if closed and producer not in self._open(closed) and reader in self._open(closed):
                return True
        return False

    @cached_property
    def _forks(self) -> dict[str, dict[str, set[str]]]:
        """What each port leads to, of nodes that leave by one port of several."""
        forks = [node for node in self.known.values() if len(ports(node)) > 1 and node.body is None]
        return {
            node.id: {
                port: self._reached(edge.target for edge in self.edges.get(node.id, []) if edge.port == port)
                for port in ports(node)
            }
            for node in forks
        }

    def _open(self, closed: _Closed) -> set[str]:
        if closed not in self.cached:
            self.cached[closed] = self._reached(self.entries, closed)
        return self.cached[closed]

    def _reached(self, first: Iterable[str], closed: _Closed = frozenset()) -> set[str]:
        seen: set[str] = set()
        stack = [*first]
        while stack:
            if (name := stack.pop()) not in seen:
                seen.add(name)
                stack += [edge.target for edge in self._leaving(name) if (name, edge.port) not in closed]
        return seen

    def _leaving(self, name: str) -> list[Edge]:
        return self.edges.get(name, [])
