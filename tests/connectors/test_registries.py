"""What promotion may rely on in every model registry. A new one joins by an entry in `registry` below."""

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest

from connectors import ServiceError
from connectors.llamacpp import LlamaCpp
from connectors.local import LocalModels
from tests.doubles.llamaserver import Router

HELLO = [{"role": "user", "content": "Say hello."}]


class Registry(Protocol):
    def register(self, name: str, gguf: Path) -> object: ...
    def chat(self, name: str, messages: list[dict[str, str]], max_tokens: int) -> str: ...
    def point(self, alias: str, name: str) -> None: ...
    def current(self, alias: str) -> str | None: ...
    def names(self) -> list[str]: ...
    def remove(self, name: str) -> None: ...
    def release(self, alias: str) -> None: ...


@pytest.fixture(params=["local", "llamacpp"])
def registry(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Registry]:
    if request.param == "local":
        yield LocalModels(tmp_path / "models", state=tmp_path / "servers")
    else:
        router: Router = request.getfixturevalue("llama_router")
        yield LlamaCpp(router.url, presets=router.presets)


@pytest.fixture
def two(registry: Registry, smollm2: Path) -> Registry:
    """A registry that knows support-v1 and support-v2."""
    registry.register("support-v1", smollm2)
    registry.register("support-v2", smollm2)
    return registry


def test_an_empty_registry_knows_nothing(registry: Registry) -> None:
    assert registry.names() == []
    assert registry.current("support") is None


def test_a_registered_model_answers(registry: Registry, smollm2: Path) -> None:
    registry.register("support-v1", smollm2)
    assert registry.names() == ["support-v1"]
    assert registry.chat("support-v1", HELLO, 8).strip()


def test_an_alias_answers_with_the_model_it_points_at_and_back_again(two: Registry) -> None:
    for name in ("support-v1", "support-v2", "support-v1"):
        two.point("support", name)
        assert two.current("support") == name
        assert two.chat("support", HELLO, 8).strip()
    assert two.names() == ["support-v1", "support-v2"]


def test_registering_and_pointing_twice_changes_nothing(two: Registry, smollm2: Path) -> None:
    two.point("support", "support-v1")
    two.register("support-v1", smollm2)
    two.point("support", "support-v1")
    assert (two.names(), two.current("support")) == (["support-v1", "support-v2"], "support-v1")


def test_a_released_alias_answers_no_more_and_its_model_stays(registry: Registry, smollm2: Path) -> None:
    registry.register("support-v1", smollm2)
    registry.point("support", "support-v1")
    registry.release("support")
    registry.release("support")
    assert registry.current("support") is None and registry.names() == ["support-v1"]


def test_the_model_behind_an_alias_cannot_be_removed(two: Registry) -> None:
    two.point("support", "support-v1")
    with pytest.raises(ServiceError, match="'support-v1' serves the alias support"):
        two.remove("support-v1")
    two.remove("support-v2")
    assert two.names() == ["support-v1"]


@pytest.mark.parametrize("verb", ["remove", "point"])
def test_an_unknown_model_is_told_with_the_nearest_name(two: Registry, verb: str) -> None:
    with pytest.raises(ServiceError, match=r"no model 'support-v3'\. Did you mean 'support-v[12]'"):
        if verb == "remove":
            two.remove("support-v3")
        else:
            two.point("support", "support-v3")
    assert two.current("support") is None


def test_a_name_cannot_be_a_model_and_an_alias(two: Registry, smollm2: Path) -> None:
    with pytest.raises(ServiceError, match="'support-v1' is a model"):
        two.point("support-v1", "support-v2")
    two.point("support", "support-v1")
    with pytest.raises(ServiceError, match="'support' is an alias"):
        two.register("support", smollm2)


@pytest.mark.parametrize("name", ["../escape", "", "a b", "x]\n[*]"])
def test_names_that_could_break_out_are_refused(registry: Registry, smollm2: Path, name: str) -> None:
    with pytest.raises(ServiceError, match="no model name"):
        registry.register(name, smollm2)


def test_a_missing_file_is_not_registered(registry: Registry, tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match=r"gone\.gguf: no such model file"):
        registry.register("support-v1", tmp_path / "gone.gguf")
    assert registry.names() == []


def test_a_file_that_is_no_model_fails_at_the_smoke_question(registry: Registry, tmp_path: Path) -> None:
    (tmp_path / "torn.gguf").write_bytes(b"GGUF" + b"\0" * 4000)
    registry.register("support-v1", tmp_path / "torn.gguf")
    with pytest.raises(ServiceError, match=r"failed to load"):
        registry.chat("support-v1", HELLO, 8)
