"""Lists and objects that refer to something, in every place for a value: no file holds them as words."""

import json
from collections.abc import Callable
from typing import Any

import pytest

import dsl
from dsl.ir import Edge, Graph, Node, Ref, Resource, Text, Type
from tests.dsl.engines.dify import run_dify
from tests.dsl.engines.n8n_core import run_n8n_core
from tests.dsl.small import OBJECT, Q, end, flow, line, start

WHOLE = {"x": Q, "y": "const", "z": [Q, Text(("a ", Q))], "w": {"q": Q}}
RESOURCES = (Resource("tool:t", "tool", "t"), Resource("subflow:s", "subflow", "s"))
SOURCE = "def main(o):\n    return {'o': o}\n"


def _step(kind: str, params: dict[str, Any] | None = None, **inputs: Any) -> Node:
    return Node("t", kind, "T", params=params or {}, inputs=inputs, outputs={"o": OBJECT})


def _loop() -> Node:
    items = [{"target": Ref("t", ("v",), "loop"), "op": "set", "value": WHOLE}]
    body = Graph([Node("p", "assign", "P", params={"items": items})], [Edge("t", "p", "body")])
    variables = {"v": {"type": OBJECT, "value": WHOLE}}
    return Node("t", "loop", "T", params={"count": 2, "variables": variables}, outputs={"v": OBJECT}, body=body)


def _iterate() -> Node:
    body = Graph([Node("p", "pass", "P")], [Edge("t", "p", "body")])
    made = Node("t", "iterate", "T", inputs={"item": [WHOLE]}, outputs={"o": Type("array")}, body=body)
    made.params = {"collect": {"o": WHOLE}}
    return made


PLACES: dict[str, Callable[[], Node]] = {
    "an argument of a tool": lambda: _step("tool", {"tool": "tool:t", "settings": {"o": WHOLE}}, o=WHOLE),
    "an argument of a flow": lambda: _step("subflow", {"flow": "subflow:s"}, o=WHOLE),
    "a field": lambda: _step("set", o=WHOLE),
    "an input of code": lambda: _step("code", {"lang": "python3", "style": "kwargs", "source": SOURCE}, o=WHOLE),
    "JSON that is written": lambda: _step("json_dump", {"value": WHOLE}),
    "JSON that is read": lambda: _step("json_parse", {"value": WHOLE}),
    "one of several": lambda: _step("aggregate", {"groups": [{"name": "o", "type": OBJECT, "values": [WHOLE]}]}),
    "a list that is walked": _iterate,
    "a variable of a loop": _loop,
}


@pytest.mark.parametrize("dialect", ["dify", "coze", "n8n", "ragflow"])
@pytest.mark.parametrize("place", PLACES)
def test_no_reference_in_a_whole_becomes_words(place: str, dialect: str) -> None:
    made = flow("whole", line(start(), PLACES[place](), end(r=(WHOLE, OBJECT))), *RESOURCES)
    written = dsl.write(made, dialect)
    assert "Ref(" not in str(written.data)
    assert [each.message for each in dsl.check(dsl.read(written.data)) if each.code.startswith("ref.")] == []


MEANT = {"x": "b", "y": "const", "z": ["b", "a b"], "w": {"q": "b"}}


@pytest.mark.parametrize("target", ["coze", "n8n"])
@pytest.mark.engines
def test_a_whole_is_the_same_after_a_journey(target: str) -> None:
    options = {"trigger": "call"} if target == "n8n" else {}
    there = dsl.write(flow("whole", line(start(), end(r=(WHOLE, OBJECT)))), target, **options)
    ran = run_dify(str(dsl.write(dsl.read(there.data), "dify").data), {"q": "b", "n": 1})
    assert ran.outputs == {"r": MEANT}, ran


@pytest.mark.engines
def test_json_of_a_whole_is_written_on_n8n() -> None:
    dumped = _step("json_dump", {"value": WHOLE})
    made = flow("dumped", line(start(), dumped, end(r=(Ref("t", ("output",)), Type("string")))))
    ran = run_n8n_core(dsl.write(made, "n8n", trigger="call").document, {"q": "b", "n": 1})
    assert json.loads(ran.outputs["r"]) == MEANT
