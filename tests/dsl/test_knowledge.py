"""Coze's nodes that put a document into a knowledge base, or take one out, and what stands for them elsewhere."""

from typing import Any

import pytest

import dsl
from dsl import coze
from dsl.ir import Edge, Flow, Graph, Node, OnError, Ref, Resource, Text, Type
from dsl.report import report
from dsl.values import node_refs, nodes
from tests.dsl.small import STRING, end, line, start

LITERAL = {"type": "string", "assistType": 1, "value": {"type": "literal", "content": "https://files.example/a.pdf"}}
CHUNKS = {"chunkType": "custom", "separator": "\n", "maxToken": 800, "overlap": 0.1}


def base(id_: str) -> dict[str, Any]:
    """The parameter that names a knowledge base."""
    value = {"type": "literal", "content": [id_]}
    return {"name": "datasetList", "input": {"type": "list", "schema": {"type": "string"}, "value": value}}


def node(id_: str, type_: str, name: str, given: dict[str, Any], *outputs: str, **more: Any) -> dict[str, Any]:
    inputs = {"datasetParam": [base("748")], "inputParameters": [{"name": name, "input": given}], **more}
    outs = [{"name": each, "type": "string"} for each in outputs]
    return {"id": id_, "type": type_, "data": {"nodeMeta": {"title": id_}, "inputs": inputs, "outputs": outs}}


def written_and_deleted(*results: str) -> Flow:
    """A canvas whose file is written into a base and taken out again; the end gives out what the writing gave."""
    refs = {name: (Ref("writes", (name,)), STRING) for name in results}
    document = coze.build(Flow("f", "ir", graph=line(start(), end(**refs))))[0]
    strategy = {"chunkStrategy": CHUNKS, "parsingStrategy": {"parsingType": "fast"}}
    made = node("writes", "27", "knowledge", LITERAL, "documentId", "fileName", "fileUrl", strategyParam=strategy)
    source = {"source": "block-output", "blockID": "writes", "name": "documentId"}
    gone = node("deletes", "60", "documentID", {"type": "string", "value": {"type": "ref", "content": source}})
    document["nodes"] += [made, gone]
    pairs = [("100001", "writes"), ("writes", "deletes"), ("deletes", "900001")]
    document["edges"] = [{"sourceNodeID": one, "targetNodeID": other} for one, other in pairs]
    for each in document["nodes"]:
        for param in each["data"]["inputs"].get("inputParameters", []) if each["type"] == "2" else []:
            content = {**source, "name": param["name"]}
            param["input"]["value"] = {"type": "ref", "content": content}
    return coze.read(document)


def test_a_document_that_is_written_or_deleted_is_read_with_its_base_and_its_chunks() -> None:
    found = nodes(written_and_deleted())
    params = {"knowledge": "knowledge:748", "credential": "credential:knowledge API key"}
    chunks = {"separator": "\n", "max_tokens": 800, "overlap": 0.1}
    more = {"file": "https://files.example/a.pdf", "chunks": chunks, "parsing": {"parsingType": "fast"}}
    assert (found["writes"].kind, found["writes"].params) == ("add_document", params | more)
    document = Ref("writes", ("document_id",))
    assert (found["deletes"].kind, found["deletes"].params) == ("delete_document", params | {"document": document})


def test_they_are_written_for_coze_as_they_were_read() -> None:
    flow = written_and_deleted()
    document = coze.build(flow)[0]
    again = nodes(coze.read(document))
    assert [again[name].params for name in ("writes", "deletes")] == [
        nodes(flow)[name].params for name in ("writes", "deletes")
    ]
    written = next(each for each in document["nodes"] if each["id"] == "writes")["data"]["inputs"]
    assert "rawMeta" not in written["inputParameters"][0]["input"]["value"]  # Coze wants a file's name in it, or none


@pytest.mark.parametrize("target", ["dify", "n8n"])
def test_what_has_to_be_filled_in_is_told_and_listed(target: str) -> None:
    flow = written_and_deleted()
    written = dsl.write(flow, target)
    told = {note.code: note for note in written.notes if note.node == "writes"}
    assert told["resource.knowledge"].severity == "needs_binding"
    assert "KNOWLEDGE_API_URL and KNOWLEDGE_748" in told["resource.knowledge"].suggestion
    assert "expires" in told["document.address"].message
    assert told["document.parsing"].severity == "degraded"
    assert "resource.credential" in {note.code for note in written.notes}
    assert {"credential:knowledge API key", "knowledge:748"} <= {
        each["id"] for each in report(flow, target, written)["rebind"]
    }
    assert not [note for note in written.notes if note.severity in ("stub", "dropped")]


@pytest.mark.parametrize("target", ["dify", "n8n"])
def test_the_address_that_a_file_has_inside_of_coze_fails_where_it_is_read(target: str) -> None:
    told = {
        note.code: note for note in dsl.write(written_and_deleted("fileUrl"), target).notes if note.node == "900001"
    }
    assert told["ref.output"].severity == "stub"
    assert "file_url" in told["ref.output"].message
    assert "ref.output" not in {note.code for note in dsl.write(written_and_deleted("fileName"), target).notes}


def test_ragflow_says_why_it_cannot() -> None:
    told = {note.node: note for note in dsl.write(written_and_deleted(), "ragflow").notes if note.severity == "stub"}
    assert "send no files" in told["writes"].message
    assert "no DELETE" in told["deletes"].message


def documents(*made: Node, **more: Any) -> Flow:
    resources = [Resource(f"knowledge:{name}", "knowledge", name) for name in ("Küche", "küche")]
    return Flow("f", "ir", graph=line(start(doc=Type("file")), *made, end()), resources=resources, **more)


def add(name: str, knowledge: str = "knowledge:Küche", **more: Any) -> Node:
    return Node(name, "add_document", name, params={"knowledge": knowledge, "file": Ref("begin", ("doc",))}, **more)


def test_bases_with_names_alike_have_a_variable_each() -> None:
    flow = documents(add("one"), add("other", "knowledge:küche"))
    data = dsl.write(flow, "dify").document["workflow"]
    urls = [each["data"]["url"] for each in data["graph"]["nodes"] if each["data"]["type"] == "http-request"]
    assert len(set(urls)) == 2
    names = {each["name"] for each in data["environment_variables"]}
    assert all(url.split("{{#env.")[2].split("#")[0] in names for url in urls)


def test_the_flow_that_is_written_is_not_changed() -> None:
    flow = documents(add("one"))
    for target in ("dify", "n8n", "coze", "ragflow"):
        dsl.write(flow, target)
    assert (flow, flow.variables) == (documents(add("one")), [])


def test_what_happens_on_an_error_belongs_to_the_request() -> None:
    failed = Node("failed", "answer", params={"text": Text((Ref("one", ("error", "message")),))})
    flow = documents(add("one", on_error=OnError("branch")))
    flow.graph = Graph([*flow.graph.nodes, failed], [*flow.graph.edges, Edge("one", "failed", "error")])
    edges = dsl.write(flow, "dify").document["workflow"]["graph"]["edges"]
    leaving = {(each["source"], each["sourceHandle"], each["target"]) for each in edges}
    assert {
        ("one", "fail-branch", "failed"),
        ("one", "source", "one_answer"),
        ("one_answer", "source", "done"),
    } <= leaving


@pytest.mark.parametrize("target", ["dify", "n8n"])
def test_a_file_that_cannot_be_fetched_takes_no_way_of_its_own_and_that_is_told(target: str) -> None:
    codes = []
    for address in ("https://files.example/a.pdf", Ref("begin", ("doc",))):
        one = add("one", on_error=OnError("default", default={"document_id": "", "file_name": ""}))
        one.params["file"] = address
        codes.append([note.code for note in dsl.write(documents(one), target).notes if note.node == "one"])
    assert "error.policy" in codes[0]
    assert ("error.policy" in codes[1]) == (target == "n8n")  # which is always given an address


def test_a_file_that_n8n_fetches_for_a_request_is_its_address_again_when_it_is_read() -> None:
    fields = [{"name": "file", "type": "file", "value": Ref("begin", ("q",))}]
    sent = {"method": "POST", "url": "https://api.example", "body": {"type": "form", "fields": fields}}
    flow = Flow("f", "ir", graph=line(start(), Node("send", "http", "Send", params=sent), end()))
    written = dsl.write(flow, "n8n")
    (fetches,) = (each for each in written.document["nodes"] if each["name"] == "Send: file")
    assert fetches["parameters"]["url"] == "={{ $('Start').first().json.q }}"
    again = dsl.read(written.data)
    assert list(nodes(again)) == ["begin", "send", "done"]
    assert nodes(again)["send"].params["body"]["fields"] == fields
    twice = dsl.write(again, "n8n").document["nodes"]
    assert [each["name"] for each in twice] == [each["name"] for each in written.document["nodes"]]


def test_no_reference_of_a_document_in_a_loop_leads_nowhere() -> None:
    item = Node(
        "one", "add_document", "One", params={"knowledge": "knowledge:Küche", "file": Ref("each", ("item",), "item")}
    )
    each = Node("each", "iterate", "Each", params={"collect": {"ids": Ref("one", ("document_id",))}})
    each.inputs, each.outputs = {"item": Ref("begin", ("docs",))}, {"ids": Type("array", items=STRING)}
    each.body = Graph([item], [Edge("each", "one", "body")])
    files = start(docs=Type("array", items=Type("file")))
    flow = Flow("f", "ir", graph=line(files, each, end(ids=(Ref("each", ("ids",)), Type("array", items=STRING)))))
    for target in ("dify", "n8n"):
        again = dsl.read(dsl.write(flow, target).data)
        for node_ in nodes(again).values():
            assert all(not ref.node or ref.node in nodes(again) for ref in node_refs(node_)), (target, node_.id)
