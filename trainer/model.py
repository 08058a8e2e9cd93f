"""The base model with the recipe's adapters on it, ready to train; and what comes of it, saved."""

import shutil
from pathlib import Path
from typing import Any

import msgspec

from trainer import TrainError
from trainer.backend import Device
from trainer.jobs import TrainJob
from trainer.prepare import readable
from trainer.recipe import Recipe


def load(job: TrainJob, device: Device, bf16: bool) -> Any:
    """All backends train the same set: the adapters' targets are written out, the base is frozen."""
    if job.backend == "unsloth":
        return _with_unsloth(job, bf16)
    return _with_peft(job, device, bf16)


def _with_peft(job: TrainJob, device: Device, bf16: bool) -> Any:
    import torch
    import transformers
    from peft import LoraConfig, get_peft_model, prepare_model_for_kbit_training

    recipe, lora = job.recipe, job.recipe.lora
    small = torch.bfloat16 if bf16 else torch.float32
    # Updates of all weights are too small for bfloat16; adapters stay in fp32 whatever the base is in.
    options: dict[str, Any] = {"dtype": torch.float32 if recipe.method == "full" else small}
    if recipe.method == "qlora":
        import bitsandbytes  # noqa: F401  asks for it in our words

        options["quantization_config"] = transformers.BitsAndBytesConfig(
            load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=small
        )
    place = "cuda:0" if device.kind == "cuda" else "cpu"
    model = transformers.AutoModelForCausalLM.from_pretrained(job.base, device_map=place, **options)
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


def _with_unsloth(job: TrainJob, bf16: bool) -> Any:
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
    layers = {name.rpartition(".")[2] for name, part in model.named_modules() if hasattr(part, "in_features")}
    layers.discard("lm_head")  # the loss reads its weight directly, past an adapter
    unknown = sorted(set(recipe.lora.targets) - layers)
    if unknown:
        known = ", ".join(sorted(layers))
        raise TrainError(f"lora.targets: the base model has no {', '.join(unknown)}. It has: {known}.")


def artefact(out: Path, recipe: Recipe) -> Path:
    """Where the result of a run lies: a PEFT adapter, or the whole model of method `full`."""
    return out / ("model" if recipe.method == "full" else "adapter")


def save(model: Any, tokenizer: Any, target: Path, base: str) -> None:
    """The artefact under its final name once it is whole, readable by other users, free of local paths."""
    temporary = target.with_name(f"{target.name}.tmp")
    for old in (temporary, target):
        shutil.rmtree(old, ignore_errors=True)
    model.save_pretrained(temporary)
    tokenizer.save_pretrained(temporary)
    (temporary / "README.md").unlink(missing_ok=True)  # PEFT's empty form of a model card
    described = temporary / "adapter_config.json"
    if described.is_file():
        config = msgspec.json.decode(described.read_bytes()) | {"base_model_name_or_path": base}
        described.write_bytes(msgspec.json.format(msgspec.json.encode(config), indent=2))
    readable(temporary)
    temporary.rename(target)
