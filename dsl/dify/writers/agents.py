"""A model with tools: what it is told stands among the parameters of a strategy."""

from typing import Any

from dsl.dify.resources import bound
from dsl.dify.work import Work
from dsl.dify.writers.models import memory, model
from dsl.dify.writers.values import Data, Write, argument, text
from dsl.ir import Json, Node


def _agent(work: Work, node: Node) -> Data:
    messages = node.params.get("messages", [])
    system = [each["text"] for each in messages if each["role"] == "system"]
    asked = [each["text"] for each in messages if each["role"] == "user"]
    query = node.params.get("query") or (asked[-1] if asked else "")
    given: dict[str, Json] = {"query": text(work, query)}
    if system:
        given["instruction"] = "\n\n".join(text(work, each) for each in system)
    if node.params.get("max_rounds"):
        given["maximum_iterations"] = node.params["max_rounds"]
    given["tools"] = [_agent_tool(work, node, each) for each in node.params.get("tools", [])]
    if used := model(work, node):
        used = {"model": used.pop("name"), "model_type": "llm", "type": "model-selector", **used}
        given["model"] = used
    made: Data = {
        "agent_strategy_provider_name": "langgenius/agent/agent",
        "agent_strategy_name": "function_calling",
        "agent_strategy_label": "FunctionCalling",
        "agent_parameters": {name: {"type": "constant", "value": value} for name, value in given.items()},
        "tool_node_version": "2",
    }
    if "memory" in node.params:
        made["memory"] = memory(node)
    return made


def _agent_tool(work: Work, node: Node, tool: dict[str, Any]) -> Data:
    binding = bound(work, node, tool.get("tool"))
    settings = {name: {"value": argument(work, value)} for name, value in (tool.get("inputs") or {}).items()}
    return {
        "enabled": True,
        "type": binding["provider_type"],
        "provider_name": binding["provider_id"],
        "tool_name": binding["tool_name"],
        "tool_label": binding["tool_label"],
        "tool_description": tool.get("description", ""),
        "extra": {"description": tool.get("description", "")},
        "parameters": {},
        "schemas": [],
        "settings": settings,
    }


WRITERS: dict[str, Write] = {"agent": _agent}
