"""n8n's expressions, read into values of the common form and printed again.

A parameter that starts with `=` is an expression: text with JavaScript between `{{` and `}}` (n8n.md, section 10).
What is a path or JSON with paths in it becomes Ref, Text or plain data, all else stays a Script in the language "n8n".
"""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from dsl import values
from dsl.bodies import in_strings
from dsl.ir import Ref, Script, Text, Value
from dsl.load import MAX_DEPTH

QUOTED = r"(?:'(?:[^'\\\n]|\\.)*'|\"(?:[^\"\\\n]|\\.)*\")"
_ROOT = re.compile(
    rf"""\$(?:
    \(\s*(?P<call>{QUOTED})\s*\)
  | node\s*(?:\[\s*(?P<index>{QUOTED})\s*\]|\.(?P<member>[A-Za-z_]\w*))
  | (?P<bare>json|input|env|vars|execution|workflow|itemIndex|now)\b
    )""",
    re.X,
)
_ITEM = re.compile(  # of a numbered output: the first, or that of an error
    r"""\s*\??\.\s*(?:
    item | first\(\s*0?\s*\) | first\(\s*\d{1,2}\s*\)(?=\s*\??\.\s*json\.error\b) |
    last\(\s*\) | all\(\s*\)\s*\[\s*0\s*\]
    )\s*\??\.\s*json\b""",
    re.X,
)
_JSON = re.compile(r"\s*\??\.\s*json\b")
_STEP = re.compile(
    rf"\s*(?:\??\.\s*(?P<name>[A-Za-z_$][\w$]*)(?!\w|\s*\()|(?:\?\.)?\[\s*(?:(?P<index>\d{{1,9}})|(?P<key>{QUOTED}))\s*\])"
)
_TOKEN = re.compile(rf"{QUOTED}|`(?:[^`\\]|\\.)*`|[()\[\]{{}},'\"`]", re.S)
_GUARD = re.compile(  # what did not run, in this round, has no value
    rf"\$\({QUOTED}\)\.isExecuted"
    rf"(?: && \$\({QUOTED}\)\.first\(\)\.json\.\$round === \$\({QUOTED}\)\.first\(\)\.json\.\$round)? \? "
)
# What was set last: by the node that ran last of those that set it, else by the one that set it first
_LATEST = re.compile(
    rf"\((?:\$\({QUOTED}\)\.isExecuted"
    rf"(?: && \$\({QUOTED}\)\.first\(\)\.json\.\$round === \$\({QUOTED}\)\.first\(\)\.json\.\$round)?"
    rf" \? \$\({QUOTED}\) : )+\$\((?P<name>{QUOTED})\)\)\.first\(\)\.json"
)
# The class that was chosen: its word in a list of them, by the output that was taken, or the word for none (n8n.build)
_CHOSEN = re.compile(
    rf"\((?P<words>\[(?:{QUOTED}|[\d, ])*\])\.find\(\(_, i\) => "
    rf"\$\((?P<name>{QUOTED})\)\.all\(i\)\.length\) \?\? (?P<rest>{QUOTED}|\d+)\)"
)
_NUMBER = re.compile(r"-?\d{1,15}(?:\.\d{1,17})?(?:[eE][+-]?\d{1,3})?(?![\w.])")
_WORDS = {"true": True, "false": False, "null": None}
_NAME = re.compile(r"[A-Za-z_$][\w$]*\Z")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "v": "\v", "0": "\0"}
_ABSENT = object()


@dataclass(frozen=True)
class Path:
    """What an expression reads: `$json.a` is ("json", "", ("a",)), `$('N').item.json.a` is ("node", "N", ("a",)).

    Of a class that was chosen, ("class", "N", ...), the steps are the words for each class and for none.
    """

    root: str
    name: str
    steps: tuple[str | int, ...]
    default: Any = _ABSENT  # of `path ?? literal`

    @property
    def has_default(self) -> bool:
        return self.default is not _ABSENT


Resolve = Callable[[Path], Sequence[Ref]]  # what a path reads: several where what comes in may be of one of them


class _NotPlain(Exception):
    """The JavaScript is more than JSON with paths in it."""


# -- reading


def unquote(literal: str) -> str:
    """The text that a JavaScript string literal means."""
    return _ESCAPE.sub(_escaped, literal[1:-1])


_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|.)", re.S)


def _escaped(match: "re.Match[str]") -> str:
    code: str = match[1]
    if len(code) > 1:
        return chr(int(code[1:], 16))
    return _ESCAPES.get(code, code)


def path_at(source: str, start: int) -> tuple[Path, int] | None:
    """The path that begins at a place, as far as it is plain, and where it ends."""
    root = _ROOT.match(source, start)
    if not root and (latest := _LATEST.match(source, start)):
        found, end = _steps(source, latest.end())
        return Path("node", unquote(latest["name"]), found), end
    if not root:
        return _chosen(source, start)
    end, name, bare = root.end(), "", root["bare"]
    if bare is None:
        literal = root["call"] or root["index"]
        name = unquote(literal) if literal else root["member"]
    if bare is None or bare == "input":
        access = (_ITEM if bare or root["call"] else _JSON).match(source, end)
        if not access:
            return None
        end = access.end()
    steps, end = _steps(source, end)
    kind = "node" if bare is None else "json" if bare == "input" else bare
    return Path(kind, name, steps), end


def _chosen(source: str, start: int) -> tuple[Path, int] | None:
    match = _CHOSEN.match(source, start)
    try:
        words = json.loads(f"[{match['words']}, {match['rest']}]") if match else None
    except ValueError:
        return None
    return (Path("class", unquote(match["name"]), (*words[0], words[1])), match.end()) if match and words else None


def _steps(source: str, end: int) -> tuple[tuple[str | int, ...], int]:
    steps: list[str | int] = []
    while len(steps) < MAX_DEPTH and (step := _STEP.match(source, end)) and step["name"] != "length":
        key = step["key"]
        steps.append(step["name"] or (int(step["index"]) if step["index"] else unquote(key)))
        end = step.end()
    return tuple(steps), end


class _Parser:
    """JSON, with paths and template literals wherever it may hold a value."""

    def __init__(self, source: str, resolve: Resolve) -> None:
        self.source, self.resolve, self.at = source, resolve, 0
        self.depth = 0
        self.bare = False  # `??` is not part of the path

    def space(self) -> None:
        while self.at < len(self.source) and self.source[self.at].isspace():
            self.at += 1

    def take(self, token: str) -> bool:
        self.space()
        found = self.source.startswith(token, self.at)
        self.at += len(token) if found else 0
        return found

    def need(self, token: str) -> None:
        if not self.take(token):
            raise _NotPlain

    def whole(self) -> Value:
        value = self.value()
        self.space()
        if self.at < len(self.source):
            raise _NotPlain
        return value

    def value(self) -> Value:
        self.space()
        self.depth += 1
        reader = _READERS.get(self.source[self.at : self.at + 1], _Parser.plain)
        if self.depth > 50:
            raise _NotPlain
        value = reader(self)
        self.depth -= 1
        return value

    def plain(self) -> Value:
        if number := _NUMBER.match(self.source, self.at):
            self.at = number.end()
            return json.loads(number[0])
        for word, value in _WORDS.items():
            if self.source.startswith(word, self.at) and not self.source[self.at + len(word) :][:1].isalnum():
                self.at += len(word)
                return value
        raise _NotPlain

    def string(self) -> str:
        literal = re.compile(QUOTED, re.S).match(self.source, self.at)
        if not literal:
            raise _NotPlain
        self.at = literal.end()
        return unquote(literal[0])

    def inside(self) -> Value:
        if _LATEST.match(self.source, self.at) or _CHOSEN.match(self.source, self.at):
            return self.path()
        if not self.take(AS_TEXT):
            self.need("(")
        bare, self.bare = self.bare, False
        value = self.value()
        self.need(")")
        self.bare = bare
        return value

    def printed(self) -> Value:
        """A structured answer as text is the text of the answer."""
        self.need("JSON.stringify(")
        value = self.value()
        self.need(")")
        if isinstance(value, Text) and self.take(_IN_QUOTES):
            return value
        if self.take("??"):
            self.need("null")
        if isinstance(value, Ref) and value.scope == "node" and value.path == ("structured",):
            return Ref(value.node, ("text",))
        raise _NotPlain

    def array(self) -> list[Value]:
        self.need("[")
        items: list[Value] = []
        while not self.take("]"):
            items.append(self.member("]"))
            if not self.take(","):
                self.need("]")
                break
        return items

    def object(self) -> dict[str, Value]:
        self.need("{")
        members: dict[str, Value] = {}
        while not self.take("}"):
            self.space()
            key = self.key()
            self.need(":")
            members[key] = self.member("}")
            if not self.take(","):
                self.need("}")
                break
        return members

    def member(self, close: str) -> Value:
        """A value in a list or an object: a Script when it is more than plain, but where it ends is plain."""
        start, depth = self.at, self.depth
        try:
            value = self.value()
            self.space()
            if self.source[self.at : self.at + 1] in (",", close):
                return value
        except _NotPlain:
            pass
        self.at, self.depth = self.until(start), depth
        source = self.source[start : self.at].strip()
        if not source or source.startswith("...") or "//" in source or "/*" in source:
            raise _NotPlain
        return script(source, self.resolve)

    def until(self, start: int) -> int:
        """Where the expression that begins at a place ends, by its brackets and strings."""
        open_ = 0
        for token in _TOKEN.finditer(self.source, start):
            char = token[0]
            if char in "([{":
                open_ += 1
            elif char in ")]},":
                if open_ == 0:
                    return token.start()
                open_ -= char != ","
            elif char in "\"'`":  # a string that is never closed
                break
        raise _NotPlain

    def key(self) -> str:
        if self.source[self.at : self.at + 1] in ("'", '"'):
            return self.string()
        if name := re.compile(r"[A-Za-z_$][\w$]*").match(self.source, self.at):
            self.at = name.end()
            return name[0]
        raise _NotPlain

    def path(self) -> Value:
        guard = _GUARD.match(self.source, self.at)
        if guard:
            self.at = guard.end()
        found = path_at(self.source, self.at)
        if not found:
            raise _NotPlain
        path, self.at = found
        path = self.otherwise(path)
        if guard:
            self.need(": null")
        return self.found(path)

    def otherwise(self, path: Path) -> Path:
        """The path with what stands in its place where it is nothing: a literal, or the error for its message."""
        after = self.at
        if path.steps[-2:] == ("error", "message") and self.take("??"):
            self.space()
            whole = path_at(self.source, self.at)
            if whole and whole[0] == Path(path.root, path.name, path.steps[:-1]):
                self.at = whole[1]
                return path
            self.at = after
        if not self.bare and self.take("??"):
            return Path(path.root, path.name, path.steps, self.literal())
        self.at = after
        return path

    def literal(self) -> Any:
        value = self.value()
        if next(values.refs(value), None) is not None:
            raise _NotPlain
        return value

    def found(self, path: Path) -> Ref:
        """What a path reads; a whole item has no name elsewhere, so it stays in a Script."""
        refs = self.resolve(path)
        if len(refs) != 1 or (refs[0].scope == "node" and not refs[0].path):
            raise _NotPlain
        return refs[0]

    def template(self) -> Value:
        """A template literal; `?? ""` behind a path is how text is printed (see Printer) and means nothing."""
        self.need("`")
        parts: list[str | Ref | Script] = []
        text = ""
        while (char := self.source[self.at : self.at + 1]) != "`":
            if char == "":
                raise _NotPlain
            if self.source.startswith("${", self.at):
                self.at += 2
                parts += [text, self.part()]
                text = ""
                self.need("}")
            elif char == "\\":
                found = re.compile(r"\\(u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|.)", re.S).match(self.source, self.at)
                if not found:
                    raise _NotPlain
                text += _escaped(found)
                self.at = found.end()
            else:
                text += char
                self.at += 1
        self.at += 1
        return values.text([*parts, text])

    def part(self) -> Ref:
        self.bare = True
        value = self.value()
        self.bare = False
        if self.take("??"):
            self.need('""')
        if not isinstance(value, Ref):
            raise _NotPlain
        return value


_READERS: dict[str, Callable[[_Parser], Value]] = {
    "'": _Parser.string,
    '"': _Parser.string,
    "(": _Parser.inside,
    "[": _Parser.array,
    "{": _Parser.object,
    "$": _Parser.path,
    "`": _Parser.template,
    "J": _Parser.printed,
}


def javascript(source: str, resolve: Resolve) -> Value:
    """A JavaScript expression as a value: plain data, Ref or Text, or a Script when it is more than that."""
    try:
        return _Parser(source, resolve).whole()
    except _NotPlain:
        return script(source.strip(), resolve)


def plain(source: str, resolve: Resolve) -> Value:
    """The same, None for what would be a Script."""
    try:
        return _Parser(source, resolve).whole()
    except _NotPlain:
        return None


def membership(source: str, resolve: Resolve) -> tuple[list[Value], Value, bool] | None:
    """`[a, b].includes(x)` or `![a, b].includes(x)`: the list, x, and whether it shall not be in it."""
    parser = _Parser(source, resolve)
    try:
        negated = parser.take("!")
        if not parser.take("["):
            return None
        parser.at -= 1
        items = parser.array()
        parser.need(".includes(")
        value = parser.value()
        parser.need(")")
        parser.space()
        return (items, value, negated) if parser.at == len(source) else None
    except _NotPlain:
        return None


def reads(source: str, resolve: Resolve) -> list[tuple[int, int, Path, Sequence[Ref]]]:
    """Every place of JavaScript that reads something: where its root begins and ends, the path, what it is."""
    found: list[tuple[int, int, Path, Sequence[Ref]]] = []
    source, end = searchable(source), 0
    for root in _ROOT.finditer(source):
        if root.start() < end:  # a step of the path in front: `$json.$json`
            continue
        path = path_at(source, root.start())
        if path is None and (literal := root["call"] or root["index"]):
            path = Path("node", unquote(literal), ()), root.end()
        if path:
            end = path[1]
            found.append((root.start(), root.end(), path[0], resolve(path[0])))
    return found


def searchable(source: str) -> str:
    """JavaScript without the quotes and comments that do not end, where they are many.

    A search for names asks from each of them up to the end of what it stands in.
    """
    for quote, closed in _CLOSED.items():
        if source.count(quote) > _MANY:
            source = closed.sub(_blanked, source)
    close = max(source.rfind("*/") - 1, 0)
    return source[:close] + source[close:].replace("/*", "/ ") if source.count("/*", close) > _MANY else source


_MANY = 50
_CLOSED = {  # from quote to quote, and from one that nothing closes to the end of its line
    quote: re.compile(rf"{quote}(?:[^{quote}\\\n]|\\.)*(?={quote})|(?P<open>{quote}[^\n]*)") for quote in "'\""
}


def _blanked(match: "re.Match[str]") -> str:
    text, quote = match[0], match[0][0]
    return text.replace(quote, " ") if match["open"] and text.count(quote) > _MANY else text


def script(source: str, resolve: Resolve) -> Script:
    return Script("n8n", source, tuple(ref for *_, refs in reads(source, resolve) for ref in refs))


def expression(source: str, resolve: Resolve) -> Value:
    """A parameter's text: plain when it does not start with `=`."""
    if not source.startswith("="):
        return source
    found = pieces(source[1:])
    if len(found) == 1 and found[0][0]:
        return javascript(found[0][1], resolve)
    parts: list[str | Ref | Script] = []
    for code, text in found:
        if not code:
            parts.append(text)
            continue
        value = javascript(text, resolve)
        known = isinstance(value, (str, Ref, Script, Text))
        parts += values.parts(value if known else script(text.strip(), resolve))
    return values.text(parts)


def pieces(source: str) -> list[tuple[bool, str]]:
    """The text and, with True, the JavaScript between the braces; those that are not closed end with the text."""
    found: list[tuple[bool, str]] = []
    end = 0
    while (start := source.find("{{", end)) >= 0:
        if source[start - 1 : start] == "\\" and start > 0:
            found.append((False, source[end : start - 1] + "{{"))
            end = start + 2
            continue
        close = source.find("}}", start + 2)
        found += [(False, source[end:start])] if start > end else []
        found.append((True, source[start + 2 : close if close >= 0 else len(source)]))
        end = close + 2 if close >= 0 else len(source)
    return found + ([(False, source[end:])] if end < len(source) or not found else [])


# -- printing


AS_TEXT = '((v) => (v && typeof v === "object" ? JSON.stringify(v) : v))('  # n8n prints "[object Object]" else
_IN_QUOTES = ".slice(1, -1)"  # what JSON.stringify makes of a text, for a place that has quotes already

JOINED = re.compile(rf"\[\]\.concat\((?P<list>.*)\)\.join\((?P<between>{QUOTED})\)", re.S)


def joined(listed: str, between: str) -> str:
    """JavaScript for the elements of a list in a row; what is no list is itself."""
    return f"[].concat({listed}).join({string(between)})"


class Printer:
    """Values as n8n's parameters. `ref` prints what a reference reads, `script` a piece of n8n's own JavaScript.

    `composite` tells whether a reference may read a list or a mapping: as a part of a text those are printed as JSON.
    """

    def __init__(
        self,
        ref: Callable[[Ref], str],
        script: Callable[[Script], str],
        composite: Callable[[Ref], bool] = lambda ref: False,
    ) -> None:
        self.ref, self.script, self.composite = ref, script, composite

    def js(self, value: Value) -> str:
        """A JavaScript expression on one line, never with two closing braces together: n8n would end there."""
        if isinstance(value, Ref):
            return self.ref(value)
        if isinstance(value, Script):
            return self.script(value)
        if isinstance(value, Text):
            return "`" + "".join(map(self._piece, value.parts)) + "`"
        if isinstance(value, dict):
            inner = ", ".join(f"{string(str(key))}: {self.js(item)}" for key, item in value.items())
            return "{" + inner + (" }" if inner.endswith("}") else "}")
        if isinstance(value, (list, tuple)):
            return "[" + ", ".join(map(self.js, value)) + "]"
        return string(value) if isinstance(value, str) else json.dumps(value, default=str)

    def _piece(self, part: str | Ref | Script) -> str:
        if isinstance(part, str):
            escaped = part.replace("\\", "\\\\").replace("`", "\\`").replace("$", "\\$").replace("}", "\\x7d")
            return escaped.replace("{", "\\x7b").replace("\r", "\\r").replace("\n", "\\n")
        return "${" + (f'{self._said(part)} ?? ""' if isinstance(part, Ref) else self.script(part)) + "}"

    def _said(self, part: Ref) -> str:
        return f"{AS_TEXT}{self.ref(part)})" if self.composite(part) else self.ref(part)

    def param(self, value: Value) -> Any:
        """A parameter: an expression where something is referred to, plain data else."""
        if isinstance(value, (Ref, Script)):
            return "={{ " + self.js(value) + " }}"
        if isinstance(value, Text):
            return "=" + self._text(value)
        if isinstance(value, str):
            return "={{ " + string(value) + " }}" if value.startswith("=") else value
        if isinstance(value, dict):
            return {key: self.param(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.param(item) for item in value]
        return value

    def value(self, value: Value) -> Any:
        """One parameter that may be of any type: lists and mappings as a whole."""
        if isinstance(value, (dict, list, tuple)):
            inner = self.js(value)
            return "={{ " + (f"({inner})" if isinstance(value, dict) else inner) + " }}"
        return self.param(value)

    def json_text(self, value: Value) -> Any:
        """A parameter that is JSON text: what stands in a string of it is escaped as JSON escapes it."""
        if not isinstance(value, Text):
            return self.param(value)
        return "=" + "".join(self._json_part(part, quoted) for part, quoted in in_strings(value))

    def _json_part(self, part: str | Ref | Script, quoted: bool) -> str:
        if quoted and not isinstance(part, str):
            return "{{ JSON.stringify(" + self.js(Text((part,))) + f"){_IN_QUOTES} }}}}"
        return self._text(Text((part,)))

    def _text(self, value: Text) -> str:
        result = ""
        for part in value.parts:
            if isinstance(part, str):
                result += _literal(part)
            else:
                result += "{{ " + (self._said(part) if isinstance(part, Ref) else self.js(part)) + " }}"
        return result


def _literal(part: str) -> str:
    """Text beside expressions: what n8n would take for the begin of one is printed as one itself."""
    return _BEGIN.sub(lambda match: "{{ " + string(match[0]) + " }}", part)


_BEGIN = re.compile(r"\{(?=\{)|\{\Z|\\(?=\{\{)|\\\Z")


def string(text: str) -> str:
    """A JavaScript string that may stand in an expression."""
    return json.dumps(text, ensure_ascii=False).replace("}}", "}\\u007d").replace("\u2028", "\\u2028")


def steps(path: tuple[str | int, ...]) -> str:
    return "".join(
        f"[{step}]"
        if isinstance(step, int)
        else f".{step}"
        if _NAME.match(step) and step.isascii()
        else f"[{string(step)}]"
        for step in path
    )
