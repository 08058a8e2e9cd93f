"""The memory of a training run, from the model's shape alone, checked against what runs really took."""

from pathlib import Path

import msgspec
import pytest

from trainer import TrainError, estimate
from trainer.recipe import Lora, Recipe

SMOLLM2 = estimate.Shape(
    hidden_size=576,
    num_hidden_layers=30,
    intermediate_size=1536,
    vocab_size=49152,
    num_attention_heads=9,
    num_key_value_heads=3,
    tie_word_embeddings=True,
)


def test_parameters_are_counted_to_the_last_one() -> None:
    assert SMOLLM2.parameters == 134_515_008
    assert estimate.lora_parameters(SMOLLM2, Recipe()) == 4_884_480
    assert estimate.lora_parameters(SMOLLM2, Recipe(lora=Lora(targets=("q_proj", "v_proj")))) == 921_600


@pytest.mark.parametrize(
    ("recipe", "bf16", "tokens", "measured"),
    [
        (Recipe(), True, 416, 1.9e9),
        (Recipe(), True, 990, 2.5e9),
        (Recipe(gradient_checkpointing=True), True, 990, 1.4e9),
        (Recipe(), False, 416, 2.5e9),
        (Recipe(), False, 990, 3.8e9),
        (Recipe(method="full"), True, 990, 4.5e9),
    ],
)
def test_the_estimate_is_within_a_quarter_of_the_measured_peak(
    recipe: Recipe, bf16: bool, tokens: int, measured: float
) -> None:
    assert estimate.training(SMOLLM2, recipe, bf16=bf16, tokens=tokens).total == pytest.approx(measured, rel=0.25)


def test_a_run_that_cannot_fit_is_refused_and_a_tight_one_warned_of() -> None:
    needed = estimate.training(SMOLLM2, Recipe(), bf16=True, tokens=990)
    assert estimate.check(needed, free=needed.total) == ""
    assert "gradient_checkpointing" in estimate.check(needed, free=needed.total - 1)
    with pytest.raises(TrainError, match=r"at least 0\.9 GB .* 0\.5 GB are free"):
        estimate.check(needed, free=500_000_000)


def test_the_shape_is_read_from_the_model_folder(tmp_path: Path) -> None:
    config = msgspec.structs.asdict(SMOLLM2) | {"architectures": ["LlamaForCausalLM"], "rope_theta": 100000}
    (tmp_path / "config.json").write_bytes(msgspec.json.encode(config))
    assert estimate.shape(tmp_path) == SMOLLM2
    (tmp_path / "config.json").write_text('{"d_model": 512}')
    with pytest.raises(TrainError, match="hidden_size"):
        estimate.shape(tmp_path)


def test_free_memory_is_what_this_machine_says() -> None:
    assert 10_000_000 < estimate.available() < 10**14
