"""Coze canvases: what is read, what is written, and that nothing refers to nothing."""

import asyncio
import copy
import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import pytest

import dsl
from dsl import coze
from dsl.audit import differing
from dsl.coze.formats import inside
from dsl.coze.validate import validate
from dsl.ir import Edge, Flow, Graph, Node, OnError, Ref, Text, Type
from dsl.values import node_refs, nodes, walk
from tests.dsl.corpus import files
from tests.dsl.engines.build import MODEL, PLUGIN
from tests.dsl.engines.dify import run_dify
from tests.dsl.kitchen import kitchen_sink
from tests.dsl.small import cases, end, line, nested, start

FILES = files("coze")


def bare(flow: Flow) -> Flow:
    """Without what points into a file."""
    flow = copy.deepcopy(replace(flow, raw=None))
    for node, inside_, _ in walk(flow.graph):
        node.pointer, node.folded = "", ()
        inside_.edges = [replace(edge, pointer="") for edge in inside_.edges]
    return flow


@pytest.mark.parametrize("path", FILES)
def test_what_is_read_is_written_and_read_again(path: Path) -> None:
    flow = dsl.read(path.read_bytes())
    document, _ = coze.build(flow)
    assert coze.read(document).version == flow.version
    again = bare(coze.read(document))
    assert {node.id: node.kind for node, _, _ in walk(again.graph)} == {
        node.id: node.kind for node, _, _ in walk(bare(flow).graph)
    }


@pytest.mark.parametrize("path", FILES)
def test_a_changed_title_changes_nothing_else(path: Path) -> None:
    flow = dsl.read(path.read_bytes())
    flow.graph.nodes[0].title = "Renamed"
    written = dsl.write(flow, "coze")
    assert [place.rsplit("/", 1)[-1] for place, _ in differing(flow.raw, written.document)] == ["title"]


@pytest.mark.parametrize("kind", ["F1", "F2", "F3", "F4", "F4-yaml", "F5", "F6"])
def test_every_kind_is_written_in_every_form_and_no_reference_leads_nowhere(kind: str) -> None:
    written = dsl.write(kitchen_sink(), "coze", form=kind, **({"host": "coze.example.com"} if kind == "F2" else {}))
    flow = dsl.read(written.data)
    assert flow.version == kind
    known = nodes(flow)
    for node in known.values():
        for ref in node_refs(node):
            assert not ref.node or ref.node in known, (node.id, ref)
    stubs = {note.node for note in written.notes if note.severity == "stub"}
    assert stubs == {"page", "plain", "odd"}


ONE = [case for case in cases() if case not in nested()]  # workflow each: no loops in loops
SMALL = [pytest.param(case.flow, id=case.name) for case in ONE]


@pytest.mark.parametrize("flow", [pytest.param(kitchen_sink(), id="kitchen sink"), *SMALL])
def test_the_yaml_of_an_archive_says_what_the_canvas_says(flow: Flow) -> None:
    """Conditions, variables of the app and what may fail, too; types of references, which it leaves out, are found."""
    canvas, archive = (nodes(bare(dsl.read(dsl.write(flow, "coze", form=form).data))) for form in ("F1", "F4"))
    assert archive == canvas


def test_every_port_leads_somewhere() -> None:
    document, _ = coze.build(kitchen_sink())
    _, canvas, _ = inside(document)
    leaving = {(edge["sourceNodeID"], edge["sourcePortID"]) for edge in canvas["edges"]}
    for node in canvas["nodes"]:
        if node["type"] == "8":
            wanted = ["true", *(f"true_{i}" for i in range(1, len(node["data"]["inputs"]["branches"]))), "false"]
            assert {(node["id"], port) for port in wanted} <= leaving


def test_several_ends_become_one_behind_a_merge() -> None:
    flow = kitchen_sink()
    end = replace(nodes(flow)["done"], id="done2", title="Other end")
    flow.graph.nodes.append(end)
    flow.graph.edges.append(replace(flow.graph.edges[-1], target="done2"))
    _, canvas, _ = inside(coze.build(flow)[0])
    assert [node["id"] for node in canvas["nodes"] if node["type"] == "2"] == ["900001"]
    merge = next(node for node in canvas["nodes"] if node["id"] == "end_merge")
    assert [group["name"] for group in merge["data"]["inputs"]["mergeGroups"]] == ["reply", "twice"]


CREATE = {
    "id": "c",
    "type": "39",
    "meta": {"position": {"x": 0, "y": 0}},
    "data": {
        "nodeMeta": {"title": "New talk"},
        "inputs": {
            "inputParameters": [
                {"name": "conversationName", "input": {"type": "string", "value": {"type": "literal", "content": "x"}}}
            ]
        },
        "outputs": [{"name": "isSuccess", "type": "boolean"}, {"name": "conversationId", "type": "string"}],
    },
}


def test_what_coze_does_with_conversations_is_a_tool_to_supply_elsewhere() -> None:
    document = coze.build(kitchen_sink())[0]
    document["nodes"].append(copy.deepcopy(CREATE))
    flow = coze.read(document)
    node = nodes(flow)["c"]
    assert (node.kind, node.inputs, list(node.outputs)) == (
        "tool",
        {"conversationName": "x"},
        ["isSuccess", "conversationId"],
    )
    notes = [note for note in dsl.write(flow, "dify").notes if note.node == "c" and note.code == "resource.tool"]
    assert [note.severity for note in notes] == ["needs_binding"]
    assert "conversation_create" in notes[0].message
    [back] = [each for each in coze.build(flow)[0]["nodes"] if each["id"] == "c"]
    assert back["type"] == "39"
    assert [each["name"] for each in back["data"]["inputs"]["inputParameters"]] == ["conversationName"]


@pytest.mark.parametrize("mode", ["chat", "workflow"])
def test_what_the_template_of_an_answer_calls_by_name_is_no_result(mode: Literal["chat", "workflow"]) -> None:
    done = Node("done", "end", "End", params={"message": Text(("Hi ", Ref("begin", ("q",)), "!"))})
    flow = coze.read(coze.build(Flow("f", "ir", mode=mode, graph=line(start(), done)))[0])
    (done,) = [node for node in flow.graph.nodes if node.kind == "end"]
    assert (done.inputs, done.outputs) == ({}, {})
    assert done.params["message"] == Text(("Hi ", Ref("100001", ("q",)), "!"))
    assert "end.results" not in {note.code for note in dsl.write(flow, "dify").notes}


def asked(**outputs: Type) -> Flow:
    """Somebody presses one of two buttons."""
    actions = [{"id": "yes", "title": "Yes"}, {"id": "no", "title": "No"}]
    gate = Node(
        "gate", "ask", "Gate", params={"question": "Grant?", "actions": actions, "timeout_s": 60}, outputs=outputs
    )
    says = [Node(name, "answer", name, params={"text": name}) for name in ("granted", "denied", "late")]
    ports = zip(says, ("action:yes", "action:no", "timeout"), strict=True)
    edges = [Edge("begin", "gate"), *(Edge("gate", say.id, port) for say, port in ports)]
    return Flow(
        "f", "dify", graph=Graph([start(), gate, *says, end()], [*edges, *(Edge(say.id, "done") for say in says)])
    )


def test_each_button_of_an_approval_leads_where_it_led_and_nothing_else_does() -> None:
    canvas, notes = coze.build(asked())
    (gate,) = [node for node in canvas["nodes"] if node["type"] == "18"]
    assert (gate["data"]["inputs"]["answer_type"], gate["data"]["inputs"]["options"]) == (
        "option",
        [{"name": "Yes"}, {"name": "No"}],
    )
    titles = {node["id"]: node["data"]["nodeMeta"]["title"] for node in canvas["nodes"]}
    ways = {e["sourcePortID"]: titles[e["targetNodeID"]] for e in canvas["edges"] if e["sourceNodeID"] == gate["id"]}
    assert ways == {"branch_0": "granted", "branch_1": "denied", "default": "End"}
    assert [note.severity for note in notes if note.code == "ask.actions"] == ["degraded"]


def test_an_approval_that_asks_for_more_than_a_button_raises() -> None:
    canvas, notes = coze.build(asked(why=Type("string")))
    assert [node["type"] for node in canvas["nodes"]].count("18") == 0
    assert [note.severity for note in notes if note.code == "ask.actions"] == ["stub"]
    assert "raise Exception" in str(canvas)


def test_what_is_given_out_after_an_error_has_the_name_of_the_output_on_each_side() -> None:
    ask = Node("ask", "llm", "Ask", params={"model": "m"}, on_error=OnError("default", default={"text": "unknown"}))
    end_ = end(said=(Ref("ask", ("text",)), Type("string")))
    flow = Flow("f", "dify", graph=Graph([start(), ask, end_], [Edge("begin", "ask"), Edge("ask", "done")]))
    canvas, _ = coze.build(flow)
    (written,) = [node["data"] for node in canvas["nodes"] if node["type"] == "3"]
    assert json.loads(written["inputs"]["settingOnError"]["dataOnErr"]) == {"output": "unknown"}
    (back,) = [node for node in nodes(coze.read(canvas)).values() if node.kind == "llm"]
    assert back.on_error.default == {"text": "unknown"}


def test_a_result_called_error_is_no_error_of_its_node() -> None:
    first = Node(
        "a", "code", "A", params={"lang": "python3", "style": "args", "source": ""}, outputs={"error": Type("string")}
    )
    end_ = end(problem=(Ref("a", ("error",)), Type("string")))
    flow = Flow("f", "dify", graph=Graph([start(), first, end_], [Edge("begin", "a"), Edge("a", "done")]))
    canvas, _ = coze.build(flow)
    (written,) = [node["data"] for node in canvas["nodes"] if node["type"] == "2"]
    assert written["inputs"]["inputParameters"][0]["input"]["value"]["content"]["name"] == "error"


@pytest.mark.parametrize(("limit", "told"), [(None, ["degraded"]), (50, [])])
def test_a_batch_that_may_leave_elements_out_says_so(limit: int | None, told: list[str]) -> None:
    each = Node("in", "answer", "In", params={"text": Text((Ref("all", ("item",), "item"),))})
    params = {"parallel": 4, "collect": {}} | ({} if limit is None else {"limit": limit})
    every = Node("all", "iterate", "All", params=params, inputs={"xs": Ref("begin", ("xs",))}, body=Graph([each], []))
    begin = start(xs=Type("array", items=Type("string")))
    flow = Flow("f", "dify", graph=Graph([begin, every, end()], [Edge("begin", "all"), Edge("all", "done", "done")]))
    canvas, notes = coze.build(flow)
    (batch,) = [node["data"]["inputs"] for node in canvas["nodes"] if node["type"] == "28"]
    assert batch["batchSize"]["value"]["content"] == (limit or 100)
    assert [note.severity for note in notes if note.code == "iterate.limit"] == told


def test_outputs_with_names_that_coze_has_not_are_given_out_by_names_that_it_has() -> None:
    names = {"Image URL": "a", "1st": "b"}
    fields = Node("fields", "set", "Fields", inputs=dict(names), outputs=dict.fromkeys(names, Type("string")))
    reads = {f"r{i}": (Ref("fields", (name,)), Type("string")) for i, name in enumerate(names)}
    flow = Flow("t", "n8n", graph=line(start(), fields, end(**reads)))
    document, _ = coze.build(flow)
    made = next(node["data"] for node in inside(document)[1]["nodes"] if node["id"] == "fields")
    scope: dict[str, Any] = {}
    exec(made["inputs"]["code"], scope)
    given = asyncio.run(scope["main"](SimpleNamespace(params={})))
    assert given == {"Image_URL": "a", "v_1st": "b"}
    assert [each["name"] for each in made["outputs"]] == list(given)
    assert [ref.path[0] for node in nodes(coze.read(document)).values() for ref in node_refs(node)] == list(given)


def over_lists(*fields: str) -> dict[str, Any]:
    """A model that Coze runs over a list, with these fields in each of its answers."""
    each = {"type": "ref", "content": {"source": "block-output", "blockID": "ask", "name": "item1.name"}}
    walked = {"type": "ref", "content": {"source": "block-output", "blockID": "100001", "name": "q"}}
    given = end(r=(Ref("ask", ("outputList",)), Type("array")))
    model = Node("ask", "llm", "Ask", params={"mode": "chat", "messages": [{"role": "user", "text": "x"}]})
    document: dict[str, Any] = coze.build(Flow("f", "ir", graph=line(start(q=Type("array")), model, given)))[0]
    data = next(node for node in document["nodes"] if node["id"] == "ask")["data"]
    data["inputs"]["inputParameters"] = [{"name": "one", "input": {"type": "string", "value": each}}]
    lists = [{"name": "item1", "input": {"type": "list", "value": walked}}]
    data["inputs"]["batch"] = {"batchEnable": True, "batchSize": 10, "concurrentSize": 2, "inputLists": lists}
    params = {each["name"]: each for each in data["inputs"]["llmParam"]}
    params["prompt"]["input"] = literal("string", "about {{one}}")
    params["responseFormat"]["input"] = literal("integer", "2" if len(fields) > 1 else "0")
    row = [{"name": name, "type": "string"} for name in fields]
    data["outputs"] = [{"name": "outputList", "type": "list", "schema": {"type": "object", "schema": row}}]
    return document


def literal(kind: str, value: str) -> dict[str, Any]:
    return {"type": kind, "value": {"type": "literal", "content": value}}


def test_what_a_node_that_runs_over_lists_reads_of_itself_is_the_element() -> None:
    node = nodes(coze.read(over_lists("output")))["ask"]
    assert node.body is not None and node.body.nodes[0].inputs == {"one": Ref("ask", ("item1", "name"), "item")}


@pytest.mark.parametrize(
    ("fields", "collected"),
    [
        (("output",), {"output": Ref("ask_inner", ("text",))}),
        (("city", "days"), {name: Ref("ask_inner", ("structured", name)) for name in ("city", "days")}),
    ],
)
def test_the_list_of_a_node_that_runs_over_lists_holds_what_it_gives_out_by_name(
    fields: tuple[str, ...], collected: dict[str, Ref]
) -> None:
    read = coze.read(over_lists(*fields))
    assert nodes(read)["ask"].params["collect"] == {"outputList": collected}
    assert [each for each in dsl.check(read) if each.code in ("title.twice", "ref.output")] == []
    (again,) = [node for node in coze.build(read)[0]["nodes"] if node["id"] == "ask"]
    (before,) = [node for node in over_lists(*fields)["nodes"] if node["id"] == "ask"]
    assert again["data"]["outputs"] == before["data"]["outputs"]
    assert again["data"]["inputs"]["batch"]["batchEnable"] is True


@pytest.mark.engines
def test_a_model_that_coze_runs_over_a_list_answers_for_each_on_dify() -> None:
    document = dsl.write(coze.read(over_lists("output")), "dify").document
    for node in document["workflow"]["graph"]["nodes"]:
        if node["data"]["type"] == "llm":
            node["data"]["model"] |= MODEL
    document["dependencies"] = [{"type": "marketplace", "value": {"marketplace_plugin_unique_identifier": PLUGIN}}]
    ran = run_dify(json.dumps(document), {"q": '[{"name": "x"}, {"name": "y"}]'})
    rows = [{"output": f"LLM<about {name}>"} for name in "xy"]
    assert (ran.status, ran.outputs) == ("succeeded", {"r": rows}), ran


def test_the_question_of_a_workflow_that_is_no_chat_is_empty_and_told() -> None:
    says = Node("say", "answer", "Say", params={"text": Text(("You said ", Ref("", ("query",), "system")))})
    canvas, notes = coze.build(Flow("f", "dify", graph=line(start(), says, end())))
    assert "USER_INPUT" not in str(canvas)
    assert [(note.severity, note.node) for note in notes if note.code == "ref.system"] == [("degraded", "say")]


def test_all_that_came_in_is_an_object_of_what_is_asked() -> None:
    params = {"lang": "python3", "style": "args", "source": "async def main(args):\n    return {}\n"}
    code = Node("c", "code", "C", params=params, inputs={"all": Ref("begin", ())})
    canvas, _ = coze.build(Flow("f", "n8n", graph=line(start(q=Type("string"), n=Type("number")), code, end())))
    (given,) = next(node["data"]["inputs"]["inputParameters"] for node in canvas["nodes"] if node["id"] == "c")
    assert given["input"]["value"] == {"type": "object_ref"}
    whole = {"q": Ref("100001", ("q",)), "n": Ref("100001", ("n",))}
    assert nodes(coze.read(canvas))["c"].inputs == {"all": whole}


def test_code_that_imports_what_coze_studio_has_not_says_so() -> None:
    source = "import json, pandas as pd\nfrom requests.auth import AuthBase\ndef main(q):\n    return {}\n"
    params = {"lang": "python3", "style": "kwargs", "source": source}
    code = Node("c", "code", "C", params=params, outputs={"x": Type("string")})
    notes = coze.build(Flow("f", "dify", graph=line(start(), code, end())))[1]
    (told,) = (note for note in notes if note.code == "code.import")
    assert (told.severity, told.node) == ("degraded", "c") and "pandas, requests" in told.message


def test_what_goes_on_to_the_next_round_asks_whether_the_loop_ends() -> None:
    goes_on = Node("on", "continue", "On")
    until = {"logic": "and", "conditions": [{"left": Ref("l", (), "index"), "op": "gt", "right": 2, "type": "number"}]}
    loop = Node(
        "l", "loop", "Loop", params={"until": until, "count": 5}, body=Graph([goes_on], [Edge("l", "on", "body")])
    )
    canvas, _ = coze.build(Flow("f", "ir", graph=line(start(), loop, end())))
    (made,) = (node for node in canvas["nodes"] if node["id"] == "l")
    assert [block["type"] for block in made["blocks"]] == ["8", "19"]
    assert ("l", "l_until") in {(each["sourceNodeID"], each["targetNodeID"]) for each in made["edges"]}
    assert validate(canvas) == []


def test_a_name_that_is_no_text_stops_no_check() -> None:
    document = coze.build(Flow("f", "ir", graph=line(start(), end())))[0]
    document["nodes"][0]["data"]["outputs"] = [{"name": ["nil"]}]
    assert isinstance(dsl.check(coze.read(document)), list)


def test_a_form_of_several_fields_is_told_to_be_one_question_whose_answer_a_model_reads() -> None:
    fields = {"order": Type("string"), "mood": Type("string", options=("bad", "worse"))}
    ask = Node("form", "ask", "Form", params={"question": "How was it?"}, outputs=fields)
    graph = Graph([Node("begin", "start", "Begin"), ask], [Edge("begin", "form")])
    told = dsl.write(Flow("F", "ragflow", graph=graph), "coze").notes
    assert [(note.severity, note.code) for note in told if note.node == "form" and note.severity != "equivalent"] == [
        ("degraded", "type.narrowed"),
        ("degraded", "ask.fields"),
        ("needs_binding", "resource.model"),
    ]
    assert "mood (bad, worse)" in next(note.message for note in told if note.code == "type.narrowed")


@pytest.mark.parametrize("target", ["dify", "n8n", "ragflow"])
def test_the_time_limit_of_a_node_is_told_where_somebody_set_it(target: str) -> None:
    def told(limit: int) -> list[str]:
        code = Node(
            "c", "code", "C", params={"lang": "python3", "style": "args", "source": "async def main(args): pass"}
        )
        code.on_error = OnError(timeout_ms=limit)
        flow = dsl.read(dsl.write(Flow("f", "coze", graph=line(start(), code, end())), "coze").data)
        return [note.node for note in dsl.write(flow, target).notes if note.code == "error.timeout"]

    assert (told(180_000), told(5_000)) == ([], ["c"])
