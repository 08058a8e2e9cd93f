"""Supervised fine-tuning, read top to bottom: chat rows and a recipe in, an adapter or a model folder out.

    python -m trainer train JOB.json

The same file trains with TRL + PEFT and, in Unsloth's own environment, with Unsloth: only loading the model
differs. Everything that shapes the result is written out here, since the two have different defaults.
"""

import hashlib
import math
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from trainer import TrainError, backend, checkpoints, estimate, model, rows, storage
from trainer.backend import Device
from trainer.events import Say
from trainer.jobs import TrainJob
from trainer.prepare import is_model_folder
from trainer.recipe import Recipe
from trainer.rows import Example


def train(job: TrainJob, say: Say) -> dict[str, object]:
    """Result: artefact (adapter or model folder), sha256 of its weights, metrics (file). Resumes itself."""
    out = Path(job.out)
    _check_paths(job)
    with checkpoints.exclusive(out):
        if checkpoints.claim(out, checkpoints.fingerprint(job)):
            say("note", message=f"{out} held the work of another recipe, base model or dataset: starting anew")
        if not (out / "metrics.json").is_file():
            with storage.told_when_full(out):
                _train(job, out, say)
    artefact = model.artefact(out, job.recipe)
    return {"artefact": str(artefact), "sha256": _weights_hash(artefact), "metrics": str(out / "metrics.json")}


def _check_paths(job: TrainJob) -> None:
    if not is_model_folder(Path(job.base)):
        raise TrainError(f"{job.base}: no base model there (no config.json). `prepare` makes it from a GGUF.")
    for path in (job.train, job.validation):
        if path and not Path(path).is_file():
            raise TrainError(f"{path}: no such file of training rows.")


def _train(job: TrainJob, out: Path, say: Say) -> None:
    recipe = job.recipe
    learnt, validation = rows.read(Path(job.train)), rows.read(Path(job.validation)) if job.validation else []

    say("phase", name="load the libraries")
    # Caches of the libraries belong to the run and go with it. Read at import, so set before.
    os.environ |= {"HF_HOME": str(out / "cache"), "UNSLOTH_COMPILE_LOCATION": str(out / "cache/unsloth")}
    if job.backend == "unsloth":
        import unsloth  # noqa: F401  first, since it patches trl, transformers and peft
    import datasets
    import transformers

    from trainer import progress

    transformers.set_seed(recipe.seed)
    device = backend.device()
    bf16 = recipe.dtype == "bf16" or (recipe.dtype == "auto" and device.bf16)
    _check_method(recipe, device, bool(validation))

    say("phase", name="prepare the rows")
    tokenizer = transformers.AutoTokenizer.from_pretrained(job.base)
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    ends = rows.end_tokens(Path(job.base), tokenizer)
    examples = rows.fitting(rows.encode(learnt, tokenizer, ends), recipe.max_length, recipe.max_dropped)
    checked = [one for one in rows.encode(validation, tokenizer, ends) if len(one.input_ids) <= recipe.max_length]
    per_step = recipe.batch * recipe.accumulate
    steps = recipe.steps or max(1, math.ceil(recipe.epochs * len(examples) / per_step))
    order = rows.order(len(examples), steps * per_step, recipe.seed, job.keep_order)

    _check_memory(job, device, bf16, examples, say)
    say("phase", name="load the base model")
    trainer = _trainer_class(job, device)(
        model=model.load(job, device, bf16),
        args=_config(recipe, device, bf16, steps, out / "checkpoints", bool(checked)),
        train_dataset=datasets.Dataset.from_list([one._asdict() for one in examples]).select(order),
        eval_dataset=datasets.Dataset.from_list([one._asdict() for one in checked]) if checked else None,
        processing_class=tokenizer,
    )
    trainer.remove_callback(transformers.PrinterCallback)  # its log lines are events here
    checkpoint, before = checkpoints.newest(out / "checkpoints")
    if checkpoint:
        say("note", message=f"going on at {checkpoint.name} of {steps}")
    told = progress.Progress(say, steps, len(tokenizer), before)
    trainer.add_callback(told)

    say("phase", name="train")
    progress.run(trainer, checkpoint, steps, told)

    say("phase", name="save")
    model.save(trainer.model, tokenizer, model.artefact(out, recipe), recipe.base)
    history, spent = trainer.state.log_history, told.total()
    losses = [progress.point(entry) for entry in history if "loss" in entry]
    validated = [{"step": e["step"], "loss": e["eval_loss"]} for e in history if "eval_loss" in e]
    _write_metrics(
        out / "metrics.json",
        rows=len(examples),
        dropped=len(learnt) - len(examples),
        validation_rows=len(checked),
        validation_dropped=len(validation) - len(checked),
        steps=steps,
        epochs=round(steps * per_step / len(examples), 3),
        seconds=round(spent.seconds, 2),
        tokens=sum(len(examples[row].input_ids) for row in order),
        loss_history=losses,
        eval_history=validated,
        train_loss=sum(point["loss"] for point in losses) / len(losses),
        eval_loss=validated[-1]["loss"] if validated else None,
        trained_parameters=sum(p.numel() for p in trainer.model.parameters() if p.requires_grad),
        peak_memory_bytes=spent.peak_memory_bytes,
        device=device.name,
        dtype="bf16" if bf16 else "fp32",
        backend=job.backend,
        base=recipe.base,
        versions=backend.versions(),
    )
    for rest in ("checkpoints", "cache"):
        shutil.rmtree(out / rest, ignore_errors=True)


def _check_method(recipe: Recipe, device: Device, validated: bool) -> None:
    if recipe.method == "qlora" and device.kind == "cpu" and validated:
        raise TrainError(
            "method qlora cannot be validated on a CPU: its 4-bit kernels repack the weights at the first "
            "evaluation, and every gradient after that is wrong. Use method lora, or no validation rows."
        )


def _check_memory(job: TrainJob, device: Device, bf16: bool, examples: Sequence[Example], say: Say) -> None:
    """Warn before a run that may not fit, refuse one that cannot; a GPU says so itself."""
    if device.kind != "cpu":
        return
    from trainer.answers import AT_ONCE

    longest = max(len(one.input_ids) for one in examples)
    tokens = max(longest, min(AT_ONCE, longest * job.recipe.batch))
    needed = estimate.training(estimate.shape(Path(job.base)), job.recipe, bf16=bf16, tokens=tokens)
    warning = estimate.check(needed, estimate.available())
    if warning:
        say("note", message=warning)


def _config(recipe: Recipe, device: Device, bf16: bool, steps: int, checkpoints: Path, validated: bool) -> Any:
    from trl import SFTConfig

    every = math.ceil(steps / recipe.checkpoints)
    return SFTConfig(
        output_dir=str(checkpoints),
        max_steps=steps,
        per_device_train_batch_size=recipe.batch,
        per_device_eval_batch_size=recipe.batch,
        gradient_accumulation_steps=recipe.accumulate,
        learning_rate=recipe.learning_rate,
        lr_scheduler_type=recipe.schedule,
        warmup_steps=recipe.warmup_steps,
        weight_decay=recipe.weight_decay,
        gradient_checkpointing=recipe.gradient_checkpointing,
        seed=recipe.seed,
        use_cpu=device.kind == "cpu",
        bf16=bf16,
        fp16=False,
        train_sampling_strategy="sequential",  # `order` has shuffled: a resumed run goes on in it
        dataset_kwargs={"skip_prepare_dataset": True},  # rows are rendered, masked and counted already
        max_length=None,  # too long ones are left out already; TRL would cut them without a word
        packing=False,  # slower on a CPU, and rows would see each other
        save_strategy="steps",
        save_steps=every,
        save_total_limit=2,
        eval_strategy="steps" if validated else "no",
        eval_steps=every,
        logging_steps=1,
        logging_nan_inf_filter=False,  # else a NaN is logged as the mean of the losses before it
        dataloader_pin_memory=device.kind == "cuda",
        report_to="none",
        disable_tqdm=True,
    )


def _trainer_class(job: TrainJob, device: Device) -> Any:
    """TRL's trainer on a GPU; on a CPU those that bound its memory and skip work which TRL skips on a GPU only."""
    if device.kind != "cpu":
        from trl import SFTTrainer

        return SFTTrainer
    from trainer.answers import AnswerTrainer, PartsTrainer

    return PartsTrainer if job.backend == "unsloth" else AnswerTrainer


def _weights_hash(folder: Path) -> str:
    """sha256 over the hashes of the weight files, hexadecimal."""
    whole = hashlib.sha256()
    for path in sorted(folder.glob("*.safetensors")):
        with path.open("rb") as file:
            whole.update(hashlib.file_digest(file, "sha256").digest())
    return whole.hexdigest()


def _write_metrics(path: Path, **metrics: object) -> None:
    """Written last, and at once: a run with metrics is finished."""
    temporary = path.with_suffix(".tmp")
    temporary.write_bytes(msgspec.json.format(msgspec.json.encode(metrics), indent=1))
    temporary.rename(path)
