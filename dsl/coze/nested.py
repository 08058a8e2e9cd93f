"""A loop in a loop does not exist on Coze: the inner one is a workflow of its own there, and a node calls it.

That workflow is a start, the loop and an end. What the loop reads of around it are inputs, what it gives out are
outputs. A variable of an outer loop that it sets is one of its own, and is set outside when it is done.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from dsl.coze import chats
from dsl.coze.names import identifier
from dsl.coze.tables import END, START
from dsl.ir import Edge, Flow, Graph, Node, OnError, Ref, Type, Value
from dsl.values import map_refs, nodes, rename, unique, walk

LOOP = "flowstill:loop"  # the description of such a workflow
Typed = Callable[[Ref], Type]


@dataclass(frozen=True)
class Loop:
    """A loop in a loop as a workflow, and what it is called in an archive; no id where it is in a file of its own."""

    flow: Flow
    file: str
    id: str


# -- out of the loop around it


def was_called(node: Node) -> bool:
    """Whether it was read from such a workflow."""
    return node.pointer.startswith("/sub/")


def settable(node: Node) -> bool:
    """Whether what it sets of the loops around it can be handed out: an iteration has no variables for that."""
    return node.kind == "loop" or not _set_outside(node)


def extract(node: Node, around: Graph, name: str, flow: Flow, typed: Typed) -> tuple[Flow, Node]:
    """The workflow, and the node that calls it in place of the loop. What is given is changed."""
    setter = _carried(node, around, typed, {*nodes(flow)})
    start, given = _asked(node, typed)
    types = _given_out(node)
    end = Node(END, "end", "End", inputs={key: Ref(node.id, (key,)) for key in types}, outputs=types)
    call = replace(node, kind="subflow", params={"flow": name}, inputs=given, outputs=dict(types), body=None)
    node.on_error, node.position = OnError(), None
    _replace(around, node, call, "done", "out")
    if setter is not None:
        _behind(around, call, setter)
    graph = Graph([start, node, end], [Edge(START, node.id), Edge(node.id, END, "done")])
    return replace(flow, name=name, description=LOOP, mode="workflow", graph=graph), call


def _inside(node: Node) -> Iterator[Node]:
    return (each for each, _, _ in walk(Graph([node])))


def _set_outside(node: Node) -> list[Ref]:
    """The variables of loops around it that steps in it set."""
    own = {each.id for each in _inside(node)}
    items = (item for each in _inside(node) if each.kind == "assign" for item in each.params.get("items", []))
    targets = [item["target"] for item in items if isinstance(item.get("target"), Ref)]
    others = [ref for ref in targets if ref.scope == "loop" and ref.path and ref.node not in own]
    return list(dict.fromkeys(replace(ref, path=ref.path[:1]) for ref in others))


def _carried(node: Node, around: Graph, typed: Typed, taken: set[str]) -> Node | None:
    """Gives the loop a variable for each that it sets of another loop; the step that sets that one afterwards."""
    variables = dict(node.params.get("variables") or {})
    used = {*variables, *node.outputs}
    names = {ref: identifier(str(ref.path[0]), used) for ref in _set_outside(node)}
    if not names:
        return None

    def own(ref: Ref) -> Ref:
        first = replace(ref, path=ref.path[:1])
        return Ref(node.id, (names[first], *ref.path[1:]), "loop") if first in names else ref

    for each in _inside(node):
        if each is not node:
            each.params, each.inputs = map_refs(each.params, own), map_refs(each.inputs, own)
    later: dict[str, Any] = {key: map_refs(node.params[key], own) for key in ("until", "collect") if key in node.params}
    variables |= {name: {"type": typed(ref), "value": ref} for ref, name in names.items()}
    node.params = {**node.params, **later, "variables": variables}
    node.outputs = node.outputs | {name: typed(ref) for ref, name in names.items()}
    items = [{"target": ref, "op": "set", "value": Ref(node.id, (name,))} for ref, name in names.items()]
    title = f"Variables of {node.title or node.id}"
    return Node(unique(f"{node.id}_set", taken), "assign", title, params={"items": items})


def _asked(node: Node, typed: Typed) -> tuple[Node, dict[str, Value]]:
    """The start of the workflow, and what the call gives it: an input for each reference to something around it."""
    own = {each.id for each in _inside(node)}
    names: dict[Ref, str] = {}
    used: set[str] = set()

    def asked(ref: Ref) -> Ref:
        if ref.node in own or _everywhere(ref):
            return ref
        if ref not in names:
            words = [each for each in ref.path if isinstance(each, str)]
            names[ref] = identifier(words[-1] if words else ref.scope, used)
        return Ref(START, (names[ref],))

    for each in _inside(node):
        each.params, each.inputs = map_refs(each.params, asked), map_refs(each.inputs, asked)
    types = {name: _plain(typed(ref)) for ref, name in names.items()}
    return Node(START, "start", "Start", outputs=types), {name: ref for ref, name in names.items()}


def _everywhere(ref: Ref) -> bool:
    """Whether each workflow of an app has it: its variables, but not what was asked in a chat."""
    return not ref.node and not chats.asked(ref)


def _plain(kind: Type) -> Type:
    return replace(kind, required=False, default=None, label="", description="", options=(), max_length=None)


def _given_out(node: Node) -> dict[str, Type]:
    variables: dict[str, Any] = node.params.get("variables") or {}
    collect = node.params.get("collect") or {}
    held = {name: each.get("type") for name, each in variables.items() if not collect or name in node.outputs}
    return {name: node.outputs.get(name) or held.get(name) or Type() for name in (*held, *collect)}


def _behind(around: Graph, call: Node, setter: Node) -> None:
    """What followed the call follows what sets the variables; after an error nothing is set."""
    around.edges = [
        replace(edge, source=setter.id) if (edge.source, edge.port) == (call.id, "out") else edge
        for edge in around.edges
    ]
    around.nodes.insert(around.nodes.index(call) + 1, setter)
    around.edges.append(Edge(call.id, setter.id))


def _replace(around: Graph, old: Node, new: Node, leaves: str, now: str) -> None:
    """Puts one node in the place of another; what left by the one port leaves by the other."""
    around.nodes[around.nodes.index(old)] = new
    around.edges = [
        replace(edge, source=new.id, port=now) if (edge.source, edge.port) == (old.id, leaves) else edge
        for edge in around.edges
    ]


# -- and into it again


def put_back(call: Node, around: Graph, workflow: Graph, taken: set[str]) -> bool:
    """Lets the loop in the workflow take the place of the call; whether it can, for it may have been edited since.

    The steps in it get other ids than those `taken`, which are added to.
    """
    parts = _parts(workflow)
    if parts is None or not _fits(call, *parts):
        return False
    start, loop, end = parts
    _give(loop, start, call)
    names = {each.id: unique(each.id, taken) for each in _inside(loop) if each is not loop}
    rename(Flow("", "", graph=Graph([loop])), names | {loop.id: call.id})
    loop.title, loop.description, loop.position = call.title, call.description, call.position
    loop.outputs, loop.on_error = call.outputs, call.on_error
    loop.folded = (call.pointer, start.pointer, end.pointer)
    _replace(around, call, loop, "out", "done")
    return True


def _fits(call: Node, start: Node, loop: Node, end: Node) -> bool:
    """Whether the call gives all that the loop reads, by reference, and the end gives on what the loop gives out."""
    gives_on = end.inputs == {name: Ref(loop.id, (name,)) for name in end.inputs}
    given = {name for name, value in call.inputs.items() if isinstance(value, Ref)}
    return gives_on and {*start.outputs} <= given and {*call.outputs} <= {*end.inputs}


def _give(loop: Node, start: Node, call: Node) -> None:
    def given(ref: Ref) -> Value:
        value = call.inputs.get(str(ref.path[0])) if ref.node == start.id and ref.path else None
        return replace(value, path=(*value.path, *ref.path[1:])) if isinstance(value, Ref) else ref

    for each in _inside(loop):
        each.params, each.inputs = map_refs(each.params, given), map_refs(each.inputs, given)


def _parts(workflow: Graph) -> tuple[Node, Node, Node] | None:
    """Its start, its only loop and its end, when it has nothing else."""
    kinds = {node.kind: node for node in workflow.nodes}
    loop = kinds.get("iterate") or kinds.get("loop")
    if len(workflow.nodes) != 3 or loop is None or not {"start", "end"} <= kinds.keys():
        return None
    return kinds["start"], loop, kinds["end"]
