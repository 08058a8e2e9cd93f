"""The names that templates and code take from the inputs of their node.

Found by their form alone: no template is rendered and no code runs, and where the form is not clear nothing is said.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

# -- Jinja

_OPEN, _CLOSE = re.compile(r"\{[{%#]"), {"{{": "}}", "{%": "%}", "{#": "#}"}
_END_RAW = re.compile(r"\{%[-+]?\s*endraw\s*[-+]?%\}")
_TOKEN = re.compile(r""""(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?|\d[\w.]*|\w+|\S""", re.DOTALL)
_WORDS = frozenset(
    {
        *("and", "or", "not", "in", "is", "if", "else", "elif", "recursive", "as"),
        *("true", "false", "none", "True", "False", "None"),
        *("range", "dict", "lipsum", "cycler", "joiner", "namespace"),
        *("loop", "self", "super", "caller", "varargs", "kwargs"),
    }
)
_BINDS = {"for": "in", "set": "=", **dict.fromkeys(["macro", "call", "with", "import", "from", "block", "filter"], "")}
_GUARDS = {("is", "defined"), ("is", "undefined"), ("|", "default"), ("|", "d")}
_IS_NOT = re.compile(r"\bis\s+not\b")


def jinja(template: str) -> set[str]:
    """What a template takes from outside, except for what it can do without."""
    used: set[str] = set()
    bound = set(_WORDS)
    for mark, inside in _tags(template):
        tokens = ["", *_TOKEN.findall(_IS_NOT.sub("is", inside)), "", ""]
        if mark == "{%":
            bound |= _bound(tokens)
            tokens[1] = ""
        for before, name, *after in zip(tokens, tokens[1:], tokens[2:], tokens[3:], strict=False):
            if name.isidentifier() and before not in (".", "|", "is") and not _is_argument(after):
                (bound if tuple(after) in _GUARDS else used).add(name)
    return used - bound


def _tags(template: str) -> Iterator[tuple[str, str]]:
    """What stands between marks, by the mark, without comments and raw text."""
    place = 0
    while start := _OPEN.search(template, place):
        end = template.find(_CLOSE[start[0]], start.end())
        if end < 0:
            return
        place, inside = end + 2, template[start.end() : end].strip("-+ \n\t")
        if start[0] == "{%" and inside == "raw":
            raw = _END_RAW.search(template, place)
            place = raw.end() if raw else len(template)
        elif start[0] != "{#":
            yield start[0], inside


def _bound(tokens: list[str]) -> set[str]:
    """The names that a statement gives a meaning to."""
    if tokens[1] not in _BINDS:
        return set()
    until = _BINDS[tokens[1]]
    end = tokens.index(until, 1) if until in tokens[1:] else len(tokens)
    return set(tokens[2 : end if until else len(tokens)])


def _is_argument(after: list[str]) -> bool:
    return after[0] == "=" and after[1] != "="


# -- code

_MAIN = re.compile(r"^(?:async +)?def +main *\([^()]{0,2000}\)", re.MULTILINE)
_UNPACKED = re.compile(r"\bfunction\s+main\s*\(\s*\{([^{}()]{0,2000})\}\s*\)")
_COMMENT = {"python3": re.compile("#.*"), "javascript": re.compile("//.*")}
_READ = {
    "python3": re.compile(r"""\bparams\[["'](\w+)["']\](?!\s*=[^=])"""),
    "javascript": re.compile(r"\bparams\.(\w+)\b(?!\s*(?:=[^=]|\())"),
}
_ASKED = re.compile(r"""["'](\w+)["'] +(?:not +)?in +params""")


@dataclass(frozen=True)
class Arguments:
    """What code takes by name; `wanted` are those that it cannot do without."""

    wanted: frozenset[str]
    taken: frozenset[str] | None = None  # the only ones that it takes; None for any
    fails: bool = False  # whether it fails without what is wanted; else that is nothing


def arguments(source: str, lang: str, style: str) -> Arguments:
    """Where the code does not say it in a plain way it takes anything and wants nothing."""
    if style == "args":
        return _read(source, lang)
    if style == "kwargs":
        return _unpacked(source) if lang == "javascript" else _declared(source)
    return Arguments(frozenset())


def _read(source: str, lang: str) -> Arguments:
    """What is read from `params`; in a branch that may never run, for all that one sees."""
    lang = "javascript" if lang == "javascript" else "python3"
    code = _COMMENT[lang].sub("", source)
    return Arguments(frozenset(_READ[lang].findall(code)) - set(_ASKED.findall(code)))


def _unpacked(source: str) -> Arguments:
    found = _UNPACKED.search(source)
    parts = found[1].split(",") if found else []
    names = [part.partition(":")[0].strip() for part in parts if "=" not in part]
    return Arguments(frozenset(name for name in names if name.isidentifier()))


def _declared(source: str) -> Arguments:
    try:
        made = ast.parse(f"{_MAIN.findall(source)[-1]}: pass").body[0]
    except (IndexError, SyntaxError, ValueError, RecursionError, MemoryError):
        return Arguments(frozenset())
    assert isinstance(made, ast.FunctionDef | ast.AsyncFunctionDef)
    given = made.args
    plain = [each.arg for each in [*given.posonlyargs, *given.args]]
    named = [(each.arg, default) for each, default in zip(given.kwonlyargs, given.kw_defaults, strict=True)]
    wanted = [*plain[: len(plain) - len(given.defaults)], *(name for name, default in named if default is None)]
    taken = None if given.kwarg else frozenset([*plain, *dict(named)])
    return Arguments(frozenset(wanted), taken, fails=True)
