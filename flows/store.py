"""Where the loop keeps what it knows: records, pairs, paid answers, versions, fire times, leases.

`Store` is what the rest of the house relies on; no SQL shows in it. `SqliteStore` is the default.
"""

import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import msgspec

from connectors.records import Exchange, Passage, Record, record_id
from connectors.teacher import Answer
from flows import FlowError
from flows.pairs import Pair, decode, encode
from trainer.evaluate import words


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


class Fire(msgspec.Struct, frozen=True):
    """A time at which a loop's schedule asked for a run."""

    time: datetime
    owner: str
    status: str  # claimed, done or skipped


class Lease(msgspec.Struct, frozen=True):
    """Who holds a name, and until when unless it is renewed."""

    owner: str
    since: datetime
    until: datetime


class Store(Protocol):
    """What a backend offers. Times are aware datetimes in UTC; every list comes in a stable order."""

    def sources(self, loop: str) -> list[str]: ...
    def documents(self, loop: str, source: str) -> dict[str, str]:
        """document -> fingerprint."""
        ...

    def put_document(
        self, loop: str, source: str, document: str, fingerprint: str, records: Sequence[Record]
    ) -> Change:
        """In one transaction: records that are no longer there are retired, and with them their pairs."""
        ...

    def retire_document(self, loop: str, source: str, document: str) -> int:
        """The number of records retired."""
        ...

    def records(self, loop: str) -> Iterator[tuple[str, Record]]:
        """Record id and record, by source, document and position."""
        ...

    def put_pairs(self, loop: str, pairs: Iterable[Pair]) -> None:
        """A pair with a known id takes the place of the old one."""
        ...

    def pairs(self, loop: str) -> Iterator[Pair]:
        """Pairs whose record is not retired, by id."""
        ...

    def search(self, loop: str, text: str, k: int) -> list[tuple[Passage, float]]:
        """The passages that fit a text best, with a score that grows with the fit."""
        ...

    def answer(self, key: str) -> Answer | None: ...
    def put_answer(self, key: str, answer: Answer) -> None:
        """Returns when the answer survives a kill -9."""
        ...

    def put_version(self, version: Version) -> None: ...
    def versions(self, loop: str) -> list[Version]:
        """Newest first."""
        ...

    def point(self, loop: str, name: str) -> None:
        """From now on `name` is the champion."""
        ...

    def champion(self, loop: str) -> Version | None: ...
    def previous(self, loop: str) -> Version | None:
        """The champion before this one."""
        ...

    def claim_fire(self, loop: str, time: datetime, owner: str) -> bool:
        """True for exactly one caller per loop and time."""
        ...

    def take_over_fire(self, loop: str, time: datetime, owner: str, dead: str) -> bool:
        """True for exactly one of those who want to go on where `dead` stopped."""
        ...

    def end_fire(self, loop: str, time: datetime, status: str) -> None: ...
    def fires(self, loop: str) -> list[Fire]:
        """Newest first."""
        ...

    def lease(self, name: str, owner: str, seconds: float, over: str = "") -> Lease | None:
        """Take or renew; None when taken, else the lease of who has it. `over` names a dead owner to replace."""
        ...

    def release(self, name: str, owner: str) -> None: ...
    def close(self) -> None: ...


# One entry a version of the schema; a file is brought up step by step. Never change one that was released.
MIGRATIONS = (
    """
    CREATE TABLE documents (
        loop TEXT, source TEXT, document TEXT, fingerprint TEXT,
        PRIMARY KEY (loop, source, document)) WITHOUT ROWID;
    CREATE TABLE records (
        number INTEGER PRIMARY KEY,
        loop TEXT, source TEXT, document TEXT, position INTEGER, id TEXT, kind TEXT, body BLOB, active INTEGER,
        UNIQUE (loop, source, document, id));
    CREATE INDEX active_records ON records (loop, active, source, document, position);
    CREATE INDEX record_ids ON records (loop, id, active);
    CREATE VIRTUAL TABLE passages USING fts5(words);
    CREATE TABLE pairs (loop TEXT, id TEXT, record TEXT, body BLOB, PRIMARY KEY (loop, id)) WITHOUT ROWID;
    CREATE TABLE answers (key TEXT PRIMARY KEY, body BLOB, made REAL) WITHOUT ROWID;
    CREATE TABLE versions (loop TEXT, name TEXT, body BLOB, number INTEGER, PRIMARY KEY (loop, name));
    CREATE TABLE champions (number INTEGER PRIMARY KEY, loop TEXT, name TEXT);
    CREATE TABLE fires (loop TEXT, time REAL, owner TEXT, status TEXT, PRIMARY KEY (loop, time)) WITHOUT ROWID;
    CREATE TABLE leases (name TEXT PRIMARY KEY, owner TEXT, since REAL, until REAL) WITHOUT ROWID;
    """,
)


def open_store(state: Path) -> "SqliteStore":
    """The store of a state folder."""
    return SqliteStore(state / "store.db")


class SqliteStore:
    """A SQLite file in WAL mode.

    `synchronous=NORMAL` keeps every committed transaction when the process is killed; only a crash of the whole
    machine may take the last ones, and what is lost then is asked again. One connection, one thread at a time.
    """

    def __init__(self, path: Path, wait: float = 30.0) -> None:
        self.path = path
        self._lock = threading.RLock()
        with self._trouble():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, timeout=wait, check_same_thread=False, isolation_level=None)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=NORMAL")
            self._migrate()

    def close(self) -> None:
        with self._lock:
            self._db.close()

    # --- sources

    def sources(self, loop: str) -> list[str]:
        rows = self._rows("SELECT DISTINCT source FROM documents WHERE loop=? ORDER BY source", loop)
        return [source for (source,) in rows]

    def documents(self, loop: str, source: str) -> dict[str, str]:
        query = "SELECT document, fingerprint FROM documents WHERE loop=? AND source=? ORDER BY document"
        return dict(self._rows(query, loop, source))

    def put_document(
        self, loop: str, source: str, document: str, fingerprint: str, records: Sequence[Record]
    ) -> Change:
        place = (loop, source, document)
        with self._transaction():
            before = self._active(place)
            now = {record_id(record): (n, record) for n, record in enumerate(records)}
            for identity, (position, record) in now.items():
                self._put_record(place, identity, position, record)
            retired = self._retire(place, before - now.keys())
            self._db.execute("INSERT OR REPLACE INTO documents VALUES (?,?,?,?)", (*place, fingerprint))
        return Change(len(now.keys() - before), len(now.keys() & before), retired)

    def retire_document(self, loop: str, source: str, document: str) -> int:
        place = (loop, source, document)
        with self._transaction():
            retired = self._retire(place, self._active(place))
            self._db.execute("DELETE FROM documents WHERE loop=? AND source=? AND document=?", place)
        return retired

    def records(self, loop: str) -> Iterator[tuple[str, Record]]:
        query = (
            "SELECT source, document, position, id, kind, body FROM records WHERE loop=? AND active=1"
            " AND (source, document, position) > (?,?,?) ORDER BY source, document, position LIMIT 500"
        )
        after: tuple[object, ...] = ("", "", -1)
        while rows := self._rows(query, loop, *after):
            for *_, identity, kind, body in rows:
                yield identity, _record(kind, body)
            after = rows[-1][:3]

    def _active(self, place: tuple[str, str, str]) -> set[str]:
        query = "SELECT id FROM records WHERE loop=? AND source=? AND document=? AND active=1"
        return {identity for (identity,) in self._rows(query, *place)}

    def _put_record(self, place: tuple[str, str, str], identity: str, position: int, record: Record) -> None:
        kind = "passage" if isinstance(record, Passage) else "exchange"
        row = self._db.execute(
            "INSERT INTO records (loop, source, document, position, id, kind, body, active)"
            " VALUES (?,?,?,?,?,?,?,1) ON CONFLICT (loop, source, document, id)"
            " DO UPDATE SET position=excluded.position, body=excluded.body, active=1 RETURNING number",
            (*place, position, identity, kind, msgspec.json.encode(record)),
        ).fetchone()
        if isinstance(record, Passage):
            self._db.execute("DELETE FROM passages WHERE rowid=?", row)
            self._db.execute("INSERT INTO passages (rowid, words) VALUES (?,?)", (*row, " ".join(terms(record.titled))))

    def _retire(self, place: tuple[str, str, str], identities: Iterable[str]) -> int:
        retired = 0
        for identity in identities:
            row = self._db.execute(
                "UPDATE records SET active=0 WHERE loop=? AND source=? AND document=? AND id=? RETURNING number",
                (*place, identity),
            ).fetchone()
            self._db.execute("DELETE FROM passages WHERE rowid=?", row)
            retired += 1
        return retired

    # --- pairs and search

    def put_pairs(self, loop: str, pairs: Iterable[Pair]) -> None:
        rows = ((loop, pair.id, pair.record, encode(pair)) for pair in pairs)
        with self._transaction():
            self._db.executemany("INSERT OR REPLACE INTO pairs VALUES (?,?,?,?)", rows)

    def pairs(self, loop: str) -> Iterator[Pair]:
        query = (
            "SELECT id, body FROM pairs p WHERE loop=? AND id>? AND EXISTS (SELECT 1 FROM records r"
            " WHERE r.loop=p.loop AND r.id=p.record AND r.active=1) ORDER BY id LIMIT 500"
        )
        after = ""
        while rows := self._rows(query, loop, after):
            for _, body in rows:
                yield decode(body)
            after = rows[-1][0]

    def search(self, loop: str, text: str, k: int) -> list[tuple[Passage, float]]:
        wanted = " OR ".join(f'"{term}"' for term in dict.fromkeys(terms(text)))
        if not wanted:
            return []
        query = (
            "SELECT r.body, -bm25(passages) AS score FROM passages JOIN records r ON r.number=passages.rowid"
            " WHERE passages MATCH ? AND r.loop=? AND r.active=1 ORDER BY score DESC, r.id LIMIT ?"
        )
        rows = self._rows(query, wanted, loop, k)
        return [(msgspec.json.decode(body, type=Passage), score) for body, score in rows]

    # --- the journal

    def answer(self, key: str) -> Answer | None:
        rows = self._rows("SELECT body FROM answers WHERE key=?", key)
        return msgspec.json.decode(rows[0][0], type=Answer) if rows else None

    def put_answer(self, key: str, answer: Answer) -> None:
        row = (key, msgspec.json.encode(answer), time.time())
        with self._transaction():
            self._db.execute("INSERT OR REPLACE INTO answers VALUES (?,?,?)", row)

    # --- versions

    def put_version(self, version: Version) -> None:
        with self._transaction():
            number = self._db.execute("SELECT count(*) FROM versions WHERE loop=?", (version.loop,)).fetchone()
            self._db.execute(
                "INSERT INTO versions VALUES (?,?,?,?) ON CONFLICT DO UPDATE SET body=excluded.body",
                (version.loop, version.name, msgspec.json.encode(version), *number),
            )

    def versions(self, loop: str) -> list[Version]:
        rows = self._rows("SELECT body FROM versions WHERE loop=? ORDER BY number DESC", loop)
        return [msgspec.json.decode(body, type=Version) for (body,) in rows]

    def point(self, loop: str, name: str) -> None:
        if name not in {version.name for version in self.versions(loop)}:
            raise FlowError(f"loop {loop} has no version '{name}'.")
        champion = self.champion(loop)
        if champion is None or champion.name != name:
            with self._transaction():
                self._db.execute("INSERT INTO champions (loop, name) VALUES (?,?)", (loop, name))

    def champion(self, loop: str) -> Version | None:
        return self._champion(loop, 0)

    def previous(self, loop: str) -> Version | None:
        return self._champion(loop, 1)

    def _champion(self, loop: str, back: int) -> Version | None:
        query = (
            "SELECT v.body FROM champions c JOIN versions v USING (loop, name) WHERE c.loop=?"
            " ORDER BY c.number DESC LIMIT 1 OFFSET ?"
        )
        rows = self._rows(query, loop, back)
        return msgspec.json.decode(rows[0][0], type=Version) if rows else None

    # --- the schedule's truth

    def claim_fire(self, loop: str, time: datetime, owner: str) -> bool:
        with self._transaction():
            row = (loop, time.timestamp(), owner)
            return bool(self._db.execute("INSERT OR IGNORE INTO fires VALUES (?,?,?,'claimed')", row).rowcount)

    def take_over_fire(self, loop: str, time: datetime, owner: str, dead: str) -> bool:
        query = "UPDATE fires SET owner=? WHERE loop=? AND time=? AND owner=? AND status='claimed'"
        with self._transaction():
            return bool(self._db.execute(query, (owner, loop, time.timestamp(), dead)).rowcount)

    def end_fire(self, loop: str, time: datetime, status: str) -> None:
        with self._transaction():
            row = (status, loop, time.timestamp())
            self._db.execute("UPDATE fires SET status=? WHERE loop=? AND time=?", row)

    def fires(self, loop: str) -> list[Fire]:
        rows = self._rows("SELECT time, owner, status FROM fires WHERE loop=? ORDER BY time DESC", loop)
        return [Fire(datetime.fromtimestamp(when, UTC), owner, status) for when, owner, status in rows]

    def lease(self, name: str, owner: str, seconds: float, over: str = "") -> Lease | None:
        now = time.time()
        with self._transaction():
            taken = self._db.execute(
                "INSERT INTO leases VALUES (?,?,?,?) ON CONFLICT (name) DO UPDATE SET"
                " since=iif(owner=excluded.owner, since, excluded.since), owner=excluded.owner, until=excluded.until"
                " WHERE owner IN (excluded.owner, ?) OR until < excluded.since",
                (name, owner, now, now + seconds, over),
            ).rowcount
        if taken:
            return None
        rows = self._rows("SELECT owner, since, until FROM leases WHERE name=?", name)
        return Lease(rows[0][0], *(datetime.fromtimestamp(when, UTC) for when in rows[0][1:])) if rows else None

    def release(self, name: str, owner: str) -> None:
        with self._transaction():
            self._db.execute("DELETE FROM leases WHERE name=? AND owner=?", (name, owner))

    # --- underneath

    def _rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        with self._trouble(), self._lock:
            return self._db.execute(query, values).fetchall()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """All or nothing; it takes the write lock at once, so that two writers wait instead of failing."""
        with self._trouble(), self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:  # a full disk has rolled back by itself
                    self._db.execute("ROLLBACK")
                raise

    @contextmanager
    def _trouble(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise FlowError(f"{self.path}: {error}. {_advice(str(error))}") from error
        except OSError as error:
            raise FlowError(f"{self.path} cannot be opened: {error}") from error

    def _migrate(self) -> None:
        """Bring the file to the newest schema; two processes that open it at once do it once."""
        newest = len(MIGRATIONS)
        with self._transaction():
            version = self._db.execute("PRAGMA user_version").fetchone()[0]
            if version > newest:
                raise FlowError(
                    f"{self.path} was written by a newer flowstill (schema {version}, this one knows {newest}). "
                    "Install that version, or name another `state` folder."
                )
            for step in MIGRATIONS[version:]:
                for statement in step.split(";"):
                    self._db.execute(statement)
            self._db.execute(f"PRAGMA user_version={newest}")


def _record(kind: str, body: bytes) -> Record:
    if kind == "passage":
        return msgspec.json.decode(body, type=Passage)
    return msgspec.json.decode(body, type=Exchange)


def _advice(problem: str) -> str:
    if "full" in problem:
        return "Free some space and run again: nothing that was stored is lost."
    if "locked" in problem:
        return "Another process holds it; try again when that has ended."
    if "not a database" in problem or "malformed" in problem:
        return "It is damaged or no store: restore it from a backup, or move it away to start anew."
    return "Is the folder writable?"


def terms(text: str) -> list[str]:
    """What a text is found by: its words, and pairs of neighbours where words are single Chinese characters."""
    found, before = [], ""
    for word in words(text):
        single = len(word) == 1 and not word.isascii()
        if single and before:
            found.append(before + word)
        elif not single:
            found.append(word)
        before = word if single else ""
    return found
