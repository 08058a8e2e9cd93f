"""What asks a model in n8n: chains and agents with the sub-nodes they need, classifiers, extractors, retrieval."""

from typing import TYPE_CHECKING, Any

from dsl import filters, values
from dsl.ir import Node, Ref, Resource, Value
from dsl.n8n import scripts, subnodes, tables, text
from dsl.n8n.asking import ASKED
from dsl.schemas import schema_with
from dsl.values import parts

if TYPE_CHECKING:
    from dsl.n8n.build import Builder


def model(
    builder: "Builder", node: Node, owner: str, resource_id: str, parameters: dict[str, Any], left: Any = None
) -> None:
    """The sub-node that runs a model, one for each resource and its parameters."""
    resource = builder.resources.get(resource_id) or Resource(resource_id, "model", resource_id or "model")
    key = resource_id + repr(sorted(parameters.items()))
    if key not in builder.models:
        builder.models[key] = _model(builder, node, resource, parameters, left)
    builder.connect(builder.models[key], owner, kind="ai_languageModel")


def _model(builder: "Builder", node: Node, resource: Resource, parameters: dict[str, Any], left: Any) -> str:
    hint, own = resource.hint, builder.flow.dialect == "n8n" and isinstance(resource.hint.get("type"), str)
    provider = str(hint.get("provider", "")).lower()
    kind = (
        tables.short(hint["type"])
        if own
        else next((kind for word, kind in tables.MODEL_NODES.items() if word in provider), "ai:lmChatOpenAi")
    )
    left = left or {}
    name = left.get("name") or builder.named(resource.name or "Model")
    known = tables.options(kind)
    params = builder.printer(node).param(dict(left.get("parameters", {})))
    if resource.name != left.get("name"):
        located = kind in ("ai:lmChatOpenAi", "ai:lmChatAnthropic") or isinstance(params.get("model"), dict)
        params[_model_key(kind)] = {"__rl": True, "mode": "id", "value": resource.name} if located else resource.name
    if kind == "ai:lmChatOpenAi" and not own:
        params["responsesApiEnabled"] = False
    options = {known[name]: value for name, value in parameters.items() if name in known}
    params["options"] = (params.get("options") if isinstance(params.get("options"), dict) else {}) | options
    if lost := [name for name in parameters if name not in known]:
        builder.note(node, "dropped", "model.parameters", f"n8n's model has no option for {', '.join(lost)}.", place="")
    if not own:
        builder.bind(resource, f"Choose the model {resource.name!r} and its credential in {name!r}.")
    _sub(builder, node, left, name, kind, params, hint if own else {}, resource.id)
    return name


def _model_key(kind: str) -> str:
    return "modelName" if kind == "ai:lmChatGoogleGemini" else "model"


def _sub(
    builder: "Builder", node: Node, left: Any, name: str, kind: str, params: dict[str, Any], hint: Any, id_: str
) -> None:
    x, y = builder.positions[node.id]
    written: dict[str, Any] = {
        "parameters": params,
        "id": left.get("id") or builder.identified(id_),
        "name": name,
        "type": tables.full(kind),
        "typeVersion": left.get("version") or hint.get("version") or tables.VERSIONS.get(kind, 1),
        "position": left.get("position") or [x, y + 220],
    }
    if credentials := left.get("credentials") or hint.get("credentials"):
        written["credentials"] = credentials
    if left.get("disabled"):
        written["disabled"] = True
    builder.written.append(written)


def subattach(builder: "Builder", node: Node) -> None:
    """What serves the node: as it was attached in n8n, and what the common form says of it now."""
    owner = builder.names[node.id]
    if node.params.get("vision") is not None:
        message = "Images have to be given to the model by hand here: an agent sees those that come in as binary data."
        builder.note(node, "degraded", "llm.vision", message)
    found = node.params.get("attached") or []
    tools = {tool["tool"]: tool for tool in node.params.get("tools", [])}
    said: set[str] = set()
    for entry in found:
        _attach(builder, node, owner, entry, tools, said)
    if node.kind == "tool":
        return
    if "model" in node.params and "model" not in said and not calls_itself(builder, node):
        model(builder, node, owner, node.params["model"], node.params.get("parameters") or {})
    if node.params.get("memory") and "memory" not in said:
        _memory(builder, node, owner)
    if node.params.get("schema") and "schema" not in said:
        _parser(builder, node, owner)
    for id_, tool in tools.items():
        if id_ not in said:
            _new_tool(builder, node, owner, tool)


def _attach(builder: "Builder", node: Node, owner: str, entry: Any, tools: dict[str, Any], said: set[str]) -> None:
    port, kind = entry["port"], tables.short(entry["type"])
    entry = entry | {"parameters": dict(entry.get("parameters") or {})}
    if port == "ai_languageModel" and "model" not in said and node.kind != "tool" and not entry.get("disabled"):
        said.add("model")
        if node.params.get("model") == subnodes.resource_id("model", entry["id"]):
            key = node.params["model"] + repr(sorted((node.params.get("parameters") or {}).items()))
            fresh = key not in builder.models
            model(
                builder, node, owner, node.params["model"], node.params.get("parameters") or {}, _named(builder, entry)
            )
            if fresh:
                _inner(builder, node, entry)
            return
    if port == "ai_memory" and "memory" not in said and node.params.get("memory"):
        said.add("memory")
        if node.params["memory"].get("window") is not None:
            entry["parameters"]["contextWindowLength"] = node.params["memory"]["window"]
    if port == "ai_outputParser" and "schema" not in said and node.params.get("schema"):
        said.add("schema")
        asked = {"schemaType": "manual", "inputSchema": _pretty(node.params["schema"])}
        entry = subnodes.asking(entry, asked)
    tool_id = subnodes.resource_id("tool", entry["id"])
    if tool := tools.get(tool_id):
        said.add(tool_id)
        _tell(kind, tool, entry)
    builder.connect(_attached(builder, node, entry), owner, kind=port)


def _tell(kind: str, tool: dict[str, Any], entry: dict[str, Any]) -> None:
    named, described = subnodes.told(kind)
    if named and tool["name"] != subnodes.called(entry["name"]):
        entry["parameters"][named] = tool["name"]
    if tool["description"]:
        entry["parameters"][described] = tool["description"]


def _pretty(schema: Any) -> str:
    import json

    return json.dumps(schema, ensure_ascii=False, indent=2)


def _named(builder: "Builder", entry: Any) -> Any:
    return entry | {"name": builder.named(entry["name"])} if entry["name"] in builder.taken else _taken(builder, entry)


def _taken(builder: "Builder", entry: Any) -> Any:
    builder.taken.add(entry["name"])
    return entry


def _attached(builder: "Builder", node: Node, entry: Any) -> str:
    """A sub-node, once, however many it serves; its name."""
    if entry["id"] not in builder.attached:
        entry = _named(builder, entry)
        builder.attached[entry["id"]] = entry["name"]
        params = builder.printer(node).param(entry["parameters"])
        _sub(builder, node, entry, entry["name"], tables.short(entry["type"]), params, {}, entry["id"])
        _inner(builder, node, entry)
    return builder.attached[entry["id"]]


def _inner(builder: "Builder", node: Node, entry: Any) -> None:
    for inner in entry.get("attached") or []:
        builder.connect(_attached(builder, node, inner), entry["name"], kind=inner["port"])


def _memory(builder: "Builder", node: Node, owner: str) -> None:
    if node.kind not in ("llm", "agent"):
        message = "n8n shows earlier turns of the chat to agents and models only: this step sees none."
        builder.note(node, "degraded", "memory.lost", message, "Put them into its text, with a chat memory manager.")
        return
    window = node.params["memory"].get("window")
    params: dict[str, Any] = {"contextWindowLength": window if window is not None else 1000}
    if builder.start is not None:
        session = builder.reference(node, Ref("", ("conversation_id",), "system"), True)
        params = {"sessionIdType": "customKey", "sessionKey": "={{ " + session + ' ?? "chat" }}', **params}
    name = builder.named(f"{owner}: memory")
    _sub(builder, node, {}, name, "ai:memoryBufferWindow", params, {}, f"{node.id}:memory")
    builder.connect(name, owner, kind="ai_memory")


def _parser(builder: "Builder", node: Node, owner: str) -> None:
    name = builder.named(f"{owner}: answer")
    params = {"schemaType": "manual", "inputSchema": _pretty(node.params["schema"])}
    _sub(builder, node, {}, name, "ai:outputParserStructured", params, {}, f"{node.id}:schema")
    builder.connect(name, owner, kind="ai_outputParser")


def _new_tool(builder: "Builder", node: Node, owner: str, tool: dict[str, Any]) -> None:
    """A tool from elsewhere: over MCP when it is there, else an HTTP call whose address is to be filled in."""
    resource = builder.resources.get(tool["tool"]) or Resource(tool["tool"], "tool", tool["name"])
    name = builder.named(subnodes.called(tool["name"] or resource.name))
    if resource.hint.get("type") == "mcp":
        server = str(resource.hint.get("url") or "https://tool.invalid/mcp")
        params: dict[str, Any] = {"endpointUrl": server, "serverTransport": "httpStreamable", "include": "selected"}
        params["includeTools"] = [tool["name"] or resource.name]
        kind = "ai:mcpClientTool"
    else:
        params = {"toolDescription": tool["description"], "method": "POST", "url": f"https://tool.invalid/{name}"}
        params |= {"sendBody": True, "specifyBody": "json", "jsonBody": _arguments(builder, node, tool), "options": {}}
        kind = "httpRequestTool"
    builder.bind(resource, f"Say in {name!r} where n8n reaches the tool {resource.name!r}.")
    _sub(builder, node, {}, name, kind, params, {}, resource.id)
    builder.connect(name, owner, kind="ai_tool")


def _arguments(builder: "Builder", node: Node, tool: dict[str, Any]) -> str:
    fixed = builder.printer(node).js(tool.get("inputs") or {})
    return "={{ Object.assign($fromAI('arguments', 'the arguments of the tool', 'json'), " + fixed + ") }}"


def calls_itself(builder: "Builder", node: Node) -> bool:
    """Nodes of n8n that bring their model."""
    resource = builder.resources.get(node.params.get("model", ""))
    return resource is not None and not builder.own and resource.hint.get("type") == tables.full("ai:openAi")


def llm(builder: "Builder", node: Node) -> None:
    messages = list(node.params.get("messages") or [])
    if calls_itself(builder, node):
        _open_ai(builder, node, messages)
    elif node.params.get("memory"):
        _remembering(builder, node)
    else:
        query = messages.pop()["text"] if messages and messages[-1]["role"] == "user" else ""
        printer = _prompting(builder, node)
        items = [{"type": _ROLES[message["role"]], "message": printer.param(message["text"])} for message in messages]
        params: dict[str, Any] = {"promptType": "define", "text": _prompt(printer, query), "batching": {}}
        if items:
            params["messages"] = {"messageValues": items}
        if node.params.get("schema"):
            params["hasOutputParser"] = True
        builder.add(node, "ai:chainLlm", params)
        subattach(builder, node)


_ROLES = {ours: theirs for theirs, ours in tables.ROLES.items()}


def _prompt(printer: text.Printer, query: Value) -> Any:
    return '={{ "" }}' if query == "" else printer.param(query)


def _prompting(builder: "Builder", node: Node) -> text.Printer:
    """Prints prompts: where passages stand in them, their contents one below the other."""
    plain = builder.printer(node)

    def meant(found: Ref) -> Value:
        return node.params.get("context") if found.scope == "system" and found.path == ("context",) else found

    def ref(found: Ref) -> str:
        real = meant(found)
        if not isinstance(real, Ref):
            return plain.js("" if real is None else real)
        passages = real is not found or _are_passages(builder, real)
        return plain.ref(real) + ('.map((passage) => passage.content).join("\\n\\n")' if passages else "")

    def composite(found: Ref) -> bool:
        return meant(found) is found and not _are_passages(builder, found) and builder.is_composite(found)

    return text.Printer(ref, plain.script, composite)


def _are_passages(builder: "Builder", ref: Ref) -> bool:
    source = builder.nodes.get(ref.node)
    return bool(builder.own and source and source.kind == "retrieve" and ref.path == ("result",))


def _remembering(builder: "Builder", node: Node) -> None:
    """Only an agent remembers the chat in n8n."""
    params = _conversation(builder, node)
    if node.params.get("schema"):
        params["hasOutputParser"] = True
    builder.add(node, "ai:agent", params, role="llm")
    subattach(builder, node)


def _conversation(builder: "Builder", node: Node) -> dict[str, Any]:
    """What an agent is asked, and its system message: that takes the turns before, for which it has no place."""
    messages, query = node.params.get("messages") or [], node.params.get("query", "")
    turns = [message for message in messages if message["role"] != "system"]
    if not query and turns and turns[-1]["role"] == "user":
        query = turns[-1]["text"]
    kept = [message for message in messages if message["role"] != "user" or message["text"] != query]
    if any(message["role"] != "system" for message in kept):
        message = "n8n's agent has no place for turns of a prompt: they stand in its system message."
        builder.note(node, "degraded", "prompt.turns", message)
    printer, system = _prompting(builder, node), values.text(_lines(_spoken(kept)))
    options = {"systemMessage": printer.param(system)} if system != "" else {}
    return {"promptType": "define", "text": _prompt(printer, query), "options": options}


def _spoken(messages: list[dict[str, Any]]) -> list[Value]:
    """The texts; where the assistant speaks too, with who says them."""
    if all(message["role"] != "assistant" for message in messages):
        return [message["text"] for message in messages]
    said = {"system": "", "user": "User: ", "assistant": "Assistant: "}
    return [values.text([said[message["role"]], *parts(message["text"])]) for message in messages]


def _lines(texts: list[Value]) -> list[Any]:
    result: list[Any] = []
    for each in texts:
        result += (["\n\n"] if result else []) + list(parts(each))
    return result


def _open_ai(builder: "Builder", node: Node, messages: list[dict[str, Any]]) -> None:
    printer, resource = builder.printer(node), builder.resources[node.params["model"]]
    options: dict[str, Any] = {}
    if messages and messages[0]["role"] == "system":
        options["instructions"] = printer.param(messages.pop(0)["text"])
    known = tables.options("ai:openAi")
    options |= {known[name]: value for name, value in (node.params.get("parameters") or {}).items() if name in known}
    items = [{"type": "text", "role": each["role"], "content": printer.param(each["text"])} for each in messages]
    params: dict[str, Any] = {"resource": "text", "operation": resource.hint.get("operation", "response")}
    if resource.name != node.title:
        params["modelId"] = {"__rl": True, "mode": "id", "value": resource.name}
    params |= {"responses": {"values": items}, "simplify": True, "options": options}
    more = {"credentials": resource.hint["credentials"]} if resource.hint.get("credentials") else {}
    written = builder.add(node, "ai:openAi", params, **more)
    written["typeVersion"] = resource.hint.get("version", tables.VERSIONS["ai:openAi"])
    subattach(builder, node)


def agent(builder: "Builder", node: Node) -> None:
    params = _conversation(builder, node)
    if "max_rounds" in node.params:
        params["options"]["maxIterations"] = builder.printer(node).param(node.params["max_rounds"])
    if node.params.get("schema"):
        params["hasOutputParser"] = True
    builder.add(node, "ai:agent", params)
    subattach(builder, node)


def _instructed(printer: text.Printer, kind: str, instruction: Value) -> dict[str, Any]:
    if not instruction:
        return {}
    whole = values.text([*parts(instruction), "\n\n" + ASKED[kind]])
    return {"systemPromptTemplate": printer.param(whole)}


def classify(builder: "Builder", node: Node) -> None:
    printer = builder.printer(node)
    classes = [{"category": each["name"], "description": _described(each)} for each in node.params.get("classes", [])]
    # n8n's model may choose no class, whatever is set: without this output control would end there
    options = {"fallback": "other"} if builder.follows(node, "default") else {}
    options |= _instructed(printer, "ai:textClassifier", node.params.get("instruction"))
    query = printer.param(node.params.get("query", ""))
    builder.add(
        node, "ai:textClassifier", {"inputText": query, "categories": {"categories": classes}, "options": options}
    )
    subattach(builder, node)


def _described(each: dict[str, Any]) -> str:
    examples = each.get("examples")
    lines = [each.get("description", "")]
    lines += [f"For example: {example}" for example in (examples if isinstance(examples, list) else [])]
    return "\n".join(line for line in lines if line)


_EXTRACTED = {ours: theirs for theirs, ours in tables.EXTRACTED.items()}


def extract(builder: "Builder", node: Node) -> None:
    printer = builder.printer(node)
    params: dict[str, Any] = {"text": printer.param(node.params.get("query", ""))}
    plain = all(type_.name in _EXTRACTED and not type_.options for type_ in node.outputs.values())
    if plain:
        items = [
            {"name": name, "type": _EXTRACTED[type_.name], "description": type_.description, "required": type_.required}
            for name, type_ in node.outputs.items()
        ]
        params |= {"schemaType": "fromAttributes", "attributes": {"attributes": items}}
    else:
        params |= {"schemaType": "manual", "inputSchema": _pretty(schema_with(node.outputs))}
    params["options"] = _instructed(printer, "ai:informationExtractor", node.params.get("instruction"))
    builder.add(node, "ai:informationExtractor", params)
    subattach(builder, node)


def retrieve(builder: "Builder", node: Node) -> None:
    """A vector store in load mode; from elsewhere with a code node that makes one list of its items."""
    found = [builder.resources[id_] for id_ in node.params.get("knowledge", []) if id_ in builder.resources]
    printer = builder.printer(node)
    params = {
        "mode": "load",
        "prompt": printer.param(node.params.get("query", "")),
        "topK": printer.param(node.params.get("top_k", 4)),
    }
    native = found[0].hint.get("type") if found and not builder.own else None
    if isinstance(native, str):
        written = builder.add(node, native, params)
        written["typeVersion"] = found[0].hint.get("version", 1)
        if credentials := found[0].hint.get("credentials"):
            written["credentials"] = credentials
        subattach(builder, node)
        _unfiltered(builder, node)
        return
    for resource in found:
        message = f"Put a vector store with the passages of {resource.name!r} in place of the one in memory."
        builder.bind(resource, message)
    params["memoryKey"] = subnodes.called(found[0].name if found else node.id)
    store = builder.helper(node, "store", "ai:vectorStoreInMemory", params, -1, **tables.GOES_ON)
    embedding = builder.named(f"{builder.names[node.id]}: embedding")
    _sub(builder, node, {}, embedding, "ai:embeddingsOpenAi", {"options": {}}, {}, f"{node.id}:embedding")
    builder.connect(embedding, store, kind="ai_embedding")
    builder.entries[node.id] = store
    builder.connect(store, builder.names[node.id])
    facts, inputs = scripts.packed(builder, node)
    least = node.params.get("score_threshold")
    kept = f".filter((item) => (item.json.score ?? 1) >= {least})" if isinstance(least, (int, float)) else ""
    body = (
        f"const found = $input.all(){kept}.filter((item) => item.json.document)"
        f"{_filtered(builder, node, facts.get('filter'))};\n"
        "const passage = ({ pageContent, metadata }) =>\n"
        '  ({ content: pageContent, title: metadata?.title ?? "", metadata });\n'
        "return [{ json: { result: found.map((item) => passage(item.json.document)) } }];"
    )
    scripts.shim(builder, node, "retrieve", {"params": facts, "knowledge": [each.name for each in found]}, inputs, body)


_FEWER = "The filter on metadata is asked of the passages that were found: fewer than the number asked for may be left."


def _filtered(builder: "Builder", node: Node, packed: Any) -> str:
    """Of the passages those whose metadata is as asked; one without a field is none of them."""
    if not packed:
        _unfiltered(builder, node)
        return ""
    builder.note(node, "degraded", filters.CODE, _FEWER, "Set the filter of the vector store that takes its place.")
    asked = scripts.of_items(packed, missing=False)
    return f"\n  .filter(({{ json: {{ document: {{ metadata: item = {{}} }} }} }}) => {asked})"


def _unfiltered(builder: "Builder", node: Node) -> None:
    if lost := filters.unfiltered(node, "n8n"):
        builder.note(node, "degraded", filters.CODE, lost, filters.ADVICE)
