"""Plain data and words without secrets: `${NAME}` stands where one stood, in keys and names too."""

import functools
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import Any

from dsl.byname import told_and_keys
from dsl.sensitive import CJK, Found, is_random, is_telling, is_unsaid
from dsl.spotting import SHORTEST, by_itself, found, words_in
from dsl.standing import Under, by_leaf
from dsl.values import at, leaves, put, unique

_CODE = ("code", "jsCode", "pythonCode", "script", "functionCode")
Look = Callable[..., list[Found]]


@dataclass(frozen=True)
class Known:
    """Secrets that are known, with what stands for each elsewhere."""

    names: dict[str, str] = field(default_factory=dict)
    anywhere: frozenset[str] = frozenset()  # those that are taken out wherever they stand
    within: dict[str, frozenset[str]] = field(default_factory=dict)  # by place, those that are so below it

    def told(self) -> dict[str, str]:
        """Those that are taken out of what is told to people: a lone word is not, as it is too often said."""
        return {each: name for each, name in self.names.items() if each in self.anywhere or not each.isalpha()}


NOTHING = Known()


def looking(told: Iterable[str]) -> Look:
    """`found` for these texts, which looks at each of them once."""
    return functools.partial(found, look=functools.cache(functools.partial(by_itself, words=words_in(told))))


class Hiding:
    """Takes secrets out of plain data by what they stand under, and remembers them."""

    def __init__(self, look: Look, known: Known = NOTHING) -> None:
        self.look = look
        self.names, self.anywhere = dict(known.names), set(known.anywhere)
        self.declared: dict[str, str] = {}  # those that the file says are secrets, with the names that it gives them
        self.taken = set(self.names.values())

    def clean(self, document: Any) -> Any:
        return by_leaf(document, self.leaf)

    def leaf(self, value: Any, under: Under) -> Any:
        named = under.secret or is_telling(under.key)
        if not named and (type(value) is not str or len(value) < SHORTEST):
            return value
        shown = words(value)
        spans = self.look(shown, under, code=under.key in _CODE) if shown else []
        for span in spans:
            self.learn(shown[span.start : span.end], span.name)
        if spans and under.secret:
            self.declared[shown] = under.key
            self.anywhere |= {shown} if len(shown) >= 6 else set()
        return _cut(shown, spans, self.names) if spans else value

    def learn(self, secret: str, name: str) -> None:
        self.names[secret] = self.names.get(secret) or unique(name, self.taken)
        if is_unsaid(secret):
            self.anywhere.add(secret)

    def keys(self, keys: Iterable[Any]) -> dict[str, str]:
        """What stands in a key is taken out wherever else it stands: references stay whole. Gives it with its names."""
        found: dict[str, str] = {}
        every = sorted(key for key in keys if isinstance(key, str) and len(key) >= SHORTEST)
        look = looking(every)
        for key in every:
            for span in look(key, code=True):
                secret = key[span.start : span.end]
                self.learn(secret, span.name)
                self.anywhere.add(secret)
                found[secret] = span.name
        return found


def hidden(document: Any, known: Known = NOTHING) -> tuple[Any, list[str]]:
    """A document without secrets, and the pointers of the values that held one.

    What stands in a key, or looks like chance, is taken out wherever else it stands: references stay whole.
    """
    hiding = Hiding(looking(texts(document)), known)
    result = hiding.clean(document)
    hiding.keys(told_and_keys(document)[1])
    if not hiding.names:
        return document, []
    for place, some in known.within.items():
        try:
            put(result, place, without(at(result, place), {secret: hiding.names[secret] for secret in some}))
        except (LookupError, ValueError):  # the document was changed since
            continue
    result = without(result, {secret: hiding.names[secret] for secret in hiding.anywhere})
    both = zip(leaves(document), leaves(result), strict=True)
    return result, [place for (was, old), (place, new) in both if was != place or (words(old) and old != new)]


def words(value: Any) -> str:
    """What can be a secret, as text: "" for what cannot. A number is one where it is long."""
    if isinstance(value, str):
        return value
    return shown if type(value) is int and len(shown := str(value)) >= 6 else ""


def standing_in(text: str, secrets: dict[str, str]) -> list[Found]:
    """Where secrets that are known stand in a text, no part of another word."""
    return (
        [Found(*match.span(), secrets[match[0]]) for match in _any_of(tuple(secrets)).finditer(text)] if secrets else []
    )


@functools.lru_cache(8)
def _any_of(secrets: tuple[str, ...]) -> "re.Pattern[str]":
    longest = sorted(secrets, key=len, reverse=True)
    return re.compile("|".join(_whole(each) for each in longest))


def _whole(secret: str) -> str:
    """As it is where it looks like chance, for that may stand in a longer word."""
    if is_random(secret):
        return re.escape(secret)
    before = rf"(?<![^\W_{CJK}])" if secret[0].isalnum() else ""
    return before + re.escape(secret) + (rf"(?![^\W_{CJK}])" if secret[-1].isalnum() else "")


def without(value: Any, secrets: dict[str, str]) -> Any:
    """Plain data or a part of a flow with `${NAME}` for each of these secrets, by their names."""
    if not secrets:
        return value
    pattern = _any_of(tuple(secrets))
    return _each_text(value, lambda text: pattern.sub(lambda match: "${" + secrets[match[0]] + "}", text))


def discreet(value: Any, secrets: dict[str, str] | None = None) -> Any:
    """What is told to people without these secrets, and without any other that is known by its look."""
    names, told = dict(secrets or {}), texts(value)
    look = looking(told)
    for each in told:
        for span in look(each, code=True):
            names.setdefault(each[span.start : span.end], span.name)
    return without(value, names)


def texts(value: Any) -> dict[str, None]:
    """All texts in plain data or a flow, each once, keys and names too; not the document that a flow was read from."""
    found: dict[str, None] = {}
    left = [value]
    for value in left:  # which grows
        if isinstance(value, str):
            found[value] = None
        elif isinstance(value, dict):
            left += value
            left += value.values()
        elif isinstance(value, (list, tuple)):
            left += value
        elif value and is_dataclass(value):
            left += [inner for name, inner in vars(value).items() if inner and name != "raw"]
    return found


def _each_text(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        taken: set[Any] = set()  # a key may be there that stands for another now
        keys = [unique(change(key), taken) if isinstance(key, str) else key for key in value]
        return {key: _each_text(inner, change) for key, inner in zip(keys, value.values(), strict=True)}
    if isinstance(value, (list, tuple)):
        return type(value)(_each_text(inner, change) for inner in value)
    if is_dataclass(value) and not isinstance(value, type):
        inner = {each.name: getattr(value, each.name) for each in fields(value) if each.name != "raw"}
        return replace(value, **{name: _each_text(each, change) for name, each in inner.items()})
    return value


def _cut(value: str, spans: list[Found], names: dict[str, str]) -> str:
    for span in reversed(spans):
        value = value[: span.start] + "${" + names[value[span.start : span.end]] + "}" + value[span.end :]
    return value
