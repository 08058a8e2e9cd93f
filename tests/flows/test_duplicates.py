"""Near-duplicates are found whatever library draws the hashes, and nothing else is taken for one."""

import importlib.util
import itertools
import random
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors import ServiceError
from flows import minhash
from flows.duplicates import clusters, first_of, jaccard, like
from flows.minhash import Engine, Shingles, bands

ENGINES: tuple[Engine, ...] = ("rensa", "numpy")
BASE = "the ferry leaves the north quay at nine on weekdays and at ten on sundays in winter"


def _bench() -> Any:
    spec = importlib.util.spec_from_file_location("near_duplicates", "tests/bench/near_duplicates.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("engine", ENGINES)
def test_planted_copies_are_found_and_nothing_else(engine: Engine) -> None:
    bench = _bench()
    found = bench.measure(bench.planted(5_000), engine)
    assert found.recall >= 0.97
    assert found.false_positives == 0


@pytest.mark.parametrize("threshold", [0.5, 0.7, 0.8, 0.95])
def test_rensa_and_numpy_keep_the_same_rows(threshold: float) -> None:
    texts = _bench().planted(5_000, seed=7).texts
    assert first_of(texts, threshold, engine="rensa") == first_of(texts, threshold, engine="numpy")


def _edited(seed: int, size: int = 300) -> list[str]:
    """Texts in every degree of likeness to one another."""
    draw = random.Random(seed)
    texts = [BASE]
    while len(texts) < size:
        words = draw.choice(texts).split()
        words[draw.randrange(len(words))] = draw.choice(
            ["quay", "boat", "ticket", "storm", "deck", "rope", "crew", "bell"]
        )
        texts.append(" ".join(words))
    return texts


@pytest.mark.parametrize("threshold", [0.4, 0.6, 0.8])
@pytest.mark.parametrize("engine", ENGINES)
def test_the_index_finds_what_comparing_every_pair_finds(engine: Engine, threshold: float) -> None:
    texts = _edited(3)
    shingles = Shingles(texts)
    kept: list[int] = []
    expected = []
    for row in range(len(texts)):
        near = [k for k in kept if jaccard(shingles.of(row), shingles.of(k)) >= threshold]
        expected.append(near[0] if near else row)
        kept += [] if near else [row]
    assert first_of(texts, threshold, engine=engine) == expected


@pytest.mark.parametrize("engine", ENGINES)
def test_clusters_are_closed_under_likeness(engine: Engine) -> None:
    texts = _edited(5, 120)
    shingles, found = Shingles(texts), clusters(texts, 0.6, engine=engine)
    for one, other in itertools.combinations(range(len(texts)), 2):
        if jaccard(shingles.of(one), shingles.of(other)) >= 0.6:
            assert found[one] == found[other]
    assert len(set(found)) < len(texts)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text(alphabet="ab 渡轮?。\n", max_size=12), max_size=12))
def test_any_texts_at_all(texts: list[str]) -> None:
    first = first_of(texts, 0.8, engine="numpy")
    assert first == first_of(texts, 0.8, engine="rensa")
    assert all(first[kept] == kept for kept in first)


def test_a_text_has_the_same_shingles_alone_and_among_many() -> None:
    texts = [*_edited(1, 600), "", "?!", "one", "海鸥号渡轮", "Die Fähre fährt.", "\x00 a\tb\nc", *_edited(2, 600)]
    together = Shingles(texts)
    assert all(together.of(row) == Shingles([text]).of(0) for row, text in enumerate(texts))


def test_chinese_is_compared_by_character() -> None:
    texts = ["海鸥号渡轮最多可以载多少名乘客？", "海鸥号渡轮最多可以载多少名乘客呢？", "玛吉特号是哪一年建造的？"]
    assert first_of(texts, 0.7) == [0, 0, 2]


def test_a_text_without_words_is_like_nothing() -> None:
    assert first_of(["?!", "?!", ""], 0.5) == [0, 1, 2]


def test_known_texts_are_found_again() -> None:
    assert like([BASE + " too", "something else"], ["no", BASE], 0.8) == [[1], []]


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 0.99])
def test_a_pair_at_the_threshold_is_missed_once_in_a_million(threshold: float) -> None:
    count = bands(threshold)
    assert minhash.PERMUTATIONS % count == 0
    assert (1 - threshold ** (minhash.PERMUTATIONS // count)) ** count <= 1e-6


def test_without_rensa_numpy_does_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rensa", None)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert first_of([BASE, BASE], 0.8) == [0, 0]


def test_without_numpy_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "numpy", None)
    with pytest.raises(ServiceError, match=r"flowstill\[curate\]"):
        first_of([BASE], 0.8)
