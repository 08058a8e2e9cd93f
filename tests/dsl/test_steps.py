"""Steps that became Python: they do what the step does where it comes from."""

import asyncio
import inspect
import json
import re
from types import SimpleNamespace
from typing import Any

import pytest

import dsl.coze.shims
import dsl.ragflow.shims
from dsl.ir import Node, Ref, Text
from dsl.kinds import OPERATORS
from dsl.steps import arguments, plain, python

XS = Ref("s", ("xs",))


def listed(xs: list[Any], **params: Any) -> list[Any]:
    """What comes out of a list operation."""
    node = Node("f", "list", "Few", params={"list": XS} | params)
    names = arguments(node)
    body, result = python(node, names)
    there: dict[str, Any] = {}
    exec(f"def main({names[XS]}):\n{body}    return {result['result']}\n", there)
    return list(there["main"](xs))


def where(op: str, right: Any = None, *path: str) -> dict[str, Any]:
    return {"logic": "and", "conditions": [{"left": Ref("f", path, "item"), "op": op, "right": right}]}


def test_one_element_is_taken_before_the_list_is_sorted_and_cut() -> None:
    order = {"sort": [{"key": "", "order": "desc"}], "limit": {"size": 2, "keep": "first"}}
    assert listed(["b", "ab", "ad"], filter=where("contains", "a"), nth=1, **order) == ["ab"]


@pytest.mark.parametrize(
    ("op", "right", "left"),
    [
        ("regex", "^a.$", ["ab"]),
        ("not_starts", "a", ["cd", "1"]),
        ("length_gt", 1, ["ab", "cd"]),
        ("not_contains", "b", ["cd", "1"]),
    ],
)
def test_a_list_is_filtered_by_every_comparison(op: str, right: Any, left: list[str]) -> None:
    assert listed(["ab", "cd", "1"], filter=where(op, right)) == left


def test_elements_are_alike_where_the_fields_asked_for_are() -> None:
    xs = [{"a": 1, "b": 1}, {"a": 1, "b": 2}, {"a": 2, "b": 1}]
    assert listed(xs, unique=["a"]) == [xs[0], xs[2]]
    assert listed([1, 1, 2], unique=[]) == [1, 2]


def test_a_field_that_an_element_lacks_is_nothing() -> None:
    xs = [{"a": 2}, {}, {"a": 1}]
    assert listed(xs, filter=where("gt", 1, "a")) == [{"a": 2}]
    assert listed(xs, sort=[{"key": "a", "order": "asc"}]) == [{}, {"a": 1}, {"a": 2}]


_ASKED = {  # by comparison: what it is asked of, and the elements for which it holds
    "eq": (2, [1, 2], [2]),
    "gt": (1, [1, 2], [2]),
    "contains": ("a", ["ab", "c"], ["ab"]),
    "starts": ("a", ["ab", "ba"], ["ab"]),
    "not_starts": ("a", ["ab", "ba"], ["ba"]),
    "not_ends": ("a", ["ab", "ba"], ["ab"]),
    "regex": ("^a.$", ["ab", "abc"], ["ab"]),
    "not_regex": ("^a.$", ["ab", "abc"], ["abc"]),
    "empty": (None, ["", "x"], [""]),
    "null": (None, [None, ""], [None]),
    "not_null": (None, [None, ""], [""]),
    "exists": (None, [None, 0], [0]),
    "not_exists": (None, [None, 0], [None]),
    "true": (None, [True, False, "x"], [True]),
    "false": (None, [True, False], [False]),
    "not_in": (["a"], ["a", "b"], ["b"]),
    "all_of": (["a", "b"], [["a"], ["b", "a"]], [["b", "a"]]),
    "before": ("2026", ["2025", "2027"], ["2025"]),
    "length_ge": (2, ["a", "ab"], ["ab"]),
    "length_ne": (2, ["a", "ab"], ["a"]),
}


@pytest.mark.parametrize("operator", sorted(OPERATORS))
def test_every_comparison_filters_a_list(operator: str) -> None:
    right, elements, kept = _ASKED.get(operator, (None, [], []))
    condition = {"left": Ref("l", (), "item"), "op": operator, "right": right}
    node = Node("l", "list", params={"list": elements, "filter": {"logic": "and", "conditions": [condition]}})
    body, result = python(node, {})
    found: dict[str, Any] = {}
    exec(f"def main():\n{body}    return {result['result']}\nmade = main()", found)
    assert found["made"] == kept


def test_a_template_that_names_fields_of_its_inputs_is_text_with_references() -> None:
    row = Ref("s", ("row",))
    said = plain("{{ row.sku }} of {{ row['lines'][0].name }}!", {"row": row})
    assert said == Text((Ref("s", ("row", "sku")), " of ", Ref("s", ("row", "lines", 0, "name")), "!"))
    assert plain("{{ row.sku }}", {"row": "a"}) is None
    assert plain("a\n\n", {}) == "a\n"  # the last break is not printed
    assert plain("{{ row.sku | upper }}", {"row": row}) is None


@pytest.mark.parametrize("step", [dsl.coze.shims.step, dsl.ragflow.shims.step])
@pytest.mark.parametrize(
    ("value", "printed"),
    [
        (False, "false"),
        (None, ""),
        ({"a": None}, '{"a": null}'),
        (["é", True], '["é", true]'),
        (2.5, "2.5"),
        ("it's", "it's"),
        ("", ""),
    ],
)
def test_a_text_prints_no_words_of_python(step: Any, value: Any, printed: str) -> None:
    said = Text(("of ", XS, "!"))
    assert ran(step, Node("t", "set", "Say", inputs={"said": said, "same": XS}), value) == {
        "said": f"of {printed}!",
        "same": value,
    }
    assert ran(step, Node("t", "json_dump", "Dump", params={"value": {"x": said}}), value) == {
        "output": json.dumps({"x": f"of {printed}!"}, ensure_ascii=False)
    }
    assert ran(step, Node("t", "split", "Split", params={"text": XS, "delimiters": ["|"]}), value) == {
        "items": [printed]
    }
    with pytest.raises(Exception, match=re.escape(f"of {printed}!")):
        ran(step, Node("t", "stop", "Stop", params={"message": said}), value)


def ran(step: Any, node: Node, value: Any) -> dict[str, Any]:
    """What the code that a platform is given for the step makes of one value."""
    source, given = step(node, *python(node, arguments(node)))
    there: dict[str, Any] = {}
    exec(source, there)
    params = dict.fromkeys(given, value)
    if inspect.iscoroutinefunction(there["main"]):
        return dict(asyncio.run(there["main"](SimpleNamespace(params=params))))
    return dict(there["main"](**params))
