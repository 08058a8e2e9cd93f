"""Text to passages: cut where headings, blocks and sentences end, never inside a table row or a line of code.

A passage belongs to one section and knows the headings above it. A table or code block that fits is whole. A
larger table is cut between rows, its header repeated in each part; larger code is cut between lines. Only a
table row that is itself larger than a passage makes a passage larger than asked for.

Any text takes time about in proportion to its length. What no person writes is therefore cut less finely: rows and
headings of thousands of characters are prose, and so is a table whose header would fill the passages.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate, groupby
from typing import Any, Literal

import msgspec
from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.token import Token

from connectors import ServiceError, missing_extra
from connectors.files.text import Text
from connectors.records import Origin, Passage, sha256

# Tokens are those of cl100k_base, which is part of the splitter's binary: not the student's own, but exact,
# the same everywhere, and there without a download.
ENCODING_OF = "gpt-4"
LEAST = 20  # tokens; below, a single character may not fit
FENCE, FENCE_TOKENS = "~~~\n", 2  # above a text that is only counted: in code the splitter seeks no sentences
WINDOW = 8192  # characters given to the splitter at once, and most of a passage: it may take the square of them
WIDEST = 2**18  # where passages are so large that they need a wider one; with 2**20 spaces the splitter panics
HEADING = 1000  # characters; what is longer is text
GROWTH = 4  # times its own length that a document may grow by repeated table headers


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


def _header(piece: Piece) -> str:
    return piece.header


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
        self._window = min(max(WINDOW, 16 * max_tokens), WIDEST)
        self._growth = GROWTH * len(document.text)
        self._density = 0.25  # tokens a character, of the last text that was counted
        self._sized = MarkdownSplitter.from_tiktoken_model
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

    def merged(self, pieces: Iterable[Piece]) -> Iterator[Piece]:
        """Neighbours joined as long as they fit."""
        for _, run in groupby(pieces, key=_header):
            alike, first, many = list(run), 0, 1
            while first < len(alike):
                many = self._joined(alike, first, many)
                yield self._of(alike, first, first + many)
                first += many

    def _joined(self, pieces: Sequence[Piece], first: int, guess: int) -> int:
        """How many of the pieces, from the first on, fit together."""

        def one_more_is_over(many: int) -> bool:
            return not self._is_passage(self._of(pieces, first, first + many + 1))

        return least(one_more_is_over, 1, guess, len(pieces) - first)

    def _of(self, pieces: Sequence[Piece], first: int, after: int) -> Piece:
        return Piece(pieces[first].start, pieces[after - 1].end, pieces[first].header)

    def passage(self, piece: Piece, headings: tuple[str, ...], origin: Origin) -> Passage:
        text = self._content(piece)
        return Passage(text, sha256(text), origin, headings, piece.start, self._tokens(text))

    def _content(self, piece: Piece) -> str:
        return piece.header + self._text[piece.start : piece.end]

    def _of_prose(self, start: int, end: int) -> Iterator[Piece]:
        while start < end:
            stop = min(start + self._window, end)
            chunks = self._prose.chunk_indices(self._text[start:stop])
            if stop < end and len(chunks) > 1:  # the last may go on beyond the window: the next begins with it
                stop = start + chunks.pop()[0]
            yield from (Piece(start + offset, start + offset + len(text)) for offset, text in chunks)
            start = stop

    def _of_table(self, block: Block) -> Iterator[Piece]:
        whole = self._trimmed(block.start, block.end)
        lines = list(self._lines(block))
        header = self._text[lines[0].start : lines[1].end] + "\n"
        if self._is_passage(whole):
            yield whole
        elif len(header) > self._window or not self._repeatable(header, len(lines)):
            yield from self._of_prose(block.start, block.end)
        elif len(lines) < 3:
            yield whole
        else:
            for row in lines[2:]:
                yield from self._of_row(row, header)

    def _of_row(self, row: Piece, header: str) -> Iterator[Piece]:
        if row.end - row.start > self._window:
            return self._of_prose(row.start, row.end)
        return iter([Piece(row.start, row.end, header)])

    def _repeatable(self, header: str, times: int) -> bool:
        """Whether the document may grow by so much."""
        if not self._fits(header, self._max // 2):  # else several rows share one
            self._growth -= len(header) * times
        return self._growth >= 0

    def _of_code(self, block: Block) -> Iterator[Piece]:
        whole = self._trimmed(block.start, block.end)
        if self._is_passage(whole):
            yield whole
            return
        for line in self._lines(block):
            if self._is_passage(line):
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

    def _is_passage(self, piece: Piece) -> bool:
        text = self._content(piece)
        if piece.end - piece.start > self._window:
            return False
        near = round(1.2 * self._max / self._density)
        if len(text) > 1.2 * near:  # where much is over, a part already is, and to refuse that takes less time
            part = "".join(text[:near].rsplit(None, 1)[:1])  # whole words
            if not self._fits(part, self._max):
                return False
        return self._fits(text, self._max)

    def _fits(self, text: str, tokens: int) -> bool:
        if len(text.split()) > tokens:  # no token holds parts of two words
            return False
        if len(text.encode()) <= tokens:
            return True
        return len(self._sized(ENCODING_OF, tokens + FENCE_TOKENS, trim=False).chunks(FENCE + text)) <= 1

    def _tokens(self, text: str) -> int:
        """The splitter does not tell a size: it is the least capacity that holds the text."""
        guess = round(self._density * len(text))
        count = least(lambda tokens: self._fits(text, tokens), 1, guess, len(text.encode()))
        self._density = count / len(text)
        return count


def least(holds: Callable[[int], bool], low: int, guess: int, high: int) -> int:
    """The least number from low to high of which it holds, as of all above; found soonest near the guess."""
    at, leap = max(low, min(guess, high)), 1
    if at == high or holds(at):
        high = at
        while high > low and holds(at := max(low, high - leap)):
            high, leap = at, 2 * leap
        low = min(at + 1, high)
    else:
        low = at + 1
        while (at := low + leap - 1) < high and not holds(at):
            low, leap = at + 1, 2 * leap
        high = min(at, high)
    return low + bisect_left(range(low, high), True, key=holds)


class Blocks(StateBlock):
    """Keeps the tokens that are asked for below; all of them take some 500 times the memory of the text."""

    def push(self, ttype: str, tag: str, nesting: Literal[-1, 0, 1]) -> Token:
        token = super().push(ttype, tag, nesting)
        of_heading = ttype == "inline" and len(self.tokens) > 1 and self.tokens[-2].type == "heading_open"
        if ttype not in ("heading_open", "table_open", "fence", "code_block") and not of_heading:
            self.tokens.pop()
        return token


def structure(document: Text) -> tuple[list[Section], list[Block]]:
    """The sections, and the tables and code blocks, of a text."""
    parser = MarkdownIt("commonmark" if document.markdown else "zero").enable("table")
    references: dict[str, Any] = {}
    state = Blocks(document.text[document.start :], parser, references, [])
    parser.block.tokenize(state, state.line, state.lineMax)  # the insides of paragraphs do not matter here
    lines = document.text[document.start :].split("\n")
    at = list(accumulate((len(line) + 1 for line in lines), initial=document.start))
    sections, blocks = [Section(document.start, document.start)], []
    trail: dict[int, str] = {}
    for number, token in enumerate(state.tokens):
        if token.map is None:
            continue
        start, end = (min(at[line], len(document.text)) for line in token.map)
        if token.type == "heading_open" and token.level == 0:  # not those in quotes and lists
            if end - start > HEADING:
                continue
            level = int(token.tag[1])
            trail = {above: heading for above, heading in trail.items() if above < level}
            trail[level] = _heading(parser, state.tokens[number + 1].content, references)
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
