"""What a node of n8n is in the common form, a function for each type of node."""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dsl import DslError, kinds
from dsl.computed import ALL, EACH
from dsl.ir import Node, OnError, Ref, Resource, Script, Text, Type, Value
from dsl.load import load_json
from dsl.n8n import conditions, containers, names, python, schedules, shims, starts, subnodes, tables, text, written
from dsl.n8n.source import Link, Raw, dig, is_number, members
from dsl.sensitive import found
from dsl.values import words

if TYPE_CHECKING:
    from dsl.n8n.read import Reader
    from dsl.n8n.regions import Region

Read = Callable[["Reader", Raw, Node], None]


def type_name(value: Any) -> Any:
    """The name of a plain value's type."""
    kinds = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}
    return kinds.get(type(value), "any")


def reader_of(raw: Raw) -> Read:
    if raw.kind in READERS:
        return READERS[raw.kind]
    if tables.is_trigger(raw.kind):
        return _event
    if raw.kind.startswith("ai:vectorStore") and raw.params.get("mode") == "load":
        return _retrieve
    return _tool if _is_named(raw) else _opaque


def _is_named(raw: Raw) -> bool:
    """A node of some service: everything that has a package in its type and does not deal with items as such."""
    return "." in raw.data["type"] and raw.kind not in tables.STREAMS and raw.kind != "ai:code"


# -- triggers


def _trigger(reader: "Reader", raw: Raw, node: Node) -> None:
    node.kind = "start"
    node.params["trigger"] = {"type": tables.TRIGGERS[raw.kind]}
    if raw.mark and raw.mark[0] == "trigger":  # the platform it comes from runs flows by something of its own
        del node.params["trigger"]


def _webhook(reader: "Reader", raw: Raw, node: Node) -> None:
    _trigger(reader, raw, node)
    method, path = raw.params.get("httpMethod", "GET"), raw.params.get("path", "")
    node.params["trigger"] = {
        "type": "webhook",
        "method": method.upper() if isinstance(method, str) else "GET",
        "path": path if isinstance(path, str) else "",
    }
    node.outputs = {"body": tables.OBJECT, "headers": tables.OBJECT, "query": tables.OBJECT, "params": tables.OBJECT}


def _called(reader: "Reader", raw: Raw, node: Node) -> None:
    _trigger(reader, raw, node)
    for item in members(raw.params, "workflowInputs", "values"):
        if isinstance(item.get("name"), str) and item["name"] and not (raw.mark and starts.is_given(item["name"])):
            kind = item.get("type", "string")
            node.outputs[item["name"]] = Type(kind if kind in tables.CALL_TYPES else "any")


def _form_trigger(reader: "Reader", raw: Raw, node: Node) -> None:
    _trigger(reader, raw, node)
    node.outputs = form_fields(raw)


def form_fields(raw: Raw) -> dict[str, Type]:
    fields: dict[str, Type] = {}
    for item in members(raw.params, "formFields", "values"):
        label, name = (str(item.get(key) or "") for key in ("fieldLabel", "fieldName"))
        if name or label:
            fields[name or label] = _form_field(item, label if name else "")
    return fields


def _form_field(item: dict[str, Any], label: str) -> Type:
    kind = item.get("fieldType")
    chosen = [each.get("option") for each in members(item, "fieldOptions", "values")]
    default, hint = item.get("defaultValue"), item.get("placeholder")
    return Type(
        tables.FORM_TYPES.get(kind, "string") if isinstance(kind, str) else "string",  # type: ignore[arg-type]
        required=item.get("requiredField") is True,
        label=label,
        description=hint if isinstance(hint, str) else "",
        default=default if isinstance(default, (str, int, float, bool)) and default != "" else None,
        options=tuple(each for each in chosen if isinstance(each, str)) if kind == "dropdown" else (),
    )


def _chat(reader: "Reader", raw: Raw, node: Node) -> None:
    _trigger(reader, raw, node)
    said = raw.params.get("initialMessages")
    if isinstance(said, str) and said:
        node.params["prologue"] = said


def _schedule(reader: "Reader", raw: Raw, node: Node) -> None:
    _trigger(reader, raw, node)
    crons = schedules.crons(raw.kind, raw.params)
    node.params["trigger"] = {"type": "schedule", "cron": crons[0] if crons else ""}
    if len(crons) > 1:
        node.params["trigger"]["more"] = crons[1:]


def _event(reader: "Reader", raw: Raw, node: Node) -> None:
    """A trigger of a service: which one is a resource, since no other platform has it."""
    node.kind = "start"
    resource = reader.resource(subnodes.resource(raw, "tool", raw.name))
    node.params["trigger"] = {"type": "event", "tool": resource, "settings": reader.value(raw.params, raw)}


# -- what runs


def _pass(reader: "Reader", raw: Raw, node: Node) -> None:
    node.kind = "pass"


def _wait(reader: "Reader", raw: Raw, node: Node) -> None:
    if raw.params.get("resume", "timeInterval") != "timeInterval":
        _opaque(reader, raw, node)
        return
    node.kind = "pass"
    amount, unit = raw.params.get("amount", 5 if raw.version > 1 else 1), raw.params.get("unit", "seconds")
    message = f"It waits for {amount} {unit}; no other platform has a pause, control passes at once there."
    reader.note(raw, "degraded", "kind.unsupported", message)


def _note(reader: "Reader", raw: Raw, node: Node) -> None:
    node.kind = "note"
    content = raw.params.get("content", "")
    size = [raw.params.get("width", 240), raw.params.get("height", 160)]
    node.params = {"text": content if isinstance(content, str) else "", "size": size}


def _set(reader: "Reader", raw: Raw, node: Node) -> None:
    if raw.mark and raw.mark[0] == "inputs" and raw.name in {owner.name for owner in reader.before.values()}:
        node.kind = "start"
        starts.read_inputs(reader, raw, node)
        return
    _plain_set(reader, raw, node)
    role = raw.mark[0] if raw.mark else ""
    if role in ("answer", "template", "message") and set(node.inputs) == {"output"}:
        value = node.inputs["output"]
        kind, name = {
            "answer": ("answer", "text"),
            "template": ("template", "template"),
            "message": ("end", "message"),
        }[role]
        node.kind, node.params, node.inputs, node.outputs = kind, {name: value}, {}, {}
    elif role == "end":
        node.kind, node.params = "end", {}


def _plain_set(reader: "Reader", raw: Raw, node: Node) -> None:
    node.kind = "set"
    if raw.params.get("mode") == "raw":
        fields = reader.value(raw.params.get("jsonOutput", "{}"), raw)
        fields = _object(reader, raw, fields)
        if fields is None:
            _opaque(reader, raw, node)
            return
        node.inputs, node.outputs = fields, {name: _type_of(value) for name, value in fields.items()}
    else:
        for name, kind, value in assignments(raw):
            node.inputs[name] = _assigned(reader, raw, kind, value)
            node.outputs[name.split(".")[0]] = Type(kind) if "." not in name else tables.OBJECT
    if _includes(raw):
        node.params["keep"] = True


def _assigned(reader: "Reader", raw: Raw, kind: str, value: Any) -> Value:
    """What is typed as text and meant as something else, as n8n takes it from version 3 on."""
    read = reader.value(value, raw)
    if raw.version < 3 or not isinstance(read, (str, Text)):
        return read
    meant = json_with_expressions(value, lambda code: reader.value(code, raw))
    kinds = {list: "array", dict: "object", bool: "boolean", int: "number", float: "number"}
    return meant if kinds.get(type(meant)) == kind else read


def _type_of(value: Value) -> Type:
    if isinstance(value, (Ref, Script)):
        return Type()
    return Type(type_name(value)) if isinstance(value, (int, float, list, dict)) else Type("string")


def _object(reader: "Reader", raw: Raw, value: Value) -> dict[str, Value] | None:
    """A mapping, out of an expression or out of JSON text with expressions in it."""
    if isinstance(value, dict):
        return value
    source = raw.params.get("jsonOutput", raw.params.get("responseBody", ""))
    found = json_with_expressions(source, lambda code: reader.value(code, raw)) if isinstance(source, str) else None
    return found if isinstance(found, dict) else None


def json_with_expressions(source: str, read: Callable[[str], Value]) -> Any:
    """JSON text in which `{{ }}` stands for values, in quotes for text; None when it is not that."""
    codes: list[str] = []
    plain, end, quotes = "", 0, 0
    source = source.removeprefix("=")
    for match in re.finditer(r"\{\{.*?\}\}", source, re.S):
        quotes += source.count('"', end, match.start())
        mark = f"\ue000{len(codes)}\ue001"
        plain += source[end : match.start()] + (mark if quotes % 2 else f'"\ue002{mark}"')
        codes.append(match[0])
        end = match.end()
    try:
        return _filled(load_json(plain + source[end:]), codes, read)
    except DslError:
        return None


def _filled(value: Any, codes: list[str], read: Callable[[str], Value]) -> Value:
    if isinstance(value, dict):
        return {key: _filled(item, codes, read) for key, item in value.items()}
    if isinstance(value, list):
        return [_filled(item, codes, read) for item in value]
    if not isinstance(value, str) or "\ue000" not in value or not codes:
        return value
    value = value.removeprefix("\ue002")
    return read("=" + re.sub("\ue000(\\d+)\ue001", lambda match: codes[int(match[1][:6]) % len(codes)], value))


def assignments(raw: Raw) -> list[tuple[str, Any, Any]]:
    """Name, type and value of what a Set node sets, in all its versions (n8n.md, section 15)."""
    found = []
    for item in members(raw.params, "assignments", "assignments"):
        found.append((item.get("name"), item.get("type", "string"), item.get("value", "")))
    for item in members(raw.params, "fields", "values"):
        kind = str(item.get("type", "stringValue")).removesuffix("Value")
        found.append((item.get("name"), kind, item.get(f"{kind}Value", "")))
    for kind in ("string", "number", "boolean"):
        for item in members(raw.params, "values", kind):
            found.append((item.get("name"), kind, item.get("value", "")))
    return [
        (name, kind if isinstance(kind, str) and kind in tables.ASSIGNED else "any", value)
        for name, kind, value in found
        if isinstance(name, str) and name
    ]


def _includes(raw: Raw) -> bool:
    """Whether what came in stays beside what is set."""
    if raw.version < 3:
        return raw.params.get("keepOnlySet") is not True
    if "include" in raw.params or (raw.version < 3.3 and "fields" in raw.params):
        return raw.params.get("include", "all") != "none" and raw.params.get("includeOtherFields") is not False
    return raw.params.get("includeOtherFields") is True


def keeps(reader: "Reader", raw: Raw, first: names.Path) -> bool:
    """Whether a Set node hands on the field asked for as it came in."""
    if raw.kind != "set" or not first or not _includes(raw) or not reader.source.into[raw.name]:
        return False
    if raw.name not in reader.assigned:
        reader.assigned[raw.name] = {name.split(".")[0] for name, _, _ in assignments(raw)}
    return first[0] not in reader.assigned[raw.name]


def _if(reader: "Reader", raw: Raw, node: Node) -> None:
    node.kind = "if"
    found = raw.params.get("conditions")
    node.params["cases"] = [conditions.read(reader, raw, found)]
    if conditions.ignores_case(found):
        node.params["ignore_case"] = True


def _switch(reader: "Reader", raw: Raw, node: Node) -> None:
    node.kind = "if"
    node.params["cases"] = conditions.switched(reader, raw)
    rules = members(raw.params, "rules", "values")
    if len(node.params["cases"]) > 1 and dig(raw.params, "options", "allMatchingOutputs") is True:
        message = "Control goes every way whose condition holds; elsewhere it goes the first of them."
        reader.note(raw, "degraded", "switch.all", message, "Make a branch of each condition, one beside the other.")
    if rules and all(conditions.ignores_case(rule.get("conditions")) for rule in rules):
        node.params["ignore_case"] = True


def _code(reader: "Reader", raw: Raw, node: Node) -> None:
    language = raw.params.get("language", "javaScript")
    in_python = isinstance(language, str) and language.startswith("python")
    if in_python and python.read(reader, raw, node):
        return
    source = raw.params.get("pythonCode" if in_python else "jsCode", raw.params.get("functionCode", ""))
    source = source if isinstance(source, str) else ""
    if raw.kind == "code" and (shim := shims.parsed(source)) and shim.role in written.SHIMS:
        written.SHIMS[shim.role](reader, raw, node, shim)
        return
    once = raw.params.get("mode", "runOnceForAllItems") == "runOnceForAllItems" and raw.kind != "functionItem"
    node.kind = "code"
    node.params = {
        "lang": "python3" if in_python else "javascript",
        "source": source,
        "style": "items" if once else "item",
    }
    node.inputs = _read_by_code(reader, raw, source)
    for maker in _makers(reader, raw):
        region = reader.regions.get(maker.name)
        loops = region is not None and region.kind == "batches" and raw.name not in region.body
        if loops or (region is None and _gives_items(maker)):
            reader.whole.add(maker.name)


def _read_by_code(reader: "Reader", raw: Raw, source: str) -> dict[str, Value]:
    """The nodes that code calls by name: whoever renames one finds the code by these."""
    found: dict[str, Value] = {}
    for *_, path, _ref in text.reads(source, lambda path: None):
        other = reader.nodes.get(path.name) if path and path.root == "node" else None
        if other and other.name not in reader.source.serves and other.kind != "stickyNote":
            found[other.name] = Ref(other.id, ())
            reader.over(raw, other)
    return found


def _http(reader: "Reader", raw: Raw, node: Node) -> None:
    if raw.mark and raw.mark[0] == "tool" and _called_tool(reader, raw, node):
        return
    node.kind = "http"
    method = raw.params.get("method", raw.params.get("requestMethod", "GET"))
    node.params = {
        "method": method.upper() if isinstance(method, str) else "GET",
        "url": reader.words(raw.params.get("url", ""), raw),
        "headers": _pairs(reader, raw, "header", "sendHeaders"),
        "query": _pairs(reader, raw, "query", "sendQuery"),
        "response": response_of(raw),
        "on_status": "pass" if _answer(raw, "neverError", "ignoreResponseCode") else "fail",
    }
    if auth := _auth(reader, raw):
        node.params["auth"] = auth
    if body := _body(reader, raw):
        node.params["body"] = body
    _http_options(raw, node)
    if not is_full(raw):
        node.outputs = {"body": tables.ANY}


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


def _answer(raw: Raw, name: str, old: str = "") -> bool:
    options = dig(raw.params, "options")
    return dig(options, "response", "response", name) is True or (bool(old) and dig(options, old) is True)


def is_full(raw: Raw) -> bool:
    return _answer(raw, "fullResponse", "fullResponse")


def response_of(raw: Raw) -> str:
    format_ = dig(raw.params, "options", "response", "response", "responseFormat") or raw.params.get("responseFormat")
    return "text" if format_ in ("text", "string") else "json"


def _pairs(reader: "Reader", raw: Raw, kind: str, sends: str) -> list[list[Value]]:
    if raw.version >= 3 and raw.params.get(sends) is not True:
        return []  # what stands there is kept for the day it is switched on
    items = members(raw.params, f"{kind}Parameters", "parameters") + members(
        raw.params, f"{kind}ParametersUi", "parameter"
    )
    if not items and isinstance(source := raw.params.get(f"json{kind.capitalize()}"), str):
        found = json_with_expressions(source, lambda code: reader.value(code, raw))
        items = [{"name": name, "value": value} for name, value in found.items()] if isinstance(found, dict) else []
        return [[item["name"], item["value"]] for item in items]
    return [[reader.value(item.get("name", ""), raw), _secret(reader, raw, item, kind)] for item in items]


def _secret(reader: "Reader", raw: Raw, item: dict[str, Any], kind: str) -> Value:
    """A value, or a variable in its place when it is a secret."""
    name, value = item.get("name"), item.get("value", "")
    literal = isinstance(value, str) and not value.startswith("=")
    if literal and isinstance(name, str) and found(value, name, sent=True):
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
        return {"type": type_, "text": reader.words(source, raw)}
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


def _subflow(reader: "Reader", raw: Raw, node: Node) -> None:
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


def _stop(reader: "Reader", raw: Raw, node: Node) -> None:
    node.kind = "stop"
    node.params["message"] = reader.words(raw.params.get("errorMessage", raw.params.get("errorObject", "")), raw)


def _document(reader: "Reader", raw: Raw, node: Node) -> None:
    """The text of a file; n8n names the file by a field of the item."""
    node.kind = "document"
    name = raw.params.get("binaryPropertyName", "data")
    node.params["file"] = reader.value(name, raw)


def document_key(raw: Raw) -> str:
    default = "text" if raw.params.get("operation") == "pdf" else "data"
    name = raw.params.get("destinationKey", default)
    name = name.removeprefix("=") if isinstance(name, str) else default
    return default if "{{" in name else name or default


def _merge(reader: "Reader", raw: Raw, node: Node) -> None:
    """Append and choose: the first branch that gave something. What joins items of both is no node elsewhere."""
    links = sorted(reader.source.into[raw.name], key=lambda link: link.input)
    mode = raw.params.get("mode", "append")
    if mode not in ("append", "chooseBranch", "passThrough", "wait"):
        _opaque(reader, raw, node)
        return
    node.kind = "aggregate"
    found = [_whole(reader, reader.nodes[link.source]) for link in links]
    group = {"name": "output", "type": Type(), "values": [value for value in found if value is not None]}
    node.params = {"groups": [group], "skip": "missing"}
    node.outputs = {"output": Type()}


def _whole(reader: "Reader", raw: Raw) -> Value:
    """The item that a node gives: n8n's own word for it, which no other platform has."""
    return Script("n8n", f"$('{raw.name}').item.json", (Ref(raw.id, ()),)) if "'" not in raw.name else None


def _list(reader: "Reader", raw: Raw, node: Node) -> None:
    """Operations on all items at once: the list is what came in."""
    node.kind = "list"
    node.params = {"list": _all_items(reader, raw, EACH)} | _LISTS[raw.kind](reader, raw)
    node.outputs = {"result": replace(tables.ITEMS, label=ALL)}
    reader.note(
        raw, "degraded", "items.many", "It works on all items that come in, which other platforms have as a list."
    )


def _all_items(reader: "Reader", raw: Raw, source: str) -> Script:
    """`source`, which takes all items that come in from $input, and who gives those."""
    makers = [reader.nodes[name] for name in _sources(reader, raw)]
    if len(makers) == 1 and _gives_items(makers[0]):
        return Script("n8n", source, (_items(reader, makers[0]),))
    if len(makers) == 1 and reader_of(makers[0]) is _list and not makers[0].mark:
        return Script("n8n", source, (Ref(makers[0].id, ("result",)),))
    if giver := reader.streams.get(raw.name):
        lost = _lost(reader, raw, f"It works on what nodes before it make of each item of {giver}.")
        return Script("n8n", f"{source} && {lost.source}")  # on n8n it still is what it was
    return Script(
        "n8n", source, tuple(reader.ref(raw, maker, ()) or Ref(maker.id, ()) for maker in _makers(reader, raw))
    )


def _sources(reader: "Reader", raw: Raw) -> list[str]:
    """Who is wired to a node, past those that do nothing."""
    names = sorted({link.source for link in reader.source.into[raw.name]})
    idle = len(names) == 1 and (reader.nodes[names[0]].disabled or reader_of(reader.nodes[names[0]]) is _pass)
    return _sources(reader, reader.nodes[names[0]]) if idle else names


def _sort(reader: "Reader", raw: Raw) -> dict[str, Value]:
    fields = members(raw.params, "sortFieldsUi", "sortField")
    return {
        "sort": [
            {"key": str(item.get("fieldName", "")), "order": "desc" if item.get("order") == "descending" else "asc"}
            for item in fields
        ]
    }


def _limit(reader: "Reader", raw: Raw) -> dict[str, Value]:
    keep = "last" if raw.params.get("keep") == "lastItems" else "first"
    return {"limit": {"size": reader.value(raw.params.get("maxItems", 1), raw), "keep": keep}}


def _unique(reader: "Reader", raw: Raw) -> dict[str, Value]:
    fields = raw.params.get("fieldsToCompare", "")
    return {"unique": [name.strip() for name in fields.split(",") if name.strip()] if isinstance(fields, str) else []}


_LISTS: dict[str, Callable[["Reader", Raw], dict[str, Value]]] = {
    "sort": _sort,
    "limit": _limit,
    "removeDuplicates": _unique,
}


def _aggregate(reader: "Reader", raw: Raw, node: Node) -> None:
    """All items as one list. The name of its field is the label of the output."""
    key, source, _ = gathered(raw)
    if not key:
        _opaque(reader, raw, node)
        return
    node.kind = "list"
    if region := reader.gathering.get(raw.name):
        there = {"left": Ref(raw.id, (), "item"), "op": "not_null", "right": None}
        node.params = {"list": Ref(region.owner.id, ("output",)), "filter": {"logic": "and", "conditions": [there]}}
        node.params["attached"] = [_piece(reader, raw, "end", raw.params)]
        node.outputs = {"result": Type("array", label=key)}
        return
    node.params = {"list": _all_items(reader, raw, source)}
    node.outputs = {"result": replace(tables.ITEMS if source == EACH else tables.ARRAY, label=key)}
    reader.note(raw, "degraded", "items.many", "It makes one list of all items that come in.")


def gathered(raw: Raw) -> tuple[str, str, str]:
    """The field that an aggregate makes, "" for several, the JavaScript for what is in it, and the field it takes."""
    field: Any = ""
    if raw.params.get("aggregate") == "aggregateAllItemData":
        key, source = raw.params.get("destinationFieldName", "data"), EACH
    else:
        items = members(raw.params, "fieldsToAggregate", "fieldToAggregate")
        field = items[0].get("fieldToAggregate") if len(items) == 1 else None
        if not isinstance(field, str) or not re.fullmatch(r"[\w.]+", field):
            return "", "", ""
        renamed = items[0].get("outputFieldName") if items[0].get("renameField") is True else None
        key = renamed or field.split(".")[-1]
        source = f"$input.all().map((item) => item.json.{field})"
    fits = isinstance(key, str) and key and not key.startswith("=") and "." not in key
    return (key, source, field) if fits else ("", "", "")


def _answered(reader: "Reader", raw: Raw, node: Node) -> None:
    """respondToWebhook: the end when nothing follows, else an answer on the way."""
    how = raw.params.get("respondWith", "firstIncomingItem")
    body = reader.value(raw.params.get("responseBody", ""), raw)
    if how in ("jwt", "binary"):
        _opaque(reader, raw, node)
        return
    if how in ("firstIncomingItem", "allIncomingItems"):
        inputs, body = _incoming_item(reader, raw, how), None
    else:
        inputs = (_object(reader, raw, body) if how == "json" else None) or {}
    if how == "redirect":
        body = reader.value(raw.params.get("redirectURL", ""), raw)
    if reader.source.out[raw.name] and (not raw.mark or raw.mark[0] != "end"):
        node.kind = "answer"
        node.params["text"] = words(body) if body is not None and how != "noData" else text_of(inputs)
        return
    node.kind, node.inputs = "end", inputs
    node.outputs = {name: _type_of(value) for name, value in inputs.items()}
    if not inputs and how != "noData" and body is not None:
        node.params["message"] = words(body)


def text_of(inputs: dict[str, Value]) -> Value:
    return next(iter(inputs.values()), "")


def _incoming_item(reader: "Reader", raw: Raw, how: str) -> dict[str, Value]:
    """The fields of what came in, where they are known; else the item as a whole."""
    makers = reader.producers(raw, ())
    if how == "firstIncomingItem" and len(makers) == 1:
        found = _known_fields(reader, raw, reader.nodes[next(iter(makers))[0]])
        if found:
            return found
    if how == "firstIncomingItem" and (whole := reader.incoming(raw, ())) is not None and whole.path:
        return {"result": whole}
    source = "$json" if how == "firstIncomingItem" else "$input.all().map((item) => item.json)"
    refs = tuple(Ref(reader.nodes[name].id, ()) for name, _ in sorted(makers))
    return {"result": Script("n8n", source, refs)}


def _known_fields(reader: "Reader", raw: Raw, maker: Raw) -> dict[str, Value]:
    """The fields of what comes into a node from the one that makes it; none when they are not all known."""
    known = KNOWN.get(maker.kind, ())
    if maker.kind == "set" and not _includes(maker):
        known = tuple(dict.fromkeys(name.split(".")[0] for name, _, _ in assignments(maker)))
    found = {name: reader.ref(raw, maker, (name,)) for name in known}
    return dict(found) if all(found.values()) else {}


KNOWN: dict[str, tuple[str, ...]] = {"ai:agent": ("output",), "ai:chainLlm": ("text",)}


def _chat_answer(reader: "Reader", raw: Raw, node: Node) -> None:
    node.kind = "answer"
    node.params["text"] = reader.words(raw.params.get("message", ""), raw)


def _form(reader: "Reader", raw: Raw, node: Node) -> None:
    """A page of a form: questions, or the last one that only says something."""
    if raw.params.get("operation", "page") == "completion":
        shown = {"redirect": "redirectUrl", "showText": "responseText"}
        name = shown.get(str(raw.params.get("respondWith", "text")), "completionMessage")
        node.kind, node.params["message"] = "end", reader.words(raw.params.get(name, ""), raw)
        return
    node.kind = "ask"
    said = raw.params.get("formTitle", dig(raw.params, "options", "formTitle"))
    node.params["question"] = reader.value(said if isinstance(said, str) else raw.name, raw)
    node.outputs = form_fields(raw)


# -- models


def _chain(reader: "Reader", raw: Raw, node: Node) -> None:
    node.kind = "llm"
    node.params["mode"] = "chat"
    messages = []
    for item in members(raw.params, "messages", "messageValues"):
        role = tables.ROLES.get(str(item.get("type", "SystemMessagePromptTemplate")), "system")
        messages.append({"role": role, "text": reader.words(item.get("message", ""), raw)})
    query = _prompt(reader, raw)
    node.params["messages"] = messages + ([{"role": "user", "text": query}] if query != "" else [])
    _passages(reader, raw, node)
    subnodes.fold(reader, raw, node)


_PASSAGES = re.compile(r"(.+)\.map\(\(passage\) => passage\.content\)\.join\(\"\\n\\n\"\)")


def _passages(reader: "Reader", raw: Raw, node: Node) -> None:
    """Passages in a prompt, as flowstill writes them: the prompt's context."""

    def part(value: Any) -> Any:
        match = _PASSAGES.fullmatch(value.source) if isinstance(value, Script) else None
        found = text.plain(match[1], reader.resolve(raw)) if match else None
        if not isinstance(found, Ref):
            return value
        node.params["context"] = found
        return Ref("", ("context",), "system")

    for message in node.params["messages"]:
        said = message["text"]
        message["text"] = Text(tuple(map(part, said.parts))) if isinstance(said, Text) else part(said)


def _prompt(reader: "Reader", raw: Raw) -> Value:
    """What is asked: as written, or by default the chat's question."""
    define = raw.params.get("promptType", "auto" if raw.version >= 1.2 else "define") == "define"
    if define and ("text" in raw.params or "prompt" in raw.params):
        return reader.words(raw.params.get("text", raw.params.get("prompt")), raw)
    field = "input" if raw.version < 1.1 else "chatInput"
    found = reader.incoming(raw, (field,))
    return found if found is not None else Script("n8n", f"$json.{field}")


def _agent(reader: "Reader", raw: Raw, node: Node) -> None:
    """With tools, or without memory, an agent; a model that only remembers the chat is a model."""
    node.kind = "agent"
    query, system = _prompt(reader, raw), dig(raw.params, "options", "systemMessage")
    node.params["messages"] = [{"role": "system", "text": reader.words(system, raw)}] if system is not None else []
    node.params["query"], node.params["tools"] = query, []
    rounds = dig(raw.params, "options", "maxIterations")
    if rounds is not None:
        node.params["max_rounds"] = reader.value(rounds, raw)
    subnodes.fold(reader, raw, node)
    if raw.mark and raw.mark[0] == "llm":
        node.kind, node.params["mode"] = "llm", "chat"
        del node.params["tools"], node.params["query"]
        node.params.pop("max_rounds", None)
        node.params["messages"] += [{"role": "user", "text": query}] if query != "" else []
    _passages(reader, raw, node)


def _open_ai(reader: "Reader", raw: Raw, node: Node) -> None:
    if raw.params.get("resource", "text") != "text" or raw.params.get("operation") not in (None, "message", "response"):
        _tool(reader, raw, node)
        return
    node.kind, node.params["mode"] = "llm", "chat"
    messages = []
    system = dig(raw.params, "options", "instructions")
    if system is not None:
        messages.append({"role": "system", "text": reader.words(system, raw)})
    for item in members(raw.params, "responses", "values") + members(raw.params, "messages", "values"):
        role = str(item.get("role", "user"))
        role = role if role in ("system", "assistant") else "user"
        messages.append({"role": role, "text": reader.words(item.get("content", ""), raw)})
    subnodes.own_model(reader, raw, node)
    node.params["messages"] = messages
    subnodes.fold(reader, raw, node)


def _classify(reader: "Reader", raw: Raw, node: Node) -> None:
    node.kind = "classify"
    node.params["query"] = reader.value(raw.params.get("inputText", ""), raw)
    node.params["instruction"] = instruction(reader, raw)
    node.params["classes"] = [
        {"name": str(item.get("category", "")), "description": str(item.get("description", "")), "examples": []}
        for item in members(raw.params, "categories", "categories")
    ]
    subnodes.fold(reader, raw, node)


ASKED = {  # what the prompt of these nodes has to hold
    "ai:textClassifier": "Sort the user's text into one of these categories: {categories}. Answer with JSON only.",
    "ai:informationExtractor": "Take from the text only what is asked for; leave out what it does not say.",
}


def instruction(reader: "Reader", raw: Raw) -> Value:
    template = dig(raw.params, "options", "systemPromptTemplate")
    value = reader.value(template if isinstance(template, str) else "", raw)
    ends = "\n\n" + ASKED[raw.kind]
    if isinstance(value, str):
        return value.removesuffix(ends)
    last = value.parts[-1] if hasattr(value, "parts") else None
    if isinstance(last, str) and last.endswith(ends):
        from dsl import values

        return values.text([*value.parts[:-1], last.removesuffix(ends)])
    return value


def _extract(reader: "Reader", raw: Raw, node: Node) -> None:
    node.kind = "extract"
    node.params["query"] = reader.value(raw.params.get("text", ""), raw)
    node.params["instruction"] = instruction(reader, raw)
    node.outputs = _attributes(raw)
    subnodes.fold(reader, raw, node)


def _attributes(raw: Raw) -> dict[str, Type]:
    how = raw.params.get("schemaType", "fromAttributes")
    if how == "fromAttributes":
        return {
            item["name"]: Type(
                tables.EXTRACTED.get(str(item.get("type", "string")), "string"),  # type: ignore[arg-type]
                description=str(item.get("description", "")),
                required=item.get("required") is True,
            )
            for item in members(raw.params, "attributes", "attributes")
            if isinstance(item.get("name"), str)
        }
    schema = subnodes.schema_of(raw.params, how)
    return subnodes.fields(schema)


def _retrieve(reader: "Reader", raw: Raw, node: Node) -> None:
    node.kind = "retrieve"
    node.params["query"] = reader.value(raw.params.get("prompt", ""), raw)
    node.params["knowledge"] = [reader.resource(subnodes.knowledge(raw))]
    top = raw.params.get("topK", 4)
    node.params["top_k"] = top if isinstance(top, int) else 4
    subnodes.fold(reader, raw, node)


# -- everything else

FIXED = ("resource", "operation", "authentication", "options", "additionalFields")


def _tool(reader: "Reader", raw: Raw, node: Node) -> None:
    """A node of a service: which one, and its credential, is a resource; what refers to something is an input."""
    node.kind = "tool"
    node.params["tool"] = reader.resource(subnodes.resource(raw, "tool", raw.name))
    settings: dict[str, Value] = {}
    for name, value in raw.params.items():
        read = reader.value(value, raw)
        if isinstance(name, str) and name not in FIXED and _refers(read):
            node.inputs[name] = read
        else:
            settings[name] = read
    node.params["settings"] = settings
    subnodes.fold(reader, raw, node)


def _refers(value: Value) -> bool:
    if isinstance(value, dict):
        return any(map(_refers, value.values()))
    return any(map(_refers, value)) if isinstance(value, list) else not isinstance(value, (str, int, float, type(None)))


def _opaque(reader: "Reader", raw: Raw, node: Node) -> None:
    node.kind, node.params = "opaque", {"type": raw.data["type"]}
    node.inputs = {str(name): reader.value(value, raw) for name, value in raw.params.items()}
    subnodes.fold(reader, raw, node)
    if raw.kind in tables.STREAMS:
        reader.note(raw, "degraded", "items.many", "It works on several items at once, which no other platform does.")


READERS: dict[str, Read] = {
    "webhook": _webhook,
    "manualTrigger": _trigger,
    "start": _trigger,
    "executeWorkflowTrigger": _called,
    "formTrigger": _form_trigger,
    "ai:chatTrigger": _chat,
    "ai:manualChatTrigger": _chat,
    "scheduleTrigger": _schedule,
    "cron": _schedule,
    "interval": _schedule,
    "noOp": _pass,
    "wait": _wait,
    "stickyNote": _note,
    "set": _set,
    "if": _if,
    "filter": _if,
    "switch": _switch,
    "code": _code,
    "function": _code,
    "functionItem": _code,
    "httpRequest": _http,
    "executeWorkflow": _subflow,
    "stopAndError": _stop,
    "extractFromFile": _document,
    "merge": _merge,
    "sort": _list,
    "limit": _list,
    "removeDuplicates": _list,
    "aggregate": _aggregate,
    "respondToWebhook": _answered,
    "form": _form,
    "ai:chat": _chat_answer,
    "ai:chainLlm": _chain,
    "ai:agent": _agent,
    "ai:openAi": _open_ai,
    "ai:textClassifier": _classify,
    "ai:informationExtractor": _extract,
}

# -- containers


_LOST = "(() => {{ throw new Error({message}) }})()"


def _lost(reader: "Reader", raw: Raw, message: str) -> Script:
    """An expression that says, when it is reached, why there is no value."""
    reader.note(raw, "stub", "items.many", message, "Make the list in a code node.")
    return Script("n8n", _LOST.format(message=text.string(message)))


def _gives_items(raw: Raw) -> bool:
    """Whether a node itself decides how many items it gives."""
    return reader_of(raw) in (_code, _tool) and not raw.disabled and not raw.mark


def is_code(raw: Raw) -> bool:
    return reader_of(raw) is _code and not raw.disabled and not raw.mark


def _item(reader: "Reader", raw: Raw, makers: list[Raw]) -> Value:
    """The item that comes into a node from its makers; of code and of tools all their items (see `_flat`)."""
    if len(makers) == 1 and _gives_items(makers[0]):
        return _items(reader, makers[0])
    fields = _known_fields(reader, raw, makers[0]) if len(makers) == 1 else {}
    if fields:
        return fields
    whole = reader.ref(raw, makers[0], ()) if len(makers) == 1 else None
    if whole is not None and whole.path:
        return whole
    named = ", ".join(sorted(maker.name for maker in makers)) or "nothing"
    return _lost(reader, raw, f"What it takes of each item comes from {named}: its fields are not known.")


def _makers(reader: "Reader", raw: Raw) -> list[Raw]:
    return [reader.nodes[name] for name, _ in sorted(reader.producers(raw, ()))]


def round_item(reader: "Reader", region: "Region") -> Value:
    """What a round of a container without an aggregate gives."""
    if region.kind == "batches":
        makers = [maker for maker in _makers(reader, region.owner) if maker.name in region.body]
        return _item(reader, region.owner, makers or [region.owner])
    last = [reader.nodes[name] for name in sorted(region.body) if not reader.source.out[name]]
    return _item(reader, region.owner, last)


def _items(reader: "Reader", maker: Raw) -> Ref:
    reader.whole.add(maker.name)
    return Ref(maker.id, (ALL,))


def container(reader: "Reader", raw: Raw, node: Node, region: "Region") -> None:
    for name in region.own - {raw.name}:
        reader.fold(raw, reader.nodes[name])
    if region.kind in ("iterate", "loop"):
        containers.read(reader, raw, node, region)
        return
    node.kind = "iterate"
    node.outputs = {}
    left = dict(raw.params)
    if region.kind == "split":
        node.inputs = {"item": _split_list(reader, raw, str(left.pop("fieldToSplitOut")))}
    else:
        node.inputs = {"item": _batched(reader, raw, region)}
        if left.get("batchSize", 1) != 1:
            reader.note(raw, "degraded", "items.many", "A round is for several items at once; elsewhere it is for one.")
    attached = [_piece(reader, raw, "container", left)]
    if region.end and region.apart:
        node.outputs = {"output": tables.ARRAY}
        node.params["collect"] = {"output": Ref(region.gatherer, ("item",))}
    elif region.end:
        attached.append(_piece(reader, region.end, "end", {}))
        node.outputs = {"output": Type("array", label=gathered(region.end)[0])}
        node.params["collect"] = {"output": gathered_item(reader, region.end)}
    if region.end and _flat(reader, region.end):
        node.params["flatten"] = True
    node.params["attached"] = attached


def _batched(reader: "Reader", raw: Raw, region: "Region") -> Value:
    """All the items that a loop goes through."""
    makers = [maker for maker in _makers(reader, raw) if maker.name not in region.body and maker is not raw]
    if len(makers) == 1 and _gives_items(makers[0]):
        return _items(reader, makers[0])
    if many := [maker.name for maker in makers if maker.name in reader.streams]:
        return _lost(reader, raw, f"It goes through what {many[0]} makes of each item of a node before it.")
    refs = tuple(reader.ref(raw, maker, ()) or Ref(maker.id, ()) for maker in makers)
    return Script("n8n", EACH, refs)


def streams(reader: "Reader") -> dict[str, str]:
    """The nodes that several items come to, and who gave those, as far as is known."""
    found: dict[str, str] = {}
    for giver in reader.main:
        stack = [giver.name] if _gives_many(giver) else []
        while stack:
            after = [link.target for link in reader.source.out[stack.pop()] if link.target not in found]
            found.update(dict.fromkeys(after, giver.name))
            stack += [name for name in after if not _gathers(reader, reader.nodes[name])]
    return found


def _gathers(reader: "Reader", raw: Raw) -> bool:
    """Whether what follows a node does not run for each item that came to it."""
    return raw.kind == "aggregate" or raw.name in reader.own or raw.kind in tables.STREAMS or is_code(raw)


def runs_for_each(reader: "Reader", raw: Raw) -> bool:
    """Whether a node runs for each item that comes in, where a node of the common form runs once."""
    alone = raw.disabled or raw.kind in ("stickyNote", "noOp") or tables.is_trigger(raw.kind)
    of_all = _gathers(reader, raw) or reader_of(raw) is _list
    return not alone and not of_all and raw.name not in reader.inside


_RETURNS_MANY = re.compile(
    r"\breturn (items|\$input\.all\(\))\s*(;|\Z)|\breturn [^{};]{1,200}?\.map\(|\.push\(\s*\{\s*json\b"
)


def _gives_many(raw: Raw) -> bool:
    """Whether a tool gives an item for each record, or code one for each of several values."""
    if raw.mark or raw.disabled:
        return False
    if reader_of(raw) is _code:
        source = raw.params.get("jsCode", raw.params.get("functionCode"))
        return isinstance(source, str) and _RETURNS_MANY.search(source) is not None
    operation = raw.params.get("operation", tables.READS.get(raw.kind))
    return reader_of(raw) is _tool and isinstance(operation, str) and operation in tables.MANY


def _flat(reader: "Reader", end: Raw) -> bool:
    """Whether a round gives a list of items."""
    makers = _makers(reader, end)
    return not gathered(end)[2] and len(makers) == 1 and _gives_items(makers[0])


def _piece(reader: "Reader", raw: Raw, port: str, left: dict[str, Any]) -> dict[str, Any]:
    return {
        "port": port,
        "id": raw.id,
        "name": raw.name,
        "type": raw.data["type"],
        "version": subnodes.number(raw.version),
        "position": list(raw.position) if raw.position else None,
        "parameters": reader.value(left, raw),
    }


def _split_list(reader: "Reader", raw: Raw, name: str) -> Value:
    found = reader.incoming(raw, tuple(name.split(".")))
    return found if found is not None else Script("n8n", f"$json.{name}")


def gathered_item(reader: "Reader", end: Raw) -> Value:
    """What an aggregate takes of each item: a field, or all of it."""
    field = gathered(end)[2]
    if not field:
        return _item(reader, end, _makers(reader, end))
    found = reader.incoming(end, tuple(field.split(".")))
    return found if found is not None else _lost(reader, end, f"Several nodes may have made the field {field}.")


# -- what leaves a node by which output


def outputs_of(raw: Raw) -> int:
    """How many outputs a node has, without the one for failures."""
    if raw.kind == "if":
        return 2
    if raw.kind == "switch":
        return len(_rules(raw)) + int(dig(raw.params, "options", "fallbackOutput") == "extra")
    if raw.kind == "ai:textClassifier":
        classes = members(raw.params, "categories", "categories")
        return len(classes) + int(dig(raw.params, "options", "fallback") == "other")
    return 2 if raw.kind == "splitInBatches" and raw.version >= 3 else 1


def _rules(raw: Raw) -> list[Any]:
    if raw.params.get("mode") == "expression":
        number = raw.params.get("numberOutputs", raw.params.get("outputsAmount", 4))
        return [None] * (number if isinstance(number, int) and 0 <= number <= 50 else 4)
    rules: list[Any] = list(members(raw.params, "rules", "values"))
    return rules or [None] * (4 if dig(raw.params, "rules", "rules") else 0)


def ports(reader: "Reader", raw: Raw, node: Node, link: Link) -> list[str]:
    """The ports that a connection leaves by; none when nothing can."""
    if node.kind in ("stop", "end", "note"):
        return []
    if link.output < 0 or (raw.failing == "branch" and link.output == outputs_of(raw)):
        if node.on_error.then != "branch":
            node.on_error = OnError("branch", node.on_error.retries, node.on_error.wait_ms)
        return ["error"]
    if node.kind == "if":
        return _case_ports(raw, node, link.output)
    if node.kind == "classify":
        return [f"class:{link.output}" if link.output < len(node.params["classes"]) else "default"]
    if node.kind == "ask" and (known := kinds.ports(node))[1:]:
        return known[link.output : link.output + 1]
    if link.output > 0:
        reader.note(raw, "degraded", "port.unknown", f"Output {link.output + 1} is read as the only one.")
    return ["out"]


def _case_ports(raw: Raw, node: Node, output: int) -> list[str]:
    if raw.kind == "switch" and dig(raw.params, "rules", "rules") is not None and raw.version < 3:
        rules = members(raw.params, "rules", "rules")
        found = [f"case:{i}" for i, rule in enumerate(rules) if rule.get("output", 0) == output]
        return found + (["else"] if raw.params.get("fallbackOutput", -1) == output else [])
    found = [f"case:{output}"] if output < len(node.params["cases"]) else ["else"]
    fallback = dig(raw.params, "options", "fallbackOutput")
    return [*found, "else"] if type(fallback) is int and fallback == output and found != ["else"] else found


# -- what outputs are called


def view_of(reader: "Reader", raw: Raw) -> names.View:
    if raw.kind in _VIEWS:
        return _VIEWS[raw.kind]
    if raw.kind == "httpRequest":
        return names.RESPONSE if is_full(raw) else names.BODY
    if raw.kind == "ai:agent":
        return _agent_view(reader, raw)
    if raw.kind == "ai:openAi" and reader_of(raw) is _open_ai and raw.params.get("resource", "text") == "text":
        return names.RESPONSES if raw.version >= 2 else names.COMPLETION
    if raw.kind == "extractFromFile":
        return names.key(document_key(raw), "text")
    if raw.kind == "aggregate" and (key := gathered(raw)[0]):
        return names.key(key, "result")
    if raw.kind in ("code", "set"):
        return _marked_view(raw)
    if raw.kind == "executeWorkflowTrigger":
        return names.CHAT if raw.mark else names.SAME
    return names.PASSAGES if reader_of(raw) is _retrieve else names.SAME


def _agent_view(reader: "Reader", raw: Raw) -> names.View:
    return names.STRUCTURED if reader.source.parts(raw.name, "ai_outputParser") else names.AGENT


def _marked_view(raw: Raw) -> names.View:
    role = raw.mark[0] if raw.mark else ""
    return names.CHAT if role == "inputs" else names.key("output", "answer") if role == "answer" else names.SAME


_VIEWS: dict[str, names.View] = {
    "ai:chatTrigger": names.CHAT,
    "ai:manualChatTrigger": names.CHAT,
    "ai:chainLlm": names.CHAIN,
    "ai:informationExtractor": names.FIELDS,
}
