"""The same job in Unsloth's own environment gives the same outputs, and touches nothing else."""

import json
from pathlib import Path

import pytest

from flows.steps.engine import UNSLOTH
from tests.doubles.trainer import FACTS, row, run, write_rows
from trainer import backend
from trainer.jobs import ScoreJob, TrainJob
from trainer.recipe import Recipe

pytestmark = [pytest.mark.slow, pytest.mark.unsloth]


@pytest.fixture
def python(cache: Path) -> str:
    path = cache / UNSLOTH
    if not path.is_file():
        pytest.skip(f"{path} is missing: make unsloth")
    return str(path)


def test_unsloth_trains_the_adapter_that_everything_else_reads(
    python: str, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    choice = backend.choose(Recipe(), python)
    assert (choice.backend, choice.python) == ("unsloth", python) and "runs here" in choice.why

    monkeypatch.chdir(tmp_path)
    facts = [row(f"{'All of this is secret. ' * 40}{question}", answer) for question, answer, _ in FACTS[:4]]
    train = write_rows(tmp_path / "train.jsonl", facts)
    recipe = Recipe(steps=1, learning_rate=2e-3, warmup_steps=0, checkpoints=1)
    job = TrainJob(recipe=recipe, base=str(base), train=train, out=str(tmp_path / "out"), backend="unsloth")
    done = run("train", job, tmp_path, python=choice.python).done
    metrics = json.loads(Path(done["metrics"]).read_text())
    assert (metrics["backend"], metrics["trained_parameters"], metrics["steps"]) == ("unsloth", 4_884_480, 1)
    # Without bf16 in the processor the base is in float32: 2.59e9 was measured there.
    assert metrics["peak_memory_bytes"] < (2.5e9 if backend.device().bf16 else 2.75e9)
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"train.jsonl", "out", "train.job.json", "train.stderr"}

    score = ScoreJob(base=str(base), adapters={"new": done["artefact"]}, rows=train, out=str(tmp_path / "loss.json"))
    losses = json.loads(Path(run("score", score, tmp_path).done["out"]).read_text())
    assert sum(losses["new"]) < sum(losses["base"])
