"""Types that nothing declares and that Coze wants declared: how an output is read says what it is."""

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from dsl.ir import Flow, Node, Ref, Type, Value
from dsl.kinds import ANY, ARRAY, BOOLEAN, NUMBER, OBJECT, STRING, walked
from dsl.values import node_refs, nodes, of_list, walk

COMPARED = {"number": NUMBER, "integer": NUMBER, "boolean": BOOLEAN, "object": OBJECT, "array": ARRAY}
IMPLIED = "implied"  # a parameter that code has while it is written to Coze
Found = tuple[tuple[str | int, ...], Type]  # a place below an output that is read, and what is read there


def imply(flow: Flow) -> None:
    """Give outputs of any type, lists of it, and objects with no fields, the type that is read of them."""
    known = nodes(flow)
    if not any(_is_open(type_) for node in known.values() for type_ in node.outputs.values()):
        return
    for (name, output), found in _read(flow, known).items():
        declared = known[name].outputs[output]
        if kind := _implied(declared, found):
            if known[name].kind == "code":
                kind = _guessed(kind)
                known[name].params = {**known[name].params, IMPLIED: [*implied(known[name]), output]}
            known[name].outputs[output] = replace(declared, name=kind.name, items=kind.items, props=kind.props)


def implied(code: Node) -> list[str]:
    """The outputs of code whose types are no more than what is read of them: it may give out fields beside those."""
    return list(code.params.get(IMPLIED, []))


def _guessed(kind: Type) -> Type:
    """With what is a text only for want of a better word told apart, below the output itself."""
    props = {name: ANY if each == STRING else _guessed(each) for name, each in (kind.props or {}).items()}
    items = ANY if kind.items == STRING else _guessed(kind.items) if kind.items else None
    return replace(kind, props=props or kind.props, items=items)


def _read(flow: Flow, known: dict[str, Node]) -> dict[tuple[str, str], list[Found]]:
    read: defaultdict[tuple[str, str], list[Found]] = defaultdict(list)
    for node, _, _ in walk(flow.graph):
        used = [(value, kind) for value, kind in _uses(node) if isinstance(value, Ref)]
        for ref in node_refs(node):
            kind = next((kind for value, kind in used if value == ref), STRING)
            ref = of_list(ref, known)
            producer = known.get(ref.node) if ref.scope == "node" and ref.path else None
            if producer is not None and ref.path[0] in producer.outputs:
                read[ref.node, str(ref.path[0])].append((ref.path[1:], kind))
    return read


def _is_open(type_: Type) -> bool:
    return type_.name == "any" or (type_.name == "object" and not type_.props) or _lists_anything(type_)


def _lists_anything(type_: Type) -> bool:
    return type_.name == "array" and (type_.items is None or type_.items.name == "any")


def _implied(declared: Type, found: list[Found]) -> Type | None:
    whole = [kind for path, kind in found if not path]
    below = [(path, kind) for path, kind in found if path]
    if declared.name == "any" and below:
        kind = shaped(below)
        return OBJECT if whole and kind.name == "object" else kind
    if declared.name == "any":
        typed = [kind for kind in whole if kind != STRING]
        return typed[0] if typed and all(kind == typed[0] for kind in typed) else None
    if _lists_anything(declared):
        return _listed(found)
    is_open = declared.name == "object" and not declared.props and not whole
    return shaped(below) if is_open and any(kind != STRING for _, kind in below) else None


def _listed(found: list[Found]) -> Type | None:
    """A list of what is read of its elements; None where they may be texts."""
    elements = [(path[1:], kind) for path, kind in found if path and isinstance(path[0], int)]
    fields, whole = any(path for path, _ in elements), any(not path for path, _ in elements)
    if (fields and whole) or any(kind.items == OBJECT for path, kind in found if not path):
        return Type("array", items=OBJECT)
    return Type("array", items=shaped(elements)) if any(path or kind != STRING for path, kind in elements) else None


def shaped(found: list[Found]) -> Type:
    """The type that has all that is read."""
    steps = dict.fromkeys(path[0] for path, _ in found if path)
    below = {step: shaped([(path[1:], kind) for path, kind in found if path[:1] == (step,)]) for step in steps}
    if not below:
        return next((kind for _, kind in found if kind != STRING), STRING)
    if all(isinstance(step, int) for step in below):
        told = [kind.items for path, kind in found if not path and kind.items]
        elements = shaped([(path[1:], kind) for path, kind in found if path])
        return Type("array", items=told[0] if told and elements == STRING else elements)
    return Type("object", props={str(step): kind for step, kind in below.items()})


def _uses(node: Node) -> Iterator[tuple[Value, Type]]:
    for case in [*node.params.get("cases", []), node.params.get("until")]:
        yield from _compared(case or {})
    for name, value in node.inputs.items() if node.kind in ("set", "end") else ():
        if (kind := node.outputs.get(name, ANY)).name in COMPARED:
            yield value, Type(kind.name)
    for value in walked(node):
        yield value, Type("array", items=OBJECT if _looks_inside(node) else None)


def _compared(held: dict[str, Any]) -> Iterator[tuple[Value, Type]]:
    for each in held.get("conditions", []):
        yield from _compared(each)
        if kind := COMPARED.get(each.get("type", "")):
            yield from ((each.get(side), kind) for side in ("left", "right"))


def _looks_inside(node: Node) -> bool:
    """Whether fields of the elements are read."""
    inner = [each for each, _, _ in walk(node.body)] if node.body is not None else []
    read = [ref for each in inner for ref in node_refs(each)]
    below = any((ref.node, ref.scope) == (node.id, "item") and len(ref.path) > 1 for ref in read)
    return below or any(_names_a_field(each, node.id) for each in inner if each.kind == "code")


def _names_a_field(code: Node, walked_by: str) -> bool:
    """Whether code reads a field of the element that it is given."""
    elements = [
        name
        for name, value in code.inputs.items()
        if isinstance(value, Ref) and (value.node, value.scope, len(value.path)) == (walked_by, "item", 1)
    ]
    source = str(code.params.get("source", ""))
    return any(re.search(_FIELD.format(re.escape(name)), source) for name in elements)


_FIELD = r"(?<![\w.]){}\s*(?:\?\.\[?|\.(?!length\b)\w+(?!\w|\s*\()|\.get\(|\[\s*['\"])"  # `o.s`, `o.get(`, `o["s"]`
