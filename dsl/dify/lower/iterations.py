"""Iterations walk one list, and hand on one value a round."""

from dataclasses import replace

from dsl import computed
from dsl.dify.expressions import Call
from dsl.dify.work import OBJECT, Work, literal_type
from dsl.ir import Node, Ref, Type, Value


def iterate(work: Work, node: Node) -> None:
    _collect(work, node)
    lists = dict(node.inputs)
    limit = node.params.get("limit")
    if len(lists) > 1:
        node.inputs = {"item": Call("rows", (lists, limit))}
        work.redirect(lambda ref: replace(ref, path=("item", *ref.path)) if _is_item(ref, node) else ref)
    elif lists:
        name, value = next(iter(lists.items()))
        node.inputs = {"item": Call("first", (value, limit)) if limit is not None else value}
        if name != "item":
            change = lambda ref: replace(ref, path=("item", *ref.path[1:])) if _is_item(ref, node) else ref  # noqa: E731
            work.redirect(change)
    nested(work, node)


def _is_item(ref: Ref, node: Node) -> bool:
    return ref.scope == "item" and ref.node == node.id


def _collect(work: Work, node: Node) -> None:
    """An iteration hands on one value a round: several make an object, whose fields are lists outside."""
    collect = node.params.get("collect") or {}
    if node.body is None:
        return
    if len(collect) == 1 and work.is_native(next(iter(collect.values()))):
        name = next(iter(collect))
        if name != "output":
            work.moved[node.id, name] = "output"
        return
    if not collect:
        return
    tail = Node(work.new_id(f"{node.id}_row"), "code", f"{node.title} row")
    work.at_end(node, tail)
    node.params["collect"] = {"output": Ref(tail.id, ("row",))}
    if len(collect) == 1:
        ((name, value),) = collect.items()
        work.program(tail, "round", {"row": value}, {"row": literal_type(value)})
        if name != "output":
            work.moved[node.id, name] = "output"
        return
    work.program(tail, "row", {"row": dict(collect)}, {"row": OBJECT})
    tail.outputs = {"row": OBJECT}
    label = node.outputs[name].label if (name := next(iter(collect))) in node.outputs else ""
    kept = {name: type_ for name, type_ in node.outputs.items() if name == computed.ALL}
    node.outputs = {"output": Type("array", items=OBJECT, label=label), **kept}
    columns = set(collect)

    def column(ref: Ref) -> Value:
        if ref.node != node.id or ref.scope != "node" or not ref.path or ref.path[0] not in columns:
            return ref
        list_ = Call("column", (Ref(node.id, ("output",)), ref.path[0]))
        return Call("pick", (list_, *ref.path[1:])) if ref.path[1:] else list_

    work.redirect(column)
    work.columns[node.id] = column


def nested(work: Work, node: Node) -> None:
    if work.container[node.id] and not work.own:
        message = "Dify's engine runs a container inside another one; its editor is not made for it."
        work.note(node, "equivalent", "container.nested", message)
