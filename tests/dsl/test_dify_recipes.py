"""What Dify has no node for is code that does it: it is run here, and found again when the file is read."""

import json
import shutil
import subprocess
from itertools import pairwise
from typing import Any

import pytest
from jinja2 import Template

from dsl import dify
from dsl.dify.expressions import Call, Program, parsed
from dsl.dify.shims import Code, unwrapped, wrapped
from dsl.ir import Edge, Flow, Graph, Node, OnError, Ref, Text, Type, Variable
from dsl.values import walk

STRING, NUMBER, ANY = Type("string"), Type("number"), Type()
START = Node("start", "start", "Start", outputs={"q": STRING, "n": NUMBER})
Q, N = Ref("start", ("q",)), Ref("start", ("n",))


def _flow(*nodes: Node, edges: list[Edge] | None = None, dialect: str = "coze", **more: Any) -> Flow:
    chain = [START, *nodes]
    pairs = pairwise(chain)
    made = [Edge(one.id, other.id, "done" if one.body else "out") for one, other in pairs] if edges is None else edges
    return Flow("t", dialect, graph=Graph(chain, made), **more)


def _written(flow: Flow) -> dict[str, Any]:
    return {node["id"]: node["data"] for node in dify.build(flow)[0]["workflow"]["graph"]["nodes"]}


def _back(flow: Flow) -> dict[str, Node]:
    return {node.id: node for node, _, _ in walk(dify.read(dify.build(flow)[0]).graph)}


def _run(data: dict[str, Any], **values: Any) -> Any:
    """The outputs of a code node, unboxed."""
    if data["code_language"] == "javascript":
        return _run_javascript(data["code"], values)
    scope: dict[str, Any] = {}
    exec(data["code"], scope)
    result = scope["main"](**values)
    assert set(result) == set(data["outputs"])
    return {
        name: value["value"] if data["outputs"][name]["type"] == "object" else value for name, value in result.items()
    }


def _run_javascript(code: str, values: dict[str, Any]) -> Any:
    if shutil.which("node") is None:
        pytest.skip("no node here")
    runner = "\nconst output = main(INPUT);\nconsole.log(`<<RESULT>>${JSON.stringify(output)}<<RESULT>>`);"
    program = code + runner.replace("INPUT", json.dumps(values))
    done = subprocess.run(["node", "-e", program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.split("<<RESULT>>")[1])


# -- small programs


@pytest.mark.parametrize(
    "value",
    [
        {"a": 1, "b": -2.5, "c": [True, None, "x\n'\""], "d": {"e": {}}},
        {"a": Q, "b": Text(("Hi ", Q, "!", Ref("h", ("body",)))), "c": Ref("h", ("body", "x", 0))},
        {"a": Call("test", ("gt", Q, 3)), "b": Call("all", ([Call("test", ("eq", Q, "x"))],))},
    ],
)
def test_what_a_program_says_is_read_back(value: Any) -> None:
    def native(ref: Ref) -> tuple[Any, tuple[Any, ...]]:
        return Ref(ref.node, ref.path[:1]), ref.path[1:]

    program = Program(native)
    source = program.source("values", "return", value)
    assert (parsed(source, dict(program.inputs)) or ())[:3] == ("values", "return", value)


@pytest.mark.parametrize(
    "source",
    [
        "# flowstill:begin values\n",
        "# flowstill:begin values\ndef main(:\n# flowstill:end\n",
        "# flowstill:begin values\ndef main(a):\n    return open(a)\n# flowstill:end\n",
        "# flowstill:begin values\ndef main():\n    return x\n# flowstill:end\n",
        "# flowstill:begin values\ndef main():\n    import os\n    return 1\n# flowstill:end\n",
        "# flowstill:begin values\ndef main():\n    return " + "(" * 500 + "1" + ")" * 500 + "\n# flowstill:end\n",
        "# flowstill:begin values\ndef main():\n    return " + "-" * 50_000 + "1\n# flowstill:end\n",
        "# flowstill:begin values\ndef main(\x00):\n    return 1\n# flowstill:end\n",
        "# flowstill:begin values\ndef main():\n    return text(1)\n# flowstill:end\n",
        "# flowstill:begin set\ndef main():\n    return 1\n# flowstill:end\n",
        "# flowstill:begin split\ndef main():\n    return {}\n# flowstill:end\n",
        "# flowstill:begin list\ndef main():\n    return listed(1)\n# flowstill:end\n",
        "# flowstill:begin row\ndef main():\n    return []\n# flowstill:end\n",
        "# flowstill:begin stub \n",
        "# flowstill:begin args\n# flowstill:end",
        "// flowstill:begin expressions\n(/*a b*/ x /*a*/)",
    ],
)
def test_code_that_only_looks_like_ours_stays_code(source: str) -> None:
    data = {
        "type": "code",
        "title": "",
        "code_language": "python3",
        "code": source,
        "outputs": {"x": {"type": "string"}},
    }
    graph = {"nodes": [{"id": "c", "data": data}], "edges": []}
    document = {"version": "0.6.0", "app": {"name": "", "mode": "workflow"}, "workflow": {"graph": graph}}
    (node,) = dify.read(document).graph.nodes
    assert node.kind in ("code", "opaque")
    assert node.kind == "opaque" or node.params["source"] == source


def test_fields_are_set() -> None:
    fields = {"name": Q, "greeting": Text(("Hi ", Q, "!")), "n": 2, "where.city": "Bern", "where.of": Q}
    flow = _flow(Node("s", "set", "S", inputs=fields))
    assert _run(_written(flow)["s"], q="Al") == {
        "name": "Al",
        "greeting": "Hi Al!",
        "n": 2,
        "where": {"city": "Bern", "of": "Al"},
    }
    assert _back(flow)["s"].inputs == fields


def test_text_is_split_and_json_is_read_and_printed() -> None:
    flow = _flow(
        Node("p", "split", params={"text": Q, "delimiters": [",", "; "]}),
        Node("j", "json_parse", params={"value": Q}),
        Node("d", "json_dump", params={"value": Ref("j", ("output",))}),
    )
    data = _written(flow)
    assert _run(data["p"], q="a,b; c") == {"items": ["a", "b", "c"]}
    assert _run(data["j"], q='{"a": [1]}') == {"output": {"a": [1]}}
    assert data["d"]["variables"] == [{"variable": "output", "value_selector": ["j", "output", "value"]}]
    assert _run(data["d"], output={"ä": 1}) == {"output": '{"ä": 1}'}
    back = _back(flow)
    assert [back[name].kind for name in "pjd"] == ["split", "json_parse", "json_dump"]


def test_a_stop_and_a_stub_fail_with_their_sentence() -> None:
    flow = _flow(
        Node("s", "stop", params={"message": Text(("No: ", Q))}),
        Node("o", "opaque", "Odd", params={"type": "zz"}, inputs={"a": Q}, outputs={"r": STRING}),
    )
    data = _written(flow)
    with pytest.raises(RuntimeError, match="No: x"):
        _run(data["s"], q="x")
    with pytest.raises(RuntimeError, match=r"Odd \(zz\) has no counterpart in Dify."):
        _run(data["o"], a="x")
    back = _back(flow)
    assert back["s"].params == {"message": Text(("No: ", Q))}
    assert (back["o"].kind, back["o"].params, back["o"].inputs) == ("opaque", {"type": "zz", "stub": True}, {"a": Q})


_ITEMS = [{"a": 3, "b": "x"}, {"a": 1, "b": "y"}, {"a": 2, "b": "x"}, {"a": 2, "b": "x"}]


@pytest.mark.parametrize(
    ("params", "result"),
    [
        ({"sort": [{"key": "a", "order": "asc"}]}, [1, 2, 2, 3]),
        ({"sort": [{"key": "b", "order": "desc"}, {"key": "a", "order": "asc"}]}, [1, 3, 2, 2]),
        ({"unique": []}, [3, 1, 2]),
        ({"unique": ["b"]}, [3, 1]),
        ({"limit": {"size": 1, "keep": "last"}}, [2]),
        ({"nth": 2}, [1]),
        ({"filter": {"logic": "or", "conditions": [("a", "gt", 2), ("b", "eq", "y")]}}, [3, 1]),
    ],
)
def test_lists_that_dify_cannot_filter_are_filtered(params: dict[str, Any], result: list[int]) -> None:
    if "filter" in params:
        conditions = [
            {"left": Ref("l", (key,), "item"), "op": op, "right": right, "type": "number" if key == "a" else "string"}
            for key, op, right in params["filter"]["conditions"]
        ]
        params = {"filter": {"logic": "or", "conditions": conditions}}
    flow = _flow(
        Node("j", "json_parse", params={"value": Q}),
        Node("l", "list", params={"list": Ref("j", ("output",)), **params}),
    )
    made = _run(_written(flow)["l"], output=json.dumps(_ITEMS))
    assert [each["a"] for each in made["result"]] == result
    assert (made["first"]["a"], made["last"]["a"]) == (result[0], result[-1])
    back = _back(flow)["l"]
    assert back.kind == "list"
    assert {key: back.params[key] for key in params if params[key] != []} == {
        key: value for key, value in params.items() if value != []
    }


@pytest.mark.parametrize(
    ("op", "left", "right", "answer"),
    [
        ("regex", "abc", "^a.c$", True),
        ("not_regex", "abc", "x", True),
        ("not_starts", "abc", "a", False),
        ("ends", "abc", "bc", True),
        ("contains", [1, 2], 2, True),
        ("contains", ["1"], 1, True),
        ("not_contains", None, "a", True),
        ("length_gt", [1, 2], 1, True),
        ("length_le", "abc", 2, False),
        ("length_eq", None, 0, True),
        ("gt", "10", 9, True),
        ("le", 1.5, "1.5", True),
        ("eq", 1, "1", True),
        ("ne", "a", "A", True),
        ("empty", {}, None, True),
        ("not_empty", 0, None, True),
        ("null", None, None, True),
        ("not_exists", "", None, False),
        ("true", "TRUE", None, True),
        ("false", False, None, True),
        ("in", "a", ["a", "b"], True),
        ("not_in", "c", ["a", "b"], True),
        ("all_of", [1, 2, 3], [1, 3], True),
        ("before", "2024-01-01", "2024-02-01", True),
        ("after", "2024-01-01", "2024-02-01", False),
    ],
)
def test_conditions_that_dify_has_no_word_for_are_tested(op: str, left: Any, right: Any, answer: bool) -> None:
    case = {"logic": "and", "conditions": [{"left": Ref("j", ("output",)), "op": op, "right": right, "type": "string"}]}
    nested = {"logic": "or", "conditions": [case]}
    flow = _flow(Node("j", "json_parse", params={"value": Q}), Node("i", "if", "I", params={"cases": [nested]}))
    data = _written(flow)
    assert data["i"]["cases"][0]["conditions"][0]["variable_selector"] == ["i_in", "condition"]
    assert _run(data["i_in"], output=left) == {"condition": answer}
    (back,) = _back(flow)["i"].params["cases"][0]["conditions"]
    assert (back["logic"], back["conditions"][0]["op"], back["conditions"][0]["right"]) == ("and", op, right)


def test_what_dify_cannot_refer_to_is_picked_in_front_of_the_node() -> None:
    http = Node("h", "http", params={"method": "GET", "url": "https://x.example", "response": "json"})
    body = Ref("h", ("body", "items", 1, "na-me"))
    flow = _flow(
        http, Node("e", "end", inputs={"x": body, "y": "constant", "z": Text(("=", body))}, outputs={"x": ANY})
    )
    data = _written(flow)
    assert _run(data["e_in"], body='{"items": [0, {"na-me": "n"}]}') == {"x": "n", "y": "constant", "z": "=n"}
    assert _run(data["e_in"], body="no JSON") == {"x": None, "y": "constant", "z": "="}
    assert data["e"]["outputs"][0]["value_selector"] == ["e_in", "x", "value"]
    back = _back(flow)
    assert back["e"].inputs == {"x": body, "y": "constant", "z": Text(("=", body))}
    assert "e_in" not in back


# -- containers


def _loop(**params: Any) -> Node:
    step = Node("c", "template", "C", params={"template": Text(("#", Ref("l", (), "index")))})
    body = Graph([step], [Edge("l", "c", "body")])
    return Node("l", "loop", "L", params=params, outputs={"all": Type("array", items=STRING)}, body=body)


def test_a_loop_counts_its_rounds_and_collects() -> None:
    flow = _flow(_loop(count=N, collect={"all": Ref("c", ("output",))}))
    document, notes = dify.build(flow)
    data = {node["id"]: node["data"] for node in document["workflow"]["graph"]["nodes"]}
    labels = [each["label"] for each in data["l"]["loop_variables"]]
    assert labels == ["flowstill_round", "all", "flowstill_index"]
    assert data["l"]["break_conditions"][0]["value"] == "{{#start.n#}}"
    assert [item["operation"] for item in data["l_round"]["items"]] == ["+=", "+="]
    assert data["l_all"]["items"][0]["operation"] == "append"
    assert {note.code for note in notes} == {"loop.capped"}
    back = _back(flow)["l"]
    assert back.params == {"count": N, "collect": {"all": Ref("c", ("output",))}}
    assert back.body is not None
    assert (back.body.edges, [node.id for node in back.body.nodes]) == ([Edge("l", "c", "body")], ["c"])
    assert list(back.outputs) == ["all"]
    assert list(back.body.nodes[0].params["template"].parts) == ["#", Ref("l", (), "index")]


def test_a_loop_without_an_end_is_capped() -> None:
    flow = _flow(_loop())
    assert _written(flow)["l"]["loop_count"] == 100
    assert "loop.capped" in {note.code for note in dify.build(flow)[1]}


def test_a_condition_that_a_loop_cannot_test_is_tested_at_its_end() -> None:
    until = {
        "logic": "and",
        "conditions": [{"left": Ref("c", ("output",)), "op": "regex", "right": "3", "type": "string"}],
    }
    document, _ = dify.build(_flow(_loop(count=9, until=until)))
    edges = [(edge["source"], edge["sourceHandle"], edge["target"]) for edge in document["workflow"]["graph"]["edges"]]
    assert ("c", "source", "l_until_in") in edges
    assert ("l_until_in", "source", "l_until") in edges
    assert ("l_until", "true", "l_leave") in edges


def test_lists_are_walked_side_by_side_and_several_values_are_collected() -> None:
    step = Node("t", "template", params={"template": Text((Ref("i", ("a",), "item"), Ref("i", ("b", "x"), "item")))})
    collect = {"one": Ref("t", ("output",)), "two": Ref("i", ("a",), "item")}
    each = Node(
        "i", "iterate", "I", params={"collect": collect, "limit": 2}, body=Graph([step], [Edge("i", "t", "body")])
    )
    each.inputs, each.outputs = {"a": Ref("p", ("items",)), "b": Q}, {"one": Type("array"), "two": Type("array")}
    flow = _flow(
        Node("p", "split", params={"text": Q, "delimiters": [","]}),
        each,
        Node("e", "end", inputs={"one": Ref("i", ("one",)), "first": Ref("i", ("two", 0))}, outputs={}),
    )
    data = _written(flow)
    assert _run(data["i_in"], items=["x", "y", "z"], q="[1, 2, 3]") == {
        "item": [{"a": "x", "b": 1}, {"a": "y", "b": 2}]
    }
    assert _run(data["i_row"], output="o", a="x")["row"] == {"one": "o", "two": "x"}
    rows = [{"one": "o", "two": "x"}, {"one": "p", "two": "y"}]
    assert _run(data["e_in"], output=rows) == {"one": ["o", "p"], "first": "x"}
    back = _back(flow)
    assert back["i"].inputs == each.inputs
    assert back["i"].params == {"collect": collect, "limit": 2, "on_item_error": "stop"}
    assert back["t"].params == step.params
    assert back["e"].inputs == {"one": Ref("i", ("one",)), "first": Ref("i", ("two", 0))}
    assert set(back) == {"start", "p", "i", "t", "e"}


def test_an_iteration_cannot_be_left() -> None:
    body = Graph([Node("b", "break", "Leave")], [Edge("i", "b", "body")])
    flow = _flow(Node("i", "iterate", inputs={"item": Q}, params={}, body=body))
    assert "raise RuntimeError('Dify cannot leave an iteration" in _written(flow)["b"]["code"]
    assert "kind.unsupported" in {note.code for note in dify.build(flow)[1]}


# -- branches, errors, chats


def test_what_fits_no_class_gets_a_class() -> None:
    node = Node("k", "classify", params={"query": Q, "classes": [{"name": "a", "description": "", "examples": []}]})
    ends = [Node("e1", "end"), Node("e2", "end")]
    edges = [Edge("start", "k"), Edge("k", "e1", "class:0"), Edge("k", "e2", "default")]
    flow = _flow(node, *ends, edges=edges)
    classes = _written(flow)["k"]["classes"]
    assert [each["id"] for each in classes] == ["1", "flowstill_other"]
    again = dify.read(dify.build(flow)[0])
    assert again.graph.edges == edges
    assert len(again.graph.nodes[1].params["classes"]) == 1


def test_a_value_for_an_aggregator_is_computed_where_it_comes_from() -> None:
    http = Node("h", "http", params={"method": "GET", "url": "https://x.example", "response": "json"})
    group = {"name": "res", "type": ANY, "values": [Ref("h", ("body", "a")), Q]}
    node = Node("g", "aggregate", params={"groups": [group], "skip": "missing"}, outputs={"res": ANY})
    flow = _flow(http, node, Node("e", "end", inputs={"r": Ref("g", ("res",))}, outputs={"r": ANY}))
    data = _written(flow)
    assert data["g"]["variables"] == [["g_h", "value", "value"], ["start", "q"]]
    assert data["e"]["outputs"][0]["value_selector"] == ["g", "output"]
    assert _back(flow)["g"].params["groups"][0]["values"] == group["values"]


def test_a_node_that_goes_on_after_an_error_has_empty_outputs() -> None:
    http = Node("h", "http", params={"method": "GET", "url": "https://x.example"}, on_error=OnError("continue"))
    data = _written(_flow(http))["h"]
    assert data["error_strategy"] == "default-value"
    assert [(each["key"], each["value"]) for each in data["default_value"]] == [
        ("body", ""),
        ("status_code", 0),
        ("headers", {}),
        ("files", []),
    ]


def test_an_answer_of_400_fails_the_node_where_it_does_so_at_home() -> None:
    http = Node("h", "http", params={"method": "GET", "url": "https://x.example", "on_status": "fail"})
    assert _written(_flow(http))["h"]["retry_config"] == {"retry_enabled": True, "max_retries": 0, "retry_interval": 0}
    assert _back(_flow(http))["h"].params["on_status"] == "fail"


def test_the_end_of_a_chat_is_an_answer_and_that_of_a_flow_a_result() -> None:
    end = Node("e", "end", params={"message": Text(("Re: ", Q))})
    assert _written(_flow(end, mode="chat"))["e"]["answer"] == "Re: {{#start.q#}}"
    assert _written(_flow(end))["e"]["outputs"][0]["variable"] == "answer"


def test_a_flow_that_is_called_is_given_the_question() -> None:
    say = Node("e", "end", inputs={"r": Ref("", ("query",), "system")}, outputs={"r": STRING})
    data = _written(_flow(say))
    assert [each["variable"] for each in data["start"]["variables"]] == ["q", "n", "query"]
    assert data["e"]["outputs"][0]["value_selector"] == ["start", "query"]


def test_variables_take_what_dify_lets_them_take() -> None:
    seen, count = Ref("", ("seen",), "session"), Ref("", ("count",), "app")
    items = [
        {"target": seen, "op": "append", "value": Text(("-", Q))},
        {"target": count, "op": "add", "value": N},
        {"target": count, "op": "multiply", "value": 2},
        {"target": seen, "op": "clear", "value": None},
    ]
    variables = [Variable("session", "seen", Type("array", items=STRING), []), Variable("app", "count", NUMBER, 1)]
    flow = _flow(Node("a", "assign", params={"items": items}), mode="chat", variables=variables)
    data = _written(flow)
    given = [(each["operation"], each["input_type"]) for each in data["a"]["items"]]
    assert given == [("append", "variable"), ("over-write", "variable"), ("*=", "constant"), ("clear", "variable")]
    assert _run(data["a_in"], q="x", n=3, count=4) == {"value": "-x", "value_2": 7}
    back = _back(flow)["a"].params["items"]
    assert [(each["op"], each["value"]) for each in back] == [(each["op"], each["value"]) for each in items]


def _of_an_app(mode: str) -> tuple[dict[str, Any], list[Any]]:
    """An app's variable that the file does not declare is set and said."""
    favourite = Ref("", ("fav",), "app")
    keep = Node("keep", "assign", params={"items": [{"target": favourite, "op": "set", "value": Q}]})
    end = Node("e", "end", inputs={"r": favourite}, outputs={"r": STRING})
    document, notes = dify.build(_flow(keep, end, mode=mode))
    return document["workflow"], notes


def test_a_variable_of_an_app_is_declared_as_one_of_the_conversation_in_a_chat() -> None:
    workflow, notes = _of_an_app("chat")
    assert [each["name"] for each in workflow["conversation_variables"]] == ["fav"]
    assert [(note.severity, note.code) for note in notes] == [("degraded", "variable.scope")]


def test_a_variable_of_an_app_is_fixed_in_a_workflow_of_dify_and_what_sets_it_raises() -> None:
    workflow, notes = _of_an_app("workflow")
    assert workflow["conversation_variables"] == []  # which only a chat has
    assert [each["name"] for each in workflow["environment_variables"]] == ["fav"]
    data = {each["id"]: each["data"] for each in workflow["graph"]["nodes"]}
    assert data["e"]["outputs"][0]["value_selector"] == ["env", "fav"]
    assert "raise RuntimeError" in data["keep"]["code"]
    assert [(note.severity, note.code) for note in notes] == [("degraded", "variable.scope"), ("stub", "assign.target")]


def test_a_variable_of_the_environment_that_no_file_declares_is_declared() -> None:
    end = Node("e", "end", inputs={"r": Ref("", ("KEY",), "env")}, outputs={"r": STRING})
    document, notes = dify.build(_flow(end))
    assert [each["name"] for each in document["workflow"]["environment_variables"]] == ["KEY"]
    assert document["workflow"]["graph"]["nodes"][-1]["data"]["outputs"][0]["value_selector"] == ["env", "KEY"]
    assert notes == []


# -- where a run begins


def test_a_manual_start_beside_a_schedule_goes() -> None:
    schedule = {"type": "schedule", "cron": "0 8 * * *", "timezone": "UTC"}
    nodes = [
        Node("m", "start", params={"trigger": {"type": "manual"}}),
        Node("s", "start", params={"trigger": schedule}),
    ]
    end = Node("e", "end")
    flow = Flow("t", "n8n", graph=Graph([*nodes, end], [Edge("m", "e"), Edge("s", "e")]))
    document, notes = dify.build(flow)
    assert [node["data"]["type"] for node in document["workflow"]["graph"]["nodes"]] == ["trigger-schedule", "end"]
    assert len(document["workflow"]["graph"]["edges"]) == 1
    assert "start.merged" in {note.code for note in notes}


def test_a_flow_without_a_start_gets_one() -> None:
    flow = Flow(
        "t", "n8n", graph=Graph([Node("a", "template", params={"template": "x"}), Node("e", "end")], [Edge("a", "e")])
    )
    document, _ = dify.build(flow)
    assert [(edge["source"], edge["target"]) for edge in document["workflow"]["graph"]["edges"]] == [
        ("start", "a"),
        ("a", "e"),
    ]


def test_a_webhook_hands_on_what_it_was_sent() -> None:
    outputs = {"body": Type("object"), "query": Type("object")}
    trigger = {"type": "webhook", "method": "POST", "path": "x"}
    hook = Node("w", "start", params={"trigger": trigger}, outputs=outputs)
    end = Node("e", "end", inputs={"a": Ref("w", ("body", "a")), "b": Ref("w", ("query", "b"))}, outputs={})
    flow = Flow("t", "n8n", graph=Graph([hook, end], [Edge("w", "e")]))
    data = _written(flow)
    selectors = [each["value_selector"] for each in data["e"]["outputs"]]
    assert selectors == [["w", "_webhook_raw", "body", "a"], ["w", "_webhook_raw", "query_params", "b"]]
    assert _back(flow)["e"].inputs == end.inputs


# -- code of other platforms


_CODES = [
    Code("python3", 'async def main(args: Args) -> Output:\n    return {"r": args.params["q"] + "!"}', "args"),
    Code(
        "python3",
        "import asyncio\nasync def main(args):\n    await asyncio.sleep(0)\n    return {'r': args.params['q'] + '!'}\n",
        "args",
    ),
    Code("python3", "def main(q):\n    return {'r': q + '!'}", "kwargs"),
    Code("python3", "if _json['q']:\n    x = _input.first().json.q\nreturn [{'json': {'r': x + '!'}}]\n", "items"),
    Code(
        "javascript",
        "async function main({ params }: Args): Promise<Output> {\n  return { r: params.q + '!' };\n}",
        "args",
    ),
    Code("javascript", "function main({ q }) {\n  return { r: q + '!' };\n}\n", "kwargs"),
    Code("javascript", "const all = $input.all();\nreturn all.map((i) => ({ json: { r: i.json.q + '!' } }));", "items"),
    Code("javascript", "const q = await Promise.resolve($json.q);\nreturn { r: q + '!' }", "item"),
]


@pytest.mark.parametrize("code", _CODES, ids=lambda code: f"{code.lang}-{code.style}")
def test_code_is_called_in_its_own_way_and_comes_back_byte_for_byte(code: Code) -> None:
    code.inputs, code.outputs, code.boxed, code.fields = ["q"], {"r": {}}, {"r": "any"}, {"": {"q": "q"}}
    source = wrapped(code)
    data = {"code": source, "code_language": code.lang, "outputs": {"r": {"type": "object"}}}
    result = _run(data, q="hi")
    assert result == ({"r": "hi!"} if code.lang == "python3" else {"r": {"value": "hi!"}})
    assert unwrapped(code.lang, source) == (code.source, code.style, {"r": "any"})


def test_code_of_n8n_sees_the_nodes_that_it_names() -> None:
    first = Node("First one", "set", "First one", inputs={"a": Q}, outputs={"a": STRING})
    source = "return { b: $('First one').item.json.a + $json.a };"
    second = Node("Second", "code", "Second", params={"lang": "javascript", "style": "items", "source": source})
    end = Node("e", "end", inputs={"b": Ref("Second", ("b",))}, outputs={"b": STRING})
    nodes = [START, first, second, end]
    flow = Flow(
        "t", "n8n", graph=Graph(nodes, [Edge("start", "First one"), Edge("First one", "Second"), Edge("Second", "e")])
    )
    data = _written(flow)["Second"]
    assert [each["value_selector"] for each in data["variables"]] == [["First_one", "a"], ["First_one", "a"]]
    assert _run(data, in_0="x", in_1="y") == {"b": {"value": "yx"}}
    back = _back(flow)["Second"]
    assert (back.params["source"], back.params["style"]) == (source, "items")
    assert back.params["fields"] == {"": {"a": "in_0"}, "First one": {"a": "in_1"}}
    assert back.inputs == dict.fromkeys(("in_0", "in_1"), Ref("First_one", ("a",)))


def test_code_that_declares_what_dify_can_promise_is_left_alone() -> None:
    params = {"lang": "python3", "style": "kwargs", "source": "def main():\n    return {'a': 1}"}
    assert _written(_flow(Node("c", "code", params=params, outputs={"a": NUMBER})))["c"]["code"] == params["source"]


def test_every_time_of_a_schedule_is_a_trigger_of_its_own() -> None:
    given = {"type": "schedule", "cron": "0 9 * * *", "more": ["0 18 * * *"]}
    nodes = [Node("s", "start", "Clock", params={"trigger": given}), Node("e", "end")]
    flow = Flow("t", "n8n", graph=Graph(nodes, [Edge("s", "e")]))
    document, notes = dify.build(flow)
    triggers = [each for each in document["workflow"]["graph"]["nodes"] if each["data"]["type"] == "trigger-schedule"]
    assert [each["data"]["cron_expression"] for each in triggers] == ["0 9 * * *", "0 18 * * *"]
    assert {edge["source"] for edge in document["workflow"]["graph"]["edges"]} == {each["id"] for each in triggers}
    assert [(note.severity, note.code) for note in notes] == [("equivalent", "trigger.several")]


def test_a_caller_who_waits_for_an_answer_of_a_webhook_is_told_of() -> None:
    hook = Node("w", "start", "Hook", params={"trigger": {"type": "webhook", "method": "POST", "path": "x"}})
    end = Node("e", "end", inputs={"r": "x"}, outputs={"r": Type("string")})
    _, notes = dify.build(Flow("t", "n8n", graph=Graph([hook, end], [Edge("w", "e")])))
    assert [(note.severity, note.code, note.node) for note in notes] == [("degraded", "trigger.answer", "w")]
    _, notes = dify.build(Flow("t", "n8n", graph=Graph([hook, Node("p", "pass")], [Edge("w", "p")])))
    assert [note.code for note in notes] == []


# -- templates


def _template(type_: Type, *, delimiter: str | None = None) -> tuple[dict[str, Any], Node]:
    """A template that prints an input of the type: as Dify has it, with the step in front, and read back."""
    start = Node("start", "start", "Start", outputs={"v": type_})
    params: dict[str, Any] = {"template": Text(("of ", Ref("start", ("v",)), "!"))}
    params |= {} if delimiter is None else {"delimiter": delimiter}
    nodes = [start, Node("t", "template", params=params)]
    flow = Flow("t", "coze", graph=Graph(nodes, [Edge("start", "t")]))
    return _written(flow), _back(flow)["t"]


@pytest.mark.parametrize(
    ("type_", "value", "printed"),
    [
        (Type("boolean"), True, "true"),
        (Type("boolean"), None, ""),
        (STRING, None, ""),
        (STRING, "<a>", "<a>"),
        (Type("string", required=True), "a", "a"),
        (NUMBER, None, ""),
        (NUMBER, 0, "0"),
        (Type("object"), {"a": True}, '{"a": true}'),
        (ANY, False, "false"),
        (ANY, ["<b>"], '["<b>"]'),
        (ANY, None, ""),
    ],
)
def test_a_template_prints_no_words_of_python(type_: Type, value: Any, printed: str) -> None:
    data, back = _template(type_)
    given = next(iter(_run(data["t_in"], v=value).values())) if "t_in" in data else value
    [variable] = data["t"]["variables"]
    assert Template(data["t"]["template"]).render({variable["variable"]: given}) == f"of {printed}!"
    assert back.params["template"] == Text(("of ", Ref("start", ("v",)), "!"))


def test_what_is_text_for_sure_is_printed_as_it_is() -> None:
    data, _ = _template(Type("string", required=True))
    assert data["t"]["template"].endswith("of {{ v }}!")


@pytest.mark.parametrize(
    ("value", "printed"),
    [(["a", "b"], "a|b"), (True, "true"), (None, ""), ("a", "a"), (2, "2"), ({"a": None}, '{"a": null}')],
)
def test_what_may_be_a_list_is_joined_or_printed_without_words_of_python(value: Any, printed: str) -> None:
    data, back = _template(ANY, delimiter="|")
    assert Template(data["t"]["template"]).render(v=value) == f"of {printed}!"
    assert back.params["delimiter"] == "|"


def test_a_template_prints_nothing_of_a_step_on_another_way() -> None:
    made = [
        Node(each, "code", params={"source": "def main(): return {'x': ''}"}, outputs={"x": STRING}) for each in "ab"
    ]
    asked = {"left": Q, "op": "eq", "right": "a", "type": "string"}
    fork = Node("f", "if", params={"cases": [{"logic": "and", "conditions": [asked]}]})
    said = Text((Ref("a", ("x",)), Ref("b", ("x",)), Ref("s", ("x",))))
    first = Node("s", "code", params={"source": "def main(): return {'x': ''}"}, outputs={"x": STRING})
    join = Node("t", "template", params={"template": said})
    edges = [Edge("start", "s"), Edge("s", "f"), Edge("f", "a", "case:0"), Edge("f", "b", "else")]
    data = _written(_flow(first, fork, *made, join, edges=[*edges, Edge("a", "t"), Edge("b", "t")]))
    assert Template(data["t"]["template"]).render(x=None, x_2="b", x_3="s") == "bs"
    assert "{{ x_3 }}" in data["t"]["template"]
