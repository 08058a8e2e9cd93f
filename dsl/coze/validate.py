"""The checks that Coze Studio itself runs over a canvas before it tests or publishes it, with its words and its gaps.

Stages in order, the first with problems ends it: 0 edges to nowhere, start and end; 1 connections; 2 cycles; 3 loops in
loops; 4 references. What Studio looks up elsewhere (global variables, sub-workflows) is left out. Where Studio crashes
on an empty `left`, `right` or `input`, that crash is the problem. What it does not look at is not looked at here: a
canvas without problems is one that Studio accepts, not one that works.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

ENTRY, EXIT = "100001", "900001"
CYCLE = "line connections do not allow parallel lines to intersect and form loops with each other"
NESTED = "composite nodes such as batch/loop cannot be nested"
NIL = "nil-dereference"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_GLOBAL = ("global_variable_app", "global_variable_system", "global_variable_user")
_MAX_STEPS = 20_000  # of the search for cycles: their number grows exponentially with the edges


@dataclass(frozen=True)
class Problem:
    """What Studio says, and where: `pointer` into the canvas, `node` is the node's id ("" for a cycle)."""

    stage: int
    message: str
    pointer: str = ""
    node: str = ""


@dataclass(frozen=True)
class _Edge:
    source: str
    target: str
    port: str
    pointer: str


@dataclass(frozen=True)
class _Node:
    id: str
    type: str
    data: Any
    pointer: str
    blocks: "list[_Node]" = field(default_factory=list)
    edges: list[_Edge] = field(default_factory=list)

    @property
    def inputs(self) -> dict[str, Any]:
        return _mapping(_mapping(self.data).get("inputs"))

    @property
    def composite(self) -> bool:
        return bool(self.blocks and self.edges)

    def problem(self, stage: int, message: str, inside: str = "") -> Problem:
        return Problem(stage, message, self.pointer + inside, self.id)


@dataclass(frozen=True)
class _Reach:
    """What can be reached from where a canvas or a body starts, and the same of every body in it."""

    nodes: dict[str, _Node]
    inner: "dict[str, _Reach]"


class _Ended(Exception):
    """Studio gives up, or crashes."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem


def validate(canvas: Any) -> list[Problem]:
    """What Coze Studio would say of a canvas (F1), in the order of the file; nothing when it accepts it."""
    try:
        nodes, edges = _pruned(*_parsed(canvas, ""), None)
        reach = _reach(nodes, edges)
    except _Ended as end:
        return [end.problem]
    stages: list[Callable[[], Iterator[Problem]]] = [
        lambda: _connections(nodes, edges),
        lambda: _cycles([node.id for node in nodes], edges),
        lambda: _nested(reach),
        lambda: _references(reach, frozenset()),
    ]
    for stage in stages:
        if found := list(dict.fromkeys(stage())):  # the references of a container are met twice
            return [each for each in found if each.message.startswith(NIL)] or found
    return []


# -- the canvas


def _parsed(canvas: Any, place: str, inner: str = "nodes") -> tuple[list[_Node], list[_Edge]]:
    """Nodes and edges of a canvas or a body. Studio refuses a canvas that does not fit its types."""
    held = _typed(canvas, dict, place, "an object")
    nodes = _typed(held.get(inner) or [], list, f"{place}/{inner}", "a list")
    edges = _typed(held.get("edges") or [], list, f"{place}/edges", "a list")
    return (
        [_node(node, f"{place}/{inner}/{i}") for i, node in enumerate(nodes)],
        [_edge(edge, f"{place}/edges/{i}") for i, edge in enumerate(edges)],
    )


def _typed(value: Any, kind: type, place: str, words: str) -> Any:
    if not isinstance(value, kind):
        raise _Ended(Problem(0, f"the canvas cannot be unmarshalled: {words} is wanted here", place))
    return value


def _node(node: Any, place: str) -> _Node:
    _typed(node, dict, place, "an object")
    identifier, kind = (_typed(node.get(key) or "", str, f"{place}/{key}", "text") for key in ("id", "type"))
    data = _typed(node.get("data") or {}, dict, f"{place}/data", "an object")
    inputs = _typed(data.get("inputs") or {}, dict, f"{place}/data/inputs", "an object")
    _typed(inputs.get("inputParameters") or [], list, f"{place}/data/inputs/inputParameters", "a list")
    return _Node(identifier, kind, data, place, *_parsed(node, place, "blocks"))


def _edge(edge: Any, place: str) -> _Edge:
    _typed(edge, dict, place, "an object")
    keys = ("sourceNodeID", "targetNodeID", "sourcePortID")
    source, target, port = (_typed(edge.get(key) or "", str, f"{place}/{key}", "text") for key in keys)
    return _Edge(source, target, port, place)


def _pruned(nodes: list[_Node], edges: list[_Edge], parent: _Node | None) -> tuple[list[_Node], list[_Edge]]:
    """Without nodes that no edge leads to, and without the edges out of them.

    The container of a body goes like any other: when nothing in the body leads back to it and there is no break or
    continue, the edges that enter the body go, and the body is not looked at any more.
    """
    made, count = [], {parent.id: 0} if parent else {}
    for node in nodes:
        inside = _pruned(node.blocks, node.edges, node) if node.composite else (node.blocks, node.edges)
        made.append(_Node(node.id, node.type, node.data, node.pointer, *inside))
        count[node.id] = 0
        if node.type in ("19", "29") and parent:
            count[parent.id] += 1
    count |= {ENTRY: 1, EXIT: 1}
    for edge in edges:
        if edge.target not in count:
            message = f"node id {edge.target} not existed, but appears in the edge"
            raise _Ended(Problem(0, message, edge.pointer, edge.target))
        count[edge.target] += 1
    kept = [edge for edge in edges if count.get(edge.source) != 0]
    return [node for node in made if count[node.id]], kept


def _reach(nodes: list[_Node], edges: list[_Edge]) -> _Reach:
    inner = {node.id: _body(node) for node in nodes if node.composite}
    start = next((node for node in reversed(nodes) if node.type == "1"), None)
    if start is None or not any(node.type == "2" for node in nodes):
        raise _Ended(Problem(0, f"{'end' if start else 'start'} node not found"))
    return _Reach(_reached(start, {node.id: node for node in nodes}, edges), inner)


def _body(container: _Node) -> _Reach:
    """The container stands for start and end of its body; its own inputs are looked at again from in there."""
    start = _Node(container.id, "1", container.data, container.pointer)
    end = _Node(container.id, "2", {}, container.pointer)
    return _reach([start, end, *container.blocks], container.edges)


def _reached(start: _Node, known: dict[str, _Node], edges: list[_Edge]) -> dict[str, _Node]:
    after: dict[str, list[_Edge]] = {}
    for edge in edges:
        after.setdefault(edge.source, []).append(edge)
    found, waiting = {start.id: start}, [start.id]
    for key in waiting:
        for edge in after.get(key, []):
            if edge.target not in found:
                if edge.target not in known:
                    message = f"node not found for {edge.target} in nodeMap"
                    raise _Ended(Problem(0, message, edge.pointer, edge.target))
                found[edge.target] = known[edge.target]
                waiting.append(edge.target)
    return found


# -- stage 1


def _connections(nodes: list[_Node], edges: list[_Edge]) -> Iterator[Problem]:
    used = {(edge.source, edge.port) for edge in edges}
    sources = {edge.source for edge in edges}
    for node in nodes:
        if node.composite:
            bare = _Node(node.id, node.type, node.data, node.pointer)
            yield from _connections([*node.blocks, bare], node.edges)
        if node.data.get("nodeMeta") is None:
            yield node.problem(1, f"{NIL}: the node has no `nodeMeta`", "/data")
        elif message := _unconnected(node, used, sources):
            yield node.problem(1, message)


def _unconnected(node: _Node, used: set[tuple[str, str]], sources: set[str]) -> str:
    title = str(_mapping(node.data.get("nodeMeta")).get("title") or "")
    if node.type == "1":
        return "" if node.id in sources else 'node "start" not connected'
    if node.type == "2":
        return ""
    if ports := _ports(node):
        open_ports = [port for port in dict.fromkeys(ports) if (node.id, port) not in used]
        return "".join(f'node "{title}"\'s port "{port}" not connected;' for port in open_ports)
    return "" if node.id in sources or node.type in ("19", "29") else f'node "{title}" not connected'


def _ports(node: _Node) -> list[str]:
    """The ports that each need an edge; none for a node of which any edge will do."""
    inputs = node.inputs
    branched = _mapping(inputs.get("settingOnError")).get("processType") == 3
    made = ["branch_error", "default"] if branched else []
    if node.type == "8":
        count = len(_list(inputs.get("branches")))
        made += [f"true_{i}" if i else "true" for i in range(count)] + ["false"]
    elif node.type == "22":
        made += [f"branch_{i}" for i in range(len(_list(inputs.get("intents"))))] + ["default"]
    elif node.type == "18" and inputs.get("answer_type") == "option":
        count = {"static": len(_list(inputs.get("options"))), "dynamic": 1}.get(str(inputs.get("option_type")), 0)
        made += [f"branch_{i}" for i in range(count)]
    return made


# -- stage 2


def _cycles(order: list[str], edges: list[_Edge]) -> Iterator[Problem]:
    """Every edge of every cycle of the canvas itself; bodies are not looked at, nor an edge from a node to itself."""
    before: dict[str, list[str]] = {}
    for edge in edges:
        before.setdefault(edge.target, []).append(edge.source)
    around = {(source, target) for way in _closed(order, _cyclic(before)) for target, source in pairwise(way)}
    yield from (
        Problem(2, CYCLE, edge.pointer)
        for edge in edges
        if edge.source != edge.target and (edge.source, edge.target) in around
    )


def _cyclic(before: dict[str, list[str]]) -> dict[str, list[str]]:
    """Only the nodes from which a way back leads into a cycle: without them there is none, and nothing to search."""
    degree = {key: len(sources) for key, sources in before.items()}
    after: dict[str, list[str]] = {}
    for key, sources in before.items():
        for source in sources:
            after.setdefault(source, []).append(key)
    waiting = [key for key in after if key not in before]
    gone = set(waiting)
    for key in waiting:
        for target in after.get(key, []):
            degree[target] -= 1
            if not degree[target]:
                gone.add(target)
                waiting.append(target)
    return {key: [each for each in sources if each not in gone] for key, sources in before.items() if key not in gone}


def _closed(order: list[str], before: dict[str, list[str]]) -> Iterator[list[str]]:
    """The cycles on every way back from each node not met yet. Studio follows all ways; here the search is bounded."""
    met: set[str] = set()
    steps = 0
    for first in order:
        if first in met:
            continue
        path, waiting = [first], [iter(before.get(first, []))]
        while waiting:
            following = next(waiting[-1], None)
            steps += 1
            if steps > _MAX_STEPS + len(order):
                return
            if following is None:
                waiting.pop()
                path.pop()
                continue
            met.add(following)
            if following in path:
                yield [*path[path.index(following) :], following]
            else:
                path.append(following)
                waiting.append(iter(before.get(following, [])))


# -- stages 3 and 4


def _nested(reach: _Reach) -> Iterator[Problem]:
    for key, node in reach.nodes.items():
        if key in reach.inner and reach.inner[key].inner:
            yield node.problem(3, NESTED)


def _references(reach: _Reach, around: frozenset[str]) -> Iterator[Problem]:
    """`inputParameters` of what can be reached, against all that can be reached, in a body also around it."""
    known = frozenset(node.id for node in reach.nodes.values())
    for node in reach.nodes.values():
        for i, parameter in enumerate(_list(node.inputs.get("inputParameters"))):
            yield from _parameter(node, parameter, f"/data/inputs/inputParameters/{i}", known | around)
    for inner in reach.inner.values():
        yield from _references(inner, known)


def _parameter(node: _Node, parameter: Any, place: str, known: frozenset[str]) -> Iterator[Problem]:
    if not isinstance(parameter, dict):
        yield node.problem(4, f"{NIL}: the parameter is empty", place)
        return
    name = str(parameter.get("name") or "")
    if parameter.get("input") is not None and not _NAME.fullmatch(name):
        rule = "parameter name only allows number or alphabet, and must begin with alphabet"
        yield node.problem(4, f'{rule}, but it\'s "{name}"', place)
    for side in ("input", "left", "right"):
        if parameter.get(side) is not None:
            yield from _block(node, parameter[side], f"{place}/{side}", known)


def _block(node: _Node, block: Any, place: str, known: frozenset[str]) -> Iterator[Problem]:
    value = _mapping(block).get("value")
    if not isinstance(value, dict):
        yield node.problem(4, f"{NIL}: there is no `value` here", place)
    elif value.get("type") == "ref":
        content = value.get("content")
        if not isinstance(content, dict):
            yield node.problem(4, "invalid content type when parse BlockInputRef", f"{place}/value/content")
        elif message := _broken(node, content, known):
            yield node.problem(4, message, f"{place}/value/content")


def _broken(node: _Node, content: dict[str, Any], known: frozenset[str]) -> str:
    source, target = content.get("source"), str(content.get("blockID") or "")
    if source in _GLOBAL or target in known:
        return ""
    if source == "block-output" and not target:
        return "ref block error,[blockID] is empty"
    return f'the node id "{node.id}" on which node id "{target}" depends does not exist'


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
