"""What loops give out and how they count, in the words of platforms whose loops have variables and nothing else."""

from collections.abc import Callable
from dataclasses import replace

from dsl.ir import Edge, Graph, Node, Ref, Value
from dsl.kinds import NUMBER
from dsl.values import map_refs, node_refs, unique, walk

INDEX = "flowstill_index"  # the variable that holds the number of the round, from 0

_Outputs = dict[tuple[str, str], tuple[str | int, ...]]  # (loop, output): the variable, or what lies in it


def give_out(graph: Graph) -> None:
    """A variable among what a loop collects is what it holds at last, no list: it is read by its own name then."""
    loops = [node for node, _, _ in walk(graph) if node.kind == "loop"]
    outputs = {(node.id, name): path for node in loops for name, path in _given_out(node).items()}

    def by_own_name(ref: Ref) -> Value:
        path = outputs.get((ref.node, str(ref.path[0]))) if ref.path and ref.scope == "node" else None
        return Ref(ref.node, (*path, *ref.path[1:])) if path else ref

    for node, _, _ in walk(graph) if outputs else ():
        node.params, node.inputs = map_refs(node.params, by_own_name), map_refs(node.inputs, by_own_name)
    for node in loops:
        _settle(node, outputs)


def _given_out(node: Node) -> dict[str, tuple[str | int, ...]]:
    collect = node.params.get("collect") or {}
    refs = {name: value for name, value in collect.items() if isinstance(value, Ref)}
    own = {name: ref.path for name, ref in refs.items() if (ref.node, ref.scope) == (node.id, "loop")}
    return {name: path for name, path in own.items() if path and (path[0] not in collect or path[0] in own)}


def _settle(node: Node, outputs: _Outputs) -> None:
    collect = node.params.get("collect") or {}
    given = {name: outputs[node.id, name] for name in collect if (node.id, name) in outputs}
    if given:
        node.params["collect"] = {name: value for name, value in collect.items() if name not in given}
        types = {str(path[0]): node.outputs[name] for name, path in given.items() if name in node.outputs}
        node.outputs = types | {name: each for name, each in node.outputs.items() if name not in given}


def count(graph: Graph, taken: set[str], counted: Callable[[Node, Node], None]) -> None:
    """Loops count their rounds in a variable where something reads the number; `counted` is told loop and counter."""
    asked = {ref.node for node, _, _ in walk(graph) for ref in node_refs(node) if ref.scope == "index"}
    loops = [node for node, _, _ in walk(graph) if node.kind == "loop" and node.id in asked]
    numbers: dict[Ref, Value] = {Ref(node.id, (), "index"): Ref(node.id, (INDEX,), "loop") for node in loops}
    for node, _, _ in walk(graph) if numbers else ():
        node.params = map_refs(node.params, lambda ref: numbers.get(ref, ref))
        node.inputs = map_refs(node.inputs, lambda ref: numbers.get(ref, ref))
    for node in loops:
        node.params["variables"] = {**node.params.get("variables", {}), INDEX: {"type": NUMBER, "value": -1}}
        items = [{"target": Ref(node.id, (INDEX,), "loop"), "op": "add", "value": 1}]
        counter = Node(unique(f"{node.id}_round", taken), "assign", f"{node.title} round", params={"items": items})
        begin(node, counter)
        counted(node, counter)


def begin(loop: Node, first: Node) -> None:
    """Lets the body of a loop begin with a node."""
    loop.body = body = loop.body or Graph()
    entering = [edge for edge in body.edges if (edge.source, edge.port) == (loop.id, "body")]
    others = [edge for edge in body.edges if edge not in entering]
    body.nodes.insert(0, first)
    body.edges[:] = [
        Edge(loop.id, first.id, "body"),
        *(replace(edge, source=first.id, port="out") for edge in entering),
        *others,
    ]
