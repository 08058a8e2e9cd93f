"""Where a run begins: Dify has one start, or triggers, and never both."""

import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from dsl.dify.expressions import Call
from dsl.dify.work import Work
from dsl.ir import Edge, Node, Ref, Type, Value
from dsl.values import map_refs, refs

TRIGGERS = frozenset({"webhook", "schedule", "event"})


def trigger(node: Node) -> str:
    """What starts a run, when that is not a call."""
    given = node.params.get("trigger") or {}
    return str(given.get("type", "")) if given.get("type") in TRIGGERS else ""


def starts(work: Work) -> None:
    if not work.own:
        _start(work)
    for start in [node for node in work.flow.graph.nodes if node.kind == "start"]:
        _lists(work, start)


def _start(work: Work) -> None:
    found = [node for node in work.flow.graph.nodes if node.kind == "start"]
    for node in found:
        if trigger(node) == "event":
            message = "Dify has no such trigger without its plugin: the flow starts by a call."
            work.note(node, "degraded", "trigger.event", message, "Call the app when the event happens.")
            node.params["trigger"] = {"type": "call"}
    if not found:
        found = [_added(work)]
    _one(work, found)
    for node in [node for node in found if node.id in work.nodes]:
        _times(work, node)
        _answer(work, node)
    if work.flow.mode == "workflow":
        _ask(work, next(node for node in work.flow.graph.nodes if node.kind == "start"))


def _added(work: Work) -> Node:
    graph = work.flow.graph
    entered = {edge.target for edge in graph.edges}
    start = Node(work.new_id("start"), "start", "Start")
    first = [node.id for node in graph.nodes if node.id not in entered and node.kind != "note"]
    graph.nodes.insert(0, start)
    graph.edges[:0] = [Edge(start.id, name) for name in first]
    work.nodes[start.id], work.where[start.id], work.container[start.id] = start, graph, ""
    work.note(None, "equivalent", "start.added", "The flow had no beginning; a start was added.")
    return start


def _one(work: Work, found: list[Node]) -> None:
    """Keeps one start, or the triggers when nothing but they hold anything."""
    plain = [node for node in found if not trigger(node)]
    if not plain or len(found) == 1:
        return
    triggers = [node for node in found if trigger(node)]
    if triggers and not any(node.outputs for node in plain):
        _dropped(work, plain, triggers[0])
    else:
        _dropped(work, [*plain[1:], *triggers], plain[0])


def _times(work: Work, node: Node) -> None:
    """A schedule here has one time, and there may be several schedules."""
    given = node.params.get("trigger") or {}
    more = given.get("more") if trigger(node) == "schedule" else None
    graph = work.flow.graph
    for cron in more if isinstance(more, list) else []:
        params = {**node.params, "trigger": {**given, "cron": cron}}
        other = Node(work.new_id(node.id), "start", node.title, node.description, params, outputs=node.outputs)
        graph.edges += [replace(edge, source=other.id) for edge in graph.edges if edge.source == node.id]
        work.add(other, node, after=True)
    if more:
        work.note(node, "equivalent", "trigger.several", "Each time of the schedule is a trigger of its own.")


def _answer(work: Work, node: Node) -> None:
    if trigger(node) == "webhook" and any(each.kind in ("end", "answer") for each in work.flow.graph.nodes):
        message = "Dify answers the caller of a webhook at once and empty: the results at the end do not reach it."
        advice = "Call the app by Dify's API where the answer is wanted, or send it by an HTTP node."
        work.note(node, "degraded", "trigger.answer", message, advice)


def _dropped(work: Work, gone: list[Node], kept: Node) -> None:
    graph, names = work.flow.graph, {node.id for node in gone}
    for node in gone:
        kept.outputs = node.outputs | kept.outputs
        message = f"Dify has one start, or triggers: {node.title or node.id} became part of {kept.title or kept.id}."
        work.note(node, "degraded", "start.merged", message)
        for index in (work.nodes, work.where, work.container):
            index.pop(node.id)
    graph.nodes[:] = [node for node in graph.nodes if node.id not in names]
    moved = [replace(edge, source=kept.id) if edge.source in names else edge for edge in graph.edges]
    graph.edges[:] = list({(edge.source, edge.target, edge.port): edge for edge in moved}.values())
    _redirect(work, lambda ref: replace(ref, node=kept.id) if ref.node in names else ref)


def _ask(work: Work, start: Node) -> None:
    """A flow that is called has no question of a user: an input takes its place."""
    query = Ref("", ("query",), "system")
    if not any(ref == query for node in work.all() for ref in refs([node.params, node.inputs])):
        return
    start.outputs.setdefault("query", Type("string", label="Question"))
    work.note(start, "equivalent", "query.input", "The question of the user is an input called query.")
    _redirect(work, lambda ref: Ref(start.id, ("query",)) if ref == query else ref)


def _lists(work: Work, start: Node) -> None:
    """A form of Dify takes texts, numbers, files and objects, but no list: it comes as JSON text, which is parsed."""
    lists = {name: type_ for name, type_ in start.outputs.items() if type_.name == "array" and not _is_files(type_)}
    for name, type_ in lists.items() if not trigger(start) else ():
        given = Ref(start.id, (name,))
        parsed = Node(work.new_id(f"{start.id}_{name}"), "code", f"List {name}")
        _redirect(work, partial(_moved, old=given, new=Ref(parsed.id, (name,))))
        default = json.dumps(type_.default or [], ensure_ascii=False)
        start.outputs[name] = replace(type_, name="string", items=None, default=default)
        work.program(parsed, "input", {name: Call("parse", (given,))}, {name: type_})
        work.add(parsed, start, after=True)
        work.after(start, parsed)
        work.parsed[parsed.id] = given
        if not work.own:
            message = f"The list {name} is given as JSON text here: a form of Dify has no field for lists."
            work.note(start, "degraded", "type.narrowed", message)


def _is_files(type_: Type) -> bool:
    return type_.items is not None and type_.items.name == "file"


def _moved(ref: Ref, old: Ref, new: Ref) -> Ref:
    """The reference with what it begins with put in place."""
    steps = len(old.path)
    found = (ref.node, ref.scope, ref.path[:steps]) == (old.node, old.scope, old.path)
    return replace(new, path=(*new.path, *ref.path[steps:])) if found else ref


def _redirect(work: Work, change: Callable[[Ref], Value]) -> None:
    for node in work.all():
        node.params, node.inputs = map_refs(node.params, change), map_refs(node.inputs, change)
