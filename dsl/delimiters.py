"""What stands between the elements of lists in a text, on the platforms that join them there: Coze and RAGFlow."""

from collections.abc import Mapping

from dsl.ir import Flow, Node, Ref
from dsl.kinds import declared, outputs
from dsl.values import nodes, refs


def settle(flow: Flow, joined: Mapping[str, list[Ref]] | None = None) -> None:
    """Leave the delimiter only where a text may join a list: every text of these platforms has one.

    `joined` says by node what may be, where that is not all that a text refers to.
    """
    every = nodes(flow)
    for node in every.values():
        if "delimiter" in node.params:
            printed = (joined or {}).get(node.id, [*refs(node.params["template"])])
            if not any(may_be_list(ref, every, flow) for ref in printed):
                del node.params["delimiter"]


def may_be_list(ref: Ref, every: dict[str, Node], flow: Flow) -> bool:
    """Whether a list may stand there: it is declared as one, or nothing is declared."""
    if ref.scope in ("system", "index"):
        return ref.path[:1] in [("files",), ("history",)]
    producer = every.get(ref.node)
    asked = outputs(producer) if producer is not None and producer.kind == "start" else {}
    type_ = asked.get(str(ref.path[0])) if len(ref.path) == 1 else None
    return (type_ or declared(ref, every, flow)).name in ("array", "any")
