"""The tools of `offered`, served in this process."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from tests.tools.offered import context, may_call, registry
from tools.server import create_server


@contextmanager
def served() -> Iterator[str]:
    """Its address."""
    config = uvicorn.Config(create_server(registry(), context(), may_call), port=0, log_config=None)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()
