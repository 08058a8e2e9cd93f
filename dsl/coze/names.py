"""Names on Coze: of inputs and outputs, which are identifiers, and of fields below them, which are nearly anything."""

import re

from dsl.coze.tables import RESERVED
from dsl.values import unique


def identifier(name: str, taken: set[str]) -> str:
    word = name if name.isidentifier() and name.isascii() else _NO_LETTER.sub("_", name) or "value"
    return unique(word if word.isidentifier() and word not in RESERVED else f"v_{word}", taken)


_NO_LETTER = re.compile(r"\W", re.ASCII)


def is_held(step: str | int) -> bool:
    """Whether a reference can name a field so: its steps stand between dots, numbers in brackets."""
    return isinstance(step, int) or bool(_HELD.fullmatch(step))


_HELD = re.compile(r"(?![0-9]{1,9}\Z)(?!\s)[^.\[\]{}\"]+(?<!\s)")
