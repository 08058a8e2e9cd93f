"""A flow of any dialect as a Coze canvas, in any of its forms."""

import copy
import re
from collections.abc import Iterable
from functools import partial
from typing import Any

from dsl import (
    OptionError,
    bodies,
    classes,
    collected,
    composed,
    computed,
    conditions,
    fixed,
    looped,
    loops,
    onlyn8n,
    prompts,
    renamed,
    rings,
    typed,
)
from dsl.coze import answers, assignments, buttons, chats, ends, nested, unheld, uses, yamlform
from dsl.coze.drawn import drawn
from dsl.coze.forms import FORMS, check, entry, form_of, formed, workflow_name
from dsl.coze.lacking import lacks, platform
from dsl.coze.reading import mapping
from dsl.coze.tables import END, SIGNS, START
from dsl.coze.writing import Canvas, Notes, batched, declared, element, type_at
from dsl.ir import Flow, Graph, Node, Ref, Script, Type, Value
from dsl.lacking import supply, there
from dsl.notes import Note
from dsl.values import copied, nodes, rename, steps, unique, walk

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")  # of an output


def build(flow: Flow, form: str = "", host: str = "", space: str = "") -> tuple[Any, list[Note]]:
    """The workflow in `form`; F1 unless the flow came in another.

    F2 is pasted into a canvas of the same `host` only, and needs the id of its `space`. DslError: an unknown form, or
    F2 without a host.
    """
    form = _form(flow, form)
    check(form, host, space)
    if form == "F2" and not host and flow.dialect != "coze":
        raise OptionError("The clipboard (F2) is pasted on one host only: name it, as in --option host=www.coze.cn.")
    return _built(flow, form, host, space)


def like(flow: Flow, document: Any) -> Any:
    """The workflow in the form of a document of Coze, for the same host and space."""
    source = mapping(mapping(document).get("source"))
    return _built(flow, form_of(document), str(source.get("host") or ""), str(source.get("spaceId") or ""))[0]


def _built(flow: Flow, form: str, host: str, space: str) -> tuple[Any, list[Note]]:
    builder = _Builder(flow, form)
    document = formed(builder.canvas(builder.flow), flow.name, flow.description, form, host, space)
    loops = [(loop, builder.canvas(loop.flow)) for loop in builder.loops.values()]  # their notes are told here, too
    if form == "F4" and loops:
        _pack(document, loops)
    return document, builder.notes.told


def beside(flow: Flow, form: str = "", host: str = "", space: str = "") -> dict[str, Any]:
    """By name, the workflows that loops in loops become, where the form holds one only: documents as of `build`."""
    form = _form(flow, form)
    nests = any(node.body is not None and container is not None for node, _, container in walk(flow.graph))
    if form == "F4" or flow.dialect == "coze" or not nests:
        return {}
    builder = _Builder(flow, form)
    loops = [loop.flow for loop in builder.loops.values()]
    return {loop.name: formed(builder.canvas(loop), loop.name, loop.description, form, host, space) for loop in loops}


def _form(flow: Flow, form: str) -> str:
    return form or (flow.version if flow.dialect == "coze" and flow.version in FORMS else "F1")


def _pack(document: dict[str, Any], loops: list[tuple[nested.Loop, dict[str, Any]]]) -> None:
    """Loops in loops are workflows of the same archive."""
    document["sub"] = {}
    for loop, canvas in loops:
        name, about = loop.flow.name, loop.flow.description
        document["sub"][loop.file] = yamlform.from_canvas(canvas, name, about, loop.id)
        document["manifest"]["sub"].append(entry(name, about) | {"id": loop.id})


class _Builder:
    def __init__(self, flow: Flow, form: str) -> None:
        self.form = form
        self.loops: dict[str, nested.Loop] = {}  # by the node that calls it: what a loop in a loop becomes
        self.flow = copy.copy(flow)
        self.flow.graph = copied(flow.graph, without="attached")
        self.notes = Notes(self.flow)
        self._one_start()
        if flow.dialect != "coze":
            self._without_circles()
        computed.settle(self.flow, there(lacks))
        if flow.dialect != "coze":
            self._in_its_words()
        self._one_end()
        assignments.compute(
            self.flow.graph, partial(self._held, self.flow), {*nodes(self.flow)}, self._counted, self._lifted
        )
        rename(self.flow, _names(self.flow))
        self._flatten(self.flow)

    def canvas(self, flow: Flow) -> dict[str, Any]:
        return drawn(Canvas(flow, self.notes, self.loops))

    def _without_circles(self) -> None:
        computed.as_lists(self.flow, self._added)
        looped.as_loops(self.flow.graph, {*nodes(self.flow)}, self._looped)
        rings.cut(self.flow.graph, {*nodes(self.flow)}, self._cut)

    def _in_its_words(self) -> None:
        """What Coze has no words for, in words that it has; before the ends are merged, which makes all readers one."""
        graph = self.flow.graph
        fixed.fix(graph, self.notes.add)
        prompts.lift(self.flow, {*nodes(self.flow)}, self._lifted, self.notes.add)
        buttons.choose(graph, self._chosen)
        bodies.as_text(graph, {*nodes(self.flow)}, self._added)
        collected.compute(graph, {*nodes(self.flow)}, self._added)
        loops.ask_first(graph, {*nodes(self.flow)}, self._asked_first)
        computed.compute(graph, nodes(self.flow), {*nodes(self.flow)}, self._expressions)
        composed.compose(graph, {*nodes(self.flow)}, _is_no_object, self._added)
        typed.settle(self.flow)
        uses.imply(self.flow)
        answers.parse(graph, {*nodes(self.flow)}, self._parsed)
        conditions.compute(graph, {*nodes(self.flow)}, _says, self._computed)
        classes.translate(self.flow, "coze", {*nodes(self.flow)}, self._translated)
        for node in supply(self.flow, platform(self.flow), self.notes.add):
            self.notes.made(node)
        for node in chats.by_name(graph):
            self.notes.add(node, "degraded", "conversation.name", chats.NAMED)
        unheld.look_up(self.flow, self._looked_up)
        renamed.rename(self.flow, NAME, self._renamed)

    def _looked_up(self, node: Node, before: Node, name: str) -> None:
        self.notes.made(before)
        message = f"No reference holds the name {name!r}: code in front looks the field up."
        self.notes.add(node, "equivalent", "ref.field", message)

    def _renamed(self, node: Node, names: dict[str, str]) -> None:
        if node.kind == "start":
            message = f"Coze does not take these names: {', '.join(names)}. They became {', '.join(names.values())}."
            self.notes.add(node, "equivalent", "name.changed", message)

    def _one_start(self) -> None:
        graph = self.flow.graph
        if self.flow.dialect == "coze" and not any(node.kind == "start" for node in graph.nodes):
            return  # what was copied out of a canvas
        start = ends.one_start(graph, self._joined)
        if (kind := start.params.get("trigger", {}).get("type")) in ("schedule", "event", "form", "webhook"):
            message = f"The trigger ({kind}) is set outside of the workflow here."
            self.notes.add(start, "degraded", "trigger.lost", message)

    def _one_end(self) -> None:
        graph = self.flow.graph
        if self.flow.dialect == "coze" and not any(node.kind == "end" for node in graph.nodes):
            return
        for made in ends.one_end(self.flow, self._merged):
            self.notes.made(made)

    def _joined(self, start: Node) -> None:
        message = "A workflow has one start here: this one joined the first."
        self.notes.add(start, "degraded", "trigger.extra", message)

    def _merged(self, end: Node) -> None:
        message = "A workflow has one end here: the results are merged before it."
        self.notes.add(end, "equivalent", "end.merged", message)

    def _lifted(self, node: Node, before: Node) -> None:
        self.notes.stand_for(before, node)

    def _chosen(self, node: Node, possible: bool) -> None:
        if possible:
            message = (
                "Buttons are options of a question here; any other answer leads to the end, and it waits for ever."
            )
            self.notes.add(node, "degraded", "ask.actions", message)
        else:
            message = "A question with buttons and fields does not exist here: it raises when it is reached."
            self.notes.add(
                node, "stub", "ask.actions", message, "Ask for the fields and for the choice one after the other."
            )

    def _looped(self, node: Node, made: list[Node]) -> None:
        for each in made:
            self.notes.made(each)
        self.notes.add(node, "degraded", "flow.ring", looped.MESSAGE)

    def _cut(self, node: Node, end: Node) -> None:
        self.notes.made(end)
        self.notes.add(node, "stub", "flow.ring", rings.MESSAGE, rings.ADVICE)

    def _asked_first(self, loop: Node, made: list[Node]) -> None:
        for each in made:
            self.notes.made(each)
        message = "The condition that ends the loop is a branch at the beginning of its body."
        self.notes.add(loop, "equivalent", "loop.until", message)

    def _added(self, owner: Node, made: Node) -> None:
        self.notes.made(made)

    def _expressions(self, node: Node, before: Node | None, scripts: Iterable[Script]) -> None:
        if before is None:
            message = "An expression of its own rounds cannot be computed here: it raises when it is reached."
            self.notes.add(node, "stub", "ref.script", message, "Compute it in a code node.")
            node.params, node.kind, node.body = {"type": node.kind}, "opaque", None
            return
        self.notes.made(before)
        message = "An expression is evaluated by a code node in front; what only n8n's has, fails when it runs."
        message = onlyn8n.evaluated(message, scripts)
        self.notes.add(node, "degraded", "ref.script", message, "Check the expression.")

    def _computed(self, node: Node, before: Node) -> None:
        self.notes.made(before)
        message = "A comparison that does not exist here is computed by a code node in front."
        self.notes.add(node, "equivalent", "condition.computed", message)

    def _translated(self, node: Node, before: Node) -> None:
        self.notes.made(before)
        message = "A code node puts the class that was chosen into the words of the other platform."
        self.notes.add(node, "equivalent", "class.output", message)

    def _parsed(self, node: Node, behind: Node) -> None:
        self.notes.made(behind)
        message = (
            "The body is text here: a JSON node behind it reads the fields, as text where nothing tells their type."
        )
        self.notes.add(node, "degraded", "http.body", message, "Give the fields their types in the JSON node.")

    @staticmethod
    def _held(flow: Flow, target: Ref) -> Type:
        known = nodes(flow)
        owner = known.get(target.node)
        if owner is None:
            return declared(flow, target)
        return element(target, known) if target.scope == "item" else type_at(owner, target)

    def _counted(self, node: Node, before: Node) -> None:
        self.notes.made(before)
        message = "A variable is only set here: what it is counted to or added to is computed by a code node in front."
        self.notes.add(node, "equivalent", "assign.computed", message)

    def _flatten(self, flow: Flow) -> None:
        """A container in a container does not exist here: the inner one becomes a workflow of its own."""
        for outer in flow.graph.nodes:
            if outer.body is None:
                continue
            for node in list(outer.body.nodes):
                if node.body is None or batched(node) or (flow.dialect == "coze" and not nested.was_called(node)):
                    continue
                if nested.settable(node):
                    self._extract(node, outer.body, flow)
                    continue
                message = (
                    "It sets a variable of the loop around it, in which it cannot be: it raises when it is reached."
                )
                advice = "Collect what it gives out, and set the variable outside of it."
                self.notes.add(node, "stub", "container.nested", message, advice)
                node.params, node.kind, node.body = {"type": node.kind}, "opaque", None

    def _extract(self, node: Node, around: Graph, flow: Flow) -> None:
        name, file, id_ = self._called(node)
        loop, call = nested.extract(node, around, name, flow, partial(self._held, flow))
        for each in (*loop.graph.nodes, *around.nodes):
            if id(each) not in self.notes.origin:
                self.notes.made(each)
        self.notes.stand_for(call, node)
        self.loops[call.id] = nested.Loop(loop, file, id_)
        self._tell_of(node, name)
        self._flatten(loop)

    def _tell_of(self, node: Node, name: str) -> None:
        if nested.was_called(node):
            return
        message = f"A loop in a loop does not exist here: it is a workflow of its own, {name}"
        if self.form == "F4":
            advice = "Coze's own archives hold several in the advanced mode of the enterprise plans only."
            self.notes.add(node, "equivalent", "container.extracted", f"{message}, in this archive.", advice)
        else:
            advice = "Make that one first, and choose it in this node."
            self.notes.add(node, "needs_binding", "container.extracted", f"{message}, in another file.", advice)

    def _called(self, node: Node) -> tuple[str, str, str]:
        """Name, file and id of the workflow that the loop in a loop becomes, or was read from."""
        file = steps(node.pointer)[1] if nested.was_called(node) else ""
        if isinstance(self.flow.raw, dict) and (held := self.flow.raw.get("sub", {}).get(file)):
            return str(held.get("name")), file, str(held.get("id"))
        taken = {loop.flow.name for loop in self.loops.values()}
        title = workflow_name(node.title) or workflow_name(node.id) or "loop"
        name = unique(f"{workflow_name(self.flow.name) or 'workflow'}_{title}", taken)
        return name, f"workflow/{name}-draft.yaml", str(len(self.loops) + 1) if self.form == "F4" else ""


def _says(condition: dict[str, Any], any_case: bool) -> bool:
    if conditions.is_of_elements(condition.get("right")):  # nobody can say it
        return True
    return not any_case and condition["op"] in SIGNS


_UNSAID = re.compile(r"\W", re.ASCII)  # in a reference


def _names(flow: Flow) -> dict[str, str]:
    """Start and end have fixed ids; the others keep theirs when a reference can hold it."""
    taken = {START, END}
    names: dict[str, str] = {}
    for node, _, container in walk(flow.graph):
        if node.kind == "start" and container is None:
            names[node.id] = START
        elif node.kind == "end" and container is None:
            names[node.id] = END
        else:
            names[node.id] = unique(_UNSAID.sub("_", node.id) or "node", taken)
    return {old: new for old, new in names.items() if old != new}


def _is_no_object(value: Value) -> bool:
    """Whether it refers to something and is more than an object that Coze builds field by field."""
    if isinstance(value, dict):
        odd = any(not NAME.fullmatch(name) for name in value)
        return (odd and composed.refers(value)) or any(map(_is_no_object, value.values()))
    return composed.refers(value)
