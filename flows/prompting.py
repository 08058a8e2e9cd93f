"""Prompt files: a system message, then turns below lines `--- user`, `--- assistant`; {{places}} to fill; a hash."""

import functools
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from connectors.records import sha256
from flows.dialogue import Message

FOLDER = Path(__file__).parent / "prompts"
_PLACE = re.compile(r"\{\{(\w+)\}\}")
_TURN = re.compile(r"^--- (user|assistant)\n", re.MULTILINE)
_CHINESE, _OTHER_EAST_ASIAN = re.compile(r"[㐀-鿿豈-﫿]"), re.compile(r"[぀-ヿ가-힯]")
_WORD = re.compile(r"[^\W\d_㐀-鿿豈-﫿぀-ヿ가-힯]+")


def fill(name: str, values: Mapping[str, object], example: Callable[[str], str] = str) -> list[Message]:
    """The messages of a prompt file, its example answers as `example` shows them.

    What is put into places is never read for places again, whatever it holds.
    """
    system, *turns = _TURN.split(text(name))
    said = [("system", system), *zip(turns[::2], turns[1::2], strict=True)]
    return [
        {"role": role, "content": example(part) if role == "assistant" else _filled(part, values)}
        for role, part in said
    ]


def _filled(part: str, values: Mapping[str, object]) -> str:
    return _PLACE.sub(lambda place: str(values[place.group(1)]), part).strip()


@functools.cache
def text(name: str) -> str:
    return (FOLDER / f"{name}.md").read_text(encoding="utf-8")


def prompt_hash(name: str) -> str:
    return sha256(text(name))


def language(said: str) -> str:
    """`zh` for a text mostly of Chinese characters, else `en`: these two have prompts of their own.

    A word in letters counts like a character: Chinese manuals are full of English terms. Japanese holds kana too.
    """
    chinese, other, spelt = (len(pattern.findall(said)) for pattern in (_CHINESE, _OTHER_EAST_ASIAN, _WORD))
    return "zh" if chinese > max(spelt, 4 * other) else "en"
