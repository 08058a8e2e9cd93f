"""Speed, recall and false positives of near-duplicate removal on planted rows: `python tests/bench/near_duplicates.py`.

The planted set: pairs of about 35 words, a tenth of them near copies of an earlier pair in which one or two words
of the answer are changed; every third copy has its question in lower case.
"""

import random
import sys
import time
from typing import NamedTuple

from flows.duplicates import first_of
from flows.minhash import Engine

THRESHOLD = 0.7


class Planted(NamedTuple):
    texts: list[str]
    copy_of: dict[int, int]  # number of a copy -> number of its original


class Found(NamedTuple):
    engine: Engine
    seconds: float
    cpu_seconds: float  # of all threads: what a machine that is busy otherwise cannot stretch as much
    texts_per_second: float
    recall: float  # share of the planted copies that were dropped
    false_positives: int  # originals that were dropped


def planted(size: int = 100_000, seed: int = 0) -> Planted:
    draw = random.Random(seed)
    vocabulary = ["".join(draw.choices("abcdefghijklmnopqrstuvwxyz", k=draw.randint(3, 9))) for _ in range(20_000)]
    texts = [_pair(draw, vocabulary) for _ in range(size - size // 10)]
    copies = draw.sample(range(len(texts)), size // 10)
    copy_of = {}
    for number, original in enumerate(copies):
        copy_of[len(texts)] = original
        texts.append(_edited(draw, vocabulary, texts[original], lower=number % 3 == 0))
    return Planted(texts, copy_of)


def measure(rows: Planted, engine: Engine) -> Found:
    started, worked = time.perf_counter(), time.process_time()
    first = first_of(rows.texts, THRESHOLD, engine=engine)
    seconds, worked = time.perf_counter() - started, time.process_time() - worked
    dropped = {number for number, found in enumerate(first) if found != number}
    recall = len(dropped & set(rows.copy_of)) / len(rows.copy_of)
    return Found(engine, seconds, worked, len(rows.texts) / seconds, recall, len(dropped - set(rows.copy_of)))


def _pair(draw: random.Random, vocabulary: list[str]) -> str:
    question, answer = draw.choices(vocabulary, k=draw.randint(9, 13)), draw.choices(vocabulary, k=draw.randint(21, 27))
    return f"{' '.join(question).capitalize()}?\n{' '.join(answer).capitalize()}."


def _edited(draw: random.Random, vocabulary: list[str], text: str, *, lower: bool) -> str:
    question, answer = text.split("\n")
    words = answer.split()
    for place in draw.sample(range(len(words)), draw.randint(1, 2)):
        words[place] = draw.choice(vocabulary)
    return f"{question.lower() if lower else question}\n{' '.join(words)}"


if __name__ == "__main__":
    rows = planted(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
    for engine in ("rensa", "numpy"):
        found = measure(rows, engine)
        print(
            f"{found.engine:6} {found.seconds:6.2f} s ({found.cpu_seconds:.2f} s CPU) "
            f"{found.texts_per_second:8.0f} texts/s recall {found.recall:.3f} false positives {found.false_positives}"
        )
