"""RAGFlow's agent canvas: what is read, what is written, and that nothing refers to nothing."""

import ast
import copy
import json
import random
import re
import time
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from jinja2 import Environment

import dsl
from dsl import DslError, ragflow
from dsl.audit import differing
from dsl.ir import Edge, Flow, Graph, Node, OnError, Ref, Script, Text, Type, Variable
from dsl.values import leaves, node_refs, nodes, put, steps, walk
from tests.dsl.corpus import files
from tests.dsl.kitchen import kitchen_sink
from tests.dsl.small import start

FILES = files("ragflow")


def read(path: Path) -> Flow:
    return dsl.read(path.read_bytes(), "ragflow")


def bare(flow: Flow) -> Flow:
    """Without what points into a file."""
    flow = copy.deepcopy(replace(flow, raw=None))
    for node, inside, _ in walk(flow.graph):
        node.pointer, node.folded = "", ()
        inside.edges = [replace(edge, pointer="") for edge in inside.edges]
    return flow


@pytest.mark.parametrize("path", FILES)
def test_what_is_read_is_written_and_read_again(path: Path) -> None:
    flow = read(path)
    document, _ = ragflow.build(flow)
    again = ragflow.read(document)
    assert [node for node, _, _ in walk(bare(again).graph)] == [node for node, _, _ in walk(bare(flow).graph)]
    assert set(bare(again).graph.edges) == set(bare(flow).graph.edges)
    assert {each.name for each in again.variables} == {each.name for each in flow.variables}


@pytest.mark.parametrize("path", FILES)
def test_a_changed_prompt_and_a_new_edge_change_nothing_else(path: Path) -> None:
    flow = read(path)
    said = next((node for node in flow.graph.nodes if node.kind in ("answer", "llm", "agent")), None)
    if said is None:
        pytest.skip("../shared: nothing here says anything")
    said.title = "Renamed"
    written = dsl.write(flow, "ragflow")
    changed = [place for place, _ in differing(flow.raw, written.document)]
    assert changed and all(steps(place)[-2:] == ["data", "name"] for place in changed)


def test_an_agent_is_read_with_its_tools_and_its_references() -> None:
    document = canvas(
        begin={"component_name": "Begin", "params": {"mode": "conversational", "prologue": "Hi"}},
        **{
            "Agent:One": {
                "component_name": "Agent",
                "params": {
                    "llm_id": "qwen@Ollama",
                    "sys_prompt": "For {sys.user_id}",
                    "prompts": [{"role": "user", "content": "Q: {begin@topic} {{sys.query}}"}],
                    "temperature": 0.1,
                    "temperatureEnabled": True,
                    "top_p": 0.3,
                    "topPEnabled": False,
                    "tools": [{"component_name": "Wikipedia", "name": "Wikipedia", "params": {}}],
                },
            }
        },
    )
    node = nodes(ragflow.read(document))["Agent:One"]
    assert node.kind == "agent"
    assert node.params["parameters"] == {"temperature": 0.1}
    assert node.params["messages"] == [
        {"role": "system", "text": Text(("For ", Ref("", ("user_id",), "system")))},
        {"role": "user", "text": Text(("Q: ", Ref("begin", ("topic",)), " ", Ref("", ("query",), "system")))},
    ]
    assert [each["tool"] for each in node.params["tools"]] == ["tool:Wikipedia"]


def canvas(**components: dict[str, Any]) -> dict[str, Any]:
    keys = list(components)
    made = {
        key: {"obj": obj, "downstream": keys[i + 1 : i + 2], "upstream": keys[max(i - 1, 0) : i]}
        for i, (key, obj) in enumerate(components.items())
    }
    return {"title": "t", "dsl": {"components": made, "history": [], "path": [], "retrieval": []}}


def test_every_kind_is_written_and_no_reference_leads_nowhere() -> None:
    document, notes = ragflow.build(kitchen_sink())
    flow = ragflow.read(document)
    known = nodes(flow)
    for node in known.values():
        for ref in node_refs(node):
            assert not ref.node or ref.node in known, (node.id, ref)
    stubs = {note.node for note in notes if note.severity == "stub"}
    assert stubs == {"page", "plain", "store", "unstore", "sub", "again", "odd"}
    before = {node.id: node.kind for node, _, _ in walk(kitchen_sink().graph)}
    other = {key: (kind, known[key].kind) for key, kind in before.items() if key in known and known[key].kind != kind}
    foreign = {"helper": ("agent", "llm")}  # its tools are no components of RAGFlow
    assert other == {"done": ("end", "answer"), "fields": ("extract", "llm")} | foreign


def test_components_and_drawing_agree() -> None:
    document, _ = ragflow.build(kitchen_sink())
    body = document["dsl"]
    assert {node["id"] for node in body["graph"]["nodes"]} - {"memo"} == body["components"].keys()
    drawn = {(edge["source"], edge["target"]) for edge in body["graph"]["edges"]}
    for key, component in body["components"].items():
        for target in component["downstream"]:
            assert (key, target) in drawn and key in body["components"][target]["upstream"]


def test_a_blank_beside_a_reference_is_not_swallowed() -> None:
    flow = Flow("f", "ir", graph=Graph([Node("begin", "start"), Node("say", "answer")], [Edge("begin", "say")]))
    flow.graph.nodes[1].params["text"] = Text(("Hello ", Ref("", ("query",), "system"), " there"))
    document, notes = ragflow.build(flow)
    assert document["dsl"]["components"]["say"]["obj"]["params"]["content"] == ["Hello\n{sys.query}\nthere"]
    assert [note.code for note in notes] == ["text.blank"]


def test_a_key_in_a_header_stays_on_the_line_of_the_header() -> None:
    key = Text(("Bearer ", Ref("begin", ("key",))))
    fetch = Node(
        "it", "http", params={"method": "GET", "url": "https://a.example", "headers": [["Authorization", key]]}
    )
    begin = Node("begin", "start", outputs={"key": Type("string")})
    document, notes = ragflow.build(Flow("f", "ir", graph=Graph([begin, fetch], [Edge("begin", "it")])))
    headers = document["dsl"]["components"]["it"]["obj"]["params"]["headers"]
    assert json.loads(headers) == {"Authorization": "Bearer {begin@key}"}
    assert "text.blank" not in {note.code for note in notes}
    assert nodes(ragflow.read(document))["it"].params["headers"] == [["Authorization", key]]


def test_a_prompt_keeps_its_blanks_since_ragflow_fills_it_in_name_by_name() -> None:
    said = Text(("Hello ", Ref("", ("query",), "system"), " there"))
    kinds: dict[str, dict[str, Any]] = {
        "llm": {"messages": [{"role": "user", "text": said}]},
        "retrieve": {"query": said},
        "ask": {"question": said},
    }
    for kind, params in kinds.items():
        graph = Graph([Node("begin", "start"), Node("it", kind, params=params)], [Edge("begin", "it")])
        document, notes = ragflow.build(Flow("f", "ir", graph=graph))
        _, name = document["dsl"]["components"]
        assert "Hello {sys.query} there" in str(document["dsl"]["components"][name]["obj"]["params"])
        assert "text.blank" not in {note.code for note in notes}
        assert nodes(ragflow.read(document))[name].params.items() >= params.items()


def test_a_text_of_braces_and_blanks_costs_no_more_than_its_length() -> None:
    begun = time.process_time()
    for said in ("{" * 60_000 + "sys.query" + " " * 60_000, "{ " * 60_000, " " * 120_000 + "x"):
        ragflow.read(canvas(begin={"component_name": "Message", "params": {"content": [said]}}))
        ragflow.read(canvas(begin={"component_name": "ExeSQL", "params": {"sql": said}}))
    for script in ("{% {{ {# " * 20_000, "{% " * 60_000, "{{ " * 60_000, "{{ '{{' }}" * 20_000):
        merge = {"component_name": "StringTransform", "params": {"method": "merge", "script": script}}
        ragflow.read(canvas(begin=merge))
        ragflow.read(canvas(begin={"component_name": "Message", "params": {"content": [script]}}))
    assert time.process_time() - begun < 5


@pytest.mark.parametrize(
    ("said", "before", "after"),
    [("a {sys.query} b", "a", "b"), ("a {{ {sys.query} }} b", "a ", " b"), ("a{{{sys.query}}}b", "a", "b")],
)
def test_blanks_and_braces_around_a_reference_belong_to_it(said: str, before: str, after: str) -> None:
    document = canvas(begin={"component_name": "Message", "params": {"content": [said]}})
    text = nodes(ragflow.read(document))["begin"].params["text"]
    assert text == Text((before, Ref("", ("query",), "system"), after))


def test_a_loop_without_a_condition_runs() -> None:
    body = Graph([Node("inner", "answer", params={"text": "x"})], [Edge("l", "inner", "body")])
    flow = Flow("f", "ir", graph=Graph([Node("l", "loop", params={"count": 3, "variables": {}}, body=body)]))
    params = ragflow.build(flow)[0]["dsl"]["components"]["l"]["obj"]["params"]
    assert (params["logical_operator"], params["loop_termination_condition"], params["maximum_loop_count"]) == (
        "or",
        [],
        3,
    )


def looped(*assignments: dict[str, Any]) -> dict[str, Any]:
    """A canvas with a loop whose body assigns."""
    document = canvas(
        begin={"component_name": "Begin", "params": {}},
        **{
            "Loop:L": {
                "component_name": "Loop",
                "params": {"loop_variables": [{"variable": "n", "type": "number", "value": 0}]},
            },
            "LoopItem:L": {"component_name": "LoopItem", "params": {}},
            "VariableAssigner:A": {"component_name": "VariableAssigner", "params": {"variables": list(assignments)}},
        },
    )
    for name in ("LoopItem:L", "VariableAssigner:A"):
        document["dsl"]["components"][name]["parent_id"] = "Loop:L"
    document["dsl"]["components"]["Loop:L"]["downstream"] = []
    return document


@pytest.mark.parametrize(("parameter", "number"), [(2, 2), ("1", 1), ("0.5", 0.5)])
def test_what_a_loop_counts_in_its_body_is_a_variable_of_the_loop(parameter: Any, number: float) -> None:
    flow = ragflow.read(looped({"variable": "Loop:L@n", "operator": "+=", "parameter": parameter}))
    item = nodes(flow)["VariableAssigner:A"].params["items"][0]
    assert item == {"target": Ref("Loop:L", ("n",), "loop"), "op": "add", "value": number}
    assert not [note for note in dsl.write(flow, "dify").notes if note.code == "assign.target"]


def assigned(op: str, value: Any, kind: str = "number") -> tuple[dict[str, Any], list[dsl.Note]]:
    """The component that assigns, and the notes."""
    target = Ref("", ("v",), "session")
    node = Node("set", "assign", "Set", params={"items": [{"target": target, "op": op, "value": value}]})
    graph = Graph([Node("begin", "start", outputs={"q": Type("string")}), node], [Edge("begin", "set")])
    document, notes = ragflow.build(Flow("f", "ir", graph=graph, variables=[Variable("session", "v", Type(kind))]))  # type: ignore[arg-type]
    return document["dsl"]["components"]["set"]["obj"], notes


@pytest.mark.parametrize(
    ("op", "value", "kind", "operator", "parameter"),
    [
        ("add", 1, "number", "+=", 1),
        ("set", 3, "number", "set", 3),
        ("set", True, "boolean", "set", True),
        ("set", 3, "string", "set", "3"),
        ("set", Ref("begin", ("q",)), "string", "overwrite", "begin@q"),
        ("append", Ref("begin", ("q",)), "array", "append", "begin@q"),
        ("clear", None, "array", "clear", ""),
    ],
)
def test_a_value_is_assigned_as_what_the_variable_holds(
    op: str, value: Any, kind: str, operator: str, parameter: Any
) -> None:
    made, notes = assigned(op, value, kind)
    assert made["params"]["variables"] == [{"variable": "env.v", "operator": operator, "parameter": parameter}]
    assert notes == []


def test_a_list_of_references_is_assigned_as_what_a_step_in_front_makes_of_it() -> None:
    made, notes = assigned("set", [Ref("begin", ("q",))], "array")
    [set_] = made["params"]["variables"]
    assert (set_["operator"], set_["parameter"]) == ("overwrite", "set_value@returned.output")
    assert {(note.severity, note.code) for note in notes} == {
        ("equivalent", "text.joined"),
        ("equivalent", "code.step"),
    }


@pytest.mark.parametrize(("op", "value"), [("add", Ref("begin", ("q",))), ("append", "x"), ("extend", ["x"])])
def test_a_value_that_ragflow_does_not_look_up_raises(op: str, value: Any) -> None:
    made, notes = assigned(op, value)
    assert made["component_name"] == "CodeExec" and "raise Exception" in made["params"]["script"]
    assert [(note.severity, note.code) for note in notes] == [("stub", "assign.value")]


def said(value: Any, *before: Node) -> tuple[str, list[dsl.Note], Flow]:
    """What the message says in which the value stands, the notes, and the flow that is read from the canvas."""
    chain = [Node("begin", "start"), *before, Node("say", "answer", "Say", params={"text": Text((value,))})]
    edges = [Edge(one.id, other.id) for one, other in pairwise(chain)]
    document, notes = ragflow.build(Flow("f", "ir", graph=Graph(chain, edges)))
    text = document["dsl"]["components"]["say"]["obj"]["params"]["content"][0]
    return text, [note for note in notes if note.node in ("say", "")], ragflow.read(document)


@pytest.mark.parametrize(
    ("name", "there"),
    [("query", "query"), ("user_id", "user_id"), ("files", "files"), ("turns", "conversation_turns")],
)
def test_a_value_of_the_system_that_ragflow_has_needs_no_word(name: str, there: str) -> None:
    text, notes, again = said(Ref("", (name,), "system"))
    assert (text, notes) == (f"{{sys.{there}}}", [])
    assert nodes(again)["say"].params["text"] == Text((Ref("", (name,), "system"),))
    assert dsl.check(again) == []


@pytest.mark.parametrize("name", ["conversation_id", "execution_id", "timestamp"])
def test_a_value_of_the_system_that_ragflow_lacks_is_told_and_fails(name: str) -> None:
    text, notes, flow = said(Ref("", (name,), "system"))
    assert text == f"{{sys.{name}}}"  # which no canvas has: RAGFlow stops there
    assert [(note.severity, note.code) for note in notes] == [("stub", "ref.system")]
    assert [each.code for each in dsl.check(flow) if each.level == "error"] == ["ref.system"]


@pytest.mark.parametrize("output", ["status", "headers"])
def test_what_ragflow_does_not_give_out_is_told_and_fails(output: str) -> None:
    fetch = Node("fetch", "http", "Fetch", params={"method": "GET", "url": "https://example.com"})
    text, notes, flow = said(Ref("fetch", (output,)), fetch)
    assert not text.startswith("{fetch@")  # of which RAGFlow would make an empty text
    assert [(note.severity, note.code) for note in notes] == [("stub", "ref.output")]
    assert [each.code for each in dsl.check(flow) if each.level == "error"] == ["ref.output"]
    assert nodes(flow)["say"].params["text"] == Text((Ref("fetch", (output,)),))  # where it is there, it is read again


def test_a_canvas_that_asks_for_the_status_of_an_answer_is_told_so() -> None:
    fetch = {"component_name": "Invoke", "params": {"url": "https://example.com", "method": "get"}}
    say = {"component_name": "Message", "params": {"content": ["{Invoke:A@status} {Invoke:A@result.x} {sys.date}"]}}
    begin = {"component_name": "Begin", "params": {}}
    flow = ragflow.read(canvas(begin=begin, **{"Invoke:A": fetch, "Message:B": say}))
    found = [each for each in dsl.check(flow) if each.level == "error"]
    assert [(each.code, each.pointer) for each in found] == [("ref.output", "/dsl/components/Message:B")]


def test_a_variable_of_an_app_is_declared_where_it_is_used() -> None:
    text, notes, flow = said(Ref("", ("fav",), "app"))
    assert text == "{env.fav}" and [each.name for each in flow.variables] == ["fav"]
    assert [(note.severity, note.code) for note in notes] == [("degraded", "variable.scope")]


BEGIN = {"component_name": "Begin", "params": {}}


def message(*texts: str) -> dict[str, Any]:
    return {"component_name": "Message", "params": {"content": list(texts)}}


def test_an_answer_whose_fields_are_referred_to_is_read_as_json() -> None:
    fetch = {"component_name": "Invoke", "params": {"url": "https://example.com", "method": "get"}}
    fields, whole = message("{Invoke:A@result.items.0}"), message("{Invoke:A@result}")
    read = [ragflow.read(canvas(begin=BEGIN, **{"Invoke:A": fetch, "Message:B": each})) for each in (fields, whole)]
    assert [nodes(flow)["Invoke:A"].params.get("response") for flow in read] == ["json", None]


def test_of_several_texts_the_first_is_said_elsewhere_and_that_is_told() -> None:
    flow = ragflow.read(canvas(begin=BEGIN, **{"Message:A": message("a", "b"), "Message:B": message("c")}))
    notes = [note for note in dsl.write(flow, "dify").notes if note.code == "message.random"]
    assert [(note.severity, note.node) for note in notes] == [("degraded", "Message:A")]
    assert dsl.write(flow, "ragflow").notes == []


def test_a_message_with_logic_is_told() -> None:
    said = "{% if {sys.query} %}Yes{% endif %}"
    flow = ragflow.read(canvas(begin=BEGIN, **{"Message:A": message(said), "Message:B": message("{{ '{%' }} 100 %}")}))
    notes = [note for note in dsl.write(flow, "dify").notes if note.code == "template.logic"]
    assert [(note.severity, note.node) for note in notes] == [("degraded", "Message:A")]


@pytest.mark.parametrize(
    ("llm_id", "name", "provider"),
    [("gpt-4o@OpenAI", "gpt-4o", "OpenAI"), ("r1@default@DeepSeek", "r1", "DeepSeek"), ("@cf/x@CF", "@cf/x", "CF")],
)
def test_a_model_is_called_elsewhere_what_its_provider_calls_it(llm_id: str, name: str, provider: str) -> None:
    params = {"llm_id": llm_id, "prompts": [{"role": "user", "content": "{sys.query}"}]}
    flow = ragflow.read(canvas(begin=BEGIN, **{"LLM:A": {"component_name": "LLM", "params": params}}))
    (model,) = flow.resources
    assert (model.name, model.hint["provider"]) == (name, provider)
    (reply,) = [
        each["data"]
        for each in dsl.write(flow, "dify").document["workflow"]["graph"]["nodes"]
        if each["data"]["type"] == "llm"
    ]
    assert reply["model"]["name"] == name
    assert ragflow.build(flow)[0]["dsl"]["components"]["LLM:A"]["obj"]["params"]["llm_id"] == llm_id


def test_what_fits_no_category_takes_the_last_one() -> None:
    described = {name: {"description": "", "to": [f"Message:{name}"]} for name in ("A", "B")}
    params = {"llm_id": "m@x", "query": "sys.query", "category_description": described}
    document = canvas(begin=BEGIN, **{"Categorize:C": {"component_name": "Categorize", "params": params}})
    components = document["dsl"]["components"]
    components["Categorize:C"]["downstream"] = ["Message:A", "Message:B"]
    components |= {f"Message:{name}": {"obj": message(name), "downstream": [], "upstream": []} for name in ("A", "B")}
    flow = ragflow.read(document)
    assert {(edge.port, edge.target) for edge in flow.graph.edges if edge.source == "Categorize:C"} == {
        ("class:0", "Message:A"),
        ("class:1", "Message:B"),
        ("default", "Message:B"),
    }
    assert not [each for each in dsl.check(flow) if each.code == "port.unwired"]
    again, notes = ragflow.build(flow)
    assert list(again["dsl"]["components"]["Categorize:C"]["obj"]["params"]["category_description"]) == ["A", "B"]
    assert notes == []


def test_a_tool_gives_out_its_words_and_its_data() -> None:
    tool = {"component_name": "ExeSQL", "params": {"sql": "select 1"}}
    flow = ragflow.read(canvas(begin=BEGIN, **{"ExeSQL:A": tool, "Message:B": message("{ExeSQL:A@json}")}))
    assert list(nodes(flow)["ExeSQL:A"].outputs) == ["formalized_content", "json"]


def test_the_elements_of_a_list_are_known_however_its_type_is_spelled() -> None:
    words = {"a": "Array<String>", "b": "array<number>", "c": "array", "d": "Array<Any>", "e": "Array<Array<Object>>"}
    outputs = {name: {"type": word, "value": None} for name, word in words.items()}
    code = {"component_name": "CodeExec", "params": {"lang": "python", "script": "def main(): 0", "outputs": outputs}}
    flow = ragflow.read(canvas(begin=BEGIN, **{"CodeExec:A": code}))
    elements = {name: type_.items for name, type_ in nodes(flow)["CodeExec:A"].outputs.items()}
    lists = Type("array", items=Type("object"))
    assert elements == {"a": Type("string"), "b": Type("number"), "c": None, "d": None, "e": lists}
    again = ragflow.read(ragflow.build(flow)[0])
    assert nodes(again)["CodeExec:A"].outputs == nodes(flow)["CodeExec:A"].outputs


@pytest.mark.parametrize(
    ("kind", "field"), [("array", "text"), ("object", "text"), ("number", "whole numbers"), ("string", "")]
)
def test_an_input_that_the_form_has_no_field_for_is_told(kind: Any, field: str) -> None:
    begin = Node("begin", "start", outputs={"xs": Type(kind)})
    notes = ragflow.build(Flow("f", "ir", graph=Graph([begin])))[1]
    told = [note.message for note in notes if note.code == "type.narrowed"]
    assert told == ([f"xs ({kind}) is a field for {field} here."] if field else [])


def test_a_template_with_logic_is_read_as_one_and_written_again() -> None:
    source = '{% if {begin@lang} == "de" %}Hallo {begin@who}{% else %}Hi{% endif %}'
    merge = {"component_name": "StringTransform", "params": {"method": "merge", "script": source, "delimiters": [""]}}
    flow = ragflow.read(canvas(begin=BEGIN, **{"StringTransform:A": merge}))
    node = nodes(flow)["StringTransform:A"]
    expected = '{% if begin_lang == "de" %}Hallo {{ begin_who }}{% else %}Hi{% endif %}'
    assert node.params["template"] == Script("jinja2", expected)
    assert node.inputs == {"begin_lang": Ref("begin", ("lang",)), "begin_who": Ref("begin", ("who",))}
    assert expected in str(dsl.write(flow, "dify").data)
    again = ragflow.build(flow)[0]["dsl"]["components"]["StringTransform:A"]["obj"]["params"]["script"]
    assert again == source
    assert {"template.logic", "template.values"} <= {note.code for note in dsl.write(flow, "coze").notes}


ODD: list[Any] = [None, True, 0, -1.5, "", "x", "{a@b.c}", [], [1], {}, {"a": {"b": 1}}, ["begin"], "begin@x"]


@pytest.mark.parametrize(("type_", "kept"), [("Array<String>", {"delimiter": "|"}), ("String", {})])
def test_what_stands_between_the_elements_of_a_list_is_kept_where_a_list_may_be(type_: str, kept: Any) -> None:
    outputs = {"xs": {"type": type_, "value": None}}
    code = {"component_name": "CodeExec", "params": {"lang": "python", "script": "def main(): 0", "outputs": outputs}}
    merge = {"method": "merge", "script": "{CodeExec:A@xs}{sys.query}", "delimiters": ["|"]}
    flow = ragflow.read(
        canvas(begin=BEGIN, **{"CodeExec:A": code, "T": {"component_name": "StringTransform", "params": merge}})
    )
    assert {name: value for name, value in nodes(flow)["T"].params.items() if name != "template"} == kept
    for dialect in ("coze", "dify", "ragflow"):
        again = dsl.read(dsl.write(replace(flow, dialect="ir", raw=None), dialect).data)
        (text,) = [node for node in nodes(again).values() if node.kind == "template"]
        assert text.params.get("delimiter") == kept.get("delimiter"), dialect


def test_a_text_is_put_together_in_front_where_ragflow_takes_one_reference() -> None:
    q, n = Ref("begin", ("q",)), Ref("begin", ("n",))
    said = Text((q, ": ", n))
    topic = Node("topic", "classify", "Topic", params={"query": said, "classes": [{"name": "a"}, {"name": "b"}]})
    code = Node("code", "code", "Code", params={"lang": "python3", "style": "kwargs", "source": "def main(x, y): 0\n"})
    code.inputs, code.outputs = {"x": said, "y": "https://x"}, {"r": Type("string")}
    fork = Node(
        "fork", "if", "Fork", params={"cases": [{"logic": "and", "conditions": [{"left": said, "op": "empty"}]}]}
    )
    graph = Graph([start(), topic, code, fork])
    graph.edges = [
        Edge("begin", "topic"),
        *(Edge("topic", "code", f"class:{i}") for i in range(2)),
        Edge("code", "fork"),
    ]
    written = dsl.write(Flow("T", "ir", graph=graph), "ragflow")
    assert len([note for note in written.notes if note.code == "text.joined"]) == 3
    made = {key: each["obj"] for key, each in written.document["dsl"]["components"].items()}
    alone = [made["topic"]["params"]["query"], *made["code"]["params"]["arguments"].values()]
    alone.append(made["fork"]["params"]["conditions"][0]["items"][0]["cpn_id"])
    assert all(re.fullmatch(r"\w+@result", each) for each in alone), alone
    scripts = [made[each.removesuffix("@result")]["params"]["script"] for each in alone]
    assert scripts == ["{begin@q}: {begin@n}"] * 3
    found = dsl.check(dsl.read(written.data))
    assert [each.code for each in found if each.level == "error"] == ["model.missing"]  # as in the flow


def test_fields_are_taken_out_of_a_text_by_a_model_with_a_structure() -> None:
    outputs = {"order": Type("string", required=True, description="Order number"), "n": Type("integer")}
    take = Node("take", "extract", "Take", params={"query": Ref("begin", ("q",)), "model": "m"}, outputs=outputs)
    say = Node("say", "answer", "Say", params={"text": Text((Ref("take", ("order",)),))})
    edges = [Edge("begin", "take"), Edge("take", "say")]
    written = dsl.write(Flow("T", "ir", graph=Graph([start(), take, say], edges)), "ragflow")
    made = {key: each["obj"] for key, each in written.document["dsl"]["components"].items()}
    assert made["take"]["component_name"] == "Agent"
    structure = made["take"]["params"]["outputs"]["structured"]
    assert structure["properties"]["order"] == {"type": "string", "description": "Order number"}
    assert structure["required"] == ["order"]
    assert made["say"]["params"]["content"] == ["{take@structured.order}"]
    again = nodes(dsl.read(written.data))
    assert again["take"].params["schema"] == structure
    assert again["say"].params["text"] == Text((Ref("take", ("structured", "order")),))


@pytest.mark.parametrize("dialect", ["coze", "ragflow"])
def test_a_step_that_raises_is_told_with_the_reason(dialect: str) -> None:
    patch = Node("patch", "http", "Patch", params={"method": "PATCH", "url": "https://example.com"})
    merge = Node("merge", "opaque", "Merge", params={"type": "n8n-nodes-base.merge"})
    edges = [Edge("begin", "patch"), Edge("patch", "merge")]
    notes = dsl.write(Flow("T", "n8n", graph=Graph([start(), patch, merge], edges)), dialect).notes
    told = {note.title: note.message for note in notes if note.severity == "stub"}
    name = {"coze": "Coze", "ragflow": "RAGFlow"}[dialect]
    assert told["Merge"] == f"Merge (n8n-nodes-base.merge) has no counterpart in {name}. It raises when it is reached."
    if dialect == "ragflow":
        assert told["Patch"] == "RAGFlow sends get, post and put, and not patch. It raises when it is reached."


def merged(script: str, values: dict[str, str]) -> str:
    """As RAGFlow merges: a name for each reference, Jinja, and what is left of the names becomes the values."""
    found = [name for name in re.findall(r"\{([\w:]+@[\w.-]+)\}", script) if name in values]
    named = {re.sub("[@:.]", "_", name): values[name] for name in dict.fromkeys(found)}
    for name in values:
        script = script.replace(f"{{{name}}}", re.sub("[@:.]", "_", name))
    is_template = re.search(r"\{\{|\}\}|\{%.*%\}", script)
    said = Environment().from_string(script).render(named) if is_template else script
    for name, value in named.items():
        said = said.replace(name, value)
    return said


@pytest.mark.parametrize(
    "source",
    [
        "{% if lang == 'de' %}Hallo {{ q }}{% else %}Hi {{ q | upper }}{% endif %} {{ q2 }}",
        "{%- set name = q.strip() -%}{{ name or 'lang' }}: {{ n }}{# q #}",
        '{"row": "{{ row.sku }}", "q": {% if q is defined and q != "" %}"{{ q }}"{% endif %}}',
    ],
)
def test_a_template_with_logic_over_texts_is_rendered_by_ragflow(source: str) -> None:
    made, values = templated(source)
    here = {"q": "ann", "q2": "bob", "lang": "en", "n": 3, "row": {"sku": "x"}}
    given = {name: str(here[name.partition("@")[2]]) for name in values if name != "begin@row.sku"}
    assert merged(made, given | {"begin@row.sku": "x"}) == Environment().from_string(source).render(here)


@pytest.mark.parametrize("source", ["{% if n > 2 %}many{% endif %}", "{% for x in xs %}{{ x }}{% endfor %}"])
def test_a_template_that_reckons_with_more_than_texts_raises_on_ragflow(source: str) -> None:
    made, _ = templated(source)
    assert "raise Exception" in made


Q, Q2 = Ref("begin", ("q",)), Ref("begin", ("q2",))
PRINTED = [
    (Text((Q, " and ", Q2)), "ann and bob"),
    (Text((Q2, "/", Q, "\n")), "bob/ann\n"),
    (Text(('{"a": {"b": "', Q, '"}, "c": {{"}\n')), '{"a": {"b": "ann"}, "c": {{"}\n'),
    (Text(("{", Q, "}{% raw %}{#", Q2)), "{ann}{% raw %}{#bob"),
    ("{{ no name }}", "{{ no name }}"),
]


@pytest.mark.parametrize(("words", "made"), PRINTED)
@pytest.mark.parametrize("kind", ["template", "answer"])
def test_words_are_printed_as_they_stand_whatever_names_and_signs_there_are(kind: Any, words: Any, made: str) -> None:
    params = {"template": words} if kind == "template" else {"text": words}
    node = Node("t", kind, "T", params=params)
    flow = Flow("T", "dify", graph=Graph([start(q=Type("string"), q2=Type("string")), node], [Edge("begin", "t")]))
    written = dsl.write(flow, "ragflow")
    form = written.document["dsl"]["components"]["t"]["obj"]["params"]
    script = form["script"] if kind == "template" else form["content"][0]
    if kind == "template" or re.search(r"\{\{|\}\}|\{%.*%\}", script):  # another message is put together otherwise
        assert merged(script, {"begin@q": "ann", "begin@q2": "bob"}) == made
        assert nodes(dsl.read(written.data))["t"].params == params
        assert "text.blank" not in {note.code for note in written.notes}


def templated(source: str) -> tuple[str, list[str]]:
    """The script of a template that Dify has, and the references in it."""
    types = {"q": Type("string"), "q2": Type("string"), "lang": Type("string"), "n": Type("number")}
    types |= {"row": Type("object"), "xs": Type("array")}
    inputs: dict[str, Any] = {name: Ref("begin", (name,)) for name in types}
    made = Node("t", "template", "T", params={"template": Script("jinja2", source)}, inputs=inputs)
    written = dsl.write(Flow("T", "dify", graph=Graph([start(**types), made], [Edge("begin", "t")])), "ragflow")
    script = str(written.document["dsl"]["components"]["t"]["obj"]["params"]["script"])
    return script, re.findall(r"\{(begin@[\w.]+)\}", script)


@pytest.mark.parametrize("path", FILES)
def test_a_broken_file_is_a_flow_or_one_error(path: Path) -> None:
    chance = random.Random(7)
    raw = read(path).raw
    places = [place for place, _ in leaves(raw)]
    for _ in range(60):
        document = copy.deepcopy(raw)
        for _ in range(chance.randint(1, 3)):
            parts = steps(chance.choice(places))
            place = "/" + "/".join(parts[: chance.randint(1, len(parts))]).replace("~", "~0")
            try:
                put(document, place, chance.choice(ODD))
            except (LookupError, ValueError, TypeError):
                continue
        try:
            flow = ragflow.read(document)
            ragflow.build(flow)
        except DslError as error:
            assert str(error)


def test_kinds_of_the_corpus_are_known() -> None:
    """Pipelines are opaque: they are not agents. All else is not."""
    paths = [each.values[0] for each in FILES if each.values[0]]  # type: ignore[attr-defined]
    if not paths:
        pytest.skip("../shared is not here")
    kinds = Counter(node.kind for path in paths for node, _, _ in walk(read(path).graph))
    assert kinds["opaque"] == 22


def gate(*titles: Any, **outputs: Type) -> Flow:
    """Somebody presses one of the buttons, each with an answer of its own; nobody does in time."""
    actions = [{"id": f"b{i}", "title": title} for i, title in enumerate(titles)]
    asks = Node("gate", "ask", "Gate", params={"question": "Grant?", "actions": actions}, outputs=outputs)
    names = ["granted", "denied", "late"]
    says = [Node(name, "answer", name, params={"text": name}) for name in names]
    edges = [Edge("gate", name, port) for name, port in zip(names, ("action:b0", "action:b1", "timeout"), strict=True)]
    return Flow("f", "dify", graph=Graph([start(), asks, *says], [Edge("begin", "gate"), *edges]))


def test_each_button_of_an_approval_leads_where_it_led_and_nothing_else_does() -> None:
    written = dsl.write(gate("Yes", "No", why=Type("string")), "ragflow")
    components = written.document["dsl"]["components"]
    (form,) = [key for key, each in components.items() if each["obj"]["component_name"] == "UserFillUp"]
    assert components[form]["obj"]["params"]["inputs"]["choice"]["options"] == ["Yes", "No"]
    assert list(components[form]["obj"]["params"]["inputs"]) == ["why", "choice"]
    (fork,) = [components[key] for key in components[form]["downstream"]]
    said = {key: each["obj"]["params"].get("content") for key, each in components.items()}
    ways = {
        case["items"][0]["value"]: [said[key] for key in case["to"]] for case in fork["obj"]["params"]["conditions"]
    }
    assert ways == {"Yes": [["granted"]], "No": [["denied"]]}
    assert all(case["items"][0]["cpn_id"] == f"{form}@choice" for case in fork["obj"]["params"]["conditions"])
    (otherwise,) = fork["obj"]["params"]["end_cpn_ids"]
    assert components[otherwise]["obj"]["component_name"] == "CodeExec"
    assert [note.severity for note in written.notes if note.code == "ask.options"] == ["degraded"]


def test_a_choice_that_is_made_up_when_it_runs_raises() -> None:
    written = dsl.write(gate(Text((Ref("begin", ("q",)),)), "No"), "ragflow")
    assert [note.severity for note in written.notes if note.code == "ask.options"] == ["stub"]
    assert "raise Exception" in str(written.document)


@pytest.mark.parametrize(
    ("op", "right"), [("regex", "^a"), ("in", ["a", "b"]), ("after", "2025-01-01"), ("length_gt", 3)]
)
def test_a_comparison_that_ragflow_lacks_is_computed_in_front(op: str, right: Any) -> None:
    asked = {"logic": "and", "conditions": [{"left": Ref("begin", ("q",)), "op": op, "right": right, "type": "string"}]}
    fork = Node("fork", "if", "Fork", params={"cases": [asked]})
    says = Node("say", "answer", "Say", params={"text": "yes"})
    edges = [Edge("begin", "fork"), Edge("fork", "say", "case:0")]
    written = dsl.write(Flow("f", "dify", graph=Graph([start(), fork, says], edges)), "ragflow")
    (switch,) = [
        each["obj"]["params"]
        for each in written.document["dsl"]["components"].values()
        if each["obj"]["component_name"] == "Switch"
    ]
    (item,) = switch["conditions"][0]["items"]
    assert (item["cpn_id"].partition("@")[2], item["operator"], item["value"]) == ("returned.case0", "=", "1")
    assert {note.code for note in written.notes} >= {"condition.computed", "switch.else"}
    assert not [each for each in dsl.check(dsl.read(json.dumps(written.document))) if each.level == "error"]


def test_an_error_that_is_referred_to_is_read_as_one() -> None:
    document = canvas(
        **{
            "begin": {"component_name": "Begin", "params": {}},
            "Invoke:A": {"component_name": "Invoke", "params": {"url": "http://x.example.com", "method": "get"}},
            "Message:B": {"component_name": "Message", "params": {"content": ["{Invoke:A@_ERROR}"]}},
        }
    )
    flow = ragflow.read(document)
    says = next(node for node in nodes(flow).values() if node.kind == "answer")
    assert list(node_refs(says)) == [Ref("Invoke:A", ("error", "message"))]


@pytest.mark.parametrize(("default", "names"), [("tea", ["Rum", "Tea"]), ("none", ["Tea", "Rum", "other"])])
def test_what_fits_no_class_takes_the_last_category_and_no_model_is_offered_one_more(
    default: str, names: list[str]
) -> None:
    classes = [{"name": "Tea"}, {"name": "Rum"}]
    sorts = Node("sort", "classify", "Sort", params={"query": Ref("begin", ("q",)), "classes": classes, "model": "m"})
    says = [Node(name, "answer", name, params={"text": name}) for name in ("tea", "rum", "none")]
    ways = [Edge("sort", "tea", "class:0"), Edge("sort", "rum", "class:1"), Edge("sort", default, "default")]
    written = dsl.write(
        Flow("f", "dify", graph=Graph([start(), sorts, *says], [Edge("begin", "sort"), *ways])), "ragflow"
    )
    (made,) = [
        each["obj"]["params"]
        for each in written.document["dsl"]["components"].values()
        if each["obj"]["component_name"] == "Categorize"
    ]
    assert list(made["category_description"]) == names


# What RAGFlow's sandbox refuses before it runs anything: modules, and calls by name.
REFUSED = {"asyncio", "os", "sys", "subprocess", "threading", "getattr", "setattr", "eval", "exec", "globals", "locals"}


def scripts(flow: Flow) -> dict[str, str]:
    """All Python that is written for a flow, by component."""
    components = dsl.write(flow, "ragflow").document["dsl"]["components"]
    forms = {key: each["obj"]["params"] for key, each in components.items()}
    return {key: str(form["script"]) for key, form in forms.items() if form.get("lang") == "python"}


def refused(source: str) -> set[str]:
    found = list(ast.walk(ast.parse(source)))
    called = {each.func.id for each in found if isinstance(each, ast.Call) and isinstance(each.func, ast.Name)}
    imported = {alias.name for each in found if isinstance(each, ast.Import) for alias in each.names}
    joined = {
        "joined constants"
        for each in found
        if isinstance(each, ast.BinOp) and isinstance(each.left, ast.Constant) and isinstance(each.right, ast.Constant)
    }
    return (called | imported) & REFUSED | joined


def test_the_sandbox_of_ragflow_refuses_none_of_the_code_that_is_written_for_it() -> None:
    condition = {"left": Ref("begin", ("n",)), "op": "in", "right": [1, 2], "type": "number"}
    fork = Node(
        "fork", "if", "Fork", params={"cases": [{"logic": "and", "conditions": [condition]}], "ignore_case": True}
    )
    code = Node(
        "c",
        "code",
        "C",
        params={"lang": "python3", "style": "args", "source": "async def main(args):\n    return {}\n"},
    )
    nodes_ = [start(), code, fork, Node("e", "end", "End", inputs={"r": Ref("begin", ("q",))})]
    edges = [Edge("begin", "c"), Edge("c", "fork"), Edge("fork", "e", "case:0"), Edge("fork", "e", "else")]
    written = scripts(kitchen_sink()) | scripts(Flow("T", "ir", graph=Graph(nodes_, edges)))
    assert "c" in written and "fork_conditions" in written
    assert {key: refused(source) for key, source in written.items() if refused(source)} == {}


@pytest.mark.parametrize(
    ("lang", "source", "what"),
    [
        ("python3", "import re\n\ndef main(q):\n    return {'r': re.compile('a').sub('', q)}\n", "compile()"),
        ("python3", "def main(q):\n    given = [q]\n    given.remove(q)\n    return {'r': given}\n", "remove()"),
        ("python3", "import os.path\n\ndef main(q):\n    return {'r': q}\n", "os.path"),
        ("python3", "def main(q):\n    return {'r': 60 * 60}\n", "60 * 60"),
        ("python3", "def main(q):\n    input = q\n    return {'r': input}\n", "input ="),
        ("javascript", "function main({q}) {\n  return {r: eval(q)}\n}\n", "eval()"),
    ],
)
def test_code_that_the_sandbox_refuses_is_told(lang: str, source: str, what: str) -> None:
    code = Node("c", "code", "C", params={"lang": lang, "style": "kwargs", "source": source}, outputs={"r": Type()})
    code.inputs = {"q": Ref("begin", ("q",))}
    written = dsl.write(Flow("T", "ir", graph=Graph([start(), code], [Edge("begin", "c")])), "ragflow")
    (said,) = [note for note in written.notes if note.code == "code.refused"]
    assert said.severity == "stub" and what in said.message
    assert [each.code for each in dsl.check(dsl.read(written.data)) if each.level == "error"] == ["code.refused"]


def test_code_of_coze_runs_in_ragflow_with_the_types_that_its_template_names() -> None:
    source = "async def main(args: Args) -> Output:\n    ret: Output = {'r': args.params['q'] + '!'}\n    return ret\n"
    code = Node("c", "code", "C", params={"lang": "python3", "style": "args", "source": source}, outputs={"r": Type()})
    code.inputs = {"q": Ref("begin", ("q",))}
    there: dict[str, Any] = {}
    exec(scripts(Flow("T", "coze", graph=Graph([start(), code], [Edge("begin", "c")])))["c"], there)
    assert there["main"](q="a") == {"r": "a!"}


def test_a_form_has_an_id_by_which_ragflow_knows_it_and_goes_on_behind_it() -> None:
    ask = Node("1718", "ask", "Ask", params={"question": "Sure?"}, outputs={"why": Type("string")})
    say = Node("1719", "answer", "Say", params={"text": Text((Ref("1718", ("why",)), "!"))})
    flow = Flow("f", "dify", graph=Graph([start(), ask, say], [Edge("begin", "1718"), Edge("1718", "1719")]))
    made = dsl.write(flow, "ragflow").document["dsl"]["components"]
    assert list(made) == ["begin", "UserFillUp_1718", "node_1719"]  # no reference in a header begins with a digit
    assert made["node_1719"]["obj"]["params"]["content"] == ["{UserFillUp_1718@why}!"]


@pytest.mark.parametrize(("policy", "made"), [({"text": ""}, " "), ({"text": "none"}, "none"), (None, " ")])
def test_an_error_with_nothing_in_its_place_does_not_end_the_run(policy: Any, made: str) -> None:
    reply = Node("reply", "llm", "Reply", params={"model": "m", "mode": "chat", "messages": []})
    reply.on_error = OnError("default" if policy else "continue", default=policy)
    written = dsl.write(Flow("f", "dify", graph=Graph([start(), reply], [Edge("begin", "reply")])), "ragflow")
    params = written.document["dsl"]["components"]["reply"]["obj"]["params"]
    assert (params["exception_method"], params["exception_default_value"]) == ("comment", made)
    assert "error.default" in {note.code for note in written.notes}


def test_a_request_has_whole_seconds() -> None:
    params = {"method": "GET", "url": "https://example.com", "headers": [], "query": [], "timeout": {"read": 2.5}}
    fetch = Node("fetch", "http", "Fetch", params=params)
    written = dsl.write(Flow("f", "dify", graph=Graph([start(), fetch], [Edge("begin", "fetch")])), "ragflow")
    made = written.document["dsl"]["components"]["fetch"]["obj"]["params"]
    assert made["timeout"] == 3  # a part of one is refused


def test_a_query_beside_a_body_is_a_part_of_the_address() -> None:
    query = [["a b", "1&2"], ["q", Ref("begin", ("q",))]]
    params = {"method": "POST", "url": "https://example.com/x", "headers": [], "query": query}
    fetch = Node("fetch", "http", "Fetch", params=params)
    written = dsl.write(Flow("f", "dify", graph=Graph([start(), fetch], [Edge("begin", "fetch")])), "ragflow")
    made = written.document["dsl"]["components"]["fetch"]["obj"]["params"]
    assert made["url"] == "https://example.com/x?a%20b=1%262&q={begin@q}"
    assert [note.severity for note in written.notes if note.code == "http.query"] == ["degraded"]


def test_a_request_that_sends_a_file_raises() -> None:
    body = {"type": "form", "fields": [{"name": "doc", "type": "file", "value": Ref("", ("files",), "system")}]}
    fetch = Node("fetch", "http", "Fetch", params={"method": "POST", "url": "https://example.com", "body": body})
    written = dsl.write(Flow("f", "dify", graph=Graph([start(), fetch], [Edge("begin", "fetch")])), "ragflow")
    assert "raise Exception" in str(written.document)
    assert "stub" in {note.severity for note in written.notes}


def test_a_constant_stands_in_front_where_ragflow_takes_one_reference() -> None:
    mark = Node("mark", "template", "Mark", params={"template": Text(("<", Ref("each", ("item",), "item"), ">"))})
    each = Node("each", "iterate", "Each", params={"collect": {"out": Ref("mark", ("output",))}})
    each.inputs, each.body = {"item": ["a", "b"]}, Graph([mark], [Edge("each", "mark", "body")])
    values = [Ref("each", ("out",)), None, "x", 5]
    group = {"name": "output", "type": Type("string"), "values": values}
    first = Node("first", "aggregate", "First", params={"groups": [group], "skip": "null"})
    edges = [Edge("begin", "each"), Edge("each", "first", "done")]
    written = dsl.write(Flow("f", "coze", graph=Graph([start(), each, first], edges)), "ragflow")
    made = {key: each["obj"]["params"] for key, each in written.document["dsl"]["components"].items()}
    assert made["each"]["items_ref"] == "each_value@returned.output"
    refs = [each["value"] for each in made["first"]["groups"][0]["variables"]]
    assert refs == ["each@out", "first_text@result", "first_value@returned.output"]
    assert "['a', 'b']" in made["each_value"]["script"] and made["first_text"]["script"] == "x"


def test_what_is_put_together_of_references_is_put_together_in_front() -> None:
    q = Ref("begin", ("q",))
    values: dict[str, Any] = {"s": Text(("a", q)), "o": {"a": [q]}, "c": "word"}
    loop = Node("loop", "loop", "Loop", params={"count": 3, "variables": {}})
    loop.params["variables"] = {name: {"type": Type("any"), "value": value} for name, value in values.items()}
    says = Node("says", "answer", "Says", params={"text": "x"})
    loop.body = Graph([says], [Edge("loop", "says", "body")])
    params = {"lang": "python3", "style": "kwargs", "source": "def main(x): return {'a': x}\n"}
    code = Node("code", "code", "Code", params=params, inputs={"x": {"a": q}}, outputs={"a": Type()})
    edges = [Edge("begin", "loop"), Edge("loop", "code", "done")]
    written = dsl.write(Flow("f", "coze", graph=Graph([start(), loop, code], edges)), "ragflow")
    made = {key: each["obj"]["params"] for key, each in written.document["dsl"]["components"].items()}
    first = [(each["input_mode"], each["value"]) for each in made["loop"]["loop_variables"]]
    text, value = ("variable", "loop_text@result"), ("variable", "loop_value@returned.output")
    assert first == [text, value, ("constant", "word")]
    assert made["code"]["arguments"] == {"x": "code_value@returned.output"}
    assert made["code_value"]["arguments"] == {"a0": "begin@q"} and "{'a': a0}" in made["code_value"]["script"]
