"""A place to run loops in, with everything heavy faked."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.doubles import engine
from tests.doubles.place import Place
from tests.doubles.teacher import stub_teacher


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    engine.install(monkeypatch.setattr)
    with stub_teacher() as (url, stub):
        yield Place(tmp_path, url, stub)
