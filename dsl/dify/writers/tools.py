"""Tools of plugins, of servers and of the workspace, and flows that are published as tools."""

from dsl.dify import names
from dsl.dify.resources import bound
from dsl.dify.work import Work
from dsl.dify.writers.types import schema
from dsl.dify.writers.values import Data, Write, argument, plain
from dsl.ir import Node


def _tool(work: Work, node: Node) -> Data:
    binding = bound(work, node, node.params.get("tool", node.params.get("flow")), flow=node.kind == "subflow")
    settings = node.params.get("settings") or {}
    arguments = {name: argument(work, value) for name, value in node.inputs.items()}
    made: Data = {**binding, "tool_parameters": arguments}
    if node.params.get("version") == "1":
        made["tool_configurations"] = plain(work, settings)
    else:
        made["tool_configurations"] = {name: argument(work, value) for name, value in settings.items()}
        made["tool_node_version"] = "2"
    more = {name: type_ for name, type_ in node.outputs.items() if name not in names.TOOL_OUTPUTS}
    if more:
        made["output_schema"] = {"type": "object", "properties": {name: schema(type_) for name, type_ in more.items()}}
    return made


WRITERS: dict[str, Write] = {"tool": _tool, "subflow": _tool}
