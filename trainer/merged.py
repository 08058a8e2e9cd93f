"""A base model and what was trained on it as one model in fp32: for export, and for measuring."""

from pathlib import Path
from typing import Any

from trainer import TrainError
from trainer.jobs import ExportJob
from trainer.prepare import is_model_folder


def is_adapter(folder: str) -> bool:
    return (Path(folder) / "adapter_config.json").is_file()


def merged(base: str, trained: str) -> tuple[Any, Any]:
    """(model, tokenizer) of the bare base when `trained` is empty, of base + adapter, or of a trained model.

    Weights are fp32: an adapter is merged into what the base really holds, and cast once, on conversion.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    whole = trained if trained and not is_adapter(trained) else base
    for folder, what in ((whole, "model"), (trained or base, "tokenizer")):
        if not is_model_folder(Path(folder)) and not is_adapter(folder):
            raise TrainError(f"{folder}: no {what} there (neither config.json nor adapter_config.json).")
    model = AutoModelForCausalLM.from_pretrained(whole, dtype=torch.float32)
    if whole != trained and trained:
        from peft import PeftModel

        model = PeftModel.from_pretrained(model, trained).merge_and_unload()
    return model.eval(), AutoTokenizer.from_pretrained(trained or base)


def weights_bytes(job: ExportJob) -> int:
    """Of the base model's weight files."""
    return sum(path.stat().st_size for path in Path(job.base).glob("*.safetensors"))
