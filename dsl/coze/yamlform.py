"""The YAML of F4 and the canvas of F1 are the same workflow in other words: one into the other, and back."""

from typing import Any

from dsl import DslError
from dsl.coze.inferred import infer
from dsl.coze.reading import mapping
from dsl.coze.tables import NUMBERS, WORDS

_FILES = {"image", "svg", "audio", "video", "voice", "doc", "ppt", "excel", "txt", "code", "zip", "file"}
_ASSIST = {
    "file": 1, "image": 2, "doc": 3, "code": 4, "ppt": 5, "txt": 6, "excel": 7, "audio": 8, "zip": 9, "video": 10,
    "svg": 11, "voice": 12, "time": 10000,
}  # fmt: skip
_WORD = {number: word for word, number in _ASSIST.items()}


def to_canvas(flow: Any) -> dict[str, Any]:
    """DslError names the place of what is not as it should be."""
    nodes = flow.get("nodes")
    if not isinstance(nodes, list):
        raise DslError("/nodes: a list of nodes is wanted here.")
    made = [_node(node, f"/nodes/{i}") for i, node in enumerate(nodes)]
    infer(made)
    return {"nodes": made, "edges": _edges(flow.get("edges"))}


def _node(node: Any, place: str) -> dict[str, Any]:
    if not isinstance(node, dict) or not isinstance(node.get("type"), str):
        raise DslError(f"{place}/type: a node needs a type here, a word.")
    params = dict(node.get("parameters") or {}) if isinstance(node.get("parameters") or {}, dict) else {}
    inputs = {key: _value(value) for key, value in params.items() if key not in ("node_inputs", "node_outputs")}
    given = params.get("node_inputs")
    if isinstance(given, list):
        inputs["inputParameters"] = [_param(each) for each in given if isinstance(each, dict)]
    outputs = params.get("node_outputs") if isinstance(params.get("node_outputs"), dict) else {}
    data: dict[str, Any] = {
        "nodeMeta": {"title": node.get("title", ""), "description": node.get("description", "")},
        "inputs": inputs,
        "outputs": [_output(name, each, inputs) for name, each in (outputs or {}).items()],
    }
    made: dict[str, Any] = {
        "id": str(node.get("id")),
        "type": NUMBERS.get(node["type"], node["type"]),
        "meta": {"position": node.get("position")},
        "data": data | {key: node[key] for key in ("version", "size") if key in node},
    }
    if isinstance(node.get("nodes"), list):
        made["blocks"] = [_node(inner, f"{place}/nodes/{i}") for i, inner in enumerate(node["nodes"])]
        made["edges"] = _edges(node.get("edges"))
    return made


def _output(name: str, each: Any, inputs: dict[str, Any]) -> dict[str, Any]:
    """What a node gives out beside when it may fail is marked in the canvas, and known by its name here."""
    setting = inputs.get("settingOnError")
    may_fail = isinstance(setting, dict) and setting.get("processType") in (2, 3)
    made = _variable(name, each)
    return made | {"readonly": True} if may_fail and name in ("errorBody", "isSuccess") else made


def _edges(edges: Any) -> list[dict[str, Any]]:
    names = {"source_node": "sourceNodeID", "target_node": "targetNodeID", "source_port": "sourcePortID"}
    names["target_port"] = "targetPortID"
    return [
        {names[key]: str(value) for key, value in edge.items() if key in names}
        for edge in (edges if isinstance(edges, list) else [])
        if isinstance(edge, dict)
    ]


def _param(each: dict[str, Any]) -> dict[str, Any]:
    return {key: _input(value) if _is_input(key, value) else value for key, value in each.items()}


def _is_input(key: str, value: Any) -> bool:
    """Sides of a condition hold an input, those of an assignment are one."""
    return key in ("input", "left", "right") and not (isinstance(value, dict) and "input" in value)


def _input(value: Any) -> Any:
    """A reference, a literal, or an object built field by field."""
    if not isinstance(value, dict):
        return {"type": "string", "value": {"type": "literal", "content": value}}
    kind, assist = _kind(value.get("type", "string"))
    made: dict[str, Any] = {"type": kind} | ({"assistType": assist} if assist else {})
    held = value.get("value")
    if isinstance(held, dict) and ("ref_node" in held or "ref_variable" in held):
        known = made | _schema(value) if "type" in value else {}
        return known | {"value": {"type": "ref", "content": _reference(held)}}
    if isinstance(value.get("properties"), dict):
        schema = [{"name": name, "input": _input(each)} for name, each in value["properties"].items()]
        return made | {"schema": schema, "value": {"type": "object_ref"}}
    if isinstance(value.get("items"), dict):
        made["schema"] = {"type": _kind(value["items"].get("type", "string"))[0]}
    return made | {"value": {"type": "literal", "content": held}}


def _reference(held: dict[str, Any]) -> dict[str, Any]:
    path = str(held.get("path", ""))
    if "ref_node" in held:
        return {"source": "block-output", "blockID": str(held["ref_node"]), "name": path}
    return {"source": str(held["ref_variable"]), "path": path.split("."), "blockID": "", "name": ""}


def _schema(value: dict[str, Any]) -> dict[str, Any]:
    inner = _variable("", value | {"value": None})
    return {"schema": inner["schema"]} if "schema" in inner else {}


def _kind(word: Any) -> tuple[str, int]:
    word = str(word)
    if word in _FILES or word == "time":
        return "string", _ASSIST[word]
    return {"number": "float", "array": "list"}.get(word, word), 0


def _variable(name: str, each: Any) -> dict[str, Any]:
    if not isinstance(each, dict):
        return {"name": name, "type": "string"}
    if "ref_node" in str(each.get("value")):
        return {"name": name, "input": _input(each)}
    kind, assist = _kind(each.get("type", "string"))
    made: dict[str, Any] = {"name": name, "type": kind} | ({"assistType": assist} if assist else {})
    made |= {key: each[key] for key in ("required", "description") if key in each}
    if isinstance(each.get("properties"), dict):
        made["schema"] = [_variable(inner, one) for inner, one in each["properties"].items()]
    elif isinstance(each.get("items"), dict):
        inner_kind = _variable("", each["items"])
        made["schema"] = {key: value for key, value in inner_kind.items() if key != "name"}
    return made | ({"defaultValue": each["value"]} if each.get("value") is not None else {})


def _value(value: Any) -> Any:
    """What lies deeper in the parameters: inputs there have the same form."""
    if isinstance(value, list):
        return [_value(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    return {key: _input(inner) if _is_input(key, inner) else _value(inner) for key, inner in value.items()}


# -- and back


def from_canvas(canvas: dict[str, Any], name: str, description: str, identifier: str) -> dict[str, Any]:
    return {
        "schema_version": "1.0.0",
        "name": name,
        "id": identifier,
        "description": description,
        "mode": "workflow",
        "icon": "plugin_icon/workflow.png",
        "nodes": [_yaml_node(node) for node in canvas["nodes"]],
        "edges": _yaml_edges(canvas["edges"]),
    }


def _yaml_node(node: dict[str, Any]) -> dict[str, Any]:
    data = node["data"]
    meta = data.get("nodeMeta", {})
    inputs = data.get("inputs", {})
    params: dict[str, Any] = {}
    if inputs.get("inputParameters"):
        params["node_inputs"] = [_yaml_param(each) for each in inputs["inputParameters"]]
    params |= {key: _yaml_value(value) for key, value in inputs.items() if key != "inputParameters"}
    if data.get("outputs"):
        params["node_outputs"] = {each["name"]: _yaml_variable(each) for each in data["outputs"]}
    made = {
        "id": node["id"],
        "type": WORDS.get(node["type"], node["type"]),
        "title": meta.get("title", ""),
        "icon": meta.get("icon", ""),
        "description": meta.get("description", ""),
        "position": mapping(node.get("meta")).get("position") or {"x": 0, "y": 0},
        "parameters": params,
    }
    made |= {key: data[key] for key in ("version", "size") if key in data}
    if node.get("blocks"):
        made |= {
            "nodes": [_yaml_node(inner) for inner in node["blocks"]],
            "edges": _yaml_edges(node.get("edges") or []),
        }
    return made


def _yaml_edges(edges: list[dict[str, Any]]) -> list[dict[str, Any]]:
    names = {"sourceNodeID": "source_node", "targetNodeID": "target_node", "sourcePortID": "source_port"}
    names["targetPortID"] = "target_port"
    return [{names[key]: value for key, value in edge.items() if value} for edge in edges]


def _yaml_param(each: dict[str, Any]) -> dict[str, Any]:
    return {key: _yaml_input(value) if _is_input(key, value) else value for key, value in each.items()}


def _yaml_input(given: dict[str, Any]) -> dict[str, Any]:
    held = given.get("value") or {}
    if held.get("type") == "ref":
        content = held["content"]
        if content.get("source") == "block-output":
            return {"value": {"path": content["name"], "ref_node": content["blockID"]}}
        return {"value": {"path": ".".join(content.get("path", [])), "ref_variable": content["source"]}}
    kind = _yaml_type(given)
    if held.get("type") == "object_ref":
        inner = {each["name"]: _yaml_input(each["input"]) for each in given.get("schema", [])}
        return {"type": kind, "properties": inner}
    schema = given.get("schema")
    items = {"items": {"type": _yaml_type(schema)}} if kind == "list" and isinstance(schema, dict) else {}
    return {"type": kind} | items | {"value": held.get("content")}


def _yaml_type(given: dict[str, Any]) -> str:
    return _WORD.get(given.get("assistType") or 0, "") or str(given.get("type", "string"))


def _yaml_variable(each: dict[str, Any]) -> dict[str, Any]:
    if "input" in each:
        return _yaml_input(each["input"])
    made: dict[str, Any] = {"type": _yaml_type(each)}
    made |= {key: each[key] for key in ("required", "description") if key in each}
    schema = each.get("schema")
    if isinstance(schema, list):
        made["properties"] = {inner["name"]: _yaml_variable(inner) for inner in schema}
    elif isinstance(schema, dict):
        made["items"] = _yaml_variable(schema)
    return made | ({"value": each["defaultValue"]} if "defaultValue" in each else {})


def _yaml_value(value: Any) -> Any:
    if isinstance(value, list):
        return [_yaml_value(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    return {
        key: _yaml_input(inner) if _is_input(key, inner) and isinstance(inner, dict) else _yaml_value(inner)
        for key, inner in value.items()
    }
