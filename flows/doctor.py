"""Is everything there that the loops need? Each finding says what it saw and, if that is bad, what to do."""

import importlib.util
import shutil
from collections.abc import Iterator
from pathlib import Path

import msgspec
import psutil
from rich.console import Console
from rich.table import Table

from connectors import ServiceError, http
from connectors.llamacpp import LlamaCpp
from flows import FlowError
from flows.config import Config, EmbeddedService, LlamaCppService, OpenAIService
from flows.steps.engine import UNSLOTH
from trainer import TrainError, backend

GB = 1e9
EXTRAS = {"files": "semantic_text_splitter", "curate": "numpy", "train": "trl", "serve": "xllamacpp"}


class Finding(msgspec.Struct, frozen=True):
    """One thing looked at."""

    name: str
    good: bool
    state: str
    advice: str = ""


def examine(config: Config, cache: Path) -> list[Finding]:
    """Services, extras, sources and training, in the order a person would mend them."""
    return [*_machine(config), *_extras(), *_services(config), *_sources(config), *_training(config, cache)]


def show(findings: list[Finding]) -> None:
    table = Table("", "what", "state", "what to do")
    for finding in findings:
        table.add_row("ok" if finding.good else "BAD", finding.name, finding.state, finding.advice)
    Console(width=None if Console().is_terminal else 200).print(table)


def _machine(config: Config) -> Iterator[Finding]:
    memory, disk = psutil.virtual_memory(), shutil.disk_usage(config.folder)
    yield Finding(
        "memory",
        memory.available > 4 * GB,
        f"{memory.available / GB:.1f} GB free of {memory.total / GB:.1f}, {psutil.cpu_count()} cores",
        "" if memory.available > 4 * GB else "Training even a 135M model wants 4 GB: stop other programs.",
    )
    yield Finding(
        "disk",
        disk.free > 5 * GB,
        f"{disk.free / GB:.1f} GB free at {config.folder}",
        "" if disk.free > 5 * GB else "A run keeps a model of its own: free some space.",
    )


def _extras() -> Iterator[Finding]:
    for extra, module in EXTRAS.items():
        found = importlib.util.find_spec(module) is not None
        advice = "" if found else f'pip install "flowstill[{extra}]"'
        yield Finding(f"extra {extra}", found, "installed" if found else "missing", advice)


def _services(config: Config) -> Iterator[Finding]:
    for name, service in config.services.items():
        try:
            yield Finding(f"service {name}", True, _state(config, service))
        except (ServiceError, FlowError) as error:
            yield Finding(f"service {name}", False, "not usable", str(error))


def _state(config: Config, service: OpenAIService | EmbeddedService | LlamaCppService) -> str:
    if isinstance(service, LlamaCppService):
        server = LlamaCpp(service.url, presets=config.folder / service.presets, key=service.key)
        return f"llama-server {server.version()}, serves {', '.join(server.names()) or 'nothing'}"
    if isinstance(service, OpenAIService):
        known = http.get_json(f"{service.url.rstrip('/')}/models", key=service.key, service="the teacher")
        names = [str(entry["id"]) for entry in known.get("data", [])]
        if names and service.model not in names:
            raise FlowError(f"it has no model '{service.model}'. It offers: {', '.join(names[:10])}.")
        return f"answers at {service.url}, model {service.model}"
    return f"served on this machine when needed: {service.model}"


def _sources(config: Config) -> Iterator[Finding]:
    for name, loop in config.loops.items():
        for source in loop.harvest:
            folder = config.folder / source.folder
            good = folder.is_dir() and any(folder.iterdir())
            advice = "" if good else f"Put documents there, or mend loops.{name}.harvest in {config.path}."
            yield Finding(f"source {name}: {source.folder}", good, "there" if good else "missing or empty", advice)


def _training(config: Config, cache: Path) -> Iterator[Finding]:
    for name, loop in config.loops.items():
        recipe = config.recipe(loop.recipe)
        try:
            choice = backend.choose(recipe, str(cache / UNSLOTH))
            yield Finding(f"training {name}", True, f"{choice.name} on {choice.device}: {choice.why}")
        except TrainError as error:
            yield Finding(f"training {name}", False, "cannot run", str(error))
