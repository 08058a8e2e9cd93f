"""What is a secret: a value by the name it stands under (`dsl/standing.py`), a token by its look (`dsl/tokens.py`).

The rules are those of the platforms' own places for keys: headers, parameters, tool settings, URLs, bodies. Libraries
for this look through source code by the megabyte, and know no node. Three measures keep plain text out: under a name
that is sent as a header, a parameter or in a body all is a secret; under such a name elsewhere what is no sentence; in
prose, code and beside references only what looks like chance, or of a password like no word.
"""

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass

from dsl.standing import Under

_NAME = re.compile(
    r"(?i)(^|[^a-z])(authorization|api[-_ ]?key|hapikey|secret|(client|app)[-_]?secret|password|passwd|pwd|passphrase|"
    r"cookie|credentials?|(access|auth|secret|session|private|subscription|master|functions?|license|encryption|signing|"
    r"shared|consumer|app|rapidapi)[-_ ]?key|(access|auth|bearer|refresh|id|bot|api|session|security)?[-_]?token)"
    r"($|[^a-z])|(?:密码|口令|密钥|秘钥|私钥|令牌)$"
)
# Words of Chinese names, which are written without blanks, and what they are in the name of a variable.
CHINESE: dict[str, str] = {
    "密码": "password",
    "口令": "password",
    "私钥": "private_key",
    "密钥": "secret_key",
    "秘钥": "secret_key",
    "令牌": "token",
}
CJK: str = r"\u3000-\u303f\u3400-\u9fff\uff01-\uff5e"  # letters and signs that are no part of a secret, for a class
_ABOUT = re.compile(
    r"(?i)[-_ ](type|name|ids?|url|uri|kind|mode|count|limit|label|title|path|field|header|location)$"
    r"|(忘记|修改|更改|重置|找回)密码$"
)
_PERHAPS = re.compile(  # a secret if it looks like chance
    r"(?i)(^|[^a-z])(key|auth|sig|sign|signature|pass|hmac|code|app_?id|(j|php)?sess(ion)?_?id|sid|session|passcode|"
    r"otp|pin|hook|ak|sk|(aws_?)?access_?key_?id)$|"
    r"^x-(?!amz-|goog-|.*(date|time|stamp|version|agent|client|source|language|host|ids?|name|type|for|by)$)"
)
# What refers to a value that stands elsewhere; none begins within another, so that each text is gone through once.
_REFERENCE = re.compile(r"\{\{(?:[^{}]|\{(?!\{)|\}(?!\}))*+\}\}|\{%[^{}]*%\}|\$?\{[\w.@#:/ -]*\}|<[^<>]*>|%\w+%")
_TO_FILL_IN = re.compile(
    r"(?i)your|\bmy([-_]| (api )?(key|token|secret|password)$)|placeholder|change[-_ ]?me|x{4}|\*{3}|"
    r"[你您]的|输入|填写|填入"
)
_ELSEWHERE = re.compile(r"credential:[\w:.-]+|\$[\w.\[\]'\"-]+|\{.*\}|\[.*\]")
_WORDS = re.compile(
    r"(?i)(true|false|none|null|no-auth|bearer|basic|custom|header|query|string|number|integer|boolean|object|array|text|"
    r"password|secret|token|api[-_]?key|undefined)"
)
_RUN = re.compile(r"""(?<!\[["'`])(?<!\$\(["'`])(?<![^\s"'`{}();,\[\]=])[^\s"'`{}();,\[\]=$][^\s"'`{}();,\[\]]{11,}""")
_LITERAL = re.compile(r"""(?<![\[(])(?P<q>["'`])(?P<value>[^\s"'`{}]{6,})(?P=q)""")  # no key, and no argument
_PIECE = re.compile(r"""(?<!\S)[^\s{}()"'`<>=;,&|$]{6,}(?!\S)""")
_CHANCE = re.compile(r"(?=.*[0-9])(?=.*[A-Za-z])[\w.~+/=-]+")
_UNSAID = re.compile(r"(?=.*[0-9])(?=.*[A-Za-z])(?=.*[!#$%&*+=?@^~])(?!.*://|.*@[\w-]+\.)[^\s{}<>]{8,}")
_CHANGE = re.compile(r"(?<=[A-Za-z])\d|(?<=\d)[A-Za-z]")
_UUID = re.compile(r"(?i)[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_SCHEME = re.compile(r"(?i)\s*(bearer|basic|token|apikey)\s+")


@dataclass(frozen=True)
class Found:
    """One secret in a text: from `start` to `end`; `name` says what it is, as an environment variable would."""

    start: int
    end: int
    name: str


@functools.lru_cache(4096)
def is_secret_name(name: str) -> bool:
    """Whether it names a secret, and not the kind or the place of one, as `credentialType` does."""
    return bool(_NAME.search(_parted(name))) and not _ABOUT.search(_parted(name))


@functools.lru_cache(4096)
def is_plural(name: str) -> bool:
    """Whether it names several secrets, or how many tokens there are."""
    return name[-1:] in ("s", "S") and is_secret_name(name[:-1])


def is_random(value: str) -> bool:
    """Long, and letters and digits take turns, as in nothing that people say; no address and no id."""
    turns = len(value) >= 12 and len(_CHANGE.findall(value)) >= 3
    return turns and "://" not in value and not is_id(value)


def is_id(value: str) -> bool:
    return bool(_UUID.fullmatch(value))


def is_unsaid(value: str) -> bool:
    """What nobody says or writes for anything else: it looks like chance, or has letters, digits and odd signs."""
    return is_random(value) or bool(_UNSAID.fullmatch(value))


def variable(name: str) -> str:
    """As an environment variable is called that holds a secret."""
    for chinese, english in CHINESE.items() if not name.isascii() else ():
        name = name.replace(chinese, f"_{english}_")
    word = re.sub(r"[\W_]+", "_", name, flags=re.ASCII).strip("_").upper()
    return word if _NAME.search(word) or "KEY" in word else f"{word}_KEY"


def _parted(name: str) -> str:
    """`secretAccessKey` as `secret_Access_Key`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)


def named(value: str, under: Under, code: bool = False) -> list[Found]:
    """All of the value, if its name says so; of code and beside references what looks like chance."""
    key, sent = under.key, under.sent or under.around == "body"
    certain = is_secret_name(key)
    if not certain and is_plural(key) and not code:
        some = len(value) >= 8 and is_chance(value) and not is_placeholder(value)
        return [Found(0, len(value), variable(key[:-1]))] if some else []
    if not certain and not (sent and is_perhaps(key)):
        return []
    if code or refers(value):
        runs = [match.span() for match in _RUN.finditer(value) if is_random(match[0])]
        runs += _beside(value) if sent and certain and not runs else []
        return [Found(*span, variable(key)) for span in runs]
    scheme = _SCHEME.match(value)
    whole = Found(scheme.end() if scheme else 0, len(value), variable(key))
    bare = value.strip()
    if not certain:
        return [whole] if may_be(key, bare) and (under.sent or is_random(bare)) else []
    short = len(bare) < (4 if sent else 6)
    prose = (len(bare.split(None, 3)) > 2 or _is_chinese(key, bare)) and not sent
    return [] if short or prose or is_placeholder(bare) else [whole]


def _is_chinese(key: str, value: str) -> bool:
    """Whether a value under a Chinese name is words of that language, which have no blanks between them."""
    return not (key.isascii() or value.isascii() or is_mixed(value))


def _beside(value: str) -> list[tuple[int, int]]:
    """Beside references, and in quotes within them, what is no plain word: all the rest of what is sent."""
    literals = [match.span("value") for match in _LITERAL.finditer(value) if is_mixed(match["value"])]
    around = _REFERENCE.sub(lambda match: " " * len(match[0]), value)
    return literals or [match.span() for match in _PIECE.finditer(around) if is_mixed(match[0])]


def refers(value: str) -> bool:
    """Whether there is a reference in it to what stands elsewhere."""
    return bool(_REFERENCE.search(value))


def is_mixed(value: str) -> bool:
    """Letters and digits, as in hardly a word: enough of a look where a name says that it is a secret."""
    return any(map(str.isdigit, value)) and any(map(str.isalpha, value)) and not is_id(value)


def says_more(value: str, spans: list[Found]) -> bool:
    """Whether a value has more than the secrets found in it and the name of a scheme."""
    ends = [0, *(each.end for each in spans)]
    rest = " ".join(value[end:start] for end, start in zip(ends, [*(each.start for each in spans), None], strict=True))
    return bool(re.search(r"[^\W_]", _SCHEME.sub("", rest)))


def is_placeholder(value: str) -> bool:
    """What is to be filled in, or a word of a form."""
    bare = _SCHEME.sub("", value)
    if not re.search(r"[^\W_]", bare) or _ELSEWHERE.fullmatch(bare) or _WORDS.fullmatch(bare):
        return True
    return bool(_TO_FILL_IN.search(bare)) and not any(map(is_random, re.findall(r"[A-Za-z0-9]+", bare)))


def may_be(name: str, value: str) -> bool:
    return len(value) >= 16 and is_perhaps(name) and is_chance(value)


@functools.lru_cache(4096)
def is_telling(name: str) -> bool:
    """Whether what stands under it may be a secret for that."""
    return is_secret_name(name) or is_perhaps(name) or is_plural(name)


@functools.lru_cache(4096)
def is_perhaps(name: str) -> bool:
    return bool(_PERHAPS.search(_parted(name)))


def is_chance(value: str) -> bool:
    """Letters and digits, no word that people say and no id."""
    return bool(_CHANCE.fullmatch(value)) and not is_id(value)


def as_given(match: "re.Match[str]", name: str) -> Iterator[Found]:
    """The value of a match, if it is none to be filled in and refers to none."""
    if not is_placeholder(match["value"]) and not refers(match["value"]):
        yield Found(*match.span("value"), variable(name))
