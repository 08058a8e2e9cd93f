"""Ready-made workflows and nodes that call a tool, for each platform: what people paste or import."""

import json
from typing import Any

from dsl.ir import Edge, Flow, Graph, Node, Ref, Type, Variable
from tools.openapi import flattened
from tools.registry import Tool

KEY = "FLOWSTILL_KEY"  # the variable or credential that holds the key


def workflow(tool: Tool, server: str) -> Flow:
    """A flow that asks for the tool's arguments, calls it and gives out what it answers.

    The arguments go as a form: no platform escapes what it puts into JSON text.
    """
    inputs = {name: _input(schema) for name, schema in _arguments(tool).items()}
    answer = Ref("call", ("body",))
    nodes = [
        Node("start", "start", "Start", outputs=inputs),
        Node("call", "http", tool.name, params=_call(tool, server, [*inputs]), description=tool.summary),
        Node("end", "end", "End", inputs={"answer": answer}, outputs={"answer": Type("string")}),
    ]
    edges = [Edge("start", "call"), Edge("call", "end")]
    variable = Variable("env", KEY, Type("secret"), description="A key that `flowstill keys create` made.")
    return Flow(tool.name, "ir", description=tool.description, variables=[variable], graph=Graph(nodes, edges))


def _call(tool: Tool, server: str, names: list[str]) -> dict[str, Any]:
    fields = [{"name": name, "type": "text", "value": Ref("start", (name,))} for name in names]
    return {
        "method": "POST",
        "url": f"{server}/tools/{tool.name}",
        "auth": {"type": "bearer", "name": "", "value": Ref("", (KEY,), "env")},
        "body": {"type": "urlencoded", "fields": fields},
        "response": "text",
    }


def n8n_tool(tool: Tool, server: str) -> dict[str, Any]:
    """An HTTP Request Tool, to be pasted on n8n's canvas under an agent; the model gives the arguments."""
    said = ", ".join(f'"{name}": {_from_ai(name, schema, tool)}' for name, schema in _arguments(tool).items())
    return _pasted(
        tool.name,
        "n8n-nodes-base.httpRequestTool",
        4.2,
        {
            "toolDescription": tool.description,
            "method": "POST",
            "url": f"{server}/tools/{tool.name}",
            "authentication": "genericCredentialType",
            "genericAuthType": "httpBearerAuth",
            "sendBody": True,
            "specifyBody": "json",
            "jsonBody": f"={{{{ JSON.stringify({{{said}}}) }}}}",
            # Else n8n keeps to itself what is wrong with an argument, and the model cannot put it right.
            "options": {"response": {"response": {"neverError": True}}},
        },
    )


def n8n_mcp(server: str) -> dict[str, Any]:
    """An MCP Client Tool, which offers all tools of this server to an agent."""
    parameters = {
        "endpointUrl": f"{server}/mcp",
        "serverTransport": "httpStreamable",
        "authentication": "bearerAuth",
        "include": "all",
        "options": {},
    }
    return _pasted("flowstill", "@n8n/n8n-nodes-langchain.mcpClientTool", 1.2, parameters)


def _pasted(name: str, kind: str, version: float, parameters: dict[str, Any]) -> dict[str, Any]:
    """Text of this form is a node when it is pasted on the canvas; its credential is chosen there."""
    node = {
        "id": name,
        "name": name,
        "type": kind,
        "typeVersion": version,
        "position": [0, 0],
        "parameters": parameters,
    }
    return {"nodes": [node], "connections": {}}


def _arguments(tool: Tool) -> dict[str, Any]:
    properties: dict[str, Any] = flattened(tool.arguments.model_json_schema())["properties"]
    return properties


def _input(schema: dict[str, Any]) -> Type:
    """Lists and objects are asked for as JSON text, which the server takes for what it says."""
    kind = schema["type"]
    simple: Any = kind if kind in ("string", "integer", "number", "boolean") else "string"
    return Type(
        simple,
        required="default" not in schema,
        description=schema.get("description", ""),
        options=tuple(map(str, schema.get("enum", ()))),
        default=schema.get("default") if kind == simple else None,
    )


def _from_ai(name: str, schema: dict[str, Any], tool: Tool) -> str:
    """What the model gives for an argument, in n8n's words; one with a default may be left out."""
    kind = {"integer": "number", "array": "json", "object": "json"}.get(schema["type"], schema["type"])
    given = [name, schema.get("description", ""), kind]
    default = [schema["default"]] if schema.get("default") is not None else []
    return f"$fromAI({', '.join(json.dumps(each, ensure_ascii=False) for each in given + default)})"
