"""Under which name a value stands: by one set of rules in a document, in the common form and in JSON that is a text.

A member of a mapping stands under its key; `{"name": "Authorization", "value": ...}` says another name, and so does
what a value is compared with or put into.
"""

import functools
import json
import re
from collections.abc import Callable, Iterator
from typing import Any, Literal, NamedTuple

from dsl.values import refs


class Under(NamedTuple):
    key: str = ""
    sent: bool = False  # as a header or a parameter
    around: Literal["", "body", "auth", "credentials"] = ""
    secret: bool = False  # the file itself says that it is one


NOWHERE = Under()

# What may stand between a name and a value, as in `{"name": "Key", "input": {"value": {"content": ...}}}`.
_BETWEEN = frozenset({"value", "content", "input", "default", "defaultValue", "options", "$type"})
_NAMING = ("name", "key", "variable")
_LABELS = ("label", "fieldLabel")  # of an input, which says what is filled in where its name does not
_SECRET = re.compile(
    r"(?i)(your |the )?((api|access|auth|secret|private)[-_ ]?)?(key|token)|(client |app )?secret|password|passphrase|"
    r"密码|口令|密钥|秘钥|私钥|令牌"
)
_KINDS = ("type", "value_type", "input_type")
_COMPARED = {"left": "right", "leftValue": "rightValue", "variable_selector": "value", "target": "value"}
_LEFT = frozenset(_COMPARED)
_USERS = frozenset({"user", "username", "login", "email"})
# A name that says enough only beside another: who signs in, and what an application is known by.
_BESIDE = {"pass": (_USERS, "password"), "appid": (frozenset({"secret_key", "appsecret", "app_secret"}), "app_key")}
TELLING = _BETWEEN | _BESIDE.keys() | frozenset(_COMPARED.values())
_WORD = re.compile(r"[\w-]+")
_SCALAR = re.compile(r'"(?P<text>(?:[^"\\]|\\.)*+)"(?P<named>\s*+:)?|(?P<bare>[^\s{}\[\],:"]++)', re.S)
_REFERENCE = re.compile(r"\{\{(?:[^{}]|\{(?!\{)|\}(?!\}))*+\}\}|\{[\w.@#:/ -]++\}")


def by_leaf(value: Any, change: Callable[[Any, Under], Any], under: Under = NOWHERE) -> Any:
    """A copy with every value that is no mapping or list as `change` has it, asked in their order."""
    if isinstance(value, dict):
        return {
            name: by_leaf(inner, change, beneath) if isinstance(inner, (dict, list)) else change(inner, beneath)
            for name, inner, beneath in members(value, under)
        }
    if not isinstance(value, list):
        return change(value, under)
    if under.sent and len(value) == 2 and isinstance(value[0], str):  # a header of the common form
        return [change(value[0], under), by_leaf(value[1], change, below(under, value[0]))]
    return [by_leaf(inner, change, under) for inner in value]


def scalars(text: str, under: Under = NOWHERE) -> Iterator[tuple[int, int, Under]]:
    """Where each value of JSON text stands; nothing where the text is no JSON, even with a value for each reference."""
    zero = len(text) - len(text.lstrip("= \n\t"))
    for plain in (text, _REFERENCE.sub(lambda match: "1" * len(match[0]), text)):
        if plain[zero : zero + 1] not in ("{", "["):
            return
        try:
            names = _unders(json.loads(plain[zero:], strict=False), under)
        except (ValueError, RecursionError):
            continue
        spans = [_span(match) for match in _SCALAR.finditer(plain, zero) if not match["named"]]
        if len(spans) == len(names):  # of a name that stands twice one is not read
            yield from ((*span, beneath) for span, beneath in zip(spans, names, strict=True))
            return


def _unders(document: Any, under: Under) -> list[Under]:
    """Under what each of the values stands."""
    found: list[Under] = []
    by_leaf(document, lambda _, beneath: found.append(beneath), under)
    return found


def _span(match: "re.Match[str]") -> tuple[int, int]:
    return match.span("bare" if match["text"] is None else "text")


def members(value: dict[Any, Any], under: Under) -> Iterator[tuple[Any, Any, Under]]:
    known = _known_below(under)
    if TELLING.isdisjoint(value):
        for name, inner in value.items():
            yield name, inner, known.get(name) or known.setdefault(name, below(under, name))
        return
    inherited = _named(value, under)
    compared = {} if _LEFT.isdisjoint(value) else {right: left for left, right in _COMPARED.items() if left in value}
    for name, inner in value.items():
        if name in compared:
            yield name, inner, under._replace(key="" if _refers(value) else _last_name(value[compared[name]]))
        elif name in _BETWEEN:
            yield name, inner, NOWHERE if isinstance(inner, list) and _refers(value) else inherited
        elif name in _BESIDE and _BESIDE[name][0] & value.keys():
            yield name, inner, below(under, _BESIDE[name][1])
        else:
            yield name, inner, known.get(name) or known.setdefault(name, below(under, name))


def _named(value: dict[Any, Any], under: Under) -> Under:
    """Under what the value of a mapping stands that may have a name of its own."""
    own = ""
    for each in _NAMING:
        if isinstance(said := value.get(each), str) and said:
            own = said
            break
    for each in _LABELS:
        if isinstance(label := value.get(each), str) and _SECRET.fullmatch(label.strip(" *:：")):
            own = label
    if under.key == "auth" or (under.around == "auth" and own.lower() == "value"):
        own = "authorization"
    inherited = below(under, own) if own else under
    return inherited._replace(secret=True) if "secret" in (value.get("value_type"), value.get("type")) else inherited


@functools.lru_cache(256)
def _known_below(under: Under) -> dict[Any, Under]:
    """What was below it so far: of a large file most keys stand there many times."""
    return {}


@functools.lru_cache(4096)
def below(under: Under, key: Any) -> Under:
    """Under what the member of a mapping stands."""
    name = str(key)
    word = name.lower()
    sent = under.sent or any(each in word for each in ("header", "query", "auth"))
    around = under.around
    if around == "credentials" and name not in ("id", "name", "type"):
        return Under("credentials", sent, around)
    if name == "credentials":
        around = "credentials"
    elif name in ("auth", "authData", "authorization"):
        around = "auth"
    elif "body" in word and not around:
        around = "body"
    return Under(name, sent, around)


def _refers(value: dict[Any, Any]) -> bool:
    """Whether a mapping says that its value stands elsewhere: there is a selector then, and no words."""
    return any(value.get(each) in ("variable", "ref") for each in _KINDS)


def _last_name(value: Any) -> str:
    """What a reference ends with, in whichever form it is written."""
    if isinstance(value, str):
        words = _WORD.findall(value)
    elif isinstance(value, list):
        words = [each for each in value if isinstance(each, str)]
    else:
        words = [str(ref.path[-1]) for ref in refs(value) if ref.path]
    return words[-1] if words else ""
