"""Nothing is lost silently: the way back is gone, and what it does not restore is named.

Writers say what they know of: a node that becomes a stub, an operator that ignores case. This says the rest. The
written document is read and built again in the dialect it came from, and every value that differs and that no note
names yet gets into a note of its own, by node and key.
"""

from collections.abc import Iterator
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
    again = target.read(document)
    if again == flow:  # the common form's own JSON, which holds the whole file
        return []
    back, _ = source.build(again)
    named = {note.source_pointer for note in notes if note.source_pointer}
    lost = [place for place in differing(flow.raw, back) if not _covered(place[0], named)]
    return [_note(flow, group, places, source) for group, places in _grouped(flow, lost).items()]


def differing(one: Any, other: Any) -> Iterator[tuple[str, bool]]:
    """Pointers of values that are not the same in both, and whether the second has none there."""
    mine, theirs = dict(leaves(one)), dict(leaves(other))
    for place, value in mine.items():
        if place not in theirs or not same(value, theirs[place]):
            yield place, place not in theirs
    for place in theirs:
        if place not in mine:
            yield place, False


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
