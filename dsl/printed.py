"""Words of a file as people may be shown them: on a terminal, on one line, in Markdown."""

import re

# What moves the cursor, sets the clipboard or turns the direction of what follows; line breaks and tabs are none.
_UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
_BREAKS = str.maketrans({"\n": r"\n", "\t": r"\t"})
_MARKUP = re.compile(r"[\\`*\[<|~]|(?<![^\W_])_|_(?![^\W_])|&(?=#|\w+;)|^[#>+-]|(?<=^\d)[.)]|(?<=^\d\d)[.)]")


def shown(text: str) -> str:
    """With escapes for what is no letter or sign; JSON stays the same JSON."""
    return _UNSEEN.sub(lambda found: f"\\x{ord(found[0]):02x}" if found[0] < " " else f"\\u{ord(found[0]):04x}", text)


def line(text: str) -> str:
    """On one line, which no other can be made to look like."""
    return shown(text).translate(_BREAKS)


def literal(text: str) -> str:
    """In Markdown, where nothing of it is a heading, a link, an image, HTML or code."""
    one = shown(" ".join(re.split(r"[ \t\n]+", text))).strip()
    return _MARKUP.sub(lambda found: "\\" + found[0], one)


def code(text: str) -> str:
    """In Markdown as code, between more backticks than there are in it."""
    one = line(text)
    fence = "`" * (1 + max(map(len, re.findall("`+", one)), default=0))
    return f"{fence} {one} {fence}" if "`" in one else f"{fence}{one}{fence}"
