"""Texts as they read once the escapes of JSON, of programs and of addresses in them are read."""

import re

LEVELS = 3  # of escapes in escapes that are read: each makes a text shorter by little, and it could be long
_ESCAPED = re.compile(r'\\["/u]|%[2-7][0-9A-Fa-f]')  # line breaks alone hide nothing
_ESCAPE = re.compile(
    r"""\\(?:u(?!d[89a-f])(?P<code>[0-9a-f]{4})|(?P<sign>["'\\/nrt]))|%(?P<byte>[2-7][0-9a-f])""", re.IGNORECASE
)
_SIGNS = {"n": "\n", "r": "\r", "t": "\t"}


def is_escaped(text: str) -> bool:
    return ("\\" in text or "%" in text) and bool(_ESCAPED.search(text))


def unescaped(text: str) -> tuple[str, list[int]]:
    """The text with its escapes read once, and where each of its signs begins in what is written, with the end."""
    read: list[str] = []
    places: list[int] = []
    end = 0
    for match in _ESCAPE.finditer(text):
        read += text[end : match.start()], _sign(match)
        places += range(end, match.start() + 1)
        end = match.end()
    return "".join([*read, text[end:]]), [*places, *range(end, len(text) + 1)]


def _sign(match: "re.Match[str]") -> str:
    if sign := match["sign"]:
        return _SIGNS.get(sign, sign)
    return chr(int(match["code"] or match["byte"], 16))
