"""Lists and objects that a flow asks for: a form of RAGFlow gives text, and code behind it what that text says."""

import json
from typing import Any

import pytest

import dsl
from dsl import ragflow
from dsl.ir import Flow, Node, Ref, Text, Type
from tests.dsl.engines.build import node, workflow
from tests.dsl.small import NUMBER, OBJECT, OBJECTS, STRING, line, start

FILES = Type("array", items=Type("file"))


def asked(trigger: str = "call", kind: str = "set", **types: Type) -> tuple[dict[str, Any], list[Any]]:
    """The components of a flow that reads all that it was given, and the notes."""
    begin = start(**types)
    begin.params = {"trigger": {"type": trigger}}
    given = {name: Ref("begin", (name,)) for name in types}
    node = Node("c", "set", "C", inputs=given, outputs=types)
    if kind == "text":
        node = Node("c", "answer", "C", params={"text": Text(tuple(given.values()))})
    document, notes = ragflow.build(Flow("f", "coze", graph=line(begin, node)))
    return document["dsl"]["components"], notes


def run(code: Any, **given: Any) -> Any:
    scope: dict[str, Any] = {}
    exec(code["obj"]["params"]["script"], scope)
    named = {name: given[ref.removeprefix("begin@")] for name, ref in code["obj"]["params"]["arguments"].items()}
    return scope["main"](**named)


def test_what_reads_a_list_reads_what_its_text_says() -> None:
    components, notes = asked(xs=OBJECTS, one=OBJECT, n=NUMBER)
    code = components["begin_inputs"]
    assert components["begin"]["downstream"] == ["begin_inputs"] and code["downstream"] == ["c"]
    read = components["c"]["obj"]["params"]["arguments"]
    assert [*read.values()] == ["begin_inputs@returned.xs", "begin_inputs@returned.one", "begin@n"]
    assert [each.severity for each in notes if each.code == "output.computed"] == ["equivalent"]
    assert run(code, xs='[{"a": 1}]', one='{"b": null}', n=1) == {"xs": [{"a": 1}], "one": {"b": None}, "n": 1}
    assert run(code, xs=[1], one={}, n=None) == {"xs": [1], "one": {}, "n": None}
    assert run(code, xs="", one=None, n=2) == {"xs": [], "one": {}, "n": 2}


@pytest.mark.parametrize(
    ("trigger", "kind", "types"),
    [
        ("webhook", "set", {"body": OBJECT}),
        ("call", "set", {"files": FILES}),
        ("call", "set", {"q": STRING}),
        ("call", "text", {"xs": OBJECTS}),
    ],
)
def test_what_is_no_text_or_only_printed_is_not_parsed(trigger: str, kind: str, types: dict[str, Type]) -> None:
    assert [*asked(trigger, kind, **types)[0]] == ["begin", "c"]


def test_code_of_n8n_sees_the_lists_under_the_name_of_the_start_and_as_what_comes_in() -> None:
    values = {"values": [{"name": "tags", "type": "array"}]}
    call = node("In", "executeWorkflowTrigger", 1.1, inputSource="workflowInputs", workflowInputs=values)
    code = node("Code", "code", 2, jsCode="return [{json: {n: $json.tags.length + $('In').first().json.tags.length}}];")
    written = dsl.write(dsl.read(json.dumps(workflow([call, code], "In>Code"))), "ragflow")
    given = written.document["dsl"]["components"]["Code"]["obj"]["params"]["arguments"]
    assert set(given.values()) == {"In_inputs@returned.tags"}
