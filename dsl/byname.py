"""The values of a file that may be secrets for the names that they stand under, and the names themselves."""

from typing import Any

from dsl.sensitive import is_telling
from dsl.standing import NOWHERE, TELLING, Under, below, members

Told = list[tuple[Any, Under]]


def telling(value: Any, under: Under = NOWHERE) -> Told:
    """The values that stand under a name that tells what they are, with that; no mappings and lists."""
    return told_and_keys(value, under)[0]


def told_and_keys(value: Any, under: Under = NOWHERE) -> tuple[Told, set[Any]]:
    """What `telling` says, and all keys of the mappings."""
    told: Told = []
    places = _Places()
    _look(value if isinstance(value, (dict, list)) else [value], places[under], told)
    return told, {key for place in places.values() for key in (*place, *place.more)}


class _Places(dict[Under, "_Place"]):
    def __missing__(self, under: Under) -> "_Place":
        self[under] = _Place(under, self)
        return self[under]


class _Place(dict[Any, "_Place"]):
    """What is below a place of a file, by key: whole files are gone through, and each is asked once what it means."""

    def __init__(self, under: Under, places: _Places) -> None:
        self.under = under
        self.tells = under.secret or is_telling(under.key)
        self.more: set[Any] = set()  # keys that may mean another thing in each mapping
        self.places = places

    def __missing__(self, key: Any) -> "_Place":
        self[key] = self.places[below(self.under, key)]
        return self[key]


def _look(value: Any, place: _Place, told: Told) -> None:
    if type(value) is not dict:
        _look_at_elements(value, place, told)
    elif TELLING.isdisjoint(value):
        for key, inner in value.items():
            if type(inner) is dict or type(inner) is list:
                _look(inner, place[key], told)
            elif place[key].tells:
                told.append((inner, place[key].under))
    else:
        place.more.update(value)
        places = place.places
        for _, inner, under in members(value, place.under):
            if type(inner) is dict or type(inner) is list:
                _look(inner, places[under], told)
            elif places[under].tells:
                told.append((inner, under))


def _look_at_elements(values: list[Any], place: _Place, told: Told) -> None:
    if place.under.sent and len(values) == 2 and isinstance(values[0], str):  # a header of the common form
        _look_at_elements(values[:1], place, told)
        values, place = values[1:], place.places[below(place.under, values[0])]
    for inner in values:
        if type(inner) is dict or type(inner) is list:
            _look(inner, place, told)
        elif place.tells:
            told.append((inner, place.under))
