"""Documents really go into a knowledge base of Dify, and out of it, on both engines."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

import dsl
from dsl.ir import Flow, Node, OnError, Ref, Resource, Type, Variable
from tests.doubles.knowledge import BASE, KEY, PDF, Knowledge, knowledge
from tests.dsl.engines.dify import VERSIONS, run_dify
from tests.dsl.engines.lane import Ran
from tests.dsl.engines.n8n_core import run_n8n_core
from tests.dsl.small import BOOLEAN, STRING, end, line, start

pytestmark = pytest.mark.engines
PARAMS = {"knowledge": "knowledge:kb", "credential": "credential:kb"}
ADDED = {"id": (Ref("add", ("document_id",)), STRING), "name": (Ref("add", ("file_name",)), STRING)}


@pytest.fixture
def api() -> Iterator[Knowledge]:
    with knowledge() as double:
        yield double


def add(file: Any, **params: Any) -> Node:
    return Node("add", "add_document", "Add", params=PARAMS | {"file": file} | params)


def take_out(document: Any, **more: Any) -> Node:
    return Node("out", "delete_document", "Out", params=PARAMS | {"document": document}, **more)


def over(api: Knowledge, *nodes: Node) -> Flow:
    """A flow whose variables are filled in, but for the key."""
    resources = [Resource("knowledge:kb", "knowledge", "kb"), Resource("credential:kb", "credential", "kb key")]
    values = {"KNOWLEDGE_API_URL": f"{api.url}/v1", "KNOWLEDGE_KB": BASE}
    variables = [Variable("env", name, STRING, value) for name, value in values.items()]
    return Flow("f", "ir", graph=line(*nodes), resources=resources, variables=variables)


def on_dify(flow: Flow, inputs: dict[str, Any], key: str = KEY, version: str = VERSIONS[0]) -> Ran:
    document = yaml.safe_load(dsl.write(flow, "dify").data)
    for variable in document["workflow"]["environment_variables"]:
        variable["value"] = variable["value"] or key
    return run_dify(json.dumps(document), inputs, version=version)


def on_n8n(flow: Flow, inputs: dict[str, Any]) -> Ran:
    document = dsl.write(flow, "n8n", trigger="call").document
    for node in document["nodes"]:
        if node["parameters"].get("genericAuthType"):
            node["credentials"] = {"httpBearerAuth": {"id": "1", "name": "kb key"}}
    return run_n8n_core(document, inputs, credentials={"httpBearerAuth": {"token": KEY}})


@pytest.mark.parametrize("version", VERSIONS)
def test_a_file_that_dify_is_given_becomes_a_document(version: str, api: Knowledge) -> None:
    chunks = {"separator": "\n", "max_tokens": 800, "overlap": 0.1}
    flow = over(api, start(doc=Type("file")), add(Ref("begin", ("doc",)), chunks=chunks), end(**ADDED))
    ran = on_dify(flow, {"doc": {"url": f"{api.url}/files/letter.pdf"}}, version=version)
    assert ran.outputs == {"id": "document-1", "name": "letter.pdf"}, ran
    document = api.documents["document-1"]
    assert document["content"] == PDF
    segmentation = {"separator": "\n", "max_tokens": 800, "chunk_overlap": 80}
    assert document["settings"]["process_rule"]["rules"]["segmentation"] == segmentation


@pytest.mark.parametrize("version", VERSIONS)
def test_dify_fetches_a_file_by_its_address_and_calls_it_otherwise(version: str, api: Knowledge) -> None:
    address = f"{api.url}/files/letter.pdf?x-wf-file_name=A%20letter.pdf"
    ran = on_dify(over(api, start(), add(address), end(**ADDED)), {"q": "x", "n": 1}, version=version)
    assert ran.outputs["id"] == "document-1", ran
    assert ran.outputs["name"].endswith(".pdf")
    assert api.documents["document-1"]["content"] == PDF


def test_dify_sends_a_text_by_its_address_as_a_text(api: Knowledge) -> None:
    address = f"{api.url}/files/letter.txt?x-wf-file_name=A%20letter.txt"
    ran = on_dify(over(api, start(), add(address), end(**ADDED)), {"q": "x", "n": 1})
    assert ran.outputs == {"id": "document-1", "name": "A letter.txt"}, ran
    assert api.documents["document-1"]["content"] == b'She said "hi".\nThe end.'


def test_what_is_no_file_for_dify_fails_and_never_becomes_an_empty_document(api: Knowledge) -> None:
    flow = over(api, start(where=STRING), add(Ref("begin", ("where",))), end(**ADDED))
    ran = on_dify(flow, {"where": f"{api.url}/files/letter.txt"})
    assert (ran.status, ran.error, api.documents) == ("failed", "Request failed with status code 400", {})


def test_a_document_is_taken_out_again_on_dify(api: Knowledge) -> None:
    api.documents["document-1"] = {"name": "old"}
    flow = over(api, start(), take_out(Ref("begin", ("q",))), end(ok=(Ref("out", ("is_success",)), BOOLEAN)))
    assert on_dify(flow, {"q": "document-1", "n": 1}).outputs == {"ok": True}
    assert api.documents == {}
    ran = on_dify(flow, {"q": "document-1", "n": 1})
    assert (ran.status, ran.error) == ("failed", "Request failed with status code 404")


def test_what_is_given_out_after_an_error_is_given_out_on_dify(api: Knowledge) -> None:
    node = take_out("nothing", on_error=OnError("default", default={"is_success": False}))
    flow = over(api, start(), node, end(ok=(Ref("out", ("is_success",)), BOOLEAN)))
    assert on_dify(flow, {"q": "x", "n": 1}).outputs == {"ok": False}


def test_without_the_key_nothing_is_done_and_the_run_fails(api: Knowledge) -> None:
    ran = on_dify(over(api, start(), take_out("document-1"), end()), {"q": "x", "n": 1}, key="another")
    assert (ran.status, ran.error) == ("failed", "Request failed with status code 401")


@pytest.mark.parametrize("name", ["letter.pdf", "letter.txt"])
def test_n8n_fetches_a_file_by_its_address_and_sends_it(name: str, api: Knowledge) -> None:
    flow = over(api, start(where=STRING), add(Ref("begin", ("where",))), end(**ADDED))
    ran = on_n8n(flow, {"where": f"{api.url}/files/{name}"})
    assert ran.outputs == {"id": "document-1", "name": name}, ran


def test_a_document_is_taken_out_again_on_n8n(api: Knowledge) -> None:
    api.documents["document-1"] = {"name": "old"}
    flow = over(api, start(), take_out(Ref("begin", ("q",))), end(ok=(Ref("out", ("is_success",)), BOOLEAN)))
    assert on_n8n(flow, {"q": "document-1", "n": 1}).outputs == {"ok": True}
    assert on_n8n(flow, {"q": "document-1", "n": 1}).status == "failed"
