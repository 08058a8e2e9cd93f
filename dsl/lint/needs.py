"""What a node needs: lists to walk over, the names that its text and code use, a model; and no secrets."""

import difflib
from collections.abc import Iterator

from dsl import syntax, used
from dsl.hiding import Known, hidden
from dsl.ir import Flow, Node, Ref, Script
from dsl.kinds import declared, walked
from dsl.lint.finding import Finding, Level, at_node, called
from dsl.lint.references import shown
from dsl.values import walk


def lists(flow: Flow) -> Iterator[Finding]:
    if flow.dialect == "n8n":  # which makes a list of one of a lone value
        return
    every = {node.id: node for node, _, _ in walk(flow.graph)}
    for node in every.values():
        for value in walked(node):
            kind = declared(value, every, flow).name if isinstance(value, Ref) else "any"
            if kind not in ("any", "array"):
                message = f"{called(node)} walks over {shown(value)}, which is declared as {kind}: it needs a list."
                yield at_node("error", "list.type", node, message, "Point it at a list, or make one of it before.")


def names(flow: Flow) -> Iterator[Finding]:
    for node, _, _ in walk(flow.graph):
        if node.kind == "code":
            yield from _code(node)
            yield from _source(node, flow.dialect)
        for text in [node.params.get("template"), *(each.get("text") for each in node.params.get("messages") or [])]:
            if isinstance(text, Script) and text.lang == "jinja2":
                for name in sorted(used.jinja(text.source) - set(node.inputs)):
                    yield _missing("error", name, node, "it is nothing")


def _code(node: Node) -> Iterator[Finding]:
    code = used.arguments(*(node.params.get(name, "") for name in ("source", "lang", "style")))
    for name in sorted(code.wanted - set(node.inputs)):
        yield _missing("error" if code.fails else "warning", name, node, "it fails" if code.fails else "it is nothing")
    if code.taken is not None:
        for name in sorted(set(node.inputs) - code.taken):
            message = f"{called(node)} has the input {name!r}, which its main does not take: it fails."
            yield at_node("error", "input.refused", node, message, "Add it to main, or take the input away.")


def _source(node: Node, dialect: str) -> Iterator[Finding]:
    """Code as it stands in the file, which n8n's wraps and RAGFlow refuses in words of its own."""
    lang, source = node.params.get("lang"), node.params.get("source")
    told_there = dialect == "n8n" or (dialect == "ragflow" and lang != "javascript")
    calls = node.params.get("style", "kwargs") in ("kwargs", "args")
    if told_there or not calls or not isinstance(source, str) or lang not in ("python3", "javascript"):
        return
    if broken := (syntax.javascript if lang == "javascript" else syntax.python)(source):
        message = f"{called(node)} holds code that cannot be parsed, {broken}: it fails."
        yield at_node("error", "code.syntax", node, message, "Mend the code.")
    elif not syntax.defines(lang, source, "main"):
        message = f"{called(node)} holds code without a main, which is what is called: it fails."
        yield at_node("error", "code.main", node, message, "Put it into a function main.")


def _missing(level: Level, name: str, node: Node, then: str) -> Finding:
    near = difflib.get_close_matches(name, node.inputs, 1)
    hint = f"Did you mean {near[0]!r}?" if near else "Add it to the inputs."
    message = f"{called(node)} uses {name!r}, which is none of its inputs: {then}."
    return at_node(level, "input.missing", node, message, hint)


def resources(flow: Flow) -> Iterator[Finding]:
    for node, _, _ in walk(flow.graph):
        if node.kind in ("llm", "agent", "classify", "extract") and not node.params.get("model"):
            yield at_node("error", "model.missing", node, f"{called(node)} has no model.", "Choose one.")
        if node.kind == "http" and not node.params.get("url"):
            yield at_node("error", "http.url", node, f"{called(node)} has no URL.", "Give it one.")
        if (does := _OF_KNOWLEDGE.get(node.kind)) and not node.params.get("knowledge"):
            yield at_node(
                "warning", "knowledge.missing", node, f"{called(node)} {does} no knowledge base.", "Choose one."
            )


_OF_KNOWLEDGE = {"retrieve": "searches", "add_document": "writes into", "delete_document": "deletes from"}


def secrets_in(flow: Flow, secrets: Known) -> Iterator[Finding]:
    for place in hidden(flow.raw, secrets)[1]:
        message = "A secret stands here in plain text: whoever gets the file has it."
        yield Finding("warning", "secret.found", message, place, fix="Use an environment variable or a credential.")
