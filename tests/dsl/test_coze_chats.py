"""A chat flow of Coze: what its start gives by itself is the question and the conversation everywhere."""

import dataclasses
import json
from typing import Any

import pytest

import dsl
from dsl.ir import Flow, Node, Ref, Text, Type
from dsl.values import node_refs, walk
from tests.dsl.small import line, start

ASKED, TALK = (Ref("", (name,), "system") for name in ("query", "conversation_id"))


def chat(*parts: Any, mode: Any = "chat") -> Flow:
    say = Node("say", "answer", "Say", params={"text": Text(parts)})
    return Flow("T", "dify", mode=mode, graph=line(start(lang=Type("string")), say))


def there(flow: Flow, **options: Any) -> Flow:
    return dsl.read(dsl.write(flow, "coze", **options).data)


@pytest.mark.parametrize("form", ["F1", "F3", "F4", "F5"])
def test_the_question_and_the_conversation_are_those_of_the_system_and_no_inputs(form: str) -> None:
    flow = there(chat(TALK, ": ", ASKED), form=form)
    assert flow.mode == "chat"
    read = {node.kind: node for node, _, _ in walk(flow.graph)}
    assert list(read["start"].outputs) == ["lang"]
    assert list(node_refs(read["answer"])) == [TALK, ASKED]


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("dify", "{{#sys.query#}}"),
        ("n8n", "$('Start').first().json.chatInput"),
        ("ragflow", "{sys.query}"),
        ("coze", "USER_INPUT"),
    ],
)
def test_what_somebody_types_in_the_chat_is_read_on_each_platform(target: str, said: str) -> None:
    written = dsl.write(dataclasses.replace(there(chat("You said ", ASKED)), dialect="ir"), target)
    assert said in str(written.data)
    assert ("USER_INPUT" in str(written.data)) == (target == "coze")


def test_who_reads_the_name_of_the_conversation_is_told_that_it_is_an_id_elsewhere() -> None:
    out = dsl.write(chat("In ", TALK), "coze")
    back = dsl.write(dsl.read(out.data), "dify")
    assert "{{#sys.conversation_id#}}" in str(back.data)
    for notes in (out.notes, back.notes):
        assert [(each.severity, each.node) for each in notes if each.code == "conversation.name"] == [
            ("degraded", "say")
        ]
    silent = dsl.write(there(chat(ASKED)), "dify").notes
    assert "conversation.name" not in {each.code for each in silent}


def test_a_workflow_that_reads_the_conversation_fails_where_there_is_none() -> None:
    written = dsl.write(chat(TALK, mode="workflow"), "coze")
    assert [each.severity for each in written.notes if each.code == "ref.system"] == ["stub"]
    assert "CONVERSATION_NAME" not in str(written.data)


@pytest.mark.parametrize(("mode", "number"), [("chat", 3), ("workflow", 0)])
def test_a_flow_says_whether_it_is_a_chat(mode: str, number: int) -> None:
    written = dsl.write(chat("Hi", mode=mode), "coze", form="F5")
    assert json.loads(str(written.data))["source"]["flowMode"] == number
