"""What the flow computes and another platform wants as a fixed number."""

import json

import pytest

import dsl
from dsl import coze
from dsl.ir import Flow, Node, Ref, Resource, Type
from dsl.values import nodes
from tests.dsl.small import end, line, start

MODEL = Resource("model:1", "model", "gpt", {"provider": "openai"})
COUNT = Ref("begin", ("n",))
AGENT = Node("a", "agent", "A", params={"model": "model:1", "messages": [], "tools": [], "max_rounds": COUNT})
SEARCH = Node("a", "retrieve", "A", params={"query": "x", "knowledge": [], "top_k": COUNT, "score_threshold": COUNT})


def asked(node: Node, dialect: str) -> Flow:
    begin = start(n=Type("integer"), l=Type("array", items=Type("string")))
    return Flow("f", dialect, graph=line(begin, node, end()), resources=[MODEL])


@pytest.mark.parametrize("target", ["dify", "coze", "ragflow"])
@pytest.mark.parametrize(("node", "told"), [(AGENT, 1), (SEARCH, 2)])
def test_a_computed_number_is_the_platform_s_own_where_it_is_fixed_and_told(node: Node, told: int, target: str) -> None:
    written = dsl.write(asked(node, "n8n"), target)
    assert [note.node for note in written.notes if note.code == "number.computed"] == ["a"] * told
    assert dsl.read(written.data).graph.nodes


def test_a_number_that_coze_refers_to_stays_a_reference_there() -> None:
    back = coze.read(coze.build(asked(SEARCH, "coze"))[0])
    assert isinstance(nodes(back)["a"].params["top_k"], Ref)


def test_how_many_passages_n8n_finds_may_be_an_expression_and_stays_one_there() -> None:
    kind, wanted = "@n8n/n8n-nodes-langchain.vectorStorePinecone", "={{ $('T').item.json.k }}"
    parameters = {"mode": "load", "prompt": "x", "topK": "={{ $json.k }}"}
    nodes_ = [
        {"id": "t", "name": "T", "type": "n8n-nodes-base.webhook", "typeVersion": 2, "parameters": {}},
        {"id": "v", "name": "V", "type": kind, "typeVersion": 1.1, "parameters": parameters},
    ]
    wires = {"T": {"main": [[{"node": "V", "type": "main", "index": 0}]]}}
    flow = dsl.read(json.dumps({"nodes": nodes_, "connections": wires}))
    assert [note.node for note in dsl.write(flow, "dify").notes if note.code == "number.computed"] == ["v"]
    assert json.loads(dsl.write(flow, "n8n").data)["nodes"][1]["parameters"]["topK"] == "={{ $json.k }}"
    flow.raw = None
    assert json.loads(dsl.write(flow, "n8n").data)["nodes"][1]["parameters"]["topK"] == wanted
