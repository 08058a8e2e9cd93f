"""Which texts repeat each other: MinHash proposes, the exact Jaccard similarity of their word pairs decides.

The bands miss a pair at the threshold once in a million, so what is found does not depend
on which library draws the hashes.
"""

import itertools
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence

from flows.minhash import Engine, Shingles, band_keys

Index = dict[Hashable, list[int]]  # key of a band, perhaps with a group -> the rows that have it


def first_of(
    texts: Sequence[str],
    threshold: float,
    *,
    groups: Sequence[Hashable] = (),
    same: Callable[[int, int], bool] = lambda row, earlier: True,
    engine: Engine | None = None,
) -> list[int]:
    """For each text the number of the first kept text that it repeats, or its own when it is kept.

    Only texts of the same group are compared, and `same(row, earlier)` has the last word on similar ones.
    """
    shingles, kept = Shingles(texts), defaultdict[Hashable, list[int]](list)
    found = list(range(len(texts)))
    for row, bands in band_keys(shingles, threshold, engine):
        keys = [(band, groups[row]) for band in bands] if groups else bands
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
    shingles, index = Shingles([*known, *texts], width), defaultdict[Hashable, list[int]](list)
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
    groups: Sequence[Hashable] = (),
    same: Callable[[int, int], bool] = lambda one, other: True,
    engine: Engine | None = None,
) -> list[int]:
    """For each text the smallest number in its cluster: the texts that a chain of similar ones links to it.

    Only texts of the same group are linked, and only those that `same` agrees to.
    """
    shingles, joined = Shingles(texts), Union(len(texts))
    members = defaultdict[Hashable, list[int]](list)
    for row, bands in band_keys(shingles, threshold, engine):
        _add(members, [(band, groups[row]) for band in bands] if groups else bands, row)
    refused: set[tuple[int, int]] = set()

    def alike(one: int, other: int) -> bool:
        if (one, other) in refused:  # they share many bands, and are compared once
            return False
        found = jaccard(shingles.of(one), shingles.of(other)) >= threshold and same(one, other)
        if not found:
            refused.add((one, other))
        return found

    for bucket in members.values():
        _join(bucket, alike, joined)
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


def jaccard(one: frozenset[int], other: frozenset[int]) -> float:
    """Shared over all shingles, 0 to 1; a text without a word is similar to nothing."""
    shared = len(one & other)
    return shared / (len(one) + len(other) - shared) if shared else 0.0


def _join(bucket: list[int], alike: Callable[[int, int], bool], joined: Union) -> None:
    """Join the rows of a bucket that are alike; rows that are joined already are not compared again."""
    parts = defaultdict[int, list[int]](list)
    for row in bucket:
        parts[joined.find(row)].append(row)
    for one, other in itertools.combinations(parts.values(), 2):
        if joined.find(one[0]) != joined.find(other[0]) and any(
            alike(min(a, b), max(a, b)) for a, b in itertools.product(one, other)
        ):
            joined.join(one[0], other[0])


def _similar(row: int, others: Iterable[int], shingles: Shingles, threshold: float) -> Iterator[int]:
    own = shingles.of(row)
    return (other for other in others if jaccard(own, shingles.of(other)) >= threshold)


def _members(index: Index, keys: Sequence[Hashable]) -> set[int]:
    """The rows that share one of the bands."""
    found: set[int] = set()
    for key in keys:
        if key in index:
            found.update(index[key])
    return found


def _add(index: Index, keys: Sequence[Hashable], row: int) -> None:
    for key in keys:
        index[key].append(row)
