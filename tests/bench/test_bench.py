"""The bench itself, at sizes that take seconds: every part measures, and the table can be told."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bench import curating, faults, size, speed
from tests.bench.__main__ import main
from tests.bench.figures import Figure, Target
from tests.bench.place import Stub, stub


@pytest.fixture
def teacher() -> Iterator[Stub]:
    with stub() as started:
        yield started


def by_name(figures: list[Figure]) -> dict[str, float]:
    return {figure.what: figure.measured for figure in figures}


def test_a_clean_run_is_measured_beside_its_floor(teacher: Stub, tmp_path: Path) -> None:
    distil, first, memory, calls, rerun = speed.measure(teacher, tmp_path, passages=4, times=1)
    assert distil.ratio is not None and distil.ratio > 0.9
    assert 0 < first.measured < 60
    assert 10 < memory.measured < 1000
    assert calls.measured == 0
    assert rerun.measured > 0


def test_faults_are_answered_with_all_pairs(teacher: Stub, tmp_path: Path) -> None:
    figures = by_name(faults.measure(teacher, tmp_path, passages=4, seeds=1))
    assert figures["5 % 429 and 5 % 500: pairs"] == 8
    assert figures["10 % of answers cut: calls"] >= 4


def test_kills_are_counted(teacher: Stub, tmp_path: Path) -> None:
    figures = faults.kills(teacher, tmp_path, passages=40, times=1)
    assert [figure.measured for figure in figures[:3]] == [0, 0, 0]
    assert figures[3].measured <= 32


def test_near_duplicates_are_measured_with_both_libraries() -> None:
    figures = by_name(curating.near_duplicates(500))
    assert figures["near-duplicates, 500 pairs, rensa: recall"] == 1
    assert figures["near-duplicates, 500 pairs, numpy: false positives"] == 0


def test_a_folder_is_as_large_as_its_files(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"12345")
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "c").write_bytes(b"123")
    assert size.size(tmp_path) == 8


@pytest.mark.parametrize(
    ("target", "met"),
    [(Target(1.5), True), (Target(1.4, "ratio"), False), (Target(1.5, "ratio"), True), (Target(2, least=True), False)],
)
def test_a_target_bounds_the_figure_or_its_ratio(target: Target, met: bool) -> None:
    assert Figure("x", 1.5, "s", 1.0, target=target).met is met


def test_one_part_alone_is_told_and_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["help", "--json", str(tmp_path / "figures.json")], standalone_mode=False)
    kept = json.loads((tmp_path / "figures.json").read_text())
    assert kept["figures"][0]["what"] == "flowstill --help"
    assert {"system", "load before", "load after"} < kept.keys()
    assert "flowstill --help" in capsys.readouterr().out
