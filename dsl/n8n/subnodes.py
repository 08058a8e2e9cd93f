"""Sub-nodes: models, memories, tools, parsers and stores that serve another node, as part of it.

What the common form has a word for goes there. What is left of each sub-node, so that n8n can have it back, stands in
`params["attached"]`: [{"port", "id", "name", "type", "version", "position", "parameters", "credentials", "attached"}].
"""

import re
from typing import TYPE_CHECKING, Any

from dsl import DslError
from dsl.ir import Node, Resource, Type
from dsl.kinds import KINDS
from dsl.load import load_json
from dsl.n8n import tables, tools
from dsl.n8n.source import Raw, Source, dig
from dsl.schemas import WORDS

if TYPE_CHECKING:
    from dsl.n8n.read import Reader

DEEPEST = 8

# Where a tool's name and description stand among its parameters
TOLD = {
    "ai:toolWorkflow": ("name", "description"),
    "ai:toolVectorStore": ("name", "description"),
    "ai:toolCode": ("name", "description"),
    "ai:toolHttpRequest": ("name", "toolDescription"),
}


def told(kind: str) -> tuple[str, str]:
    return TOLD.get(kind, ("toolName" if kind.startswith("ai:vectorStore") else "", "toolDescription"))


def number(version: float) -> float | int:
    return int(version) if version == int(version) else version


def credentials(raw: Raw) -> dict[str, Any]:
    found = raw.data.get("credentials")
    if not isinstance(found, dict):
        return {}
    return {
        str(kind): {key: each[key] for key in ("id", "name") if isinstance(each.get(key, 0), (str, type(None)))}
        for kind, each in found.items()
        if isinstance(each, dict)
    }


def resource(raw: Raw, kind: Any, name: str) -> Resource:
    """A node as something that another platform has to be given."""
    hint: dict[str, Any] = {"type": raw.data["type"], "version": number(raw.version)}
    for key in ("resource", "operation"):
        if isinstance(raw.params.get(key), str):
            hint[key] = raw.params[key]
    if found := credentials(raw):
        hint["credentials"] = found
    if isinstance(server := raw.params.get("endpointUrl", raw.params.get("sseEndpoint")), str):
        hint["server"] = server
    return Resource(resource_id(kind, raw.id), kind, name, hint)


def resource_id(kind: str, id_: str) -> str:
    return id_ if id_.startswith(f"{kind}:") else f"{kind}:{id_}"


def chosen(value: Any) -> str:
    """What a plain parameter or a resource locator names; "" for an expression."""
    value = value.get("value") if isinstance(value, dict) else value
    return value if isinstance(value, str) and not value.startswith("=") else ""


STORES = ("memoryKey", "qdrantCollection", "pineconeIndex", "tableName", "mongoCollection", "redisIndex", "collection")


def knowledge(raw: Raw) -> Resource:
    names = (chosen(raw.params.get(key)) for key in STORES)
    return resource(raw, "knowledge", next((name for name in names if name), raw.name))


STRUCTURED, FIXING, ITEM_LIST = "ai:outputParserStructured", "ai:outputParserAutofixing", "ai:outputParserItemList"


def parser(source: Source, owner: str, depth: int = 0) -> Raw | None:
    """The parser that says what a node answers: below one that mends answers, that one's."""
    found = next((each for each in source.parts(owner, "ai_outputParser") if not each.disabled), None)
    if found is not None and found.kind == FIXING and depth < DEEPEST:
        return parser(source, found.name, depth + 1)
    return found


# -- folding


def fold(reader: "Reader", raw: Raw, node: Node) -> None:
    """Everything that serves a node, whatever serves that in turn too."""
    parts = reader.source.attached.get(raw.name, [])
    entries = []
    for port, name in parts:
        part = reader.nodes[name]
        entry = _attached(reader, raw, part, port, (raw.name,))
        _told(reader, raw, node, part, port, entry)
        entries.append(entry)
    if entries:
        node.params["attached"] = entries


def _attached(reader: "Reader", owner: Raw, part: Raw, port: str, above: tuple[str, ...]) -> dict[str, Any]:
    """What is left of a sub-node. Rings of sub-nodes end where they close."""
    reader.fold(owner, part)
    entry: dict[str, Any] = {
        "port": port,
        "id": part.id,
        "name": part.name,
        "type": part.data["type"],
        "version": number(part.version),
        "position": list(part.position) if part.position else None,
        "parameters": reader.value(part.params, owner),
    }
    if found := credentials(part):
        entry["credentials"] = found
    if part.disabled:
        entry["disabled"] = True
    above = (*above, part.name)
    inner = [
        _attached(reader, owner, reader.nodes[name], how, above)
        for how, name in reader.source.attached.get(part.name, [])
        if name not in above and len(above) < DEEPEST
    ]
    return entry | ({"attached": inner} if inner else {})


def piece(reader: "Reader", raw: Raw, port: str, left: dict[str, Any]) -> dict[str, Any]:
    """What is left of a node on the way that another one stands for."""
    return {
        "port": port,
        "id": raw.id,
        "name": raw.name,
        "type": raw.data["type"],
        "version": number(raw.version),
        "position": list(raw.position) if raw.position else None,
        "parameters": reader.value(left, raw),
    }


def fold_all(reader: "Reader", owner: Raw, part: Raw, above: tuple[str, ...] = ()) -> None:
    """What serves a node that is itself part of another."""
    for _, name in reader.source.attached.get(part.name, []):
        if name not in above and len(above) < DEEPEST:
            reader.fold(owner, reader.nodes[name])
            fold_all(reader, owner, reader.nodes[name], (*above, part.name))


def _told(reader: "Reader", owner: Raw, node: Node, part: Raw, port: str, entry: dict[str, Any]) -> None:
    if part.disabled:
        return
    if port == "ai_languageModel" and _lacks(node, "model"):
        _model(reader, node, part, entry)
    elif port == "ai_memory" and _lacks(node, "memory"):
        window = entry["parameters"].pop("contextWindowLength", 5)
        node.params["memory"] = {"window": window if type(window) is int else None}
    elif port == "ai_outputParser" and _lacks(node, "schema"):
        _schema(reader, owner, node, entry)
    elif port in ("ai_tool", "ai_retriever") and node.kind in ("agent", "llm"):
        tool = _tool(reader, part, entry)
        node.params.setdefault("tools", []).append(tool)
        if not reader.marked:
            reader.tools.setdefault(node.id, []).append(part)
            message = f"The tool {tool['name']} {tools.what(part)}: elsewhere an agent holds only its name."
            reader.note(owner, "needs_binding", "resource.tool", message, "Make a tool of it, and choose it there.")


def _schema(reader: "Reader", owner: Raw, node: Node, entry: dict[str, Any]) -> None:
    """What a parser asks of the answer; one that mends answers asks what the one below it says."""
    part = parser(reader.source, owner.name)
    if part is not None and part.kind == ITEM_LIST:
        message = "n8n cuts the answer into items, and asks the model for a list; elsewhere it is one text."
        reader.note(owner, "degraded", "items.many", message, "Ask for a list in the prompt, and split the text.")
    if part is None or part.kind != STRUCTURED:
        return
    schema = schema_of(part.params, part.params.get("schemaType", "fromJson" if part.version >= 1.2 else "manual"))
    if schema is None:
        return
    node.params["schema"] = schema
    mends = entry["id"] != part.id or part.params.get("autoFix") is True
    while entry["id"] != part.id:
        entry = next(filter(_parses, entry["attached"]))
    for key in ("schemaType", "inputSchema", "jsonSchema", "jsonSchemaExample"):
        entry["parameters"].pop(key, None)
    if mends and not reader.marked:
        message = "An answer that does not fit is mended by a model in n8n; elsewhere it fails where it is read."
        reader.note(owner, "degraded", "answer.mended", message)


def _parses(entry: dict[str, Any]) -> bool:
    return entry["port"] == "ai_outputParser" and not entry.get("disabled")


def asking(entry: dict[str, Any], asked: dict[str, Any]) -> dict[str, Any]:
    """The way back: a parser, or the one below it, with these parameters."""
    inner = entry.get("attached") or []
    if tables.short(entry["type"]) == FIXING and (below := next(filter(_parses, inner), None)):
        return entry | {"attached": [asking(each, asked) if each is below else each for each in inner]}
    return entry | {"parameters": dict(entry.get("parameters") or {}) | asked}


def _lacks(node: Node, name: str) -> bool:
    """Whether a node of its kind can have this, and has none yet."""
    return name in KINDS[node.kind].params and name not in node.params


def _model(reader: "Reader", node: Node, part: Raw, entry: dict[str, Any]) -> None:
    """The model is a resource, its options are parameters."""
    params = entry["parameters"]
    name = chosen(part.params.get("model", part.params.get("modelName")))
    if name:
        params.pop("model", None)
        params.pop("modelName", None)
    hint = {"provider": tables.PROVIDERS.get(part.kind, "openai")}
    found = resource(part, "model", name or part.name)
    node.params["model"] = reader.resource(Resource(found.id, "model", found.name, found.hint | hint))
    left = params.get("options")
    parameters = {}
    if isinstance(left, dict):
        for ours, theirs in tables.options(part.kind).items():
            if isinstance(left.get(theirs), (int, float)) and not isinstance(left[theirs], bool):
                parameters[ours] = left.pop(theirs)
    node.params["parameters"] = parameters


def own_model(reader: "Reader", raw: Raw, node: Node) -> None:
    """A node that calls its provider by itself."""
    name = chosen(raw.params.get("modelId", raw.params.get("model")))
    found = resource(raw, "model", name or raw.name)
    node.params["model"] = reader.resource(Resource(found.id, "model", found.name, found.hint | {"provider": "openai"}))
    options = dig(raw.params, "options")
    node.params["parameters"] = {
        ours: options[theirs]
        for theirs, ours in tables.PARAMETERS.items()
        if isinstance(options, dict) and type(options.get(theirs)) in (int, float)
    }


def _tool(reader: "Reader", part: Raw, entry: dict[str, Any]) -> dict[str, Any]:
    named, described = told(part.kind)
    params = entry["parameters"]
    name = params.pop(named) if named and isinstance(params.get(named), str) else ""
    description = params.pop(described) if isinstance(params.get(described), str) else ""
    id_ = reader.resource(resource(part, "tool", part.name))
    return {"name": name or called(part.name), "description": description, "tool": id_, "inputs": {}}


def called(name: str) -> str:
    """What a model knows a tool by (n8n.md, section 13)."""
    return re.sub(r"[^A-Za-z0-9_-]+", "_", name)


# -- schemas


def schema_of(params: dict[str, Any], how: Any) -> Any:
    """A JSON schema, as written or made after an example; None when there is none to be read."""
    manual = how == "manual"
    source = params.get("inputSchema", params.get("jsonSchema")) if manual else params.get("jsonSchemaExample")
    if not isinstance(source, str) or source.startswith("="):
        return None
    try:
        found = load_json(source)
    except DslError:
        return None
    if manual:
        return found if isinstance(found, dict) else None
    return _after(found)


def _after(example: Any) -> dict[str, Any]:
    kinds = {bool: "boolean", int: "number", float: "number", str: "string"}
    if isinstance(example, dict):
        return {"type": "object", "properties": {key: _after(value) for key, value in example.items()}}
    if isinstance(example, list):
        return {"type": "array"} | ({"items": _after(example[0])} if example else {})
    return {"type": kinds[type(example)]} if type(example) in kinds else {}


def fields(schema: Any) -> dict[str, Type]:
    """The properties of a schema as outputs."""
    properties, required = dig(schema, "properties"), dig(schema, "required")
    if not isinstance(properties, dict):
        return {}
    needed = required if isinstance(required, list) else []
    return {str(name): type_of(each, name in needed) for name, each in properties.items()}


def type_of(schema: Any, required: bool = False, depth: int = 0) -> Type:
    kind, description = dig(schema, "type"), dig(schema, "description")
    items, options = dig(schema, "items"), dig(schema, "enum")
    props = dig(schema, "properties")
    deeper = depth < DEEPEST
    return Type(
        kind if isinstance(kind, str) and kind in WORDS else "any",  # type: ignore[arg-type]
        items=type_of(items, depth=depth + 1) if kind == "array" and isinstance(items, dict) and deeper else None,
        props={str(k): type_of(v, depth=depth + 1) for k, v in props.items()}
        if isinstance(props, dict) and deeper
        else None,
        required=required,
        description=description if isinstance(description, str) else "",
        options=tuple(each for each in options if isinstance(each, str)) if isinstance(options, list) else (),
    )
