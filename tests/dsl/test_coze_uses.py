"""Coze wants the type of each output: where nothing declares it, how it is read says what it is."""

import json
from typing import Any

import pytest

import dsl
from dsl.coze.formats import inside
from dsl.ir import Edge, Flow, Graph, Node, Ref, Type
from dsl.values import nodes
from tests.dsl.engines.build import Json, assign, conditions, node, workflow
from tests.dsl.small import STRING, STRINGS, end, flow, javascript, line, start


def read(*parts: Json, wires: str) -> Flow:
    return dsl.read(json.dumps(workflow(list(parts), wires)))


def made(flow: Flow) -> dict[str, Any]:
    """By title, the data of each node on Coze."""
    canvas = inside(dsl.write(flow, "coze").document)[1]
    return {each["data"]["nodeMeta"]["title"]: each["data"] for each in canvas["nodes"]}


def types(data: Any) -> dict[str, str]:
    return {each["name"]: each["type"] for each in data["outputs"]}


HOOK = node("In", "webhook", 2.1, httpMethod="POST", path="x", options={})
CALL = node("In", "executeWorkflowTrigger", 1.1, inputSource="passthrough")
CLEAN = node("Clean", "code", 2, jsCode="return [{json: {n: 5, ok: true, word: 'a'}}];")
MANY = assign("Many", said="yes")


def choice(left: str, kind: str, operation: str, right: Any) -> Json:
    return node("Fork", "if", 2.2, conditions=conditions(left, kind, operation, right), options={})


@pytest.mark.parametrize(
    ("left", "kind", "operation", "type_"),
    [
        ("={{ Number($json.body.n) * 2 }}", "number", "gte", "float"),
        ("={{ $json.body.vip }}", "boolean", "true", "boolean"),
    ],
)
def test_what_is_compared_is_of_the_type_that_the_comparison_is_for(
    left: str, kind: str, operation: str, type_: str
) -> None:
    found = made(read(HOOK, choice(left, kind, operation, 10), MANY, wires="In>Fork Fork>Many"))
    (asked,) = found["Fork"]["inputs"]["branches"][0]["condition"]["conditions"]
    assert asked["left"]["input"]["type"] == type_
    if "Expressions of Fork" in found:
        assert types(found["Expressions of Fork"]) == {"v_left": type_}


def test_a_field_of_code_has_the_type_that_its_readers_agree_on() -> None:
    fork = choice("={{ $json.ok }}", "boolean", "true", "")
    last = assign("Last", ("total", "number", "={{ $('Clean').item.json.n }}"), word="={{ $('Clean').item.json.word }}")
    flow = read(CALL, CLEAN, fork, last, wires="In>Clean Clean>Fork Fork>Last")
    assert types(made(flow)["Clean"]) == {"n": "float", "ok": "boolean", "word": "string"}
    told = [each.message for each in dsl.write(flow, "coze").notes if each.code == "code.types"]
    assert len(told) == 1 and told[0].endswith("as text here: word.")
    back = nodes(dsl.read(dsl.write(flow, "coze").data))
    assert {name: each.name for name, each in back["Clean"].outputs.items()} == {
        "n": "number",
        "ok": "boolean",
        "word": "any",
    }


def test_what_is_compared_in_an_object_that_is_read_as_a_whole_is_told_to_be_text() -> None:
    whole = assign("Many", ("all", "object", "={{ $json.body }}"))
    flow = read(HOOK, choice("={{ $json.body.vip }}", "boolean", "true", ""), whole, wires="In>Fork Fork>Many")
    assert [each.node for each in dsl.write(flow, "coze").notes if each.code == "condition.type"] == ["Fork"]
    assert made(flow)["In"]["outputs"][0]["schema"] == []


def test_an_object_of_code_has_the_fields_that_are_read_of_it() -> None:
    clean = node("Clean", "code", 2, jsCode="return [{json: {user: {name: 'Bo', age: 3}}}];")
    last = assign("Last", ("age", "number", "={{ $json.user.age }}"), who="={{ $json.user.name }}")
    (user,) = made(read(CALL, clean, last, wires="In>Clean Clean>Last"))["Clean"]["outputs"]
    assert user["type"] == "object"
    assert {each["name"]: each["type"] for each in user["schema"]} == {"age": "float", "name": "string"}


def test_fields_of_code_that_are_only_said_are_told_to_be_texts_and_are_of_any_type_on_the_way_back() -> None:
    clean = node("Clean", "code", 2, jsCode="return [{json: {user: {name: 'Bo', age: 3}}}];")
    last = assign("Last", ("age", "number", "={{ $json.user.age }}"), who="={{ $json.user.name }}")
    written = dsl.write(read(CALL, clean, last, wires="In>Clean Clean>Last"), "coze")
    (told,) = [note for note in written.notes if note.code == "code.types" and note.node == "Clean"]
    assert "user.name" in told.message and "user.age" not in told.message
    (back,) = [each for each in nodes(dsl.read(written.data)).values() if each.title == "Clean"]
    assert back.outputs["user"] == Type("object")


@pytest.mark.parametrize(
    ("source", "type_"),
    [
        ("({o}) => o.s + '!'", "object"),
        ("({o}) => o['s']", "object"),
        ("({o}) => o.trim() + o.length", "string"),
    ],
)
def test_a_list_whose_elements_code_reads_fields_of_is_a_list_of_objects(source: str, type_: str) -> None:
    clean = javascript("clean", "() => ({made: {list: []}})", {}, made=Type("object"))
    inner = javascript("inner", source, {"o": Ref("each", ("item",), "item")}, said=STRING)
    each = Node("each", "iterate", "Each", inputs={"item": Ref("clean", ("made", "list"))})
    each.params, each.outputs = {"collect": {"output": Ref("inner", ("said",))}}, {"output": STRINGS}
    each.body = Graph([inner], [Edge("each", "inner", "body")])
    flow_ = flow("lists", line(start(), clean, each, end(r=(Ref("each", ("output",)), STRINGS))))
    (made_,) = made(flow_)["Clean"]["outputs"]
    (listed,) = made_["schema"]
    assert (listed["type"], listed["schema"]["type"]) == ("list", type_)


def test_an_object_of_which_one_field_is_read_may_give_out_others_again_behind_coze() -> None:
    source = "function main({q}) { return {info: {first: q, km: q.length}}; }"
    code = javascript("code", source, {"q": Ref("begin", ("q",))}, info=Type("object"), told=Type("object", props=KM))
    asked = {"left": Ref("code", ("info", "km")), "op": "gt", "right": 3, "type": "number"}
    fork = Node("fork", "if", "Fork", params={"cases": [{"logic": "and", "conditions": [asked]}]})
    one = flow("f", line(start(q=STRING), code, fork))
    written = dsl.write(one, "coze")
    (given,) = [each for data in made(one).values() for each in data["outputs"] if each["name"] == "info"]
    assert [each["name"] for each in given["schema"]] == ["km"]
    assert "code.types" not in {note.code for note in written.notes}
    back = nodes(dsl.read(written.data))["code"].outputs
    assert back["info"].props is None and back["told"].props is not None


KM = {"km": Type("number")}


def test_a_list_keeps_the_type_of_its_elements() -> None:
    numbers = Type("array", items=Type("number"))
    made_ = javascript("make", "() => ({xs: [1.5]})", {}, xs=numbers)
    few = Node("few", "list", "Few", params={"list": Ref("make", ("xs",)), "limit": {"size": 1, "keep": "first"}})
    read_of_it = javascript("sum", "({l, f}) => ({s: l[0] + f})", {}, s=Type("number"))
    read_of_it.inputs = {"l": Ref("few", ("result",)), "f": Ref("few", ("first",))}
    found = made(flow("numbers", line(start(), made_, few, read_of_it, end(s=(Ref("sum", ("s",)), Type("number"))))))
    assert types(found["Few"]) == {"result": "list", "first": "float", "last": "float"}
    assert found["Few"]["outputs"][0]["schema"] == {"type": "float"}
    given = {each["name"]: each["input"] for each in found["Sum"]["inputs"]["inputParameters"]}
    assert (given["l"]["schema"], given["f"]["type"]) == ({"type": "float"}, "float")


def test_rounds_that_make_objects_give_a_list_of_them() -> None:
    asked = node("In", "executeWorkflowTrigger", 1.1, inputSource="workflowInputs")
    asked["parameters"]["workflowInputs"] = {"values": [{"name": "rows", "type": "array"}]}
    each = node("Each", "splitOut", 1, fieldToSplitOut="rows", options={})
    row = assign("Row", ("stars", "number", "={{ $json.stars * 2 }}"), topic="={{ $json.topic }}")
    dear = node("Dear", "filter", 2.2, conditions=conditions("={{ $json.stars }}", "number", "gt", 3), options={})
    every = node("All", "aggregate", 1, aggregate="aggregateAllItemData", destinationFieldName="rows", options={})
    code = node("Calc", "code", 2, jsCode="return [{json: {n: $json.rows[0].stars}}];")
    found = made(read(asked, each, row, dear, every, code, wires="In>Each Each>Row Row>Dear Dear>All All>Calc"))
    fields = [{"name": "stars", "type": "float"}, {"name": "topic", "type": "string"}]
    rows = {"type": "object", "schema": fields}
    (given_out,) = found["Each"]["outputs"]
    assert (given_out["input"]["type"], given_out["input"]["schema"]) == ("list", rows)
    assert {name["name"]: name.get("schema") for name in found["All"]["outputs"]} == {
        "result": rows,
        "first": fields,
        "last": fields,
    }
    (asked_rows,) = found["In"]["outputs"]
    assert asked_rows["schema"] == {"type": "object", "schema": []}


def test_items_that_n8n_builds_of_elements_are_objects() -> None:
    asked = node("In", "executeWorkflowTrigger", 1.1, inputSource="workflowInputs")
    values = [{"name": "rows", "type": "array"}, {"name": "shop", "type": "string"}]
    asked["parameters"]["workflowInputs"] = {"values": values}
    each = node("Each", "splitOut", 1, fieldToSplitOut="rows", include="allOtherFields", options={})
    said = assign("Said", t="={{ $json.shop }}/{{ $json.rows }}")
    found = made(read(asked, each, said, wires="In>Each Each>Said"))
    (listed,) = found["Expressions of Each"]["outputs"]
    assert listed["schema"]["type"] == "object"


def test_a_list_that_is_walked_and_whose_first_element_is_read_is_a_list() -> None:
    """As n8n's Split Out becomes on Dify: the errors that check finds of Coze's file are none of its own."""
    urls = Node("urls", "set", "Urls", inputs={"urls": ["a", "b"]}, outputs={"urls": Type("any")})
    keep = javascript("keep", "return {s: x}", {"x": Ref("each", ("item",), "item")}, s=STRING)
    body = Graph([keep], [Edge("each", "keep", "body")])
    each = Node("each", "iterate", "Each", inputs={"item": Ref("urls", ("urls",))}, body=body)
    first = end(q=(Ref("urls", ("urls", 0)), STRING))
    written = dsl.write(flow("walk", line(start(), urls, each, first)), "coze")
    assert "list.type" not in {found.code for found in dsl.check(dsl.read(written.data))}


def test_code_that_is_given_nothing_under_a_name_is_called_with_an_empty_text_and_that_is_told() -> None:
    size = javascript("size", "return {s: `${content}`}", {"content": None}, s=STRING)
    written = dsl.write(flow("size", line(start(), size, end(q=(Ref("size", ("s",)), STRING)))), "coze")
    assert "input.missing" not in {found.code for found in dsl.check(dsl.read(written.data))}
    assert "input.nothing" in {note.code for note in written.notes}
