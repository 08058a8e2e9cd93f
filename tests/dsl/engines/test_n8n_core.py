"""n8n's own execution engine runs workflows of base nodes here."""

import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest

import dsl
from dsl.lint import check
from tests.doubles.echo import echo
from tests.dsl.engines.build import Json, assign, conditions, node, workflow
from tests.dsl.engines.lane import EngineError
from tests.dsl.engines.n8n_core import run_n8n_core

pytestmark = pytest.mark.engines
TRIGGER = node("T", "manualTrigger")
NUMBERS = [{"n": 3}, {"n": 1}, {"n": 2}]


def after_trigger(*nodes: Json) -> Json:
    """The nodes in a row behind a trigger."""
    names = ["T", *(one["name"] for one in nodes)]
    return workflow([TRIGGER, *nodes], " ".join(f"{a}>{b}" for a, b in itertools.pairwise(names)))


@pytest.fixture(scope="module")
def echo_url() -> Iterator[str]:
    with echo() as url:
        yield url


@pytest.mark.parametrize(
    ("step", "items", "given"),
    [
        (assign("S", text="=<{{ $json.n }}>"), NUMBERS[:1], [{"text": "<3>"}]),
        (
            node("F", "filter", 2.3, conditions=conditions("={{ $json.n }}", "number", "gt", 1), options={}),
            NUMBERS,
            [{"n": 3}, {"n": 2}],
        ),
        (
            node("S", "sort", 1, sortFieldsUi={"sortField": [{"fieldName": "n", "order": "ascending"}]}, options={}),
            NUMBERS,
            [{"n": 1}, {"n": 2}, {"n": 3}],
        ),
        (node("L", "limit", 1, maxItems=2, keep="lastItems"), NUMBERS, [{"n": 1}, {"n": 2}]),
        (
            node("A", "aggregate", 1, aggregate="aggregateAllItemData", destinationFieldName="all", options={}),
            NUMBERS,
            [{"all": NUMBERS}],
        ),
        (node("O", "splitOut", 1, fieldToSplitOut="xs", options={}), [{"xs": ["a", "b"]}], [{"xs": "a"}, {"xs": "b"}]),
        (
            node("C", "code", 2, jsCode="return [{json: {sum: items.reduce((s, i) => s + i.json.n, 0)}}]"),
            NUMBERS,
            [{"sum": 6}],
        ),
        (
            node("C", "code", 2, mode="runOnceForEachItem", jsCode="return {twice: $json.n * 2, at: $itemIndex}"),
            NUMBERS[:2],
            [{"twice": 6, "at": 0}, {"twice": 2, "at": 1}],
        ),
        (node("N", "noOp"), NUMBERS, NUMBERS),
        (node("R", "removeDuplicates", 2, options={}), [{"n": 1}, {"n": 1}], [{"n": 1}]),
    ],
    ids=lambda value: value["type"].partition(".")[2] if isinstance(value, dict) else "",
)
def test_a_base_node_makes_of_the_triggers_items(step: Json, items: list[Json], given: list[Json]) -> None:
    ran = run_n8n_core(after_trigger(step), items)
    assert (ran.status, ran.items) == ("succeeded", given), ran


def test_if_sends_items_to_either_port() -> None:
    choose = node("If", "if", 2.3, conditions=conditions("={{ $json.n }}", "number", "gt", 1), options={})
    ran = run_n8n_core(
        workflow([TRIGGER, choose, node("Yes", "noOp"), node("No", "noOp")], "T>If If>Yes If.1>No"), NUMBERS
    )
    assert ran.nodes["If"] == [[{"n": 3}, {"n": 2}], [{"n": 1}]]
    assert sorted(ran.order) == ["If", "No", "T", "Yes"]


def test_switch_sends_an_item_to_the_rule_that_holds_or_to_the_fallback() -> None:
    rules = [{"conditions": conditions("={{ $json.k }}", "string", "equals", one), "outputKey": one} for one in "ab"]
    choose = node("S", "switch", 3.4, rules={"values": rules}, options={"fallbackOutput": "extra"})
    ran = run_n8n_core(after_trigger(choose), [{"k": "b"}, {"k": "c"}])
    assert ran.nodes["S"] == [[], [{"k": "b"}], [{"k": "c"}]]


def test_merge_waits_for_its_inputs() -> None:
    merge = node("M", "merge", 3.2, mode="combine", combineBy="combineByPosition", options={})
    nodes = [TRIGGER, assign("A", a="1"), assign("B", b="2"), merge]
    ran = run_n8n_core(workflow(nodes, "T>A T>B A>M B>M.1"), {})
    assert ran.items == [{"a": "1", "b": "2"}]


def test_split_in_batches_loops_and_ends_at_its_first_output() -> None:
    nodes = [TRIGGER, node("Loop", "splitInBatches", 3, batchSize=1, options={}), assign("S", x="={{ $json.n }}!")]
    ran = run_n8n_core(workflow([*nodes, node("Done", "noOp")], "T>Loop Loop.1>S S>Loop Loop>Done"), NUMBERS)
    assert ran.items == [{"x": "3!"}, {"x": "1!"}, {"x": "2!"}]
    assert ran.order.count("S") == 3


def test_http_request_sends_and_reads_json(echo_url: str) -> None:
    ask = node(
        "H",
        "httpRequest",
        4.5,
        method="POST",
        url=f"{echo_url}/some/path",
        sendQuery=True,
        queryParameters={"parameters": [{"name": "a", "value": "b c"}]},
        sendBody=True,
        specifyBody="json",
        jsonBody="={{ JSON.stringify({ n: $json.n }) }}",
        options={},
    )
    said = run_n8n_core(after_trigger(ask), {"n": 3}).outputs
    wanted = {"method": "POST", "path": "/some/path", "query": {"a": "b c"}, "json": {"n": 3}}
    assert {key: said[key] for key in wanted} == wanted


def test_http_request_makes_an_item_of_each_element_and_sends_a_credential(echo_url: str) -> None:
    ask = node("H", "httpRequest", 4.5, url=f"{echo_url}/list", options={})
    assert run_n8n_core(after_trigger(ask), {}).items == [{"n": 1}, {"n": 2}]
    secret = {"authentication": "genericCredentialType", "genericAuthType": "httpHeaderAuth"}
    ask = node("H", "httpRequest", 4.5, url=echo_url, options={}, **secret)
    ask["credentials"] = {"httpHeaderAuth": {"id": "1", "name": "key"}}
    ran = run_n8n_core(after_trigger(ask), {}, credentials={"httpHeaderAuth": {"name": "X-Key", "value": "open"}})
    assert ran.outputs["headers"]["x-key"] == "open", ran


def test_a_failed_node_fails_the_run_or_goes_on_at_its_error_output(echo_url: str) -> None:
    ask = node("H", "httpRequest", 4.5, url=f"{echo_url}/status/500", options={})
    ran = run_n8n_core(after_trigger(ask), {})
    assert ran.status == "failed" and ran.error.startswith("H: ") and ran.order == ["T", "H"]
    nodes = [TRIGGER, ask | {"onError": "continueErrorOutput"}, node("Fine", "noOp"), node("Failed", "noOp")]
    ran = run_n8n_core(workflow(nodes, "T>H H>Fine H.1>Failed"), {})
    assert ran.status == "succeeded" and ran.order == ["T", "H", "Failed"] and "error" in ran.outputs


def test_a_sub_workflow_is_called_with_the_items_and_gives_its_last_ones() -> None:
    begin = node("Begin", "executeWorkflowTrigger", 1.2, inputSource="passthrough")
    sub = workflow([begin, assign("S", text="=sub {{ $json.n }}")], "Begin>S")
    call = node(
        "Call",
        "executeWorkflow",
        1.4,
        source="database",
        workflowId={"__rl": True, "mode": "id", "value": "sub"},
        options={"waitForSubWorkflow": True},
    )
    assert run_n8n_core(after_trigger(call), {"n": 3}, subflows={"sub": sub}).items == [{"text": "sub 3"}]
    assert "no workflow sub" in run_n8n_core(after_trigger(call), {"n": 3}).error
    assert run_n8n_core(sub, {"n": 4}).items == [{"text": "sub 4"}]


def test_what_a_webhook_would_answer_is_told() -> None:
    hook = node("W", "webhook", 2.1, httpMethod="POST", path="x", responseMode="responseNode", options={})
    say = node("R", "respondToWebhook", 1.5, respondWith="json", responseBody="={{ {x: $json.body.n} }}", options={})
    assert run_n8n_core(workflow([hook, say], "W>R"), {"body": {"n": 3}}).response == {"x": 3}


@pytest.mark.parametrize(
    ("step", "error"),
    [
        (node("X", "stopAndError", 1, errorMessage="enough"), "X: enough"),
        (node("X", "nope"), "Unrecognized node type: n8n-nodes-base.nope"),
        (node("X", "@n8n/n8n-nodes-langchain.agent", 3.1), "Unrecognized node type: @n8n/n8n-nodes-langchain.agent"),
        (node("X", "code", 2, jsCode="return require('fs')"), "Cannot find module 'fs'"),
        (node("X", "code", 2, jsCode="return 4"), "Code doesn't return items properly"),
        (assign("X", a="={{ $('Nope').item.json.x }}"), "Referenced node doesn't exist"),
    ],
)
def test_what_cannot_run_says_why(step: Json, error: str) -> None:
    ran = run_n8n_core(after_trigger(step), {})
    assert ran.status == "failed" and error in ran.error, ran


def test_a_workflow_that_never_ends_is_ended_and_the_next_one_runs() -> None:
    with pytest.raises(EngineError, match="no answer within 2 s"):
        run_n8n_core(after_trigger(node("C", "code", 2, jsCode="while (true) {}")), {}, seconds=2)
    unharmed: Any = run_n8n_core(after_trigger(node("N", "noOp")), {"n": 1})
    assert unharmed.outputs == {"n": 1}


@pytest.mark.parametrize(
    "source",
    [
        "={{ $('Nope').item.json.x }}",
        "={{ $node.Nope.json.x }}",
        "={{ $items('Nope') }}",
        "={{ ($json.n }}",
        "=a {{ $json.n } b",
        "={{ $env.HOME }}",
    ],
)
def test_what_check_finds_in_an_expression_fails(source: str) -> None:
    document = after_trigger(assign("S", text=source))
    assert [each for each in check(dsl.read(json.dumps(document))) if each.pointer.endswith("/0/value")]
    assert run_n8n_core(document, NUMBERS).status == "failed"


@pytest.mark.parametrize(("source", "given"), [("=n {{ $json.n", "n 3"), ("n {{ $json.n }}", "n {{ $json.n }}")])
def test_braces_may_stay_open_and_are_text_without_a_sign(source: str, given: str) -> None:
    assert run_n8n_core(after_trigger(assign("S", text=source)), NUMBERS[:1]).items == [{"text": given}]


@pytest.mark.parametrize(("link", "came"), [("T>S", NUMBERS), ("T>S.1", []), ("T.1>S", [])])
def test_nothing_comes_by_a_connection_that_a_node_does_not_have(link: str, came: list[Json]) -> None:
    document = workflow([TRIGGER, node("S", "noOp")], link)
    found = [each.code for each in check(dsl.read(json.dumps(document))) if each.code.startswith("port.")]
    ran = run_n8n_core(document, NUMBERS)
    assert bool(found) == (came == [])
    assert ran.nodes.get("S", [[]])[0] == came
