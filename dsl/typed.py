"""Types that nothing declares and that follow: what a step gives has the type of what it is made of.

Lists keep the type of their elements, rounds give a list of what one gives, a set field has that of its value.
"""

from collections.abc import Iterator
from dataclasses import replace

from dsl import kinds
from dsl.ir import Flow, Node, Ref, Text, Type, Value
from dsl.kinds import ANY, ARRAY, BOOLEAN, INTEGER, NUMBER, OBJECT, STRING, outputs
from dsl.values import nodes, of_list

_ROUNDS = 20  # through the flow: a step may stand in front of what it reads
_PLAIN: dict[type, Type] = {str: STRING, Text: STRING, bool: BOOLEAN, int: INTEGER, float: NUMBER}


def settle(flow: Flow) -> None:
    """Give outputs of which too little is known the type that follows. The flow is changed."""
    known = nodes(flow)
    makers = [node for node in known.values() if node.kind in ("set", "list", "aggregate", "iterate", "loop")]
    left = [node for node in makers if any(_known(type_) < 2 for type_ in outputs(node).values())]
    for _ in range(_ROUNDS):
        changed = [node for node in left if _settled(node, known, flow)]
        if not changed:
            return


def _settled(node: Node, known: dict[str, Node], flow: Flow) -> bool:
    """Whether more is known of the node now."""
    changed = False
    for name, found in _made(node, known, flow):
        declared = outputs(node).get(name, ANY)
        if declared.name in ("any", found.name) and _known(found) > _known(declared):
            kind = {"name": found.name, "items": found.items, "props": found.props, "file": found.file}
            node.outputs = {**node.outputs, name: replace(declared, **kind)}  # type: ignore[arg-type]
            changed = True
    return changed


def _known(type_: Type) -> int:
    """How much a type says: nothing, that it is a list or an object, or of what."""
    if type_.name == "array":
        return 2 if type_.items and _known(type_.items) else 1
    return {"any": 0, "object": 2 if type_.props else 1}.get(type_.name, 2)


def _made(node: Node, known: dict[str, Node], flow: Flow) -> Iterator[tuple[str, Type]]:
    params = node.params
    if node.kind == "set":
        yield from ((name, of(value, known, flow)) for name, value in node.inputs.items() if name in node.outputs)
    elif node.kind == "list":
        walked = of(params.get("list"), known, flow)
        yield from (("result", walked), ("first", walked.items or ANY), ("last", walked.items or ANY))
    elif node.kind == "aggregate":
        yield from ((each["name"], _common(each["values"], known, flow)) for each in params.get("groups", []))
    else:
        variables = {name: held["type"] for name, held in params.get("variables", {}).items()}
        yield from ((name, type_) for name, type_ in variables.items() if name in node.outputs)
        for name, value in (params.get("collect") or {}).items():
            of_one = of(value, known, flow)
            held = isinstance(value, Ref) and (value.node, value.scope) == (node.id, "loop")
            yield name, of_one if held or params.get("flatten") else Type("array", items=of_one)


def _common(values: list[Value], known: dict[str, Node], flow: Flow) -> Type:
    """The type that all have."""
    found = [of(value, known, flow) for value in values]
    same = found and all(
        (each.name, each.items, each.props) == (found[0].name, found[0].items, found[0].props) for each in found
    )
    return found[0] if same else ANY


def of(value: Value, known: dict[str, Node], flow: Flow) -> Type:
    """The type of a value; any where nothing says it."""
    if isinstance(value, Ref):  # the element of a list has the type that the list says
        ref = of_list(value, known)
        return kinds.declared(ref, known, flow) if ref.scope != "item" else ANY
    if isinstance(value, dict):
        props = {name: of(inner, known, flow) for name, inner in value.items()}
        return replace(OBJECT, props=props) if all(map(_known, props.values())) else OBJECT
    if isinstance(value, list):
        items = _common(value, known, flow)
        return Type("array", items=items) if _known(items) else ARRAY
    return _PLAIN.get(type(value), ANY)
