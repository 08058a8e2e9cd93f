"""The least time that the same calls can take: bare asyncio streams, kept alive, nothing parsed, nothing kept."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Any
from urllib.parse import urlsplit

import msgspec

from connectors import shape
from connectors.records import Record
from connectors.teacher import Request
from flows.config import Distil
from flows.distil import distil, plan


def requests(records: list[tuple[str, Record]], options: Distil) -> list[Request]:
    """What distilling these records asks."""
    listener = _Listener()

    async def ask() -> None:
        async for _ in distil(records, listener, options, plan(records, options)):  # type: ignore[arg-type]
            pass

    asyncio.run(ask())
    return listener.requests


def floor_seconds(url: str, asked: Iterable[Request], in_flight: int) -> float:
    """Wall time for all of them, at most `in_flight` at once, on as many connections."""
    bodies = [_body(request) for request in asked]
    started = time.perf_counter()
    asyncio.run(_all(url, iter(bodies), in_flight))
    return time.perf_counter() - started


async def _all(url: str, sent: Iterator[bytes], in_flight: int) -> None:
    await asyncio.gather(*(_worker(url, sent) for _ in range(in_flight)))


async def _worker(url: str, sent: Iterator[bytes]) -> None:
    host, port = urlsplit(url).hostname or "", urlsplit(url).port
    reader, writer = await asyncio.open_connection(host, port)
    for body in sent:
        head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        headers = (await reader.readuntil(b"\r\n\r\n")).lower()
        await reader.readexactly(int(headers.partition(b"content-length:")[2].split()[0]))
    writer.close()
    await writer.wait_closed()


class _Listener:
    """In the teacher's place: notes what would be asked, answers nothing."""

    model = "stub"

    def __init__(self) -> None:
        self.requests: list[Request] = []

    async def ask_all(self, asked: Iterable[tuple[Any, Request]]) -> AsyncIterator[Any]:
        self.requests += [request for _, request in asked]
        return
        yield  # never reached: it makes this an asynchronous generator


def _body(request: Request) -> bytes:
    body: dict[str, Any] = {"model": "stub", "messages": request.messages, "max_tokens": request.max_tokens}
    if request.shape:
        described = {"name": "answer", "schema": shape.schema(request.shape)}
        body["response_format"] = {"type": "json_schema", "json_schema": described}
    return msgspec.json.encode(body)
