"""Where secrets stand in a text: given to a name in an address, a form, JSON, headers, code, prose or a command."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import NamedTuple, Protocol
from urllib.parse import unquote

from dsl.escapes import LEVELS, is_escaped, unescaped
from dsl.markup import in_markup
from dsl.sensitive import (
    CHINESE,
    CJK,
    Found,
    as_given,
    is_chance,
    is_id,
    is_mixed,
    is_perhaps,
    is_placeholder,
    is_random,
    is_secret_name,
    is_telling,
    may_be,
    named,
    says_more,
    variable,
)
from dsl.standing import NOWHERE, Under, below, scalars
from dsl.tokens import ALL, Forms, likely, tokens

SHORTEST = 8  # of a text that holds a secret, where it stands under no name that tells
_LONG = 6  # digits of a number that may be a secret
_NAMES = "|".join(CHINESE)
_GIVING = re.compile(r"[:= <：＝是为]")  # without one of these nothing is given to a name

# `name=value` of an address or a form, `"name": "value"` of JSON, a line of headers, a value given in code or prose.
_SENT = re.compile(
    r"""(?m)(?:^|(?<=[?&\#;]))(?P<name>[\w.%-]{2,40})=(?P<value>(?:[^?&\#;\s{}"'<>\\，。；、）]|\?(?!\w+=)){4,})"""
)
_MEMBER = re.compile(
    r"""(?P<q>["'])(?P<name>[\w.-]{2,40})(?P=q)\s{0,9}:\s{0,9}(?P<r>["'])(?P<value>(?:\\.|(?!(?P=r))[^\\])*+)(?P=r)"""
)
_LINE = re.compile(r"(?m)^[ \t]*(?P<name>[\w.-]{2,40})[ \t]*:[ \t]*(?P<value>\S.{3,}?)[ \t]*$")
# What stands between a name and what code gives to it: `: str = (` in front of the quotes, and `b` or `f` right there.
_GIVES = (
    r"""["'`*_]{0,2}\]?\s{0,3}(?::[ \w.\[\]|]{1,40}+=|=>|:=|[:=：＝])\s{0,3}"""
    r"""(?:\(\s{0,9}(?=\w{0,2}["'`]))?(?:\w{1,2}(?=["'`])|[*_]{2}\s{0,3})?"""
)
_LOOKED_AT = rf"[^\s\"'`<>{{}}()\[\],;&|\\{CJK}]{{12,512}}"  # what may look like chance
_GIVEN = re.compile(
    rf"""(?P<name>(?<![A-Za-z0-9_.-])[A-Za-z0-9_.-]{{2,40}}|{_NAMES}){_GIVES}"""
    # What is given may hold another such pair.
    rf"""\\?["'`]?(?=(?P<value>{_LOOKED_AT}+)(?![(\[]))"""
)
# `get("NAME", "value")`, and `name = ... or "value"`: the name stands anywhere in front of it on its line.
_PASSED = re.compile(
    rf"""(?P<q>["'`])(?P<name>[\w.-]{{2,40}})(?P=q)\s{{0,9}},\s{{0,9}}\w{{0,2}}(?P<r>["'`])(?P<value>{_LOOKED_AT})(?P=r)"""
)
_INSTEAD = re.compile(  # from the quotes on, which are fewer than what may stand in front
    r"""(?P<q>["'`])(?:(?<=\|\|.)|(?<=\?\?.)|(?<=\|\| .)|(?<=\?\? .)|(?<= or .)|(?<= else .))"""
    rf"""(?P<value>{_LOOKED_AT})(?P=q)"""
)
_WORD = re.compile(r"[A-Za-z0-9_-]{2,40}")
_ELEMENT = re.compile(r"<(?P<name>[\w.-]{2,40})>(?P<value>[^<>\s{}]{6,})</")
_USER = re.compile(r"(?<=://)[^\s/@:?#{}]{12,200}(?=:?@)")
_BEHIND_A_USER = re.compile(r"://\{\{(?:[^{}]|\{(?!\{)|\}(?!\}))*+\}\}:(?P<value>[^\s/@{}?#\"'<>]{1,200})@")
_IN_AN_ADDRESS = re.compile(
    r"(?i)^(key|user_?key|phpsessid|sig|signature|x-amz-signature|x-signature|x-amz-credential)$"
)
# A password needs no look of chance: what is quoted in code or SQL, and what stands behind a colon in prose.
_PASSWORD = r"""(?i)(?<![a-z])(?:password|passwd|pwd|passphrase|密码|口令)"""
_QUOTED = re.compile(rf"""{_PASSWORD}{_GIVES}(?P<q>["'`])(?P<value>[^\s"'`{{}}$<>]{{6,64}})(?P=q)""")
_IN_PROSE = re.compile(
    rf"""{_PASSWORD}["'`*_]{{0,2}}\]?\s{{0,3}}[:=：＝](?:[*_]{{2}})?\s{{0,3}}"""
    rf"""(?P<value>[^\s"'`{{}}()\[\],;&|<>\\{CJK}]{{6,64}})(?=[{CJK}]|[^\w(]|\Z)"""
)
_SAID = re.compile(
    r"""(?i)(?:(?<![a-z0-9_-])(?P<name>(?:api|access|auth|secret)[ _-]?key|(?:access[ _-]?)?token|password|secret)"""
    rf"""(?: is)?[:*_]{{0,3}}\s{{1,3}}|(?P<chinese>{_NAMES})(?:[是为]\s{{0,3}}|\s{{1,3}}))["'`]?"""
    rf"""(?P<value>{_LOOKED_AT})(?<!\.)"""
)
# A command goes on behind a backslash at the end of a line.
_COMMAND = re.compile(r"(?a:\bcurl\b)(?:[^\n\\]|\\[\s\S])*+")
_CURL_USER = re.compile(r"""(?<!\S)(?:-u\s*|--user[ =]\s*)["']?[^\s:"'{}]{1,60}:(?P<value>[^\s"'{}]{4,})""")
_CURL_COOKIE = re.compile(r"""(?<!\S)(?:-b\s*|--cookie[ =]\s*)["']?(?P<value>[\w.-]+=[^"'\s{}]{4,})""")
_CURL_HEADER = re.compile(
    r"""(?<!\S)(?:-H\s*|--header[ =]\s*)(?P<q>["'])(?P<name>[\w-]{2,40})\s*:\s*(?P<value>(?:(?!(?P=q)).){4,}?)(?P=q)"""
)
_INSTEADS = ("||", "??", " or ", " else ")
_ENGLISH = (
    "authorization",
    "key",
    "secret",
    "passw",
    "passphrase",
    "pwd",
    "cookie",
    "credential",
    "token",
    "x-",
    "sig=",
    "signature=",
)


class Words(NamedTuple):
    """What may stand in a text, one of which must for a secret to be found there in that way."""

    forms: Forms = ALL
    escaped: bool = True  # whether any text needs to be read as one with escapes
    names: tuple[str, ...] = (*_ENGLISH, *CHINESE)
    passwords: tuple[str, ...] = ("passw", "pwd", "passphrase", "密码", "口令")
    saying: tuple[str, ...] = ("key", "token", "password", "secret", *CHINESE)


ALL_WORDS = Words()


def words_in(texts: Iterable[str]) -> Words:
    """Those that stand in one of these texts: all are looked at once, and each of them for few."""
    joined = "\0".join(texts)
    low = joined.lower()
    words = (tuple(word for word in words if word in low) for words in ALL_WORDS[2:])
    return Words(likely(joined), is_escaped(joined), *words)


class Look(Protocol):
    """Of a text the secrets in it wherever it stands, and those that are so if it is no code."""

    def __call__(self, value: str) -> tuple[list[Found], list[Found]]: ...


def by_itself(value: str, words: Words = ALL_WORDS, levels: int = LEVELS) -> tuple[list[Found], list[Found]]:
    """As `Look` says; `words`: those that may stand in it; `levels`: of escapes that are read."""
    if len(value) < SHORTEST:
        return [], []
    always, others = [Found(start, end, variable(name)) for start, end, name in tokens(value, words.forms)], []
    if _GIVING.search(value):
        low = value.lower()
        always, others = [*_given(value, low, words), *always], [*_sent(value), *_in_prose(value, low, words)]
    if words.escaped and levels and is_escaped(value):
        read, places = unescaped(value)
        more = by_itself(read, ALL_WORDS, levels - 1)  # words, too, may be escaped
        always, others = always + _placed(more[0], places), others + _placed(more[1], places)
    return always, others


def found(value: str, under: Under = NOWHERE, *, code: bool = False, look: Look = by_itself) -> list[Found]:
    """The secrets in a text by what it stands under; `code`: of a program; `look`: what it is by itself.

    References are as the platforms write them: `{{...}}`, `{...}`, `${...}`.
    """
    if under.secret:
        return [] if is_placeholder(value) else [Found(0, len(value), under.key)]
    spans, others = look(value)
    if not code:
        spans = [*others, *_members(value, under), *spans]
    whole = named(value, under, code) if is_telling(under.key) else []
    if not spans:
        return whole
    spans = apart([_called(each, under.key) for each in spans])
    return whole if whole and under.sent and says_more(value, spans) else spans


def apart(spans: list[Found]) -> list[Found]:
    """In the order of the text; of two that overlap the first."""
    result: list[Found] = []
    for each in sorted(spans, key=lambda span: (span.start, -span.end)):
        if not result or each.start >= result[-1].end:
            result.append(each)
    return result


def _called(span: Found, key: str) -> Found:
    """By the name that it stands under where its own says no more than that it is a token."""
    return replace(span, name=variable(key)) if span.name in _UNSPECIFIC and is_secret_name(key) else span


_UNSPECIFIC = {variable(form) for form in ("bearer", "basic", "jwt")}


def _sent(value: str) -> Iterator[Found]:
    if "=" in value:
        for match in _SENT.finditer(value):
            if _is_sent(unquote(match["name"]), match["value"]):
                yield from as_given(match, unquote(match["name"]))


def _members(value: str, under: Under, levels: int = LEVELS) -> Iterator[Found]:
    if '"' in value or "':" in value:
        yield from _of_json(value, under, levels)
    if under.key in ("headers", "params") and ":" in value:  # Dify has each on a line of a text
        yield from _headers(_LINE.finditer(value))


def _is_sent(name: str, value: str) -> bool:
    if len(value) < 6 and not is_chance(value):
        return False
    return bool(_IN_AN_ADDRESS.match(name)) or is_secret_name(name) or may_be(name, value)


def _of_json(value: str, under: Under, levels: int) -> Iterator[Found]:
    """By the names in it; where it is no JSON, by those right in front of a value, and among words by its look."""
    members = [*scalars(value, under)]
    for start, end, beneath in members:
        if value[start - 1] == '"' or end - start >= _LONG:
            yield from _moved(_of_member(value[start:end], beneath, levels), start)
    if members:
        return
    is_document = value.lstrip("= \n")[:1] in ("{", "[")
    for match in _MEMBER.finditer(value):
        said = match["value"]
        sure = is_document or is_random(said) or (len(said) >= 8 and is_chance(said))
        spans = named(said, below(under if is_document else NOWHERE, match["name"])) if sure else []
        yield from _moved(spans, match.start("value"))


def _of_member(value: str, under: Under, levels: int) -> list[Found]:
    """Of what stands in quotes, which may be JSON itself."""
    whole = named(value, under)
    if whole or not levels or "\\" not in value:
        return whole
    read, places = unescaped(value)
    return _placed([*_members(read, under, levels - 1)], places)


def _headers(matches: Iterator["re.Match[str]"]) -> Iterator[Found]:
    for match in matches:
        yield from _moved(named(match["value"], Under(match["name"], sent=True)), match.start("value"))


def _placed(spans: list[Found], places: list[int]) -> list[Found]:
    """Those of a text that was unescaped, where they stand as it is written."""
    return [replace(each, start=places[each.start], end=places[each.end]) for each in spans]


def _moved(spans: list[Found], by: int) -> Iterator[Found]:
    return (replace(each, start=each.start + by, end=each.end + by) for each in spans)


def _in_prose(value: str, low: str, words: Words) -> Iterator[Found]:
    if any(word in low for word in words.passwords):
        for match in _IN_PROSE.finditer(value):
            if is_mixed(match["value"]):
                yield from as_given(match, "password")
    if any(word in low for word in words.saying):
        for match in _SAID.finditer(value):
            if is_random(match["value"]):
                yield from as_given(match, match["name"] or match["chinese"])


def _given(value: str, low: str, words: Words) -> Iterator[Found]:
    """What is given to a name in code, in prose or on a command line, if it looks like chance."""
    if any(word in low for word in words.names):
        yield from _of_code(value)
        yield from in_markup(value)
    if "://" in value:
        for match in _USER.finditer(value):
            if is_random(match[0]):
                yield Found(*match.span(), variable("user"))
        for match in _BEHIND_A_USER.finditer(value):
            yield from as_given(match, "password")
    if "</" in value:
        for match in _ELEMENT.finditer(value):
            if is_secret_name(match["name"]) and (is_chance(match["value"]) or is_random(match["value"])):
                yield from as_given(match, match["name"])
    if "curl" in value:
        for match in _COMMAND.finditer(value):
            yield from _moved([*_of_curl(match[0])], match.start())


def _of_code(value: str) -> Iterator[Found]:
    """Of a text with a telling word what is given to such a name, handed over beside it or stands in for it."""
    if any(sign in value for sign in ":=：＝"):
        for match in _GIVEN.finditer(value):
            if _is_given(match, value[match.start() - 1 : match.start()]):
                yield from as_given(match, match["name"])
        for match in _QUOTED.finditer(value):
            if is_mixed(match["value"]):
                yield from as_given(match, "password")
    if "," in value:
        for match in _PASSED.finditer(value):
            if is_random(match["value"]) and _is_handed(match["name"]):
                yield from as_given(match, match["name"])
    if any(sign in value for sign in _INSTEADS):
        for match in _INSTEAD.finditer(value):
            if is_random(match["value"]) and (names := _telling_before(value, match.start())):
                yield from as_given(match, names[-1])


def _is_given(match: "re.Match[str]", before: str) -> bool:
    """Whether it is a secret that a name is given: in an address `key` says enough, and an id may be one."""
    name, value = match["name"], match["value"]
    if before and before in "?&" and _IN_AN_ADDRESS.match(name):
        return is_random(value) or is_id(value)
    return is_random(value) and (is_secret_name(name) or _is_header(name))


def _telling_before(value: str, end: int) -> list[str]:
    """The names of secrets in what stands in front on the line, up to another statement."""
    front = re.split(r"[\n;]", value[max(0, end - 120) : end])[-1]
    return [name for name in _WORD.findall(front) if is_secret_name(name)]


def _is_handed(name: str) -> bool:
    return is_secret_name(name) or _is_header(name) or bool(_IN_AN_ADDRESS.match(name))


def _is_header(name: str) -> bool:
    return name[:2].lower() == "x-" and is_perhaps(name)


def _of_curl(command: str) -> Iterator[Found]:
    for match in _CURL_USER.finditer(command):
        yield from as_given(match, "password")
    for match in _CURL_COOKIE.finditer(command):
        yield from as_given(match, "cookie")
    yield from _headers(_CURL_HEADER.finditer(command))
