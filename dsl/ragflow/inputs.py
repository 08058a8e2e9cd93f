"""A form of RAGFlow has no field for lists and objects: what is typed in is JSON text, which code behind it parses."""

from collections.abc import Callable
from dataclasses import replace

from dsl.computed import behind
from dsl.ir import Flow, Node, Ref, Type
from dsl.values import map_refs, node_refs, unique, walk

Told = Callable[[Node, Node], None]  # the start, and the code
_EMPTY = {"array": "[]", "object": "{}"}
_TAKES_VALUES = {"code", "iterate", "loop", "list", "set", "aggregate", "assign", "json_dump", "split", "if", "subflow"}
_READ = """def main({arguments}):
    import json

    def read(value, empty):
        return json.loads(value) if isinstance(value, str) and value.strip() else value or empty

    return {{{given}}}
"""


def parse(flow: Flow, taken: set[str], told: Told) -> None:
    """Put that code behind each start that asks for some. The flow given is changed."""
    for start in [node for node in flow.graph.nodes if node.kind == "start" and not _is_called(node)]:
        texts = {name for name, type_ in start.outputs.items() if _is_text(type_)}
        if texts and _are_read(flow, start, texts):
            made = _parsing(start, texts, unique(f"{start.id}_inputs", taken))
            _refer(flow, start, texts, made)
            behind(flow.graph, start, made)
            told(start, made)


def _is_called(start: Node) -> bool:
    """Whether no form asks: what a webhook gets is JSON already."""
    return (start.params.get("trigger") or {}).get("type") in ("webhook", "schedule", "event")


def _is_text(type_: Type) -> bool:
    of_files = type_.items is not None and type_.items.name == "file"
    return type_.name in _EMPTY and not of_files


def _are_read(flow: Flow, start: Node, names: set[str]) -> bool:
    """Whether they are read where RAGFlow does not look into their text itself."""
    reading = [node for node, _, _ in walk(flow.graph) if node.kind in _TAKES_VALUES]
    found = (ref for node in reading for ref in node_refs(node) if ref.node == start.id and ref.scope == "node")
    return any(ref.path[:1] == () or ref.path[0] in names for ref in found)


def _parsing(start: Node, texts: set[str], id_: str) -> Node:
    """It gives out all that the start does, under its title: code and expressions of n8n look for that by both."""
    variables = {name: f"in_{i}" for i, name in enumerate(start.outputs)}
    given = (
        f"{name!r}: read({variables[name]}, {_EMPTY[type_.name]})" if name in texts else f"{name!r}: {variables[name]}"
        for name, type_ in start.outputs.items()
    )
    source = _READ.format(arguments=", ".join(variables.values()), given=", ".join(given))
    params = {"lang": "python3", "style": "kwargs", "source": source}
    inputs = {variable: Ref(start.id, (name,)) for name, variable in variables.items()}
    outputs = {name: replace(type_, label="") for name, type_ in start.outputs.items()}
    return Node(id_, "code", start.title, "", params, inputs, outputs)


def _refer(flow: Flow, start: Node, texts: set[str], made: Node) -> None:
    def parsed(ref: Ref) -> Ref:
        is_text = ref.node == start.id and ref.scope == "node" and ref.path and ref.path[0] in texts
        return replace(ref, node=made.id) if is_text else ref

    for node, _, _ in walk(flow.graph):
        node.params, node.inputs = map_refs(node.params, parsed), map_refs(node.inputs, parsed)
