"""What a source yields: passages of its documents, and what people asked and were told."""

import hashlib
from collections.abc import Sequence

import msgspec


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


class Origin(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where a record came from, in the words of its service; enough to find it there again."""

    service: str  # the source's name in flowstill.yml, or `files`
    dataset: str = ""  # folder, knowledge base or workspace
    document: str = ""  # path or document id
    chunk: str = ""  # chunk id, or row number in a CSV/JSONL file
    message: str = ""  # chat message id


class Passage(msgspec.Struct, frozen=True, omit_defaults=True):
    """A piece of a document, cut where the document's own structure allows."""

    text: str
    sha256: str  # of `text`
    origin: Origin
    headings: tuple[str, ...] = ()  # outermost first
    offset: int = 0  # of `text` in the document as converted to text, in characters
    tokens: int = 0  # length of `text` as the splitter counted it

    @property
    def titled(self) -> str:
        """The text below its trail of headings: what a reader or a model needs to understand it alone."""
        return "\n\n".join([" > ".join(self.headings), self.text]) if self.headings else self.text


class Exchange(msgspec.Struct, frozen=True, omit_defaults=True):
    """A question somebody asked (or wrote down) and the answer that was given."""

    question: str
    answer: str
    origin: Origin
    rating: int = 0  # 1 thumb up, -1 thumb down, 0 none
    comment: str = ""
    passages: tuple[Passage, ...] = ()  # what the answer cited, where the service tells


Record = Passage | Exchange


class Content(msgspec.Struct, frozen=True):
    """What one document holds."""

    records: Sequence[Record]
    lost: Sequence[str] = ()  # for each row that is no record: where it is, and what is wrong with it
    note: str = ""  # how it was read, where that may not be what was meant


def record_id(record: Record) -> str:
    """The same content in the same document has the same id, wherever in the document it moves."""
    origin = record.origin
    said = [*record.headings, record.text] if isinstance(record, Passage) else [record.question, record.answer]
    return sha256("\x1f".join([origin.service, origin.dataset, origin.document, *said]))
