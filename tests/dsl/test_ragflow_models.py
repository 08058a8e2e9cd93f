"""What asks a model on RAGFlow, which refuses a canvas with a parameter out of bounds or a tool unknown to it."""

from typing import Any

import pytest

import dsl
from dsl.ir import Edge, Flow, Graph, Node, Ref, Resource
from dsl.notes import Note
from tests.dsl.small import start


def written(kind: str, *resources: Resource, **params: Any) -> tuple[dict[str, Any], list[Note]]:
    node = Node("say", kind, "Say", params={"model": "m", "mode": "chat", "messages": []} | params)
    flow = Flow("f", "dify", graph=Graph([start(), node], [Edge("begin", "say")]), resources=list(resources))
    made = dsl.write(flow, "ragflow")
    return made.document["dsl"]["components"]["say"]["obj"]["params"], made.notes


@pytest.mark.parametrize(
    ("name", "value", "made", "told"),
    [
        ("temperature", 1.8, 1, ["temperature is 1 here and not 1.8: RAGFlow takes 0 to 1."]),
        ("presence_penalty", -0.5, 0, ["presence_penalty is 0 here and not -0.5: RAGFlow takes 0 to 1."]),
        ("temperature", 0, 0, ["RAGFlow sends no temperature of 0: that of the model holds."]),
        ("top_p", 0.5, 0.5, []),
        ("max_tokens", 500, 500, []),
    ],
)
def test_a_parameter_is_within_what_ragflow_takes(name: str, value: float, made: float, told: list[str]) -> None:
    params, notes = written("llm", parameters={name: value})
    assert params[name] == made
    assert [note.message for note in notes if note.code == "model.parameter"] == told


def test_who_speaks_twice_in_a_row_says_it_at_once() -> None:
    said = [("system", "Be brief."), ("user", "a"), ("user", "b"), ("assistant", "c"), ("user", "d")]
    messages = [{"role": role, "text": text} for role, text in said]
    params, notes = written("llm", messages=messages, query=Ref("", ("query",), "system"))
    roles = [(each["role"], each["content"]) for each in params["prompts"]]
    assert roles == [("user", "a\n\nb"), ("assistant", "c"), ("user", "d\n\n{sys.query}")]
    assert params["sys_prompt"] == "Be brief."
    assert [note.severity for note in notes if note.code == "prompt.turns"] == ["equivalent"]


def test_an_agent_has_the_tools_that_ragflow_has() -> None:
    own = Resource("t:wiki", "tool", "Wikipedia", {"component_name": "Wikipedia"})
    served = Resource("t:mcp", "tool", "shop", {"mcp_id": "abc"})
    foreign = Resource("t:add", "tool", "add", {"provider": "sums"})
    tools = [{"name": each.name, "description": "", "tool": each.id, "inputs": {}} for each in (own, served, foreign)]
    params, notes = written("agent", own, served, foreign, tools=tools)
    assert [each["component_name"] for each in params["tools"]] == ["Wikipedia"]
    assert params["mcp"] == [{"mcp_id": "abc", "tools": {}}]
    (told,) = [note for note in notes if note.code == "resource.tool" and note.node == "say"]
    assert told.message.endswith(": add.")
