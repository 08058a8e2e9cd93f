"""A recipe that cannot be meant is refused with the place, the value and the nearest key."""

from pathlib import Path

import pytest

from trainer import TrainError, recipe


def load(tmp_path: Path, text: str) -> recipe.Recipe:
    path = tmp_path / "mine.yml"
    path.write_text(text)
    return recipe.load(path)


@pytest.mark.parametrize("name", recipe.ready_made())
def test_every_ready_made_recipe_reads(name: str) -> None:
    read = recipe.load(Path(recipe.__file__).parent / "recipes" / f"{name}.yml")
    assert read.learning_rate > 0 and read.base


def test_an_empty_recipe_is_the_default_one(tmp_path: Path) -> None:
    assert load(tmp_path, "") == recipe.Recipe()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("epoch: 3", "unknown key 'epoch'. Did you mean 'epochs'?"),
        ("max_seq_length: 256", "unknown key 'max_seq_length'. It is called 'max_length' here."),
        ("lora: {lora_alpha: 32}", "unknown key 'lora.lora_alpha'. It is called 'alpha' here."),
        ("num_train_epochs: 3", "It is called 'epochs' here."),
        ("lora: {rank_: 8}", "unknown key 'lora.rank_'"),
        ("method: dora", "method: expected one of full, lora, qlora, got 'dora'. Did you mean 'lora'?"),
        ("schedule: cosin", "inverse_sqrt, linear, got 'cosin'. Did you mean 'cosine'?"),
        ("batch: many", "batch: expected a whole number from 1 to 10,000, got 'many'"),
        ("batch: 0", "batch: expected a whole number from 1 to 10,000, got 0"),
        ("learning_rate: -0.1", "learning_rate: expected a number above 0, got -0.1"),
        ("max_dropped: 2", "max_dropped: expected a number from 0 to 1, got 2: 2 % is 0.02"),
        ("epochs: .inf", "epochs: expected a number above 0, at most 1,000, got inf"),
        ("weight_decay: .nan", "weight_decay: expected a number from 0 to 1, got nan"),
        ("lora: {dropout: 1}", "lora.dropout: expected a number from 0 to below 1, got 1"),
        ("lora: {targets: []}", "lora.targets: expected at least one entry, got none"),
        ("batch: 4\nepochs: 3\nbatch: 8", "batch stands twice, in lines 1 and 3"),
        ("[1, 2]", "mine.yml: expected a mapping, got a list"),
        ("base:", "base: expected a text, got nothing: give it a value or remove the key"),
        ("lora: {3: 4}", "lora: expected a text as key, got 3: in quotes it is a text"),
        ("base: [", "not readable as YAML"),
    ],
)
def test_a_wrong_recipe_names_file_key_and_cure(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(TrainError) as caught:
        load(tmp_path, text)
    assert str(caught.value).startswith(str(tmp_path / "mine.yml"))
    assert said in str(caught.value)


def test_the_exponent_that_yaml_takes_for_a_text_is_explained(tmp_path: Path) -> None:
    with pytest.raises(TrainError, match=r"learning_rate.*'1e-3'.*1\.0e-3"):
        load(tmp_path, "learning_rate: 1e-3")


def test_a_missing_recipe_lists_the_ready_made_ones(tmp_path: Path) -> None:
    with pytest.raises(TrainError, match="smollm2-lora"):
        recipe.load(tmp_path / "none.yml")
