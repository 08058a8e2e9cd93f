"""A service that says what it was asked: method, path, query, headers and body.

`/status/N` answers with that status, `/list` with a JSON list of two objects, and everything else with 200.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import parse_qsl, urlsplit

import msgspec

from tests.doubles.web import Call, Reply, serving


async def answer(call: Call) -> Reply:
    url = urlsplit(call.path)
    if url.path == "/list":
        return Reply.json([{"n": 1}, {"n": 2}])
    status = int(url.path.removeprefix("/status/")) if url.path.startswith("/status/") else 200
    text = call.body.decode(errors="replace")
    try:
        parsed = call.json() if text else None
    except msgspec.DecodeError:
        parsed = None
    form = dict(parse_qsl(text)) if "urlencoded" in call.headers.get("content-type", "") else {}
    said = {"method": call.method, "path": url.path, "query": dict(parse_qsl(url.query)), "headers": call.headers}
    return Reply.json(said | {"json": parsed, "form": form, "text": text}, status)


@contextmanager
def echo() -> Iterator[str]:
    """The URL of the service on a free port."""
    with serving(answer) as url:
        yield url
