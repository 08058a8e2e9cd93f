"""What asks a model: Agent, LLM, Categorize; an extraction is a model with a structure."""

import copy
from dataclasses import replace
from itertools import groupby
from operator import itemgetter
from typing import Any

from dsl.ir import Ref, Value
from dsl.kinds import role
from dsl.ragflow.reading import Reading, listing
from dsl.ragflow.tables import PARAMETERS, SWITCHES
from dsl.ragflow.writing import Made, Writing
from dsl.schemas import schema_with
from dsl.values import map_refs, unique


def read_agent(reading: Reading) -> None:
    node, params = reading.node, reading.params
    tools = [*reading.items("tools"), *reading.items("mcp")]
    node.kind = "agent" if tools else "llm"
    messages = [{"role": "system", "text": reading.prompt(params["sys_prompt"])}] if params.get("sys_prompt") else []
    for each in reading.items("prompts"):
        said = reading.prompt(str(each.get("content") or ""))
        messages.append({"role": role(each.get("role")), "text": said})
    node.params = reading.model() | {"mode": "chat", "messages": messages}
    if isinstance(params.get("visual_files_var"), str) and params["visual_files_var"]:
        node.params["vision"] = reading.bare(params["visual_files_var"])
    if schema := _schema(reading):
        node.params["schema"] = schema
    if tools:
        node.params["tools"] = [_read_tool(reading, each) for each in tools]
        node.params["max_rounds"] = params.get("max_rounds", 5)


def _schema(reading: Reading) -> dict[str, Any] | None:
    """What RAGFlow asks the model for: it has properties, or is none."""
    held = reading.mapping("outputs").get("structured")
    for each in (held, held.get("schema"), held.get("structured")) if isinstance(held, dict) else ():
        if isinstance(each, dict) and isinstance(each.get("properties"), dict) and each["properties"]:
            return each
    return None


def _read_tool(reading: Reading, each: dict[str, Any]) -> dict[str, Value]:
    name = str(each.get("name") or each.get("component_name") or each.get("mcp_id") or "tool")
    hint = {key: each[key] for key in ("component_name", "mcp_id", "id") if isinstance(each.get(key), str)}
    inner = each.get("params") if isinstance(each.get("params"), dict) else {}
    described = str((inner or {}).get("description") or "")
    return {"name": name, "description": described, "tool": reading.resource("tool", name, hint), "inputs": {}}


def read_categorize(reading: Reading) -> None:
    node = reading.node
    node.kind = "classify"
    classes = [
        {
            "name": name,
            "description": str(each.get("description") or ""),
            "examples": [_example(one) for one in listing(each.get("examples")) if one],
        }
        for name, each in reading.mapping("category_description").items()
        if isinstance(each, dict)
    ]
    model, query = reading.model(), reading.bare(reading.params.get("query") or "sys.query")
    memory = model.pop("memory", None)
    node.params = model | {"query": query, "classes": classes}
    if isinstance(memory, dict) and memory["window"] > 1:
        node.params["memory"] = {"window": memory["window"] - 1}  # one of them is this turn


def _example(value: Any) -> str:
    return str(value.get("value", "")) if isinstance(value, dict) else str(value)


def write_model(writing: Writing) -> Made:
    params = writing.node.params
    said = [
        {"role": str(each.get("role", "user")), "content": writing.prompt(_in_context(each.get("text"), params))}
        for each in params.get("messages", [])
    ]
    system = "\n".join(each["content"] for each in said if each["role"] == "system")
    prompts = [each for each in said if each["role"] != "system"]
    if params.get("query") is not None:
        prompts.append({"role": "user", "content": writing.prompt(params["query"])})
    if writing.flow.dialect != "ragflow":
        prompts = _in_turns(writing, prompts)
    made = _model(writing) | {
        "sys_prompt": system,
        "prompts": prompts or [{"role": "user", "content": "{sys.query}"}],
        "max_rounds": params.get("max_rounds", 5),
    }
    made |= _tools(writing)
    if params.get("vision") is not None:
        made["visual_files_var"] = writing.bare(params["vision"])
    if params.get("schema"):  # it is looked for among the outputs
        made["outputs"] = {"content": {"type": "string", "value": ""}, "structured": params["schema"]}
    return "Agent", made


def _in_turns(writing: Writing, prompts: list[dict[str, str]]) -> list[dict[str, str]]:
    """Who speaks twice in a row says it at once: RAGFlow leaves out the second time."""
    turns = [list(each) for _, each in groupby(prompts, key=itemgetter("role"))]
    if len(turns) < len(prompts):
        writing.note("equivalent", "prompt.turns", "Messages of one role that follow each other became one.")
    return [{"role": turn[0]["role"], "content": "\n\n".join(each["content"] for each in turn)} for turn in turns]


def write_extract(writing: Writing) -> Made:
    """A model with the fields as its structure."""
    node, params = writing.node, writing.node.params
    instruction = params.get("instruction") or "Take the fields out of the text."
    said = [{"role": "system", "text": instruction}, {"role": "user", "text": params.get("query")}]
    asked = params | {"messages": said, "query": None, "schema": schema_with(node.outputs)}
    writing.note("degraded", "extract.model", "The extraction is a model with these outputs here; it does not say why.")
    return write_model(replace(writing, node=replace(node, params=asked)))


def _in_context(value: Value, params: dict[str, Value]) -> Value:
    """The passages stand where the message asks for them."""

    context = params.get("context")
    found = Ref("", ("context",), "system")
    return map_refs(value, lambda ref: context if ref == found and context is not None else ref)


def _model(writing: Writing) -> dict[str, Any]:
    params = writing.node.params
    known = {each.id: each for each in writing.flow.resources}
    model = known.get(params.get("model", ""))
    made: dict[str, Any] = {"llm_id": str((model.hint.get("llm_id") or model.name) if model else "")}
    for name, value in (params.get("parameters") or {}).items():
        if name in PARAMETERS:
            made |= {name: _allowed(writing, name, value), SWITCHES[name]: True}
        else:
            writing.note("degraded", "model.parameter", f"The model's parameter {name} does not exist here.")
    window = (params.get("memory") or {}).get("window", 0) if params.get("memory") is not None else 0
    return made | {"message_history_window_size": 100 if window is None else window}


def _allowed(writing: Writing, name: str, value: Any) -> Any:
    """RAGFlow refuses a canvas with a value beyond 0 and 1, and sends no temperature of 0."""
    if writing.flow.dialect == "ragflow" or name == "max_tokens" or not isinstance(value, int | float):
        return value
    if name == "temperature" and value == 0:
        writing.note("degraded", "model.parameter", "RAGFlow sends no temperature of 0: that of the model holds.")
    if not 0 <= value <= 1:
        within = min(max(value, 0), 1)
        writing.note("degraded", "model.parameter", f"{name} is {within} here and not {value}: RAGFlow takes 0 to 1.")
        return within
    return value


def _tools(writing: Writing) -> dict[str, list[dict[str, Any]]]:
    """Those that are RAGFlow's own: it refuses a canvas with a component that it does not know."""
    known = {each.id: each.hint for each in writing.flow.resources}
    asked = [(each, known.get(each.get("tool", ""), {})) for each in writing.node.params.get("tools", [])]
    mcp = [{"mcp_id": hint["mcp_id"], "tools": {}} for _, hint in asked if "mcp_id" in hint]
    tools = [_as_tool(each, hint) for each, hint in asked if "component_name" in hint]
    if foreign := [str(each.get("name")) for each, hint in asked if not {"mcp_id", "component_name"} & hint.keys()]:
        message = f"Without tools until they are chosen, as components or of an MCP server: {', '.join(foreign)}."
        writing.note("needs_binding", "resource.tool", message, "Choose them in the canvas.")
    return {"tools": tools, "mcp": mcp}


def _as_tool(each: dict[str, Any], hint: dict[str, Any]) -> dict[str, Any]:
    return {
        "component_name": hint["component_name"],
        "id": hint.get("id", ""),
        "name": str(each.get("name")),
        "params": {"description": each.get("description", "")},
    }


def write_classify(writing: Writing) -> Made:
    params = writing.node.params
    made = _model(writing) | {"query": writing.bare(params.get("query")) or "sys.query"}
    made["message_history_window_size"] += 1  # of this turn
    described = {}
    for i, each in enumerate(params.get("classes", [])):
        name = str(each.get("name") or f"class {i + 1}")
        described[name if name not in described else f"{name} {i + 1}"] = {
            "description": each.get("description", "") or "",
            "examples": list(each.get("examples", [])),
            "to": writing.targets(f"class:{i}"),
            "uuid": f"class-{i}",
        }
    described = _with_default(writing, described)
    if params.get("instruction"):
        writing.note("degraded", "class.instruction", "A categoriser takes no instruction of its own here.")
    return "Categorize", made | {"category_description": described}


def form(params: dict[str, Any]) -> dict[str, Any]:
    """The same as the editor shows it: its categories are a list."""
    kept = {name: copy.deepcopy(value) for name, value in params.items() if name != "category_description"}
    described = params["category_description"].items()
    return kept | {"items": [_item(name, each) for name, each in described]}


def _item(name: str, each: dict[str, Any]) -> dict[str, Any]:
    examples = [{"value": one} for one in each["examples"]]
    return {"name": name, "description": each["description"], "examples": examples, "uuid": each["uuid"]}


def _with_default(writing: Writing, described: dict[str, Any]) -> dict[str, Any]:
    """What fits nothing takes the last category: the one that leads there already, else one more."""
    targets = writing.targets("default")
    if not targets:
        return described
    same = next((name for name in reversed(described) if described[name]["to"] == targets), None)
    if same is not None and same == next(reversed(described)):
        return described
    if same is not None:
        writing.note("equivalent", "class.default", f"What fits no class takes the last one here: {same} stands last.")
        return {name: each for name, each in described.items() if name != same} | {same: described[same]}
    writing.note("equivalent", "class.default", "The default became a last category, called other.")
    other = {"description": "Anything else", "examples": [], "to": targets, "uuid": "other"}
    return described | {unique("other", set(described)): other}
