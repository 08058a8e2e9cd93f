"""The fake language model says the same whoever asks it, and a test steers it by what it asks."""

import json
from typing import Any

import pytest
import requests

from tests.doubles.chat import chat_model
from tests.doubles.model import answer, fill
from tests.doubles.sandbox import KEY, sandbox


def user(text: str) -> list[dict[str, Any]]:
    return [{"role": "system", "content": "be terse"}, {"role": "user", "content": text}]


def test_it_repeats_the_last_message() -> None:
    assert answer(user("hi")) == "LLM<hi>"
    assert (
        answer([{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "data": "b"}]}])
        == "LLM<ab>"
    )


@pytest.mark.parametrize(
    ("schema", "asked", "value"),
    [
        ({"type": "string"}, "n: some words, more", "some words"),
        ({"type": "string"}, "nothing", "some n"),
        ({"type": "number"}, "n = 2.5", 2.5),
        ({"type": "integer"}, "nothing", 7),
        ({"type": "boolean"}, "n: no", False),
        ({"type": "array", "items": {"type": "integer"}}, "n: 1; 2", [1, 2]),
        ({"enum": ["red", "blue"]}, "a red door", "red"),
        ({"enum": ["red", "blue"]}, "a door", "blue"),
        ({"anyOf": [{"type": "null"}, {"type": "integer"}]}, "n: 3", 3),
        ({"type": "object", "properties": {"m": {"type": "string"}}}, "m: deep", {"m": "deep"}),
    ],
)
def test_a_field_is_what_the_text_says_of_it(schema: dict[str, Any], asked: str, value: Any) -> None:
    assert fill(schema, asked, "n") == value


def test_an_openai_client_gets_its_answers_whole_or_as_a_stream() -> None:
    body = {"model": "stub", "messages": user("hi")}
    with chat_model() as (url, chat):
        whole = requests.post(f"{url}/chat/completions", json=body, timeout=9).json()
        stream = requests.post(f"{url}/chat/completions", json=body | {"stream": True}, timeout=9).text
    assert whole["choices"][0]["message"]["content"] == "LLM<hi>"
    first, last, done = (line.removeprefix("data: ") for line in stream.strip().split("\n\n"))
    assert json.loads(first)["choices"][0]["delta"]["content"] == "LLM<hi>"
    assert json.loads(last)["choices"][0]["finish_reason"] == "stop" and done == "[DONE]"
    assert [call["model"] for call in chat.calls] == ["stub", "stub"]


@pytest.mark.parametrize(
    ("body", "key", "answered"),
    [
        ({"language": "python3", "code": "print(1 + 1)"}, KEY, {"stdout": "2\n", "error": ""}),
        ({"language": "python3", "preload": "x = 3", "code": "print(x)"}, KEY, {"stdout": "3\n", "error": ""}),
        ({"language": "python3", "code": "raise SystemExit(3)"}, KEY, {"stdout": "", "error": "error: exit status 3"}),
        ({"language": "cobol", "code": ""}, KEY, None),
        ({"language": "python3", "code": "print(1)"}, "wrong", None),
    ],
)
def test_the_sandbox_answers_as_difys(body: dict[str, str], key: str, answered: Any) -> None:
    with sandbox() as url:
        said = requests.post(f"{url}/v1/sandbox/run", json=body, headers={"X-Api-Key": key}, timeout=30).json()
    assert said["data"] == answered and (said["code"] == 0) == (answered is not None)
