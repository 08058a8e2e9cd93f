"""A Dify file as a flow. Files of every version from 0.1.0 to 0.7.0 are read, as YAML or as JSON."""

import datetime
import re
from typing import Any

from dsl import DslError
from dsl.dify import apps, names, notepad, recipes
from dsl.dify.place import Place
from dsl.dify.readers import fill
from dsl.dify.readers.failures import on_error
from dsl.dify.readers.source import Source
from dsl.dify.readers.types import schema_type
from dsl.dify.references import Reader
from dsl.dify.resources import Register, dependencies
from dsl.ir import Edge, Flow, Graph, Node, Type, Variable
from dsl.values import node_refs, walk

_VERSION = re.compile(r"v?\d{1,9}(\.\d{1,9})*\S{0,40}")
_DEEPEST = 50
MODES = {
    "workflow": "workflow",
    "advanced-chat": "chat",
    "chat": "chat",
    "agent-chat": "chat",
    "completion": "workflow",
}


def sniff(document: Any) -> bool:
    """An app, a RAG pipeline, or a bare graph of Dify's engine."""
    if not isinstance(document, dict):
        return False
    app, graph = document.get("app"), document.get("graph")
    if document.get("kind") == "rag_pipeline" and "workflow" in document:
        return True
    if document.get("kind") == "graph" and isinstance(graph, dict):
        return "nodes" in graph
    if isinstance(app, dict) and ("mode" in app or "workflow" in document or "model_config" in document):
        return True
    workflow = document.get("workflow")
    return isinstance(workflow, dict) and isinstance(workflow.get("graph"), dict) and "nodes" in workflow["graph"]


def read(document: Any) -> Flow:
    """With `raw` set to the document. DslError names the place of what is not as it should be."""
    whole = Place(document).mapping()
    kind = whole.text("kind")
    head = whole.mapping("rag_pipeline" if kind == "rag_pipeline" else "app")
    flow = Flow(head.text("name"), "dify", _version(whole, head), description=head.text("description"), raw=document)
    register = Register(dependencies(whole))
    if kind == "graph":
        _graph_into(flow, whole.at("graph"), register, [])
        if any(node.kind == "answer" for node in flow.graph.nodes):  # a workflow of Dify has none
            flow.mode = "chat"
    elif kind == "rag_pipeline":
        _workflow_into(flow, whole.at("workflow"), register)
    else:
        _app_into(flow, whole, head, register)
    flow.resources = register.resources
    return flow


def _version(whole: Place, head: Place) -> str:
    place = whole.at("version") if whole.has("version") else head.at("version")
    if place.value is None:
        return ""  # Dify takes it for 0.1.0
    if not isinstance(place.value, str) or not _VERSION.fullmatch(place.value):
        raise place.wants("a version in quotes, such as '0.6.0',")
    return place.value


def _app_into(flow: Flow, whole: Place, head: Place, register: Register) -> None:
    mode = head.text("mode")
    if not whole.has("app"):
        raise whole.at("app").wants("a mapping with the name and the mode of the app")
    if mode == "agent":
        flow.mode = "chat"
        flow.graph.nodes.append(Node("agent", "opaque", flow.name, params={"type": "agent app"}, pointer="/agent"))
    elif mode not in MODES:
        raise head.at("mode").wants(f"one of {', '.join([*MODES, 'agent'])}")
    elif mode in ("workflow", "advanced-chat"):
        flow.mode = "chat" if mode == "advanced-chat" else "workflow"
        _workflow_into(flow, whole.at("workflow"), register)
    else:
        apps.read(flow, whole, mode, Source(Reader({}, {}), register, flow.variables))


def _workflow_into(flow: Flow, workflow: Place, register: Register) -> None:
    if workflow.value is None:
        raise workflow.wants("a mapping with the graph")
    env = [_variable(each, "env") for each in workflow.mappings("environment_variables")]
    flow.variables = env + [_variable(each, "session") for each in workflow.mappings("conversation_variables")]
    _graph_into(flow, workflow.at("graph"), register, flow.variables)
    prologue = workflow.mapping("features").text("opening_statement")
    start = next((node for node in flow.graph.nodes if node.kind == "start"), None)
    if prologue and start:
        start.params["prologue"] = prologue


def _variable(place: Place, scope: Any) -> Variable:
    if not (name := place.text("name")):
        raise place.at("name").wants("the name of a variable")
    type_ = names.type_of(place.text("value_type"))
    if place.text("value_type") == "any" or type_ == Type():
        raise place.at("value_type").wants("a type such as string, number, secret or array[string]")
    value = None if type_.name == "secret" else place.value.get("value")
    if isinstance(value, datetime.date):  # YAML makes one of a word without quotes
        value = str(value)
    return Variable(scope, name, type_, value, place.text("description"))


# -- the graph


def _graph_into(flow: Flow, graph: Place, register: Register, variables: list[Variable]) -> None:
    places = _by_id(graph)
    kinds = {name: _kind(place) for name, place in places.items()}
    parents = _parents(places, kinds)
    source = Source(Reader(kinds, parents), register, variables)
    starts = {name: parents[name] for name in places if name in parents and _type(places[name]) in names.STARTS}
    nodes = {name: _node(name, place, kinds[name]) for name, place in places.items() if name not in starts}
    _fill(nodes, places, source)
    for name, container in starts.items():
        nodes[container].folded += (places[name].pointer,)
    inside = _nested(flow.graph, nodes, parents)
    _connect(flow.graph, graph, inside, nodes, starts, source)
    _enter(nodes, inside, starts)
    for node, owner, _ in walk(flow.graph):
        if node.kind == "classify":
            _fall_back(node, owner)
    flow.notes += source.notes
    recipes.recognise(flow)
    _ask_for_requests(flow)


def _ask_for_requests(flow: Flow) -> None:
    """What is read of a request as a whole is an input of the flow, of which Dify declares nothing."""
    hooks = {node.id: node for node in flow.graph.nodes if (node.params.get("trigger") or {}).get("type") == "webhook"}
    for node, _, _ in walk(flow.graph) if hooks else ():
        for ref in node_refs(node):
            if ref.node in hooks and ref.path and ref.path[0] in names.REQUEST:
                hooks[ref.node].outputs.setdefault(str(ref.path[0]), Type())


def _by_id(graph: Place) -> dict[str, Place]:
    if not graph.has("nodes"):
        raise graph.at("nodes").wants("a list of nodes")
    places: dict[str, Place] = {}
    for place in graph.mappings("nodes"):
        name = place.text("id")
        if not name:
            raise place.at("id").wants("the id of the node")
        if name in places:
            raise DslError(f"{place.pointer}/id: another node is called {name!r} too; each needs an id of its own.")
        if place.value.get("data") is None:
            raise place.at("data").wants("a mapping with the type of the node")
        place.mapping("data")
        places[name] = place
    return places


def _type(place: Place) -> str:
    return place.text("data", "type") or place.text("type")


def _kind(place: Place) -> str:
    type_ = _type(place)
    if place.text("type") == "custom-note" or type_ == "custom-note":
        return "note"
    if type_ == "agent" and (place.text("data", "version") == "2" or place.mapping("data").has("agent_node_kind")):
        return "opaque"
    return names.KINDS.get(type_, "opaque")


def _parents(places: dict[str, Place], kinds: dict[str, str]) -> dict[str, str]:
    """The container of each node that is in one."""
    parents = {}
    for name, place in places.items():
        wanted = [place.text("parentId"), place.text("data", "iteration_id"), place.text("data", "loop_id")]
        if found := next((each for each in wanted if kinds.get(each) in ("iterate", "loop")), None):
            parents[name] = found
    for name in parents:
        seen, above = {name}, parents[name]
        while above in parents and above not in seen and len(seen) <= _DEEPEST:
            seen.add(above)
            above = parents[above]
        if above in seen:
            raise DslError(f"{places[name].pointer}: the node {name!r} is inside itself.")
        if len(seen) > _DEEPEST:
            raise DslError(f"{places[name].pointer}: containers are nested deeper than {_DEEPEST} levels.")
    return parents


def _node(name: str, place: Place, kind: str) -> Node:
    data = place.mapping("data")
    node = Node(name, kind, data.text("title"), data.text("desc"), pointer=place.pointer)
    position = place.mapping("position")
    x, y = position.number("x"), position.number("y")
    if x is not None and y is not None:
        node.position = (float(x), float(y))
    if kind == "note":
        _note(node, data)
    elif kind == "opaque":
        node.params["type"] = _type(place)
        node.outputs = dict(schema_type(data.value.get("output_schema")).props or {})
    else:
        node.on_error = on_error(data, kind)
    if kind in ("iterate", "loop"):
        node.body = Graph()
    return node


def _note(node: Node, data: Place) -> None:
    node.params["text"] = notepad.markdown(data.text("text"))
    width, height = data.number("width"), data.number("height")
    if width and height:
        node.params["size"] = [width, height]


def _fill(nodes: dict[str, Node], places: dict[str, Place], source: Source) -> None:
    """The names that nodes declare are known before references to them are read."""
    for name, node in nodes.items():
        source.refs.declared[name] = _declares(node, places[name].mapping("data"))
    for name, node in nodes.items():
        if node.kind not in ("note", "opaque"):
            fill(node, places[name].mapping("data"), source)


def _declares(node: Node, data: Place) -> set[str]:
    match node.kind:
        case "code":
            return {name for name, _ in data.entries("outputs")}
        case "extract":
            return {each.text("name") for each in data.mappings("parameters")}
        case "start":
            keys = {"variables": "variable", "params": "name", "headers": "name", "body": "name"}
            return {each.text(key) for list_, key in keys.items() for each in _listed(data, list_)}
        case "aggregate" if data.flag("advanced_settings", "group_enabled"):
            return {each.text("group_name") for each in data.mapping("advanced_settings").mappings("groups")}
    return set()


def _listed(data: Place, key: str) -> list[Place]:
    return data.mappings(key) if isinstance(data.value.get(key), list) else []


def _nested(graph: Graph, nodes: dict[str, Node], parents: dict[str, str]) -> dict[str, Graph]:
    """Puts the nodes into the graphs that they belong to; those by node id."""
    inside: dict[str, Graph] = {}
    for name, node in nodes.items():
        body = nodes[parents[name]].body if name in parents else graph
        inside[name] = body if body is not None else graph
        inside[name].nodes.append(node)
    return inside


def _connect(
    top: Graph, graph: Place, inside: dict[str, Graph], nodes: dict[str, Node], starts: dict[str, str], source: Source
) -> None:
    for place in graph.mappings("edges"):
        begin, end = place.text("source"), place.text("target")
        if not (begin and end):
            raise place.at("target" if begin else "source").wants("the id of a node")
        if begin in starts:
            body = nodes[starts[begin]].body
            (body or top).edges.append(Edge(starts[begin], end, "body", pointer=place.pointer))
            continue
        port = _port(nodes.get(begin), place.text("sourceHandle", default="source"), source)
        owner = inside.get(begin) or inside.get(end) or top
        owner.edges.append(Edge(begin, end, port, pointer=place.pointer))


def _fall_back(node: Node, graph: Graph) -> None:
    """What fits no class takes the first one: so does Dify, without a word (graphon's `_resolve_category`)."""
    leaving = [edge for edge in graph.edges if edge.source == node.id]
    if not any(edge.port == "default" for edge in leaving):
        graph.edges += [Edge(node.id, edge.target, "default") for edge in leaving if edge.port == "class:0"]


def _port(node: Node | None, handle: str, source: Source) -> str:
    if handle == "fail-branch":
        return "error"
    if node is not None and handle in source.handles.get(node.id, {}):
        return source.handles[node.id][handle]
    if handle != "source" or (node is not None and node.kind in ("if", "classify")):
        return handle  # a handle that the node does not have: nothing ever leaves by it
    return "done" if node is not None and node.kind in ("iterate", "loop") else "out"


def _enter(nodes: dict[str, Node], inside: dict[str, Graph], starts: dict[str, str]) -> None:
    """Until 0.1.2 an iteration began with one of its own nodes, without a node for the beginning."""
    for node in nodes.values():
        first = node.params.get("entry")
        if node.body is not None and first in nodes and inside[first] is node.body:
            del node.params["entry"]
            node.body.edges.insert(0, Edge(node.id, first, "body"))
