"""Dify's knowledge API, as far as workflows call it: documents come in as a file or a text, and are taken out again.

What it refuses, Dify refuses (api/controllers/service_api/dataset/document.py): another key, a request without a file,
a file without a name, no word about the cutting, a document that is not there. `/files/NAME` is a file to fetch.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from typing import Any

import msgspec

from tests.doubles.web import Call, Reply, serving

KEY, BASE = "the-key", "5f0c2d8e-0000-4000-8000-000000000000"
PDF = b"%PDF-1.4 \xff\xfe binary"
FILES = {"letter.pdf": ("application/pdf", PDF), "letter.txt": ("text/plain", b'She said "hi".\nThe end.')}


@dataclass
class Knowledge:
    url: str = ""
    documents: dict[str, dict[str, Any]] = field(default_factory=dict)  # by id: name, content, settings

    async def answer(self, call: Call) -> Reply:
        if call.path.startswith("/files/"):
            kind, content = FILES[call.path.removeprefix("/files/").partition("?")[0]]
            return Reply(200, content, {"Content-Type": kind})
        if call.headers.get("authorization") != f"Bearer {KEY}":
            return Reply.json({"code": "unauthorized"}, 401)
        base, _, rest = call.path.removeprefix("/v1/datasets/").partition("/")
        if base != BASE:
            return Reply.json({"code": "not_found"}, 404)
        if call.method == "DELETE":
            known = self.documents.pop(rest.removeprefix("documents/"), None)
            return Reply(204) if known else Reply.json({"code": "not_found"}, 404)
        came = {"document/create-by-file": _file, "document/create-by-text": _text}[rest](call)
        return self._created(came) if came else Reply.json({"code": "invalid_param"}, 400)

    def _created(self, came: dict[str, Any]) -> Reply:
        id_ = f"document-{len(self.documents) + 1}"
        self.documents[id_] = came
        return Reply.json({"document": {"id": id_, "name": came["name"], "indexing_status": "waiting"}, "batch": "b"})


def _text(call: Call) -> dict[str, Any] | None:
    came = call.json()
    fits = came.get("name") and came.get("text") and _is_said(came)
    return {"name": came.pop("name"), "content": came.pop("text").encode(), "settings": came} if fits else None


def _file(call: Call) -> dict[str, Any] | None:
    head = f"Content-Type: {call.headers['content-type']}\r\n\r\n".encode()
    parts = {str(_named(part, "name")): part for part in message_from_bytes(head + call.body).walk()}
    if not {"file", "data"} <= parts.keys() or not (name := parts["file"].get_filename()):
        return None
    settings, content = msgspec.json.decode(_content(parts["data"])), _content(parts["file"])
    return {"name": name, "content": content, "settings": settings} if _is_said(settings) else None


def _content(part: Message) -> bytes:
    return bytes(part.get_payload(decode=True))


def _named(part: Message, key: str) -> Any:
    return part.get_param(key, header="content-disposition")


def _is_said(settings: dict[str, Any]) -> bool:
    rule = settings.get("process_rule") or {}
    return bool(settings.get("indexing_technique")) and rule.get("mode") in ("automatic", "custom")


@contextmanager
def knowledge() -> Iterator[Knowledge]:
    double = Knowledge()
    with serving(double.answer) as url:
        double.url = url
        yield double
