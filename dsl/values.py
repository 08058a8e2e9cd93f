"""The values of the common form: their JSON, the references in them, and places in documents (JSON pointers)."""

import functools
import json
import re
from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from dsl import DslError
from dsl.ir import Edge, Flow, Graph, Node, Ref, Script, Text, Value, Variable

# -- places in documents


def pointer(*steps: str | int) -> str:
    """The JSON pointer (RFC 6901) of a place."""
    return "".join(map(_step, steps))


@functools.lru_cache(4096, typed=True)
def _step(step: str | int) -> str:
    return "/" + str(step).replace("~", "~0").replace("/", "~1")


def steps(place: str) -> list[str]:
    found = place.split("/")[1:]
    return [step.replace("~1", "/").replace("~0", "~") for step in found] if "~" in place else found


def nearest(places: Container[str]) -> Callable[[str], str]:
    """Of a place the next one of these: itself or one above it; "" where none is."""

    @functools.cache
    def found(place: str) -> str:
        return place if not place or place in places else found(place.rpartition("/")[0])

    return found


def at(document: Any, place: str) -> Any:
    """What stands at a pointer; LookupError when nothing does."""
    for step in steps(place):
        if isinstance(document, list):
            document = document[int(step)]
        else:  # a YAML mapping may have numbers as keys
            document = document[step] if step in document else document[int(step)]
    return document


def put(document: Any, place: str, value: Any) -> None:
    """Put a value where something stands already; not at the top."""
    parent, last = at(document, place.rpartition("/")[0]), steps(place)[-1]
    if isinstance(parent, list):
        parent[int(last)] = value
    else:
        parent[last if last in parent else int(last)] = value


def leaves(document: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    """Every value that is no mapping or list, with its pointer; an empty mapping or list is a leaf too."""
    stack = [(place, document)]
    while stack:
        place, value = stack.pop()
        if isinstance(value, dict) and value:
            stack.extend((place + pointer(key), value[key]) for key in reversed(list(value)))
        elif isinstance(value, list) and value:
            stack.extend((f"{place}/{i}", value[i]) for i in reversed(range(len(value))))
        else:
            yield place, value


# -- text with references


def text(parts: list["str | Ref | Script"]) -> Value:
    """The parts as one value: a str when nothing is referred to, a bare Ref when that is all, else Text."""
    joined: list[str | Ref | Script] = []
    for part in parts:
        if isinstance(part, str) and joined and isinstance(joined[-1], str):
            joined[-1] += part
        elif part != "":
            joined.append(part)
    if not joined:
        return ""
    if len(joined) == 1 and isinstance(joined[0], str):
        return joined[0]
    return Text(tuple(joined))


def parts(value: Value) -> tuple["str | Ref | Script", ...]:
    """The parts of what `text` made, of a bare Ref or str, or of anything else as JSON text."""
    if isinstance(value, Text):
        return value.parts
    if value is None or value == "":
        return ()
    if isinstance(value, str | Ref | Script):
        return (value,)
    held: list[Value] = []

    def marked(each: Any) -> str:
        """What JSON has no form for; its place is found again below."""
        if not isinstance(each, Ref | Script | Text):
            return str(each)
        held.append(each)
        return f"\ue000{len(held) - 1}\ue001"

    printed = json.dumps(value, ensure_ascii=False, default=marked)
    pieces = re.split('"\ue000(\\d{1,9})\ue001"', printed) if held else [printed]
    return tuple(
        part
        for place, piece in enumerate(pieces)
        for part in (parts(held[int(piece)]) if place % 2 and int(piece) < len(held) else (piece,))
    )


def words(value: Value) -> Value:
    """What is to be read as text: anything that is none, and refers to nothing, as JSON text."""
    return value if isinstance(value, str | Ref | Text | Script) else text(list(parts(value)))


def parse(source: str, pattern: "re.Pattern[str]", found: Callable[["re.Match[str]"], "Ref | Script | None"]) -> Value:
    """`source` with each match replaced by what `found` makes of it; None leaves it as text."""
    result: list[str | Ref | Script] = []
    end = 0
    for match in pattern.finditer(source):
        if (part := found(match)) is not None:
            result += [source[end : match.start()], part]
            end = match.end()
    return text([*result, source[end:]])


# -- references


def refs(value: Value) -> Iterator[Ref]:
    """Every reference in a value, those of scripts too."""
    found: list[Ref] = []
    _collect(value, found)
    return iter(found)


def _collect(value: Value, found: list[Ref]) -> None:
    """What refers to nothing, as most values do, is passed over where it stands: this is asked of each node often."""
    if isinstance(value, dict):
        inside: Iterable[Value] = value.values()
    elif isinstance(value, (list, tuple)):
        inside = value
    elif isinstance(value, Ref):
        found.append(value)
        return
    else:
        inside = value.parts if isinstance(value, Text) else value.refs if isinstance(value, Script) else ()
    for inner in inside:
        if isinstance(inner, Ref):
            found.append(inner)
        elif inner and type(inner) not in _BARE:
            _collect(inner, found)


_BARE = {str, int, float, bool, type(None)}


def map_refs(value: Value, change: Callable[[Ref], Value]) -> Value:
    """The value with every reference replaced by what `change` makes of it; a script keeps those that stay a Ref."""
    if isinstance(value, Ref):
        return change(value)
    if isinstance(value, Text):
        return Text(tuple(map_refs(part, change) for part in value.parts))
    if isinstance(value, Script):
        changed = (change(ref) for ref in value.refs)
        return replace(value, refs=tuple(ref for ref in changed if isinstance(ref, Ref)))
    if isinstance(value, dict):
        return {key: inner if type(inner) in _BARE else map_refs(inner, change) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)([map_refs(inner, change) for inner in value])
    return value


def scripts(value: Value) -> Iterator[Script]:
    """Every expression in a value."""
    if isinstance(value, Script):
        yield value
    elif isinstance(value, (Text, dict, list, tuple)):
        for inner in value.parts if isinstance(value, Text) else value.values() if isinstance(value, dict) else value:
            yield from scripts(inner)


def redirect(node: Node, changed: Mapping[Any, Value]) -> None:
    """Let the node read other values in place of these references."""
    node.params, node.inputs = (
        map_refs(held, lambda ref: changed.get(ref, ref)) for held in (node.params, node.inputs)
    )


def node_refs(node: Node) -> Iterator[Ref]:
    found: list[Ref] = []
    _collect(node.params, found)
    _collect(node.inputs, found)
    return iter(found)


def of_list(ref: Ref, known: Mapping[str, Node]) -> Ref:
    """What is read of an element in rounds, as a part of the list that they go through; itself where that is none."""
    met: set[str] = set()
    while ref.scope == "item" and ref.path and ref.node in known and ref.node not in met:
        met.add(ref.node)
        listed = known[ref.node].inputs.get(str(ref.path[0]))
        if not isinstance(listed, Ref):
            break
        ref = replace(listed, path=(*listed.path, 0, *ref.path[1:]))
    return ref


# -- graphs


def walk(graph: Graph) -> Iterator[tuple[Node, Graph, Node | None]]:
    """Every node with the graph that it is in and the container of that graph, outer nodes before inner."""
    stack: list[tuple[Graph, Node | None]] = [(graph, None)]
    while stack:
        inside, container = stack.pop()
        for node in inside.nodes:
            yield node, inside, container
            if node.body is not None:
                stack.append((node.body, node))


def graphs(graph: Graph) -> list[Graph]:
    """The graph itself and the bodies in it, outer ones before inner."""
    return [graph, *(node.body for node, _, _ in walk(graph) if node.body is not None)]


def graph_of(flow: Flow, node: Node) -> Graph:
    """The graph that a node of the flow is in."""
    return next(graph for each, graph, _ in walk(flow.graph) if each is node)


def place_of(graph: Graph, node: Node) -> int:
    """Where the very node stands in its graph: `list.index` would take one that is equal, and compare all of each."""
    return next(i for i, each in enumerate(graph.nodes) if each is node)


def leaving(graph: Graph) -> defaultdict[str, list[Edge]]:
    """The edges of a graph by the node that they leave."""
    found: defaultdict[str, list[Edge]] = defaultdict(list)
    for edge in graph.edges:
        found[edge.source].append(edge)
    return found


def nodes(flow: Flow) -> dict[str, Node]:
    """Every node by its id, those of bodies too."""
    return {node.id: node for node, _, _ in walk(flow.graph)}


def undeclared(flow: Flow) -> list[Variable]:
    """The variables that nodes refer to and the flow does not declare."""
    declared = {(each.scope, each.name) for each in flow.variables}
    asked = (ref for node, _, _ in walk(flow.graph) for ref in node_refs(node))
    named = [(ref.scope, str(ref.path[0])) for ref in asked if ref.scope in _DECLARED and ref.path]
    return [Variable(scope, name) for scope, name in dict.fromkeys(named) if (scope, name) not in declared]


_DECLARED = ("env", "session", "app", "user")


def copied(graph: Graph, without: str = "") -> Graph:
    """A graph whose nodes and edges may be changed; what lies deeper in their parameters is shared.

    `without` names a parameter that the target never reads: what that refers to is nothing to supply there.
    """
    nodes = [
        Node(
            **vars(node)
            | {
                "params": {name: value for name, value in node.params.items() if name != without},
                "inputs": dict(node.inputs),
                "outputs": dict(node.outputs),
                "body": copied(node.body, without) if node.body is not None else None,
            }
        )
        for node in graph.nodes
    ]
    return Graph(nodes, list(graph.edges))


def rename(flow: Flow, names: dict[str, str]) -> None:
    """Give nodes other ids, and all references and edges with them. The flow given is changed."""

    def changed(ref: Ref) -> Ref:
        return replace(ref, node=names[ref.node]) if ref.node in names else ref

    for node, _, _ in list(walk(flow.graph)):
        node.id = names.get(node.id, node.id)
        if any(ref.node in names for ref in node_refs(node)):
            node.params, node.inputs = map_refs(node.params, changed), map_refs(node.inputs, changed)
        if node.body is not None:
            _rename_ends(node.body, names)
    _rename_ends(flow.graph, names)


def _rename_ends(graph: Graph, names: dict[str, str]) -> None:
    graph.edges = [
        replace(edge, source=names.get(edge.source, edge.source), target=names.get(edge.target, edge.target))
        if edge.source in names or edge.target in names
        else edge
        for edge in graph.edges
    ]


def unique(name: str, taken: set[str], *, longest: int = 0, join: str = "_") -> str:
    """The name, with a number behind it when it is taken, at most `longest` characters; added to `taken`."""

    def numbered(number: int) -> str:
        tail = f"{join}{number}" if number > 1 else ""
        return (name[: longest - len(tail)] if longest else name) + tail

    candidate = numbered(1) if longest else name
    if candidate in taken:
        number = next((each for each in range(2, _FEW) if numbered(each) not in taken), 0)
        candidate = numbered(number or _free(lambda each: numbered(each) not in taken))
    taken.add(candidate)
    return candidate


_FEW = 10  # numbers that are tried one by one


def _free(is_free: Callable[[int], bool]) -> int:
    """A number that is free, the first one where those in front are all taken: of thousands not all are tried."""
    high = _FEW
    while not is_free(high):
        high *= 2
    low = high // 2  # taken, or the last of the few
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if is_free(middle) else (middle, high)
    return high


def require(condition: bool, message: str) -> None:
    if not condition:
        raise DslError(message)
