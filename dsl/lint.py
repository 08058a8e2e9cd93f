"""The linter: what the platforms accept on import and fail on, or worse succeed with nothing, at run time.

What is wrong on any platform is found here in the common form; what one platform alone trips over, in the module
`rules` beside its dialect, which only the linter loads. Rules: what the platforms' own validators and engines say, and
what they do not.
"""

import copy
import difflib
import importlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol, cast

from dsl import syntax, used
from dsl.dialects import DIALECTS, named
from dsl.facts import port_words
from dsl.hiding import discreet, hidden
from dsl.ir import Edge, Flow, Graph, Node, Ref, Script
from dsl.kinds import declared, outputs, ports, walked
from dsl.lacking import Platform, fields, platform
from dsl.secrets import secrets_of
from dsl.values import at, copied, node_refs, walk

Level = Literal["error", "warning", "note"]


@dataclass(frozen=True)
class Finding:
    """`pointer` is the place in the file; `fix` says what to do."""

    level: Level
    code: str
    message: str
    pointer: str = ""
    node: str = ""
    title: str = ""
    fix: str = ""


class Rules(Protocol):
    """What the module `rules` of a dialect offers."""

    def check(self, flow: Flow) -> Iterable[Finding]:
        """What this platform alone trips over, in a flow that was read from one of its files."""

    def mend(self, document: Any) -> list[str]:
        """Set in a document what has one right value only, and say what was done."""

    # Where such a value keeps a file from being read, there is `made_readable(document)` beside, which does the same;
    # and where its files have words for ports of their own, `handle(node, port)`, which gives them.


def check(flow: Flow) -> list[Finding]:
    """What will not work, or not as it looks, worst first and then in the order of the file; no secret is quoted."""
    secrets = secrets_of(flow)
    found = [*_graphs(flow), *_references(flow), *_lists(flow), *_names(flow), *_resources(flow)]
    found += _secrets(flow, secrets)
    if rules := rules_of(flow.dialect):
        found += rules.check(flow)
    order = {"error": 0, "warning": 1, "note": 2}
    return sorted(dict.fromkeys(discreet(found, secrets)), key=lambda each: order[each.level])


def mend(flow: Flow) -> tuple[Flow, list[str]]:
    """The flow with what is clear set right, and what was done; `dsl.write` puts it into the file.

    Clear is what has one right value only on its platform, and what nobody can have meant: edges from or to nothing,
    edges that stand twice.
    """
    rules, document = rules_of(flow.dialect), copy.deepcopy(flow.raw)
    done = rules.mend(document) if rules and document is not None else []
    mended = named(flow.dialect).read(document) if done else replace(flow, graph=copied(flow.graph))
    return mended, discreet(done + _without_lost_edges(mended))


def rules_of(dialect: str) -> Rules | None:
    """None for the common form: no platform, no trap of its own."""
    return None if dialect == "ir" else cast(Rules, importlib.import_module(f"{DIALECTS[dialect]}.rules"))


def _without_lost_edges(flow: Flow) -> list[str]:
    done = []
    for graph, container in _every_graph(flow):
        known = {node.id for node in graph.nodes} | ({container.id} if container else set())
        kept = [edge for edge in dict.fromkeys(graph.edges) if {edge.source, edge.target} <= known]
        if gone := len(graph.edges) - len(kept):
            graph.edges = kept
            where = f" in {_named(container)}" if container else ""
            done.append(f"{gone} {'edges' if gone > 1 else 'edge'}{where} that led nowhere or stood twice.")
    return done


def _every_graph(flow: Flow) -> list[tuple[Graph, Node | None]]:
    inner = [(node.body, node) for node, _, _ in walk(flow.graph) if node.body is not None]
    return [(flow.graph, None), *inner]


def _at(level: Level, code: str, node: Node, message: str, fix: str = "") -> Finding:
    return Finding(level, code, message, node.pointer, node.id, node.title, fix)


def _named(node: Node) -> str:
    return f"'{node.title or node.id}'"


# -- nodes and edges


def _graphs(flow: Flow) -> Iterator[Finding]:
    for graph, container in _every_graph(flow):
        yield from _one_graph(graph, container, flow)
        if flow.dialect != "coze" or container is None:  # there the branch leads back to the container, or is refused
            yield from _unwired(graph, container, flow.dialect)
        if flow.dialect not in ("n8n", "ragflow"):  # which run in circles by design
            yield from _cycle(graph)
    entered = {edge.target for edge in flow.graph.edges}
    if not any(node.kind == "start" or (node.kind == "opaque" and node.id not in entered) for node in flow.graph.nodes):
        yield Finding(
            "error", "start.missing", "The flow has no start: it cannot run.", fix="Add a start or a trigger."
        )


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
            message = f"An edge leaves {_named(source)} by {way!r}, which it does not have: the branch never runs."
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


def _unwired(graph: Graph, container: Node | None, dialect: str) -> Iterator[Finding]:
    ends = f"the round of {_named(container)} ends there" if container else "the run ends there"
    known = {node.id for node in graph.nodes} | ({container.id} if container else set())
    wired = {(edge.source, edge.port) for edge in graph.edges if edge.target in known}
    for node in graph.nodes:
        if node.kind in ("if", "classify", "ask") or node.on_error.then == "branch":
            missing = [port for port in ports(node) if (node.id, port) not in wired]
            if dialect == "dify" and {"class:0", "default"} <= {*missing}:
                missing.remove("default")  # what fits no class takes the first one there
            for port in missing:
                if len(ports(node)) > 1:
                    message = f"Nothing follows {_named(node)} on {_way(node, port)}: {ends}."
                    yield _at("warning", "port.unwired", node, message, "Wire it, or leave it if that is meant.")


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
            yield _at("warning", "node.unreachable", node, f"{_named(node)} is never reached.", "Wire it or delete it.")


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
        message = f"The edges between {', '.join(_named(node) for node in left[:5])} run in a circle."
        yield _at("error", "edge.cycle", left[0], message, "Use a loop node.")


# -- references


def _references(flow: Flow) -> Iterator[Finding]:
    every = {node.id: node for node, _, _ in walk(flow.graph)}
    parents = {node.id: container.id for node, _, container in walk(flow.graph) if container is not None}
    before = _upstream(flow)
    for node in every.values():
        around = set(_above(node.id, parents))
        for ref in dict.fromkeys(node_refs(node)):
            yield from _reference(ref, node, every, around, before, flow)


def _above(name: str, parents: dict[str, str]) -> Iterator[str]:
    """The containers around a node, from the inside out."""
    while name in parents:
        name = parents[name]
        yield name


def _upstream(flow: Flow) -> dict[str, set[str]]:
    """For each node, by id, the nodes of its own graph that can run before it."""
    result: dict[str, set[str]] = {}
    for graph, _ in _every_graph(flow):
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
        yield _at("error", "ref.unknown", node, f"{_named(node)} refers to {_shown(ref)}; there is no such node.", hint)
    elif ref.scope != "node":
        if ref.node not in around and ref.node != node.id:
            message = f"{_named(node)} refers to {_shown(ref)} outside of {_named(producer)}."
            yield _at("error", "ref.scope", node, message, "Use what the container gives out.")
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
    what = f"{_named(node)} refers to {_shown(ref)}, which {_named(producer)} does not produce"
    message = f"{what}: it is nothing, or fails where it is read."
    yield _at("error", "ref.output", node, message, hint)


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
    message = f"{_named(node)} refers to {_shown(ref)}, but {_named(producer)} does not run before it."
    yield _at("warning", "ref.order", node, message, "Wire it so that it does.")


def _variable(ref: Ref, node: Node, flow: Flow) -> Iterator[Finding]:
    declared = [variable.name for variable in flow.variables if variable.scope == ref.scope]
    if ref.scope in ("env", "session") and ref.path and ref.path[0] not in declared and flow.dialect != "n8n":
        near = difflib.get_close_matches(str(ref.path[0]), declared, 1)
        hint = f"Did you mean {near[0]!r}?" if near else "Declare it."
        message = f"{_named(node)} refers to the {ref.scope} variable {ref.path[0]!r}, which is not declared."
        yield _at("error", "ref.variable", node, message, hint)


def _shown(ref: Ref) -> str:
    return repr(".".join([ref.node or ref.scope, *map(str, ref.path)]))


# -- types


def _lists(flow: Flow) -> Iterator[Finding]:
    if flow.dialect == "n8n":  # which makes a list of one of a lone value
        return
    every = {node.id: node for node, _, _ in walk(flow.graph)}
    for node in every.values():
        for value in walked(node):
            kind = declared(value, every, flow).name if isinstance(value, Ref) else "any"
            if kind not in ("any", "array"):
                message = f"{_named(node)} walks over {_shown(value)}, which is declared as {kind}: it needs a list."
                yield _at("error", "list.type", node, message, "Point it at a list, or make one of it before.")


# -- names in templates and code


def _names(flow: Flow) -> Iterator[Finding]:
    for node, _, _ in walk(flow.graph):
        if node.kind == "code":
            yield from _code(node)
            yield from _source(node, flow.dialect)
        for text in [node.params.get("template"), *(each.get("text") for each in node.params.get("messages") or [])]:
            if isinstance(text, Script) and text.lang == "jinja2":
                for name in sorted(used.jinja(text.source) - set(node.inputs)):
                    yield _missing("error", name, node, "it is nothing")


def _code(node: Node) -> Iterator[Finding]:
    code = used.arguments(*(node.params.get(name, "") for name in ("source", "lang", "style")))
    for name in sorted(code.wanted - set(node.inputs)):
        yield _missing("error" if code.fails else "warning", name, node, "it fails" if code.fails else "it is nothing")
    if code.taken is not None:
        for name in sorted(set(node.inputs) - code.taken):
            message = f"{_named(node)} has the input {name!r}, which its main does not take: it fails."
            yield _at("error", "input.refused", node, message, "Add it to main, or take the input away.")


def _source(node: Node, dialect: str) -> Iterator[Finding]:
    """Code as it stands in the file, which n8n's wraps and RAGFlow refuses in words of its own."""
    lang, source = node.params.get("lang"), node.params.get("source")
    told_there = dialect == "n8n" or (dialect == "ragflow" and lang != "javascript")
    called = node.params.get("style", "kwargs") in ("kwargs", "args")
    if told_there or not called or not isinstance(source, str) or lang not in ("python3", "javascript"):
        return
    if broken := (syntax.javascript if lang == "javascript" else syntax.python)(source):
        message = f"{_named(node)} holds code that cannot be parsed, {broken}: it fails."
        yield _at("error", "code.syntax", node, message, "Mend the code.")
    elif not syntax.defines(lang, source, "main"):
        message = f"{_named(node)} holds code without a main, which is what is called: it fails."
        yield _at("error", "code.main", node, message, "Put it into a function main.")


def _missing(level: Level, name: str, node: Node, then: str) -> Finding:
    near = difflib.get_close_matches(name, node.inputs, 1)
    hint = f"Did you mean {near[0]!r}?" if near else "Add it to the inputs."
    message = f"{_named(node)} uses {name!r}, which is none of its inputs: {then}."
    return _at(level, "input.missing", node, message, hint)


# -- what a node needs


def _resources(flow: Flow) -> Iterator[Finding]:
    for node, _, _ in walk(flow.graph):
        if node.kind in ("llm", "agent", "classify", "extract") and not node.params.get("model"):
            yield _at("error", "model.missing", node, f"{_named(node)} has no model.", "Choose one.")
        if node.kind == "http" and not node.params.get("url"):
            yield _at("error", "http.url", node, f"{_named(node)} has no URL.", "Give it one.")
        if (does := _OF_KNOWLEDGE.get(node.kind)) and not node.params.get("knowledge"):
            yield _at("warning", "knowledge.missing", node, f"{_named(node)} {does} no knowledge base.", "Choose one.")


_OF_KNOWLEDGE = {"retrieve": "searches", "add_document": "writes into", "delete_document": "deletes from"}


def _secrets(flow: Flow, secrets: dict[str, str]) -> Iterator[Finding]:
    for place in hidden(flow.raw, secrets)[1]:
        message = "A secret stands here in plain text: whoever gets the file has it."
        yield Finding("warning", "secret.found", message, place, fix="Use an environment variable or a credential.")
