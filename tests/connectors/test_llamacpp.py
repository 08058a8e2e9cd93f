"""llama-server in router mode: the real one, and what goes wrong around it."""

import threading
import time
from pathlib import Path

import pytest

from connectors import ServiceError
from connectors.http import get_json
from connectors.llamacpp import LlamaCpp
from connectors.local import serve
from tests.doubles.llamaserver import Router, router

HELLO = [{"role": "user", "content": "Say hello."}]


@pytest.fixture
def server(llama_router: Router) -> LlamaCpp:
    return LlamaCpp(llama_router.url, presets=llama_router.presets)


def test_the_version_is_the_servers_build(server: LlamaCpp) -> None:
    assert server.version().startswith("b")


def test_after_a_switch_the_server_runs_the_new_file(server: LlamaCpp, smollm2: Path, tmp_path: Path) -> None:
    for name in ("v1", "v2"):
        (tmp_path / f"{name}.gguf").symlink_to(smollm2)
        server.register(name, tmp_path / f"{name}.gguf")
        server.point("support", name)
        server.chat("support", HELLO, 4)
        assert str(tmp_path / f"{name}.gguf") in _arguments(server, "support")


def _arguments(server: LlamaCpp, name: str) -> list[str]:
    models = get_json(f"{server.url}/models", service="llama-server")["data"]
    return next(list(model["status"]["args"]) for model in models if model["id"] == name)


def test_other_sections_and_comments_of_the_presets_stay(server: LlamaCpp, smollm2: Path) -> None:
    before = server.presets.read_text()
    server.register("v1", smollm2)
    server.point("support", "v1")
    text = server.presets.read_text()
    assert text.startswith(before) and "; for all models" in text
    server.presets.write_text(text.replace("tags =", "temp = 0.1\ntags ="))
    server.register("v2", smollm2)
    server.point("support", "v2")
    assert "temp = 0.1" in server.presets.read_text()


def test_a_switch_waits_for_the_answer_in_flight(server: LlamaCpp, smollm2: Path) -> None:
    server.register("v1", smollm2)
    server.register("v2", smollm2)
    server.point("support", "v1")
    server.chat("support", HELLO, 4)
    answers: list[str] = []
    story = [{"role": "user", "content": "Tell me a long story about the sea."}]
    asking = threading.Thread(target=lambda: answers.append(server.chat("support", story, 150)))
    asking.start()
    time.sleep(0.3)
    server.point("support", "v2")
    asking.join()
    assert len(answers[0]) > 100
    assert server.current("support") == "v2"


def test_a_model_the_router_does_not_know_is_named(server: LlamaCpp) -> None:
    with pytest.raises(ServiceError, match="answered 400 to POST /v1/chat/completions: model 'nobody' not found"):
        server.chat("nobody", HELLO, 4)


def test_a_presets_file_the_server_does_not_read_is_found_out(server: LlamaCpp, smollm2: Path, tmp_path: Path) -> None:
    other = LlamaCpp(server.url, presets=tmp_path / "other.ini")
    with pytest.raises(ServiceError, match=r"reads another file. Start it with --models-preset .*other\.ini"):
        other.register("v1", smollm2)
    assert not other.presets.exists()


def test_a_change_the_server_refuses_is_taken_back(server: LlamaCpp, smollm2: Path) -> None:
    broken = server.presets.read_text() + "\n[mine]\nbogus = 1\n"
    server.presets.write_text(broken)
    with pytest.raises(ServiceError, match="option 'bogus' not recognized in preset 'mine'"):
        server.register("v1", smollm2)
    assert server.presets.read_text() == broken


def test_a_presets_file_that_cannot_be_written_is_named(server: LlamaCpp, smollm2: Path, tmp_path: Path) -> None:
    (tmp_path / "folder.ini").mkdir()
    with pytest.raises(ServiceError, match=r"presets file .*folder\.ini cannot be changed"):
        LlamaCpp(server.url, presets=tmp_path / "folder.ini").register("v1", smollm2)


def test_a_path_that_an_ini_file_cannot_hold_is_refused(server: LlamaCpp, smollm2: Path, tmp_path: Path) -> None:
    (tmp_path / "a;b.gguf").symlink_to(smollm2)
    with pytest.raises(ServiceError, match="cannot read a path with ;"):
        server.register("v1", tmp_path / "a;b.gguf")


def test_a_server_that_is_down_is_one_clear_error(tmp_path: Path, smollm2: Path) -> None:
    down = LlamaCpp("http://127.0.0.1:9/", presets=tmp_path / "presets.ini")
    with pytest.raises(ServiceError, match=r"llama-server at http://127\.0\.0\.1:9 cannot be reached"):
        down.register("v1", smollm2)
    assert not list(tmp_path.iterdir())


def test_a_wrong_key_is_told_without_showing_it(tmp_path: Path, smollm2: Path) -> None:
    with router(tmp_path, "--api-key", "right") as guarded:
        wrong = LlamaCpp(guarded.url, presets=guarded.presets, key="wrong-key")
        wrong.register("v1", smollm2)  # the router lists and reloads for everybody; the smoke question tells
        for call in (wrong.version, lambda: wrong.chat("v1", HELLO, 4)):
            with pytest.raises(ServiceError, match=r"answered 401.*Invalid API Key.*Check its key") as caught:
                call()
            assert "wrong-key" not in str(caught.value)
        assert LlamaCpp(guarded.url, presets=guarded.presets, key="right").chat("v1", HELLO, 4)


def test_a_server_of_one_model_is_no_registry(smollm2: Path, tmp_path: Path) -> None:
    with (
        serve(smollm2, alias="one", state=tmp_path, threads=1) as single,
        pytest.raises(ServiceError, match=r"serves one model\. Start it without -m"),
    ):
        LlamaCpp(single.url, presets=tmp_path / "presets.ini").version()
