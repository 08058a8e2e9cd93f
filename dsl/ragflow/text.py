"""References of RAGFlow: `{Id@out.path}` in text, `Id@out` alone; `sys.` and `env.` names."""

import re
from collections.abc import Callable
from itertools import pairwise

from dsl.ir import Ref, Script, Value
from dsl.values import parse, parts

NAME = r"[a-zA-Z0-9_:]+@[A-Za-z0-9_.-]+|sys\.[A-Za-z0-9_.]+|env\.[A-Za-z0-9_.]+"
# As RAGFlow has it: blanks before and after belong to the reference, they are not printed. It writes `\{* *\{`, which
# a text of braces or blanks makes it try at each of them; here only the first of a row begins a reference.
_BEFORE = r"(?:(?<!\{)\{+ +\{|(?<! ) +\{|(?<!\{)\{+)"
_IN_TEXT = re.compile(rf"{_BEFORE}({NAME}|item|index)\}} *\}}*", re.IGNORECASE)
_IN_PROMPT = re.compile(rf"(?<!\{{)\{{+({NAME}|item|index)\}}+", re.IGNORECASE)  # filled in name by name: blanks stay
_NAME = re.compile(NAME, re.IGNORECASE)
_EXACT = re.compile(rf"\{{({NAME}|item|index)\}}", re.IGNORECASE)
Find = Callable[[str], "Ref | None"]


def read_text(source: str, find: Find, *, prompt: bool = False) -> Value:
    """Text with its references; `find` makes one of a name, None when it is none here."""
    return parse(source, _IN_PROMPT if prompt else _IN_TEXT, lambda match: find(match.group(1)))


def read_exact(source: str, find: Find) -> Value:
    """The same where RAGFlow keeps the blanks and braces around a reference."""
    return parse(source, _EXACT, lambda match: find(match.group(1)))


def read_bare(source: object, find: Find) -> Value:
    """A field that holds one reference, or a literal."""
    ref = find(_within(source)) if isinstance(source, str) and is_name(source) else None
    return source if ref is None else ref


def is_name(value: object) -> bool:
    """Whether a field holds one reference."""
    return isinstance(value, str) and _NAME.fullmatch(_within(value)) is not None


def _within(source: str) -> str:
    return source.strip().lstrip("{").rstrip("}").strip()


def write_prompt(value: Value, name: Callable[[Ref], str]) -> str:
    """Text where RAGFlow keeps blanks."""
    said = (part.source if isinstance(part, Script) else part for part in parts(value))
    return "".join("{" + name(part) + "}" if isinstance(part, Ref) else part for part in said)


def write_text(value: Value, name: Callable[[Ref], str]) -> str:
    """A blank beside a reference is written as a line break: RAGFlow swallows blanks there, and prints those."""
    said: list[str] = []
    for part in parts(value):
        if isinstance(part, Ref):
            if said and said[-1].endswith(" "):
                said[-1] = said[-1][:-1] + "\n"
            said.append("{" + name(part) + "}")
        else:
            words = part.source if isinstance(part, Script) else str(part)
            said.append("\n" + words[1:] if said and words.startswith(" ") else words)
    return "".join(said)


def swallowed(value: Value) -> bool:
    """Whether `write_text` had to put a line break where a blank was."""
    said = parts(value)
    pairs = list(pairwise(said))
    before = any(isinstance(one, str) and one.endswith(" ") and isinstance(two, Ref) for one, two in pairs)
    return before or any(isinstance(one, Ref) and isinstance(two, str) and two.startswith(" ") for one, two in pairs)
