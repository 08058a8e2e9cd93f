"""Which model answers: the teacher a loop names, or one of its own, served on this machine."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from connectors import ServiceError, modelhub
from connectors.local import serve
from connectors.teacher import Budget, Journal, Teacher
from flows import ConfigError
from flows.config import Config, EmbeddedService, OpenAIService
from flows.measure import from_file

T = TypeVar("T")


def base_model(config: Config, source: str, cache: Path, note: Callable[[str], None]) -> modelhub.Base:
    """A base model by its spelling in a recipe or service, downloaded as the config's `hub` says."""
    return modelhub.resolve(source, cache, note, **_as_told(config))


def fetch_base(config: Config, name: str, cache: Path, note: Callable[[str], None]) -> None:
    """Download what loop `name` trains, if need be. Raises ServiceError."""
    modelhub.located(config.recipe(config.loop(name).recipe).base, cache, note, **_as_told(config))


def _as_told(config: Config) -> dict[str, Any]:
    hub = config.hub
    return {"folder": config.folder, "offline": hub.offline, "token": hub.key, "endpoint": hub.endpoint}


def check_models(config: Config, name: str) -> None:
    """Raises FlowError for a model or a file of questions that leads nowhere, before anything is paid for."""
    loop = config.loop(name)
    if loop.evaluate.questions:
        from_file(config.folder / loop.evaluate.questions)  # what is wrong with it is told before anything is paid for
    sources = {f"base of recipe '{loop.recipe}'": config.recipe(loop.recipe).base}
    for one in (loop.distil.teacher, loop.curate.judge, loop.evaluate.judge):
        if isinstance(service := config.services.get(one), EmbeddedService):
            sources[f"services.{one}.model"] = service.model
    for key, source in sources.items():
        try:
            modelhub.find(source, config.folder)
        except ServiceError as error:
            raise ConfigError(f"{config.path}: {key}: {error}") from None


def currency(config: Config, name: str) -> str:
    """What a service is paid in; empty: it has no prices."""
    service = config.service(name)
    return service.prices.currency if isinstance(service, OpenAIService) and service.prices else ""


@asynccontextmanager
async def open_service(
    config: Config,
    name: str,
    *,
    cache: Path,
    journal: Journal,
    budget: Budget | None = None,
    note: Callable[[str], None] = lambda text: None,
) -> AsyncIterator[Teacher]:
    """The service `name` ready to answer; an embedded one is served for as long as the block lasts."""
    service = config.service(name)
    if isinstance(service, EmbeddedService):
        base = base_model(config, service.model, cache, note)
        if base.kind != "gguf":
            raise ConfigError(f"{config.path}: services.{name}.model: {service.model} is no GGUF file.")
        opened = open_gguf(
            base.path,
            base.name,
            state=config.state / "servers",
            journal=journal,
            budget=budget,
            service=service,
            label="the teacher",
            name=name,
        )
        async with opened as teacher:
            yield teacher
    elif isinstance(service, OpenAIService):
        prices = (service.prices.input, service.prices.output) if service.prices else None
        async with Teacher(
            service.url,
            service.model,
            name=name,
            key=service.key,
            in_flight=service.in_flight,
            timeout=service.timeout,
            prices=prices,
            budget=budget,
            journal=journal,
            json_schema=service.json_schema,
            note=note,
        ) as teacher:
            yield teacher
    else:
        raise ConfigError(f"{config.path}: service '{name}' is a model registry, it answers no questions.")


def serving(config: Config) -> EmbeddedService:
    """How the loops' own models are served: as `services.embedded` says, whatever model stands there."""
    found = config.services["embedded"]
    return found if isinstance(found, EmbeddedService) else EmbeddedService()


@asynccontextmanager
async def open_gguf(
    path: Path,
    alias: str,
    *,
    state: Path,
    journal: Journal | None,
    budget: Budget | None = None,
    service: EmbeddedService,
    label: str = "the model",
    name: str = "embedded",
) -> AsyncIterator[Teacher]:
    """A GGUF file served by a child process. The journal files answers under `alias`: it names the content."""
    settings = {"context": service.context, "slots": service.in_flight, "threads": service.threads}
    # Here, not in a thread: nothing else goes on yet, and a signal must be able to end it.
    with serve(path, alias=alias, state=state, **settings) as ready:
        async with Teacher(
            ready.url,
            alias,
            name=name,
            label=label,
            in_flight=service.in_flight,
            timeout=service.timeout,
            prices=(0.0, 0.0),
            budget=budget,
            journal=journal,
            revive=lambda: ready.revived().url,
        ) as teacher:
            yield teacher


def run(work: Coroutine[Any, Any, T]) -> T:
    """The one door from the steps into asynchronous code."""
    return asyncio.run(work)
