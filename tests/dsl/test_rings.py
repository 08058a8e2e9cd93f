"""n8n runs in circles; where another platform cannot, the run fails where it would come back, and the file is sound."""

import json
from typing import Any

import pytest

import dsl
from dsl.ir import Edge, Flow, Graph, Node, Type
from dsl.rings import cut
from tests.dsl.engines.build import assign, conditions, node, workflow
from tests.dsl.engines.dify import run_dify
from tests.dsl.engines.test_n8n_items import called

POLL = assign("Poll", n="={{ $('In').first().json.q.length }}")
DONE = node("Done", "if", 2.2, conditions=conditions("={{ $json.n }}", "string", "equals", "2"), options={})
POLLING = workflow(
    [DONE, POLL, called("q"), assign("Say", said="={{ $json.n }}")], "In>Poll Poll>Done Done>Say Done.1>Poll"
)


@pytest.mark.parametrize("target", ["dify", "coze"])
def test_a_ring_is_told_and_written_as_a_way_that_ends(target: str) -> None:
    written = dsl.write(_read(), target)
    assert [(note.title, note.severity) for note in written.notes if note.code == "flow.ring"] == [("Poll", "stub")]
    assert [each for each in dsl.check(dsl.read(written.data)) if each.level == "error"] == []


@pytest.mark.parametrize("target", ["n8n", "ragflow"])
def test_a_ring_stays_one_where_it_runs(target: str) -> None:
    written = dsl.write(_read(), target)
    assert "flow.ring" not in {note.code for note in written.notes}
    assert [each for each in dsl.check(dsl.read(written.data)) if each.level == "error"] == []


@pytest.mark.engines
def test_the_first_round_runs_and_the_second_fails_and_says_what_to_do() -> None:
    data = str(dsl.write(_read(), "dify").data)
    assert run_dify(data, {"q": "hi"}).outputs["said"] == "2"
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


def _read() -> Flow:
    return dsl.read(json.dumps(POLLING))
