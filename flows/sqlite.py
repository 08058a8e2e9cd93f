"""The default store: one SQLite file in the state folder."""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from connectors.records import Exchange, Passage, Record, record_id
from connectors.teacher import Answer, DamagedAnswer
from flows import FlowError, schema
from flows.pairs import Pair, decode, encode
from flows.store import Change, Key, Lease, Version
from trainer.evaluate import words

WITHDRAWN = 2  # `rolled_back` of a champion that gave way to none; 1: to one from before it
PAGE = 500  # rows read at once, so that memory stays flat however much there is

T = TypeVar("T")

UNREADABLE = (ValueError, TypeError, OverflowError)  # what a damaged value ends in where it is read

DAMAGED = "Restore it from a backup, or move its folder away to start anew."

# What a user can do about a problem of the file, by SQLite's own code for it; any other is a bug of ours.
ADVICE = {
    sqlite3.SQLITE_OK: f"It is damaged. {DAMAGED}",  # bytes that are no text: Python alone finds fault with them
    sqlite3.SQLITE_ERROR: f"It is damaged. {DAMAGED}",  # a table or column is missing
    sqlite3.SQLITE_FULL: "Free some space and run again: what was stored is kept, answers under way are asked again.",
    sqlite3.SQLITE_BUSY: "Another process is writing to it; try again when that has ended.",
    sqlite3.SQLITE_NOTADB: DAMAGED,
    sqlite3.SQLITE_CORRUPT: DAMAGED,
    sqlite3.SQLITE_READONLY: "Make the file and its folder writable, or name another `state` folder.",
    sqlite3.SQLITE_CANTOPEN: "Make the file and its folder writable, or name another `state` folder.",
    sqlite3.SQLITE_PERM: "Make the file and its folder writable, or name another `state` folder.",
    sqlite3.SQLITE_IOERR: "Is the disk full or broken? What was stored is kept; run again when it is mended.",
}


class SqliteStore:
    """A SQLite file in WAL mode.

    `synchronous=NORMAL`: a committed transaction is in the system's page cache, where a kill -9 cannot reach it. Only
    when the whole machine goes down may the last ones be missing; the file stays whole, and what is missing is made
    again. One connection that serves one thread at a time.
    """

    def __init__(self, path: Path, wait: float = 30.0) -> None:
        self.path = path
        self._lock = threading.RLock()
        self._retired = False  # anything, since it was opened
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise FlowError(f"{path.parent} cannot be made: {error}. Name another `state` folder.") from error
        with self._trouble():
            self._db = sqlite3.connect(path, timeout=wait, check_same_thread=False, isolation_level=None)
            try:
                self._prepare()
            except BaseException:  # whatever it is, it is raised again once things are put right
                self._db.close()
                raise

    def close(self) -> None:
        """The words of deleted passages go with this: until its parts are merged, the index only marks them."""
        if self._retired:
            with suppress(FlowError), self._transaction():  # a full disk: it goes the next time something is deleted
                self._db.execute("INSERT INTO passages (passages) VALUES ('optimize')")
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
            before = self._known(place)
            now = {record_id(record): (n, record) for n, record in enumerate(records)}
            for identity, (position, record) in now.items():
                self._put_record(place, identity, position, record)
            retired = self._retire(place, before - now.keys())
            self._db.execute("INSERT OR REPLACE INTO documents VALUES (?,?,?,?)", (*place, fingerprint))
        return Change(len(now.keys() - before), len(now.keys() & before), retired)

    def retire_document(self, loop: str, source: str, document: str) -> int:
        place = (loop, source, document)
        with self._transaction():
            retired = self._retire(place, self._known(place))
            self._db.execute("DELETE FROM documents WHERE loop=? AND source=? AND document=?", place)
        return retired

    def records(self, loop: str) -> Iterator[tuple[str, Record]]:
        query = (
            "SELECT source, document, position, id, kind, body FROM records WHERE loop=?"
            " AND (source, document, position) > (?,?,?) ORDER BY source, document, position LIMIT ?"
        )
        after: tuple[object, ...] = ("", "", -1)
        while rows := self._rows(query, loop, *after, PAGE):
            for *_, identity, kind, body in rows:
                yield identity, self._read("records", _record, kind, body)
            after = rows[-1][:3]

    def _known(self, place: tuple[str, str, str]) -> set[str]:
        query = "SELECT id FROM records WHERE loop=? AND source=? AND document=?"
        return {identity for (identity,) in self._rows(query, *place)}

    def _put_record(self, place: tuple[str, str, str], identity: str, position: int, record: Record) -> None:
        kind = "passage" if isinstance(record, Passage) else "exchange"
        row = self._row(
            "INSERT INTO records (loop, source, document, position, id, kind, body)"
            " VALUES (?,?,?,?,?,?,?) ON CONFLICT (loop, source, document, id)"
            " DO UPDATE SET position=excluded.position, body=excluded.body RETURNING number",
            *(*place, position, identity, kind, msgspec.json.encode(record)),
        )
        if isinstance(record, Passage):
            self._db.execute("DELETE FROM passages WHERE rowid=?", row)
            self._db.execute("INSERT INTO passages (rowid, words) VALUES (?,?)", (*row, " ".join(terms(record.titled))))

    def _retire(self, place: tuple[str, str, str], identities: Iterable[str]) -> int:
        """The text goes too: what was deleted, or redacted since, is not to be read out of the file."""
        retired = 0
        for identity in identities:
            self._retired = True
            query = "DELETE FROM records WHERE loop=? AND source=? AND document=? AND id=? RETURNING number"
            row = self._row(query, *place, identity)
            self._db.execute("DELETE FROM passages WHERE rowid=?", row)
            self._db.execute("DELETE FROM pairs WHERE loop=? AND record=?", (place[0], identity))
            retired += 1
        return retired

    # --- pairs and search

    def put_pairs(self, loop: str, pairs: Iterable[Pair]) -> None:
        rows = ((loop, pair.id, pair.record, encode(pair)) for pair in pairs)
        with self._transaction():
            self._db.executemany("INSERT OR REPLACE INTO pairs VALUES (?,?,?,?)", rows)

    def pairs(self, loop: str) -> Iterator[Pair]:
        query = "SELECT id, body FROM pairs WHERE loop=? AND id>? ORDER BY id LIMIT ?"
        after = ""
        while rows := self._rows(query, loop, after, PAGE):
            for _, body in rows:
                yield self._read("pairs", decode, body)
            after = rows[-1][0]

    def search(self, loop: str, text: str, k: int) -> list[tuple[Passage, float]]:
        wanted = " OR ".join(f'"{term}"' for term in dict.fromkeys(terms(text)))
        if not wanted:
            return []
        query = (
            "SELECT r.body, -bm25(passages) AS score FROM passages JOIN records r ON r.number=passages.rowid"
            " WHERE passages MATCH ? AND r.loop=? ORDER BY score DESC, r.id LIMIT ?"
        )
        rows = self._rows(query, wanted, loop, k)
        return [(self._read("records", _passage, body), score) for body, score in rows]

    # --- the journal

    def answer(self, key: str) -> Answer | None:
        rows = self._rows("SELECT CAST(body AS BLOB) FROM answers WHERE key=?", key)
        try:
            return _answer(*rows[0]) if rows else None
        except UNREADABLE as error:  # it alone is lost: no reason to give up all the others
            raise DamagedAnswer(f"{self.path}: an answer that it kept is damaged") from error

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
        return [self._read("versions", _version, body) for (body,) in rows]

    def point(self, loop: str, name: str) -> None:
        with self._transaction():
            if name not in {version.name for version in self.versions(loop)}:
                raise FlowError(f"loop {loop} has no version '{name}'.")
            champion, last = self.champion(loop), self.previous(loop)
            if champion is None and last and last.name == name:  # what was withdrawn is as it was
                query = f"UPDATE champions SET rolled_back=0 WHERE loop=? AND rolled_back={WITHDRAWN}"
                self._db.execute(query, (loop,))
            self._db.execute(
                "UPDATE champions SET rolled_back=1 WHERE loop=?1 AND number >"
                " (SELECT max(number) FROM champions WHERE loop=?1 AND name=?2 AND rolled_back=0)",
                (loop, name),
            )
            champion = self.champion(loop)
            if champion is None or champion.name != name:
                self._db.execute("INSERT INTO champions (loop, name) VALUES (?,?)", (loop, name))

    def withdraw(self, loop: str) -> None:
        with self._transaction():
            query = f"UPDATE champions SET rolled_back=iif(rolled_back=0, {WITHDRAWN}, 1) WHERE loop=?"
            self._db.execute(query, (loop,))

    def champion(self, loop: str) -> Version | None:
        return self._champion(loop, 0)

    def previous(self, loop: str) -> Version | None:
        return self._champion(loop, 1) if self.champion(loop) else self._champion(loop, 0, WITHDRAWN)

    def rolled_back(self, loop: str) -> list[Version]:
        query = "SELECT name FROM champions WHERE loop=? GROUP BY name HAVING min(rolled_back)>0"
        names = {name for (name,) in self._rows(query, loop)}
        return [version for version in self.versions(loop) if version.name in names]

    def _champion(self, loop: str, back: int, rolled_back: int = 0) -> Version | None:
        query = (
            "SELECT v.body FROM champions c JOIN versions v USING (loop, name) WHERE c.loop=? AND rolled_back=?"
            " ORDER BY c.number DESC LIMIT 1 OFFSET ?"
        )
        rows = self._rows(query, loop, rolled_back, back)
        return self._read("versions", _version, *rows[0]) if rows else None

    # --- the schedule's truth

    def claim_fire(self, loop: str, time: datetime, owner: str) -> bool:
        row = (loop, time.timestamp(), owner)
        with self._transaction():
            return bool(self._db.execute("INSERT OR IGNORE INTO fires VALUES (?,?,?,'claimed')", row).rowcount)

    def take_over_fire(self, loop: str, time: datetime, owner: str, dead: str) -> bool:
        query = "UPDATE fires SET owner=? WHERE loop=? AND time=? AND owner=? AND status='claimed'"
        with self._transaction():
            return bool(self._db.execute(query, (owner, loop, time.timestamp(), dead)).rowcount)

    def finish_fire(self, loop: str, time: datetime, owner: str) -> None:
        query = "UPDATE fires SET status='done' WHERE loop=? AND time=? AND owner=?"
        with self._transaction():
            self._db.execute(query, (loop, time.timestamp(), owner))

    def skip_fires(self, loop: str, times: Iterable[datetime]) -> None:
        rows = [(loop, time.timestamp()) for time in times]
        with self._transaction():
            self._db.executemany("INSERT OR IGNORE INTO fires VALUES (?,?,'','skipped')", rows)

    def unfinished_fires(self, loop: str) -> list[tuple[datetime, str]]:
        rows = self._rows("SELECT time, owner FROM fires WHERE loop=? AND status='claimed' ORDER BY time", loop)
        return [(self._read("fires", _utc, time), owner) for time, owner in rows]

    def last_fire(self, loop: str) -> datetime | None:
        rows = self._rows("SELECT time FROM fires WHERE loop=? ORDER BY time DESC LIMIT 1", loop)
        return self._read("fires", _utc, *rows[0]) if rows else None

    def lease(self, name: str, owner: str, seconds: float, over: str = "") -> Lease | None:
        now = time.time()
        with self._transaction():
            taken = self._db.execute(
                "INSERT INTO leases VALUES (?,?,?,?) ON CONFLICT (name) DO UPDATE SET"
                " since=iif(owner=excluded.owner, since, excluded.since), owner=excluded.owner, until=excluded.until"
                " WHERE owner IN (excluded.owner, ?) OR until < excluded.since",
                (name, owner, now, now + seconds, over),
            ).rowcount
            holder = self._row("SELECT owner, since, until FROM leases WHERE name=?", name)
        return None if taken else self._read("leases", _lease, *holder)

    def holder(self, name: str) -> Lease | None:
        query = "SELECT owner, since, until FROM leases WHERE name=? AND until >= ?"
        found = self._rows(query, name, time.time())
        return self._read("leases", _lease, *found[0]) if found else None

    def release(self, name: str, owner: str) -> None:
        with self._transaction():
            self._db.execute("DELETE FROM leases WHERE name=? AND owner=?", (name, owner))

    # --- keys

    def put_key(self, key: Key) -> bool:
        row = (key.name, key.digest, key.created.timestamp(), msgspec.json.encode(key.tools))
        with self._transaction():
            return bool(self._db.execute("INSERT OR IGNORE INTO keys VALUES (?,?,?,?)", row).rowcount)

    def access_keys(self) -> list[Key]:
        rows = self._rows("SELECT name, digest, made, tools FROM keys ORDER BY name")
        return [self._read("keys", _key, *row) for row in rows]

    def key(self, digest: str) -> Key | None:
        rows = self._rows("SELECT name, digest, made, tools FROM keys WHERE digest=?", digest)
        return self._read("keys", _key, *rows[0]) if rows else None

    def drop_key(self, name: str) -> bool:
        with self._transaction():
            return bool(self._db.execute("DELETE FROM keys WHERE name=?", (name,)).rowcount)

    def check(self) -> None:
        for table in schema.TABLES:
            self._rows(f"SELECT * FROM {table} LIMIT 1")
        said = self._rows("PRAGMA quick_check(1)")[0][0]
        if said != "ok":
            raise FlowError(f"{self.path}: {said}. It is damaged. {DAMAGED}")

    # --- underneath

    def _prepare(self) -> None:
        """The schema first: another program's file is refused before anything in it changes."""
        if not schema.is_current(self._db):
            with self._transaction():
                schema.migrate(self._db, self.path)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.execute("PRAGMA secure_delete=ON")  # what was deleted is overwritten

    def _rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        with self._trouble(), self._lock:
            return self._db.execute(query, values).fetchall()

    def _row(self, query: str, *values: object) -> tuple[Any, ...]:
        """The one row that must be there."""
        for row in self._rows(query, *values):
            return row
        raise FlowError(f"{self.path}: a row is missing that must be there. It is damaged. {DAMAGED}")

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """All or nothing; it takes the write lock at once, so that two writers wait instead of failing."""
        with self._trouble(), self._lock:
            try:
                self._db.execute("BEGIN IMMEDIATE")
                yield
                self._db.execute("COMMIT")
            except BaseException:  # whatever it is, it is raised again once things are put right
                if self._db.in_transaction:  # a full disk has rolled back by itself
                    self._db.execute("ROLLBACK")
                raise

    @contextmanager
    def _trouble(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:  # the latter of SQLite's words about the damage
            advice = ADVICE.get(getattr(error, "sqlite_errorcode", 0) & 0xFF)  # the rest tells details of one problem
            if advice is None or isinstance(error, sqlite3.ProgrammingError):
                raise
            raise FlowError(f"{self.path}: {error}. {advice}") from error

    def _read(self, table: str, make: Callable[..., T], *values: object) -> T:
        """What a row of a table says; raises FlowError for one that was damaged."""
        try:
            return make(*values)
        except UNREADABLE as error:
            raise FlowError(f"{self.path}: a row of its table '{table}' is damaged. {DAMAGED}") from error


def _utc(timestamp: float) -> datetime:
    return datetime.fromtimestamp(timestamp, UTC)


def _record(kind: str, body: bytes) -> Record:
    return _passage(body) if kind == "passage" else msgspec.json.decode(body, type=Exchange)


def _passage(body: bytes) -> Passage:
    return msgspec.json.decode(body, type=Passage)


def _answer(body: bytes) -> Answer:
    return msgspec.json.decode(body, type=Answer)


def _version(body: bytes) -> Version:
    return msgspec.json.decode(body, type=Version)


def _lease(owner: str, since: float, until: float) -> Lease:
    return Lease(msgspec.convert(owner, str), _utc(since), _utc(until))


def _key(name: str, digest: str, made: float, tools: bytes) -> Key:
    return Key(name, digest, _utc(made), msgspec.json.decode(tools, type=tuple[str, ...]))


def terms(text: str) -> list[str]:
    """What a text is found by: its words, and pairs of neighbours where words are single Chinese characters."""
    found: list[str] = []
    run = ""
    for word in [*words(text), ""]:
        if len(word) == 1 and not word.isascii():
            run += word
            continue
        found += [run] if len(run) == 1 else [run[i : i + 2] for i in range(len(run) - 1)]
        run = ""
        found += [word] if word else []
    return found
