"""MinHash with locality-sensitive hashing: which of many texts are worth comparing word by word.

Signatures of 120 hashes are cut into bands; texts that agree in a whole band are proposed
(Broder 1997; Leskovec, Rajaraman, Ullman, "Mining of Massive Datasets", chapter 3).
"""

import importlib.util
import itertools
import re
import unicodedata
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Literal

from connectors import missing_extra

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Hashes = NDArray[np.uint64]
    Numbers = NDArray[np.int64]
    Signatures = NDArray[np.uint32]

Engine = Literal["rensa", "numpy"]
PERMUTATIONS = 120  # many divisors: bands of nearly any width
MISSED = 1e-6  # highest probability that a pair right at the threshold is not proposed
SEED = 42
_CHUNK = 1 << 15  # shingles hashed at a time: what stays in the processor's cache
_TEXTS = 500  # split into words at a time, for the same reason
_END = b"\xff"  # after the words of each text; no byte of UTF-8

# Bytes, since their translation and hashing is twice as fast as that of str.
_ASCII_WORDS = bytes(ord(chr(code).lower()) if chr(code).isalnum() else 32 for code in range(128)) + bytes(128)
_NO_WORD = re.compile(r"[\W_]+")
_ONE_CHARACTER_WORDS = re.compile(r"[㐀-鿿豈-﫿぀-ヿ가-힯]")


def tokens(text: str) -> list[bytes]:
    """The words of a text in lower case without punctuation; Chinese, Japanese and Korean count by character."""
    return _folded(text).split()


def _folded(text: str) -> bytes:
    """The words of a text with blanks between them."""
    if text.isascii():
        return text.encode().translate(_ASCII_WORDS)
    folded = _NO_WORD.sub(" ", unicodedata.normalize("NFKC", text).lower())
    return _ONE_CHARACTER_WORDS.sub(r" \g<0> ", folded).encode()


class Shingles:
    """The hashed runs of `width` words of many texts, one flat array; a shorter text is one shingle."""

    def __init__(self, texts: Iterable[str], width: int = 2) -> None:
        np = _numpy()
        hashes, counts = [np.empty(0, np.uint64)], [np.zeros(1, np.int64)]
        for words, lengths in _words(texts):
            found, each = _runs(words, lengths, width)
            hashes.append(found)
            counts.append(each)
        self.hashes, self.offsets = np.concatenate(hashes), np.cumsum(np.concatenate(counts))
        self._sets: dict[int, frozenset[int]] = {}

    def of(self, row: int) -> frozenset[int]:
        """The shingles of one row; kept, since a row that is compared once is compared often."""
        if row not in self._sets:
            self._sets[row] = frozenset(self.hashes[self.offsets[row] : self.offsets[row + 1]].tolist())
        return self._sets[row]

    def only(self, rows: "Numbers") -> tuple["Hashes", "Numbers"]:
        """Hashes and offsets of some rows."""
        np = _numpy()
        lengths = np.diff(self.offsets)[rows]
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        places = np.arange(offsets[-1]) + np.repeat(self.offsets[rows] - offsets[:-1], lengths)
        return self.hashes[places], offsets


def bands(threshold: float) -> int:
    """How many bands a signature is cut into: the fewest that miss a pair at `threshold` once in a million."""
    for width in (30, 24, 20, 15, 12, 10, 8, 6, 5, 4, 3, 2):
        if (1 - threshold**width) ** (PERMUTATIONS // width) <= MISSED:
            return PERMUTATIONS // width
    return PERMUTATIONS


def band_keys(shingles: Shingles, threshold: float, engine: Engine | None = None) -> Iterator[tuple[int, list[int]]]:
    """Each row that shares a band with others, ascending, with a number for each set of rows that share one."""
    np = _numpy()
    count = bands(threshold)
    rows, signatures = _suspects(shingles, count, engine or _installed())
    keys = _keys(signatures, count)
    _, place, sizes = np.unique(keys, return_inverse=True, return_counts=True)
    place = place.reshape(keys.shape)
    shared = (sizes > 1)[place]
    groups = _groups(place, len(sizes))[place]
    for number in np.flatnonzero(shared.any(axis=1)).tolist():
        yield int(rows[number]), list(dict.fromkeys(groups[number][shared[number]].tolist()))


def _groups(place: "Numbers", count: int) -> "Hashes":
    """For each key a number that stands for the rows which have it: near copies share many, and one is enough."""
    np = _numpy()
    found: Hashes = np.zeros(count, np.uint64)
    rows = _mixed(np.arange(1, len(place) + 1, dtype=np.uint64))
    np.add.at(found, place, rows[:, None])  # a sum, since it does not depend on their order
    return found


def _suspects(shingles: Shingles, count: int, engine: Engine) -> tuple["Numbers", "Signatures"]:
    """Signatures of every row that may share a band. A row without a word has none."""
    np = _numpy()
    rows = np.flatnonzero(np.diff(shingles.offsets))
    if not len(rows):
        return rows, np.empty((0, PERMUTATIONS), np.uint32)
    every = shingles.hashes, np.append(shingles.offsets[rows], shingles.offsets[-1])
    if engine == "numpy":
        return rows, signatures(*every)
    import rensa

    index = rensa.RMinHashLSH(0.5, PERMUTATIONS, count)  # its own threshold plays no part in banding
    flags = index.query_duplicate_flags_matrix_one_shot(_matrix(*every))
    rows = rows[np.array(flags, bool)]  # the others agree in no band: their signatures are not needed
    return rows, np.array(_matrix(*shingles.only(rows)).to_rows(), np.uint32).reshape(-1, PERMUTATIONS)


def _matrix(hashes: "Hashes", offsets: "Numbers") -> Any:
    import rensa

    return rensa.RMinHash.digest_matrix_from_flat_token_hashes(hashes, offsets.astype("uint64"), PERMUTATIONS, SEED)


def signatures(hashes: "Hashes", offsets: "Numbers") -> "Signatures":
    """The least hash of each row under 120 multiply-add-shift functions, shape (rows, 120); no row is empty."""
    np = _numpy()
    random = np.random.Generator(np.random.PCG64(SEED))
    factors = random.integers(1, 2**63, PERMUTATIONS, np.uint64) * np.uint64(2) + np.uint64(1)
    terms = random.integers(0, 2**63, PERMUTATIONS, np.uint64)
    found: Signatures = np.empty((len(offsets) - 1, PERMUTATIONS), np.uint32)
    start = 0
    while start < len(found):
        end = max(start + 1, int(np.searchsorted(offsets, offsets[start] + _CHUNK)) - 1)
        part, starts = hashes[offsets[start] : offsets[end]], offsets[start:end] - offsets[start]
        for column, (factor, term) in enumerate(zip(factors, terms, strict=True)):
            least = np.minimum.reduceat(part * factor + term, starts)
            found[start:end, column] = least >> np.uint64(32)
        start = end
    return found


def _keys(signatures: "Signatures", count: int) -> "Hashes":
    """One 64-bit key for each band of each row, shape (rows, bands)."""
    np = _numpy()
    width = PERMUTATIONS // count
    cut = signatures[:, : count * width].reshape(len(signatures), count, width).astype(np.uint64)
    keys = np.broadcast_to(np.arange(count, dtype=np.uint64), (len(signatures), count))
    for column in range(width):
        keys = _mixed(keys) + cut[:, :, column]
    return _mixed(keys)


def _words(texts: Iterable[str]) -> Iterator[tuple["Hashes", "Numbers"]]:
    """The hashed words of some texts at a time, and how many each has: all words at once would take gigabytes."""
    np = _numpy()
    known, left = _WordHashes({_END: bytes(8)}), iter(texts)
    while some := list(itertools.islice(left, _TEXTS)):
        found = b" ".join(part for text in some for part in (_folded(text), _END)).split()
        hashes = np.frombuffer(b"".join(map(known.__getitem__, found)), "<u8")
        ends = np.flatnonzero(hashes == 0)
        yield np.delete(hashes, ends), np.diff(ends, prepend=-1) - 1


def _runs(words: "Hashes", lengths: "Numbers", width: int) -> tuple["Hashes", "Numbers"]:
    """Hash each run of `width` words that lies within its text; (hashes, number of them by text)."""
    np = _numpy()
    ends = np.cumsum(lengths)
    left = np.repeat(ends, lengths) - np.arange(len(words))  # words from here to the end of its text
    odd, runs = np.uint64(0x9E3779B97F4A7C15), words  # wraps around: a polynomial of the words' hashes
    for ahead in range(1, width):
        following = np.concatenate([words[ahead:], np.zeros(min(ahead, len(words)), np.uint64)])
        runs = np.where(left > ahead, runs * odd + following, runs)
    starts = left >= width
    starts[(ends - lengths)[lengths > 0]] = True  # a text shorter than `width` has one run all the same
    counts = np.where(lengths >= width, lengths - width + 1, np.minimum(lengths, 1))
    return runs[starts], counts


class _WordHashes(dict[bytes, bytes]):
    """64 bits of each word; blake2b, since Python's own hash differs from process to process."""

    def __missing__(self, word: bytes) -> bytes:
        self[word] = found = blake2b(word, digest_size=8).digest()
        return found


def _mixed(values: "Hashes") -> "Hashes":
    """Spread each input bit over all output bits (the finaliser of splitmix64)."""
    np = _numpy()
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: Hashes = values ^ (values >> np.uint64(31))
    return mixed


def _installed() -> Engine:
    return "rensa" if importlib.util.find_spec("rensa") else "numpy"


def _numpy() -> Any:
    try:
        import numpy
    except ImportError:
        raise missing_extra("curate", "Finding near-duplicates") from None
    return numpy
