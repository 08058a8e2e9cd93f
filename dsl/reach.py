"""Which nodes have surely run when another runs, and which edges never both carry control.

n8n has no joins and no empty values: a node behind two branches that both run would run twice, and reading a node that
did not run is an error; RAGFlow leaves out who names it. So their writers have to know.
"""

from collections import defaultdict, deque

from dsl.ir import Edge, Flow, Graph, Node
from dsl.kinds import ports

Choices = dict[str, frozenset[str]]  # by branching node, the ports that control may have left it by


class Reach:
    def __init__(self, flow: Flow) -> None:
        self.choices: dict[str, Choices] = {}
        self.before: dict[str, int] = {}  # a bit for each node that comes before
        self.bits: dict[str, int] = {}
        self.branching: set[str] = set()
        self.into: dict[str, list[Edge]] = {}
        self.leaving: defaultdict[str, list[Edge]] = defaultdict(list)
        starts = [node for node in flow.graph.nodes if node.kind == "start"]
        self.several = {node.id for node in starts} if len(starts) > 1 else set()
        self._graph(flow.graph, {}, 0, "")

    def _graph(self, graph: Graph, around: Choices, before: int, owner: str) -> None:
        known = {node.id: node for node in graph.nodes}
        for node in graph.nodes:
            self.bits[node.id] = 1 << len(self.bits)
            self.into[node.id] = []
            if len(ports(node)) > 1 and node.body is None:
                self.branching.add(node.id)
        for edge in graph.edges:
            if edge.target in known and (edge.source in known or edge.source == owner):
                self.into[edge.target].append(edge)
                self.leaving[edge.source].append(edge)
        for node in _ordered(graph, known):
            self._node(node, known, around, before)

    def _node(self, node: Node, known: dict[str, Node], around: Choices, before: int) -> None:
        edges = [edge for edge in self.into[node.id] if edge.source in self.choices and edge.source in known]
        self.choices[node.id] = self._joined(edges) if edges else dict(around)
        self.before[node.id] = before
        if node.id in self.several:
            self.choices[node.id] = {"": frozenset({node.id})}
        for edge in edges:
            self.before[node.id] |= self.before[edge.source] | self.bits[edge.source]
        if node.body is not None:
            self._graph(node.body, self.choices[node.id], self.before[node.id] | self.bits[node.id], node.id)

    def _joined(self, edges: list[Edge]) -> Choices:
        """What is known on every way: a choice that all made, with all that they may have chosen."""
        found = [self.along(edge) for edge in edges]
        shared = set(found[0]).intersection(*found[1:])
        return {branch: frozenset().union(*(each[branch] for each in found)) for branch in shared}

    def along(self, edge: Edge) -> Choices:
        choices = self.choices.get(edge.source, {})
        return choices | {edge.source: frozenset({edge.port})} if edge.source in self.branching else choices

    def surely(self, node: str, other: str) -> bool:
        """Whether `node` has run whenever `other` runs."""
        if not self.comes_before(node, other):
            return False
        have = self.choices[other]
        return all(branch in have and have[branch] <= ports for branch, ports in self.choices[node].items())

    def comes_before(self, node: str, other: str) -> bool:
        """Whether a way leads from `node` to `other`."""
        return bool(self.before.get(other, 0) & self.bits.get(node, 0))

    def groups(self, node: str) -> list[list[Edge]]:
        """The edges into a node; those in one group never carry control in the same run."""
        groups: list[list[Edge]] = []
        for edge in self.into.get(node, []):
            for group in groups:
                if all(self._exclusive(edge, other) for other in group):
                    group.append(edge)
                    break
            else:
                groups.append([edge])
        return groups

    def _exclusive(self, one: Edge, other: Edge) -> bool:
        if one.source not in self.choices or other.source not in self.choices:
            return True  # an edge that leads back
        mine, theirs = self.along(one), self.along(other)
        return any(not mine[branch] & theirs[branch] for branch in mine.keys() & theirs.keys())


def _ordered(graph: Graph, known: dict[str, Node]) -> list[Node]:
    """Every node after those before it; what is in a ring, or behind one, is left out."""
    waiting = dict.fromkeys(known, 0)
    after: dict[str, list[str]] = {name: [] for name in known}
    for edge in graph.edges:
        if edge.source in known and edge.target in known:
            waiting[edge.target] += 1
            after[edge.source].append(edge.target)
    ready = deque(name for name, count in waiting.items() if count == 0)
    found = []
    while ready:
        name = ready.popleft()
        found.append(known[name])
        for other in after[name]:
            waiting[other] -= 1
            if waiting[other] == 0:
                ready.append(other)
    return found
