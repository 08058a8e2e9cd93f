"""What forms ask for besides texts, and what a model of Coze reads out of one answer."""

from typing import Any

import pytest

import dsl
from dsl.ir import Edge, Flow, Graph, Node, Ref, Text, Type
from dsl.values import nodes
from tests.dsl.small import start, when

FIELDS = {"who": Type("string", required=True), "size": Type("integer"), "ok": Type("boolean")}
LIST = Type("array", items=Type("number"))


def asking(dialect: str = "ragflow", **fields: Type) -> Flow:
    """A form, and a condition on a number that was entered."""
    form = Node("form", "ask", "Form", params={"question": "Your size?"}, outputs=fields or FIELDS)
    size = when((Ref("form", ("size",)), "gt", 40, "number"))
    text = Text((Ref("form", ("who",)), ": ", Ref("form", ("size",))))
    chain = [
        start(),
        form,
        Node("big", "if", "Big", params={"cases": [size]}),
        Node("say", "answer", "Say", params={"text": text}),
    ]
    edges = [Edge("begin", "form"), Edge("form", "big"), Edge("big", "say", "case:0")]
    return Flow("f", dialect, mode="chat", graph=Graph(chain, edges))


def on_dify(flow: Flow) -> tuple[dict[str, dict[str, Any]], list[dsl.Note]]:
    written = dsl.write(flow, "dify")
    return {each["id"]: each["data"] for each in written.document["workflow"]["graph"]["nodes"]}, list(written.notes)


def entered(code: dict[str, Any], **values: Any) -> dict[str, Any]:
    there: dict[str, Any] = {}
    exec(code["code"], there)
    return dict(there["main"](**values))


def test_numbers_that_are_entered_are_numbers_on_dify_whose_forms_give_texts() -> None:
    data, notes = on_dify(asking())
    assert [each["type"] for each in data["form"]["inputs"]] == ["paragraph"] * 3
    assert data["big"]["cases"][0]["conditions"][0]["variable_selector"] == ["form_entered", "size"]
    assert data["big"]["cases"][0]["conditions"][0]["varType"] == "number"
    assert data["say"]["answer"] == "{{#form.who#}}: {{#form_entered.size#}}"
    assert entered(data["form_entered"], size=" 42 ", ok="True") == {"size": 42, "ok": True}
    assert entered(data["form_entered"], size="", ok="false") == {"size": None, "ok": False}
    with pytest.raises(ValueError, match="Expecting value"):
        entered(data["form_entered"], size="forty", ok="true")
    [note] = [each for each in notes if each.code == "type.narrowed"]
    assert (note.severity, note.node) == ("degraded", "form")


def test_the_form_comes_back_with_its_types() -> None:
    back = nodes(dsl.read(dsl.write(asking(), "dify").data))
    assert {name: each.name for name, each in back["form"].outputs.items()} == {
        "who": "string",
        "size": "number",
        "ok": "boolean",
    }
    assert "form_entered" not in back
    assert back["big"].params["cases"][0]["conditions"][0]["left"] == Ref("form", ("size",))


def test_a_list_is_entered_as_json_text() -> None:
    data, _ = on_dify(asking(who=Type("string"), size=Type("number"), sizes=LIST))
    assert entered(data["form_entered"], size="1", sizes="[1, 2]") == {"size": 1, "sizes": {"value": [1, 2]}}
    back = nodes(dsl.read(dsl.write(asking(size=Type("number"), sizes=LIST), "dify").data))["form"].outputs
    assert back["sizes"].name == "array"


def test_a_form_of_texts_has_no_code_behind_it() -> None:
    assert "form_entered" not in on_dify(asking(who=Type("string"), size=Type("string")))[0]


@pytest.mark.parametrize("target", ["dify", "ragflow", "n8n"])
def test_what_a_model_of_coze_reads_out_of_an_answer_is_told_to_be_filled_in_by_hand(target: str) -> None:
    flow = dsl.read(dsl.write(asking(), "coze").data)
    told = [note for note in dsl.write(flow, target).notes if note.code == "ask.fields"]
    assert [(note.severity, note.title) for note in told] == [("degraded", "Form")]
    assert "who, size, ok" in told[0].message
    assert "ask.fields" not in {note.code for note in dsl.write(flow, "coze").notes}
