"""What a text is about, and whether an answer says what its quote says. Plain word work: no model, no library."""

import re
import unicodedata

from connectors.records import Passage
from trainer.evaluate import words

# Words that say nothing about the subject: how one asks, not what for.
_ASKING = frozenset(
    re.findall(
        r"\w+",
        """
    a about after all am an and any are as at be been before being best big by can could currently did do does doing
    early ever exactly far for from get gets give given had has have heavy high hour hours how i if in into is it
    its kind large late like long low many may me most much must my name need no not of often old on one or our out
    part passage people person place possible purpose she should so take tell than that the their them there they
    thing things this time to type up us use used was we were what when where which who whom whose why will with
    work would you your
        """,
    )
)
_ASKING_ZH = re.compile(
    r"什么|怎么|怎样|如何|哪[里儿个些]?|多少|多[久长大高远]|几|时候|时间|谁|吗|呢|是否|请问|可以|需要|应该|为何|有没有|的|了|在|是|有|和|与|吧|要|能|会"
)
_YES_NO = re.compile(
    r"\W*(?:(?:yes|no)\b|是的?[，。,.]|不[，。,.]|对[，。,.]|(?:不?可以|不?能|不?行)[，。,.]?)", re.IGNORECASE
)
_CHINESE = re.compile(r"[㐀-鿿豈-﫿]")
_WORD = re.compile(r"[^\W_㐀-鿿豈-﫿]+")
STEM = 4  # letters: `opens` and `opening` are one word
SUPPORTED = 0.4  # share of what an answer adds to its question that its quote has to hold
REPEATED = 0.6  # the same of an answer that adds nothing: `The badge is blue.` may say what only its question said


def subjects(text: str) -> set[str]:
    """What a text is about: the stems of its words, and its Chinese characters."""
    plain = unicodedata.normalize("NFKC", text).lower()
    found = {_stem(word) for word in _WORD.findall(plain.replace("'s", "")) if word not in _ASKING}
    return found | set(_CHINESE.findall(_ASKING_ZH.sub(" ", plain)))


def _stem(word: str) -> str:
    return word if any(c.isdigit() for c in word) else word[: max(STEM, len(word) - 3)]


def answerable(question: str, passage: Passage) -> str:
    """Why the passage may well answer the question; empty when the question brings in something new.

    A question that its passage does answer must not be taught as one without an answer.
    """
    asked = subjects(question)
    if not asked:
        return "asks for nothing in particular"
    return "" if asked - subjects(passage.titled) else "all that it asks about stands in the passage"


def unsupported(question: str, answer: str, quote: str) -> str:
    """What is wrong with an answer that its quote does not bear out; empty when it does."""
    if _YES_NO.match(answer):
        return ""
    if words(answer) == words(question):
        return "the answer repeats the question"
    said, held = subjects(answer), subjects(quote)
    added = said - subjects(question)
    told, enough = (added, SUPPORTED) if added else (said, REPEATED)
    share = len(told & held) / len(told) if told else 1.0
    return f"the quote holds {share:.0%} of what the answer {'adds' if added else 'says'}" if share < enough else ""
