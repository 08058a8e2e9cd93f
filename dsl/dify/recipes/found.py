"""What was found in a file, applied to the whole flow at once."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from dsl import DslError
from dsl.dify.expressions import Call
from dsl.dify.work import BOX
from dsl.ir import Edge, Flow, Graph, Node, Ref, Script, Text, Type, Value
from dsl.kinds import outputs
from dsl.loops import INDEX
from dsl.values import map_refs, walk


class Found:
    """What was found; applied to the whole flow at once."""

    def __init__(self, flow: Flow) -> None:
        self.flow = flow
        self.boxed: set[tuple[str, str]] = set()
        self.values: dict[tuple[str, str], Value] = {}  # what stands for an output of a node that goes
        self.gone: list[tuple[Node, Graph]] = []
        self.counted: set[str] = set()  # loops
        self.nodes: dict[str, Node] = {}
        self.picked: set[str] = set()  # nodes whose outputs are looked into
        self.sizes: dict[tuple[str, str], int] = {}
        self.left = _MOST  # values that may be put in place of others

    @property
    def any(self) -> bool:
        return bool(self.picked or self.boxed or self.values or self.gone or self.counted)

    def type_of(self, value: Value) -> str:
        node = self.nodes.get(value.node) if isinstance(value, Ref) and len(value.path) == 1 else None
        name = outputs(node).get(str(value.path[0]), Type()).name if node else "any"
        return "" if name == "any" else name

    def apply(self, shapes: Mapping[str, Callable[["Found", Node], None]]) -> None:
        gone: dict[int, tuple[Graph, set[str]]] = {}
        for node, graph in self.gone:
            gone.setdefault(id(graph), (graph, set()))[1].add(node.id)
        for graph, names in gone.values():
            bypass(graph, names)
        self.sizes = {key: _size(value) for key, value in self.values.items()}
        self.nodes = {node.id: node for node, _, _ in walk(self.flow.graph)}
        for node in self.nodes.values():
            if node.kind == "http" and node.id in self.picked:  # its answer is read as JSON
                node.params["response"] = "json"
        for node, _, _ in walk(self.flow.graph):
            node.params = {name: put(value, self.change) for name, value in node.params.items()}
            node.inputs = {name: put(value, self.change) for name, value in node.inputs.items()}
        for node, _, _ in walk(self.flow.graph):  # what is in a container refers to what the file says by now
            if shape := shapes.get(node.kind):
                shape(self, node)

    def change(self, ref: Ref) -> Value:
        first = str(ref.path[0]) if ref.path else ""
        if ref.scope == "loop" and first == INDEX and ref.node in self.counted:
            return Ref(ref.node, (), "index")
        if ref.scope != "node":
            return ref
        if (ref.node, first) in self.boxed and ref.path[1:2] == (BOX,):
            ref = replace(ref, path=(first, *ref.path[2:]))
        if (ref.node, first) not in self.values:
            return ref
        self.left -= self.sizes[ref.node, first]
        if self.left < 0:
            raise DslError(f"The values of code nodes such as {ref.node!r} refer to one another too often to be read.")
        value = put(self.values[ref.node, first], self.change)
        below = ref.path[1:]
        if isinstance(value, Ref):
            return replace(value, path=(*value.path, *below))
        return value if not below else None


_MOST = 500_000


def _size(value: Value) -> int:
    if isinstance(value, Text):
        return 1 + len(value.parts)
    if isinstance(value, Call):
        return 1 + sum(map(_size, value.args))
    if isinstance(value, dict):
        return 1 + sum(map(_size, value.values()))
    return 1 + (sum(map(_size, value)) if isinstance(value, list) else 0)


def put(value: Value, change: Callable[[Ref], Value]) -> Value:
    """Values in place of references, text within text as one text."""
    if isinstance(value, Text):
        made: list[Any] = []
        for part in value.parts:
            new = change(part) if isinstance(part, Ref) else part
            made += new.parts if isinstance(new, Text) else [new if isinstance(new, (Ref, Script)) else _printed(new)]
        return Text(joined(made))
    if isinstance(value, Call):
        return Call(value.name, tuple(put(each, change) for each in value.args))
    if isinstance(value, dict):
        return {key: put(inner, change) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [put(inner, change) for inner in value]
    return map_refs(value, change) if isinstance(value, (Ref, Script)) else value


def _printed(value: Value) -> str:
    return "" if value is None else value if isinstance(value, str) else str(value)


def joined(parts: list[Any]) -> tuple[Any, ...]:
    made: list[Any] = []
    for part in parts:
        if isinstance(part, str) and made and isinstance(made[-1], str):
            made[-1] += part
        elif part != "":
            made.append(part)
    return tuple(made)


def bypass(graph: Graph, gone: set[str]) -> None:
    """Takes nodes out: what led to them leads to what they led to."""
    ahead: dict[str, list[str]] = {name: [] for name in gone}
    for edge in graph.edges:
        if edge.source in ahead:
            ahead[edge.source].append(edge.target)
    edges: list[Edge] = []
    left = _MOST
    for edge in graph.edges:
        targets = [edge] if edge.source not in ahead else []
        while any(each.target in ahead for each in targets):
            targets = [replace(e, target=t) for e in targets for t in ahead.get(e.target, [e.target])]
            left -= len(targets)
            if left < 0:
                raise DslError("The edges between code nodes are too many to be read.")
        edges += targets
    graph.edges[:] = edges
    graph.nodes[:] = [each for each in graph.nodes if each.id not in ahead]


def take_out(node: Node, graph: Graph) -> None:
    """Without what leads to the node or away from it."""
    graph.edges[:] = [edge for edge in graph.edges if node.id not in (edge.source, edge.target)]
    graph.nodes[:] = [each for each in graph.nodes if each is not node]
