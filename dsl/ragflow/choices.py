"""A choice that control leaves by is, on RAGFlow, a field of the form and a switch behind it."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from dsl.ir import Edge, Graph, Node, Ref, Type
from dsl.kinds import ports
from dsl.values import place_of, unique

# for each such node, the switch and what it looks at; None: it became a stub
Told = Callable[[Node, tuple[Node, Ref] | None], None]


def ask(graph: Graph, taken: set[str], told: Told) -> None:
    """Put the switch behind each node with options or buttons, in bodies as well."""
    for node in list(graph.nodes):
        if node.body is not None:
            ask(node.body, taken, told)
        words = _words(node) if node.kind == "ask" else []
        if not words:
            continue
        if all(isinstance(word, str) and word for word in words):
            told(node, _fork(graph, node, [str(word) for word in words], unique(f"{node.id}_choice", taken)))
        else:  # a field's choices are fixed here
            told(node, None)
            node.params, node.kind = {"type": "ask"}, "opaque"


def _words(node: Node) -> list[object]:
    return [*node.params.get("options", []), *(each["title"] for each in node.params.get("actions", []))]


def _fork(graph: Graph, node: Node, words: list[str], id_: str) -> tuple[Node, Ref]:
    name = unique("choice", set(node.outputs))
    node.outputs[name] = Type("string", options=tuple(words), required=True)
    chosen = Ref(node.id, (name,))
    fork = Node(id_, "if", f"{node.title or node.id}: choice", params={"cases": _cases(chosen, words)})
    names = [f"option:{i}" for i in range(len(node.params.get("options", [])))]
    names += [f"action:{each['id']}" for each in node.params.get("actions", [])]
    ports = {name: f"case:{i}" for i, name in enumerate(names)}
    graph.edges[:] = [*_moved(graph, node.id, id_, ports), Edge(node.id, id_)]
    graph.nodes.insert(place_of(graph, node) + 1, fork)
    node.params = {"question": node.params.get("question", "")}
    return fork, chosen


def _cases(chosen: Ref, words: list[str]) -> list[dict[str, object]]:
    asked = [{"left": chosen, "op": "eq", "right": word, "type": "string"} for word in words]
    return [{"logic": "and", "conditions": [each]} for each in asked]


def _moved(graph: Graph, node: str, fork: str, ports: dict[str, str]) -> Iterator[Edge]:
    """The edges of the graph, those of the choices now from the switch; nobody waits for a time here."""
    for edge in graph.edges:
        if edge.source != node:
            yield edge
        elif edge.port != "timeout":
            yield replace(edge, source=fork, port=ports.get(edge.port, "else"))


def otherwise(graph: Graph, taken: set[str], told: Callable[[Node, Node], None]) -> None:
    """Each way out of a switch or a categoriser has to lead somewhere: to a step that does nothing, if to nothing else.

    What fits no category takes the last one, so a step for the rest is a category more."""
    wired = {(edge.source, edge.port) for edge in graph.edges}
    for node in list(graph.nodes):
        if node.body is not None:
            otherwise(node.body, taken, told)
        ways = ports(node) if node.kind in ("if", "classify") else []
        if open_ := [port for port in ways if (node.id, port) not in wired and port != "error"]:
            nothing = Node(unique(f"{node.id}_else", taken), "pass", f"{node.title or node.id}: otherwise")
            graph.nodes.append(nothing)
            graph.edges += [Edge(node.id, nothing.id, port) for port in open_]
            told(node, nothing)
