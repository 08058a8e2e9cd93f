"""The same tools over MCP: streamable HTTP beside the Flask application, or stdio."""

from collections.abc import Callable
from typing import Any

from anyio import to_thread
from fastmcp import FastMCP
from fastmcp.exceptions import ToolError as McpError
from fastmcp.server.auth import AccessToken, TokenVerifier
from fastmcp.tools import Tool as McpTool
from fastmcp.tools import ToolResult
from pydantic import PrivateAttr

from tools import ToolError
from tools.context import Context
from tools.registry import Registry, Tool


class _Offered(McpTool):
    """A tool of the registry, as fastmcp lists and calls it."""

    _tool: Tool = PrivateAttr()
    _context: Context = PrivateAttr()

    @classmethod
    def of(cls, tool: Tool, context: Context) -> "_Offered":
        made = cls(
            name=tool.name,
            description=tool.description,
            parameters=tool.arguments.model_json_schema(),
            output_schema=tool.answer.model_json_schema(mode="serialization"),
        )
        made._tool, made._context = tool, context
        return made

    async def run(self, arguments: dict[str, Any]) -> ToolResult:
        try:
            given = self._tool.validated(arguments)
            answer = await to_thread.run_sync(self._tool.run, self._context, given)
        except ToolError as error:
            raise McpError(str(error)) from None
        return ToolResult(content=answer.model_dump_json(), structured_content=answer.model_dump(mode="json"))


class _Keys(TokenVerifier):
    """Bearer keys, as for HTTP."""

    def __init__(self, allowed: Callable[[str], bool]) -> None:
        super().__init__()
        self.allowed = allowed

    async def verify_token(self, token: str) -> AccessToken | None:
        known = await to_thread.run_sync(self.allowed, token)
        return AccessToken(token=token, client_id="flowstill", scopes=[]) if known else None


def create_mcp(registry: Registry, context: Context, allowed: Callable[[str], bool] | None = None) -> FastMCP:
    """`allowed`: whether a key may call tools; None for stdio, where whoever starts the process is who calls."""
    tools = [_Offered.of(tool, context) for tool in registry.tools.values()]
    auth = _Keys(allowed) if allowed else None
    return FastMCP("flowstill", auth=auth, tools=tools, mask_error_details=True, dereference_schemas=True)
