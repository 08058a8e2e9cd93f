"""What the AI nodes of n8n answer, by the parser that serves them, and what that is elsewhere."""

import json
import re
from typing import Any

import pytest

import dsl
from dsl import values
from dsl.ir import Ref, Text
from dsl.retrieved import ITEMS_OF
from tests.dsl.engines.build import LANGCHAIN, assign, conditions, node, workflow

PLATFORMS = ("coze", "dify", "ragflow")
TAGS = {"type": "array", "items": {"type": "string"}}
SCHEMA = {"type": "object", "properties": {"title": {"type": "string"}, "age": {"type": "number"}, "tags": TAGS}}
PARSER = {"schemaType": "manual", "inputSchema": json.dumps(SCHEMA)}


def chat(*behind: dict[str, Any], links: str, parsers: tuple[dict[str, Any], ...] = (), kind: str = "chainLlm") -> Any:
    """A chat whose question the model Ask is asked, and what is behind it."""
    asks = {"promptType": "define", "text": "={{ $json.chatInput }}", "hasOutputParser": bool(parsers)}
    nodes = [
        node("Chat", LANGCHAIN + "chatTrigger", 1.3, options={}),
        node("Ask", LANGCHAIN + kind, 1.7 if kind == "chainLlm" else 2.2, **asks),
        node("Model", LANGCHAIN + "lmChatOpenAi", 1.2, model="gpt-4o"),
        *parsers,
        *behind,
    ]
    return json.dumps(workflow(nodes, f"Chat>Ask Model-ai_languageModel>Ask {links}"))


def parser(name: str = "Parser", kind: str = "outputParserStructured", **parameters: Any) -> dict[str, Any]:
    return node(name, LANGCHAIN + kind, 1.2, **parameters)


def step(document: str, name: str) -> Any:
    return values.nodes(dsl.read(document))[name]


def errors(written: Any) -> list[str]:
    return [each.message for each in dsl.check(dsl.read(written.data)) if each.level == "error"]


@pytest.mark.parametrize("hedged", ["$json.text || $json.output", "$json.output ?? $json.text"])
@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_chain_without_a_parser_has_no_output_only_a_text(platform: str, hedged: str) -> None:
    document = chat(assign("Say", output=f"={{{{ {hedged} }}}}"), links="Ask>Say")
    assert step(document, "Say").inputs["output"].refs == (Ref("Ask", ("text",)),)
    assert not [each for each in dsl.check(dsl.read(document)) if each.level == "error"]
    written = dsl.write(dsl.read(document), platform)
    assert "output.computed" not in [each.code for each in written.notes]
    assert errors(written) == []


def test_what_a_model_answers_in_fields_is_not_its_text_as_well() -> None:
    say = assign("Say", output="={{ $json.text || $json.output }}")
    document = chat(say, links="Ask>Say Parser-ai_outputParser>Ask", parsers=(parser(**PARSER),))
    assert step(document, "Say").inputs["output"].refs == (Ref("Ask", ("structured",)),)


def mended(**parameters: Any) -> tuple[dict[str, Any], ...]:
    """A parser that mends answers, with its model, over the one with the schema."""
    fixing = parser("Fix", "outputParserAutofixing", options={})
    return fixing, parser(**parameters), node("Mender", LANGCHAIN + "lmChatOpenAi", 1.2, model="gpt-4o")


MENDED = "Fix-ai_outputParser>Ask Parser-ai_outputParser>Fix Mender-ai_languageModel>Fix Ask>Say"


@pytest.mark.parametrize("kind", ["chainLlm", "agent"])
@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_parser_that_mends_answers_asks_for_what_the_one_below_it_says(platform: str, kind: str) -> None:
    say = assign("Say", output="={{ $json.output.title }}")
    document = chat(say, links=MENDED, parsers=mended(**PARSER), kind=kind)
    ask = step(document, "Ask")
    assert ask.params["schema"] == SCHEMA
    assert ask.params["model"] == "model:Model"
    written = dsl.write(dsl.read(document), platform)
    assert errors(written) == []
    assert "answer.mended" in [each.code for each in written.notes]


def test_a_parser_that_is_switched_off_says_nothing() -> None:
    off = parser("Off", **PARSER) | {"disabled": True}
    links = MENDED.replace("Parser-", "Off-ai_outputParser>Fix Parser-")
    say = assign("Say", output="={{ $json.output.title }}")
    document = chat(say, links=links, parsers=(off, *mended(**PARSER)))
    assert step(document, "Ask").params["schema"] == SCHEMA
    assert json.loads(dsl.write(dsl.read(document), "n8n").data)["nodes"] == json.loads(document)["nodes"]


def test_a_schema_that_changed_goes_back_to_the_parser_that_says_it() -> None:
    document = chat(assign("Say", output="={{ $json.output.title }}"), links=MENDED, parsers=mended(**PARSER))
    flow = dsl.read(document)
    other = {"type": "object", "properties": {"title": {"type": "string"}}}
    values.nodes(flow)["Ask"].params["schema"] = other
    found = {each["name"]: each for each in json.loads(dsl.write(flow, "n8n").data)["nodes"]}
    assert json.loads(found["Parser"]["parameters"]["inputSchema"]) == other
    assert found["Fix"]["parameters"] == {"options": {}}


def library(*behind: dict[str, Any], links: str, **parameters: Any) -> str:
    """A chat whose question a vector store is asked, which gives an item for each passage that it finds."""
    asked = {"mode": "load", "prompt": "={{ $json.chatInput }}", "topK": 2, "memoryKey": "lib"}
    nodes = [
        node("Chat", LANGCHAIN + "chatTrigger", 1.3, options={}),
        node("Load", LANGCHAIN + "vectorStoreInMemory", 1.3, **(asked | parameters)),
        node("Embed", LANGCHAIN + "embeddingsOpenAi", 1.2, options={}),
        *behind,
    ]
    return json.dumps(workflow(nodes, f"Chat>Load Embed-ai_embedding>Load {links}"))


FOUND = [  # what each platform's node finds
    {"content": "A", "title": "a", "metadata": {"score": 0.9, "page": 1}},
    {"output": "A"},
    {"content_with_weight": "A", "similarity": 0.9, "page": 1},
]
JOIN = "return [{ json: { output: $input.all().map((item) => item.json.document.pageContent).join() } }];"


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize(
    "reader",
    [
        node("R", "code", 2, jsCode=JOIN),
        node("R", "code", 2, jsCode=JOIN.replace("$input", "$('Load')")),
        node("R", "aggregate", 1, aggregate="aggregateAllItemData", destinationFieldName="hits"),
        assign("R", output="={{ $('Load').all().map((item) => item.json.document.pageContent).join() }}"),
        assign("R", output="={{ $json.score }}"),
    ],
)
def test_who_reads_all_passages_gets_them_as_n8n_gives_them(platform: str, reader: dict[str, Any]) -> None:
    document = library(reader, links="Load>R")
    assert [each.message for each in dsl.check(dsl.read(document)) if each.level == "error"] == []
    written = dsl.write(dsl.read(document), platform)
    assert errors(written) == []
    made = [each for each in values.nodes(dsl.read(written.data)).values() if "pageContent" in str(each.params)]
    assert [each.kind for each in made if "def main" in str(each.params)] == ["code"]


@pytest.mark.parametrize("platform", PLATFORMS)
def test_an_expression_over_a_passage_finds_its_text(platform: str) -> None:
    say = assign("Say", output="={{ $json.document.pageContent.trim() }}")
    written = dsl.write(dsl.read(library(say, links="Load>Say")), platform)
    assert errors(written) == []
    assert '"document":{"pageContent":input.in_0' in re.sub(r"[\\\s]", "", str(written.data))


@pytest.mark.parametrize("found", FOUND)
def test_a_passage_of_any_platform_becomes_an_item_of_n8n(found: dict[str, Any]) -> None:
    space: dict[str, Any] = {}
    exec(ITEMS_OF, space)
    (item,) = space["main"]([found])["all_items"]
    assert item["document"]["pageContent"] == "A"
    assert (item["score"], item["document"]["metadata"].get("page")) in [(0.9, 1), (None, None)]


def test_that_a_vector_store_gives_an_item_for_each_passage_is_told() -> None:
    say = assign("Say", output="={{ $json.document.pageContent }}")
    told = [each.node for each in dsl.read(library(say, links="Load>Say")).notes if each.code == "items.many"]
    assert told == ["Load"]
    alone = dsl.read(library(say, links="Load>Say", topK=1))
    assert "items.many" not in [each.code for each in alone.notes]


@pytest.mark.parametrize("platform", PLATFORMS)
def test_rounds_over_passages_read_each_of_them(platform: str) -> None:
    loop = node("Loop", "splitInBatches", 3, options={})
    say = assign("Say", output="={{ $json.document.pageContent }}")
    document = library(loop, say, links="Load>Loop Loop.1>Say Say>Loop")
    assert step(document, "Loop").inputs == {"item": Ref("Load", ("all_items",))}
    assert step(document, "Say").inputs == {"output": Ref("Loop", ("item", "document", "pageContent"), "item")}
    assert errors(dsl.write(dsl.read(document), platform)) == []


SHOUT = "={{ $json.output.title.toUpperCase() }} {{ $json.output.age + 1 }}"


@pytest.mark.parametrize("said", [SHOUT, SHOUT.replace("$json", "$('Ask').item.json")])
@pytest.mark.parametrize("kind", ["chainLlm", "agent"])
@pytest.mark.parametrize("platform", PLATFORMS)
def test_expressions_over_what_a_model_answers_in_fields_are_computed(platform: str, kind: str, said: str) -> None:
    links = "Ask>Say Parser-ai_outputParser>Ask"
    document = chat(assign("Say", output=said), links=links, parsers=(parser(**PARSER),), kind=kind)
    written = dsl.write(dsl.read(document), platform)
    assert [each.message for each in written.notes if each.severity == "stub"] == []
    assert errors(written) == []


def test_dify_parses_the_answer_of_an_agent_once_for_paths_and_expressions() -> None:
    say, shout = (
        assign("Say", output="={{ $json.output.title }}"),
        assign("Shout", output=SHOUT.replace("$json", "$('Ask').item.json")),
    )
    links = "Ask>Say Say>Shout Parser-ai_outputParser>Ask"
    document = chat(say, shout, links=links, parsers=(parser(**PARSER),), kind="agent")
    written = dsl.write(dsl.read(document), "dify")
    assert [each.message for each in written.notes if each.severity == "stub"] == []
    parsed = [each for each in values.nodes(dsl.read(written.data)).values() if "json.loads" in str(each.params)]
    assert len(parsed) == 1


LIST = parser("Items", "outputParserItemList", options={})


def test_that_a_parser_makes_items_of_an_answer_is_told() -> None:
    links = "Items-ai_outputParser>Ask Ask>Say"
    flow = dsl.read(chat(assign("Say", output="=- {{ $json.text }}"), links=links, parsers=(LIST,)))
    assert values.nodes(flow)["Say"].inputs == {"output": Text(("- ", Ref("Ask", ("text",))))}
    told = [(each.severity, each.message[:20]) for each in flow.notes if each.code == "items.many"]
    assert sorted(told) == [("degraded", "n8n cuts the answer "), ("degraded", "n8n runs Say and wha")]


@pytest.mark.parametrize("links", ["Ask>List List>Say", "Ask>Trim Trim>List List>Say"])
def test_a_list_of_what_is_made_of_an_answer_of_items_fails_where_it_is_read(links: str) -> None:
    gather = node("List", "aggregate", 1, fieldsToAggregate={"fieldToAggregate": [{"fieldToAggregate": "text"}]})
    trim, say = assign("Trim", text="={{ $json.text.trim() }}"), assign("Say", output="={{ $json.text.join() }}")
    document = chat(gather, trim, say, links=f"Items-ai_outputParser>Ask {links}", parsers=(LIST,))
    assert [each.node for each in dsl.read(document).notes if each.severity == "stub"] == ["List"]


def test_coze_compares_a_field_of_an_answer_as_what_the_schema_says_it_is() -> None:
    fork = node("Fork", "if", 2.2, conditions=conditions("={{ $json.output.age }}", "number", "gt", 10), options={})
    say = assign("Say", output="={{ $json.output.title }}")
    links = "Ask>Fork Fork>Say Parser-ai_outputParser>Ask"
    written = dsl.write(dsl.read(chat(fork, say, links=links, parsers=(parser(**PARSER),))), "coze")
    assert "condition.type" not in [each.code for each in written.notes]
    assert errors(written) == []


ORDERS = "executeWorkflowTrigger"
TAKEN = {"workflowInputs": {"values": [{"name": "mail"}]}}


@pytest.mark.parametrize(
    ("first", "between", "missing"),
    [
        (node("In", "webhook", 2, path="x"), node("Go", "noOp"), True),
        (node("In", ORDERS, 1.1, **TAKEN), node("Go", "noOp"), True),
        (node("In", ORDERS, 1.1, inputSource="passthrough", **TAKEN), node("Go", "noOp"), False),
        (node("In", "webhook", 2, path="x"), assign("Go", mail="x"), True),
        (node("In", "webhook", 2, path="x"), assign("Go", chatInput="x"), False),
        (node("In", "webhook", 2, path="x"), assign("Go", **{"=chat{{ 1 }}": "x"}), False),
        (node("In", "webhook", 2, path="x"), node("Go", "code", 2, jsCode="return $json.body"), False),
        (node("In", "formTrigger", 2, formFields={"values": [{"fieldLabel": "chatInput"}]}), node("Go", "noOp"), False),
        (node("In", LANGCHAIN + "chatTrigger", 1.3), node("Go", "noOp"), False),
        (node("In", LANGCHAIN + "chatTrigger", 1.3), assign("Go", mail="x"), True),
        (node("In", LANGCHAIN + "chatTrigger", 1.3), node("Go", "set", 3.4, includeOtherFields=True), False),
    ],
)
def test_check_tells_of_a_model_that_waits_for_a_chat(first: Any, between: Any, missing: bool) -> None:
    ask = node("Ask", LANGCHAIN + "chainLlm", 1.7, batching={})
    document = workflow([first, between, ask], "In>Go Go>Ask")
    found = [each.node for each in dsl.check(dsl.read(json.dumps(document))) if each.code == "prompt.missing"]
    assert found == ["Ask"] * missing
    ask["parameters"] |= {"promptType": "define", "text": "Hi"}
    assert "prompt.missing" not in [each.code for each in dsl.check(dsl.read(json.dumps(document)))]


@pytest.mark.parametrize("platform", PLATFORMS)
def test_whole_items_of_a_model_that_answers_in_fields_are_its_output(platform: str) -> None:
    gather = node("List", "aggregate", 1, aggregate="aggregateAllItemData", destinationFieldName="all")
    loop = node("Loop", "splitOut", 1, fieldToSplitOut="output.tags")
    links = "Ask>Loop Loop>Again Again>List Parser-ai_outputParser>Ask Model-ai_languageModel>Again"
    again = node("Again", LANGCHAIN + "chainLlm", 1.7, promptType="define", text="={{ $json.tags }}")
    document = json.loads(chat(loop, again, gather, links=links, parsers=(parser(**PARSER),)))
    document["connections"]["Parser"]["ai_outputParser"][0].append(
        {"node": "Again", "type": "ai_outputParser", "index": 0}
    )
    flow = dsl.read(json.dumps(document))
    assert values.nodes(flow)["Loop"].params["collect"] == {"output": {"output": Ref("Again", ("structured",))}}
    assert errors(dsl.write(flow, platform)) == []


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_list_of_what_a_set_makes_of_each_passage_is_computed(platform: str) -> None:
    gather = node("List", "aggregate", 1, fieldsToAggregate={"fieldToAggregate": [{"fieldToAggregate": "t"}]})
    cut = assign("Cut", t="=- {{ $json.document.pageContent }}")
    document = library(cut, gather, links="Load>Cut Cut>List")
    found = step(document, "List").params["list"]
    made = '$input.all().map(({ json: $json }) => ({ json: { "t": "- " + (($json.document.pageContent) ?? "") } }))'
    assert found.source == made + ".map((item) => item.json.t)"
    assert found.refs == (Ref("Load", ("all_items",)),)
    written = dsl.write(dsl.read(document), platform)
    assert [each.message for each in written.notes if each.severity == "stub"] == []
    assert errors(written) == []
    assert json.loads(dsl.write(dsl.read(document), "n8n").data)["nodes"] == json.loads(document)["nodes"]


@pytest.mark.parametrize(
    "value", ["={{ $('Chat').item.json.sessionId }}", "={{ $itemIndex }}", "={{ ( }}", "={{ }}", "={{ 1 // x }}"]
)
def test_a_list_of_what_takes_more_than_its_passage_fails_where_it_is_read(value: str) -> None:
    gather = node("List", "aggregate", 1, fieldsToAggregate={"fieldToAggregate": [{"fieldToAggregate": "t"}]})
    document = library(assign("Cut", t=value), gather, links="Load>Cut Cut>List")
    assert "List" in [each.node for each in dsl.read(document).notes if each.severity == "stub"]
