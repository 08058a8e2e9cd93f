"""Does a paraphrase still ask what its original asks? Told by what no rewording may lose."""

import re
import unicodedata

from trainer.evaluate import words


def changed(question: str, original: str) -> str:
    """What the paraphrase lost, in words; empty when it asks the same."""
    said = _words(question)
    if lost := facts(original) - said.union(*(re.split(r"[.:/@_-]+", word) for word in said)):
        return f"lost {', '.join(sorted(lost))}"
    if asks(original) and not asks(question):
        return "no question"
    asked, wanted = kinds(question), kinds(original)
    if asked and wanted and not asked & wanted:
        return f"asks for {' and '.join(sorted(asked))} instead of {' and '.join(sorted(wanted))}"
    return ""


def asks(text: str) -> bool:
    """Is it a question, or a request, rather than a statement? Told in English, in Chinese and by a question mark."""
    return bool(_QUESTION.search(text))


def kinds(question: str) -> set[str]:
    """What sort of answer a question wants, told by its question words; empty for `what is the limit?`."""
    return {kind for kind, pattern in _KINDS.items() if pattern.search(question)}


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

# Question words, and what they ask for. Any word of measure may ask for a time, so `how long` counts as both.
_KINDS = {
    kind: re.compile(pattern, re.IGNORECASE)
    for kind, pattern in {
        "a person": r"\b(?:who|whom|whose)\b|\b(?:which|what) person\b|谁|哪[一]?[位个]人|什么人",
        "a place": r"\bwhere\b|\b(?:which|what) (?:place|town|room)\b|哪里|哪儿|何处|什么地方|哪个地方",
        "a time": r"\bwhen\b|\b(?:which|what) (?:\w+ )?(?:times?|days?|dates?|years?|months?|weeks?|hours?)\b"
        r"|\bhow (?:long|late|early|soon|often|old)\b|\bhow many (?:\w+ )?(?:second|minute|hour|day|week|month|year)s\b"
        r"|什么时[候间]|几[点时月号天]|何时|多久|哪[一]?[天年月]|多长时间|多少(?:秒|分钟|小时|天|周|个?月|年)",
        "an amount": r"\bhow (?:much|many|long|old|heavy|far|high|strong|big|large|tall|deep|fast|low|wide|warm|cold)\b"
        r"|多少|几[个位名条件次]|多[大重高远长宽深快]",
        "a reason": r"\bwhy\b|\bfor what reason\b|为什么|为何|什么原因",
        "a way": r"\bhow (?:do|does|did|can|could|should|may|must|is|are|to)\b|怎么|怎样|如何",
    }.items()
}
