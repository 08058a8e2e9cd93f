"""Personal data and secrets in a text: found by shape, confirmed by check digits where there are some."""

import functools
import ipaddress
import re
from collections.abc import Callable, Iterable
from typing import NamedTuple

from connectors import missing_extra

Check = Callable[[str, str], bool]  # (what was found, the text just before it) -> is it personal data?
_BEFORE = 24  # characters that may say what a number counts


class Shape(NamedTuple):
    kind: str
    pattern: re.Pattern[str]  # a named group, where there is one, is what gets blanked
    holds: Check


def redact(text: str, allow: Iterable[str] = ()) -> tuple[str, list[str]]:
    """The text with `[email]`, `[phone]` ... in place of personal data, and the kinds found in it.

    `allow` names texts that are no personal data here; case, blanks and dashes do not matter.
    """
    allowed = {_bare(one) for one in allow}
    kinds, before = set[str](), ""
    while text != before:  # what is blanked may uncover what stood right behind it
        before = text
        for shape in SHAPES:
            blanked = shape.pattern.sub(functools.partial(_blank, shape, allowed), text)
            if blanked != text:
                kinds.add(shape.kind)
            text = blanked
    return text, sorted(kinds)


def _blank(shape: Shape, allowed: set[str], match: re.Match[str]) -> str:
    start, end = match.span(match.lastgroup or 0)
    found = match.string[start:end]
    if _bare(found) in allowed or not shape.holds(found, match.string[max(0, start - _BEFORE) : start]):
        return match.group()
    return f"{match.string[match.start() : start]}[{shape.kind}]{match.string[end : match.end()]}"


def _bare(text: str) -> str:
    return re.sub(r"[\s().-]", "", text).casefold()


def _always(found: str, before: str) -> bool:
    return True


def _password(found: str, before: str) -> bool:
    """`password: k3yB0ard` but not `password: required`."""
    return any(c.isdigit() for c in found) and any(c.isalpha() for c in found)


def _iban(found: str, before: str) -> bool:
    try:
        from stdnum import iban
    except ImportError:
        raise missing_extra("curate", "Finding personal data") from None
    return bool(iban.is_valid(found))


def _chinese_id(found: str, before: str) -> bool:
    try:
        from stdnum.cn import ric
    except ImportError:
        raise missing_extra("curate", "Finding personal data") from None
    return bool(ric.is_valid(found))


def _card(found: str, before: str) -> bool:
    try:
        from stdnum import luhn
    except ImportError:
        raise missing_extra("curate", "Finding personal data") from None
    return bool(luhn.is_valid(re.sub(r"\D", "", found))) and not _NUMBERED.search(before)


_NUMBERED = re.compile(
    r"(order|invoice|ticket|case|item|part|serial|article|tracking|reference|ref|id|no|nr|number|version|v|build"
    r"|release|isbn|订单|单号|编号|工单|发票|版本|货号|序列号)\W{0,3}(no|nr|number|id|号|号码)?[\s.:#：为是]{0,3}$|#\s?$",
    re.IGNORECASE,
)
_CALL = re.compile(
    r"(\b(tel|telephone|phone|call|mobile|cell|fax|whatsapp|dial|ring|text|sms)\b|电话|手机|传真|致电|拨打|联系)"
    r"(\W|\b(us|at|on|me|him|her|them|number|no|is)\b|号码|号|为|是){0,8}$",
    re.IGNORECASE,
)
_DATE = re.compile(
    r"(19|20)\d\d[-./ ](0?[1-9]|1[0-2])[-./ ]([0-2]?\d|3[01])"
    r"|([0-2]?\d|3[01])[-./ ](0?[1-9]|1[0-2])[-./ ](19|20)\d\d"
)


def _phone(found: str, before: str) -> bool:
    """A number that people call, not one that counts orders; 7 to 15 digits (E.164)."""
    called = _CALL.search(before)
    digits = len(re.sub(r"\D", "", found))
    return 7 <= digits <= 15 and not _DATE.fullmatch(found) and (bool(called) or not _NUMBERED.search(before))


def _called(found: str, before: str) -> bool:
    """Bare digits are a phone number only where the words before them say so."""
    return bool(_CALL.search(before)) and _phone(found, before)


def _public_ip(found: str, before: str) -> bool:
    """Private and documentation networks are nobody's; `version 1.2.3.4` is no address."""
    try:
        return ipaddress.ip_address(found).is_global and not _NUMBERED.search(before)
    except ValueError:
        return False


def _shape(kind: str, pattern: str, holds: Check = _always, flags: int = 0) -> Shape:
    return Shape(kind, re.compile(pattern, flags), holds)


# In this order: a longer shape comes before the ones that could match a part of it.
SHAPES = (
    _shape("secret", r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*PRIVATE KEY-----|\Z)", flags=re.S),
    _shape("secret", r"\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{8,}"),  # JSON web token
    _shape("secret", r"\b[Bb]earer\s+(?P<found>[\w.~+/-]{16,}=*)"),
    _shape("secret", r"\b(?:sk|pk|rk)[-_][\w-]{16,}|\bgh[pousr]_\w{30,}|\bgithub_pat_\w{30,}|\bglpat-[\w-]{20,}"),
    _shape("secret", r"\bAKIA[0-9A-Z]{16}\b|\bAIza[\w-]{35}|\bxox[abeprs]-[\w-]{10,}|\bhf_[A-Za-z0-9]{20,}"),
    _shape(
        "secret",
        r"(?:api[ _-]?key|access[ _-]?key|token|secret|password|passwd|pwd|密码|口令|密钥)[\"']?\s*"
        r"(?:[:=：]|is|是|为)\s*[\"']?(?P<found>[^\s\"',;，。；]{8,})",
        _password,
        re.IGNORECASE,
    ),
    _shape("email", r"(?<![\w.+-])[\w.+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}(?![\w-])", flags=re.ASCII),
    _shape("iban", r"(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?(?![A-Za-z0-9])", _iban),
    _shape("id", r"(?<![A-Za-z0-9])\d{17}[\dXx](?![A-Za-z0-9])", _chinese_id),
    _shape("card", r"(?<![\d.-])[2-6]\d{3}(?:[ -]?\d){9,15}(?![\d-])", _card),
    _shape("ip", r"(?<![\w.:])(?:\d{1,3}\.){3}\d{1,3}(?![\w.]*\d)", _public_ip),
    _shape("ip", r"(?<![\w:])(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{1,4}(?![\w:])", _public_ip),
    _shape(
        "phone",
        r"(?<![\w+])(?<!\d )(?:\+|00)[1-9]\d{0,2}[ .-]?(?:\(0?\d{1,4}\)[ .-]?)?\d(?:[ .-]?\d){5,12}(?!\d)",
        _phone,
    ),
    _shape("phone", r"(?<![\w.+-])(?<!\d )1[3-9]\d(?:[ -]?\d{4}){2}(?![\w-])", _phone, re.ASCII),  # Chinese mobile
    _shape("phone", r"(?<![\w.+-])(?<!\d )\(?0\d{1,4}\)?[ -]\d{3,4}(?:[ -]?\d{3,4}){1,2}(?![\w-])", _phone, re.ASCII),
    _shape("phone", r"(?<![\w.+-])(?<!\d )(?:\(\d{3}\) ?|\d{3}[-. ])\d{3}[-. ]\d{4}(?![\w-])", _phone, re.ASCII),  # US
    _shape("phone", r"(?<![\w.+-])(?<!\d )\(?\d(?:[ ()./-]{0,2}\d){6,14}(?![\w])", _called, re.ASCII),
)
