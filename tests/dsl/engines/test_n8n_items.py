"""Many items on their way through n8n: Dify gives for the converted workflow what n8n gives for the workflow itself."""

import json
from itertools import pairwise
from typing import Any

import pytest

import dsl
from tests.dsl.engines.build import Json, assign, called, conditions, node, workflow
from tests.dsl.engines.dify import run_dify
from tests.dsl.engines.lane import Ran
from tests.dsl.engines.n8n_core import run_n8n_core

pytestmark = pytest.mark.engines

LIST = "[{sku: 'a', price: 5}, {sku: 'b', price: 50}, {sku: 'c', price: 60}]"


def code(name: str, source: str, **params: Any) -> Json:
    return node(name, "code", 2, jsCode=source, **params)


def split(name: str, **params: Any) -> Json:
    return node("Split", "splitOut", 1, fieldToSplitOut=name, **{"options": {}} | params)


LISTED = called(q="string", tags="array")
ROWS = code("Rows", f"return [{{json: {{list: {LIST}}}}}];")
SPLIT = split("list")
DEAR = node("Dear", "filter", 2.2, conditions=conditions("={{ $json.price }}", "number", "gt", 10), options={})
NONE = node("Dear", "filter", 2.2, conditions=conditions("={{ $json.price }}", "number", "gt", 100), options={})
SHAPE = assign("Shape", sku="={{ $json.sku }}")
ALL = node("All", "aggregate", 1, aggregate="aggregateAllItemData", destinationFieldName="lines", options={})
SKUS = node("All", "aggregate", 1, fieldsToAggregate={"fieldToAggregate": [{"fieldToAggregate": "sku"}]}, options={})
UPS = node("All", "aggregate", 1, fieldsToAggregate={"fieldToAggregate": [{"fieldToAggregate": "up"}]}, options={})
SAY = assign("Say", count="={{ $json.lines.length }}", first="={{ $json.lines[0].sku }}")
MANY = code("Many", "return [1, 2, 3].map((n) => ({json: {n}}));")
DOUBLE = code("Double", "for (const one of items) one.json.twice = one.json.n * 2;\nreturn items;")
EACH = code("Each", "return {json: {n: $json.n, half: $json.n / 2}};", mode="runOnceForEachItem")
SUM = code("Sum", "return [{json: {sum: items.reduce((sum, one) => sum + (one.json.twice ?? one.json.half), 0)}}];")
TAKE = assign("Take", sum="={{ $json.sum }}")
LOOP = node("Loop", "splitInBatches", 3, options={})
BODY = assign("Body", said="=is {{ $json.twice }}")
TOLD = code("Told", "return [{json: {told: items.map((one) => one.json.said).join()}}];")
TELL = assign("Tell", told="={{ $json.told }}")
NAMES = code("Names", "return [{json: {both: $json.q + $('In').first().json.q}}];")
BOTH = assign("Both", both="={{ $json.both }}")
SORT = node("Sort", "sort", 1, sortFieldsUi={"sortField": [{"fieldName": "n", "order": "descending"}]}, options={})
LIMIT = node("Limit", "limit", 1, maxItems=2)
COUNT = assign("Count", count="={{ $json.lines.length }}", first="={{ $json.lines[0].n }}")
TWICE = code("Twice", "return ['a', 'b', 'a'].map((sku) => ({json: {sku}}));")
ONCE = node("Once", "removeDuplicates", 1, compare="selectedFields", fieldsToCompare="sku", options={})
NAMED = code("Named", "return [{json: {all: items.map((one) => one.json.n).join()}}];")
FIRST = code("First", "return [{json: {n: $input.first().json.n}}];")
SKU = assign("Sku", sku="={{ $json.q }}")
KEPT = node("Kept", "set", 3.4, **assign("", q="={{ $json.sku ?? 'q' }}")["parameters"], includeOtherFields=True)
KEPT_TOO = node("Too", "set", 3.4, **assign("", k="k")["parameters"], includeOtherFields=True)
ALL_OF_IT = assign("Say", all="={{ $json.all }}")
TELLS = code("Tells", "return [{json: {n: $json.q.length}}];")
HOW = node(
    "How", "if", 2.2, conditions=conditions("={{ $json.n % 2 }}", "number", "lt", "={{ $json.n.toFixed().length }}")
)
SQUARE = code("Square", "return {json: {n: $json.n, squared: $json.n ** 2}};", mode="runOnceForEachItem")
IN_PYTHON = node(
    "Square",
    "code",
    2,
    language="pythonNative",
    mode="runOnceForEachItem",
    pythonCode='return {"json": {"squared": _item["json"]["n"] ** 2}}',
)
SUM_UP = code("Sum", "return [{json: {sum: items.reduce((sum, one) => sum + Number(one.json.squared), 0)}}];")
SUMMED = assign("Summed", sum="={{ $json.sum }}")
WORDS = code("Words", "return [{json: {list: ['a', 'b']}}];")
LOUD = assign("Say", count="={{ $json.lines.length }}", last="={{ $json.lines[1].said }}")
FIELDS = assign("Fields", **{"Image URL": "={{ $json.q }}", "标题": "T"})
CONTENT = code("Content", "return [{json: {'Content Title': $('Fields').first().json['Image URL'] + '!'}}];")
CONTENT_IN_PYTHON = node(
    "Content",
    "code",
    2,
    language="pythonNative",
    pythonCode='return [{"json": {"Content Title": _items[0]["json"]["Image URL"] + "!"}}]',
)
UP = assign(
    "Up",
    **{
        "A b": "={{ $json['Content Title'] }}",
        "c": "={{ $json['Content Title'].toUpperCase() + $('Fields').item.json['标题'] }}",
    },
)
LAST = code("Last", "return [{json: {r: $json['A b'] + '/' + $json.c}}];")
PAIR = code("Pair", "return [{json: {a: $json.q, 'b c': 1}}];")
ASKED = assign("Asked", r="={{ JSON.stringify($json) }}")
COUNTED = assign("Counted", r="={{ $('Pair').first().json.a + Object.keys($json).length }}")
RESULT = assign("Result", r="={{ $json.r }}")
NAMED_FREELY = "In>Fields Fields>Content Content>Up Up>Last Last>Result"

FLOWS = {
    "all of an item": workflow([called(q="string"), PAIR, ASKED], "In>Pair Pair>Asked"),
    "all of an item, and a part of it": workflow([called(q="string"), PAIR, COUNTED], "In>Pair Pair>Counted"),
    "fields with any name": workflow([called(q="string"), FIELDS, CONTENT, UP, LAST, RESULT], NAMED_FREELY),
    "all the items": workflow([called(), ROWS, SPLIT, SHAPE, ALL], "In>Rows Rows>Split Split>Shape Shape>All"),
    "filtered items": workflow(
        [called(), ROWS, SPLIT, DEAR, SHAPE, ALL], "In>Rows Rows>Split Split>Dear Dear>Shape Shape>All"
    ),
    "filtered items as they came": workflow(
        [called(), ROWS, SPLIT, DEAR, ALL], "In>Rows Rows>Split Split>Dear Dear>All"
    ),
    "a field of filtered items": workflow(
        [called(), ROWS, SPLIT, DEAR, SKUS], "In>Rows Rows>Split Split>Dear Dear>All"
    ),
    "what is made of filtered items": workflow(
        [called(), ROWS, SPLIT, DEAR, SHAPE, ALL, SAY], "In>Rows Rows>Split Split>Dear Dear>Shape Shape>All All>Say"
    ),
    "items from code to code": workflow([called(), MANY, DOUBLE, SUM, TAKE], "In>Many Many>Double Double>Sum Sum>Take"),
    "code that runs for each item": workflow([called(), MANY, EACH, SUM, TAKE], "In>Many Many>Each Each>Sum Sum>Take"),
    "a loop over items of code": workflow(
        [called(), MANY, DOUBLE, LOOP, BODY, TOLD, TELL],
        "In>Many Many>Double Double>Loop Loop>Told Loop.1>Body Body>Loop Told>Tell",
    ),
    "items of code, sorted, cut and gathered": workflow(
        [called(), MANY, SORT, LIMIT, ALL, COUNT], "In>Many Many>Sort Sort>Limit Limit>All All>Count"
    ),
    "items of code, each once": workflow([called(), TWICE, ONCE, SKUS], "In>Twice Twice>Once Once>All"),
    "sorted items of code, in code": workflow(
        [called(), MANY, SORT, NAMED, assign("Say", all="={{ $json.all }}")], "In>Many Many>Sort Sort>Named Named>Say"
    ),
    "the first of sorted items": workflow(
        [called(), MANY, SORT, FIRST, assign("Say", n="={{ $json.n }}")], "In>Many Many>Sort Sort>First First>Say"
    ),
    "a single item in a list": workflow([called(q="string"), SKU, ALL, SAY], "In>Sku Sku>All All>Say"),
    "code that takes a list beside a text": workflow(
        [
            LISTED,
            code("Clean", "const d = $input.first().json;\nreturn [{json: {q: d.q.trim(), n: d.tags.length}}];"),
            assign("Say", both="={{ $json.q }}{{ $json.n }}"),
        ],
        "In>Clean Clean>Say",
    ),
    "a round for each of a list of texts": workflow(
        [
            LISTED,
            split("tags"),
            code("Up", "return {json: {up: $json.tags.toUpperCase()}};", mode="runOnceForEachItem"),
            UPS,
        ],
        "In>Split Split>Up Up>All",
    ),
    "a round for each, with what stands beside the list": workflow(
        [LISTED, split("tags", include="allOtherFields"), assign("Said", up="={{ $json.q }}/{{ $json.tags }}"), UPS],
        "In>Split Split>Said Said>All",
    ),
    "a round for each, with chosen fields beside it": workflow(
        [
            code("Rows", f"return [{{json: {{a: {{list: {LIST}}}, shop: {{name: 'S'}}, q: 'q'}}}}];"),
            called(),
            split("a.list", include="selectedOtherFields", fieldsToInclude="shop, none"),
            assign(
                "Said",
                up="={{ $json.shop.name + $json['a.list'].sku + ($json.q ?? '-') + $('Split').item.json.shop.name }}",
            ),
            UPS,
        ],
        "In>Rows Rows>Split Split>Said Said>All",
    ),
    "whole items with all that code gave beside the list": workflow(
        [
            code("Rows", f"return [{{json: {{list: {LIST}, shop: 'S'}}}}];"),
            called(),
            split("list", include="allOtherFields"),
            node(
                "Dear", "filter", 2.2, conditions=conditions("={{ $json.list.price }}", "number", "gt", 10), options={}
            ),
            ALL,
            assign("Say", r="={{ $json.lines.map((one) => one.shop + one.list.sku).join() }}"),
        ],
        "In>Rows Rows>Split Split>Dear Dear>All All>Say",
    ),
    "elements that get a name": workflow(
        [
            ROWS,
            called(),
            split("list", options={"destinationFieldName": "row"}),
            assign("Shape", sku="={{ $json.row.sku }}"),
            ALL,
        ],
        "In>Rows Rows>Split Split>Shape Shape>All",
    ),
    "what a field is said to be, it becomes": workflow(
        [
            LISTED,
            assign(
                "Made",
                ("n", "string", "={{ $json.tags.length }}"),
                ("b", "string", "={{ $json.q === 'hi' }}"),
                ("m", "number", "={{ $json.tags.length > 0 }}"),
                ("t", "string", "={{ $json.tags }}"),
                ("k", "boolean", "={{ $json.tags.length - 1 }}"),
            ),
            assign(
                "Say", all="={{ typeof $json.n }} {{ typeof $json.b }} {{ typeof $json.m }} {{ $json.t }} {{ $json.k }}"
            ),
        ],
        "In>Made Made>Say",
    ),
    "a list put into JSON that is typed": workflow(
        [
            LISTED,
            node(
                "Made",
                "set",
                3.4,
                mode="raw",
                jsonOutput='={ "t": {{ JSON.stringify($json.tags) }}, "q": "{{ $json.q }}" }',
            ),
            assign("Say", all="={{ $json.t.length }} {{ $json.q }} {{ typeof $json.t }}"),
        ],
        "In>Made Made>Say",
    ),
    "what is kept beside has its type": workflow(
        [
            LISTED,
            {
                **assign("Made", x="1"),
                "parameters": {**assign("Made", x="1")["parameters"], "includeOtherFields": True},
            },
            code("All", "return [{json: {...$input.first().json, k: 1}}];"),
            assign("Say", all="={{ $json.x }} {{ $json.q }} {{ $json.tags.length }} {{ $json.k }}"),
        ],
        "In>Made Made>All All>Say",
    ),
    "an object as a whole and by a field": workflow(
        [
            called(q="string"),
            code("Made", "return [{json: {u: {name: 'x', address: {city: 'R'}}}}];"),
            assign("Say", long="={{ $json.u.name?.length }}", all="={{ JSON.stringify($json.u) }}"),
        ],
        "In>Made Made>Say",
    ),
    "a list that the caller gives": workflow(
        [
            LISTED,
            assign("Say", last="={{ $('In').first().json.tags.at(-1) + $json.tags.length }}"),
        ],
        "In>Say",
    ),
    "conditions over expressions": workflow(
        [called(q="string"), TELLS, HOW, assign("Say", n="={{ $json.n * 2 }}"), assign("No", n="none")],
        "In>Tells Tells>How How>Say How.1>No",
    ),
    "code in a loop over items of code": workflow(
        [called(), MANY, LOOP, SQUARE, SUM_UP, SUMMED],
        "In>Many Many>Loop Loop>Sum Loop.1>Square Square>Loop Sum>Summed",
    ),
    "expressions in a loop over items of code": workflow(
        [called(), MANY, LOOP, assign("Square", squared="={{ $json.n * $json.n }}"), SUM_UP, SUMMED],
        "In>Many Many>Loop Loop>Sum Loop.1>Square Square>Loop Sum>Summed",
    ),
    "expressions over elements that are no objects": workflow(
        [called(), WORDS, SPLIT, assign("Loud", said="={{ $json.list.toUpperCase() }}"), ALL, LOUD],
        "In>Words Words>Split Split>Loud Loud>All All>Say",
    ),
    "the year it is": workflow(
        [called(), assign("Say", year="={{ $now.toISO().slice(0, 4) }}", same="={{ $now.toString().slice(0, 4) }}")],
        "In>Say",
    ),
    "values typed as text": workflow(
        [
            called(q="string"),
            assign("Typed", ("l", "array", "[1, 2]"), ("o", "object", '={"a": "{{ $json.q }}"}'), ("n", "number", "5")),
            assign("Say", first="={{ $json.l[1] }}", a="={{ $json.o.a }}", n="={{ $json.n + 1 }}"),
        ],
        "In>Typed Typed>Say",
    ),
    "what a Set node keeps": workflow(
        [called(q="string"), SKU, KEPT, assign("Say", all="={{ JSON.stringify($json) + $('Kept').first().json.q }}")],
        "In>Sku Sku>Kept Kept>Say",
    ),
    "what Set nodes keep, in code": workflow(
        [called(q="string"), KEPT, KEPT_TOO, code("All", "return [{json: {all: JSON.stringify($json)}}];"), ALL_OF_IT],
        "In>Kept Kept>Too Too>All All>Say",
    ),
    "a list of what a Set node makes of each item": workflow(
        [called(), MANY, assign("Shape", n="=no. {{ $json.n }}"), ALL], "In>Many Many>Shape Shape>All"
    ),
    "code that reads a node by its name": workflow([called(q="string"), NAMES, BOTH], "In>Names Names>Both"),
}


@pytest.mark.parametrize("name", FLOWS)
def test_items_become_the_same_values_on_dify(name: str) -> None:
    here, there = both(FLOWS[name])
    assert here.status == "succeeded", here
    assert there.status == "succeeded", there
    assert _texts(there.outputs) == _texts(here.outputs)


@pytest.mark.parametrize(
    "expression",
    [
        "$('Other').first().json.n + JSON.stringify($json)",
        "JSON.stringify({...$('Other').first().json, ...$json})",
        "$('Other').item.json.n + $json.n",
        "JSON.stringify($('Other').first().json) + $json.m",
        "$json.m + $('Near').item.json.n + Object.keys($input.first().json).join()",
        "$node.Other.json.n + $input.item.json.n + $('Other').itemMatching(0).json.n",
    ],
)
def test_an_expression_tells_what_comes_in_from_what_it_asks_a_node_for(expression: str) -> None:
    nodes = [called(q="string"), assign("Other", n="other"), assign("Near", n="near", m="={{ $json.n }}")]
    flow = workflow([*nodes, assign("Say", said=f"={{{{ {expression} }}}}")], "In>Other Other>Near Near>Say")
    here, there = both(flow)
    assert there.outputs == here.outputs and here.status == "succeeded"


def test_an_expression_asks_a_chat_by_its_name() -> None:
    chat = node("Chat", "@n8n/n8n-nodes-langchain.chatTrigger", 1.1, options={})
    loud = "={{ $('Chat').item.json.chatInput.toUpperCase() + JSON.stringify($json) }}"
    flow = workflow([chat, assign("A", a="x"), assign("Say", output=loud)], "Chat>A A>Say")
    ran = run_dify(str(dsl.write(dsl.read(json.dumps(flow)), "dify").data), {"query": "hello"})
    assert ran.outputs["answer"] == 'HELLO{"a":"x"}'


def test_a_list_of_what_nodes_make_of_each_item_fails_loudly() -> None:
    flow = workflow([called(), MANY, assign("Shape", n="={{ $itemIndex }}"), ALL], "In>Many Many>Shape Shape>All")
    written = dsl.write(dsl.read(json.dumps(flow)), "dify")
    assert ("All", "stub") in {(note.title, note.severity) for note in written.notes}
    ran = run_dify(str(written.data), {})
    assert ran.status == "failed" and "what nodes before it make of each item of Many" in str(ran.error)


def test_python_in_a_loop_gives_what_javascript_does() -> None:
    links = "In>Many Many>Loop Loop>Sum Loop.1>Square Square>Loop Sum>Summed"
    flow = workflow([called(), MANY, LOOP, IN_PYTHON, SUM_UP, SUMMED], links)
    ran = run_dify(str(dsl.write(dsl.read(json.dumps(flow)), "dify").data), {})
    assert _texts(ran.outputs) == {"sum": "14"}


def test_python_gives_fields_of_any_name_too() -> None:
    flow = workflow([called(q="string"), FIELDS, CONTENT_IN_PYTHON, UP, LAST, RESULT], NAMED_FREELY)
    ran = run_dify(str(dsl.write(dsl.read(json.dumps(flow)), "dify").data), {"q": "hi"})
    assert _texts(ran.outputs) == {"r": "hi!/HI!T"}


def test_a_filter_that_lets_nothing_through_leaves_an_empty_list() -> None:
    flow = workflow([called(), ROWS, SPLIT, NONE, SHAPE, ALL], "In>Rows Rows>Split Split>Dear Dear>Shape Shape>All")
    assert both(flow)[1].outputs == {"lines": []}


@pytest.mark.parametrize(
    ("platform", "given"), [("coze", {"n": 2, "first": 3}), ("ragflow", {"answer": "n:2\nfirst:3", "files": []})]
)
def test_lists_of_items_stay_lists_by_way_of_a_platform_that_cannot_be_run(platform: str, given: Json) -> None:
    found = {"n": "={{ $json.lines.length }}", "first": "={{ $json.lines[0].n }}"}
    count = assign("Count", *((name, "number", value) for name, value in found.items()))
    steps = [called(q="string"), MANY, SORT, LIMIT, ALL, count]
    flow = workflow(steps, " ".join(f"{a['name']}>{b['name']}" for a, b in pairwise(steps)))
    there = dsl.write(dsl.read(json.dumps(flow)), platform).data
    ran = run_dify(str(dsl.write(dsl.read(there), "dify").data), {"q": "x"})
    assert run_n8n_core(flow, {"q": "x"}).outputs == {"n": 2, "first": 3}
    assert (ran.status, ran.outputs) == ("succeeded", given), ran


@pytest.mark.parametrize("platform", ["coze", "ragflow"])
@pytest.mark.parametrize("name", ["all of an item", "all of an item, and a part of it", "fields with any name"])
def test_what_code_gives_is_read_by_way_of_a_platform_that_cannot_be_run(name: str, platform: str) -> None:
    there = dsl.write(dsl.read(json.dumps(FLOWS[name])), platform).data
    ran = run_dify(str(dsl.write(dsl.read(there), "dify").data), {"q": "hi"})
    expected = run_n8n_core(FLOWS[name], {"q": "hi"}).outputs["r"]
    assert ran.outputs.get("r", ran.outputs.get("answer")) == expected, ran


def test_items_of_a_last_code_node_are_the_result() -> None:
    here, there = both(workflow([called(), MANY], "In>Many"))
    assert there.outputs == {"items": here.items}


def both(flow: Json) -> tuple[Ran, Ran]:
    source = json.dumps(flow)
    written = str(dsl.write(dsl.read(source), "dify").data)
    given = {"q": "hi", "tags": ["x", "y"]} if "tags" in source else {"q": "hi"}
    return run_n8n_core(flow, given), run_dify(written, {**given, "tags": json.dumps(given.get("tags"))})


def _texts(value: Any) -> Any:
    """n8n's assignment has a type and makes a number of the expression a text; only what is in it counts here."""
    if isinstance(value, dict):
        return {key: _texts(inner) for key, inner in value.items()}
    return [_texts(inner) for inner in value] if isinstance(value, list) else str(value)
