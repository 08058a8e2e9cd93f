"""The whole item that n8n's code sees: what the node that made it gave, past all that only stands between."""

import json
from typing import Any

import pytest

import dsl
from dsl import values
from tests.dsl.engines.build import Json, assign, called, conditions, node, workflow
from tests.dsl.engines.dify import run_dify
from tests.dsl.engines.n8n_core import run_n8n_core

pytestmark = pytest.mark.engines

IN = called(q="string", n="number")
RAW = node("Raw", "set", 3.4, mode="raw", jsonOutput='={"q": "{{ $json.q }}", "n": {{ $json.n }}, "l": [1, 2]}')
IDLE = node("Idle", "noOp", 1)
SHOW = node("Show", "code", 2, jsCode="return [{json: {t: Object.entries($input.first().json).sort().join()}}];")
SAY = assign("Say", text="={{ $json.t }}")
LONG = node(
    "Long",
    "if",
    2.2,
    conditions=conditions("={{ $json.l.length + $json.n }}", "number", "gt", 4),
    options={},
)
WHICH = node("Which", "switch", 3.2, mode="expression", numberOutputs=2, output="={{ $json.n > 1 ? 0 : 1 }}")
CART = called(cart="array")
SPLIT = node("Split", "splitOut", 1, fieldToSplitOut="cart", options={})
SUM = assign("Sum", ("sum", "number", "={{ $json.price * 2 }}"))
DEAR = node("Dear", "filter", 2.2, conditions=conditions("={{ $json.price }}", "number", "gt", 1), options={})
LINES = node("Lines", "aggregate", 1, aggregate="aggregateAllItemData", destinationFieldName="lines", options={})
SUMS = node("Show", "code", 2, jsCode="return [{json: {t: $input.first().json.lines.map((one) => one.sum).join()}}];")
NAMED = node("Show", "code", 2, jsCode="return [{json: {t: $('Lines').first().json.lines.length}}];")


def keeps(name: str) -> Json:
    step = assign(name, x="a")
    return {**step, "parameters": {**step["parameters"], "includeOtherFields": True}}


FLOWS = {
    "a node that does nothing": workflow([IN, RAW, IDLE, SHOW, SAY], "In>Raw Raw>Idle Idle>Show Show>Say"),
    "only that": workflow([IN, IDLE, SHOW, SAY], "In>Idle Idle>Show Show>Say"),
    "a pause": workflow(
        [IN, RAW, node("Idle", "wait", 1.1, amount=1), SHOW, SAY], "In>Raw Raw>Idle Idle>Show Show>Say"
    ),
    "a node that keeps the others, and one that does nothing": workflow(
        [IN, RAW, keeps("Set"), IDLE, SHOW, SAY], "In>Raw Raw>Set Set>Idle Idle>Show Show>Say"
    ),
    "branches that meet in a node that does nothing": workflow(
        [IN, RAW, LONG, keeps("A"), keeps("B"), IDLE, SHOW, SAY],
        "In>Raw Raw>Long Long>A Long.1>B A>Idle B>Idle Idle>Show Show>Say",
    ),
    "a condition over an expression": workflow(
        [IN, RAW, LONG, SHOW, assign("No", t="none"), SAY],
        "In>Raw Raw>Long Long>Show Long.1>No Show>Say No>Say",
    ),
    "a choice by an expression": workflow(
        [IN, RAW, WHICH, SHOW, assign("No", t="none"), SAY],
        "In>Raw Raw>Which Which>Show Which.1>No Show>Say No>Say",
    ),
    "rounds": workflow([CART, SPLIT, SUM, LINES, SUMS, SAY], "In>Split Split>Sum Sum>Lines Lines>Show Show>Say"),
    "rounds some of which give nothing": workflow(
        [CART, SPLIT, DEAR, SUM, LINES, SUMS, SAY],
        "In>Split Split>Dear Dear>Sum Sum>Lines Lines>Show Show>Say",
    ),
    "rounds, by their name": workflow(
        [CART, SPLIT, SUM, LINES, IDLE, NAMED, SAY],
        "In>Split Split>Sum Sum>Lines Lines>Idle Idle>Show Show>Say",
    ),
}


@pytest.mark.parametrize("way", ["", "coze", "ragflow"])
@pytest.mark.parametrize("name", FLOWS)
def test_code_sees_the_whole_item_behind(name: str, way: str) -> None:
    for given in CARTS if "rounds" in name else ({"q": "a", "n": 3}, {"q": "b", "n": 1}):
        here = run_n8n_core(FLOWS[name], given)
        texts = {key: json.dumps(value) if key == "cart" else value for key, value in given.items()}
        there = run_dify(_dify(FLOWS[name], way), texts)
        assert (here.status, there.status) == ("succeeded", "succeeded"), (here, there)
        assert str(there.outputs.get("text", there.outputs.get("answer"))) == str(here.outputs["text"])


@pytest.mark.parametrize("name", FLOWS)
def test_code_sees_it_on_n8n_again(name: str) -> None:
    given = CARTS[0] if "rounds" in name else {"q": "a", "n": 3}
    there = dsl.read(dsl.write(dsl.read(json.dumps(FLOWS[name])), "coze").data)
    back = dsl.write(there, "n8n", trigger="call")
    assert run_n8n_core(back.document, given).outputs == run_n8n_core(FLOWS[name], given).outputs
    again = {each.title: each for each in values.nodes(dsl.read(back.data)).values()}
    assert again["Show"].params["source"] == node_of(FLOWS[name], "Show")["parameters"]["jsCode"]


def node_of(flow: Json, name: str) -> Json:
    return next(each for each in flow["nodes"] if each["name"] == name)


CARTS: list[Json] = [{"cart": [{"price": 1}, {"price": 2}, {"price": 3}]}, {"cart": [{"price": 2}]}]


@pytest.mark.parametrize("way", ["", "coze", "ragflow"])
@pytest.mark.parametrize("asked", ["$now.year > 2000", "$now.hour < 18", "$now.toFormat('yyyy')"])
def test_what_of_the_clock_is_not_known_elsewhere_fails_loudly(asked: str, way: str) -> None:
    flow = workflow([called(q="string"), assign("Say", text=f"={{{{ {asked} }}}}")], "In>Say")
    ran = run_dify(_dify(flow, way), {"q": "a"})
    assert ran.status == "failed" and "is not known here" in ran.error, ran


def test_the_clock_is_told_of() -> None:
    flow = workflow([called(q="string"), assign("Say", text="={{ $now.toISO().slice(0, 4) + $now }}")], "In>Say")
    for platform in ("coze", "dify", "ragflow"):
        notes = [each.message for each in dsl.write(dsl.read(json.dumps(flow)), platform).notes]
        assert any("$now is told in UTC" in each for each in notes), notes


def _dify(flow: Any, way: str) -> str:
    data = dsl.read(json.dumps(flow))
    return str(dsl.write(dsl.read(dsl.write(data, way).data) if way else data, "dify").data)
