"""A workflow of Coze has one start and one end: several become one, and where there is none, it is made."""

from collections.abc import Callable

from dsl.computed import insert
from dsl.ir import Edge, Flow, Graph, Node, Ref, Type, Value
from dsl.reach import Reach
from dsl.values import map_refs, place_of, unique, walk

Told = Callable[[Node], None]  # for each: the start that joined the first, or the end before which results are merged


def one_start(graph: Graph, joined: Told) -> Node:
    """The start; what the others ask for is asked by it, too."""
    starts = [node for node in graph.nodes if node.kind == "start"]
    if not starts:
        made = Node("new start", "start", "Start")
        graph.nodes.insert(0, made)
        return made
    first, *others = starts
    for other in others:
        joined(other)
        first.outputs = other.outputs | first.outputs
    gone = {other.id for other in others}
    graph.nodes = [node for node in graph.nodes if node.id not in gone]
    edges = [
        Edge(first.id if edge.source in gone else edge.source, edge.target, edge.port, edge.into)
        for edge in graph.edges
    ]
    graph.edges = list(dict.fromkeys(edge for edge in edges if edge.target not in gone))
    _refer(graph, dict.fromkeys(gone, first.id))
    return first


def _refer(graph: Graph, names: dict[str, str]) -> None:
    """Let references to some nodes mean others; edges stay."""

    def changed(ref: Ref) -> Ref:
        return Ref(names[ref.node], ref.path, ref.scope) if ref.node in names else ref

    for node, _, _ in walk(graph) if names else ():
        node.params, node.inputs = map_refs(node.params, changed), map_refs(node.inputs, changed)


def one_end(flow: Flow, merged: Told) -> list[Node]:
    """What merges the results of several ends before the one that is left, where there are several."""
    graph = flow.graph
    ends = [node for node in graph.nodes if node.kind == "end"]
    if not ends:
        graph.nodes.append(Node("new end", "end", "End"))
    if len(ends) < 2:
        return []
    for node in ends:
        merged(node)
    held = _held(flow, ends)
    first, *others = ends
    made = _merge(ends)
    first.inputs = {name: Ref(made.id, (name,)) for name in made.outputs}
    first.outputs = dict(made.outputs)
    gone = {node.id for node in others}
    to_end = gone | {first.id}
    edges = [Edge(each.source, made.id, each.port) if each.target in to_end else each for each in graph.edges]
    graph.edges = [*dict.fromkeys(edges), Edge(made.id, first.id)]
    graph.nodes = [node for node in graph.nodes if node.id not in gone]
    graph.nodes.insert(place_of(graph, first), made)
    return [*held, made]


def _held(flow: Flow, ends: list[Node]) -> list[Node]:
    """Nodes on the ways to the ends, which hold what is there whether or not its end is reached."""
    reach, taken, made = Reach(flow), {node.id for node, _, _ in walk(flow.graph)}, []
    for node in ends:
        if not all(_only_before(reach, value, node) for value in node.inputs.values()):
            held = Node(unique(f"{node.id}_results", taken), "aggregate", f"Results of {node.title or node.id}")
            held.outputs = {name: node.outputs.get(name, Type()) for name in node.inputs}
            groups = [{"name": name, "type": held.outputs[name], "values": [node.inputs[name]]} for name in node.inputs]
            held.params = {"groups": groups, "skip": "null"}
            node.inputs = {name: Ref(held.id, (name,)) for name in node.inputs}
            insert(flow.graph, held, node)
            made.append(held)
    return made


def _only_before(reach: Reach, value: Value, end: Node) -> bool:
    """Whether it is there only where the end is reached."""
    if not isinstance(value, Ref) or value.node not in reach.choices:
        return not reach.choices.get(end.id)
    have = reach.choices[value.node]
    return all(branch in have and have[branch] <= ways for branch, ways in reach.choices[end.id].items())


def _merge(ends: list[Node]) -> Node:
    made = Node("end_merge", "aggregate", "Results")
    groups = []
    for name in dict.fromkeys(name for node in ends for name in node.inputs):
        values = [node.inputs[name] for node in ends if name in node.inputs]
        made.outputs[name] = next(node.outputs.get(name, Type()) for node in ends if name in node.inputs)
        groups.append({"name": name, "type": made.outputs[name], "values": values})
    made.params = {"groups": groups, "skip": "null"}
    return made
