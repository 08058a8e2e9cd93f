"""Coze's HTTP node gives out text: where fields of an answer are read, a JSON node behind it parses it."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import replace

from dsl.coze.uses import COMPARED, Found, shaped
from dsl.ir import Edge, Graph, Node, OnError, Ref, Type, Value
from dsl.kinds import OBJECT, STRING
from dsl.values import map_refs, node_refs, place_of, unique, walk

Told = Callable[[Node, Node], None]  # for each: the HTTP node, the JSON node
_Path = tuple[str | int, ...]
_Read = tuple[str, _Path, Type]  # the same, and the node whose body it is


def parse(graph: Graph, taken: set[str], told: Told) -> None:
    """Put such a node behind each HTTP node whose answer is JSON, in bodies as well; its type is what is read of it."""
    read: defaultdict[str, list[Found]] = defaultdict(list)
    for node, _, _ in walk(graph) if any(_fetches(node) for node, _, _ in walk(graph)) else ():
        for http, path, kind in _read(node):
            read[http].append((path, kind))
    parsed: dict[str, str] = {}
    for node, inside, _ in list(walk(graph)):
        if _fetches(node) and (kind := shaped(read[node.id])) != STRING:
            behind = _behind(node, kind, unique(f"{node.id}_json", taken))
            parsed[node.id] = behind.id
            _insert(inside, node, behind)
            told(node, behind)
    if parsed:
        _redirect(graph, parsed)


def _fetches(node: Node) -> bool:
    return node.kind == "http" and node.params.get("response") == "json"


def _read(node: Node) -> Iterator[_Read]:
    """What a node reads of bodies; a list that it walks by its elements."""
    for ref in node_refs(node):
        if _is_body(ref):
            yield ref.node, ref.path[1:], STRING
    for case in node.params.get("cases", []) if node.kind == "if" else []:
        for each in case.get("conditions", []):
            left = each.get("left")
            if isinstance(left, Ref) and _is_body(left):
                yield left.node, left.path[1:], COMPARED.get(each.get("type"), STRING)
    for name, value in node.inputs.items() if node.kind == "iterate" else ():
        if isinstance(value, Ref) and _is_body(value):
            elements = {ref.path[1:] for ref in _inside(node) if ref.path[:1] == (name,)} or {()}
            yield from ((value.node, (*value.path[1:], 0, *path), STRING) for path in elements)
    listed = node.params.get("list") if node.kind == "list" else None
    if isinstance(listed, Ref) and _is_body(listed):
        yield listed.node, listed.path[1:], Type("array", items=OBJECT if _has_fields(node) else STRING)


def _has_fields(node: Node) -> bool:
    """Whether a list operation looks into the elements."""
    asked = [ref.path for ref in node_refs(node) if (ref.node, ref.scope) == (node.id, "item")]
    return any(step != "item" for path in asked for step in path) or any(
        each.get("key") for each in node.params.get("sort") or []
    )


def _inside(node: Node) -> Iterator[Ref]:
    for inner, _, _ in walk(node.body) if node.body is not None else ():
        yield from (ref for ref in node_refs(inner) if (ref.node, ref.scope) == (node.id, "item"))


def _is_body(ref: Ref) -> bool:
    return (ref.scope, ref.path[:1]) == ("node", ("body",))


def _behind(node: Node, kind: Type, id_: str) -> Node:
    """Where the request may fail and the flow goes on, an answer that is none leaves nothing to read."""
    policy = OnError("default", default={}) if node.on_error.then in ("default", "continue") else OnError()
    params = {"value": Ref(node.id, ("body",))}
    title = f"Answer of {node.title or node.id}"
    return Node(id_, "json_parse", title, params=params, outputs={"output": kind}, on_error=policy)


def _redirect(graph: Graph, parsed: dict[str, str]) -> None:
    """The body as a whole stays text, but for what walks it."""
    for node, _, _ in walk(graph):
        least = 0 if node.kind in ("iterate", "list") else 1

        def changed(ref: Ref, least: int = least) -> Value:
            below = ref.path[1:]
            is_parsed = ref.node in parsed and _is_body(ref) and len(below) >= least
            return Ref(parsed[ref.node], ("output", *below)) if is_parsed else ref

        node.params, node.inputs = map_refs(node.params, changed), map_refs(node.inputs, changed)


def _insert(graph: Graph, node: Node, behind: Node) -> None:
    graph.nodes.insert(place_of(graph, node) + 1, behind)
    leaving = (node.id, "out")
    graph.edges[:] = [
        replace(each, source=behind.id) if (each.source, each.port) == leaving else each for each in graph.edges
    ]
    graph.edges.append(Edge(node.id, behind.id))
