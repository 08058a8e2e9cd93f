"""Apps of the modes chat, agent-chat and completion have no graph: they are read as the small flow that they amount to.

start -> [retrieve] -> llm or agent -> answer. Written back, that flow becomes such an app again as long as it has this
shape; with more in it, it becomes an app with a graph.
"""

import re
from itertools import pairwise
from typing import Any

from dsl.dify.place import Place
from dsl.dify.readers.source import Source
from dsl.dify.readers.types import input_type
from dsl.dify.resources import long_provider
from dsl.ir import Edge, Flow, Json, Node, Ref, Text, Type, Value
from dsl.kinds import Role, role
from dsl.values import parse, parts, refs, text

PLACE = "/model_config"
_BLANK = re.compile(r"\{\{(#?[a-zA-Z_][a-zA-Z0-9_]{0,29}#?)\}\}", re.ASCII)
_CONTEXT = Ref("", ("context",), "system")
_QUERY = Ref("", ("query",), "system")
# A prompt that does not say where what was found goes: Dify puts it in front, and nobody else would.
_KNOWN = ("Answer from this knowledge where it helps:\n", Ref("retrieve", ("result",)), "\n\n")


def read(flow: Flow, whole: Place, mode: str, source: Source) -> None:
    config = whole.at("model_config")
    if config.value is None:
        raise config.wants("a mapping with the configuration of the app")
    flow.mode = "workflow" if mode == "completion" else "chat"
    start = _start(config)
    nodes = [start, *_retrieve(config, source), _model(config, mode, start, source)]
    nodes.append(_result(nodes[-1], mode))
    for i, node in enumerate(nodes):
        node.position = (i * 300.0, 0.0)
    flow.graph.nodes = nodes
    flow.graph.edges = [Edge(one.id, other.id) for one, other in pairwise(nodes)]


def _start(config: Place) -> Node:
    node = Node(
        "start", "start", "Start", pointer=PLACE + "/user_input_form" if config.has("user_input_form") else PLACE
    )
    for each in config.mappings("user_input_form"):
        for kind, place in each.entries():
            field = place.mapping()
            node.outputs[field.text("variable")] = input_type(field, kind)
    if prologue := config.text("opening_statement"):
        node.params["prologue"] = prologue
    return node


def _retrieve(config: Place, source: Source) -> list[Node]:
    sets = config.mapping("dataset_configs", "datasets").mappings("datasets")
    ids = [each.text("dataset", "id") for each in sets if each.flag("dataset", "enabled", default=True)]
    if not ids:
        return []
    node = Node("retrieve", "retrieve", "Knowledge", pointer=PLACE + "/dataset_configs")
    node.params["knowledge"] = [source.register.add("knowledge", name, dataset_id=name) for name in ids]
    asked = config.text("dataset_query_variable")
    node.params["query"] = Ref("start", (asked,)) if asked else _QUERY
    settings = config.mapping("dataset_configs")
    if (top := settings.integer("top_k")) is not None:
        node.params["top_k"] = top
    if (threshold := settings.number("score_threshold")) is not None:
        node.params["score_threshold"] = threshold
    return [node]


def _model(config: Place, mode: str, start: Node, source: Source) -> Node:
    agent = mode == "agent-chat"
    node = Node("agent", "agent", "Agent", pointer=PLACE) if agent else Node("llm", "llm", "LLM", pointer=PLACE)
    model = config.mapping("model")
    provider = long_provider(model.text("provider"))
    node.params["model"] = source.register.add("model", model.text("name"), provider)
    node.params["parameters"] = {name: place.value for name, place in model.entries("completion_params")}
    node.params["mode"] = model.choice("mode", "chat", "completion")
    node.params["messages"] = _prompt(config, start, "user" if mode == "completion" else "system")
    if config.mapping("dataset_configs", "datasets").value.get("datasets"):
        node.params["context"] = Ref("retrieve", ("result",))
        node.params["messages"] = _knowing(node.params["messages"])
    if mode != "completion":
        node.params["memory"] = {"window": None}
    if agent:
        node.params |= {"query": Text((_QUERY,)), "tools": _tools(config, source)}
        if (rounds := config.mapping("agent_mode").integer("max_iteration")) is not None:
            node.params["max_rounds"] = rounds
    elif mode == "chat":
        node.params["messages"].append({"role": "user", "text": Text((_QUERY,))})
    return node


def _prompt(config: Place, start: Node, speaker: Role) -> list[Value]:
    """`speaker` says the simple prompt: where no question follows it, Dify sends it as the user's."""
    advanced = config.text("prompt_type") == "advanced"
    messages = config.mapping("chat_prompt_config").mappings("prompt") if advanced else []
    completion = config.mapping("completion_prompt_config").at("prompt", "text") if advanced else None
    if messages:
        return [{"role": role(each.text("role")), "text": _text(each.text("text"), start)} for each in messages]
    text = completion.text() if completion is not None and completion.value else config.text("pre_prompt")
    return [{"role": speaker, "text": _text(text, start)}] if text else []


def _knowing(messages: list[Value]) -> list[Value]:
    """The messages with what was found in front, unless they say where it goes."""
    if any(_CONTEXT in refs(each["text"]) for each in messages):
        return messages
    system = next((each for each in messages if each["role"] == "system"), None)
    told = {"role": "system", "text": text([*_KNOWN, *(parts(system["text"]) if system else ())])}
    return [told, *(each for each in messages if each is not system)]


def _text(source: str, start: Node) -> Value:
    """`{{name}}` is an input of the form, `{{#query#}}` the question, `{{#context#}}` what was found."""

    def found(match: "re.Match[str]") -> Ref | None:
        if match[1] in start.outputs:
            return Ref("start", (match[1],))
        return {"#context#": _CONTEXT, "#query#": _QUERY, "query": _QUERY}.get(match[1])

    return parse(source, _BLANK, found)


def _tools(config: Place, source: Source) -> list[Value]:
    tools = []
    for each in config.mapping("agent_mode").mappings("tools"):
        if not each.has("tool_name") or not each.flag("enabled", default=True):
            continue
        provider = each.text("provider_id") or each.text("provider_name")
        label, kind = each.text("tool_label"), each.text("provider_type")
        tool = source.register.tool(each.text("tool_name"), provider, kind, label)
        inputs = {name: place.value for name, place in each.entries("tool_parameters") if place.value not in (None, "")}
        tools.append({"name": each.text("tool_name"), "description": "", "tool": tool, "inputs": inputs})
    return tools


def _result(node: Node, mode: str) -> Node:
    answer = Ref(node.id, ("text",))
    if mode == "completion":
        return Node("end", "end", "End", inputs={"answer": answer}, outputs={"answer": Type("string")})
    return Node("answer", "answer", "Answer", params={"text": Text((answer,))})


# -- back


def is_app(flow: Flow) -> bool:
    """Whether the flow was read here and still has the shape of such an app."""
    kinds = [node.kind for node in flow.graph.nodes]
    shape = [kind for kind in kinds if kind != "retrieve"]
    if flow.dialect != "dify" or not any(node.pointer.startswith(PLACE) for node in flow.graph.nodes):
        return False
    return shape in (["start", "llm", "answer"], ["start", "llm", "end"], ["start", "agent", "answer"])


def build(flow: Flow) -> tuple[str, dict[str, Json]]:
    """The mode and the `model_config` of a flow that `is_app`."""
    nodes = {node.kind: node for node in flow.graph.nodes}
    node = nodes.get("agent") or nodes["llm"]
    mode = "agent-chat" if "agent" in nodes else "chat" if "answer" in nodes else "completion"
    start, retrieve = nodes["start"], nodes.get("retrieve")
    prompt = [each["text"] for each in node.params["messages"] if each["role"] == "system" or mode == "completion"]
    config: dict[str, Json] = {
        "model": _native_model(flow, node),
        "opening_statement": start.params.get("prologue", ""),
        "pre_prompt": "".join(map(_printed, prompt)),
        "prompt_type": "simple",
        "user_input_form": [_field(name, type_) for name, type_ in start.outputs.items()],
        "dataset_query_variable": _asked(retrieve),
        "dataset_configs": _datasets(flow, retrieve),
        "agent_mode": _agent_mode(flow, nodes.get("agent")),
    }
    return mode, config


def _resource(flow: Flow, name: Any) -> Any:
    return next((each for each in flow.resources if each.id == name), None)


def _native_model(flow: Flow, node: Node) -> dict[str, Json]:
    model = _resource(flow, node.params.get("model"))
    return {
        "provider": model.hint.get("provider", "") if model else "",
        "name": model.name if model else "",
        "mode": node.params.get("mode", "chat"),
        "completion_params": node.params.get("parameters", {}),
    }


def _printed(value: Value) -> str:
    said = parts(value)
    if said[:2] == _KNOWN[:2]:
        said = (str(said[2]).removeprefix(_KNOWN[2]), *said[3:])
    return "".join(_blank(part) if isinstance(part, Ref) else str(part) for part in said)


def _blank(ref: Ref) -> str:
    words = {_CONTEXT: "#context#", _QUERY: "#query#"}
    return "{{" + words.get(ref, str(ref.path[0]) if ref.path else "") + "}}"


_FIELDS = {"number": "number", "boolean": "checkbox", "file": "file", "array": "file-list", "object": "json_object"}


def _field(name: str, type_: Type) -> dict[str, Json]:
    kind = _FIELDS.get(type_.name, "select" if type_.options else "text-input")
    field: dict[str, Json] = {"label": type_.label or name, "variable": name, "required": type_.required}
    if type_.options:
        field["options"] = list(type_.options)
    if type_.max_length is not None:
        field["max_length"] = type_.max_length
    if type_.default is not None:
        field["default"] = type_.default
    if type_.description:
        field["description"] = type_.description
    return {kind: field}


def _asked(retrieve: Node | None) -> str:
    query = retrieve.params.get("query") if retrieve else None
    return str(query.path[0]) if isinstance(query, Ref) and query.node else ""


def _datasets(flow: Flow, retrieve: Node | None) -> dict[str, Json]:
    if retrieve is None:
        return {"retrieval_model": "multiple", "datasets": {"datasets": []}}
    ids = [_resource(flow, name).hint.get("dataset_id", "") for name in retrieve.params.get("knowledge", [])]
    settings: dict[str, Json] = {
        key: retrieve.params[key] for key in ("top_k", "score_threshold") if key in retrieve.params
    }
    sets = [{"dataset": {"enabled": True, "id": name}} for name in ids]
    return {"retrieval_model": "multiple", **settings, "datasets": {"datasets": sets}}


def _agent_mode(flow: Flow, agent: Node | None) -> dict[str, Json]:
    if agent is None:
        return {"enabled": False, "tools": []}
    tools = []
    for each in agent.params.get("tools", []):
        hint = _resource(flow, each["tool"]).hint
        tools.append(
            {
                "enabled": True,
                "provider_id": hint.get("provider", ""),
                "provider_name": hint.get("provider", ""),
                "provider_type": hint.get("type", "builtin"),
                "tool_name": each["name"],
                "tool_label": hint.get("label", each["name"]),
                "tool_parameters": each["inputs"],
            }
        )
    rounds = {"max_iteration": agent.params["max_rounds"]} if "max_rounds" in agent.params else {}
    return {"enabled": True, "strategy": "function_call", **rounds, "tools": tools}
