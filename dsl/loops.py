"""What loops give out and how they count, in the words of platforms whose loops have variables and nothing else."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

from dsl.collected import last
from dsl.computed import behind, insert
from dsl.ir import Edge, Graph, Node, Ref, Type, Value
from dsl.kinds import NUMBER, outputs, ports
from dsl.values import map_refs, node_refs, refs, unique, walk

INDEX, ROUND = "flowstill_index", "flowstill_round"  # variables that hold the number of the round, from 0 and from 1
ASKED_LAST = "What ends the loop is asked after each round: one is run even where it would end at once."
WALKED = "A loop over lists with variables counts here: code in front has the length, code in it the elements."
Made = Callable[[Node, list[Node]], None]  # for each: the loop, the nodes that were made for it

_Lists = dict[str, tuple[str, Value]]  # by argument: the name of a list and the list
_Outputs = dict[tuple[str, str], tuple[str | int, ...]]  # (loop, output): the variable, or what lies in it


def give_out(graph: Graph) -> None:
    """A variable among what a loop collects is what it holds at last, no list: it is read by its own name then."""
    loops = [node for node, _, _ in walk(graph) if node.kind == "loop"]
    given = {(node.id, name): path for node in loops for name, path in _given_out(node).items()}

    def by_own_name(ref: Ref) -> Value:
        path = given.get((ref.node, str(ref.path[0]))) if ref.path and ref.scope == "node" else None
        return Ref(ref.node, (*path, *ref.path[1:])) if path else ref

    if given:
        _redirect(graph, by_own_name)
    for node in loops:
        _settle(node, given)


def _given_out(node: Node) -> dict[str, tuple[str | int, ...]]:
    collect = node.params.get("collect") or {}
    refs = {name: value for name, value in collect.items() if isinstance(value, Ref)}
    own = {name: ref.path for name, ref in refs.items() if (ref.node, ref.scope) == (node.id, "loop")}
    return {name: path for name, path in own.items() if path and (path[0] not in collect or path[0] in own)}


def _settle(node: Node, found: _Outputs) -> None:
    collect = node.params.get("collect") or {}
    given = {name: found[node.id, name] for name in collect if (node.id, name) in found}
    if given:
        node.params["collect"] = {name: value for name, value in collect.items() if name not in given}
        types = {str(path[0]): node.outputs[name] for name, path in given.items() if name in node.outputs}
        node.outputs = types | {name: each for name, each in node.outputs.items() if name not in given}


def gather(graph: Graph, gathered: Made) -> None:
    """What a loop collects grows in a variable of it: a step behind who gives it out appends it."""
    every = list(walk(graph))
    taken = {node.id for node, _, _ in every}
    for loop in [node for node, _, _ in every if node.kind == "loop" and node.params.get("collect")]:
        collect, body = loop.params.pop("collect"), loop.body or Graph()
        variables = {name: unique(name, {*loop.params.get("variables", {})}) for name in collect}
        for name, value in collect.items():
            keeper = _keeper(loop, variables[name], loop.outputs.pop(name, Type("array")), value, taken)
            producer = next((node for node in body.nodes if isinstance(value, Ref) and node.id == value.node), None)
            if producer is not None and {"out", "done"} & {*ports(producer)}:
                behind(body, producer, keeper)
            else:
                last(loop, body, keeper)
            gathered(loop, [keeper])
        _redirect(graph, partial(_kept, loop=loop.id, variables=variables))


def _keeper(loop: Node, variable: str, type_: Type, value: Value, taken: set[str]) -> Node:
    loop.params["variables"] = {**loop.params.get("variables", {}), variable: {"type": type_, "value": []}}
    loop.outputs[variable] = type_
    items = [{"target": Ref(loop.id, (variable,), "loop"), "op": "append", "value": value}]
    return Node(unique(f"{loop.id}_{variable}", taken), "assign", f"Collect {variable}", params={"items": items})


def _kept(ref: Ref, loop: str, variables: Mapping[str, str]) -> Value:
    if (ref.node, ref.scope) != (loop, "node") or not ref.path:
        return ref
    return replace(ref, path=(variables.get(str(ref.path[0]), ref.path[0]), *ref.path[1:]))


def spread(graph: Graph, walked: Made) -> None:
    """A loop over lists counts to the length of the shortest; the first step of its body takes the elements."""
    every = [(node, inside) for node, inside, _ in walk(graph)]
    taken, known = {node.id for node, _ in every}, {node.id: node for node, _ in every}
    for loop, inside in every:
        if loop.kind == "loop" and loop.inputs and loop.params.get("count") is None:
            lists = {f"list{i}": (name, value) for i, (name, value) in enumerate(loop.inputs.items())}
            before, take = _shortest(loop, lists, taken), _elements(loop, lists, taken, known)
            insert(inside, before, loop)
            begin(loop, take)
            loop.params["count"], loop.inputs = Ref(before.id, ("count",)), {}
            _redirect(graph, partial(_element, loop=loop.id, take=take.id))
            walked(loop, [before, take])


def _shortest(loop: Node, lists: _Lists, taken: set[str]) -> Node:
    lengths = ", ".join(f"{argument}.length" for argument in lists)
    source = f"function main({{ {', '.join(lists)} }}) {{\n  return {{ count: Math.min({lengths}) }};\n}}\n"
    inputs = {argument: value for argument, (_, value) in lists.items()}
    return _code(unique(f"{loop.id}_lists", taken), f"Lists of {loop.title}", source, inputs, {"count": NUMBER})


def _elements(loop: Node, lists: _Lists, taken: set[str], known: Mapping[str, Node]) -> Node:
    found = ", ".join(f"{json.dumps(name)}: {argument}[index]" for argument, (name, _) in lists.items())
    source = f"function main({{ index, {', '.join(lists)} }}) {{\n  return {{ {found} }};\n}}\n"
    inputs: dict[str, Value] = {"index": Ref(loop.id, (), "index")}
    inputs |= {argument: value for argument, (_, value) in lists.items()}
    types = {name: _of_elements(value, known) for name, value in lists.values()}
    return _code(unique(f"{loop.id}_elements", taken), f"Elements of {loop.title}", source, inputs, types)


def _code(id_: str, title: str, source: str, inputs: dict[str, Value], types: dict[str, Type]) -> Node:
    return Node(id_, "code", title, "", {"lang": "javascript", "style": "kwargs", "source": source}, inputs, types)


def _of_elements(value: Value, known: Mapping[str, Node]) -> Type:
    producer = known.get(value.node) if isinstance(value, Ref) and len(value.path) == 1 else None
    return (outputs(producer).get(str(value.path[0]), Type()).items if producer else None) or Type()


def _element(ref: Ref, loop: str, take: str) -> Value:
    return Ref(take, ref.path) if (ref.node, ref.scope) == (loop, "item") else ref


def _redirect(graph: Graph, change: Callable[[Ref], Value]) -> None:
    for node, _, _ in walk(graph):
        node.params, node.inputs = map_refs(node.params, change), map_refs(node.inputs, change)


def count(graph: Graph, counted: Made) -> None:
    """Loops count their rounds in variables: where something reads the number, or it is limited when the flow runs."""
    asked = {ref.node for node, _, _ in walk(graph) for ref in node_refs(node) if ref.scope == "index"}
    taken = {node.id for node, _, _ in walk(graph)}
    for loop in [node for node, _, _ in walk(graph) if node.kind == "loop"]:
        first = {INDEX: -1} if loop.id in asked else {}
        first |= {ROUND: 0} if isinstance(loop.params.get("count"), Ref) else {}
        if not first:
            continue
        variables = {name: {"type": NUMBER, "value": value} for name, value in first.items()}
        loop.params["variables"] = {**loop.params.get("variables", {}), **variables}
        items = [{"target": Ref(loop.id, (name,), "loop"), "op": "add", "value": 1} for name in first]
        counter = Node(unique(f"{loop.id}_round", taken), "assign", f"{loop.title} round", params={"items": items})
        begin(loop, counter)
        _redirect(graph, partial(_number, loop=loop.id))
        _limit(loop)
        counted(loop, [counter])


def _number(ref: Ref, loop: str) -> Value:
    return Ref(loop, (INDEX,), "loop") if (ref.node, ref.scope) == (loop, "index") else ref


def _limit(loop: Node) -> None:
    """A number of rounds that is known when the flow runs is one more condition that ends the loop."""
    until, limit = loop.params.get("until") or {"logic": "or", "conditions": []}, loop.params.get("count")
    if isinstance(limit, Ref) and (until["logic"] == "or" or len(until["conditions"]) < 2):
        ends = {"left": Ref(loop.id, (ROUND,), "loop"), "op": "ge", "right": limit, "type": "number"}
        loop.params["until"] = {"logic": "or", "conditions": [*until["conditions"], ends]}
        loop.params["count"] = None


def ask_first(graph: Graph, taken: set[str], asked: Made) -> None:
    """A branch at the beginning of its body asks for what ends a loop, before the first round as before each."""
    for loop in [node for node, _, _ in walk(graph) if node.kind == "loop" and is_asked_first(node)]:
        test = Node(unique(f"{loop.id}_until", taken), "if", "Until", params={"cases": [loop.params.pop("until")]})
        leave = Node(unique(f"{loop.id}_leave", taken), "break", "Leave")
        begin(loop, test, "else")
        body = loop.body or Graph()
        body.nodes.insert(1, leave)
        body.edges.append(Edge(test.id, leave.id, "case:0"))
        asked(loop, [test, leave])


def is_asked_first(loop: Node) -> bool:
    """Whether what ends a loop is known before its first round: nothing that a round has to make, or to count."""
    until = loop.params.get("until") or {}
    made = {node.id for node, _, _ in walk(loop.body)} if loop.body is not None else set()
    return bool(until.get("conditions")) and not any(
        ref.node in made or (ref.node, ref.scope) == (loop.id, "index") for ref in refs(until)
    )


def begin(loop: Node, first: Node, port: str = "out") -> None:
    """Lets the body of a loop begin with a node, which what was first follows."""
    loop.body = body = loop.body or Graph()
    entering = [edge for edge in body.edges if (edge.source, edge.port) == (loop.id, "body")]
    others = [edge for edge in body.edges if edge not in entering]
    body.nodes.insert(0, first)
    body.edges[:] = [
        Edge(loop.id, first.id, "body"),
        *(replace(edge, source=first.id, port=port) for edge in entering),
        *others,
    ]
