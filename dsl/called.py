"""What texts call the inputs of their node: a name that its author chose, which other platforms do not know."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from dsl.values import unique

_CALLED = re.compile(r"(\{\{\s*)([A-Za-z_]\w*)")
Inputs = list[tuple[str, Any]]  # each with where it comes from; None where that is no reference


def called(value: Any) -> set[str]:
    """The names that texts call at the beginning of braces."""
    return {found[2] for text in _texts(value) for found in _CALLED.finditer(text)}


def names(built: Inputs, own: Inputs, called: set[str]) -> dict[str, str]:
    """What the inputs that texts call are to be called, by what they are; a new one takes no other's name."""
    sources = [source for _, source in built if source is not None]
    taken = {name for name, source in own if source in sources}
    made = {}
    for name, source in built if own else ():
        if name in called:
            same = next((other for other, theirs in own if source is not None and theirs == source), "")
            made[name] = same or unique(name, taken)
    return {name: other for name, other in made.items() if name != other}


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, (dict, list)):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _texts(each)


def said(value: Any, names: Mapping[str, str]) -> Any:
    """Texts that call their inputs by other names."""
    if isinstance(value, dict):
        return {key: said(inner, names) for key, inner in value.items()}
    if isinstance(value, list):
        return [said(inner, names) for inner in value]
    if isinstance(value, str):
        return _CALLED.sub(lambda found: found[1] + names.get(found[2], found[2]), value)
    return value
