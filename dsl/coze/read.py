"""A canvas as a flow."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from dsl import DslError, delimiters
from dsl.coze import chats, nested, yamlform
from dsl.coze.fields import answers_fields
from dsl.coze.folded import unfold
from dsl.coze.formats import check_package, form, inside, is_unpacked
from dsl.coze.forms import form_of
from dsl.coze.readers import READERS
from dsl.coze.reading import Found, Reading, mapping, mappings, types_of
from dsl.coze.tables import OURS, OUTPUTS
from dsl.ir import Edge, Flow, Graph, Node, OnError, Ref, Value
from dsl.load import load_json
from dsl.notes import Note
from dsl.values import at, map_refs, pointer, walk


def read(document: Any) -> Flow:
    """DslError names the place of what is not as it should be."""
    if not form(document):
        raise DslError("No form of a Coze workflow: a canvas has `nodes` and `edges`.")
    if is_unpacked(document):
        check_package(document)
    place, held, is_yaml = inside(document)
    canvas = yamlform.to_canvas(held) if is_yaml else held
    return _Reader(document, place, held, canvas, is_yaml, _loops(document)).flow()


def _loops(document: Any) -> dict[str, str]:
    """By id, where the archive has a workflow that is a loop in a loop."""
    files = mapping(document.get("sub"))
    return {
        str(held.get("id")): pointer("sub", name)
        for name, held in files.items()
        if isinstance(held, dict) and held.get("description") == nested.LOOP
    }


class _Reader:
    def __init__(self, document: Any, place: str, held: Any, canvas: Any, is_yaml: bool, loops: dict[str, str]) -> None:
        self.document, self.place, self.held, self.canvas, self.loops = document, place, held, canvas, loops
        self.is_chat = chats.is_chat(canvas)
        self.inner, self.edge_key = ("nodes", "edges") if is_yaml else ("blocks", "edges")
        self.kinds: dict[str, str] = {}
        self.nodes: dict[str, dict[str, Any]] = {}
        self.parents: dict[str, str] = {}
        self.found = Found()
        for node, parent in self._all(canvas.get("nodes"), f"{place}/nodes", "", 0):
            if node["id"] in self.nodes:
                raise DslError(f"{place}/nodes: the id {node['id']!r} stands twice.")
            self.nodes[node["id"]], self.kinds[node["id"]], self.parents[node["id"]] = node, node["type"], parent

    def _all(self, nodes: Any, place: str, parent: str, depth: int) -> Iterator[tuple[dict[str, Any], str]]:
        if not isinstance(nodes, list):
            raise DslError(f"{place}: a list of nodes is wanted here.")
        if depth > 20:
            raise DslError(f"{place}: loops are nested too deep.")
        for i, node in enumerate(nodes):
            if (
                not isinstance(node, dict)
                or not isinstance(node.get("id"), str)
                or not isinstance(node.get("type"), str)
            ):
                raise DslError(f"{place}/{i}: a node with an id and a type, both text, is wanted here.")
            if not isinstance(node.get("data", {}), dict):
                raise DslError(f"{place}/{i}/data: a mapping is wanted here.")
            yield node, parent
            if node.get("blocks"):
                yield from self._all(node["blocks"], f"{place}/{i}/{self.inner}", node["id"], depth + 1)

    def graph(self) -> Graph:
        graph = self._graph(self.canvas.get("nodes"), self.canvas.get("edges"), self.place, "")
        unfold(graph)
        self._put_back(graph)
        return graph

    def _put_back(self, graph: Graph) -> None:
        """Calls of workflows that are loops in loops become those loops again."""
        taken = {*self.nodes}
        for node, around, _ in list(walk(graph)) if self.loops else ():
            place = self.loops.pop(self._called(node), "") if node.kind == "subflow" else ""
            if not place:
                continue
            held = at(self.document, place)
            reader = _Reader(self.document, place, held, yamlform.to_canvas(held), True, self.loops)
            if nested.put_back(node, around, reader.graph(), taken):
                self._take(reader.found)
                self._forget(node.params["flow"], graph)

    def _take(self, found: Found) -> None:
        self.found.resources = found.resources | self.found.resources
        self.found.variables = found.variables | self.found.variables

    def _called(self, node: Node) -> str:
        """The id of the workflow that a node calls."""
        data = mapping(self.nodes.get(node.id, {}).get("data"))
        return str(mapping(data.get("inputs")).get("workflowId") or "")

    def _forget(self, flow: str, graph: Graph) -> None:
        """A workflow that nothing calls any more has not to be chosen."""
        if not any(node.params.get("flow") == flow for node, _, _ in walk(graph)):
            del self.found.resources[flow]

    def flow(self) -> Flow:
        graph = self.graph()
        name, description, version = self._about()
        made = Flow(
            name,
            "coze",
            version,
            "chat" if self.is_chat else "workflow",
            description,
            graph,
            variables=list(self.found.variables.values()),
            resources=list(self.found.resources.values()),
            notes=self.found.notes
            + [
                Note("degraded", "conversation.name", chats.NAMED, "", node.id, node.title, node.pointer)
                for node in (chats.by_name(graph) if self.is_chat else ())
            ],
            raw=self.document,
        )
        delimiters.settle(made, self.found.joined)
        return made

    def _about(self) -> tuple[str, str, str]:
        kind = form_of(self.document)
        if kind in ("F4", "F4-yaml", "F6"):
            held = self.document if kind == "F6" else self.held
            return str(held.get("name") or ""), str(held.get("description") or ""), kind
        if kind == "F3":
            file = str(self.document.get("file") or "").rsplit("/", 1)[-1]
            return file.removesuffix(".json").removesuffix("-draft"), "", kind
        return "", "", kind

    def _graph(self, nodes: Any, edges: Any, place: str, container: str) -> Graph:
        made = [
            self._node(node, f"{place}/nodes/{i}" if not container else f"{place}/{self.inner}/{i}")
            for i, node in enumerate(nodes)
        ]
        failing = {node.id for node in made if node.kind == "stop"}  # Coze wants them wired, and nothing passes there
        found = self._edges(edges, f"{place}/{self.edge_key}", container)
        return Graph(made, [edge for edge in found if edge.source not in failing])

    def _edges(self, edges: Any, place: str, container: str) -> Iterator[Edge]:
        if edges is not None and not isinstance(edges, list):
            raise DslError(f"{place}: a list of edges is wanted here.")
        for i, edge in enumerate(edges or []):
            if not isinstance(edge, dict) or not all(
                isinstance(edge.get(end), str) for end in ("sourceNodeID", "targetNodeID")
            ):
                raise DslError(f"{place}/{i}: sourceNodeID and targetNodeID, both text, are wanted here.")
            source, target = edge["sourceNodeID"], edge["targetNodeID"]
            if target == container and str(edge.get("targetPortID") or "").endswith("function-inline-input"):
                continue  # the way back to the container: it says no more than that the round ends
            yield Edge(
                source,
                target,
                self._port(source, str(edge.get("sourcePortID") or ""), container),
                pointer=f"{place}/{i}",
            )

    def _port(self, source: str, port: str, container: str) -> str:
        kind = self.kinds.get(source, "")
        if source == container:
            return "body"
        if port == "branch_error":
            return "error"
        if kind == "8":
            known = {"true": "case:0", "false": "else"}
            return known.get(port, f"case:{port[5:]}" if port.startswith("true_") else port)
        if kind in ("22", "18") and port.startswith("branch_"):
            return f"{'class' if kind == '22' else 'option'}:{port[7:]}"
        if kind in ("22", "18") and port == "default":
            return "default"
        if kind in ("21", "28") or self._runs_over_lists(source):
            return "done"
        return "out" if port in ("", "default") else port

    def _runs_over_lists(self, key: str) -> bool:
        inputs = mapping(mapping(self.nodes.get(key, {}).get("data")).get("inputs"))
        return bool(mapping(inputs.get("batch")).get("batchEnable"))

    def _node(self, raw: dict[str, Any], place: str) -> Node:
        data = raw.get("data", {})
        meta = mapping(data.get("nodeMeta"))
        inputs = mapping(data.get("inputs"))
        batch = mapping(inputs.get("batch"))
        single = {**data, "outputs": _of_a_row(data)} if batch.get("batchEnable") else data
        node = Node(
            raw["id"],
            "opaque",
            str(meta.get("title") or ""),
            str(meta.get("description") or ""),
            position=_position(raw),
            pointer=place,
            on_error=_on_error(inputs.get("settingOnError")),
        )
        reading = Reading(node, raw["type"], single, inputs, self.find(raw["id"]), self.found)
        reader = READERS.get(raw["type"])
        if reader is None:
            node.params = {"type": raw["type"]}
            node.inputs = reading.named()
            node.outputs = types_of(single.get("outputs"))
        else:
            reader(reading)
        node.on_error = _in_our_words(node)
        if raw["type"] in ("21", "28"):
            blocks = raw.get("blocks")
            node.body = self._graph(blocks if isinstance(blocks, list) else [], raw.get("edges"), place, raw["id"])
            unfold(node.body)
        return self._batched(node, batch, reading, raw) if batch.get("batchEnable") else node

    def _batched(self, node: Node, batch: dict[str, Any], reading: Reading, raw: dict[str, Any]) -> Node:
        """A node that Coze runs over lists: an iteration with that node in it, which collects its outputs by name."""
        lists = reading.params(batch.get("inputLists"))
        inner = f"{node.id}_inner"

        def within(ref: Ref) -> Ref:
            return (
                Ref(node.id, ref.path, "item") if ref.node == node.id and ref.path[:1] and ref.path[0] in lists else ref
            )

        row: dict[str, Value] = {
            name: Ref(inner, self._output({**raw, "data": reading.data}, (name,))) for name in reading.declared()
        }
        body = Node(
            inner,
            node.kind,
            node.title,
            params=map_refs(node.params, within),
            inputs=map_refs(node.inputs, within),
            outputs=node.outputs,
            on_error=node.on_error,
        )
        return Node(
            node.id,
            "iterate",
            node.title,
            node.description,
            {
                "collect": {"outputList": row or Ref(inner, ())},
                "parallel": _number(batch.get("concurrentSize"), 1),
                "batch_of": True,
            }
            | ({"limit": batch["batchSize"]} if isinstance(batch.get("batchSize"), int) else {}),
            lists,
            types_of(raw["data"].get("outputs")),
            body=Graph([body], [Edge(node.id, inner, "body")]),
            position=node.position,
            pointer=node.pointer,
        )

    def find(self, where: str) -> Any:
        """What `blockID` and a path refer to, seen from a node."""
        around = set()
        key = where
        while key:
            around.add(key)
            key = self.parents.get(key, "")

        def found(block: str, path: tuple[str | int, ...]) -> Ref:
            raw = self.nodes.get(block)
            if raw is None:
                return Ref(block, path)
            if block in around and block != where and raw["type"] in ("21", "28"):
                return self._inside(raw, path)
            if self.is_chat and raw["type"] == "1" and path and path[0] in chats.SYSTEM:
                return Ref("", (chats.SYSTEM[str(path[0])], *path[1:]), "system")
            if block == where and self._runs_over_lists(block):
                return Ref(block, path)  # the element of a list
            return Ref(block, self._output(raw, path))

        return found

    def _inside(self, raw: dict[str, Any], path: tuple[str | int, ...]) -> Ref:
        inputs = mapping(raw.get("data", {}).get("inputs"))
        if path[:1] == ("index",):
            return Ref(raw["id"], (), "index")
        variables = [each.get("name") for each in mappings(inputs.get("variableParameters"))]
        return Ref(raw["id"], path, "loop" if path[:1] and path[0] in variables else "item")

    def _output(self, raw: dict[str, Any], path: tuple[str | int, ...]) -> tuple[str | int, ...]:
        if not path:
            return path
        if path[0] == "errorBody":
            return (
                "error",
                {"errorMessage": "message", "errorCode": "type"}.get(str(path[1]), path[1]) if path[1:] else "message",
            )
        kind, first = raw["type"], str(path[0])
        if kind == "3":
            named = answers_fields(mapping(raw.get("data", {}).get("inputs")), raw.get("data", {}).get("outputs"))
            if first == "reasoning_content":
                return ("reasoning", *path[1:])
            if first == "outputList":
                return path
            return ("structured", *path) if named else ("text", *path[1:])
        if kind == "15" and mapping(raw.get("data", {}).get("inputs")).get("method") == "split":
            return ("items", *path[1:])
        if kind == "6" and first == "outputList":
            return ("result", *("content" if step == "output" else step for step in path[1:]))
        return (OUTPUTS.get(kind, {}).get(first, first), *path[1:])


def _number(value: Any, default: int) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else default


def _of_a_row(data: dict[str, Any]) -> list[dict[str, Any]]:
    """What a node that runs over lists gives out in one of its rounds: the fields of the elements of its list."""
    schemas = [
        mapping(each.get("schema")) for each in mappings(data.get("outputs")) if each.get("name") == "outputList"
    ]
    return [field for schema in schemas for field in mappings(schema.get("schema"))]


def _position(raw: dict[str, Any]) -> tuple[float, float] | None:
    place = mapping(mapping(raw.get("meta")).get("position"))
    x, y = place.get("x"), place.get("y")
    return (float(x), float(y)) if isinstance(x, (int, float)) and isinstance(y, (int, float)) else None


def _in_our_words(node: Node) -> OnError:
    """What is given out after an error, by the names that the outputs have in the common form."""
    default = node.on_error.default
    if not default:
        return node.on_error
    ours = OURS.get(node.kind, {})
    named = {ours.get(name, name): value for name, value in default.items()}
    if "structured" in node.outputs:
        beside = {"reasoning"} & named.keys()
        fields = {name: value for name, value in default.items() if ours.get(name, name) not in beside}
        named = {"structured": fields} | {name: named[name] for name in beside}
    return replace(node.on_error, default=named)


def _on_error(setting: Any) -> OnError:
    """`settingOnError`: processType 1 stops, 2 gives `dataOnErr`, 3 takes the branch."""
    held = mapping(setting)
    kind = held.get("processType") or (2 if held.get("switch") and held.get("dataOnErr") else 1)
    default = None
    if kind == 2:
        try:
            default = load_json(str(held.get("dataOnErr") or "{}"))
        except DslError:
            default = None
    limit = held.get("timeoutMs")
    return OnError(
        {2: "default", 3: "branch"}.get(kind, "stop") if isinstance(kind, int) else "stop",  # type: ignore[arg-type]
        _number(held.get("retryTimes"), 0),
        timeout_ms=limit if isinstance(limit, int) else None,
        default=default if isinstance(default, dict) else None,
    )
