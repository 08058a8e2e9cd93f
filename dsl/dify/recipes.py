"""Nodes that `dsl.dify.lower` made are again what they were made for.

Code that another platform wrote loses the lines around it; what one of our small programs says becomes its kind; nodes
that compute a value for another one go, and the value stands where it was wanted.
"""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from dsl import DslError
from dsl.dify import shims
from dsl.dify.expressions import BEGIN, END, Call, parsed
from dsl.dify.lower.loops import COLLECTS, COUNTS
from dsl.dify.names import type_of
from dsl.dify.work import BOX
from dsl.ir import Edge, Flow, Graph, Node, Ref, Script, Text, Type, Value
from dsl.kinds import outputs
from dsl.load import load_json
from dsl.loops import INDEX, ROUND
from dsl.values import map_refs, parse, text, walk


def recognise(flow: Flow) -> None:
    found = _Found(flow)
    for node, graph, container in list(walk(flow.graph)):
        if node.kind == "code":
            _code(found, node, graph, container)
        elif node.kind == "template":
            _template(node)
        elif node.kind == "assign" and container is not None and node.description in (COLLECTS, COUNTS):
            _assign(found, node, graph, container)
    if found.any:
        found.apply()


class _Found:
    """What was found; applied to the whole flow at once."""

    def __init__(self, flow: Flow) -> None:
        self.flow = flow
        self.boxed: set[tuple[str, str]] = set()
        self.values: dict[tuple[str, str], Value] = {}  # what stands for an output of a node that goes
        self.gone: list[tuple[Node, Graph]] = []
        self.counted: set[str] = set()  # loops
        self.nodes: dict[str, Node] = {}
        self.picked: set[str] = set()  # nodes whose outputs are looked into
        self.sizes: dict[tuple[str, str], int] = {}
        self.left = _MOST  # values that may be put in place of others

    @property
    def any(self) -> bool:
        return bool(self.picked or self.boxed or self.values or self.gone or self.counted)

    def type_of(self, value: Value) -> str:
        node = self.nodes.get(value.node) if isinstance(value, Ref) and len(value.path) == 1 else None
        name = outputs(node).get(str(value.path[0]), Type()).name if node else "any"
        return "" if name == "any" else name

    def apply(self) -> None:
        gone: dict[int, tuple[Graph, set[str]]] = {}
        for node, graph in self.gone:
            gone.setdefault(id(graph), (graph, set()))[1].add(node.id)
        for graph, names in gone.values():
            _bypass(graph, names)
        self.sizes = {key: _size(value) for key, value in self.values.items()}
        self.nodes = {node.id: node for node, _, _ in walk(self.flow.graph)}
        for node in self.nodes.values():
            if node.kind == "http" and node.id in self.picked:  # its answer is read as JSON
                node.params["response"] = "json"
        for node, _, _ in walk(self.flow.graph):
            node.params = {name: _put(value, self.change) for name, value in node.params.items()}
            node.inputs = {name: _put(value, self.change) for name, value in node.inputs.items()}
            SHAPES.get(node.kind, _nothing)(self, node)

    def change(self, ref: Ref) -> Value:
        first = str(ref.path[0]) if ref.path else ""
        if ref.scope == "loop" and first == INDEX and ref.node in self.counted:
            return Ref(ref.node, (), "index")
        if ref.scope != "node":
            return ref
        if (ref.node, first) in self.boxed and ref.path[1:2] == (BOX,):
            ref = replace(ref, path=(first, *ref.path[2:]))
        if (ref.node, first) not in self.values:
            return ref
        self.left -= self.sizes[ref.node, first]
        if self.left < 0:
            raise DslError(f"The values of code nodes such as {ref.node!r} refer to one another too often to be read.")
        value = _put(self.values[ref.node, first], self.change)
        below = ref.path[1:]
        if isinstance(value, Ref):
            return replace(value, path=(*value.path, *below))
        return value if not below else None


_MOST = 500_000


def _size(value: Value) -> int:
    if isinstance(value, Text):
        return 1 + len(value.parts)
    if isinstance(value, Call):
        return 1 + sum(map(_size, value.args))
    if isinstance(value, dict):
        return 1 + sum(map(_size, value.values()))
    return 1 + (sum(map(_size, value)) if isinstance(value, list) else 0)


def _put(value: Value, change: Callable[[Ref], Value]) -> Value:
    """Values in place of references, text within text as one text."""
    if isinstance(value, Text):
        made: list[Any] = []
        for part in value.parts:
            new = change(part) if isinstance(part, Ref) else part
            made += new.parts if isinstance(new, Text) else [new if isinstance(new, (Ref, Script)) else _printed(new)]
        return Text(_joined(made))
    if isinstance(value, Call):
        return Call(value.name, tuple(_put(each, change) for each in value.args))
    if isinstance(value, dict):
        return {key: _put(inner, change) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_put(inner, change) for inner in value]
    return map_refs(value, change) if isinstance(value, (Ref, Script)) else value


def _printed(value: Value) -> str:
    return "" if value is None else value if isinstance(value, str) else str(value)


def _joined(parts: list[Any]) -> tuple[Any, ...]:
    made: list[Any] = []
    for part in parts:
        if isinstance(part, str) and made and isinstance(made[-1], str):
            made[-1] += part
        elif part != "":
            made.append(part)
    return tuple(made)


def _bypass(graph: Graph, gone: set[str]) -> None:
    """Takes nodes out: what led to them leads to what they led to."""
    ahead: dict[str, list[str]] = {name: [] for name in gone}
    for edge in graph.edges:
        if edge.source in ahead:
            ahead[edge.source].append(edge.target)
    edges: list[Edge] = []
    left = _MOST
    for edge in graph.edges:
        targets = [edge] if edge.source not in ahead else []
        while any(each.target in ahead for each in targets):
            targets = [replace(e, target=t) for e in targets for t in ahead.get(e.target, [e.target])]
            left -= len(targets)
            if left < 0:
                raise DslError("The edges between code nodes are too many to be read.")
        edges += targets
    graph.edges[:] = edges
    graph.nodes[:] = [each for each in graph.nodes if each.id not in ahead]


# -- code


def _code(found: _Found, node: Node, graph: Graph, container: Node | None) -> None:
    source = str(node.params.get("source", ""))
    if BEGIN not in source[:40]:
        return
    if (own := shims.unwrapped(str(node.params["lang"]), source)) is not None:
        code, style, boxed = own
        node.params |= {"source": code, "style": style}
        _unboxed(found, node, boxed)
        if style in ("items", "item"):
            node.inputs = {}
        return
    if source.startswith(f"// {BEGIN} expressions\n") and node.params["lang"] == "javascript":
        _expressions(found, node, graph, source)
    elif source.startswith(f"# {BEGIN} stub "):
        _stub(node, source)
    elif program := parsed(source, node.inputs):
        said, action, value, picked = program
        word, _, labels = said.partition(" {")
        found.picked |= {ref.node for ref in picked if ref.path[:1] == ("body",) and ref.scope == "node"}
        if word in PROGRAMS and (action == "raise") == (word == "stop"):
            _program(found, node, graph, container, PROGRAMS[word], value)
            _label(node, "{" + labels if labels else "")


def _program(
    found: "_Found", node: Node, graph: Graph, container: Node | None, recognise: "Recognise", value: Any
) -> None:
    """Leaves the node as it is when the program does not say what such a node says."""
    before = replace(node, outputs=dict(node.outputs))
    boxed, values = set(found.boxed), dict(found.values)
    try:
        recognise(found, node, graph, container, value)
    except (LookupError, TypeError, ValueError, AttributeError):
        for name in ("kind", "params", "inputs", "outputs"):
            setattr(node, name, getattr(before, name))
        found.boxed, found.values = boxed, values


def _unboxed(found: _Found, node: Node, types: dict[str, str]) -> None:
    for name, word in types.items():
        found.boxed.add((node.id, name))
        if name in node.outputs:
            node.outputs[name] = type_of(word)


def _results(found: _Found, node: Node, value: Any) -> dict[str, Value]:
    """What the program returns by name, out of the boxes."""
    made = {}
    for name, inner in value.items():
        if isinstance(inner, Call) and inner.name == "box":
            _unboxed(found, node, {name: str(inner.args[1]) if len(inner.args) > 1 else "any"})
            inner = inner.args[0]
        made[name] = inner
    return made


def _set(found: _Found, node: Node, graph: Graph, container: Node | None, value: Any) -> None:
    fields = _flat(_results(found, node, value), "")
    node.kind, node.inputs, node.params = "set", fields, {}


def _set_keep(found: _Found, node: Node, graph: Graph, container: Node | None, value: Any) -> None:
    _set(found, node, graph, container, value)
    node.params["keep"] = True


def _label(node: Node, said: str) -> None:
    """What fields were called that have other names here."""
    try:
        labels = load_json(said) if said else {}
    except DslError:
        return
    for name, label in labels.items() if node.kind == "set" else ():
        if name in node.outputs and isinstance(label, str):
            node.outputs[name] = replace(node.outputs[name], label=label)


def _flat(fields: dict[str, Value], before: str) -> dict[str, Value]:
    made: dict[str, Value] = {}
    for name, value in fields.items():
        inner = _flat(value, f"{before}{name}.") if isinstance(value, dict) and value else {before + name: value}
        made |= inner
    return made


def _split(found: _Found, node: Node, graph: Graph, container: Node | None, value: Any) -> None:
    source, delimiters = _results(found, node, value)["items"].args
    node.kind, node.params, node.inputs, node.outputs = "split", {"text": source, "delimiters": delimiters}, {}, {}


def _json(kind: str) -> "Recognise":
    def made(found: _Found, node: Node, graph: Graph, container: Node | None, value: Any) -> None:
        (inner,) = _results(found, node, value)["output"].args
        node.kind, node.params, node.inputs = kind, {"value": inner}, {}
        if kind == "json_dump" or node.outputs == {"output": Type()}:
            node.outputs = {}

    return made


def _input(found: _Found, node: Node, graph: Graph, container: Node | None, value: Any) -> None:
    """A list that came as JSON text is an input of the start."""
    (given,) = _results(found, node, value)["output"].args
    start = {each.id: each for each in graph.nodes if each.kind == "start"}[given.node]
    name, items = str(given.path[0]), node.outputs["output"].items
    default = json.loads(start.outputs[name].default or "[]") or None
    start.outputs[name] = replace(start.outputs[name], name="array", items=items, default=default)
    found.values[node.id, "output"] = given
    found.gone.append((node, graph))


def _stop(found: _Found, node: Node, graph: Graph, container: Node | None, value: Any) -> None:
    message = text(list(value.parts)) if isinstance(value, Text) else value
    node.kind, node.params, node.inputs = "stop", {"message": message}, {}


def _list(found: _Found, node: Node, graph: Graph, container: Node | None, value: Any) -> None:
    list_, filter_, sort, limit, nth, unique = value.args
    wanted = {"list": list_, "filter": filter_, "sort": sort, "limit": limit, "nth": nth, "unique": unique}
    node.params = {name: inner for name, inner in wanted.items() if inner is not None and (name, inner) != ("sort", [])}
    if filter_:
        node.params["filter"] = _conditions(node, filter_)
    _unboxed(found, node, dict.fromkeys(node.outputs, "any"))
    node.kind, node.inputs, node.outputs = "list", {}, {}


def _conditions(node: Node, group: dict[str, Any]) -> dict[str, Any]:
    made = []
    for each in group["conditions"]:
        if "logic" in each:
            made.append(_conditions(node, each))
            continue
        left = each["left"]
        if isinstance(left, dict) and "item" in left:
            left = Ref(node.id, tuple(left["item"]), "item")
        made.append({"left": left, "op": each["op"], "right": each.get("right"), "type": _guess(each.get("right"))})
    return {"logic": group["logic"], "conditions": made}


def _guess(value: Value) -> str:
    if isinstance(value, bool):
        return "boolean"
    return "number" if isinstance(value, (int, float)) else "array" if isinstance(value, list) else "string"


def _values(found: _Found, node: Node, graph: Graph, container: Node | None, value: Any) -> None:
    for name, inner in _results(found, node, value).items():
        found.values[node.id, name] = inner
    found.gone.append((node, graph))


def _row(found: _Found, node: Node, graph: Graph, container: Node | None, value: Any) -> None:
    """The last node of an iteration's body that makes one object of what is collected."""
    if container is None or container.kind != "iterate":
        return
    fields = _results(found, node, value)["row"]
    container.params["collect"] = fields
    container.outputs = {name: Type("array") for name in fields}
    _take_out(node, graph)


def _round(found: _Found, node: Node, graph: Graph, container: Node | None, value: Any) -> None:
    """The last node of an iteration's body that makes the one value that is collected."""
    if container is None or container.kind != "iterate":
        return
    container.params["collect"] = {"output": _results(found, node, value)["row"]}
    _take_out(node, graph)


def _take_out(node: Node, graph: Graph) -> None:
    graph.edges[:] = [edge for edge in graph.edges if node.id not in (edge.source, edge.target)]
    graph.nodes[:] = [each for each in graph.nodes if each is not node]


Recognise = Callable[[_Found, Node, Graph, "Node | None", Any], None]
PROGRAMS: dict[str, Recognise] = {
    "set": _set,
    "set keep": _set_keep,
    "split": _split,
    "json_parse": _json("json_parse"),
    "input": _input,
    "json_dump": _json("json_dump"),
    "stop": _stop,
    "list": _list,
    "values": _values,
    "row": _row,
    "round": _round,
}


def _stub(node: Node, source: str) -> None:
    node.kind, node.params = "opaque", {"type": source.partition("\n")[0].split(" ", 3)[3], "stub": True}


_OPENING = re.compile(r"\(/\*(?P<name>\w{1,60}) (?P<read>[\w ]*)\*/ ")


def _expressions(found: _Found, node: Node, graph: Graph, source: str) -> None:
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


# -- templates


_MARKED = re.compile(rf"\{{# {BEGIN} (text|pass|continue) #\}}\{{# {END} #\}}")
_JOINED = r' \| join\(("(?:[^"\\]|\\.)*")\)(?: if \2 is sequence [^{}]* else \2)?'
_PRINTED = re.compile(rf"\{{\{{ (?:'(\{{)'|([A-Za-z]\w*)(?:{_JOINED})?) \}}\}}", re.ASCII)


def _template(node: Node) -> None:
    template = node.params.get("template")
    match = _MARKED.match(template.source) if isinstance(template, Script) else None
    if match is None or not isinstance(template, Script):
        return
    rest = template.source[match.end() :]
    if match[1] != "text":
        node.kind, node.params = match[1], {}
        return
    inputs = node.inputs

    def found(printed: "re.Match[str]") -> Any:
        return "{" if printed[1] else inputs.get(printed[2])

    node.params["template"] = parse(rest, _PRINTED, found)
    node.inputs = {}
    if delimiter := next((each[3] for each in _PRINTED.finditer(rest) if each[3]), None):
        node.params["delimiter"] = json.loads(delimiter)


# -- containers


def _assign(found: _Found, node: Node, graph: Graph, container: Node) -> None:
    items = node.params.get("items") or []
    if node.description == COUNTS:
        found.counted.add(container.id)
        entered = [edge.target for edge in graph.edges if edge.source == node.id]
        _take_out(node, graph)
        graph.edges[:0] = [Edge(container.id, target, "body") for target in entered]
    elif len(items) == 1 and isinstance(items[0]["target"], Ref):
        name = str(items[0]["target"].path[0])
        container.params.setdefault("collect", {})[name] = items[0]["value"]
        container.params.get("variables", {}).pop(name, None)
        found.gone.append((node, graph))


def _loop(found: _Found, node: Node) -> None:
    """The count that was tested as a condition is the count."""
    variables = node.params.get("variables", {})
    for name in (ROUND, INDEX):
        if node.id in found.counted:
            variables.pop(name, None)
            node.outputs.pop(name, None)
    until = node.params.get("until")
    if node.id in found.counted and until:
        kept = [each for each in until["conditions"] if each.get("left") != Ref(node.id, (ROUND,), "loop")]
        counts = [each["right"] for each in until["conditions"] if each not in kept]
        if counts:
            right = counts[0]
            node.params["count"] = right.parts[0] if isinstance(right, Text) and len(right.parts) == 1 else right
            node.params["until"] = {**until, "conditions": kept}
        if not kept:
            del node.params["until"]
    if node.params.get("variables") == {}:
        del node.params["variables"]


def _iterate(found: _Found, node: Node) -> None:
    """Lists that were walked side by side, and the number of rounds that was cut to."""
    source = node.inputs.get("item")
    if not isinstance(source, Call):
        return
    if source.name == "first":
        node.inputs, node.params["limit"] = {"item": source.args[0]}, source.args[1]
    elif source.name == "rows":
        node.inputs = dict(source.args[0])
        if source.args[1] is not None:
            node.params["limit"] = source.args[1]

        def apart(ref: Ref) -> Ref:
            mine = ref.scope == "item" and ref.node == node.id and len(ref.path) > 1
            return replace(ref, path=ref.path[1:]) if mine else ref

        for inner, _, _ in walk(node.body) if node.body else []:
            inner.params, inner.inputs = map_refs(inner.params, apart), map_refs(inner.inputs, apart)
        node.params = map_refs(node.params, apart)


def _if(found: _Found, node: Node) -> None:
    """Questions that were answered before are conditions."""
    cases = []
    for case in node.params.get("cases", []):
        cases.append({**case, "conditions": [_asked(found, each) for each in case["conditions"]]})
        folded = [each for each in cases[-1]["conditions"] if each.pop("fold", False)]
        if folded:
            node.params["ignore_case"] = True
    node.params["cases"] = cases


def _asked(found: _Found, condition: dict[str, Any]) -> dict[str, Any]:
    question = condition.get("left")
    if not isinstance(question, Call):
        return condition
    return _question(found, question)


def _question(found: _Found, question: Call) -> dict[str, Any]:
    if question.name in ("all", "any"):
        inner = [_question(found, each) for each in question.args[0]]
        return {"logic": "and" if question.name == "all" else "or", "conditions": inner}
    op, left, right, *fold = question.args
    type_ = found.type_of(left) or "any"
    made = {"left": left, "op": op, "right": right, "type": type_}
    return made | ({"fold": True} if fold else {})


def _items(found: _Found, node: Node) -> None:
    for item in node.params.get("items", []):
        value = item.get("value")
        if isinstance(value, Call) and value.name == "calc":
            item |= {"op": value.args[0], "value": value.args[2]}
        elif isinstance(value, Call) and value.name == "first":
            item["value"] = value.args[0]


def _nothing(found: _Found, node: Node) -> None:
    """Most kinds keep the values as they are."""


SHAPES: dict[str, Callable[[_Found, Node], None]] = {
    "loop": _loop,
    "iterate": _iterate,
    "if": _if,
    "assign": _items,
}
