"""What two files of one platform say differently, and no common form of theirs shows.

A kind of node keeps only in its file what no other platform has: a query of a database, a proxy. Whether a value is
read is tried out: the file with this value alone changed is read again.
"""

import copy
import re
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from dsl import DslError
from dsl.dialects import named
from dsl.ir import Flow
from dsl.merge import same
from dsl.values import at, nearest, nodes, pointer, put, steps

MOST = 100  # values that are tried one by one
_GONE = object()


def unread(one: Flow, other: Flow, read: Callable[[Flow], bool]) -> Iterator[tuple[str, str, Any, Any]]:
    """Node, place in the file of `one`, and both values; `read`: whether a flow shows that it is another than `one`."""
    if one.dialect != other.dialect or one.raw is None or other.raw is None:
        return
    target = named(one.dialect)
    mine, theirs = nodes(one), nodes(other)
    owners = {place: node.id for node in mine.values() for place in (node.pointer, *node.folded) if place}
    owner_of = nearest(owners)
    for key in mine.keys() & theirs.keys():
        for place in islice(_places(mine[key].pointer, one, other, theirs[key].pointer), MOST):
            owner = owner_of(place)
            cosmetic = target.COSMETIC & {*steps(place[len(mine[key].pointer) :])}
            there = theirs[key].pointer + place[len(mine[key].pointer) :]
            if owners.get(owner) == key and not cosmetic and not _shows(one, place, _at(other.raw, there), read):
                yield key, place, _shown(_at(one.raw, place)), _shown(_at(other.raw, there))


def settings(one: Flow, other: Flow, read: Callable[[Flow], bool]) -> Iterator[tuple[str, str, Any, Any]]:
    """Name, place in the file of `one`, and both values of what is set for the workflow as a whole."""
    if one.dialect != other.dialect or one.raw is None or other.raw is None:
        return
    target, here, there = named(one.dialect), _above(one), _above(other)
    for key in target.SETTINGS:
        mine, theirs = _at(one.raw, f"{here}/{key}"), _at(other.raw, f"{there}/{key}")
        for place in islice(_unlike(mine, theirs, f"/{key}"), MOST):
            was, is_ = _at(one.raw, here + place), _at(other.raw, there + place)
            plain = (_is_off(was) and _is_off(is_)) or target.COSMETIC & {*steps(place)}
            if not plain and not _shows(one, here + place, is_, read):
                yield ".".join(steps(place)), here + place, _shown(was), _shown(is_)


_NODE = re.compile(r"(/graph)?/nodes/\d+$")


def _above(flow: Flow) -> str:
    """The place of the workflow in its file."""
    return next((_NODE.sub("", node.pointer) for node in flow.graph.nodes if _NODE.search(node.pointer)), "")


def _is_off(value: Any) -> bool:
    """Nothing, or what says that something is not switched on: a file may as well lack it."""
    if isinstance(value, dict):
        return value.get("enabled") is False or all(map(_is_off, value.values()))
    return value is _GONE or not value


def _places(here: str, one: Flow, other: Flow, there: str) -> Iterator[str]:
    """Where a node differs, in the file of `one`."""
    mine, theirs = _at(one.raw, here), _at(other.raw, there)
    if here and isinstance(mine, dict) and isinstance(theirs, dict):
        yield from _unlike(mine, theirs, here)


def _unlike(one: Any, other: Any, place: str) -> Iterator[str]:
    """What is a list or a mapping in one file only, or a list that has become longer, differs as a whole."""
    if isinstance(one, dict) and isinstance(other, dict):
        for key in [*one, *(key for key in other if key not in one)]:
            yield from _unlike(one.get(key, _GONE), other.get(key, _GONE), place + pointer(key))
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for i, pair in enumerate(zip(one, other, strict=True)):
            yield from _unlike(*pair, f"{place}/{i}")
    elif not same(_shown(one), _shown(other)):
        yield place


def _shows(one: Flow, place: str, value: Any, read: Callable[[Flow], bool]) -> bool:
    document = copy.deepcopy(one.raw)
    above, key = at(document, place.rpartition("/")[0]), steps(place)[-1]
    if _at(document, place) is _GONE:
        above[key] = value
    elif value is _GONE:
        above.pop(key if key in above else int(key))
    else:
        put(document, place, value)
    try:
        return read(named(one.dialect).read(document))
    except DslError:
        return True


def _at(document: Any, place: str) -> Any:
    try:
        return at(document, place)
    except (LookupError, ValueError, TypeError):
        return _GONE


def _shown(value: Any) -> Any:
    return None if value is _GONE else value
