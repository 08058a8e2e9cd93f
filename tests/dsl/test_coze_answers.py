"""Coze's HTTP node gives out text: fields of an answer are read by a JSON node behind it."""

from typing import Any

import dsl
from dsl.coze.formats import inside
from dsl.ir import Edge, Flow, Graph, Node, OnError, Ref, Text, Type
from tests.dsl.small import line

STRING = Type("string")


def asked(*nodes: Node, **params: Any) -> Flow:
    start = Node("s", "start", "Start", outputs={"q": STRING})
    fetch = Node(
        "h", "http", "Fetch", params={"method": "GET", "url": "https://x.example", "response": "json"} | params
    )
    return Flow("T", "ir", graph=line(start, fetch, *nodes))


def body(*path: Any) -> Ref:
    return Ref("h", ("body", *path))


def written(flow: Flow) -> tuple[dict[str, Any], list[dict[str, Any]], list[dsl.Note]]:
    """The nodes by id, the edges, and the notes."""
    result = dsl.write(flow, "coze")
    _, canvas, _ = inside(result.document)
    return {node["id"]: node for node in canvas["nodes"]}, canvas["edges"], list(result.notes)


def test_fields_of_an_answer_are_read_by_a_json_node_behind_it() -> None:
    end = Node("e", "end", "End", inputs={"name": body("user", "name"), "first": body("items", 0)})
    nodes, edges, notes = written(asked(end))
    parse = nodes["h_json"]
    assert parse["type"] == "59"
    assert parse["data"]["inputs"]["inputParameters"][0]["input"]["value"]["content"]["name"] == "body"
    [output] = parse["data"]["outputs"]
    fields = {each["name"]: each for each in output["schema"]}
    assert fields["user"]["schema"] == [{"name": "name", "type": "string"}]
    assert (fields["items"]["type"], fields["items"]["schema"]) == ("list", {"type": "string"})
    found = [each["input"]["value"]["content"] for each in nodes["900001"]["data"]["inputs"]["inputParameters"]]
    assert [(each["blockID"], each["name"]) for each in found] == [
        ("h_json", "output.user.name"),
        ("h_json", "output.items[0]"),
    ]
    assert {("h", "h_json"), ("h_json", "900001")} <= {(edge["sourceNodeID"], edge["targetNodeID"]) for edge in edges}
    assert [note.code for note in notes if note.code == "http.body"] == ["http.body"]


def test_a_list_in_an_answer_is_walked() -> None:
    mark = Node("m", "template", "Mark", params={"template": Text((Ref("w", ("item", "sku"), "item"), "!"))})
    walk = Node(
        "w",
        "iterate",
        "Walk",
        params={"collect": {"output": Ref("m", ("output",))}},
        inputs={"item": body("items")},
        outputs={"output": Type("array", items=STRING)},
        body=Graph([mark], [Edge("w", "m", "body")]),
    )
    nodes, _, _ = written(asked(walk, Node("e", "end", "End", inputs={"r": Ref("w", ("output",))})))
    [given] = nodes["w"]["data"]["inputs"]["inputParameters"]
    assert given["input"]["value"]["content"] == {
        "source": "block-output",
        "blockID": "h_json",
        "name": "output.items",
    }
    assert given["input"]["type"] == "list"
    assert given["input"]["schema"] == {"type": "object", "schema": [{"name": "sku", "type": "string"}]}


def test_what_is_compared_as_a_number_is_read_as_one() -> None:
    case = {"logic": "and", "conditions": [{"left": body("n"), "op": "gt", "right": 3, "type": "number"}]}
    fork = Node("f", "if", "Fork", params={"cases": [case]})
    nodes, _, _ = written(asked(fork, Node("e", "end", "End")))
    [output] = nodes["h_json"]["data"]["outputs"]
    assert output["schema"] == [{"name": "n", "type": "float"}]


def test_a_list_that_is_the_whole_answer_is_sorted_by_a_field() -> None:
    few = Node("few", "list", "Few", params={"list": body(), "sort": [{"key": "price", "order": "asc"}]})
    nodes, _, _ = written(asked(few, Node("e", "end", "End", inputs={"r": Ref("few", ("result",))})))
    [output] = nodes["h_json"]["data"]["outputs"]
    assert (output["type"], output["schema"]["type"]) == ("list", "object")
    [given] = nodes["few"]["data"]["inputs"]["inputParameters"]
    assert given["input"]["value"]["content"]["blockID"] == "h_json"


def test_an_answer_that_is_read_as_a_whole_stays_text() -> None:
    nodes, _, notes = written(asked(Node("e", "end", "End", inputs={"all": body()})))
    assert "h_json" not in nodes
    assert not [note for note in notes if note.code == "http.body"]


def test_only_an_answer_that_came_is_parsed() -> None:
    failed = Node("x", "end", "Failed")
    flow = asked(Node("e", "end", "End", inputs={"name": body("name")}))
    flow.graph.nodes[1].on_error = OnError("branch")
    flow.graph.nodes.append(failed)
    flow.graph.edges.append(Edge("h", "x", "error"))
    _, edges, _ = written(flow)
    ports = {edge["sourcePortID"]: edge["targetNodeID"] for edge in edges if edge["sourceNodeID"] == "h"}
    assert ports["default"] == "h_json" and ports["branch_error"] != "h_json"
