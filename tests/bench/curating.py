"""Near-duplicate removal with either library, beside the cheapest thing that finds exact repeats only."""

import time
from hashlib import blake2b

from flows.duplicates import first_of
from flows.minhash import Engine, tokens
from tests.bench.figures import Figure, Target
from tests.bench.near_duplicates import THRESHOLD, Planted, measure, planted

SPEED: dict[Engine, float] = {"rensa": 50_000, "numpy": 10_000}  # texts a second
TIMES = 3  # the median counts


def near_duplicates(size: int = 100_000) -> list[Figure]:
    rows = planted(size)
    exact = _exact_texts_per_second(rows)
    return [figure for engine in SPEED for figure in _figures(rows, engine, exact)]


def _figures(rows: Planted, engine: Engine, exact: float) -> list[Figure]:
    first_of(rows.texts[:100], THRESHOLD, engine=engine)  # its libraries come in here, untimed
    found = sorted((measure(rows, engine) for _ in range(TIMES)), key=lambda one: one.seconds)[TIMES // 2]
    what = f"near-duplicates, {len(rows.texts):,} pairs, {engine}"
    cpu = f"median of {TIMES}; {len(rows.texts) / found.cpu_seconds:,.0f} a second of CPU time"
    return [
        Figure(what, found.texts_per_second, "/s", exact, "exact hash", Target(SPEED[engine], least=True), cpu),
        Figure(f"{what}: recall", found.recall, "", target=Target(0.97, least=True)),
        Figure(f"{what}: false positives", found.false_positives, "", target=Target(0)),
    ]


def _exact_texts_per_second(rows: Planted) -> float:
    """blake2b of the normalised words, and a set."""
    started, seen = time.perf_counter(), set()
    for text in rows.texts:
        seen.add(blake2b(b" ".join(tokens(text)), digest_size=8).digest())
    return len(rows.texts) / (time.perf_counter() - started)
