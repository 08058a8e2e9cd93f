"""What is changed between the way there and the way back with a sidecar comes back: no edge that nobody drew."""

import copy
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import dsl
from dsl import Written, sidecar
from dsl.dump import dump_json
from dsl.ir import Flow
from dsl.values import graphs, nodes
from tests.dsl import corpus

MOST = 3  # connections of a file that are cut, one at a time
FILES = [path for source in ("dify", "coze", "ragflow") for path in corpus.files(source)][::3]


def _connections(document: Any) -> Iterator[list[dict[str, Any]]]:
    for kinds in document["connections"].values():
        yield from (targets for targets in kinds.get("main", []) if targets)


def _edges(flow: Flow) -> set[tuple[str, str, str]]:
    return {(edge.source, edge.port, edge.target) for graph in graphs(flow.graph) for edge in graph.edges}


def _errors(flow: Flow) -> set[str]:
    return {each.code for each in dsl.check(flow) if each.level == "error"}


@pytest.mark.parametrize("path", FILES)
def test_a_connection_that_was_cut_is_cut_on_the_way_back(path: Path) -> None:
    flow = dsl.read(path.read_bytes())
    written = dsl.write(flow, "n8n")
    kept = sidecar.make(flow, "n8n", written.document)
    places = list(range(len(list(_connections(written.document)))))
    for place in places[:: max(1, len(places) // MOST)]:
        document = copy.deepcopy(written.document)
        list(_connections(document))[place].pop()
        edited = dsl.read(json.dumps(document), "n8n")
        back, plain = dsl.restored(edited, kept), dsl.write(edited, flow.dialect)
        restored = dsl.read(back.data)
        assert _errors(restored) <= _errors(flow) | _errors(dsl.read(plain.data))
        if "sidecar.apart" in {note.code for note in back.notes}:
            assert back.data == plain.data
        else:
            assert _edges(restored) <= _edges(flow) | _edges(dsl.read(plain.data))


def test_a_step_that_was_put_in_stands_where_it_was_put() -> None:
    lines = {"sourceNodeID": "100001", "targetNodeID": "900001"}
    canvas = {
        "nodes": [
            {"id": "100001", "type": "1", "data": {"outputs": [{"type": "string", "name": "q"}], "kept": "here"}},
            {"id": "900001", "type": "2", "data": {"inputs": {"terminatePlan": "returnVariables"}}},
        ],
        "edges": [lines],
    }
    flow = dsl.read(json.dumps(canvas))
    written = dsl.write(flow, "dify")
    kept = sidecar.make(flow, "dify", written.document)
    document = copy.deepcopy(written.document)
    graph = document["workflow"]["graph"]
    code = {"type": "code", "title": "New", "code_language": "python3", "code": "def main():\n    return {}\n"}
    graph["nodes"].append({"id": "new", "data": code | {"variables": [], "outputs": {}}})
    (edge,) = graph["edges"]
    graph["edges"] = [edge | {"id": "a", "target": "new"}, edge | {"id": "b", "source": "new"}]
    back = dsl.restored(dsl.read(json.dumps(document), "dify"), kept)
    assert [node for node in nodes(dsl.read(back.data)) if node == "new"]
    assert [(each["sourceNodeID"], each["targetNodeID"]) for each in back.document["edges"]] == [
        ("100001", "new"),
        ("new", "900001"),
    ]
    assert back.document["nodes"][0]["data"]["kept"] == "here"


def _one_step(title: str, body: str = "x") -> Flow:
    code = {"type": "code", "title": title, "code_language": "python3", "variables": [], "outputs": {}}
    nodes_ = [
        {"id": "1", "data": {"type": "start", "title": "Start", "variables": []}},
        {"id": "2", "data": code | {"code": f"def main():\n    return {{}}  # {body}\n", "kept": "here"}},
        {"id": "3", "data": {"type": "end", "title": "End", "outputs": []}},
    ]
    edges = [{"id": f"e{i}", "source": nodes_[i]["id"], "target": nodes_[i + 1]["id"]} for i in (0, 1)]
    graph = {"nodes": nodes_, "edges": edges}
    app = {"app": {"name": "one", "mode": "workflow"}, "kind": "app", "version": "0.6.0", "workflow": {"graph": graph}}
    return dsl.read(json.dumps(app))


def test_the_only_step_of_a_flow_may_be_called_something_else() -> None:
    flow = _one_step("Compute")
    written = dsl.write(flow, "n8n")
    kept = sidecar.make(flow, "n8n", written.document)
    assert isinstance(written.data, str)
    edited = dsl.read(written.data.replace("Compute", "Count"), "n8n")
    (step,) = (each["data"] for each in dsl.restored(edited, kept).document["workflow"]["graph"]["nodes"][1:2])
    assert (step["title"], step["kept"]) == ("Count", "here")


def test_another_flow_is_none_that_was_edited_though_its_ids_are_the_same() -> None:
    flow, other = _one_step("Compute"), _one_step("Count", "y")
    kept = sidecar.make(flow, "n8n", dsl.write(flow, "n8n").document)
    with pytest.raises(dsl.DslError, match="the sidecar of another flow"):
        dsl.restored(dsl.read(dsl.write(other, "n8n").data), kept)


def test_a_secret_that_was_put_in_meanwhile_stays_out_of_the_file() -> None:
    call = {"url": "https://a.example", "sendHeaders": True, "options": {"proxy": "kept"}}
    call["headerParameters"] = {"parameters": [{"name": "X-Mode", "value": "on"}]}
    nodes_ = [
        {"id": "t", "name": "T", "type": "n8n-nodes-base.manualTrigger", "position": [0, 0], "parameters": {}},
        {"id": "h", "name": "H", "type": "n8n-nodes-base.httpRequest", "typeVersion": 4.2, "parameters": call},
    ]
    lines = {"T": {"main": [[{"node": "H", "type": "main", "index": 0}]]}}
    flow = dsl.read(json.dumps({"name": "a", "nodes": nodes_, "connections": lines}))
    written = dsl.write(flow, "dify")
    kept = sidecar.make(flow, "dify", written.document)
    edited = str(written.data).replace("X-Mode:on", "X-Mode:on\\nAuthorization:Bearer sk-abcdefghijklmnop1234567890", 1)
    edited = edited.replace("headers: X-Mode", 'headers: "X-Mode').replace("1234567890", '1234567890"')
    back = dsl.restored(dsl.read(edited, "dify"), kept)
    assert "sk-abcdefghij" not in str(back.data) and "Authorization" in str(back.data) and "kept" in str(back.data)
    assert "secret.found" in {note.code for note in back.notes}


def _edited(flow: Flow, target: str, old: str, new: str) -> Written:
    """What comes back when a word of the written file is another one."""
    written = dsl.write(flow, target)
    assert isinstance(written.data, str) and old in written.data
    return dsl.restored(dsl.read(written.data.replace(old, new)), sidecar.make(flow, target, written.document))


def _text(name: str, block: str, output: str) -> dict[str, Any]:
    content = {"source": "block-output", "blockID": block, "name": output}
    return {"name": name, "input": {"type": "string", "value": {"type": "ref", "content": content}}}


def _canvas(node: dict[str, Any]) -> bytes:
    asked = [{"type": "string", "name": "topic"}, {"type": "string", "name": "mood"}]
    meta = {"position": {"x": 0, "y": 0}}
    ends = {"terminatePlan": "returnVariables", "inputParameters": []}
    made = {
        "nodes": [
            {"id": "100001", "type": "1", "meta": meta, "data": {"outputs": asked}},
            {"id": "110001", "meta": meta, **node},
            {"id": "900001", "type": "2", "meta": meta, "data": {"inputs": ends}},
        ],
        "edges": [
            {"sourceNodeID": "100001", "targetNodeID": "110001"},
            {"sourceNodeID": "110001", "targetNodeID": "900001"},
        ],
    }
    return json.dumps(made).encode()


def _model(words: str, given: list[dict[str, Any]]) -> dict[str, Any]:
    literal = {"type": "string", "value": {"type": "literal", "content": words}}
    asked = {"inputParameters": given, "llmParam": [{"name": "prompt", "input": literal}]}
    return {"type": "3", "data": {"inputs": asked, "outputs": [{"type": "string", "name": "output"}]}}


def _message(words: str, given: list[dict[str, Any]]) -> dict[str, Any]:
    literal = {"type": "string", "value": {"type": "literal", "content": words}}
    return {"type": "13", "data": {"inputs": {"content": literal, "inputParameters": given}}}


@pytest.mark.parametrize("target", ["n8n", "dify", "ragflow"])
@pytest.mark.parametrize("made", [_model, _message])
def test_a_text_of_coze_that_was_edited_elsewhere_calls_its_inputs_by_the_names_that_they_have(
    target: str, made: Callable[..., dict[str, Any]]
) -> None:
    given = [_text("input", "100001", "topic"), _text("q", "100001", "mood")]
    back = _edited(dsl.read(_canvas(made("Write on {{input}} for {{q}}", given))), target, "Write on", "Write well on")
    inputs = back.document["nodes"][1]["data"]["inputs"]
    assert "Write well on {{input}} for {{q}}" in json.dumps(inputs).replace("\\n", " ")  # RAGFlow breaks lines
    assert [each["name"] for each in inputs["inputParameters"]] == ["input", "q"]
    assert "sidecar.apart" not in {note.code for note in back.notes}


def test_a_reference_that_is_new_in_a_text_takes_no_name_of_another_input() -> None:
    flow = dsl.read(_canvas(_message("On {{topic}}", [_text("topic", "100001", "mood")])))
    back = _edited(flow, "dify", "On {{#", "On {{#100001.topic#}}{{#")
    inputs = back.document["nodes"][1]["data"]["inputs"]
    names = {each["name"]: each["input"]["value"]["content"]["name"] for each in inputs["inputParameters"]}
    assert names == {"topic": "mood", "topic_2": "topic"}
    assert inputs["content"]["value"]["content"] == "On {{topic_2}}{{topic}}"


def test_a_template_of_dify_that_was_edited_elsewhere_calls_its_inputs_by_the_names_that_they_have() -> None:
    given = [{"variable": "t", "value_selector": ["start", "topic"]}]
    nodes: dict[str, dict[str, Any]] = {
        "start": {"type": "start", "variables": [{"variable": "topic", "type": "text-input", "label": "topic"}]},
        "said": {"type": "template-transform", "template": "On {{ t }}", "variables": given},
        "end": {"type": "end", "outputs": [{"variable": "o", "value_selector": ["said", "output"]}]},
    }
    graph = {
        "nodes": [{"id": name, "data": {"title": name} | data} for name, data in nodes.items()],
        "edges": [{"source": "start", "target": "said"}, {"source": "said", "target": "end"}],
    }
    app = {"kind": "app", "app": {"mode": "workflow"}, "version": "0.6.0", "workflow": {"graph": graph}}
    back = _edited(dsl.read(json.dumps(app)), "coze", "On {{", "All on {{")
    data = back.document["workflow"]["graph"]["nodes"][1]["data"]
    assert data["template"].endswith("All on {{ t if t is not none }}") and data["variables"] == given


def test_an_edit_is_not_lost_in_a_form_of_coze_that_is_no_canvas() -> None:
    flow = dsl.read(_canvas(_message("On {{input}}", [_text("input", "100001", "topic")])))
    for form in ("F3", "F4", "F4-yaml", "F5", "F6"):
        of_form = dsl.read(dsl.write(flow, "coze", form=form).data)
        back = _edited(of_form, "dify", "On {{#", "All on {{#")
        assert [str(each) for each in dsl.diff(of_form, dsl.read(back.data))] == [
            "~ '110001': text: On {100001.topic} -> All on {100001.topic}"
        ]


def test_an_edit_that_does_not_fit_into_the_original_is_told_and_not_lost() -> None:
    """A step that is of one kind in the original, and of another in what came back."""
    name = "@n8n/n8n-nodes-langchain"
    schema = '{"type": "object", "properties": {"animal": {"type": "string"}}}'
    find = {"text": "={{ $json.chatInput }}", "schemaType": "manual", "inputSchema": schema}
    steps: dict[str, tuple[str, dict[str, Any]]] = {
        "Chat": ("chatTrigger", {}),
        "Model": ("lmChatOpenAi", {"model": "gpt-4o"}),
        "Find": ("informationExtractor", find | {"options": {"systemPromptTemplate": "Extract only."}}),
    }
    document = {
        "nodes": [
            {
                "id": step,
                "name": step,
                "type": f"{name}.{kind}",
                "typeVersion": 1,
                "position": [0, 0],
                "parameters": each,
            }
            for step, (kind, each) in steps.items()
        ],
        "connections": {
            "Chat": {"main": [[{"node": "Find", "type": "main", "index": 0}]]},
            "Model": {"ai_languageModel": [[{"node": "Find", "type": "ai_languageModel", "index": 0}]]},
        },
    }
    back = _edited(dsl.read(json.dumps(document)), "coze", "Extract only.", "Extract all.")
    assert "Extract all." in back.data
    assert "sidecar.apart" in {note.code for note in back.notes}


DATES = """kind: app
version: 0.6.0
app: {mode: workflow, name: d}
extra: {2024-01-01: new year, at: 2024-01-02 03:04:05}
workflow:
  environment_variables: [{id: a, name: since, value_type: string, value: 2024-01-03}]
  graph:
    nodes:
    - {id: s, data: {type: start, title: s, variables: []}}
    - {id: e, data: {type: end, title: e, outputs: [{variable: o, value_selector: [env, since]}]}}
    edges: [{source: s, target: e}]
"""


@pytest.mark.parametrize("target", ["n8n", "coze", "ragflow"])
def test_a_file_of_yaml_with_dates_goes_everywhere_and_comes_back(target: str) -> None:
    flow = dsl.read(DATES)
    written = dsl.write(flow, target)
    kept = sidecar.parse(json.loads(dump_json(sidecar.make(flow, target, written.document).plain())))
    assert dsl.restored(dsl.read(written.data), kept).document == flow.raw


def test_the_common_form_holds_the_dates_of_a_file_of_yaml() -> None:
    flow = dsl.read(DATES)
    assert dsl.read(dsl.write(flow, "ir").data).raw == flow.raw


def test_what_the_sidecar_keeps_is_not_told_to_be_lost_under_the_ids_of_the_original() -> None:
    def step(name: str, below: list[str], **params: Any) -> dict[str, Any]:
        return {"obj": {"component_name": name, "params": params}, "downstream": below, "upstream": []}

    components = {
        "begin": step("Begin", ["DataOperations:Pick"], mode="conversational", prologue="Welcome"),
        "DataOperations:Pick": step("DataOperations", ["Message:Last"], operations="rename_keys", query=[]),
        "Message:Last": step("Message", [], content=["Well done"]),
    }
    flow = dsl.read(json.dumps({"components": components, "path": [], "history": [], "graph": {}}))
    back = _edited(flow, "dify", "Well done", "Very well done")
    assert "Very well done" in str(back.data)
    assert not [note for note in back.notes if note.severity in ("stub", "degraded", "dropped")]
