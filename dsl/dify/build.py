"""A flow as a Dify file."""

import re
from collections.abc import Iterator
from typing import Any

from dsl import OptionError
from dsl.dify import apps, names, resources
from dsl.dify.handles import handle
from dsl.dify.lower import lowered
from dsl.dify.starts import trigger
from dsl.dify.work import Work
from dsl.dify.writers import WRITERS
from dsl.dify.writers.failures import on_error
from dsl.dump import Quoted
from dsl.ir import Edge, Flow, Graph, Json, Node, Variable
from dsl.notes import Note

VERSIONS = ("0.6.0", "0.7.0")


def build(flow: Flow, *, version: str = "0.6.0") -> tuple[dict[str, Json], list[Note]]:
    """The flow as a document, and what does not travel.

    0.6.0 is taken by Dify from 1.13 on. Up to 0.1.5 Dify asks the marketplace for the plugins that it guesses.
    """
    _check(version)
    if apps.is_app(flow):
        return _small(flow, version), []
    work = lowered(flow)
    graph = {"nodes": list(_nodes(work)), "edges": list(_edges(work)), "viewport": {"x": 0, "y": 0, "zoom": 1}}
    return _document(work, graph, version), work.notes


def reshaped(document: Any, notes: list[Note], *, version: str) -> tuple[Any, list[Note]]:
    """An app of Dify with another version number: what stands in it is the same in those that are written."""
    _check(version)
    if document.get("kind") != "app":
        raise OptionError("A version is what an app has; this file is none.")
    return document | {"version": Quoted(version)}, notes


def _check(version: str) -> None:
    if version not in VERSIONS:
        raise OptionError(f"Dify's {version!r} is not written here; there are {' and '.join(VERSIONS)}.")


def _document(work: Work, graph: dict[str, Json], version: str) -> dict[str, Json]:
    flow = work.flow
    plugins: Json = resources.entries(work)
    workflow: dict[str, Json]
    if _is_bare(flow):
        return {"kind": "graph", "dependencies": plugins, "graph": graph}
    if _is_pipeline(flow):
        head: dict[str, Json] = {"name": flow.name, "description": flow.description}
        workflow = {"graph": graph, **_variables(work), "features": {}}
        return {
            "version": Quoted("0.1.0"),
            "kind": "rag_pipeline",
            "rag_pipeline": head,
            "dependencies": plugins,
            "workflow": workflow,
        }
    mode = "advanced-chat" if flow.mode == "chat" else "workflow"
    workflow = {"graph": graph, "features": _features(flow), **_variables(work)}
    head = {"version": Quoted(version), "kind": "app", "app": _app(flow, mode)}
    return {**head, "dependencies": plugins, "workflow": workflow}


def _is_bare(flow: Flow) -> bool:
    return flow.dialect == "dify" and any(node.pointer.startswith("/graph/") for node in flow.graph.nodes)


def _is_pipeline(flow: Flow) -> bool:
    kinds = {node.params.get("type") for node in flow.graph.nodes if node.kind == "opaque"}
    return flow.dialect == "dify" and bool(kinds & {"datasource", "knowledge-index"})


def _small(flow: Flow, version: str) -> dict[str, Json]:
    mode, config = apps.build(flow)
    work = Work(flow)
    head = {"version": Quoted(version), "kind": "app", "app": _app(flow, mode)}
    return {**head, "dependencies": resources.entries(work), "model_config": config}


def _app(flow: Flow, mode: str) -> dict[str, Json]:
    return {
        "name": flow.name,
        "mode": mode,
        "description": flow.description,
        "icon": "🤖",
        "icon_type": "emoji",
        "icon_background": "#FFEAD5",
        "use_icon_as_answer_icon": False,
    }


def _features(flow: Flow) -> dict[str, Json]:
    start = next((node for node in flow.graph.nodes if node.kind == "start"), None)
    return {
        "file_upload": {"enabled": False},
        "opening_statement": start.params.get("prologue", "") if start else "",
        "retriever_resource": {"enabled": True},
        "sensitive_word_avoidance": {"enabled": False},
        "speech_to_text": {"enabled": False},
        "suggested_questions": [],
        "suggested_questions_after_answer": {"enabled": False},
        "text_to_speech": {"enabled": False, "language": "", "voice": ""},
    }


def _variables(work: Work) -> dict[str, Json]:
    by_scope: dict[str, list[Json]] = {"env": [], "session": []}
    for variable in work.flow.variables:
        by_scope["env" if variable.scope == "env" else "session"].append(_variable(work, variable))
    return {"environment_variables": by_scope["env"], "conversation_variables": by_scope["session"]}


def _variable(work: Work, variable: Variable) -> dict[str, Json]:
    word = names.word_of(variable.type) if work.own else names.narrowed(variable.type, names.VARIABLE_TYPES, "string")
    value = variable.default
    if value is None:
        value = [] if word.startswith("array") else names.ZEROS.get(word, "")
    namespace = "env" if variable.scope == "env" else "conversation"
    return {
        "id": f"{namespace}_{variable.name}",
        "name": variable.name,
        "value_type": word,
        "value": value,
        "description": variable.description,
        "selector": [namespace, variable.name],
    }


# -- nodes


def _in_order(graph: Graph, container: Node | None) -> Iterator[tuple[Node, Graph, Node | None]]:
    stack = [(graph, container, 0)]
    while stack:
        inside, above, i = stack.pop()
        if i < len(inside.nodes):
            node = inside.nodes[i]
            stack.append((inside, above, i + 1))
            yield node, inside, above
            if node.body is not None:
                stack.append((node.body, node, 0))


_LAST = re.compile(r"/(\d{1,9})$")


def _place(work: Work, pointer: str) -> float:
    """Where it stood in the file; at the end for what was in none, in its order."""
    match = _LAST.search(pointer) if work.own else None
    return int(match[1]) if match else float("inf")


def _nodes(work: Work) -> Iterator[dict[str, Json]]:
    places = _positions(work)
    rows: list[tuple[float, dict[str, Json]]] = []
    for node, _, container in _in_order(work.flow.graph, None):
        rows.append((_place(work, node.pointer), _node(work, node, container, places)))
        if node.body is not None:
            folded = next((place for place in node.folded if "/nodes/" in place), "")
            rows.append((_place(work, folded), _start(work, node)))
    rows.sort(key=lambda row: row[0])
    return iter([row for _, row in rows])


def _node(work: Work, node: Node, container: Node | None, places: dict[str, tuple[float, float]]) -> dict[str, Json]:
    data: dict[str, Json] = {"type": names.TYPES.get(node.kind, "")}
    data |= {"title": node.title or ("" if node.kind == "note" or work.own else node.id), "desc": node.description}
    data |= WRITERS[node.kind](work, node)
    if node.kind not in ("note", "opaque"):
        data |= on_error(work, node)
    x, y = (int(value) if value == int(value) else value for value in places[node.id])
    made: dict[str, Json] = {"id": node.id, "type": "custom-note" if node.kind == "note" else "custom"}
    made |= {"position": {"x": x, "y": y}, "sourcePosition": "right", "targetPosition": "left"}
    if node.body is not None:
        width, height = _size(node, places)
        made |= {"width": width, "height": height}
        data |= {"width": width, "height": height}
    if container is not None:
        made |= {"parentId": container.id, "extent": "parent", "zIndex": 1001 if node.body is not None else 1002}
        data |= _inside(container)
    return made | {"data": data}


def _inside(container: Node | None) -> dict[str, Json]:
    if container is None:
        return {"isInIteration": False, "isInLoop": False}
    iteration = container.kind == "iterate"
    key = "iteration_id" if iteration else "loop_id"
    return {"isInIteration": iteration, "isInLoop": not iteration, key: container.id}


def _start(work: Work, node: Node) -> dict[str, Json]:
    kind = "iteration-start" if node.kind == "iterate" else "loop-start"
    data = {"type": kind, "title": "", "desc": "", **_inside(node)}
    made = {"id": work.entry(node), "type": f"custom-{kind}", "parentId": node.id, "position": {"x": 24, "y": 68}}
    return {**made, "draggable": False, "selectable": False, "zIndex": 1002, "data": data}


def _size(node: Node, places: dict[str, tuple[float, float]]) -> tuple[int, int]:
    inner = [places[each.id] for each in node.body.nodes] if node.body else []
    return int(max((x for x, _ in inner), default=0)) + 320, int(max((y for _, y in inner), default=0)) + 180


def _positions(work: Work) -> dict[str, tuple[float, float]]:
    """Where the nodes are drawn: where they were, else one beside the other."""
    places: dict[str, tuple[float, float]] = {}
    i = 0
    for node, _, container in _in_order(work.flow.graph, None):
        inside = container is not None
        if container is not None and container.body is not None and container.body.nodes[0] is node:
            i = 0
        places[node.id] = node.position or ((120.0 if inside else 80.0) + i * 300.0, 68.0 if inside else 282.0)
        i += 1
    return places


# -- edges


def _edges(work: Work) -> Iterator[dict[str, Json]]:
    types = {node.id: _type(node) for node in work.nodes.values()}
    rows: list[tuple[float, dict[str, Json]]] = []
    taken: set[str] = set()
    for graph, container in _graphs(work.flow.graph):
        for edge in graph.edges:
            if not work.own and (edge.source not in types or edge.target not in types):
                work.note(
                    work.nodes.get(edge.source),
                    "dropped",
                    "port.unknown",
                    f"An edge leads from {edge.source} to {edge.target}, and one of them does not exist.",
                )
                continue
            handle = _handle(work, edge)
            if handle is None:
                continue
            made = _edge(work, edge, handle, container, types)
            if made["id"] in taken and not work.own:
                continue
            taken.add(made["id"])
            rows.append((_place(work, edge.pointer), made))
    rows.sort(key=lambda row: row[0])
    return iter([row for _, row in rows])


def _graphs(graph: Graph) -> Iterator[tuple[Graph, Node | None]]:
    yield graph, None
    for node, _, _ in _in_order(graph, None):
        if node.body is not None:
            yield node.body, node


def _type(node: Node) -> str:
    if node.kind == "start" and trigger(node):
        return {"webhook": "trigger-webhook", "schedule": "trigger-schedule", "event": "trigger-plugin"}[trigger(node)]
    return str(node.params.get("type", "")) if node.kind == "opaque" else names.TYPES.get(node.kind, "")


def _edge(work: Work, edge: Edge, handle: str, container: Node | None, types: dict[str, str]) -> dict[str, Json]:
    source, kind = edge.source, types.get(edge.source, "")
    if container is not None and edge.source == container.id:
        source, kind = work.entry(container), f"{kind}-start"
    data = {"sourceType": kind, "targetType": types.get(edge.target, ""), **_inside(container)}
    return {
        "id": f"{source}-{handle}-{edge.target}-target",
        "source": source,
        "sourceHandle": handle,
        "target": edge.target,
        "targetHandle": "target",
        "type": "custom",
        "zIndex": 1002 if container else 0,
        "data": data,
    }


def _handle(work: Work, edge: Edge) -> str | None:
    """The source handle of an edge; None, and a note, for a port that the node does not have here."""
    made = handle(work.nodes.get(edge.source), edge.port) or (edge.port if work.own else None)
    if made is None:
        work.note(
            work.nodes.get(edge.source),
            "dropped",
            "port.unknown",
            f"Nothing leaves {edge.source} by {edge.port} in Dify.",
        )
    return made
