"""Small flows that every engine can run, each with inputs and the outputs that they must give everywhere."""

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from dsl.ir import Edge, Flow, Graph, Node, OnError, Ref, Resource, Script, Text, Type

STRING, NUMBER, BOOLEAN, OBJECT = Type("string"), Type("number"), Type("boolean"), Type("object")
STRINGS, NUMBERS, OBJECTS = (Type("array", items=each) for each in (STRING, NUMBER, OBJECT))
Q, N, XS = Ref("begin", ("q",)), Ref("begin", ("n",)), Ref("begin", ("xs",))
INPUTS = {"q": STRING, "n": NUMBER}


@dataclass(frozen=True)
class Case:
    """`needs` names the stand-ins that the engine has to have: model, echo."""

    name: str
    flow: Flow
    inputs: dict[str, Any]
    expected: dict[str, Any]
    needs: frozenset[str] = field(default_factory=frozenset)


def start(**types: Type) -> Node:
    return Node("begin", "start", "Start", outputs=types or INPUTS)


def end(**results: tuple[Any, Type]) -> Node:
    return Node(
        "done",
        "end",
        "End",
        inputs={name: value for name, (value, _) in results.items()},
        outputs={name: kind for name, (_, kind) in results.items()},
    )


def line(*nodes: Node) -> Graph:
    """One node after the other."""
    pairs = pairwise(nodes)
    return Graph(list(nodes), [Edge(a.id, b.id, "done" if a.body is not None else "out") for a, b in pairs])


def flow(name: str, graph: Graph, *resources: Resource) -> Flow:
    return Flow(name, "ir", graph=graph, resources=list(resources))


def javascript(node: str, source: str, inputs: dict[str, Any], **outputs: Type) -> Node:
    params = {"lang": "javascript", "style": "kwargs", "source": source}
    return Node(node, "code", node.capitalize(), params=params, inputs=inputs, outputs=outputs)


def when(*conditions: tuple[Any, str, Any, str], logic: str = "and") -> dict[str, Any]:
    return {
        "logic": logic,
        "conditions": [
            {"left": left, "op": operator, "right": right, "type": kind} for left, operator, right, kind in conditions
        ],
    }


def fork(name: str, condition: dict[str, Any], *, types: dict[str, Type] | None = None) -> Flow:
    """yes when the condition holds, no when not."""
    nodes = [
        start(**(types or {})),
        Node("fork", "if", "Fork", params={"cases": [condition]}),
        Node("yes", "set", "Yes", inputs={"said": "yes"}, outputs={"said": STRING}),
        Node("no", "set", "No", inputs={"said": "no"}, outputs={"said": STRING}),
        _first_of(Ref("yes", ("said",)), Ref("no", ("said",))),
        end(r=(Ref("first", ("output",)), STRING)),
    ]
    edges = [
        Edge("begin", "fork"),
        Edge("fork", "yes", "case:0"),
        Edge("fork", "no", "else"),
        Edge("yes", "first"),
        Edge("no", "first"),
        Edge("first", "done"),
    ]
    return flow(name, Graph(nodes, edges))


LISTS: list[tuple[str, Any, str, str]] = [
    ("contains", "gift", "red,gift", "gifts"),
    ("not_contains", "gift", "gifts", "red,gift"),
    ("length_eq", 2, "a,b", "a"),
    ("length_gt", 1, "a,b", "a"),
    ("length_le", 1, "a", "a,b"),
    ("all_of", ["a", "b"], "b,c,a", "a,c"),
]


def split_and_fork(operator: str, right: Any) -> Flow:
    """As `fork`, about the parts that commas make."""
    made = javascript("make", "function main({q}) {\n  return {xs: q.split(',')}\n}\n", {"q": Q}, xs=STRINGS)
    forked = fork(f"list {operator}", when((Ref("make", ("xs",)), operator, right, "array")), types={"q": STRING})
    forked.graph.nodes.insert(1, made)
    forked.graph.edges[0] = Edge("begin", "make")
    forked.graph.edges.append(Edge("make", "fork"))
    return forked


def operators() -> list[Case]:
    text: list[tuple[str, Any, str, str]] = [
        ("eq", "apple", "apple", "pear"),
        ("ne", "apple", "pear", "apple"),
        ("contains", "pp", "apple", "pear"),
        ("not_contains", "pp", "pear", "apple"),
        ("starts", "ap", "apple", "grape"),
        ("ends", "le", "apple", "lemon"),
        ("empty", None, "", "x"),
        ("not_empty", None, "x", ""),
    ]
    number: list[tuple[str, Any, float, float]] = [
        ("eq", 2, 2, 3),
        ("ne", 2, 3, 2),
        ("gt", 2, 3, 2),
        ("ge", 2, 2, 1),
        ("lt", 2, 1, 2),
        ("le", 2, 2, 3),
    ]
    cases = []
    for operator, right, holds, not_ in text:
        for value, said in ((holds, "yes"), (not_, "no")):
            made = fork(f"text {operator}", when((Q, operator, right, "string")))
            cases.append(Case(f"text {operator}: {said}", made, {"q": value, "n": 1}, {"r": said}))
    for operator, right, holds_n, not_n in number:
        for value_n, said in ((holds_n, "yes"), (not_n, "no")):
            made = fork(f"number {operator}", when((N, operator, right, "number")))
            cases.append(Case(f"number {operator}: {said}", made, {"q": "x", "n": value_n}, {"r": said}))
    for operator, right, holds, not_ in LISTS:
        for value, said in ((holds, "yes"), (not_, "no")):
            cases.append(Case(f"list {operator}: {said}", split_and_fork(operator, right), {"q": value}, {"r": said}))
    both = when((Q, "eq", "a", "string"), (N, "gt", 1, "number"))
    either = when((Q, "eq", "a", "string"), (N, "gt", 1, "number"), logic="or")
    return [
        *cases,
        Case("both hold", fork("and", both), {"q": "a", "n": 2}, {"r": "yes"}),
        Case("one of two does not hold", fork("and", both), {"q": "a", "n": 1}, {"r": "no"}),
        Case("one of two is enough", fork("or", either), {"q": "b", "n": 2}, {"r": "yes"}),
    ]


def steps() -> list[Case]:
    """A case for each kind that is one step."""
    twice = javascript("double", "function main({n}) {\n  return {twice: n * 2}\n}\n", {"n": N}, twice=NUMBER)
    listed = javascript("make", "function main({q}) {\n  return {xs: q.split(',')}\n}\n", {"q": Q}, xs=STRINGS)
    made = Ref("make", ("xs",))
    return [
        Case(
            "what goes in comes out",
            flow("echo", line(start(), end(r=(Q, STRING), n=(N, NUMBER)))),
            _in("hi"),
            _out("hi", n=2),
        ),
        Case(
            "text with references",
            flow(
                "template",
                line(
                    start(),
                    Node("page", "template", "Page", params={"template": Text(("Hi ", Q, ", ", N, " times"))}),
                    end(r=(Ref("page", ("output",)), STRING)),
                ),
            ),
            _in("Ann"),
            _out("Hi Ann, 2 times"),
        ),
        Case(
            "a text that joins a list",
            flow(
                "join",
                line(
                    start(),
                    listed,
                    Node("page", "template", "Page", params={"template": Text((made, "; ", Q)), "delimiter": '|"\n'}),
                    end(r=(Ref("page", ("output",)), STRING)),
                ),
            ),
            _in("a,b"),
            _out('a|"\nb; a,b'),
        ),
        Case(
            "a template with logic",
            flow(
                "jinja",
                line(
                    start(),
                    listed,
                    Node(
                        "page",
                        "template",
                        "Page",
                        params={"template": Script("jinja2", "{% for x in xs %}<{{ x }}>{% endfor %}")},
                        inputs={"xs": made},
                    ),
                    end(r=(Ref("page", ("output",)), STRING)),
                ),
            ),
            _in("a,b"),
            _out("<a><b>"),
        ),
        Case(
            "code",
            flow("code", line(start(), twice, end(r=(Ref("double", ("twice",)), NUMBER)))),
            _in("x"),
            _out(4),
        ),
        Case(
            "fields",
            flow(
                "set",
                line(
                    start(),
                    Node(
                        "shape",
                        "set",
                        "Shape",
                        inputs={"name": Q, "greeting": Text(("Hi ", Q)), "n": 7},
                        outputs={"name": STRING, "greeting": STRING, "n": NUMBER},
                    ),
                    end(r=(Ref("shape", ("greeting",)), STRING), n=(Ref("shape", ("n",)), NUMBER)),
                ),
            ),
            _in("Ann"),
            _out("Hi Ann", n=7),
        ),
        Case(
            "split",
            flow(
                "split",
                line(
                    start(),
                    Node("parts", "split", "Parts", params={"text": Q, "delimiters": [",", ";"]}),
                    end(r=(Ref("parts", ("items",)), STRINGS)),
                ),
            ),
            _in("a,b;c"),
            _out(["a", "b", "c"]),
        ),
        Case(
            "JSON read and written",
            flow(
                "json",
                line(
                    start(),
                    Node("parsed", "json_parse", "Parsed", params={"value": Q}, outputs={"output": OBJECT}),
                    Node("dumped", "json_dump", "Dumped", params={"value": Ref("parsed", ("output", "inner"))}),
                    end(r=(Ref("parsed", ("output", "name")), STRING), d=(Ref("dumped", ("output",)), STRING)),
                ),
            ),
            _in('{"name": "Ann", "inner": "x"}'),
            _out("Ann", d='"x"'),
        ),
        Case(
            "a list filtered, sorted and cut",
            flow(
                "list",
                line(
                    start(),
                    listed,
                    Node(
                        "few",
                        "list",
                        "Few",
                        params={
                            "list": made,
                            "filter": when((Ref("few", (), "item"), "contains", "a", "string")),
                            "sort": [{"key": "", "order": "desc"}],
                            "limit": {"size": 2, "keep": "first"},
                        },
                    ),
                    end(r=(Ref("few", ("result",)), STRINGS), f=(Ref("few", ("first",)), STRING)),
                ),
            ),
            _in("ab,b,ad,ac"),
            _out(["ad", "ac"], f="ad"),
        ),
        Case(
            "one of a list is taken before the list is sorted and cut",
            flow(
                "list nth",
                line(
                    start(),
                    listed,
                    Node(
                        "one",
                        "list",
                        "One",
                        params={
                            "list": made,
                            "filter": when((Ref("one", (), "item"), "contains", "a", "string")),
                            "sort": [{"key": "", "order": "desc"}],
                            "limit": {"size": 2, "keep": "first"},
                            "nth": 1,
                        },
                    ),
                    end(r=(Ref("one", ("result",)), STRINGS), f=(Ref("one", ("first",)), STRING)),
                ),
            ),
            _in("b,ab,ad,ac"),
            _out(["ab"], f="ab"),
        ),
        Case(
            "nothing is done",
            flow("pass", line(start(), Node("p", "pass", "Pass"), end(r=(Q, STRING)))),
            _in("x"),
            _out("x"),
        ),
    ]


def containers() -> list[Case]:
    listed = javascript("make", "function main({q}) {\n  return {xs: q.split(',')}\n}\n", {"q": Q}, xs=STRINGS)
    mark = Node("mark", "template", "Mark", params={"template": Text(("<", Ref("each", ("item",), "item"), ">"))})
    number = Node(
        "mark",
        "template",
        "Mark",
        params={"template": Text((Ref("each", (), "index"), Ref("each", ("item",), "item")))},
    )

    def each(body: Node, **params: Any) -> Node:
        return Node(
            "each",
            "iterate",
            "Each",
            params={"collect": {"output": Ref("mark", ("output",))}} | params,
            inputs={"item": Ref("make", ("xs",))},
            outputs={"output": STRINGS},
            body=Graph([body], [Edge("each", "mark", "body")]),
        )

    step = javascript(
        "step", "function main({i}) {\n  return {i: i + 2}\n}\n", {"i": Ref("rounds", ("i",), "loop")}, i=NUMBER
    )
    keep = Node(
        "keep",
        "assign",
        "Keep",
        params={"items": [{"target": Ref("rounds", ("i",), "loop"), "op": "set", "value": Ref("step", ("i",))}]},
    )

    def rounds(nodes: list[Node], edges: list[Edge], **params: Any) -> Node:
        return Node(
            "rounds",
            "loop",
            "Rounds",
            params={"variables": {"i": {"type": NUMBER, "value": 0}}} | params,
            outputs={"i": NUMBER} | dict.fromkeys(params.get("collect", {}), NUMBER),
            body=Graph(nodes, [Edge("rounds", "step", "body"), Edge("step", "keep"), *edges]),
        )

    enough = Node(
        "enough", "if", "Enough", params={"cases": [when((Ref("rounds", ("i",), "loop"), "ge", 6, "number"))]}
    )
    result = end(r=(Ref("rounds", ("i",)), NUMBER))
    walked = end(r=(Ref("each", ("output",)), STRINGS))
    return [
        Case(
            "for each in turn",
            flow("iterate", line(start(), listed, each(mark), walked)),
            _in("a,b,c"),
            _out(["<a>", "<b>", "<c>"]),
        ),
        Case(
            "for each at once",
            flow("parallel", line(start(), listed, each(mark, parallel=4), walked)),
            _in("a,b"),
            _out(["<a>", "<b>"]),
        ),
        Case(
            "for each with its number",
            flow("index", line(start(), listed, each(number), walked)),
            _in("a,b"),
            _out(["0a", "1b"]),
        ),
        Case(
            "so many rounds", flow("count", line(start(), rounds([step, keep], [], count=3), result)), _in("x"), _out(6)
        ),
        Case(
            "a variable given out by another name",
            flow(
                "given out",
                line(
                    start(),
                    rounds([step, keep], [], count=3, collect={"sum": Ref("rounds", ("i",), "loop")}),
                    end(r=(Ref("rounds", ("sum",)), NUMBER)),
                ),
            ),
            _in("x"),
            _out(6),
        ),
        Case(
            "until",
            flow(
                "until",
                line(
                    start(),
                    rounds([step, keep], [], count=9, until=when((Ref("rounds", ("i",), "loop"), "ge", 4, "number"))),
                    result,
                ),
            ),
            _in("x"),
            _out(4),
        ),
        Case(
            "until the number of the round, which is tested behind it",
            flow(
                "until index",
                line(
                    start(),
                    rounds([step, keep], [], count=9, until=when((Ref("rounds", (), "index"), "ge", 1, "number"))),
                    result,
                ),
            ),
            _in("x"),
            _out(4),
        ),
        Case(
            "break",
            flow(
                "break",
                line(
                    start(),
                    rounds(
                        [step, keep, enough, Node("leave", "break", "Leave")],
                        [Edge("keep", "enough"), Edge("enough", "leave", "case:0")],
                        count=9,
                    ),
                    result,
                ),
            ),
            _in("x"),
            _out(6),
        ),
    ]


def walked_in_rounds() -> Flow:
    """Words in lines: the inner list is made in each round of the outer, and reads what lies outside of both."""
    lines = javascript("lines", "function main({q}) {\n  return {xs: q.split(';')}\n}\n", {"q": Q}, xs=STRINGS)
    line_ = {"q": Ref("outer", ("item",), "item")}
    words = javascript("words", "function main({q}) {\n  return {xs: q.split(',')}\n}\n", line_, xs=STRINGS)
    parts = (Q, Ref("outer", (), "index"), Ref("inner", (), "index"), Ref("inner", ("item",), "item"))
    mark = Node("mark", "template", "Mark", params={"template": Text(parts)})
    inner = _walk(
        "inner", Ref("words", ("xs",)), Ref("mark", ("output",)), Graph([mark], [Edge("inner", "mark", "body")])
    )
    joined = {"xs": Ref("inner", ("output",))}
    join = javascript("join", "function main({xs}) {\n  return {s: xs.join('+')}\n}\n", joined, s=STRING)
    body = [Edge("outer", "words", "body"), Edge("words", "inner"), Edge("inner", "join", "done")]
    outer = _walk("outer", Ref("lines", ("xs",)), Ref("join", ("s",)), Graph([words, inner, join], body))
    return flow("walked in rounds", line(start(), lines, outer, end(r=(Ref("outer", ("output",)), STRINGS))))


def _walk(name: str, list_: Ref, collected: Ref, body: Graph) -> Node:
    params = {"collect": {"output": collected}}
    return Node(name, "iterate", name.capitalize(), "", params, {"item": list_}, {"output": STRINGS}, body=body)


def rounds_in_rounds(*, from_inside: bool = False) -> Flow:
    """The inner loop begins with a variable of the outer, is left early, and the outer takes over what it came to.

    `from_inside`: a step of the inner loop itself sets the variable of the outer.
    """
    total, sum_ = Ref("outer", ("total",), "loop"), Ref("inner", ("sum",), "loop")
    source = "function main({total, sum}) {\n  return {sum: total + sum + 1}\n}\n"
    step = javascript("step", source, {"total": total, "sum": sum_}, sum=NUMBER)
    keep = _set("keep", {sum_: Ref("step", ("sum",))} | ({total: Ref("step", ("sum",))} if from_inside else {}))
    enough = Node("enough", "if", "Enough", params={"cases": [when((sum_, "ge", 10, "number"))]})
    leave = Node("leave", "break", "Leave")
    edges = [
        Edge("inner", "step", "body"),
        Edge("step", "keep"),
        Edge("keep", "enough"),
        Edge("enough", "leave", "case:0"),
    ]
    inner = _count("inner", 5, "sum", total, Graph([step, keep, enough, leave], edges))
    body = Graph([inner], [Edge("outer", "inner", "body")])
    if not from_inside:
        body.nodes.append(_set("take", {total: Ref("inner", ("sum",))}))
        body.edges.append(Edge("inner", "take", "done"))
    outer = _count("outer", 3, "total", 0, body)
    return flow("rounds in rounds", line(start(), outer, end(r=(Ref("outer", ("total",)), NUMBER))))


def _set(name: str, values: dict[Ref, Ref]) -> Node:
    items = [{"target": target, "op": "set", "value": value} for target, value in values.items()]
    return Node(name, "assign", name.capitalize(), params={"items": items})


def _count(name: str, rounds: int, variable: str, first: Any, body: Graph) -> Node:
    params = {"count": rounds, "variables": {variable: {"type": NUMBER, "value": first}}}
    return Node(name, "loop", name.capitalize(), params=params, outputs={variable: NUMBER}, body=body)


def nested() -> list[Case]:
    walked = ["a,b;c00a+a,b;c01b", "a,b;c10c"]
    return [
        Case("for each of each in turn", walked_in_rounds(), _in("a,b;c"), _out(walked)),
        Case("rounds in rounds, left early", rounds_in_rounds(), _in("x"), _out(23)),
    ]


def shorter_way() -> Flow:
    """A step whose error leads to the end by fewer steps than its success, read behind both."""
    source = "function main({q}) {\n  if (q === 'bad') throw new Error('no')\n  return {r: 'b' + q}\n}\n"
    checked = javascript("checked", source, {"q": Q}, r=STRING)
    checked.on_error = OnError("branch")
    said = Node("said", "template", "Said", params={"template": Text(("ok ", Ref("checked", ("r",))))})
    more = Node("more", "template", "More", params={"template": Text((Ref("said", ("output",)), "!"))})
    told = Node("told", "template", "Told", params={"template": "it failed"})
    nodes = [start(), checked, said, more, told, _first_of(Ref("more", ("output",)), Ref("told", ("output",)))]
    nodes.append(end(r=(Ref("first", ("output",)), STRING), b=(Ref("checked", ("r",)), STRING)))
    edges = [
        *(Edge("begin", "checked"), Edge("checked", "said"), Edge("said", "more"), Edge("more", "first")),
        *(Edge("checked", "told", "error"), Edge("told", "first"), Edge("first", "done")),
    ]
    return flow("shorter way", Graph(nodes, edges))


def shorter_way_in_rounds() -> Flow:
    """The same for each of a list; what the step gave is collected."""
    inner = shorter_way()
    body = [node for node in inner.graph.nodes if node.id not in ("begin", "done")]
    body[0].inputs = {"q": Ref("each", ("item",), "item")}
    edges = [edge for edge in inner.graph.edges if edge.source != "begin" and edge.target != "done"]
    graph = Graph(body, [Edge("each", "checked", "body"), *edges])
    listed = javascript("make", "function main({q}) {\n  return {xs: q.split(',')}\n}\n", {"q": Q}, xs=STRINGS)
    each = _walk("each", Ref("make", ("xs",)), Ref("checked", ("r",)), graph)
    return flow("shorter way in rounds", line(start(), listed, each, end(r=(Ref("each", ("output",)), STRINGS))))


def default_on_one_way() -> Flow:
    """A step that has a default stands in one of two branches, and is read behind both."""
    forked = fork("default on one way", when((Q, "eq", "a", "string")))
    nodes = {node.id: node for node in forked.graph.nodes}
    held = javascript("yes", "function main({q}) {\n  return {said: 'not ' + q}\n}\n", {"q": Q}, said=STRING)
    held.on_error = OnError("default", default={"said": "instead"})
    nodes["yes"] = held
    return flow("default on one way", Graph(list(nodes.values()), forked.graph.edges))


def _first_of(*values: Ref) -> Node:
    group = {"name": "output", "type": STRING, "values": list(values)}
    return Node(
        "first", "aggregate", "First", params={"groups": [group], "skip": "missing"}, outputs={"output": STRING}
    )


def errors() -> list[Case]:
    broken = javascript("broken", "function main({q}) {\n  throw new Error('broken')\n}\n", {"q": Q}, r=STRING)
    told = Node("told", "template", "Told", params={"template": "it failed"})
    return [
        Case(
            "a default in place of an error",
            flow(
                "default",
                line(
                    start(),
                    Node(**vars(broken) | {"on_error": OnError("default", default={"r": "instead"})}),
                    end(r=(Ref("broken", ("r",)), STRING)),
                ),
            ),
            _in("x"),
            _out("instead"),
        ),
        Case(
            "a branch for an error",
            flow(
                "fail branch",
                Graph(
                    [
                        start(),
                        Node(**vars(broken) | {"on_error": OnError("branch")}),
                        told,
                        Node(
                            "first",
                            "aggregate",
                            "First",
                            params={
                                "groups": [
                                    {
                                        "name": "output",
                                        "type": STRING,
                                        "values": [Ref("broken", ("r",)), Ref("told", ("output",))],
                                    }
                                ],
                                "skip": "missing",
                            },
                            outputs={"output": STRING},
                        ),
                        end(r=(Ref("first", ("output",)), STRING)),
                    ],
                    [
                        Edge("begin", "broken"),
                        Edge("broken", "first"),
                        Edge("broken", "told", "error"),
                        Edge("told", "first"),
                        Edge("first", "done"),
                    ],
                ),
            ),
            _in("x"),
            _out("it failed"),
        ),
        Case("a branch for an error that is the shorter way", shorter_way(), _in("x"), _out("ok bx!", b="bx")),
        Case("an error on the shorter way", shorter_way(), _in("bad"), _out("it failed", b=None)),
        Case("in each round the error is the shorter way", shorter_way_in_rounds(), _in("a,c"), _out(["ba", "bc"])),
        Case("an error in one of the rounds", shorter_way_in_rounds(), _in("a,bad"), _out(["ba", None])),
        Case("a default on the way that ran", default_on_one_way(), _in("a"), _out("not a")),
        Case("a default on the way that did not run", default_on_one_way(), _in("b"), _out("no")),
    ]


def services(url: str) -> list[Case]:
    """With an HTTP server at `url` that answers {"json": what it got} and a model that says LLM<the last message>."""
    model = Resource("model:1", "model", "stub", {"provider": "langgenius/openai_api_compatible/openai_api_compatible"})
    using = {"model": "model:1", "parameters": {}}
    post = Node(
        "fetch",
        "http",
        "Fetch",
        params={
            "method": "POST",
            "url": f"{url}/echo",
            "headers": [["X-Trace", "t-1"]],
            "query": [],
            "body": {"type": "json", "text": Text(('{"q": "', Q, '"}'))},
        },
    )
    fields = [{"name": "q", "type": "text", "value": Q}, {"name": "fixed", "type": "text", "value": "x"}]
    fielded = Node("fetch", "http", "Fetch", params=post.params | {"body": {"type": "json", "fields": fields}})
    parsed = Node(
        "parsed", "json_parse", "Parsed", params={"value": Ref("fetch", ("body",))}, outputs={"output": OBJECT}
    )
    topic = Node(
        "topic",
        "classify",
        "Topic",
        params=using | {"query": Q, "classes": [{"name": "price"}, {"name": "other"}]},
    )
    said = [
        Node(name, "set", name.capitalize(), inputs={"said": name}, outputs={"said": STRING})
        for name in ("price", "other")
    ]
    return [
        Case(
            "HTTP",
            flow(
                "http",
                line(
                    start(),
                    post,
                    parsed,
                    end(r=(Ref("parsed", ("output", "json", "q")), STRING), s=(Ref("fetch", ("status",)), NUMBER)),
                ),
            ),
            _in("hi"),
            _out("hi", s=200),
            frozenset({"echo"}),
        ),
        Case(
            "HTTP with a body that is given by its fields",
            flow("http fields", line(start(), fielded, parsed, end(r=(Ref("parsed", ("output", "json")), OBJECT)))),
            _in('a "b"'),
            _out({"q": 'a "b"', "fixed": "x"}),
            frozenset({"echo"}),
        ),
        Case(
            "a model",
            flow(
                "llm",
                line(
                    start(),
                    Node(
                        "reply",
                        "llm",
                        "Reply",
                        params=using
                        | {
                            "mode": "chat",
                            "messages": [
                                {"role": "system", "text": "Be brief."},
                                {"role": "user", "text": Text(("Say ", Q))},
                            ],
                        },
                    ),
                    end(r=(Ref("reply", ("text",)), STRING)),
                ),
                model,
            ),
            _in("hi"),
            _out("LLM<Say hi>"),
            frozenset({"model"}),
        ),
        Case(
            "a classifier",
            flow(
                "classify",
                Graph(
                    [
                        start(),
                        topic,
                        *said,
                        Node(
                            "first",
                            "aggregate",
                            "First",
                            params={
                                "groups": [
                                    {
                                        "name": "output",
                                        "type": STRING,
                                        "values": [Ref("price", ("said",)), Ref("other", ("said",))],
                                    }
                                ],
                                "skip": "missing",
                            },
                            outputs={"output": STRING},
                        ),
                        end(
                            r=(Ref("first", ("output",)), STRING),
                            name=(Ref("topic", ("class_name",)), STRING),
                            id=(Ref("topic", ("class_id",)), NUMBER),
                        ),
                    ],
                    [
                        Edge("begin", "topic"),
                        Edge("topic", "price", "class:0"),
                        Edge("topic", "other", "class:1"),
                        Edge("topic", "other", "default"),
                        Edge("price", "first"),
                        Edge("other", "first"),
                        Edge("first", "done"),
                    ],
                ),
                model,
            ),
            _in("what price"),
            _out("price", name="price", id=1),
            frozenset({"model"}),
        ),
    ]


def _in(q: str) -> dict[str, Any]:
    return {"q": q, "n": 2}


def _out(r: Any, **more: Any) -> dict[str, Any]:
    return {"r": r} | more


def cases(url: str = "http://127.0.0.1:9") -> list[Case]:
    return [*operators(), *steps(), *containers(), *nested(), *errors(), *services(url)]
