"""Does a paraphrase still ask what its original asks? Told by what no rewording may lose."""

import re
import unicodedata

from trainer.evaluate import words


def changed(question: str, original: str) -> str:
    """What the paraphrase lost, in words; empty when it asks the same."""
    said = _words(question)
    if lost := facts(original) - said.union(*(re.split(r"[.:/@_-]+", word) for word in said)):
        return f"lost {', '.join(sorted(lost))}"
    return "no question" if _QUESTION.search(original) and not _QUESTION.search(question) else ""


def facts(question: str) -> set[str]:
    """Numbers, identifiers and names of a question, in lower case."""
    marked = {word for word in _words(question) if any(c.isdigit() for c in word) or re.search(r"[_@/.]", word)}
    return marked | _names(_spaced(question))


def _words(text: str) -> set[str]:
    return set(words(_spaced(text)))


def _spaced(text: str) -> str:
    """`3号码头` holds the number 3."""
    return _CHINESE.sub(r" \g<0> ", unicodedata.normalize("NFKC", text))


def _names(text: str) -> set[str]:
    """Words with a capital that no sentence start explains; none in a text that is all headline or all shouting."""
    latin = re.findall(r"[^\W_]+", text)
    capital = [word for word in latin if word[0].isupper()]
    if len(capital) > 2 and 2 * len(capital) > len(latin):
        return set()
    inside = re.findall(r"(?:(?<=[^\W_])|(?<=,)) (['\"“(]?[^\W_]+)", text)
    mixed = [word for word in latin if re.search(r"[^\W\d_][A-Z]", word)]  # WLAN, iPhone, at the start too
    found = {word for part in inside for word in re.findall(r"[^\W_]+", part) if word[0].isupper() and word != "I"}
    return _words(" ".join([*found, *mixed]))


_CHINESE = re.compile(r"[㐀-鿿豈-﫿぀-ヿ가-힯]")

# Words of a question; a text without any, and without a question mark, states something.
_QUESTION = re.compile(
    r"[?？؟]|\b(?:who|whom|whose|what|when|where|which|why|how)\b"
    r"|^\W*(?:is|are|was|were|do|does|did|can|could|may|must|shall|should|will|would|has|have|had)\b"
    r"|^\W*(?:please|tell|explain|describe|show|list|give|name|define|state|help)\b"
    r"|什么|怎么|怎样|如何|为何|吗|呢|哪|谁|几|多少|多久|多大|多长|是否|能否|可否|有没有|是不是|请",
    re.IGNORECASE,
)
