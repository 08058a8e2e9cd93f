"""HTTP requests on Coze, read and written."""

import json
from dataclasses import replace
from typing import Any

from dsl.coze import text
from dsl.coze.reading import Reading, mapping
from dsl.coze.tables import SCOPES
from dsl.coze.writing import Made, Writing, variables
from dsl.ir import Ref, Type, Value
from dsl.values import parts


def read(reading: Reading) -> None:
    node, inputs = reading.node, reading.inputs
    about, setting = mapping(inputs.get("apiInfo")), mapping(inputs.get("setting"))
    node.kind = "http"
    node.params = {
        "method": str(about.get("method") or "GET").upper(),
        "url": _blocks(reading, about.get("url")),
        "headers": [[name, value] for name, value in reading.params(inputs.get("headers")).items()],
        "query": [[name, value] for name, value in reading.params(inputs.get("params")).items()],
    }
    node.params |= _key_of(reading, inputs.get("auth")) | _body_of(reading, mapping(inputs.get("body")))
    if isinstance(setting.get("timeout"), (int, float)):
        node.params["timeout"] = {"read": setting["timeout"]}
    retries = setting.get("retryTimes")
    if isinstance(retries, int) and retries and not node.on_error.retries:
        node.on_error = replace(node.on_error, retries=retries)


def _blocks(reading: Reading, words: Any) -> Value:
    return text.blocks(words, reading.find, SCOPES) if isinstance(words, str) else ""


def _key_of(reading: Reading, auth: Any) -> dict[str, Value]:
    """A key that is a reference stays one; a literal is a secret and becomes a credential."""
    if not isinstance(auth, dict) or not auth.get("authOpen"):
        return {}
    data = mapping(auth.get("authData"))
    bearer = auth.get("authType") == "BEARER_AUTH"
    custom = mapping(data.get("customData"))
    given = reading.params(data.get("bearerTokenData") if bearer else custom.get("data"))
    name = "" if bearer else given.get("Key", "")
    kind = "bearer" if bearer else "query" if custom.get("addTo") == "query" else "header"
    value = given.get("token" if bearer else "Value")
    made: dict[str, Value] = {"type": kind, "name": name}
    if isinstance(value, Ref):
        made["value"] = value
    else:
        made["credential"] = reading.found.resource(
            "credential", f"key of {reading.node.title or reading.node.id}", {"type": kind}
        )
    return {"auth": made}


def _body_of(reading: Reading, body: dict[str, Any]) -> dict[str, Value]:
    kind, data = body.get("bodyType"), mapping(body.get("bodyData"))
    if kind == "JSON":
        return {"body": {"type": "json", "text": _blocks(reading, data.get("json"))}}
    if kind == "RAW_TEXT":
        return {"body": {"type": "text", "text": _blocks(reading, data.get("rawText"))}}
    if kind in ("FORM_DATA", "FORM_URLENCODED"):
        given = mapping(data.get("formData")).get("data") if kind == "FORM_DATA" else data.get("formURLEncoded")
        fields = [{"name": name, "type": "text", "value": value} for name, value in reading.params(given).items()]
        return {"body": {"type": "form" if kind == "FORM_DATA" else "urlencoded", "fields": fields}}
    if kind == "BINARY":
        return {"body": {"type": "binary", "file": reading.value(mapping(data.get("binary")).get("fileURL"))}}
    return {}


# -- and back


def write(writing: Writing) -> Made:
    node, params = writing.node, writing.node.params
    headers = [writing.param(_said(name), value) for name, value in params.get("headers", [])]
    query = [writing.param(_said(name), value) for name, value in params.get("query", [])]
    made: dict[str, Any] = {
        "apiInfo": {"method": params.get("method", "GET"), "url": writing.http_text(params.get("url", ""))},
        "headers": headers,
        "params": query,
        "auth": _auth(writing, params.get("auth")),
        "body": _body(writing, params.get("body") or {}),
        "setting": {
            "timeout": int((params.get("timeout") or {}).get("read") or 120),
            "retryTimes": node.on_error.retries,
        },
    }
    if params.get("method") not in ("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD"):
        writing.note("degraded", "http.method", f"The method {params.get('method')} does not exist here.")
    types = {"body": Type("string"), "statusCode": Type("integer"), "headers": Type("string")}
    return "45", made, variables(types)


def _said(name: Value) -> str:
    return name if isinstance(name, str) else "".join(part for part in parts(name) if isinstance(part, str))


def _auth(writing: Writing, auth: Any) -> dict[str, Any]:
    if not isinstance(auth, dict) or auth.get("type") in (None, "none"):
        return {"authOpen": False}
    if auth.get("value") is None:
        writing.note(
            "needs_binding", "resource.credential", "The key of this request is no part of the file.", "Put it in here."
        )
    token = [writing.param("token", auth.get("value", ""))]
    if auth["type"] == "bearer":
        return {"authOpen": True, "authType": "BEARER_AUTH", "authData": {"bearerTokenData": token}}
    where = "query" if auth["type"] == "query" else "header"
    key = auth.get("name") or "Authorization"
    data = [writing.param("Key", key), writing.param("Value", auth.get("value", ""))]
    return {"authOpen": True, "authType": "CUSTOM_AUTH", "authData": {"customData": {"addTo": where, "data": data}}}


def _body(writing: Writing, body: dict[str, Any]) -> dict[str, Any]:
    kind = body.get("type")
    if kind == "json":
        return {"bodyType": "JSON", "bodyData": {"json": writing.http_text(body.get("text", ""))}}
    if kind == "text":
        return {"bodyType": "RAW_TEXT", "bodyData": {"rawText": writing.http_text(body.get("text", ""))}}
    if kind in ("form", "urlencoded"):
        fields = [writing.param(_said(each.get("name", "")), each.get("value")) for each in body.get("fields", [])]
        if kind == "urlencoded":
            return {"bodyType": "FORM_URLENCODED", "bodyData": {"formURLEncoded": fields}}
        kinds = json.dumps({each["name"]: {"basicType": "string"} for each in fields})
        return {"bodyType": "FORM_DATA", "bodyData": {"formData": {"data": fields, "typeMapping": kinds}}}
    if kind == "binary":
        return {"bodyType": "BINARY", "bodyData": {"binary": {"fileURL": writing.block(body.get("file"))}}}
    return {"bodyType": "EMPTY", "bodyData": {}}
