"""The page that shows the tools, tries them, and gives each platform what to paste."""

import json
import secrets
from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, abort, render_template

import dsl
from tools import nodes
from tools.openapi import flattened
from tools.registry import Registry, Tool

PLATFORMS = {"dify": "Dify", "coze": "Coze", "n8n": "n8n", "ragflow": "RAGFlow"}


def pages(registry: Registry, base: Callable[[], str]) -> Blueprint:
    """`base`: the server's address, as others reach it."""
    made = Blueprint("docs", __name__, template_folder="pages")

    @made.get("/docs")
    def docs() -> Response:
        server, nonce = base(), secrets.token_urlsafe(12)
        shown = {
            "tools": [_shown(tool, server) for tool in registry.tools.values()],
            "all": {"n8n": _json(nodes.n8n_mcp(server)), "editors": _json(_editors(server))},
        }
        page = Response(render_template("docs.html", server=server, nonce=nonce, platforms=PLATFORMS, **shown))
        page.headers["Content-Security-Policy"] = (
            f"default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; connect-src 'self'; "
            "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )
        return page

    @made.get("/workflows/<platform>/<name>")
    def workflow(platform: str, name: str) -> Response:
        if platform not in PLATFORMS or name not in registry.tools:
            abort(404, f"There is no workflow of {name!r} for {platform!r}.")
        data = dsl.write(nodes.workflow(registry.tools[name], base()), platform).data
        ending = "yml" if platform == "dify" else "json"
        headers = {"Content-Disposition": f'attachment; filename="{name}.{platform}.{ending}"'}
        return Response(data, mimetype="text/plain", headers=headers)

    return made


def _shown(tool: Tool, server: str) -> dict[str, Any]:
    schema = flattened(tool.arguments.model_json_schema())
    required = schema.get("required", [])
    return {
        "name": tool.name,
        "summary": tool.summary,
        "more": tool.description.removeprefix(tool.summary).strip(),
        "arguments": [_argument(name, each, name in required) for name, each in schema["properties"].items()],
        "curl": _curl(tool, server, schema),
        "n8n": _json(nodes.n8n_tool(tool, server)),
    }


def _argument(name: str, schema: dict[str, Any], required: bool) -> dict[str, Any]:
    return {
        "name": name,
        "type": schema["type"],
        "required": required,
        "description": schema["description"],
        "choices": schema.get("enum", []),
        "default": schema.get("default"),
    }


def _curl(tool: Tool, server: str, schema: dict[str, Any]) -> str:
    given = {name: schema["properties"][name].get("default", "...") for name in schema.get("required", [])}
    body = json.dumps(given, ensure_ascii=False).replace("'", "'\\''")
    return f"curl {server}/tools/{tool.name} -H \"Authorization: Bearer $KEY\" \\\n  -d '{body}'"


def _editors(server: str) -> dict[str, Any]:
    """The entry that Cline, Claude Desktop and other MCP clients take; the first by address, the second by command."""
    headers = {"Authorization": "Bearer YOUR_KEY"}
    by_address = {"type": "streamableHttp", "url": f"{server}/mcp", "headers": headers}
    return {"mcpServers": {"flowstill": by_address, "flowstill-local": {"command": "flowstill", "args": ["mcp"]}}}


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)
