"""What a workflow of n8n answers without a node that says so: what its last node gives.

Other platforms have a node for that. It is read as one behind the last node, and is not written as long as it says
just that.
"""

from dsl.ir import Edge, Graph, Node, Ref, Type
from dsl.kinds import outputs

_END = "/end"


def results(node: Node) -> dict[str, Ref]:
    """What is known of the item that a node gives."""
    if node.kind in ("llm", "agent"):
        name = "structured" if node.params.get("schema") else "text"
        return {name: Ref(node.id, (name,))}
    if node.kind == "set" and not node.params.get("keep"):
        return {name: Ref(node.id, (name,)) for name in node.outputs}
    return {}


def add(graph: Graph, answering: set[str], chat: bool) -> None:
    """An answer, or an end, behind every last node that a run from one of the starts `answering` comes to."""
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
    for node in [node for node in graph.nodes if node.id in reached and node.id not in after]:
        made = made_for(node, chat)
        if made is not None and made.id not in ids:
            graph.nodes.append(made)
            graph.edges.append(Edge(node.id, made.id))


def made_for(node: Node, chat: bool) -> Node | None:
    found = results(node)
    if not found:
        return None
    position = (node.position[0] + 300, node.position[1]) if node.position else None
    if chat and (said := found.get("output") or found.get("text") or found.get("structured")):
        return Node(node.id + _END, "answer", "Answer", params={"text": said}, position=position)
    known = outputs(node)
    types = {name: Type(known[name].name) for name in found}
    return Node(node.id + _END, "end", "End", inputs=dict(found), outputs=types, position=position)


def without(graph: Graph) -> Graph:
    """The graph without the nodes that say no more than n8n does anyway."""
    known = {node.id: node for node in graph.nodes}
    gone = {
        id_
        for id_, node in known.items()
        if id_.endswith(_END) and (before := known.get(id_[: -len(_END)])) and _same(node, before)
    }
    nodes = [node for node in graph.nodes if node.id not in gone]
    return Graph(nodes, [edge for edge in graph.edges if edge.target not in gone]) if gone else graph


def _same(node: Node, before: Node) -> bool:
    made = made_for(before, node.kind == "answer")
    return made is not None and (node.kind, node.params, node.inputs) == (made.kind, made.params, made.inputs)
