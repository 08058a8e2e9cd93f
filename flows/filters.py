"""Why a single pair is not fit to learn from. Each check returns what is wrong, or nothing."""

import functools
import re
import unicodedata
import zlib
from collections.abc import Callable, Iterator
from typing import Literal

from connectors.records import Passage
from flows.config import Curate
from flows.languages import script_of
from flows.meaning import asks
from flows.pairs import Pair
from flows.refusals import is_refusal
from flows.subjects import answerable, unsupported
from trainer.evaluate import words

Reason = Literal[
    "thumbs_down",  # people rejected the answer; the dpo and kto exports use it
    "duplicate",  # the same question with the same answer is kept already
    "near_duplicate",
    "held_out",  # an evaluation question, or one or two words from one
    "too_short",
    "too_long",
    "language",  # question, answer and passage are not in the same language, or it is not wanted
    "refusal",  # the answer to an answerable question is that there is none
    "repetitive",  # one thing over and over, as a stuck model writes
    "no_question",  # the teacher wrote a statement, or a heading, where a question belongs
    "changed_meaning",  # a paraphrase that no longer asks what its original asks
    "ungrounded",  # the passage does not support the answer
    "answerable",  # a refusal, though a passage seems to answer
    "judged_low",
    "personal_data",
    "not_selected",  # fit, but `select` keeps others
]
Check = Callable[[Pair, Curate], str]  # "" when the pair passes

SCRIPTS = {
    "han": r"[㐀-鿿豈-﫿]",
    "kana": r"[぀-ヿ]",
    "hangul": r"[가-힯]",
    "cyrillic": r"[Ѐ-ӿ]",
    "greek": r"[Ͱ-Ͽ]",
    "arabic": r"[؀-ۿ]",
    "hebrew": r"[֐-׿]",
    "thai": r"[฀-๿]",
    "devanagari": r"[ऀ-ॿ]",
    "latin": r"[A-Za-zÀ-ɏ]+",  # counted by word: one says about as much as a Chinese character
}
# Whisper's sign of a stuck decoder (https://arxiv.org/abs/2212.04356, section 4.5): compression_ratio_threshold.
STUCK = 2.4
_NAME = 3  # so few words may be a name, which has the same letters in every language


def reasons(pair: Pair, options: Curate, judged: float | None) -> Iterator[tuple[Reason, str]]:
    """Everything that is wrong with the pair, the first thing first."""
    for reason, check in CHECKS:
        if detail := check(pair, options):
            yield reason, detail
    if judged is not None and judged < options.judge_min:
        yield "judged_low", f"{judged:g} of 5"


def _thumbs_down(pair: Pair, options: Curate) -> str:
    return (pair.comment or "rated down") if pair.rating < 0 else ""


def _too_short(pair: Pair, options: Curate) -> str:
    if not words(pair.question):
        return "no question"
    return f"{len(pair.answer)} characters" if len(pair.answer) < max(options.min_answer, 1) else ""


def _too_long(pair: Pair, options: Curate) -> str:
    return f"{len(pair.answer)} characters" if len(pair.answer) > options.max_answer else ""


def _language(pair: Pair, options: Curate) -> str:
    asked, said = script(pair.question), script(pair.answer)
    if options.languages:
        wanted = {script_of(language) for language in options.languages}
        strange = [found for found in (asked, said) if found and found not in wanted | ({"han"} & {_han(wanted)})]
        return f"{strange[0]} script" if strange and not _copied(pair) else ""
    read = script(" ".join(passage.text for passage in pair.passages))
    pairs = [(asked, said), (read, said), (read, asked)]
    clash = next(((one, other) for one, other in pairs if not _alike(one, other)), None)
    return f"{clash[0]} and {clash[1]} script" if clash and not _copied(pair) else ""


def _han(wanted: set[str]) -> str:
    """Japanese may be written in Chinese characters alone."""
    return "han" if "kana" in wanted else ""


def _alike(one: str, other: str) -> bool:
    return not one or not other or one == other or {one, other} == {"han", "kana"}


def _copied(pair: Pair) -> bool:
    """A name or a command that stands in the passage is right in any script."""
    return any(_plain(pair.answer) in _plain(passage.text) for passage in pair.passages)


def script(text: str) -> str:
    """The script most of the text is written in; empty for so few words that they may be a name."""
    counts = {name: len(re.findall(pattern, text)) for name, pattern in SCRIPTS.items()}
    if counts["kana"]:  # Japanese holds Chinese characters, Chinese holds no kana
        counts["kana"] += counts.pop("han")
    most = max(counts, key=lambda name: counts[name])
    return most if counts[most] > _NAME else ""


def _refusal(pair: Pair, options: Curate) -> str:
    return pair.answer[:80] if pair.kind != "refusal" and is_refusal(pair.answer) else ""


def _no_question(pair: Pair, options: Curate) -> str:
    """People may ask in keywords; a teacher was told to write questions."""
    written = pair.kind in ("distilled", "follow_up", "refusal") and script(pair.question) in ("", "latin", "han")
    return "" if not written or asks(pair.question) else "states something"


def _repetitive(pair: Pair, options: Curate) -> str:
    """A small model that got stuck says one thing over and over."""
    said = (pair.question, pair.answer) if pair.kind != "human" else ()
    ratio = max((len(text.encode()) / len(zlib.compress(text.encode())) for text in said), default=0.0)
    return f"compresses {ratio:.1f} times" if ratio > STUCK else ""


def _ungrounded(pair: Pair, options: Curate) -> str:
    if pair.kind not in ("distilled", "follow_up"):
        return ""
    if not pair.passages:
        return "no passage"
    quote = pair.quote if _plain(pair.quote) or not _copied(pair) else pair.answer  # which is a quote itself
    if not _plain(quote):
        return "no quote"
    if not any(_plain(quote) in _plain(passage.titled) for passage in pair.passages):
        return "the quote is not in the passage"
    share = overlap(pair.answer, pair.passages)
    if share < options.groundedness:
        return f"{share:.0%} of its words are in the passage"
    return unsupported(pair.question, pair.answer, quote)


def _answerable(pair: Pair, options: Curate) -> str:
    """An honest refusal, but to a question that the passage answers."""
    if pair.kind != "refusal":
        return ""
    return next(filter(None, (answerable(pair.question, passage) for passage in pair.passages)), "")


def overlap(answer: str, passages: tuple[Passage, ...]) -> float:
    """Share of the answer's words that stand in the passages, 0 to 1."""
    said = words(answer)
    read = frozenset().union(*(_read(passage.titled) for passage in passages))
    return sum(word in read for word in said) / len(said) if said else 0.0


@functools.lru_cache(1024)
def _read(text: str) -> frozenset[str]:
    """The words of a passage; many pairs share one."""
    return frozenset(words(text))


def _plain(text: str) -> str:
    """Letters and digits alone, in lower case: quotes that differ in blanks, dashes or case become equal."""
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", text).lower())


CHECKS: tuple[tuple[Reason, Check], ...] = (
    ("too_short", _too_short),
    ("too_long", _too_long),
    ("refusal", _refusal),
    ("repetitive", _repetitive),
    ("no_question", _no_question),
    ("language", _language),
    ("ungrounded", _ungrounded),
    ("answerable", _answerable),
    ("thumbs_down", _thumbs_down),
)
