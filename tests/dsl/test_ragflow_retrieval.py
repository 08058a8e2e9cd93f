"""Retrieval on RAGFlow: what it looks for in the metadata of a knowledge base."""

import asyncio
import json
import shutil
import subprocess
from types import SimpleNamespace
from typing import Any

import pytest

import dsl
import dsl.n8n.lacking
from dsl import lacking, n8n, ragflow
from dsl.ir import Edge, Flow, Graph, Node, Ref, Text
from dsl.values import nodes, refs
from tests.dsl.small import start


def searching(**params: Any) -> Flow:
    facts = Node("facts", "retrieve", "Facts", params={"query": Ref("begin", ("q",)), "knowledge": []} | params)
    return Flow("f", "dify", graph=Graph([start(), facts], [Edge("begin", "facts")]))


def asked(name: str, op: str, right: Any) -> dict[str, Any]:
    return {"left": Ref("facts", (name,), "item"), "op": op, "right": right, "type": "any"}


def test_a_filter_on_metadata_is_the_same_filter() -> None:
    conditions = [asked("lang", "eq", Text((Ref("begin", ("q",)), "!"))), asked("year", "ge", "2020")]
    flow = searching(filter={"logic": "or", "conditions": conditions})
    written = dsl.write(flow, "ragflow")
    made = written.document["dsl"]["components"]["facts"]["obj"]["params"]["meta_data_filter"]
    manual = [{"key": "lang", "op": "=", "value": "{begin@q}!"}, {"key": "year", "op": "≥", "value": "2020"}]
    assert made == {"method": "manual", "logic": "or", "manual": manual}
    assert [note.severity for note in written.notes if note.code == "retrieve.filter"] == ["degraded"]
    again = dsl.read(written.data)
    assert nodes(again)["facts"].params["filter"] == flow.graph.nodes[1].params["filter"]
    (facts,) = [
        each["data"]
        for each in dsl.write(again, "dify").document["workflow"]["graph"]["nodes"]
        if each["data"]["type"] == "knowledge-retrieval"
    ]
    told = [
        (each["name"], each["comparison_operator"]) for each in facts["metadata_filtering_conditions"]["conditions"]
    ]
    assert facts["metadata_filtering_mode"] == "manual" and told == [("lang", "is"), ("year", "≥")]


def test_a_model_may_choose_the_filter_on_both_sides() -> None:
    written = dsl.write(searching(search={"metadata": "automatic"}), "ragflow")
    made = written.document["dsl"]["components"]["facts"]["obj"]["params"]
    assert made["meta_data_filter"] == {"method": "auto"}
    back = dsl.write(dsl.read(written.data), "dify").document
    assert "'metadata_filtering_mode': 'automatic'" in str(back)


def test_a_filter_that_ragflow_has_alone_stays_in_its_file() -> None:
    filter_ = {"method": "semi_auto", "semi_auto": ["lang"]}
    flow = searching()
    document = ragflow.build(flow)[0]
    document["dsl"]["components"]["facts"]["obj"]["params"]["meta_data_filter"] = filter_
    read = ragflow.read(document)
    assert "filter" not in nodes(read)["facts"].params
    assert ragflow.build(read)[0]["dsl"]["components"]["facts"]["obj"]["params"]["meta_data_filter"] == filter_


def test_what_is_said_when_nothing_is_found_is_told_to_be_gone_elsewhere() -> None:
    document = ragflow.build(searching())[0]
    document["dsl"]["components"]["facts"]["obj"]["params"]["empty_response"] = "Nothing."
    for target in ("dify", "coze", "n8n"):
        told = [note for note in dsl.write(ragflow.read(document), target).notes if note.code == "retrieve.empty"]
        assert [(note.severity, note.node) for note in told] == [("degraded", "facts")]
    assert "retrieve.empty" not in {note.code for note in dsl.write(searching(), "dify").notes}


def answering(said: str) -> Flow:
    """A canvas that says what it found."""
    answer = Node("a", "answer", "A", params={"text": Ref("facts", ("result",))})
    flow = searching()
    document = ragflow.build(
        Flow("f", "dify", graph=Graph([*flow.graph.nodes, answer], [*flow.graph.edges, Edge("facts", "a")]))
    )[0]
    assert document["dsl"]["components"]["a"]["obj"]["params"]["content"] == ["{facts@formalized_content}"]
    document["dsl"]["components"]["a"]["obj"]["params"]["content"] = [said]
    return ragflow.read(document)


FOUND = [{"content": "Tea", "title": "t", "metadata": {}}, {"content": "Milk", "title": "u", "metadata": {}}]


def test_what_was_found_is_the_text_of_the_passages_on_dify() -> None:
    written = dsl.write(answering("So: {facts@formalized_content}"), "dify")
    data = {each["id"]: each["data"] for each in written.document["workflow"]["graph"]["nodes"]}
    assert data["a"]["answer"] == "So:{{#facts_text.output#}}"
    there: dict[str, Any] = {}
    exec(data["facts_text"]["code"], there)
    assert there["main"](passages=FOUND) == {"output": "Tea\n\nMilk"}
    assert there["main"](passages=[]) == {"output": ""}
    assert [each.severity for each in written.notes if each.code == "retrieve.text"] == ["degraded"]


def test_what_was_found_is_the_text_of_the_passages_on_coze_which_calls_it_output() -> None:
    written = dsl.write(answering("{facts@formalized_content}"), "coze")
    [code] = [each["data"]["inputs"] for each in written.document["nodes"] if each["type"] == "5"]
    there: dict[str, Any] = {}
    exec(code["code"], there)
    given = SimpleNamespace(params={"passages": [{"output": "Tea"}, {"output": "Milk"}]})
    assert asyncio.run(there["main"](given)) == {"output": "Tea\n\nMilk"}
    [passages] = code["inputParameters"]
    assert passages["input"]["schema"] == {"type": "object", "schema": [{"name": "output", "type": "string"}]}


def test_what_was_found_is_the_text_of_the_passages_on_n8n() -> None:
    if shutil.which("node") is None:
        pytest.skip("no node here")
    flow = answering("{facts@formalized_content}")
    lacking.supply(flow, n8n.lacking.PLATFORM, lambda *told: None)
    source = nodes(flow)["facts_text"].params["source"]
    program = f"{source}\nconsole.log(JSON.stringify([main({{passages: {json.dumps(FOUND)}}}), main({{}})]));"
    done = subprocess.run(["node", "-e", program], capture_output=True, text=True, timeout=60)
    assert json.loads(done.stdout) == [{"output": "Tea\n\nMilk"}, {"output": ""}]


def test_the_passages_themselves_stay_what_they_are() -> None:
    flow = answering("{facts@json} {facts@formalized_content}")
    said = nodes(flow)["a"].params["text"]
    assert [each.path for each in refs(said)] == [("result",), ("text",)]
    again = dsl.write(flow, "ragflow").document["dsl"]["components"]["a"]["obj"]["params"]["content"]
    assert again == ["{facts@json} {facts@formalized_content}"]
    assert "facts_text" not in nodes(dsl.read(dsl.write(answering("{facts@json}"), "dify").data))
