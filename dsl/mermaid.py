"""A workflow as a Mermaid flowchart, for pages that draw it themselves.

Mermaid draws no more than 500 edges or 50 000 characters unless its page raises `maxEdges` and `maxTextSize`.
"""

import re

from dsl.facts import SILENT, Names, facts, port_words, resource_names
from dsl.ir import Edge, Flow, Graph, Node
from dsl.lettering import clip
from dsl.svg import COLOURS, family, kind_words
from dsl.values import walk

SHAPES = {"if": ("{{", "}}"), "classify": ("{{", "}}"), "note": (">", "]")}
ROUND, PLAIN = ("([", "])"), ("[", "]")
SPECIAL = re.compile(r"[^\w .,:;/+()=?!·…≠≤≥-]")  # everything else is written by its number
ROOM = 48  # columns of a line


def mermaid(flow: Flow) -> str:
    """Ids are numbered anew: those of a platform may be words of Mermaid's."""
    numbers = {node.id: f"n{i}" for i, (node, _, _) in enumerate(walk(flow.graph))}
    names = resource_names(flow)
    lines = ["flowchart LR", *_graph(flow.graph, None, numbers, names, "  ")]
    for name, (line, fill) in COLOURS.items():
        dash = ",stroke-dasharray:6 4" if name == "stub" else ""
        members = [numbers[node.id] for node, _, _ in walk(flow.graph) if family(node) == name]
        lines += [f"  classDef {name} fill:{fill},stroke:{line},color:#1c2430{dash}"] if members else []
        lines += [f"  class {','.join(members)} {name}"] if members else []
    return "\n".join(lines) + "\n"


def quoted(text: str) -> str:
    """A text that Mermaid shows as it is: no markup, no directive, no end of its quotes."""
    return SPECIAL.sub(lambda match: f"#{ord(match[0])};" if match[0].isprintable() else " ", text)


def _graph(graph: Graph, container: Node | None, numbers: dict[str, str], names: Names, indent: str) -> list[str]:
    lines = [line for node in graph.nodes for line in _node(node, numbers, names, indent)]
    nodes = {node.id: node for node in graph.nodes}
    inside = numbers[container.id] if container else ""
    for i, edge in enumerate(graph.edges):
        lines += [indent + line for line in _edge(edge, nodes, container, numbers, f"{inside}x{i}")]
    return lines


def _node(node: Node, numbers: dict[str, str], names: Names, indent: str) -> list[str]:
    number = numbers[node.id]
    first = clip(f"{kind_words(node)} · {node.title or node.id}", ROOM)
    said = [clip(fact, ROOM) for fact in facts(node, names) if node.kind != "opaque"]
    label = "<br/>".join(quoted(line) for line in [first, *said])
    if node.body is None:
        opens, closes = SHAPES.get(node.kind, ROUND if family(node) == "ends" else PLAIN)
        return [f'{indent}{number}{opens}"{label}"{closes}']
    inner = _graph(node.body, node, numbers, names, indent + "  ")
    return [
        f'{indent}subgraph {number}["{label}"]',
        f"{indent}  direction LR",
        f'{indent}  {number}in(("body"))',
        *inner,
        f"{indent}end",
    ]


def _edge(edge: Edge, nodes: dict[str, Node], container: Node | None, numbers: dict[str, str], lost: str) -> list[str]:
    """An edge to or from nothing ends in a mark of its own."""
    outer = container.id if container else None
    source, target = nodes.get(edge.source), nodes.get(edge.target)
    if (source is None and target is None) or edge.target == outer:
        return []
    words = clip(port_words(source, edge.port) if source else edge.port, ROOM)
    said = f'|"{quoted(words)}"|' if edge.port not in SILENT else ""
    if edge.source == outer:
        return [f"{numbers[edge.source]}in -->{said} {numbers[edge.target]}"]
    start, end = (numbers[node.id] if node else lost for node in (source, target))
    mark = (
        []
        if source and target
        else [f'{lost}["{quoted(clip(edge.target if source else edge.source, ROOM))} is missing"]']
    )
    return [*mark, f"{start} {'-->' if source and target else '-.->'}{said} {end}"]
