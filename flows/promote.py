"""A version gets a name, answers a smoke question, and takes over the alias. And the way back."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Protocol

from connectors import ServiceError
from connectors.llamacpp import LlamaCpp
from connectors.local import LocalModels
from flows import FlowError, UsageError
from flows.config import Config, LlamaCppService
from flows.store import Store, Version


class Registry(Protocol):
    """What promotion asks of a model server: names are versions (`support-v3`), an alias points at one."""

    def register(self, name: str, gguf: Path) -> object: ...
    def chat(self, name: str, messages: list[dict[str, str]], max_tokens: int) -> str: ...
    def point(self, alias: str, name: str) -> None: ...
    def current(self, alias: str) -> str | None: ...
    def release(self, alias: str) -> None: ...
    def names(self) -> list[str]: ...
    def remove(self, name: str) -> None: ...


def registries(config: Config, loop: str) -> dict[str, Registry]:
    """The targets of a loop's promote.to, by name. `local` is always one: it keeps the versions' files."""
    others = [target for target in config.loop(loop).promote.to if target != "local"]
    return {"local": local_models(config, loop)} | {target: _llamacpp(config, target) for target in others}


def local_models(config: Config, loop: str) -> LocalModels:
    return LocalModels(config.state / "models" / loop, state=config.state / "servers")


def _llamacpp(config: Config, name: str) -> LlamaCpp:
    service = config.service(name)
    if not isinstance(service, LlamaCppService):
        raise FlowError(f"{config.path}: promote.to: '{name}' is no model registry (kind: llamacpp is one).")
    return llama_server(config, name, service)


def llama_server(config: Config, name: str, service: LlamaCppService) -> LlamaCpp:
    presets = config.folder / service.presets
    return LlamaCpp(service.url, presets=presets, key=service.key, setting=f"services.{name}")


def promote(
    version: Version,
    gguf: Path,
    targets: Mapping[str, Registry],
    store: Store,
    smoke: list[dict[str, str]],
    keep: int,
    say: Callable[[str], None],
) -> str:
    """Register everywhere, ask everywhere, only then switch everywhere; returns the smoke answer.

    A target that fails before the switch leaves every alias as it was; one that fails in the middle of it
    has the others switched back.
    """
    name, answer = served_name(version), ""
    for target, registry in targets.items():
        registry.register(name, gguf)
        answer = registry.chat(name, smoke, 64)
        if not answer.strip():
            raise FlowError(f"{target}: {name} gave an empty answer to the smoke question; nothing was switched.")
        say(f"{target}: {name} registered, it answers: {answer.strip()[:120]}")
    _switch(version.loop, name, targets)
    store.put_version(version)
    store.point(version.loop, version.name)
    _forget_old(store, version.loop, targets, keep)
    return answer


def settle(loop: str, targets: Mapping[str, Registry], store: Store, say: Callable[[str], None]) -> None:
    """Point each alias at what the store calls the champion: a kill in the middle of a switch may have parted them."""
    champion = store.champion(loop)
    if champion is None:
        return
    name = served_name(champion)
    for target, registry in targets.items():
        try:
            if (served := registry.current(loop)) != name and name in registry.names():
                registry.point(loop, name)
                say(f"{target}: served {served}, which was never or is no longer in service: {name} serves again")
        except ServiceError as error:
            say(f"{target}: {error}")  # the run goes on: only a promotion needs it


def rollback(
    loop: str,
    targets: Mapping[str, Registry],
    store: Store,
    to: str = "",
    damaged: Callable[[Version], bool] = lambda version: False,
) -> Version:
    """Point the alias back at `to`, or at the version before; raises FlowError when there is none.

    One whose file `damaged` finds fault with is not put into service: it would answer anything.
    """
    versions = {version.name: version for version in store.versions(loop)}
    known = ", ".join(versions) or "none"
    to = to.removeprefix(f"{loop}-") if to not in versions else to
    if to and to not in versions:
        raise UsageError(f"loop {loop}: no version {to}. Versions: {known}.")
    wanted = versions[to] if to else store.previous(loop)
    if wanted is None:
        other = " `--to` names one to go to" if versions else ""
        base = ", `--to base` takes the model out of service" if store.champion(loop) else ""
        raise FlowError(f"loop {loop}: no earlier version. Versions: {known}.{other}{base}{'.' if other else ''}")
    name = served_name(wanted)
    for target, registry in targets.items():
        if name not in registry.names():
            raise no_longer_kept(f"{target}: {name}", versions.values(), registry)
    if damaged(wanted):
        raise FlowError(f"loop {loop}: {wanted.path}, the file of {wanted.name}, is damaged. Versions: {known}.")
    _switch(loop, name, targets)
    store.point(loop, wanted.name)
    return wanted


def withdraw(loop: str, targets: Mapping[str, Registry], store: Store) -> None:
    """Take the loop's model out of service: the base model answers from now on; `rollback` brings the version back."""
    if store.champion(loop) is None:
        raise FlowError(f"loop {loop}: the base model is in service already.")
    for registry in targets.values():
        registry.release(loop)
    store.withdraw(loop)


def no_longer_kept(what: str, versions: Iterable[Version], registry: Registry) -> FlowError:
    kept = [version.name for version in versions if served_name(version) in registry.names()]
    why = "promote.keep let it go, or somebody deleted its file"
    return FlowError(f"{what} is no longer there: {why}. Kept: {', '.join(kept) or 'none'}.")


def served_name(version: Version) -> str:
    return f"{version.loop}-{version.name}"


def _switch(alias: str, name: str, targets: Mapping[str, Registry]) -> None:
    before = {target: registry.current(alias) for target, registry in targets.items()}
    switched: list[str] = []
    try:
        for target, registry in targets.items():
            switched.append(target)
            registry.point(alias, name)
    except ServiceError as error:
        stuck = [target for target in switched if not _switched_back(targets[target], alias, before[target])]
        now = f"{', '.join(stuck)} may serve {name} already: mend that, and run it again." if stuck else ""
        back = f"{before[switched[-1]]} is in service as before."
        raise FlowError(f"{switched[-1]}: {error} {now or back}") from error


def _switched_back(registry: Registry, alias: str, earlier: str | None) -> bool:
    if earlier is None:
        return False
    try:
        registry.point(alias, earlier)
    except ServiceError:
        return False
    return True


def _forget_old(store: Store, loop: str, targets: Mapping[str, Registry], keep: int) -> None:
    serving, previous = store.champion(loop), store.previous(loop)
    in_use = {version.name for version in (serving, previous) if version}
    old = [version for version in store.versions(loop) if version.name not in in_use]
    for version in old[max(keep - 1, 0) :]:
        for registry in targets.values():
            if served_name(version) in registry.names():
                registry.remove(served_name(version))
