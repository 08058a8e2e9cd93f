"""A node of the common form as nodes of n8n, a function for each kind."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from dsl import values
from dsl.ir import Node, Ref, Resource, Script, Text, Type, Value
from dsl.n8n import conditions, containers, names, python, shims, starts, subnodes, tables, text
from dsl.n8n.readers import ASKED
from dsl.values import parts

if TYPE_CHECKING:
    from dsl.n8n.build import Builder

Write = Callable[["Builder", Node], None]


def write(builder: "Builder", node: Node) -> None:
    WRITERS[node.kind](builder, node)


# -- plain ones


def _note(builder: "Builder", node: Node) -> None:
    width, height = node.params.get("size") or (240, 160)
    builder.add(node, "stickyNote", {"content": node.params.get("text", ""), "width": width, "height": height})


def _pass(builder: "Builder", node: Node) -> None:
    builder.add(node, "noOp", {})


def _stop(builder: "Builder", node: Node) -> None:
    builder.add(node, "stopAndError", {"errorMessage": builder.printer(node).param(node.params.get("message", ""))})


def _set(builder: "Builder", node: Node) -> None:
    printer = builder.printer(node)
    kinds = {name: tables.assigned(_declared(node, name).name) for name in node.inputs}
    if all(kinds.values()) or node.params.get("keep"):
        builder.add(node, "set", assigned(node.inputs, kinds, printer, keep=bool(node.params.get("keep"))))
    else:  # an assignment has a type and would change the value
        builder.add(node, "set", {"mode": "raw", "jsonOutput": printer.value(nested(node.inputs)), "options": {}})


def _declared(node: Node, name: str) -> Type:
    if "." in name:
        value = node.inputs[name]
        return Type("string" if isinstance(value, (str, Text)) else _literal_type(value))  # type: ignore[arg-type]
    return node.outputs.get(name, Type())


def _literal_type(value: Value) -> str:
    kinds = {bool: "boolean", int: "number", float: "number", list: "array", dict: "object"}
    return kinds.get(type(value), "string")


def assigned(
    fields: dict[str, Value], kinds: dict[str, str | None], printer: text.Printer, *, keep: bool = False
) -> dict[str, Any]:
    items = [
        {"id": name, "name": name, "type": kinds[name] or "string", "value": printer.value(value)}
        for name, value in fields.items()
    ]
    kept = {"includeOtherFields": True} if keep else {}
    return {"assignments": {"assignments": items}, **kept, "options": {"ignoreConversionErrors": True}}


def nested(fields: dict[str, Value]) -> dict[str, Value]:
    """A dotted name is a nested field."""
    result: dict[str, Value] = {}
    for name, value in fields.items():
        *above, last = name.split(".")
        inside = result
        for step in above:
            inside = inside[step] if isinstance(inside.get(step), dict) else inside.setdefault(step, {})
        inside[last] = value
    return result


def _answer(builder: "Builder", node: Node) -> None:
    """What the chat shows is the field "output" of the node that ran last."""
    printer, said = builder.printer(node), node.params.get("text", "")
    if not builder.own:
        params = {"respondWith": "text", "responseBody": printer.param(said), "options": {}}
        builder.add(node, "respondToWebhook", params)
        return
    builder.add(node, "set", assigned({"output": said}, {"output": "string"}, printer), role="answer")


def _end(builder: "Builder", node: Node) -> None:
    printer = builder.printer(node)
    message = node.params.get("message")
    if builder.own and not starts.responds(builder):
        fields = {"output": message} if message is not None else nested(node.inputs)
        params = {"mode": "raw", "jsonOutput": printer.value(fields), "options": {}}
        builder.add(node, "set", params, role="end" if message is None else "message")
    elif message is not None and not builder.own and starts.trigger_of(builder) == "form":
        params = {"operation": "completion", "respondWith": "text", "completionMessage": printer.param(message)}
        builder.add(node, "form", params)
    else:
        body = printer.param(message) if message is not None else printer.value(nested(node.inputs))
        how = "text" if message is not None else "json" if node.inputs else "noData"
        params = {"respondWith": how} | ({"responseBody": body} if how != "noData" else {}) | {"options": {}}
        builder.add(node, "respondToWebhook", params, role="end" if builder.own else "")


# -- control


def _if(builder: "Builder", node: Node) -> None:
    printer, cases = builder.printer(node), node.params.get("cases", [])
    ignore = bool(node.params.get("ignore_case"))
    written = [conditions.written(printer, case, ignore, f"{node.id}-{i}") for i, case in enumerate(cases)]
    loose = {"looseTypeValidation": True}
    if len(written) == 1:
        builder.add(node, "if", {"conditions": written[0], **loose, "options": {"ignoreCase": ignore}})
        return
    rules = [{"conditions": each, "renameOutput": True, "outputKey": f"{i + 1}"} for i, each in enumerate(written)]
    options = {"fallbackOutput": "extra", "ignoreCase": ignore}
    builder.add(node, "switch", {"rules": {"values": rules}, **loose, "options": options})


def output_of(node: Node, port: str) -> int:
    """The number of n8n's output for a port."""
    if port == "error":
        return outputs_of(node)
    head, _, number = port.partition(":")
    if head in ("case", "class", "option") and number.isdigit():
        return int(number)
    return _last(node) if port in ("else", "default") else 0


def _last(node: Node) -> int:
    if node.kind == "if":
        return len(node.params.get("cases", []))
    return len(node.params.get("classes", [])) if node.kind == "classify" else len(node.params.get("options", []))


def outputs_of(node: Node) -> int:
    return _last(node) + 1 if node.kind in ("if", "classify") else 1


# -- code


def shim(
    builder: "Builder", node: Node, role: str, facts: dict[str, Any], inputs: dict[str, str], body: str, **more: Any
) -> None:
    declared = {name: shims.type_name(type_) for name, type_ in node.outputs.items()}
    facts = facts | ({"outputs": declared} if declared else {})
    code = shims.written(shims.Shim(role, facts, inputs, more.pop("source", "")), body, **more)
    builder.add(node, "code", {"language": "javaScript", "jsCode": code}, role=role if builder.own else "")


def printed(builder: "Builder", node: Node, fields: dict[str, Value]) -> dict[str, str]:
    printer = builder.printer(node, code=True)
    return {name: printer.js(value) for name, value in fields.items()}


def _code(builder: "Builder", node: Node) -> None:
    source, style = node.params.get("source", ""), node.params.get("style", "kwargs")
    lang = node.params.get("lang", "javascript")
    if lang == "javascript" and style in ("items", "item"):
        ids = [ref.node for ref in values.refs(node.inputs) if ref.scope == "node"]
        mode = {"mode": "runOnceForEachItem"} if style == "item" else {}
        builder.add(node, "code", {**mode, "jsCode": builder.renamed(source, ids)})
    elif lang != "javascript" and style in ("items", "item") and not builder.own:
        mode = {"mode": "runOnceForEachItem"} if style == "item" else {}
        builder.add(node, "code", {**mode, "language": "pythonNative", "pythonCode": source})
    elif lang == "javascript":
        call = "await main(inputs)" if style == "kwargs" else "await main({ params: inputs })"
        builder.note(node, "equivalent", "code.wrapped", "The code is called by an adapter around it.")
        shim(
            builder,
            node,
            style,
            {},
            printed(builder, node, node.inputs),
            "",
            source=source,
            call=f"return [{{ json: {call} }}];",
        )
    elif lang == "python3" and style in ("kwargs", "args"):
        python.write(builder, node, printed(builder, node, node.inputs))
    else:
        message = f"n8n runs no {lang} here; the node raises an error when it is reached."
        builder.note(node, "stub", "code.language", message, "Write it in JavaScript, or call it over HTTP.")
        facts = {"lang": lang, "style": style}
        error = f"throw new Error({text.string(_stub_text(node, 'code in ' + lang))});"
        shim(builder, node, "quoted", facts, printed(builder, node, node.inputs), error, source=source, quoted=True)


def _stub_text(node: Node, what: str) -> str:
    return f"The step {node.title or node.id!r} is {what}, which n8n has no counterpart for. Replace it."


def stub(builder: "Builder", node: Node, why: str = "", code: str = "kind.unsupported") -> None:
    """The same id, title, inputs and outputs, and an error when it is reached."""
    what = node.params.get("type", node.kind) if node.kind == "opaque" else node.kind
    what = what if isinstance(what, str) else node.kind
    message = f"{why or f'n8n has nothing like {what!r}.'} The node raises an error when it is reached."
    builder.note(node, "stub", code, message, "Replace it by hand.")
    facts: dict[str, Any] = {"kind": node.kind, "type": what}
    inputs: dict[str, str] = {}
    facts["params"] = (
        shims.packed(node.params, builder.printer(node, code=True).js, inputs) if node.kind != "opaque" else {}
    )
    named = printed(builder, node, node.inputs)
    facts["inputs"] = list(named)
    error = f"throw new Error({text.string(_stub_text(node, repr(what)))});"
    shim(builder, node, "stub", facts, {**named, **{f"params {k}": v for k, v in inputs.items()}}, error)


def _computed(role: str, body: str) -> Write:
    """A kind that a few lines of JavaScript do."""

    def written(builder: "Builder", node: Node) -> None:
        inputs: dict[str, str] = {}
        facts = shims.packed(node.params, builder.printer(node, code=True).js, inputs, node.id)
        shim(builder, node, role, {"params": facts}, inputs, body)

    return written


_PARSE = """const value = Object.values(inputs)[0];
return [{ json: { output: typeof value === "string" ? JSON.parse(value) : value ?? null } }];"""
_DUMP = "return [{ json: { output: JSON.stringify(Object.values(inputs)[0] ?? null) } }];"


def _json_parse(builder: "Builder", node: Node) -> None:
    value = node.params.get("value")
    _computed("json_parse", _PARSE if _refers(value) else f"return [{{ json: {{ output: {_known(value)} }} }}];")(
        builder, node
    )


def _json_dump(builder: "Builder", node: Node) -> None:
    value = node.params.get("value")
    known = text.string(_known(value)) if not _refers(value) else ""
    _computed("json_dump", f"return [{{ json: {{ output: {known} }} }}];" if known else _DUMP)(builder, node)


def _known(value: Value) -> str:
    return value if isinstance(value, str) else text.Printer(str, str).js(value)


def _refers(value: Value) -> bool:
    return isinstance(value, (Ref, Text, Script))


def _js(value: Any) -> str:
    """A packed value as JavaScript."""
    if isinstance(value, dict) and "$" in value:
        return f"inputs.{value['$']}"
    if isinstance(value, dict) and "$item" in value:
        return "item" + text.steps(tuple(value["$item"]))
    if isinstance(value, dict):
        return "{" + ", ".join(f"{text.string(str(key))}: {_js(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_js, value)) + "]"
    return text.Printer(str, str).js(value)


def _packed(builder: "Builder", node: Node) -> tuple[dict[str, Any], dict[str, str]]:
    inputs: dict[str, str] = {}
    return shims.packed(node.params, builder.printer(node, code=True).js, inputs, node.id), inputs


def _split(builder: "Builder", node: Node) -> None:
    params, inputs = _packed(builder, node)
    body = f"""let parts = [String({_js(params.get("text", ""))} ?? "")];
for (const delimiter of {_js(params.get("delimiters", []))}) {{
  parts = parts.flatMap((part) => part.split(delimiter));
}}
return [{{ json: {{ items: parts }} }}];"""
    shim(builder, node, "split", {"params": params}, inputs, body)


_SKIPS = {
    "falsy": "value",
    "null": "value !== null && value !== undefined",
    "missing": "value !== null && value !== undefined",
}


def _aggregate(builder: "Builder", node: Node) -> None:
    params, inputs = _packed(builder, node)
    if node.params.get("skip", "missing") == "missing":
        message = "A value of null counts as one that is missing: n8n cannot tell the two."
        builder.note(node, "degraded", "aggregate.null", message, place="")
    keeps = _SKIPS[node.params.get("skip", "missing")]
    groups = {group["name"]: group["values"] for group in params.get("groups", [])}
    fields = ", ".join(f"{text.string(name)}: first({_js(found)})" for name, found in groups.items())
    body = f"const first = (all) => all.find((value) => {keeps}) ?? null;\nreturn [{{ json: {{ {fields} }} }}];"
    shim(builder, node, "aggregate", {"params": params}, inputs, body)


def _list(builder: "Builder", node: Node) -> None:
    if not builder.own and (native := _native_list(builder, node)):
        builder.add(node, *native)
        return
    params, inputs = _packed(builder, node)
    lines = [f"let result = [...({_js(params.get('list'))} ?? [])];"]
    if "filter" in params:
        asked = conditions.javascript(text.Printer(str, lambda script: script.source), _scripted(params["filter"]))
        lines.append(f"result = result.filter((item) => {asked});")
    for rule in reversed(params.get("sort", [])):
        key = text.steps(tuple(rule["key"].split("."))) if rule["key"] else ""
        sign = "-" if rule["order"] == "desc" else ""
        lines.append(f"result.sort((a, b) => {sign}(a{key} > b{key} ? 1 : a{key} < b{key} ? -1 : 0));")
    if "unique" in params:
        keys = ", ".join("item" + text.steps(tuple(key.split("."))) for key in params["unique"]) or "item"
        lines.append(f"const key = (item) => JSON.stringify([{keys}]);")
        lines.append("const seen = new Set();")
        lines.append("result = result.filter((item) => !seen.has(key(item)) && seen.add(key(item)));")
    if "limit" in params:
        size, last = _js(params["limit"].get("size")), params["limit"].get("keep") == "last"
        lines.append(f"result = {size} > 0 ? result.slice({f'-({size})' if last else f'0, {size}'}) : [];")
    if "nth" in params:
        lines.append(f"result = result.slice({_js(params['nth'])} - 1, {_js(params['nth'])});")
    lines.append("return [{ json: { result, first: result[0] ?? null, last: result.at(-1) ?? null } }];")
    shim(builder, node, "list", {"params": params}, inputs, "\n".join(lines))


def _scripted(packed: Any) -> Any:
    """A packed condition with its values as JavaScript."""
    if "conditions" in packed:
        return packed | {"conditions": [_scripted(each) for each in packed["conditions"]]}
    return packed | {side: Script("n8n", _js(packed[side])) for side in ("left", "right") if side in packed}


def _native_list(builder: "Builder", node: Node) -> tuple[str, dict[str, Any]] | None:
    """n8n's own nodes that work on all items."""
    listed = node.params.get("list")
    source = listed.source if isinstance(listed, Script) and listed.lang == "n8n" else ""
    if source.startswith("$input.all()"):
        if "sort" in node.params:
            order = {"asc": "ascending", "desc": "descending"}
            fields = [{"fieldName": rule["key"], "order": order[rule["order"]]} for rule in node.params["sort"]]
            return "sort", {"sortFieldsUi": {"sortField": fields}, "options": {}}
        if "limit" in node.params:
            limit = node.params["limit"]
            size = builder.printer(node).param(limit["size"])
            return "limit", {"maxItems": size, "keep": "lastItems" if limit["keep"] == "last" else "firstItems"}
        if "unique" in node.params:
            keys = ", ".join(node.params["unique"])
            return "removeDuplicates", {"fieldsToCompare": keys, "compare": "selectedFields"} if keys else {}
        return "aggregate", gathering(node.outputs.get("result", Type()).label or "result", source)
    return None


def gathering(key: str, source: str) -> dict[str, Any]:
    """The parameters of an aggregate."""
    field = source.partition("item.json")[2].rstrip(")").lstrip(".")
    if not field:
        return {"aggregate": "aggregateAllItemData", "destinationFieldName": key, "options": {}}
    item: dict[str, Any] = {"fieldToAggregate": field}
    if key != field.split(".")[-1]:
        item |= {"renameField": True, "outputFieldName": key}
    return {"fieldsToAggregate": {"fieldToAggregate": [item]}, "options": {}}


def _template(builder: "Builder", node: Node) -> None:
    template = node.params.get("template", "")
    if not isinstance(template, Script):
        params = assigned({"output": template}, {"output": "string"}, builder.printer(node))
        builder.add(node, "set", params, role="template")
        return
    inputs = printed(builder, node, node.inputs)
    body = shims.jinja(template.source)
    if body is None:
        message = "The template has logic that n8n has no words for; the node raises an error when it is reached."
        builder.note(node, "stub", "template.logic", message, "Write it in JavaScript.")
        body = f"throw new Error({text.string(_stub_text(node, 'a Jinja template'))});"
    shim(builder, node, "template", {"template": template.source}, inputs, body)


def _assign(builder: "Builder", node: Node) -> None:
    containers.assign(builder, node)


# -- services


def _http(builder: "Builder", node: Node) -> None:
    printer, params = builder.printer(node), node.params
    written: dict[str, Any] = {"method": params.get("method", "GET"), "url": printer.param(params.get("url", ""))}
    written |= _auth(builder, node)
    for kind in ("query", "header"):
        pairs = params.get("query" if kind == "query" else "headers") or []
        if pairs:
            items = [{"name": printer.param(name), "value": printer.param(value)} for name, value in pairs]
            written |= {f"send{kind.capitalize()}": True, f"{kind}Parameters": {"parameters": items}}
    written |= _http_body(printer, params.get("body"))
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


def _http_body(printer: text.Printer, body: Any) -> dict[str, Any]:
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
        return written | {"specifyBody": "json", "jsonBody": printer.param(body.get("text", ""))}
    return written | {"specifyBody": "string", "body": printer.param(body.get("text", ""))}


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


def _subflow(builder: "Builder", node: Node) -> None:
    resource = builder.resources.get(node.params.get("flow", ""))
    id_ = resource.hint.get("id") if resource and builder.flow.dialect == "n8n" else None
    if resource and not id_:
        builder.bind(
            resource, f"Import the workflow {resource.name!r} first and choose it in {node.title or node.id!r}."
        )
    value = {"__rl": True, "mode": "id", "value": id_ or ""}
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
    builder.add(node, "executeWorkflow", params)


def _tool(builder: "Builder", node: Node) -> None:
    """n8n's own node of a service; any other tool is called over HTTP once it is known where it is."""
    resource = builder.resources.get(node.params.get("tool", ""))
    hint = resource.hint if resource else {}
    native = hint.get("type") if builder.flow.dialect == "n8n" else None
    if isinstance(native, str):
        params = builder.printer(node).param({**node.params.get("settings", {}), **node.inputs})
        more = {"credentials": hint["credentials"]} if isinstance(hint.get("credentials"), dict) else {}
        written = builder.add(node, native, params, **more)
        written["typeVersion"] = hint.get("version", 1)
        subattach(builder, node)
        return
    name = resource.name if resource else node.title
    if resource:
        builder.bind(
            resource,
            f"Say in {node.title or node.id!r} where n8n reaches the tool {name!r}.",
        )
    builder.note(
        node, "needs_binding", "resource.tool", f"The tool {name!r} is written as an HTTP call without its address."
    )
    body = {"arguments": node.inputs, "settings": node.params.get("settings", {})}
    params = {
        "method": "POST",
        "url": f"https://tool.invalid/{subnodes.called(name or node.id)}",
        "sendBody": True,
        "specifyBody": "json",
        "jsonBody": builder.printer(node).value(body),
        "options": {"response": {"response": {"responseFormat": "json"}}},
    }
    builder.add(node, "httpRequest", params, role="tool")


def _opaque(builder: "Builder", node: Node) -> None:
    if builder.own:
        stub(builder, node)
        return
    written = builder.add(node, tables.short(node.params["type"]), builder.printer(node).param(node.inputs))
    written["type"] = node.params["type"]
    subattach(builder, node)


def _document(builder: "Builder", node: Node) -> None:
    file = node.params.get("file")
    if builder.own and not isinstance(file, str):
        message = "n8n reads files out of binary fields only; the file has to be put there first."
        stub(builder, node, message)
        return
    builder.add(
        node,
        "extractFromFile",
        {"operation": "text", "binaryPropertyName": builder.printer(node).param(file), "options": {}},
    )


# -- models


def model(
    builder: "Builder", node: Node, owner: str, resource_id: str, parameters: dict[str, Any], left: Any = None
) -> None:
    """The sub-node that runs a model, one for each resource and its parameters."""
    resource = builder.resources.get(resource_id) or Resource(resource_id, "model", resource_id or "model")
    key = resource_id + repr(sorted(parameters.items()))
    if key not in builder.models:
        builder.models[key] = _model(builder, node, resource, parameters, left)
    builder.connect(builder.models[key], owner, kind="ai_languageModel")


def _model(builder: "Builder", node: Node, resource: Resource, parameters: dict[str, Any], left: Any) -> str:
    hint, own = resource.hint, builder.flow.dialect == "n8n" and isinstance(resource.hint.get("type"), str)
    provider = str(hint.get("provider", "")).lower()
    kind = (
        tables.short(hint["type"])
        if own
        else next((kind for word, kind in tables.MODEL_NODES.items() if word in provider), "ai:lmChatOpenAi")
    )
    left = left or {}
    name = left.get("name") or builder.named(resource.name or "Model")
    known = tables.options(kind)
    params = builder.printer(node).param(dict(left.get("parameters", {})))
    if resource.name != left.get("name"):
        located = kind in ("ai:lmChatOpenAi", "ai:lmChatAnthropic") or isinstance(params.get("model"), dict)
        params[_model_key(kind)] = {"__rl": True, "mode": "id", "value": resource.name} if located else resource.name
    if kind == "ai:lmChatOpenAi" and not own:
        params["responsesApiEnabled"] = False
    options = {known[name]: value for name, value in parameters.items() if name in known}
    params["options"] = (params.get("options") if isinstance(params.get("options"), dict) else {}) | options
    if lost := [name for name in parameters if name not in known]:
        builder.note(node, "dropped", "model.parameters", f"n8n's model has no option for {', '.join(lost)}.", place="")
    if not own:
        builder.bind(resource, f"Choose the model {resource.name!r} and its credential in {name!r}.")
    _sub(builder, node, left, name, kind, params, hint if own else {}, resource.id)
    return name


def _model_key(kind: str) -> str:
    return "modelName" if kind == "ai:lmChatGoogleGemini" else "model"


def _sub(
    builder: "Builder", node: Node, left: Any, name: str, kind: str, params: dict[str, Any], hint: Any, id_: str
) -> None:
    x, y = builder.positions[node.id]
    written: dict[str, Any] = {
        "parameters": params,
        "id": left.get("id") or builder.identified(id_),
        "name": name,
        "type": tables.full(kind),
        "typeVersion": left.get("version") or hint.get("version") or tables.VERSIONS.get(kind, 1),
        "position": left.get("position") or [x, y + 220],
    }
    if credentials := left.get("credentials") or hint.get("credentials"):
        written["credentials"] = credentials
    if left.get("disabled"):
        written["disabled"] = True
    builder.written.append(written)


def subattach(builder: "Builder", node: Node) -> None:
    """What serves the node: as it was attached in n8n, and what the common form says of it now."""
    owner = builder.names[node.id]
    found = node.params.get("attached") or []
    tools = {tool["tool"]: tool for tool in node.params.get("tools", [])}
    said: set[str] = set()
    for entry in found:
        _attach(builder, node, owner, entry, tools, said)
    if node.kind == "tool":
        return
    if "model" in node.params and "model" not in said and not _calls_itself(builder, node):
        model(builder, node, owner, node.params["model"], node.params.get("parameters") or {})
    if node.params.get("memory") and "memory" not in said:
        _memory(builder, node, owner)
    if node.params.get("schema") and "schema" not in said:
        _parser(builder, node, owner)
    for id_, tool in tools.items():
        if id_ not in said:
            _new_tool(builder, node, owner, tool)


def _attach(builder: "Builder", node: Node, owner: str, entry: Any, tools: dict[str, Any], said: set[str]) -> None:
    port, kind = entry["port"], tables.short(entry["type"])
    entry = entry | {"parameters": dict(entry.get("parameters") or {})}
    if port == "ai_languageModel" and "model" not in said and node.kind != "tool" and not entry.get("disabled"):
        said.add("model")
        if node.params.get("model") == subnodes.resource_id("model", entry["id"]):
            key = node.params["model"] + repr(sorted((node.params.get("parameters") or {}).items()))
            fresh = key not in builder.models
            model(
                builder, node, owner, node.params["model"], node.params.get("parameters") or {}, _named(builder, entry)
            )
            if fresh:
                _inner(builder, node, entry)
            return
    if port == "ai_memory" and "memory" not in said and node.params.get("memory"):
        said.add("memory")
        if node.params["memory"].get("window") is not None:
            entry["parameters"]["contextWindowLength"] = node.params["memory"]["window"]
    if port == "ai_outputParser" and "schema" not in said and node.params.get("schema"):
        said.add("schema")
        entry["parameters"] |= {"schemaType": "manual", "inputSchema": _pretty(node.params["schema"])}
    tool_id = subnodes.resource_id("tool", entry["id"])
    if tool := tools.get(tool_id):
        said.add(tool_id)
        _tell(kind, tool, entry)
    builder.connect(_attached(builder, node, entry), owner, kind=port)


def _tell(kind: str, tool: dict[str, Any], entry: dict[str, Any]) -> None:
    named, described = subnodes.told(kind)
    if named and tool["name"] != subnodes.called(entry["name"]):
        entry["parameters"][named] = tool["name"]
    if tool["description"]:
        entry["parameters"][described] = tool["description"]


def _pretty(schema: Any) -> str:
    import json

    return json.dumps(schema, ensure_ascii=False, indent=2)


def _named(builder: "Builder", entry: Any) -> Any:
    return entry | {"name": builder.named(entry["name"])} if entry["name"] in builder.taken else _taken(builder, entry)


def _taken(builder: "Builder", entry: Any) -> Any:
    builder.taken.add(entry["name"])
    return entry


def _attached(builder: "Builder", node: Node, entry: Any) -> str:
    """A sub-node, once, however many it serves; its name."""
    if entry["id"] not in builder.attached:
        entry = _named(builder, entry)
        builder.attached[entry["id"]] = entry["name"]
        params = builder.printer(node).param(entry["parameters"])
        _sub(builder, node, entry, entry["name"], tables.short(entry["type"]), params, {}, entry["id"])
        _inner(builder, node, entry)
    return builder.attached[entry["id"]]


def _inner(builder: "Builder", node: Node, entry: Any) -> None:
    for inner in entry.get("attached") or []:
        builder.connect(_attached(builder, node, inner), entry["name"], kind=inner["port"])


def _memory(builder: "Builder", node: Node, owner: str) -> None:
    window = node.params["memory"].get("window")
    params: dict[str, Any] = {"contextWindowLength": window if window is not None else 1000}
    if builder.start is not None:
        session = builder.reference(node, Ref("", ("conversation_id",), "system"), True)
        params = {"sessionIdType": "customKey", "sessionKey": "={{ " + session + ' ?? "chat" }}', **params}
    name = builder.named(f"{owner}: memory")
    _sub(builder, node, {}, name, "ai:memoryBufferWindow", params, {}, f"{node.id}:memory")
    builder.connect(name, owner, kind="ai_memory")


def _parser(builder: "Builder", node: Node, owner: str) -> None:
    name = builder.named(f"{owner}: answer")
    params = {"schemaType": "manual", "inputSchema": _pretty(node.params["schema"])}
    _sub(builder, node, {}, name, "ai:outputParserStructured", params, {}, f"{node.id}:schema")
    builder.connect(name, owner, kind="ai_outputParser")


def _new_tool(builder: "Builder", node: Node, owner: str, tool: dict[str, Any]) -> None:
    """A tool from elsewhere: over MCP when it is there, else an HTTP call whose address is to be filled in."""
    resource = builder.resources.get(tool["tool"]) or Resource(tool["tool"], "tool", tool["name"])
    name = builder.named(subnodes.called(tool["name"] or resource.name))
    if resource.hint.get("type") == "mcp":
        server = str(resource.hint.get("url") or "https://tool.invalid/mcp")
        params: dict[str, Any] = {"endpointUrl": server, "serverTransport": "httpStreamable", "include": "selected"}
        params["includeTools"] = [tool["name"] or resource.name]
        kind = "ai:mcpClientTool"
    else:
        params = {"toolDescription": tool["description"], "method": "POST", "url": f"https://tool.invalid/{name}"}
        params |= {"sendBody": True, "specifyBody": "json", "jsonBody": _arguments(builder, node, tool), "options": {}}
        kind = "httpRequestTool"
    builder.bind(resource, f"Say in {name!r} where n8n reaches the tool {resource.name!r}.")
    _sub(builder, node, {}, name, kind, params, {}, resource.id)
    builder.connect(name, owner, kind="ai_tool")


def _arguments(builder: "Builder", node: Node, tool: dict[str, Any]) -> str:
    fixed = builder.printer(node).js(tool.get("inputs") or {})
    return "={{ Object.assign($fromAI('arguments', 'the arguments of the tool', 'json'), " + fixed + ") }}"


def _calls_itself(builder: "Builder", node: Node) -> bool:
    """Nodes of n8n that bring their model."""
    resource = builder.resources.get(node.params.get("model", ""))
    return resource is not None and not builder.own and resource.hint.get("type") == tables.full("ai:openAi")


def _llm(builder: "Builder", node: Node) -> None:
    messages = list(node.params.get("messages") or [])
    if _calls_itself(builder, node):
        _open_ai(builder, node, messages)
    elif node.params.get("memory"):
        _remembering(builder, node, messages)
    else:
        query = messages.pop()["text"] if messages and messages[-1]["role"] == "user" else ""
        printer = _prompting(builder, node)
        items = [{"type": _ROLES[message["role"]], "message": printer.param(message["text"])} for message in messages]
        params: dict[str, Any] = {"promptType": "define", "text": _prompt(printer, query), "batching": {}}
        if items:
            params["messages"] = {"messageValues": items}
        if node.params.get("schema"):
            params["hasOutputParser"] = True
        builder.add(node, "ai:chainLlm", params)
        subattach(builder, node)


_ROLES = {ours: theirs for theirs, ours in tables.ROLES.items()}


def _prompt(printer: text.Printer, query: Value) -> Any:
    return '={{ "" }}' if query == "" else printer.param(query)


def _prompting(builder: "Builder", node: Node) -> text.Printer:
    """Prints prompts: where passages stand in them, their contents one below the other."""
    plain = builder.printer(node)

    def ref(found: Ref) -> str:
        if found.scope == "system" and found.path == ("context",):
            context = node.params.get("context")
            if isinstance(context, Ref):
                return f'{plain.ref(context)}.map((passage) => passage.content).join("\\n\\n")'
            return plain.js(context if context is not None else "")
        return plain.ref(found)

    return text.Printer(ref, plain.script)


def _remembering(builder: "Builder", node: Node, messages: list[dict[str, Any]]) -> None:
    """Only an agent remembers the chat in n8n."""
    query = messages.pop()["text"] if messages and messages[-1]["role"] == "user" else ""
    system = values.text(_lines([message["text"] for message in messages if message["role"] == "system"]))
    if any(message["role"] != "system" for message in messages):
        builder.note(node, "degraded", "prompt.turns", "Turns written into the prompt are not in n8n's agent.")
    printer = _prompting(builder, node)
    params: dict[str, Any] = {"promptType": "define", "text": _prompt(printer, query)}
    params["options"] = {"systemMessage": printer.param(system)} if system != "" else {}
    if node.params.get("schema"):
        params["hasOutputParser"] = True
    builder.add(node, "ai:agent", params, role="llm")
    subattach(builder, node)


def _lines(texts: list[Value]) -> list[Any]:
    result: list[Any] = []
    for each in texts:
        result += (["\n\n"] if result else []) + list(parts(each))
    return result


def _open_ai(builder: "Builder", node: Node, messages: list[dict[str, Any]]) -> None:
    printer, resource = builder.printer(node), builder.resources[node.params["model"]]
    options: dict[str, Any] = {}
    if messages and messages[0]["role"] == "system":
        options["instructions"] = printer.param(messages.pop(0)["text"])
    known = tables.options("ai:openAi")
    options |= {known[name]: value for name, value in (node.params.get("parameters") or {}).items() if name in known}
    items = [{"type": "text", "role": each["role"], "content": printer.param(each["text"])} for each in messages]
    params: dict[str, Any] = {"resource": "text", "operation": resource.hint.get("operation", "response")}
    if resource.name != node.title:
        params["modelId"] = {"__rl": True, "mode": "id", "value": resource.name}
    params |= {"responses": {"values": items}, "simplify": True, "options": options}
    more = {"credentials": resource.hint["credentials"]} if resource.hint.get("credentials") else {}
    written = builder.add(node, "ai:openAi", params, **more)
    written["typeVersion"] = resource.hint.get("version", tables.VERSIONS["ai:openAi"])
    subattach(builder, node)


def _agent(builder: "Builder", node: Node) -> None:
    printer, messages = _prompting(builder, node), list(node.params.get("messages") or [])
    query = node.params.get("query", "")
    system = [message["text"] for message in messages if message["role"] == "system"]
    turns = [message for message in messages if message["role"] != "system"]
    if not query and turns and turns[-1]["role"] == "user":
        query = turns.pop()["text"]
    if turns:
        builder.note(node, "degraded", "prompt.turns", "Turns written into the prompt are not in n8n's agent.")
    params: dict[str, Any] = {"promptType": "define", "text": _prompt(printer, query)}
    options: dict[str, Any] = {"systemMessage": printer.param(values.text(_lines(system)))} if system else {}
    if "max_rounds" in node.params:
        options["maxIterations"] = printer.param(node.params["max_rounds"])
    params["options"] = options
    if node.params.get("schema"):
        params["hasOutputParser"] = True
    builder.add(node, "ai:agent", params)
    subattach(builder, node)


def _instructed(printer: text.Printer, kind: str, instruction: Value) -> dict[str, Any]:
    if not instruction:
        return {}
    whole = values.text([*parts(instruction), "\n\n" + ASKED[kind]])
    return {"systemPromptTemplate": printer.param(whole)}


def _classify(builder: "Builder", node: Node) -> None:
    printer = builder.printer(node)
    classes = [{"category": each["name"], "description": _described(each)} for each in node.params.get("classes", [])]
    options = {"fallback": "other"} if falls_back(builder, node) else {}
    options |= _instructed(printer, "ai:textClassifier", node.params.get("instruction"))
    query = printer.param(node.params.get("query", ""))
    builder.add(
        node, "ai:textClassifier", {"inputText": query, "categories": {"categories": classes}, "options": options}
    )
    subattach(builder, node)


def falls_back(builder: "Builder", node: Node) -> bool:
    """Whether what fits no class has a way of its own.

    Else n8n gets no output for it: that would be a class more, which the model may choose where it had others before.
    """
    edges = [edge for found in builder.reach.into.values() for edge in found if edge.source == node.id]
    default, first = ({edge.target for edge in edges if edge.port == port} for port in ("default", "class:0"))
    return default not in (set(), first)


def _described(each: dict[str, Any]) -> str:
    examples = each.get("examples")
    lines = [each.get("description", "")]
    lines += [f"For example: {example}" for example in (examples if isinstance(examples, list) else [])]
    return "\n".join(line for line in lines if line)


_EXTRACTED = {ours: theirs for theirs, ours in tables.EXTRACTED.items()}


def _extract(builder: "Builder", node: Node) -> None:
    printer = builder.printer(node)
    params: dict[str, Any] = {"text": printer.param(node.params.get("query", ""))}
    plain = all(type_.name in _EXTRACTED and not type_.options for type_ in node.outputs.values())
    if plain:
        items = [
            {"name": name, "type": _EXTRACTED[type_.name], "description": type_.description, "required": type_.required}
            for name, type_ in node.outputs.items()
        ]
        params |= {"schemaType": "fromAttributes", "attributes": {"attributes": items}}
    else:
        params |= {"schemaType": "manual", "inputSchema": _pretty(subnodes.schema_with(node.outputs))}
    params["options"] = _instructed(printer, "ai:informationExtractor", node.params.get("instruction"))
    builder.add(node, "ai:informationExtractor", params)
    subattach(builder, node)


def _retrieve(builder: "Builder", node: Node) -> None:
    """A vector store in load mode; from elsewhere with a code node that makes one list of its items."""
    found = [builder.resources[id_] for id_ in node.params.get("knowledge", []) if id_ in builder.resources]
    printer = builder.printer(node)
    params = {
        "mode": "load",
        "prompt": printer.param(node.params.get("query", "")),
        "topK": node.params.get("top_k", 4),
    }
    native = found[0].hint.get("type") if found and not builder.own else None
    if isinstance(native, str):
        written = builder.add(node, native, params)
        written["typeVersion"] = found[0].hint.get("version", 1)
        if credentials := found[0].hint.get("credentials"):
            written["credentials"] = credentials
        subattach(builder, node)
        return
    for resource in found:
        message = f"Put a vector store with the passages of {resource.name!r} in place of the one in memory."
        builder.bind(resource, message)
    key = subnodes.called(found[0].name if found else node.id)
    store = builder.helper(node, "store", "ai:vectorStoreInMemory", params | {"memoryKey": key}, -1)
    embedding = builder.named(f"{builder.names[node.id]}: embedding")
    _sub(builder, node, {}, embedding, "ai:embeddingsOpenAi", {"options": {}}, {}, f"{node.id}:embedding")
    builder.connect(embedding, store, kind="ai_embedding")
    builder.entries[node.id] = store
    builder.connect(store, builder.names[node.id])
    least = node.params.get("score_threshold")
    kept = f".filter((item) => (item.json.score ?? 1) >= {least})" if isinstance(least, (int, float)) else ""
    body = (
        f"const found = $input.all(){kept}.filter((item) => item.json.document);\n"
        "const passage = ({ pageContent, metadata }) =>\n"
        '  ({ content: pageContent, title: metadata?.title ?? "", metadata });\n'
        "return [{ json: { result: found.map((item) => passage(item.json.document)) } }];"
    )
    inputs: dict[str, str] = {}
    facts = shims.packed(node.params, builder.printer(node, code=True).js, inputs)
    shim(builder, node, "retrieve", {"params": facts, "knowledge": [each.name for each in found]}, inputs, body)


def _ask(builder: "Builder", node: Node) -> None:
    """A page of a form; choices that control leaves by are asked nowhere in n8n."""
    if node.params.get("options") or node.params.get("actions"):
        stub(builder, node, "n8n asks for no choice that control goes by.")
        return
    if builder.own and starts.trigger_of(builder) != "form":
        stub(builder, node, "n8n asks in the middle of a run only after a form.")
        return
    fields = [starts.form_field(name, type_) for name, type_ in node.outputs.items()]
    title = builder.printer(node).param(node.params.get("question", ""))
    builder.add(node, "form", {"formFields": {"values": fields}, "options": {"formTitle": title}})


def _start(builder: "Builder", node: Node) -> None:
    starts.write(builder, node)


def _container(builder: "Builder", node: Node) -> None:
    containers.write(builder, node)


def _leave(builder: "Builder", node: Node) -> None:
    containers.leave(builder, node)


WRITERS: dict[str, Write] = {
    "start": _start,
    "end": _end,
    "answer": _answer,
    "llm": _llm,
    "agent": _agent,
    "code": _code,
    "if": _if,
    "classify": _classify,
    "extract": _extract,
    "http": _http,
    "template": _template,
    "split": _split,
    "aggregate": _aggregate,
    "set": _set,
    "assign": _assign,
    "json_parse": _json_parse,
    "json_dump": _json_dump,
    "list": _list,
    "iterate": _container,
    "loop": _container,
    "break": _leave,
    "continue": _leave,
    "retrieve": _retrieve,
    "tool": _tool,
    "subflow": _subflow,
    "ask": _ask,
    "document": _document,
    "stop": _stop,
    "pass": _pass,
    "note": _note,
    "opaque": _opaque,
}


# -- what outputs are called


def view_of(builder: "Builder", node: Node) -> names.View:
    if node.kind == "http":
        return names.BODY if not builder.own and node.outputs.keys() == {"body"} else names.RESPONSE
    if node.kind == "agent" or (node.kind == "llm" and node.params.get("memory")):
        return names.STRUCTURED if node.params.get("schema") else names.AGENT
    if node.kind == "llm":
        if _calls_itself(builder, node):
            version = builder.resources[node.params["model"]].hint.get("version", 2)
            return names.RESPONSES if version >= 2 else names.COMPLETION
        return names.CHAIN
    if node.kind == "list" and not builder.own and (label := node.outputs.get("result", Type()).label):
        return names.key(label, "result")
    if node.kind == "iterate" and not builder.own and (label := node.outputs.get("output", Type()).label):
        return names.key(label, "output")
    if node.kind == "document":
        return names.key("data", "text")
    if node.kind == "retrieve" and not builder.own:
        return names.PASSAGES
    return _VIEWS.get(node.kind, names.SAME)


_VIEWS: dict[str, names.View] = {"extract": names.FIELDS, "answer": names.key("output", "answer")}
