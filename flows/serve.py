"""The one port: tools over HTTP and MCP, and their documents."""

import logging
from collections.abc import Callable
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, cast

from connectors.records import Passage
from flows import ConfigError, FlowError, keys
from flows.config import Config
from flows.store import Store

if TYPE_CHECKING:
    from starlette.applications import Starlette

    from tools.context import Context
    from tools.registry import Registry

THREADS = 32  # requests answered at once; MCP calls have as many of their own
_NOT_STARTED = (1, 3)  # uvicorn's exit codes for a port that it cannot have


def serve(config: Config, store: Store, host: str, port: int, public: str = "") -> None:
    """Answers until it is stopped. ConfigError: an extra is missing; FlowError: the port cannot be had."""
    try:
        import uvicorn

        app = create_asgi(config, store, public)
    except ModuleNotFoundError as error:
        raise ConfigError(f'`flowstill serve` needs {error.name}: pip install "flowstill[tools]"') from None
    _log_requests()
    try:
        uvicorn.run(app, host=host, port=port, log_config=None, access_log=False, server_header=False)
    except SystemExit as error:
        if error.code not in _NOT_STARTED:
            raise
        message = f"Nothing can be served at {host}:{port}: is another program there? Name another --port."
        raise FlowError(message) from None


def _log_requests() -> None:
    """A line of JSON on stderr for each request, and the tracebacks of failures between them."""
    for name in ("flowstill.access", "flowstill.failures"):
        logger = logging.getLogger(name)
        logger.addHandler(logging.StreamHandler())
        logger.setLevel(logging.INFO)


def create_asgi(config: Config, store: Store, public: str = "") -> "Starlette":
    """MCP at /mcp; all else is the Flask application, each request in a thread."""
    from a2wsgi import WSGIMiddleware
    from starlette.routing import Mount

    from tools.app import create_app
    from tools.mcp import create_mcp

    registry, context = built_in(), context_of(config, store)
    may_call: Callable[..., bool] = lambda key, tool="": keys.may_call(store, key, tool)  # noqa: E731
    mcp = create_mcp(registry, context, may_call).http_app(path="/mcp", stateless_http=True, json_response=True)
    flask: Any = create_app(registry, context, may_call, public)
    threads: Any = WSGIMiddleware(flask, workers=THREADS)
    mcp.routes.append(Mount("/", threads))
    return cast("Starlette", mcp)


def built_in() -> "Registry":
    from tools.actions import BUILT_IN
    from tools.registry import Registry

    registry = Registry()
    registry.add(BUILT_IN)
    return registry


def context_of(config: Config, store: Store) -> "Context":
    """What the tools find here: each loop is a knowledge base of what was harvested for it."""
    from tools.context import Context

    def search(base: str, query: str, k: int) -> list[tuple[Passage, float]]:
        return store.search(base, query, k)

    return Context(bases=tuple(config.loops), search=search)


def greeting(store: Store, host: str, port: int) -> str:
    """Where things are, and what is still to do."""
    said = [
        f"Tools at http://{host}:{port}: /tools/<name>, /mcp, /openapi.json, /openapi/dify.json, /openapi/coze.json"
    ]
    if not store.access_keys():
        said.append("Nobody can call them yet: flowstill keys create NAME makes a key.")
    if not _is_loopback(host):
        said.append("Others on the network reach this port: keys travel in clear unless TLS is put in front.")
    return "\n".join(said)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
