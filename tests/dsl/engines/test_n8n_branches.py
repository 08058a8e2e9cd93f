"""Branches of n8n that meet again: what is behind them reads what the one that ran gave, on Dify as on n8n."""

import json
from typing import Any

import pytest

import dsl
from tests.doubles.echo import echo
from tests.dsl.engines.build import Json, assign, called, conditions, node, workflow
from tests.dsl.engines.dify import run_dify
from tests.dsl.engines.n8n_core import run_n8n_core

pytestmark = pytest.mark.engines

IN = called(n="number", who="string")
BIG = node("Big", "if", 2.2, conditions=conditions("={{ $json.n }}", "number", "gt", 5), options={})
YES = assign("Yes", ("n", "number", "={{ $json.n }}"), size="big")
NO = assign("No", ("n", "number", "={{ $json.n }}"), size="small")
JOIN = node("Join", "merge", 3)
SAY = assign("Say", text="={{ $json.size }}/{{ $json.n }}")
MERGED = "In>Big Big>Yes Big.1>No Yes>Join No>Join.1"


def keeps(step: Json) -> Json:
    return {**step, "parameters": {**step["parameters"], "includeOtherFields": True}}


def code(name: str, source: str) -> Json:
    return node(name, "code", 2, jsCode=source)


FLOWS = {
    "by a merge": workflow([IN, BIG, YES, NO, JOIN, SAY], f"{MERGED} Join>Say"),
    "without a merge": workflow([IN, BIG, YES, NO, SAY], "In>Big Big>Yes Big.1>No Yes>Say No>Say"),
    "only one of them makes anew": workflow(
        [
            IN,
            BIG,
            keeps(assign("Yes", size="big")),
            JOIN,
            assign("Say", text="={{ $json.size ?? 'none' }}/{{ $json.n }}"),
        ],
        "In>Big Big>Yes Yes>Join Big.1>Join.1 Join>Say",
    ),
    "with what came in beside": workflow(
        [
            *(IN, BIG, keeps(assign("Yes", size="big")), keeps(assign("No", size="small")), JOIN),
            assign("Say", text="={{ $json.size }}/{{ $json.who }}"),
        ],
        f"{MERGED} Join>Say",
    ),
    "code takes all of it": workflow(
        [
            *(IN, BIG, YES, NO, JOIN, code("Shout", "return [{json: {text: `${$json.size}!${$json.n}`}}];")),
            assign("Say", text="={{ $json.text }}"),
        ],
        f"{MERGED} Join>Shout Shout>Say",
    ),
    "code without a merge": workflow(
        [
            *(IN, BIG, YES, NO, code("Shout", "return [{json: {text: `${$json.size}!${items[0].json.n}`}}];")),
            assign("Say", text="={{ $json.text }}"),
        ],
        "In>Big Big>Yes Big.1>No Yes>Shout No>Shout Shout>Say",
    ),
    "of code": workflow(
        [
            *(IN, BIG, code("Yes", "return [{json: {size: 'big', n: $json.n}}];")),
            *(code("No", "return [{json: {size: 'small', n: $json.n}}];"), JOIN, SAY),
        ],
        f"{MERGED} Join>Say",
    ),
    "all of it": workflow(
        [IN, BIG, YES, NO, JOIN, assign("Say", text="={{ JSON.stringify($json) }}")], f"{MERGED} Join>Say"
    ),
    "asked which one ran": workflow(
        [IN, BIG, YES, NO, JOIN, assign("Say", text="={{ $('Yes').isExecuted ? $('Yes').first().json.size : 'no' }}")],
        f"{MERGED} Join>Say",
    ),
    "a merge of merges": workflow(
        [
            *(IN, BIG, YES, NO, JOIN),
            node("Sure", "if", 2.2, conditions=conditions("={{ $json.n }}", "number", "gt", 100), options={}),
            assign("Huge", ("n", "number", "={{ $json.n }}"), size="huge"),
            *(node("Last", "merge", 3), SAY),
        ],
        f"{MERGED} Join>Sure Sure>Huge Sure.1>Last Huge>Last.1 Last>Say",
    ),
}


@pytest.mark.parametrize("way", ["", "coze", "ragflow"])
@pytest.mark.parametrize("name", FLOWS)
def test_what_is_behind_branches_reads_the_one_that_ran(name: str, way: str) -> None:
    for given in ({"n": 7, "who": "Bo"}, {"n": 2, "who": "Bo"}, {"n": 700, "who": "Bo"}):
        here, there = run_n8n_core(FLOWS[name], given), run_dify(_dify(FLOWS[name], way), given)
        assert here.status == "succeeded", here
        assert there.status == "succeeded", there
        assert there.outputs.get("text", there.outputs.get("answer")) == here.outputs["text"]


def _dify(flow: Any, way: str) -> str:
    data = dsl.read(json.dumps(flow))
    return str(dsl.write(dsl.read(dsl.write(data, way).data) if way else data, "dify").data)


FAILED = {
    ".status": "404",
    ".httpCode": "404",
    ".status || $json.error.httpCode": "404",
    "": "Request failed with status code 404",
}


@pytest.mark.parametrize("name", FAILED)
def test_what_is_said_of_a_request_that_failed_is_known(name: str) -> None:
    with echo() as url:
        ask = node("Ask", "httpRequest", 4.2, url=f"={url}/status/{{{{ $json.n }}}}", options={})
        fine, bad = assign("Fine", text="fine"), assign("Bad", text=f"=bad {{{{ $json.error{name} }}}}")
        flow = workflow([IN, ask | {"onError": "continueErrorOutput"}, fine, bad], "In>Ask Ask>Fine Ask.1>Bad")
        document = str(dsl.write(dsl.read(json.dumps(flow)), "dify").data)
        for status, text in ((200, "fine"), (404, f"bad {FAILED[name]}")):
            ran = run_dify(document, {"n": status, "who": "Ann"})
            assert (ran.outputs.get("text"), ran.error) == (text, ""), ran


@pytest.mark.parametrize(("operation", "said"), [("equals", "5"), ("equals", "7"), ("notEquals", "5"), ("gt", "7")])
def test_a_text_is_compared_as_a_number(operation: str, said: str) -> None:
    asked = conditions("={{ $json.who }}", "number", operation, 5)
    asked["options"]["typeValidation"] = "loose"
    fork = node("Fork", "if", 2.2, conditions=asked, looseTypeValidation=True, options={})
    ways = [assign("Yes", text="yes"), assign("No", text="no")]
    flow, inputs = workflow([IN, fork, *ways], "In>Fork Fork>Yes Fork.1>No"), {"n": 1, "who": said}
    there = run_dify(str(dsl.write(dsl.read(json.dumps(flow)), "dify").data), inputs)
    assert (there.error, there.outputs) == ("", run_n8n_core(flow, inputs).outputs)
