"""The report of a conversion as people read it."""

import json
import re
from collections.abc import Iterator
from itertools import pairwise

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

import dsl
from dsl.report import markdown, report

PLAIN = "plain"
HOSTILE = [
    "![x](https://evil.example/x.png)",
    "<img src=x onerror=alert(1)>",
    "</script><script>alert(1)</script>",
    "&#60;img src=x&#62; <!-- x",
    "\n\n# All is well\n\n## Dropped (0)\n",
    "\n\n\t\tx\n\n```\n",
    "# x",
    "- # x",
    "12. # x",
    "~~~",
    "`x` ``y",
    "`",
    "\\`x\\`",
    "**b** _c_ [x](javascript:alert(1)) [x]: https://evil.example",
    "<https://evil.example>",
    "| a | b |\n|---|---|\n",
    "a \\| b",
    "\x1b[31mred\x1b]0;t\x07 \u202etxt\x00\x9b\u2028x",
]


def _report(word: str) -> str:
    """With the word in every place that a file has for one."""
    nodes = [
        {"type": "n8n-nodes-base.manualTrigger", "name": word, "parameters": {}},
        {"type": f"{word}x.y", "name": f"N{word}", "parameters": {word: word}, "credentials": {word: {"name": word}}},
        {
            "type": "n8n-nodes-base.httpRequest",
            "name": f"H{word}",
            "parameters": {"url": f"{word}", "options": {word: 1}},
        },
    ]
    common = {"typeVersion": 1, "position": [0, 0]}
    document = {"name": word, "nodes": [{"id": f"{i}{word}"} | common | node for i, node in enumerate(nodes)]}
    flow = dsl.read(json.dumps(document | {"connections": {}, "settings": {word: word}}))
    return markdown(report(flow, "dify", dsl.write(flow, "dify"), file=word))


def _tokens(text: str) -> Iterator[Token]:
    for token in MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text):
        yield from (token, *(token.children or []))


@pytest.mark.parametrize("word", HOSTILE)
def test_nothing_that_a_file_says_is_markup_in_the_report(word: str) -> None:
    tokens, plain = ([*_tokens(_report(each))] for each in (word, PLAIN))
    assert {each.type for each in tokens} <= {each.type for each in plain} | {"text_special"}
    titles = [inner.content for one, inner in pairwise(tokens) if one.type == "heading_open"]
    assert titles[1] == "To bind again" and all(re.fullmatch(r"[A-Z][a-z ]+ \(\d+\)", each) for each in titles[2:])
    assert all(each.content.strip().startswith("/") for each in tokens if each.type == "code_inline")
    assert all(one.type == "inline" or not one.content for one, bold in pairwise(tokens) if bold.type == "strong_open")
    assert len([each for each in tokens if each.type == "table_open"]) == 1


def test_control_characters_and_those_that_turn_the_text_are_told_as_escapes() -> None:
    said = _report(HOSTILE[-1])
    assert not set("\x1b\x07\x00\x9b\u202e\u2028") & set(said) and r"\\x1b\[31mred" in said


def test_words_stand_in_the_report_as_they_are() -> None:
    words = "snake_case: {{#node.text#}} and 'a' (1 & 2), 50 % - x"
    assert f"# {words}: n8n to dify" in _report(words)
