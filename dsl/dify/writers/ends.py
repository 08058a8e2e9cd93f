"""Where a run begins, with what, and what it hands back."""

from typing import Any

from dsl.dify import names
from dsl.dify.starts import trigger
from dsl.dify.work import Work
from dsl.dify.writers.types import start_field
from dsl.dify.writers.values import Data, Write, is_declared, selector, text
from dsl.ir import Node, Type


def _start(work: Work, node: Node) -> Data:
    kind = trigger(node)
    given = node.params.get("trigger") or {}
    if kind == "webhook":
        return _webhook(node, given)
    if kind == "schedule":
        cron = {"mode": "cron", "cron_expression": text(work, given.get("cron", ""))}
        return {"type": "trigger-schedule", **cron, "timezone": given.get("timezone") or "UTC"}
    if kind == "event":
        return {"type": "trigger-plugin", "event_parameters": {}, **{k: v for k, v in given.items() if k != "type"}}
    return {"type": "start", "variables": [start_field(name, type_) for name, type_ in node.outputs.items()]}


def _webhook(node: Node, given: dict[str, Any]) -> Data:
    declared = {
        name: type_ for name, type_ in node.outputs.items() if name not in names.REQUEST or is_declared(node, name)
    }
    body = [{"name": n, "type": names.word_of(t), "required": t.required} for n, t in declared.items()]
    return {
        "type": "trigger-webhook",
        "method": str(given.get("method", "POST")).lower(),
        "content_type": given.get("content_type", "application/json"),
        "params": [],
        "headers": [],
        "body": body,
        "async_mode": True,
        "status_code": 200,
        "response_body": "",
        "webhook_url": "",
    }


def _end(work: Work, node: Node) -> Data:
    results = []
    for name, value in node.inputs.items():
        word = names.word_of(node.outputs.get(name, Type()))
        typed = {"value_type": word} if word != "any" else {}
        results.append({"variable": name, "value_selector": selector(work, value), **typed})
    return {"outputs": results}


def _answer(work: Work, node: Node) -> Data:
    return {"answer": text(work, node.params.get("text", "")), "variables": []}


WRITERS: dict[str, Write] = {"start": _start, "end": _end, "answer": _answer}
