"""The job files of `python -m trainer COMMAND JOB.json`: paths in, a folder out."""

from pathlib import Path
from typing import Literal

import msgspec

from trainer import TrainError
from trainer.recipe import Recipe, T, decode


class Job(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one process of the trainer does. Paths are absolute, or relative to where the process starts."""


class PrepareJob(Job, frozen=True, kw_only=True):
    """Turn a GGUF file into the Hugging Face folder that training starts from."""

    gguf: str  # or a Hugging Face folder, which is taken as it is
    out: str


class TrainJob(Job, frozen=True, kw_only=True):
    """Train `base` on `train`; goes on by itself where an earlier process of the same job stopped."""

    recipe: Recipe
    base: str  # Hugging Face folder
    train: str  # JSONL: {"prompt": [{"role", "content"}, ..], "completion": [{"role": "assistant", ..}]}
    out: str
    validation: str = ""  # JSONL of the same form; its loss is measured at every checkpoint
    backend: Literal["trl", "unsloth"] = "trl"  # what `backend.choose` found; the process runs in its Python
    keep_order: bool = False  # rows in file order (a curriculum) instead of shuffled


class ExportJob(Job, frozen=True, kw_only=True):
    """Turn base + adapter into one GGUF file that a server loads."""

    base: str
    out: str
    name: str  # of the model, in the file name and in the GGUF
    adapter: str = ""  # adapter folder, or model folder of method `full`; empty: the bare base
    quantise: Literal["f16", "q8_0", "q4_k_m"] = "q8_0"
    converter: str  # folder that holds convert_hf_to_gguf.py
    libllama: str = ""  # empty: the one in the installed extra `export`
    prompts: str = ""  # JSONL: {"messages": [..]}; the merged model's greedy answers go to reference.jsonl
    answer_tokens: int = 96


class ScoreJob(Job, frozen=True, kw_only=True):
    """Measure the loss of each row's answer under the bare base and under each adapter."""

    base: str
    adapters: dict[str, str]  # name -> adapter folder, or model folder of method `full`
    rows: str  # JSONL as for training
    out: str  # JSON file: {name: [mean loss of a row's answer tokens, ..]}, `base` for the bare base
    max_length: int = 2048  # tokens; a longer row is an error
    batch: int = 8


class ProbeJob(Job, frozen=True, kw_only=True):
    """Say what this Python can train with."""

    backend: Literal["trl", "unsloth"] = "trl"


COMMANDS: dict[str, type[Job]] = {
    "probe": ProbeJob,
    "prepare": PrepareJob,
    "train": TrainJob,
    "export": ExportJob,
    "score": ScoreJob,
}


def read(path: Path, kind: type[T]) -> T:
    """Read a job file; raises TrainError naming file, key and the nearest known key."""
    try:
        return decode(msgspec.json.decode(path.read_bytes()), kind, str(path))
    except (OSError, msgspec.DecodeError) as error:
        raise TrainError(f"{path}: not readable as a job: {error}") from None


def write(path: Path, job: Job) -> None:
    path.write_bytes(msgspec.json.format(msgspec.json.encode(job), indent=1))
