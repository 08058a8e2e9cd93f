"""An engine that is not set up is no silent pass, and what `make` sets up is what the tests look for."""

from pathlib import Path

import pytest

from tests.dsl.engines import dify, n8n_core, n8n_server
from tests.dsl.engines.lane import EngineError, Worker, home

MAKEFILE = Path(__file__).parents[3] / "Makefile"
ENGINES = [
    *(f"graphon-{version}" for version in dify.VERSIONS),
    f"n8n-core-{n8n_core.VERSION}",
    f"n8n-{n8n_server.VERSION}",
]


@pytest.mark.parametrize("engine", ENGINES)
def test_make_sets_up_the_engine_that_tests_look_for(engine: str) -> None:
    assert f"$(ENVS)/{engine}/ready" in MAKEFILE.read_text(encoding="utf-8")


@pytest.mark.parametrize("engine", ENGINES)
def test_an_engine_that_is_not_set_up_skips_the_test_with_the_command_that_does_it(
    engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLOWSTILL_CACHE", str(tmp_path))
    with pytest.raises(pytest.skip.Exception, match=f"{engine} is not set up: make {engine.rpartition('-')[0]}$"):
        home(engine)


def test_a_worker_that_dies_tells_its_last_words_and_is_started_anew() -> None:
    worker = Worker(["sh", "-c", "read line; echo $line; read line; echo 'I fall' >&2"], {})
    for _ in range(2):
        assert worker.ask({"a": 1}) == {"a": 1}
        with pytest.raises(EngineError, match="I fall"):
            worker.ask({"a": 2})
    worker.stop()
