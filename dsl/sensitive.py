"""What is a secret: a value by the name it stands under, a token by its look (`dsl/tokens.py`).

The rules are those of the platforms' own places for keys: headers, parameters, tool settings, URLs, bodies. Libraries
for this look through source code by the megabyte, and know no node. Three measures keep plain text out: under a name
that is sent as a header or a parameter all is a secret; under such a name elsewhere what is no sentence; in prose, code
and beside references only what looks like chance.
"""

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote

from dsl.tokens import ALL, Forms, tokens

_NAME = re.compile(
    r"(?i)(^|[^a-z])(authorization|api[-_ ]?key|hapikey|secret|(client|app)[-_]?secret|password|passwd|pwd|passphrase|"
    r"cookie|credentials?|(access|auth|secret|session|private|subscription|master|functions?|license|encryption|signing|"
    r"shared|consumer|app|rapidapi)[-_ ]?key|(access|auth|bearer|refresh|id|bot|api|session|security)?[-_]?token)"
    r"($|[^a-z])"
)
_ABOUT = re.compile(r"(?i)[-_ ](type|name|ids?|url|uri|kind|mode|count|limit|label|title|path|field|header|location)$")
_PERHAPS = re.compile(  # a secret if it looks like chance
    r"(?i)(^|[^a-z])(key|auth|sig|sign|signature|pass|hmac|code|app_?id|(j|php)?sess(ion)?_?id|sid)$"
)
# `name=value` of an address or a form, `"name": "value"` of JSON, a line of headers, a value given in code or prose.
_SENT = re.compile(r"""(?:^|(?<=[?&\#;]))(?P<name>[\w.%-]{2,40})=(?P<value>(?:[^?&\#;\s{}"'<>]|\?(?!\w+=)){4,})""")
_JSON = re.compile(r""""(?P<name>[\w.-]{2,40})"\s{0,9}:\s{0,9}"(?P<value>[^"\s\\]{6,})\"""")
_MEMBER = re.compile(r""""(?P<name>[\w.-]{2,40})"\s{0,9}:\s{0,9}"(?P<value>(?:[^"\\]|\\.)*+)\"""")
_LINE = re.compile(r"(?m)^[ \t]*(?P<name>[\w.-]{2,40})[ \t]*:[ \t]*(?P<value>\S.{3,}?)[ \t]*$")
_GIVEN = re.compile(
    r"""(?<![\w.-])(?P<name>[\w.-]{2,40})["'`]?\]?\s{0,3}(?:=>|:=|[:=])\s{0,3}\\?["'`]?"""
    r"""(?=(?P<value>[^\s"'`<>{}()\[\],;&|\\]{12,512}+)(?![(\[]))"""  # which may hold another such pair
)
_ELEMENT = re.compile(r"<(?P<name>[\w.-]{2,40})>(?P<value>[^<>\s{}]{6,})</")
_CURL = re.compile(r"""\bcurl\s[^\n]{0,300}?(?:-u|--user)[ =]["']?[^\s:"'{}]{1,60}:(?P<value>[^\s"'{}]{4,})""")
_USER = re.compile(r"(?<=://)[^\s/@:?#{}]{12,200}(?=:?@)")
_IN_AN_ADDRESS = re.compile(r"(?i)^(key|sig|signature|x-amz-signature|x-signature|x-amz-credential)$")
# What refers to a value that stands elsewhere; none begins within another, so that each text is gone through once.
_REFERENCE = re.compile(r"\{\{(?:[^{}]|\{(?!\{)|\}(?!\}))*+\}\}|\{%[^{}]*%\}|\$?\{[\w.@#:/ -]*\}|<[^<>]*>|%\w+%")
_TO_FILL_IN = re.compile(
    r"(?i)your|\bmy([-_]| (api )?(key|token|secret|password)$)|placeholder|change[-_ ]?me|x{4}|\*{3}"
)
_ELSEWHERE = re.compile(r"\$[\w.\[\]'\"-]+|\{.*\}|\[.*\]")
_WORDS = re.compile(
    r"(?i)(true|false|none|null|no-auth|bearer|basic|custom|header|query|string|number|integer|boolean|object|array|text|"
    r"password|secret|token|api[-_]?key|undefined)"
)
_RUN = re.compile(r"""(?<!\[["'`])(?<!\$\(["'`])(?<![^\s"'`{}();,\[\]=])[^\s"'`{}();,\[\]=$][^\s"'`{}();,\[\]]{11,}""")
_CHANCE = re.compile(r"(?=.*[0-9])(?=.*[A-Za-z])[\w.~+/=-]+")
_CHANGE = re.compile(r"(?<=[A-Za-z])\d|(?<=\d)[A-Za-z]")
_UUID = re.compile(r"(?i)[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_SCHEME = re.compile(r"(?i)\s*(bearer|basic|token|apikey)\s+")


@dataclass(frozen=True)
class Found:
    """One secret in a text: from `start` to `end`; `name` says what it is, as an environment variable would."""

    start: int
    end: int
    name: str


def found(value: str, key: str = "", *, sent: bool = False, code: bool = False, forms: Forms = ALL) -> list[Found]:
    """The secrets in a text that stands under `key`; `sent`: as a header or a parameter; `code`: of a program.

    References are as the platforms write them: `{{...}}`, `{...}`, `${...}`. `forms`: those that tokens in it may have.
    """
    spans = [*_given(value)] if code else [*_pairs(value, key, sent), *_given(value)]
    spans += [_token(*each, key) for each in tokens(value, forms)]
    spans = _apart(spans) if spans else spans
    whole = _named(value, key, sent, code) if key else []
    return whole if whole and (not spans or (sent and _says_more(value, spans))) else spans


@functools.lru_cache(4096)
def is_secret_name(name: str) -> bool:
    """Whether it names a secret, and not the kind or the place of one, as `credentialType` does."""
    return bool(_NAME.search(_parted(name))) and not _ABOUT.search(_parted(name))


def is_random(value: str) -> bool:
    """Long, and letters and digits take turns, as in nothing that people say; no address and no id."""
    turns = len(value) >= 12 and len(_CHANGE.findall(value)) >= 3
    return turns and "://" not in value and not _UUID.fullmatch(value)


def variable(name: str) -> str:
    """As an environment variable is called that holds a secret."""
    word = re.sub(r"\W+", "_", name).strip("_").upper()
    return word if _NAME.search(word) or "KEY" in word else f"{word}_KEY"


def _parted(name: str) -> str:
    """`secretAccessKey` as `secret_Access_Key`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)


def _named(value: str, key: str, sent: bool, code: bool) -> list[Found]:
    """All of the value, if its name says so; of code and beside references what looks like chance."""
    certain = is_secret_name(key)
    if not certain and not (sent and _PERHAPS.search(_parted(key))):
        return []
    if code or _REFERENCE.search(value):
        runs = [match.span() for match in _RUN.finditer(value) if is_random(match[0])]
        return [Found(*span, variable(key)) for span in runs]
    scheme = _SCHEME.match(value)
    whole = Found(scheme.end() if scheme else 0, len(value), variable(key))
    bare = value.strip()
    if not certain:
        return [whole] if _may_be(key, bare) else []
    short = len(bare) < (4 if sent else 6)
    prose = len(bare.split(None, 3)) > 2 and not sent
    return [] if short or prose or _is_placeholder(bare) else [whole]


def _says_more(value: str, spans: list[Found]) -> bool:
    """Whether a value has more than the secrets found in it and the name of a scheme."""
    for each in reversed(spans):
        value = value[: each.start] + " " + value[each.end :]
    return bool(re.search(r"[^\W_]", _SCHEME.sub("", value)))


def _is_placeholder(value: str) -> bool:
    """What is to be filled in, or a word of a form."""
    bare = _SCHEME.sub("", value)
    if not re.search(r"[^\W_]", bare) or _ELSEWHERE.fullmatch(bare) or _WORDS.fullmatch(bare):
        return True
    return bool(_TO_FILL_IN.search(bare)) and not any(map(is_random, re.findall(r"[A-Za-z0-9]+", bare)))


def _may_be(name: str, value: str) -> bool:
    return bool(_PERHAPS.search(_parted(name))) and len(value) >= 16 and _is_chance(value)


def _is_chance(value: str) -> bool:
    """Letters and digits, no word that people say and no id."""
    return bool(_CHANCE.fullmatch(value)) and not _UUID.fullmatch(value)


def _pairs(value: str, key: str, sent: bool) -> Iterator[Found]:
    """Of an address, of JSON and of headers that stand in a text."""
    if "=" in value:
        for match in _SENT.finditer(value):
            if _is_sent(unquote(match["name"]), match["value"]):
                yield from _under(match, unquote(match["name"]))
    if '"' in value:
        is_document = value.lstrip("= \n")[:1] in ("{", "[")
        for match in _JSON.finditer(value):
            sure = is_document or (len(match["value"]) >= 8 and _is_chance(match["value"])) or is_random(match["value"])
            if sure and is_secret_name(match["name"]) and not _REFERENCE.search(match["value"]):
                yield from _under(match, match["name"])
        if sent and is_document:
            yield from _headers(_MEMBER.finditer(value))
    if key in ("headers", "params") and ":" in value:  # Dify has each on a line of a text
        yield from _headers(_LINE.finditer(value))


def _headers(matches: Iterator["re.Match[str]"]) -> Iterator[Found]:
    for match in matches:
        for each in _named(match["value"], match["name"], True, False):
            yield Found(match.start("value") + each.start, match.start("value") + each.end, each.name)


def _is_sent(name: str, value: str) -> bool:
    if len(value) < 6 and not _is_chance(value):
        return False
    return bool(_IN_AN_ADDRESS.match(name)) or is_secret_name(name) or _may_be(name, value)


def _given(value: str) -> Iterator[Found]:
    """What is given to a name in code, in prose or on a command line, if it looks like chance."""
    if ":" in value or "=" in value:
        for match in _GIVEN.finditer(value):
            if is_secret_name(match["name"]) and is_random(match["value"]):
                yield from _under(match, match["name"])
        for match in _USER.finditer(value):
            if is_random(match[0]):
                yield Found(*match.span(), variable("user"))
    if "</" in value:
        for match in _ELEMENT.finditer(value):
            if is_secret_name(match["name"]) and (_is_chance(match["value"]) or is_random(match["value"])):
                yield from _under(match, match["name"])
    if "curl" in value:
        for match in _CURL.finditer(value):
            yield from _under(match, "password")


def _under(match: "re.Match[str]", name: str) -> Iterator[Found]:
    if not _is_placeholder(match["value"]):
        yield Found(*match.span("value"), variable(name))


def _apart(spans: list[Found]) -> list[Found]:
    """In the order of the text; of two that overlap the first."""
    result: list[Found] = []
    for each in sorted(spans, key=lambda span: (span.start, -span.end)):
        if not result or each.start >= result[-1].end:
            result.append(each)
    return result


def _token(start: int, end: int, known: str, key: str) -> Found:
    named = is_secret_name(key) and known in ("bearer", "basic", "jwt")
    return Found(start, end, variable(key if named else known))
