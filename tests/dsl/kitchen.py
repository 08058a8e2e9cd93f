"""One flow with every kind of node: what a new kind, operator or parameter has to be added to."""

from itertools import pairwise

from dsl.ir import Edge, Flow, Graph, Node, OnError, Ref, Resource, Script, Text, Type, Variable

Q = Ref("begin", ("q",))
STRING, NUMBER, ARRAY = Type("string"), Type("number"), Type("array", items=Type("string"))
MODEL = {"model": "model:1", "parameters": {"temperature": 0.3, "max_tokens": 256}}


def _if(*conditions: dict[str, object], logic: str = "and") -> dict[str, object]:
    return {"logic": logic, "conditions": list(conditions)}


def _chain(*nodes: Node) -> list[Edge]:
    return [
        Edge(one.id, other.id, "done" if one.body else "out")
        for one, other in pairwise(nodes)
        if one.kind not in ("if", "classify", "ask")
    ]


def _line() -> list[Node]:
    """The nodes that follow one another, from the start to the fork."""
    return [
        Node(
            "begin",
            "start",
            "Start",
            outputs={
                "q": Type("string", required=True, label="Question", max_length=256),
                "n": Type("number", default=3),
                "tone": Type("string", options=("short", "long")),
                "xs": ARRAY,
                "doc": Type("file", file="document"),
            },
        ),
        Node(
            "shape",
            "set",
            "Shape",
            inputs={"name": Q, "greeting": Text(("Hi ", Q, "!")), "n": 2, "where.city": "Bern"},
            outputs={"name": STRING, "greeting": STRING, "n": NUMBER, "where": Type("object")},
        ),
        Node(
            "double",
            "code",
            "Double",
            params={"lang": "python3", "style": "kwargs", "source": "def main(n):\n    return {'twice': n * 2}\n"},
            inputs={"n": Ref("begin", ("n",))},
            outputs={"twice": NUMBER},
            on_error=OnError("default", retries=2, wait_ms=500, default={"twice": 0}),
        ),
        Node(
            "page",
            "template",
            "Page",
            params={"template": Script("jinja2", "{% for x in xs %}<{{ x }}>{% endfor %}")},
            inputs={"xs": Ref("begin", ("xs",))},
        ),
        Node("parts", "split", "Parts", params={"text": Q, "delimiters": [",", ";"]}),
        Node(
            "fetch",
            "http",
            "Fetch",
            params={
                "method": "POST",
                "url": Text(("https://api.example.com/v1/", Q)),
                "headers": [["X-Trace", Text(("t-", Q))]],
                "query": [["n", Text((Ref("begin", ("n",)),))]],
                "auth": {"type": "bearer", "name": "", "credential": "credential:api"},
                "body": {"type": "json", "text": Text(('{"q": "', Q, '"}'))},
                "timeout": {"connect": 5, "read": 30, "write": 30},
            },
            on_error=OnError("branch", retries=1, wait_ms=100),
        ),
        Node(
            "parsed",
            "json_parse",
            "Parsed",
            params={"value": Ref("fetch", ("body",))},
            outputs={"output": Type("object")},
        ),
        Node("dumped", "json_dump", "Dumped", params={"value": Ref("parsed", ("output",))}),
        Node(
            "few",
            "list",
            "Few",
            params={
                "list": Ref("begin", ("xs",)),
                "filter": _if({"left": Ref("few", (), "item"), "op": "contains", "right": "a", "type": "string"}),
                "sort": [{"key": "", "order": "desc"}],
                "limit": {"size": 2, "keep": "first"},
            },
        ),
        Node(
            "each",
            "iterate",
            "Each",
            params={"collect": {"output": Ref("mark", ("output",))}, "parallel": 4, "on_item_error": "null"},
            inputs={"item": Ref("begin", ("xs",))},
            outputs={"output": ARRAY},
            body=Graph(
                [
                    Node(
                        "mark",
                        "template",
                        "Mark",
                        params={"template": Text(("<", Ref("each", ("item",), "item"), ">"))},
                    )
                ],
                [Edge("each", "mark", "body")],
            ),
        ),
        Node(
            "rounds",
            "loop",
            "Rounds",
            params={
                "count": 5,
                "until": _if({"left": Ref("rounds", ("i",), "loop"), "op": "ge", "right": 3, "type": "number"}),
                "variables": {"i": {"type": NUMBER, "value": 0}},
            },
            outputs={"i": NUMBER},
            body=Graph(
                [
                    Node(
                        "step",
                        "code",
                        "Step",
                        params={
                            "lang": "python3",
                            "style": "kwargs",
                            "source": "def main(i):\n    return {'i': i + 1}\n",
                        },
                        inputs={"i": Ref("rounds", ("i",), "loop")},
                        outputs={"i": NUMBER},
                    ),
                    Node(
                        "keep",
                        "assign",
                        "Keep",
                        params={
                            "items": [
                                {"target": Ref("rounds", ("i",), "loop"), "op": "set", "value": Ref("step", ("i",))}
                            ]
                        },
                    ),
                    Node(
                        "enough",
                        "if",
                        "Enough",
                        params={
                            "cases": [
                                _if({"left": Ref("rounds", ("i",), "loop"), "op": "gt", "right": 9, "type": "number"})
                            ]
                        },
                    ),
                    Node("leave", "break", "Leave"),
                    Node("again", "continue", "Again"),
                ],
                [
                    Edge("rounds", "step", "body"),
                    Edge("step", "keep"),
                    Edge("keep", "enough"),
                    Edge("enough", "leave", "case:0"),
                    Edge("enough", "again", "else"),
                ],
            ),
        ),
        Node(
            "facts",
            "retrieve",
            "Facts",
            params={"query": Q, "knowledge": ["knowledge:support"], "top_k": 4, "score_threshold": 0.2},
        ),
        Node("plain", "document", "Plain", params={"file": Ref("begin", ("doc",))}),
        Node(
            "store",
            "add_document",
            "Store",
            params={
                "knowledge": "knowledge:support",
                "credential": "credential:api",
                "file": Ref("begin", ("doc",)),
                "chunks": {"separator": "\n", "max_tokens": 800, "overlap": 0.1},
            },
        ),
        Node(
            "unstore",
            "delete_document",
            "Unstore",
            params={
                "knowledge": "knowledge:support",
                "credential": "credential:api",
                "document": Ref("store", ("document_id",)),
            },
        ),
        Node(
            "fields",
            "extract",
            "Fields",
            params=MODEL | {"query": Q, "instruction": "Find the order.", "method": "function_call"},
            outputs={"order": Type("string", required=True, description="Order number")},
        ),
        Node(
            "reply",
            "llm",
            "Reply",
            params=MODEL
            | {
                "mode": "chat",
                "messages": [
                    {"role": "system", "text": Text(("Answer from: ", Ref("", ("context",), "system")))},
                    {"role": "user", "text": Text((Q, " in ", Ref("begin", ("tone",)), " form"))},
                ],
                "context": Ref("facts", ("result",)),
                "memory": {"window": 5},
                "schema": {"type": "object", "properties": {"answer": {"type": "string"}}, "required": ["answer"]},
            },
        ),
        Node(
            "helper",
            "agent",
            "Helper",
            params=MODEL
            | {
                "messages": [{"role": "system", "text": "Be brief."}],
                "query": Q,
                "tools": [{"name": "add", "description": "Adds two numbers", "tool": "tool:add", "inputs": {}}],
                "max_rounds": 5,
            },
        ),
        Node(
            "call",
            "tool",
            "Call",
            params={"tool": "tool:add", "settings": {"unit": "EUR"}},
            inputs={"a": Ref("begin", ("n",)), "b": 1},
        ),
        Node("sub", "subflow", "Sub", params={"flow": "subflow:child"}, inputs={"q": Q}, outputs={"r": STRING}),
        Node(
            "set_seen",
            "assign",
            "Remember",
            params={"items": [{"target": Ref("", ("seen",), "session"), "op": "append", "value": Q}]},
        ),
        Node("nothing", "pass", "Nothing"),
        Node("fork", "if", "Fork", params={"cases": _cases()}),
    ]


def _cases() -> list[dict[str, object]]:
    """Every operator that more than one platform has."""
    texts = ["eq", "ne", "contains", "not_contains", "starts", "ends", "empty", "not_empty", "regex"]
    numbers = ["eq", "ne", "gt", "ge", "lt", "le", "null", "not_null"]
    lists = ["contains", "not_contains", "empty", "not_empty", "length_gt", "length_ge", "length_lt", "length_le"]
    return [
        _if(*({"left": Q, "op": op, "right": "a", "type": "string"} for op in texts), logic="or"),
        _if(*({"left": Ref("begin", ("n",)), "op": op, "right": 2, "type": "number"} for op in numbers)),
        _if(*({"left": Ref("begin", ("xs",)), "op": op, "right": 1, "type": "array"} for op in lists)),
        _if({"left": Q, "op": "in", "right": ["a", "b"], "type": "string"}),
        _if({"left": Ref("parsed", ("output", "ok")), "op": "true", "right": None, "type": "boolean"}),
    ]


def kitchen_sink() -> Flow:
    line = _line()
    rest = [
        Node(
            "topic",
            "classify",
            "Topic",
            params=MODEL
            | {
                "query": Q,
                "instruction": "By topic.",
                "classes": [
                    {"name": "price", "description": "", "examples": []},
                    {"name": "other", "description": "", "examples": []},
                ],
            },
        ),
        Node(
            "choose",
            "ask",
            "Choose",
            params={"question": Text(("Which one, ", Q, "?")), "options": ["red", "blue"]},
            outputs={"choice": STRING},
        ),
        Node("form", "ask", "Form", params={"question": "Your name?"}, outputs={"who": Type("string", required=True)}),
        Node(
            "first",
            "aggregate",
            "First",
            params={
                "groups": [
                    {"name": "output", "type": STRING, "values": [Ref("form", ("who",)), Ref("reply", ("text",))]}
                ],
                "skip": "missing",
            },
            outputs={"output": STRING},
        ),
        Node("say", "answer", "Say", params={"text": Text(("You are ", Ref("first", ("output",))))}),
        Node(
            "done",
            "end",
            "End",
            inputs={"reply": Ref("first", ("output",)), "twice": Ref("double", ("twice",))},
            outputs={"reply": STRING, "twice": NUMBER},
        ),
        Node("fail", "stop", "Fail", params={"message": Text(("No answer: ", Ref("fetch", ("error", "message"))))}),
        Node("memo", "note", "Memo", params={"text": "Written **once**.", "size": [240, 160]}),
        Node("odd", "opaque", "Odd", params={"type": "long-term-memory"}, outputs={"output": STRING}),
    ]
    edges = [
        *_chain(*line),
        Edge("fetch", "fail", "error"),
        *(Edge("fork", "topic", f"case:{i}") for i in range(4)),
        Edge("fork", "choose", "case:4"),
        Edge("fork", "odd", "else"),
        Edge("odd", "say"),
        Edge("topic", "form", "class:0"),
        Edge("topic", "first", "class:1"),
        Edge("topic", "first", "default"),
        Edge("choose", "first", "option:0"),
        Edge("choose", "first", "option:1"),
        Edge("choose", "first", "default"),
        Edge("form", "first"),
        Edge("first", "say"),
        Edge("say", "done"),
    ]
    return Flow(
        "Kitchen sink",
        "ir",
        description="Every kind of node once.",
        mode="chat",
        graph=Graph(line + rest, edges),
        variables=[
            Variable("env", "API_URL", STRING, "https://api.example.com", "Where the API is"),
            Variable("env", "API_KEY", Type("secret")),
            Variable("session", "seen", ARRAY, [], "Questions so far"),
        ],
        resources=[
            Resource("model:1", "model", "qwen3-8b", {"provider": "langgenius/ollama/ollama"}),
            Resource("knowledge:support", "knowledge", "support", {"ids": ["5f0c"]}),
            Resource("tool:add", "tool", "add", {"type": "mcp", "server": "calc"}),
            Resource("subflow:child", "subflow", "child", {"id": "w1"}),
            Resource("credential:api", "credential", "API key of api.example.com", {"type": "bearer"}),
        ],
    )
