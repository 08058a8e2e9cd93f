"""The names that templates and code take from the inputs of their node.

Found by their form alone: no template is rendered and no code runs, and where the form is not clear nothing is said.
"""

import ast
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2.nodes import Template

# -- Jinja


def jinja(template: str) -> set[str]:
    """What a template takes from outside, except for what it can do without."""
    from jinja2 import Environment, TemplateError, defaults, meta, pass_context

    # As `meta.find_undeclared_variables`, which would compute what is constant: 9**(9**(9**9)) never ends.
    finder = meta.TrackingCodeGenerator(Environment(finalize=pass_context(lambda context, value: value)))
    finder.optimizer = None
    try:
        tree = finder.environment.parse(template)
        finder.visit(tree)
    except (TemplateError, RecursionError):
        return set()
    return finder.undeclared_identifiers - defaults.DEFAULT_NAMESPACE.keys() - _optional(tree)


def _optional(tree: "Template") -> set[str]:
    """The names that a template asks for before it uses them, or has a default for."""
    from jinja2.nodes import Expr, Filter, Name, Test

    asked: list[Expr | None] = [each.node for each in tree.find_all(Test) if each.name in ("defined", "undefined")]
    asked += [each.node for each in tree.find_all(Filter) if each.name in ("default", "d")]
    return {each.name for each in asked if isinstance(each, Name)}


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
