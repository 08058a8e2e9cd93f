"""Types that nothing declares and that Coze wants declared: how an output is read says what it is."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from dsl import computed
from dsl.computed import RUNS
from dsl.coze.lacking import lacks
from dsl.ir import Flow, Node, Ref, Type, Value
from dsl.kinds import ANY, ARRAY, BOOLEAN, NUMBER, OBJECT, STRING, walked
from dsl.lacking import there
from dsl.values import node_refs, nodes, refs, walk

COMPARED = {"number": NUMBER, "integer": NUMBER, "boolean": BOOLEAN, "object": OBJECT, "array": ARRAY}
Found = tuple[tuple[str | int, ...], Type]  # a place below an output that is read, and what is read there


def imply(flow: Flow, guessed: Callable[[Node, list[str]], None]) -> None:
    """Give outputs of any type, and objects with no fields, the type that is read of them. The flow is changed.

    `guessed` is told of what lies in such objects and becomes a text, for want of anything that says what it is.
    """
    known = nodes(flow)
    if not any(_is_open(type_) for node in known.values() for type_ in node.outputs.values()):
        return
    texts: defaultdict[str, list[str]] = defaultdict(list)
    for (name, output), found in _read(flow, known).items():
        declared = known[name].outputs[output]
        if kind := _implied(declared, found):
            known[name].outputs[output] = replace(declared, name=kind.name, items=kind.items, props=kind.props)
            texts[name] += [f"{output}.{path}" for path in _texts(kind)]
    for name, paths in texts.items():
        if paths:
            guessed(known[name], paths)


def _texts(kind: Type) -> Iterator[str]:
    """Where texts lie in an object."""
    for name, each in (kind.props or {}).items():
        yield from [name] if each.name == "string" else (f"{name}.{path}" for path in _texts(each))


def _read(flow: Flow, known: dict[str, Node]) -> dict[tuple[str, str], list[Found]]:
    read: defaultdict[tuple[str, str], list[Found]] = defaultdict(list)
    for node, graph, _ in walk(flow.graph):
        used = [(value, kind) for value, kind in _uses(node) if isinstance(value, Ref)]
        is_items = node.params.get("style") in RUNS
        seen = computed.seen(node, graph, known, there(lacks))[0] if is_items else {}
        for ref in dict.fromkeys([*node_refs(node), *refs(seen)]):
            producer = known.get(ref.node) if ref.scope == "node" and ref.path else None
            if producer is not None and ref.path[0] in producer.outputs:
                kind = next((kind for value, kind in used if value == ref), STRING)
                read[ref.node, str(ref.path[0])].append((ref.path[1:], kind))
    return read


def _is_open(type_: Type) -> bool:
    return type_.name == "any" or (type_.name == "object" and not type_.props)


def _implied(declared: Type, found: list[Found]) -> Type | None:
    whole = [kind for path, kind in found if not path]
    below = [(path, kind) for path, kind in found if path]
    if declared.name == "any" and below:
        return OBJECT if whole else shaped(below)
    if declared.name == "any":
        typed = [kind for kind in whole if kind != STRING]
        return typed[0] if typed and all(kind == typed[0] for kind in typed) else None
    is_open = declared.name == "object" and not declared.props and not whole
    return shaped(below) if is_open and any(kind != STRING for _, kind in below) else None


def shaped(found: list[Found]) -> Type:
    """The type that has all that is read."""
    steps = dict.fromkeys(path[0] for path, _ in found if path)
    below = {step: shaped([(path[1:], kind) for path, kind in found if path[:1] == (step,)]) for step in steps}
    if not below:
        return next((kind for _, kind in found if kind != STRING), STRING)
    if all(isinstance(step, int) for step in below):
        elements = [(path[1:], kind) for path, kind in found if path]
        return Type("array", items=shaped(elements))
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
    """Whether fields of the elements are read, by references or in code."""
    inner = [each for each, _, _ in walk(node.body)] if node.body is not None else []
    read = [ref for each in inner for ref in node_refs(each) if (ref.node, ref.scope) == (node.id, "item")]
    return any(len(ref.path) > 1 for ref in read) or any(_has_fields(each, read) for each in inner)


def _has_fields(code: Node, elements: list[Ref]) -> bool:
    """Whether code looks into an argument that is one of the elements: `o.name` which is not called, `o["name"]`."""
    given = [name for name, value in code.inputs.items() if code.kind == "code" and value in elements]
    source = str(code.params.get("source", ""))
    return any(re.search(_FIELD.format(re.escape(name)), source) for name in given)


_FIELD = r"\b{0}(?:\??\.(?!length\b)\w+\b(?!\s*\()|(?:\?\.)?\[\s*['\"]|\.get\()"
