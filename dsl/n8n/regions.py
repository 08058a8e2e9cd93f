"""Which nodes of n8n run once for each of several items, where that is clear: bodies of iterations and loops.

splitOut with what follows it, up to an aggregate or the end; splitInBatches with what comes back to it; and what
flowstill itself writes for an iteration or a loop (dsl/n8n/containers.py).
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from dsl.computed import ALL
from dsl.ir import Ref
from dsl.n8n import names, shims
from dsl.n8n.branches import CLASSIFIERS
from dsl.n8n.implied import ITEM
from dsl.n8n.lists import gathered
from dsl.n8n.source import Link, Raw, Source, dig

HELPERS = ("start", "check", "item", "round")  # beside an iteration or a loop; "before" and "until" may be there too
_NAME = ("options", "destinationFieldName")  # of the elements of a splitOut
ALONE = "noOtherFields"  # the items of a splitOut hold nothing else
INDEX, LAST = "$index", "$last"  # of a round in it, and behind it


@dataclass
class Region:
    """A container: the node that it is, the nodes in it, and what else belongs to it."""

    kind: Literal["split", "batches", "iterate", "loop"]
    owner: Raw  # whose id and name the container has
    body: set[str]
    end: Raw | None = None  # the aggregate
    apart: bool = False  # rounds may come to nothing: the aggregate is a node of its own, which leaves those out
    helpers: dict[str, str] = field(default_factory=dict)  # what flowstill wrote beside the owner: role by name

    @property
    def own(self) -> list[str]:
        """The nodes that together are the container, its owner first."""
        return [self.owner.name, *self.helpers, *([self.end.name] if self.end and not self.apart else ())]

    @property
    def gatherer(self) -> str:
        """The id of the node in the body that stands for a round's coming to the aggregate."""
        return self.end.id + ITEM if self.end and self.apart else ""

    def leaves(self, link: Link) -> str:
        """The port that a connection from one of the container's own nodes leaves by; "" for its own wiring."""
        if link.target in self.own:
            return ""
        if self.kind == "split":
            return "body" if link.source == self.owner.name else "done"
        if self.kind == "batches":
            return "body" if link.output == 1 else "done"
        if link.source == self.owner.name:
            return "done"
        return "body" if self.helpers[link.source] == "item" else ""

    def enters(self, link: Link) -> bool:
        """Whether a connection to one of the container's own nodes is how control comes to it from outside."""
        if link.source in self.body or link.source in self.own:
            return False
        return link.target == self.owner.name or self.helpers.get(link.target) == "start"

    def ref(self, raw: Raw, steps: names.Path, inside: bool) -> Ref | None:
        """What an output of one of the container's own nodes is, inside it and after it."""
        if raw.name in self.helpers:
            return self._state(steps) if self.helpers[raw.name] in ("item", "round", "start") else None
        if self.kind in ("iterate", "loop"):
            return Ref(self.owner.id, steps)
        if self.end and raw.name == self.end.name:
            return Ref(self.owner.id, ("output", *steps[1:])) if steps[:1] == (gathered(self.end)[0],) else None
        if not inside:
            return Ref(self.owner.id, (ALL, 0, *steps)) if self.kind == "batches" and raw is self.owner else None
        if self.kind == "split" and not names_element(self.owner) and steps[:1] == path_of(self.owner)[-1:]:
            steps = steps[1:]
        return Ref(self.owner.id, ("item", *steps), "item")

    def _state(self, steps: names.Path) -> Ref | None:
        if steps in ((INDEX,), (LAST,)):
            return Ref(self.owner.id, (), "index")
        return Ref(self.owner.id, steps, "loop" if self.kind == "loop" else "item")


def field_of(raw: Raw) -> str:
    """The field that a splitOut makes items of; "" for several, and where an expression says what an item holds."""
    name = raw.params.get("fieldToSplitOut")
    about = [raw.params.get("include"), raw.params.get("fieldsToInclude"), dig(raw.params, *_NAME)]
    computed = any(isinstance(each, str) and each.startswith("=") for each in (name, *about))
    return name.removeprefix("$json.") if isinstance(name, str) and not computed and "," not in name else ""


def path_of(raw: Raw) -> names.Path:
    """Where the list of a splitOut is in what comes in."""
    name = field_of(raw)
    return (name,) if dig(raw.params, "options", "disableDotNotation") is True else tuple(name.split("."))


def names_element(raw: Raw) -> bool:
    """Whether an item of a splitOut is not its element but holds it by a name, beside other fields perhaps."""
    return raw.params.get("include", ALONE) != ALONE or bool(dig(raw.params, *_NAME))


def regions(found: Source, main: list[Raw], parts: dict[str, dict[str, list[Raw]]]) -> dict[str, Region]:
    """The containers by the name of their owner."""
    made = [_written(found, raw, parts.get(raw.id, {})) for raw in main if raw.kind == "code" and raw.mark]
    seen = {name for region in made if region for name in region.own}
    for raw in main:
        if raw.name in seen or raw.disabled or raw.failing == "branch":
            continue
        if raw.kind == "splitOut" and field_of(raw):
            made.append(_split(found, raw))
        elif raw.kind == "splitInBatches" and raw.version >= 3:
            made.append(_batches(found, raw))
    clear = [region for region in made if region is not None]
    owners = {region.owner.name for region in clear if region.kind in ("split", "batches")}
    return {region.owner.name: region for region in clear if not (region.kind == "split" and owners & region.body)}


def innermost(found: Iterable[Region]) -> dict[str, Region]:
    """The container that a node is in: the smallest of those around it."""
    inside: dict[str, Region] = {}
    for region in sorted(found, key=lambda region: -len(region.body)):
        inside.update(dict.fromkeys(region.body, region))
    return inside


def reached(found: Source, first: Iterable[str], stop: Iterable[str]) -> set[str]:
    """The nodes that control comes to from some, those among them, and no further than where it stops."""
    met, ends = set(), set(stop)
    stack = [name for name in first if name not in ends]
    while stack:
        name = stack.pop()
        if name not in met:
            met.add(name)
            stack += [link.target for link in found.out[name] if link.target not in ends]
    return met


def order(found: Source) -> dict[str, int]:
    """A number for each node, larger than those of all before it; in a ring one of them is the first."""
    left: list[str] = []  # those behind a node before it
    met: set[str] = set()
    stack = [(name, False) for name in found.nodes]
    while stack:
        name, is_done = stack.pop()
        if is_done:
            left.append(name)
        elif name not in met:
            met.add(name)
            stack.append((name, True))
            stack += [(link.target, False) for link in found.out[name] if link.target not in met]
    return {name: -number for number, name in enumerate(left)}


def _closed(found: Source, body: set[str], owner: str) -> bool:
    """Nothing but the owner leads into the body."""
    return bool(body) and all(link.source in body or link.source == owner for name in body for link in found.into[name])


def _split(found: Source, raw: Raw) -> Region | None:
    ends = [name for name, other in found.nodes.items() if other.kind == "aggregate" and not other.disabled]
    body = reached(found, [link.target for link in found.out[raw.name]], [*ends, raw.name])
    if not _closed(found, body, raw.name) or any(link.target == raw.name for name in body for link in found.out[name]):
        return None
    met = {link.target for name in (*body, raw.name) for link in found.out[name]} & set(ends)
    if not met:
        return Region("split", raw, body)
    end = found.nodes[met.pop()]
    fits = not met and gathered(end)[0] and all(link.source in body for link in found.into[end.name])
    apart = any(_drops(found.nodes[name]) for name in body)
    return Region("split", raw, body, end, apart) if fits and end.failing == "stop" else None


def _drops(raw: Raw) -> bool:
    """Whether an item may end in a node, or leave it by another way."""
    return raw.kind in ("if", "filter", "switch", *CLASSIFIERS) or raw.failing != "stop"


def _batches(found: Source, raw: Raw) -> Region | None:
    body = reached(found, [link.target for link in found.out[raw.name] if link.output == 1], [raw.name])
    back = any(link.target == raw.name for name in body for link in found.out[name])
    after = {link.target for link in found.out[raw.name] if link.output == 0}
    return Region("batches", raw, body) if back and not body & after and _closed(found, body, raw.name) else None


def _written(found: Source, raw: Raw, parts: dict[str, list[Raw]]) -> Region | None:
    """What flowstill wrote, as long as all of it is still there."""
    code = raw.params.get("jsCode")
    shim = shims.parsed(code) if isinstance(code, str) else None
    if shim is None or shim.role not in ("iterate", "loop") or any(len(parts.get(role, ())) != 1 for role in HELPERS):
        return None
    helpers = {each.name: role for role in (*HELPERS, "before", "until") for each in parts.get(role, ())}
    item = parts["item"][0].name
    body = reached(found, [link.target for link in found.out[item]], [*helpers, raw.name])
    return Region("loop" if shim.role == "loop" else "iterate", raw, body, helpers=helpers)
