"""What changed, in words."""

import copy
from dataclasses import replace

from dsl.changes import diff
from dsl.ir import Edge, Node, Ref, Text, Variable
from dsl.values import nodes, rename
from tests.dsl.kitchen import kitchen_sink


def test_nothing_changed_says_nothing() -> None:
    assert diff(kitchen_sink(), kitchen_sink()) == []


def test_other_ids_are_no_change() -> None:
    other = kitchen_sink()
    rename(other, {"begin": "100001", "fetch": "f-7", "each": "e"})
    assert diff(kitchen_sink(), other) == []


def test_nodes_may_swap_their_ids() -> None:
    other = kitchen_sink()
    one, two = (edge := other.graph.edges[0]).source, edge.target
    rename(other, {one: two, two: one})
    assert (other.graph.edges[0].source, other.graph.edges[0].target) == (two, one)
    assert diff(kitchen_sink(), other) == []


def test_a_changed_prompt_url_and_setting_are_told_one_by_one() -> None:
    other = kitchen_sink()
    known = nodes(other)
    known["fetch"].params["url"] = Text(("https://new.example.com/", Ref("begin", ("q",))))
    known["reply"].params["parameters"] = {"temperature": 0.9, "max_tokens": 256}
    known["double"].on_error = replace(known["double"].on_error, retries=5)
    assert [str(change) for change in diff(kitchen_sink(), other)] == [
        "~ 'Double': on_error.retries: 2 -> 5",
        "~ 'Fetch': url: https://api.example.com/v1/{begin.q} -> https://new.example.com/{begin.q}",
        "~ 'Reply': parameters.temperature: 0.3 -> 0.9",
    ]


def test_a_new_node_its_edge_and_a_lost_variable_are_told() -> None:
    one, other = kitchen_sink(), copy.deepcopy(kitchen_sink())
    other.graph.nodes.append(Node("x", "http", "Notify"))
    other.graph.edges.append(Edge("say", "x"))
    other.variables = [*other.variables[1:], Variable("env", "REGION", default="eu")]
    assert [str(change) for change in diff(one, other)] == [
        "+ 'Notify': http",
        "+ edge 'Say' to 'Notify'",
        "- variable env.API_URL",
        "+ variable env.REGION",
    ]
