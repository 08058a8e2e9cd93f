"""n8n runs in circles. Elsewhere a plain one is a loop; at any other the run fails where it would come back."""

import json
from itertools import pairwise
from typing import Any

import pytest

import dsl
from dsl.ir import Edge, Flow, Graph, Node, Ref, Type
from dsl.looped import as_loops
from dsl.rings import backward, cut
from tests.dsl.engines.build import Json, assign, called, conditions, node, workflow
from tests.dsl.engines.dify import run_dify
from tests.dsl.engines.n8n_core import run_n8n_core
from tests.dsl.engines.test_n8n_items import code


def asks(name: str, right: str) -> Json:
    return node(name, "if", 2.2, conditions=conditions("={{ $json.n }}", "string", "equals", right), options={})


SAY = assign("Say", said="={{ $json.n }}")
DRAW = assign("Draw", n="={{ Math.random() < 0.3 ? 'won' : 'lost' }}", q="={{ $('In').first().json.q }}")
SAID = assign("Say", said="={{ $json.n + ' ' + $json.q }}")
DRAWING = workflow([called(q="string"), DRAW, asks("Won", "won"), SAID], "In>Draw Draw>Won Won>Say Won.1>Draw")
ROLL = code("Roll", "return [{json: {n: Math.random() < 0.3 ? 'won' : 'lost', at: 3, of: {a: [1]}}}];")
ROLLED = assign("Say", said="={{ $json.n + $('Roll').first().json.at }}", n="={{ $json.n }}", a="={{ $json.of.a[0] }}")
ROLLING = workflow([called(q="string"), ROLL, asks("Won", "won"), ROLLED], "In>Roll Roll>Won Won>Say Won.1>Roll")
ASK = assign("Ask", n="={{ $('In').first().json.q.slice(0, 1) }}")
NO = assign("No", said="no way")
ASKING = workflow(
    [called(q="string"), ASK, asks("Yes", "y"), asks("Never", "n"), node("Wait", "noOp"), SAY, NO],
    "In>Ask Ask>Yes Yes>Say Yes.1>Never Never>No Never.1>Wait Wait>Ask",
)
POLL = code("Poll", "return [{json: {n: String($input.first().json.q ?? '').slice(0, 2)}}];")  # what comes in differs
DONE = asks("Done", "hi")
POLLING = workflow([DONE, POLL, called(q="string"), SAY], "In>Poll Poll>Done Done>Say Done.1>Poll")


@pytest.mark.parametrize("target", ["dify", "coze"])
@pytest.mark.parametrize(("circle", "first"), [(DRAWING, "Draw"), (ROLLING, "Roll"), (ASKING, "Ask")])
def test_a_plain_circle_is_a_loop_and_told(circle: Json, first: str, target: str) -> None:
    written = dsl.write(_read(circle), target)
    assert [(note.title, note.severity) for note in written.notes if note.code == "flow.ring"] == [(first, "degraded")]
    back = dsl.read(written.data)
    assert "loop" in {each.kind for each in back.graph.nodes}
    assert [each for each in dsl.check(back) if each.level == "error"] == []


@pytest.mark.engines
@pytest.mark.parametrize("circle", [DRAWING, ROLLING])
def test_a_plain_circle_runs_until_control_leaves_it_with_all_that_it_gave(circle: Json) -> None:
    ran = run_dify(str(dsl.write(_read(circle), "dify").data), {"q": "hi"})
    assert run_n8n_core(circle, {"q": "hi"}).outputs == ran.outputs


@pytest.mark.engines
@pytest.mark.parametrize("q", ["yes", "no"])
def test_control_goes_on_by_the_way_that_it_left_the_circle_by(q: str) -> None:
    ran = run_dify(str(dsl.write(_read(ASKING), "dify").data), {"q": q})
    assert run_n8n_core(ASKING, {"q": q}).outputs == ran.outputs


@pytest.mark.engines
def test_a_circle_that_is_never_left_fails_after_the_rounds_that_a_loop_may_have() -> None:
    data = str(dsl.write(_read(ASKING), "dify").data).replace("loop_count: 100", "loop_count: 3")  # it takes less time
    ran = run_dify(data, {"q": "perhaps"})
    assert ran.status == "failed" and "Ask ran as often as a loop may" in str(ran.error)


ROUND = [Edge("begin", "a"), Edge("a", "b"), Edge("b", "c", "case:0"), Edge("c", "a"), Edge("b", "done", "else")]


@pytest.mark.parametrize(
    ("edges", "read"),
    [
        ([], Ref("begin", ("q",))),
        ([Edge("begin", "b")], None),  # a second way in
        ([], Ref("c", ("x",))),  # of the round before
        ([Edge("b", "done", "case:0")], None),  # goes on and comes back
        ([], Ref("a", ("x",))),
    ],
    ids=["plain", "entered twice", "reads back", "goes both ways", "reads itself"],
)
def test_only_a_plain_circle_is_a_loop(edges: list[Edge], read: Ref | None, request: pytest.FixtureRequest) -> None:
    nodes = [
        Node("begin", "start", outputs={"q": Type("string")}),
        Node("a", "set", inputs={"x": read}, outputs={"x": Type()}),
        Node("b", "if", params={"cases": [{"logic": "and", "conditions": []}]}),
        Node("c", "set", inputs={"x": 1}, outputs={"x": Type()}),
        Node("done", "end"),
    ]
    graph = Graph(nodes, [*ROUND, *edges])
    as_loops(graph, {each.id for each in nodes}, lambda node, made: None)
    assert (backward(graph) == []) is (request.node.callspec.id == "plain")


def test_of_a_circle_in_a_circle_the_inner_one_is_a_loop() -> None:
    ids = ["begin", "outer", "inner", "near", "far", "done"]
    kinds = ["start", "pass", "pass", "if", "if", "end"]
    params: Any = {"cases": [{"logic": "and", "conditions": []}]}
    nodes = [Node(id_, kind, params=params if kind == "if" else {}) for id_, kind in zip(ids, kinds, strict=True)]
    line = [Edge(a, b, "else" if a in ("near", "far") else "out") for a, b in pairwise(ids)]
    graph = Graph(nodes, [*line, Edge("near", "inner", "case:0"), Edge("far", "outer", "case:0")])
    met: list[str] = []
    as_loops(graph, {*ids}, lambda node, made: met.append(node.id))
    assert met == ["inner"]


@pytest.mark.parametrize("target", ["dify", "coze"])
def test_any_other_ring_is_told_and_written_as_a_way_that_ends(target: str) -> None:
    written = dsl.write(_read(POLLING), target)
    assert [(note.title, note.severity) for note in written.notes if note.code == "flow.ring"] == [("Poll", "stub")]
    assert [each for each in dsl.check(dsl.read(written.data)) if each.level == "error"] == []


@pytest.mark.parametrize("circle", [DRAWING, ASKING, POLLING])
@pytest.mark.parametrize("target", ["n8n", "ragflow"])
def test_a_ring_stays_one_where_it_runs(circle: Json, target: str) -> None:
    written = dsl.write(_read(circle), target)
    assert "flow.ring" not in {note.code for note in written.notes}
    assert [each for each in dsl.check(dsl.read(written.data)) if each.level == "error"] == []


@pytest.mark.engines
def test_the_first_round_runs_and_the_second_fails_and_says_what_to_do() -> None:
    data = str(dsl.write(_read(POLLING), "dify").data)
    assert run_dify(data, {"q": "hi"}).outputs["said"] == "hi"
    ran = run_dify(data, {"q": "no more"})
    assert ran.status == "failed" and "Poll would run again here: put what repeats into a loop." in str(ran.error)


def test_rings_in_bodies_are_cut_too_and_a_way_that_forks_and_joins_is_none() -> None:
    body = Graph(
        [Node("a", "pass"), Node("b", "pass"), Node("c", "pass")],
        [Edge("each", "a", "body"), Edge("a", "b"), Edge("a", "c"), Edge("b", "c"), Edge("c", "a")],
    )
    graph = Graph([Node("each", "iterate", inputs={"item": [1]}, outputs={"output": Type("array")}, body=body)], [])
    met: list[Any] = []
    cut(graph, {"each", "a", "b", "c"}, lambda node, end: met.append((node.id, end.id)))
    assert met == [("a", "a_again")]
    assert [(edge.source, edge.target) for edge in body.edges][-1] == ("c", "a_again")


def _read(document: Json) -> Flow:
    return dsl.read(json.dumps(document))


def test_a_way_out_by_a_port_that_its_node_does_not_have_ends_no_conversion() -> None:
    nodes = [
        Node("begin", "start", outputs={"q": Type("string")}),
        Node("a", "set", inputs={"x": 1}, outputs={"x": Type()}),
        Node("b", "if", params={"cases": [{"logic": "and", "conditions": []}]}),
        Node("c", "set", inputs={"x": 1}, outputs={"x": Type()}),
        Node("done", "end"),
    ]
    graph = Graph(nodes, [*ROUND, Edge("b", "done", "nowhere")])
    as_loops(graph, {each.id for each in nodes}, lambda node, made: None)
    (loop,) = [each for each in graph.nodes if each.body is not None]
    assert loop.body is not None and ("b", "nowhere") in {(each.source, each.port) for each in loop.body.edges}
    assert backward(graph) == []
