"""Text to passages: cut where headings, blocks and sentences end, never inside a table row or a line of code.

A passage belongs to one section and knows the headings above it. A table or code block that fits is whole. A
larger table is cut between rows, its header repeated in each part; larger code is cut between lines. Only a
table row that is itself larger than a passage makes a passage larger than asked for.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Any

import msgspec
from markdown_it import MarkdownIt
from markdown_it.token import Token

from connectors import ServiceError, missing_extra
from connectors.files.text import Text
from connectors.records import Origin, Passage, sha256

# Tokens are those of cl100k_base, which is part of the splitter's binary: not the student's own, but exact,
# the same everywhere, and there without a download.
ENCODING_OF = "gpt-4"
LEAST = 20  # tokens; below, a single character may not fit


class Section(msgspec.Struct):
    """The text below one heading, up to the next."""

    heading: int  # where the heading begins, in characters
    start: int
    level: int = 0
    headings: tuple[str, ...] = ()
    end: int = 0


class Block(msgspec.Struct, frozen=True):
    start: int
    end: int
    table: bool  # else code


def _start(block: Block) -> int:
    return block.start


class Piece(msgspec.Struct, frozen=True):
    """A span of the text; `header` is repeated above it."""

    start: int
    end: int
    header: str = ""


def passages(document: Text, origin: Origin, max_tokens: int) -> list[Passage]:
    """The passages of a document, in its order."""
    splitter = Splitter(document, max_tokens)
    sections, blocks = structure(document)
    return [
        splitter.passage(piece, section.headings, origin)
        for section in sections
        for piece in splitter.merged(splitter.pieces(section, blocks))
    ]


class Splitter:
    """Cuts one text into pieces of at most `max_tokens`."""

    def __init__(self, document: Text, max_tokens: int) -> None:
        if max_tokens < LEAST:
            raise ServiceError(f"max_tokens: {max_tokens} is too few for a passage; give {LEAST} or more.")
        try:
            from semantic_text_splitter import MarkdownSplitter, TextSplitter
        except ImportError:
            raise missing_extra("files", "Splitting documents") from None
        self._text, self._max = document.text, max_tokens
        self._sized = TextSplitter.from_tiktoken_model
        prose = MarkdownSplitter if document.markdown else TextSplitter
        self._prose = prose.from_tiktoken_model(ENCODING_OF, max_tokens)

    def pieces(self, section: Section, blocks: Sequence[Block]) -> Iterator[Piece]:
        """The smallest spans of a section that may become a passage."""
        at = section.start
        first, after = (bisect_left(blocks, end, key=_start) for end in (section.start, section.end))
        for block in blocks[first:after]:
            yield from self._of_prose(at, block.start)
            yield from self._of_table(block) if block.table else self._of_code(block)
            at = block.end
        yield from self._of_prose(at, section.end)

    def merged(self, pieces: Iterable[Piece]) -> list[Piece]:
        """Neighbours joined as long as they fit."""
        joined: list[Piece] = []
        for piece in pieces:
            if joined and joined[-1].header == piece.header:
                both = Piece(joined[-1].start, piece.end, piece.header)
                if self._fits(self._content(both), self._max):
                    joined[-1] = both
                    continue
            joined.append(piece)
        return joined

    def passage(self, piece: Piece, headings: tuple[str, ...], origin: Origin) -> Passage:
        text = self._content(piece)
        return Passage(text, sha256(text), origin, headings, piece.start, self._tokens(text))

    def _content(self, piece: Piece) -> str:
        return piece.header + self._text[piece.start : piece.end]

    def _of_prose(self, start: int, end: int) -> Iterator[Piece]:
        for offset, text in self._prose.chunk_indices(self._text[start:end]):
            yield Piece(start + offset, start + offset + len(text))

    def _of_table(self, block: Block) -> Iterator[Piece]:
        whole = self._trimmed(block.start, block.end)
        lines = list(self._lines(block))
        if self._fits(self._content(whole), self._max) or len(lines) < 3:
            yield whole
        else:
            header = self._text[lines[0].start : lines[1].end] + "\n"
            yield from (Piece(row.start, row.end, header) for row in lines[2:])

    def _of_code(self, block: Block) -> Iterator[Piece]:
        whole = self._trimmed(block.start, block.end)
        if self._fits(self._content(whole), self._max):
            yield whole
            return
        for line in self._lines(block):
            if self._fits(self._content(line), self._max):
                yield line
            else:  # one line that is longer than a passage, such as minified JSON
                yield from self._of_prose(line.start, line.end)

    def _lines(self, block: Block) -> Iterator[Piece]:
        at = block.start
        for line in self._text[block.start : block.end].split("\n"):
            if line.strip():
                yield self._trimmed(at, at + len(line))
            at += len(line) + 1

    def _trimmed(self, start: int, end: int) -> Piece:
        """Without blank lines around; the indentation of the first line stays."""
        text = self._text[start:end]
        blank = len(text) - len(text.lstrip())
        return Piece(start + text.rfind("\n", 0, blank) + 1, start + len(text.rstrip()))

    def _fits(self, text: str, tokens: int) -> bool:
        return len(self._sized(ENCODING_OF, tokens, trim=False).chunks(text)) <= 1

    def _tokens(self, text: str) -> int:
        """The splitter does not tell a size: it is the least capacity that holds the text."""
        most = self._max
        while not self._fits(text, most):
            most *= 2
        return 1 + bisect_left(range(1, most + 1), True, key=lambda tokens: self._fits(text, tokens))


def structure(document: Text) -> tuple[list[Section], list[Block]]:
    """The sections, and the tables and code blocks, of a text."""
    parser = MarkdownIt("commonmark" if document.markdown else "zero").enable("table")
    parser.core.ruler.enableOnly(["normalize", "block"])  # inside of paragraphs nothing matters here
    references: dict[str, Any] = {}
    tokens = parser.parse(document.text[document.start :], references)
    lines = document.text[document.start :].split("\n")
    at = list(accumulate((len(line) + 1 for line in lines), initial=document.start))
    sections, blocks = [Section(document.start, document.start)], []
    trail: dict[int, str] = {}
    for number, token in enumerate(tokens):
        if token.map is None:
            continue
        start, end = (min(at[line], len(document.text)) for line in token.map)
        if token.type == "heading_open" and token.level == 0:  # not those in quotes and lists
            level = int(token.tag[1])
            trail = {above: heading for above, heading in trail.items() if above < level}
            trail[level] = _heading(parser, tokens[number + 1].content, references)
            sections.append(Section(start, end, level, tuple(filter(None, trail.values()))))
        elif token.type in ("table_open", "fence", "code_block"):
            blocks.append(Block(start, end, table=token.type == "table_open"))
    return _closed(sections, document), blocks


def _heading(parser: MarkdownIt, content: str, references: dict[str, Any]) -> str:
    """What a heading says, without its markup."""
    tokens: list[Token] = []
    parser.inline.parse(content, parser, references, tokens)
    said = [" " if token.type in ("softbreak", "hardbreak") else token.content for token in tokens]
    return " ".join("".join(said).split())


def _closed(sections: list[Section], document: Text) -> list[Section]:
    """Sections with their ends and, for a document without a heading of the first level, its title above."""
    title = () if any(section.level == 1 for section in sections) else tuple(filter(None, [document.title]))
    for section, following in zip(sections, [*sections[1:], None], strict=True):
        section.end = following.heading if following else len(document.text)
        section.headings = title + section.headings
        lonely = following is None or following.level <= section.level
        if section.level and lonely and not document.text[section.start : section.end].strip():
            section.start = section.heading  # nothing stands below this heading: it is itself the text
            section.headings = section.headings[:-1]
    return sections
