"""What n8n calls, read: HTTP with its credentials, other workflows, documents."""

from typing import TYPE_CHECKING, Any

from dsl.ir import Node, Resource, Type, Value
from dsl.n8n import jsontext, others, subnodes, tables
from dsl.n8n.source import Raw, dig, is_number, members
from dsl.spotting import found
from dsl.standing import Under
from dsl.values import words

if TYPE_CHECKING:
    from dsl.n8n.read import Reader


def http(reader: "Reader", raw: Raw, node: Node) -> None:
    if is_tool(raw) and _called_tool(reader, raw, node):
        return
    url = reader.words(raw.params.get("url", ""), raw)
    headers, query = _pairs(reader, raw, "header", "Headers"), _pairs(reader, raw, "query", "Query")
    if headers is None or query is None:
        message = "Its headers or its query are computed as a whole; elsewhere each has a name and a value."
        reader.note(raw, "stub", "http.computed", message, "Give them by name and value in n8n.")
        others.opaque(reader, raw, node)
        return
    node.kind = "http"
    method = raw.params.get("method", raw.params.get("requestMethod", "GET"))
    node.params = {
        "method": method.upper() if isinstance(method, str) else "GET",
        "url": url,
        "headers": headers,
        "query": query,
        "response": response_of(raw),
        "on_status": "pass" if _answer(raw, "neverError", "ignoreResponseCode") else "fail",
    }
    if auth := _auth(reader, raw):
        node.params["auth"] = auth
    if body := _body(reader, raw):
        node.params["body"] = body
    _http_options(raw, node)
    _sent_otherwise(reader, raw, node)
    if not is_full(raw):
        node.outputs = {"body": tables.ANY}


def is_tool(raw: Raw) -> bool:
    """Whether it is a tool from elsewhere, as flowstill writes one."""
    return raw.mark is not None and raw.mark[0] == "tool" and '"arguments"' in str(raw.params.get("jsonBody"))


def _called_tool(reader: "Reader", raw: Raw, node: Node) -> bool:
    """A tool from elsewhere, written as a call that its address is to be filled in for."""
    found, url = reader.value(raw.params.get("jsonBody"), raw), raw.params.get("url")
    if not isinstance(found, dict) or not isinstance(found.get("arguments"), dict) or not isinstance(url, str):
        return False
    name = url.rpartition("/")[2]
    node.kind, node.inputs = "tool", found["arguments"]
    resource = reader.resource(Resource(subnodes.resource_id("tool", name), "tool", name))
    node.params = {"tool": resource, "settings": found.get("settings") or {}}
    return True


def _http_options(raw: Raw, node: Node) -> None:
    options = dig(raw.params, "options")
    timeout = dig(options, "timeout")
    if is_number(timeout):
        node.params["timeout"] = {"read": timeout / 1000}
    if dig(options, "allowUnauthorizedCerts") is True:
        node.params["verify_tls"] = False
    follow = dig(options, "redirect", "redirect", "followRedirects")
    if follow is False or dig(options, "followRedirect") is False:
        node.params["follow_redirects"] = False


def _sent_otherwise(reader: "Reader", raw: Raw, node: Node) -> None:
    """What a request of n8n has in words of its own: the type of a text is a header elsewhere, a proxy is nowhere."""
    type_ = raw.params.get("rawContentType")
    named = any(str(name).lower() == "content-type" for name, _ in node.params["headers"])
    if node.params.get("body", {}).get("type") == "text" and type_ not in (None, "", "text/plain") and not named:
        node.params["headers"].append(["Content-Type", reader.words(type_, raw)])
    if dig(raw.params, "options", "proxy"):
        message = "The request goes through a proxy in n8n, and not elsewhere."
        reader.note(raw, "degraded", "http.proxy", message, "Set the proxy of the platform itself.")


def _answer(raw: Raw, name: str, old: str = "") -> bool:
    options = dig(raw.params, "options")
    return dig(options, "response", "response", name) is True or (bool(old) and dig(options, old) is True)


def is_full(raw: Raw) -> bool:
    return _answer(raw, "fullResponse", "fullResponse")


def response_of(raw: Raw) -> str:
    format_ = dig(raw.params, "options", "response", "response", "responseFormat") or raw.params.get("responseFormat")
    return "text" if format_ in ("text", "string") else "json"


def _pairs(reader: "Reader", raw: Raw, kind: str, name: str) -> list[list[Value]] | None:
    """Names and values, out of a form or out of JSON; None where they are nowhere apart."""
    if raw.version >= 3 and raw.params.get(f"send{name}") is not True:
        return []  # what stands there is kept for the day it is switched on
    if (raw.params.get(f"specify{name}") == "json") if raw.version >= 3 else raw.params.get("jsonParameters") is True:
        source = raw.params.get(f"json{name}" if raw.version >= 3 else f"{kind}ParametersJson") or "{}"
        found = jsontext.parsed(source, lambda code: reader.value(code, raw)) if isinstance(source, str) else source
        found = found if isinstance(found, dict) else reader.value(source, raw)
        return [[name, value] for name, value in found.items()] if isinstance(found, dict) else None
    items = members(raw.params, f"{kind}Parameters", "parameters") + members(
        raw.params, f"{kind}ParametersUi", "parameter"
    )
    return [[reader.value(item.get("name", ""), raw), _secret(reader, raw, item, kind)] for item in items]


def _secret(reader: "Reader", raw: Raw, item: dict[str, Any], kind: str) -> Value:
    """A value, or a variable in its place when it is a secret."""
    name, value = item.get("name"), item.get("value", "")
    literal = isinstance(value, str) and not value.startswith("=")
    if literal and isinstance(name, str) and found(value, Under(name, sent=True)):
        return reader.secret(raw, name, value, f"/parameters/{kind}Parameters")
    return reader.value(value, raw)


def _auth(reader: "Reader", raw: Raw) -> dict[str, Any] | None:
    kind = raw.params.get("authentication", "none")
    if not isinstance(kind, str) or kind == "none":
        return None
    named = raw.params.get("genericAuthType" if kind.startswith("generic") else "nodeCredentialType", kind)
    named = named if isinstance(named, str) else kind
    credential = dig(raw.data, "credentials", named)
    name = dig(credential, "name")
    known = dig(credential, "id")
    hint = {"type": named} | ({"id": known} if isinstance(known, str) else {})
    id_ = f"credential:{named}:{known}" if isinstance(known, str) else f"credential:{named}"
    id_ = known if isinstance(known, str) and known.startswith("credential:") else id_
    resource = Resource(id_, "credential", name if isinstance(name, str) else named, hint)
    type_ = tables.AUTH.get(named, "other")
    return {"type": type_, "name": named if type_ == "other" else "", "credential": reader.resource(resource)}


def _body(reader: "Reader", raw: Raw) -> dict[str, Any] | None:
    params = raw.params
    sends = params.get("sendBody") is True or (
        raw.version < 3 and ("bodyParametersJson" in params or "bodyParametersUi" in params)
    )
    if not sends:
        return None
    type_ = (
        tables.BODIES.get(params.get("contentType", "json"), "json")
        if isinstance(params.get("contentType", ""), str)
        else "json"
    )
    if type_ == "binary":
        return {"type": type_, "file": _file(reader, raw, params)}
    if type_ == "text":
        return {"type": type_, "text": reader.words(params.get("body", ""), raw)}
    source = params.get("jsonBody", params.get("bodyParametersJson"))
    if source is None and isinstance(params.get("body"), str) and type_ in ("json", "urlencoded"):
        source = params["body"]
    items = members(params, "bodyParameters", "parameters") + members(params, "bodyParametersUi", "parameter")
    if source is not None and (params.get("specifyBody", "") != "keypair" or not items):
        value = reader.value(source, raw)
        if type_ == "json" and isinstance(value, dict):
            return {"type": type_, "fields": [{"name": k, "type": "text", "value": v} for k, v in value.items()]}
        return {"type": type_, "text": words(value)}
    return {"type": type_, "fields": [_field(reader, raw, item) for item in items]}


def _field(reader: "Reader", raw: Raw, item: dict[str, Any]) -> dict[str, Value]:
    if item.get("parameterType") == "formBinaryData":
        return {"name": reader.words(item.get("name", ""), raw), "type": "file", "value": _file(reader, raw, item)}
    return {
        "name": reader.words(item.get("name", ""), raw),
        "type": "text",
        "value": _secret(reader, raw, item, "body"),
    }


def _file(reader: "Reader", raw: Raw, item: dict[str, Any]) -> Value:
    """The binary field; or the address that it was fetched from for this."""
    fetched = reader.parts.get(raw.id, {}).get("file", [])
    if fetched and fetched[0].kind == "httpRequest":
        return reader.value(fetched[0].params.get("url", ""), fetched[0])
    return reader.value(item.get("inputDataFieldName", "data"), raw)


def subflow(reader: "Reader", raw: Raw, node: Node) -> None:
    node.kind = "subflow"
    value = raw.params.get("workflowId")
    known = dig(value, "value") if isinstance(value, dict) else value
    name = dig(value, "cachedResultName")
    id_ = known if isinstance(known, str) else ""
    resource = Resource(
        f"subflow:{id_ or (name if isinstance(name, str) else raw.id)}",
        "subflow",
        name if isinstance(name, str) else id_ or raw.name,
        {"id": id_},
    )
    node.params["flow"] = reader.resource(resource)
    inputs = reader.value(dig(raw.params, "workflowInputs", "value") or {}, raw)
    node.inputs = {str(key): item for key, item in inputs.items()} if isinstance(inputs, dict) else {}


def document(reader: "Reader", raw: Raw, node: Node) -> None:
    """The text of a file; n8n names the file by a field of the item. The label is what n8n calls the text."""
    node.kind = "document"
    node.outputs["text"] = Type(label=document_key(raw))
    name = raw.params.get("binaryPropertyName", "data")
    node.params["file"] = reader.value(name, raw)


def document_key(raw: Raw) -> str:
    default = "text" if raw.params.get("operation") == "pdf" else "data"
    name = raw.params.get("destinationKey", default)
    name = name.removeprefix("=") if isinstance(name, str) else default
    return default if "{{" in name else name or default
