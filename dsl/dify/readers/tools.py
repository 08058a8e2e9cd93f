"""Tools of plugins, of servers and of the workspace; an app that is published as a tool is a flow of its own."""

from dsl.dify import names
from dsl.dify.place import Place
from dsl.dify.readers.source import Fill, Source, argument
from dsl.dify.readers.types import schema_type
from dsl.ir import Node


def _tool(data: Place, node: Node, source: Source) -> None:
    kind, label = data.text("provider_type"), data.text("tool_label")
    provider = data.text("provider_id") or data.text("provider_name")
    flow = kind == "workflow"
    resource = source.register.tool(data.text("tool_name"), provider, kind, label)
    node.kind = "subflow" if flow else "tool"
    node.params["flow" if flow else "tool"] = resource
    node.inputs = {name: argument(place.value, node, source) for name, place in data.entries("tool_parameters")}
    if settings_are_plain(data):
        node.params["version"] = "1"
    settings = {name: argument(place.value, node, source) for name, place in data.entries("tool_configurations")}
    node.inputs = {name: value for name, value in node.inputs.items() if value is not None}
    if settings := {name: value for name, value in settings.items() if value is not None}:
        node.params["settings"] = settings
    members = schema_type(data.value.get("output_schema")).props or {}
    node.outputs = names.TOOL_OUTPUTS | members


def settings_are_plain(data: Place) -> bool:
    """Until 0.3 a setting was its value; now it is a mapping with type and value."""
    return not data.has("tool_node_version") and data.text("version") != "2"


READERS: dict[str, Fill] = {"tool": _tool}
