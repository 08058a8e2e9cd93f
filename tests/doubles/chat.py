"""An OpenAI-compatible endpoint in front of the fake language model, with tool calls, streams and embeddings.

It calls the tool whose name occurs in the question, else the first, with arguments out of the question; once the tool
has answered, its answer is the last message, so the model says `LLM<what the tool said>`.
"""

import base64
import json
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.doubles import model
from tests.doubles.web import Call, Reply, serving

USAGE = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}


class ChatModel:
    """The behaviour, and the bodies of the calls it got."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []

    async def answer(self, call: Call) -> Reply:
        match (call.method, call.path.partition("?")[0]):
            case ("GET", "/v1/models"):
                return Reply.json({"object": "list", "data": [{"id": "stub", "object": "model"}]})
            case ("POST", "/v1/chat/completions"):
                body = call.json()
                self.calls.append(body)
                message = _message(body)
                return _streamed(body, message) if body.get("stream") else _whole(body, message)
            case ("POST", "/v1/embeddings"):
                return _embedded(call.json())
        return Reply.json({"error": {"message": f"no route {call.path}"}}, 404)


@contextmanager
def chat_model() -> Iterator[tuple[str, ChatModel]]:
    """The base URL up to /v1, and the model."""
    chat = ChatModel()
    with serving(chat.answer) as url:
        yield f"{url}/v1", chat


def _message(body: dict[str, Any]) -> dict[str, Any]:
    messages = body["messages"]
    tools = [one["function"] for one in body.get("tools") or []]
    if tools and messages[-1]["role"] == "user":
        return {"role": "assistant", "content": None, "tool_calls": [_call(tools, model.text(messages[-1]))]}
    asked = (body.get("response_format") or {}).get("json_schema") or {}
    return {"role": "assistant", "content": model.answer(messages, asked.get("schema"))}


def _embedded(body: dict[str, Any]) -> Reply:
    """The same vector for every text."""
    texts = body["input"] if isinstance(body["input"], list) else [body["input"]]
    vector: Any = [1.0, 0.0]
    if body.get("encoding_format") == "base64":
        vector = base64.b64encode(struct.pack("<2f", *vector)).decode()
    found = [{"object": "embedding", "index": n, "embedding": vector} for n, _ in enumerate(texts)]
    return Reply.json({"object": "list", "model": body["model"], "data": found, "usage": USAGE})


def _call(tools: list[dict[str, Any]], asked: str) -> dict[str, Any]:
    tool = next((one for one in tools if one["name"] in asked), tools[0])
    arguments = json.dumps(model.fill(tool.get("parameters") or {"type": "object"}, asked))
    return {"id": "call_1", "type": "function", "function": {"name": tool["name"], "arguments": arguments}}


def _whole(body: dict[str, Any], message: dict[str, Any]) -> Reply:
    choice = {"index": 0, "message": message, "finish_reason": _finish(message)}
    return Reply.json(_frame(body, "chat.completion", choice) | {"usage": USAGE})


def _streamed(body: dict[str, Any], message: dict[str, Any]) -> Reply:
    calls = [{"index": n, **one} for n, one in enumerate(message.get("tool_calls", []))]
    delta = message | ({"tool_calls": calls} if calls else {})
    chunks = [
        _frame(body, "chat.completion.chunk", {"index": 0, "delta": delta, "finish_reason": None}),
        _frame(body, "chat.completion.chunk", {"index": 0, "delta": {}, "finish_reason": _finish(message)}),
    ]
    lines = [f"data: {json.dumps(chunk)}\n\n" for chunk in chunks] + ["data: [DONE]\n\n"]
    return Reply(body="".join(lines).encode(), headers={"Content-Type": "text/event-stream"})


def _frame(body: dict[str, Any], kind: str, choice: dict[str, Any]) -> dict[str, Any]:
    return {"id": "chat-1", "object": kind, "created": 0, "model": body["model"], "choices": [choice]}


def _finish(message: dict[str, Any]) -> str:
    return "tool_calls" if message.get("tool_calls") else "stop"
