"""What happens when a node fails."""

from dataclasses import replace
from typing import Any

from dsl.dify.work import Work
from dsl.ir import Node, Ref
from dsl.kinds import outputs

_ZEROS = {"string": "", "number": 0, "integer": 0, "object": {}, "array": []}


def on_error(work: Work, node: Node) -> None:
    if node.on_error.then == "continue":
        zeros: dict[str, Any] = {}
        for name in outputs(node):
            type_ = work.type_of(Ref(node.id, (name,)))
            if type_.name in _ZEROS:
                zeros[name] = _ZEROS[type_.name]
        node.on_error = replace(node.on_error, then="default", default=zeros)
        message = "When the node fails its outputs are empty; where this comes from they hold the error."
        work.note(node, "degraded", "error.continue", message)
    if node.on_error.timeout_ms and node.kind != "http" and not work.own:
        work.note(node, "degraded", "error.timeout", "Dify has a timeout for HTTP requests only.")
