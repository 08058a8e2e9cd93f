"""A flow of any dialect as a canvas: components and drawing, consistent with each other."""

import copy
import re
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

from dsl import bodies, classes, collected, composed, computed, conditions, fixed, loops, onlyn8n, prompts, renamed
from dsl.ir import Edge, Flow, Graph, Node, Ref, Resource, Script, Type
from dsl.kinds import ports
from dsl.lacking import there
from dsl.layout import Point, layout, size
from dsl.notes import Note, Severity
from dsl.ragflow import branches, choices, dialogue, inputs, joined, models, returned, skipped
from dsl.ragflow.lacking import lacks
from dsl.ragflow.tables import NODE_TYPES, STATE
from dsl.ragflow.types import word_of
from dsl.ragflow.writers import component
from dsl.ragflow.writing import Writing
from dsl.values import copied, leaving, nodes, redirect, rename, undeclared, unique, walk

NAME = re.compile(r"[A-Za-z0-9_-]+")  # of an output that a reference can hold


def build(flow: Flow) -> tuple[dict[str, Any], list[Note]]:
    """The canvas with its title, and what does not travel."""
    return _Builder(flow).document()


class _Builder:
    def __init__(self, flow: Flow) -> None:
        self.notes: list[Note] = []
        self.flow = copy.copy(flow)
        self.flow.graph = copied(flow.graph, without="attached")
        self.source = {id(node): node.id for node, _, _ in walk(self.flow.graph)}
        if flow.dialect != "ragflow":
            computed.as_lists(self.flow, self._added)
        computed.settle(self.flow, there(lacks))
        if flow.dialect != "ragflow":
            self._prepare()
        loops.count(self.flow.graph, self._counted)
        rename(self.flow, _names(self.flow))
        self.known = nodes(self.flow)
        self.places: dict[str, Point] = layout(self.flow)
        self.components: dict[str, Any] = {}
        self.drawn: list[dict[str, Any]] = []
        self.lines: list[dict[str, Any]] = []

    def _prepare(self) -> None:
        """What RAGFlow has no words for, in words that it has."""
        graph = self.flow.graph
        fixed.fix(graph, self._tell)
        dialogue.end_with_messages(graph)
        inputs.parse(self.flow, {*nodes(self.flow)}, self._parsed)
        loops.give_out(graph)
        loops.spread(graph, self._walked)
        taken = {*nodes(self.flow)}
        prompts.lift(self.flow, taken, self._lifted, self._tell)
        self._ask(graph, taken)
        collected.compute(graph, taken, self._added)
        bodies.of_scripts(graph)
        bodies.of_dumps(graph)
        loops.gather(graph, self._gathered)
        computed.compute(graph, nodes(self.flow), taken, self._expressions)
        bodies.as_fields(graph, taken, self._added)
        conditions.compute(graph, taken, branches.says(self.flow), self._compared)
        composed.compose(graph, taken, composed.refers, self._joined)
        joined.join(graph, taken, self._joined)
        classes.translate(self.flow, "ragflow", taken, self._translated)
        choices.otherwise(graph, taken, self._nothing)
        skipped.hand_on(self.flow, taken, self._handed)
        returned.give_out(self.flow, graph, nodes(self.flow), taken, self._given)
        self._declare()
        renamed.rename(self.flow, NAME, self._renamed)

    def _renamed(self, node: Node, names: dict[str, str]) -> None:
        if node.kind == "start":
            message = f"No reference holds these names: {', '.join(names)}. They became {', '.join(names.values())}."
            self._tell(node, "equivalent", "name.changed", message)

    def _declare(self) -> None:
        """A variable that the file does not declare, of an app or a user, fails here where it is read: declare it."""
        known = {each.name for each in self.flow.variables}
        asked = {each.name: each for each in undeclared(self.flow) if each.name not in known}
        self.flow.variables = [*self.flow.variables, *asked.values()]
        for each in self.flow.variables:
            if each.name in asked or each.scope in ("app", "user"):
                message = f"The {each.scope} variable {each.name} is one of the conversation here, and empty at first."
                self.notes.append(Note("degraded", "variable.scope", message, "Give it its value in the canvas."))

    def _parsed(self, start: Node, made: Node) -> None:
        self.source[id(made)] = ""
        message = "Lists and objects are given as JSON text here: code behind the start parses them."
        self._tell(start, "equivalent", "output.computed", message)

    def _handed(self, node: Node, made: Node) -> None:
        self.source[id(made)] = ""
        message = "It names what another branch gives, and would never be reached here: code in front hands that on."
        self._tell(node, "equivalent", "branch.handed", message)

    def _lifted(self, node: Node, before: Node) -> None:
        self.source[id(before)] = node.id

    def _joined(self, node: Node, before: Node) -> None:
        self.source[id(before)] = ""
        message = "RAGFlow takes one reference here: a step in front puts the value together."
        self._tell(node, "equivalent", "text.joined", message)

    def _ask(self, graph: Graph, taken: set[str]) -> None:
        """What was chosen is read where RAGFlow has it."""
        chosen: dict[Ref, Ref] = {}
        choices.ask(graph, taken, partial(self._chosen, chosen))
        for each, _, _ in walk(graph) if chosen else ():
            redirect(each, chosen)

    def _chosen(self, chosen: dict[Ref, Ref], node: Node, made: tuple[Node, Ref] | None) -> None:
        if made is None:
            message = "Choices that are made up when it runs do not exist here: it raises when it is reached."
            self._tell(node, "stub", "ask.options", message, "Ask for a text instead.")
            return
        fork, chosen[Ref(node.id, ("chosen",))] = made
        self.source[id(fork)] = ""
        message = "What can be chosen is a field of the form here, and a switch behind it; it waits for ever."
        self._tell(node, "degraded", "ask.options", message)

    def _compared(self, node: Node, before: Node) -> None:
        self.source[id(before)] = ""
        message = "A comparison that does not exist here is computed by a code component in front."
        self._tell(node, "equivalent", "condition.computed", message)

    def _walked(self, loop: Node, made: list[Node]) -> None:
        self.source |= {id(each): "" for each in made}
        self._tell(loop, "equivalent", "loop.list", loops.WALKED)

    def _gathered(self, loop: Node, made: list[Node]) -> None:
        self.source |= {id(each): "" for each in made}
        message = (
            "What the rounds make is kept in a variable of the loop: of values of several types that makes an error."
        )
        self._tell(loop, "degraded", "loop.collect", message)

    def _given(self, loop: Node, made: Node) -> None:
        self.source[id(made)] = ""
        message = "An iteration collects whole outputs here: code at the end of its body gives out the field."
        self._tell(loop, "equivalent", "output.computed", message)

    def _counted(self, node: Node, made: list[Node]) -> None:
        self.source |= {id(each): "" for each in made}
        self._tell(node, "equivalent", "ref.index", "A loop does not count its rounds here: a variable of it counts.")

    def _translated(self, node: Node, before: Node) -> None:
        self.source[id(before)] = ""
        message = "A code component puts the class that was chosen into the words of the other platform."
        self._tell(node, "equivalent", "class.output", message)

    def _nothing(self, node: Node, nothing: Node) -> None:
        self.source[id(nothing)] = ""
        message = (
            "Each case and class needs a way, and the rest, too: where there was none is a step that does nothing."
        )
        self._tell(node, "equivalent", "switch.else", message)

    def _added(self, owner: Node, made: Node) -> None:
        self.source[id(made)] = ""

    def _expressions(self, node: Node, before: Node | None, scripts: Iterable[Script]) -> None:
        if before is None:
            message = "An expression of its own rounds cannot be computed here: it raises when it is reached."
            self._tell(node, "stub", "ref.script", message, "Compute it in a code component.")
            node.params, node.kind, node.body = {"type": node.kind}, "opaque", None
            return
        self.source[id(before)] = ""
        message = "An expression is evaluated by a code component in front; what only n8n's has, fails when it runs."
        message = onlyn8n.evaluated(message, scripts)
        self._tell(node, "degraded", "ref.script", message, "Check the expression.")

    def _tell(self, node: Node, severity: Severity, code: str, message: str, suggestion: str = "") -> None:
        source = self.source[id(node)]
        self.notes.append(Note(severity, code, message, suggestion, source, node.title, node.pointer))

    def document(self) -> tuple[dict[str, Any], list[Note]]:
        self._graph(self.flow.graph, None)
        for key, made in self.components.items():
            for target in _all_targets(made):
                if target in self.components and key not in self.components[target]["upstream"]:
                    self.components[target]["upstream"].append(key)
        dsl = {
            "components": self.components,
            "globals": _globals(self.flow),
            "graph": {"nodes": self.drawn, "edges": self.lines},
            **copy.deepcopy(STATE),
            "variables": self._variables(),
        }
        document = {"title": self.flow.name, "description": self.flow.description, "dsl": dsl}
        return document, self.notes + self._unbound()

    def _graph(self, graph: Graph, container: Node | None) -> None:
        known, edges = {node.id for node in graph.nodes}, leaving(graph)
        for node in graph.nodes:
            self._node(node, [edge for edge in edges[node.id] if edge.target in known], container)

    def _node(self, node: Node, edges: list[Edge], container: Node | None) -> None:
        if node.kind == "note":
            self.drawn.append(_drawn_note(node, self.places))
            return
        edges = [edge for edge in edges if edge.port in (*ports(node), "out", "done") or node.kind == "opaque"]
        writing = Writing(node, edges, self.flow, self.source[id(node)], self.notes, self.known)
        name, params = component(writing)
        self._put(node.id, name, params, writing.downstream, container.id if container else None)
        self._draw(node, name, params, container)
        self._connect(node, name, edges, params)
        if node.body is not None:
            self._inside(node, name)

    def _put(self, key: str, name: str, params: dict[str, Any], downstream: list[str], parent: str | None) -> None:
        made: dict[str, Any] = {
            "downstream": downstream,
            "obj": {"component_name": name, "params": params},
            "upstream": [],
        }
        self.components[key] = made | ({"parent_id": parent} if parent else {})

    def _inside(self, node: Node, name: str) -> None:
        """The component that begins the body, and the body."""
        assert node.body is not None
        start = f"{name}Item:{node.id.replace(':', '')}"
        known = {inner.id for inner in node.body.nodes}
        first = [edge.target for edge in node.body.edges if edge.source == node.id and edge.target in known]
        self._put(start, f"{name}Item", {}, list(dict.fromkeys(first)), node.id)
        label = {"label": f"{name}Item", "name": f"{name}Item", "form": {}}
        place = {"x": 20.0, "y": 70.0}
        self.drawn.append(
            {"id": start, "type": NODE_TYPES[f"{name}Item"], "position": place, "data": label, "parentId": node.id}
        )
        self.lines += [_line(start, "start", target) for target in dict.fromkeys(first)]
        self._graph(node.body, node)

    def _draw(self, node: Node, name: str, params: dict[str, Any], container: Node | None) -> None:
        x, y = self.places[node.id]
        drawn: dict[str, Any] = {
            "id": node.id,
            "type": NODE_TYPES.get(name, "ragNode"),
            "position": {"x": x, "y": y},
            "data": {"label": name, "name": node.title or node.id, "form": _form(name, params)},
        }
        if node.body is not None:
            width, height = size(node, self.places)
            drawn |= {"width": width, "height": height}
        self.drawn.append(drawn | ({"parentId": container.id, "extent": "parent"} if container else {}))

    def _connect(self, node: Node, name: str, edges: list[Edge], params: dict[str, Any]) -> None:
        made: dict[tuple[str, str], dict[str, Any]] = {}
        for edge in edges:
            handle = "start"
            if name == "Switch":
                case = edge.port.partition(":")[2]
                handle = f"Case {int(case) + 1}" if case else "end_cpn_ids"
            elif name == "Categorize":
                handle = _category(params, edge.target)
            made.setdefault((handle, edge.target), _line(node.id, handle, edge.target))
        self.lines += made.values()

    def _variables(self) -> dict[str, Any]:
        """What RAGFlow calls `env.`: it keeps variables of the flow and of the session in one place."""
        result = {}
        for each in self.flow.variables:
            result[each.name] = {
                "type": word_of(each.type),
                "value": _empty(each.type) if each.default is None else each.default,
            }
            if each.description:
                result[each.name]["description"] = each.description
        return result

    def _unbound(self) -> list[Note]:
        """What has another id here, unless each node that uses it says that itself, or is a stub."""
        told = {(note.node, note.code) for note in (*self.flow.notes, *self.notes)}
        stubs = {note.node for note in self.notes if note.severity == "stub"}
        words = [(self.source[id(node)], {*_strings(node.params)}) for node, _, _ in walk(self.flow.graph)]
        codes = {each.id: f"resource.{each.kind}" for each in self.flow.resources if self.flow.dialect != "ragflow"}
        used = {
            each
            for source, said in words
            for each in (codes.keys() & said if source not in stubs else ())
            if (source, codes[each]) not in told
        }
        return [
            Note("needs_binding", codes[each.id], *_unbound(each)) for each in self.flow.resources if each.id in used
        ]


def _unbound(resource: Resource) -> tuple[str, str]:
    what = f"The {resource.kind} {resource.name}"
    if resource.kind == "tool":
        return (
            f"{what} is not on this server.",
            "Make it, as an MCP server or a component, and choose it in the canvas.",
        )
    return f"{what} has another id on this server.", f"Choose the {resource.kind} again in the canvas."


def _names(flow: Flow) -> dict[str, str]:
    """Ids that references can hold; the first start is `begin`."""
    taken: set[str] = set()
    names: dict[str, str] = {}
    every = [node for node, _, _ in walk(flow.graph)]
    begin = next((node for node in every if node.kind == "start"), None)
    if begin is not None:
        names[begin.id] = unique("begin", taken)
    for node in every:
        if node is not begin:
            names[node.id] = unique(_name(node, flow.dialect), taken)
    return {old: new for old, new in names.items() if old != new}


_UNSAID = re.compile("[^A-Za-z0-9_:]")  # in a reference


def _name(node: Node, dialect: str) -> str:
    """An id that references hold everywhere: headers and templates know no name that begins with a digit.

    RAGFlow goes on behind a form whose id says that it is one; behind any other it begins anew."""
    name = _UNSAID.sub("_", node.id) or "node"
    if dialect == "ragflow":
        return name
    if node.kind == "ask" and "userfillup" not in name.lower():
        return f"UserFillUp_{name}"
    return f"node_{name}" if name[0].isdigit() else name


_GIVEN = re.compile(r"UserFillUp_(.+)|node_([0-9].*)")


def given_ids(flow: Flow) -> dict[str, str]:
    """What nodes were called before `_name`: ids of RAGFlow's own are of another form."""
    taken = {node.id for node, _, _ in walk(flow.graph)}
    found = {name: match[1] or match[2] for name in taken if (match := _GIVEN.fullmatch(name))}
    return {name: given for name, given in found.items() if given not in taken}


def _globals(flow: Flow) -> dict[str, Any]:
    known: dict[str, Any] = {"sys.query": "", "sys.user_id": "", "sys.conversation_turns": 0, "sys.files": []}
    return known | {
        f"env.{each.name}": _empty(each.type) if each.default is None else each.default for each in flow.variables
    }


def _empty(of: Type) -> Any:
    empty: dict[str, Any] = {"number": 0, "integer": 0, "boolean": False, "object": {}, "array": []}
    return copy.copy(empty.get(of.name, ""))


def _all_targets(made: dict[str, Any]) -> Iterator[str]:
    yield from made["downstream"]
    goto = made["obj"]["params"].get("exception_goto")
    yield from goto or []


def _category(params: dict[str, Any], target: str) -> str:
    for name, each in params.get("category_description", {}).items():
        if target in each["to"]:
            return str(each.get("uuid") or name)
    return "start"


def _form(name: str, params: dict[str, Any]) -> dict[str, Any]:
    return models.form(params) if name == "Categorize" else copy.deepcopy(params)


def _line(source: str, handle: str, target: str) -> dict[str, Any]:
    return {
        "id": f"xy-edge__{source}{handle}-{target}end",
        "source": source,
        "sourceHandle": handle,
        "target": target,
        "targetHandle": "end",
    }


def _drawn_note(node: Node, places: dict[str, Point]) -> dict[str, Any]:
    x, y = places[node.id]
    size = dict(zip(("width", "height"), node.params.get("size") or (), strict=False))
    return size | {
        "id": node.id,
        "type": "noteNode",
        "position": {"x": x, "y": y},
        "data": {"label": "Note", "name": node.title, "form": {"text": node.params.get("text", "")}},
    }


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner)
