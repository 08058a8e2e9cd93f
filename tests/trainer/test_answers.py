"""The CPU shortcuts change how much is computed, not what: loss and gradient are TRL's own."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.doubles.trainer import FACTS, row
from trainer import rows

pytest.importorskip("trl")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


def gradients(trainer_class: Any, tiny: Path, folder: Path) -> Iterator[Any]:
    """The loss of one batch of rows of very different length, then the gradient of each weight."""
    import datasets
    import msgspec
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from trl import SFTConfig

    tokenizer = AutoTokenizer.from_pretrained(tiny)
    chats = [msgspec.convert(row(q * (n % 3 * 9 + 1), a), rows.Row) for n, (q, a, _) in enumerate(FACTS)]
    examples = [one._asdict() for one in rows.encode(chats, tokenizer, [tokenizer.eos_token_id])]
    config = SFTConfig(
        str(folder),
        use_cpu=True,
        bf16=False,
        gradient_checkpointing=False,
        per_device_train_batch_size=8,
        dataset_kwargs={"skip_prepare_dataset": True},
        max_length=None,
    )
    trainer = trainer_class(
        model=AutoModelForCausalLM.from_pretrained(tiny),
        args=config,
        train_dataset=datasets.Dataset.from_list(examples),
        processing_class=tokenizer,
    )
    batch = next(iter(trainer.get_train_dataloader()))
    counted = (batch["labels"][:, 1:] != rows.IGNORED).sum()
    yield trainer.training_step(trainer.model, batch, counted)
    for parameter in trainer.model.parameters():
        yield parameter.grad


def test_loss_and_gradient_are_those_of_trl(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch
    from trl import SFTTrainer

    from trainer import answers

    monkeypatch.setattr(answers, "AT_ONCE", 400)
    wanted = list(gradients(SFTTrainer, tiny, tmp_path))
    found = list(gradients(answers.AnswerTrainer, tiny, tmp_path))
    assert len(wanted) == len(found) > 10
    for one, other in zip(wanted, found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)
