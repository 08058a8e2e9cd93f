"""A filter on the metadata of documents goes along where the target can ask it, and is told of where it cannot."""

import json
import shutil
import subprocess
from typing import Any

import pytest

import dsl
from dsl import ragflow
from dsl.ir import Edge, Flow, Graph, Node, Ref, Text
from dsl.values import nodes
from tests.dsl.small import start


def searching(**params: Any) -> Flow:
    facts = Node("facts", "retrieve", "Facts", params={"query": Ref("begin", ("q",)), "knowledge": []} | params)
    return Flow("f", "dify", graph=Graph([start(), facts], [Edge("begin", "facts")]))


def asked(name: str, op: str, right: Any = None) -> dict[str, Any]:
    return {"left": Ref("facts", (name,), "item"), "op": op, "right": right, "type": "string"}


def where(*conditions: dict[str, Any], logic: str = "and") -> dict[str, Any]:
    return {"logic": logic, "conditions": list(conditions)}


def told(written: dsl.Written, code: str = "retrieve.filter") -> list[str]:
    return [f"{note.severity}: {note.message}" for note in written.notes if note.code == code]


def found(written: dsl.Written, *metadata: dict[str, Any], q: str = "NY") -> list[Any]:
    """The metadata of the passages that the code behind the vector store keeps."""
    if shutil.which("node") is None:
        pytest.skip("no node here")
    [code] = [each["parameters"]["jsCode"] for each in written.document["nodes"] if each["name"] == "Facts"]
    items = [{"json": {"document": {"pageContent": "x", "metadata": each}, "score": 0.9}} for each in metadata]
    program = f"""
const $ = () => ({{ first: () => ({{ json: {{ q: {json.dumps(q)} }} }}) }});
const $input = {{ all: () => ({json.dumps(items)}) }};
console.log(JSON.stringify((() => {{ {code} }})()));
"""
    done = subprocess.run(["node", "-e", program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return [each["metadata"] for each in json.loads(done.stdout)[0]["json"]["result"]]


def test_a_filter_is_asked_of_what_a_vector_store_of_n8n_found() -> None:
    flow = searching(filter=where(asked("state", "eq", Ref("begin", ("q",))), asked("year", "gt", 2019)))
    written = dsl.write(flow, "n8n")
    kept, old, other = ({"state": "NY", "year": 2024}, {"state": "NY", "year": 2019}, {"state": "LA", "year": 2024})
    assert found(written, kept, old, other, {"state": "NY"}, {}) == [kept]
    assert [each.partition(":")[0] for each in told(written)] == ["degraded"]
    assert told(written, "ref.unknown") == []
    assert nodes(dsl.read(written.data))["facts"].params["filter"] == flow.graph.nodes[1].params["filter"]


@pytest.mark.parametrize(
    ("condition", "kept"),
    [
        (asked("state", "contains", "N"), ["NY"]),
        (asked("state", "not_contains", "N"), ["LA"]),
        (asked("state", "starts", "L"), ["LA"]),
        (asked("state", "in", ["NY"]), ["NY"]),
        (asked("state", "ne", "NY"), ["LA"]),
        (asked("state", "empty"), [None]),
        (asked("state", "not_empty"), ["LA", "NY"]),
    ],
)
def test_what_has_no_such_metadata_is_found_where_it_is_asked_for_alone(
    condition: dict[str, Any], kept: list[Any]
) -> None:
    written = dsl.write(searching(filter=where(condition)), "n8n")
    given: list[dict[str, Any]] = [{"state": "LA"}, {"state": "NY"}, {"lang": "de"}]
    assert [each.get("state") for each in found(written, *given)] == kept


def test_numbers_are_looked_for_in_as_words_are() -> None:
    written = dsl.write(searching(filter=where(asked("year", "starts", "20"))), "n8n")
    assert found(written, {"year": 2024}, {"year": 1999}) == [{"year": 2024}]


def test_coze_has_no_filter_and_says_so() -> None:
    flow = searching(filter=where(asked("state", "eq", Text((Ref("begin", ("q",)), "!")))))
    assert told(dsl.write(flow, "coze")) == [
        "degraded: Coze has no filter on metadata (state): passages of all documents come."
    ]
    assert told(dsl.write(searching(), "coze")) == told(dsl.write(searching(), "n8n")) == []


@pytest.mark.parametrize("target", ["coze", "n8n"])
def test_a_filter_that_a_model_chooses_is_told_where_none_does(target: str) -> None:
    [note] = told(dsl.write(searching(search={"metadata": "automatic"}), target))
    assert "is chosen" in note


@pytest.mark.parametrize("target", ["dify", "coze", "n8n"])
def test_a_filter_that_ragflow_has_alone_is_told(target: str) -> None:
    document = ragflow.build(searching())[0]
    filter_ = {"method": "semi_auto", "semi_auto": ["lang"]}
    document["dsl"]["components"]["facts"]["obj"]["params"]["meta_data_filter"] = filter_
    [note] = told(dsl.write(ragflow.read(document), target))
    assert "is chosen" in note
