"""What is written for the platforms calls the tools: on Dify's engine, and on a real n8n server."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

import dsl
from dsl.ir import Flow
from tests.doubles.chat import ChatModel, chat_model
from tests.dsl.engines.build import LANGCHAIN, Json, node, workflow
from tests.dsl.engines.dify import VERSIONS, run_dify
from tests.dsl.engines.n8n_server import N8nServer
from tests.tools.offered import KEY, registry
from tests.tools.served import served
from tools import nodes

ROWS = '[{"what": "tea \\"green\\"", "price": 2.5}, {"what": "cake", "price": 3}]'
TOOLS = registry().tools
PLATFORMS = ("dify", "coze", "n8n", "ragflow")


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with served() as address:
        yield address


@pytest.fixture(scope="module")
def model() -> Iterator[tuple[str, ChatModel]]:
    with chat_model() as found:
        yield found


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("name", TOOLS)
def test_the_workflow_of_every_tool_is_one_that_the_platform_takes(name: str, platform: str) -> None:
    written = dsl.write(nodes.workflow(TOOLS[name], "https://tools.example.com"), platform)
    assert {note.severity for note in written.notes} <= {"needs_binding", "degraded"}
    assert [found for found in dsl.check(dsl.read(written.data)) if found.level == "error"] == []
    assert KEY not in str(written.data)


def on_dify(flow: Flow) -> str:
    document = dsl.write(flow, "dify").document
    (variable,) = document["workflow"]["environment_variables"]
    variable["value"] = KEY  # as people fill it in
    return json.dumps(document)


@pytest.mark.engines
@pytest.mark.parametrize("version", VERSIONS)
def test_dify_calls_a_tool_with_the_written_workflow(url: str, version: str) -> None:
    flow = nodes.workflow(TOOLS["add_up"], url)
    given = {"rows": ROWS, "currency": "USD", "discount": 0.5, "labels": "", "rounded": False}
    ran = run_dify(on_dify(flow), given, version=version)
    assert ran.status == "succeeded", ran
    said = json.loads(ran.outputs["answer"])
    assert (said["total"], said["rows"][0]["what"]) == (2.75, 'tea "green"')


@pytest.mark.engines
@pytest.mark.n8n
def test_n8n_calls_a_tool_with_the_written_workflow(url: str, n8n_server: N8nServer) -> None:
    made = dsl.write(nodes.workflow(TOOLS["add_up"], url), "n8n", trigger="call").document
    (call,) = [each for each in made["nodes"] if each["type"].endswith("httpRequest")]
    call["credentials"] = n8n_server.credential("httpBearerAuth", token=KEY)
    call["parameters"] |= {"authentication": "genericCredentialType", "genericAuthType": "httpBearerAuth"}
    ran = n8n_server.run(made, {"rows": ROWS, "currency": "USD", "discount": 0.5, "labels": "", "rounded": False})
    assert ran.status == "succeeded", ran
    assert '"total":2.75' in json.dumps(ran.outputs).replace("\\", "").replace(" ", "")


def under_an_agent(
    server: N8nServer, model: tuple[str, ChatModel], tool: Json, kind: str, credential: Json, asked: str
) -> Any:
    credentials = server.credential("openAiApi", apiKey="none", url=model[0], header=False)
    chosen = {"__rl": True, "mode": "id", "value": "stub"}
    ask = node("Model", f"{LANGCHAIN}lmChatOpenAi", 1.3, model=chosen, responsesApiEnabled=False, options={})
    agent = node("Agent", f"{LANGCHAIN}agent", 3.1, promptType="define", text="={{ $json.q }}", options={})
    links = f"T>Agent Model-ai_languageModel>Agent {tool['name']}-{kind}>Agent"
    steps = [node("T", "manualTrigger"), agent, ask | {"credentials": credentials}, tool | {"credentials": credential}]
    return server.run(workflow(steps, links), {"q": asked})


@pytest.mark.engines
@pytest.mark.n8n
def test_an_agent_of_n8n_calls_a_tool_with_the_node_to_paste(
    url: str, n8n_server: N8nServer, model: tuple[str, ChatModel]
) -> None:
    (tool,) = nodes.n8n_tool(TOOLS["search_knowledge"], url)["nodes"]
    credential = n8n_server.credential("httpBearerAuth", token=KEY)
    ran = under_an_agent(
        n8n_server, model, tool, "ai_tool", credential, "search_knowledge with query: parcels knowledge_base: handbook"
    )
    assert ran.status == "succeeded", ran
    assert "A parcel may weigh ten kilograms." in ran.outputs["output"]
    (offered,) = model[1].calls[-2]["tools"]
    assert offered["function"]["name"] == "search_knowledge"
    assert offered["function"]["parameters"]["properties"]["top_k"]["type"] == "number"


@pytest.mark.engines
@pytest.mark.n8n
def test_one_node_offers_all_tools_to_an_agent_of_n8n(
    url: str, n8n_server: N8nServer, model: tuple[str, ChatModel]
) -> None:
    (tool,) = nodes.n8n_mcp(url)["nodes"]
    credential = n8n_server.credential("httpBearerAuth", token=KEY)
    ran = under_an_agent(
        n8n_server,
        model,
        tool,
        "ai_tool",
        credential,
        "flowstill_search_knowledge with query: parcels knowledge_base: handbook",
    )
    assert ran.status == "succeeded", ran
    assert "A parcel may weigh ten kilograms." in ran.outputs["output"]
    assert len(model[1].calls[-2]["tools"]) == len(TOOLS)
