"""A llama-server in router mode as a model registry: models and aliases are sections of its presets file."""

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from filelock import FileLock

from connectors import ServiceError, presets
from connectors.http import Service, get_json
from connectors.registry import chat, checked, unknown

SERVES = "serves:"  # the tag of an alias; after it the name of the model behind it
PATIENCE = 10.0  # seconds that a switch waits for requests in flight


class LlamaCpp:
    """A llama-server that was started with `--models-preset PRESETS` and without `-m`.

    Options on the server's command line override those in the presets: put defaults under `[*]` instead.
    """

    def __init__(self, url: str, *, presets: Path, key: str = "", setting: str = "") -> None:
        self.url = url.rstrip("/").removesuffix("/v1")
        self.presets = presets
        self._key, self._setting = key, setting

    def version(self) -> str:
        """The server's build; ServiceError when it is no router."""
        props = self._get("/props")
        if props.get("role") != "router":
            raise ServiceError(f"{self.url} serves one model. Start it without -m, with --models-preset FILE.")
        return str(props["build_info"])

    def names(self) -> list[str]:
        return sorted(name for name, target in self._models().items() if target is None)

    def register(self, name: str, gguf: Path) -> None:
        """The server knows the file as `name`; it reads it when somebody first asks."""
        path = gguf.absolute()
        if not path.is_file():
            raise ServiceError(f"{gguf}: no such model file; '{name}' was not registered.")
        if self.current(checked(name)) is not None:
            raise ServiceError(f"'{name}' is an alias at {self.url}; a model needs another name.")
        self._put(name, {"model": _value(path)})

    def point(self, alias: str, name: str) -> None:
        """From now on `alias` answers with `name`; requests in flight are waited for, up to PATIENCE seconds.

        Without the wait the router ends a running model in the middle of its answers (llama.cpp pull request
        22284). Requests that come during the switch are answered by the new model.
        """
        known = self._models()
        if known.get(checked(alias), "") is None:
            raise ServiceError(f"'{alias}' is a model at {self.url}; an alias needs another name.")
        if known.get(name, "") is not None:
            raise unknown(name, self.names(), self.url)
        self._wait_idle(alias)
        target = {"model": _model_path(self._entry(name)), "tags": SERVES + name}
        # The default of 10 s only makes new requests wait longer: answers still running are lost anyway.
        self._put(alias, target | {"stop-timeout": "1"})

    def current(self, alias: str) -> str | None:
        return self._models().get(alias)

    def release(self, alias: str) -> None:
        """The alias answers no more; the model behind it stays."""
        if self.current(checked(alias)) is not None:
            self._wait_idle(alias)
            self._change(lambda text: presets.drop(text, alias))

    def remove(self, name: str) -> None:
        """The server forgets the model; the file stays."""
        known = self._models()
        if known.get(name, "") is not None:
            raise unknown(name, self.names(), self.url)
        if users := [alias for alias, target in known.items() if target == name]:
            raise ServiceError(f"'{name}' serves the alias {', '.join(users)}; point that elsewhere first.")
        self._change(lambda text: presets.drop(text, name))
        if name in self._models():
            raise ServiceError(f"{self.url} still lists '{name}': it does not come from {self.presets}.")

    def chat(self, name: str, messages: list[dict[str, str]], max_tokens: int) -> str:
        server = Service("llama-server", self._key, self._setting)
        return chat(f"{self.url}/v1", name, messages, max_tokens, server)

    def _put(self, section: str, options: dict[str, str]) -> None:
        before = self._change(lambda text: presets.put(text, section, options))
        if section not in self._models() or options["model"] not in _arguments(self._entry(section)):
            self._write(before)
            raise ServiceError(
                f"{self.url} did not take up '{section}' from {self.presets}: it reads another file. "
                f"Start it with --models-preset {self.presets.absolute()}, or correct `presets`."
            )

    def _change(self, change: Callable[[str], str]) -> str | None:
        """Change the file and have the server read it; if that fails the file is as before. Returns that."""
        try:
            with FileLock(f"{self.presets}.lock"):
                before = self.presets.read_text("utf-8") if self.presets.exists() else None
                self._write(change(before or ""))
                try:
                    self._get("/models?reload=1")
                except ServiceError:
                    self._write(before)
                    raise
        except OSError as error:
            raise ServiceError(f"The presets file {self.presets} cannot be changed: {error}") from error
        return before

    def _write(self, text: str | None) -> None:
        if text is None:
            self.presets.unlink()
            return
        target = self.presets.resolve()  # a link stays a link
        part = target.with_name(f".{target.name}.part")
        part.write_text(text, "utf-8")
        if target.exists():
            shutil.copymode(target, part)
        part.replace(target)

    def _models(self) -> dict[str, str | None]:
        """What the server knows: models with None, aliases with the model they point at."""
        return {entry["id"]: _target(entry) for entry in self._get("/models")["data"] if not _phantom(entry)}

    def _entry(self, name: str) -> dict[str, Any]:
        return next(entry for entry in self._get("/models")["data"] if entry["id"] == name)

    def _wait_idle(self, alias: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and self._busy(alias):
            time.sleep(0.05)

    def _busy(self, alias: str) -> bool:
        if alias not in self._models() or self._entry(alias)["status"]["value"] != "loaded":
            return False
        slots = self._get(f"/slots?model={alias}&autoload=false")
        return any(slot["is_processing"] for slot in slots)

    def _get(self, path: str) -> Any:
        return get_json(f"{self.url}{path}", service="llama-server", key=self._key, setting=self._setting)


def _target(entry: dict[str, Any]) -> str | None:
    tags = [tag for tag in entry.get("tags", []) if tag.startswith(SERVES)]
    return tags[0].removeprefix(SERVES) if tags else None


def _phantom(entry: dict[str, Any]) -> bool:
    """Builds around b10068 take the `version = 1` above the first section for a model called `default`."""
    return entry["id"] == "default" and "--model" not in _arguments(entry)


def _arguments(entry: dict[str, Any]) -> list[str]:
    return list(entry["status"].get("args", []))


def _model_path(entry: dict[str, Any]) -> str:
    arguments = _arguments(entry)
    return arguments[arguments.index("--model") + 1]


def _value(path: Path) -> str:
    """The path as an option's value, where ; and # would start a comment."""
    if any(sign in str(path) for sign in ";#\n"):
        raise ServiceError(f"{path}: llama-server cannot read a path with ; or # in it. Move the file.")
    return str(path)
