"""Requests: headers and parameters stand as lines of text, keys in the environment."""

from typing import Any

from dsl.dify import names
from dsl.dify.resources import secret_name
from dsl.dify.work import Work
from dsl.dify.writers.values import Data, Write, selector, text
from dsl.ir import Node, Value


def _http(work: Work, node: Node) -> Data:
    given = node.params
    timeout = {key: value for key, value in (given.get("timeout") or {}).items() if key in ("connect", "read", "write")}
    made: Data = {
        "method": str(given.get("method", "GET")).lower(),
        "url": text(work, given.get("url", "")),
        "authorization": _auth(work, node),
        "headers": _lines(work, given.get("headers") or []),
        "params": _lines(work, given.get("query") or []),
        "body": _body(work, given.get("body")),
        "timeout": {**timeout, **{f"max_{key}_timeout": timeout.get(key, 0) for key in ("connect", "read", "write")}},
        "variables": [],
    }
    return made | ({"ssl_verify": given["verify_tls"]} if "verify_tls" in given else {})


def _lines(work: Work, pairs: list[list[Value]]) -> str:
    lines = [":".join(text(work, part).replace("\n", " ").strip() for part in pair) for pair in pairs]
    return "\n".join(lines)


_AUTHS = {"bearer": "bearer", "basic": "basic", "header": "custom"}


def _auth(work: Work, node: Node) -> Data:
    auth = node.params.get("auth")
    if not auth:
        return {"type": "no-auth", "config": None}
    kind = _AUTHS.get(auth.get("type"), "bearer")
    key = text(work, auth["value"]) if "value" in auth else ""
    if not key and (auth.get("credential") or not work.own):
        key = f"{{{{#env.{secret_name(work, auth.get('credential'), node)}#}}}}"
    header = auth.get("name", "") if kind == "custom" else ""
    return {"type": "api-key", "config": {"type": kind, "api_key": key, "header": header}}


def _body(work: Work, body: dict[str, Any] | None) -> Data:
    if not body:
        return {"type": "none", "data": []}
    kind = names.NATIVE_BODIES[body["type"]]
    if "fields" in body:
        return {"type": kind, "data": [_field(work, each, i) for i, each in enumerate(body["fields"])]}
    if body["type"] == "binary":
        return {
            "type": kind,
            "data": [{"id": "1", "key": "", "type": "file", "file": selector(work, body.get("file"))}],
        }
    return {"type": kind, "data": [{"id": "1", "key": "", "type": "text", "value": text(work, body.get("text", ""))}]}


def _field(work: Work, field: dict[str, Any], place: int) -> Data:
    made: Data = {"id": str(place + 1), "key": text(work, field["name"]), "type": field.get("type", "text")}
    if field.get("type") == "file":
        return made | {"file": selector(work, field.get("value"))}
    return made | {"value": text(work, field.get("value"))}


WRITERS: dict[str, Write] = {"http": _http}
