"""A plain circle of edges as a loop: what repeats is its body, and each way out of the circle leaves the loop.

Which way that was is a variable of the loop. So is, as one text, what is read of the circle behind it.
"""

import json
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

from dsl.circles import Circle, Readers, leading_to, plain, readers_of
from dsl.ir import Edge, Graph, Node, Ref, Type, Value
from dsl.kinds import NUMBER, STRING, outputs
from dsl.rings import backward
from dsl.values import graphs, map_refs, node_refs, place_of, unique

MESSAGE = "The edges that lead back to it became a loop; where its rounds are limited, the run fails after them."
WAY = "flowstill_way"  # the variable that says by which way the loop was left, from 1
HELD = "flowstill_held"  # the variable that holds what is read behind the loop, as JSON

_Held = dict[str, dict[str, Value]]  # by node of the circle: the outputs that are read behind it, by name


def as_loops(graph: Graph, taken: set[str], told: Callable[[Node, list[Node]], None]) -> None:
    """Puts each plain circle into a loop, in bodies as well. Told is where it begins, and what was made."""
    every = graphs(graph)
    if not any(map(backward, every)):
        return
    readers = readers_of(graph)
    for each in every:
        for circle in plain(each, readers):
            told(circle.entry, _wrap(circle, each, readers, taken))


class _Made:
    """The nodes that a circle needs beside its own: the loop, what leaves it, and behind it the choice of a way."""

    def __init__(self, circle: Circle, readers: Readers, taken: set[str]) -> None:
        self.circle, self.taken, self.nodes = circle, taken, list[Node]()
        self.loop = self._node("loop", "loop")
        held = _held(circle, readers)
        nothing = json.dumps({id_: dict.fromkeys(names) for id_, names in held.items()})
        variables = {WAY: {"type": NUMBER, "value": 0}} | ({HELD: {"type": STRING, "value": nothing}} if held else {})
        self.loop.params["variables"] = variables
        self.loop.outputs = {WAY: NUMBER} | ({HELD: STRING} if held else {})
        self.loop.body = Graph([*circle.nodes], [Edge(self.loop.id, circle.entry.id, "body"), *circle.edges])
        for number, way in enumerate(circle.ways, 1):
            self._leave(number, way, held)
        self.behind = [self.loop, *self._read_again(held, readers), self._choice()]
        message = f"{circle.entry.title} ran as often as a loop may, and nothing led on."
        self.never = self._node("never", "stop", message=message)

    def _node(self, word: str, kind: str, **params: Any) -> Node:
        entry = self.circle.entry
        self.nodes.append(Node(unique(f"{entry.id}_{word}", self.taken), kind, f"{entry.title} {word}", params=params))
        return self.nodes[-1]

    def _leave(self, number: int, way: tuple[str, str], held: _Held) -> None:
        """What is known there is held as JSON, for of most of it the type is not known."""
        there = leading_to([way[0]], self.circle.edges)
        known = {id_: each if id_ in there else dict.fromkeys(each) for id_, each in held.items()}
        line = [self._node("dump", "json_dump", value=known)] if held else []
        values = {WAY: number} | ({HELD: Ref(line[0].id, ("output",))} if held else {})
        items = [{"target": Ref(self.loop.id, (name,), "loop"), "op": "set", "value": values[name]} for name in values]
        line += [self._node("held", "assign", items=items), self._node("leave", "break")]
        assert self.loop.body is not None
        self.loop.body.nodes += line
        self.loop.body.edges += [Edge(way[0], line[0].id, way[1]), *_in_line(line)]

    def _read_again(self, held: _Held, readers: Readers) -> list[Node]:
        """For each node of the circle that is read behind it, one of its name that gives what that gave at last."""
        if not held:
            return []
        parsed = self._node("parsed", "json_parse", value=Ref(self.loop.id, (HELD,)))
        last = {id_: self._node("last", "set") for id_ in held}
        known = {node.id: node for node in self.circle.nodes}
        for id_, node in last.items():
            node.title = known[id_].title
            node.inputs = {name: Ref(parsed.id, ("output", id_, name)) for name in held[id_]}
            node.outputs = {name: outputs(known[id_]).get(name, Type()) for name in held[id_]}
        for node in _behind(self.circle, readers):
            node.params, node.inputs = (
                map_refs(value, lambda ref: replace(ref, node=last[ref.node].id) if ref.node in last else ref)
                for value in (node.params, node.inputs)
            )
        return [parsed, *last.values()]

    def _choice(self) -> Node:
        left = Ref(self.loop.id, (WAY,))
        numbers = range(1, len(self.circle.ways) + 1)
        asked = [{"left": left, "op": "eq", "right": number, "type": "number"} for number in numbers]
        return self._node("ways", "if", cases=[{"logic": "and", "conditions": [each]} for each in asked])


def _behind(circle: Circle, readers: Readers) -> list[Node]:
    within = {node.id: node for node in circle.nodes}
    every = {node.id: node for id_ in within for node in readers.get(id_, ())}
    return [node for id_, node in every.items() if id_ not in within]


def _held(circle: Circle, readers: Readers) -> _Held:
    within, held = {node.id for node in circle.nodes}, _Held()
    for ref in (ref for node in _behind(circle, readers) for ref in node_refs(node) if ref.node in within):
        held.setdefault(ref.node, {})[str(ref.path[0])] = Ref(ref.node, ref.path[:1])
    return held


def _in_line(nodes: list[Node]) -> list[Edge]:
    return [Edge(a.id, b.id, "done" if a.body is not None else "out") for a, b in pairwise(nodes)]


def _wrap(circle: Circle, inside: Graph, readers: Readers, taken: set[str]) -> list[Node]:
    made, entry, within = _Made(circle, readers, taken), circle.entry, {node.id for node in circle.nodes}
    place = place_of(inside, entry)
    inside.nodes[place:place] = [*made.behind, made.never]
    inside.nodes[:] = [node for node in inside.nodes if node.id not in within]
    choice, ports_ = made.behind[-1].id, {way: f"case:{i}" for i, way in enumerate(circle.ways)}
    entering = [edge for edge in inside.edges if edge.target == entry.id and edge.source not in within]
    inside.edges[:] = [
        *(edge for edge in inside.edges if not within & {edge.source, edge.target}),
        *(replace(edge, target=made.loop.id, into="in") for edge in entering),
        *_in_line(made.behind),
        *(replace(edge, source=choice, port=ports_[edge.source, edge.port]) for edge in circle.after),
        Edge(choice, made.never.id, "else"),
    ]
    return made.nodes
