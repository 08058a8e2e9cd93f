"""What a platform does not give out of its nodes is made of what it does, or fails in front of who reads it.

A dialect says which outputs of the common form its nodes do not have (`lacks`), and what can stand for them.
"""

import importlib
import json
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, cast

from dsl import passages
from dsl.computed import behind, insert
from dsl.dialects import DIALECTS
from dsl.ir import Edge, Flow, Graph, Node, Ref, Type
from dsl.kinds import outputs
from dsl.notes import Severity
from dsl.values import nodes, redirect, refs, scripts, unique, walk

Path = tuple[str | int, ...]
Lacks = Callable[[Node, Path], bool]  # whether the node does not, or does, give out what stands at the path
Instead = Callable[[Node, Path, str], Node | None]  # a node of this id, whose "output" is what is lacked
Told = Callable[[Node, Severity, str, str], None]  # a note: who reads, severity, code, message


@dataclass(frozen=True)
class Platform:
    """`gives` says what its nodes give out beside the common form, `unread` are parameters that they do not have.

    `system` is what it knows of the system; None: anything. `error` is what it calls the kinds of errors by, `status`
    whether it tells of a request that failed with what status it was answered.
    """

    name: str
    lacks: Lacks
    instead: Instead = lambda node, path, id_: None
    gives: Lacks = lambda node, path: False
    lang: Literal["python3", "javascript"] = "python3"  # of the code that fails there
    unread: Collection[str] = ()
    system: Collection[str] | None = None
    error: str = ""
    status: bool = False


IR = Platform("The common form", lambda node, path: False)


def platform(dialect: str) -> Platform:
    """What a dialect says of itself; of the common form that there is all that it knows."""
    if dialect == "ir" or dialect not in DIALECTS:
        return IR
    return cast(Platform, importlib.import_module(f"{DIALECTS[dialect]}.lacking").PLATFORM)


def among(lacked: Mapping[str, Collection[str]], node: Node, path: Path) -> bool:
    """Whether the outputs listed for the kind are meant, and not one that the node declares itself."""
    return bool(path) and path[0] in lacked.get(node.kind, ()) and path[0] not in node.outputs


def unasked(node: Node, path: Path) -> bool:
    """Whether it is a field of a question that has choices: who chooses fills no field in."""
    return node.kind == "ask" and bool(node.params.get("options")) and path[:1] != () and path[0] in node.outputs


def of_error(ref: Ref, producer: Node | None) -> bool:
    """Whether it reads what is known of a failure, and not an output of that name."""
    return ref.path[:1] == ("error",) and producer is not None and "error" not in producer.outputs


def tells(platform: Platform, node: Node, path: Path) -> bool:
    """Whether it tells this of a failure: the message and the kind are known everywhere, of a request the status."""
    answered = platform.status and node.kind == "http"
    return path[1:] in ((), ("message",), ("type",)) or (answered and path[1:] == ("status",))


def fields(node: Node) -> Collection[str]:
    """The fields of a structured answer, as far as they are known."""
    declared, schema = node.outputs.get("structured"), node.params.get("schema")
    if declared is not None and declared.props:
        return declared.props
    named = schema.get("properties") if isinstance(schema, dict) else None
    return [str(name) for name in named] if isinstance(named, dict) else ()


def there(lacks: Lacks) -> Callable[[Node, Ref], list[Ref]]:
    """What a platform gives out for an output: itself, its fields where it is there by those alone, or nothing."""

    def found(node: Node, ref: Ref) -> list[Ref]:
        if not lacks(node, ref.path):
            return [ref]
        parts = [Ref(ref.node, (*ref.path, name)) for name in fields(node)] if ref.path == ("structured",) else []
        return [part for part in parts if not lacks(node, part.path)]

    return found


def supply(flow: Flow, platform: Platform, told: Told, stands: dict[str, Ref] | None = None) -> list[Node]:
    """Let every reference lead to what the platform has; the nodes that were put in. The flow given is changed.

    Expressions know a value by where it comes from: what reads them gets from `stands` what a node was put in for.
    """
    supply = _Supply(flow, platform, told, stands)
    for node, graph, _ in list(walk(flow.graph)):
        supply.reader(node, graph)
    return supply.added


@dataclass
class _Supply:
    flow: Flow
    platform: Platform
    told: Told
    stands: dict[str, Ref] | None
    source: Platform = field(init=False)
    known: dict[str, Node] = field(init=False)
    where: dict[str, Graph] = field(init=False)
    taken: set[str] = field(init=False)
    made: dict[tuple[str, Path], Node | None] = field(default_factory=dict)
    added: list[Node] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.source = platform(self.flow.dialect)
        self.known, self.taken = nodes(self.flow), {*nodes(self.flow)}
        self.where = {node.id: graph for node, graph, _ in walk(self.flow.graph)}

    def reader(self, node: Node, graph: Graph) -> None:
        """Of what is nowhere a node in front of the reader fails, on the ways there from who should give it."""
        params = {name: value for name, value in node.params.items() if name not in self.platform.unread}
        read = dict.fromkeys(refs([params, node.inputs]))
        self._errors(node, read)
        lost = [ref for ref in read if self._is_lost(ref)]
        if not lost:
            return
        of_scripts = scripts([params, node.inputs]) if self.stands is None else ()
        written = {ref for script in of_scripts for ref in script.refs}
        changed: dict[Ref, Ref] = {}
        gone: list[Ref] = []
        for ref in lost:
            made = None if ref in written or not ref.node else self._instead(node, ref)
            if made is None:
                gone.append(ref)
            else:
                changed[ref] = Ref(made.id, ("output", *ref.path[1:]))
        for producer in dict.fromkeys(ref.node for ref in gone):
            asked = [ref for ref in gone if ref.node == producer]
            fails = self._failing(node, asked)
            insert(graph, fails, node, _ways(graph, producer, node))
            changed |= dict.fromkeys(asked, Ref(fails.id, ("value",)))
        if changed:
            redirect(node, changed)

    def _errors(self, node: Node, read: Iterable[Ref]) -> None:
        """What kind of error it was is told everywhere, and everywhere in other words."""
        asked = any(of_error(ref, self.known.get(ref.node)) and ref.path[1:] == ("type",) for ref in read)
        if asked and self.platform.name != self.source.name:
            message = f"What kind of error it was is {self.platform.error} on {self.platform.name}."
            self.told(node, "degraded", "error.type", message)

    def _is_lost(self, ref: Ref) -> bool:
        if ref.scope == "system":
            known = self.platform.system
            return known is not None and bool(ref.path) and ref.path[0] not in known
        producer = self.known.get(ref.node) if ref.scope == "node" else None
        if producer is None:
            return False
        if of_error(ref, producer):
            return self.platform.name != self.source.name and not tells(self.platform, producer, ref.path)
        own = among({"ask": {"chosen_id"}}, producer, ref.path) or self.source.gives(producer, ref.path)
        return own or self.platform.lacks(producer, ref.path)

    def _instead(self, node: Node, ref: Ref) -> Node | None:
        producer, key = self.known[ref.node], (ref.node, ref.path[:1])
        if key not in self.made:
            made = self._made(producer, ref.path, unique(f"{ref.node}_{ref.path[0]}", self.taken))
            self.made[key] = made
            if made is not None:
                if self.stands is not None:
                    self.stands[made.id] = Ref(ref.node, ref.path[:1])
                made.title = f"{ref.path[0]} of {producer.title or producer.id}"
                made.position = _near(producer)
                behind(self.where[producer.id], producer, made)
                self.added.append(made)
                self._told_made(node, ref, producer)
        return self.made[key]

    def _made(self, producer: Node, path: Path, id_: str) -> Node | None:
        if producer.kind == "retrieve" and path[:1] == (passages.OUTPUT,):
            return passages.joined(producer, id_, self.platform.lang)
        return self.platform.instead(producer, path, id_)

    def _told_made(self, node: Node, ref: Ref, producer: Node) -> None:
        if producer.kind == "retrieve":
            self.told(producer, "degraded", passages.CODE, passages.MESSAGE)
        else:
            message = f"{self._said(ref)}: a code node behind it puts it together."
            self.told(node, "equivalent", "output.computed", message)

    def _said(self, ref: Ref) -> str:
        what, producer = ".".join(map(str, ref.path)), self.known.get(ref.node)
        if producer is None:
            return f"{self.platform.name} has no {what} of the system"
        return f"{self.platform.name} does not give out {what} of '{producer.title or producer.id}'"

    def _failing(self, node: Node, gone: list[Ref]) -> Node:
        for ref in gone:
            code = "ref.output" if ref.node else "ref.system"
            self.told(node, "stub", code, f"{self._said(ref)}: it fails in front of this step.")
        source = f"def main():\n    raise Exception({self._said(gone[0])!r})\n"
        if self.platform.lang == "javascript":
            source = f"function main() {{\n  throw new Error({json.dumps(self._said(gone[0]))});\n}}\n"
        params = {"lang": self.platform.lang, "style": "kwargs", "source": source}
        name, title = unique(f"{node.id}_lacks", self.taken), f"{gone[0].path[0]} for {node.title or node.id}"
        fails = Node(name, "code", title, params=params, outputs={"value": self._type(gone[0])})
        fails.position = _near(node)
        self.added.append(fails)
        return fails

    def _type(self, ref: Ref) -> Type:
        producer = self.known.get(ref.node)
        return outputs(producer).get(str(ref.path[0]), Type()) if producer and len(ref.path) == 1 else Type()


def _ways(graph: Graph, producer: str, reader: Node) -> list[Edge]:
    """The edges into the reader that come from a node, directly or not; all of them where none does."""
    reached, waiting = {producer}, [producer]
    while waiting:
        at = waiting.pop()
        new = {edge.target for edge in graph.edges if edge.source == at} - reached
        reached |= new
        waiting += new
    edges = [edge for edge in graph.edges if edge.target == reader.id]
    return [edge for edge in edges if edge.source in reached] or edges


def _near(node: Node) -> tuple[float, float] | None:
    return (node.position[0], node.position[1] + 140.0) if node.position else None
