"""What Coze cannot do to a variable is computed in front, and the variable is set to what came out."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

import dsl
from dsl import coze, dify, ragflow
from dsl.coze.formats import inside
from dsl.ir import Edge, Flow, Graph, Node, Ref, Text, Type, Variable
from dsl.values import nodes
from tests.dsl.small import NUMBER, line

STRINGS = Type("array", items=Type("string"))
COUNT, XS, Q = Ref("l", ("i",), "loop"), Ref("l", ("xs",), "loop"), Ref("s", ("q",))


def looped(*items: dict[str, Any]) -> Flow:
    """A loop of three rounds that does this to its variables."""
    variables = {"i": {"type": Type("number"), "value": 0}, "xs": {"type": STRINGS, "value": []}}
    body = Graph([Node("a", "assign", "Count", params={"items": list(items)})], [Edge("l", "a", "body")])
    nodes = [
        Node("s", "start", "Start", outputs={"q": Type("string")}),
        Node(
            "l", "loop", "Loop", params={"count": 3, "variables": variables}, outputs={"i": Type("number")}, body=body
        ),
        Node("e", "end", "End", inputs={"i": Ref("l", ("i",))}),
    ]
    return Flow("T", "ir", graph=Graph(nodes, [Edge("s", "l"), Edge("l", "e", "done")]))


def written(flow: Flow) -> tuple[dict[str, Any], list[dsl.Note]]:
    """The nodes by type, those of bodies too, and the notes."""
    result = dsl.write(flow, "coze")
    _, canvas, _ = inside(result.document)
    every = [*canvas["nodes"], *(inner for node in canvas["nodes"] for inner in node["blocks"] or [])]
    return {node["type"]: node for node in every}, list(result.notes)


def result(code: dict[str, Any], **values: Any) -> dict[str, Any]:
    """What the code node returns, as Coze runs it."""
    there: dict[str, Any] = {}
    exec(code["data"]["inputs"]["code"], there)
    given = {
        each["name"]: values[
            (each["input"]["value"]["content"].get("path") or [each["input"]["value"]["content"]["name"]])[0]
        ]
        for each in code["data"]["inputs"]["inputParameters"]
    }
    return dict(asyncio.run(there["main"](SimpleNamespace(params=given))))


@pytest.mark.parametrize(
    ("target", "op", "value", "before", "after"),
    [
        (COUNT, "add", 1, 2, 3),
        (COUNT, "subtract", 1, 2, 1),
        (COUNT, "multiply", 3, 2, 6),
        (COUNT, "divide", 4, 2, 0.5),
        (COUNT, "add", 1, None, 1),
        (XS, "append", Q, ["a"], ["a", "q"]),
        (XS, "append", Text(("<", Q, ">")), None, ["<q>"]),
        (XS, "extend", ["b", "c"], ["a"], ["a", "b", "c"]),
        (XS, "remove_first", None, ["a", "b"], ["b"]),
        (XS, "remove_last", None, ["a", "b"], ["a"]),
    ],
)
def test_a_variable_becomes_what_was_done_to_it(target: Ref, op: str, value: Any, before: Any, after: Any) -> None:
    nodes, notes = written(looped({"target": target, "op": op, "value": value}))
    made = result(nodes["5"], **{str(target.path[0]): before, "q": "q"})
    assert list(made.values()) == [after]
    [pair] = nodes["20"]["data"]["inputs"]["inputParameters"]
    assert pair["left"]["value"]["content"] == {"source": "block-output", "blockID": "l", "name": target.path[0]}
    assert pair["right"]["value"]["content"]["blockID"] == nodes["5"]["id"]
    assert pair["right"]["type"] == pair["left"]["type"]
    assert [note.severity for note in notes if note.code == "assign.computed"] == ["equivalent"]


def test_one_change_sees_what_those_before_it_made() -> None:
    nodes, _ = written(
        looped(
            {"target": COUNT, "op": "set", "value": 5},
            {"target": COUNT, "op": "add", "value": 1},
            {"target": COUNT, "op": "multiply", "value": 2},
            {"target": XS, "op": "append", "value": COUNT},
        )
    )
    assert list(result(nodes["5"], i=0, xs=[]).values()) == [6, 12, [12]]


def test_a_variable_is_emptied_without_code() -> None:
    nodes, _ = written(looped({"target": XS, "op": "clear", "value": None}))
    assert "5" not in nodes
    [pair] = nodes["20"]["data"]["inputs"]["inputParameters"]
    assert pair["right"]["type"] == "list" and pair["right"]["value"]["content"] == "[]"


def test_what_is_only_set_needs_no_code() -> None:
    nodes, notes = written(looped({"target": COUNT, "op": "set", "value": 3}))
    assert "5" not in nodes and not [note for note in notes if note.code.startswith("assign.")]


def test_a_variable_of_the_conversation_is_counted_in_its_own_type() -> None:
    seen = Ref("", ("seen",), "session")
    nodes = [
        Node("s", "start", "Start", outputs={"q": Type("string")}),
        Node("a", "assign", "Note", params={"items": [{"target": seen, "op": "append", "value": Q}]}),
        Node("e", "end", "End"),
    ]
    graph = Graph(nodes, [Edge("s", "a"), Edge("a", "e")])
    made, _ = written(Flow("T", "ir", graph=graph, variables=[Variable("session", "seen", STRINGS, [])]))
    assert list(result(made["5"], seen=["a"], q="b").values()) == [["a", "b"]]
    asked = made["5"]["data"]["inputs"]["inputParameters"]
    assert [each["input"]["type"] for each in asked] == ["list", "string"]
    [given] = made["40"]["data"]["inputs"]["inputParameters"]
    assert given["left"]["type"] == given["input"]["type"] == "list"


def test_variables_of_the_loop_and_of_the_flow_are_set_by_nodes_of_their_own() -> None:
    seen = Ref("", ("seen",), "session")
    flow = looped({"target": seen, "op": "set", "value": Q}, {"target": COUNT, "op": "set", "value": 3})
    nodes, notes = written(flow)
    [loop], [app] = (nodes[kind]["data"]["inputs"]["inputParameters"] for kind in ("20", "40"))
    assert loop["left"]["value"]["content"]["name"] == "i"
    assert app["left"]["value"]["content"]["path"] == ["seen"]
    inner = [(edge["sourceNodeID"], edge["targetNodeID"]) for edge in nodes["21"]["edges"]]
    assert inner == [("l", "a_others"), ("a_others", "a"), ("a", "l")]
    assert {note.node for note in notes} <= {"a", "l", "e", "s", ""}


# -- variables of the app


def _app() -> Flow:
    asked = Node("begin", "start", "Start", outputs={"q": Type("string")})
    items = [{"target": Ref("", (name,), "app"), "op": "set", "value": value} for name, value in _SET.items()]
    keep = Node("keep", "assign", "Keep", params={"items": items})
    done = Node("done", "end", "End", params={"message": Text(("So far: ", Ref("", ("seen",), "app")))})
    variables = [Variable("app", "seen", STRINGS), Variable("user", "name"), Variable("app", "count", NUMBER)]
    return Flow("kept", "ir", mode="chat", graph=line(asked, keep, done), variables=variables)


_SET = {"seen": ["a"], "count": 3}


def test_a_canvas_tells_the_types_of_the_variables_of_its_app() -> None:
    flow = coze.read(coze.build(_app())[0])
    assert {each.name: each.type.name for each in flow.variables} == {"seen": "array", "count": "number"}
    assert {each.scope for each in flow.variables} == {"app"}


def test_they_are_variables_of_the_conversation_in_a_chat_of_dify() -> None:
    document, notes = dify.build(coze.read(coze.build(_app())[0]))
    kept = document["workflow"]["conversation_variables"]
    assert {each["name"]: each["value_type"] for each in kept} == {"seen": "array[string]", "count": "number"}
    kinds = {node["data"]["title"]: node["data"]["type"] for node in document["workflow"]["graph"]["nodes"]}
    assert kinds["Keep"] == "assigner"
    assert [note.severity for note in notes if note.code == "variable.scope"] == ["degraded"] * 2


def test_on_ragflow_they_are_of_the_conversation_too() -> None:
    notes = ragflow.build(coze.read(coze.build(_app())[0]))[1]
    assert [note.severity for note in notes if note.code == "variable.scope"] == ["degraded"] * 2


def test_what_sets_a_variable_of_a_loop_that_is_gone_fails_on_n8n_and_wherever_it_goes_from_there() -> None:
    begin = Node("begin", "start", "Start", outputs={"q": Type("string")})
    items = [{"target": Ref("gone", ("x",)), "op": "append", "value": Ref("begin", ("q",))}]
    keep = Node("keep", "assign", "Keep", params={"items": items})
    written = dsl.write(Flow("kept", "coze", graph=line(begin, keep, Node("done", "end", "Done"))), "n8n")
    back = dsl.read(written.data, "n8n")
    assert nodes(back)["keep"].kind == "opaque"
    for target in ("dify", "coze", "ragflow"):
        notes = dsl.write(back, target).notes
        assert "stub" in {note.severity for note in notes if note.node == "keep"}
    assert dsl.write(back, "ir").data


@pytest.mark.parametrize(
    ("default", "advice"),
    [
        (["hall"], 'Make it in the app, where it begins as ["hall"].'),
        (0, "Make it in the app, where it begins as 0."),
        ([], "Make it in the app."),
    ],
)
def test_what_a_variable_of_a_conversation_begins_as_is_told(default: Any, advice: str) -> None:
    done = Node("done", "answer", "Answer", params={"text": Text((Ref("", ("rooms",), "session"),))})
    start_ = Node("start", "start", "Start")
    variables = [Variable("session", "rooms", Type("any"), default)]
    flow = Flow("kept", "ir", mode="chat", graph=line(start_, done), variables=variables)
    assert [note.suggestion for note in coze.build(flow)[1] if note.code == "variable.scope"] == [advice]
