"""A flow of any dialect as a workflow of n8n 2.41.

A flow read from n8n is written as n8n flows are: by items, `.item` and no joins. Any other is written so that its own
meaning holds: what did not run reads as null, a node behind parallel branches waits for all of them (dsl/reach.py).
"""

import importlib
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from dsl import knowledge, loops, prompts, values
from dsl.classes import words
from dsl.ir import Edge, Flow, Node, Ref, Resource, Script, Type, Value, Variable
from dsl.kinds import COZE_LIMIT, outputs
from dsl.lacking import of_error, supply
from dsl.n8n import forms, implied, names, tables, text
from dsl.n8n.lacking import PLATFORM
from dsl.n8n.source import marked
from dsl.notes import Note
from dsl.reach import Reach

STEP = 220  # pixels between nodes
_FIRST = r"\.first\(0?\)\??\.json"  # the item that a node gave, not that of its error
SYSTEM = {"query": "chatInput", "conversation_id": "sessionId", "files": "files"}


def build(flow: Flow, *, form: str = "ui", trigger: str = "", path: str = "") -> tuple[Any, list[Note]]:
    """`form`: "ui", "cli" (with id) or "api". `trigger`: how it starts, by default by webhook, a chat flow by chat."""
    forms.check("form", form, forms.FORMS)
    forms.check("trigger", trigger, ("", *forms.STARTS))
    builder = Builder(flow, trigger, path)
    workflow = forms.shaped(builder.workflow(), form)
    wrapped = flow.version.removesuffix(forms.OWN) if flow.dialect == "n8n" else ""
    if form == "api" and flow.description:
        builder.notes.append(Note("dropped", "leaf.dropped", "The public API takes no description."))
    return forms.wrap(workflow, wrapped), builder.notes


class Builder:
    """The document that grows, and what the writers of single nodes (dsl/n8n/writers.py) ask."""

    def __init__(self, flow: Flow, trigger: str, path: str) -> None:
        self.notes: list[Note] = []
        self.lifted: dict[str, str] = {}  # templates: the model's node that they were the prompt of
        self.own = flow.dialect != "n8n" or flow.version.endswith(forms.OWN)
        given = len(flow.graph.nodes)
        if self.own:
            flow = replace(flow, graph=values.copied(flow.graph))
            loops.give_out(flow.graph)
            loops.spread(flow.graph, self._walked)
        else:
            flow = replace(flow, graph=implied.without(flow.graph))
        self.implies = not self.own and len(flow.graph.nodes) < given  # the last node's item is what it gives
        flow.variables = list(flow.variables)
        if flow.dialect != "n8n":
            prompts.lift(flow, {*values.nodes(flow)}, self._lifted, self.note)
            supply(flow, PLATFORM, self.note)
        knowledge.request(flow, "javascript", self.note, fetch=False)
        self.flow, self.trigger, self.path = flow, trigger, path
        self.nodes: dict[str, Node] = values.nodes(flow)
        self.resources: dict[str, Resource] = {each.id: each for each in flow.resources}
        self.variables: dict[tuple[str, str], Variable] = {(each.scope, each.name): each for each in flow.variables}
        self.taken: set[str] = set()
        self.ids: set[str] = set(self.nodes)
        self.names = {id_: self.named(node.title or id_) for id_, node in self.nodes.items()}
        self.reach = Reach(flow)
        self.positions = _positions(flow)
        self.written: list[dict[str, Any]] = []
        self.connections: dict[str, dict[str, list[list[dict[str, Any]]]]] = {}
        self.entries: dict[str, str] = {}  # the node that control comes in by, where that is another
        self.exits: dict[str, str] = {}  # and the one that it leaves by
        self.outputs: dict[str, int] = {}  # the output of an exit, where it is not the first
        self.stamps: dict[str, str] = {}  # what keeps the round that a node ran in
        self.later: list[Callable[[], None]] = []  # what can be wired only when all nodes are there
        self.views: dict[str, names.View] = {}
        self.around = {node.id: owner for node, _, owner in values.walk(flow.graph) if owner is not None}
        said = self._said()
        self.counts = "turns" in said  # of the conversation
        self.system = said - {"turns", "execution_id", "workflow_id", "workflow_name", "timestamp", "context"}
        self.models: dict[str, str] = {}
        self.attached: dict[str, str] = {}
        self.bound: set[str] = set()
        self.assigns: dict[tuple[str, str], list[str]] = self._assigns()
        self.start = _start(flow)

    def workflow(self) -> dict[str, Any]:
        from dsl.n8n import writers

        for id_, node in self.nodes.items():
            self.views[id_] = writers.view_of(self, node)
        for node in list(self.nodes.values()):
            writers.write(self, node)
        for each in self.later:
            each()
        for id_, name in self.stamps.items():
            self.connect(self.exits.get(id_, self.names[id_]), name)
        for graph in values.graphs(self.flow.graph):
            for edge in graph.edges:
                self._edge(edge)
        self._joins()
        settings = dict(forms.SETTINGS)
        named = {"name": self.flow.name[:128] or ("" if self.flow.dialect == "n8n" else "Workflow")}
        described = {"description": self.flow.description} if self.flow.description else {}
        return {**named, **described, "nodes": self.written, "connections": self.connections, "settings": settings}

    def _walked(self, loop: Node, made: list[Node]) -> None:
        self.note(loop, "equivalent", "loop.list", loops.WALKED)

    def _lifted(self, node: Node, before: Node) -> None:
        self.lifted[before.id] = node.id

    # -- names, places and what is used where

    def named(self, wanted: str) -> str:
        """A name of its own; quotes would end the string that it stands in (n8n.md, section 8)."""
        if self.flow.dialect != "n8n":
            wanted = wanted.translate({ord(char): None for char in "\"'`\\"}).strip()
        return values.unique(wanted or "Node", self.taken, join=" ")

    def identified(self, wanted: str) -> str:
        return values.unique(wanted, self.ids)

    def _said(self) -> set[str]:
        """The names of the scope "system" that are used."""
        found = {
            str(ref.path[0])
            for node in self.nodes.values()
            for ref in values.node_refs(node)
            if ref.scope == "system" and ref.path
        }
        remembers = "turns" in found or any(variable.scope == "session" for variable in self.flow.variables)
        if remembers or any(node.params.get("memory") for node in self.nodes.values()):
            found.add("conversation_id")
        return found

    def _assigns(self) -> dict[tuple[str, str], list[str]]:
        """The nodes that set a variable of the session ("") or of a loop, by the loop and the variable's name."""
        found: dict[tuple[str, str], list[str]] = {}
        for node in self.nodes.values():
            for item in node.params.get("items", []) if node.kind == "assign" else []:
                target = item["target"]
                if isinstance(target, Ref) and target.scope in ("session", "loop"):
                    found.setdefault((target.node, ""), []).append(node.id)
        return {key: list(dict.fromkeys(ids)) for key, ids in found.items()}

    def note(self, node: Node, severity: Any, code: str, message: str, suggestion: str = "", place: str = "") -> None:
        pointer = node.pointer + place if node.pointer else ""
        name = self.lifted.get(node.id, node.id)
        self.notes.append(Note(severity, code, message, suggestion, name, node.title, pointer))

    def bind(self, resource: Resource, message: str) -> None:
        """Once for each resource: what has to be supplied on n8n."""
        if resource.id not in self.bound:
            self.bound.add(resource.id)
            self.notes.append(Note("needs_binding", f"resource.{resource.kind}", message, node="", title=resource.name))

    # -- nodes

    def add(self, node: Node, kind: str, params: dict[str, Any], *, role: str = "", **more: Any) -> dict[str, Any]:
        """The node itself, with its own id, name, position and what happens when it fails."""
        written = {
            "parameters": params,
            "id": node.id,
            "name": self.names[node.id],
            "type": tables.full(kind),
            "typeVersion": tables.VERSIONS.get(kind, 1),
            "position": self.positions[node.id],
            **self._failing(node),
            **more,
        }
        notes = marked(role, node.id, node.description) if role else node.description
        if notes:
            written["notes"] = notes
        self.written.append(written)
        return written

    def helper(
        self, node: Node, role: str, kind: str, params: dict[str, Any], dx: float, dy: float = 0, **more: Any
    ) -> str:
        """A node beside another; its name."""
        name = self.named(f"{self.names[node.id]}: {role}")
        x, y = self.positions[node.id]
        self.written.append(
            {
                "parameters": params,
                "id": self.identified(f"{node.id}:{role}"),
                "name": name,
                "type": tables.full(kind),
                "typeVersion": tables.VERSIONS.get(kind, 1),
                "position": [x + dx * STEP, y + dy * STEP],
                "notes": marked(role, node.id),
                **more,
            }
        )
        return name

    def _failing(self, node: Node) -> dict[str, Any]:
        policy = node.on_error
        found: dict[str, Any] = {}
        if policy.retries:
            found = {"retryOnFail": True, "maxTries": max(2, min(policy.retries + 1, 5))}
            found["waitBetweenTries"] = min(policy.wait_ms, 5000)
            if policy.retries > 4 or policy.wait_ms > 5000:
                self.note(node, "degraded", "error.retries", "n8n tries five times at most, five seconds apart.")
        if policy.timeout_ms not in (None, 0, COZE_LIMIT) and node.kind != "http":
            self.note(node, "degraded", "error.timeout", "n8n has no time limit for a single node.")
        how = {"branch": "continueErrorOutput", "continue": "continueRegularOutput", "default": "continueRegularOutput"}
        return found | ({"onError": how[policy.then]} if policy.then in how else {})

    # -- connections

    def connect(self, source: str, target: str, output: int = 0, index: int = 0, kind: str = "main") -> None:
        outputs = self.connections.setdefault(source, {}).setdefault(kind, [])
        while len(outputs) <= output:
            outputs.append([])
        link = {"node": target, "type": kind, "index": index}
        if link not in outputs[output]:
            outputs[output].append(link)

    def follows(self, node: Node, port: str) -> set[str]:
        """The nodes that a port leads to."""
        return {edge.target for edge in self.reach.leaving[node.id] if edge.port == port}

    def _edge(self, edge: Edge) -> None:
        source, target = self.nodes.get(edge.source), self.nodes.get(edge.target)
        if source is not None and target is not None:
            name, output = self.exit(source, edge.port)
            _, _, index = edge.into.partition(":")
            self.connect(name, self.entry(target), output, int(index) if index.isdigit() else 0)

    def exit(self, source: Node, port: str) -> tuple[str, int]:
        """The node, and its output, that control leaves by."""
        from dsl.n8n import writers

        key = f"{source.id} body" if source.body is not None and port == "body" else source.id
        output = 0 if source.body is not None and port != "error" else writers.output_of(source, port)
        if source.id in self.stamps and key == source.id and port != "error":
            return self.stamps[source.id], output
        name = self.names[source.id] if port == "error" else self.exits.get(key, self.names[source.id])
        return name, self.outputs.get(key, output)

    def entry(self, node: Node) -> str:
        return self.entries.get(node.id, self.names[node.id])

    def _joins(self) -> None:
        """A node behind branches that both run waits for all of them, and then runs once."""
        if not self.own:
            return
        by_name = {each["name"]: each for each in self.written}
        for id_, node in self.nodes.items():
            groups = self.reach.groups(id_)
            if len(groups) < 2 or node.kind == "note":
                continue
            rest = [edge for group in groups[9:] for edge in group]  # a merge has ten inputs at most
            self._join(node, groups[:9] + ([rest] if rest else []), by_name)

    def _join(self, node: Node, groups: list[list[Edge]], by_name: dict[str, Any]) -> None:
        entry = self.entry(node)
        name = self.helper(node, "join", "merge", {"mode": "append", "numberInputs": len(groups)}, -1)
        for number, group in enumerate(groups):
            for edge in group:
                self._lead(edge, entry, name, number)
        self.connect(name, entry)
        by_name[entry]["executeOnce"] = True

    def _lead(self, edge: Edge, entry: str, name: str, number: int) -> None:
        source, output = self.exit(self.nodes[edge.source], edge.port)
        outputs = self.connections[source]["main"]
        for link in outputs[output]:
            if link["node"] == entry:
                link.update(node=name, index=number)

    # -- values

    def printer(self, node: Node, code: bool = False) -> text.Printer:
        """Prints what a node's parameters, or with `code` its JavaScript, refer to."""
        return text.Printer(
            lambda ref: self.reference(node, ref, code), lambda script: self.script(node, script), self.is_composite
        )

    def is_composite(self, ref: Ref) -> bool:
        """Whether it may read a list or a mapping; of n8n's own flows the text says what to do about that."""
        kind = self._type_of(ref) if self.own else Type("string")
        return kind.name in ("array", "object", "any", "file")

    def _type_of(self, ref: Ref) -> Type:
        if ref.scope == "index" or ref.path[:1] == ("error",):
            return Type("string")
        if not ref.node:
            known = [each.type for each in self.flow.variables if (each.scope, each.name) == (ref.scope, *ref.path[:1])]
            return next(iter(known), Type("string" if ref.scope in ("system", "env") else "any"))
        source = self.nodes.get(ref.node)
        kind = outputs(source).get(str(ref.path[0])) if source and ref.path and ref.scope == "node" else None
        for step in ref.path[1:]:
            kind = None if kind is None else kind.items if isinstance(step, int) else (kind.props or {}).get(step)
        return kind or Type("any")

    def script(self, node: Node, script: Script) -> str:
        """n8n's own JavaScript, with the names that the nodes have now. Other languages are none of n8n's."""
        if script.lang != "n8n":
            self.note(node, "stub", "template.logic", f"A template in {script.lang} cannot run inside a parameter.")
            return f"(() => {{ throw new Error({text.string(f'This was a template in {script.lang}.')}) }})()"
        return self.renamed(script.source, [ref.node for ref in script.refs if ref.scope == "node"])

    def renamed(self, source: str, ids: list[str]) -> str:
        """JavaScript with the names that nodes have now: names that no node has any more were those of `ids`."""
        found = text.reads(source, lambda path: ())
        called = [path.name for *_, path, _ in found if path.root == "node"]
        gone = [name for name in dict.fromkeys(called) if name not in self.taken]
        left = [id_ for id_ in dict.fromkeys(ids) if id_ in self.names and self.names[id_] not in called]
        names_now = dict(zip(gone, (self.names[id_] for id_ in left), strict=False))
        result, end = "", 0
        for start, stop, path, _ in found:
            if path.root == "node" and path.name in names_now:
                result += source[end:start] + f"$({quoted(names_now[path.name])})"
                end = stop
        return result + source[end:]

    def reference(self, node: Node, ref: Ref, code: bool) -> str:
        if ref.scope == "node":
            return self._output(node, ref, code)
        if ref.scope in ("item", "index", "loop"):
            return self._inside(node, ref, code)
        if ref.scope == "session":
            return self.latest(node, "", ref.path)
        if ref.scope == "system":
            return self._given(node, ref, code)
        return self._variable(node, ref)

    def _output(self, node: Node, ref: Ref, code: bool) -> str:
        other = self.nodes.get(ref.node)
        if other is None:
            self.note(
                node, "degraded", "ref.unknown", f"It reads {ref.node!r}, which no node is; null is read instead."
            )
            return "null"
        view = names.ERROR if of_error(ref, other) else self.views[ref.node]
        path = names.to_n8n(view, ref.path)
        if other.kind == "classify" and ref.path[:1] in (("class_name",), ("class_id",)):
            return self._if_it_ran(node, other, self._class(other, ref))
        if not self.own and not code:
            return f"$({quoted(self.names[other.id])}).item.json{text.steps(path)}"
        found = self._item(node, other, ref) + text.steps(path)
        if ref.path == ("error", "message") and self.reach.surely(ref.node, node.id):
            return f"{found} ?? {found.removesuffix('.message')}"  # of some failures n8n keeps the message alone
        if other.kind == "llm" and other.params.get("schema") and ref.path == ("text",):
            found = f"JSON.stringify({found.removesuffix('.text')}.output)"
        default = other.on_error.default if other.on_error.then == "default" else None
        if default is not None and ref.path and ref.path[0] in default and len(ref.path) == 1:
            value = default[str(ref.path[0])]
            found += f" ?? {text.string(value) if isinstance(value, str) else _json(value)}"
        return self._if_it_ran(node, other, found)

    def _item(self, node: Node, other: Node, ref: Ref) -> str:
        """The item that `node` reads: left to itself, n8n takes the output of `other` that is the fewest steps away."""
        from dsl.n8n import writers

        name = f"$({quoted(self.names[other.id])})"
        if other.on_error.then != "branch":
            return f"{name}.first().json"
        port = "error" if of_error(ref, other) else "out"
        output = writers.output_of(other, "error") if port == "error" else 0
        return f"{name}.first({output})" + (".json" if self._left_by(node, other, port) else "?.json")

    def _left_by(self, node: Node, other: Node, port: str) -> bool:
        """Whether control has left `other` by this port whenever `node` runs."""
        return self.reach.choices.get(node.id, {}).get(other.id) == frozenset({port})

    def _if_it_ran(self, node: Node, other: Node, found: str) -> str:
        name = f"$({quoted(self.names[other.id])})"
        found += " ?? null" if "?.json" in found else ""
        if self.reach.surely(other.id, node.id) or not self.own or other.id == node.id:
            return f"({found})" if found.endswith(" ?? null") else found
        in_rounds = other.id in self.around and f"{self.around[other.id].id} body" in self.exits
        if in_rounds and (item := re.search(re.escape(name) + _FIRST, found)):
            return self._of_this_round(other, item[0], found)
        return f"({name}.isExecuted ? {found} : null)"

    def _of_this_round(self, node: Node, item: str, found: str) -> str:
        """What a node in a body gave, when it ran in this round: a node behind it keeps both."""
        begun = f"$({quoted(self.exits[f'{self.around[node.id].id} body'])})"
        if node.id not in self.stamps:
            code = f"return [{{ json: {{ $round: {begun}.first().json.$round, $value: $input.first().json }} }}];"
            params = {"language": "javaScript", "jsCode": code}
            self.stamps[node.id] = self.helper(node, "ran", "code", params, 0.5, 0.3)
        name = f"$({quoted(self.stamps[node.id])})"
        value = found.replace(item, f"{name}.first().json.$value", 1)
        same = f"{name}.first().json.$round === {begun}.first().json.$round"
        return f"({name}.isExecuted && {same} ? {value} : null)"

    def _class(self, node: Node, ref: Ref) -> str:
        """The class that was chosen is the output that holds the item."""
        found, rest = words(self.flow.dialect, str(ref.path[0]), node)
        output = f"(_, i) => $({quoted(self.names[node.id])}).all(i).length"
        printer = text.Printer(str, str)
        return f"({printer.js(found)}.find({output}) ?? {printer.js(rest)})"

    def _inside(self, node: Node, ref: Ref, code: bool) -> str:
        owner = self.nodes.get(ref.node)
        if owner is None or owner.body is None:
            self.note(node, "degraded", "ref.unknown", f"It reads {ref.node!r}, which is no iteration; null instead.")
            return "null"
        if owner.params.get("attached") and not self.own:
            return self._element(owner, ref)
        path = ("$index",) if ref.scope == "index" else ref.path
        if ref.scope == "loop":
            return self.latest(node, owner.id, path)
        return f"$({quoted(self.exits.get(f'{owner.id} body', self.names[owner.id]))}).first().json{text.steps(path)}"

    def _element(self, owner: Node, ref: Ref) -> str:
        """Of n8n's own iterations: the item; a plain element stands in it under the name of the list."""
        if ref.scope == "index":
            return "$itemIndex"
        path, listed = ref.path[1:], owner.inputs.get("item")
        if not path and isinstance(listed, Ref) and listed.path:
            path = listed.path[-1:]
        return f"$({quoted(self.names[owner.id])}).item.json{text.steps(path)}"

    def latest(self, node: Node, owner: str, path: names.Path) -> str:
        """A variable: as the last node before that set one left it, else as it was at first."""
        base = self.exits.get(f"{owner} body") if owner else self.exits.get("session")
        if base is None:
            self.note(node, "degraded", "variable.unknown", f"No node holds the variable {path[0] if path else ''!r}.")
            return "null"
        setting = [id_ for id_ in self.assigns.get((owner, ""), []) if self._may_come_before(id_, node.id)]
        if not setting:
            return f"$({quoted(base)}).first().json{text.steps(path)}"
        result = f"$({quoted(base)})"
        for id_ in setting:
            name = f"$({quoted(self.names[id_])})"
            same = f" && {name}.first().json.$round === $({quoted(base)}).first().json.$round" if owner else ""
            result = f"{name}.isExecuted{same} ? {name} : {result}"
        return f"({result}).first().json{text.steps(path)}"

    def _may_come_before(self, one: str, other: str) -> bool:
        return one != other and bool(self.reach.before.get(other, 0) & self.reach.bits.get(one, 0))

    def _given(self, node: Node, ref: Ref, code: bool) -> str:
        """What the platform itself says about a run; the chat's question comes from the start."""
        known = {"execution_id": "$execution.id", "workflow_id": "$workflow.id", "workflow_name": "$workflow.name"}
        name = str(ref.path[0]) if ref.path else ""
        if name in known:
            return known[name]
        if name == "timestamp":
            return "$now.toSeconds()"
        if name == "turns" and "session" in self.exits:
            return f"$({quoted(self.exits['session'])}).first().json{text.steps((names.TURNS,))}"
        if self.start is None or name == "context":
            self.note(node, "degraded", "ref.unknown", f"Nothing in n8n says {name!r}; null is read instead.")
            return "null"
        access = "item" if not self.own and not code else "first()"
        path = (system_name(name), *ref.path[1:])
        return f"$({quoted(self.names[self.start.id])}).{access}.json{text.steps(path)}"

    def _variable(self, node: Node, ref: Ref) -> str:
        name = str(ref.path[0]) if ref.path else ""
        variable = self.variables.get((ref.scope, name), Variable(ref.scope, name, Type("secret")))
        if ref.scope != "env":
            return f"$vars{text.steps(ref.path)}"
        if variable.default is None:
            what = "secret" if variable.type.name == "secret" else "variable"
            message = f"The {what} {name} is read from the environment, which n8n denies by default."
            hint = f"Set {name} and N8N_BLOCK_ENV_ACCESS_IN_NODE=false, or use a credential."
            if ("env", name) not in self.bound and self.own:  # type: ignore[comparison-overlap]
                self.bound.add(("env", name))  # type: ignore[arg-type]
                self.note(node, "needs_binding", "resource.credential", message, hint)
        if variable.default is None:
            return f"$env{text.steps(ref.path)}"
        default = variable.default
        return f"$vars{text.steps(ref.path)} ?? {text.string(default) if isinstance(default, str) else _json(default)}"


def _start(flow: Flow) -> Node | None:
    """The start that what is said in a chat comes from."""
    starts = [node for node in flow.graph.nodes if node.kind == "start"]
    chats = [node for node in starts if (node.params.get("trigger") or {}).get("type") == "chat"]
    return next(iter(chats or starts), None)


def quoted(name: str) -> str:
    return text.string(name) if "'" in name or "\\" in name or "\n" in name else f"'{name}'"


def system_name(name: str) -> str:
    return SYSTEM.get(name, f"sys_{name}")


def _json(value: Value) -> str:
    return text.Printer(lambda ref: "null", lambda script: "null").js(value)


def _positions(flow: Flow) -> dict[str, list[float]]:
    """As they are; where a node has none, all are laid out anew."""
    found: dict[str, list[float]] = {}
    missing = [node for node, _, _ in values.walk(flow.graph) if node.position is None]
    laid = _laid_out(flow) if missing else {}
    for node, _, owner in values.walk(flow.graph):
        x, y = node.position or laid.get(node.id) or (len(found) * 300.0, 0.0)
        if owner is not None:
            x, y = x + found[owner.id][0], y + found[owner.id][1]
        found[node.id] = [x, y]
    return found


def _laid_out(flow: Flow) -> dict[str, tuple[float, float]]:
    try:
        laid_out = importlib.import_module("dsl.layout").layout
    except ModuleNotFoundError:
        return {}
    found: dict[str, tuple[float, float]] = laid_out(flow)
    return found
