"""Ask any OpenAI-compatible endpoint many things at once; every answer is kept the moment it arrives."""

from collections.abc import AsyncIterator, Callable, Iterable
from typing import Protocol, Self, TypeVar

import msgspec

from connectors import ServiceError

T = TypeVar("T")


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to ask."""

    messages: list[dict[str, str]]
    prompt_hash: str = ""  # of the prompt file the messages were made with
    shape: type[msgspec.Struct] | None = None  # then the answer's text is JSON that decodes to it
    max_tokens: int = 700
    temperature: float = 0.3
    seed: int = 0


class Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    """What came back, and what it took."""

    text: str
    prompt_tokens: int = 0
    answer_tokens: int = 0
    cost: float = 0.0  # in the currency of the prices
    model: str = ""
    finish_reason: str = ""  # `length`: cut off at max_tokens


class Failure(msgspec.Struct, frozen=True):
    """A request that stayed without an answer; the others go on."""

    reason: str


class Journal(Protocol):
    """Where answers are kept; `put_answer` returns when the answer would survive a kill -9."""

    def answer(self, key: str) -> Answer | None: ...
    def put_answer(self, key: str, answer: Answer) -> None: ...


class Budget(msgspec.Struct):
    """What may be spent, and what was; None is no limit."""

    max_tokens: int | None = None  # prompt and answer together
    max_cost: float | None = None
    spent_tokens: int = 0
    spent_cost: float = 0.0


class BudgetReached(ServiceError):
    """Nothing more is asked; what came in until then is kept."""


class Teacher:
    """One endpoint and one model."""

    def __init__(
        self,
        url: str,
        model: str,
        *,
        key: str = "",
        in_flight: int = 32,
        timeout: float = 120.0,
        prices: tuple[float, float] | None = None,
        budget: Budget | None = None,
        journal: Journal | None = None,
        json_schema: bool = True,
        note: Callable[[str], None] = lambda text: None,
    ) -> None:
        self.model = model
        self.calls = self.retries = self.cached = self.repaired = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None: ...

    def key(self, request: Request) -> str:
        """The address of a request's answer in the journal."""
        raise NotImplementedError

    async def ask(self, request: Request) -> Answer:
        """The answer; raises ServiceError."""
        raise NotImplementedError

    async def ask_all(
        self, requests: Iterable[tuple[T, Request]]
    ) -> AsyncIterator[tuple[T, Answer | Failure]]:
        """Answers as they complete, taking `requests` only as fast as they can be asked."""
        raise NotImplementedError
        yield
