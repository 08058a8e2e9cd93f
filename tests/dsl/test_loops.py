"""What a loop gives out: its variables as they are at last, and lists of what its rounds made."""

from typing import Any

import pytest

import dsl
from dsl.coze.formats import inside
from dsl.ir import Edge, Flow, Graph, Node, Ref, Text, Type
from dsl.values import nodes
from tests.dsl.engines.dify import run_dify
from tests.dsl.engines.n8n_core import run_n8n_core
from tests.dsl.small import end, javascript, line, start

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


@pytest.mark.parametrize(
    ("value", "kind"), [(0, "number"), ("", "string"), (False, "boolean"), ([], "array"), ({}, "object")]
)
def test_a_variable_of_a_loop_of_ragflow_that_begins_with_nothing_is_no_constant(value: Any, kind: str) -> None:
    flow = looped()
    nodes(flow)["l"].params["variables"] = {"i": {"type": Type(kind), "value": value}}  # type: ignore[arg-type]
    written = dsl.write(flow, "ragflow")
    (first,) = written.document["dsl"]["components"]["l"]["obj"]["params"]["loop_variables"]
    assert first["input_mode"] not in ("constant", "variable") and first["value"]
    assert first["type"].partition("<")[0] == kind  # of a list RAGFlow looks at the beginning
    assert nodes(dsl.read(written.data))["l"].params["variables"] == {"i": {"type": Type(kind), "value": value}}  # type: ignore[arg-type]


@pytest.mark.parametrize(("count", "told"), [(100, []), (150, ["degraded"]), (None, ["degraded"])])
def test_rounds_that_the_editor_of_dify_does_not_take_are_told(count: int | None, told: list[str]) -> None:
    flow = looped()
    nodes(flow)["l"].params["count"] = count
    written = dsl.write(flow, "dify")
    assert [note.severity for note in written.notes if note.code == "loop.capped"] == told
    (loop,) = [
        each["data"] for each in written.document["workflow"]["graph"]["nodes"] if each["data"]["type"] == "loop"
    ]
    assert loop["loop_count"] == (count or 100)


@pytest.mark.engines
@pytest.mark.parametrize("count", [0, 2])
def test_a_loop_of_no_round_runs_none(count: int) -> None:
    flow = looped()
    loop = nodes(flow)["l"]
    items = [{"target": Ref("l", ("i",), "loop"), "op": "add", "value": 1}]
    loop.params["count"], loop.body = count, Graph([Node("a", "assign", "Add", params={"items": items})])
    loop.body.edges.append(Edge("l", "a", "body"))
    ran = run_dify(str(dsl.write(flow, "dify").data), {"q": "x"})
    assert ran.outputs == {"i": count}, ran
    ran = run_n8n_core(dsl.write(flow, "n8n", trigger="call").document, {"q": "x"})
    assert ran.outputs == {"i": count}, ran


def over_lists() -> Flow:
    """A loop of Coze over two lists, which joins their elements in a variable."""
    x, y = (Ref("l", (name,), "item") for name in ("x", "y"))
    joined = Node("t", "template", "Join", params={"template": Text((Ref("l", ("acc",), "loop"), x, y))})
    items = [{"target": Ref("l", ("acc",), "loop"), "op": "set", "value": Ref("t", ("output",))}]
    body = Graph(
        [joined, Node("a", "assign", "Keep", params={"items": items})], [Edge("l", "t", "body"), Edge("t", "a")]
    )
    loop = Node("l", "loop", "Loop", params={"variables": {"acc": {"type": Type("string"), "value": ""}}}, body=body)
    loop.inputs, loop.outputs = {"x": Ref("m", ("xs",)), "y": Ref("m", ("ys",))}, {"acc": Type("string")}
    source = "function main({ q }) {\n  return { xs: q.split(','), ys: ['1', '2', '3'] };\n}\n"
    made = javascript("m", source, {"q": Ref("begin", ("q",))}, xs=STRINGS, ys=STRINGS)
    return Flow("T", "ir", graph=line(start(), made, loop, end(r=(Ref("l", ("acc",)), Type("string")))))


@pytest.mark.engines
@pytest.mark.parametrize(("q", "r"), [("a,b", "a1b2"), ("a,b,c,d", "a1b2c3")])
def test_a_loop_over_lists_goes_as_far_as_the_shortest(q: str, r: str) -> None:
    ran = run_n8n_core(dsl.write(over_lists(), "n8n", trigger="call").document, {"q": q, "n": 1})
    assert ran.outputs == {"r": r}, ran
    ran = run_dify(str(dsl.write(over_lists(), "dify").data), {"q": q, "n": 1})
    assert ran.outputs == {"r": r}, ran


@pytest.mark.parametrize("dialect", ["dify", "n8n", "ragflow"])
def test_a_loop_over_lists_is_told_and_leaves_nothing_that_leads_nowhere(dialect: str) -> None:
    written = dsl.write(over_lists(), dialect)
    assert [(note.severity, note.node) for note in written.notes if note.code == "loop.list"] == [("equivalent", "l")]
    assert not [each for each in dsl.check(dsl.read(written.data, dialect)) if each.level == "error"]


def test_rounds_that_are_counted_when_the_flow_runs_end_a_loop_of_ragflow() -> None:
    components = dsl.write(over_lists(), "ragflow").document["dsl"]["components"]
    loop = components["l"]["obj"]["params"]
    assert isinstance(loop["maximum_loop_count"], int)
    (ends,) = loop["loop_termination_condition"]
    assert (ends["variable"], ends["operator"], ends["input_mode"]) == ("l@flowstill_round", "≥", "variable")
    assert ends["value"] == "l_lists@returned.count"


@pytest.mark.parametrize(
    ("right", "kind", "sign", "value"),
    [(3, "number", "=", 3), ("x", "string", "is", "x"), (2.5, "number", "=", 2.5)],
)
def test_a_loop_of_ragflow_compares_with_values_and_not_with_their_texts(
    right: Any, kind: str, sign: str, value: Any
) -> None:
    flow = looped()
    asked = {"left": Ref("l", ("i",), "loop"), "op": "eq", "right": right, "type": kind}
    nodes(flow)["l"].params["until"] = {"logic": "or", "conditions": [asked]}
    loop = dsl.write(flow, "ragflow").document["dsl"]["components"]["l"]["obj"]["params"]
    (ends,) = loop["loop_termination_condition"]
    assert (ends["operator"], ends["value"], ends["input_mode"]) == (sign, value, "constant")


def test_coze_walks_the_lists_by_itself() -> None:
    _, canvas, _ = inside(dsl.write(over_lists(), "coze").document)
    loop = next(node for node in canvas["nodes"] if node["type"] == "21")["data"]["inputs"]
    assert loop["loopType"] == "array"
    assert [each["name"] for each in loop["inputParameters"]] == ["x", "y"]


@pytest.mark.parametrize("collected", ["yes", "first", "fork"])
def test_what_a_round_of_ragflow_passes_by_is_left_from_a_round_before(collected: str) -> None:
    item = Ref("each", ("item",), "item")
    case = {"logic": "and", "conditions": [{"left": item, "op": "eq", "right": "a", "type": "string"}]}
    fork = Node("fork", "if", "Fork", params={"cases": [case]})
    said = [Node(name, "template", name, params={"template": name}) for name in ("yes", "no")]
    values = [Ref(node.id, ("output",)) for node in said]
    groups = [{"name": "output", "type": Type("string"), "values": values}] if collected == "first" else []
    first = Node("first", "aggregate", "First", params={"groups": groups, "skip": "missing"})
    each = Node("each", "iterate", "Each", inputs={"item": Ref("begin", ("xs",))})
    each.params = {"collect": {} if collected == "fork" else {"all": Ref(collected, ("output",))}}
    edges = [Edge("each", "fork", "body"), Edge("fork", "yes", "case:0"), Edge("fork", "no", "else")]
    each.body = Graph([fork, *said, first], [*edges, Edge("yes", "first"), Edge("no", "first")])
    flow = Flow("f", "dify", graph=Graph([start(xs=Type("array")), each], [Edge("begin", "each")]))
    written = dsl.write(flow, "ragflow")
    told = [note.node for note in written.notes if note.code == "rounds.stale"]
    assert told == ([] if collected == "fork" else ["each"])
    back = dsl.write(dsl.read(written.data), "dify")
    assert [note.node for note in back.notes if note.code == "rounds.stale"] == told


def left_early(kind: str) -> Flow:
    """Each round makes a text and leaves the round, or the loop, at the element "b"; else it keeps the element."""
    item = Ref("l", ("x",), "item")
    said = Node("t", "template", "Said", params={"template": Text((item, "!"))})
    case = {"logic": "and", "conditions": [{"left": item, "op": "eq", "right": "b", "type": "string"}]}
    fork = Node("fork", "if", "Fork", params={"cases": [case]})
    items = [{"target": Ref("l", ("last",), "loop"), "op": "set", "value": item}]
    body = Graph([said, fork, Node("leave", kind, "Leave"), Node("keep", "assign", "Keep", params={"items": items})])
    body.edges = [
        Edge("l", "t", "body"),
        Edge("t", "fork"),
        Edge("fork", "leave", "case:0"),
        Edge("fork", "keep", "else"),
    ]
    loop = Node("l", "loop", "Loop", body=body, inputs={"x": Ref("m", ("xs",))})
    loop.params = {"variables": {"last": {"type": Type("string"), "value": ""}}}
    loop.params["collect"] = {"all": Ref("t", ("output",))}
    loop.outputs = {"last": Type("string"), "all": STRINGS}
    source = "function main({ q }) {\n  return { xs: q.split(',') };\n}\n"
    made = javascript("m", source, {"q": Ref("begin", ("q",))}, xs=STRINGS)
    results = {name: (Ref("l", (name,)), type_) for name, type_ in loop.outputs.items()}
    return Flow("T", "coze", graph=line(start(), made, loop, end(**results)))


@pytest.mark.engines
@pytest.mark.parametrize(
    ("kind", "expected"),
    [("break", {"last": "a", "all": ["a!", "b!"]}), ("continue", {"last": "c", "all": ["a!", "b!", "c!"]})],
)
def test_what_a_round_made_before_it_is_left_is_collected(kind: str, expected: dict[str, Any]) -> None:
    flow = left_early(kind)
    ran = run_n8n_core(dsl.write(flow, "n8n", trigger="call").document, {"q": "a,b,c", "n": 1})
    assert ran.outputs == expected, ran
    back = dsl.read(dsl.write(flow, "n8n").data)
    for each in (flow, back):
        ran = run_dify(str(dsl.write(each, "dify").data), {"q": "a,b,c", "n": 1})
        assert ran.outputs == expected, ran


def doubling(*made: Node, left: Ref) -> Flow:
    """Doubles a number until what stands on the left is 5 or more."""
    items = [{"target": Ref("l", ("i",), "loop"), "op": "multiply", "value": 2}]
    body = Graph([*made, Node("a", "assign", "Double", params={"items": items})])
    body.edges = [Edge("l", body.nodes[0].id, "body"), *(Edge(each.id, "a") for each in made)]
    asked = {"left": left, "op": "ge", "right": 5, "type": "number"}
    loop = Node("l", "loop", "Loop", body=body, outputs={"i": Type("number")})
    loop.params = {"count": 9, "until": {"logic": "and", "conditions": [asked]}}
    loop.params["variables"] = {"i": {"type": Type("number"), "value": Ref("begin", ("n",))}}
    return Flow("T", "dify", graph=line(start(), loop, end(i=(Ref("l", ("i",)), Type("number")))))


HELD = Ref("l", ("i",), "loop")


@pytest.mark.engines
@pytest.mark.parametrize(("given", "i"), [(7, 7), (1, 8)])
def test_a_loop_whose_end_holds_at_once_runs_no_round_anywhere(given: int, i: int) -> None:
    flow = doubling(left=HELD)
    ran = run_n8n_core(dsl.write(flow, "n8n", trigger="call").document, {"q": "x", "n": given})
    assert ran.outputs == {"i": i}, ran
    back = [dsl.read(dsl.write(flow, target).data) for target in ("n8n", "coze")]
    for each in (flow, *back):
        ran = run_dify(str(dsl.write(each, "dify").data), {"q": "x", "n": given})
        assert ran.outputs == {"i": i}, ran


def test_what_ends_a_loop_of_n8n_is_one_condition_when_it_comes_back() -> None:
    flow = doubling(left=HELD)
    back = nodes(dsl.read(dsl.write(flow, "n8n").data))
    assert {node.kind for node in back.values()} == {node.kind for node in nodes(flow).values()}
    assert back["l"].params["until"]["conditions"][0]["left"] == HELD


@pytest.mark.parametrize(("target", "told"), [("coze", ["equivalent"]), ("n8n", [])])
def test_a_condition_over_what_a_round_makes_is_asked_after_it_and_that_is_told(target: str, told: list[str]) -> None:
    length = javascript("len", "function main({ i }) { return { size: i }; }", {"i": HELD}, size=Type("number"))
    for flow, expected in ((doubling(left=HELD), told), (doubling(length, left=Ref("len", ("size",))), ["degraded"])):
        notes = dsl.write(flow, target).notes
        assert [each.severity for each in notes if each.code == "loop.until"] == expected
