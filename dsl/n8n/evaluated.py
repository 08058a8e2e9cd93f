"""What n8n fails on when it evaluates an expression or runs code, or leaves in a text as it stands (n8n.md, 10)."""

import difflib
import re
from collections.abc import Iterator

from dsl import syntax
from dsl.itemspython import indented
from dsl.lint import Level
from dsl.n8n import tables
from dsl.n8n.source import Raw
from dsl.n8n.text import QUOTED, pieces, searchable, unquote
from dsl.values import at, leaves, pointer, steps

Found = tuple[str, Level, str, str, str]  # place, level, code, message, what to do

CODE = {"jsCode": "javascript", "functionCode": "javascript", "pythonCode": "python3"}
_CODED = frozenset({"code", "function", "functionItem", "ai:toolCode"})
# What nodes evaluate themselves where it stands as plain text, and what is a workflow of its own.
_OWN = frozenset({"query", "sqlQuery", "html", "jsonOutput", "workflowJson"})
_SILENT = frozenset({"stickyNote", "ldap"})
_NAMED = re.compile(
    rf"""(?<!:)//[^\n]* | /\*[\s\S]*?\*/
    | (?<![\w$.])\$(?:
        \(\s*(?P<call>{QUOTED})\s*[,)]
      | node\s*(?:\[\s*(?P<index>{QUOTED})\s*\]|\.(?P<member>[A-Za-z_]\w*))
      | items\(\s*(?P<items>{QUOTED}) )
    | {QUOTED}""",
    re.X,
)
_PLAIN = re.compile(r"\{\{\s*\$(?:json|node|input|env|vars|now|today|execution|workflow|fromAI|\()[^{}]*\}\}")
_ENV = re.compile(r"(?<![\w$.])\$env\b")


def wrong(raw: Raw, known: set[str]) -> Iterator[Found]:
    """`known` are the names of the nodes."""
    if raw.kind in _SILENT:
        return
    for place, value in leaves(raw.params, f"{raw.place}/parameters"):
        if isinstance(value, str) and value:
            yield from _text(raw, place, value, known)
            yield from _operation(raw, place, value)


def _text(raw: Raw, place: str, value: str, known: set[str]) -> Iterator[Found]:
    name = steps(place)[-1]
    if name in CODE and raw.kind in _CODED and not value.startswith("="):
        yield from _code(raw, place, value, CODE[name], known)
    elif value.startswith("="):
        yield from _expression(raw, place, value[1:], known)
    elif name not in _OWN and "." not in raw.kind and (found := _PLAIN.search(value)):
        message = f"'{raw.name}': {found[0]} stays in the text as it stands: a text with expressions begins with =."
        yield place, "warning", "expression.plain", message, "Put = in front of the text."


def _operation(raw: Raw, place: str, value: str) -> Iterator[Found]:
    *above, last = steps(place.removeprefix(raw.place))[1:] or [""]
    if last == "operation" and above[-1:] == ["operator"]:
        kind = at(raw.params, pointer(*above)).get("type")
        if kind in tables.CAN and value not in tables.CAN[kind]:
            message = f"'{raw.name}' compares a {kind} by {value!r}, which n8n does not have: it never holds."
            yield place, "error", "condition.operator", message, f"It has: {', '.join(sorted(tables.CAN[kind]))}."


def _expression(raw: Raw, place: str, source: str, known: set[str]) -> Iterator[Found]:
    for code in [text for is_code, text in pieces(source) if is_code]:
        if broken := syntax.javascript(code):
            message = f"'{raw.name}': {{{{{code[:60]}}}}} is no JavaScript, there is {broken}: n8n fails."
            yield place, "error", "code.syntax", message, "Mend the expression."
        yield from _names(raw, place, code, known)
    if source.rfind("{{") > source.rfind("}}"):
        message = f"'{raw.name}' has an expression that does not end: all behind its braces is read as code."
        yield place, "warning", "expression.open", message, "Close it with }}."


def _code(raw: Raw, place: str, source: str, lang: str, known: set[str]) -> Iterator[Found]:
    is_python = lang == "python3"
    shown = raw.params.get("language", "javaScript" if raw.kind != "ai:toolCode" else "")
    if is_python != (shown in ("python", "pythonNative")):
        return  # what stood there before the language was changed
    broken = syntax.python(f"async def main():\n{indented(source)}\n pass") if is_python else syntax.javascript(source)
    if broken:
        message = f"'{raw.name}' holds code that cannot be parsed, {broken}: it fails."
        yield place, "error", "code.syntax", message, "Mend the code."
    if not is_python:
        yield from _names(raw, place, source, known)


def _names(raw: Raw, place: str, code: str, known: set[str]) -> Iterator[Found]:
    for name in dict.fromkeys(_asked(code)):
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            hint = f"Did you mean {near[0]!r}?" if near else "Name a node of this workflow."
            message = f"'{raw.name}' refers to the node {name!r}, which is not there: n8n fails when that is read."
            yield place, "error", "ref.unknown", message, hint
    if _ENV.search(code):
        message = f"'{raw.name}' reads $env, which n8n denies unless its operator allows it."
        yield place, "warning", "env.denied", message, "Ask (N8N_BLOCK_ENV_ACCESS_IN_NODE=false), or use a credential."


def _asked(code: str) -> Iterator[str]:
    """The names of nodes that JavaScript asks for, outside of its comments and texts."""
    for match in _NAMED.finditer(searchable(code)):
        if literal := match["call"] or match["index"] or match["items"]:
            yield unquote(literal)
        elif match["member"]:
            yield match["member"]
