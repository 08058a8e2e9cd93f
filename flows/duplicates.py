"""Which texts repeat each other: MinHash proposes, the exact Jaccard similarity of their word pairs decides.

The bands miss a pair at the threshold once in a million, so what is found does not depend
on which library draws the hashes.
"""

import itertools
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence

from flows.minhash import Engine, Shingles, band_keys

Index = dict[int, list[int]]  # key of a band -> the rows that have it


def first_of(
    texts: Sequence[str],
    threshold: float,
    *,
    same: Callable[[int, int], bool] = lambda row, earlier: True,
    engine: Engine | None = None,
) -> list[int]:
    """For each text the number of the first kept text that it repeats, or its own when it is kept.

    `same(row, earlier)` has the last word on a pair whose similarity reaches the threshold.
    """
    shingles, kept = Shingles(texts), defaultdict[int, list[int]](list)
    found = list(range(len(texts)))
    for row, keys in band_keys(shingles, threshold, engine):
        similar = _similar(row, _members(kept, keys), shingles, threshold)
        found[row] = min((earlier for earlier in similar if same(row, earlier)), default=row)
        if found[row] == row:
            _add(kept, keys, row)
    return found


def like(
    texts: Sequence[str],
    known: Sequence[str],
    threshold: float,
    *,
    width: int = 2,
    engine: Engine | None = None,
) -> list[list[int]]:
    """For each text the numbers of the known texts that share enough of its runs of `width` words."""
    shingles, index = Shingles([*known, *texts], width), defaultdict[int, list[int]](list)
    found: list[list[int]] = [[] for _ in texts]
    for row, keys in band_keys(shingles, threshold, engine):
        if row < len(known):
            _add(index, keys, row)
        else:
            found[row - len(known)] = sorted(_similar(row, _members(index, keys), shingles, threshold))
    return found


def clusters(
    texts: Sequence[str],
    threshold: float,
    *,
    same: Callable[[int, int], bool] = lambda one, other: True,
    engine: Engine | None = None,
) -> list[int]:
    """For each text the smallest number in its cluster: the texts that a chain of similar ones links to it."""
    shingles, joined = Shingles(texts), Union(len(texts))
    members = defaultdict[int, list[int]](list)
    for row, keys in band_keys(shingles, threshold, engine):
        _add(members, keys, row)
    for bucket in members.values():
        _join_similar(bucket, shingles, threshold, joined, same)
    return [joined.find(row) for row in range(len(texts))]


class Union:
    """Disjoint sets over the numbers 0 to size - 1; the smallest member names its set."""

    def __init__(self, size: int) -> None:
        self._parent = list(range(size))

    def find(self, row: int) -> int:
        while self._parent[row] != row:
            self._parent[row] = row = self._parent[self._parent[row]]
        return row

    def join(self, one: int, other: int) -> None:
        low, high = sorted((self.find(one), self.find(other)))
        self._parent[high] = low


def jaccard(one: set[int], other: set[int]) -> float:
    """Shared over all shingles, 0 to 1; a text without a word is similar to nothing."""
    shared = len(one & other)
    return shared / (len(one) + len(other) - shared) if shared else 0.0


def _join_similar(
    bucket: list[int], shingles: Shingles, threshold: float, joined: Union, same: Callable[[int, int], bool]
) -> None:
    """Join the similar rows of a bucket; rows that are joined already are not compared again."""
    groups = defaultdict[int, list[int]](list)
    for row in bucket:
        groups[joined.find(row)].append(row)
    sets = {row: shingles.of(row) for row in bucket} if len(groups) > 1 else {}
    for one, other in itertools.combinations(groups.values(), 2):
        if joined.find(one[0]) != joined.find(other[0]) and any(
            same(a, b) and jaccard(sets[a], sets[b]) >= threshold for a, b in itertools.product(one, other)
        ):
            joined.join(one[0], other[0])


def _similar(row: int, others: Iterable[int], shingles: Shingles, threshold: float) -> Iterator[int]:
    own = shingles.of(row)
    return (other for other in others if jaccard(own, shingles.of(other)) >= threshold)


def _members(index: Index, keys: Sequence[int]) -> set[int]:
    """The rows that share one of the bands."""
    found: set[int] = set()
    for key in keys:
        if key in index:
            found.update(index[key])
    return found


def _add(index: Index, keys: Sequence[int], row: int) -> None:
    for key in keys:
        index[key].append(row)
