"""What one platform gives out of a node and another does not: computed in another way, or told and failing."""

import asyncio
import json
from dataclasses import replace
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest

import dsl
from dsl import ragflow
from dsl.coze.formats import inside
from dsl.ir import Edge, Flow, Graph, Node, OnError, Ref, Resource, Text, Type
from dsl.values import leaves, nodes
from tests.dsl.engines.build import assign, node, workflow
from tests.dsl.engines.n8n_core import run_n8n_core

MODEL = Resource("model:1", "model", "gpt", {"provider": "langgenius/openai/openai"})
SCHEMA = {"type": "object", "properties": {"answer": {"type": "string"}, "mood": {"type": "string"}}}
USING = {"model": "model:1", "messages": [{"role": "user", "text": "Hi"}]}


def model(kind: str = "llm", **params: Any) -> Node:
    return Node("ask", kind, "Ask", params=USING | params)


PRODUCERS = {
    "llm": model(),
    "agent": model("agent", query="Hi", tools=[]),
    "classify": Node(
        "ask", "classify", "Ask", params={"model": "model:1", "query": Ref("begin", ("q",)), "classes": []}
    ),
    "extract": Node(
        "ask",
        "extract",
        "Ask",
        params={"model": "model:1", "query": Ref("begin", ("q",))},
        outputs={"name": Type("string")},
    ),
    "http": Node("ask", "http", "Ask", params={"method": "GET", "url": "https://example.com"}),
    "loop": Node(
        "ask",
        "loop",
        "Ask",
        params={"count": 2, "variables": {"i": {"type": Type("number"), "value": 0}}},
        outputs={"i": Type("number")},
        body=Graph([Node("step", "pass", "Step")], [Edge("ask", "step", "body")]),
    ),
    "question": Node("ask", "ask", "Ask", params={"question": "Which?", "options": ["red", "blue"]}),
}
ONWARD = {"loop": "done", "question": "option:0", "classify": "default"}


def flow(kind: str, *path: str | int, mode: Any = "workflow") -> Flow:
    """One node, and an end that reads an output of it."""
    chain = [
        Node("begin", "start", "Start", outputs={"q": Type("string")}),
        PRODUCERS[kind],
        Node("done", "end", "End", inputs={"r": Ref("ask", path)}, outputs={"r": Type("string")}),
    ]
    edges = [
        Edge(one.id, other.id, ONWARD.get(kind, "out") if one.id == "ask" else "out") for one, other in pairwise(chain)
    ]
    return Flow("f", "ir", mode=mode, graph=Graph(chain, edges), resources=[MODEL])


LACKED = [
    ("coze", "llm", ("usage", "total_tokens")),
    ("coze", "llm", ("finish_reason",)),
    ("coze", "agent", ("json",)),
    ("coze", "classify", ("usage",)),
    ("coze", "extract", ("reason",)),
    ("coze", "extract", ("is_success",)),
    ("coze", "http", ("files",)),
    ("coze", "loop", ("rounds",)),
    ("coze", "question", ("filled",)),
    ("dify", "agent", ("reasoning",)),
    ("dify", "classify", ("reason",)),
    ("dify", "question", ("chosen_id",)),
    ("n8n", "llm", ("usage", "total_tokens")),
    ("n8n", "classify", ("reason",)),
    ("n8n", "extract", ("reason",)),
]


@pytest.mark.parametrize(("dialect", "kind", "path"), LACKED)
def test_what_a_platform_does_not_give_out_is_told_and_fails_in_front_of_who_reads_it(
    dialect: str, kind: str, path: tuple[str, ...]
) -> None:
    written = dsl.write(flow(kind, *path), dialect)
    assert [note.node for note in written.notes if (note.severity, note.code) == ("stub", "ref.output")] == ["done"]
    read = dsl.read(written.data)
    fails = [node for node in nodes(read).values() if "does not give out" in str(node.params.get("source"))]
    (end,) = [node for node in nodes(read).values() if node.kind == "end"]
    before = {edge.source for edge in read.graph.edges if edge.target == end.id}
    assert len(fails) == 1 and fails[0].id in before
    assert [each.message for each in dsl.check(read) if each.code == "ref.output"] == []


def two_ways(kind: str, *path: str | int) -> Flow:
    """The node on one of two ways that meet again, where what it gives, or else the other's, is taken."""
    made = flow(kind, *path)
    begin, asked, done = made.graph.nodes
    case = {"logic": "and", "conditions": [{"left": Ref("begin", ("q",)), "op": "eq", "right": "a", "type": "string"}]}
    fork = Node("fork", "if", "Fork", params={"cases": [case]})
    other = Node("other", "template", "Other", params={"template": "other"})
    groups = [{"name": "output", "type": Type("string"), "values": [Ref("ask", path), Ref("other", ("output",))]}]
    first = Node("first", "aggregate", "First", params={"groups": groups}, outputs={"output": Type("string")})
    done.inputs = {"r": Ref("first", ("output",))}
    edges = [
        *(Edge("begin", "fork"), Edge("fork", "ask", "case:0"), Edge("fork", "other", "else")),
        *(Edge("ask", "first", ONWARD.get(kind, "out")), Edge("other", "first"), Edge("first", "done")),
    ]
    return replace(made, graph=Graph([begin, fork, asked, other, first, done], edges))


@pytest.mark.parametrize(("dialect", "kind", "path"), LACKED)
def test_it_fails_only_on_the_way_that_leads_by_who_should_give_it(
    dialect: str, kind: str, path: tuple[str, ...]
) -> None:
    read = dsl.read(dsl.write(two_ways(kind, *path), dialect).data)
    [fails] = [id_ for id_, node in nodes(read).items() if "does not give out" in str(node.params.get("source"))]
    [before] = {edge.source for edge in read.graph.edges if edge.target == fails}
    titles = {id_: node.title for id_, node in nodes(read).items()}
    assert titles[before] != "Other"
    assert "Other" in {titles[edge.source] for edge in read.graph.edges if titles[edge.target] == "First"}


@pytest.mark.engines
@pytest.mark.parametrize(("said", "status"), [("a", "failed"), ("b", "succeeded")])
def test_what_is_lacked_stops_no_other_way(said: str, status: str) -> None:
    made = two_ways("http", "files")
    address = {"method": "GET", "url": "http://127.0.0.1:9"}
    made.graph.nodes[2] = replace(PRODUCERS["http"], params=address, on_error=OnError("continue"))
    ran = run_n8n_core(dsl.write(made, "n8n", trigger="call").document, {"q": said})
    assert ran.status == status
    assert said == "a" or ran.outputs == {"r": "other"}


@pytest.mark.parametrize(("dialect", "kind", "path"), [each for each in LACKED if each[0] != "n8n"])
def test_check_names_what_a_platform_does_not_give_out(dialect: str, kind: str, path: tuple[str, ...]) -> None:
    if path == ("chosen_id",):
        return  # Dify has it; only what another platform calls so is not the same
    found = dsl.check(replace(flow(kind, *path), dialect=dialect))
    assert [(each.level, each.node) for each in found if each.code == "ref.output"] == [("error", "done")]


@pytest.mark.parametrize("dialect", ["dify", "coze", "n8n", "ragflow"])
def test_what_every_platform_gives_out_needs_no_word(dialect: str) -> None:
    written = dsl.write(flow("llm", "text"), dialect)
    assert not [note for note in written.notes if note.code in ("ref.output", "output.computed")]


def test_check_names_a_field_that_a_structured_answer_does_not_have() -> None:
    made = flow("llm", "structured", "colour")
    made.graph.nodes[1] = model(schema=SCHEMA)
    for dialect in ("dify", "coze"):
        assert [each.code for each in dsl.check(replace(made, dialect=dialect)) if each.level == "error"] == [
            "ref.output"
        ]


@pytest.mark.parametrize("kind", ["llm", "agent"])
@pytest.mark.parametrize(
    ("output", "expected"),
    [("text", '{"answer": "yes", "mood": "good"}'), ("structured", {"answer": "yes", "mood": "good"})],
)
def test_an_answer_in_fields_is_put_together_on_coze_where_it_is_wanted_as_a_whole(
    kind: str, output: str, expected: Any
) -> None:
    made = flow("llm", output)
    made.graph.nodes[1] = model(kind, schema=SCHEMA)
    written = dsl.write(made, "coze")
    _, canvas, _ = inside(written.document)
    (code,) = [each["data"]["inputs"] for each in canvas["nodes"] if each["type"] == "5"]
    there: dict[str, Any] = {}
    exec(code["code"], there)
    answered = {"answer": "yes", "mood": "good"}
    given = {each["name"]: answered[each["input"]["value"]["content"]["name"]] for each in code["inputParameters"]}
    assert asyncio.run(there["main"](SimpleNamespace(params=given))) == {"output": expected}
    assert [note.severity for note in written.notes if note.code == "output.computed"] == ["equivalent"]
    assert [each.message for each in dsl.check(dsl.read(written.data)) if each.level == "error"] == []


def test_an_agent_of_dify_is_told_to_answer_in_fields_and_its_answer_is_read_as_json() -> None:
    made = flow("agent", "structured", "mood", mode="chat")
    made.graph.nodes[1] = model("agent", query="Hi", tools=[], schema=SCHEMA)
    written = dsl.write(made, "dify")
    agent = next(each["data"] for each in written.document["workflow"]["graph"]["nodes"] if each["id"] == "ask")
    assert json.dumps(SCHEMA) in agent["agent_parameters"]["instruction"]["value"]
    parse = next(each["data"] for each in written.document["workflow"]["graph"]["nodes"] if "structured" in each["id"])
    there: dict[str, Any] = {}
    exec(parse["code"], there)
    for said in ('{"mood": "good"}', 'Here you are:\n```json\n{"mood": "good"}\n```'):
        assert there["main"](answer=said) == {"output": {"mood": "good"}}
    with pytest.raises(ValueError):
        there["main"](answer="I feel good.")
    assert ".structured" not in str(written.document)
    assert [note.severity for note in written.notes if note.code == "agent.schema"] == ["degraded"]
    assert [each.message for each in dsl.check(dsl.read(written.data)) if each.level == "error"] == []


def test_what_was_chosen_is_there_on_dify_coze_and_ragflow() -> None:
    made = flow("question", "chosen")
    for dialect, name in (("dify", "__action_value"), ("coze", "optionContent"), ("ragflow", "ask@choice")):
        written = dsl.write(made, dialect)
        assert name in str(written.document), dialect
        assert [note for note in written.notes if note.code == "ref.output"] == []
        read = dsl.read(written.data)
        assert [each.message for each in dsl.check(read) if each.level == "error"] == []
        end = next(each for each in nodes(read).values() if each.kind in ("end", "answer"))
        said = getattr(end.params.get("text"), "parts", ())
        chosen = Ref("UserFillUp_ask", ("choice",)) if dialect == "ragflow" else Ref("ask", ("chosen",))
        assert chosen in (end.inputs.get("r"), *said)


@pytest.mark.parametrize(("dialect", "name"), [("coze", "files"), ("coze", "user_id"), ("dify", "workflow_name")])
def test_what_a_platform_does_not_know_of_the_system_is_told_and_fails(dialect: str, name: str) -> None:
    made = flow("llm", "text")
    made.graph.nodes[-1].inputs["r"] = Ref("", (name,), "system")
    written = dsl.write(made, dialect)
    assert [(note.severity, note.node) for note in written.notes if note.code == "ref.system"] == [("stub", "done")]
    assert "raise Exception" in str(written.document) and f"sys.{name}" not in str(written.document)


def test_what_means_nothing_is_told_of_and_stops_nothing() -> None:
    made = flow("llm", "structured", "colour")
    made.graph.nodes[1] = model(schema={"type": "object", "properties": {1: {"type": "string"}}})
    made.graph.nodes[-1].inputs["all"] = Ref("", (), "system")
    for dialect in ("coze", "dify", "n8n", "ragflow"):
        dsl.write(made, dialect)
        assert "ref.output" in {each.code for each in dsl.check(replace(made, dialect=dialect))}


def test_what_coze_does_not_take_fails_nowhere() -> None:
    made = flow("llm", "text")
    made.graph.nodes[1] = model(vision=Ref("", ("files",), "system"))
    assert [note for note in dsl.write(made, "coze").notes if note.severity == "stub"] == []


def test_what_two_read_and_a_platform_lacks_is_told_for_both() -> None:
    made = flow("llm", "usage")
    say = Node("say", "answer", "Say", params={"text": Text(("Used: ", Ref("ask", ("usage",))))})
    made.graph.nodes.insert(2, say)
    made.graph.edges = [Edge("begin", "ask"), Edge("ask", "say"), Edge("say", "done")]
    notes = [note.node for note in dsl.write(made, "coze").notes if note.code == "ref.output"]
    assert notes == ["say", "done"]


def dify_app(*data: dict[str, Any]) -> dict[str, Any]:
    """A Dify workflow of these nodes, one after the other; their ids are n0, n1 ..."""
    listed = [
        {"id": f"n{i}", "type": "custom", "position": {"x": 0, "y": 0}, "data": each} for i, each in enumerate(data)
    ]
    edges = [
        {
            "id": f"e{i}",
            "source": f"n{i}",
            "sourceHandle": each.pop("handle", "source"),
            "target": f"n{i + 1}",
            "data": {},
        }
        for i, each in enumerate(data[:-1])
    ]
    graph = {"nodes": listed, "edges": edges}
    return {"version": "0.6.0", "kind": "app", "app": {"name": "t", "mode": "workflow"}, "workflow": {"graph": graph}}


def results(**selectors: list[str]) -> dict[str, Any]:
    given = [{"variable": name, "value_selector": steps} for name, steps in selectors.items()]
    return {"type": "end", "title": "End", "outputs": given}


HOOK = {"type": "trigger-webhook", "title": "Hook", "method": "post", "params": [], "headers": [], "body": []}
FORM = {
    "type": "human-input",
    "title": "Form",
    "form_content": "Why? {{#$output.why#}} {{#$output.a-b#}}",
    "inputs": [{"type": "paragraph", "output_variable_name": "why"}],
    "user_actions": [{"id": "ok", "title": "OK"}],
    "handle": "ok",
}
FORK = {
    "type": "if-else",
    "title": "Fork",
    "cases": [{"case_id": "true", "logical_operator": "and", "conditions": []}],
    "handle": "true",
}


def wrong(made: Flow) -> list[str]:
    return [each.message for each in dsl.check(made) if each.level == "error"]


def test_the_parts_of_a_request_to_dify_are_no_wrong_references_and_are_asked_for_elsewhere() -> None:
    app = dify_app(HOOK | {}, results(r=["n0", "_webhook_raw", "body", "items"], all=["n0", "_webhook_raw"]))
    read = dsl.read(json.dumps(app))
    assert wrong(read) == []
    assert dsl.write(replace(read, raw=None), "dify").document["workflow"]["graph"]["nodes"][0]["data"]["body"] == []
    written = dsl.write(read, "coze")
    assert [each["name"] for each in written.document["nodes"][0]["data"]["outputs"]] == ["body"]
    assert [note.code for note in written.notes if note.severity == "stub"] == ["ref.output"]


def test_the_fields_of_a_form_of_dify_are_no_wrong_references() -> None:
    app = dify_app({"type": "start", "title": "Start", "variables": []}, FORM | {}, results(r=["n1", "__action_id"]))
    found = wrong(dsl.read(json.dumps(app)))
    assert len(found) == 1 and "{{#$output.a-b#}}" in found[0]


@pytest.mark.parametrize("platform", ["coze", "n8n", "ragflow"])
def test_where_a_form_of_dify_shows_a_field_is_no_text_elsewhere(platform: str) -> None:
    asking = FORM | {"form_content": "Why?\n\n{{#$output.why#}}"}
    app = dify_app({"type": "start", "title": "Start", "variables": []}, asking, results(r=["n1", "why"]))
    written = dsl.write(dsl.read(json.dumps(app)), platform)
    assert "$output" not in str(written.document)
    assert platform == "coze" or "Why?" in str(written.document)  # a stub there


def test_a_form_on_dify_shows_its_fields_and_they_come_back_as_they_were() -> None:
    made = flow("question", "why")
    made.graph.nodes[1] = Node("ask", "ask", "Ask", params={"question": "Why?"}, outputs={"why": Type("string")})
    made.graph.edges = [Edge("begin", "ask"), Edge("ask", "done")]
    written = dsl.write(made, "dify")
    assert "Why?\n\n{{#$output.why#}}" in [each for _, each in leaves(written.document)]
    assert nodes(dsl.read(written.data))["ask"].params["question"] == "Why?"


def test_what_only_dify_gives_out_is_no_wrong_reference_there_and_fails_elsewhere() -> None:
    app = dify_app(
        {"type": "start", "title": "Start", "variables": []}, FORK | {}, results(r=["n1", "selected_case_id"])
    )
    read = dsl.read(json.dumps(app))
    assert wrong(read) == []
    for dialect in ("coze", "n8n"):
        assert ("stub", "ref.output") in {(each.severity, each.code) for each in dsl.write(read, dialect).notes}


def test_what_only_ragflow_gives_out_of_code_is_no_wrong_reference_there_and_fails_elsewhere() -> None:
    params = {"lang": "python", "script": "def main():\n    return {'n': 1}\n", "outputs": {"n": {"type": "Number"}}}
    components = {
        "begin": {"obj": {"component_name": "Begin", "params": {}}, "downstream": ["CodeExec:A"], "upstream": []},
        "CodeExec:A": {
            "obj": {"component_name": "CodeExec", "params": params},
            "downstream": ["Message:B"],
            "upstream": ["begin"],
        },
        "Message:B": {
            "obj": {"component_name": "Message", "params": {"content": ["{CodeExec:A@content}"]}},
            "downstream": [],
            "upstream": ["CodeExec:A"],
        },
    }
    read = ragflow.read({"dsl": {"components": components, "graph": {"nodes": [], "edges": []}}})
    assert wrong(read) == []
    for dialect in ("dify", "coze", "n8n"):
        written = dsl.write(read, dialect)
        assert ("stub", "ref.output") in {(each.severity, each.code) for each in written.notes}, dialect
        assert wrong(dsl.read(written.data)) == []


def test_a_branch_of_coze_that_ends_the_round_of_a_loop_needs_no_word() -> None:
    made = flow("loop", "i")
    fork = Node("fork", "if", "Fork", params={"cases": [{"logic": "and", "conditions": []}]})
    made.graph.nodes[1] = replace(
        made.graph.nodes[1], body=Graph([fork, Node("leave", "break", "Leave")], [Edge("ask", "fork", "body")])
    )
    body = made.graph.nodes[1].body
    assert body is not None
    body.edges.append(Edge("fork", "leave", "case:0"))
    assert [each.code for each in dsl.check(dsl.read(dsl.write(made, "coze").data))] == []


# -- what a classifier calls its classes

CLASSES = [{"name": "Prices"}, {"name": "Rest", "id": "1712"}]


def classified(source: str, output: str) -> Flow:
    made = flow("classify", output)
    made.dialect = source
    made.graph.nodes[1].params["classes"] = (
        CLASSES if source == "dify" else [{"name": each["name"]} for each in CLASSES]
    )
    made.graph.edges = [Edge("begin", "ask"), Edge("ask", "done", "class:0"), Edge("ask", "done", "class:1")]
    return made


@pytest.mark.parametrize(
    ("source", "target", "output", "given", "read"),
    [
        ("dify", "coze", "class_id", 1, "1"),
        ("dify", "coze", "class_id", 2, "1712"),
        ("dify", "coze", "class_name", 2, "Rest"),
        ("dify", "ragflow", "class_id", "Rest", "1712"),
        ("coze", "dify", "class_id", "2", 2),
        ("coze", "dify", "class_id", "flowstill_other", 0),
        ("coze", "ragflow", "class_id", "Prices", 1),
        ("ragflow", "coze", "class_name", 1, "Prices"),
    ],
)
def test_the_class_that_was_chosen_is_called_as_where_the_flow_comes_from(
    source: str, target: str, output: str, given: Any, read: Any
) -> None:
    written = dsl.write(classified(source, output), target)
    assert [note.node for note in written.notes if note.code == "class.output"] == ["done"]
    assert [note for note in written.notes if note.code == "ref.output"] == []
    (code,) = [node for node in nodes(dsl.read(written.data)).values() if node.kind == "code"]
    there: dict[str, Any] = {}
    exec(code.params["source"], there)
    assert there["main"](given) == {"output": read}
    assert [each.message for each in dsl.check(dsl.read(written.data)) if each.level == "error"] == []


@pytest.mark.parametrize(("source", "names"), [("dify", '["1", "1712"]'), ("coze", "[1, 2]")])
def test_n8n_calls_the_class_by_the_output_that_was_taken(source: str, names: str) -> None:
    assert f"({names}.find(" in str(dsl.write(classified(source, "class_id"), "n8n").document)


def test_a_class_that_rounds_collect_is_translated_in_them() -> None:
    made = classified("dify", "class_name")
    begin, ask, done = made.graph.nodes
    each = Node("each", "iterate", "Each", inputs={"item": ["a"]}, outputs={"output": Type("array")})
    each.params = {"collect": {"output": Ref("ask", ("class_name",))}}
    each.body = Graph([ask], [Edge("each", "ask", "body")])
    done.inputs = {"r": Ref("each", ("output",))}
    made.graph = Graph([begin, each, done], [Edge("begin", "each"), Edge("each", "done", "done")])
    read = dsl.read(dsl.write(made, "coze").data)
    body = next(node.body for node in nodes(read).values() if node.body is not None)
    assert [node.kind for node in body.nodes] == ["classify", "code"]


@pytest.mark.parametrize("output", ["class_id", "class_name"])
@pytest.mark.parametrize("source", ["dify", "coze", "ragflow"])
@pytest.mark.parametrize("target", ["dify", "coze", "ragflow"])
def test_the_class_is_called_the_same_after_a_journey_over_n8n(source: str, target: str, output: str) -> None:
    there = dsl.read(dsl.write(classified(source, output), "n8n").data)
    assert nodes(there)["done"].inputs == {"r": Ref("ask", (output,))}
    written = dsl.write(there, target)
    assert [note for note in written.notes if note.code == "ref.script"] == []
    assert [each.message for each in dsl.check(dsl.read(written.data)) if each.level == "error"] == []


@pytest.mark.parametrize(("given", "read"), [(1, "Prices"), (2, "Rest"), (0, "Prices")])
def test_what_fits_no_class_of_dify_has_the_name_of_the_first_on_coze_over_n8n(given: int, read: str) -> None:
    there = dsl.read(dsl.write(classified("dify", "class_name"), "n8n").data)
    (code,) = [node for node in nodes(dsl.read(dsl.write(there, "coze").data)).values() if node.kind == "code"]
    space: dict[str, Any] = {}
    exec(code.params["source"], space)
    assert space["main"](given) == {"output": read}


@pytest.mark.parametrize("words", ["[1 2]", '["\\x", "b"]', "['a', 'b']", '["Prices"]', "[1, 2]"])
def test_what_only_looks_like_a_class_that_was_chosen_is_an_expression(words: str) -> None:
    document = dsl.write(classified("dify", "class_id"), "n8n").document
    document = json.loads(json.dumps(document).replace(json.dumps('["1", "1712"]')[1:-1], json.dumps(words)[1:-1]))
    ask = next(each for each in document["nodes"] if each["name"] == "Ask")
    ask["disabled"] = words == "[1, 2]"
    for target in ("dify", "coze", "ragflow"):
        codes = {note.code for note in dsl.write(dsl.read(json.dumps(document)), target).notes}
        assert "ref.script" in codes


@pytest.mark.parametrize(
    ("target", "told"), [("dify", ["code"]), ("coze", ["status", "code"]), ("ragflow", ["status", "code"])]
)
def test_what_a_platform_does_not_tell_of_a_failure_is_told_and_fails_there(target: str, told: list[str]) -> None:
    said = assign("Bad", s="={{ $json.error.status }}", c="={{ $json.error.code }}", m="={{ $json.error.message }}")
    written = dsl.write(dsl.read(json.dumps(workflow([FAILING, said], "H.1>Bad"))), target)
    lost = [note.message for note in written.notes if note.code == "ref.output"]
    assert sorted(message.partition(" of ")[0].rpartition("error.")[2] for message in lost) == sorted(told)
    assert [each.message for each in dsl.check(dsl.read(written.data)) if each.code == "ref.output"] == []


FAILING = node("H", "httpRequest", 4.2, url="https://e.com", options={}) | {"onError": "continueErrorOutput"}


@pytest.mark.parametrize("target", ["coze", "n8n"])
@pytest.mark.parametrize("kind", ["llm", "agent"])
def test_images_that_a_model_saw_are_told_where_it_sees_none(target: str, kind: str) -> None:
    made = flow("llm", "text")
    made.graph.nodes[1] = model(vision=Ref("", ("files",), "system"))
    made.graph.nodes[1].kind = kind
    assert [note.node for note in dsl.write(made, target).notes if note.code == "llm.vision"] == ["ask"]


@pytest.mark.parametrize(("target", "key"), [("coze", "systemPrompt"), ("dify", "instruction")])
def test_what_classes_say_of_themselves_stands_in_the_instruction_where_they_have_names_only(
    target: str, key: str
) -> None:
    classes = [
        {"name": "food", "description": "what one eats", "examples": ["an apple", "soup"]},
        {"name": "place", "description": "", "examples": ["a roof"]},
        {"name": "rest", "description": "", "examples": []},
    ]
    params = {"model": "m", "query": Ref("begin", ("q",)), "instruction": "Be quick.", "classes": classes}
    made = flow("llm", "text")
    made.graph.nodes[1] = Node("ask", "classify", "Sort", params=params)
    made.graph.edges = [Edge("begin", "ask"), *(Edge("ask", "done", f"class:{i}") for i in range(3))]
    made.graph.nodes[-1].inputs = {}
    written = dsl.write(made, target)
    said = json.dumps("Be quick.\n\nfood: what one eats, for example an apple; soup\nplace: for example a roof")
    found = json.dumps(dsl.read(written.data).raw)
    assert said in found and key in found
    assert [note.code for note in written.notes].count("classify.description") == 1
