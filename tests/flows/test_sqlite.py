"""What is the SQLite file's own affair: its schema, its faults, and what they tell the user."""

import asyncio
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from connectors.records import Origin, Passage, record_id, sha256
from connectors.teacher import Answer, Request, Teacher
from flows import FlowError, schema
from flows.pairs import Pair
from flows.sqlite import SqliteStore, terms
from flows.store import Version
from tests.doubles.teacher import stub_teacher

PAID = Answer("text " * 1000, 1, 1, 0.0, "m", "stop")


def file_of_version_1(path: Path) -> None:
    """A store as the first version of the schema left it, with one answer in it."""
    with sqlite3.connect(path, isolation_level=None) as db:
        for statement in schema.MIGRATIONS[0].split(";"):
            db.execute(statement)
        db.execute(f"PRAGMA application_id={schema.APPLICATION}")
        db.execute("PRAGMA user_version=1")
        body = b'{"text":"a","prompt_tokens":1,"answer_tokens":2,"cost":0.5,"model":"m","finish_reason":"stop"}'
        db.execute("INSERT INTO answers VALUES ('k', ?, 0)", [body])
    db.close()


def user_version(path: Path) -> int:
    db = sqlite3.connect(path)
    version: int = db.execute("PRAGMA user_version").fetchone()[0]
    db.close()
    return version


def test_a_file_of_version_1_opens_with_the_newest_code(tmp_path: Path) -> None:
    file_of_version_1(tmp_path / "store.db")
    store = SqliteStore(tmp_path / "store.db")
    assert store.answer("k") == Answer("a", 1, 2, 0.5, "m", "stop")
    store.close()
    assert user_version(tmp_path / "store.db") == len(schema.MIGRATIONS)


def test_a_new_version_of_the_schema_is_applied_once_and_keeps_what_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file_of_version_1(tmp_path / "store.db")
    monkeypatch.setattr(schema, "MIGRATIONS", [*schema.MIGRATIONS, "ALTER TABLE answers ADD COLUMN note TEXT"])
    for _ in range(2):
        store = SqliteStore(tmp_path / "store.db")
        assert store.answer("k")
        store.close()
    assert user_version(tmp_path / "store.db") == len(schema.MIGRATIONS)


def test_a_migration_that_breaks_off_leaves_the_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file_of_version_1(tmp_path / "store.db")
    before = (tmp_path / "store.db").read_bytes()
    monkeypatch.setattr(
        schema, "MIGRATIONS", [*schema.MIGRATIONS, "CREATE TABLE half (a); INSERT INTO nowhere VALUES (1)"]
    )
    with pytest.raises(FlowError, match="no such table"):
        SqliteStore(tmp_path / "store.db")
    assert (tmp_path / "store.db").read_bytes() == before


def test_what_was_deleted_is_not_to_be_read_out_of_the_file(tmp_path: Path) -> None:
    origin = Origin("files", document="a.md")
    store = SqliteStore(tmp_path / "store.db")
    store.put_document("l", "s", "a.md", "1", [Passage("Ada pays 4711.", sha256("Ada pays 4711."), origin)])
    store.put_document("l", "s", "a.md", "2", [Passage("Nobody pays.", sha256("Nobody pays."), origin)])
    store.close()
    assert b"Nobody pays." in (tmp_path / "store.db").read_bytes()
    assert b"Ada pays" not in (tmp_path / "store.db").read_bytes()
    assert b"4711" not in (tmp_path / "store.db").read_bytes()  # the index of words


def test_a_file_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    file_of_version_1(tmp_path / "store.db")
    db = sqlite3.connect(tmp_path / "store.db")
    db.execute("PRAGMA user_version=99")
    db.close()
    with pytest.raises(FlowError, match=r"written by a newer flowstill \(schema 99, this one knows \d+\)"):
        SqliteStore(tmp_path / "store.db")


def test_another_programs_database_is_refused_untouched(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE bookmarks (url)")
    db.close()
    before = path.read_bytes()
    with pytest.raises(FlowError, match="a database of another program"):
        SqliteStore(path)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["store.db"]


def test_a_file_that_is_no_database_is_refused_untouched(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    path.write_bytes(b"PK\x03\x04 this is something else" * 100)
    before = path.read_bytes()
    with pytest.raises(FlowError, match=r"store\.db: file is not a database\. Restore it from a backup"):
        SqliteStore(path)
    assert path.read_bytes() == before


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    store = SqliteStore(path)
    for number in range(50):
        store.put_answer(str(number), PAID)
    store.close()
    with path.open("r+b") as file:
        file.seek(4096 * 12)
        file.write(b"\xff" * 4096 * 60)
    store = SqliteStore(path)
    with pytest.raises(FlowError, match=r"store\.db: .*malformed.*Restore it from a backup"):
        for number in range(50):
            store.answer(str(number))
    store.close()


@pytest.mark.parametrize(
    ("table", "damage", "read"),
    [
        ("records", "body='{}'", lambda store: list(store.records("l"))),
        ("records", "body='{}'", lambda store: store.search("l", "tea", 1)),
        ("pairs", "body='{}'", lambda store: list(store.pairs("l"))),
        ("pairs", "body=NULL", lambda store: list(store.pairs("l"))),
        ("pairs", "body=CAST(x'ff' AS TEXT)", lambda store: list(store.pairs("l"))),
        ("versions", "body='[]'", lambda store: store.champion("l")),
        ("versions", "body='[]'", lambda store: store.versions("l")),
        ("fires", "time='soon'", lambda store: store.last_fire("l")),
        ("fires", "time='soon'", lambda store: store.unfinished_fires("l")),
        ("leases", "owner=NULL", lambda store: store.lease("loop:l", "another", 60)),
        ("leases", "since='then'", lambda store: store.holder("loop:l")),
    ],
)
def test_a_damaged_row_or_a_lost_table_is_one_error_that_names_the_file_and_the_table(
    tmp_path: Path, table: str, damage: str, read: Callable[[SqliteStore], object]
) -> None:
    store = SqliteStore(tmp_path / "store.db")
    fill(store)
    store._db.execute(f"UPDATE {table} SET {damage}")
    with pytest.raises(
        FlowError, match=r"store\.db: .*(damaged|decode).*Restore it .* or move its folder away"
    ) as told:
        read(store)
    assert "object" not in str(told.value), "in plain words, not Python's"
    store._db.execute(f"DROP TABLE {table}")
    with pytest.raises(
        FlowError, match=rf"store\.db: no such table: {table}\. It is damaged\. Restore it from a backup"
    ):
        read(store)
    store.close()


@pytest.mark.parametrize("body", ["'{'", "NULL", "7", "CAST(x'ff' AS TEXT)"])
def test_a_damaged_answer_costs_that_answer_only(tmp_path: Path, body: str) -> None:
    told: list[str] = []

    async def work(url: str) -> list[str]:
        async with Teacher(url, "stub", journal=store, note=told.append) as teacher:
            return [(await teacher.ask(Request(messages=[{"role": "user", "content": n}]))).text for n in "123"]

    store = SqliteStore(tmp_path / "store.db")
    with stub_teacher() as (url, stub):
        before = asyncio.run(work(url))
        store._db.execute(f"UPDATE answers SET body={body} WHERE rowid=2")
        assert asyncio.run(work(url)) == asyncio.run(work(url)) == before
        assert stub.report().calls == 4
    assert told == [f"{store.path}: an answer that it kept is damaged; it is asked for again."]
    store._db.execute("DROP TABLE answers")
    with pytest.raises(FlowError, match=r"no such table: answers\. It is damaged\. Restore it from a backup"):
        store.answer("k")
    store.close()


@pytest.mark.parametrize("table", ["leases", "records"])
def test_a_row_that_cannot_be_found_again_is_one_error(tmp_path: Path, table: str) -> None:
    store = SqliteStore(tmp_path / "store.db")
    store._db.execute(f"CREATE TRIGGER lost BEFORE INSERT ON {table} BEGIN SELECT RAISE(IGNORE); END")
    with pytest.raises(FlowError, match=r"store\.db: a row is missing .* It is damaged\. Restore it"):
        fill(store)
    store.close()


def test_a_store_whose_list_of_tables_is_damaged_is_named(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    SqliteStore(path).close()
    damaged = (
        path.read_bytes().replace(b"tablerecords", b"tabler\xffcords").replace(b"TABLE records", b"T\xffBLE records")
    )
    path.write_bytes(damaged)
    with pytest.raises(FlowError, match=r"store\.db: .*It is damaged\. Restore it from a backup"):
        SqliteStore(path)


def fill(store: SqliteStore) -> None:
    """One row of everything."""
    tea = Passage("tea", sha256("tea"), Origin("files", document="a.md"))
    store.put_document("l", "s", "a.md", "1", [tea])
    store.put_pairs("l", [Pair("Why?", "Because.", "distilled", tea.origin, record=record_id(tea))])
    store.put_answer("k", PAID)
    store.put_version(Version("l", "v1", "run", "m.gguf", "0"))
    store.point("l", "v1")
    store.claim_fire("l", datetime(2026, 3, 1, tzinfo=UTC), "me")
    store.lease("loop:l", "me", 60)


def test_a_folder_that_may_not_be_written_is_named(tmp_path: Path) -> None:
    """Root may write everywhere, so the store is opened by somebody else."""
    for folder in [tmp_path, *tmp_path.parents[:3]]:
        folder.chmod(0o755)
    (tmp_path / "still").mkdir(0o555)
    code = (
        "import os, sys; from pathlib import Path; from flows import FlowError; from flows.sqlite import SqliteStore\n"
        "if os.geteuid() == 0: os.setuid(65534)\n"
        "try: SqliteStore(Path(sys.argv[1]) / 'store.db')\n"
        "except FlowError as error: print(error)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "still")]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "store.db: unable to open database file. Make the file and its folder writable" in said


def test_a_state_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "still").write_text("a file")
    with pytest.raises(FlowError, match=r"still/state cannot be made: .*Name another `state` folder"):
        SqliteStore(tmp_path / "still" / "state" / "store.db")


def test_a_full_disk_loses_nothing_and_work_goes_on_when_there_is_room(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "store.db")
    pages = store._db.execute("PRAGMA page_count").fetchone()[0]
    store._db.execute(f"PRAGMA max_page_count={pages + 8}")
    stored: list[str] = []
    with pytest.raises(FlowError, match=r"disk is full\. Free some space and run again"):
        for number in range(100):
            store.put_answer(str(number), PAID)
            stored.append(str(number))
    origin = Origin("files", document="a.md")
    with pytest.raises(FlowError, match="disk is full"):
        texts = [str(number) * 5000 for number in range(9)]
        store.put_document("l", "s", "a.md", "1", [Passage(text, sha256(text), origin) for text in texts])
    assert stored
    assert all(store.answer(key) for key in stored)
    assert store.documents("l", "s") == {}
    store._db.execute("PRAGMA max_page_count=100000")
    store.put_answer("last", PAID)
    assert store.answer("last") == PAID
    store.close()


def test_a_store_that_is_locked_for_too_long_says_so(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "store.db", wait=0.1)
    other = sqlite3.connect(tmp_path / "store.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(FlowError, match=r"database is locked\. Another process is writing to it"):
        store.put_answer("k", PAID)
    assert store.answer("k") is None  # reading never waits for a writer
    other.execute("COMMIT")
    store.put_answer("k", PAID)
    other.close()
    store.close()


def test_opening_a_store_waits_for_nobody(tmp_path: Path) -> None:
    SqliteStore(tmp_path / "store.db").close()
    other = sqlite3.connect(tmp_path / "store.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    SqliteStore(tmp_path / "store.db", wait=0.1).close()
    other.close()


def test_a_copy_of_the_file_of_a_closed_store_is_a_backup(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "store.db")
    store.put_answer("k", PAID)
    store.close()
    os.mkdir(tmp_path / "backup")
    shutil.copy(tmp_path / "store.db", tmp_path / "backup" / "store.db")
    copy = SqliteStore(tmp_path / "backup" / "store.db")
    assert copy.answer("k") == PAID
    copy.close()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("At 08:30, Mail me", ["at", "08:30", "mail", "me"]),
        ("员工报销", ["员工", "工报", "报销"]),
        ("第3章 a", ["第", "3", "章", "a"]),
        ("iPhone手机 OK", ["iphone", "手机", "ok"]),
    ],
)
def test_terms_are_words_and_pairs_of_chinese_characters(text: str, found: list[str]) -> None:
    assert terms(text) == found
