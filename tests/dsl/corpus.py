"""The real workflow files that the tests of `dsl` run over: a new file is a new test."""

from pathlib import Path

import pytest

SHARED = Path(__file__).parents[3] / "shared" / "corpora"
FOLDERS = {
    "dify": ["dify", "agentbridge/dify"],
    "coze": ["coze/canvas", "coze/formats", "agentbridge/coze"],
    "n8n": ["n8n"],
    "ragflow": ["ragflow"],
}
SUFFIXES = {".yml", ".yaml", ".json", ".zip", ".flow", ".n8np"}
NOT_WORKFLOWS = {"index.tsv"}


def paths(dialect: str) -> list[Path]:
    return [
        path
        for folder in FOLDERS[dialect]
        for path in sorted((SHARED / folder).rglob("*"))
        if path.suffix in SUFFIXES and path.name not in NOT_WORKFLOWS
    ]


def files(dialect: str) -> list[object]:
    """Parameters: the files of a dialect; one skipped parameter when the corpora are not there."""
    found = paths(dialect)
    if not found:
        return [pytest.param(None, marks=pytest.mark.skip("../shared is not here"), id=f"{dialect}: no corpora")]
    return [pytest.param(path, id=f"{dialect}/{path.relative_to(SHARED)}") for path in found]
