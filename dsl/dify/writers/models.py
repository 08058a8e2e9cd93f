"""Nodes that ask a model: its prompt, the classes it chooses from, the fields it finds."""

from typing import Any

from dsl.dify import names
from dsl.dify.resources import provider
from dsl.dify.work import Work
from dsl.dify.writers.values import Data, Write, named_inputs, plain, selector, text
from dsl.ir import Node, Ref, Script, Text


def _llm(work: Work, node: Node) -> Data:
    made = with_model(work, node)
    messages = list(node.params.get("messages", []))
    completion = node.params.get("mode") == "completion"
    if "memory" in node.params and not completion:
        role = {"role_prefix": {"user": "", "assistant": ""}}
        made["memory"] |= role
        if messages and messages[-1]["role"] == "user" and isinstance(messages[-1]["text"], (str, Text, Ref)):
            made["memory"]["query_prompt_template"] = text(work, messages.pop()["text"])
    prompts = [_message(work, message) for message in messages]
    made["prompt_template"] = _joined(prompts) if completion else prompts
    context = node.params.get("context")
    made["context"] = {"enabled": context is not None, "variable_selector": selector(work, context)}
    if node.inputs:
        made["prompt_config"] = {"jinja2_variables": named_inputs(work, node)}
    made["variables"] = []
    if schema := node.params.get("schema"):
        made |= {"structured_output": {"schema": schema}, "structured_output_enabled": True}
    if reasoning := node.params.get("reasoning"):
        made["reasoning_format"] = reasoning
    return made


def _message(work: Work, message: dict[str, Any]) -> Data:
    if isinstance(message["text"], Script):
        jinja = {"edition_type": "jinja2", "jinja2_text": message["text"].source, "text": ""}
        return {"role": message["role"], **jinja}
    return {"role": message["role"], "text": text(work, message["text"])}


def _joined(prompts: list[Data]) -> Data:
    """A completion model has one text."""
    if len(prompts) == 1:
        return {key: value for key, value in prompts[0].items() if key != "role"}
    return {
        "text": "\n\n".join(str(each.get("jinja2_text") or each["text"]) for each in prompts),
        "edition_type": "basic",
    }


def _classify(work: Work, node: Node) -> Data:
    classes = [
        {"id": str(each.get("id", i + 1)), "name": each["name"]}
        for i, each in enumerate(node.params.get("classes", []))
    ]
    return {
        **with_model(work, node),
        "query_variable_selector": selector(work, node.params.get("query")),
        "instruction": text(work, node.params.get("instruction", "")),
        "classes": classes,
        "topics": [],
    }


def _extract(work: Work, node: Node) -> Data:
    parameters = []
    for name, type_ in node.outputs.items():
        word = "select" if type_.options else names.narrowed(type_, names.EXTRACT_TYPES, "string")
        one: Data = {"name": name, "type": word, "description": type_.description, "required": type_.required}
        parameters.append(one | ({"options": list(type_.options)} if type_.options else {}))
    return {
        **with_model(work, node),
        "query": selector(work, node.params.get("query")),
        "instruction": text(work, node.params.get("instruction", "")),
        "reasoning_mode": node.params.get("method") or "function_call",
        "parameters": parameters,
        "variables": [],
    }


def with_model(work: Work, node: Node) -> Data:
    made: Data = {"vision": _vision(work, node)}
    if used := model(work, node):
        made["model"] = used
    if "memory" in node.params:
        made["memory"] = memory(node)
    return made


def model(work: Work, node: Node) -> Data:
    resource = work.resources.get(node.params.get("model"))
    if resource is None and work.own:
        return {}
    return {
        "provider": provider(work, node, resource),
        "name": resource.name if resource else "model",
        "mode": node.params.get("mode", "chat"),
        "completion_params": plain(work, node.params.get("parameters") or {}),
    }


def _vision(work: Work, node: Node) -> Data:
    if not (images := node.params.get("vision")):
        return {"enabled": False}
    return {"enabled": True, "configs": {"variable_selector": selector(work, images), "detail": "high"}}


def memory(node: Node) -> Data:
    window = (node.params["memory"] or {}).get("window")
    return {"window": {"enabled": window is not None, "size": window if window is not None else 10}}


WRITERS: dict[str, Write] = {"llm": _llm, "classify": _classify, "extract": _extract}
