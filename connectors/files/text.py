"""Bytes to text: the encodings that office files come in, and the one shape that tables take."""

import codecs
import re
from collections.abc import Sequence

import msgspec

from connectors import ServiceError

MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",  # before UTF-16, whose mark it begins with
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
SUPERSETS = {"gb2312": "gb18030", "gbk": "gb18030"}  # pages use more characters than they declare
# What is guessed when a file is neither marked nor UTF-8. Two only: with more candidates, short Chinese files
# are taken for Japanese or Korean ones, and wrong text is worse than an error that asks for UTF-8.
LEGACY = ["gb18030", "cp1252"]


class Text(msgspec.Struct, frozen=True):
    """A document as text, ready to be split."""

    text: str
    title: str = ""  # the outermost heading of a document that has none of the first level
    start: int = 0  # where the text begins, in characters: after the front matter
    markdown: bool = True  # False: plain text, in which nothing but a table has structure


def decode(data: bytes, where: str, declared: str = "") -> str:
    """The text of a file; `declared` is the encoding that an HTML page claims to have."""
    text = _text(data, declared)
    if text is None and b"\0" not in data:
        raise ServiceError(f"{where}: is neither UTF-8 nor GB18030 text. Save it as UTF-8, or exclude it.")
    if text is None or "\0" in text:
        raise ServiceError(f"{where}: is a binary file, not text. Save it as UTF-8 text, or exclude it.")
    return plain_newlines(text)


def _text(data: bytes, declared: str) -> str | None:
    for mark, encoding in MARKS.items():
        if data.startswith(mark):
            return _in(encoding, data)
    for encoding in filter(None, ["utf-8", SUPERSETS.get(declared, declared)]):
        if (text := _in(encoding, data)) is not None:
            return text
    import charset_normalizer  # late: most files are UTF-8, and need neither its time nor its memory

    guesses = {guess.encoding for guess in charset_normalizer.from_bytes(data, cp_isolation=LEGACY)}
    text = next((data.decode(encoding) for encoding in LEGACY if encoding in guesses), None)
    latin = _in("cp1252", data)
    return latin if text is not None and latin is not None and _inside_words(text) else text


def _inside_words(text: str) -> bool:
    """Whether most Chinese characters stand alone inside Latin words: `f黵 G鋝te` is `für Gäste` misread."""
    runs = re.findall(r"([A-Za-z]?)([\u3400-\u9fff]+)([A-Za-z]?)", text)
    alone = sum(len(run) == 1 and bool(before or after) for before, run, after in runs)
    return bool(runs) and alone * 2 > len(runs)


def _in(encoding: str, data: bytes) -> str | None:
    try:
        text = data.decode(encoding)
        text.encode()  # `unicode_escape` may give halves of characters
    except (ValueError, LookupError):  # broken, or a declared encoding that nobody knows
        return None
    return text


def plain_newlines(text: str) -> str:
    """Lines that end as the Markdown parser ends them, so that its line numbers and our offsets agree."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def table(rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table whose first row is the header; each row stays one line."""
    width = max(map(len, rows))
    lines = [[_cell(cell) for cell in row] + [""] * (width - len(row)) for row in rows]
    lines.insert(1, ["---"] * width)
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", r"\|")
