"""The same tools over MCP: streamable HTTP beside the Flask application, or stdio."""

from typing import Any

from anyio import to_thread
from fastmcp import FastMCP
from fastmcp.exceptions import ToolError as McpError
from fastmcp.server.auth import AccessToken, TokenVerifier
from fastmcp.server.dependencies import get_access_token
from fastmcp.tools import Tool as McpTool
from fastmcp.tools import ToolResult
from pydantic import BaseModel, PrivateAttr

from tools import ToolError
from tools.access import MayCall
from tools.context import Context
from tools.registry import Registry, Tool


class _Offered(McpTool):
    """A tool of the registry, as fastmcp lists and calls it."""

    _tool: Tool = PrivateAttr()
    _context: Context = PrivateAttr()
    _may_call: MayCall | None = PrivateAttr()

    @classmethod
    def of(cls, tool: Tool, context: Context, may_call: MayCall | None) -> "_Offered":
        made = cls(
            name=tool.name,
            description=tool.description,
            parameters=tool.arguments.model_json_schema(),
            output_schema=tool.answer.model_json_schema(mode="serialization"),
        )
        made._tool, made._context, made._may_call = tool, context, may_call
        return made

    async def run(self, arguments: dict[str, Any]) -> ToolResult:
        token = get_access_token()
        try:
            answer = await to_thread.run_sync(self._answer, arguments, token.token if token else "")
        except ToolError as error:
            raise McpError(str(error)) from None
        return ToolResult(content=answer.model_dump_json(), structured_content=answer.model_dump(mode="json"))

    def _answer(self, arguments: dict[str, Any], key: str) -> BaseModel:
        if self._may_call and not self._may_call(key, self.name):
            raise ToolError(f"This key is not for the tool {self.name!r}.")
        return self._tool.run(self._context, self._tool.validated(arguments))


class _Keys(TokenVerifier):
    """Bearer keys, as for HTTP."""

    def __init__(self, may_call: MayCall) -> None:
        super().__init__()
        self.may_call = may_call

    async def verify_token(self, token: str) -> AccessToken | None:
        known = await to_thread.run_sync(self.may_call, token)
        return AccessToken(token=token, client_id="flowstill", scopes=[]) if known else None


def create_mcp(registry: Registry, context: Context, may_call: MayCall | None = None) -> FastMCP:
    """`may_call`: None for stdio, where whoever starts the process is who calls."""
    tools = [_Offered.of(tool, context, may_call) for tool in registry.tools.values()]
    auth = _Keys(may_call) if may_call else None
    return FastMCP("flowstill", auth=auth, tools=tools, mask_error_details=True, dereference_schemas=True)
