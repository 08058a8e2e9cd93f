"""Nodes and edges: ways that lead nowhere, in a circle, or that a node does not have."""

from collections.abc import Iterator
from functools import partial
from typing import Any

from dsl.facts import port_words
from dsl.ir import Edge, Flow, Graph, Node
from dsl.kinds import ports
from dsl.lint.finding import Finding, at_node, called
from dsl.lint.rules import rules_of
from dsl.values import at, walk


def graphs(flow: Flow) -> Iterator[Finding]:
    for graph, container in every_graph(flow):
        yield from _one_graph(graph, container, flow)
        if flow.dialect != "coze" or container is None:  # there the branch leads back to the container, or is refused
            yield from _unwired(graph, container, flow)
        if flow.dialect not in ("n8n", "ragflow"):  # which run in circles by design
            yield from _cycle(graph)
    entered = {edge.target for edge in flow.graph.edges}
    if not any(node.kind == "start" or (node.kind == "opaque" and node.id not in entered) for node in flow.graph.nodes):
        yield Finding(
            "error", "start.missing", "The flow has no start: it cannot run.", fix="Add a start or a trigger."
        )


def every_graph(flow: Flow) -> list[tuple[Graph, Node | None]]:
    inner = [(node.body, node) for node, _, _ in walk(flow.graph) if node.body is not None]
    return [(flow.graph, None), *inner]


def _one_graph(graph: Graph, container: Node | None, flow: Flow) -> Iterator[Finding]:
    known = {node.id: node for node in graph.nodes}
    inside = known | ({container.id: container} if container else {})
    for edge in graph.edges:
        yield from _edge(edge, inside, flow)
    edges = [edge for edge in graph.edges if edge.source in inside and edge.target in inside]
    yield from _unreachable(graph, edges, container)


def _edge(edge: Edge, known: dict[str, Node], flow: Flow) -> Iterator[Finding]:
    for end in (edge.source, edge.target):
        if end not in known:
            message = f"An edge leads {'from' if end == edge.source else 'to'} {end!r}, which does not exist here."
            yield Finding("error", "edge.dangling", message, edge.pointer, fix="Take the edge away.")
    source = known.get(edge.source)
    if source is not None and source.kind != "opaque":
        allowed = [*ports(source), "body"] if source.body is not None else ports(source)
        if edge.port not in allowed:
            way = _handle(flow.raw, edge) or edge.port
            message = f"An edge leaves {called(source)} by {way!r}, which it does not have: the branch never runs."
            fix = f"It has: {', '.join(_ways(source, allowed, flow.dialect)) or 'none'}."
            yield Finding("error", "port.unknown", message, edge.pointer, source.id, source.title, fix)


def _handle(document: Any, edge: Edge) -> str:
    """What the file itself calls the port that an edge leaves by; empty where it has no such word."""
    try:
        held = at(document, edge.pointer) if edge.pointer else None
    except (LookupError, ValueError, TypeError):
        return ""
    return str(held.get("sourceHandle") or held.get("sourcePortID") or "") if isinstance(held, dict) else ""


def _ways(node: Node, allowed: list[str], dialect: str) -> list[str]:
    """Ports as the file calls them, in brackets what they stand for; in the words of the node where it has none."""
    handle = getattr(rules_of(dialect), "handle", None)
    if handle is None:
        return [_way(node, port) for port in allowed]
    said = {port: port_words(node, port) for port in allowed}
    called = {name: said[port] if said[port] != port else "" for port in allowed if (name := handle(node, port))}
    return [f"{name!r} ({words})" if words else repr(name) for name, words in called.items()]


def _way(node: Node, port: str) -> str:
    """A port in the words of its node: a class, a condition, an option."""
    return "its plain way on" if port == "out" else repr(port_words(node, port))


def _unwired(graph: Graph, container: Node | None, flow: Flow) -> Iterator[Finding]:
    ends = f"the round of {called(container)} ends there" if container else "the run ends there"
    has = partial(getattr(rules_of(flow.dialect), "has_port", lambda document, node, port: True), flow.raw)
    known = {node.id for node in graph.nodes} | ({container.id} if container else set())
    wired = {(edge.source, edge.port) for edge in graph.edges if edge.target in known}
    for node in graph.nodes:
        if node.kind in ("if", "classify", "ask") or node.on_error.then == "branch":
            missing = [port for port in ports(node) if (node.id, port) not in wired and has(node, port)]
            if flow.dialect == "dify" and {"class:0", "default"} <= {*missing}:
                missing.remove("default")  # what fits no class takes the first one there
            for port in missing:
                if len(ports(node)) > 1:
                    message = f"Nothing follows {called(node)} on {_way(node, port)}: {ends}."
                    yield at_node("warning", "port.unwired", node, message, "Wire it, or leave it if that is meant.")


def _unreachable(graph: Graph, edges: list[Edge], container: Node | None) -> Iterator[Finding]:
    after: dict[str, list[str]] = {}
    for edge in edges:
        after.setdefault(edge.source, []).append(edge.target)
    roots = [container.id] if container else [node.id for node in graph.nodes if node.kind == "start"]
    seen, stack = set(roots), list(roots)
    while stack:
        for target in after.get(stack.pop(), []):
            if target not in seen:
                seen.add(target)
                stack.append(target)
    for node in graph.nodes:
        if roots and node.id not in seen and node.kind != "note":
            yield at_node(
                "warning", "node.unreachable", node, f"{called(node)} is never reached.", "Wire it or delete it."
            )


def _cycle(graph: Graph) -> Iterator[Finding]:
    """Kahn: what is left when every node without incoming edges is taken away again and again stands in a cycle."""
    known = {node.id: node for node in graph.nodes}
    after: dict[str, list[str]] = {}
    waits = dict.fromkeys(known, 0)
    for edge in graph.edges:
        if edge.source in known and edge.target in known:
            after.setdefault(edge.source, []).append(edge.target)
            waits[edge.target] += 1
    free = [name for name, count in waits.items() if not count]
    while free:
        for target in after.get(free.pop(), []):
            waits[target] -= 1
            if not waits[target]:
                free.append(target)
    if left := [known[name] for name, count in waits.items() if count]:
        message = f"The edges between {', '.join(called(node) for node in left[:5])} run in a circle."
        yield at_node("error", "edge.cycle", left[0], message, "Use a loop node.")
