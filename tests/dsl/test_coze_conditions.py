"""Comparisons that Coze's condition node lacks are computed in front of it, and give what they give elsewhere."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

import dsl
from dsl.coze.formats import inside
from dsl.ir import Edge, Flow, Graph, Node, Ref, Type


def flow(*cases: dict[str, Any], **params: Any) -> Flow:
    start = Node("s", "start", "Start", outputs={"q": Type("string"), "xs": Type("array")})
    fork = Node("f", "if", "Fork", params={"cases": list(cases), **params})
    end = Node("e", "end", "End", inputs={"q": Ref("s", ("q",))})
    edges = [Edge("s", "f"), *(Edge("f", "e", f"case:{i}") for i in range(len(cases))), Edge("f", "e", "else")]
    return Flow("T", "ir", graph=Graph([start, fork, end], edges))


def case(op: str, right: Any = None, left: str = "q", logic: str = "and") -> dict[str, Any]:
    return {"logic": logic, "conditions": [{"left": Ref("s", (left,)), "op": op, "right": right, "type": "string"}]}


def written(made: Flow) -> tuple[dict[str, Any], list[dsl.Note]]:
    """The nodes by type, and the notes."""
    result = dsl.write(made, "coze")
    _, canvas, _ = inside(result.document)
    return {node["type"]: node for node in canvas["nodes"]}, list(result.notes)


def answers(code: dict[str, Any], **values: Any) -> dict[str, bool]:
    """What the code node returns, as Coze runs it."""
    there: dict[str, Any] = {}
    exec(code["data"]["inputs"]["code"], there)
    given = {
        each["name"]: values[each["input"]["value"]["content"]["name"]]
        for each in code["data"]["inputs"]["inputParameters"]
    }
    return dict(asyncio.run(there["main"](SimpleNamespace(params=given))))


@pytest.mark.parametrize(
    ("op", "right", "yes", "no"),
    [
        ("starts", "ab", "abc", "cab"),
        ("not_starts", "ab", "cab", "abc"),
        ("ends", "bc", "abc", "bca"),
        ("not_ends", "bc", "bca", "abc"),
        ("regex", "^a.c$", "abc", "abd"),
        ("in", ["a", "b"], "b", "c"),
        ("not_in", ["a", "b"], "c", "b"),
        ("before", "2025-01-01", "2024-12-31", "2025-01-02"),
        ("after", "2025-01-01", "2025-01-02", "2024-12-31"),
    ],
)
def test_a_comparison_that_coze_lacks_is_computed(op: str, right: Any, yes: str, no: str) -> None:
    nodes, notes = written(flow(case(op, right)))
    assert answers(nodes["5"], q=yes) == {"case0": True}
    assert answers(nodes["5"], q=no) == {"case0": False}
    assert [note.severity for note in notes if note.code == "condition.computed"] == ["equivalent"]
    assert not [note for note in notes if note.code == "condition.operator"]


def test_groups_in_groups_keep_their_logic() -> None:
    inner = case("eq", "b", logic="and") | {
        "conditions": [*case("eq", "b")["conditions"], *case("ne", "c")["conditions"]]
    }
    nodes, _ = written(flow({"logic": "or", "conditions": [*case("eq", "a")["conditions"], inner]}))
    found = {q: answers(nodes["5"], q=q)["case0"] for q in ("a", "b", "c")}
    assert found == {"a": True, "b": True, "c": False}


def test_upper_and_lower_case_can_count_as_one() -> None:
    nodes, _ = written(flow(case("eq", "Yes"), ignore_case=True))
    assert answers(nodes["5"], q="YES") == {"case0": True}


def test_the_condition_asks_what_was_found_and_leaves_what_coze_can_say() -> None:
    before = flow(case("eq", "a"), case("starts", "b"))
    nodes, _ = written(before)
    first, second = nodes["8"]["data"]["inputs"]["branches"]
    assert first["condition"]["conditions"][0]["operator"] == 1
    assert second["condition"]["conditions"][0]["left"]["input"]["value"]["content"]["blockID"] == nodes["5"]["id"]
    assert answers(nodes["5"], q="bc") == {"case1": True}
    assert before.graph.nodes[1].params["cases"][1]["conditions"][0]["op"] == "starts"


def test_what_coze_can_say_needs_no_code() -> None:
    nodes, _ = written(flow(case("contains", "a"), case("length_gt", 1, left="xs")))
    assert "5" not in nodes


@pytest.mark.parametrize(("left", "op"), [("q", "gt"), ("xs", "lt"), ("xs", "eq")])
def test_what_coze_studio_does_not_compare_is_told(left: str, op: str) -> None:
    _, notes = written(flow(case(op, 3, left=left)))
    assert [(note.severity, note.node) for note in notes if note.code == "condition.type"] == [("degraded", "f")]


@pytest.mark.parametrize(("op", "number"), [("contains", 7), ("not_contains", 8), ("all_of", 7)])
def test_what_is_asked_of_each_file_is_told_and_found_of_none(op: str, number: int) -> None:
    asked = {"left": Ref("f", ("type",), "item"), "op": "in", "right": ["image"], "type": "string"}
    nodes, notes = written(flow(case(op, {"logic": "and", "conditions": [asked]}, "xs")))
    assert "5" not in nodes
    (branch,) = nodes["8"]["data"]["inputs"]["branches"]
    (made,) = branch["condition"]["conditions"]
    assert made["operator"] == number
    assert made["right"]["input"]["value"]["content"] == "no file"
    assert [note.message for note in notes if note.code == "condition.operator"] == [
        "Files have no fields here, and no element of a list is looked at: it finds none."
    ]
