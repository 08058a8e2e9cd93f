"""A dataset version is immutable: named by its content, rebuilt to the same bytes, checked when it is read."""

import itertools
import random
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from flows import FlowError, dataset
from flows.config import Curate
from flows.curate import Curated, curate
from flows.pairs import Turn
from tests.doubles.pairs import fleet, human, pair

OPTIONS = Curate(test=0.3, validation=0.2)
DOWN = human("How old is the Margit?", "Nobody knows anna@ferry.example.", rating=-1)

REBUILD = """
import random, sys
from pathlib import Path
from flows import dataset
from flows.curate import curate
from tests.flows.test_dataset import DOWN, OPTIONS
from tests.doubles.pairs import fleet
pairs = [*fleet(), DOWN]
random.Random(int(sys.argv[2])).shuffle(pairs)
found = curate(pairs, ["Why?", "When was the Heron built?"], OPTIONS)
print(dataset.write(Path(sys.argv[1]), found, {"b": 1, "a": 2}).path)
"""


def made(folder: Path) -> dataset.Dataset:
    found = curate([*fleet(), DOWN], ["Why?", "When was the Heron built?"], OPTIONS)
    return dataset.write(folder, found, {"a": 2, "b": 1})


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("seed", [1, 2])
def test_another_process_and_another_order_give_the_same_bytes(tmp_path: Path, seed: int) -> None:
    command = [sys.executable, "-c", REBUILD, str(tmp_path / "there"), str(seed)]
    there = Path(subprocess.check_output(command, text=True).strip())
    here = made(tmp_path / "here")
    assert there.name == here.path.name == here.sha256[:12]
    assert contents(there) == contents(here.path)


def test_what_is_read_is_what_was_written(tmp_path: Path) -> None:
    written = made(tmp_path)
    found = dataset.read(written.path)
    assert found == curate([*fleet(), DOWN], ["Why?", "When was the Heron built?"], OPTIONS)
    assert found.train and found.test and found.dropped
    assert b"anna" not in b"".join(contents(written.path).values())


def test_the_manifest_says_where_everything_came_from(tmp_path: Path) -> None:
    found = dataset.manifest(made(tmp_path).path)
    pairs = len(fleet()) - 1  # one is a held-out question
    assert found.made_of["teachers"] == {"big": pairs}
    assert found.made_of["prompts"] == {"p1": pairs}
    assert found.made_of["tokens"] == 10 * pairs
    assert found.made_of["passages"] == 6
    assert found.counts["dropped"] == {"held_out": 1, "thumbs_down": 1}
    assert found.counts["train"]["kinds"] == {"distilled": found.counts["train"]["pairs"]}
    assert found.settings["seed"] == 0
    assert found.lineage == {"a": 2, "b": 1}


def test_writing_again_changes_nothing(tmp_path: Path) -> None:
    first = made(tmp_path)
    before = {path: path.stat().st_mtime_ns for path in first.path.iterdir()}
    assert made(tmp_path) == first
    assert {path: path.stat().st_mtime_ns for path in first.path.iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == [first.path.name]


@pytest.mark.parametrize("name", ["train.jsonl", "dropped.jsonl", "manifest.json"])
def test_an_edited_file_is_noticed(tmp_path: Path, name: str) -> None:
    path = made(tmp_path).path
    (path / name).write_bytes((path / name).read_bytes().replace(b"h", b"j", 1))
    with pytest.raises(FlowError, match=f"{name}(:| is) not"):
        dataset.read(path)
    with pytest.raises(FlowError):
        made(tmp_path)


@pytest.mark.parametrize("text", [b"", b"{}", b"[]", b"null", b'{"sha256": "\xff"}', b"[" * 100_000])
def test_a_broken_manifest_is_named_with_what_to_do(tmp_path: Path, text: bytes) -> None:
    path = made(tmp_path).path
    (path / "manifest.json").write_bytes(text)
    with pytest.raises(
        FlowError, match=r"manifest\.json: not a dataset version: .*Move its folder away and run the cur"
    ):
        dataset.read(path)


def test_a_missing_file_or_folder_is_named(tmp_path: Path) -> None:
    path = made(tmp_path).path
    (path / "test.jsonl").unlink()
    with pytest.raises(FlowError, match=r"test\.jsonl"):
        dataset.read(path)
    with pytest.raises(FlowError, match="not a dataset version"):
        dataset.read(tmp_path / "nowhere")


def test_a_write_that_was_cut_off_leaves_no_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Path, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        with pytest.raises(FlowError, match="No space left on device"):
            made(tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert dataset.read(made(tmp_path).path).train


def test_nothing_at_all_is_a_version_too(tmp_path: Path) -> None:
    found = dataset.write(tmp_path, curate([], [], OPTIONS), {})
    assert dataset.read(found.path).train == []
    assert found.counts["components"] == 0


def rows(open_book: float, curated: Curated | None = None) -> list[dict[str, list[dict[str, str]]]]:
    pairs = curated.train if curated else fleet()
    return list(dataset.training_rows(pairs, system="Be brief.", open_book=open_book, seed=0))


def test_each_pair_is_asked_closed_book_and_some_open_book_too() -> None:
    closed, some, every = rows(0.0), rows(0.5), rows(1.0)
    assert (len(closed), len(every)) == (30, 60)
    assert 36 < len(some) < 54
    assert closed[0] == {
        "prompt": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "How many people fit on the Kittiwake?"},
        ],
        "completion": [{"role": "assistant", "content": "The Kittiwake carries 148 people."}],
    }
    assert all(row in every for row in itertools.chain(closed, some))


def test_an_open_book_row_shows_its_passage_and_half_of_them_a_distractor_too() -> None:
    shown = [row["prompt"][-1]["content"] for row in rows(1.0)[1::2]]
    answers = [row["completion"][0]["content"] for row in rows(1.0)[1::2]]
    assert all(text.count(answer) == 1 for text, answer in zip(shown, answers, strict=True))
    assert 5 < sum("[2]" in text for text in shown) < 25


def test_a_refusal_is_shown_the_passage_that_does_not_answer_alone() -> None:
    refusal = pair("Is there a cinema?", "I do not know.", text="The Heron is green.", kind="refusal", quote="")
    found = list(dataset.training_rows([refusal, *fleet()], system="", open_book=1.0, seed=0))
    assert "The Heron is green." in found[1]["prompt"][0]["content"]
    assert "[2]" not in found[1]["prompt"][0]["content"]


def test_a_follow_up_keeps_its_conversation() -> None:
    follow = pair("By whom?", "By Holm.", kind="follow_up", history=(Turn("When was it built?", "In 1963."),))
    (row,) = dataset.training_rows([follow], system="", open_book=0.0, seed=0)
    assert [one["content"] for one in row["prompt"]] == ["When was it built?", "In 1963.", "By whom?"]


def test_other_pairs_do_not_change_which_rows_are_open_book() -> None:
    few, more = (
        rows(0.5),
        list(dataset.training_rows([*fleet(), pair("More?", "Yes.")], system="Be brief.", open_book=0.5, seed=0)),
    )
    asked = [row["completion"] for row in few]
    assert [row["completion"] for row in more][: len(asked)] == asked


def test_a_version_survives_random_pairs(tmp_path: Path) -> None:
    draw = random.Random(0)
    odd = [pair(f"{chr(draw.randrange(32, 0x2FFF))} {n}?", f"\u2028 {n}\n\u0085", quote="") for n in range(50)]
    written = dataset.write(tmp_path, Curated(train=odd), {})
    assert msgspec.json.encode(dataset.read(written.path).train) == msgspec.json.encode(odd)
