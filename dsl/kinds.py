"""What a node of each kind holds: the contract between the dialects. One line in KINDS for each kind.

The words of the values:
    value       Json, Ref, Text or Script           text        Text, Ref or str with references parsed
    resource    the id of a Resource of the flow    conditions  {"logic": "and"|"or", "conditions": [condition]}
    condition   {"left": value, "op": OPERATORS, "right": value, "type": a Type name}, or nested conditions
    parameters  {"temperature", "top_p", "max_tokens", "presence_penalty", "frequency_penalty", ...}: Json by name
    messages    [{"role": "system"|"user"|"assistant", "text": text or Script("jinja2")}]

References to outputs use the names given here, whatever a dialect calls them; on the port "error" they are
`error.message` and `error.type`. Names of the scope "system": query, files, user_id, conversation_id, workflow_id,
execution_id, timestamp, and others as their dialect says.
"""

from dataclasses import dataclass, field

from dsl.ir import Node, Type

STRING, NUMBER, INTEGER, BOOLEAN = Type("string"), Type("number"), Type("integer"), Type("boolean")
OBJECT, ARRAY, ANY = Type("object"), Type("array"), Type("any")
FILES = Type("array", items=Type("file"))

OPERATORS = frozenset(
    {
        *("eq", "ne", "gt", "ge", "lt", "le", "true", "false", "in", "not_in", "all_of", "before", "after"),
        *("contains", "not_contains", "starts", "ends", "not_starts", "not_ends", "regex", "not_regex"),
        *("empty", "not_empty", "null", "not_null", "exists", "not_exists"),
        *("length_eq", "length_ne", "length_gt", "length_ge", "length_lt", "length_le"),
    }
)
UNARY = frozenset({"empty", "not_empty", "null", "not_null", "true", "false", "exists", "not_exists"})
ASSIGNMENTS = frozenset(
    {"set", "clear", "append", "extend", "add", "subtract", "multiply", "divide", "remove_first", "remove_last"}
)


@dataclass(frozen=True)
class Kind:
    """`params` by name with what each holds; `outputs` that every such node has; `free` says it declares more."""

    params: dict[str, str] = field(default_factory=dict)
    outputs: dict[str, Type] = field(default_factory=dict)
    free: bool = False  # the outputs of a node are those in node.outputs beside these
    last: bool = False  # control ends here


_MODEL = {
    "model": "resource",
    "parameters": "parameters",
    "memory": '{"window": int or None for all turns} when earlier turns of the chat are shown',
    "vision": "value: images that the model sees",
}
_LLM = _MODEL | {
    "messages": "messages",
    "mode": '"chat" or "completion"',
    "context": "value: passages that stand where a message holds Ref('', ('context',), 'system')",
    "schema": "JSON schema of `structured`",
    "reasoning": '"tagged" or "separated"',
    "format": '"text", "markdown" or "json"',
}
_FORM = '"1" for an older form of the node, where its platform has several'
_ENTRY = "str: id of what stands for the beginning of the body, where a platform has it"
_LLM_OUTPUTS = {"text": STRING, "structured": OBJECT, "reasoning": STRING, "usage": OBJECT, "finish_reason": STRING}

KINDS: dict[str, Kind] = {
    # where a run begins; several are several triggers. outputs: the inputs of the flow
    "start": Kind(
        {
            "trigger": '{"type": "call"|"manual"|"chat"|"webhook"|"form"|"schedule"|"event", and of a webhook "method",'
            ' "path"; of a schedule "cron", "timezone"}; absent: whatever the platform runs flows by',
            "prologue": "text said before the first question",
        },
        free=True,
    ),
    # inputs: the results by name, outputs: their types
    "end": Kind({"message": "text that is the answer in place of the results"}, free=True, last=True),
    "answer": Kind({"text": "text", "stream": "bool"}, {"answer": STRING}),
    "llm": Kind(_LLM, _LLM_OUTPUTS | {"files": FILES}),
    "agent": Kind(
        _LLM
        | {
            "query": "text",
            "tools": '[{"name": str, "description": str, "tool": resource, "inputs": {name: value}}]',
            "max_rounds": "int",
        },
        _LLM_OUTPUTS | {"files": FILES, "json": ARRAY},
    ),
    # inputs: its variables by name. `style` is how the source is called: "kwargs" main(a, b) -> object (Dify, RAGFlow),
    # "args" async main(args) with args.params (Coze), "items" all items and "item" one item at a time (n8n)
    "code": Kind({"lang": '"python3" or "javascript"', "source": "str", "style": "str", "packages": "list"}, free=True),
    # a case, as a class below, may keep the "id" that its platform gave it
    "if": Kind({"cases": '[conditions with "id"]', "ignore_case": "bool"}),
    "classify": Kind(
        _MODEL
        | {
            "query": "value",
            "instruction": "text",
            "classes": '[{"name": str, "description": str, "examples": [str], "id": str}]',
        },
        {"class_name": STRING, "class_id": ANY, "reason": STRING, "usage": OBJECT},
    ),
    # outputs: the fields with their descriptions
    "extract": Kind(
        _MODEL | {"query": "value", "instruction": "text", "method": '"function_call" or "prompt"'},
        {"is_success": ANY, "reason": STRING, "usage": OBJECT},
        free=True,
    ),
    "http": Kind(
        {
            "method": "upper-case str",
            "url": "text",
            "headers": "[[text, text]]",
            "query": "[[text, text]]",
            "auth": '{"type": "bearer"|"basic"|"header"|"query"|"other", "name": str, "credential": resource, or in its'
            ' place "value": text with references in it}',
            "body": '{"type": "json"|"text"|"form"|"urlencoded"|"binary", "text": text | "fields": [{"name": text,'
            ' "type": "text"|"file", "value": value}] | "file": value}',
            "response": '"json": `body` is the parsed answer; "text": `body` is a string; absent: text',
            "on_status": '"fail": an answer of 400 or more is an error; "pass": it is an answer; absent: pass',
            "timeout": '{"connect", "read", "write"}: seconds',
            "verify_tls": "bool",
            "follow_redirects": "bool",
        },
        {"body": ANY, "status": INTEGER, "headers": OBJECT, "files": FILES},
    ),
    # inputs: what the template calls by name
    "template": Kind({"template": 'Script("jinja2") or text'}, {"output": STRING}),
    "split": Kind({"text": "value", "delimiters": "[str]"}, {"items": Type("array", items=STRING)}),
    # the first value of each group that is there
    "aggregate": Kind(
        {
            "groups": '[{"name": str, "type": Type, "values": [value]}]; a lone group is called "output"',
            "skip": '"missing", "null" or "falsy": what does not count as a value',
        },
        free=True,
    ),
    # inputs: the fields by name (a dotted name is a nested field), outputs: their types
    "set": Kind({"keep": "bool: the fields of what came in stay too"}, free=True),
    "assign": Kind(
        {"items": '[{"target": Ref, "op": ASSIGNMENTS, "value": value}]', "version": _FORM}, {"is_success": BOOLEAN}
    ),
    "json_parse": Kind({"value": "value"}, {"output": ANY}),
    "json_dump": Kind({"value": "value"}, {"output": STRING}),
    "list": Kind(
        {
            "list": "value",
            "filter": 'conditions; left is a Ref of scope "item" to the element',
            "sort": '[{"key": str, "order": "asc"|"desc"}]',
            "limit": '{"size": value, "keep": "first"|"last"}',
            "nth": "value, from 1",
            "unique": "[str]: keys to compare by, empty for whole elements",
        },
        {"result": ARRAY, "first": ANY, "last": ANY},
    ),
    # inputs: the lists walked, by name ("item" where the platform has no name). Inside: Ref(id, (name, ...), "item"),
    # Ref(id, (), "index") from 0. outputs: lists
    "iterate": Kind(
        {
            "collect": "{output name: Ref to what a body node produced}",
            "parallel": "int: rounds at once; absent: one after the other",
            "on_item_error": '"stop", "null" or "skip"',
            "flatten": "bool: lists of lists become one list",
            "limit": "value: rounds at most",
            "batch_of": "bool: stands for one node that its platform runs over lists",
            "entry": _ENTRY,
        },
        free=True,
    ),
    # Inside: Ref(id, (name,), "loop") for a variable, Ref(id, (), "index"). outputs: variables and what is collected
    "loop": Kind(
        {
            "count": "value: rounds at most; absent: no end",
            "until": "conditions: tested after each round (and by Dify before the first)",
            "variables": '{name: {"type": Type, "value": value}}',
            "collect": "{output name: Ref to what a body node produced}",
            "entry": _ENTRY,
        },
        {"rounds": INTEGER},
        free=True,
    ),
    "break": Kind(last=True),
    "continue": Kind(last=True),
    "retrieve": Kind(
        {
            "query": "value",
            "knowledge": "[resource]",
            "top_k": "int",
            "score_threshold": "number",
            "rerank": '{"model": resource, "mode": str, ...}',
            "filter": "conditions on metadata",
            "search": "what else the platform lets one set, by its names",
        },
        {"result": Type("array", items=Type("object", props={"content": STRING, "title": STRING, "metadata": OBJECT}))},
    ),
    # inputs: the arguments
    "tool": Kind(
        {"tool": "resource", "settings": "{name: value}: set by hand, never by a model", "version": _FORM}, free=True
    ),
    "subflow": Kind({"flow": "resource", "version": _FORM}, free=True),
    # outputs: the fields asked for
    "ask": Kind(
        {
            "question": "text",
            "options": "[text]: what can be chosen; ports option:i and default",
            "actions": '[{"id": str, "title": str}]: buttons; ports action:<id>',
            "timeout_s": "int; port timeout",
            "model": "resource",
        },
        free=True,
    ),
    "document": Kind({"file": "value"}, {"text": ANY}),
    "stop": Kind({"message": "text"}, last=True),  # the run fails with this message
    "pass": Kind(),  # does nothing
    "note": Kind({"text": "str, Markdown", "size": "[width, height]"}, last=True),  # drawn, never run
    # what one platform only has: kept, drawn, reported, written back by its own dialect, a stub elsewhere
    "opaque": Kind(
        {"type": "str: what its dialect calls it", "stub": "bool: a stub, which stood for a node of another platform"},
        free=True,
    ),
}


def ports(node: Node) -> list[str]:
    """The ports that control can leave by, in the order the platforms show them."""
    if KINDS[node.kind].last:
        return []
    names = _ports(node)
    if node.on_error.then == "branch":
        names.append("error")
    return names


def _ports(node: Node) -> list[str]:
    if node.kind == "if":
        return [f"case:{i}" for i in range(len(node.params.get("cases", [])))] + ["else"]
    if node.kind == "classify":
        return [f"class:{i}" for i in range(len(node.params.get("classes", [])))] + ["default"]
    if node.kind == "ask" and (node.params.get("options") or node.params.get("actions")):
        chosen = [f"option:{i}" for i in range(len(node.params.get("options", [])))]
        chosen += [f"action:{action['id']}" for action in node.params.get("actions", [])]
        return [*chosen, "default" if node.params.get("options") else "timeout"]
    if node.kind in ("iterate", "loop"):
        return ["body", "done"]
    return ["out"]


def outputs(node: Node) -> dict[str, Type]:
    """What other nodes may refer to."""
    return KINDS[node.kind].outputs | node.outputs
