"""What Dify's engine fails on, or runs to nothing, in a file that its import takes (dify.md, sections 5 and 9)."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from dsl.dify.misnamed import references
from dsl.ir import Flow, Node, Ref, Script
from dsl.lint import Finding, Level
from dsl.lint.finding import at_node, called
from dsl.values import node_refs, walk

Data = dict[str, Any]
Said = tuple[Level, str, str, str, str]  # level, code, place in the node, message, what to do

_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\s*", re.I)
_ORDERED = frozenset({">", "<", "≥", "≤"})
_OF_CHATS = frozenset({"query", "conversation_id", "dialogue_count"})
_COUNTS = frozenset({"add", "subtract", "multiply", "divide"})
_LISTS = frozenset({"append", "extend", "remove_first", "remove_last"})


def of_flow(flow: Flow) -> Iterator[Finding]:
    types = {variable.name: variable.type.name for variable in flow.variables if variable.scope == "session"}
    known = {node.id: node for node, _, _ in walk(flow.graph)}
    for node in known.values():
        for ref in dict.fromkeys(node_refs(node)):
            yield from _reference(ref, node, known)
        yield from _template(node)
        for item in node.params.get("items", ()) if node.kind == "assign" else ():
            yield from _assignment(item, node, types)


def _reference(ref: Ref, node: Node, known: dict[str, Node]) -> Iterator[Finding]:
    producer = known.get(ref.node)
    if producer and producer.kind == "llm" and ref.path[:1] == ("structured",) and not producer.params.get("schema"):
        message = f"{called(node)} reads fields of what {called(producer)} answers, which answers in text only."
        yield at_node("error", "ref.output", node, message, "Give the model a schema (structured_output).")


def _template(node: Node) -> Iterator[Finding]:
    texts = [node.params.get("template"), *(each.get("text") for each in node.params.get("messages") or [])]
    for text in texts:
        broken = _broken(text.source) if isinstance(text, Script) and text.lang == "jinja2" else ""
        if broken:
            message = f"{called(node)} holds a template that cannot be parsed, {broken}: it fails."
            yield at_node("error", "code.syntax", node, message, "Mend the template.")


def _broken(template: str) -> str:
    from jinja2 import Environment, TemplateSyntaxError

    try:
        Environment().parse(template)
    except TemplateSyntaxError as error:
        return f"{error.message} (line {error.lineno})"
    except RecursionError:
        pass
    return ""


def _assignment(item: Data, node: Node, types: Mapping[str, str]) -> Iterator[Finding]:
    target, op = item.get("target"), item.get("op")
    kind = types.get(str(target.path[0])) if isinstance(target, Ref) and target.scope == "session" else None
    wrong = (op in _COUNTS and kind in ("string", "boolean", "object", "array")) or (
        op in _LISTS and kind in ("string", "boolean", "object", "number", "integer")
    )
    if wrong and isinstance(target, Ref):
        message = f"{called(node)} does {op!r} to {target.path[0]!r}, which is declared as {kind}: it fails."
        yield at_node("error", "assign.type", node, message, "Choose what can be done to it, such as overwrite.")


def of_node(data: Data, mode: str) -> Iterator[Said]:
    """Of a node as the file has it."""
    for check in (_system, *_CHECKS.get(str(data.get("type")), ())):
        yield from check(data, mode)


def _system(data: Data, mode: str) -> Iterator[Said]:
    for where, (space, name, *_) in references(data, "") if mode == "workflow" else ():
        if space == "sys" and name in _OF_CHATS and not where.startswith("/memory"):  # which workflows do without
            message = f"reads sys.{name}, which there is in chats only: it is nothing."
            yield "error", "ref.system", where, message, "Ask for it as an input of the start."


def _prompt(data: Data, mode: str) -> Iterator[Said]:
    prompt = data.get("prompt_template")
    messages = prompt if isinstance(prompt, list) else [prompt]
    said = [each.get(key) for each in messages if isinstance(each, dict) for key in ("text", "jinja2_text")]
    if not any(isinstance(text, str) and text.strip() for text in said) and not data.get("memory"):
        yield "error", "prompt.missing", "/prompt_template", "asks its model nothing: it fails.", "Write a prompt."


def _compared(data: Data, mode: str) -> Iterator[Said]:
    cases = data.get("cases")
    for i, case in enumerate(cases if isinstance(cases, list) else []):
        conditions = case.get("conditions") if isinstance(case, dict) else None
        for j, each in enumerate(conditions if isinstance(conditions, list) else []):
            value = each.get("value") if isinstance(each, dict) else None
            if isinstance(value, str) and _numeric(each) and _is_word(value):
                message = f"compares a number with the text {value!r}: it fails."
                yield "error", "condition.number", f"/cases/{i}/conditions/{j}/value", message, "Write a number."


def _is_word(value: str) -> bool:
    return value != "" and "{{" not in value and not _NUMBER.fullmatch(value)


def _numeric(condition: Data) -> bool:
    op, is_number = condition.get("comparison_operator"), condition.get("varType") in ("number", "integer", "float")
    return op in _ORDERED or (op in ("=", "≠") and is_number)


def _inputs(data: Data, mode: str) -> Iterator[Said]:
    seen: set[str] = set()
    variables = data.get("variables")
    for i, each in enumerate(variables if isinstance(variables, list) else []):
        name = str(each.get("variable", "")) if isinstance(each, dict) else ""
        if name in seen:
            yield "warning", "input.twice", f"/variables/{i}", f"asks for {name!r} twice.", "Take one away."
        seen.add(name)


def _last(data: Data, mode: str) -> Iterator[Said]:
    is_end = data.get("type") == "end"
    if is_end == (mode == "advanced-chat"):
        message = "is an end, and a chat is answered by answers." if is_end else "is an answer, which only chats give."
        fix = "Make an answer of it." if is_end else "Make an end of it."
        yield "warning", "end.type", "", message, fix


def _timed(data: Data, mode: str) -> Iterator[Said]:
    if data.get("mode") == "cron" and not str(data.get("cron_expression") or "").strip():
        yield "error", "cron.missing", "/cron_expression", "says no time: it never starts a run.", "Write its time."


_CHECKS: dict[str, tuple[Callable[[Data, str], Iterator[Said]], ...]] = {
    "llm": (_prompt,),
    "if-else": (_compared,),
    "start": (_inputs,),
    "trigger-schedule": (_timed,),
    "end": (_last,),
    "answer": (_last,),
}
