"""What is a secret: a value by the name it stands under, a token by its look.

The rules are those of the platforms' own places for keys (headers, parameters, tool settings, URLs, bodies) and the
public forms of well-known tokens (`dsl/tokens.py`). Libraries for this look through source code by the megabyte, and know no node.
"""

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass

from dsl.tokens import tokens

_NAME = re.compile(
    r"(?i)(^|[^a-z])(authorization|api[-_ ]?key|hapikey|secret|(client|app)[-_]?secret|password|passwd|pwd|passphrase|"
    r"cookie|credentials?|(access|auth|secret|session|private|subscription|master|functions?|license|encryption|signing|"
    r"shared|consumer|app|rapidapi)[-_ ]?key|(access|auth|bearer|refresh|id|bot|api|session|security)?[-_]?token)"
    r"($|[^a-z])"
)
_ABOUT = re.compile(r"(?i)[-_ ](type|name|ids?|url|uri|kind|mode|count|limit|label|title|path|field|header|location)$")
_PERHAPS = re.compile(r"(?i)(^|[^a-z])(key|auth|sig|sign|signature|pass|hmac)$")  # a secret if it looks like chance
# `name=value` of an address or a form, `"name": "value"` of JSON, a line of headers.
_SENT = re.compile(r"""(?:^|(?<=[?&]))(?P<name>[\w.-]{2,40})=(?P<value>[^&\#\s{}"'<>]{6,})""")
_JSON = re.compile(r""""(?P<name>[\w.-]{2,40})"\s*:\s*"(?P<value>[^"\s\\{}]{8,})\"""")
_LINE = re.compile(r"(?m)^[ \t]*(?P<name>[\w.-]{2,40})[ \t]*:[ \t]*(?P<value>\S.{5,}?)[ \t]*$")
_IN_AN_ADDRESS = re.compile(r"(?i)^(key|sig|signature|x-amz-signature|x-signature|x-amz-credential)$")
_PLACEHOLDER = re.compile(
    r"(?i)^(bearer|basic|token)?\s*(\W*|.*(your|\bmy[-_ ]|placeholder|change[-_ ]?me|x{4}|\*{3}|<.*>|\$\w|\{).*)$"
)
_WORDS = re.compile(r"(?i)^(true|false|none|null|no-auth|bearer|basic|custom|header|query|\d{1,5})$")
_CHANCE = re.compile(r"(?=.*[0-9])(?=.*[A-Za-z])[\w.~+/=-]+")
_UUID = re.compile(r"(?i)[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_SCHEME = re.compile(r"(?i)\s*(bearer|basic|token|apikey)\s+")


@dataclass(frozen=True)
class Found:
    """One secret in a text: from `start` to `end`; `name` says what it is, as an environment variable would."""

    start: int
    end: int
    name: str


def found(value: str, key: str = "", *, sent: bool = False, code: bool = False) -> list[Found]:
    """The secrets in a text that stands under `key`; `sent`: as a header or a parameter; `code`: of a program."""
    spans = [] if code else [*_pairs(value, key)]
    spans += [_token(*each, key) for each in tokens(value)]
    return _apart(spans) or _whole(value, key, sent)


@functools.lru_cache(4096)
def is_secret_name(name: str) -> bool:
    """Whether it names a secret, and not the kind or the place of one, as `credentialType` does."""
    return bool(_NAME.search(_parted(name))) and not _ABOUT.search(_parted(name))


def _parted(name: str) -> str:
    """`secretAccessKey` as `secret_Access_Key`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)


def _whole(value: str, key: str, sent: bool) -> list[Found]:
    """All of the value, if its name says so."""
    whole = value.strip()
    if len(whole) < 6 or _PLACEHOLDER.match(whole) or _WORDS.match(whole) or len(whole.split()) > 2:
        return []
    if not is_secret_name(key) and not (sent and _may_be(key, whole)):
        return []
    scheme = _SCHEME.match(value)
    return [Found(scheme.end() if scheme else 0, len(value), _variable(key))]


def _may_be(name: str, value: str) -> bool:
    return bool(_PERHAPS.search(_parted(name))) and len(value) >= 16 and _is_chance(value)


def _is_chance(value: str) -> bool:
    """Letters and digits, no word that people say and no id."""
    return bool(_CHANCE.fullmatch(value)) and not _UUID.fullmatch(value)


def _pairs(value: str, key: str) -> Iterator[Found]:
    if "=" in value:
        for match in _SENT.finditer(value):
            if _IN_AN_ADDRESS.match(match["name"]) or is_secret_name(match["name"]) or _may_be(*match.groups()):
                yield from _named(match)
    if '"' in value:
        for match in _JSON.finditer(value):
            if is_secret_name(match["name"]) and _is_chance(match["value"]):
                yield from _named(match)
    if key in ("headers", "params") and ":" in value:  # Dify has each on a line of a text
        for match in _LINE.finditer(value):
            for each in _whole(match["value"], match["name"], True):
                yield Found(match.start("value") + each.start, match.start("value") + each.end, each.name)


def _named(match: "re.Match[str]") -> Iterator[Found]:
    if not _PLACEHOLDER.match(match["value"]):
        yield Found(match.start("value"), match.end("value"), _variable(match["name"]))


def _apart(spans: list[Found]) -> list[Found]:
    """In the order of the text; of two that overlap the first."""
    result: list[Found] = []
    for each in sorted(spans, key=lambda span: (span.start, -span.end)):
        if not result or each.start >= result[-1].end:
            result.append(each)
    return result


def _token(start: int, end: int, known: str, key: str) -> Found:
    named = is_secret_name(key) and known in ("bearer", "basic", "jwt")
    return Found(start, end, _variable(key if named else known))


def _variable(name: str) -> str:
    word = re.sub(r"\W+", "_", name).strip("_").upper()
    return word if _NAME.search(word) or "KEY" in word else f"{word}_KEY"
