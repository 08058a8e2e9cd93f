"""A file in the common form that holds what no node of its kind has is refused, with the place and what is wanted."""

from typing import Any

import pytest

import dsl
from dsl import irjson
from dsl.dialects import DIALECTS
from dsl.dump import dump_json
from tests.dsl.kitchen import kitchen_sink

Q = {"$ref": ["node", "begin", ["q"]]}


def changed(id_: str, **fields: Any) -> str:
    """The kitchen sink as a file, with other parameters in one node."""
    document = irjson.build(kitchen_sink())[0]
    node = next(each for each in document["flow"]["graph"]["nodes"] if each["id"] == id_)
    node["params"] = node.get("params", {}) | fields
    return dump_json(document)


@pytest.mark.parametrize(
    ("id_", "params", "place", "says"),
    [
        ("fetch", {"metod": "GET"}, "/params/metod", "no such field here. There are: method, url, headers"),
        ("fetch", {"url": {"a": 1}}, "/params/url", "a text or a reference or a text with references or a script is"),
        ("fetch", {"headers": [["a"]]}, "/params/headers/0", "a list of 2 is wanted here"),
        ("fetch", {"auth": {"type": "magic", "name": ""}}, "/params/auth/type", "one of 'bearer', 'basic', 'header'"),
        ("fetch", {"auth": {"type": "basic"}}, "/params/auth", "'name' is missing here"),
        ("fetch", {"timeout": {"read": True}}, "/params/timeout/read", "a number is wanted here"),
        ("fork", {"cases": {}}, "/params/cases", "a list is wanted here"),
        ("fork", {"cases": [{"logic": "and", "conditions": [{"left": Q, "op": "is"}]}]}, "/op", "'all_of', 'before'"),
        ("reply", {"messages": [{"role": "system", "txt": "Hi"}]}, "/params/messages/0/txt", "There are: role, text."),
        ("reply", {"schema": {"type": Q}}, "/params/schema/type", "a value without references is wanted here"),
        ("reply", {"memory": {"window": "all"}}, "/params/memory/window", "a whole number or null is wanted here"),
        ("double", {"lang": "cobol"}, "/params/lang", "one of 'python3', 'javascript' is wanted here"),
        ("set_seen", {"items": [{"target": "x", "op": "set", "value": 1}]}, "/items/0/target", "a reference is wanted"),
        ("memo", {"size": [1, 2, 3]}, "/params/size", "a list of 2 is wanted here"),
        ("nothing", {"text": "x"}, "/params/text", "There are: attached."),
        ("topic", {"classes": [{"name": "a/b", "examples": [1]}]}, "/classes/0/examples/0", "a text is wanted here"),
    ],
)
def test_parameters_that_a_node_of_its_kind_does_not_have_are_refused(
    id_: str, params: dict[str, Any], place: str, says: str
) -> None:
    with pytest.raises(dsl.DslError) as refused:
        dsl.read(changed(id_, **params))
    where, _, message = str(refused.value).partition(": ")
    assert where.startswith("/flow/graph/nodes/") and where.endswith(place) and says in message


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_flow_whose_parameters_are_right_is_written_in_every_dialect(dialect: str) -> None:
    assert dsl.write(dsl.read(changed("fetch", timeout={"read": 1.5})), dialect).data


def test_only_a_container_has_a_body_and_a_flow_names_a_dialect_that_there_is() -> None:
    document = irjson.build(kitchen_sink())[0]
    del next(each for each in document["flow"]["graph"]["nodes"] if each["id"] == "each")["body"]
    with pytest.raises(dsl.DslError, match="/body: an iterate or a loop has a body, and no other node"):
        dsl.read(dump_json(document))
    document = irjson.build(kitchen_sink())[0]
    document["flow"]["dialect"] = "zapier"
    with pytest.raises(dsl.DslError, match="/flow/dialect: 'zapier' is none"):
        dsl.read(dump_json(document))


@pytest.mark.parametrize("port", ["ai_memory", "ai_languageModel", "ai_outputParser"])
def test_what_serves_a_node_of_n8n_of_a_type_that_nobody_knows_is_written_too(port: str) -> None:
    package = "@n8n/n8n-nodes-langchain"
    serves = {
        "ai_memory": "memoryBufferWindow",
        "ai_languageModel": "lmChatOpenAi",
        "ai_outputParser": "outputParserStructured",
    }
    nodes = [
        {"id": "x", "name": "X", "type": "n8n-nodes-acme.thing", "typeVersion": 1, "parameters": {}},
        {"id": "s", "name": "S", "type": f"{package}.{serves[port]}", "typeVersion": 1, "parameters": {"model": "m"}},
    ]
    edges = {"S": {port: [[{"node": "X", "type": port, "index": 0}]]}}
    flow = dsl.read(dump_json({"nodes": nodes, "connections": edges}))
    assert [each["name"] for each in flow.graph.nodes[0].params["attached"]] == ["S"]
    assert dsl.read(dsl.write(flow, "ir").data).graph == flow.graph
