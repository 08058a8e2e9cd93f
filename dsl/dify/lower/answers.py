"""What the user of an app sees: its answer, its results, the buttons of a form."""

from dsl.dify.work import STRING, Recipe, Work
from dsl.ir import Node, Ref, Text
from dsl.values import unique


def _end(work: Work, node: Node) -> None:
    if node.params.get("message") in (None, ""):
        return
    message = node.params.pop("message")
    if work.flow.mode == "chat":
        if node.inputs:
            work.note(node, "dropped", "end.results", "A chat has an answer and no results.")
        node.kind, node.params, node.inputs, node.outputs = "answer", {"text": message}, {}, {}
        return
    work.note(node, "equivalent", "end.message", "The answer is a result called answer.")
    name = unique("answer", {*node.inputs})
    node.inputs[name], node.outputs[name] = message, STRING


def _answer(work: Work, node: Node) -> None:
    if work.flow.mode == "workflow" and not work.own:
        message = "An app of the mode workflow shows no messages on its way; this one is only an output of its node."
        work.note(node, "degraded", "answer.workflow", message, "Make the app a chatflow if the message is to be seen.")


def _unsupported_ask(work: Work, node: Node) -> None:
    """Options are buttons, whose titles hold no references."""
    if any(isinstance(each, (Ref, Text)) for each in node.params.get("options", [])):
        work.note(node, "degraded", "ask.options", "The titles of buttons cannot refer to values.")


RECIPES: dict[str, Recipe] = {"end": _end, "answer": _answer, "ask": _unsupported_ask}
