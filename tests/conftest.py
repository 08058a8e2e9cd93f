"""What holds for every test: a lane that is not set up says why, and in CI that is a failure."""

import os
import signal
from collections.abc import Iterator

import pytest

from tests.dsl.engines.n8n_server import N8nServer, serving_n8n

# A shell that starts the tests in the background has Ctrl-C ignored, and what they start would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--accept", action="store_true", help="renew the golden files of tests/dsl/golden")


@pytest.fixture(scope="session")
def n8n_server() -> Iterator[N8nServer]:
    """A real n8n server, one for the whole test run. Mark the test `n8n`."""
    with serving_n8n() as server:
        yield server


SHARED = ("n8n", "slow")  # a server for all tests of it; a trained model for all tests of a module


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """With `-n 2` two processes share the work; tests that share what takes long stay in one of them."""
    for item in items:
        for name in SHARED:
            if item.get_closest_marker(name):
                item.add_marker(pytest.mark.xdist_group(name if name == "n8n" else item.path.name))


@pytest.hookimpl(tryfirst=True)
def pytest_make_parametrize_id(val: object) -> str | None:
    """Bytes are told by their number: an archive holds the time, of which two processes see different seconds."""
    if isinstance(val, bytes) and len(val) > 60:
        return f"{len(val)} bytes"
    return f"{len(val)} characters" if isinstance(val, str) and len(val) > 500 else None


@pytest.hookimpl(hookwrapper=True)
def pytest_make_collect_report(collector: pytest.Collector):  # type: ignore[no-untyped-def]
    outcome = yield
    _insist(outcome.get_result())


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item):  # type: ignore[no-untyped-def]
    outcome = yield
    _insist(outcome.get_result())


def _insist(report: pytest.CollectReport | pytest.TestReport) -> None:
    """`make test` sets every lane up: with CI in the environment a skip means that it did not.

    It cannot bring ../shared, the files of others that are not part of the project: to be without them is no failure.
    """
    if "../shared" in str(report.longrepr):
        return
    if os.environ.get("CI") and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, which CI does not accept: {report.longrepr}"


@pytest.hookimpl(trylast=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """A group that xdist does not know of costs minutes: every worker sets up what the whole group shares."""
    grouped = [item for item in session.items if item.get_closest_marker("xdist_group")]
    if grouped and session.config.getoption("loadgroup", False) and "@" not in grouped[0].nodeid:
        raise pytest.UsageError(
            "xdist forgets the groups of tests with this pytest; pyproject.toml names one that works."
        )
