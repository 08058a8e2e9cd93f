"""One flow with every kind as each platform's file, and what is said of it: `pytest --accept` renews the files.

A change here is to be read before it is accepted: what people import into their platform has changed.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from subprocess import PIPE
from typing import Any

import pytest

import dsl
from tests.dsl.kitchen import kitchen_sink

GOLDEN = Path(__file__).parent / "golden"
FORMS: dict[str, tuple[str, dict[str, Any]]] = {
    "dify.yml": ("dify", {}),
    "dify-0.7.0.yml": ("dify", {"version": "0.7.0"}),
    "coze.json": ("coze", {}),
    "n8n.json": ("n8n", {}),
    "ragflow.json": ("ragflow", {}),
    "ir.json": ("ir", {}),
}


@pytest.mark.parametrize("name", FORMS)
def test_the_kitchen_sink_is_written_as_it_was_accepted(name: str, request: pytest.FixtureRequest) -> None:
    dialect, options = FORMS[name]
    written = dsl.write(kitchen_sink(), dialect, **options)
    said = "".join(
        f"{note.severity} {note.code} [{note.title or note.node}] {note.message}\n" for note in written.notes
    )
    for path, text in ((GOLDEN / name, _readable(str(written.data))), (GOLDEN / f"{name}.notes", said)):
        if request.config.getoption("accept"):
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert path.is_file(), f"{path.name} was never accepted: pytest --accept"
        assert text == path.read_text(encoding="utf-8")


SAID = """import dsl, sys
for path in sys.argv[1:]:
    flow = dsl.read(open(path, "rb").read())
    for dialect in dsl.DIALECTS if path.endswith("ir.json") else ["ir"]:  # each reader, and each writer
        written = dsl.write(flow, dialect)
        print(path, dialect, written.data, written.notes)
"""


def test_a_file_is_converted_alike_in_every_run() -> None:
    """Python puts the strings of a set in another order in each process."""
    files = [str(GOLDEN / name) for name in FORMS]
    first, second = (
        subprocess.run([sys.executable, "-c", SAID, *files], env={**os.environ, "PYTHONHASHSEED": seed}, stdout=PIPE)
        for seed in ("1", "2")
    )
    assert first.returncode == 0
    assert first.stdout == second.stdout


def test_no_golden_file_is_left_over() -> None:
    assert {path.name.removesuffix(".notes") for path in GOLDEN.iterdir()} == set(FORMS)


def _readable(data: str) -> str:
    """JSON on many lines, so that a change of it can be read."""
    return json.dumps(json.loads(data), indent=1, ensure_ascii=False) + "\n" if data.startswith("{") else data
