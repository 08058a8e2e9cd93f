"""What the AI nodes of n8n answer, by the parser that serves them, and what that is elsewhere."""

import json
from typing import Any

import pytest

import dsl
from dsl import values
from dsl.ir import Ref
from tests.dsl.engines.build import LANGCHAIN, assign, node, workflow

PLATFORMS = ("coze", "dify", "ragflow")
SCHEMA = {"type": "object", "properties": {"title": {"type": "string"}, "age": {"type": "number"}}}
PARSER = {"schemaType": "manual", "inputSchema": json.dumps(SCHEMA)}


def chat(*behind: dict[str, Any], links: str, parsers: tuple[dict[str, Any], ...] = (), kind: str = "chainLlm") -> Any:
    """A chat whose question the model Ask is asked, and what is behind it."""
    asks = {"promptType": "define", "text": "={{ $json.chatInput }}", "hasOutputParser": bool(parsers)}
    nodes = [
        node("Chat", LANGCHAIN + "chatTrigger", 1.3, options={}),
        node("Ask", LANGCHAIN + kind, 1.7 if kind == "chainLlm" else 2.2, **asks),
        node("Model", LANGCHAIN + "lmChatOpenAi", 1.2, model="gpt-4o"),
        *parsers,
        *behind,
    ]
    return json.dumps(workflow(nodes, f"Chat>Ask Model-ai_languageModel>Ask {links}"))


def parser(name: str = "Parser", kind: str = "outputParserStructured", **parameters: Any) -> dict[str, Any]:
    return node(name, LANGCHAIN + kind, 1.2, **parameters)


def step(document: str, name: str) -> Any:
    return values.nodes(dsl.read(document))[name]


def errors(written: Any) -> list[str]:
    return [each.message for each in dsl.check(dsl.read(written.data)) if each.level == "error"]


@pytest.mark.parametrize("hedged", ["$json.text || $json.output", "$json.output ?? $json.text"])
@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_chain_without_a_parser_has_no_output_only_a_text(platform: str, hedged: str) -> None:
    document = chat(assign("Say", output=f"={{{{ {hedged} }}}}"), links="Ask>Say")
    assert step(document, "Say").inputs["output"].refs == (Ref("Ask", ("text",)),)
    assert not [each for each in dsl.check(dsl.read(document)) if each.level == "error"]
    written = dsl.write(dsl.read(document), platform)
    assert "output.computed" not in [each.code for each in written.notes]
    assert errors(written) == []


def test_what_a_model_answers_in_fields_is_not_its_text_as_well() -> None:
    say = assign("Say", output="={{ $json.text || $json.output }}")
    document = chat(say, links="Ask>Say Parser-ai_outputParser>Ask", parsers=(parser(**PARSER),))
    assert step(document, "Say").inputs["output"].refs == (Ref("Ask", ("structured",)),)
