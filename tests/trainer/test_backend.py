"""Which library trains, and why: asked in its own Python, never imported here."""

import sys
from pathlib import Path

import pytest

from trainer import TrainError, backend
from trainer.recipe import Recipe

pytest.importorskip("trl")


def fake_python(folder: Path, answer: str, code: int) -> str:
    path = folder / "python"
    path.write_text(f"#!/bin/sh\nprintf '%s' '{answer}'\necho why it failed >&2\nexit {code}\n")
    path.chmod(0o755)
    return str(path)


def test_without_an_unsloth_environment_trl_trains_and_the_reason_says_how_to_get_it() -> None:
    choice = backend.choose(Recipe(), "/nowhere/bin/python")
    assert (choice.backend, choice.python) == ("trl", sys.executable)
    assert choice.name.startswith("TRL 1.") and choice.device
    assert choice.why == "Unsloth is optional and not at /nowhere/bin/python; `make unsloth` puts it there"


def test_an_unsloth_environment_that_works_is_taken(tmp_path: Path) -> None:
    found = '{"event":"done","device":"cuda","bf16":true,"memory_bytes":1,"versions":{"unsloth":"2026.10.9"}}'
    python = fake_python(tmp_path, found, 0)
    choice = backend.choose(Recipe(), python)
    assert choice[:4] == ("unsloth", "Unsloth 2026.10.9", python, "cuda")
    assert backend.choose(Recipe(backend="trl"), python).backend == "trl"


@pytest.mark.parametrize(
    ("answer", "code", "said"), [('{"event":"error","message":"no torch"}', 1, "no torch"), ("", 134, "why it failed")]
)
def test_one_that_does_not_work_is_passed_over_unless_the_recipe_insists(
    tmp_path: Path, answer: str, code: int, said: str
) -> None:
    python = fake_python(tmp_path, answer, code)
    choice = backend.choose(Recipe(), python)
    assert choice.backend == "trl" and said in choice.why
    with pytest.raises(TrainError, match=said):
        backend.choose(Recipe(backend="unsloth"), python)


def test_a_recipe_that_insists_on_unsloth_is_refused_without_it() -> None:
    with pytest.raises(TrainError, match="asks for backend unsloth"):
        backend.choose(Recipe(backend="unsloth"), "")
