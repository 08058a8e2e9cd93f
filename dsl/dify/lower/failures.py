"""What happens when a node fails."""

import copy
from dataclasses import replace
from typing import Any

from dsl.dify.work import Work
from dsl.ir import Node, Ref, Type, Value
from dsl.kinds import COZE_LIMIT, outputs
from dsl.values import node_refs, redirect

_ZEROS = {"string": "", "number": 0, "integer": 0, "object": {}, "array": []}


def on_error(work: Work, node: Node) -> None:
    if node.on_error.then == "continue":
        zeros: dict[str, Any] = {}
        for name in outputs(node):
            type_ = work.type_of(Ref(node.id, (name,)))
            if type_.name in _ZEROS:
                zeros[name] = copy.copy(_ZEROS[type_.name])
        node.on_error = replace(node.on_error, then="default", default=zeros)
        message = "When the node fails its outputs are empty; where this comes from they hold the error."
        work.note(node, "degraded", "error.continue", message)
    if node.on_error.timeout_ms not in (None, 0, COZE_LIMIT) and node.kind != "http" and not work.own:
        work.note(node, "degraded", "error.timeout", "Dify has a timeout for HTTP requests only.")


_STATUS = """import re


def main(message):
    found = re.search(r"status code ([0-9]{3})", message or "")
    return {"status": int(found[1]) if found else None}
"""


def statuses(work: Work) -> None:
    """With what a request that failed was answered: Dify says it in its message alone."""
    found: dict[Ref, Ref] = {}
    for node in work.all():
        for ref in {each for each in node_refs(node) if _is_status(work, each)} - {*found}:
            found[ref] = Ref(_status(work, work.nodes[ref.node]).id, ("status",))
    for node in work.all() if found else ():
        redirect(node, found)


def _is_status(work: Work, ref: Ref) -> bool:
    producer = work.nodes.get(ref.node)
    return ref.path == ("error", "status") and producer is not None and producer.kind == "http"


def _status(work: Work, failed: Node) -> Node:
    params = {"lang": "python3", "style": "done", "source": _STATUS}
    inputs: dict[str, Value] = {"message": Ref(failed.id, ("error", "message"))}
    title = f"Status of {failed.title or failed.id}"
    made = Node(work.new_id(f"{failed.id}_status"), "code", title, "", params, inputs, {"status": Type("number")})
    work.add(made, failed, after=True)
    work.after(failed, made, "error" if failed.on_error.then == "branch" else "out")
    work.note(failed, "equivalent", "output.computed", "A code node takes the status out of the error's message.")
    return made
