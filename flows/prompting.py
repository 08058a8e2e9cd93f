"""Prompt files: a system message, then turns below lines `--- user`, `--- assistant`; {{places}} to fill; a hash."""

import functools
import re
from pathlib import Path

from connectors.records import sha256
from flows.dialogue import Message

FOLDER = Path(__file__).parent / "prompts"
_PLACE = re.compile(r"\{\{(\w+)\}\}")
_TURN = re.compile(r"^--- (user|assistant)\n", re.MULTILINE)
_CHINESE = re.compile(r"[㐀-鿿豈-﫿]")


def fill(name: str, **values: object) -> list[Message]:
    """The messages of a prompt file. What is put in is never read for places again, whatever it holds."""
    system, *turns = _TURN.split(text(name))
    said = [("system", system), *zip(turns[::2], turns[1::2], strict=True)]
    return [
        {"role": role, "content": _PLACE.sub(lambda place: str(values[place.group(1)]), part).strip()}
        for role, part in said
    ]


@functools.cache
def text(name: str) -> str:
    return (FOLDER / f"{name}.md").read_text(encoding="utf-8")


def prompt_hash(name: str) -> str:
    return sha256(text(name))


def language(said: str) -> str:
    """`zh` for a text written in Chinese characters, else `en`: these two have prompts of their own."""
    letters = [c for c in said if c.isalpha()]
    return "zh" if letters and sum(bool(_CHINESE.match(c)) for c in letters) / len(letters) > 0.3 else "en"
