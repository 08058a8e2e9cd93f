"""Retrieval on RAGFlow: what it looks for in the metadata of a knowledge base."""

from typing import Any

import dsl
from dsl import ragflow
from dsl.ir import Edge, Flow, Graph, Node, Ref, Text
from dsl.values import nodes
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
