#!/usr/bin/env python3
"""The program that Dify's engine starts for each call of a model, faked: `slim.py -id PLUGIN -action ACTION`.

One JSON object on standard input, JSON lines on standard output. It is started by Python as found on PATH, outside our
environment and a few times a model node: hence the standard library only, and only what is needed at once.
"""

import json
import sys
from collections.abc import Iterator
from typing import Any

import model  # type: ignore[import-not-found] # it is a script: its neighbours are modules at the top

USAGE = {
    "prompt_tokens": 1,
    "prompt_unit_price": "0",
    "prompt_price_unit": "0",
    "prompt_price": "0",
    "completion_tokens": 1,
    "completion_unit_price": "0",
    "completion_price_unit": "0",
    "completion_price": "0",
    "total_tokens": 2,
    "total_price": "0",
    "currency": "USD",
    "latency": 0.0,
}


def reply(action: str, data: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The chunks of an answer."""
    match action:
        case "get_ai_model_schemas":
            yield {"model_schema": _schema(data["model"])}
        case "get_llm_num_tokens":
            yield {"num_tokens": sum(len(model.text(one)) for one in data["prompt_messages"]) // 4}
        case "invoke_llm":
            yield from _said(data)
        case _:
            raise ValueError(f"this stand-in knows no action {action!r}")


def _schema(name: str) -> dict[str, Any]:
    return {
        "model": name,
        "label": {"en_US": name},
        "model_type": "llm",
        "features": ["structured-output"],
        "fetch_from": "customizable-model",
        "model_properties": {"mode": "chat", "context_size": 32768},
        "parameter_rules": [],
    }


def _said(data: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The answer in two pieces, as a stream is; the usage comes with the last."""
    schema = (data.get("model_parameters") or {}).get("json_schema")
    schema = json.loads(schema) if isinstance(schema, str) else schema
    said = model.answer(data["prompt_messages"], schema)
    half = len(said) // 2
    yield _chunk(data, 0, said[:half])
    last = _chunk(data, 1, said[half:]) | ({"structured_output": json.loads(said)} if schema is not None else {})
    last["delta"] |= {"usage": USAGE, "finish_reason": "stop"}
    yield last


def _chunk(data: dict[str, Any], index: int, said: str) -> dict[str, Any]:
    message = {"role": "assistant", "content": said, "tool_calls": []}
    return {"model": data["model"], "prompt_messages": [], "delta": {"index": index, "message": message}}


def tell(event: str, data: Any) -> None:
    sys.stdout.write(json.dumps({"event": event, "data": data}) + "\n")


def main(action: str) -> None:
    data = json.load(sys.stdin)["data"]
    try:
        for chunk in reply(action, data):
            tell("chunk", chunk)
    except (ValueError, KeyError) as error:
        tell("error", {"message": str(error), "code": type(error).__name__})
    else:
        tell("done", {})


if __name__ == "__main__":
    main(sys.argv[sys.argv.index("-action") + 1] if "-action" in sys.argv else " ".join(sys.argv[1:]))
