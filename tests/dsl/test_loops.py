"""What a loop gives out: its variables as they are at last, and lists of what its rounds made."""

from typing import Any

import pytest

import dsl
from dsl.coze.formats import inside
from dsl.ir import Edge, Flow, Graph, Node, Ref, Text, Type
from dsl.values import nodes

STRINGS = Type("array", items=Type("string"))


def looped(**collect: Ref) -> Flow:
    """Three rounds over a variable `i`; the end reads `i` and all that is collected."""
    body = Graph(
        [Node("t", "template", "Said", params={"template": Text(("<", Ref("l", ("i",), "loop"), ">"))})],
        [Edge("l", "t", "body")],
    )
    variables = {"i": {"type": Type("number"), "value": 0}}
    outputs = {"i": Type("number")} | {
        name: Type("number") if ref.scope == "loop" else STRINGS for name, ref in collect.items()
    }
    ends = {name: Ref("l", (name,)) for name in outputs}
    every = [
        Node("s", "start", "Start", outputs={"q": Type("string")}),
        Node(
            "l",
            "loop",
            "Loop",
            params={"count": 3, "variables": variables, "collect": collect},
            outputs=outputs,
            body=body,
        ),
        Node("e", "end", "End", inputs=ends, outputs=dict(outputs)),
    ]
    return Flow("T", "ir", graph=Graph(every, [Edge("s", "l"), Edge("l", "e", "done")]))


def given_out(flow: Flow) -> dict[str, Any]:
    """The outputs of Coze's loop: what they are, by name."""
    _, canvas, _ = inside(dsl.write(flow, "coze").document)
    loop = next(node for node in canvas["nodes"] if node["type"] == "21")
    return {each["name"]: each["input"]["value"]["content"] for each in loop["data"]["outputs"]}


def test_a_loop_of_coze_gives_out_its_variables_beside_what_it_collects() -> None:
    found = given_out(looped(parts=Ref("t", ("output",))))
    assert {name: each["blockID"] for name, each in found.items()} == {"i": "l", "parts": "t"}


def test_a_variable_that_coze_gives_out_by_another_name_keeps_it_there() -> None:
    found = given_out(looped(last=Ref("l", ("i",), "loop")))
    assert found["last"] == {"source": "block-output", "blockID": "l", "name": "i"}


@pytest.mark.parametrize("dialect", ["dify", "n8n", "ragflow"])
def test_elsewhere_it_is_read_by_the_name_of_the_variable(dialect: str) -> None:
    written = dsl.write(looped(last=Ref("l", ("i",), "loop")), dialect)
    assert not [note for note in written.notes if note.code == "loop.collect"]
    back = dsl.read(written.data, dialect)
    loop = next(node for node in nodes(back).values() if node.kind == "loop")
    assert not loop.params.get("collect")
    assert list(loop.params["variables"]) == ["i"]


def test_a_loop_of_ragflow_counts_its_rounds_in_a_variable_where_the_number_is_read() -> None:
    flow = looped()
    loop = nodes(flow)["l"]
    assert loop.body is not None
    loop.body.nodes[0].params = {"template": Text(("<", Ref("l", (), "index"), ">"))}
    written = dsl.write(flow, "ragflow")
    assert [(note.severity, note.node) for note in written.notes if note.code == "ref.index"] == [("equivalent", "l")]
    components = written.document["dsl"]["components"]
    (variable,) = [each for each in components["l"]["obj"]["params"]["loop_variables"] if each["variable"] != "i"]
    assert (variable["type"], variable["value"]) == ("number", -1)
    (first,) = components["LoopItem:l"]["downstream"]
    (change,) = components[first]["obj"]["params"]["variables"]
    assert change == {"variable": f"l@{variable['variable']}", "operator": "+=", "parameter": 1}
    assert components[first]["downstream"] == ["t"]
    assert f"{{l@{variable['variable']}}}" in components["t"]["obj"]["params"]["script"]
    assert not dsl.check(dsl.read(written.data, "ragflow"))
