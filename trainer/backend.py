"""Which library trains, in which Python, on which device; and what it found there."""

import functools
import importlib.metadata
import importlib.util
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from trainer import TrainError, events
from trainer.events import Say
from trainer.jobs import ProbeJob
from trainer.recipe import Recipe

LIBRARIES = ("torch", "transformers", "trl", "peft", "accelerate", "datasets", "unsloth", "bitsandbytes")


class Choice(NamedTuple):
    """What runs a recipe. `python` starts the trainer: `command(choice.python, "train", job file)`."""

    backend: Literal["trl", "unsloth"]
    name: str
    python: str
    device: str
    why: str


class Device(NamedTuple):
    """`kind` is torch's name of it; `bf16`: whether it computes in bfloat16 faster than in float32."""

    kind: Literal["cpu", "cuda"]
    name: str
    bf16: bool
    memory_bytes: int


def command(python: str, verb: str, job: str | Path) -> list[str]:
    """The command line of the trainer in any Python that has the backend's libraries, msgspec and pyyaml."""
    return [python, str(Path(__file__).with_name("__main__.py")), verb, str(job)]


def choose(recipe: Recipe, python_unsloth: str = "") -> Choice:
    """Unsloth where its environment can run it, else TRL; TrainError when the recipe's own choice cannot."""
    if recipe.backend == "trl":
        return _trl("the recipe says so")
    if not Path(python_unsloth).is_file():
        missing = f"not at {python_unsloth or 'any place'}; `make unsloth` puts it there"
        if recipe.backend == "unsloth":
            raise TrainError(f"The recipe asks for backend unsloth, which is {missing}.")
        return _trl(f"Unsloth is optional and {missing}")
    try:
        found = _probe(python_unsloth, "unsloth")
    except TrainError as error:
        if recipe.backend == "unsloth":
            raise
        return _trl(f"Unsloth cannot run here: {error}")
    why = "the recipe says so" if recipe.backend == "unsloth" else "its environment is set up and runs here"
    return Choice("unsloth", f"Unsloth {found.versions['unsloth']}", python_unsloth, found.device, why)


def _trl(why: str) -> Choice:
    found = _probe(sys.executable, "trl")
    return Choice("trl", f"TRL {found.versions['trl']}", sys.executable, found.device, why)


class Found(msgspec.Struct, frozen=True):
    """What one Python can train with."""

    device: str
    bf16: bool
    memory_bytes: int  # of the device
    versions: dict[str, str]


@functools.cache
def _probe(python: str, backend: str) -> Found:
    """Asked in a process of its own: torch is heavy to import, and Unsloth patches whatever it meets."""
    ended = subprocess.run(
        command(python, "probe", backend), capture_output=True, stdin=subprocess.DEVNULL, timeout=300
    )
    for line in ended.stdout.splitlines():
        event = events.parse(line)
        if event.name == "done":
            return msgspec.convert(event.fields, Found)
        if event.name == "error":
            raise TrainError(str(event.fields["message"]))
    raise TrainError(f"{python}: {ended.stderr.decode(errors='replace').strip().rpartition(chr(10))[2]}")


def probe(job: ProbeJob, say: Say) -> dict[str, object]:
    """Result: device, bf16, memory_bytes, versions; fails where training would fail for want of a library."""
    for name in ("torch", "transformers", "peft", "trl", "datasets"):
        if not importlib.util.find_spec(name):
            raise ModuleNotFoundError(name=name)
    if job.backend == "unsloth":
        import unsloth  # noqa: F401
    found = device()
    return msgspec.structs.asdict(Found(found.name, found.bf16, found.memory_bytes, versions()))


def versions() -> dict[str, str]:
    """Of the libraries that shape a training run, as far as this Python has them."""
    here = {d.name.lower(): d.version for d in importlib.metadata.distributions()}
    return {"python": platform.python_version()} | {n: here[n] for n in LIBRARIES if n in here}


def device() -> Device:
    import torch

    if torch.cuda.is_available():
        one = torch.cuda.get_device_properties(0)
        return Device("cuda", one.name, one.major >= 8, one.total_memory)
    able = torch.cpu.get_capabilities()
    bf16 = any(able.get(name) for name in ("avx512_bf16", "amx_bf16", "bf16"))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return Device("cpu", f"CPU with {torch.get_num_threads()} threads", bf16, memory)
