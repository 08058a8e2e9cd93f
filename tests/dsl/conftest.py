"""What takes long to start and serves every test that needs it."""

from collections.abc import Iterator

import pytest

from tests.dsl.engines.n8n_server import N8nServer, serving_n8n


@pytest.fixture(scope="session")
def n8n_server() -> Iterator[N8nServer]:
    """A real n8n server, one for the whole test run. Mark the test `n8n`."""
    with serving_n8n() as server:
        yield server
