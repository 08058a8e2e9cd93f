"""A run folder belongs to one recipe, base and dataset, and to one process at a time."""

from pathlib import Path

import msgspec
import pytest

from tests.doubles.trainer import row, write_rows
from trainer import TrainError, checkpoints
from trainer.jobs import TrainJob
from trainer.recipe import Recipe


@pytest.fixture
def job(tmp_path: Path) -> TrainJob:
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "config.json").write_text("{}")
    rows = write_rows(tmp_path / "train.jsonl", [row("?", "!")])
    return TrainJob(recipe=Recipe(), base=str(tmp_path / "base"), train=rows, out=str(tmp_path / "out"))


def checkpoint(folder: Path, step: int, seconds: float | None) -> Path:
    path = folder / f"checkpoint-{step}"
    path.mkdir(parents=True)
    (path / "optimizer.pt").write_text("half")
    if seconds is not None:
        checkpoints.complete(path, checkpoints.Mark(seconds))
    return path


def test_recipe_rows_and_base_make_the_fingerprint(job: TrainJob) -> None:
    before = checkpoints.fingerprint(job)
    assert checkpoints.fingerprint(job) == before
    assert checkpoints.fingerprint(msgspec.structs.replace(job, out="elsewhere")) == before
    other = [msgspec.structs.replace(job, recipe=Recipe(seed=1)), msgspec.structs.replace(job, keep_order=True)]
    write_rows(Path(job.out + ".jsonl"), [row("?", "other")])
    other.append(msgspec.structs.replace(job, train=job.out + ".jsonl"))
    (Path(job.base) / "model.safetensors").write_text("new weights")
    assert len({before, checkpoints.fingerprint(job), *map(checkpoints.fingerprint, other)}) == 5


def test_the_work_of_another_recipe_is_removed_and_the_same_recipe_finds_its_own(tmp_path: Path) -> None:
    assert not checkpoints.claim(tmp_path, "one")
    checkpoint(tmp_path / "checkpoints", 4, 1.0)
    (tmp_path / "metrics.json").write_text("{}")
    assert not checkpoints.claim(tmp_path, "one")
    assert (tmp_path / "metrics.json").exists()
    assert checkpoints.claim(tmp_path, "two")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fingerprint"]


def test_the_newest_whole_checkpoint_counts_and_half_written_ones_go(tmp_path: Path) -> None:
    checkpoint(tmp_path, 4, 10.0)
    whole = checkpoint(tmp_path, 8, 20.0)
    half = checkpoint(tmp_path, 12, None)
    assert checkpoints.newest(tmp_path) == (whole, checkpoints.Mark(20.0))
    assert not half.exists()


def test_without_a_checkpoint_a_run_starts_at_nought(tmp_path: Path) -> None:
    assert checkpoints.newest(tmp_path / "none") == (None, checkpoints.Mark())


def test_two_processes_never_train_into_one_folder(tmp_path: Path) -> None:
    with (
        checkpoints.exclusive(tmp_path),
        pytest.raises(TrainError, match="another process"),
        checkpoints.exclusive(tmp_path, patience=0.1),
    ):
        pass
    with checkpoints.exclusive(tmp_path, patience=0.1):
        pass
