"""Where the loop keeps what it knows: records, pairs, paid answers, versions, fire times, leases.

`Store` is what the rest of the house relies on; no SQL shows in it, so that another database can take its place.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Protocol

import msgspec

from connectors.records import Passage, Record
from connectors.teacher import Answer
from flows import FlowError
from flows.pairs import Pair

FILE = "store.db"  # in the state folder


class Change(msgspec.Struct, frozen=True):
    """What bringing a document up to date did to its records."""

    added: int
    kept: int
    retired: int


class Version(msgspec.Struct, frozen=True):
    """A model that was put into service once. Paths start at the state folder."""

    loop: str
    name: str  # v1, v2, ...
    run: str
    path: str  # of the GGUF file
    sha256: str  # of the GGUF file
    adapter: str = ""
    scores: dict[str, float] = {}
    created: str = ""  # ISO 8601, UTC


class Lease(msgspec.Struct, frozen=True):
    """Who holds a name, and until when unless it is renewed."""

    owner: str
    since: datetime
    until: datetime


class Key(msgspec.Struct, frozen=True):
    """Who may call tools."""

    name: str
    digest: str  # of the key
    created: datetime
    tools: tuple[str, ...] = ()  # that it is good for; empty: all


class Store(Protocol):
    """What a backend offers. Times are aware datetimes in UTC; every list comes in a stable order."""

    def sources(self, loop: str) -> list[str]: ...
    def documents(self, loop: str, source: str) -> dict[str, str]:
        """document -> fingerprint."""
        ...

    def put_document(
        self, loop: str, source: str, document: str, fingerprint: str, records: Sequence[Record]
    ) -> Change:
        """In one transaction: records that are no longer there are deleted, and with them their pairs."""
        ...

    def retire_document(self, loop: str, source: str, document: str) -> int:
        """The number of records retired."""
        ...

    def records(self, loop: str) -> Iterator[tuple[str, Record]]:
        """Record id and record, by source, document and position."""
        ...

    def put_pairs(self, loop: str, pairs: Iterable[Pair]) -> None:
        """A pair with a known id takes the place of the old one; its record must be there."""
        ...

    def pairs(self, loop: str) -> Iterator[Pair]:
        """By id."""
        ...

    def search(self, loop: str, text: str, k: int) -> list[tuple[Passage, float]]:
        """The passages that fit a text best, with a score that grows with the fit."""
        ...

    def answer(self, key: str) -> Answer | None:
        """Raises DamagedAnswer for one that can be asked for again."""
        ...

    def put_answer(self, key: str, answer: Answer) -> None:
        """Returns when the answer survives a kill -9."""
        ...

    def put_version(self, version: Version) -> None: ...
    def versions(self, loop: str) -> list[Version]:
        """Newest first."""
        ...

    def point(self, loop: str, name: str) -> None:
        """From now on `name` is the champion; if it was one before, those that came after it are rolled back."""
        ...

    def withdraw(self, loop: str) -> None:
        """There is no champion any more; those that were are rolled back."""
        ...

    def champion(self, loop: str) -> Version | None: ...
    def previous(self, loop: str) -> Version | None:
        """The one that this champion replaced; where there is none, the one that was withdrawn last."""
        ...

    def rolled_back(self, loop: str) -> list[Version]:
        """Versions that were in service and gave way to one from before them, newest first."""
        ...

    def claim_fire(self, loop: str, time: datetime, owner: str) -> bool:
        """True for exactly one caller per loop and time."""
        ...

    def take_over_fire(self, loop: str, time: datetime, owner: str, dead: str) -> bool:
        """True for exactly one of those who want to go on where `dead` stopped."""
        ...

    def finish_fire(self, loop: str, time: datetime, owner: str) -> None:
        """The run came to its end; nothing happens when somebody else has taken it over."""
        ...

    def skip_fires(self, loop: str, times: Iterable[datetime]) -> None:
        """Nobody will run these; one that is claimed stays claimed."""
        ...

    def unfinished_fires(self, loop: str) -> list[tuple[datetime, str]]:
        """Time and owner of what is claimed and not finished, oldest first."""
        ...

    def last_fire(self, loop: str) -> datetime | None:
        """The newest time that was claimed or skipped."""
        ...

    def lease(self, name: str, owner: str, seconds: float, over: str = "") -> Lease | None:
        """Take or renew; None when taken, else the lease of who has it. `over` names a dead owner to replace."""
        ...

    def holder(self, name: str) -> Lease | None:
        """Who has a lease that has not run out."""
        ...

    def release(self, name: str, owner: str) -> None: ...
    def put_key(self, key: Key) -> bool:
        """False, and nothing happens, when one of this name is there."""
        ...

    def access_keys(self) -> list[Key]:
        """By name."""
        ...

    def key(self, digest: str) -> Key | None: ...
    def drop_key(self, name: str) -> bool:
        """Whether there was one."""
        ...

    def check(self) -> None:
        """Raises FlowError when a part of what is kept is damaged."""
        ...

    def close(self) -> None: ...


def open_store(state: Path) -> Store:
    """The store of a state folder; raises FlowError for a file that cannot be used."""
    from flows.sqlite import SqliteStore

    require(state)
    return SqliteStore(state / FILE)


def require(state: Path) -> None:
    """Raises FlowError when the store is gone, be it during a run: what is written then goes nowhere."""
    from flows.sqlite import DAMAGED

    if is_lost(state):
        raise FlowError(
            f"{state / FILE} is missing or empty, but there are runs beside it. Without it, all is asked and paid for "
            f"again, and nobody knows which model is in service. {DAMAGED}"
        )


def is_lost(state: Path) -> bool:
    """Whether runs are there, and the store that they wrote to is not."""
    path = state / FILE
    return not (path.exists() and path.stat().st_size) and any(state.glob("runs/*/*/run.json"))
