"""The tables of a store file, and how a file of an earlier version is brought up to date."""

import sqlite3
from pathlib import Path

from flows import FlowError

APPLICATION = 0x5717  # PRAGMA application_id: tells a store from any other SQLite file

# One entry for each version of the schema, applied in order. Never change one that was released: add another.
MIGRATIONS = [
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
    CREATE TABLE pairs (loop TEXT, id TEXT, record TEXT, body BLOB, PRIMARY KEY (loop, id));
    CREATE TABLE answers (key TEXT PRIMARY KEY, body BLOB, made REAL);
    CREATE TABLE versions (loop TEXT, name TEXT, body BLOB, number INTEGER, PRIMARY KEY (loop, name));
    CREATE TABLE champions (number INTEGER PRIMARY KEY, loop TEXT, name TEXT);
    CREATE TABLE fires (loop TEXT, time REAL, owner TEXT, status TEXT, PRIMARY KEY (loop, time)) WITHOUT ROWID;
    CREATE INDEX unfinished_fires ON fires (loop, time) WHERE status = 'claimed';
    CREATE TABLE leases (name TEXT PRIMARY KEY, owner TEXT, since REAL, until REAL) WITHOUT ROWID;
    """,
    # What is retired is gone, not marked.
    """
    DROP INDEX active_records;
    DROP INDEX record_ids;
    DELETE FROM records WHERE active=0;
    ALTER TABLE records DROP COLUMN active;
    DELETE FROM pairs WHERE NOT EXISTS (SELECT 1 FROM records r WHERE r.loop=pairs.loop AND r.id=pairs.record);
    CREATE INDEX record_order ON records (loop, source, document, position);
    CREATE INDEX pair_records ON pairs (loop, record);
    ALTER TABLE champions ADD COLUMN rolled_back INTEGER DEFAULT 0;
    """,
    # `weighs` finds `weigh`.
    """
    CREATE VIRTUAL TABLE stemmed USING fts5(words, tokenize='porter unicode61');
    INSERT INTO stemmed (rowid, words) SELECT rowid, words FROM passages;
    DROP TABLE passages;
    ALTER TABLE stemmed RENAME TO passages;
    """,
    # Who may call tools.
    """
    CREATE TABLE keys (name TEXT PRIMARY KEY, digest TEXT UNIQUE, made REAL, tools BLOB);
    """,
]

TABLES = ("documents", "records", "passages", "pairs", "answers", "versions", "champions", "fires", "leases", "keys")


def is_current(db: sqlite3.Connection) -> bool:
    """True when nothing needs to be migrated: opening then takes no lock."""
    return _number(db, "application_id") == APPLICATION and _number(db, "user_version") == len(MIGRATIONS)


def migrate(db: sqlite3.Connection, path: Path) -> None:
    """Bring the file to the newest version, inside the caller's transaction; FlowError for a file that is not ours."""
    version = _number(db, "user_version")
    _check(db, path, version)
    for step in MIGRATIONS[version:]:
        for statement in step.split(";"):
            db.execute(statement)
    db.execute(f"PRAGMA application_id={APPLICATION}")
    db.execute(f"PRAGMA user_version={len(MIGRATIONS)}")


def _check(db: sqlite3.Connection, path: Path, version: int) -> None:
    is_new = db.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)
    if not is_new and _number(db, "application_id") != APPLICATION:
        raise FlowError(f"{path} is a database of another program. Move it away, or name another `state` folder.")
    if version > len(MIGRATIONS):
        raise FlowError(
            f"{path} was written by a newer flowstill (schema {version}, this one knows {len(MIGRATIONS)}). "
            "Install that version, or name another `state` folder."
        )


def _number(db: sqlite3.Connection, pragma: str) -> int:
    return int(db.execute(f"PRAGMA {pragma}").fetchone()[0])
