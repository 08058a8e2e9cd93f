"""What asks a model on Coze: llm, agents, extractors, classifiers, and retrieval."""

from typing import Any

from dsl.coze.tables import PARAMETER_NAMES
from dsl.coze.writing import Made, Writing, identifier, literal, variable, variables
from dsl.ir import Node, Ref, Text, Type, Value
from dsl.values import map_refs


def _model(writing: Writing) -> dict[str, Any]:
    params = writing.node.params
    known = {each.id: each for each in writing.canvas.flow.resources}
    model = known.get(params.get("model", ""))
    own = writing.canvas.flow.dialect == "coze"
    if model is not None and not own:
        writing.note(
            "needs_binding", "resource.model", f"The model {model.name} has another id here.", "Choose it again."
        )
    made = {
        "modelType": str(model.hint.get("modelType", "")) if model and own else "0",
        "modelName": model.name if model else "",
    }
    for name, value in (params.get("parameters") or {}).items():
        if name in PARAMETER_NAMES:
            made[PARAMETER_NAMES[name]] = value
        else:
            writing.note("degraded", "model.parameter", f"The model's parameter {name} does not exist here.")
    return made


def llm(writing: Writing) -> Made:
    node, params = writing.node, writing.node.params
    model = _model(writing)
    context = params.get("context")
    found = Ref("", ("context",), "system")

    def said(value: Value) -> Value:
        return map_refs(value, lambda ref: context if ref == found and context is not None else ref)

    system: list[str] = []
    user: list[str] = []
    given: list[dict[str, Any]] = []
    for each in params.get("messages", []):
        words, more = writing.template(said(each.get("text", "")), node.inputs)
        given += more
        (system if each.get("role") == "system" else user).append(words)
        if each.get("role") == "assistant":
            writing.note("degraded", "prompt.turns", "A turn of the assistant became a part of the prompt.")
    if params.get("query") is not None:
        words, more = writing.template(params["query"], node.inputs)
        user, given = [*user, words], [*given, *more]
    kept = [
        writing.param(identifier(name, writing.used), value)
        for name, value in node.inputs.items()
        if not isinstance(value, Ref) or value not in writing.names
    ]
    form, outs = _answer(node)
    memory = params.get("memory")
    listed: list[tuple[str, str, Any]] = [
        ("modelType", "integer", model["modelType"]),
        ("modleName", "string", model["modelName"]),
        *((name, "float", str(value)) for name, value in model.items() if name not in ("modelType", "modelName")),
        ("responseFormat", "integer", form),
        ("prompt", "string", "\n".join(user)),
        ("systemPrompt", "string", "\n".join(system)),
        ("enableChatHistory", "boolean", memory is not None),
        ("chatHistoryRound", "integer", str((memory or {}).get("window") or 3)),
    ]
    if params.get("vision") is not None:
        writing.note("degraded", "llm.vision", "Images have to be given to the model by hand here.")
    if params.get("tools") and writing.canvas.flow.dialect != "coze":
        writing.note(
            "needs_binding", "resource.tool", "The tools have to be added to the model here.", "Add them as plugins."
        )
    kinds = {"integer": Type("integer"), "string": Type("string"), "float": Type("number"), "boolean": Type("boolean")}
    made = [{"name": name, "input": literal(value, kinds[kind])} for name, kind, value in listed]
    calls = {"fcParam": _calls(writing, params["tools"])} if params.get("tools") else {}
    return "3", {"inputParameters": [*given, *kept], "llmParam": made} | calls, outs


def _calls(writing: Writing, tools: list[dict[str, Any]]) -> dict[str, Any]:
    """What a model may call: plugins, workflows and knowledge bases."""
    known = {each.id: each for each in writing.canvas.flow.resources}
    own = writing.canvas.flow.dialect == "coze"
    groups: dict[str, list[dict[str, Any]]] = {"tool": [], "subflow": [], "knowledge": []}
    for each in tools:
        resource = known.get(str(each.get("tool", "")))
        hint = dict(resource.hint) if resource is not None and own else {}
        kind = resource.kind if resource is not None and resource.kind in groups else "tool"
        groups[kind].append(
            hint | ({"api_name": str(each.get("name"))} if kind == "tool" else {"name": str(each.get("name"))})
        )
    return {
        "pluginFCParam": {"pluginList": groups["tool"]},
        "workflowFCParam": {"workflowList": groups["subflow"]},
        "knowledgeFCParam": {"global_setting": {}, "knowledgeList": groups["knowledge"]},
    }


def fields(node: Node) -> dict[str, Type]:
    """The outputs of a model that answers in fields."""
    declared = node.outputs.get("structured")
    return declared.props if declared is not None and declared.props else _fields(node.params.get("schema"))


def _answer(node: Node) -> tuple[str, list[Any]]:
    """responseFormat, and outputs: one text, or the fields of the schema."""
    reasoning = [variable("reasoning_content", Type("string"))]
    if answered := fields(node):
        return "2", variables(answered) + reasoning
    number = {"markdown": "1", "json": "2"}.get(node.params.get("format", ""), "0")
    return number, [variable("output", Type("string")), *reasoning]


def _fields(schema: Any) -> dict[str, Type]:
    held = schema.get("properties") if isinstance(schema, dict) else None
    return {str(name): _typed(each) for name, each in (held or {}).items()} if isinstance(held, dict) else {}


def _typed(schema: Any) -> Type:
    word = schema.get("type") if isinstance(schema, dict) else None
    if word == "array":
        return Type("array", items=_typed(schema.get("items")))
    if word == "object":
        return Type("object", props=_fields(schema))
    known = word if word in ("string", "integer", "number", "boolean") else "string"
    return Type(known, description=str((schema or {}).get("description") or "") if isinstance(schema, dict) else "")  # type: ignore[arg-type]


def extract(writing: Writing) -> Made:
    node = writing.node
    taken_out = {name: each for name, each in node.outputs.items() if name not in ("is_success", "reason", "usage")}
    instruction = node.params.get("instruction") or "Take the fields out of the text."
    messages = [{"role": "system", "text": instruction}, {"role": "user", "text": _as_text(node.params.get("query"))}]
    inner = Node(
        node.id,
        "llm",
        node.title,
        params=node.params | {"messages": messages, "query": None},
        outputs={"structured": Type("object", props=taken_out)},
    )
    inner.pointer = node.pointer
    writing.canvas.origin[id(inner)] = writing.canvas.origin.get(id(node), node.id)
    made = llm(Writing(inner, writing.canvas, writing.helpers))
    writing.note(
        "degraded",
        "extract.model",
        "The extraction is a model with these outputs here; it does not say whether it succeeded.",
    )
    return made


def _as_text(value: Value) -> Value:
    return Text((value,)) if isinstance(value, Ref) else value or ""


def classify(writing: Writing) -> Made:
    params = writing.node.params
    model = _model(writing)
    words, given = writing.template(params.get("instruction") or "")
    shown = {
        "modelType": int(model["modelType"] or 0) if str(model["modelType"]).isdigit() else 0,
        "modelName": model["modelName"],
    }
    shown |= {name: value for name, value in model.items() if name not in shown}
    shown |= {"systemPrompt": literal(words, Type("string")), "prompt": literal("{{query}}", Type("string"))}
    memory = params.get("memory")
    history = {"enableChatHistory": memory is not None, "chatHistoryRound": (memory or {}).get("window") or 3}
    intents = [{"name": _described(each)} for each in params.get("classes", [])]
    made = {"intents": intents, "mode": "all", "llmParam": shown, "chatHistorySetting": history}
    made["inputParameters"] = [writing.param("query", params.get("query") or ""), *given]
    return "22", made, [variable("classificationId", Type("integer")), variable("reason", Type("string"))]


def _described(each: dict[str, Any]) -> str:
    return str(each.get("name") or each.get("description") or "class")


def retrieve(writing: Writing) -> Made:
    params = writing.node.params
    known = {each.id: each for each in writing.canvas.flow.resources}
    own = writing.canvas.flow.dialect == "coze"
    bases = (
        [str(known[each].hint.get("id", "")) for each in params.get("knowledge", []) if each in known] if own else []
    )
    if not own:
        writing.note(
            "needs_binding", "resource.knowledge", "The knowledge bases have other ids here.", "Choose them again."
        )
    given = {"datasetList": bases, "topK": params.get("top_k") or 5, "minScore": params.get("score_threshold") or 0.5}
    given |= (params.get("search") or {}) if own else {"strategy": 1, "useRerank": bool(params.get("rerank"))}
    kinds = {"datasetList": Type("array", items=Type("string")), "minScore": Type("number")}
    listed: list[dict[str, Any]] = [
        {"name": name, "input": literal(value, kinds.get(name))} for name, value in given.items()
    ]
    listed[0]["input"]["value"]["content"] = bases
    outs = Type("array", items=Type("object", props={"output": Type("string")}))
    query = [writing.param("Query", params.get("query") or "")]
    return "6", {"datasetParam": listed, "inputParameters": query}, [variable("outputList", outs)]
