"""Fields whose names no reference of Coze holds (`hub.challenge`): code in front of who reads them looks them up."""

from collections.abc import Callable
from dataclasses import replace

from dsl.collected import last
from dsl.computed import insert
from dsl.coze.names import is_held
from dsl.ir import Flow, Graph, Node, Ref
from dsl.kinds import declared
from dsl.values import node_refs, nodes, redirect, unique, walk

Told = Callable[[Node, Node, str], None]  # for each: who reads, the code in front, the name
_SOURCE = """async def main(args):
    value = args.params.get("given")
    for step in {steps!r}:
        try:
            value = value[step]
        except (LookupError, TypeError):
            value = None
    return {{"value": value}}
"""


def look_up(flow: Flow, told: Told) -> None:
    """Put such code in front, in bodies as well; of what a container reads of its own body, last in there."""
    known = nodes(flow)
    taken = {*known}
    for node, inside, _ in list(walk(flow.graph)):
        found: dict[Ref, Ref] = {}
        for ref in dict.fromkeys(ref for ref in node_refs(node) if len(ref.path) > 1):
            place = next((i for i, step in enumerate(ref.path) if i and not is_held(step)), 0)
            if not place or ref.node == node.id:
                continue
            code = _code(node, ref, place, unique(f"{node.id}_field", taken))
            code.outputs = {"value": declared(ref, known, flow)}
            _put(code, node, ref, inside)
            found[ref] = Ref(code.id, ("value",))
            told(node, code, str(ref.path[place]))
        if found:
            redirect(node, found)


def _code(node: Node, ref: Ref, place: int, id_: str) -> Node:
    source = _SOURCE.format(steps=[*ref.path[place:]])
    title = f"{ref.path[place]} for {node.title or node.id}"
    given = replace(ref, path=ref.path[:place])
    return Node(id_, "code", title, "", {"lang": "python3", "style": "args", "source": source}, {"given": given})


def _put(code: Node, node: Node, ref: Ref, inside: Graph) -> None:
    if node.body is not None and ref.node in {each.id for each in node.body.nodes}:
        last(node, node.body, code)
    else:
        insert(inside, code, node)
