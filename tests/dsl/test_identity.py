"""Reading a file and writing it again in its own dialect gives the same data."""

from pathlib import Path

import pytest

import dsl
from dsl import irjson
from dsl.audit import differing
from dsl.dump import dump_json
from dsl.merge import same
from tests.dsl.corpus import FOLDERS, files
from tests.dsl.kitchen import kitchen_sink

DIALECTS = [name for name in FOLDERS if name in dsl.DIALECTS]
FILES = [each for dialect in DIALECTS for each in files(dialect)]


def _dialect(path: Path) -> str:
    return next(
        name for name, folders in FOLDERS.items() if any(f"corpora/{folder}/" in str(path) for folder in folders)
    )


@pytest.mark.parametrize("path", FILES)
def test_a_file_is_recognised(path: Path) -> None:
    assert dsl.sniff(path.read_bytes()) == _dialect(path)


@pytest.mark.parametrize("path", FILES)
def test_a_file_written_in_its_own_dialect_is_the_same(path: Path) -> None:
    flow = dsl.read(path.read_bytes())
    written = dsl.write(flow, flow.dialect)
    assert written.notes == []
    assert same(dsl.read(_bytes(written.data)).raw, flow.raw)


@pytest.mark.parametrize("path", FILES)
def test_a_file_is_the_same_after_a_trip_through_the_common_form(path: Path) -> None:
    flow = dsl.read(path.read_bytes())
    common = dsl.write(flow, "ir")
    again = dsl.read(common.data)
    secrets = {note.source_pointer for note in common.notes if note.code == "secret.found"}
    assert [note for note in common.notes if note.code != "secret.found"] == [
        note for note in flow.notes if note.code != "secret.found"
    ]
    assert {place for place, _ in differing(flow.raw, again.raw)} <= secrets
    assert secrets or again == flow
    assert same(dsl.write(again, flow.dialect).document, again.raw)


def test_every_kind_is_kept_by_the_common_form() -> None:
    flow = kitchen_sink()
    assert irjson.read(irjson.build(flow)[0]) == flow
    assert dsl.read(dump_json(irjson.build(flow)[0])) == flow


def _bytes(data: str | bytes) -> bytes:
    return data.encode() if isinstance(data, str) else data
