"""A document with the changes that were made to another form of it: a three-way merge of plain data.

A dialect only builds whole documents. What it does not build (keys of the editor, unknown keys) is kept by applying the
difference between what it built before and after a change to the document that was read.
"""

from collections.abc import Callable
from typing import Any

from dsl.values import leaves

_GONE = object()


def merge(mine: Any, before: Any, after: Any) -> Any:
    """`mine` with the steps that lead from `before` to `after`; what did not change keeps the form it has in `mine`."""
    if same(before, after):
        return mine
    if isinstance(mine, dict) and isinstance(before, dict) and isinstance(after, dict):
        return _mappings(mine, before, after)
    if isinstance(mine, list) and isinstance(before, list) and isinstance(after, list):
        return _lists(mine, before, after)
    return after


def same(one: Any, other: Any) -> bool:
    """Equal, and 1, 1.0 and True are three different things."""
    if type(one) is not type(other):
        return isinstance(one, str) and isinstance(other, str) and str(one) == str(other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


def _mappings(mine: dict[Any, Any], before: dict[Any, Any], after: dict[Any, Any]) -> dict[Any, Any]:
    result = {}
    for key in [*mine, *(key for key in after if key not in mine)]:
        value = _member(mine.get(key, _GONE), before.get(key, _GONE), after.get(key, _GONE))
        if value is not _GONE:
            result[key] = value
    return result


def _member(mine: Any, before: Any, after: Any) -> Any:
    if before is _GONE and after is _GONE:
        return mine
    if after is _GONE:
        return _GONE
    if before is _GONE or mine is _GONE:
        return mine if before is not _GONE and same(before, after) else after
    return merge(mine, before, after)


def _lists(mine: list[Any], before: list[Any], after: list[Any]) -> list[Any]:
    for key in (_id, _name, _edge):
        if all(_keyed(items, key) for items in (mine, before, after)) and _overlap(mine, before, key):
            return _by_key(mine, before, after, key)
    if mine != before and all(map(_words, (mine, before, after))) and {*mine} == {*before}:  # in another order
        return [each for each in mine if each in after] + [each for each in after if each not in before]
    if len(mine) == len(before):
        return _by_place(mine, before, after)
    return after


Key = Callable[[dict[Any, Any]], Any]  # what an element is called; None for one without a name


def _id(item: dict[Any, Any]) -> Any:
    return item.get("id")


def _name(item: dict[Any, Any]) -> Any:
    return item.get("name")


_ENDS = (  # of an edge, as the platforms write them
    ("source", "sourceHandle", "target"),
    ("sourceNodeID", "sourcePortID", "targetNodeID"),
    ("node", "type", "index"),
)


def _edge(item: dict[Any, Any]) -> Any:
    ends = next((names for names in _ENDS if {names[0], names[-1]} <= item.keys()), ())
    found = tuple(item.get(name) or "" for name in ends)
    return found if found and all(isinstance(each, (str, int)) for each in found) else None


def _keyed(items: list[Any], key: Key) -> bool:
    names = [key(item) if isinstance(item, dict) else None for item in items]
    return all(isinstance(name, (str, int, tuple)) for name in names) and len(set(names)) == len(names)


def _overlap(mine: list[Any], before: list[Any], key: Key) -> bool:
    """Whether what was read and what was built of it go by the same names, most of it at least."""
    names = {key(item) for item in mine}
    return 2 * sum(key(item) in names for item in before) >= min(len(mine), len(before))


def _words(items: list[Any]) -> bool:
    return all(isinstance(each, str) for each in items) and len(set(items)) == len(items)


def _by_place(mine: list[Any], before: list[Any], after: list[Any]) -> list[Any]:
    """Items without names: what is alike at the beginning and at the end is the same, in between is what changed."""
    least = min(len(before), len(after))
    head = next((i for i in range(least) if not same(before[i], after[i])), least)
    most = least - head
    tail = next((i for i in range(most) if not same(before[-1 - i], after[-1 - i])), most)
    inner = [items[head : len(items) - tail] for items in (mine, before, after)]
    changed = [merge(*three) for three in zip(*inner, strict=True)] if len(inner[1]) == len(inner[2]) else inner[2]
    return [*mine[:head], *changed, *mine[len(mine) - tail :]]


def _by_key(mine: list[Any], before: list[Any], after: list[Any], key: Key) -> list[Any]:
    built, mine_by = ({key(item): item for item in items} for items in (before, mine))
    had = {name: mine_by[name] for name in built if name in mine_by} if key is _edge else _paired(built, mine_by)
    was = _renamed(before, after, key)  # what was built before, by the names after
    order = {key(item): place for place, item in enumerate(mine)}
    rows: list[tuple[float, Any]] = []
    used = {key(own) for own in had.values()}
    for item in after:
        name = was.get(key(item), key(item))
        own = had.get(name, _GONE) if name in built else mine_by.get(name, _GONE)
        merged = _member(own, built.get(name, _GONE), item)
        if own is not _GONE:
            used.add(key(own))
        if merged is not _GONE:
            rows.append((_LAST if own is _GONE else order[key(own)], merged))
    kept = [(order[key(item)], item) for item in mine if key(item) not in used]  # never built, so never taken away
    if any(place == _LAST for place, _ in rows):  # something is new: what is built decides the order
        return [item for _, item in [*rows, *kept]]
    return [item for _, item in sorted([*rows, *kept], key=lambda row: row[0])]


_LAST = float("inf")


def _paired(built: dict[Any, Any], mine: dict[Any, Any]) -> dict[Any, Any]:
    """By name as built, what was read: by the same name, and what is left over in its order when it is as many."""
    pairs = {name: mine[name] for name in built if name in mine}
    left, right = [name for name in built if name not in mine], [name for name in mine if name not in built]
    return pairs | (
        {name: mine[other] for name, other in zip(left, right, strict=True)} if len(left) == len(right) else {}
    )


def _renamed(before: list[Any], after: list[Any], key: Key) -> dict[Any, Any]:
    """The old name of an item that has another one now and is the same for the rest, or nearly so."""
    then, now = {key(item) for item in before}, {key(item) for item in after}
    gone, new = [item for item in before if key(item) not in now], [item for item in after if key(item) not in then]
    if len(gone) != len(new):
        return {}
    return {key(other): key(item) for item, other in zip(gone, new, strict=True) if _alike(item, other)}


def _alike(one: Any, other: Any) -> bool:
    mine, theirs = dict(leaves(one)), dict(leaves(other))
    return 2 * sum(place in theirs and same(value, theirs[place]) for place, value in mine.items()) > len(mine)
