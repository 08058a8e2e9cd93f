"""A place in a document: what stands there, and its JSON pointer for whoever finds that it is not as it should be."""

import json
import re
from typing import Any

from dsl import DslError
from dsl.values import pointer

_NUMBER = re.compile(r"-?\d{1,300}(\.\d{1,300})?", re.ASCII)


class Place:
    """Typed ways to what is below. What is absent or null is empty; of another type, DslError says what is wanted."""

    __slots__ = ("_above", "_step", "value")

    def __init__(self, value: Any, above: "Place | None" = None, step: str | int = "") -> None:
        self.value, self._above, self._step = value, above, step

    @property
    def pointer(self) -> str:
        return self._above.pointer + pointer(self._step) if self._above else ""

    def wants(self, what: str) -> DslError:
        return DslError(f"{self.pointer or 'The file'}: {what} is wanted here, not {_shown(self.value)}.")

    def at(self, *keys: str) -> "Place":
        """Below by keys; what is on the way has to be mappings."""
        here = self
        for key in keys:
            if here.value is None:
                here = Place({}, here._above, here._step)
            if not isinstance(here.value, dict):
                raise here.wants("a mapping")
            here = Place(here.value.get(key), here, key)
        return here

    def has(self, key: str) -> bool:
        return isinstance(self.value, dict) and self.value.get(key) is not None

    def mapping(self, *keys: str) -> "Place":
        here = self.at(*keys)
        if here.value is None:
            return Place({}, here._above, here._step)
        if not isinstance(here.value, dict):
            raise here.wants("a mapping")
        return here

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
        value = (here := self.at(*keys)).value
        if value is None:
            return default
        if isinstance(value, (dict, list)):
            raise here.wants("text")
        return value if isinstance(value, str) else _spelled(value)

    def flag(self, *keys: str, default: bool = False) -> bool:
        value = (here := self.at(*keys)).value
        if value is None or value == "":
            return default
        if isinstance(value, (bool, int, float)):
            return bool(value)
        if isinstance(value, str) and value.lower() in ("true", "false"):
            return value.lower() == "true"
        raise here.wants("true or false")

    def number(self, *keys: str) -> int | float | None:
        value = (here := self.at(*keys)).value
        if value is None or value == "":
            return None
        if isinstance(value, str):
            value = number(value)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise here.wants("a number")
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
