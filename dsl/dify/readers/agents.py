"""A model with tools: what it is told stands among the parameters of a strategy."""

from dsl.dify.place import Place
from dsl.dify.readers.models import memory, model_of
from dsl.dify.readers.source import Fill, Source, argument
from dsl.ir import Node, Value


def _agent(data: Place, node: Node, source: Source) -> None:
    given = {name: place.mapping().at("value") for name, place in data.entries("agent_parameters")}
    if "model" in given and given["model"].value is not None:
        model_of(given["model"].mapping(), "model", node, source)
    memory(data, node)
    if "instruction" in given:
        node.params["messages"] = [{"role": "system", "text": source.text(given["instruction"], node)}]
    if "query" in given:
        query = given["query"]
        node.params["query"] = source.ref(query, node) if isinstance(query.value, list) else source.text(query, node)
    if "maximum_iterations" in given:
        node.params["max_rounds"] = given["maximum_iterations"].integer()
    tools = given["tools"].mappings() if "tools" in given else []
    node.params["tools"] = [_agent_tool(each, node, source) for each in tools if each.flag("enabled", default=True)]


def _agent_tool(place: Place, node: Node, source: Source) -> Value:
    provider = place.text("provider_name") or place.text("provider_id")
    tool = source.register.tool(place.text("tool_name"), provider, place.text("type"), place.text("tool_label"))
    inputs: dict[str, Value] = {}
    for name, each in place.entries("parameters"):
        if isinstance(each.value, dict) and not each.flag("auto", default=True):
            inputs[name] = argument(each.value.get("value"), node, source)
    for name, each in place.entries("settings"):
        inputs[name] = argument(each.value.get("value") if isinstance(each.value, dict) else each.value, node, source)
    inputs = {name: value for name, value in inputs.items() if value is not None}
    description = place.text("extra", "description") or place.text("tool_description")
    return {"name": place.text("tool_name"), "description": description, "tool": tool, "inputs": inputs}


READERS: dict[str, Fill] = {"agent": _agent}
