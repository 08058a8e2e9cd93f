"""Words in a picture: what may stand there, and how much of it there is room for."""

import unicodedata
from html import escape

LABEL = 24  # characters of the words on an edge, a wide one counting two


def label_width(words: str) -> float:
    """In pixels, of the words on an edge."""
    return 6.1 * sum(map(_columns, clip(words, LABEL))) + 8


def clean(text: str) -> str:
    """Escaped, without the characters that XML forbids or that turn the direction of what follows."""
    allowed = "".join(char if _allowed(char) else " " for char in text)
    return escape(allowed, quote=True)


def _allowed(char: str) -> bool:
    return char == "\n" or (
        unicodedata.category(char) not in ("Cc", "Cs", "Cn")
        and char not in "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
    )


def clip(text: str, room: float) -> str:
    """The text on one line, with … where it takes more columns than there is room for; a wide letter takes two."""
    line = " ".join(text[: int(room) * 4].split())
    taken = 0
    for i, char in enumerate(line):
        taken += _columns(char)
        if taken > room:
            return line[: max(0, i - 1)].rstrip() + "…"
    return line


def _columns(char: str) -> int:
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def wrap(text: str, room: float, most: int) -> list[str]:
    """The text in lines of at most so many columns, the last one clipped."""
    lines = [""]
    for word in text[: int(room) * most * 2].split():
        if lines[-1] and sum(map(_columns, f"{lines[-1]} {word}")) > room:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return [clip(line, room) for line in lines[: most - 1]] + (
        [clip(" ".join(lines[most - 1 :]), room)] if len(lines) >= most else []
    )
