"""The one record that runs through the loop."""

from functools import cached_property
from typing import Literal

import msgspec

from connectors.records import Origin, Passage, sha256

Kind = Literal["human", "paraphrase", "distilled", "follow_up", "refusal"]


class Turn(msgspec.Struct, frozen=True):
    """An earlier question and answer of the same conversation."""

    question: str
    answer: str


class Pair(msgspec.Struct, frozen=True, omit_defaults=True, dict=True):
    """A question and its answer with everything needed to say where they came from.

    `id` names the content: two runs that make the same pair make the same id,
    so storing it twice is harmless.
    """

    question: str
    answer: str
    kind: Kind
    origin: Origin
    record: str = ""  # id of the harvested record it was made from; it is retired with it
    passages: tuple[Passage, ...] = ()
    quote: str = ""  # the words of the passage that support the answer
    history: tuple[Turn, ...] = ()  # for a follow-up: what was said before
    difficulty: str = ""  # easy, medium, hard; as the teacher named it
    language: str = ""  # en, zh, ...; empty when unknown
    rating: int = 0  # 1, -1 or 0, as people gave it
    comment: str = ""
    parent: str = ""  # id of the human pair that a paraphrase restates
    teacher: str = ""  # model name; empty for human rows
    prompt_hash: str = ""  # of the prompt file that made it
    answer_key: str = ""  # journal key of the paid answer it was read from
    scores: dict[str, float] = {}
    tokens: int = 0  # of the teacher, this pair's share of the call
    cost: float = 0.0  # in the currency of the price table

    @cached_property
    def id(self) -> str:
        """sha256 over what the pair says and rests on, not over its scores, cost or rating."""
        rests_on = [passage.sha256 for passage in self.passages]
        said = [self.kind, self.question, self.answer, self.history, rests_on, self.origin]
        return sha256(msgspec.json.encode(said, order="deterministic").decode())


def encode(pair: Pair) -> bytes:
    """The pair as one JSON line without the line end; equal pairs give equal bytes."""
    return msgspec.json.encode(pair, order="deterministic")


def decode(line: bytes | str) -> Pair:
    return msgspec.json.decode(line, type=Pair)
