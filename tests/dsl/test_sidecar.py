"""What is changed between the way there and the way back with a sidecar comes back: no edge that nobody drew."""

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import dsl
from dsl import sidecar
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
