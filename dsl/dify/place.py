"""A place in a document: what stands there, and its JSON pointer for whoever finds that it is not as it should be."""

import json
import re
from typing import Any

from dsl import DslError
from dsl.values import pointer

_NUMBER = re.compile(r"-?\d{1,300}(\.\d{1,300})?", re.ASCII)


class Place:
    """Typed ways to what is below. What is absent or null is empty; of another type, DslError says what is wanted."""

    __slots__ = ("_above", "_pointer", "_step", "value")

    def __init__(self, value: Any, above: "Place | None" = None, step: str | int = "") -> None:
        self.value, self._above, self._step = value, above, step
        self._pointer: str | None = None if above else ""

    @property
    def pointer(self) -> str:
        if self._pointer is None and self._above:  # asked once for what is above many
            self._pointer = self._above.pointer + pointer(self._step)
        return self._pointer or ""

    def wants(self, what: str) -> DslError:
        return DslError(f"{self.pointer or 'The file'}: {what} is wanted here, not {_shown(self.value)}.")

    def at(self, *keys: str) -> "Place":
        """Below by keys; what is on the way has to be mappings."""
        here = self
        for key in keys:
            if here.value is not None and not isinstance(here.value, dict):
                raise here.wants("a mapping")
            here = Place(here.value.get(key) if here.value else None, here, key)
        return here

    def _below(self, keys: tuple[str, ...]) -> Any:
        """The value below by keys, without the place: most are read once, and are as they should be."""
        value = self.value
        for key in keys:
            if value is None:
                return None
            if not isinstance(value, dict):
                return self.at(*keys).value  # which says where
            value = value.get(key)
        return value

    def has(self, key: str) -> bool:
        return isinstance(self.value, dict) and self.value.get(key) is not None

    def mapping(self, *keys: str) -> "Place":
        here = self.at(*keys) if keys else self
        if isinstance(here.value, dict):
            return here
        if here.value is None:
            return Place({}, here._above, here._step)
        raise here.wants("a mapping")

    def entries(self, *keys: str) -> list[tuple[str, "Place"]]:
        """The members of a mapping, by name."""
        here = self.mapping(*keys)
        return [(str(key), Place(value, here, key)) for key, value in here.value.items()]

    def items(self, *keys: str) -> list["Place"]:
        here = self.at(*keys)
        if here.value is None:
            return []
        if not isinstance(here.value, list):
            raise here.wants("a list")
        return [Place(value, here, i) for i, value in enumerate(here.value)]

    def mappings(self, *keys: str) -> list["Place"]:
        """A list of mappings."""
        return [item.mapping() for item in self.items(*keys)]

    def choice(self, key: str, *known: str) -> str:
        """One of these words: the first when it is none of them."""
        return word if (word := self.text(key)) in known else known[0]

    def text(self, *keys: str, default: str = "") -> str:
        value = self._below(keys)
        if isinstance(value, str):
            return value
        if isinstance(value, (dict, list)):
            raise self.at(*keys).wants("text")
        return default if value is None else _spelled(value)

    def flag(self, *keys: str, default: bool = False) -> bool:
        value = self._below(keys)
        if value is None or value == "":
            return default
        if isinstance(value, (bool, int, float)):
            return bool(value)
        if isinstance(value, str) and value.lower() in ("true", "false"):
            return value.lower() == "true"
        raise self.at(*keys).wants("true or false")

    def number(self, *keys: str) -> int | float | None:
        value = self._below(keys)
        if value is None or value == "":
            return None
        if isinstance(value, str):
            value = number(value)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise self.at(*keys).wants("a number")
        return value

    def integer(self, *keys: str) -> int | None:
        value = self.number(*keys)
        return None if value is None else int(value)

    def selector(self, *keys: str) -> list[str]:
        """The steps to a variable, such as [node, output]."""
        return [step.text() for step in self.items(*keys)]


def number(text: str) -> Any:
    """Text as the number that it spells; anything else as it is."""
    if not _NUMBER.fullmatch(text.strip()):
        return text
    return float(text) if "." in text else int(text)


def parsed(value: Any) -> Any:
    """JSON text as what it says; anything else as it is."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value, parse_constant=lambda name: value)
    except (ValueError, RecursionError):
        return value


def _spelled(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _shown(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, (dict, list)):
        return "a mapping" if isinstance(value, dict) else "a list"
    return repr(value)[:60]
