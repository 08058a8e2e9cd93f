"""What a workflow of n8n answers without a node that says so: what its last node gives.

Other platforms have a node for that. It is read as one behind the last node, and is not written as long as it says
just that.
"""

from dataclasses import replace

from dsl.computed import ALL
from dsl.ir import Edge, Graph, Node, Ref, Type
from dsl.kinds import KINDS, outputs
from dsl.n8n.tools import DEFINED

_END = "/end"
_UNSAID = ("code", "iterate", "list", "http")  # a chat shows of an item its output or its text, if it has one
ITEM = "/item"  # in a body, what stands for a round's coming to the aggregate behind it


def results(node: Node, first: bool) -> dict[str, Ref]:
    """What is known of the item that a node gives; of several items the first, or all as a list."""
    if node.kind in ("llm", "agent"):
        name = "structured" if node.params.get("schema") else "text"
        return {name: Ref(node.id, (name,))}
    if node.kind == "set" and not node.params.get("keep"):
        return {name: Ref(node.id, (name,)) for name in node.outputs}
    if node.kind == "http":
        return {name: Ref(node.id, (name,)) for name in ("body", "status", "headers") if name in outputs(node)}
    if node.kind == "list" and (label := node.outputs.get("result", Type()).label):
        items = {"item": Ref(node.id, ("first",))} if first else {"items": Ref(node.id, ("result",))}
        return items if label == ALL else {label: Ref(node.id, ("result",))}
    if node.kind == "iterate" and (label := node.outputs.get("output", Type()).label):
        return {label: Ref(node.id, ("output",))}
    if node.kind in ("code", "iterate") and ALL in node.outputs:
        return {"item": Ref(node.id, (ALL, 0))} if first else {"items": Ref(node.id, (ALL,))}
    return {}


def add(graph: Graph, answering: set[str], chat: bool, first: bool) -> list[Node]:
    """An answer, or an end, behind every last node that a run from one of the starts `answering` comes to.

    Returned are the last nodes of which is not known what they give.
    """
    after: dict[str, list[str]] = {}
    for edge in graph.edges:
        after.setdefault(edge.source, []).append(edge.target)
    reached, stack = set(), list(answering)
    while stack:
        id_ = stack.pop()
        if id_ not in reached:
            reached.add(id_)
            stack += after.get(id_, [])
    ids = {node.id for node in graph.nodes}
    unknown = []
    last = [node for node in graph.nodes if node.id in reached and node.id not in after and not KINDS[node.kind].last]
    for node in last:
        made = made_for(node, chat, first)
        if made is None:
            unknown.append(node)
        elif made.id not in ids:
            graph.nodes.append(made)
            graph.edges.append(Edge(node.id, made.id, "done" if node.body else "out"))
    return unknown


def made_for(node: Node, chat: bool, first: bool) -> Node | None:
    found = results(node, first)
    if not found or (chat and node.kind in _UNSAID):
        return None
    position = (node.position[0] + 300, node.position[1]) if node.position else None
    if chat and (said := found.get("output") or found.get("text") or found.get("structured")):
        return Node(node.id + _END, "answer", "Answer", params={"text": said}, position=position)
    types = {name: _type(node, ref) for name, ref in found.items()}
    return Node(node.id + _END, "end", "End", inputs=dict(found), outputs=types, position=position)


def _type(node: Node, ref: Ref) -> Type:
    return Type(outputs(node)[str(ref.path[0])].name) if len(ref.path) == 1 else Type("object")


def without(graph: Graph) -> Graph:
    """The graph without the nodes that say no more than n8n does anyway."""
    known = {node.id: node for node in graph.nodes}
    gone = {
        id_
        for id_, node in known.items()
        if id_.endswith(_END) and (before := known.get(id_[: -len(_END)])) and _same(node, before)
    }
    inner = {each.id for node in graph.nodes for each in (node.body.nodes if node.body else ())}
    apart = {id_ for id_ in known if id_ + ITEM in inner}
    gone |= {id_ for id_, node in known.items() if node.kind == "note" and id_.endswith(DEFINED)}
    if not gone and not inner:
        return graph
    nodes = [replace(node, body=without(_led_out(node.body))) if node.body else node for node in graph.nodes]
    edges = [
        edge for edge in graph.edges if edge.target not in gone and not (edge.port == "done" and edge.target in apart)
    ]
    return Graph([node for node in nodes if node.id not in gone], edges)


def _led_out(body: Graph) -> Graph:
    """A body whose last nodes lead to the aggregate outside again."""
    nodes = [node for node in body.nodes if not node.id.endswith(ITEM)]
    return Graph(nodes, [replace(edge, target=edge.target.removesuffix(ITEM)) for edge in body.edges])


def _same(node: Node, before: Node) -> bool:
    found = [made_for(before, node.kind == "answer", first) for first in (True, False)]
    return (node.kind, node.params, node.inputs) in [(made.kind, made.params, made.inputs) for made in found if made]
