"""A step that a round passes by keeps on RAGFlow what it gave in a round before; elsewhere it gives nothing then."""

from collections.abc import Mapping

from dsl.ir import Edge, Graph, Node
from dsl.kinds import ports
from dsl.values import leaving, node_refs, refs

HERE = "What a round passes by gives here what it gave in a round before, and nothing where this comes from."
ELSEWHERE = "What a round passes by gives in RAGFlow what it gave in a round before: elsewhere it gives nothing."


def is_stale(container: Node) -> bool:
    """Whether a step of its rounds, or what it collects, reads a step that rounds may pass by."""
    if container.body is None:
        return False
    passed = _passed_by(container.body)
    steady = [node for node in container.body.nodes if node.id not in passed]
    read = [*refs(container.params.get("collect")), *(ref for node in steady for ref in node_refs(node))]
    return any(ref.node in passed for ref in read)


def _passed_by(body: Graph) -> set[str]:
    """The steps behind some ways out of a fork, and not behind all."""
    after, passed = leaving(body), set[str]()
    for fork in body.nodes:
        if fork.kind in ("if", "classify"):
            ways = [_behind(after, _targets(after[fork.id], port)) for port in ports(fork)]
            passed |= {key for way in ways for key in way if not all(key in other for other in ways)}
    return passed


def _targets(edges: list[Edge], port: str) -> set[str]:
    return {edge.target for edge in edges if edge.port == port}


def _behind(after: Mapping[str, list[Edge]], targets: set[str]) -> set[str]:
    seen, stack = set(targets), list(targets)
    while stack:
        found = {edge.target for edge in after.get(stack.pop(), ())} - seen
        seen |= found
        stack += found
    return seen
