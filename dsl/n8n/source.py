"""A workflow file of n8n, checked and indexed: what the nodes are, what leads where, what became part of what."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from dsl.n8n import tables
from dsl.values import pointer, require

_LARGEST = 1e9


@dataclass
class Raw:
    """A node of the file."""

    data: dict[str, Any]
    place: str
    id: str
    name: str
    kind: str  # tables.short of its type
    version: float
    params: dict[str, Any]
    position: tuple[float, float] | None
    mark: tuple[str, str] | None = None  # role and owner of a node that flowstill wrote beside another

    @property
    def disabled(self) -> bool:
        return self.data.get("disabled") is True

    @property
    def failing(self) -> str:
        """What happens when the node fails, in the words of OnError."""
        how = self.data.get("onError")
        if how == "continueErrorOutput":
            return "branch"
        return "continue" if how == "continueRegularOutput" or self.data.get("continueOnFail") is True else "stop"


@dataclass(frozen=True)
class Link:
    """A connection of the type "main"."""

    source: str
    target: str
    output: int  # -1: the output that old files key by "error"
    input: int
    place: str


@dataclass
class Source:
    """The nodes by name, in the order of the file, and the connections between them."""

    nodes: dict[str, Raw]
    into: dict[str, list[Link]] = field(default_factory=dict)
    out: dict[str, list[Link]] = field(default_factory=dict)
    attached: dict[str, list[tuple[str, str]]] = field(default_factory=dict)  # owner: type of connection, sub-node
    serves: set[str] = field(default_factory=set)  # the sub-nodes
    dangling: list[tuple[str, str]] = field(default_factory=list)  # place, name that no node has

    def parts(self, owner: str, kind: str) -> list[Raw]:
        """The sub-nodes of an owner that are connected in a way."""
        return [self.nodes[name] for how, name in self.attached.get(owner, []) if how == kind]


def dig(value: Any, *steps: str) -> Any:
    """What stands below; None when nothing does or the shape is another."""
    for step in steps:
        value = value.get(step) if isinstance(value, dict) else None
    return value


def members(value: Any, *steps: str) -> list[dict[str, Any]]:
    found = dig(value, *steps)
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def source(workflow: dict[str, Any], place: str) -> Source:
    nodes = _nodes(workflow["nodes"], f"{place}/nodes")
    found = Source(nodes, {name: [] for name in nodes}, {name: [] for name in nodes})
    for link in _links(workflow["connections"], f"{place}/connections", found):
        found.out[link.source].append(link)
        found.into[link.target].append(link)
    _split(found)
    return found


def _nodes(items: list[Any], place: str) -> dict[str, Raw]:
    nodes: dict[str, Raw] = {}
    ids: set[str] = set()
    for i, item in enumerate(items):
        raw = _node(item, f"{place}/{i}")
        require(
            raw.name not in nodes, f"{raw.place}/name: a second node is called {raw.name!r}; n8n tells them by name."
        )
        require(not raw.id or raw.id not in ids, f"{raw.place}/id: a second node has the id {raw.id!r}.")
        nodes[raw.name] = raw
        ids.add(raw.id)
    for raw in nodes.values():
        if not raw.id:
            raw.id = raw.name if raw.name not in ids else f"{raw.name} (node)"
            while raw.id in ids:
                raw.id += "'"
            ids.add(raw.id)
    return nodes


def _node(item: Any, place: str) -> Raw:
    require(isinstance(item, dict), f"{place}: a node is a mapping.")
    for key in ("name", "type"):
        require(isinstance(item.get(key), str) and item[key], f"{place}/{key}: a node needs a {key}.")
    id_ = item.get("id")
    require(id_ is None or isinstance(id_, str), f"{place}/id: an id is text.")
    version = item.get("typeVersion", 1)
    require(is_number(version), f"{place}/typeVersion: a version is a number.")
    params = item.get("parameters")
    require(params is None or isinstance(params, dict), f"{place}/parameters: a mapping is wanted here.")
    position = _position(item.get("position"), f"{place}/position")
    mark = _mark(item.get("notes"))
    kind = tables.short(item["type"])
    return Raw(item, place, id_ or "", item["name"], kind, float(version), params or {}, position, mark)


def is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < _LARGEST


def _position(value: Any, place: str) -> tuple[float, float] | None:
    if value is None:
        return None
    fits = isinstance(value, list) and len(value) == 2 and all(map(is_number, value))
    require(fits, f"{place}: a position is a list of two numbers.")
    return (value[0], value[1])


_MARK = re.compile(r"flowstill:(\w+)(?: ([^\n]*))?(?:\n(.*))?\Z", re.S)


def _mark(notes: Any) -> tuple[str, str] | None:
    match = _MARK.match(notes) if isinstance(notes, str) else None
    return (match[1], match[2] or "") if match else None


def described(notes: Any) -> str:
    """What people wrote into a node's notes."""
    if not isinstance(notes, str):
        return ""
    match = _MARK.match(notes)
    return (match[3] or "") if match else notes


def marked(role: str, owner: str, description: str = "") -> str:
    return f"flowstill:{role} {owner}".rstrip() + (f"\n{description}" if description else "")


def _links(connections: dict[str, Any], place: str, found: Source) -> Iterator[Link]:
    for name, kinds in connections.items():
        here = place + pointer(name)
        require(isinstance(kinds, dict), f"{here}: a mapping from the type of connection is wanted here.")
        for kind, outputs in kinds.items():
            require(
                isinstance(outputs, (list, type(None))), f"{here}{pointer(kind)}: a list of outputs is wanted here."
            )
            for i, targets in enumerate(outputs or []):
                yield from _targets(found, name, str(kind), i, targets, f"{here}{pointer(kind)}/{i}")


def _targets(found: Source, name: str, kind: str, output: int, targets: Any, place: str) -> Iterator[Link]:
    require(isinstance(targets, (list, type(None))), f"{place}: a list of connections is wanted here.")
    for i, target in enumerate(targets or []):
        require(isinstance(target, dict), f"{place}/{i}: a connection is a mapping.")
        index = target.get("index", 0)
        fits = isinstance(index, int) and not isinstance(index, bool) and 0 <= index < 1000
        require(fits, f"{place}/{i}/index: the number of an input is wanted here.")
        other = target.get("node")
        require(isinstance(other, str), f"{place}/{i}/node: the name of a node is wanted here.")
        if name not in found.nodes or other not in found.nodes:
            found.dangling.append((f"{place}/{i}", other if name in found.nodes else name))
        elif kind in ("main", "error"):
            yield Link(name, other, output if kind == "main" else -1, index, f"{place}/{i}")
        else:
            found.attached.setdefault(other, []).append((kind, name))


def _split(found: Source) -> None:
    """Sub-nodes serve others and are not on the way themselves."""
    for owner, parts in found.attached.items():
        found.attached[owner] = [part for part in parts if not found.into[part[1]] and not found.out[part[1]]]
        found.serves.update(name for _, name in found.attached[owner])
