"""Secrets in templates, in Markdown and in HTML: beside a name in a cell, set in a template, filled in in a form."""

import re
from collections.abc import Iterator

from dsl.sensitive import Found, as_given, is_mixed, is_random, is_secret_name

_SET = re.compile(
    r"""\{%-?\s{0,9}set\s{1,9}(?P<name>\w{2,40})\s{0,9}=\s{0,9}(?P<q>["'])(?P<value>[^\s"'{}%]{6,512})(?P=q)"""
)
_CELL = re.compile(  # each is looked at with the next one
    r"(?<=\|)[ \t*_`]{0,9}(?P<name>\w[\w -]{1,40}?)[ \t*_`:]{0,9}\|"
    r"(?=[ \t*`]{0,9}(?P<value>[^\s|*`<>]{6,512})[ \t*`]{0,9}\|)"
)
_PASSWORD = re.compile(r"(?i)passw|pwd|passphrase|密码|口令")
_FIELD = re.compile(r"(?i)<input\b[^<>]{0,500}>")
_ATTRIBUTE = re.compile(r"""(?P<name>[\w-]{2,40})=(?P<q>["'])(?P<value>[^"'<>\s]{1,512})(?P=q)""")


def in_markup(value: str) -> Iterator[Found]:
    """Of a text with a telling word."""
    if "{%" in value:
        for match in _SET.finditer(value):
            if is_secret_name(match["name"]) and is_mixed(match["value"]):
                yield from as_given(match, match["name"])
    if "|" in value:
        for match in _CELL.finditer(value):
            if is_secret_name(match["name"]) and _is_said(match["name"], match["value"]):
                yield from as_given(match, match["name"])
    if "<" in value:
        for tag in _FIELD.finditer(value):
            yield from _filled_in({each["name"].lower(): each for each in _ATTRIBUTE.finditer(value, *tag.span())})


def _is_said(name: str, value: str) -> bool:
    """In prose a password is one without a look of chance."""
    return is_random(value) or (bool(_PASSWORD.search(name)) and is_mixed(value))


def _filled_in(field: "dict[str, re.Match[str]]") -> Iterator[Found]:
    """What a form has in a field already that is for a secret."""
    names = [field[each]["value"] for each in ("name", "id", "type") if each in field]
    telling = [name for name in names if is_secret_name(name)]
    if telling and "value" in field and len(field["value"]["value"]) >= 6 and is_mixed(field["value"]["value"]):
        yield from as_given(field["value"], telling[0])
