"""Is a question beyond its passage? A plain check, since one that the passage answers must not be taught as unknown."""

import re
import unicodedata

from connectors.records import Passage

# Words that say nothing about the subject: how one asks, not what for.
_ASKING = frozenset(
    re.findall(
        r"\w+",
        """
    a about after all am an and any are as at be been before being by can could did do does doing for from get gets
    give given had has have hour hours how i if in into is it its kind like long many may me much must my name need
    no not of on one or our out part passage people person place possible purpose she should so take tell than that
    the their them there they thing things this time to type up us use used was we were what when where which who
    whom whose why will with work would you your
        """,
    )
)
_ASKING_ZH = re.compile(
    r"什么|怎么|怎样|如何|哪[里儿个些]?|多少|多[久长大高远]|几|时候|时间|谁|吗|呢|是否|请问|可以|需要|应该|为何|有没有|的|了|在|是|有|和|与|吧|要|能|会"
)
_CHINESE = re.compile(r"[㐀-鿿豈-﫿]")
_WORD = re.compile(r"[^\W_㐀-鿿豈-﫿]+")
STEM = 4  # letters: `opens` and `opening` are one word


def answerable(question: str, passage: Passage) -> str:
    """Why the passage may well answer the question; empty when the question brings in something new."""
    asked, known = subjects(question), subjects(passage.titled)
    if not asked:
        return "asks for nothing in particular"
    return "" if asked - known else "all that it asks about stands in the passage"


def subjects(text: str) -> set[str]:
    """What a text is about: the stems of its words, and its Chinese characters."""
    plain = unicodedata.normalize("NFKC", text).lower()
    found = {_stem(word) for word in _WORD.findall(plain) if word not in _ASKING}
    return found | set(_CHINESE.findall(_ASKING_ZH.sub(" ", plain)))


def _stem(word: str) -> str:
    return word if any(c.isdigit() for c in word) else word[: max(STEM, len(word) - 3)]
