"""Code of another platform loses the lines around it; code that raises was a node with no counterpart."""

import re

from dsl.computed import settled
from dsl.dify import shims
from dsl.dify.expressions import BEGIN, parsed
from dsl.dify.recipes.found import Found
from dsl.dify.recipes.programs import program, unboxed
from dsl.ir import Graph, Node, Ref, Script


def code(found: Found, node: Node, graph: Graph, container: Node | None) -> None:
    source = str(node.params.get("source", ""))
    if BEGIN not in source[:40]:
        return
    if (own := shims.unwrapped(str(node.params["lang"]), source)) is not None:
        lines, (source, style, boxed) = source, own
        node.params |= {"source": source, "style": style}
        unboxed(found, node, boxed)
        settled(node, lines)
        return
    if source.startswith(f"// {BEGIN} expressions\n") and node.params["lang"] == "javascript":
        _expressions(found, node, graph, source)
    elif source.startswith(f"# {BEGIN} stub "):
        _stub(node, source)
    elif made := parsed(source, node.inputs):
        program(found, node, graph, container, made)


def _stub(node: Node, source: str) -> None:
    node.kind, node.params = "opaque", {"type": source.partition("\n")[0].split(" ", 3)[3], "stub": True}


_OPENING = re.compile(r"\(/\*(?P<name>\w{1,60}) (?P<read>[\w ]*)\*/ ")


def _expressions(found: Found, node: Node, graph: Graph, source: str) -> None:
    made: dict[str, Script] = {}
    place = 0
    while match := _OPENING.search(source, place):
        place = source.find(f" /*{match['name']}*/)", match.end())
        if place < 0:
            return
        given = [node.inputs.get(name) for name in match["read"].split()]
        refs = tuple(ref for ref in given if isinstance(ref, Ref))
        made[match["name"]] = Script("n8n", source[match.end() : place], refs)
    if made and made.keys() == node.outputs.keys():
        found.values |= {(node.id, name): script for name, script in made.items()}
        found.boxed |= {(node.id, name) for name in made}
        found.gone.append((node, graph))
