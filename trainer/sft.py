"""Supervised fine-tuning, read top to bottom: chat rows and a recipe in, an adapter or a model folder out.

    python -m trainer train JOB.json

The same file trains with TRL + PEFT and, in Unsloth's own environment, with Unsloth: only loading the model
differs. Everything that shapes the result is written out here, since the two have different defaults.
"""

import hashlib
import math
import os
import resource
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import Any

import msgspec

from trainer import TrainError, backend, checkpoints, rows
from trainer.backend import Device
from trainer.events import Say, Stopped
from trainer.jobs import TrainJob
from trainer.prepare import is_model_folder, readable
from trainer.recipe import Recipe


def train(job: TrainJob, say: Say) -> dict[str, object]:
    """Result: artefact (adapter or model folder), sha256 of its weights, metrics (file). Resumes itself."""
    out = Path(job.out)
    _check_paths(job)
    with checkpoints.exclusive(out):
        if checkpoints.claim(out, checkpoints.fingerprint(job)):
            say(
                "note", message=f"{out} held the work of another recipe, base model or dataset: starting anew"
            )
        if not (out / "metrics.json").is_file():
            _train(job, out, say)
    artefact = out / ("model" if job.recipe.method == "full" else "adapter")
    return {
        "artefact": str(artefact),
        "sha256": _weights_hash(artefact),
        "metrics": str(out / "metrics.json"),
    }


def _check_paths(job: TrainJob) -> None:
    if not is_model_folder(Path(job.base)):
        raise TrainError(f"{job.base}: no base model there (no config.json). `prepare` makes it from a GGUF.")
    for path in (job.train, job.validation):
        if path and not Path(path).is_file():
            raise TrainError(f"{path}: no such file of training rows.")


def _train(job: TrainJob, out: Path, say: Say) -> None:
    recipe, started = job.recipe, time.monotonic()
    learnt, validation = rows.read(Path(job.train)), rows.read(Path(job.validation)) if job.validation else []

    say("phase", name="load the libraries")
    # Caches of the libraries belong to the run and go with it. Read at import, so set before.
    os.environ |= {"HF_HOME": str(out / "cache"), "UNSLOTH_COMPILE_LOCATION": str(out / "cache/unsloth")}
    if job.backend == "unsloth":
        import unsloth  # noqa: F401  first, since it patches trl, transformers and peft
    import datasets
    import transformers
    from trl import SFTConfig, SFTTrainer

    transformers.set_seed(recipe.seed)
    device = backend.device()
    bf16 = recipe.dtype == "bf16" or (recipe.dtype == "auto" and device.bf16)
    _check_method(recipe, device, bool(validation))

    say("phase", name="load the base model")
    tokenizer = transformers.AutoTokenizer.from_pretrained(job.base)
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    model = _load_unsloth(job, bf16) if job.backend == "unsloth" else _load(job, device, bf16)

    say("phase", name="prepare the rows")
    ends = rows.end_tokens(model, tokenizer)
    examples = rows.fitting(rows.encode(learnt, tokenizer, ends), recipe.max_length, recipe.max_dropped)
    checked = rows.encode(validation, tokenizer, ends) if validation else []
    checked = [one for one in checked if len(one.input_ids) <= recipe.max_length]
    per_step = recipe.batch * recipe.accumulate
    steps = recipe.steps or max(1, math.ceil(recipe.epochs * len(examples) / per_step))
    order = rows.order(len(examples), steps * per_step, recipe.seed, job.keep_order)
    train_set = datasets.Dataset.from_list([one._asdict() for one in examples]).select(order)

    config = SFTConfig(
        output_dir=str(out / "checkpoints"),
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
        save_steps=math.ceil(steps / recipe.checkpoints),
        save_total_limit=2,
        eval_strategy="steps" if checked else "no",
        eval_steps=math.ceil(steps / recipe.checkpoints),
        logging_steps=1,
        logging_nan_inf_filter=False,  # else a NaN is logged as the mean of the losses before it
        dataloader_pin_memory=device.kind == "cuda",
        report_to="none",
        disable_tqdm=True,
    )
    trainer = _trainer_class(SFTTrainer, job, device)(
        model=model,
        args=config,
        train_dataset=train_set,
        eval_dataset=datasets.Dataset.from_list([one._asdict() for one in checked]) if checked else None,
        processing_class=tokenizer,
    )
    trainer.remove_callback(transformers.PrinterCallback)  # its log lines are events here
    checkpoint, before = checkpoints.newest(out / "checkpoints")
    if checkpoint:
        say("note", message=f"going on at {checkpoint.name} of {steps} steps")
    progress = _progress(say, steps, model.config.vocab_size, before)
    trainer.add_callback(progress)

    say("phase", name="train")
    _run(trainer, str(checkpoint) if checkpoint else None, steps, progress)

    say("phase", name="save")
    _save(trainer.model, tokenizer, out, recipe)
    history = trainer.state.log_history
    losses = [_point(entry) for entry in history if "loss" in entry]
    evaluated = [{"step": e["step"], "loss": e["eval_loss"]} for e in history if "eval_loss" in e]
    total = progress.total()
    metrics = {
        "rows": len(examples),
        "dropped": len(learnt) - len(examples),
        "validation_rows": len(checked),
        "steps": steps,
        "epochs": round(steps * per_step / len(examples), 3),
        "seconds": round(total.seconds, 2),
        "seconds_this_process": round(time.monotonic() - started, 2),
        "tokens": sum(len(examples[row].input_ids) for row in order),
        "loss_history": losses,
        "eval_history": evaluated,
        "train_loss": sum(point["loss"] for point in losses) / len(losses),
        "eval_loss": evaluated[-1]["loss"] if evaluated else None,
        "trained_parameters": sum(p.numel() for p in trainer.model.parameters() if p.requires_grad),
        "parameters": sum(p.numel() for p in trainer.model.parameters()),
        "peak_memory_bytes": total.peak_memory_bytes,
        "device": device.name,
        "dtype": "bf16" if bf16 else "fp32",
        "backend": job.backend,
        "base": recipe.base,
        "versions": backend.versions(),
    }
    _write(out / "metrics.json", metrics)
    for rest in ("checkpoints", "cache"):
        shutil.rmtree(out / rest, ignore_errors=True)


def _check_method(recipe: Recipe, device: Device, validated: bool) -> None:
    if recipe.method == "qlora" and device.kind == "cpu" and validated:
        raise TrainError(
            "method qlora cannot be validated on a CPU: its 4-bit kernels repack the weights at the first "
            "evaluation, and every gradient after that is wrong. Use method lora, or curate.validation: 0."
        )


def _load(job: TrainJob, device: Device, bf16: bool) -> Any:
    """The base model with the recipe's adapters, the base frozen; without adapters when `full`."""
    import torch
    import transformers
    from peft import LoraConfig, get_peft_model, prepare_model_for_kbit_training

    recipe, lora = job.recipe, job.recipe.lora
    small = torch.bfloat16 if bf16 else torch.float32
    # Updates of all weights are too small for bfloat16; adapters stay in fp32 whatever the base is in.
    options: dict[str, Any] = {"dtype": torch.float32 if recipe.method == "full" else small}
    if recipe.method == "qlora":
        import bitsandbytes  # noqa: F401  transformers would only name it in its own words

        options["quantization_config"] = transformers.BitsAndBytesConfig(
            load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=small
        )
    model = transformers.AutoModelForCausalLM.from_pretrained(
        job.base, device_map="cuda:0" if device.kind == "cuda" else "cpu", **options
    )
    if recipe.method == "full":
        return model
    _check_targets(model, recipe)
    if recipe.method == "qlora":
        model = prepare_model_for_kbit_training(model, recipe.gradient_checkpointing)
    shape = LoraConfig(
        r=lora.r,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=list(lora.targets),
        task_type="CAUSAL_LM",
    )
    return get_peft_model(model, shape)


def _load_unsloth(job: TrainJob, bf16: bool) -> Any:
    """As `_load`, with Unsloth's patched layers."""
    import torch
    from unsloth import FastLanguageModel

    recipe, lora = job.recipe, job.recipe.lora
    model, _ = FastLanguageModel.from_pretrained(
        job.base,
        max_seq_length=recipe.max_length,
        dtype=torch.bfloat16 if bf16 else torch.float32,
        load_in_4bit=recipe.method == "qlora",
        full_finetuning=recipe.method == "full",
        use_gradient_checkpointing=recipe.gradient_checkpointing,
    )
    if recipe.method == "full":
        return model
    _check_targets(model, recipe)
    return FastLanguageModel.get_peft_model(
        model,
        r=lora.r,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=list(lora.targets),
        random_state=recipe.seed,
        use_gradient_checkpointing=recipe.gradient_checkpointing,
    )


def _check_targets(model: Any, recipe: Recipe) -> None:
    """PEFT passes over targets that do not exist: two backends would train different sets."""
    layers = {
        name.rpartition(".")[2] for name, layer in model.named_modules() if hasattr(layer, "in_features")
    }
    layers.discard("lm_head")  # the loss reads its weight directly, past an adapter
    unknown = sorted(set(recipe.lora.targets) - layers)
    if unknown:
        raise TrainError(
            f"lora.targets: the base model has no {unknown}. It has: {', '.join(sorted(layers))}."
        )


def _trainer_class(plain: Any, job: TrainJob, device: Device) -> Any:
    """TRL's trainer; on a CPU without Unsloth, the one that skips work which TRL skips on a GPU only."""
    if job.backend == "unsloth" or device.kind != "cpu":
        return plain
    from trainer.answers import AnswerTrainer

    return AnswerTrainer


def _progress(say: Say, steps: int, vocabulary: int, before: checkpoints.Mark) -> Any:
    """A callback that reports each step, stops when told or when the loss is senseless, marks checkpoints."""
    from transformers import TrainerCallback

    hopeless = 2 * math.log(vocabulary)  # guessing at random costs log(vocabulary) a token

    class Progress(TrainerCallback):  # type: ignore[misc]
        stopping = False
        started = time.monotonic()

        def total(self) -> checkpoints.Mark:
            seconds = before.seconds + time.monotonic() - self.started
            return checkpoints.Mark(seconds, max(before.peak_memory_bytes, _peak_memory()))

        def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float], **_: Any) -> None:
            if "eval_loss" in logs:
                say("validation", step=state.global_step, of=steps, loss=logs["eval_loss"])
            if "loss" not in logs:
                return
            if not logs["loss"] < hopeless:  # NaN is not less than anything
                raise TrainError(
                    f"the loss is {logs['loss']} at step {state.global_step}: training went astray. "
                    f"A lower learning_rate than {args.learning_rate} or more warmup_steps helps."
                )
            say("step", of=steps, **(_point(logs) | {"step": state.global_step}))

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            control.should_save |= self.stopping
            control.should_training_stop |= self.stopping

        def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            checkpoints.complete(Path(args.output_dir) / f"checkpoint-{state.global_step}", self.total())

    return Progress()


def _point(entry: dict[str, Any]) -> dict[str, Any]:
    """One point of the loss curve."""
    return {name: entry[name] for name in ("step", "loss", "learning_rate", "grad_norm") if name in entry}


def _run(trainer: Any, checkpoint: str | None, steps: int, progress: Any) -> None:
    """Train to the end; when told to stop, save a checkpoint after the step at hand and raise Stopped."""
    import torch

    def stop(_signal: int, _frame: object) -> None:
        progress.stopping = True

    kept = {one: signal.signal(one, stop) for one in (signal.SIGTERM, signal.SIGINT)}
    try:
        trainer.train(resume_from_checkpoint=checkpoint)
    except torch.OutOfMemoryError as error:
        raise TrainError(
            "the GPU's memory is full. A smaller batch (with accumulate), a smaller max_length, "
            "gradient_checkpointing: true or method: qlora in the recipe helps."
        ) from error
    finally:
        for one, handler in kept.items():
            signal.signal(one, handler)
    if trainer.state.global_step < steps:
        raise Stopped(128 + signal.SIGTERM)


def _save(model: Any, tokenizer: Any, out: Path, recipe: Recipe) -> None:
    """The artefact under its final name once it is whole, readable by other users, free of local paths."""
    artefact = out / ("model" if recipe.method == "full" else "adapter")
    temporary = out / f"{artefact.name}.tmp"
    for old in (temporary, artefact):
        shutil.rmtree(old, ignore_errors=True)
    model.save_pretrained(temporary)
    tokenizer.save_pretrained(temporary)
    (temporary / "README.md").unlink(missing_ok=True)  # PEFT's template of a model card, not filled in
    described = temporary / "adapter_config.json"
    if described.is_file():
        config = msgspec.json.decode(described.read_bytes())
        config["base_model_name_or_path"] = recipe.base
        described.write_bytes(msgspec.json.format(msgspec.json.encode(config), indent=2))
    readable(temporary)
    temporary.rename(artefact)


def _weights_hash(folder: Path) -> str:
    """sha256 over the hashes of the weight files, hexadecimal."""
    whole = hashlib.sha256()
    for path in sorted(folder.glob("*.safetensors")):
        with path.open("rb") as file:
            whole.update(hashlib.file_digest(file, "sha256").digest())
    return whole.hexdigest()


def _peak_memory() -> int:
    """Bytes: of the GPU when there is one in use, else of this process."""
    import torch

    if torch.cuda.is_available():
        return int(torch.cuda.max_memory_allocated())
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _write(path: Path, metrics: dict[str, Any]) -> None:
    temporary = path.with_suffix(".tmp")
    temporary.write_bytes(msgspec.json.format(msgspec.json.encode(metrics), indent=1))
    temporary.rename(path)
