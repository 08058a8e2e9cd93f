"""A question put to a loop's model from the command line."""

from collections.abc import Callable, Sequence
from pathlib import Path

from connectors import ServiceError
from connectors.records import Passage
from connectors.teacher import Answer, Request
from flows import FlowError, UsageError, models
from flows.config import Config
from flows.dialogue import messages
from flows.promote import local_models, no_longer_kept, served_name
from flows.prompting import language
from flows.steps.engine import fault
from flows.store import Store


def answers(
    config: Config,
    store: Store,
    cache: Path,
    loop: str,
    questions: Sequence[str],
    *,
    model: str = "",
    open_book: bool = False,
    say: Callable[[str], None] = lambda text: None,
) -> list[str]:
    """Answers to `questions`, in order, by a version (`v2`), by `base`, or by what is in service.

    `say` hears what a reader should know beside them: which passages were shown, which answer was cut off.
    """
    settings = config.loop(loop)
    gguf, alias = _model(config, store, cache, loop, model)
    if not model and store.champion(loop) is None:
        say(f"The base model answers, which was taught nothing: {_not_served(store, loop)}")
    shown = settings.evaluate.passages if open_book else 0
    requests = []
    for question in map(_readable, questions):
        passages = [passage for passage, _ in store.search(loop, question, shown)] if shown else []
        if open_book:
            say(f"Passages for '{question}': {'; '.join(map(_place, passages)) or 'none fits'}")
        said = messages(question, system=settings.system, passages=passages, language=language(question))
        requests.append(Request(messages=said, max_tokens=settings.evaluate.answer_tokens, temperature=0.0))
    try:
        found = models.run(_ask(config, gguf, alias, requests))
    except ServiceError:
        _check(gguf, config, store, loop)
        raise
    for question, answer in zip(questions, found, strict=True):
        if answer.finish_reason == "length":
            limit = f"loops.{loop}.evaluate.answer_tokens ({settings.evaluate.answer_tokens})"
            say(f"The answer to '{question}' was cut off at {limit}.")
    return [answer.text.strip() for answer in found]


def _check(gguf: Path, config: Config, store: Store, loop: str) -> None:
    """Raises FlowError when it is the version's file that is at fault: the engine's own words say nothing of that."""
    for version in store.versions(loop):
        if config.state / version.path == gguf and fault(config.state, version):
            raise FlowError(f"loop {loop}: version {version.name}: {gguf} is damaged. {remedy(config, store, loop)}")


def remedy(config: Config, store: Store, loop: str) -> str:
    """What helps when the file of the model in service is damaged or gone."""
    previous = store.previous(loop)
    whole = previous is not None and not fault(config.state, previous)
    back = f"; `flowstill rollback {loop}` puts the version before it into service" if whole else ""
    return f"`flowstill run {loop}` makes it anew{back}."


def _place(passage: Passage) -> str:
    """Where a person finds it."""
    return " > ".join(filter(None, (passage.origin.document, *passage.headings)))


def _readable(question: str) -> str:
    """Raises FlowError for nothing, and for bytes that are no text: the shell hands them on as they are."""
    if not question.strip():
        raise FlowError("an empty question has no answer.")
    try:
        question.encode()
    except UnicodeEncodeError:
        shown = question.encode(errors="backslashreplace").decode()
        raise FlowError(f"'{shown}' is not UTF-8 text. Check the terminal's encoding.") from None
    return question


async def _ask(config: Config, gguf: Path, alias: str, requests: Sequence[Request]) -> list[Answer]:
    service = models.serving(config)
    async with models.open_gguf(gguf, alias, state=config.state / "servers", journal=None, service=service) as teacher:
        return [await teacher.ask(request) for request in requests]


def _model(config: Config, store: Store, cache: Path, loop: str, model: str) -> tuple[Path, str]:
    versions = {version.name: version for version in store.versions(loop)}
    chosen = versions.get(model, versions.get(model.removeprefix(f"{loop}-"))) if model else store.champion(loop)
    if chosen:
        if not (path := config.state / chosen.path).exists():
            said = no_longer_kept(f"loop {loop}: version {chosen.name}", versions.values(), local_models(config, loop))
            raise FlowError(f"{said} {remedy(config, store, loop)}") if chosen == store.champion(loop) else said
        return path, served_name(chosen)
    if model and model != "base":
        raise UsageError(f"loop {loop}: no version '{model}'. Known: {', '.join([*versions, 'base'])}.")
    base = models.base_model(config, config.recipe(config.loop(loop).recipe).base, cache, lambda text: None)
    if base.kind != "gguf":
        raise FlowError(_not_served(store, loop))
    return base.path, base.name


def _not_served(store: Store, loop: str) -> str:
    """Why no version answers, and what changes that."""
    if previous := store.previous(loop):
        back = f"`flowstill rollback {loop}` puts {served_name(previous)} back"
        return f"loop {loop} has no model in service since a rollback to the base: {back}."
    return f"loop {loop} has no model in service yet: `flowstill run {loop}` makes one."
