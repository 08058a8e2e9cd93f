"""References to what does not exist, is not given out, or does not run before."""

import difflib
from collections.abc import Iterator

from dsl.ir import Flow, Node, Ref, Script, Text, Value
from dsl.kinds import outputs
from dsl.lacking import Platform, fields, platform
from dsl.lint.finding import Finding, at_node, called
from dsl.lint.graphs import every_graph
from dsl.values import node_refs, walk


def references(flow: Flow) -> Iterator[Finding]:
    every = {node.id: node for node, _, _ in walk(flow.graph)}
    parents = {node.id: container.id for node, _, container in walk(flow.graph) if container is not None}
    before = _upstream(flow)
    for node in every.values():
        around = set(_above(node.id, parents))
        either = set(_either([node.params, node.inputs], every))
        for ref in dict.fromkeys(node_refs(node)):
            if ref in either:
                continue
            owner = parents.get(ref.node, node.id)
            if flow.dialect in ("dify", "coze") and owner not in {*around, node.id}:  # whose rounds keep what they give
                yield _outside(ref, node, every[owner])
            else:
                yield from _reference(ref, node, every, around, before, flow)


def _either(value: Value, every: dict[str, Node]) -> Iterator[Ref]:
    """What an expression reads of whichever node ran in front, where it is the other one that gives it."""
    if isinstance(value, Script) and value.lang == "n8n" and "$json" in value.source:
        there = [ref for ref in value.refs if ref.node in every and ref.scope == "node"]
        given = {ref.path for ref in there if _gives(every[ref.node], ref)}
        yield from (ref for ref in there if ref.path in given and not _gives(every[ref.node], ref))
    elif isinstance(value, dict | list | Text):
        inner = value.values() if isinstance(value, dict) else value.parts if isinstance(value, Text) else value
        for each in inner:
            yield from _either(each, every)


def _gives(producer: Node, ref: Ref) -> bool:
    return bool(ref.path) and ref.path[0] in outputs(producer)


def _outside(ref: Ref, node: Node, container: Node) -> Finding:
    message = f"{called(node)} refers to {shown(ref)} outside of {called(container)}: it is nothing."
    return at_node("error", "ref.scope", node, message, "Use what the container gives out.")


def _above(name: str, parents: dict[str, str]) -> Iterator[str]:
    """The containers around a node, from the inside out."""
    while name in parents:
        name = parents[name]
        yield name


def _upstream(flow: Flow) -> dict[str, set[str]]:
    """For each node, by id, the nodes of its own graph that can run before it."""
    result: dict[str, set[str]] = {}
    for graph, _ in every_graph(flow):
        before: dict[str, list[str]] = {}
        for edge in graph.edges:
            before.setdefault(edge.target, []).append(edge.source)
        for node in graph.nodes:
            seen: set[str] = set()
            stack = list(before.get(node.id, []))
            while stack:
                name = stack.pop()
                if name not in seen:
                    seen.add(name)
                    stack += before.get(name, [])
            result[node.id] = seen
    return result


def _reference(
    ref: Ref, node: Node, every: dict[str, Node], around: set[str], before: dict[str, set[str]], flow: Flow
) -> Iterator[Finding]:
    if not ref.node:
        yield from _variable(ref, node, flow)
        return
    producer = every.get(ref.node)
    if producer is None:
        near = difflib.get_close_matches(ref.node, every, 1)
        hint = f"Did you mean {near[0]!r}?" if near else "Point it at a node that exists."
        yield at_node(
            "error", "ref.unknown", node, f"{called(node)} refers to {shown(ref)}; there is no such node.", hint
        )
    elif ref.scope != "node":
        if ref.node not in around and ref.node != node.id:
            yield _outside(ref, node, producer)
    else:
        yield from _output(ref, node, producer, around, platform(flow.dialect))
        yield from _order(ref, node, producer, around, before)


def _output(ref: Ref, node: Node, producer: Node, around: set[str], here: Platform) -> Iterator[Finding]:
    if not ref.path or not _is_nothing(ref, producer, around, here):
        return
    field = _is_no_field(ref, producer)
    known = [name for name in outputs(producer) if not here.lacks(producer, (name,))]
    known, step = (list(fields(producer)), ref.path[1]) if field else (known, ref.path[0])
    near = difflib.get_close_matches(str(step), known, 1)
    hint = f"Did you mean {near[0]!r}?" if near else f"It has: {', '.join(known) or 'none'}."
    what = f"{called(node)} refers to {shown(ref)}, which {called(producer)} does not produce"
    message = f"{what}: it is nothing, or fails where it is read."
    yield at_node("error", "ref.output", node, message, hint)


def _is_nothing(ref: Ref, producer: Node, around: set[str], here: Platform) -> bool:
    """Whether neither the common form nor this platform has such an output, or such a field of an answer."""
    if here.lacks(producer, ref.path) or _is_no_field(ref, producer):
        return True
    if producer.kind in ("opaque", "tool", "agent") or ref.path[0] == "error" or here.gives(producer, ref.path):
        return False
    return ref.path[0] not in outputs(producer) and not (producer.id in around and producer.kind == "loop")


def _is_no_field(ref: Ref, producer: Node) -> bool:
    known = fields(producer) if ref.path[:1] == ("structured",) else ()
    return bool(known) and isinstance(step := (*ref.path, 0)[1], str) and step not in known


def _order(ref: Ref, node: Node, producer: Node, around: set[str], before: dict[str, set[str]]) -> Iterator[Finding]:
    places = [node.id, *around]
    if ref.node in places or any(ref.node in before.get(place, ()) for place in places):
        return
    if node.body is not None and any(inner.id == ref.node for inner, _, _ in walk(node.body)):
        return  # what a container gives out
    message = f"{called(node)} refers to {shown(ref)}, but {called(producer)} does not run before it."
    yield at_node("warning", "ref.order", node, message, "Wire it so that it does.")


def _variable(ref: Ref, node: Node, flow: Flow) -> Iterator[Finding]:
    declared = [variable.name for variable in flow.variables if variable.scope == ref.scope]
    if ref.scope in ("env", "session") and ref.path and ref.path[0] not in declared and flow.dialect != "n8n":
        near = difflib.get_close_matches(str(ref.path[0]), declared, 1)
        hint = f"Did you mean {near[0]!r}?" if near else "Declare it."
        message = f"{called(node)} refers to the {ref.scope} variable {ref.path[0]!r}, which is not declared."
        yield at_node("error", "ref.variable", node, message, hint)


def shown(ref: Ref) -> str:
    return repr(".".join([ref.node or ref.scope, *map(str, ref.path)]))
