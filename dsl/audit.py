"""Nothing is lost silently: the way back is gone, and what it does not restore is named.

Writers say what they know of: a node that becomes a stub, an operator that ignores case. This says the rest. The
written document is read and built again in the dialect it came from, and every value that differs and that no note
names yet gets into a note of its own, by node and key.
"""

import marshal
from collections.abc import Callable, Iterator
from itertools import zip_longest
from typing import Any

from dsl.dialects import Dialect, again
from dsl.ir import Flow
from dsl.merge import same
from dsl.notes import Note, Severity
from dsl.renamed import original
from dsl.values import at, leaves, nearest, pointer, steps, walk

_GONE = object()


def unreported(flow: Flow, document: Any, source: Dialect, target: Dialect, notes: list[Note]) -> list[Note]:
    """Notes for what differs after the way back beyond what `notes` name. Empty for a flow that was never in a file."""
    if flow.raw is None:
        return []
    returned = original(target.read(document))
    kept = returned.raw if returned.dialect == flow.dialect else None  # the common form carries the document itself
    back = kept if kept is not None else again(source, returned, flow.raw)
    whole = {node.pointer for node, _, _ in walk(flow.graph)}
    named = {note.source_pointer for note in notes if note.source_pointer and _says_all(note, whole)}
    covered = nearest(named)
    lost = [place for place in differing(flow.raw, back) if not covered(place[0])]
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
            both: list[Any] = [(key, value, theirs.get(key, _GONE)) for key, value in mine.items()]
            both += [(key, _GONE, value) for key, value in theirs.items() if key not in mine]
        elif isinstance(mine, list) and isinstance(theirs, list) and mine and theirs:
            both = list(enumerated(mine, theirs))
        else:
            yield from _apart(place, mine, theirs)
            continue
        # A pointer is made for what is to be looked into only: most values are equal, and making all takes longest.
        unlike = [each for each in both if each[1] is not each[2] and not _plainly_equal(each[1], each[2])]
        stack += [(place + pointer(key), mine, theirs) for key, mine, theirs in reversed(unlike)]


def enumerated(mine: list[Any], theirs: list[Any]) -> Iterator[tuple[int, Any, Any]]:
    """The elements of two lists side by side: those that are called the same in both, else by their places."""
    one, other = _called(mine, theirs) if _have_names(mine) else ({}, {})
    alike = one.keys() & other.keys()
    pairs = _named_alike(one, other) if alike else zip_longest(mine, theirs, fillvalue=_GONE)
    yield from ((i, *pair) for i, pair in enumerate(pairs))


def _called(mine: list[Any], theirs: list[Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The elements by those names that the most of them have in both."""
    best: tuple[dict[str, Any], dict[str, Any]] = {}, {}
    most = 0
    for named in _NAMES:
        one, other = _by_name(mine, named), _by_name(theirs, named)
        if (count := len(one.keys() & other.keys())) > most:
            best, most = (one, other), count
        if most == len(mine):
            break
    return best


def _named_alike(one: dict[str, Any], other: dict[str, Any]) -> Iterator[tuple[Any, Any]]:
    """By name; what is called anew in the same place of its list is the same, too."""
    places = dict(enumerate(other))
    renamed = {
        name: places[i] for i, name in enumerate(one) if name not in other and i in places and places[i] not in one
    }
    for name, each in one.items():
        yield each, other.get(renamed.get(name, name), _GONE)
    for name, each in other.items():
        if name not in one and name not in renamed.values():
            yield _GONE, each


def _have_names(elements: list[Any]) -> bool:
    return all(isinstance(each, dict) for each in elements)


def _ends(element: dict[str, Any]) -> Any:
    """What an edge is called where its id was made anew."""
    return "source" in element and "target" in element and [element.get(key) for key in _EDGE]


def _below(element: Any, *names: str) -> Any:
    for name in names:
        element = element.get(name) if isinstance(element, dict) else None
    return element


_EDGE = ("source", "sourceHandle", "target")
# An element's name in its list: nodes and edges of the platforms have one of these.
_NAMES: tuple[Callable[[dict[str, Any]], Any], ...] = (
    lambda each: each.get("id"),
    _ends,
    lambda each: _below(each, "data", "title"),
    lambda each: _below(each, "data", "nodeMeta", "title"),
    lambda each: each.get("name"),
)


def _by_name(elements: list[Any], named: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
    """Empty unless each element is a mapping with a name of its own."""
    found: dict[str, Any] = {}
    for each in elements:
        if not isinstance(each, dict) or not (name := named(each)):
            return {}
        found[str(name)] = each
    return found if len(found) == len(elements) else {}


def _plainly_equal(mine: Any, theirs: Any) -> bool:
    """Whether both are written alike, as most are: 1, 1.0 and True are equal, but not written alike."""
    return bool(mine == theirs) and _bytes(mine) == _bytes(theirs)


def _bytes(value: Any) -> bytes:
    """Marshal's second version, which has no back references, says the same of equal data, and soonest of all."""
    try:
        return marshal.dumps(value, 2)
    except ValueError:  # a date of YAML, a text that is to be quoted
        return repr(value).encode("utf-8", "surrogatepass")


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


def _grouped(flow: Flow, lost: list[tuple[str, bool]]) -> dict[tuple[str, str, str, str], list[tuple[str, bool]]]:
    """The places by node (id, title, its pointer) and the key below it that they have in common."""
    owners = {place: (node.id, node.title) for node, _, _ in walk(flow.graph) for place in (node.pointer, *node.folded)}
    groups: dict[tuple[str, str, str, str], list[tuple[str, bool]]] = {}
    owner_of = nearest(owners)
    for place, gone in lost:
        owner = owner_of(place)
        common = owner + "/".join(place[len(owner) :].split("/")[: 3 if owner else 4])
        groups.setdefault((*owners.get(owner, ("", "")), owner, common), []).append((place, gone))
    return groups


def _note(flow: Flow, group: tuple[str, str, str, str], places: list[tuple[str, bool]], source: Dialect) -> Note:
    node, title, _, common = group
    severity, code, advice = _weight(flow, places, source)
    many = len(places) > 1
    what = f"{len(places)} values under {common} do" if many else f"The value under {common} does"
    said = f"{what} not survive the way there and back."
    if code == "leaf.added":
        said = f"{len(places)} value{'s' * many} more will stand under {common} after the way there and back."
    return Note(
        severity,
        code,
        said,
        advice,
        node=node,
        title=title,
        source_pointer=common,
    )


def _weight(flow: Flow, places: list[tuple[str, bool]], source: Dialect) -> tuple[Severity, str, str]:
    """Severity and code of a group of places, and what to do. What is only drawn, or more, changes no behaviour."""
    if all(source.COSMETIC & set(steps(place)) for place, _ in places):
        return "equivalent", "layout.dropped", ""
    advice = "Keep the sidecar file if the flow is to come back."
    if not any(_stands(flow.raw, place) for place, _ in places):
        return "equivalent", "leaf.added", advice
    if all(missing for _, missing in places):
        return "degraded", "leaf.dropped", advice  # a value: what is "dropped" is a whole node
    return "degraded", "leaf.changed", advice


def _stands(document: Any, place: str) -> bool:
    try:
        at(document, place)
    except (LookupError, ValueError, TypeError):
        return False
    return True
