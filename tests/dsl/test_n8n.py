"""n8n workflows as flows: what stands in a file, and what of it every other platform understands."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import dsl
from dsl import Flow, computed, irjson, itemspython, n8n, values
from dsl.audit import differing
from dsl.ir import Edge, Graph, Node, Ref, Script, Text, Type
from dsl.n8n import tables
from dsl.n8n.text import Path as Found
from dsl.n8n.text import Printer, expression, steps
from tests.dsl.corpus import files

BASE, AI = tables.BASE, tables.AI


def node(name: str, kind: str, version: float = 1, **parameters: Any) -> dict[str, Any]:
    type_ = tables.full(kind)
    return {
        "id": name,
        "name": name,
        "type": type_,
        "typeVersion": version,
        "position": [0, 0],
        "parameters": parameters,
    }


def workflow(*nodes: dict[str, Any], **links: str | list[str]) -> dict[str, Any]:
    """`A="B"` connects A's only output, `A=["B", "C"]` its outputs in order."""
    connections = {
        name: {
            "main": [
                [{"node": target, "type": "main", "index": 0}] if target else []
                for target in ([targets] if isinstance(targets, str) else targets)
            ]
        }
        for name, targets in links.items()
    }
    return {"name": "x", "nodes": list(nodes), "connections": connections, "settings": {"executionOrder": "v1"}}


def attach(document: dict[str, Any], part: str, owner: str, kind: str) -> dict[str, Any]:
    outputs = document["connections"].setdefault(part, {}).setdefault(kind, [[]])
    outputs[0].append({"node": owner, "type": kind, "index": 0})
    return document


def read(document: Any) -> dict[str, Node]:
    return values.nodes(n8n.read(document))


# -- expressions


def _resolve(path: Found) -> list[Ref]:
    return [Ref(path.name or path.root, path.steps)]


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("plain {{ 1 }}", "plain {{ 1 }}"),
        ("={{ $json.a.b }}", Ref("json", ("a", "b"))),
        ("={{$json['a b'][0]?.c}}", Ref("json", ("a b", 0, "c"))),
        ("={{ $('Other Node').item.json.x }}", Ref("Other Node", ("x",))),
        ('={{ $("N").first().json["x"] }}', Ref("N", ("x",))),
        ("={{ $node['N'].json.x }}", Ref("N", ("x",))),
        ("={{ $node.N.json.x }}", Ref("N", ("x",))),
        ("={{ $input.item.json.x }}", Ref("json", ("x",))),
        ("=a {{ $json.x }} b", Text(("a ", Ref("json", ("x",)), " b"))),
        ("= {{ $json.x }}", Text((" ", Ref("json", ("x",))))),
        ('={{ "=x" }}', "=x"),
        ("={{ [$json.x, { a: 1 }] }}", [Ref("json", ("x",)), {"a": 1}]),
        ("={{ $json.x.length }}", Script("n8n", "$json.x.length", (Ref("json", ("x",)),))),
        ("={{ $json.x.trim() }}", Script("n8n", "$json.x.trim()", (Ref("json", ("x",)),))),
        ("={{ {a: $json.x + 1} }}", {"a": Script("n8n", "$json.x + 1", (Ref("json", ("x",)),))}),
        ("=never {{ closed", Text(("never ", Script("n8n", "closed")))),
    ],
)
def test_an_expression_becomes_what_it_says(source: str, value: Any) -> None:
    assert expression(source, _resolve) == value


@pytest.mark.parametrize(
    "value",
    [
        *("plain", "=starts so", Text(("a {{ b } {", Ref("A", ("x",)), "}} c\\", Ref("B", ("y",))))),
        {"a": {"b": {"c": Ref("A", ("x",))}}},
        [Text(("a`${}\n\"'", Ref("A", ("}}",))))],
        [True, None, 1.5, -2, "}}", {"}}": "{{"}],
    ],
)
def test_what_is_printed_is_read_back(value: Any) -> None:
    printer = Printer(lambda ref: f"$('{ref.node}').item.json{steps(ref.path)}", lambda script: script.source)
    printed = printer.value(value)
    assert isinstance(printed, str)
    assert expression(printed, _resolve) == value
    code = printed.removeprefix("={{").removesuffix("}}") if isinstance(value, (dict, list)) else ""
    assert "}}" not in code  # n8n would end there


# -- what an item is


def test_json_is_the_node_that_made_the_item() -> None:
    found = read(
        workflow(
            node("Hook", "webhook", 2, httpMethod="POST", path="p"),
            node("Ask", "httpRequest", 4.2, url="https://x.example"),
            node("Which", "if", 2),
            node("Keep", "set", 3.4, assignments={"assignments": [{"name": "n", "value": 1, "type": "number"}]}),
            node("Say", "set", 3.4, assignments={"assignments": [{"name": "q", "value": "={{ $json.city }}"}]}),
            Hook="Ask",
            Ask="Which",
            Which=["Say", "Keep"],
        )
    )
    assert found["Say"].inputs["q"] == Ref("Ask", ("body", "city"))


def test_json_behind_several_makers_is_told() -> None:
    document = workflow(
        node("A", "webhook", 2), node("B", "webhook", 2), node("C", "set", 3.4, **_assigned(q="={{ $json.body.q }}"))
    )
    document["connections"] = workflow(A="C", B="C")["connections"]
    flow = n8n.read(document)
    script = values.nodes(flow)["C"].inputs["q"]
    assert script.source == "$json.body.q"
    assert {*script.refs} == {Ref("A", ("body", "q")), Ref("B", ("body", "q"))}
    assert [note.code for note in flow.notes] == ["ref.ambiguous"]


def _assigned(**fields: Any) -> dict[str, Any]:
    items = [{"name": name, "value": value, "type": "string"} for name, value in fields.items()]
    return {"assignments": {"assignments": items}}


def test_the_error_of_a_node_is_its_own() -> None:
    failing = node("A", "httpRequest", 4.2) | {"onError": "continueErrorOutput"}
    found = n8n.read(
        workflow(failing, node("B", "stopAndError", errorMessage="=No: {{ $json.error.message }}"), A=["", "B"])
    )
    assert [(edge.source, edge.port, edge.target) for edge in found.graph.edges] == [("A", "error", "B")]
    assert values.nodes(found)["B"].params["message"] == Text(("No: ", Ref("A", ("error", "message"))))


def test_a_chat_asks_by_the_system() -> None:
    document = workflow(node("Chat", "ai:chatTrigger", 1.1), node("Agent", "ai:agent", 2.2, options={}), Chat="Agent")
    document["nodes"] += [
        node("Model", "ai:lmChatOpenAi", 1.2, model={"__rl": True, "mode": "id", "value": "m"}, options={"topP": 0.5}),
        node("Memory", "ai:memoryBufferWindow", 1.3, contextWindowLength=3),
        node("Parser", "ai:outputParserStructured", 1.3, jsonSchemaExample='{"a": [1]}'),
        node("Look Up", "httpRequestTool", 4.2, toolDescription="Looks up", url="=x/{{ $fromAI('q') }}"),
    ]
    for part, kind in {
        "Model": "ai_languageModel",
        "Memory": "ai_memory",
        "Parser": "ai_outputParser",
        "Look Up": "ai_tool",
    }.items():
        attach(document, part, "Agent", kind)
    flow = n8n.read(document)
    agent = values.nodes(flow)["Agent"]
    assert flow.mode == "chat"
    assert agent.params["query"] == Ref("", ("query",), "system")
    assert (agent.params["model"], agent.params["parameters"]) == ("model:Model", {"top_p": 0.5})
    assert agent.params["memory"] == {"window": 3}
    assert agent.params["schema"]["properties"]["a"] == {"type": "array", "items": {"type": "number"}}
    tool = {"name": "Look_Up", "description": "Looks up", "tool": "tool:Look Up", "inputs": {}}
    assert agent.params["tools"] == [tool]
    assert len(agent.folded) == 4


@pytest.mark.parametrize("target", ["dify", "coze", "ragflow"])
def test_what_a_tool_is_asked_with_is_not_computed_before_the_agent(target: str) -> None:
    document = workflow(node("Chat", "ai:chatTrigger", 1.1), node("Agent", "ai:agent", 2.2, options={}), Chat="Agent")
    document["nodes"] += [
        node("Weather", "httpRequestTool", 4.2, url="=https://w.example/{{ $fromAI('city', 'the city', 'string') }}"),
        node("Memory", "ai:memoryBufferWindow", 1.3, sessionIdType="customKey", sessionKey="={{ $json.sessionId }}"),
    ]
    attach(attach(document, "Weather", "Agent", "ai_tool"), "Memory", "Agent", "ai_memory")
    written = dsl.write(dsl.read(json.dumps(document)), target)
    kinds = [each.kind for each in dsl.read(written.data).graph.nodes]
    agent = "llm" if target == "ragflow" else "agent"  # which has no tools there until they are chosen
    assert sorted({*kinds} - {"end", "answer"}) == sorted([agent, "note", "start"])
    assert {note.code for note in written.notes} & {"ref.script", "ref.system"} == set()
    assert "$fromAI" in str(written.document)  # in the note beside the agent, for who makes the tool there


def test_what_tools_do_stands_beside_the_agent_and_is_told() -> None:
    url = "https://api.example.com/{city}?key=abcdef123456789012"
    document = workflow(
        node("Agent", "ai:agent", 1.9, promptType="define", text="hi"),
        node("rev", "ai:toolCode", 1.1, description="reverses", jsCode="return query.length"),
        node("weather", "ai:toolHttpRequest", 1.1, toolDescription="Weather", url=url),
    )
    for tool in ("rev", "weather"):
        attach(document, tool, "Agent", "ai_tool")
    flow = n8n.read(document)
    said = values.nodes(flow)["Agent/tools"].params["text"]
    assert "return query.length" in said and "https://api.example.com/{city}" in said
    assert "abcdef123456789012" not in said
    told = [note.message for note in flow.notes if note.code == "resource.tool"]
    assert ["code that stands in the file" in told[0], "calls https://api.example.com/{city}:" in told[1]] == [
        True,
        True,
    ]
    again = n8n.build(flow)[0]
    assert [each["name"] for each in again["nodes"]] == ["Agent", "rev", "weather"]


def test_a_secret_in_the_file_becomes_a_variable() -> None:
    headers = {"parameters": [{"name": "X-Api-Key", "value": "abcdefgh12345"}]}
    flow = n8n.read(workflow(node("Call", "httpRequest", 4.2, url="u", sendHeaders=True, headerParameters=headers)))
    assert flow.graph.nodes[0].params["headers"] == [["X-Api-Key", Ref("", ("CALL_X_API_KEY",), "env")]]
    assert [(each.name, each.type.name) for each in flow.variables] == [("CALL_X_API_KEY", "secret")]
    assert "abcdefgh12345" not in json.dumps(irjson.encode(flow.graph))
    assert [note.code for note in flow.notes] == ["secret.found"]


def test_headers_and_a_query_that_are_switched_off_are_not_sent() -> None:
    held = {"parameters": [{"name": "A", "value": "b"}]}
    off = {"sendQuery": False, "queryParameters": held, "headerParameters": held}
    flow = n8n.read(workflow(node("Call", "httpRequest", 4.2, url="u", **off)))
    assert (flow.graph.nodes[0].params["headers"], flow.graph.nodes[0].params["query"]) == ([], [])


def test_a_body_that_is_an_object_of_expressions_is_its_fields() -> None:
    asked = {"sendBody": True, "specifyBody": "json", "jsonBody": "={{ { t: $json.tags, q: 1 } }}", "method": "POST"}
    call = node("Call", "httpRequest", 4.2, url="u", **asked)
    flow = n8n.read(workflow(node("In", "executeWorkflowTrigger", 1.1), call, In="Call"))
    fields = [("t", Ref("In", ("tags",))), ("q", 1)]
    expected = [{"name": name, "type": "text", "value": value} for name, value in fields]
    assert values.nodes(flow)["Call"].params["body"] == {"type": "json", "fields": expected}
    assert "Ref(" not in str([dsl.write(flow, target).data for target in ("dify", "coze", "ragflow")])


def test_an_object_in_a_text_is_printed_with_what_it_refers_to() -> None:
    said = values.words({"a": Ref("x", ("y",)), "b": [1, Text(("p ", Ref("z", ("q",))))]})
    assert said == Text(('{"a": ', Ref("x", ("y",)), ', "b": [1, p ', Ref("z", ("q",)), "]}"))


NOW = {"sendHeaders": True, "specifyHeaders": "json"}


@pytest.mark.parametrize(
    ("version", "given"),
    [
        (4.2, NOW | {"jsonHeaders": '{"x-mode": "on", "n": "{{ $json.n }}"}'}),
        (4.2, NOW | {"jsonHeaders": "={{ { 'x-mode': 'on', n: $json.n } }}"}),
        (3, NOW | {"jsonHeaders": '={"x-mode": "on", "n": "{{ $json.n }}"}'}),
        (2, {"jsonParameters": True, "headerParametersJson": '={"x-mode": "on", "n": "{{ $json.n }}"}'}),
    ],
)
def test_headers_in_json_are_headers(version: float, given: dict[str, Any]) -> None:
    call = node("Call", "httpRequest", version, url="u", **given)
    flow = n8n.read(workflow(node("In", "executeWorkflowTrigger", 1.1), call, In="Call"))
    assert values.nodes(flow)["Call"].params["headers"] == [["x-mode", "on"], ["n", Ref("In", ("n",))]]


@pytest.mark.parametrize("given", ["={{ $json.all }}", "={{ Object.fromEntries($json.pairs) }}", "no JSON"])
def test_headers_that_are_nowhere_apart_are_a_stub_and_no_request_without_them(given: str) -> None:
    call = node("Call", "httpRequest", 4.2, url="u", **NOW, jsonHeaders=given)
    flow = n8n.read(workflow(node("In", "executeWorkflowTrigger", 1.1), call, In="Call"))
    assert values.nodes(flow)["Call"].kind == "opaque"
    assert ("stub", "http.computed") in [(note.severity, note.code) for note in flow.notes]


@pytest.mark.parametrize("target", ["dify", "coze", "ragflow"])
def test_lists_of_items_are_lists_wherever_they_are_written(target: str) -> None:
    sorting = {"sortField": [{"fieldName": "n", "order": "descending"}]}
    document = workflow(
        node("Hook", "webhook", 2, responseMode="lastNode"),
        node("Rows", "code", 2, jsCode="return [1, 2, 3].map((n) => ({json: {n}}));"),
        node("Sort", "sort", sortFieldsUi=sorting),
        node("Limit", "limit", maxItems=2),
        node("All", "aggregate", aggregate="aggregateAllItemData", destinationFieldName="rows"),
        node("Each", "splitInBatches", 3),
        node("Keep", "set", 3.4, **_assigned(q="={{ $json.rows }}")),
        Hook="Rows",
        Rows="Sort",
        Sort="Limit",
        Limit="All",
        All="Each",
        Each=["", "Keep"],
        Keep="Each",
    )
    again = dsl.read(dsl.write(dsl.read(json.dumps(document)), target).data)
    assert [finding.message for finding in dsl.check(again) if finding.level == "error"] == []


# -- iterations


def test_split_and_aggregate_are_an_iteration() -> None:
    flow = n8n.read(
        workflow(
            node("List", "code", 2, jsCode="return []"),
            node("Split", "splitOut", fieldToSplitOut="urls"),
            node("Get", "httpRequest", 4.2, url="={{ $json.urls }}"),
            node("All", "aggregate", fieldsToAggregate={"fieldToAggregate": [{"fieldToAggregate": "title"}]}),
            node("Say", "set", 3.4, **_assigned(q="={{ $json.title }}")),
            List="Split",
            Split="Get",
            Get="All",
            All="Say",
        )
    )
    found = values.nodes(flow)
    each = found["Split"]
    assert (each.kind, each.inputs) == ("iterate", {"item": Ref("List", ("urls",))})
    assert each.params["collect"] == {"output": Ref("Get", ("body", "title"))}
    assert found["Get"].params["url"] == Ref("Split", ("item",), "item")
    assert found["Say"].inputs["q"] == Ref("Split", ("output",))
    assert [(edge.source, edge.port, edge.target) for edge in flow.graph.edges] == [
        ("List", "out", "Split"),
        ("Split", "done", "Say"),
    ]


@pytest.mark.parametrize(
    ("params", "item", "read"),
    [
        ({"include": "allOtherFields"}, '({ ...$json, "urls": element })', "shop"),
        (
            {"include": "selectedOtherFields", "fieldsToInclude": "shop"},
            '({ "shop": $json.shop, "urls": element })',
            "shop",
        ),
        ({"options": {"destinationFieldName": "url"}}, '({ "url": element })', "url"),
    ],
)
def test_items_that_are_more_than_the_elements_are_what_is_gone_through(params: Any, item: str, read: str) -> None:
    document = workflow(
        node("List", "code", 2, jsCode="return []"),
        node("Split", "splitOut", fieldToSplitOut="urls", **params),
        node("Get", "httpRequest", 4.2, url=f"={{{{ $json.{read} }}}}"),
        List="Split",
        Split="Get",
    )
    flow = n8n.read(document)
    found = values.nodes(flow)
    assert found["Split"].inputs["item"].source == f"[$json.urls ?? []].flat().map((element) => {item})"
    assert found["Get"].params["url"] == Ref("Split", ("item", read), "item")
    built = {each["name"]: each["parameters"] for each in n8n.build(flow)[0]["nodes"]}
    assert built["Split"] == document["nodes"][1]["parameters"]
    assert built["Get"]["url"] == f"={{{{ $('Split').item.json.{read} }}}}"


@pytest.mark.parametrize(
    "params",
    [
        {"include": "={{ $json.how }}"},
        {"include": "selectedOtherFields", "fieldsToInclude": "={{ $json.which }}"},
        {"options": {"destinationFieldName": "={{ $json.name }}"}},
    ],
)
def test_items_whose_fields_an_expression_names_are_made_by_nobody_else(params: Any) -> None:
    document = workflow(
        node("In", "manualTrigger"),
        node("Split", "splitOut", fieldToSplitOut="urls", **params),
        node("Get", "httpRequest", 4.2, url="={{ $json.url }}"),
        In="Split",
        Split="Get",
    )
    written = dsl.write(dsl.read(json.dumps(document)), "dify")
    assert ("stub", "Split") in {(each.severity, each.title) for each in written.notes}


def test_what_an_extraction_is_not_asked_for_is_not_extracted() -> None:
    asked = {"attributes": [{"name": "cake", "description": "kind"}]}
    document = workflow(
        node("In", "manualTrigger"),
        node("Extract", "@n8n/n8n-nodes-langchain.informationExtractor", 1.2, text="a mail", attributes=asked),
        node("Say", "set", 3.4, **_assigned(cake="={{ $json.output.cake }}", mail="={{ $json.mail }}")),
        In="Extract",
        Extract="Say",
    )
    flow = n8n.read(document)
    assert list(values.nodes(flow)["Extract"].outputs) == ["cake"]
    assert [(each.severity, each.code, each.title) for each in flow.notes] == [("degraded", "ref.unknown", "Say")]
    assert [each.code for each in dsl.check(flow) if each.title == "Say"] == ["ref.output"]


def test_rounds_that_a_filter_ends_have_no_place_in_the_list() -> None:
    document = workflow(
        node("Split", "splitOut", fieldToSplitOut="rows"),
        node("Dear", "filter", 2.2, conditions=_asked("x")),
        node("Shape", "set", 3.4, **_assigned(a="={{ $json.a }}")),
        node("All", "aggregate", aggregate="aggregateAllItemData", destinationFieldName="lines"),
        node("Say", "set", 3.4, **_assigned(q="={{ $json.lines }}")),
        Split="Dear",
        Dear="Shape",
        Shape="All",
        All="Say",
    )
    flow = n8n.read(document)
    found = values.nodes(flow)
    assert found["All/item"].inputs == {"item": {"a": Ref("Shape", ("a",))}}
    assert found["Split"].params["collect"] == {"output": Ref("All/item", ("item",))}
    kept = found["All"].params["filter"]["conditions"]
    assert (found["All"].kind, found["All"].params["list"]) == ("list", Ref("Split", ("output",)))
    assert [(each["left"], each["op"]) for each in kept] == [(Ref("All", (), "item"), "not_null")]
    assert found["Say"].inputs["q"] == Ref("All", ("result",))
    built = n8n.build(flow)[0]
    assert built["connections"] == document["connections"]
    assert [each["name"] for each in built["nodes"]] == ["Split", "All", "Say", "Dear", "Shape"]


def test_a_loop_over_items_is_an_iteration() -> None:
    document = workflow(
        node("List", "code", 2, jsCode="return []"),
        node("Loop", "splitInBatches", 3),
        node("Get", "httpRequest", 4.2, url="={{ $json.url }}"),
        node("Done", "noOp"),
        List="Loop",
        Loop=["Done", "Get"],
        Get="Loop",
    )
    found = read(document)
    assert found["Loop"].kind == "iterate"
    assert found["Get"].params["url"] == Ref("Loop", ("item", "url"), "item")
    assert [each.id for each in found["Loop"].body.nodes] == ["Get"]  # type: ignore[union-attr]


@pytest.mark.parametrize("platform", ["coze", "dify", "ragflow"])
@pytest.mark.parametrize("parsed", [False, True])
def test_code_behind_a_model_gets_what_the_platform_gives_out_of_it(platform: str, parsed: bool) -> None:
    ask = node("Ask", "ai:chainLlm", 1.7, promptType="define", text="Hi", hasOutputParser=parsed)
    document = workflow(
        node("In", "manualTrigger"), ask, node("C", "code", 2, jsCode="return $json;"), In="Ask", Ask="C"
    )
    document["nodes"].append(node("Model", "ai:lmChatOpenAi", 1.2, model="gpt-4o"))
    attach(document, "Model", "Ask", "ai_languageModel")
    if parsed:
        schema = {"type": "object", "properties": {"mood": {"type": "string"}, "n": {"type": "number"}}}
        parser = node("P", "ai:outputParserStructured", 1.2, schemaType="manual", inputSchema=json.dumps(schema))
        document["nodes"].append(parser)
        attach(document, "P", "Ask", "ai_outputParser")
    written = dsl.write(dsl.read(json.dumps(document)), platform)
    assert [note.message for note in written.notes if note.code == "ref.output"] == []
    there = dsl.read(written.data)
    assert [each.message for each in dsl.check(there) if each.level == "error"] == []
    if platform == "coze":
        code = next(each for each in values.nodes(there).values() if each.title == "C")
        read = {ref.path for ref in values.node_refs(code)} - {("reasoning",)}
        assert read == ({("structured", "mood"), ("structured", "n")} if parsed else {("text",)})


@pytest.mark.parametrize("platform", ["coze", "dify", "ragflow"])
def test_a_sentiment_is_a_class_and_each_leads_its_own_way(platform: str) -> None:
    document = workflow(
        node("In", "executeWorkflowTrigger", 1.1, workflowInputs={"values": [{"name": "said"}]}),
        node("Mood", "ai:sentimentAnalysis", 1.1, inputText="={{ $json.said }}", options={"categories": "Good, Bad"}),
        node("Yes", "set", 3.4, **_assigned(how="={{ $json.sentimentAnalysis.category }}", said="={{ $json.said }}")),
        node("No", "set", 3.4, **_assigned(how="bad")),
        In="Mood",
        Mood=["Yes", "No"],
    )
    document["nodes"].append(node("Model", "ai:lmChatOpenAi", 1.2, model="gpt-4o"))
    attach(document, "Model", "Mood", "ai_languageModel")
    flow = dsl.read(json.dumps(document))
    found = values.nodes(flow)
    assert [each["name"] for each in found["Mood"].params["classes"]] == ["Good", "Bad"]
    assert found["Yes"].inputs == {"how": Ref("Mood", ("class_name",)), "said": Ref("In", ("said",))}
    ways = {(edge.source, edge.port, edge.target) for edge in flow.graph.edges}
    assert {("Mood", "class:0", "Yes"), ("Mood", "class:1", "No")} <= ways
    written = dsl.write(flow, platform)
    assert "class.item" in [each.code for each in written.notes]
    assert "port.unknown" not in [each.code for each in written.notes]
    assert [each.message for each in dsl.check(dsl.read(written.data)) if each.level == "error"] == []


def test_a_sentiment_whose_classes_are_an_expression_is_no_classifier() -> None:
    mood = node("Mood", "ai:sentimentAnalysis", 1.1, options={"categories": "={{ $json.list }}"})
    flow = dsl.read(json.dumps(workflow(node("In", "manualTrigger"), mood, In="Mood")))
    assert values.nodes(flow)["Mood"].kind == "opaque"


@pytest.mark.parametrize("kind", ["sort", "limit", "removeDuplicates"])
def test_what_works_on_all_items_between_split_out_and_aggregate_is_told_to_change_nothing(kind: str) -> None:
    flow = n8n.read(
        workflow(
            node("In", "manualTrigger"),
            node("Split", "splitOut", 1, fieldToSplitOut="list"),
            node("All", kind),
            node("Join", "aggregate", 1, aggregate="aggregateAllItemData"),
            In="Split",
            Split="All",
            All="Join",
        )
    )
    said = [each.message for each in flow.notes if each.title == "All"]
    assert said == ["It works on all that Split gives; here it has one at a time, and changes nothing."]


def test_what_a_node_drops_without_an_output_is_not_told_to_be_unwired() -> None:
    none: dict[str, Any] = {"conditions": {"conditions": []}}
    document = workflow(
        node("In", "manualTrigger"),
        node("Some", "filter", 2.2, **none),
        node("Which", "switch", 3.2, mode="expression", numberOutputs=2, output="={{ $json.n }}"),
        node("If", "if", 2.2, **none),
        *(node(name, "set", 3.4, **_assigned(a="a")) for name in "AB"),
        In="Some",
        Some="Which",
        Which=["If", "A"],
        If="B",
    )
    told = [each for each in dsl.check(dsl.read(json.dumps(document))) if each.code == "port.unwired"]
    assert [each.title for each in told] == ["If"]


FIELDS: dict[str, Any] = {
    "": {"...": "in_0", "a b": ["in_0", "in_1"], "either(in_0)": {"x'\"": "in_1", "标题 input.in_9": "in_0"}},
    "All of it": "in_1",
    "Either": ["in_1", "in_0"],
    "Nothing": {},
}


@pytest.mark.parametrize(
    "line",
    [
        f"  const fields = {{ {computed.printed(computed.of_input(FIELDS))} }};",
        f"    fields = {itemspython.printed(itemspython.of_given(FIELDS))}",
        f"    fields = {itemspython.printed(FIELDS)}",
    ],
)
def test_lines_around_code_say_what_it_sees(line: str) -> None:
    assert computed.fields_of(f"x\n{line}\ny", ["in_0", "in_1"]) == FIELDS
    assert computed.fields_of(line, ["in_0"]) is None
    assert computed.fields_of(line[:-5], ["in_0", "in_1"]) is None


@pytest.mark.parametrize(
    "held", ["{'\\N{no}': in_0}", "{" * 5000, "{'': {" * 5000, "{'': 5}", "[in_0]", "{'': []}", "{'': [[in_0]]}"]
)
def test_lines_that_were_changed_say_nothing(held: str) -> None:
    assert computed.fields_of(f"    fields = {held}", ["in_0"]) is None


def _looped(**params: Any) -> dict[str, Any]:
    return workflow(
        node("List", "code", 2, jsCode="return [1, 2].map((n) => ({json: {n}}))"),
        node("Loop", "splitInBatches", 3, **params.get("loop", {})),
        node("Get", "set", 3.4, **_assigned(n="={{ $json.n }}")),
        params["after"],
        List="Loop",
        Loop=["After", "Get"],
        Get="Loop",
    )


@pytest.mark.parametrize("platform", ["coze", "dify", "ragflow"])
@pytest.mark.parametrize(
    "after",
    [
        node("After", "set", 3.4, **_assigned(n="={{ $('Get').item.json.n }}")),
        node("After", "set", 3.4, **_assigned(n="={{ $('Get').all().length }}")),
        node("After", "code", 2, jsCode="return {n: $('Get').all().length}"),
    ],
)
def test_what_rounds_gave_is_not_read_behind_them(after: dict[str, Any], platform: str) -> None:
    written = dsl.write(dsl.read(json.dumps(_looped(after=after))), platform)
    assert ("stub", "items.many", "After") in [(each.severity, each.code, each.title) for each in written.notes]
    flow = dsl.read(written.data, platform)
    assert list(_read_from_outside(flow.graph)) == []


def _read_from_outside(graph: Graph) -> Iterator[Ref]:
    """What nodes read of nodes in rounds that they are no part of."""
    inside = {each.id: owner.id if owner else "" for each, _, owner in values.walk(graph)}
    for each, _, _ in values.walk(graph):
        there = {"", each.id, inside[each.id]}
        yield from (ref for ref in values.node_refs(each) if inside.get(ref.node, "") not in there)


@pytest.mark.parametrize("platform", ["coze", "dify", "ragflow"])
def test_what_only_a_node_of_n8n_is_set_to_is_computed_nowhere_else(platform: str) -> None:
    reset = {"options": {"reset": "={{ $('Get').item.json.n > 3 }}"}}
    flow = dsl.read(json.dumps(_looped(loop=reset, after=node("After", "noOp"))))
    assert "ref.script" not in [note.code for note in dsl.write(flow, platform).notes]


# -- old types and versions (n8n.md, section 15)

_TEXT = {"response": {"response": {"responseFormat": "text"}}}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (
            node("N", "if", 1, conditions={"number": [{"value1": 3, "value2": 5}]}),
            node(
                "N",
                "if",
                2.2,
                conditions={
                    "combinator": "and",
                    "conditions": [
                        {"leftValue": 3, "rightValue": 5, "operator": {"type": "number", "operation": "lt"}}
                    ],
                },
            ),
        ),
        (
            node("N", "set", 2, keepOnlySet=True, values={"string": [{"name": "a", "value": "x"}]}),
            node("N", "set", 3.4, **_assigned(a="x")),
        ),
        (
            node("N", "set", 3, include="none", fields={"values": [{"name": "a", "stringValue": "x"}]}),
            node("N", "set", 3.4, **_assigned(a="x")),
        ),
        (
            node("N", "httpRequest", 1, requestMethod="POST", url="u", responseFormat="string"),
            node(
                "N",
                "httpRequest",
                4.2,
                method="POST",
                url="u",
                options={"response": {"response": {"responseFormat": "text"}}},
            ),
        ),
        (node("N", "function", functionCode="return items"), node("N", "code", 2, jsCode="return items")),
        (
            node("N", "functionItem", functionCode="return item"),
            node("N", "code", 2, mode="runOnceForEachItem", jsCode="return item"),
        ),
        (
            node("N", "cron", triggerTimes={"item": [{"mode": "everyDay", "hour": 9}]}),
            node("N", "scheduleTrigger", 1.2, rule={"interval": [{"field": "days", "triggerAtHour": 9}]}),
        ),
        (
            node("N", "interval", interval=10, unit="minutes"),
            node("N", "scheduleTrigger", 1.2, rule={"interval": [{"field": "minutes", "minutesInterval": 10}]}),
        ),
        (
            node("N", "switch", 1, dataType="string", value1="x", rules={"rules": [{"value2": "y", "output": 0}]}),
            node(
                "N",
                "switch",
                3,
                rules={
                    "values": [
                        {
                            "conditions": {
                                "combinator": "and",
                                "conditions": [
                                    {
                                        "leftValue": "x",
                                        "rightValue": "y",
                                        "operator": {"type": "string", "operation": "equals"},
                                    }
                                ],
                            }
                        }
                    ]
                },
            ),
        ),
    ],
)
def test_an_old_node_is_read_as_the_one_that_took_its_place(old: dict[str, Any], new: dict[str, Any]) -> None:
    one, other = (n8n.read(workflow(each)).graph.nodes[0] for each in (old, new))
    assert one == other


def test_rules_of_an_old_switch_may_share_an_output() -> None:
    rules = {"rules": [{"value2": 1, "output": 2}, {"value2": 2, "output": 2}]}
    switch = node("S", "switch", 1, value1="={{ 3 }}", rules=rules, fallbackOutput=0)
    flow = n8n.read(workflow(switch, node("A", "noOp"), node("B", "noOp"), S=["A", "", "B"]))
    assert [(edge.port, edge.target) for edge in flow.graph.edges] == [("else", "A"), ("case:0", "B"), ("case:1", "B")]


# -- forms of files


def test_every_form_of_file_is_read() -> None:
    inner = workflow(node("A", "noOp"))
    fragment = {"nodes": inner["nodes"], "connections": {}}
    forms = [
        ("", inner),
        ("", fragment),
        ("/1", [{"no": "workflow"}, inner]),
        ("/workflow", {"name": "y", "workflow": inner}),
        ("/data", {"data": inner}),
        ("/data/0", {"data": [inner, fragment], "nextCursor": None}),
    ]
    for place, document in forms:
        assert n8n.sniff(document)
        flow = n8n.read(document)
        assert flow.graph.nodes[0].pointer == f"{place}/nodes/0"
        assert dsl.write(flow, "n8n").document == document, place
        flow.graph.nodes[0].title = "B"
        changed = dsl.write(flow, "n8n").document
        assert values.at(changed, f"{place}/nodes/0/name") == "B"


def test_more_workflows_in_a_file_are_told() -> None:
    flow = n8n.read([workflow(node("A", "noOp")), workflow(node("B", "noOp"))])
    assert [note.code for note in flow.notes] == ["workflow.more"]


# -- the corpus

CORPUS = files("n8n")


@pytest.mark.parametrize("path", CORPUS)
def test_build_writes_all_that_read_understands(path: Path) -> None:
    flow = dsl.read(path.read_bytes())
    document, _ = n8n.build(flow)
    assert _bare(n8n.read(json.loads(json.dumps(document)))) == _bare(flow)


def _bare(flow: Flow) -> Flow:
    """Without where it stood, and without what reading said of that."""
    for each, _, _ in values.walk(flow.graph):
        each.pointer, each.folded = "", ()
    flow.raw, flow.notes = None, []
    return flow


@pytest.mark.parametrize("path", CORPUS)
def test_an_edit_changes_what_it_is_about_and_nothing_else(path: Path) -> None:
    flow = dsl.read(path.read_bytes())
    edited = next(
        (each for each in values.nodes(flow).values() if each.kind in ("tool", "http", "agent", "code")), None
    )
    if edited is None:
        pytest.skip("../shared: nothing to edit here")
    edited.position = (12345, 54321)
    written = dsl.write(flow, "n8n").document
    place = edited.pointer
    changed = {where for where, _ in differing(flow.raw, written)}
    assert changed == {f"{place}/position/0", f"{place}/position/1"}


def _edited(flow: Flow, kind: str, change: Any) -> set[str]:
    """The places that differ after a change to the first node of a kind; none when there is no such node."""
    found = next((each for each in values.nodes(flow).values() if each.kind == kind), None)
    if found is None or not change(found):
        return set()
    return {where.removeprefix(found.pointer) for where, _ in differing(flow.raw, dsl.write(flow, "n8n").document)}


def _say(node: Node) -> bool:
    told = [message for message in node.params["messages"] if message["role"] == "system"]
    for message in told:
        message["text"] = "Another prompt"
    return bool(told)


def _ask(node: Node) -> bool:
    node.params["url"] = "https://other.example"
    return True


def _run(node: Node) -> bool:
    node.params["source"] = "return [];"
    return True


@pytest.mark.parametrize("path", CORPUS)
def test_a_prompt_an_address_and_code_are_edited_where_they_stand(path: Path) -> None:
    data = path.read_bytes()
    assert _edited(dsl.read(data), "agent", _say) <= {"/parameters/options/systemMessage"}
    assert _edited(dsl.read(data), "http", _ask) <= {"/parameters/url"}
    assert _edited(dsl.read(data), "code", _run) <= {"/parameters/jsCode"}


def test_an_edge_added_is_added_and_nothing_else() -> None:
    flow = n8n.read(workflow(node("A", "webhook", 2), node("B", "noOp"), node("C", "noOp"), A="B"))
    flow.graph.edges.append(Edge("A", "C"))
    link = {"node": "C", "type": "main", "index": 0}
    written = dsl.write(flow, "n8n").document
    changed = {where: values.at(written, where) for where, _ in differing(flow.raw, written)}
    assert changed == {f"/connections/A/main/0/1/{key}": value for key, value in link.items()}


def test_a_node_renamed_is_renamed_everywhere() -> None:
    document = workflow(
        node("Old Name", "webhook", 2),
        node(
            "Say",
            "set",
            3.4,
            **_assigned(a="=Hi {{ $('Old Name').item.json.body.q }}", b="={{ $('Old Name').all().length }}"),
        ),
        node("Run", "code", 2, jsCode="return $('Old Name').all()"),
        **{"Old Name": "Say", "Say": "Run"},
    )
    flow = n8n.read(document)
    flow.graph.nodes[0].title = "New"
    written = json.dumps(dsl.write(flow, "n8n").document)
    assert "Old Name" not in written.replace('"id": "Old Name"', "")
    assert "=Hi {{ $('New').item.json.body.q }}" in written


def test_few_nodes_stay_opaque() -> None:
    """Beside nodes of services, which other platforms have as tools."""
    kinds: Counter[str] = Counter()
    left: Counter[str] = Counter()
    for param in CORPUS:
        for path in param.values:  # type: ignore[attr-defined]
            if path is None:
                pytest.skip("../shared is not here")
            for each, _, _ in values.walk(dsl.read(path.read_bytes()).graph):
                kinds[each.kind] += 1
                left.update([each.params["type"]] if each.kind == "opaque" else [])
    own = sum(kinds.values()) - kinds["tool"]
    assert sum(left.values()) <= own * 0.15, left


def test_types_that_are_asked_for_are_kept() -> None:
    form = node(
        "Form",
        "formTrigger",
        2.5,
        formFields={
            "values": [
                {"fieldLabel": "Age", "fieldType": "number", "requiredField": True},
                {
                    "fieldLabel": "Size",
                    "fieldName": "size",
                    "fieldType": "dropdown",
                    "fieldOptions": {"values": [{"option": "S"}]},
                },
            ]
        },
    )
    assert n8n.read(workflow(form)).graph.nodes[0].outputs == {
        "Age": Type("number", required=True),
        "size": Type("string", label="Size", options=("S",)),
    }


@pytest.mark.parametrize(
    ("giver", "read", "told"),
    [
        (node("In", "httpRequest", 4.2, url="http://a"), "={{ JSON.stringify($json) }}", True),
        (node("In", "httpRequest", 4.2, url="http://a"), "={{ $json.k + $json.other }}", False),
        (node("In", "set", 3.4, **_assigned(a="b")), "={{ JSON.stringify($json) }}", False),
        (node("In", "manualTrigger", 1), "={{ JSON.stringify($json) }}", False),
    ],
)
def test_a_set_node_whose_kept_fields_nobody_knows_is_told_where_all_is_read(
    giver: dict[str, Any], read: str, told: bool
) -> None:
    kept = node("Kept", "set", 3.4, **_assigned(k="k"), includeOtherFields=True)
    flow = n8n.read(workflow(giver, kept, node("Say", "set", 3.4, **_assigned(n=read)), In="Kept", Kept="Say"))
    assert [note.title for note in flow.notes if note.code == "set.kept"] == ["Kept"] * told


# -- several items where other platforms have one


@pytest.mark.parametrize(
    ("giver", "told"),
    [
        (node("Rows", "googleSheets", 4.5, documentId={"value": "1"}), True),
        (node("Rows", "postgres", 2.6, operation="executeQuery", query="select 1"), True),
        (node("Rows", "slack", 2.3, operation="post", text="x"), False),
        (node("Rows", "code", 2, jsCode="return [1, 2].map((n) => ({json: {n}}));"), True),
        (node("Rows", "code", 2, jsCode="return [{json: {n: $input.all().map((one) => one.json)}}];"), False),
    ],
)
def test_a_node_that_runs_for_each_of_several_items_is_told(giver: dict[str, Any], told: bool) -> None:
    flow = n8n.read(workflow(giver, node("Say", "set", 3.4, **_assigned(n="={{ $json.n }}")), Rows="Say"))
    assert [note.title for note in flow.notes if note.code == "items.many"] == ["Rows"] * told


def test_a_loop_over_what_is_made_of_each_item_raises() -> None:
    rows = node("Rows", "googleSheets", 4.5, documentId={"value": "1"})
    say = node("Say", "set", 3.4, **_assigned(n="={{ $json.n }}"))
    document = workflow(rows, say, node("Loop", "splitInBatches", 3), node("Get", "noOp"), Rows="Say", Say="Loop")
    document["connections"] |= workflow(Loop=["", "Get"], Get="Loop")["connections"]
    flow = n8n.read(document)
    walked = values.nodes(flow)["Loop"].inputs["item"]
    assert isinstance(walked, Script) and "throw" in walked.source
    assert "stub" in [note.severity for note in flow.notes if note.title == "Loop"]


def test_a_loop_over_records_of_a_service_wants_them_as_a_list() -> None:
    rows = node("Rows", "googleSheets", 4.5, documentId={"value": "1"})
    document = workflow(rows, node("Loop", "splitInBatches", 3), node("Get", "noOp"), Rows="Loop", Loop=["", "Get"])
    document["connections"] |= workflow(Get="Loop")["connections"]
    flow = n8n.read(document)
    assert values.nodes(flow)["Loop"].inputs == {"item": Ref("Rows", ("all_items",))}
    assert [(note.severity, note.title) for note in flow.notes] == [("needs_binding", "Rows")]


def test_a_switch_that_goes_every_fitting_way_is_told() -> None:
    rules = {"values": [{"conditions": _asked("a")}, {"conditions": _asked("b")}]}
    flow = n8n.read(workflow(node("S", "switch", 3.2, rules=rules, options={"allMatchingOutputs": True})))
    assert [(note.severity, note.code, note.node) for note in flow.notes] == [("degraded", "switch.all", "S")]
    flow = n8n.read(workflow(node("S", "switch", 3.2, rules=rules, options={})))
    assert flow.notes == []


def _asked(value: str) -> dict[str, Any]:
    operator = {"type": "string", "operation": "equals"}
    return {"combinator": "and", "conditions": [{"leftValue": "x", "rightValue": value, "operator": operator}]}


def test_last_node_without_known_fields_is_told() -> None:
    called = node("In", "executeWorkflowTrigger", 1.1)
    flow = n8n.read(workflow(called, node("Send", "slack", 2.3, operation="post", text="x"), In="Send"))
    assert [(note.code, note.title) for note in flow.notes] == [("end.unknown", "Send")]


@pytest.mark.parametrize(("options", "told"), [({"responseCode": 422}, 1), ({"responseCode": 200}, 0), ({}, 0)])
def test_a_status_that_only_n8n_answers_with_is_told(options: dict[str, Any], told: int) -> None:
    answer = node("R", "respondToWebhook", 1.5, respondWith="text", responseBody="no", options=options)
    document = workflow(node("W", "webhook", 2.1, path="x", responseMode="responseNode"), answer, W="R")
    notes = dsl.write(dsl.read(json.dumps(document)), "dify").notes
    assert [note.title for note in notes if note.code == "answer.status"] == ["R"] * told


def _scheduled(**item: Any) -> dict[str, Any]:
    rule = {"rule": {"interval": [item, {"field": "hours", "triggerAtMinute": 5}]}}
    trigger = {"id": "t", "name": "T", "type": "n8n-nodes-base.scheduleTrigger", "typeVersion": 1.2, "parameters": rule}
    return {"nodes": [trigger], "connections": {}}


def test_a_schedule_without_a_time_is_found_on_dify_and_told_on_the_way_back() -> None:
    computed = {"field": "cronExpression", "expression": "={{ $vars.CRON }}"}
    document = _scheduled()
    document["nodes"][0]["parameters"]["rule"]["interval"] = [computed]
    on_dify = dsl.read(dsl.write(dsl.read(json.dumps(document)), "dify").data)
    assert [(each.level, each.code) for each in dsl.check(on_dify)] == [("error", "cron.missing")]
    back = dsl.write(on_dify, "n8n")
    assert [note.severity for note in back.notes if note.code == "trigger.time"] == ["needs_binding"]


def test_a_time_that_an_expression_computes_is_no_other_time_elsewhere_but_told() -> None:
    for item in (
        {"field": "hours", "hoursInterval": "={{ $vars.H }}"},
        {"field": "cronExpression", "expression": "={{ $vars.CRON }}"},
        {"field": "weeks", "triggerAtDay": ["={{ $vars.DAY }}"]},
    ):
        flow = dsl.read(json.dumps(_scheduled(**item)))
        assert flow.graph.nodes[0].params["trigger"] == {"type": "schedule", "cron": "5 * * * *"}
        assert [note.severity for note in flow.notes if note.code == "trigger.computed"] == ["needs_binding"]
        assert (
            json.loads(dsl.write(flow, "n8n").data)["nodes"][0]["parameters"]
            == _scheduled(**item)["nodes"][0]["parameters"]
        )


def test_a_time_that_holds_a_secret_is_written_without_it() -> None:
    token = "ghp_Zq7xW3nB9tR5vK2mAa81Lp0QwErTyUiOp3Xc"
    flow = dsl.read(json.dumps(_scheduled(field="cronExpression", expression=f"0 9 * * * {token}")))
    for target in ("dify", "coze", "n8n", "ragflow", "ir"):
        assert target == "n8n" or token not in str(dsl.write(flow, target).data)


@pytest.mark.parametrize(
    ("kind", "options", "told"),
    [
        ("sentimentAnalysis", {}, 0),
        ("textClassifier", {}, 0),  # what fits no class is dropped
        ("textClassifier", {"fallback": "other"}, 1),
    ],
)
def test_a_classifier_is_told_of_the_output_for_the_rest_only_where_it_has_one(
    kind: str, options: Any, told: int
) -> None:
    classes = {"categories": [{"category": name} for name in "ABC"]}
    document = workflow(
        node("In", "manualTrigger"),
        node("Sort", f"@n8n/n8n-nodes-langchain.{kind}", 1.1, inputText="x", categories=classes, options=options),
        *(node(name, "set", 3.4, **_assigned(a="a")) for name in "ABC"),
        In="Sort",
        Sort=["A", "B", "C"],
    )
    assert [each.code for each in dsl.check(dsl.read(json.dumps(document)))].count("port.unwired") == told
