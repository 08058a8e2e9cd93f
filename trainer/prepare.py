"""A GGUF file becomes the Hugging Face folder that training starts from: fp32 weights and tokenizer."""

import os
import shutil
import struct
from pathlib import Path

from trainer import TrainError, storage
from trainer.events import Say
from trainer.jobs import PrepareJob


def prepare(job: PrepareJob, say: Say) -> dict[str, object]:
    """Result: base (the folder), prepared (False when it was there already)."""
    source, out = Path(job.gguf), Path(job.out)
    if is_model_folder(source):
        return {"base": str(source), "prepared": False}
    if is_model_folder(out):
        return {"base": str(out), "prepared": False}
    _check(source)
    temporary = out.with_name(f"{out.name}.{os.getpid()}.tmp")
    temporary.mkdir(parents=True)
    try:
        with storage.told_when_full(out.parent):
            _dequantise(source, temporary, say)
        return {"base": str(out), "prepared": _move(temporary, out)}
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def is_model_folder(path: Path) -> bool:
    return (path / "config.json").is_file()


def _check(source: Path) -> None:
    if source.is_dir():
        raise TrainError(f"{source}: a base model folder needs a config.json; this one has none.")
    if not source.is_file():
        raise TrainError(f"{source}: no such base model. The recipe's `base` names it.")
    with source.open("rb") as file:
        if file.read(4) != b"GGUF":
            raise TrainError(f"{source}: not a GGUF file. A base model is a .gguf file or a model folder.")


def _dequantise(source: Path, folder: Path, say: Say) -> None:
    say("phase", name="load the libraries")
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    say("phase", name="unpack the base model")
    place = {"pretrained_model_name_or_path": source.parent, "gguf_file": source.name}
    try:
        tokenizer = AutoTokenizer.from_pretrained(**place)
        # Without `dequantize` the weights stay marked as quantised and refuse to be saved or trained.
        unpacked = GgufConfig(dequantize=True)
        model = AutoModelForCausalLM.from_pretrained(**place, dtype=torch.float32, quantization_config=unpacked)
    except (ValueError, struct.error) as error:  # torn file, or an architecture that transformers does not know
        raise TrainError(f"{source}: cannot be unpacked: {error}") from error
    if not tokenizer.chat_template:
        raise TrainError(f"{source}: has no chat template. Take an instruct model, not a pure base model.")
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    readable(folder)


def readable(folder: Path) -> None:
    """Let other users read a model: safetensors writes mode 0600, and servers often run as somebody else."""
    for path in folder.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)


def _move(temporary: Path, out: Path) -> bool:
    """False when another process was faster: its folder is as good."""
    try:
        temporary.rename(out)
    except OSError:
        if not is_model_folder(out):
            raise
        return False
    return True
