"""The one port: tools over HTTP and MCP, and their documents."""

import logging
from functools import partial
from ipaddress import ip_address
from typing import TYPE_CHECKING

from connectors.records import Passage
from flows import ConfigError, FlowError, keys
from flows.config import Config
from flows.store import Store

if TYPE_CHECKING:
    from tools.context import Context
    from tools.registry import Registry

_NOT_STARTED = (1, 3)  # uvicorn's exit codes for a port that it cannot have


def serve(config: Config, store: Store, host: str, port: int, public: str = "") -> None:
    """Answers until it is stopped. ConfigError: an extra is missing; FlowError: the port cannot be had."""
    try:
        import uvicorn

        from tools.server import create_server

        app = create_server(built_in(), context_of(config, store), partial(keys.may_call, store), public)
    except ModuleNotFoundError as error:
        raise _lacking("serve", error) from None
    _log_requests()
    try:
        uvicorn.run(app, host=host, port=port, log_config=None, access_log=False, server_header=False)
    except SystemExit as error:
        if error.code not in _NOT_STARTED:
            raise
        message = f"Nothing can be served at {host}:{port}: is another program there? Name another --port."
        raise FlowError(message) from None


def serve_stdio(config: Config, store: Store) -> None:
    """MCP over stdin and stdout, until the caller closes them. ConfigError: an extra is missing."""
    try:
        from tools.mcp import create_mcp

        mcp = create_mcp(built_in(), context_of(config, store))
    except ModuleNotFoundError as error:
        raise _lacking("mcp", error) from None
    mcp.run(transport="stdio", show_banner=False)


def _lacking(verb: str, error: ModuleNotFoundError) -> ConfigError:
    return ConfigError(f'`flowstill {verb}` needs {error.name}: pip install "flowstill[tools]"')


def _log_requests() -> None:
    """A line of JSON on stderr for each request, and the tracebacks of failures between them."""
    for name in ("flowstill.access", "flowstill.failures"):
        logger = logging.getLogger(name)
        logger.addHandler(logging.StreamHandler())
        logger.setLevel(logging.INFO)


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
    said = [f"Tools at http://{host}:{port}: /docs shows them, and what to paste on each platform."]
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
