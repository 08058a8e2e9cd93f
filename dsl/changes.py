"""What changed between two workflows, in words; across platforms too, since both are compared in their common form."""

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from dsl.ir import Edge, Flow, Node, OnError, Ref, Script, Text, Type, Value
from dsl.values import parts, rename, walk

_FIELDS = ("kind", "title", "description", "params", "inputs", "outputs", "on_error")
_LONGEST = 60


@dataclass(frozen=True)
class Change:
    """`sign` is + for what is new, - for what is gone, ~ for what is different."""

    sign: str
    where: str
    message: str
    pointer: str = ""  # into the first file, or the second for what is new

    def __str__(self) -> str:
        return f"{self.sign} {self.where}: {self.message}" if self.message else f"{self.sign} {self.where}"


def diff(one: Flow, other: Flow) -> list[Change]:
    """The changes that lead from `one` to `other`. Positions, ids and the order of nodes are none."""
    names = _pairs(one, other)
    copied = _renamed(other, {new: old for old, new in names.items()})
    mine, theirs = ({node.id: node for node, _, _ in walk(flow.graph)} for flow in (one, copied))
    changes = [Change("-", _named(node), node.kind, node.pointer) for key, node in mine.items() if key not in theirs]
    changes += [Change("+", _named(node), node.kind, node.pointer) for key, node in theirs.items() if key not in mine]
    for key in mine:
        changes += _node(mine[key], theirs[key]) if key in theirs else ()
    changes += _edges(one, copied, mine | theirs)
    changes += _named_things("variable", one.variables, other.variables, lambda each: f"{each.scope}.{each.name}")
    changes += [Change("~", "flow", told) for told in _values("name", one.name, other.name)]
    changes += [Change("~", "flow", told) for told in _values("mode", one.mode, other.mode)]
    return changes


def _pairs(one: Flow, other: Flow) -> dict[str, str]:
    """The nodes that are the same step: by id and kind, then by title, then by kind where one is left on each side."""
    mine, theirs = ([node for node, _, _ in walk(flow.graph)] for flow in (one, other))
    found: dict[str, str] = {}
    keys: list[Callable[[Node], Any]] = [
        lambda node: (node.id, node.kind),
        lambda node: (node.title, node.kind),
        lambda node: node.id,
        lambda node: node.title,
        lambda node: node.kind,
    ]
    for key in keys:
        left = _single([node for node in mine if node.id not in found], key)
        right = _single([node for node in theirs if node.id not in found.values()], key)
        found |= {left[each].id: right[each].id for each in left.keys() & right.keys() if each not in ("", ("", ""))}
    return found


def _single(nodes: list[Node], key: Callable[[Node], Any]) -> dict[Any, Node]:
    keys = [key(node) for node in nodes]
    counts = {each: keys.count(each) for each in set(keys)}
    return {each: node for each, node in zip(keys, nodes, strict=True) if counts[each] == 1}


def _renamed(flow: Flow, names: dict[str, str]) -> Flow:
    copied = copy.deepcopy(replace(flow, raw=None))
    taken = {node.id for node, _, _ in walk(copied.graph)} - names.keys()
    rename(copied, names | {name: f"{name} (new)" for name in taken if name in names.values()})
    return copied


def _named(node: Node) -> str:
    return f"'{node.title or node.id}'"


def _node(one: Node, other: Node) -> Iterator[Change]:
    for name in _FIELDS:
        for told in _values("" if name in ("params", "inputs") else name, getattr(one, name), getattr(other, name)):
            yield Change("~", _named(one), told, one.pointer)


def _values(name: str, one: Any, other: Any) -> Iterator[str]:
    """One line for each value that differs."""
    if one == other:
        return
    if isinstance(one, (OnError, Type)) and isinstance(other, type(one)):
        one, other = vars(one), vars(other)
    if isinstance(one, dict) and isinstance(other, dict):
        for key in [*one, *(key for key in other if key not in one)]:
            yield from _values(f"{name}.{key}".strip("."), one.get(key), other.get(key))
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for place, (left, right) in enumerate(zip(one, other, strict=True)):
            yield from _values(f"{name}[{place}]", left, right)
    else:
        yield f"{name}: {shown(one)} -> {shown(other)}"


def shown(value: Value) -> str:
    """A value in a few words: references in braces, long text cut where it stands."""
    if value is None or value == "":
        return "nothing"
    if isinstance(value, (Ref, Text, Script, str)):
        words = "".join(_shown_part(part) for part in parts(value))
        words = " ".join(words.split())
        return words if len(words) <= _LONGEST else f"{words[: _LONGEST - 3]}..."
    text = str(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def _shown_part(part: "str | Ref | Script") -> str:
    if isinstance(part, Ref):
        return "{" + ".".join([part.node or part.scope, *map(str, part.path)]) + "}"
    return part.source if isinstance(part, Script) else part


def _edges(one: Flow, other: Flow, nodes: dict[str, Node]) -> list[Change]:
    mine, theirs = ({edge for _, inside in _graphs(flow) for edge in inside} for flow in (one, other))
    gone = [Change("-", _edge(edge, nodes), "", edge.pointer) for edge in mine - theirs]
    new = [Change("+", _edge(edge, nodes), "", edge.pointer) for edge in theirs - mine]
    return sorted(gone + new, key=str)


def _graphs(flow: Flow) -> Iterator[tuple[str, list[Edge]]]:
    yield "", flow.graph.edges
    for node, _, _ in walk(flow.graph):
        if node.body is not None:
            yield node.id, node.body.edges


def _edge(edge: Edge, nodes: dict[str, Node]) -> str:
    one, other = (_named(nodes[key]) if key in nodes else f"'{key}'" for key in (edge.source, edge.target))
    return f"edge {one} {f'({edge.port}) ' if edge.port != 'out' else ''}to {other}"


def _named_things(what: str, one: list[Any], other: list[Any], key: Any) -> Iterator[Change]:
    mine, theirs = ({key(each): each for each in things} for things in (one, other))
    for name in mine.keys() - theirs.keys():
        yield Change("-", f"{what} {name}", "")
    for name in theirs.keys() - mine.keys():
        yield Change("+", f"{what} {name}", "")
    for name in mine.keys() & theirs.keys():
        if mine[name] != theirs[name]:
            yield Change("~", f"{what} {name}", f"{shown(mine[name].default)} -> {shown(theirs[name].default)}")
