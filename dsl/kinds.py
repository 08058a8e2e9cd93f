"""What a node of each kind holds: the contract between the dialects. One line in KINDS for each kind.

The parameters are declared by their types; a file in the common form with others is refused. References to outputs use
the names given here, whatever a dialect calls them; on the port "error" they are `error.message` and `error.type`,
and of a request that was answered `error.status`.
Names of the scope "system": query, files, user_id, conversation_id, turns (of the conversation, with this one),
workflow_id, execution_id, timestamp, and others as their dialect says.
"""

from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, NotRequired, TypedDict, get_args

from dsl.ir import Flow, Json, Node, Ref, Script, Text, Type, Value

STRING, NUMBER, INTEGER, BOOLEAN = Type("string"), Type("number"), Type("integer"), Type("boolean")
OBJECT, ARRAY, ANY = Type("object"), Type("array"), Type("any")
COZE_LIMIT = 180_000  # milliseconds: the time limit of a node of Coze that nobody has set
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


# -- what parameters are made of

Words = str | Ref | Text | Script  # text with references parsed; on n8n an expression
Number = float | str | Ref | Text | Script  # a number, or what gives one when the flow runs
Role = Literal["system", "user", "assistant"]
ResourceId = str  # the id of a resource of the flow
Older = Literal["1"]  # the older form of a node, where its platform has several


class Condition(TypedDict):
    left: Value
    op: Annotated[str, OPERATORS]
    right: Value
    type: NotRequired[str]


class Conditions(TypedDict):
    logic: Literal["and", "or"]
    conditions: "list[Condition | Conditions]"
    id: NotRequired[str]  # of a case, which its platform gave it


class Message(TypedDict):
    role: Role
    text: Words


class Memory(TypedDict):
    """There where earlier turns of the chat are shown."""

    window: int | None  # turns; None for all


class Tool(TypedDict):
    name: str
    description: str
    tool: ResourceId
    inputs: dict[str, Value]


class Class(TypedDict):
    name: str
    description: NotRequired[str]
    examples: NotRequired[list[str]]
    id: NotRequired[str]  # as of a case


class Auth(TypedDict):
    type: Literal["bearer", "basic", "header", "query", "other"]
    name: Words
    credential: NotRequired[ResourceId]
    value: NotRequired[Words]  # in place of a credential: it is referred to


class Field(TypedDict):
    name: Words
    type: Literal["text", "file"]
    value: Value


class Body(TypedDict):
    type: Literal["json", "text", "form", "urlencoded", "binary"]
    text: NotRequired[Words]
    fields: NotRequired[list[Field]]
    file: NotRequired[Value]


class Timeout(TypedDict, total=False):
    """Seconds."""

    connect: float
    read: float
    write: float


class Chunks(TypedDict, total=False):
    """How a text is cut, where that is set by hand."""

    separator: str
    max_tokens: Number
    overlap: Number  # the share of a piece that the next one begins with


class Group(TypedDict):
    name: str  # a lone group is called "output"
    type: NotRequired[Type]
    values: list[Value]


class Assignment(TypedDict):
    target: Ref
    op: Annotated[str, ASSIGNMENTS]
    value: Value


class Sort(TypedDict):
    key: str
    order: Literal["asc", "desc"]


class Limit(TypedDict):
    size: Value
    keep: Literal["first", "last"]


class LoopVariable(TypedDict):
    type: Type
    value: Value


class Action(TypedDict):
    id: str
    title: str


class Attached(TypedDict):
    """A sub-node of n8n, or what stood for a part of a container there."""

    port: str
    id: str
    name: str
    type: str
    version: Json
    position: list[float] | None
    parameters: Value
    credentials: NotRequired[dict[str, Json]]
    disabled: NotRequired[bool]
    attached: NotRequired["list[Attached]"]


EVERYWHERE: dict[str, Any] = {"attached": list[Attached]}  # of any node; no platform but n8n is given it


@dataclass(frozen=True)
class Kind:
    """`params` by name with their types; `outputs` that every such node has; `free` says it declares more."""

    params: dict[str, Any] = field(default_factory=dict)
    outputs: dict[str, Type] = field(default_factory=dict)
    free: bool = False  # the outputs of a node are those in node.outputs beside these
    last: bool = False  # control ends here


_MODEL: dict[str, Any] = {
    "model": ResourceId,
    "parameters": dict[str, Json],  # temperature, top_p, max_tokens, presence_penalty, frequency_penalty ...
    "memory": Memory,
    "vision": Value,  # images that the model sees
}
_LLM = _MODEL | {
    "messages": list[Message],
    "mode": Literal["chat", "completion"],
    "context": Ref,  # passages that stand where a message holds Ref("", ("context",), "system")
    "schema": dict[str, Json],  # JSON schema of `structured`
    "reasoning": Literal["tagged", "separated"],
    "format": Literal["text", "markdown", "json"],
}
_ENTRY = str  # id of what stands for the beginning of the body, where a platform has it
_LLM_OUTPUTS = {"text": STRING, "structured": OBJECT, "reasoning": STRING, "usage": OBJECT, "finish_reason": STRING}

KINDS: dict[str, Kind] = {
    # where a run begins; several are several triggers. outputs: the inputs of the flow. `trigger` has a "type": call,
    # manual, chat, webhook, form, schedule or event, and of a webhook "method" and "path", of a schedule "cron" and
    # "timezone"; absent: whatever the platform runs flows by. `prologue` is said before the first question
    "start": Kind({"trigger": dict[str, Value], "prologue": Words}, free=True),
    # inputs: the results by name, outputs: their types; `message` is an answer in place of the results
    "end": Kind({"message": Words}, free=True, last=True),
    "answer": Kind({"text": Words, "stream": bool}, {"answer": STRING}),
    "llm": Kind(_LLM, _LLM_OUTPUTS | {"files": FILES}),
    "agent": Kind(
        _LLM | {"query": Words, "tools": list[Tool], "max_rounds": Number},
        _LLM_OUTPUTS | {"files": FILES, "json": ARRAY},
    ),
    # inputs: its variables by name. `style` is how the source is called: "kwargs" main(a, b) -> object (Dify, RAGFlow),
    # "args" async main(args) with args.params (Coze), "items" all items and "item" one item at a time (n8n). `fields`
    # of n8n's code: by node, "" for what comes in, the fields of its item, at the end the name of an input
    "code": Kind(
        {
            "lang": Literal["python3", "javascript"],
            "source": str,
            "style": Literal["kwargs", "args", "items", "item"],
            "packages": list[Json],
            "fields": dict[str, Json],
        },
        free=True,
    ),
    "if": Kind({"cases": list[Conditions], "ignore_case": bool}),
    "classify": Kind(
        _MODEL | {"query": Value, "instruction": Words, "classes": list[Class], "rest": dict[str, str | int]},
        {"class_name": STRING, "class_id": ANY, "reason": STRING, "usage": OBJECT},
    ),
    # outputs: the fields with their descriptions
    "extract": Kind(
        _MODEL | {"query": Value, "instruction": Words, "method": Literal["function_call", "prompt"]},
        {"is_success": ANY, "reason": STRING, "usage": OBJECT},
        free=True,
    ),
    "http": Kind(
        {
            "method": str,  # upper case
            "url": Words,
            "headers": list[tuple[Value, Value]],  # names and values
            "query": list[tuple[Value, Value]],
            "auth": Auth,
            "body": Body,
            "response": Literal["json", "text"],  # json: `body` is the parsed answer; else a string
            "on_status": Literal["fail", "pass"],  # fail: an answer of 400 or more is an error; else it is an answer
            "timeout": Timeout,
            "verify_tls": bool,
            "follow_redirects": bool,
        },
        {"body": ANY, "status": INTEGER, "headers": OBJECT, "files": FILES},
    ),
    # inputs: what the template calls by name. Lists are joined by the delimiter; without one they print as JSON
    "template": Kind({"template": Words, "delimiter": str}, {"output": STRING}),
    "split": Kind({"text": Value, "delimiters": list[str]}, {"items": Type("array", items=STRING)}),
    # the first value of each group that is there; `skip` says what does not count as a value
    "aggregate": Kind({"groups": list[Group], "skip": Literal["missing", "null", "falsy"]}, free=True),
    # inputs: the fields by name (a dotted name is a nested field), outputs: their types; with `keep` the fields of what
    # came in stay too: those of `kept`, where all are known
    "set": Kind({"keep": bool, "kept": dict[str, Value]}, free=True),
    "assign": Kind({"items": list[Assignment], "version": Older}, {"is_success": BOOLEAN}),
    "json_parse": Kind({"value": Value}, {"output": ANY}),
    "json_dump": Kind({"value": Value}, {"output": STRING}),
    # in this order: filtered, made unique, one taken, sorted, cut
    "list": Kind(
        {
            "list": Value,
            "filter": Conditions,  # left is a Ref of scope "item" to the element
            "sort": list[Sort],
            "limit": Limit,
            "nth": Value,  # from 1
            "unique": list[str],  # keys to compare by, empty for whole elements
        },
        {"result": ARRAY, "first": ANY, "last": ANY},
    ),
    # inputs: the lists walked, by name ("item" where the platform has no name). Inside: Ref(id, (name, ...), "item"),
    # Ref(id, (), "index") from 0. outputs: lists
    "iterate": Kind(
        {
            "collect": dict[str, Value],  # by output, what a body node produced; or an object of several
            "parallel": Number,  # rounds at once; absent: one after the other
            "on_item_error": Literal["stop", "null", "skip"],
            "flatten": bool,  # lists of lists become one list
            "limit": Value,  # rounds at most
            "batch_of": bool,  # stands for one node that its platform runs over lists
            "entry": _ENTRY,
        },
        free=True,
    ),
    # Inside: Ref(id, (name,), "loop") for a variable, Ref(id, (), "index"). outputs: variables and what is collected.
    # inputs, without a count: lists walked together, as far as the shortest; Ref(id, (name, ...), "item") inside
    "loop": Kind(
        {
            "count": Value,  # rounds at most; absent: no end
            "until": Conditions,  # tested before the first round and after each
            "variables": dict[str, LoopVariable],
            "collect": dict[str, Value],  # as of iterate; but a variable of the loop is what it holds at last
            "entry": _ENTRY,
        },
        {"rounds": INTEGER},
        free=True,
    ),
    "break": Kind(last=True),
    "continue": Kind(last=True),
    "retrieve": Kind(
        {
            "query": Value,
            "knowledge": list[ResourceId],
            "top_k": Number,
            "score_threshold": Number,
            "rerank": dict[str, Value],  # model: resource, mode
            "filter": Value,  # conditions on metadata
            "search": dict[str, Value],  # what else the platform lets one set, by its names
        },
        {"result": Type("array", items=Type("object", props={"content": STRING, "title": STRING, "metadata": OBJECT}))},
    ),
    # a file becomes a document of a knowledge base; `file` may be an address. `credential` is the key of the API that
    # stands for the node where a platform has none (dsl/knowledge.py); `parsing` is as `search` above
    "add_document": Kind(
        {
            "knowledge": ResourceId,
            "credential": ResourceId,
            "file": Value,
            "chunks": Chunks,
            "parsing": dict[str, Json],
        },
        {"document_id": STRING, "file_name": STRING, "file_url": STRING},
    ),
    "delete_document": Kind(
        {"knowledge": ResourceId, "credential": ResourceId, "document": Value}, {"is_success": BOOLEAN}
    ),
    # inputs: the arguments; `settings` are set by hand, never by a model
    "tool": Kind({"tool": ResourceId, "settings": dict[str, Value], "version": Older}, free=True),
    "subflow": Kind({"flow": ResourceId, "version": Older}, free=True),
    # outputs: the fields asked for. `options` can be chosen by the ports option:i and default, `actions` are buttons
    # with the ports action:<id>. `chosen` is the text of what was chosen, `chosen_id` what its platform
    # calls that, `filled` the question with the answers in it
    "ask": Kind(
        {
            "question": Words,
            "options": list[Words],
            "actions": list[Action],
            "timeout_s": Number,  # port timeout
            "model": ResourceId,
        },
        {"chosen": STRING, "chosen_id": STRING, "filled": STRING},
        free=True,
    ),
    "document": Kind({"file": Value}, {"text": ANY}),
    "stop": Kind({"message": Words}, last=True),  # the run fails with this message
    "pass": Kind(),  # does nothing
    "note": Kind({"text": str, "size": tuple[float, float]}, last=True),  # drawn, never run; Markdown
    # what one platform only has: kept, drawn, reported, written back by its own dialect, a stub elsewhere. `type` is
    # what its dialect calls it; `stub` says that it stood for a node of another platform
    "opaque": Kind({"type": str, "stub": bool}, free=True),
}


def role(name: Any) -> str:
    """Who says a message: the user, where a file names no other."""
    return name if name in get_args(Role) else "user"


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


def walked(node: Node) -> list[Value]:
    """What a node goes through element by element: lists."""
    if node.kind == "iterate":
        return list(node.inputs.values())
    return [node.params.get("list")] if node.kind == "list" else []


def outputs(node: Node) -> dict[str, Type]:
    """What other nodes may refer to."""
    return KINDS[node.kind].outputs | node.outputs


def declared(ref: Ref, every: dict[str, Node], flow: Flow) -> Type:
    """The type of what is referred to; any where nothing says it."""
    kind = _types(ref, every, flow).get(str(ref.path[0]), ANY) if ref.path else ANY
    for step in ref.path[1:]:
        kind = (kind.items if isinstance(step, int) else (kind.props or {}).get(step)) or ANY
    return kind


def _types(ref: Ref, every: dict[str, Node], flow: Flow) -> dict[str, Type]:
    """What stands where a reference looks, by name."""
    producer = every.get(ref.node)
    if producer is None:
        return {variable.name: variable.type for variable in flow.variables if variable.scope == ref.scope}
    if ref.scope == "loop":
        return {name: held["type"] for name, held in producer.params.get("variables", {}).items()}
    form = flow.dialect == "ragflow" and producer.kind == "start"  # no field holds a list, and a caller gives any value
    return outputs(producer) if ref.scope == "node" and not form else {}
