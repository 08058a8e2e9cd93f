"""A canvas as a flow. `components` is the program and is trusted; `graph` gives names, places and notes."""

from collections import defaultdict
from collections.abc import Callable
from typing import Any

from dsl import DslError, delimiters
from dsl.ir import Edge, Flow, Graph, Node, OnError, Ref, Resource, Variable
from dsl.notes import Note
from dsl.ragflow import errors, jinja, services
from dsl.ragflow.branches import settle
from dsl.ragflow.readers import READERS
from dsl.ragflow.reading import Reading
from dsl.ragflow.returned import NAME as RETURNED
from dsl.ragflow.returned import made_here
from dsl.ragflow.services import read_tool
from dsl.ragflow.shims import kind_of
from dsl.ragflow.stale import ELSEWHERE, is_stale
from dsl.ragflow.tables import INGESTION, MISSING, NAMES, OUTPUTS, SYSTEM
from dsl.ragflow.types import type_of
from dsl.values import node_refs, pointer

_STARTS = ("IterationItem", "LoopItem")  # the beginning of a body: part of the container here


def sniff(document: Any) -> bool:
    body = _body(document)
    return isinstance(body, dict) and isinstance(body.get("components"), dict) and {"path", "history"} <= body.keys()


def _body(document: Any) -> Any:
    inner = document.get("dsl") if isinstance(document, dict) else None
    return inner if inner is not None else document


def read(document: Any) -> Flow:
    """DslError names the place of what is not as it should be."""
    body = _body(document)
    if not isinstance(body, dict) or not isinstance(body.get("components"), dict):
        raise DslError("/components: a mapping of the canvas's components is wanted here.")
    return _Reader(document, body, "/dsl" if body is not document else "").flow()


class _Reader:
    def __init__(self, document: Any, body: dict[str, Any], base: str) -> None:
        self.document, self.body, self.base = document, body, base
        self.components = {str(key): self._component(str(key), value) for key, value in body["components"].items()}
        self.drawn = self._drawn()
        self.starts = self._starts()
        self.resources: dict[str, Resource] = {}

    def _component(self, key: str, value: Any) -> dict[str, Any]:
        place = self.base + pointer("components", key)
        obj = value.get("obj") if isinstance(value, dict) else None
        if not isinstance(obj, dict) or not isinstance(obj.get("component_name"), str):
            raise DslError(f"{place}/obj/component_name: a component needs a name here.")
        if not isinstance(obj.get("params", {}), dict):
            raise DslError(f"{place}/obj/params: a mapping is wanted here.")
        if not isinstance(value.get("downstream", []), list):
            raise DslError(f"{place}/downstream: a list of ids is wanted here.")
        return dict(value)

    def _drawn(self) -> dict[str, tuple[str, dict[str, Any]]]:
        """The drawing's nodes by id, with their pointers."""
        graph = self.body.get("graph") or {}
        nodes = graph.get("nodes") or [] if isinstance(graph, dict) else []
        if not isinstance(nodes, list) or not all(isinstance(node, dict) for node in nodes):
            raise DslError(f"{self.base}/graph/nodes: a list of mappings is wanted here.")
        return {str(node.get("id")): (f"{self.base}/graph/nodes/{i}", node) for i, node in enumerate(nodes)}

    def flow(self) -> Flow:
        made = {key: self._node(key) for key in self.components if self._name(key) not in _STARTS}
        graph = Graph()
        for key, node in made.items():
            self._home(key, made, graph).nodes.append(node)
        self._edges(made, graph)
        _parse(list(made.values()))
        graph.nodes += self._notes()
        top = self.document if self.base else {}
        flow = Flow(
            _words(top.get("title")),
            "ragflow",
            "0.27",
            "chat",
            _words(top.get("description")),
            graph,
            self._variables(),
            list(self.resources.values()),
            self._told(made),
            self.document,
        )
        delimiters.settle(flow)
        services.settle(flow)
        settle(flow)
        return flow

    def _told(self, made: dict[str, Node]) -> list[Note]:
        """What no other platform does: one of several texts is said at random, a template gets texts alone."""
        message = "One of its texts is said at random in RAGFlow: elsewhere it is always the first."
        texts = {key: _mapping(self.components[key]["obj"].get("params")).get("content") for key in made}
        many = [made[key] for key, each in texts.items() if isinstance(each, list) and len(each) > 1]
        told = [_note("message.random", message, node) for node in many if node.kind == "answer"]
        message = "RAGFlow gives a template texts (a list joined, a number as digits): elsewhere it has the values."
        logic = [node for node in made.values() if node.kind == "template" and node.inputs]
        told += [_note("template.values", message, node) for node in logic]
        told += [_note("rounds.stale", ELSEWHERE, node) for node in made.values() if is_stale(node)]
        told += [_note("retrieve.empty", _EMPTY, node) for node in made.values() if _speaks_when_empty(node)]
        message = "The request goes through a proxy in RAGFlow, and not elsewhere."
        calls = [key for key, node in made.items() if node.kind == "http"]
        proxied = [key for key in calls if _mapping(self.components[key]["obj"].get("params")).get("proxy")]
        told += [_note("http.proxy", message, made[key]) for key in proxied]
        message = "RAGFlow renders the message as a template: elsewhere its tags are said as they stand."
        rendered = [made[key] for key, each in texts.items() if isinstance(each, list) and _has_logic(each[:1])]
        return told + [_note("template.logic", message, node) for node in rendered if node.kind == "answer"]

    def _name(self, key: str) -> str:
        return str(self.components[key]["obj"]["component_name"])

    def _home(self, key: str, made: dict[str, Node], graph: Graph) -> Graph:
        parent = made.get(str(self.components[key].get("parent_id") or ""))
        return parent.body if parent is not None and parent.body is not None and parent.id != key else graph

    def _node(self, key: str) -> Node:
        component, name = self.components[key], self._name(key)
        params = component["obj"].get("params", {})
        place, drawn = self.drawn.get(key, ("", {}))
        data = _mapping(drawn.get("data"))
        node = Node(
            key,
            "opaque",
            str(data.get("name") or key),
            position=_position(drawn),
            pointer=self.base + pointer("components", key),
            folded=tuple(each for each in (place, *self.starts.get(key, ())) if each),
            on_error=_on_error(params),
        )
        reading = Reading(node, params, self.find(key), self.resource, node.pointer + "/obj/params")
        if name in READERS:
            READERS[name](reading)
        elif name in INGESTION:
            _opaque(reading, name)
        else:
            read_tool(reading, name)
        errors.name_default(node)
        return node

    def _starts(self) -> dict[str, list[str]]:
        """By container, where the beginnings of its body stand."""
        found: dict[str, list[str]] = defaultdict(list)
        for name, component in self.components.items():
            if self._name(name) in _STARTS and isinstance(parent := component.get("parent_id"), str):
                found[parent] += [self.base + pointer("components", name), self.drawn.get(name, ("", {}))[0]]
        return found

    def find(self, key: str) -> Callable[[str], Ref | None]:
        """What a name in a field of component `key` refers to."""

        def found(name: str) -> Ref | None:
            if name in ("item", "index"):
                parent = self.components[key].get("parent_id")
                if not isinstance(parent, str):
                    return None
                return Ref(parent, ("item",) if name == "item" else (), "item" if name == "item" else "index")
            scope, _, rest = name.partition(".")
            if "@" not in name:
                return _system(rest) if scope.lower() == "sys" else Ref("", _path(rest), "session")
            producer, _, output = name.partition("@")
            if producer not in self.components:
                producer = producer.removesuffix(MISSING)
            return self._output(producer, output, key)

        return found

    def _output(self, key: str, rest: str, reader: str) -> Ref:
        path = _path(rest)
        kind = self._name(key) if key in self.components else ""
        parent = str(self.components[key].get("parent_id") or "") if kind in _STARTS else ""
        if kind == "IterationItem":
            scopes: dict[Any, Ref] = {"index": Ref(parent, (), "index")}
            return scopes.get(path[0], Ref(parent, ("item", *path[1:]), "item"))
        if kind in ("Loop", "LoopItem"):
            inside = kind == "LoopItem" or key in self._around(reader)
            return Ref(parent or key, path, "loop" if inside else "node")
        if path[0] == "_ERROR":
            return Ref(key, ("error", "message"))
        names = OUTPUTS.get(kind, {})
        if kind == "StringTransform":
            split = self.components[key]["obj"].get("params", {}).get("method") == "split"
            names = {"result": "items" if split else "output"}
        if kind == "CodeExec":
            script = self.components[key]["obj"].get("params", {}).get("script")
            if path[0] == RETURNED and made_here(script):
                return Ref(key, path[1:])
            was = kind_of(script)
            names = {theirs: ours for ours, theirs in NAMES.get(was, {}).items()}
        return Ref(key, (names.get(str(path[0]), path[0]), *path[1:]))

    def _around(self, key: str) -> set[str]:
        """The containers that a component is in."""
        seen: set[str] = set()
        while (key := str(self.components.get(key, {}).get("parent_id") or "")) and key not in seen:
            seen.add(key)
        return seen

    def resource(self, kind: str, name: str, hint: dict[str, Any]) -> str:
        key = f"{kind}:{hint.get('llm_id') or name}"
        self.resources.setdefault(key, Resource(key, kind, name, hint))  # type: ignore[arg-type]
        return key

    def _edges(self, made: dict[str, Node], graph: Graph) -> None:
        for key, component in self.components.items():
            starts = self._name(key) in _STARTS
            source = str(component.get("parent_id")) if starts else key
            home = made[source].body if starts and source in made else self._home(key, made, graph)
            place = self.base + pointer("components", key, "downstream")
            targets = list(map(str, component.get("downstream", [])))  # one stands there again for each of its classes
            for i, target in ((targets.index(each), each) for each in dict.fromkeys(targets)):
                port = "body" if starts else self._port(key, target)
                for each in port if isinstance(port, list) else [port]:
                    (home or graph).edges.append(Edge(source, target, each, pointer=f"{place}/{i}"))
            self._error_edges(key, component, home or graph)

    def _error_edges(self, key: str, component: dict[str, Any], home: Graph) -> None:
        params = component["obj"].get("params", {})
        if params.get("exception_method") == "goto" and isinstance(params.get("exception_goto"), list):
            place = self.base + pointer("components", key, "obj", "params", "exception_goto")
            for i, target in enumerate(map(str, params["exception_goto"])):
                home.edges.append(Edge(key, target, "error", pointer=f"{place}/{i}"))

    def _port(self, key: str, target: str) -> "str | list[str]":
        """The ports that lead from a component to `target`."""
        params, name = self.components[key]["obj"].get("params", {}), self._name(key)
        if name == "Categorize" and isinstance(params.get("category_description"), dict):
            classes = list(params["category_description"].values())
            found = [f"class:{i}" for i, each in enumerate(classes) if target in _targets(each)]
            last = f"class:{len(classes) - 1}"  # which what fits nothing takes, too
            return [*found, "default"] if last in found or not found else found
        if name == "Switch":
            cases = params.get("conditions") if isinstance(params.get("conditions"), list) else []
            found = [f"case:{i}" for i, each in enumerate(cases or []) if target in _targets(each)]
            return found + (["else"] if target in _ids(params.get("end_cpn_ids")) or not found else [])
        return "done" if name in ("Iteration", "Loop") else "out"

    def _notes(self) -> list[Node]:
        result = []
        for key, (place, drawn) in self.drawn.items():
            if drawn.get("type") == "noteNode":
                data = _mapping(drawn.get("data"))
                form = _mapping(data.get("form"))
                size = [drawn[side] for side in ("width", "height") if isinstance(drawn.get(side), (int, float))]
                params: dict[str, Any] = {"text": str(form.get("text", ""))}
                params |= {"size": size} if len(size) == 2 else {}
                title = str(data.get("name") or "")
                result.append(Node(key, "note", title, params=params, position=_position(drawn), pointer=place))
        return [note for note in result if note.id not in self.components]

    def _variables(self) -> list[Variable]:
        declared = _mapping(self.body.get("variables"))
        known = {str(name): each for name, each in declared.items() if isinstance(each, dict)}
        for name, value in _mapping(self.body.get("globals")).items():
            if str(name).startswith("env."):
                known.setdefault(str(name)[4:], {"value": value})
        return [
            Variable("session", name, type_of(each.get("type")), each.get("value"), str(each.get("description") or ""))
            for name, each in known.items()
        ]


def _has_logic(said: list[Any]) -> bool:
    texts = (each for each in said if isinstance(each, str) and "{%" in each)
    return any(jinja.words(each, lambda name: None) is None for each in texts)


_EMPTY = "RAGFlow gives words of their own when nothing is found: elsewhere the result is empty then."


def _speaks_when_empty(node: Node) -> bool:
    return node.kind == "retrieve" and bool(node.params["search"].get("empty_response"))


def _note(code: str, message: str, node: Node) -> Note:
    return Note("degraded", code, message, "", node.id, node.title, node.pointer)


def _parse(nodes: list[Node]) -> None:
    """An answer whose fields are referred to is read as JSON: RAGFlow walks JSON text by itself."""
    fields = {ref.node for node in nodes for ref in node_refs(node) if ref.path[:1] == ("body",) and ref.path[1:]}
    for node in nodes:
        if node.kind == "http" and node.id in fields:
            node.params["response"] = "json"


def _path(rest: str) -> tuple[str | int, ...]:
    return tuple(int(step) if step.isdigit() and i else step for i, step in enumerate(rest.split(".")))


def _system(rest: str) -> Ref:
    first, *deeper = _path(rest)
    ours = next((ours for ours, theirs in SYSTEM.items() if theirs == first), first)
    return Ref("", (ours, *deeper), "system")


def _ids(value: Any) -> list[str]:
    return [str(each) for each in value] if isinstance(value, list) else [value] if isinstance(value, str) else []


def _targets(entry: Any) -> list[str]:
    return _ids(entry.get("to")) if isinstance(entry, dict) else []


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _words(value: Any) -> str:
    """A title is text, or text by language."""
    if isinstance(value, dict):
        return str(value.get("en") or next(iter(value.values()), ""))
    return str(value or "")


def _position(drawn: dict[str, Any]) -> tuple[float, float] | None:
    place = drawn.get("position")
    x, y = (place.get("x"), place.get("y")) if isinstance(place, dict) else (None, None)
    return (float(x), float(y)) if isinstance(x, (int, float)) and isinstance(y, (int, float)) else None


def _on_error(params: dict[str, Any]) -> OnError:
    tries, wait = params.get("max_retries"), params.get("delay_after_error")
    method = params.get("exception_method")
    default = {"result": params.get("exception_default_value")} if method == "comment" else None
    return OnError(
        "default" if method == "comment" else "branch" if method == "goto" else "stop",
        tries if isinstance(tries, int) else 0,
        int(wait * 1000) if isinstance(wait, (int, float)) and tries else 0,
        default=default,
    )


def _opaque(reading: Reading, name: str) -> None:
    reading.node.params = {"type": name}
    reading.node.outputs = reading.outputs()
