"""n8n's expressions that are more than a path: a JavaScript node in front of who reads them computes them.

The code has n8n's own words ($json, $input, $('A node')) for what an expression refers to; what else it asks of n8n
is not there, and fails when it runs.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from dsl.ir import Edge, Graph, Node, Ref, Script, Text, Type, Value
from dsl.values import unique

Told = Callable[[Node, Node | None], None]  # for each reader: the node, and what computes; None: nothing can
Fields = dict[str, Any]  # by node (id, title, "" for what comes in): its fields, at the end the name of a variable

_LATER = {"until", "tools", "source", "template"}  # asked after the node has begun, or no expression of n8n's


def compute(graph: Graph, known: Mapping[str, Node], taken: set[str], told: Told) -> None:
    """Put such a node before each node that needs one, in bodies as well; `known` are all nodes of the flow."""
    for node in list(graph.nodes):
        if node.body is not None:
            compute(node.body, known, taken, told)
        lift = _Lift(node, unique(f"{node.id}_expressions", taken))
        params = {name: value if name in _LATER else lift.value(value, name) for name, value in node.params.items()}
        inputs = {name: lift.value(value, name) for name, value in node.inputs.items()}
        if lift.impossible:
            told(node, None)
        elif lift.found:
            node.params, node.inputs = params, inputs
            before = _node(lift, known)
            insert(graph, before, node)
            told(node, before)


class _Lift:
    """Collects the expressions of one node, and refers to what they come to instead."""

    def __init__(self, node: Node, id_: str) -> None:
        self.node, self.id = node, id_
        self.found: dict[str, Script] = {}
        self.impossible = False

    def value(self, value: Value, stem: str) -> Value:
        if isinstance(value, Script) and value.lang in ("n8n", "javascript"):
            return self._refer(value, stem)
        if isinstance(value, Text):
            return Text(tuple(part if isinstance(part, str) else self.value(part, stem) for part in value.parts))
        if isinstance(value, dict):
            return {key: self.value(inner, str(key)) for key, inner in value.items()}
        return [self.value(inner, stem) for inner in value] if isinstance(value, list) else value

    def _refer(self, script: Script, stem: str) -> Ref:
        # What a list or a loop hands to its own rounds is not there before it.
        self.impossible |= any(ref.node == self.node.id for ref in script.refs)
        word = "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in stem)
        name = unique(f"v_{word}", set(self.found))
        self.found[name] = script
        return Ref(self.id, (name,))


def _node(lift: _Lift, known: Mapping[str, Node]) -> Node:
    fields: Fields = {}
    inputs: dict[str, Value] = {}
    lines = []
    for name, script in lift.found.items():
        for ref in script.refs:
            variable = next((key for key, one in inputs.items() if one == ref), f"in_{len(inputs)}")
            inputs[variable] = ref
            place(fields, known.get(ref.node), ref, f"input.{variable}")
        lines.append(f"    {name}: ({script.source}) ?? null,\n")
    source = f"{CONTEXT.format(fields=printed(fields))}function main(input) {{\n"
    source += f"  const {WORDS} = context(input);\n  return {{\n{''.join(lines)}  }};\n}}\n"
    params = {"lang": "javascript", "style": "kwargs", "source": source}
    title = f"Expressions of {lift.node.title or lift.node.id}"
    return Node(lift.id, "code", title, "", params, inputs, dict.fromkeys(lift.found, Type("any")))


def insert(graph: Graph, before: Node, node: Node) -> None:
    """Put a node in front of another: what led there leads to it."""
    graph.nodes.insert(graph.nodes.index(node), before)
    graph.edges[:] = [replace(edge, target=before.id) if edge.target == node.id else edge for edge in graph.edges]
    graph.edges.append(Edge(before.id, node.id))


def place(fields: Fields, source: Node | None, ref: Ref, variable: str) -> None:
    """Puts a value where expressions look for it: under the node by id and by title, and under what comes in."""
    steps = [str(step) for step in ref.path]
    if source is not None and source.kind == "http" and steps[:1] == ["body"]:
        steps = steps[1:]
    for key in ("", ref.node, source.title if source else ""):
        here = fields.setdefault(key, {})
        if not steps:
            fields[key] = here if here else variable
            continue
        for step in steps[:-1]:
            here = here.setdefault(step, {}) if isinstance(here, dict) else {}
        if isinstance(here, dict):
            here.setdefault(steps[-1], variable)


def printed(fields: Fields) -> str:
    """Fields as the inside of a JavaScript object."""
    return ", ".join(f"{json.dumps(key)}: {_printed(inner)}" for key, inner in fields.items())


def _printed(value: Fields | str) -> str:
    return value if isinstance(value, str) else f"{{ {printed(value)} }}"


WORDS = "{ $input, $json, $, $node }"
CONTEXT = """function context(input) {{
  const read = (value) => {{
    try {{
      return typeof value === "string" && /^[[{{]/.test(value) ? JSON.parse(value) : value;
    }} catch (error) {{
      return value;
    }}
  }};
  const fields = {{ {fields} }};
  const item = (name) => ({{ json: read(fields[name] ?? {{}}) }});
  const node = (name) => ({{
    item: item(name),
    json: item(name).json,
    first: () => item(name),
    last: () => item(name),
    all: () => [item(name)],
    itemMatching: () => item(name),
    isExecuted: name in fields,
  }});
  const $node = new Proxy({{}}, {{ get: (_, name) => node(name) }});
  return {{ $input: node(""), items: [item("")], $json: item("").json, $: node, $node }};
}}
"""
