"""A small HTTP server on a loopback port whose answers a coroutine decides."""

import asyncio
import contextlib
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec


@dataclass
class Call:
    """One request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]  # names in lower case
    body: bytes
    gone: Callable[[], bool]  # has the client hung up?

    def json(self) -> Any:
        return msgspec.json.decode(self.body)


@dataclass
class Reply:
    """What to send back; status 0 sends the body alone, which may be nothing, and closes the connection."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)

    @classmethod
    def json(cls, value: Any, status: int = 200, **headers: str) -> "Reply":
        return cls(status, msgspec.json.encode(value), headers | {"Content-Type": "application/json"})


Answering = Callable[[Call], Awaitable[Reply]]


async def listen(answering: Answering, port: int = 0) -> asyncio.Server:
    """The server, listening; keeps connections alive as real ones do."""
    tasks = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError), contextlib.closing(writer):
            while True:
                reply = await answering(await _call(reader))
                writer.write(_encoded(reply) if reply.status else reply.body)
                await writer.drain()
                if reply.status == 0:
                    return

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A task of our own: asyncio's streams of Python 3.11 complain about one that ends by cancellation.
        task = asyncio.create_task(serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    return await asyncio.start_server(connected, "127.0.0.1", port)


async def _call(reader: asyncio.StreamReader) -> Call:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.rstrip().split("\r\n")
    method, path, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Call(method, path, headers, body, reader.at_eof)


def _encoded(reply: Reply) -> bytes:
    headers = {"Content-Length": str(len(reply.body))} | reply.headers
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {reply.status} Said\r\n{lines}\r\n".encode() + reply.body


def address(server: asyncio.Server) -> str:
    return f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@contextlib.contextmanager
def serving(answering: Answering) -> Iterator[str]:
    """The URL of a server that runs in a thread for as long as the block lasts."""
    ready: list[str] = []
    started, stop = threading.Event(), asyncio.Event()
    loops: list[asyncio.AbstractEventLoop] = []

    async def run() -> None:
        server = await listen(answering)
        ready.append(address(server))
        loops.append(asyncio.get_running_loop())
        started.set()
        await stop.wait()
        server.close()

    thread = threading.Thread(target=lambda: asyncio.run(run()), daemon=True)
    thread.start()
    started.wait(10)
    try:
        yield ready[0]
    finally:
        loops[0].call_soon_threadsafe(stop.set)
        thread.join(10)


@contextlib.contextmanager
def replaying(replies: Sequence[Reply]) -> Iterator[tuple[str, list[Call]]]:
    """A server that gives these replies in turn, the last one for ever, and the calls it got."""
    calls: list[Call] = []

    async def answering(call: Call) -> Reply:
        calls.append(call)
        return replies[min(len(calls), len(replies)) - 1]

    with serving(answering) as url:
        yield url, calls
