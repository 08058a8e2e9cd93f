"""All faces of the tools on one port: MCP at /mcp, all else the Flask application."""

from typing import Any, cast

from a2wsgi import WSGIMiddleware
from starlette.applications import Starlette
from starlette.routing import Mount

from tools.access import MayCall
from tools.app import create_app
from tools.context import Context
from tools.mcp import create_mcp
from tools.registry import Registry

THREADS = 32  # requests that Flask answers at once; MCP calls have as many of their own


def create_server(registry: Registry, context: Context, may_call: MayCall, public: str = "") -> Starlette:
    """An ASGI application. `public`: its address for others, which the documents name."""
    mcp = create_mcp(registry, context, may_call).http_app(path="/mcp", stateless_http=True, json_response=True)
    flask: Any = create_app(registry, context, may_call, public)
    threads: Any = WSGIMiddleware(flask, workers=THREADS)
    mcp.routes.append(Mount("/", threads))
    return cast(Starlette, mcp)
