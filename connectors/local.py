"""The embedded model server: models in a folder, each served by one child process that all who ask share."""

import hashlib
import importlib.util
import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from connectors import ServiceError, embedded, missing_extra, spawn
from connectors.embedded import Job, Running, State
from connectors.http import Service
from connectors.registry import chat, checked, unknown


@dataclass(frozen=True)
class Server:
    """A model that answers at `url`, under the model name `alias`."""

    url: str  # up to and including /v1
    alias: str
    pid: int
    revived: Callable[[], "Server"] = field(compare=False, repr=False)  # itself, or who takes its place if it ended


@contextmanager
def serve(
    model: Path,
    *,
    alias: str,
    state: Path,
    context: int = 2048,
    slots: int = 4,
    threads: int = 0,
    port: int = 0,
    timeout: float = 60.0,
) -> Iterator[Server]:
    """A server of the GGUF file for as long as the block lasts, joined if one runs with the same settings.

    `context` counts the tokens of one request, `slots` the requests at once. 0 threads: what the machine can spare.
    """
    if importlib.util.find_spec("xllamacpp") is None:
        raise missing_extra("serve", "Serving a model")
    if not model.is_file():
        raise ServiceError(f"{model}: no such model file.")
    path = state.absolute() / f"{_key(model, alias, context, slots, threads, port)}.json"
    token = uuid.uuid4().hex
    job = Job(path, model.resolve(), alias, port, context, slots, threads)
    running = _join(job, token, timeout)

    def server() -> Server:
        nonlocal running
        if not running.child.process():
            running = _join(job, token, timeout)
        return Server(f"http://127.0.0.1:{running.port}/v1", alias, running.child.pid, server)

    try:
        yield server()
    finally:
        _leave(path, token)


def _key(model: Path, *settings: str | int) -> str:
    """A file that was replaced under the same name is another model."""
    file = model.stat()
    content = (str(model.resolve()), file.st_size, file.st_mtime_ns, *settings)
    return hashlib.sha256(repr(content).encode()).hexdigest()[:16]


def _join(job: Job, token: str, timeout: float) -> State:
    me = Running.of(os.getpid())
    with _writing(job.state):
        job.state.parent.mkdir(parents=True, exist_ok=True)
        _tidy(job.state.parent)
        with embedded.lock(job.state):
            found = embedded.read(job.state)
            if found and spawn.answers(found, timeout):
                joined = msgspec.structs.replace(found, owners=found.owners | {token: me})
                embedded.write(job.state, joined)
                return joined
            if found:
                spawn.stop(found)
            return spawn.start(job, {token: me}, timeout)


def _tidy(folder: Path) -> None:
    """Forget servers that ended with all who used them: after a kill -9 nobody else would."""
    for path in folder.glob("*.json"):
        with embedded.lock(path):
            found = embedded.read(path)
            if found is not None and found.orphan() and not found.child.process():
                path.unlink(missing_ok=True)
                path.with_suffix(".log").unlink(missing_ok=True)


def _leave(path: Path, token: str) -> None:
    """The last owner puts out the light."""
    with embedded.lock(path):
        state = embedded.read(path)
        if state is None or token not in state.owners:
            return
        left = {key: owner for key, owner in state.owners.items() if key != token and owner.process()}
        if left:
            embedded.write(path, msgspec.structs.replace(state, owners=left))
            return
        spawn.stop(state)
        path.unlink()
        path.with_suffix(".log").unlink(missing_ok=True)


class LocalModels:
    """Models in a folder, and aliases that point at one of them; served by child processes when opened."""

    def __init__(self, folder: Path, *, state: Path) -> None:
        self.folder = folder
        self.state = state

    def names(self) -> list[str]:
        return sorted(path.stem for path in self.folder.glob("*.gguf"))

    def register(self, name: str, gguf: Path) -> Path:
        """The file under its new name, all of it or nothing; it shares the disk space where it can."""
        target = self._file(checked(name), "gguf")
        if not gguf.is_file():
            raise ServiceError(f"{gguf}: no such model file; '{name}' was not registered.")
        if self.current(name) is not None:
            raise ServiceError(f"'{name}' is an alias in {self.folder}; a model needs another name.")
        part = self._file(name, "gguf.part")
        with _writing(target):
            self.folder.mkdir(parents=True, exist_ok=True)
            part.unlink(missing_ok=True)
            try:
                _link(gguf, part)
                part.replace(target)
            finally:
                part.unlink(missing_ok=True)  # also if both were one file already: then a rename does nothing
        return target

    def point(self, alias: str, name: str) -> None:
        """From now on `alias` opens `name`."""
        if checked(alias) in self.names():
            raise ServiceError(f"'{alias}' is a model in {self.folder}; an alias needs another name.")
        self._known(name)
        part = self._file(alias, "alias.part")
        with _writing(part):
            part.write_text(name)
            part.replace(self._file(alias, "alias"))

    def current(self, alias: str) -> str | None:
        path = self._file(checked(alias), "alias")
        return path.read_text(errors="replace") if path.is_file() else None

    def release(self, alias: str) -> None:
        """The alias opens nothing any more; what it opened stays."""
        with _writing(path := self._file(checked(alias), "alias")):
            path.unlink(missing_ok=True)

    def remove(self, name: str) -> None:
        self._known(name)
        users = [path.stem for path in self.folder.glob("*.alias") if self.current(path.stem) == name]
        if users:
            raise ServiceError(f"'{name}' serves the alias {', '.join(users)}; point that elsewhere first.")
        with _writing(path := self._file(name, "gguf")):
            path.unlink()

    def open(self, name: str) -> AbstractContextManager[Server]:
        """A server of the model, or of the one the alias points at, under the model's own name."""
        name = self.current(name) or name
        self._known(name)
        return serve(self._file(name, "gguf"), alias=name, state=self.state)

    def chat(self, name: str, messages: list[dict[str, str]], max_tokens: int) -> str:
        with self.open(name) as server:
            return chat(server.url, server.alias, messages, max_tokens, Service("the embedded server", own=True))

    def _known(self, name: str) -> None:
        if name not in self.names():
            raise unknown(name, self.names(), str(self.folder))

    def _file(self, name: str, kind: str) -> Path:
        return self.folder / f"{name}.{kind}"


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ServiceError(f"{path} cannot be written: {error}") from error


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source.resolve(), target)
    except OSError:  # another disk, or a file system without links
        shutil.copyfile(source, target)
