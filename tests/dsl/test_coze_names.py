"""Names of fields that are no identifiers, in references of Coze and out of them."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

import dsl
from dsl import coze
from dsl.coze import text
from dsl.coze.validate import validate
from dsl.dump import dump_json
from dsl.ir import Flow, Node, Ref, Text, Type
from dsl.values import node_refs, nodes
from tests.dsl.small import OBJECT, STRINGS, end, javascript, line, start

ODD = ["Image URL", "标题", "first-name", "1st", "a'b", "Größe"]


def reading(*path: str, **outputs: Type) -> Flow:
    """A flow in which an answer, a request, an input and a result read a field below an output."""
    field = Ref("code", path)
    says = Node("say", "answer", "Say", params={"text": Text(("It is ", field, "."))})
    asks = Node("ask", "http", "Ask", params={"method": "GET", "url": Text(("https://x.example/?q=", field))})
    made = javascript("code", "function main() {}", {}, **(outputs or {"data": OBJECT}))
    return Flow("f", "n8n", graph=line(start(), made, says, asks, end(found=(field, Type("string")))))


def read_back(flow: Flow, form: str) -> dict[str, set[tuple[Any, ...]]]:
    """What each node of the canvas refers to."""
    back = dsl.read(dsl.write(flow, "coze", form=form).data)
    return {node.kind: {ref.path for ref in node_refs(node)} for node in nodes(back).values()}


@pytest.mark.parametrize("form", ["F1", "F4"])
@pytest.mark.parametrize("name", ODD)
def test_a_field_is_read_by_its_own_name(name: str, form: str) -> None:
    found = read_back(reading("data", name, "inner"), form)
    assert found["answer"] == found["http"] == found["end"] == {("data", name, "inner")}


@pytest.mark.parametrize("name", ["hub.challenge", "a[0]", "{x}", 'say "hi"', "", " x "])
def test_a_name_that_no_reference_holds_is_read_by_code_in_front(name: str) -> None:
    canvas, notes = coze.build(reading("data", name))
    assert validate(canvas) == []
    told = [note for note in notes if note.code == "ref.field"]
    assert {(note.severity, note.node) for note in told} == {("equivalent", node) for node in ("say", "ask", "done")}
    assert repr(name) in told[0].message
    codes = [node["data"] for node in canvas["nodes"] if "given" in str(node["data"].get("inputs", {}).get("code"))]
    assert len(codes) == 3
    scope: dict[str, Any] = {}
    exec(codes[0]["inputs"]["code"], scope)
    assert asyncio.run(scope["main"](SimpleNamespace(params={"given": {name: "found"}}))) == {"value": "found"}


def test_code_in_front_gives_none_where_nothing_is() -> None:
    canvas, _ = coze.build(reading("data", "a.b", "c.d"))
    code = next(node["data"]["inputs"]["code"] for node in canvas["nodes"] if "given" in str(node["data"]))
    scope: dict[str, Any] = {}
    exec(code, scope)
    for given in (None, {}, {"a.b": None}, {"a.b": "text"}):
        assert asyncio.run(scope["main"](SimpleNamespace(params={"given": given}))) == {"value": None}


def test_the_fields_of_an_answer_are_read_by_the_names_that_they_are_given_out_by() -> None:
    props = dict.fromkeys(["Image URL", "1st", "not", "Image_URL"], Type("string"))
    ask = Node("ask", "llm", "Ask", params={"model": "m"}, outputs={"structured": Type("object", props=props)})
    reads = {f"r{i}": (Ref("ask", ("structured", name)), Type("string")) for i, name in enumerate(props)}
    canvas, _ = coze.build(Flow("f", "dify", graph=line(start(), ask, end(**reads))))
    given = next(node["data"]["outputs"] for node in canvas["nodes"] if node["type"] == "3")
    read = next(node["data"]["inputs"]["inputParameters"] for node in canvas["nodes"] if node["type"] == "2")
    named = [each["input"]["value"]["content"]["name"] for each in read]
    assert named == [each["name"] for each in given if each["name"] != "reasoning_content"]
    assert len({*named}) == 4


@pytest.mark.parametrize("name", ["not", "If", "nil"])
def test_an_output_that_is_called_by_a_reserved_word_is_read_by_that_name(name: str) -> None:
    """Coze's editor does not like it, but what code gives out is called as the code says."""
    canvas, _ = coze.build(reading(name, **{name: Type("string")}))
    (given,) = (node["data"]["outputs"] for node in canvas["nodes"] if node["type"] == "5")
    assert {ref.path for node in nodes(coze.read(canvas)).values() for ref in node_refs(node)} == {(name,)}
    assert given[0]["name"] == name


@pytest.mark.parametrize("name", ODD)
def test_a_text_of_coze_may_name_any_field(name: str) -> None:
    inputs = {"data": Ref("c", ("out",))}
    assert text.named(f"{{{{data.{name}}}}} and {{{{ data.{name}[0] }}}}", inputs) == Text(
        (Ref("c", ("out", name)), " and ", Ref("c", ("out", name, 0)))
    )
    found = text.blocks(f"/{{{{block_output_c.out.{name}}}}}", lambda node, path: Ref(node, path), {})
    assert found == Text(("/", Ref("c", ("out", name))))


@pytest.mark.parametrize("words", ["{{other.x}}", "{{ if data }}", "{{data|upper}}", "{{}}", "{{ . }}", "{{data.}}"])
def test_what_names_no_input_stays_text(words: str) -> None:
    assert text.named(words, {"data": Ref("c", ("out",))}) == words


def test_the_list_that_a_loop_walks_may_have_any_name() -> None:
    inner = Node("in", "answer", "In", params={"text": Text((Ref("all", ("my list", "Image URL"), "item"),))})
    every = Node("all", "iterate", "All", params={"collect": {}}, inputs={"my list": Ref("begin", ("xs",))})
    every.body = line(inner)
    canvas, _ = coze.build(Flow("f", "n8n", graph=line(start(xs=STRINGS), every, end())))
    loop = next(node for node in canvas["nodes"] if node["type"] == "21")
    said = next(node for node in loop["blocks"] if node["id"] == "in")["data"]["inputs"]["inputParameters"]
    name = loop["data"]["inputs"]["inputParameters"][0]["name"]
    assert said[0]["input"]["value"]["content"]["name"] == f"{name}.Image URL"
    assert dsl.read(dump_json(canvas)).dialect == "coze"
