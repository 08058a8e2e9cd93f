"""A flow gives the same outputs on both engines, whichever platform's file it is written as."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

import dsl
from dsl.ir import Edge, Graph, Node, Ref, Resource, Text, Type
from tests.doubles.chat import chat_model
from tests.doubles.echo import echo
from tests.dsl.corpus import SHARED
from tests.dsl.engines import build
from tests.dsl.engines.build import LANGCHAIN, MODEL, PLUGIN, assign, node, workflow
from tests.dsl.engines.dify import run_dify
from tests.dsl.engines.lane import Ran
from tests.dsl.engines.n8n_core import run_n8n_core
from tests.dsl.engines.n8n_server import N8nServer, api_body
from tests.dsl.small import (
    NUMBER,
    OBJECT,
    OBJECTS,
    STRING,
    STRINGS,
    Case,
    N,
    Q,
    cases,
    end,
    flow,
    fork,
    javascript,
    line,
    services,
    start,
    when,
)

PURE = [pytest.param(case, id=case.name) for case in cases() if not case.needs]
# n8n renders no Jinja; in the core lane a code node that fails hands on what it got, unlike on the server
FAILING = {
    *("a branch for an error", "an error on the shorter way", "an error in one of the rounds"),
    "a default in place of an error",
}
NOT_IN_CORE = FAILING | {"a template with logic"}
IN_CORE = [each for each in PURE if each.id not in NOT_IN_CORE]
ON_SERVER = [each for each in PURE if each.id in FAILING]


@pytest.mark.engines
@pytest.mark.parametrize("case", PURE)
def test_a_small_flow_gives_its_outputs_on_graphon(case: Case) -> None:
    ran = run_dify(str(dsl.write(case.flow, "dify").data), case.inputs)
    assert ran.status in ("succeeded", "partial-succeeded"), ran.error
    assert ran.outputs == case.expected


@pytest.mark.engines
@pytest.mark.parametrize("case", IN_CORE)
def test_a_small_flow_gives_its_outputs_on_n8n(case: Case) -> None:
    ran = run_n8n_core(dsl.write(case.flow, "n8n", trigger="call").document, case.inputs)
    assert ran.status == "succeeded", ran.error
    assert ran.outputs == case.expected


@pytest.mark.engines
@pytest.mark.n8n
@pytest.mark.parametrize("case", ON_SERVER)
def test_what_happens_after_an_error_is_the_same_on_a_server(case: Case, n8n_server: N8nServer) -> None:
    ran = n8n_server.run(dsl.write(case.flow, "n8n", trigger="call").document, case.inputs)
    assert ran.outputs == case.expected


# -- with services

SERVICES = [each.name for each in services("")]


@pytest.fixture(scope="module")
def echo_url() -> Iterator[str]:
    with echo() as url:
        yield url


Bound = Callable[[Any, dict[str, Any]], Ran]


@pytest.fixture(scope="module")
def bound(n8n_server: N8nServer) -> Iterator[Bound]:
    """Runs a workflow whose models are those of the fake endpoint, as a user would choose them after the import."""
    with chat_model() as (url, _):
        credential = n8n_server.credential("openAiApi", apiKey="none", url=url, header=False)

        def run(workflow: Any, inputs: dict[str, Any]) -> Ran:
            for node in workflow["nodes"]:
                if node["type"].endswith(("lmChatOpenAi", "embeddingsOpenAi")):
                    node["credentials"] = credential
            return n8n_server.run(workflow, inputs)

        yield run


def service(name: str, url: str) -> Case:
    return next(each for each in services(url) if each.name == name)


@pytest.mark.engines
@pytest.mark.parametrize("name", SERVICES)
def test_a_flow_with_services_gives_its_outputs_on_graphon(name: str, echo_url: str) -> None:
    case = service(name, echo_url)
    ran = run_dify(str(dsl.write(case.flow, "dify").data), case.inputs)
    assert (ran.status, ran.outputs) == ("succeeded", case.expected), ran


@pytest.mark.engines
@pytest.mark.n8n
@pytest.mark.parametrize("name", SERVICES)
def test_a_flow_with_services_gives_its_outputs_on_a_server(name: str, echo_url: str, bound: Bound) -> None:
    case = service(name, echo_url)
    ran = bound(dsl.write(case.flow, "n8n", trigger="call").document, case.inputs)
    assert (ran.status, ran.outputs) == ("succeeded", case.expected), ran


# -- from one platform to the other

VERIFIED = {  # those without Python code, for which this n8n has no runner, and without the words of an engine's errors
    "question_classifier": {"q": "tell me"},
    "loop": {"q": "x"},
    "list_operator_aggregator": {"q": "a,c,b"},
    "default_value": {"q": "x"},
}


@pytest.mark.engines
@pytest.mark.n8n
@pytest.mark.parametrize("name", VERIFIED)
def test_a_flow_of_dify_gives_on_n8n_what_it_gives_on_dify(name: str, echo_url: str, bound: Bound) -> None:
    if not (file := SHARED / "dify" / "verified" / f"{name}.yml").is_file():
        pytest.skip("../shared is not here")
    source = file.read_text(encoding="utf-8").replace("http://127.0.0.1:28080", echo_url)
    there = bound(dsl.write(dsl.read(source), "n8n", trigger="call").document, VERIFIED[name])
    assert there.outputs == run_dify(source, VERIFIED[name]).outputs, there


@pytest.mark.engines
@pytest.mark.n8n
def test_a_webhook_of_n8n_that_asks_a_service_and_a_model_gives_the_same_on_dify(echo_url: str, bound: Bound) -> None:
    hook = node("W", "webhook", 2.1, httpMethod="POST", path="same", responseMode="responseNode", options={})
    sent = {"sendBody": True, "specifyBody": "json", "jsonBody": "={{ JSON.stringify({q: $json.body.q}) }}"}
    ask = node("H", "httpRequest", 4.5, method="POST", url=f"{echo_url}/there", options={}, **sent)
    asked = "=Say {{ $json.json.q }} to {{ $('W').item.json.body.q }}"
    reply = node("L", f"{LANGCHAIN}chainLlm", 1.9, promptType="define", text=asked, batching={})
    chosen = {"__rl": True, "mode": "id", "value": "stub"}
    model = node("M", f"{LANGCHAIN}lmChatOpenAi", 1.3, model=chosen, responsesApiEnabled=False, options={})
    answer = node("R", "respondToWebhook", 1.5, respondWith="json", responseBody="={{ {r: $json.text} }}", options={})
    flow = workflow([hook | {"webhookId": "same"}, ask, reply, model, answer], "W>H H>L L>R M-ai_languageModel>L")
    here = bound(flow, {"q": "hi"})
    assert here.response == {"r": "LLM<Say hi to hi>"}, here
    there = run_dify(
        _called(dsl.write(dsl.read(json.dumps(flow)), "dify").document), {"_webhook_raw": {"body": {"q": "hi"}}}
    )
    assert (there.status, there.outputs) == ("succeeded", here.response), there


def _called(document: Any) -> str:
    """The file with a start in place of its webhook, which graphon does not have, and with the model bound."""
    nodes = {each["id"]: each["data"] for each in document["workflow"]["graph"]["nodes"]}
    got = {"variable": "_webhook_raw", "label": "got", "type": "json_object", "required": True}
    nodes["W"] |= {"type": "start", "variables": [got]}
    nodes["L"]["model"] |= MODEL
    document["dependencies"] = [{"type": "marketplace", "value": {"marketplace_plugin_unique_identifier": PLUGIN}}]
    return json.dumps(document)


@pytest.mark.engines
@pytest.mark.n8n
def test_an_agent_made_anew_from_the_common_form_calls_its_tool(echo_url: str, bound: Bound) -> None:
    fields = [{"name": "a", "value": "={{ $fromAI('a', 'first addend', 'number') }}"}]
    query = {"sendQuery": True, "queryParameters": {"parameters": fields}}
    tool = node("Add", "httpRequestTool", 4.5, toolDescription="adds", url=f"{echo_url}/add", options={}, **query)
    agent = node("Agent", f"{LANGCHAIN}agent", 3.1, promptType="define", text="={{ $json.q }}", options={})
    chosen = {"__rl": True, "mode": "id", "value": "stub"}
    model = node("M", f"{LANGCHAIN}lmChatOpenAi", 1.3, model=chosen, responsesApiEnabled=False, options={})
    begin = node("T", "executeWorkflowTrigger", 1.2, inputSource="passthrough")
    made = workflow([begin, agent, model, tool], "T>Agent M-ai_languageModel>Agent Add-ai_tool>Agent")
    here = bound(made, {"q": "Add with a: 4"})
    assert '"query":{"a":"4"}' in here.outputs["output"], here
    anew = replace(dsl.read(json.dumps(made)), dialect="ir", raw=None)
    there = bound(dsl.write(anew, "n8n", trigger="call").document, {"q": "Add with a: 4"})
    assert '"query":{"a":"4"}' in str(there.outputs), there


@pytest.mark.engines
def test_what_the_model_of_n8n_is_set_up_with_does_not_run_on_dify() -> None:
    begin = node("T", "executeWorkflowTrigger", 1.2, inputSource="passthrough")
    ask = node("L", f"{LANGCHAIN}chainLlm", 1.9, promptType="define", text="={{ $json.q }}", batching={})
    options = {"baseURL": "={{ $vars.server.trim() }}"}
    model = node("M", f"{LANGCHAIN}lmChatOpenAi", 1.3, model="stub", responsesApiEnabled=False, options=options)
    say = assign("Say", r="={{ $json.text }}")
    made = workflow([begin, ask, model, say], "T>L L>Say M-ai_languageModel>L")
    document = dsl.write(dsl.read(json.dumps(made)), "dify").document
    for each in document["workflow"]["graph"]["nodes"]:
        if each["data"]["type"] == "llm":
            each["data"]["model"] |= MODEL
    document["dependencies"] = [{"type": "marketplace", "value": {"marketplace_plugin_unique_identifier": PLUGIN}}]
    ran = run_dify(json.dumps(document), {"q": "hi"})
    assert (ran.status, ran.outputs) == ("succeeded", {"r": "LLM<hi>"}), ran


@pytest.mark.engines
@pytest.mark.n8n
def test_n8n_goes_on_where_the_knowledge_has_nothing(bound: Bound) -> None:
    found = Node("kb", "retrieve", "KB", params={"knowledge": ["k"], "query": Ref("begin", ("q",)), "top_k": 3})
    given = end(r=(Ref("kb", ("result",)), OBJECTS), q=(Ref("begin", ("q",)), STRING))
    made = flow("knowledge", line(start(q=STRING), found, given), Resource("k", "knowledge", "Docs"))
    ran = bound(dsl.write(made, "n8n", trigger="call").document, {"q": "hi"})
    assert (ran.status, ran.outputs) == ("succeeded", {"r": [], "q": "hi"}), ran


@pytest.mark.engines
@pytest.mark.n8n
@pytest.mark.parametrize(("asked", "chosen"), [("an order", "order"), ("rather none", "price")])
def test_what_fits_no_class_of_dify_takes_the_first_on_n8n_too(asked: str, chosen: str, bound: Bound) -> None:
    model = {"provider": "openai", "name": "stub", "mode": "chat", "completion_params": {}}
    classes = [{"id": "1", "name": "price"}, {"id": "2", "name": "order"}]
    sort = {"id": "c", "type": "question-classifier", "query_variable_selector": ["start", "q"], "model": model}
    shown = {"type": "template-transform", "variables": []}
    ways = [shown | {"id": way, "template": way} for way in ("price", "order")]
    ends = [build.end(way=f"{way}.output", name="c.class_name") | {"id": f"end_{way}"} for way in ("price", "order")]
    edges = "start>c c.1>price c.2>order price>end_price order>end_order"
    file = build.dify([build.start("q"), sort | {"classes": classes}, *ways, *ends], edges)
    ran = bound(dsl.write(dsl.read(file), "n8n", trigger="call").document, {"q": asked})
    assert ran.outputs == {"way": chosen, "name": chosen}, ran


@pytest.mark.engines
@pytest.mark.parametrize(("turns", "said"), [(1, "hello"), (2, "again:2")])
def test_the_turns_of_a_conversation_are_the_same_on_ragflow_and_dify(turns: int, said: str) -> None:
    first = {"cpn_id": "sys.conversation_turns", "operator": "<", "value": "2"}
    case = {"logical_operator": "and", "items": [first], "to": ["Message:One"]}
    components = {
        "begin": ("Begin", {"mode": "conversational"}, ["Switch:S"]),
        "Switch:S": ("Switch", {"conditions": [case], "end_cpn_ids": ["Message:Two"]}, ["Message:One", "Message:Two"]),
        "Message:One": ("Message", {"content": ["hello"]}, []),
        "Message:Two": ("Message", {"content": ["again:{sys.conversation_turns}"]}, []),
    }
    made = {
        key: {"obj": {"component_name": name, "params": params}, "downstream": onward, "upstream": []}
        for key, (name, params, onward) in components.items()
    }
    canvas = {"components": made, "globals": {}, "path": [], "history": []}
    written = dsl.write(dsl.read(json.dumps(canvas)), "dify")
    ran = run_dify(str(written.data), {"query": "hi", "dialogue_count": turns})
    assert (ran.status, ran.outputs["answer"]) == ("succeeded", said), ran


@pytest.mark.engines
@pytest.mark.n8n
def test_the_turns_of_each_conversation_are_counted_on_n8n(n8n_server: N8nServer) -> None:
    said = Text(("turn ", Ref("", ("turns",), "system")))
    chat = replace(flow("turns", line(start(), Node("say", "answer", params={"text": said}))), mode="chat")
    document = dsl.write(chat, "n8n", trigger="webhook", path="turns").document
    made = n8n_server.create(api_body(document))
    try:
        n8n_server.publish(made)
        heard = []
        for session in ("a", "a", "b", "a"):
            heard.append(n8n_server.call("turns", {"chatInput": "hi", "sessionId": session}).json()["output"])
            n8n_server.execution(made)  # with its end the count is kept
    finally:
        n8n_server.delete(made)
    assert heard == ["turn 1", "turn 2", "turn 1", "turn 3"]


@pytest.mark.engines
def test_a_list_and_a_mapping_in_a_text_are_json_on_both() -> None:
    source = "function main({q}) { return {xs: ['a', q], o: {k: 1}}; }"
    made = javascript("mk", source, {"q": Ref("begin", ("q",))}, xs=STRINGS, o=OBJECT)
    said = {name: (Text(("<", Ref("mk", (name,)), ">")), STRING) for name in ("xs", "o")}
    small = flow("f", line(start(q=STRING), made, end(**said)))
    on_dify = run_dify(str(dsl.write(small, "dify").data), {"q": "b"}).outputs
    on_n8n = run_n8n_core(dsl.write(small, "n8n", trigger="call").document, {"q": "b"}).outputs
    for outputs in (on_dify, on_n8n):
        assert {name: json.loads(text.strip("<>")) for name, text in outputs.items()} == {
            "xs": ["a", "b"],
            "o": {"k": 1},
        }


@pytest.mark.engines
def test_a_list_is_given_to_dify_as_json_text() -> None:
    xs = Ref("begin", ("xs",))
    mark = Node("m", "template", "Mark", params={"template": Text((Ref("w", ("item",), "item"), "!"))})
    walk = Node(
        "w",
        "iterate",
        "Walk",
        params={"collect": {"output": Ref("m", ("output",))}},
        inputs={"item": xs},
        outputs={"output": STRINGS},
        body=Graph([mark], [Edge("w", "m", "body")]),
    )
    made = flow("list", line(start(xs=STRINGS), walk, end(r=(Ref("w", ("output",)), STRINGS))))
    ran = run_dify(str(dsl.write(made, "dify").data), {"xs": '["a", "b"]'})
    assert ran.outputs == {"r": ["a!", "b!"]}, ran


@pytest.mark.engines
def test_a_request_sends_quotes_and_line_breaks_within_its_json(echo_url: str) -> None:
    said, n, tags = Ref("begin", ("q",)), Ref("begin", ("n",)), Ref("begin", ("tags",))
    text = Text(('{"q": "Re: ', said, '", "n": ', n, ', "text": "', tags, '"}'))
    params = {"method": "POST", "url": echo_url, "headers": [], "query": [], "body": {"type": "json", "text": text}}
    ask = Node("ask", "http", "Ask", params=params)
    begin = start(q=STRING, n=Type("integer"), tags=STRINGS)
    made = flow("ask", line(begin, ask, end(r=(Ref("ask", ("body",)), STRING))))
    given = {"q": 'say "hi"\nnow {{ 1 }}', "n": 2, "tags": ["a"]}
    for ran in (
        run_n8n_core(dsl.write(made, "n8n", trigger="call").document, given),
        run_dify(str(dsl.write(made, "dify").data), given),
    ):
        assert ran.status == "succeeded", ran.error
        sent = json.loads(ran.outputs["r"])["json"]
        assert sent == {"q": f"Re: {given['q']}", "n": 2, "text": '["a"]'}


@pytest.mark.engines
@pytest.mark.parametrize(("n", "expected"), [(1, {"said": "yes", "n": 1}), (-1, {"said": "no", "n": -1})])
def test_a_result_of_two_ends_is_on_coze_what_the_one_that_was_reached_gives(n: int, expected: dict[str, Any]) -> None:
    forked = Node("fork", "if", "Fork", params={"cases": [when((N, "gt", 0, "number"))]})
    types = {"said": STRING, "n": NUMBER}
    good = Node("good", "end", "Good", inputs={"said": "yes", "n": N}, outputs=types)
    bad = Node("bad", "end", "Bad", inputs={"said": "no", "n": N}, outputs=types)
    ways = [Edge("begin", "fork"), Edge("fork", "good", "case:0"), Edge("fork", "bad", "else")]
    made = flow("ends", Graph([start(), forked, good, bad], ways))
    ran = run_dify(str(dsl.write(dsl.read(dsl.write(made, "coze").data), "dify").data), {"q": "", "n": n})
    assert (ran.status, ran.outputs) == ("succeeded", expected), ran.error


@pytest.mark.engines
@pytest.mark.parametrize(("n", "expected"), [(1, {"result": "ok 1"}), (-1, {"error": "why -1"})])
def test_only_the_results_of_the_end_that_was_reached_come_out_of_coze(n: int, expected: dict[str, Any]) -> None:
    source = "function main({n}) { return {ok: 'ok ' + n, why: 'why ' + n}; }"
    code = javascript("c", source, {"n": N}, ok=STRING, why=STRING)
    forked = Node("fork", "if", "Fork", params={"cases": [when((N, "gt", 0, "number"))]})
    good = Node("good", "end", "Good", inputs={"result": Ref("c", ("ok",))}, outputs={"result": STRING})
    bad = Node("bad", "end", "Bad", inputs={"error": Ref("c", ("why",))}, outputs={"error": STRING})
    ways = [Edge("begin", "c"), Edge("c", "fork"), Edge("fork", "good", "case:0"), Edge("fork", "bad", "else")]
    made = flow("ends", Graph([start(), code, forked, good, bad], ways))
    ran = run_dify(str(dsl.write(dsl.read(dsl.write(made, "coze").data), "dify").data), {"q": "", "n": n})
    assert ran.status == "succeeded", ran.error
    assert {name: value for name, value in ran.outputs.items() if value} == expected


@pytest.mark.engines
@pytest.mark.parametrize(("q", "expected"), [("5", "yes"), ("6", "no"), ("five", "no")])
def test_a_text_that_is_compared_as_a_number_is_one_on_dify(q: str, expected: str) -> None:
    made = fork("a number in a text", when((Q, "eq", 5, "number")), types={"q": STRING})
    ran = run_dify(str(dsl.write(made, "dify").data), {"q": q})
    assert (ran.status, ran.outputs) == ("succeeded", {"r": expected}), ran.error


@pytest.mark.engines
@pytest.mark.parametrize("value", [-1, True], ids=str)
def test_the_constant_that_is_left_when_no_branch_gives_a_value_travels_by_ragflow(value: Any) -> None:
    forked = Node("fork", "if", "Fork", params={"cases": [when((Q, "eq", "a", "string"))]})
    source = "function main({n}) { return {total: n}; }"
    code = javascript("total", source, {"n": N}, total=NUMBER)
    rest = Node("rest", "set", "Rest", inputs={"said": "no"}, outputs={"said": STRING})
    group = {"name": "output", "type": NUMBER, "values": [Ref("total", ("total",)), value]}
    first = Node(
        "first", "aggregate", "First", params={"groups": [group], "skip": "missing"}, outputs={"output": NUMBER}
    )
    done = end(r=(Ref("first", ("output",)), NUMBER))
    ways = [Edge("begin", "fork"), Edge("fork", "total", "case:0"), Edge("fork", "rest", "else")]
    ways += [Edge("total", "first"), Edge("rest", "first"), Edge("first", "done")]
    made = flow("left", Graph([start(), forked, code, rest, first, done], ways))
    there = dsl.read(dsl.write(made, "ragflow").data)
    ran = run_dify(str(dsl.write(there, "dify").data), {"query": "", "q": "b", "n": 2})
    assert ran.status == "succeeded", ran.error
    assert ran.outputs["answer"] == str(value), ran
