"""Files that people name are written whole or not at all, and nothing else is touched."""

import os
import threading
from multiprocessing import get_context
from pathlib import Path

import pytest

from flows import FlowError, UsageError
from flows.saving import distinct, save

ONE, OTHER = b"1" * 200_000, b"2" * 50_000


def test_a_pipe_or_device_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    os.mkfifo(pipe := tmp_path / "pipe")
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()))
    reader.start()
    save(pipe, b"through")
    reader.join(10)
    assert got == [b"through"] and pipe.is_fifo()


def test_a_file_keeps_its_mode_and_a_link_its_target(tmp_path: Path) -> None:
    (real := tmp_path / "real").write_bytes(b"old")
    real.chmod(0o600)
    (link := tmp_path / "link").symlink_to("real")
    save(link, b"new")
    assert link.is_symlink() and real.read_bytes() == b"new" and real.stat().st_mode & 0o777 == 0o600
    save(tmp_path / "fresh", b"")
    (tmp_path / "plain").write_bytes(b"")
    assert (tmp_path / "fresh").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_a_disk_that_is_full_leaves_the_file_that_was_there(tmp_path: Path) -> None:
    (path := tmp_path / "x").write_bytes(b"old")
    child = get_context("fork").Process(target=_save_with_no_room, args=(path,))
    child.start()
    child.join(30)
    assert child.exitcode == 0
    assert {each.name: each.read_bytes() for each in tmp_path.iterdir()} == {"x": b"old"}


def _save_with_no_room(path: Path) -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
    with pytest.raises(FlowError, match="x: File too large"):
        save(path, ONE)


def test_of_two_writers_at_once_each_file_is_whole(tmp_path: Path) -> None:
    save(path := tmp_path / "x", ONE)
    writers = [get_context("fork").Process(target=_save_often, args=(path, data)) for data in (ONE, OTHER)]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        assert path.read_bytes() in (ONE, OTHER)
    assert [writer.exitcode for writer in writers] == [0, 0]
    assert [each.name for each in tmp_path.iterdir()] == ["x"]


def _save_often(path: Path, data: bytes) -> None:
    for _ in range(200):
        save(path, data)


def test_a_name_of_any_legal_length_will_do(tmp_path: Path) -> None:
    save(tmp_path / ("n" * 255), b"here")
    assert (tmp_path / ("n" * 255)).read_bytes() == b"here"


@pytest.mark.parametrize("name", ["", ".", "/", "no/such/folder/x", "x\0y"])
def test_a_name_that_cannot_be_is_wrong_usage(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError):
        save(name, b"x")


def test_one_file_named_for_two_things_is_refused(tmp_path: Path) -> None:
    distinct(out="-", report=None, sidecar="-")
    (tmp_path / "link").symlink_to("x")
    with pytest.raises(UsageError, match="link is named as out and as report"):
        distinct(out=tmp_path / "x", report=tmp_path / "link")
