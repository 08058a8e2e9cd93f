"""What a conversion says of what has to be bound again: each thing once, and by the node that needs it."""

import pytest

import dsl
from dsl.dump import dump_json
from dsl.ir import Edge, Flow, Graph, Node, Ref, Resource, Type, Variable

TARGETS = ("dify", "coze", "ragflow")


def _agent() -> Flow:
    """An agent of n8n with a tool, as a file of n8n has it."""
    at = {"position": [0, 0], "typeVersion": 1, "parameters": {}}
    kinds = {
        "Chat": "@n8n/n8n-nodes-langchain.chatTrigger",
        "Agent": "@n8n/n8n-nodes-langchain.agent",
        "Clock": "@n8n/n8n-nodes-langchain.toolWikipedia",
    }
    nodes = [{"id": name.lower(), "name": name, "type": kind, **at} for name, kind in kinds.items()]
    chat = {"main": [[{"node": "Agent", "type": "main", "index": 0}]]}
    tool = {"ai_tool": [[{"node": "Agent", "type": "ai_tool", "index": 0}]]}
    return dsl.read(dump_json({"nodes": nodes, "connections": {"Chat": chat, "Clock": tool}}))


@pytest.mark.parametrize("target", TARGETS)
def test_a_tool_that_only_n8n_has_is_told_of_once_with_what_it_is(target: str) -> None:
    (told,) = [note for note in dsl.write(_agent(), target).notes if note.code == "resource.tool"]
    assert told.node == "agent" and "toolWikipedia" in told.message


@pytest.mark.parametrize("target", [*TARGETS, "n8n"])
@pytest.mark.parametrize("kind", ["tool", "subflow"])
def test_what_a_node_calls_is_told_of_once(target: str, kind: str) -> None:
    call = Node("call", kind, "Call", params={{"tool": "tool", "subflow": "flow"}[kind]: "it"})
    graph = Graph([Node("begin", "start", "Begin"), call], [Edge("begin", "call")])
    flow = Flow("t", "ir", graph=graph, resources=[Resource("it", kind, "adder")])  # type: ignore[arg-type]
    notes = [note for note in dsl.write(flow, target).notes if note.severity in ("needs_binding", "stub")]
    assert len(notes) == 1, notes


@pytest.mark.parametrize("target", [*TARGETS, "n8n"])
def test_the_key_of_a_request_is_told_of_once(target: str) -> None:
    auth = {"type": "bearer", "credential": "key"}
    fetch = Node("fetch", "http", "Fetch", params={"method": "GET", "url": "https://a.example", "auth": auth})
    graph = Graph([Node("begin", "start", "Begin"), fetch], [Edge("begin", "fetch")])
    flow = Flow("t", "ir", graph=graph, resources=[Resource("key", "credential", "A key")])
    notes = [note for note in dsl.write(flow, target).notes if note.severity == "needs_binding"]
    assert [note.code for note in notes] == ["resource.credential"], notes


@pytest.mark.parametrize("target", TARGETS)
def test_the_same_is_not_said_twice_of_one_node(target: str) -> None:
    mood = Ref("", ("mood",), "session")
    asked = [{"left": mood, "op": "eq", "right": word, "type": "string"} for word in ("good", "fine")]
    fork = Node("fork", "if", "Fork", params={"cases": [{"logic": "or", "conditions": asked}]})
    graph = Graph([Node("begin", "start", "Begin"), fork], [Edge("begin", "fork")])
    flow = Flow("t", "ir", mode="chat", graph=graph, variables=[Variable("session", "mood", Type("string"))])
    notes = dsl.write(flow, target).notes
    assert len({*notes}) == len(notes), notes


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(
    ("code", "word"),
    [
        ("return { a: $workflow.name }", "$workflow"),
        ("return { a: DateTime.now().toISO() }", "DateTime"),
        ("return { a: await this.helpers.httpRequest({ url: $json.url }) }", "this.helpers"),
        ("return { a: $jmespath($json, 'x') }", "$jmespath"),
        ("return { a: $now.minus({ days: 1 }) }", "$now.minus"),
        ("return { a: $vars.x + $env.Y }", "$vars, $env"),
        ("return $getWorkflowStaticData('global')", "$getWorkflowStaticData"),
        ("return { a: $execution.id }", "$execution.id"),
        ("return { a: $execution.mode }", "$execution.mode"),
        ("return { a: $runIndex }", "$runIndex"),
        ("return { a: `${$today}` }", "$today"),
        ("// $workflow\nreturn { a: '$today', /* DateTime.now() */ b: $now.toMillis(), c: my.DateTime.now() }", ""),
        ("return { a: $now.toISO() }", "$now is told in UTC"),
        ("return { a: $items('In')[0].json.x, b: $input.first().json, c: $itemIndex }", ""),
    ],
)
def test_code_of_n8n_that_uses_what_only_n8n_has_is_told_with_the_words(target: str, code: str, word: str) -> None:
    at = {"position": [0, 0], "typeVersion": 2}
    start = {"id": "in", "name": "In", "type": "n8n-nodes-base.manualTrigger", "parameters": {}, **at}
    node = {"id": "code", "name": "Code", "type": "n8n-nodes-base.code", "parameters": {"jsCode": code}, **at}
    links = {"In": {"main": [[{"node": "Code", "type": "main", "index": 0}]]}}
    flow = dsl.read(dump_json({"nodes": [start, node], "connections": links}))
    told = [note for note in dsl.write(flow, target).notes if note.code == "code.n8n"]
    assert [(note.severity, note.node) for note in told] == [("degraded", "code")] * bool(word), told
    assert all(word in note.message for note in told)


@pytest.mark.parametrize("target", TARGETS)
def test_a_request_of_n8n_names_the_type_of_its_body_and_tells_of_its_proxy(target: str) -> None:
    at = {"position": [0, 0], "typeVersion": 4.2}
    start = {"id": "in", "name": "In", "type": "n8n-nodes-base.manualTrigger", "parameters": {}, **at}
    sent = {"method": "POST", "sendBody": True, "contentType": "raw", "rawContentType": "text/csv", "body": "a,b"}
    params = {"url": "https://a.example", **sent, "options": {"proxy": "http://proxy.example:3128"}}
    node = {"id": "call", "name": "Call", "type": "n8n-nodes-base.httpRequest", "parameters": params, **at}
    links = {"In": {"main": [[{"node": "Call", "type": "main", "index": 0}]]}}
    written = dsl.write(dsl.read(dump_json({"nodes": [start, node], "connections": links})), target)
    assert [(each.severity, each.node) for each in written.notes if each.code == "http.proxy"] == [("degraded", "call")]
    assert "text/csv" in str(written.data)


@pytest.mark.parametrize(("target", "told"), [("dify", 0), ("n8n", 0), ("ragflow", 0), ("coze", 1)])
def test_how_often_an_agent_may_call_its_tools_is_told_where_it_cannot_be_set(target: str, told: int) -> None:
    ask = Node("ask", "agent", "Ask", params={"query": "Hi", "tools": [], "max_rounds": 7})
    graph = Graph([Node("begin", "start", "Begin"), ask], [Edge("begin", "ask")])
    notes = dsl.write(Flow("t", "ir", graph=graph), target).notes
    assert len([note for note in notes if note.code == "agent.rounds"]) == told


def test_the_proxy_of_a_request_of_ragflow_is_told() -> None:
    obj = {"component_name": "Invoke", "params": {"url": "https://a.example", "method": "get", "proxy": "http://p:1"}}
    begin = {"obj": {"component_name": "Begin", "params": {}}, "downstream": ["Invoke:A"], "upstream": []}
    parts = {"begin": begin, "Invoke:A": {"obj": obj, "downstream": [], "upstream": ["begin"]}}
    flow = dsl.read(dump_json({"components": parts, "path": [], "history": [], "retrieval": []}))
    for target in ("dify", "coze", "n8n"):
        notes = [note for note in dsl.write(flow, target).notes if note.code == "http.proxy"]
        assert [(note.severity, note.node) for note in notes] == [("degraded", "Invoke:A")]
