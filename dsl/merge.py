"""A document with the changes that were made to another form of it: a three-way merge of plain data.

A dialect only builds whole documents. What it does not build (keys of the editor, unknown keys) is kept by applying the
difference between what it built before and after a change to the document that was read.
"""

from typing import Any

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
    for key in ("id", "name"):
        if all(_keyed(items, key) for items in (mine, before, after)):
            return _by_key(mine, before, after, key)
    if len(mine) == len(before) == len(after):
        return [merge(*three) for three in zip(mine, before, after, strict=True)]
    return after


def _keyed(items: list[Any], key: str) -> bool:
    names = [item.get(key) if isinstance(item, dict) else None for item in items]
    return all(isinstance(name, (str, int)) for name in names) and len(set(names)) == len(names)


def _by_key(mine: list[Any], before: list[Any], after: list[Any], key: str) -> list[Any]:
    had, built = ({item[key]: item for item in items} for items in (mine, before))
    wanted = {item[key] for item in after}
    kept = [item for item in mine if item[key] not in built]  # never built, so never taken away
    result = [merge(had[item[key]], built.get(item[key]), item) if item[key] in had else item for item in after]
    order = {item[key]: place for place, item in enumerate(mine)}
    if wanted <= order.keys():  # nothing new: the order of the file stays
        return sorted([*result, *kept], key=lambda item: order[item[key]])
    return [*result, *kept]
