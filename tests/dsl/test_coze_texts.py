"""Text nodes of Coze join the lists that they call by name, and print any other as JSON."""

from typing import Any

import pytest

import dsl
from dsl import coze
from dsl.coze.validate import validate
from dsl.dump import dump_json
from dsl.ir import Flow, Node, Ref, Text, Type, Value
from dsl.values import nodes
from tests.dsl.small import STRINGS, end, line, start

Q, XS = Ref("begin", ("q",)), Ref("begin", ("xs",))


def saying(template: Value, **params: Any) -> Flow:
    told = Node("page", "template", "Page", params={"template": template} | params)
    asked = start(q=Type("string"), xs=STRINGS)
    return Flow("f", "ir", graph=line(asked, told, end(page=(Ref("page", ("output",)), Type("string")))))


def page(document: Any) -> dict[str, Any]:
    return next(node["data"]["inputs"] for node in document["nodes"] if node["id"] == "page")


@pytest.mark.parametrize("form", ["F1", "F4"])
def test_a_list_that_nothing_joins_stands_in_an_object_which_prints_it_as_json(form: str) -> None:
    written = dsl.write(saying(Text((Q, " has ", XS))), "coze", form=form)
    back = nodes(dsl.read(written.data))["page"]
    assert back.params == {"template": Text((Ref("100001", ("q",)), " has ", Ref("100001", ("xs",))))}
    assert written.notes == []


def test_what_is_no_list_is_called_by_its_own_name() -> None:
    canvas, _ = coze.build(saying(Text((Q, " has ", XS))))
    assert page(canvas)["concatParams"][0]["input"]["value"]["content"] == "{{q}} has {{xs.list}}"
    assert validate(canvas) == []


def test_a_list_that_is_joined_is_called_by_its_own_name() -> None:
    canvas, _ = coze.build(saying(Text((Q, " has ", XS)), delimiter="|"))
    assert page(canvas)["concatParams"][0]["input"]["value"]["content"] == "{{q}} has {{xs}}"
    assert nodes(dsl.read(dump_json(canvas)))["page"].params["delimiter"] == "|"


def test_a_text_of_coze_that_names_no_delimiter_joins_by_nothing() -> None:
    canvas, _ = coze.build(saying(Text((Q, " has ", XS)), delimiter="|"))
    del page(canvas)["concatParams"][1]
    flow = dsl.read(dump_json(canvas))
    assert nodes(flow)["page"].params["delimiter"] == ""
    assert 'join("")' in str(dsl.write(flow, "dify").data)


def test_a_list_below_what_a_text_calls_by_name_is_not_joined() -> None:
    canvas, _ = coze.build(saying(Text((Q, " has ", XS))))
    flow = dsl.read(dump_json(canvas))
    assert "| join(" not in str(dsl.write(flow, "dify").data)
