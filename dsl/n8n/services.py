"""What n8n calls: HTTP with its credentials, other workflows, integrations, documents."""

from typing import TYPE_CHECKING, Any

from dsl.ir import Node, Ref, Text, Type, Value
from dsl.knowledge import UNFETCHED
from dsl.n8n import models, scripts, subnodes, tables, text

if TYPE_CHECKING:
    from dsl.n8n.build import Builder


def http(builder: "Builder", node: Node) -> None:
    printer, params = builder.printer(node), node.params
    written: dict[str, Any] = {"method": params.get("method", "GET"), "url": printer.param(params.get("url", ""))}
    written |= _auth(builder, node)
    for key, sends, held in tables.SENT:
        if pairs := params.get(key):
            items = [{"name": printer.param(name), "value": printer.param(value)} for name, value in pairs]
            written |= {sends: True, held: {"parameters": items}}
    written |= _http_body(builder, node)
    written["options"] = _http_options(builder, node)
    more = _credentials(builder, node)
    builder.add(node, "httpRequest", written, **more)


def _http_options(builder: "Builder", node: Node) -> dict[str, Any]:
    params = node.params
    full = builder.own or node.outputs.keys() != {"body"}
    format_ = params.get("response", "text")
    response: dict[str, Any] = {"responseFormat": format_}
    if full:
        response["fullResponse"] = True
    if format_ == "text":
        response["outputPropertyName"] = "body" if full else "data"
    if params.get("on_status", "pass") == "pass":
        response["neverError"] = True
    options: dict[str, Any] = {"response": {"response": response}}
    limits = [each for each in (params.get("timeout") or {}).values() if isinstance(each, (int, float))]
    if seconds := (params.get("timeout") or {}).get("read") or sum(limits):
        milliseconds = seconds * 1000
        options["timeout"] = int(milliseconds) if milliseconds == int(milliseconds) else milliseconds
    if params.get("verify_tls") is False:
        options["allowUnauthorizedCerts"] = True
    if params.get("follow_redirects") is False:
        options["redirect"] = {"redirect": {"followRedirects": False}}
    return options


_CONTENT = {
    "json": "json",
    "text": "raw",
    "form": "multipart-form-data",
    "urlencoded": "form-urlencoded",
    "binary": "binaryData",
}


def _http_body(builder: "Builder", node: Node) -> dict[str, Any]:
    printer, body = builder.printer(node), _fetched(builder, node, node.params.get("body"))
    if not body:
        return {}
    kind = body["type"]
    written: dict[str, Any] = {"sendBody": True, "contentType": _CONTENT[kind]}
    if kind == "binary":
        return written | {"inputDataFieldName": printer.param(body.get("file", "data"))}
    if kind == "text":
        return written | {"rawContentType": "text/plain", "body": printer.param(body.get("text", ""))}
    if "fields" in body:
        return written | {"bodyParameters": {"parameters": [_form_field(printer, each) for each in body["fields"]]}}
    if kind == "json":
        said = printer.json_text if builder.own else printer.param  # n8n's own text escapes what it has to
        return written | {"specifyBody": "json", "jsonBody": said(body.get("text", ""))}
    return written | {"specifyBody": "string", "body": printer.param(body.get("text", ""))}


def _fetched(builder: "Builder", node: Node, body: Any) -> Any:
    """n8n sends what came in as binary data: a file that elsewhere is its address is fetched in front."""
    files = [each for each in (body or {}).get("fields", []) if each.get("type") == "file"]
    address = files[0].get("value") if len(files) == 1 else (body or {}).get("file")
    known = isinstance(address, Ref | Text) or (isinstance(address, str) and address.startswith("http"))
    if not builder.own or not known:
        return body
    if node.on_error.then != "stop":
        builder.note(node, "degraded", "error.policy", UNFETCHED)
    url = builder.printer(node).param(address)
    name = builder.helper(node, "file", "httpRequest", {"method": "GET", "url": url, "options": _as_file()}, -1)
    builder.entries[node.id] = name
    builder.connect(name, builder.names[node.id])
    if "fields" not in body:
        return body | {"file": BINARY}
    return body | {"fields": [each | {"value": BINARY} if each in files else each for each in body["fields"]]}


BINARY = "data"  # the binary field that n8n's request puts a file into


def _as_file() -> dict[str, Any]:
    return {"response": {"response": {"responseFormat": "file", "outputPropertyName": BINARY}}}


def _form_field(printer: text.Printer, field: dict[str, Value]) -> dict[str, Any]:
    name = printer.param(field["name"])
    if field.get("type") == "file":
        value = printer.param(field.get("value"))
        return {"parameterType": "formBinaryData", "name": name, "inputDataFieldName": value}
    return {"name": name, "value": printer.param(field.get("value", ""))}


_AUTH = {ours: theirs for theirs, ours in tables.AUTH.items()}


def _auth(builder: "Builder", node: Node) -> dict[str, Any]:
    auth = node.params.get("auth")
    if not auth or auth.get("type") in (None, "none"):
        return {}
    kind = _AUTH.get(auth["type"])
    if kind:
        return {"authentication": "genericCredentialType", "genericAuthType": kind}
    if auth.get("name"):
        return {"authentication": "predefinedCredentialType", "nodeCredentialType": auth["name"]}
    return {"authentication": "genericCredentialType", "genericAuthType": "httpHeaderAuth"}


def _credentials(builder: "Builder", node: Node) -> dict[str, Any]:
    """What n8n knows the credential by, when it comes from n8n; else it has to be made there."""
    auth = node.params.get("auth") or {}
    resource = builder.resources.get(auth.get("credential", ""))
    if resource is None:
        return {}
    known = resource.hint.get("id")
    if isinstance(known, str) and isinstance(resource.hint.get("type"), str) and builder.flow.dialect == "n8n":
        return {"credentials": {resource.hint["type"]: {"id": known, "name": resource.name}}}
    builder.bind(resource, f"Make the credential {resource.name!r} in n8n and choose it in {node.title or node.id!r}.")
    kind = _auth(builder, node).get("genericAuthType")
    return {"credentials": {kind: {"id": resource.id, "name": resource.name}}} if kind and builder.own else {}


def subflow(builder: "Builder", node: Node) -> None:
    resource = builder.resources.get(node.params.get("flow", ""))
    id_ = resource.hint.get("id") if resource and builder.flow.dialect == "n8n" else None
    if resource and not id_:
        builder.bind(
            resource, f"Import the workflow {resource.name!r} first and choose it in {node.title or node.id!r}."
        )
    # Its name in the id's place where that is not known: without any, n8n forgets the inputs.
    value = {"__rl": True, "mode": "id", "value": id_ or (resource.name or resource.id if resource else "")}
    if resource and resource.name and resource.name != id_:
        value["cachedResultName"] = resource.name
    written = builder.printer(node).param(node.inputs)
    columns = [
        {"id": name, "displayName": name, "type": "string", "display": True, "required": False}
        | {"defaultMatch": False, "canBeUsedToMatch": True}
        for name in node.inputs
    ]
    mapping = {"mappingMode": "defineBelow", "value": written, "schema": columns, "matchingColumns": []}
    params = {
        "source": "database",
        "workflowId": value,
        "workflowInputs": mapping,
        "options": {"waitForSubWorkflow": True},
    }
    builder.add(node, "executeWorkflow", params, **(tables.GOES_ON if builder.own else {}))


def tool(builder: "Builder", node: Node) -> None:
    """n8n's own node of a service; any other tool is called over HTTP once it is known where it is."""
    resource = builder.resources.get(node.params.get("tool", ""))
    hint = resource.hint if resource else {}
    native = hint.get("type") if builder.flow.dialect == "n8n" else None
    if isinstance(native, str):
        params = builder.printer(node).param({**node.params.get("settings", {}), **node.inputs})
        more = {"credentials": hint["credentials"]} if isinstance(hint.get("credentials"), dict) else {}
        written = builder.add(node, native, params, **more)
        written["typeVersion"] = hint.get("version", 1)
        models.subattach(builder, node)
        return
    name = resource.name if resource else node.title
    message = f"The tool {name!r} is written as an HTTP call without its address."
    builder.note(node, "needs_binding", "resource.tool", message, "Say where n8n reaches it.")
    body = {"arguments": node.inputs, "settings": node.params.get("settings", {})}
    params = {
        "method": "POST",
        "url": f"https://tool.invalid/{subnodes.called(name or node.id)}",
        "sendBody": True,
        "specifyBody": "json",
        "jsonBody": builder.printer(node).value(body),
        "options": {"response": {"response": {"responseFormat": "json"}}},
    }
    builder.add(node, "httpRequest", params, role="tool", **tables.GOES_ON)


def opaque(builder: "Builder", node: Node) -> None:
    if builder.own:
        scripts.stub(builder, node)
        return
    written = builder.add(node, tables.short(node.params["type"]), builder.printer(node).param(node.inputs))
    written["type"] = node.params["type"]
    models.subattach(builder, node)


def document(builder: "Builder", node: Node) -> None:
    if is_unread(builder, node):
        message = "n8n reads files out of binary fields only; the file has to be put there first."
        scripts.stub(builder, node, message)
        return
    field = builder.printer(node).param(node.params.get("file"))
    key = document_key(node)
    named = {} if key == "data" else {"destinationKey": key}
    builder.add(node, "extractFromFile", {"operation": "text", "binaryPropertyName": field, **named, "options": {}})


def document_key(node: Node) -> str:
    """What n8n calls the text of a file."""
    return node.outputs.get("text", Type()).label or "data"


def is_unread(builder: "Builder", node: Node) -> bool:
    """Whether the file of a document step stands in no binary field: other platforms hand files on as values."""
    return builder.own and not isinstance(node.params.get("file"), str)
