"""Small workflows, as tests of the engines write them."""

import json
from typing import Any

BASE, LANGCHAIN = "n8n-nodes-base.", "@n8n/n8n-nodes-langchain."
Json = dict[str, Any]


def node(name: str, kind: str, version: float = 1, /, **parameters: Any) -> Json:
    """An n8n node; a kind without a package is one of the base nodes."""
    full = kind if "." in kind else BASE + kind
    return {
        "id": name,
        "name": name,
        "type": full,
        "typeVersion": version,
        "position": [0, 0],
        "parameters": parameters,
    }


def called(**types: str) -> Json:
    """How a workflow begins that another one calls: its inputs by name, with n8n's word for their type."""
    values = [{"name": name, "type": type_} for name, type_ in types.items()]
    return node("In", "executeWorkflowTrigger", 1.1, inputSource="workflowInputs", workflowInputs={"values": values})


def assign(name: str, *typed: tuple[str, str, str], **values: str) -> Json:
    """A set node that gives just these fields: `typed` by name, type and value, `values` are text."""
    every = [*typed, *((key, "string", value) for key, value in values.items())]
    fields = [{"id": key, "name": key, "type": kind, "value": value} for key, kind, value in every]
    return node(name, "set", 3.5, assignments={"assignments": fields}, options={})


def conditions(left: str, kind: str, operation: str, right: Any) -> Json:
    """The `conditions` of if, filter and switch, with one condition."""
    operator = {"type": kind, "operation": operation}
    one = {"id": "c", "leftValue": left, "rightValue": right, "operator": operator}
    options = {"caseSensitive": True, "leftValue": "", "typeValidation": "strict", "version": 3}
    return {"options": options, "conditions": [one], "combinator": "and"}


def workflow(nodes: list[Json], links: str, **more: Any) -> Json:
    """An n8n workflow. Links are `A>B`, from an output `A.1>B`, to an input `A>B.1`, of a sub-node `A-ai_tool>B`."""
    connections: dict[str, dict[str, list[list[Json]]]] = {}
    for link in links.split():
        source, target = link.split(">")
        source, _, kind = source.partition("-")
        source, _, output = source.partition(".")
        target, _, index = target.partition(".")
        outputs = connections.setdefault(source, {}).setdefault(kind or "main", [])
        outputs.extend([] for _ in range(len(outputs), int(output or 0) + 1))
        outputs[int(output or 0)].append({"node": target, "type": kind or "main", "index": int(index or 0)})
    settings = {"executionOrder": "v1"}
    return {"name": "a test", "nodes": nodes, "connections": connections, "settings": settings, **more}


PLUGIN = f"langgenius/openai_api_compatible:0.0.40@{'0' * 64}"
PROVIDER = "langgenius/openai_api_compatible/openai_api_compatible"
MODEL = {"provider": PROVIDER, "name": "stub", "mode": "chat", "completion_params": {}}


def dify(nodes: list[Json], edges: str, mode: str = "workflow", **workflow: Any) -> str:
    """A Dify file (JSON is YAML) of nodes `{id, type, ...}`; edges are `a>b`, from a handle `a.true>b`."""
    placed = [{"id": one["id"], "type": "custom", "position": {"x": 0, "y": 0}, "data": _data(one)} for one in nodes]
    graph = {"nodes": placed, "edges": [_edge(edge) for edge in edges.split()]}
    dependency = {"type": "marketplace", "value": {"marketplace_plugin_unique_identifier": PLUGIN}}
    app = {"name": "a test", "mode": mode, "icon": "x", "icon_type": "emoji", "icon_background": "#fff"}
    file = {"version": "0.6.0", "kind": "app", "app": app, "dependencies": [dependency]}
    empty: Json = {"features": {}, "environment_variables": [], "conversation_variables": []}
    return json.dumps(file | {"workflow": {"graph": graph} | empty | workflow})


def start(*names: str) -> Json:
    """A start node with text inputs of these names."""
    inputs = [{"variable": one, "label": one, "type": "paragraph", "required": True} for one in names]
    return {"id": "start", "type": "start", "variables": inputs}


def end(**outputs: str) -> Json:
    """An end node: `x="llm.text"`."""
    chosen = [{"variable": name, "value_selector": path.split(".")} for name, path in outputs.items()]
    return {"id": "end", "type": "end", "outputs": chosen}


def _data(one: Json) -> Json:
    return {"title": one["id"], "desc": ""} | {key: value for key, value in one.items() if key != "id"}


def _edge(edge: str) -> Json:
    source, target = edge.split(">")
    source, _, handle = source.partition(".")
    ends = {"source": source, "target": target, "sourceHandle": handle or "source", "targetHandle": "target"}
    return {"id": f"{edge}-edge", "type": "custom", **ends}
