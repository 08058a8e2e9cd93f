"""What is called outside: Invoke, and tools as components."""

import json
import math
from typing import Any
from urllib.parse import quote

from dsl.ir import Flow, Node, Ref, Text, Type, Value
from dsl.kinds import declared, outputs
from dsl.ragflow.reading import Reading
from dsl.ragflow.scripts import stub
from dsl.ragflow.text import read_exact
from dsl.ragflow.writing import Made, Writing
from dsl.values import nodes, parts
from dsl.values import text as joined


def read_invoke(reading: Reading) -> None:
    node, params = reading.node, reading.params
    node.kind = "http"
    method = str(params.get("method") or "get").upper()
    pairs: list[tuple[str, Value]] = [
        (str(each.get("key") or ""), reading.bare(each["ref"]) if each.get("ref") else reading.value(each.get("value")))
        for each in reading.items("variables")
    ]
    node.params = {"method": method, "url": reading.text("url") or "", "headers": _headers(reading), "query": []}
    if method == "GET":
        node.params["query"] = [[name, value] for name, value in pairs]
    elif pairs:
        form = params.get("datatype") == "formdata"
        said = [{"name": name, "type": "text", "value": value} for name, value in pairs]
        node.params["body"] = {"type": "form" if form else "json", "fields": said}
    if isinstance(params.get("timeout"), (int, float)):
        node.params["timeout"] = {"read": params["timeout"]}


def settle(flow: Flow) -> None:
    """A JSON body that takes only texts from elsewhere is a text; what is, or may be, of another type stays a field."""
    every = nodes(flow)
    for node in every.values():
        body = node.params.get("body") or {} if node.kind == "http" else {}
        if body.get("type") == "json" and "fields" in body:
            pairs = [(each["name"], each["value"]) for each in body["fields"]]
            if all(_is_text(value, every, flow) for _, value in pairs if isinstance(value, Ref)):
                node.params["body"] = {"type": "json", "text": _object(pairs)}


def _is_text(ref: Ref, every: dict[str, Node], flow: Flow) -> bool:
    if ref.scope == "system":
        return ref.path == ("query",)
    producer = every.get(ref.node)
    asked = outputs(producer) if producer is not None and producer.kind == "start" and len(ref.path) == 1 else {}
    return (asked.get(str(ref.path[0]) if ref.path else "") or declared(ref, every, flow)).name == "string"


def _headers(reading: Reading) -> list[list[Value]]:
    source = reading.params.get("headers")
    try:
        known = json.loads(source) if isinstance(source, str) and source.strip() else source
    except (ValueError, RecursionError):
        return [["", reading.value(source)]]
    if not isinstance(known, dict):
        return []
    values = {
        str(key): read_exact(value, reading.find) if isinstance(value, str) else value for key, value in known.items()
    }
    return [[key, value] for key, value in values.items()]


def _object(pairs: list[tuple[str, Value]]) -> Value:
    """The JSON text that the pairs stand for."""
    made: list[Any] = ["{"]
    for i, (name, value) in enumerate(pairs):
        made.append(f"{', ' if i else ''}{json.dumps(name, ensure_ascii=False)}: ")
        if isinstance(value, (Ref, Text)):
            made += [
                '"',
                *(
                    json.dumps(each, ensure_ascii=False)[1:-1] if isinstance(each, str) else each
                    for each in parts(value)
                ),
                '"',
            ]
        else:
            made.append(json.dumps(value, ensure_ascii=False, default=str))

    return joined([*made, "}"])


def read_tool(reading: Reading, name: str) -> None:
    """A tool as a component: what it is asked is its parameters."""
    node, params = reading.node, reading.params
    node.kind = "tool"
    node.params = {"tool": reading.resource("tool", name, {"type": "ragflow", "component": name})}
    skip = {
        "outputs",
        "max_retries",
        "delay_after_error",
        "exception_method",
        "exception_default_value",
        "exception_goto",
    }
    kept: dict[str, Value] = {key: reading.value(value) for key, value in params.items() if key not in skip}
    node.inputs = {key: value for key, value in kept.items() if not _secret(key)}
    node.outputs = reading.outputs() or {"formalized_content": Type("string"), "json": Type("array")}


def _secret(key: str) -> bool:
    return key in ("password", "api_key", "token")


def write_http(writing: Writing) -> Made:
    params = writing.node.params
    method, body = str(params.get("method", "GET")).lower(), params.get("body") or {}
    if method not in ("get", "post", "put"):
        return stub(writing, f"RAGFlow sends get, post and put, and not {method}.", "http.method")
    pairs = [(name, value) for name, value in params.get("query", [])]
    made: dict[str, Any] = {"method": method, "datatype": "json", "clean_html": False}
    url = params.get("url", "")
    if method != "get":
        url = _with_query(writing, url, pairs)
        fields = _fields(body)
        if fields is None:
            why = "RAGFlow sends names with values; this body is nested, has files, or is no JSON as it stands here."
            return stub(writing, why)
        pairs = fields
        made["datatype"] = "formdata" if body.get("type") in ("form", "urlencoded") else "json"
    given = params.get("headers", [])
    headers = {writing.prompt(name): writing.prompt(value) for name, value in given}
    made |= {"url": writing.text(url), "headers": json.dumps(headers, ensure_ascii=False)}
    made["variables"] = [_pair(writing, name, value) for name, value in pairs]
    limit = (params.get("timeout") or {}).get("read")
    if params.get("auth") and params["auth"].get("type") not in (None, "none"):
        writing.note(
            "needs_binding", "resource.credential", "The key is no part of the file.", "Put it into the headers."
        )
    writing.note("degraded", "http.result", "There is no status code here, and an answer of 400 or more is a result.")
    return "Invoke", made | ({"timeout": math.ceil(limit)} if limit else {})  # it takes whole seconds


def _with_query(writing: Writing, url: Value, pairs: list[tuple[Value, Value]]) -> Value:
    """RAGFlow sends a query with get alone: of another request it is a part of the address."""
    if any(isinstance(part, Ref) for pair in pairs for value in pair for part in parts(value)):
        writing.note("degraded", "http.query", "What the query takes from elsewhere is put into the URL as it stands.")
    made = list(parts(url))
    for name, value in pairs:
        start = "&" if any("?" in part for part in made if isinstance(part, str)) else "?"
        made += [start, *_encoded(name), "=", *_encoded(value)]
    return joined(made)


def _encoded(value: Value) -> list[Any]:
    return [quote(part, safe="") if isinstance(part, str) else part for part in parts(value)]


def _pair(writing: Writing, name: Value, value: Value) -> dict[str, Any]:
    if isinstance(value, Ref):
        return {"key": writing.text(name), "ref": writing.name(value), "value": ""}
    return {"key": writing.text(name), "ref": "", "value": writing.text(value)}


def _fields(body: dict[str, Any]) -> list[tuple[Value, Value]] | None:
    """The pairs of a body: of a form, or of JSON text that is one flat object; None for any other."""
    if not body or body.get("type") in (None, "none"):
        return []
    if "fields" in body:
        files = any(each.get("type") == "file" for each in body["fields"])
        return None if files else [(each.get("name", ""), each.get("value")) for each in body["fields"]]
    return _flat(body.get("text", ""))


def _flat(source: Value) -> list[tuple[Value, Value]] | None:
    held = [part for part in parts(source) if not isinstance(part, str)]
    marked = "".join(part if isinstance(part, str) else f"\x01{held.index(part)}\x02" for part in parts(source))
    try:
        known = json.loads(marked.replace("\x01", "\ue000").replace("\x02", "\ue001"), strict=False)
    except (ValueError, RecursionError):
        return None
    if not isinstance(known, dict) or any(isinstance(value, (dict, list)) for value in known.values()):
        return None

    def back(value: Any) -> Value:
        if not isinstance(value, str) or "\ue000" not in value:
            return value
        pieces = value.replace("\ue000", "\ue001").split("\ue001")
        made = joined([held[int(piece)] if i % 2 else piece for i, piece in enumerate(pieces)])
        return made.parts[0] if isinstance(made, Text) and len(made.parts) == 1 else made

    return [(name, back(value)) for name, value in known.items()]


def write_tool(writing: Writing) -> Made:
    known = {each.id: each for each in writing.flow.resources}
    resource = known.get(writing.node.params.get("tool", ""))
    if resource is None or resource.hint.get("type") != "ragflow":
        return stub(
            writing, f"The tool {resource.name if resource else ''} is not there.", "resource.tool", "needs_binding"
        )
    return str(resource.hint.get("component") or resource.name), {
        name: writing.deep(value) for name, value in writing.node.inputs.items()
    }
