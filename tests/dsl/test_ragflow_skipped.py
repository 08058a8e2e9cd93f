"""RAGFlow leaves a message out while what it names has not run: of another branch that would be for ever."""

import json
from typing import Any

import pytest

import dsl
from dsl import ragflow
from dsl.ir import Edge, Flow, Graph, Node, Ref, Text
from tests.dsl.small import STRING, end, start, when


def said(name: str) -> Node:
    return Node(name, "set", name.capitalize(), inputs={"said": name}, outputs={"said": STRING})


def built(last: Node, *edges: Edge) -> tuple[dict[str, Any], list[Any]]:
    """A fork to yes and no and the edges given; the components, and the nodes of which it is told."""
    fork = Node("fork", "if", "Fork", params={"cases": [when((Ref("begin", ("q",)), "eq", "a", "string"))]})
    first = [Edge("begin", "fork"), Edge("fork", "yes", "case:0"), Edge("fork", "no", "else")]
    graph = Graph([start(), fork, said("yes"), said("no"), last], [*first, *edges])
    document, notes = ragflow.build(Flow("f", "dify", graph=graph))
    return document["dsl"]["components"], [note.node for note in notes if note.code == "branch.handed"]


YES, NO = Ref("yes", ("said",)), Ref("no", ("said",))
BOTH = (Edge("yes", "done"), Edge("no", "done"))


def test_a_message_names_what_code_hands_on_of_a_branch_that_may_not_run() -> None:
    components, told = built(end(a=(YES, STRING), b=(NO, STRING)), *BOTH)
    assert told == ["done"]
    assert components["yes"]["downstream"] == components["no"]["downstream"] == ["done_given"]
    code = components["done_given"]
    assert code["downstream"] == ["done"]
    assert [*code["obj"]["params"]["arguments"].values()] == ["yes@returned.said", "no@returned.said"]
    scope: dict[str, Any] = {}
    exec(code["obj"]["params"]["script"], scope)
    assert scope["main"](in_0="x", in_1=None) == {"in_0": "x", "in_1": None}
    (text,) = components["done"]["obj"]["params"]["content"]
    assert text == "a: {done_given@returned.in_0}\nb: {done_given@returned.in_1}"


@pytest.mark.parametrize("kind", ["llm", "answer"])
def test_prompts_and_answers_are_handed_it_as_well(kind: str) -> None:
    words = Text(("Hi ", YES))
    params = {"messages": [{"role": "user", "text": words}], "mode": "chat"} if kind == "llm" else {"text": words}
    components, told = built(Node("done", kind, "Done", params=params), *BOTH)
    assert told == ["done"] and "done_given@returned.in_0" in str(components["done"])


def test_what_has_run_for_sure_is_named_as_it_is() -> None:
    assert built(end(a=(YES, STRING)), BOTH[0])[1] == []  # on its own branch
    begun = end(a=(Ref("begin", ("q",)), STRING))
    assert built(begun, *BOTH)[1] == []


def test_what_runs_beside_is_waited_for() -> None:
    """There a message is left out until both have run: no code may hand on nothing in their place."""
    graph = Graph([start(), said("yes"), said("no"), end(a=(YES, STRING), b=(NO, STRING))])
    graph.edges = [Edge("begin", "yes"), Edge("begin", "no"), *BOTH]
    document, notes = ragflow.build(Flow("f", "dify", graph=graph))
    assert "branch.handed" not in {note.code for note in notes}
    assert "yes@returned.said" in str(document["dsl"]["components"]["done"])


def test_a_canvas_with_such_a_message_is_found() -> None:
    components, _ = built(end(a=(YES, STRING)), *BOTH)
    canvas = {"components": components, "path": [], "history": [], "retrieval": [], "globals": {}}
    assert "ref.branch" not in {each.code for each in dsl.check(dsl.read(json.dumps(canvas)))}
    components["done"]["obj"]["params"]["content"] = ["{yes@returned.said}"]
    (found,) = [each for each in dsl.check(dsl.read(json.dumps(canvas))) if each.code == "ref.branch"]
    assert (found.level, found.node) == ("warning", "done") and "'yes.said'" in found.message
