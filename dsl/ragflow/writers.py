"""A node of the common form as a component; what each kind becomes has a file of its own."""

import json
from collections.abc import Callable
from typing import Any

from dsl.ir import OnError
from dsl.kinds import COZE_LIMIT, outputs
from dsl.ragflow import (
    branches,
    containers,
    dialogue,
    models,
    operations,
    retrieval,
    scripts,
    services,
    transforms,
    variables,
)
from dsl.ragflow.types import certain, word_of
from dsl.ragflow.writing import Made, Writing


def component(writing: Writing) -> Made:
    """The component's name and parameters, with what happens when it fails."""
    node = writing.node
    name, params = WRITERS.get(node.kind, scripts.stub)(writing)
    if name == "CodeExec":
        params["outputs"] = scripts.given_out(writing)
    elif node.kind in ("tool", "opaque"):
        params["outputs"] = {key: {"type": word_of(each), "value": None} for key, each in node.outputs.items()}
    elif name == "UserFillUp":
        types = outputs(node)
        params["outputs"] = {key: {"type": certain(types[key]), "value": None} for key in node.outputs}
    return name, params | _on_error(writing, node.on_error)


def _on_error(writing: Writing, policy: OnError) -> dict[str, Any]:
    made: dict[str, Any] = {}
    if policy.retries:
        made |= {"max_retries": policy.retries, "delay_after_error": policy.wait_ms / 1000}
    if policy.then == "branch" and writing.targets("error"):
        made |= {"exception_method": "goto", "exception_goto": writing.targets("error")}
    elif policy.then in ("default", "continue"):
        default = policy.default or {}
        value = next(iter(default.values()), "")
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        made |= {"exception_method": "comment", "exception_default_value": text}
        if writing.flow.dialect != "ragflow":
            made["exception_default_value"] = text or " "  # an empty one ends the run
            message = "The default in place of an error is one text, called result, and is said in the chat."
            writing.note("degraded", "error.default", message)
    if policy.timeout_ms not in (None, 0, COZE_LIMIT) and writing.node.kind != "http":
        writing.note("degraded", "error.timeout", "The time limit of this step does not exist here.")
    return made


WRITERS: dict[str, Callable[[Writing], Made]] = {
    "add_document": scripts.by_hand("RAGFlow's requests send no files, so none into a knowledge base."),
    "delete_document": scripts.by_hand(
        "RAGFlow's requests know no DELETE, which takes a document out of a knowledge base."
    ),
    "start": dialogue.write_start,
    "end": dialogue.write_end,
    "answer": dialogue.write_answer,
    "llm": models.write_model,
    "agent": models.write_model,
    "code": scripts.write_code,
    "if": branches.write_if,
    "classify": models.write_classify,
    "extract": models.write_extract,
    "http": services.write_http,
    "template": transforms.write_template,
    "split": transforms.write_split,
    "aggregate": variables.write_aggregate,
    "set": scripts.write_step,
    "assign": variables.write_assign,
    "json_parse": operations.write_json_parse,
    "json_dump": scripts.write_step,
    "list": operations.write_list,
    "iterate": containers.write_iterate,
    "loop": containers.write_loop,
    "break": containers.write_leave,
    "retrieve": retrieval.write_retrieve,
    "tool": services.write_tool,
    "ask": dialogue.write_ask,
    "stop": scripts.write_step,
    "pass": scripts.write_step,
}
