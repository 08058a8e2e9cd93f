"""Measures of one answer against its reference. Pure Python: no model, no library."""

import re
import unicodedata
from collections import Counter

_CJK = "㐀-鿿豈-﫿぀-ヿ가-힯"
_WORD = re.compile(rf"[{_CJK}]|[^\W_{_CJK}]+(?:[.:/@_-]+[^\W_{_CJK}]+)*")
_PLAIN = re.compile(r"[A-Za-zÀ-ɏ]{3,}")  # a word that may be inflected; shorter ones become others: a, as


def normalise(text: str) -> str:
    """NFKC, lower case, one blank between words: two texts that read alike become equal."""
    return " ".join(unicodedata.normalize("NFKC", text).lower().split())


def words(text: str) -> list[str]:
    """The words of a text in order; Chinese, Japanese and Korean count by character, `08:30` as one word."""
    return _WORD.findall(normalise(text))


def token_f1(answer: str, reference: str) -> float:
    """Harmonic mean of word precision and recall, 0 to 1 (SQuAD's measure, https://arxiv.org/abs/1606.05250)."""
    said, wanted = Counter(words(answer)), Counter(words(reference))
    if not said or not wanted:
        return float(said == wanted)
    common = (said & wanted).total()
    return 2 * common / (said.total() + wanted.total())


def exact(answer: str, reference: str) -> float:
    """1.0 when the two say the same words in the same order."""
    return float(words(answer) == words(reference))


def key_match(answer: str, keys: list[str]) -> float:
    """1.0 when every key (a number, a name) stands in the answer as whole words; 0.0 without keys.

    A word may have an English s or es added, a number or a code in capitals nothing.
    """
    said = f" {' '.join(words(answer))} "
    return float(bool(keys) and all(re.search(_key(key), said) for key in keys))


def _key(key: str) -> str:
    last = key.split()[-1:]
    inflected = "(e?s)?" if last and _PLAIN.fullmatch(last[0]) and not last[0].isupper() else ""
    return f" {re.escape(' '.join(words(key)))}{inflected} "
