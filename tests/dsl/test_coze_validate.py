"""Coze Studio's own validator, again: its verdicts on the example canvases, and its words at each stage."""

import copy
import csv
import json
from itertools import pairwise
from typing import Any

import pytest

from dsl.coze.validate import CYCLE, NESTED, NIL, Problem, validate
from tests.dsl.corpus import SHARED

COZE = SHARED / "coze"
STAGES = ("prune", "connections", "cycles", "nested", "refs")
Json = dict[str, Any]


def table() -> list[object]:
    if not (COZE / "index.tsv").exists():
        return [pytest.param(None, None, marks=pytest.mark.skip("../shared is not here"), id="no corpora")]
    with (COZE / "index.tsv").open(encoding="utf-8", newline="") as opened:
        rows = list(csv.DictReader(opened, delimiter="\t", quoting=csv.QUOTE_NONE))
    return [pytest.param(row["file"], row["validator_verdict"], id=row["file"]) for row in rows]


def verdict(problems: list[Problem]) -> str:
    """As the table writes it: the nodes of a stage in the order of their ids."""
    if not problems:
        return "ok"
    if problems[0].message.startswith(NIL):
        return NIL
    return f"{STAGES[problems[0].stage]}: " + " | ".join(sorted(f"{each.node}: {each.message}" for each in problems))


@pytest.mark.parametrize(("file", "expected"), table())
def test_the_verdict_is_that_of_coze_studio(file: str, expected: str) -> None:
    assert verdict(validate(json.loads((COZE / file).read_text(encoding="utf-8")))) == expected


def test_the_table_has_every_example() -> None:
    if not COZE.exists():
        pytest.skip("../shared is not here")
    assert len(table()) == len(list((COZE / "canvas").rglob("*.json"))) == 102


def node(key: str, kind: str, *parameters: Json, **inputs: Any) -> Json:
    given = {"inputParameters": list(parameters)} | inputs
    return {"id": key, "type": kind, "data": {"nodeMeta": {"title": f"T{key}"}, "inputs": given}}


def edge(source: str, target: str, port: str = "") -> Json:
    return {"sourceNodeID": source, "targetNodeID": target, "sourcePortID": port}


def canvas(*nodes: Json, edges: list[Json]) -> Json:
    return {"nodes": [node("100001", "1"), *nodes, node("900001", "2")], "edges": edges}


def line(*nodes: Json) -> Json:
    """The nodes one after the other, between start and end."""
    keys = ["100001", *(each["id"] for each in nodes), "900001"]
    return canvas(*nodes, edges=[edge(one, other) for one, other in pairwise(keys)])


def loop(key: str, *blocks: Json, back: bool = True) -> Json:
    keys = [key, *(each["id"] for each in blocks), *([key] if back else [])]
    edges = [edge(one, other, "x") for one, other in pairwise(keys)]
    return node(key, "21") | {"blocks": list(blocks), "edges": edges}


def refers(target: str, name: str = "input", side: str = "input") -> Json:
    content = {"source": "block-output", "blockID": target, "name": "output"}
    return {"name": name, side: {"type": "string", "value": {"type": "ref", "content": content}}}


def messages(given: Json) -> list[tuple[int, str, str]]:
    return [(each.stage, each.node, each.message) for each in validate(given)]


def test_a_line_from_start_to_end_is_accepted_and_left_as_it_is() -> None:
    given = line(node("1", "5", refers("100001")))
    before = copy.deepcopy(given)
    assert validate(given) == []
    assert given == before


def test_a_node_that_no_edge_leads_to_is_not_looked_at() -> None:
    given = line(node("1", "15"))
    given["nodes"] += [node("2", "15", refers("nowhere")), {"id": "3", "type": "31", "data": {}}]
    assert validate(given) == []


def test_an_edge_to_an_unknown_node_ends_it_all() -> None:
    given = line(node("1", "15"))
    given["edges"].append(edge("1", "77"))
    message = "node id 77 not existed, but appears in the edge"
    assert validate(given) == [Problem(0, message, "/edges/2", "77")]


@pytest.mark.parametrize(("gone", "message"), [(0, "start node not found"), (-1, "end node not found")])
def test_start_and_end_must_be_there(gone: int, message: str) -> None:
    given = line(node("1", "15"))
    del given["nodes"][gone]
    assert messages(given) == [(0, "", message)]


def test_an_unconnected_start_and_an_open_end_are_told() -> None:
    given = canvas(node("1", "15"), node("2", "15"), edges=[edge("2", "1")])
    assert messages(given) == [(1, "100001", 'node "start" not connected'), (1, "1", 'node "T1" not connected')]


BRANCHED = {"settingOnError": {"processType": 3}}
OPTIONS = {"answer_type": "option", "option_type": "static", "options": [{"name": "a"}, {"name": "b"}]}


@pytest.mark.parametrize(
    ("kind", "inputs", "ports"),
    [
        ("8", {"branches": [{}, {}, {}]}, ["true", "true_1", "true_2", "false"]),
        ("22", {"intents": [{"name": "a"}]}, ["branch_0", "default"]),
        ("18", OPTIONS, ["branch_0", "branch_1"]),
        ("18", {"answer_type": "option", "option_type": "dynamic"}, ["branch_0"]),
        ("3", BRANCHED, ["branch_error", "default"]),
        ("22", {"intents": []} | BRANCHED, ["branch_error", "default"]),
    ],
)
def test_every_port_of_a_branching_node_needs_an_edge(kind: str, inputs: Json, ports: list[str]) -> None:
    given = line(node("1", kind, **inputs))
    expected = "".join(f'node "T1"\'s port "{port}" not connected;' for port in ports)
    assert messages(given) == [(1, "1", expected)]
    given["edges"] += [edge("1", "900001", port) for port in ports]
    assert validate(given) == []


def test_a_question_for_text_needs_any_edge_only() -> None:
    assert validate(line(node("1", "18", answer_type="text"))) == []


def test_a_body_is_looked_at_when_something_leads_back_to_its_loop() -> None:
    branch = node("2", "8", branches=[{}])
    expected = 'node "T2"\'s port "true" not connected;node "T2"\'s port "false" not connected;'
    (problem,) = validate(line(loop("1", branch)))
    assert problem == Problem(1, expected, "/nodes/1/blocks/0", "2")
    assert validate(line(loop("1", branch, back=False))) == []
    assert validate(line(loop("1", node("2", "15"), node("3", "19"), back=False))) == []


def test_a_cycle_is_told_edge_by_edge() -> None:
    given = line(node("1", "5"), node("2", "5"))
    given["edges"].append(edge("2", "1"))
    assert validate(given) == [Problem(2, CYCLE, "/edges/1"), Problem(2, CYCLE, "/edges/3")]


def test_a_node_that_leads_to_itself_goes_unnoticed() -> None:
    given = line(node("1", "5"))
    given["edges"].append(edge("1", "1"))
    assert validate(given) == []


@pytest.mark.parametrize("closed", [False, True])
def test_a_canvas_with_countless_ways_is_done_soon(closed: bool) -> None:
    layers = [[node(f"{i}{side}", "5") for side in "ab"] for i in range(60)]
    edges = [edge(one["id"], other["id"]) for i in range(59) for one in layers[i] for other in layers[i + 1]]
    edges += [edge("100001", "0a"), edge("100001", "0b"), edge("59a", "900001"), edge("59b", "900001")]
    given = canvas(*layers[0], *(each for layer in layers[1:] for each in layer), edges=edges)
    given["edges"] += [edge("59a", "0a")] if closed else []
    assert {each.message for each in validate(given)} == ({CYCLE} if closed else set())


def test_a_loop_in_a_loop_is_refused() -> None:
    given = line(loop("1", loop("2", node("3", "15"))))
    assert validate(given) == [Problem(3, NESTED, "/nodes/1", "1")]


def test_references_lead_to_what_can_be_reached_from_the_start() -> None:
    body = loop("2", node("3", "5", refers("1"), refers("2", "element")))
    assert validate(line(node("1", "5", refers("900001")), body)) == []
    inward = line(node("1", "5", refers("3")), body)
    assert messages(inward) == [(4, "1", 'the node id "1" on which node id "3" depends does not exist')]


@pytest.mark.parametrize("side", ["input", "left", "right"])
def test_a_reference_to_nothing_is_told(side: str) -> None:
    given = line(node("1", "20", refers("", side=side), refers("9", side=side)))
    assert messages(given) == [
        (4, "1", "ref block error,[blockID] is empty"),
        (4, "1", 'the node id "1" on which node id "9" depends does not exist'),
    ]
    assert validate(given)[0].pointer == f"/nodes/1/data/inputs/inputParameters/0/{side}/value/content"


def test_global_variables_are_not_looked_up() -> None:
    parameter = refers("")
    parameter["input"]["value"]["content"] = {"source": "global_variable_app", "path": ["x"]}
    assert validate(line(node("1", "5", parameter))) == []


def test_a_parameter_is_named_like_a_variable() -> None:
    rule = "parameter name only allows number or alphabet, and must begin with alphabet, but it's"
    given = line(node("1", "5", *(refers("100001", name) for name in ("123", "a b", "_ok", "名", "a\n"))))
    names = ["123", "a b", "名", "a\n"]
    assert messages(given) == [(4, "1", f'{rule} "{name}"') for name in names]


@pytest.mark.parametrize("side", ["input", "left", "right"])
def test_an_empty_object_crashes_it_whatever_else_is_wrong(side: str) -> None:
    given = line(node("1", "5", refers("9"), {"name": "a", side: {}}, {"name": "b", "left": None}))
    place = f"/nodes/1/data/inputs/inputParameters/1/{side}"
    assert validate(given) == [Problem(4, f"{NIL}: there is no `value` here", place, "1")]


@pytest.mark.parametrize(
    ("place", "given"),
    [
        ("", []),
        ("/nodes", {"nodes": {"a": 1}}),
        ("/nodes/0", {"nodes": [None]}),
        ("/nodes/0/id", {"nodes": [{"id": 1}]}),
        ("/nodes/0/data", {"nodes": [{"data": "x"}]}),
        ("/nodes/0/blocks", {"nodes": [{"blocks": "x"}]}),
        ("/edges/0/sourceNodeID", {"edges": [{"sourceNodeID": 1}]}),
    ],
)
def test_what_is_no_canvas_is_one_problem(place: str, given: Any) -> None:
    (problem,) = validate(given)
    assert (problem.stage, problem.pointer) == (0, place)
    assert problem.message.startswith("the canvas cannot be unmarshalled: ")
