"""Whether code can be parsed at all: of JavaScript that is seen by its brackets and strings alone."""

import ast
import re
import warnings


def python(source: str) -> str:
    """What is wrong with Python code, with the line; empty where nothing is."""
    try:
        with warnings.catch_warnings(action="ignore"):  # of escapes that Python does not know
            ast.parse(source)
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None)
        return f"{getattr(error, 'msg', None) or error}" + (f" (line {line})" if line else "")
    except (RecursionError, MemoryError):
        pass
    return ""


def defines(lang: str, source: str, name: str) -> bool:
    """Whether code gives something this name, for all that one sees."""
    if lang == "javascript":
        return re.search(rf"\b{name}\b", source) is not None
    return any(_gives(each, name) for each in ast.walk(ast.parse(source)))


def _gives(node: ast.AST, name: str) -> bool:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return node.name == name
    if isinstance(node, ast.alias):
        return name in (node.name, node.asname) or node.name == "*"
    return isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Store)


_TOKEN = re.compile(
    r"""
      (?P<text> "(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*' )
    | (?P<space> \s+ | //[^\n]* | /\*[\s\S]*?(?:\*/|\Z) )
    | (?P<open> [(\[{`] ) | (?P<close> [)\]}] ) | (?P<pattern> / ) | (?P<endless> ["'] ) | (?P<word> [\w$]+ | . )
    """,
    re.VERBOSE | re.DOTALL,
)
_PATTERN = re.compile(r"/(?![*/])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\[\n])+/")
_QUOTED = re.compile(r"(?:\\.|\$(?!\{)|[^`\\$])*(?P<end>`|\$\{|\Z)", re.DOTALL)
_CLOSED = {"(": ")", "[": "]", "{": "}", "${": "}"}
_TRIES = 100  # patterns that do not end, each of which is looked for up to the end of its line
_VALUE = re.compile(r"[\w$)\]\"'`]")  # what ends one: / divides behind it, elsewhere it begins a pattern
_WORDS = {"return", "typeof", "case", "in", "of", "delete", "void", "throw", "new", "else", "do", "await", "yield"}


def javascript(source: str) -> str:
    """Which bracket or string of JavaScript is not closed, or closes nothing; empty where they all fit."""
    opened: list[tuple[str, int]] = []
    at, before, tries = 0, "", _TRIES
    while at < len(source):
        token = (_QUOTED if opened and opened[-1][0] == "`" else _TOKEN).match(source, at)
        assert token
        kind, text = token.lastgroup, token[0]
        if kind == "pattern" and tries and (before in _WORDS or not _VALUE.match(before)):
            found = _PATTERN.match(source, at)
            token, tries = found or token, tries - (found is None)
        if kind == "endless":
            return _said(source, at, "a string that does not end")
        if kind == "open":
            opened.append((text, at))
        if kind == "close" and (not opened or _CLOSED[opened.pop()[0]] != text):
            return _said(source, at, f"a {text} that closes nothing")
        if kind == "end":
            text = _in_template(token, opened)
        at, before = token.end(), before if kind == "space" else text
    return _said(source, opened[-1][1], f"a {opened[-1][0]} that is not closed") if opened else ""


def _in_template(token: "re.Match[str]", opened: list[tuple[str, int]]) -> str:
    """A template ends, or holds an expression."""
    if token["end"] == "`":
        opened.pop()
    elif token["end"]:
        opened.append((token["end"], token.end()))
    return token["end"] or ""


def _said(source: str, at: int, what: str) -> str:
    return f"{what} (line {source.count(chr(10), 0, at) + 1})"
