"""A real n8n server takes workflows here, checks them, publishes them and runs them."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

import dsl
from dsl.lint import check
from tests.doubles.chat import ChatModel, chat_model
from tests.doubles.echo import echo
from tests.dsl.engines import build
from tests.dsl.engines.build import LANGCHAIN, Json, assign, node, workflow
from tests.dsl.engines.lane import EngineError
from tests.dsl.engines.n8n_server import N8nServer, api_body, said

pytestmark = [pytest.mark.engines, pytest.mark.n8n]
Model = tuple[str, ChatModel]


@pytest.fixture(scope="module")
def echo_url() -> Iterator[str]:
    with echo() as url:
        yield url


@pytest.fixture(scope="module")
def model() -> Iterator[Model]:
    with chat_model() as found:
        yield found


@pytest.fixture(scope="module")
def model_node(n8n_server: N8nServer, model: Model) -> Json:
    """The sub-node that asks the fake model."""
    credential = n8n_server.credential("openAiApi", apiKey="none", url=model[0], header=False)
    chosen = {"__rl": True, "mode": "id", "value": "stub"}
    settings = {"model": chosen, "responsesApiEnabled": False, "options": {}}
    return node("Model", f"{LANGCHAIN}lmChatOpenAi", 1.3, **settings) | {"credentials": credential}


def hooked(path: str, *nodes: Json) -> Json:
    """A webhook, the nodes in a row, and an answer that holds the last item."""
    hook = node("W", "webhook", 2.1, httpMethod="POST", path=path, responseMode="responseNode", options={})
    hook["webhookId"] = path  # the public API adds one, the command line does not: the path is then another
    answer = node("R", "respondToWebhook", 1.5, respondWith="firstIncomingItem", options={})
    names = ["W", *(one["name"] for one in nodes), "R"]
    links = " ".join(f"{names[n]}>{names[n + 1]}" for n in range(len(names) - 1))
    return workflow([hook, *nodes, answer], links)


def by_hand(step: Json, *subs: tuple[Json, str]) -> Json:
    """A workflow of one node and its sub-nodes, started by hand."""
    links = ["T>" + step["name"], *(f"{sub['name']}-{kind}>{step['name']}" for sub, kind in subs)]
    return workflow([node("T", "manualTrigger"), step, *(sub for sub, _ in subs)], " ".join(links))


def test_a_webhook_asks_a_service_and_answers_with_what_it_made_of_it(n8n_server: N8nServer, echo_url: str) -> None:
    body = {"method": "POST", "sendBody": True, "specifyBody": "json", "jsonBody": "={{ JSON.stringify($json.body) }}"}
    ask = node("H", "httpRequest", 4.5, url=f"{echo_url}/there", options={}, **body)
    ran = n8n_server.run(
        hooked("one", ask, assign("S", text="=<{{ $json.json.n }}> {{ $('W').item.json.body.n }}")), {"n": 3}
    )
    assert (ran.status, ran.response) == ("succeeded", {"text": "<3> 3"}), ran
    assert ran.order == ["W", "H", "S", "R"]


def test_code_runs_in_the_servers_runner(n8n_server: N8nServer) -> None:
    code = node("C", "code", 2, jsCode="return [{json: {n: $input.first().json.body.n + 1}}]")
    assert n8n_server.run(hooked("two", code), {"n": 3}).response == {"n": 4}


def test_an_agent_calls_a_tool_and_tells_what_it_said(
    n8n_server: N8nServer, model: Model, model_node: Json, echo_url: str
) -> None:
    fields = [{"name": "a", "value": "={{ $fromAI('a', 'first addend', 'number') }}"}]
    query = {"sendQuery": True, "queryParameters": {"parameters": fields}}
    tool = node("Add", "httpRequestTool", 4.5, toolDescription="adds", url=f"{echo_url}/add", options={}, **query)
    agent = node("Agent", f"{LANGCHAIN}agent", 3.1, promptType="define", text="={{ $json.q }}", options={})
    flow = by_hand(agent, (model_node, "ai_languageModel"), (tool, "ai_tool"))
    ran = n8n_server.run(flow, {"q": "Add with a: 4"})
    assert ran.status == "succeeded" and ran.outputs["output"].startswith("LLM<"), ran
    assert '"query":{"a":"4"}' in ran.outputs["output"]
    assert [one["function"]["name"] for one in model[1].calls[-2]["tools"]] == ["Add"]


def test_a_model_of_dify_that_remembers_is_told_all_of_its_prompt(
    n8n_server: N8nServer, model: Model, model_node: Json
) -> None:
    prompt = [{"role": "system", "text": "Be brief."}, {"role": "user", "text": "Say it to {{#start.name#}}."}]
    chosen = {"provider": "openai", "name": "stub", "mode": "chat", "completion_params": {}}
    memory = {"window": {"enabled": False}, "query_prompt_template": "{{#sys.query#}}"}
    ask = {"id": "ask", "type": "llm", "model": chosen, "prompt_template": prompt, "memory": memory}
    say = {"id": "say", "type": "answer", "answer": "{{#ask.text#}}"}
    file = build.dify([build.start("name"), ask, say], "start>ask ask>say", "advanced-chat")
    made = dsl.write(dsl.read(file), "n8n", trigger="call").document
    for each in made["nodes"]:
        if "lmChat" in each["type"]:
            each["credentials"] = model_node["credentials"]
    ran = n8n_server.run(made, {"chatInput": "hello", "sessionId": "s", "name": "Ann"})
    assert ran.outputs == {"output": "LLM<hello>"}, ran
    told = [each["content"] for each in model[1].calls[-1]["messages"]]
    assert told == ["Be brief.\n\nSay it to Ann.", "hello"]


@pytest.mark.parametrize(
    ("kind", "version", "parameters", "given"),
    [
        (
            "chainLlm",
            1.9,
            {"promptType": "define", "text": "={{ $json.q }}", "batching": {}},
            {"text": "LLM<city: Oslo>"},
        ),
        (
            "informationExtractor",
            1.2,
            {
                "text": "={{ $json.q }}",
                "schemaType": "fromAttributes",
                "attributes": {"attributes": [{"name": "city", "description": "which", "required": True}]},
                "options": {},
            },
            {"output": {"city": "Oslo"}},
        ),
        (
            "textClassifier",
            1.1,
            {
                "inputText": "={{ $json.q }}",
                "categories": {"categories": [{"category": "weather"}, {"category": "other"}]},
                "options": {},
            },
            {"q": "city: Oslo"},
        ),
    ],
)
def test_nodes_that_ask_a_model(
    n8n_server: N8nServer, model_node: Json, kind: str, version: float, parameters: Json, given: Json
) -> None:
    step = node("K", LANGCHAIN + kind, version, **parameters)
    ran = n8n_server.run(by_hand(step, (model_node, "ai_languageModel")), {"q": "city: Oslo"})
    assert (ran.status, ran.outputs) == ("succeeded", given), ran
    if kind == "textClassifier":
        assert ran.nodes["K"] == [[], [given]]


@pytest.mark.parametrize(
    "trigger",
    [
        node("T", "manualTrigger"),
        node("T", "executeWorkflowTrigger", 1.2, inputSource="passthrough"),
        node("T", f"{LANGCHAIN}chatTrigger", 1.5, options={}),
        node("T", "formTrigger", 2.6, formTitle="f", formFields={"values": [{"fieldLabel": "n"}]}, options={}),
    ],
    ids=lambda trigger: trigger["type"].rpartition(".")[2],
)
def test_a_workflow_without_a_webhook_runs_with_inputs_for_its_trigger(n8n_server: N8nServer, trigger: Json) -> None:
    ran = n8n_server.run(workflow([trigger, assign("S", text="=got {{ $json.n }}")], "T>S"), {"n": 3})
    assert (ran.status, ran.outputs) == ("succeeded", {"text": "got 3"}), ran


def test_a_workflow_calls_another(n8n_server: N8nServer) -> None:
    begin = node("Begin", "executeWorkflowTrigger", 1.2, inputSource="passthrough")
    sub = workflow([begin, assign("S", text="=sub {{ $json.n }}")], "Begin>S")
    chosen = {"__rl": True, "mode": "id", "value": "theSub"}
    call = node("Call", "executeWorkflow", 1.4, source="database", workflowId=chosen, options={})
    ran = n8n_server.run(by_hand(call), {"n": 3}, subflows={"theSub": sub})
    assert (ran.status, ran.outputs) == ("succeeded", {"text": "sub 3"}), ran


def test_a_run_that_fails_says_where_and_why(n8n_server: N8nServer) -> None:
    ran = n8n_server.run(hooked("three", node("X", "stopAndError", 1, errorMessage="enough")), {})
    assert (ran.status, ran.error) == ("failed", "X: enough")
    assert ran.response == {"message": "Error in workflow"}


def test_files_are_imported_by_the_command_line_and_then_published(n8n_server: N8nServer) -> None:
    flow = hooked("four", assign("S", text="=imported {{ $json.body.n }}"))
    assert "Successfully imported 1 workflow" in n8n_server.import_files(flow | {"id": "imported1"})
    try:
        assert n8n_server.get("imported1")["name"] == flow["name"]
        n8n_server.publish("imported1")
        assert said(n8n_server.call("four", {"n": 3})) == {"text": "imported 3"}
        assert n8n_server.execution("imported1").status == "succeeded"
    finally:
        n8n_server.delete("imported1")


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        (node("X", "nope"), "Unrecognized node type: n8n-nodes-base.nope"),
        (node("X", "httpRequest", 99, url="http://127.0.0.1"), "is not available in version 99"),
        (node("X", "httpRequest", 4.5, options={}), "Missing or invalid required parameters: url"),
    ],
)
def test_publishing_refuses_what_cannot_run(n8n_server: N8nServer, step: Json, reason: str) -> None:
    made = n8n_server.create(api_body(hooked("five", step)))
    try:
        with pytest.raises(EngineError, match=reason):
            n8n_server.publish(made)
    finally:
        n8n_server.delete(made)


@pytest.mark.parametrize(
    ("step", "name"),
    [
        (node("X", "splitOut", 1, options={}), "fieldToSplitOut"),
        (node("X", "executeWorkflow", 1.4, workflowId={"__rl": True, "mode": "id", "value": ""}), "workflowId"),
        (node("X", "stopAndError"), "errorMessage"),
        (node("X", "wait", 1.1, resume="form"), "formTitle"),
        (node("X", f"{LANGCHAIN}textClassifier", 1.1), "inputText"),
    ],
)
def test_publishing_refuses_a_node_without_what_the_linter_says_that_it_needs(
    n8n_server: N8nServer, step: Json, name: str
) -> None:
    flow = hooked("eight", step)
    assert any(each.code == "parameter.missing" and name in each.message for each in check(dsl.read(json.dumps(flow))))
    made = n8n_server.create(api_body(flow))
    try:
        with pytest.raises(EngineError, match=f"Missing or invalid required parameters: {name}"):
            n8n_server.publish(made)
    finally:
        n8n_server.delete(made)


def test_creating_refuses_what_the_public_api_does_not_know(n8n_server: N8nServer) -> None:
    body: Any = api_body(hooked("six")) | {"id": "mine"}
    with pytest.raises(EngineError, match="request/body/id is read-only"):
        n8n_server.create(body)


def test_the_server_has_no_way_out_of_the_machine(n8n_server: N8nServer) -> None:
    ran = n8n_server.run(
        hooked("seven", node("H", "httpRequest", 4.5, url="http://flowstill.example/", options={})), {}
    )
    assert ran.status == "failed" and "refused the connection" in ran.error, ran
