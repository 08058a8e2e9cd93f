"""What asks a model on Coze, read and written: models that answer in text or fields, with tools or without."""

from collections.abc import Iterator
from typing import Any

from dsl.coze import text
from dsl.coze.fields import answers_fields, fields, named, schema_of
from dsl.coze.names import identifier
from dsl.coze.reading import Reading, mapping, mappings, number
from dsl.coze.tables import PARAMETER_NAMES, PARAMETERS
from dsl.coze.writing import Made, Writing, literal, variable, variables
from dsl.ir import Node, Ref, Text, Type, Value
from dsl.values import map_refs


def read_llm(reading: Reading) -> None:
    node, inputs = reading.node, reading.inputs
    given = reading.params(inputs.get("llmParam"))
    tools = list(_tools(reading, mapping(inputs.get("fcParam"))))
    node.kind = "agent" if tools else "llm"
    roles = [("system", given.get("systemPrompt")), ("user", given.get("prompt"))]
    said = [
        {"role": role, "text": text.named(words, reading.named())}
        for role, words in roles
        if isinstance(words, str) and words
    ]
    node.params = read_model(reading, given) | {"mode": "chat", "messages": said}
    node.inputs = reading.named()
    if answers_fields(inputs, reading.data.get("outputs")):
        declared = {name: each for name, each in reading.declared().items() if name != "reasoning_content"}
        node.outputs = {"structured": Type("object", props=declared)}
        node.params["schema"] = schema_of(declared)
    elif str(given.get("responseFormat")) == "1":
        node.params["format"] = "markdown"
    if tools:
        node.params["tools"] = tools


def read_model(reading: Reading, given: dict[str, Any]) -> dict[str, Value]:
    """Model and parameters out of `llmParam`, flattened to plain values."""
    name = str(given.get("modleName") or given.get("modelName") or given.get("modelType") or "")
    made: dict[str, Value] = {"parameters": {}}
    if name or given.get("modelType"):
        made["model"] = reading.found.resource("model", name, {"modelType": str(given.get("modelType", ""))})
    made["parameters"] = {
        ours: number(given[theirs]) for theirs, ours in PARAMETERS.items() if given.get(theirs) is not None
    }
    if given.get("enableChatHistory") is True:
        made["memory"] = {"window": number(given.get("chatHistoryRound", 3))}
    return made


def _tools(reading: Reading, calls: dict[str, Any]) -> Iterator[dict[str, Value]]:
    lists = (
        ("workflowFCParam", "workflowList"),
        ("pluginFCParam", "pluginList"),
        ("knowledgeFCParam", "knowledgeList"),
    )
    for group, members in lists:
        for each in mappings(mapping(calls.get(group)).get(members)):
            hint = {key: str(value) for key, value in each.items() if isinstance(value, (str, int))}
            names = ("api_name", "name", "workflow_id", "plugin_id", "id")
            name = str(next((each[key] for key in names if each.get(key)), None))
            kind = {"workflowFCParam": "subflow", "pluginFCParam": "tool"}.get(group, "knowledge")
            yield {"name": name, "description": "", "tool": reading.found.resource(kind, name, hint), "inputs": {}}


# -- and back


def model(writing: Writing) -> dict[str, Any]:
    """The id and the name of the model, and its parameters by their names here."""
    params = writing.node.params
    known = {each.id: each for each in writing.canvas.flow.resources}
    resource = known.get(params.get("model", ""))
    own = writing.canvas.flow.dialect == "coze"
    if resource is not None and not own:
        writing.note(
            "needs_binding", "resource.model", f"The model {resource.name} has another id here.", "Choose it again."
        )
    made = {
        "modelType": str(resource.hint.get("modelType", "")) if resource and own else "0",
        "modelName": resource.name if resource else "",
    }
    for name, value in (params.get("parameters") or {}).items():
        if name in PARAMETER_NAMES:
            made[PARAMETER_NAMES[name]] = value
        else:
            writing.note("degraded", "model.parameter", f"The model's parameter {name} does not exist here.")
    return made


def llm(writing: Writing) -> Made:
    node, params = writing.node, writing.node.params
    chosen = model(writing)
    context = params.get("context")
    found = Ref("", ("context",), "system")

    def said(value: Value) -> Value:
        return map_refs(value, lambda ref: context if ref == found and context is not None else ref)

    if "max_rounds" in params and writing.canvas.flow.dialect != "coze":
        writing.note("degraded", "agent.rounds", "How often it may call its tools cannot be set here.")
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
    if changed := {old: new for old, new in named(node).items() if old != new}:
        message = f"The answer has no fields of these names here: {', '.join(map(str, changed))}."
        writing.note("equivalent", "name.changed", f"{message} They became {', '.join(changed.values())}.")
    memory = params.get("memory")
    listed: list[tuple[str, str, Any]] = [
        ("modelType", "integer", chosen["modelType"]),
        ("modleName", "string", chosen["modelName"]),
        *((name, "float", str(value)) for name, value in chosen.items() if name not in ("modelType", "modelName")),
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


def _answer(node: Node) -> tuple[str, list[Any]]:
    """responseFormat, and outputs: one text, or the fields of the schema."""
    reasoning = [variable("reasoning_content", Type("string"))]
    if answered := fields(node):
        called = named(node)
        return "2", variables({called[name]: each for name, each in answered.items()}) + reasoning
    number = {"markdown": "1", "json": "2"}.get(node.params.get("format", ""), "0")
    return number, [variable("output", Type("string")), *reasoning]


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
    writing.canvas.notes.stand_for(inner, node)
    made = llm(Writing(inner, writing.canvas, writing.helpers))
    writing.note(
        "degraded",
        "extract.model",
        "The extraction is a model with these outputs here; it does not say whether it succeeded.",
    )
    return made


def _as_text(value: Value) -> Value:
    return Text((value,)) if isinstance(value, Ref) else value or ""
