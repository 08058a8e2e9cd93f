"""A flow on its way to Dify: a copy that may be changed, and what one asks about it."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cached_property
from itertools import pairwise
from typing import Any

from dsl import loops
from dsl.dify import names
from dsl.dify.expressions import Call, Program
from dsl.ir import Edge, Flow, Graph, Node, Ref, Resource, Text, Type, Value
from dsl.kinds import outputs, ports
from dsl.notes import Note
from dsl.reach import Reach
from dsl.values import copied, map_refs, place_of, unique, walk

BOX = "value"  # the key under which a boxed output lies
STRING, OBJECT, ANY = Type("string"), Type("object"), Type()
_SCALARS = ("string", "number", "integer", "boolean", "time", "secret")


class Work:
    """The flow, and an index of it that stays true while nodes are added."""

    def __init__(self, flow: Flow) -> None:
        self.flow = replace(
            flow, graph=copied(flow.graph, without="attached"), variables=list(flow.variables), notes=[]
        )
        self.own = flow.dialect == "dify"  # what the author wrote in Dify is not second-guessed
        self.notes: list[Note] = []
        self.ahead: dict[str, list[Node]] = {}  # of nodes: what comes before them
        self.entries: dict[str, str] = {}  # of containers: the beginning of the body
        self.plugins: dict[str, None] = {}  # that models and tools need
        self.resources: dict[Any, Resource] = {resource.id: resource for resource in flow.resources}
        self.nodes: dict[str, Node] = {}
        self.named: set[str] = set()  # ids of nodes that are made, which may be none of the flow's yet
        self.where: dict[str, Graph] = {}
        self.container: dict[str, str] = {}
        self.counted: set[str] = set()  # containers, the number of whose rounds something reads
        self.boxed: set[tuple[str, str]] = set()  # (node, output): an object with the value in it
        self.moved: dict[tuple[str, str], str] = {}  # outputs that have another name here
        self.called: dict[str, str] = {}  # of nodes with another id here: the one in the source
        self.parsed: dict[str, Ref] = {}  # nodes whose output is a value of another node, read as JSON
        self.columns: dict[str, Callable[[Ref], Value]] = {}  # of iterations that give rows: an output is one of them
        loops.give_out(self.flow.graph)
        loops.spread(self.flow.graph, self._walked)
        self.index()

    def _walked(self, loop: Node, made: list[Node]) -> None:
        self.note(loop, "equivalent", "loop.list", loops.WALKED)

    def index(self) -> None:
        for node, graph, container in walk(self.flow.graph):
            self.nodes[node.id] = node
            self.where[node.id] = graph
            self.container[node.id] = container.id if container else ""
        self.types = {(each.scope, each.name): each.type for each in self.flow.variables}

    def all(self) -> Iterator[Node]:
        yield from list(self.nodes.values())

    def note(
        self, node: Node | None, severity: Any, code: str, message: str, advice: str = "", *, below: str = ""
    ) -> None:
        place = node.pointer + below if node and node.pointer else ""
        name, title = (self.called.get(node.id, node.id), node.title) if node else ("", "")
        self.notes.append(Note(severity, code, message, advice, name, title, place))

    # -- changing the graph

    def new_id(self, stem: str) -> str:
        stem = re.sub(r"\W", "_", stem, flags=re.ASCII)[:44]
        number, name = 1, stem
        while name in self.nodes or name in self.named or name in names.RESERVED:
            number += 1
            name = f"{stem}_{number}"
        self.named.add(name)
        return name

    def add(self, node: Node, beside: Node, *, after: bool = False) -> Node:
        """Puts a new node next to another one, into the same graph; without edges."""
        graph = self.where[beside.id]
        graph.nodes.insert(place_of(graph, beside) + after, node)
        self.nodes[node.id], self.where[node.id] = node, graph
        self.container[node.id] = self.container[beside.id]
        if beside.position and node.position is None:
            node.position = (beside.position[0] + (150.0 if after else -150.0), beside.position[1] + 120.0)
        return node

    def before(self, node: Node, new: Node) -> None:
        """Lets what leads to the node lead to the new one, and that to the node, once all such nodes are known."""
        self.nodes[new.id], self.where[new.id] = new, self.where[node.id]
        self.container[new.id] = self.container[node.id]
        if node.position:
            new.position = (node.position[0] - 150.0, node.position[1] + 120.0)
        self.ahead.setdefault(node.id, []).append(new)

    def insert(self) -> None:
        """Puts the nodes in front of others into the graphs."""
        for graph in {id(graph): graph for graph in self.where.values()}.values():
            rows = [self._chain(node) for node in graph.nodes]
            first = {row[-1].id: row[0].id for row in rows if len(row) > 1}
            if not first:
                continue
            graph.nodes[:] = [node for row in rows for node in row]
            graph.edges[:] = [
                replace(edge, target=first[edge.target]) if edge.target in first else edge for edge in graph.edges
            ]
            graph.edges += [Edge(one.id, other.id) for row in rows for one, other in pairwise(row)]

    def _chain(self, node: Node) -> list[Node]:
        """The node behind those that come before it."""
        return [*(each for one in self.ahead.get(node.id, ()) for each in self._chain(one)), node]

    def after(self, node: Node, new: Node, port: str = "out") -> None:
        graph = self.where[node.id]
        graph.edges[:] = [
            replace(edge, source=new.id, port="out") if (edge.source, edge.port) == (node.id, port) else edge
            for edge in graph.edges
        ]
        graph.edges.append(Edge(node.id, new.id, port))

    def at_end(self, container: Node, new: Node) -> None:
        """Makes the new node the last one of a body: every way through it ends there."""
        assert container.body is not None
        wired = {(edge.source, edge.port) for edge in container.body.edges}
        loose = [
            Edge(node.id, new.id, port)
            for node in container.body.nodes
            for port in ports(node)
            if (node.id, port) not in wired and port not in ("body", "error") and node.kind != "note"
        ]
        container.body.edges += loose or [Edge(container.id, new.id, "body")]
        container.body.nodes.append(new)
        self.nodes[new.id], self.where[new.id], self.container[new.id] = new, container.body, container.id

    def entry(self, node: Node) -> str:
        """The id of the node that stands for the beginning of a container's body."""
        if node.id not in self.entries:
            name = str(node.params.get("entry") or "")
            name = name if names.ID.fullmatch(name) else names.entry(node.id)
            self.entries[node.id] = unique(name, {*self.nodes, *self.entries.values()}, longest=50)
        return self.entries[node.id]

    # -- references

    def type_of(self, ref: Ref) -> Type:
        """The type of what is referred to, as far as it is known."""
        path = ref.path
        if ref.scope in ("env", "session", "app", "user"):
            found = self.types.get((ref.scope, str(path[0])) if path else ("env", ""), ANY)
        elif ref.scope == "system":
            known = {"files": Type("array", items=Type("file")), "turns": Type("number")}
            found = known.get(str(path[0]), STRING) if path else ANY
        elif ref.scope == "index":
            return Type("number")
        else:
            found = self._of_node(ref)
        for step in path[1:]:
            found = self._below(found, step)
        return found

    def _of_node(self, ref: Ref) -> Type:
        node = self.nodes.get(ref.node)
        if node is None or not ref.path:
            return OBJECT if node is not None else ANY
        name = str(ref.path[0])
        if ref.scope == "item":
            source = node.inputs.get(name)
            found = self.type_of(source) if isinstance(source, Ref) and source.node != node.id else ANY
            return found.items or ANY
        if ref.scope == "loop":
            variable = node.params.get("variables", {}).get(name, {})
            return variable["type"] if isinstance(variable, dict) and "type" in variable else ANY
        if name == "error" and name not in outputs(node):
            return OBJECT
        if node.kind == "http" and name == "body":
            return STRING  # whatever it holds, Dify hands it on as text
        return outputs(node).get(name, ANY)

    def _below(self, type_: Type, step: str | int) -> Type:
        if type_.name == "object":
            return (type_.props or {}).get(str(step), ANY)
        return type_.items or ANY if type_.name == "array" else ANY

    def meant(self, ref: Ref) -> Ref:
        """What the author referred to, where a node of ours has taken its place."""
        given = self.parsed.get(ref.node)
        return replace(given, path=(*given.path, *ref.path[1:])) if given else ref

    def known(self, ref: Ref) -> bool:
        """Whether there is something that the reference can mean."""
        if ref.scope in ("node", "item", "index", "loop"):
            node = self.nodes.get(ref.node)
            if node is not None and ref.path[:1] == ("error",) and ref.scope == "node" and not self.own:
                given = "error" in outputs(node) or (node.id, "error") in self.moved
                return given or node.on_error.then == "branch"
            return node is not None
        if ref.scope in ("env", "session", "app", "user"):
            return bool(ref.path) and (ref.scope, str(ref.path[0])) in self.types
        return bool(ref.path)

    def split(self, ref: Ref) -> tuple[Value, tuple[Any, ...]]:
        """A reference that Dify can express, and the steps below it that it cannot; `...` for JSON text to be read."""
        if not self.known(ref) and not self.own:
            return None, ()
        if not ref.path and ref.scope != "index":
            node = self.nodes[ref.node]
            return {name: Ref(ref.node, (name,), ref.scope) for name in outputs(node)}, ()
        path = ref.path
        fits = len(path)
        least = 2 if ref.scope == "node" and path[:1] == ("error",) else 1
        type_ = self.type_of(ref if fits == 1 else replace(ref, path=path[:1]))
        for i in range(1, len(path)):
            if not self._walks(type_, path[i], ref, i):
                fits = max(i, least)
                break
            type_ = self._below(type_, path[i])
        rest: tuple[Any, ...] = path[fits:]
        return replace(ref, path=path[:fits]) if rest else ref, rest or ((...,) if self._is_json(ref) else ())

    def _walks(self, type_: Type, step: str | int, ref: Ref, place: int) -> bool:
        """Whether Dify goes from a value of the type to what is below it."""
        if not isinstance(step, str) or not names.NAME.fullmatch(step) or place >= names.DEEPEST:
            return False
        if type_.name in ("object", "any", "file") or ref.path[:1] == ("error",):
            return True
        return self.own and type_.name == "array"  # an array of files has a length

    def _is_json(self, ref: Ref) -> bool:
        node = self.nodes.get(ref.node)
        parsed = node is not None and node.kind == "http" and node.params.get("response") == "json"
        return parsed and ref.path == ("body",) and ref.scope == "node"

    def is_native(self, value: Value) -> bool:
        """Whether Dify can refer to it as it is."""
        if not isinstance(value, Ref):
            return False
        if self.own and not self.known(value):
            return bool(value.path)
        base, rest = self.split(value)
        return isinstance(base, Ref) and rest in ((), (...,))

    def redirect(self, change: Callable[[Ref], Value]) -> None:
        """Puts what the change says in place of each reference."""
        for node in self.all():
            node.params, node.inputs = map_refs(node.params, change), map_refs(node.inputs, change)

    @cached_property
    def reach(self) -> Reach | None:
        """Which nodes have surely run when another runs; None where no node has several ways: then all have."""
        every = {id(graph): graph for graph in self.where.values()}.values()
        ports = {edge.port for graph in every for edge in graph.edges}
        return None if ports <= {"out", "body", "done"} else Reach(self.flow)

    # -- nodes of our own

    def program(self, node: Node, word: str, value: Value, types: dict[str, Type], action: str = "return") -> None:
        """Makes the node a code node that computes the value; its outputs are boxed where their type is not sure."""
        made = Program(self.split)
        if isinstance(value, dict):
            for name in value:
                if action == "return" and not fixed(types[name]):
                    self.boxed.add((node.id, name))
                    meant = names.word_of(types[name])
                    value = {**value, name: Call("box", (value[name], *([meant] if meant != "any" else [])))}
        source = made.source(word, action, value)
        node.kind, node.inputs, node.outputs = "code", dict(made.inputs), types
        node.params = {"lang": "python3", "source": source, "style": "done"}


def fixed(type_: Type) -> bool:
    """Whether a code node can promise an output of the type; lists are held to a length that one cannot know."""
    return type_.name in ("string", "number", "boolean")


_CALLS = {name: Type("boolean") for name in ("test", "all", "any")} | {"text": STRING, "dump": STRING}


def literal_type(value: Value) -> Type:
    if isinstance(value, (str, Text)):
        return STRING
    if isinstance(value, bool):
        return Type("boolean")
    if isinstance(value, (int, float)):
        return Type("number")
    if isinstance(value, Call) and value.name in _CALLS:
        return _CALLS[value.name]
    return ANY if not isinstance(value, dict) else OBJECT


Recipe = Callable[[Work, Node], None]  # what makes a node, where it must, one that Dify has
