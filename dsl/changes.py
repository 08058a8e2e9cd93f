"""What changed between two workflows, in words; across platforms too, since both are compared in their common form."""

import copy
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from dsl.hiding import discreet, hidden, without
from dsl.ir import Edge, Flow, Node, OnError, Type
from dsl.kinds import COZE_LIMIT
from dsl.secrets import mask, secrets_of
from dsl.telling import change
from dsl.unread import settings, unread
from dsl.values import graphs, leaves, nodes, rename, steps, walk

_FIELDS = ("kind", "title", "description", "params", "inputs", "outputs", "on_error")


@dataclass(frozen=True)
class Change:
    """`sign` is + for what is new, - for what is gone, ~ for what is different."""

    sign: str
    where: str
    message: str
    pointer: str = ""  # into the first file, or the second for what is new

    def __str__(self) -> str:
        return f"{self.sign} {self.where}: {self.message}" if self.message else f"{self.sign} {self.where}"


Found = dict[tuple[Any, ...], Change]  # by what is different, whatever it is and was


def diff(one: Flow, other: Flow) -> list[Change]:
    """The changes that lead from `one` to `other`, without secrets. Positions, ids and the order of nodes are none."""
    masked = _changes(mask(one)[0], mask(other)[0])
    mine, theirs = secrets_of(one).told(), secrets_of(other).told()
    found: list[Change] = []
    for key, each in _changes(one, other).items():
        known = masked.get(without(key, mine)) or masked.get(without(key, theirs))
        found.append(known or replace(each, message=_ANOTHER.format(f"{key[-1]}: " if key[-1] else "")))
    found += [*_unread_secrets(one, other, found), *_unread(one, other), *_settings(one, other)]
    return [discreet(each, mine | theirs) for each in found]


def kept(was: Flow, is_: Flow, joined: Flow) -> bool:
    """Whether all that changed in the nodes from one flow to another is in a third, as it is there."""
    other = _changes(joined, is_).keys()
    new = (key for key in _changes(was, is_) if not isinstance(key[1], Edge))
    return not any((*key[:-1], place) in other for key in new for place in _above(key[-1]))


def _above(place: str) -> list[str]:
    """A place and all that it stands in."""
    return [place, *(place[: found.start()] for found in re.finditer(r"[.\[]", place))]


_ANOTHER = "{}a secret -> another secret"


def _unread_secrets(one: Flow, other: Flow, found: list[Change]) -> Iterator[Change]:
    """Other secrets in two files of one platform where reading has put a variable or a credential in their place."""
    if one.dialect != other.dialect or one.raw is None or other.raw is None:
        return
    mine, theirs = nodes(one), nodes(other)
    known = {each.pointer for each in found if each.message.endswith(_ANOTHER.format(""))}
    had, has = _held(one), _held(other)
    for key, new in pairs(one, other).items():
        place = mine[key].pointer
        if place and place not in known:
            for below in (each.removeprefix(place) for each in had if each.startswith(f"{place}/")):
                (said, was), (says, is_) = had[place + below], has.get(theirs[new].pointer + below, ("", ""))
                if said == says and was != is_:
                    name = ".".join(steps(below))
                    yield Change("~", _named(mine[key]), _ANOTHER.format(f"{name}: "), place + below)


def _unread(one: Flow, other: Flow) -> Iterator[Change]:
    """What no common form shows; secrets are told apart by the names of their places."""
    if pairs(one, other) != {name: name for name in nodes(one)}:
        return  # where nodes have other ids, all that refers to them differs
    known, secret = nodes(one), [place for flow in (one, other) for place in hidden(flow.raw, secrets_of(flow))[1]]
    for key, place, was, is_ in unread(one, other, lambda flow: bool(_changes(one, flow))):
        if place not in secret:
            name = ".".join(steps(place.removeprefix(known[key].pointer)))
            yield Change("~", _named(known[key]), f"{name}: {change(was, is_)}", place)


def _settings(one: Flow, other: Flow) -> Iterator[Change]:
    """What is set beside the nodes, of which only the file of its platform tells."""
    secret = [place for flow in (one, other) for place in hidden(flow.raw, secrets_of(flow))[1]]
    for name, place, was, is_ in settings(one, other, lambda flow: bool(_changes(one, flow))):
        told = _ANOTHER.format("") if place in secret else change(was, is_)
        yield Change("~", "flow", f"{name}: {told}", place)


def _held(flow: Flow) -> dict[str, tuple[str, str]]:
    """The values of a file that hold a secret, by place: without it and with it."""
    document, places = hidden(flow.raw)
    both = zip(leaves(document), leaves(flow.raw), strict=True)  # whose keys may differ
    held = set(places)
    return {place: (said, str(was)) for (place, said), (_, was) in both if place in held}


def _changes(one: Flow, other: Flow) -> Found:
    names = pairs(one, other)
    copied = _renamed(other, {new: old for old, new in names.items()})
    if one.dialect != other.dialect:
        one, copied = _without_limits(one), _without_limits(copied)
    mine, theirs = ({node.id: node for node, _, _ in walk(flow.graph)} for flow in (one, copied))
    changes = {("-", key, ""): _whole("-", node) for key, node in mine.items() if key not in theirs}
    changes |= {("+", key, ""): _whole("+", node) for key, node in theirs.items() if key not in mine}
    for key in mine:
        changes |= _node(mine[key], theirs[key]) | _model(mine[key], theirs[key], one, other) if key in theirs else {}
    changes |= _edges(one, copied, mine | theirs)
    changes |= _variables(one, other)
    for name in ("name", "mode", "description"):
        for place, told in _values(name, getattr(one, name), getattr(other, name)):
            changes["~", "", place] = Change("~", "flow", f"{place}: {told}")
    return changes


def _whole(sign: str, node: Node) -> Change:
    return Change(sign, _named(node), node.kind, node.pointer)


def pairs(one: Flow, other: Flow) -> dict[str, str]:
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


def _without_limits(flow: Flow) -> Flow:
    """Without the time limit that every node of Coze has, for which the other platform has no word."""
    if flow.dialect != "coze":
        return flow
    flow = copy.deepcopy(replace(flow, raw=None))
    for node, _, _ in walk(flow.graph):
        if node.on_error.timeout_ms == COZE_LIMIT:
            node.on_error = replace(node.on_error, timeout_ms=None)
    return flow


def _named(node: Node) -> str:
    return f"'{node.title or node.id}'"


def _node(one: Node, other: Node) -> Found:
    found: Found = {}
    for name in _FIELDS:
        shown = "" if name in ("params", "inputs") else name
        for place, told in _values(shown, getattr(one, name), getattr(other, name)):
            found["~", one.id, name, place] = Change("~", _named(one), f"{place}: {told}", one.pointer)
    return found


def _model(one: Node, other: Node, mine: Flow, theirs: Flow) -> Found:
    """Another model by the same id: n8n's is that of the node which holds the model."""
    id_ = one.params.get("model")
    if id_ is None or id_ != other.params.get("model"):
        return {}
    was, is_ = ([each.name for each in flow.resources if each.id == id_] for flow in (mine, theirs))
    if not was or not is_ or was == is_:
        return {}
    changed = Change("~", _named(one), f"model: {change(was[0], is_[0])}", one.pointer)
    return {("~", one.id, "params", "model"): changed}


def _values(name: str, one: Any, other: Any) -> Iterator[tuple[str, str]]:
    """The name and the change of each value that differs."""
    if one == other and isinstance(one, bool) == isinstance(other, bool):
        return
    if isinstance(one, Type) and isinstance(other, Type) and one.name != other.name:
        yield name, change(one, other)
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
        yield name, change(one, other)


def _edges(one: Flow, other: Flow, nodes: dict[str, Node]) -> Found:
    mine, theirs = ({edge for graph in graphs(flow.graph) for edge in graph.edges} for flow in (one, other))
    gone = {("-", edge, ""): Change("-", _edge(edge, nodes), "", edge.pointer) for edge in mine - theirs}
    new = {("+", edge, ""): Change("+", _edge(edge, nodes), "", edge.pointer) for edge in theirs - mine}
    return dict(sorted((gone | new).items(), key=lambda pair: str(pair[1])))


def _edge(edge: Edge, nodes: dict[str, Node]) -> str:
    one, other = (_named(nodes[key]) if key in nodes else f"'{key}'" for key in (edge.source, edge.target))
    return f"edge {one} {f'({edge.port}) ' if edge.port != 'out' else ''}to {other}"


def _variables(one: Flow, other: Flow) -> Found:
    mine, theirs = ({f"{each.scope}.{each.name}": each for each in flow.variables} for flow in (one, other))
    found = {("-", name, ""): Change("-", f"variable {name}", "") for name in mine.keys() - theirs.keys()}
    found |= {("+", name, ""): Change("+", f"variable {name}", "") for name in theirs.keys() - mine.keys()}
    for name in mine.keys() & theirs.keys():
        for place, told in _values("", vars(mine[name]), vars(theirs[name])):
            shown = "" if place == "default" else place
            found["~", name, shown] = Change("~", f"variable {name}", f"{shown}: {told}" if shown else told)
    return found
