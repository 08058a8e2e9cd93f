"""A flow of any dialect as a Coze canvas, in any of its forms."""

import copy
import re
from functools import partial
from itertools import pairwise
from typing import Any

from dsl import OptionError, bodies, classes, collected, computed, conditions, prompts, renamed, rings
from dsl.coze import answers, assignments, buttons, nested, yamlform
from dsl.coze.forms import FORMS, check, entry, formed, workflow_name
from dsl.coze.lacking import PLATFORM
from dsl.coze.tables import END, SIGNS, START
from dsl.coze.writers import written
from dsl.coze.writing import Canvas, Writing, batched, declared, element, type_at
from dsl.ir import Edge, Flow, Graph, Node, Ref, Type
from dsl.kinds import ports
from dsl.lacking import supply
from dsl.layout import layout
from dsl.notes import Note
from dsl.values import copied, map_refs, nodes, place_of, rename, steps, unique, walk

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
    builder = _Builder(flow, form)
    document = formed(builder.canvas(builder.flow), flow.name, flow.description, form, host, space)
    loops = [(loop, builder.canvas(loop.flow)) for loop in builder.loops.values()]  # their notes are told here, too
    if form == "F4" and loops:
        _pack(document, loops)
    return document, builder.notes


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
        self.notes: list[Note] = []
        self.form = form
        self.loops: dict[str, nested.Loop] = {}  # by the node that calls it: what a loop in a loop becomes
        self.flow = copy.copy(flow)
        self.flow.graph = copied(flow.graph, without="attached")
        self.origin = {id(node): node.id for node, _, _ in walk(self.flow.graph)}
        self._one_start()
        if flow.dialect != "coze":
            self._in_its_words()
        self._one_end()
        assignments.compute(
            self.flow.graph, partial(self._held, self.flow), {*nodes(self.flow)}, self._counted, self._lifted
        )
        rename(self.flow, _names(self.flow))
        self._flatten(self.flow)

    def canvas(self, flow: Flow) -> dict[str, Any]:
        self.target = Canvas(flow, nodes(flow), self.notes, self.origin, _titles(flow), self.loops)
        self.places = layout(flow)
        made, edges = self._graph(flow.graph, None)
        return {"nodes": made, "edges": edges, "versions": {"loop": "v2", "batch": "v2"}}

    def _in_its_words(self) -> None:
        """What Coze has no words for, in words that it has; before the ends are merged, which makes all readers one."""
        graph = self.flow.graph
        rings.cut(graph, {*nodes(self.flow)}, self._cut)
        computed.as_lists(self.flow)
        prompts.lift(graph, {*nodes(self.flow)}, self._lifted)
        buttons.choose(graph, self._chosen)
        bodies.as_text(graph, {*nodes(self.flow)}, self._added)
        collected.compute(graph, {*nodes(self.flow)}, self._added)
        computed.compute(graph, nodes(self.flow), {*nodes(self.flow)}, self._expressions)
        answers.parse(graph, {*nodes(self.flow)}, self._parsed)
        conditions.compute(graph, {*nodes(self.flow)}, lambda each: each["op"] in SIGNS, self._computed)
        classes.translate(self.flow, "coze", {*nodes(self.flow)}, self._translated)
        self.origin |= {id(node): "" for node in supply(self.flow, PLATFORM, self._note)}
        renamed.rename(self.flow, NAME, self._renamed)

    def _renamed(self, node: Node, names: dict[str, str]) -> None:
        if node.kind == "start":
            message = f"Coze does not take these names: {', '.join(names)}. They became {', '.join(names.values())}."
            self._note(node, "equivalent", "name.changed", message)

    def _note(self, node: Node, severity: Any, code: str, message: str, suggestion: str = "") -> None:
        self.notes.append(
            Note(severity, code, message, suggestion, self.origin.get(id(node), node.id), node.title, node.pointer)
        )

    # -- what Coze wants of a graph as a whole

    def _one_start(self) -> None:
        starts = [node for node in self.flow.graph.nodes if node.kind == "start"]
        if not starts and self.flow.dialect == "coze":
            return  # what was copied out of a canvas
        if not starts:
            self.flow.graph.nodes.insert(0, Node("new start", "start", "Start"))
            return
        first, *others = starts
        for other in others:
            self._note(other, "degraded", "trigger.extra", "A workflow has one start here: this one joined the first.")
            first.outputs = other.outputs | first.outputs
        gone = {other.id for other in others}
        graph = self.flow.graph
        graph.nodes = [node for node in graph.nodes if node.id not in gone]
        joined = [
            Edge(first.id if edge.source in gone else edge.source, edge.target, edge.port, edge.into)
            for edge in graph.edges
        ]
        graph.edges = list(dict.fromkeys(edge for edge in joined if edge.target not in gone))
        self._refer(dict.fromkeys(gone, first.id))
        if first.params.get("trigger", {}).get("type") in ("schedule", "event", "form", "webhook"):
            kind = first.params["trigger"]["type"]
            self._note(first, "degraded", "trigger.lost", f"The trigger ({kind}) is set outside of the workflow here.")

    def _refer(self, names: dict[str, str]) -> None:
        """Let references to some nodes mean others; edges stay."""

        def changed(ref: Ref) -> Ref:
            return Ref(names[ref.node], ref.path, ref.scope) if ref.node in names else ref

        for node, _, _ in walk(self.flow.graph) if names else ():
            node.params, node.inputs = map_refs(node.params, changed), map_refs(node.inputs, changed)

    def _one_end(self) -> None:
        graph = self.flow.graph
        ends = [node for node in graph.nodes if node.kind == "end"]
        if not ends and self.flow.dialect == "coze":
            return
        if not ends:
            graph.nodes.append(Node("new end", "end", "End"))
            return
        if len(ends) == 1:
            return
        first, *others = ends
        merged = Node("end_merge", "aggregate", "Results")
        names = list(dict.fromkeys(name for node in ends for name in node.inputs))
        groups = []
        for name in names:
            values = [node.inputs[name] for node in ends if name in node.inputs]
            kind = next(node.outputs.get(name, Type()) for node in ends if name in node.inputs)
            groups.append({"name": name, "type": kind, "values": values})
            merged.outputs[name] = kind
        merged.params = {"groups": groups, "skip": "null"}
        for node in ends:
            self._note(
                node, "equivalent", "end.merged", "A workflow has one end here: the results are merged before it."
            )
        gone = {node.id for node in others}
        first.inputs = {name: Ref(merged.id, (name,)) for name in names}
        first.outputs = dict(merged.outputs)
        to_end = gone | {first.id}
        graph.edges = [Edge(e.source, merged.id, e.port) if e.target in to_end else e for e in graph.edges]
        graph.edges = [*dict.fromkeys(graph.edges), Edge(merged.id, first.id)]
        graph.nodes = [node for node in graph.nodes if node.id not in gone]
        graph.nodes.insert(place_of(graph, first), merged)
        self.origin[id(merged)] = ""

    def _lifted(self, node: Node, before: Node) -> None:
        self.origin[id(before)] = node.id

    def _chosen(self, node: Node, possible: bool) -> None:
        if possible:
            message = (
                "Buttons are options of a question here; any other answer leads to the end, and it waits for ever."
            )
            self._note(node, "degraded", "ask.actions", message)
        else:
            message = "A question with buttons and fields does not exist here: it raises when it is reached."
            self._note(
                node, "stub", "ask.actions", message, "Ask for the fields and for the choice one after the other."
            )

    def _cut(self, node: Node, end: Node) -> None:
        self.origin[id(end)] = ""
        self._note(node, "stub", "flow.ring", rings.MESSAGE, rings.ADVICE)

    def _added(self, owner: Node, made: Node) -> None:
        self.origin[id(made)] = ""

    def _expressions(self, node: Node, before: Node | None) -> None:
        if before is None:
            message = "An expression of its own rounds cannot be computed here: it raises when it is reached."
            self._note(node, "stub", "ref.script", message, "Compute it in a code node.")
            node.params, node.kind, node.body = {"type": node.kind}, "opaque", None
            return
        self.origin[id(before)] = ""
        message = "An expression is evaluated by a code node in front; what only n8n's has, fails when it runs."
        self._note(node, "degraded", "ref.script", message, "Check the expression.")

    def _computed(self, node: Node, before: Node) -> None:
        self.origin[id(before)] = ""
        message = "A comparison that does not exist here is computed by a code node in front."
        self._note(node, "equivalent", "condition.computed", message)

    def _translated(self, node: Node, before: Node) -> None:
        self.origin[id(before)] = ""
        message = "A code node puts the class that was chosen into the words of the other platform."
        self._note(node, "equivalent", "class.output", message)

    def _parsed(self, node: Node, behind: Node) -> None:
        self.origin[id(behind)] = ""
        message = (
            "The body is text here: a JSON node behind it reads the fields, as text where nothing tells their type."
        )
        self._note(node, "degraded", "http.body", message, "Give the fields their types in the JSON node.")

    @staticmethod
    def _held(flow: Flow, target: Ref) -> Type:
        known = nodes(flow)
        owner = known.get(target.node)
        if owner is None:
            return declared(flow, target)
        return element(owner, target, known) if target.scope == "item" else type_at(owner, target)

    def _counted(self, node: Node, before: Node) -> None:
        self.origin[id(before)] = ""
        message = "A variable is only set here: what it is counted to or added to is computed by a code node in front."
        self._note(node, "equivalent", "assign.computed", message)

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
                self._note(node, "stub", "container.nested", message, advice)
                node.params, node.kind, node.body = {"type": node.kind}, "opaque", None

    def _extract(self, node: Node, around: Graph, flow: Flow) -> None:
        name, file, id_ = self._called(node)
        loop, call = nested.extract(node, around, name, flow, partial(self._held, flow))
        self.origin |= {id(each): "" for each in (*loop.graph.nodes, *around.nodes) if id(each) not in self.origin}
        self.origin[id(call)] = self.origin[id(node)]
        self.loops[call.id] = nested.Loop(loop, file, id_)
        self._tell_of(node, name)
        self._flatten(loop)

    def _tell_of(self, node: Node, name: str) -> None:
        if nested.was_called(node):
            return
        message = f"A loop in a loop does not exist here: it is a workflow of its own, {name}"
        if self.form == "F4":
            advice = "Coze's own archives hold several in the advanced mode of the enterprise plans only."
            self._note(node, "equivalent", "container.extracted", f"{message}, in this archive.", advice)
        else:
            advice = "Make that one first, and choose it in this node."
            self._note(node, "needs_binding", "container.extracted", f"{message}, in another file.", advice)

    def _called(self, node: Node) -> tuple[str, str, str]:
        """Name, file and id of the workflow that the loop in a loop becomes, or was read from."""
        file = steps(node.pointer)[1] if nested.was_called(node) else ""
        if isinstance(self.flow.raw, dict) and (held := self.flow.raw.get("sub", {}).get(file)):
            return str(held.get("name")), file, str(held.get("id"))
        taken = {loop.flow.name for loop in self.loops.values()}
        title = workflow_name(node.title) or workflow_name(node.id) or "loop"
        name = unique(f"{workflow_name(self.flow.name) or 'workflow'}_{title}", taken)
        return name, f"workflow/{name}-draft.yaml", str(len(self.loops) + 1) if self.form == "F4" else ""

    # -- nodes and edges

    def _graph(self, graph: Graph, container: Node | None) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        inside = {node.id for node in graph.nodes}
        known = inside | ({container.id} if container else set())
        edges = list(dict.fromkeys(edge for edge in graph.edges if edge.target in inside and edge.source in known))
        edges += self._wires(graph, edges, container)
        lines = [line for edge in edges if (line := self._edge(edge, container)) is not None]
        rows = [self._nodes(node) for node in graph.nodes]
        _join(rows, lines)
        return [each for row in rows for each in row], lines

    def _wires(self, graph: Graph, edges: list[Edge], container: Node | None) -> list[Edge]:
        """Every port has to lead somewhere: to the end, in a body back to its container."""
        after = container.id if container else next((node.id for node in graph.nodes if node.kind == "end"), "")
        if not after:
            return []
        wired = {(edge.source, edge.port) for edge in edges}
        entered = {edge.target for edge in edges}
        more = []
        for node in graph.nodes:
            if node.kind in ("note", "break", "continue") or node.id == after or node.kind == "end":
                continue
            if node.kind != "start" and node.id not in entered:
                continue  # never reached: Coze prunes it
            leaving = self._ports(node)
            for port in leaving:
                if (node.id, port) not in wired:
                    more.append(Edge(node.id, after, port))
                    if container is None and (len(leaving) > 1 or node.kind not in ("answer", "stop")):
                        self._note(node, "equivalent", "port.wired", f"{port!r} led nowhere: it leads to the end now.")
        return more

    def _ports(self, node: Node) -> list[str]:
        leaving = [port for port in ports(node) if port != "body"]
        if node.kind == "stop":
            return ["out"]
        if node.kind in ("iterate", "loop"):
            return ["done"]
        if node.kind in ("if", "classify") or node.on_error.then == "branch":
            return leaving
        if node.kind == "ask" and not node.params.get("options"):
            return ["out"]
        return leaving

    def _edge(self, edge: Edge, container: Node | None) -> dict[str, Any] | None:
        source = self.target.known.get(edge.source)
        if container is not None and edge.source == container.id:
            return _line(edge, port=f"{self.target.container(container)}-function-inline-output")
        if source is None:
            return None
        port = self.target.port(source, edge.port)
        if container is not None and edge.target == container.id:
            line = _line(edge, port=port)
            return line | {"targetPortID": f"{self.target.container(container)}-function-inline-input"}
        return _line(edge, port=port)

    def _nodes(self, node: Node) -> list[dict[str, Any]]:
        """The node, and the Text nodes in front of it that join what its inputs hold."""
        writing = Writing(node, self.target)
        kind, inputs, outputs = written(writing)
        made = self._shell(node, kind, inputs, outputs)
        if kind in ("21", "28") and node.body is not None:
            made["blocks"], made["edges"] = self._graph(node.body, node)
            if writing.closing:
                self._close(node, made, writing)
        return [*(self._helper(helper, node, i) for i, helper in enumerate(writing.helpers)), made]

    def _shell(self, node: Node, kind: str, inputs: dict[str, Any], outputs: list[Any]) -> dict[str, Any]:
        x, y = self.places[node.id]
        meta = {"title": self.target.titles[node.id], "description": node.description, "icon": "", "subTitle": ""}
        data: dict[str, Any] = {"nodeMeta": meta, "inputs": inputs, "outputs": outputs}
        if kind == "1":
            data = {"nodeMeta": meta, "outputs": outputs, "trigger_parameters": outputs}
        if kind == "31":
            width, height = node.params.get("size") or (240, 150)
            data = {"inputs": inputs, "size": {"width": width, "height": height}}
        if kind == "45":
            data |= {"inputParameters": [], "settingOnError": {}}
        if kind == "3":
            data["version"] = "3"
        return {
            "id": node.id,
            "type": kind,
            "meta": {"position": {"x": x, "y": y}},
            "data": data,
            "blocks": [],
            "edges": [],
        }

    def _helper(self, helper: tuple[str, dict[str, Any]], node: Node, place: int) -> dict[str, Any]:
        from dsl.coze.read import FOLDED

        name, inputs = helper
        x, y = self.places[node.id]
        title = unique(f"Text for {self.target.titles[node.id]}", self.target.taken, longest=63, join=" ")
        meta = {"title": title, "description": FOLDED, "icon": "", "subTitle": ""}
        output = [{"name": "output", "type": "string", "required": True}]
        data = {"nodeMeta": meta, "inputs": inputs, "outputs": output}
        position = {"x": x - 120, "y": y - 140 * (place + 1)}
        return {"id": name, "type": "15", "meta": {"position": position}, "data": data, "blocks": [], "edges": []}

    def _close(self, node: Node, made: dict[str, Any], writing: Writing) -> None:
        """The condition that ends a loop, at the end of its body."""
        check, leave = f"{node.id}_until", f"{node.id}_leave"
        back = [line for line in made["edges"] if line.get("targetPortID", "").endswith("inline-input")]
        for line in back:
            line.pop("targetPortID")
            line["targetNodeID"] = check
        titles = [unique(word, self.target.taken, longest=63, join=" ") for word in ("Until", "Leave")]
        for name, kind, title, inputs in ((check, "8", titles[0], writing.closing), (leave, "19", titles[1], {})):
            meta = {"title": title, "description": "flowstill:until", "icon": "", "subTitle": ""}
            position = {"x": 0.0, "y": 400.0}
            made["blocks"].append(
                {
                    "id": name,
                    "type": kind,
                    "meta": {"position": position},
                    "data": {"nodeMeta": meta, "inputs": inputs},
                    "blocks": [],
                    "edges": [],
                }
            )
        made["edges"] += [
            {"sourceNodeID": check, "targetNodeID": leave, "sourcePortID": "true"},
            {
                "sourceNodeID": check,
                "targetNodeID": node.id,
                "sourcePortID": "false",
                "targetPortID": "loop-function-inline-input",
            },
        ]


def _join(rows: list[list[dict[str, Any]]], lines: list[dict[str, Any]]) -> None:
    """What led to a node leads to the first of those before it, and on from one to the next."""
    first = {row[-1]["id"]: row[0]["id"] for row in rows}
    for line in lines:
        if "targetPortID" not in line:
            line["targetNodeID"] = first.get(line["targetNodeID"], line["targetNodeID"])
    lines += [
        {"sourceNodeID": one["id"], "targetNodeID": other["id"], "sourcePortID": ""}
        for row in rows
        for one, other in pairwise(row)
    ]


def _line(edge: Edge, port: str) -> dict[str, Any]:
    return {"sourceNodeID": edge.source, "targetNodeID": edge.target, "sourcePortID": port}


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
            names[node.id] = unique(re.sub(r"\W", "_", node.id, flags=re.ASCII) or "node", taken)
    return {old: new for old, new in names.items() if old != new}


def _titles(flow: Flow) -> dict[str, str]:
    taken: set[str] = set()
    return {
        node.id: unique((node.title or node.kind).strip() or node.kind, taken, longest=63, join=" ")
        for node, _, _ in walk(flow.graph)
    }
