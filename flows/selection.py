"""Which of the fit rows to train on, and in which order."""

from collections.abc import Sequence

from connectors import missing_extra
from connectors.records import sha256
from flows.config import Curate
from flows.minhash import Shingles, signatures
from flows.pairs import Pair
from trainer.evaluate import words

DIFFICULTY = {"easy": 0, "medium": 1, "": 1, "hard": 2}


def select(pairs: Sequence[Pair], options: Curate) -> list[Pair]:
    """At most `options.k` of the pairs, or all of them, in canonical order."""
    if options.select == "all" or len(pairs) <= options.k:
        return list(pairs)
    return longest(pairs, options.k) if options.select == "longest" else diverse(pairs, options.k)


def ordered(pairs: Sequence[Pair], options: Curate) -> list[Pair]:
    """Shuffled by hash, so that the order of arrival plays no part; or easy ones first, short ones first."""
    shuffled = sorted(pairs, key=lambda pair: sha256(f"{options.seed}\x1f{pair.id}"))
    if options.order == "shuffled":
        return shuffled
    return sorted(shuffled, key=lambda pair: (DIFFICULTY.get(pair.difficulty, 1), len(words(pair.answer))))


def longest(pairs: Sequence[Pair], k: int) -> list[Pair]:
    """The pairs with the longest answers: the baseline to beat (https://arxiv.org/abs/2402.04833)."""
    lengths = [len(words(pair.answer)) for pair in pairs]
    chosen = sorted(range(len(pairs)), key=lambda number: (-lengths[number], pairs[number].id))[:k]
    return [pairs[number] for number in sorted(chosen)]


def diverse(pairs: Sequence[Pair], k: int) -> list[Pair]:
    """Farthest first: each next pair is the one least like those chosen so far, by MinHash similarity.

    The greedy 2-approximation of the k-center problem (Gonzalez 1985); it covers rare subjects early.
    """
    try:
        import numpy as np
    except ImportError:
        raise missing_extra("curate", "Choosing diverse pairs") from None
    shingles = Shingles([f"{pair.question}\n{pair.answer}" for pair in pairs])
    signed = signatures(*shingles.only(np.arange(len(pairs))))
    chosen = [min(range(len(pairs)), key=lambda number: pairs[number].id)]
    nearest = (signed == signed[chosen[0]]).mean(axis=1)  # similarity to the nearest chosen one
    while len(chosen) < k:
        nearest[chosen[-1]] = 2.0  # never again
        chosen.append(int(nearest.argmin()))
        nearest = np.maximum(nearest, (signed == signed[chosen[-1]]).mean(axis=1))
    return [pairs[number] for number in sorted(chosen)]
