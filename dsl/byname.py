"""The values of a file that may be secrets for the names that they stand under."""

import functools
from collections.abc import Iterator
from typing import Any

from dsl.sensitive import is_telling
from dsl.standing import NOWHERE, TELLING, Under, below, members


def telling(value: Any, under: Under = NOWHERE) -> list[tuple[Any, Under]]:
    """The values that stand under a name that tells what they are, with that; no mappings and lists."""
    found: list[tuple[Any, Under]] = []
    _gather(value, under, found)
    return found


def _gather(value: Any, under: Under, found: list[tuple[Any, Under]]) -> None:
    """Whole files are gone through for this: what a key means is looked up once for all mappings that have it."""
    if isinstance(value, dict) and TELLING.isdisjoint(value):
        known = _meant(under)
        for name, inner in value.items():
            beneath, tells = known.get(name) or known.setdefault(name, _meaning(below(under, name)))
            if isinstance(inner, (dict, list)):
                _gather(inner, beneath, found)
            elif tells:
                found.append((inner, beneath))
        return
    every = members(value, under) if isinstance(value, dict) else _elements(value, under)
    for _, inner, beneath in every:
        if isinstance(inner, (dict, list)):
            _gather(inner, beneath, found)
        elif _meaning(beneath)[1]:
            found.append((inner, beneath))


def _elements(value: Any, under: Under) -> Iterator[tuple[Any, Any, Under]]:
    if not isinstance(value, list):
        yield 0, value, under
    elif under.sent and len(value) == 2 and isinstance(value[0], str):
        yield from ((0, value[0], under), (1, value[1], below(under, value[0])))
    else:
        yield from ((i, inner, under) for i, inner in enumerate(value))


Meaning = tuple[Under, bool]  # and whether it tells


@functools.lru_cache(64)
def _meant(under: Under) -> dict[Any, Meaning]:
    """What keys below mean, as far as it was asked."""
    return {}


def _meaning(under: Under) -> Meaning:
    return under, under.secret or is_telling(under.key)
