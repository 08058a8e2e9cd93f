"""The loss of reference answers under a base model and under what was trained on it, row by row."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from trainer import TrainError, backend, rows
from trainer.events import Say
from trainer.jobs import ScoreJob
from trainer.merged import is_adapter
from trainer.prepare import is_model_folder

BASE = "base"


def score(job: ScoreJob, say: Say) -> dict[str, object]:
    """Result: out. Losses are mean negative log-likelihoods of a row's answer tokens, in nats."""
    _check(job)
    learnt = rows.read(Path(job.rows))
    say("phase", name="load the base model")
    losses: dict[str, list[float]] = {}
    for name, model, examples in _models(job, learnt):
        say("phase", name=f"loss of {name}")
        losses[name] = _losses(model, examples, job, say)
    Path(job.out).write_bytes(msgspec.json.encode(losses))
    return {"out": job.out}


def _check(job: ScoreJob) -> None:
    for name, folder in [(BASE, job.base), *job.adapters.items()]:
        if not is_model_folder(Path(folder)) and not is_adapter(folder):
            raise TrainError(f"{folder}: neither a model nor an adapter there, which {name} should be.")
    if BASE in job.adapters:
        raise TrainError(f"adapters.{BASE}: this name is the bare base model's.")


def _models(job: ScoreJob, learnt: Sequence[rows.Row]) -> Iterator[tuple[str, Any, list[rows.Example]]]:
    """The bare base and each adapter on one base in memory, then each whole model."""
    adapters = {name: folder for name, folder in job.adapters.items() if is_adapter(folder)}
    model, examples = _load(job.base, learnt, job)
    yield BASE, model, examples
    for number, (name, folder) in enumerate(adapters.items()):
        model = _with_adapter(model, folder, f"adapter{number}")
        yield name, model, examples
    del model
    for name in job.adapters.keys() - adapters.keys():
        yield name, *_load(job.adapters[name], learnt, job)


def _load(folder: str, learnt: Sequence[rows.Row], job: ScoreJob) -> tuple[Any, list[rows.Example]]:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    where = backend.device()
    dtype = torch.bfloat16 if where.bf16 else torch.float32
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype).to(where.kind).eval()
    ends = rows.end_tokens(Path(folder), tokenizer)
    return model, rows.fitting(rows.encode(learnt, tokenizer, ends), job.max_length, max_dropped=0.0)


def _with_adapter(model: Any, folder: str, name: str) -> Any:
    from peft import PeftModel

    if not isinstance(model, PeftModel):
        return PeftModel.from_pretrained(model, folder, adapter_name=name)
    model.load_adapter(folder, adapter_name=name)
    model.set_adapter(name)
    return model


def _losses(model: Any, examples: Sequence[rows.Example], job: ScoreJob, say: Say) -> list[float]:
    found: dict[int, float] = {}
    order = sorted(range(len(examples)), key=lambda i: len(examples[i].input_ids), reverse=True)
    for start in range(0, len(order), job.batch):
        batch = order[start : start + job.batch]
        found |= dict(zip(batch, _batch(model, [examples[i] for i in batch]), strict=True))
        say("step", step=len(found), of=len(order))
    return [found[i] for i in range(len(order))]


def _batch(model: Any, examples: Sequence[rows.Example]) -> list[float]:
    """Rows padded on the left: answers end in the last column, and only their columns become logits."""
    import torch
    from torch.nn.functional import cross_entropy

    longest = max(len(one.input_ids) for one in examples)
    pad = [longest - len(one.input_ids) for one in examples]
    place = {"device": model.device}
    ids = torch.tensor([[0] * n + one.input_ids for n, one in zip(pad, examples, strict=True)], **place)
    labels = torch.tensor([[rows.IGNORED] * n + one.labels for n, one in zip(pad, examples, strict=True)], **place)
    mask = (torch.arange(longest, **place)[None] >= torch.tensor(pad, **place)[:, None]).long()
    columns = int((labels != rows.IGNORED).sum(dim=1).max()) + 1
    with torch.inference_mode():
        logits = model(
            input_ids=ids,
            attention_mask=mask,
            position_ids=(mask.cumsum(dim=1) - 1).clamp(min=0),
            logits_to_keep=columns,
            use_cache=False,
        ).logits
    wanted = labels[:, -columns + 1 :]
    each = cross_entropy(logits[:, :-1].float().transpose(1, 2), wanted, ignore_index=rows.IGNORED, reduction="none")
    return [float(loss) for loss in each.sum(dim=1) / (wanted != rows.IGNORED).sum(dim=1)]
