"""Nothing is lost silently: the way back is gone, and what it does not restore is named.

Writers say what they know of: a node that becomes a stub, an operator that ignores case. This says the rest. The
written document is read and built again in the dialect it came from, and every value that differs and that no note
names yet gets into a note of its own, by node and key.
"""

from collections.abc import Iterable, Iterator
from itertools import zip_longest
from typing import Any

from dsl.dialects import Dialect
from dsl.ir import Flow
from dsl.merge import same
from dsl.notes import Note
from dsl.values import leaves, pointer, steps, walk

_GONE = object()


def unreported(flow: Flow, document: Any, source: Dialect, target: Dialect, notes: list[Note]) -> list[Note]:
    """Notes for what differs after the way back beyond what `notes` name. Empty for a flow that was never in a file."""
    if flow.raw is None:
        return []
    returned = target.read(document)
    kept = returned.raw if returned.dialect == flow.dialect else None  # the common form carries the document itself
    back = kept if kept is not None else source.build(returned)[0]
    whole = {node.pointer for node, _, _ in walk(flow.graph)}
    named = {note.source_pointer for note in notes if note.source_pointer and _says_all(note, whole)}
    lost = [place for place in differing(flow.raw, back) if not _covered(place[0], named)]
    return [_note(flow, group, places, source) for group, places in _grouped(flow, lost).items()]


def _says_all(note: Note, whole: set[str]) -> bool:
    """A note about a whole node names its values only when none of them is in the target."""
    return note.severity in ("stub", "dropped") or note.source_pointer not in whole


def differing(one: Any, other: Any) -> Iterator[tuple[str, bool]]:
    """Pointers of values that are not the same in both, and whether the second has none there."""
    stack = [("", one, other)]
    while stack:
        place, mine, theirs = stack.pop()
        if isinstance(mine, dict) and isinstance(theirs, dict) and mine and theirs:
            both: Iterable[Any] = ((key, mine.get(key, _GONE), theirs.get(key, _GONE)) for key in mine | theirs)
        elif isinstance(mine, list) and isinstance(theirs, list) and mine and theirs:
            both = ((i, *pair) for i, pair in enumerate(zip_longest(mine, theirs, fillvalue=_GONE)))
        else:
            yield from _apart(place, mine, theirs)
            continue
        # A pointer is made for what is to be looked into only: most values are equal, and making all takes longest.
        unlike = [each for each in both if each[1] is not each[2] and not _plainly_equal(each[1], each[2])]
        stack += [(place + pointer(key), mine, theirs) for key, mine, theirs in reversed(unlike)]


def _plainly_equal(mine: Any, theirs: Any) -> bool:
    return type(mine) is type(theirs) and isinstance(mine, str | int) and mine == theirs


def _apart(place: str, mine: Any, theirs: Any) -> Iterator[tuple[str, bool]]:
    """The same for two values of which one is a single value, empty or not there, or which are of two shapes."""
    had = {} if mine is _GONE else dict(leaves(mine, place))
    has = {} if theirs is _GONE else dict(leaves(theirs, place))
    for where, value in had.items():
        if where not in has or not same(value, has[where]):
            yield where, where not in has
    for where in has:
        if where not in had:
            yield where, False


def _covered(place: str, named: set[str]) -> bool:
    parts = steps(place)
    return any(pointer(*parts[:end]) in named for end in range(len(parts), 0, -1))


def _grouped(flow: Flow, lost: list[tuple[str, bool]]) -> dict[tuple[str, str, str, str], list[tuple[str, bool]]]:
    """The places by node (id, title, its pointer) and the key below it that they have in common."""
    owners = {place: (node.id, node.title) for node, _, _ in walk(flow.graph) for place in (node.pointer, *node.folded)}
    groups: dict[tuple[str, str, str, str], list[tuple[str, bool]]] = {}
    for place, gone in lost:
        parts = steps(place)
        owner = next((p for end in range(len(parts), 0, -1) if (p := pointer(*parts[:end])) in owners), "")
        below = parts[len(steps(owner)) :] if owner else parts
        common = owner + pointer(*below[: 2 if owner else 3])
        groups.setdefault((*owners.get(owner, ("", "")), owner, common), []).append((place, gone))
    return groups


def _note(flow: Flow, group: tuple[str, str, str, str], places: list[tuple[str, bool]], source: Dialect) -> Note:
    node, title, _, common = group
    cosmetic = all(source.COSMETIC & set(steps(place)) for place, _ in places)
    gone = all(missing for _, missing in places)
    what = f"{len(places)} values under {common} do" if len(places) > 1 else f"The value under {common} does"
    return Note(
        "dropped" if gone or cosmetic else "degraded",
        "layout.dropped" if cosmetic else "leaf.dropped" if gone else "leaf.changed",
        f"{what} not survive the way there and back.",
        "Keep the sidecar file if the flow is to come back." if not cosmetic else "",
        node=node,
        title=title,
        source_pointer=common,
    )
