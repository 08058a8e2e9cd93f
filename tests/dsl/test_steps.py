"""Python for steps that a platform has no node for."""

from typing import Any

import pytest

from dsl.ir import Node, Ref
from dsl.kinds import OPERATORS
from dsl.steps import STEPS

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
def test_a_list_is_filtered_by_every_comparison(operator: str) -> None:
    right, elements, kept = _ASKED.get(operator, (None, [], []))
    condition = {"left": Ref("l", (), "item"), "op": operator, "right": right}
    node = Node("l", "list", params={"list": elements, "filter": {"logic": "and", "conditions": [condition]}})
    body, result = STEPS["list"](node, {})
    found: dict[str, Any] = {}
    exec(f"def main():\n{body}    return {result['result']}\nmade = main()", found)
    assert found["made"] == kept
