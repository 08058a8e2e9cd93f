"""What loops give out, in the words of platforms whose loops give out their variables by their own names."""

from dsl.ir import Graph, Node, Ref, Value
from dsl.values import map_refs, walk

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
