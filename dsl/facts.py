"""What a node is about in a few short words: what a drawing writes into its box and onto its edges."""

from collections.abc import Callable, Iterable
from typing import Any

from dsl.ir import Flow, Node, Ref, Script, Text, Value
from dsl.kinds import KINDS, UNARY

OPERATIONS = {
    "eq": "=",
    "ne": "≠",
    "gt": ">",
    "ge": "≥",
    "lt": "<",
    "le": "≤",
    "true": "is true",
    "false": "is false",
    "not_in": "not in",
    "all_of": "all of",
    "starts": "starts with",
    "ends": "ends with",
    "regex": "matches",
    "not_contains": "lacks",
    "not_starts": "starts not with",
    "not_ends": "ends not with",
    "not_regex": "matches not",
    "empty": "is empty",
    "not_empty": "is not empty",
    "null": "is null",
    "not_null": "is not null",
    "exists": "exists",
    "not_exists": "is missing",
    "length_eq": "length =",
    "length_ne": "length ≠",
    "length_gt": "length >",
    "length_ge": "length ≥",
    "length_lt": "length <",
    "length_le": "length ≤",
}
LONGEST = 400  # characters of a fact: a prompt may be a book
Names = dict[str, str]  # of the resources by id


def words(value: Value) -> str:
    """A value as people read it, on one line; a reference as its path."""
    if isinstance(value, Text):
        return _short("".join(words(part) if isinstance(part, Ref) else _raw(part) for part in value.parts))
    if isinstance(value, Ref):
        path = ".".join(str(step) for step in value.path)
        return f"{{{path or value.scope}}}"
    if isinstance(value, (list, tuple)):
        return listed(words(each) for each in value)
    return _short(_raw(value))


def listed(items: Iterable[str]) -> str:
    return _short(", ".join(item for item in items if item))


def _raw(value: Value) -> str:
    if isinstance(value, Script):
        return value.source
    return "" if value is None else str(value)


def _short(text: str) -> str:
    line = " ".join(text[: 2 * LONGEST].split())
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"


SILENT = ("out", "done", "body")  # ports that need no words


def condition(given: Any) -> str:
    """`{q} contains a and {n} > 2`"""
    if not isinstance(given, dict):
        return words(given)
    if "conditions" in given:
        inner = [condition(each) for each in given["conditions"]]
        return _short(f" {given.get('logic', 'and')} ".join(each for each in inner if each))
    op = given.get("op", "")
    right = "" if op in UNARY else words(given.get("right")) or '""'
    return " ".join(each for each in (words(given.get("left")), OPERATIONS.get(op, str(op)), right) if each)


def port_words(node: Node, port: str) -> str:
    """What a port stands for, where the node says it: a class, an option, a condition; else its name."""
    name, _, place = port.partition(":")
    params = {"case": "cases", "class": "classes", "option": "options", "action": "actions"}
    items = node.params.get(params.get(name, ""), [])
    if name == "action":
        return next((words(item["title"]) for item in items if item.get("id") == place and item.get("title")), port)
    if not (place.isdecimal() and int(place) < len(items)):
        return port
    item = items[int(place)]
    said = condition(item) if name == "case" else words(item.get("name")) if name == "class" else words(item)
    return said or port


def facts(node: Node, names: Names) -> list[str]:
    """At most two, the most telling first."""
    made = FACTS[node.kind](node, names) if node.kind in FACTS else []
    return [fact for fact in made if fact][:2]


def resource_names(flow: Flow) -> Names:
    return {each.id: each.name or each.id for each in flow.resources}


def is_stub(node: Node) -> bool:
    """Whether only one platform has what the node does, or it stands where such a node had no counterpart."""
    source = str(node.params.get("source", ""))
    return node.kind == "opaque" or node.kind not in KINDS or "has no counterpart in" in source


def _named(node: Node, names: Names, param: str) -> str:
    given = node.params.get(param)
    ids = given if isinstance(given, list) else [given]
    return listed(names.get(each, each) for each in ids if isinstance(each, str))


def _prompt(node: Node) -> str:
    messages = node.params.get("messages") or []
    return next((said for message in messages if (said := words(message.get("text")))), "")


def _start(node: Node, names: Names) -> list[str]:
    trigger = node.params.get("trigger") or {}
    told = words([trigger.get(key) for key in ("type", "method", "path", "cron")])
    return [f"on {told}" if told else "", listed(node.outputs)]


def _end(node: Node, names: Names) -> list[str]:
    return [words(node.params.get("message")), listed(node.inputs)]


def _agent(node: Node, names: Names) -> list[str]:
    tools = listed(str(tool.get("name", "")) for tool in node.params.get("tools") or [])
    return [_named(node, names, "model"), f"tools: {tools}" if tools else _prompt(node)]


def _if(node: Node, names: Names) -> list[str]:
    return [condition(each) for each in node.params.get("cases") or []]


def _http(node: Node, names: Names) -> list[str]:
    auth = node.params.get("auth") or {}
    where = f"{words(node.params.get('method'))} {words(node.params.get('url'))}".strip()
    return [where, f"auth: {auth['type']}" if auth.get("type") else ""]


def _list(node: Node, names: Names) -> list[str]:
    params = node.params
    limit, sort = params.get("limit") or {}, params.get("sort") or []
    steps = [
        f"filter {condition(params['filter'])}" if params.get("filter") else "",
        f"sort {words([each.get('order') for each in sort])}" if sort else "",
        f"{limit.get('keep', 'first')} {words(limit.get('size'))}" if limit else "",
        f"number {words(params['nth'])}" if params.get("nth") is not None else "",
    ]
    return [words(params.get("list")), listed(steps)]


def _iterate(node: Node, names: Names) -> list[str]:
    parallel = node.params.get("parallel")
    over = words(list(node.inputs.values()))
    return [f"over {over}" if over else "", f"{parallel} at once" if parallel else ""]


def _loop(node: Node, names: Names) -> list[str]:
    count, until = words(node.params.get("count")), node.params.get("until")
    return [f"until {condition(until)}" if until else "", f"at most {count} rounds" if count else ""]


def _assign(node: Node, names: Names) -> list[str]:
    items = node.params.get("items") or []
    return [f"{words(item.get('op'))} {words(item.get('target'))} {words(item.get('value'))}" for item in items]


def _retrieve(node: Node, names: Names) -> list[str]:
    top = node.params.get("top_k")
    return [_named(node, names, "knowledge"), f"top {words(top)}" if top else words(node.params.get("query"))]


def _param(*params: str) -> Callable[[Node, Names], list[str]]:
    return lambda node, names: [words(node.params.get(param)) for param in params]


def _resource(param: str, then: Callable[[Node], str]) -> Callable[[Node, Names], list[str]]:
    return lambda node, names: [_named(node, names, param), then(node)]


FACTS: dict[str, Callable[[Node, Names], list[str]]] = {
    "start": _start,
    "end": _end,
    "answer": _param("text"),
    "llm": _resource("model", _prompt),
    "agent": _agent,
    "code": lambda node, names: [words(node.params.get("lang")), listed(node.inputs)],
    "if": _if,
    "classify": _resource("model", lambda node: words(node.params.get("query"))),
    "extract": _resource("model", lambda node: listed(node.outputs)),
    "http": _http,
    "template": _param("template"),
    "split": lambda node, names: [
        words(node.params.get("text")),
        "at " + " ".join(repr(each)[1:-1] for each in node.params.get("delimiters") or []),
    ],
    "aggregate": lambda node, names: [
        f"first of {words(each.get('values'))}" for each in node.params.get("groups", [])
    ],
    "set": lambda node, names: [listed(node.inputs)],
    "assign": _assign,
    "json_parse": _param("value"),
    "json_dump": _param("value"),
    "list": _list,
    "iterate": _iterate,
    "loop": _loop,
    "retrieve": _retrieve,
    "add_document": _resource("knowledge", lambda node: words(node.params.get("file"))),
    "delete_document": _resource("knowledge", lambda node: words(node.params.get("document"))),
    "tool": _resource("tool", lambda node: listed(node.inputs)),
    "subflow": _resource("flow", lambda node: listed(node.inputs)),
    "ask": lambda node, names: [words(node.params.get("question")), listed(node.outputs)],
    "document": _param("file"),
    "stop": _param("message"),
    "note": _param("text"),
    "opaque": _param("type"),
}
