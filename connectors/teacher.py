"""Ask any OpenAI-compatible endpoint many things at once; every answer is kept the moment it arrives."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Iterable
from typing import NoReturn, Protocol, Self, TypeVar

import msgspec

from connectors import ServiceError, http, shape
from connectors.bounded import as_completed, cancel
from connectors.budget import Budget, BudgetReached
from connectors.completion import Again, Answer, Endpoint, Request, Unanswered, in_words
from connectors.pace import OUTAGE, PROBE, Pace

__all__ = [
    "Answer",
    "Budget",
    "BudgetReached",
    "DamagedAnswer",
    "Failure",
    "Journal",
    "Request",
    "Teacher",
    "Unanswered",
]

TRIES = 6  # of one request, before it is given up
REPAIRS = 2  # of one broken answer, in one run
MOST_REPAIRS = 6  # of one that no repair mends, in all runs: each is paid
SHOWN = 1500  # bytes of a broken answer that its author sees again
LONG = 3.0  # seconds of waiting that somebody who looks on wants explained
PATIENCE_429 = 30  # the same for "too many requests", which is about us and not about the request

T = TypeVar("T")


class Failure(msgspec.Struct, frozen=True):
    """A request that stayed without an answer; the others go on."""

    reason: str


class DamagedAnswer(ServiceError):
    """What a journal kept cannot be read any more; another answer may take its place."""


class Journal(Protocol):
    """Where answers are kept; `put_answer` returns when the answer would survive a kill -9."""

    def answer(self, key: str) -> Answer | None: ...
    def put_answer(self, key: str, answer: Answer) -> None: ...


class Teacher:
    """One endpoint and one model. An async context manager."""

    def __init__(
        self,
        url: str,
        model: str,
        *,
        name: str = "teacher",  # under `services` in flowstill.yml
        label: str = "the teacher",  # as its errors call it
        key: str = "",
        in_flight: int = 32,
        timeout: float = 120.0,
        prices: tuple[float, float] | None = None,  # per million tokens of prompt and of answer
        budget: Budget | None = None,
        journal: Journal | None = None,
        json_schema: bool = True,
        note: Callable[[str], None] = lambda text: None,
        revive: Callable[[], str] | None = None,  # for a server of our own: where it is now, started anew if it ended
    ) -> None:
        if budget and budget.max_cost is not None and prices is None:
            raise ServiceError(f"max_cost cannot be kept without prices. Set services.{name}.prices.")
        self.model = model
        self.retries = self.cached = self.repaired = 0
        self._endpoint = Endpoint(
            http.Service(label, key, f"services.{name}", own=revive is not None),
            url,
            model,
            timeout=timeout,
            prices=prices,
            json_schema=json_schema,
            note=note,
            revive=revive,
        )
        self._label, self._note = label, note
        self._in_flight = in_flight
        self._budget = budget or Budget()
        self._journal = journal
        self._pace = Pace(in_flight, patience=max(TRIES, 2 * in_flight))
        self._stopped: ServiceError | None = None
        self._asked: dict[str, asyncio.Future[Answer]] = {}  # by key, while in flight
        self._workers: set[asyncio.Task[None]] = set()

    @property
    def calls(self) -> int:
        """Requests sent, every try counted."""
        return self._endpoint.calls

    async def __aenter__(self) -> Self:
        await self._endpoint.open()
        return self

    async def __aexit__(self, *error: object) -> None:
        await cancel(self._workers)
        await self._endpoint.close()

    def key(self, request: Request) -> str:
        """The answer's address in the journal, made of all that decides it; not of where the model stands."""
        wanted = shape.schema(request.shape) if request.shape else None
        parameters = (request.max_tokens, request.temperature, request.seed, request.prompt_hash)
        content = msgspec.json.encode((self.model, request.messages, wanted, parameters), order="deterministic")
        return hashlib.sha256(content).hexdigest()

    def ask_all(self, requests: Iterable[tuple[T, Request]]) -> AsyncIterator[tuple[T, Answer | Failure]]:
        """Answers as they complete, each with its companion; takes `requests` only as fast as they are asked.

        Raises ServiceError when asking on is useless, BudgetReached among them, once what is in flight is in.
        """
        return as_completed(requests, self._outcome, self._in_flight, self._workers)

    async def _outcome(self, asked: tuple[T, Request]) -> tuple[T, Answer | Failure]:
        item, request = asked
        try:
            return item, await self.ask(request)
        except Unanswered as error:
            return item, Failure(str(error))

    async def ask(self, request: Request) -> Answer:
        """The answer, from the journal if it is there; raises ServiceError, Unanswered among them."""
        first = await self._kept(request)
        if request.shape is None:
            return first
        try:
            return msgspec.structs.replace(first, text=shape.read(first.text, request.shape))
        except shape.ShapeError as problem:
            return await self._mended(request, request.shape, first, str(problem))

    async def _mended(self, request: Request, wanted: shape.Shape, first: Answer, problem: str) -> Answer:
        """The first repair that is whole, else the most that is whole in one of the versions; each is paid."""
        versions, asked = [first], 0
        while asked < REPAIRS and len(versions) <= self._most(request, versions):
            repaired = _repair_request(request, versions, problem)
            asked += self._known(self.key(repaired)) is None
            if (repair := await self._repair(request, repaired, versions)) is None:
                break
            versions.append(repair)
            try:
                text = shape.read(repair.text, wanted)
            except shape.ShapeError as still:
                problem = str(still)
                continue
            self.repaired += 1
            return _paid(versions, msgspec.structs.replace(repair, text=text))
        return _salvaged(versions, wanted, problem)

    def _most(self, request: Request, versions: list[Answer]) -> int:
        """How many repairs this answer is worth: of one that is lost the next runs try some more."""
        if not any(_usable(request, one) for one in versions):
            return MOST_REPAIRS
        told_to_write_less = [one.finish_reason for one in versions[-2:]] == ["length", "length"]
        return 0 if told_to_write_less else REPAIRS

    async def _repair(self, request: Request, repaired: Request, versions: list[Answer]) -> Answer | None:
        """The next version. None if part of the others has to do; raises Unanswered if nothing can be had."""
        try:
            return await self._kept(repaired)
        except Unanswered:
            if not any(_usable(request, one) for one in versions):
                raise
            return None

    async def _kept(self, request: Request) -> Answer:
        """The raw answer: from the journal, from the same request in flight, or by a call."""
        key = self.key(request)
        while (known := self._known(key)) is None and key in self._asked:
            other = self._asked[key]
            await asyncio.wait([other])
            if not other.cancelled():
                return other.result()
        if known:
            self.cached += _usable(request, known)
            return known
        mine = self._asked[key] = asyncio.get_running_loop().create_future()
        try:
            answer = await self._called(request)
            if self._journal is not None:
                self._journal.put_answer(key, answer)
            mine.set_result(answer)
            return answer
        finally:
            del self._asked[key]
            mine.cancel()  # without effect on a result; whoever waits for a call that failed tries by itself

    def _known(self, key: str) -> Answer | None:
        try:
            return None if self._journal is None else self._journal.answer(key)
        except DamagedAnswer as error:
            self._note(f"{error}; it is asked for again.")
            return None

    async def _called(self, request: Request) -> Answer:
        """The answer after as many tries as it takes; raises Unanswered when they are used up."""
        left = {False: TRIES, True: PATIENCE_429}
        while True:
            async with self._pace.slot() as sent:
                outcome = await self._tried(request)
                if isinstance(outcome, Answer):
                    return outcome
                if outcome.too_fast:
                    self._pace.too_fast(sent)
            left[outcome.too_fast] -= 1
            if left[outcome.too_fast] <= 0 and not self._pace.down:
                raise Unanswered(f"{outcome} That was the last of its tries.")
            self.retries += 1
            await self._wait(outcome, TRIES - left[False])

    async def _tried(self, request: Request) -> Answer | Again:
        self._may_ask()
        try:
            answer = await self._endpoint.complete(request)
        except Again as trouble:
            if trouble.paid:
                self._budget.charge(trouble.paid)
            self._failed(str(trouble), trouble.away)
            return trouble
        except Unanswered as error:
            self._failed(str(error))
            raise
        except ServiceError as error:
            self._stop(error)
        self._budget.charge(answer)
        if _usable(request, answer):
            self._pace.good()
        else:
            self._failed(f"{self.model} answers in another shape than it was asked for.")
        return answer

    async def _wait(self, trouble: Again, attempt: int) -> None:
        if self._pace.down:
            self._pace.pause(max(trouble.wait or 0.0, PROBE))
        elif trouble.wait is None:
            await self._pace.sleep(http.backoff(attempt))
        elif self._pace.pause(trouble.wait) and trouble.wait >= LONG:  # what it asks of one call, it means for all
            self._note(f"{self._label} asks to wait: nothing is sent for {trouble.wait:.0f} s")

    def _may_ask(self) -> None:
        if self._stopped:
            raise self._stopped
        try:
            self._budget.check()
        except BudgetReached as error:
            self._stop(error)

    def _failed(self, reason: str, away: bool = False) -> None:
        known = self._pace.down
        if self._pace.bad(away) and not self._stopped:
            self._stopped = ServiceError(
                f"{reason} So many calls in a row failed that nothing more is asked; "
                "the answers so far are kept. Run again when it is mended."
            )
            self._pace.stop()
        elif self._pace.down and not known:
            self._note(f"{reason} It is tried again for {OUTAGE:.0f} s before it is given up.")

    def _stop(self, error: ServiceError) -> NoReturn:
        self._stopped = self._stopped or error
        self._pace.stop()
        raise self._stopped


def _repair_request(request: Request, versions: list[Answer], problem: str) -> Request:
    """The same request, with the last broken answer shown to its author."""
    last = versions[-1]
    wrong = "it was cut off, so write less" if last.finish_reason == "length" else problem
    asked = f"That cannot be used: {wrong}. {in_words(request)}"
    said = [{"role": "assistant", "content": _start(last.text) or "-"}, {"role": "user", "content": asked}]
    seed = request.seed + len(versions) - 1  # a repair that is broken in the same way must not be asked for again
    return msgspec.structs.replace(request, messages=[*request.messages, *said], seed=seed)


def _start(text: str) -> str:
    """As much of a broken answer as shows what was wrong; a small model has no room for all of it."""
    return text.encode()[:SHOWN].decode(errors="ignore")


def _paid(versions: list[Answer], best: Answer) -> Answer:
    """One of the versions with what all of them took."""
    return msgspec.structs.replace(
        best,
        prompt_tokens=sum(one.prompt_tokens for one in versions),
        answer_tokens=sum(one.answer_tokens for one in versions),
        cost=sum(one.cost for one in versions),
    )


def _salvaged(versions: list[Answer], wanted: shape.Shape, problem: str) -> Answer:
    """The version in which most is whole, cut down to that; raises Unanswered."""
    parts = [msgspec.structs.replace(one, text=_part(one.text, wanted), partial=True) for one in versions]
    whole = [one for one in parts if one.text]
    if not whole:
        later = "" if len(versions) <= MOST_REPAIRS else " It is not asked for again, unless what is asked changes."
        raise Unanswered(f"The answer was not usable, nor were its repairs: {problem}.{later}")
    return _paid(versions, max(whole, key=lambda one: shape.elements(one.text)))


def _usable(request: Request, answer: Answer) -> bool:
    return request.shape is None or bool(_part(answer.text, request.shape))


def _part(text: str, wanted: shape.Shape) -> str:
    """The JSON of the wanted shape in the text, whole or cut off; empty if there is none."""
    for reader in (shape.read, shape.read_part):
        try:
            return reader(text, wanted)
        except shape.ShapeError:
            continue
    return ""
