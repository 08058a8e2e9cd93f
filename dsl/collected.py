"""What rounds hand on where a platform collects outputs of nodes only: a node at the end of the body makes it."""

from collections.abc import Callable

from dsl.ir import Edge, Graph, Node, Ref, Type
from dsl.kinds import ports
from dsl.values import unique


def compute(graph: Graph, taken: set[str], told: Callable[[Node, Node], None]) -> None:
    """Put such a node into each iteration or loop that collects more than outputs, in bodies as well."""
    for node in graph.nodes:
        if node.body is None:
            continue
        compute(node.body, taken, told)
        collect = dict(node.params.get("collect") or {})
        for name in [name for name, value in collect.items() if not isinstance(value, Ref)]:
            made = Node(unique(f"{node.id}_{name}", taken), "set", f"{node.title}: {name}", pointer=node.pointer)
            type_ = Type("object") if isinstance(collect[name], dict) else Type()
            made.inputs, made.outputs = {"item": collect[name]}, {"item": type_}
            last(node, node.body, made)
            collect[name] = Ref(made.id, ("item",))
            node.params = {**node.params, "collect": collect}
            told(node, made)


def last(owner: Node, body: Graph, new: Node) -> None:
    """Every way through the body ends at the new node."""
    wired = {(edge.source, edge.port) for edge in body.edges}
    loose = [
        Edge(node.id, new.id, port)
        for node in body.nodes
        for port in ports(node)
        if (node.id, port) not in wired and port not in ("body", "error") and node.kind != "note"
    ]
    body.nodes.append(new)
    body.edges += loose or [Edge(owner.id, new.id, "body")]
