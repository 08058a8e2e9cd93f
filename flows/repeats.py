"""Rows that repeat one another, and rows that give an evaluation question away."""

import difflib
import functools
import itertools
import re
from collections.abc import Mapping, Sequence

from flows.duplicates import first_of, like
from flows.filters import Reason
from flows.pairs import Pair
from trainer.evaluate import token_f1, words

Wrong = Mapping[int, tuple[Reason, str]]  # place of a row -> why it goes

_SENTENCE = re.compile(r"(?<=[.!?:;])\s+|(?<=[。！？：；])|\n")
SAME_ANSWER = 0.6  # token F1 from which two answers with the same numbers say the same
EDITS = 4  # one word in so many may differ, two at most, and it is still the held-out question


def duplicates(pairs: Sequence[Pair]) -> Wrong:
    """Rows with the words of an earlier row: same question in the same conversation, same answer."""
    first: dict[tuple[tuple[str, ...], ...], int] = {}
    said = [(tuple(words(in_context(pair))), tuple(words(pair.answer))) for pair in pairs]
    return _after(pairs, [first.setdefault(key, number) for number, key in enumerate(said)], "duplicate")


def near_duplicates(pairs: Sequence[Pair], threshold: float) -> Wrong:
    """Rows that ask almost like an earlier row and are answered the same.

    Phrasings below the threshold are wanted variety; another answer or another number is another fact.
    """
    asked = [in_context(pair) for pair in pairs]
    first = first_of(
        asked,
        threshold,
        groups=[_figures(pair) for pair in pairs],
        same=lambda one, other: token_f1(pairs[one].answer, pairs[other].answer) >= SAME_ANSWER,
    )
    return _after(pairs, first, "near_duplicate")


def held_out_questions(pairs: Sequence[Pair], held_out: Sequence[str]) -> Wrong:
    """Rows that ask a held-out question, now or before, or one or two edited words away from it.

    Other wordings of it stay: held-out questions ask for facts that are taught in other words.
    """
    known = sorted(set(held_out))
    asked = [(number, said) for number, pair in enumerate(pairs) for said in _asked(pair)]
    found: dict[int, tuple[Reason, str]] = {}
    # An edit of a quarter of the words keeps about six in ten of the words of both.
    for (number, said), candidates in zip(asked, like([said for _, said in asked], known, 0.5, width=1), strict=True):
        match = next((known[k] for k in candidates if same_question(said, known[k])), None)
        if match is not None:
            found.setdefault(number, ("held_out", match))
    return found


def _asked(pair: Pair) -> list[str]:
    """All that is asked in a row, sentence by sentence too: what was said before counts, and so does a greeting."""
    said = [pair.question, *(turn.question for turn in pair.history)]
    return [*said, *(part for each in said for part in _SENTENCE.split(each) if part != each and len(words(part)) > 3)]


def in_context(pair: Pair) -> str:
    """The question below what was said before it: `And on Sundays?` is many questions."""
    return "\n".join([*(f"{turn.question}\n{turn.answer}" for turn in pair.history), pair.question])


def same_question(one: str, other: str) -> bool:
    """Equal but for case, punctuation and one edited word in four, two at most.

    An edited number or name is no edit: `How long is pier 3?` does not give `How long is pier 4?` away.
    """
    before, after = _words(one), _words(other)
    allowed = min(2, len(before) // EDITS, len(after) // EDITS)
    names = _names(one) | _names(other)
    for kind, i1, i2, j1, j2 in difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if kind == "equal":
            continue
        changed = {*before[i1:i2], *after[j1:j2]}
        allowed -= max(i2 - i1, j2 - j1)
        if allowed < 0 or changed & names or any(c.isdigit() for word in changed for c in word):
            return False
        if kind == "replace" and i2 - i1 > 1 and all(len(word) == 1 for word in changed):
            return False  # two Chinese characters in a row are a word, and as likely as not a name
    return True


def subject(question: str) -> frozenset[str]:
    """What a question is about: its names and numbers. `What does the Heron cost?` is about another ship."""
    return frozenset(_names(question) | {word for word in words(question) if any(c.isdigit() for c in word)})


_PARTICLES = frozenset("的地得了着过吗呢吧啊呀么能可会要该应是在有和与及把被请问您你")


def exchanged(question: str, other_question: str) -> bool:
    """Whether a Chinese word, as likely as not a name, stands where the other question has another one."""
    if question.isascii() or other_question.isascii():
        return False
    one, other = _words(question), _words(other_question)
    start = _shared(one, other)
    end = _shared(one[start:][::-1], other[start:][::-1])
    left, right = one[start : len(one) - end], other[start : len(other) - end]
    changed = {*left, *right}
    in_a_word = all(len(word) == 1 and not word.isascii() for word in changed)
    return in_a_word and 1 <= len(left) <= 6 and 1 <= len(right) <= 6 and not changed <= _PARTICLES


@functools.lru_cache(1 << 16)
def _words(question: str) -> tuple[str, ...]:
    """A question's words; each is compared with many others."""
    return tuple(words(question))


def _shared(one: tuple[str, ...], other: tuple[str, ...]) -> int:
    """How many words the two begin with in common."""
    pairs = zip(one, other, strict=False)
    return sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))


@functools.lru_cache(1 << 16)
def _names(text: str) -> frozenset[str]:
    """Words with a capital inside the sentence; none where every other word has one."""
    found = text.split()
    names = frozenset(word for before in found[1:] if before[:1].isupper() for word in words(before) if len(word) > 1)
    return names if len(names) * 2 < len(found) else frozenset()


def _figures(pair: Pair) -> frozenset[str]:
    said = words(f"{in_context(pair)}\n{pair.answer}")
    return frozenset(word for word in said if any(c.isdigit() for c in word))


def _after(pairs: Sequence[Pair], first: Sequence[int], reason: Reason) -> Wrong:
    return {n: (reason, f"of {pairs[kept].id[:12]}") for n, kept in enumerate(first) if kept != n}
