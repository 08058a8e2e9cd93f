"""RAGFlow leaves a message or a prompt out while a component that it names has not run: of another branch, for ever.

Code is not left out: in front of who reads what another branch may give, it hands on what there is, and else null.
"""

from collections.abc import Callable

from dsl.computed import insert
from dsl.ir import Flow, Node, Ref
from dsl.kinds import declared
from dsl.reach import Reach
from dsl.values import node_refs, nodes, redirect, unique, walk

Told = Callable[[Node, Node], None]  # who reads, and the code
_LEFT_OUT = {"answer", "end", "llm", "agent", "classify", "extract"}


def hand_on(flow: Flow, taken: set[str], told: Told) -> None:
    """Put that code in front of such a reader. The flow given is changed."""
    known, reach = nodes(flow), Reach(flow)
    for node, graph, _ in list(walk(flow.graph)):
        if unsure := passed_by(node, reach):
            made = _handing(flow, node, unsure, known, unique(f"{node.id}_given", taken))
            redirect(node, {ref: Ref(made.id, (name,)) for name, ref in made.inputs.items()})
            insert(graph, made, node)
            told(node, made)


def passed_by(node: Node, reach: Reach) -> list[Ref]:
    """What such a reader names of branches that may not have run when it is reached."""
    read = dict.fromkeys(node_refs(node) if node.kind in _LEFT_OUT else ())
    return [ref for ref in read if reach.comes_before(ref.node, node.id) and not reach.surely(ref.node, node.id)]


def _handing(flow: Flow, node: Node, unsure: list[Ref], known: dict[str, Node], id_: str) -> Node:
    names = [f"in_{i}" for i in range(len(unsure))]
    given = ", ".join(f"{name!r}: {name}" for name in names)
    source = f"def main({', '.join(names)}):\n    return {{{given}}}\n"
    outputs = {name: declared(ref, known, flow) for name, ref in zip(names, unsure, strict=True)}
    params = {"lang": "python3", "style": "kwargs", "source": source}
    inputs = dict(zip(names, unsure, strict=True))
    return Node(id_, "code", f"What {node.title or node.id} says", "", params, inputs, outputs)
