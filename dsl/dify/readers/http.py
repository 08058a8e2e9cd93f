"""Requests: headers and parameters stand as lines of text, keys go to the environment."""

from dsl.dify import names
from dsl.dify.place import Place
from dsl.dify.readers.source import Fill, Source
from dsl.ir import Node, Ref, Text, Value


def _http(data: Place, node: Node, source: Source) -> None:
    node.params["method"] = data.text("method", default="get").upper()
    node.params["url"] = source.text(data.at("url"), node)
    for ours, theirs in (("headers", "headers"), ("query", "params")):
        if pairs := _pairs(data.text(theirs), node, source):
            node.params[ours] = pairs
    if auth := _auth(data.mapping("authorization"), node, source):
        node.params["auth"] = auth
    if body := _body(data, node, source):
        node.params["body"] = body
    timeout = data.mapping("timeout")
    seconds = {key: timeout.number(key) or timeout.number(f"max_{key}_timeout") for key in ("connect", "read", "write")}
    if seconds := {key: value for key, value in seconds.items() if value}:
        node.params["timeout"] = seconds
    if data.has("ssl_verify"):
        node.params["verify_tls"] = data.flag("ssl_verify")
    if data.has("error_strategy") or data.flag("retry_config", "retry_enabled"):
        node.params["on_status"] = "fail"


def _pairs(lines: str, node: Node, source: Source) -> list[list[Value]]:
    """Headers and parameters stand one a line, `name:value`."""
    split = [line.partition(":") for line in lines.splitlines() if line.strip()]
    return [[source.refs.text(part.strip(), node.id) for part in (name, value)] for name, _, value in split]


_AUTHS = {"bearer": "bearer", "basic": "basic", "custom": "header"}


def _auth(place: Place, node: Node, source: Source) -> dict[str, Value] | None:
    if place.text("type") != "api-key":
        return None
    config = place.mapping("config")
    kind = _AUTHS.get(config.text("type"), "bearer")
    auth = {"type": kind, "name": config.text("header") if kind == "header" else ""}
    key = source.text(config.at("api_key"), node)
    secrets = {variable.name for variable in source.variables if variable.type.name == "secret"}
    first = key.parts[0] if isinstance(key, Text) and len(key.parts) == 1 else None
    if isinstance(first, Ref) and first.scope == "env" and first.path[0] in secrets:
        return auth | {"credential": source.register.add("credential", str(first.path[0]), type=kind)}
    if isinstance(key, Text) or not key:
        return auth | ({"value": key} if key else {})
    name = source.secret(node, config.at("api_key"))
    return auth | {"credential": source.register.add("credential", name, type=kind)}


def _body(data: Place, node: Node, source: Source) -> dict[str, Value] | None:
    place = data.mapping("body")
    kind = names.BODIES.get(place.text("type"))
    if kind is None:
        return None
    if not isinstance(place.value.get("data"), list):  # until 0.1.2 the body was one text
        text = place.text("data")
        pairs = [{"name": n, "type": "text", "value": v} for n, v in _pairs(text, node, source)]
        return (
            {"type": kind, "fields": pairs}
            if kind in ("form", "urlencoded")
            else {"type": kind, "text": source.refs.text(text, node.id)}
        )
    parts = place.mappings("data")
    if kind in ("form", "urlencoded"):
        return {"type": kind, "fields": [_field(each, node, source) for each in parts]}
    if kind == "binary":
        return {"type": kind, "file": source.ref(parts[0].at("file"), node) if parts else None}
    return {"type": kind, "text": source.text(parts[0].at("value"), node) if parts else ""}


def _field(place: Place, node: Node, source: Source) -> dict[str, Value]:
    file = place.text("type") == "file"
    value = source.ref(place.at("file"), node) if file else source.text(place.at("value"), node)
    name = source.text(place.at("key"), node)
    return {"name": name, "type": "file" if file else "text", "value": value}


READERS: dict[str, Fill] = {"http": _http}
