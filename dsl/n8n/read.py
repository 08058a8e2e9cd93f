"""A workflow of n8n as a flow.

Items: what runs once for one item is read as single values. `$json` becomes a reference to the one node that made the
item, past the nodes that only hand it on. Sub-nodes become part of the node that they serve (n8n.md, section 9).
"""

import re
from collections.abc import Iterable
from typing import Any

from dsl import DslError, values
from dsl.computed import ALL
from dsl.ir import Edge, Flow, Graph, Node, OnError, Ref, Resource, Type, Value, Variable
from dsl.kinds import KINDS, outputs
from dsl.n8n import (
    branches,
    classes,
    forms,
    implied,
    items,
    merged,
    names,
    readers,
    rounds,
    sets,
    subnodes,
    tables,
    text,
    tools,
    views,
    written,
)
from dsl.n8n.regions import Region, innermost, order, reached, regions
from dsl.n8n.source import Link, Raw, Source, described, dig, source
from dsl.notes import Note

_SECRET = re.compile(r"key|token|secret|passw|auth|pat\Z|credential", re.I)
_SYSTEM = {
    ("execution", "id"): "execution_id",
    ("workflow", "id"): "workflow_id",
    ("workflow", "name"): "workflow_name",
}


def read(document: Any) -> Flow:
    """DslError names the place of what is not as it should be."""
    found = forms.find(document)
    if found is None:
        raise DslError("No workflow of n8n: a mapping with the list `nodes` and the mapping `connections` is wanted.")
    form, place, workflow = found
    reader = Reader(source(workflow, place))
    flow = reader.flow(workflow, form)
    flow.raw = document
    if more := forms.others(document, form):
        note = f"The file holds {more} more workflows; only the first is converted."
        flow.notes.insert(0, Note("dropped", "workflow.more", note, "Convert them one by one.", source_pointer=""))
    return flow


class Reader:
    """What the readers of single nodes (dsl/n8n/readers.py) ask."""

    def __init__(self, found: Source) -> None:
        self.source = found
        self.nodes = found.nodes
        self.notes: list[Note] = []
        self.resources: dict[str, Resource] = {}
        self.variables: dict[tuple[str, str], Variable] = {}
        self.folded: dict[str, list[str]] = {}  # id of a node: places of what became part of it
        self.views: dict[str, names.View] = {}
        self.made: dict[tuple[str, str], set[tuple[str, bool]]] = {}
        self.main = [raw for raw in found.nodes.values() if raw.name not in found.serves]
        self.order = order(found)
        self.parts = self._parts()
        self.regions = regions(found, self.main, self.parts)
        self.own = {name: region for region in self.regions.values() for name in region.own}
        self.inside = innermost(self.regions.values())
        self.gathering = {region.end.name: region for region in self.regions.values() if region.end and region.apart}
        self.tools: dict[str, list[Raw]] = {}  # by agent's id
        self.whole: set[str] = set()  # the nodes all of whose items are read
        self.ambiguous: set[str] = set()
        self.told: set[tuple[str, str]] = set()  # who reads what rounds gave that are over, and of which node
        self.assigned: dict[str, set[str]] = {}  # the fields that Set nodes set
        self.marked = any(raw.mark for raw in self.main)  # flowstill wrote the file
        self.merges: list[Raw] = []
        self.streams = items.streams(self)
        self.before, self.after = self._beside()
        self.defaults: dict[str, dict[str, Any]] = {}
        self.chosen: dict[str, dict[str, text.Path]] = {}  # by id of a classifier and output

    def _parts(self) -> dict[str, dict[str, list[Raw]]]:
        """The nodes that flowstill wrote beside others: by owner's id and role."""
        owners = {raw.id for raw in self.main}
        parts: dict[str, dict[str, list[Raw]]] = {}
        for raw in self.main:
            if raw.mark and raw.mark[1] in owners and raw.mark[1] != raw.id:
                parts.setdefault(raw.mark[1], {}).setdefault(raw.mark[0], []).append(raw)
        return parts

    def _beside(self) -> tuple[dict[str, Raw], dict[str, Raw]]:
        """What flowstill wrote before and behind a node, and is part of it: by name, the node."""
        before: dict[str, Raw] = {}
        after: dict[str, Raw] = {}
        owners = {raw.id: raw for raw in self.main}
        for id_, parts in self.parts.items():
            for role, found in parts.items():
                if role in written.BEFORE and written.BEFORE[role](self, owners[id_]):
                    before.update((each.name, owners[id_]) for each in found)
                elif role in ("session", "ran"):
                    after.update((each.name, owners[id_]) for each in found)
        return before, after

    # -- the flow

    def flow(self, workflow: dict[str, Any], form: str) -> Flow:
        graph = Graph()
        bodies = {region.owner.name: Graph() for region in self.regions.values()}
        made: dict[str, Node] = {}
        folded = self._folded_main()
        for raw in self._ordered():
            if raw.name in folded:
                continue
            node = self.node(raw)
            made[raw.name] = node
            self._graph_of(raw.name, graph, bodies).nodes.append(node)
        self._several()
        self._last_items()
        self._declare_items(made)
        for region in self.gathering.values():
            self._gather(region, graph, bodies[region.owner.name])
        for name in self.after:
            written.session(self, self.nodes[name])
        for name, owner in self.before.items():
            subnodes.fold_all(self, owner, self.nodes[name])
        for name in (*self.before, *self.after):
            self.fold((self.before.get(name) or self.after[name]), self.nodes[name])
        self._leftover(graph, made, folded)
        self._defaults(made)
        classes.settle(self, made)
        self._edges(graph, bodies, made)
        for name, body in bodies.items():
            made[name].body = body
            _place_inside(made[name], body)
        merged.settle(self, graph, made)
        for node in made.values():
            node.folded = tuple(self.folded.get(node.id, ()))
        self.notes += _declare(graph)
        self._dangling()
        chat = any(tables.TRIGGERS.get(raw.kind) == "chat" and not raw.disabled for raw in self.main)
        if not self.marked:
            self._imply(graph, chat)
        graph.nodes += [
            tools.note(node, self.tools[node.id], subnodes.told) for node in made.values() if node.id in self.tools
        ]
        return Flow(
            workflow["name"] if isinstance(workflow.get("name"), str) else "",
            "n8n",
            form + (forms.OWN if self.marked else ""),
            "chat" if chat else "workflow",
            workflow["description"] if isinstance(workflow.get("description"), str) else "",
            graph,
            list(self.variables.values()),
            list(self.resources.values()),
            self.notes,
        )

    def _ordered(self) -> list[Raw]:
        """The nodes on the way in the order of `values.walk`: those of a body behind those around it."""
        of: dict[str, list[Raw]] = {}
        for raw in self.main:
            region = self.inside.get(raw.name)
            of.setdefault(region.owner.name if region else "", []).append(raw)
        found: list[Raw] = []
        stack = [""]
        while stack:
            inside = of.get(stack.pop(), [])
            found += inside
            stack += [raw.name for raw in inside if raw.name in self.regions]
        return found

    def _folded_main(self) -> set[str]:
        """The nodes on the way that became part of others."""
        found = {name for name, region in self.own.items() if name != region.owner.name}
        return found | self.before.keys() | self.after.keys()

    def _graph_of(self, name: str, graph: Graph, bodies: dict[str, Graph]) -> Graph:
        region = self.inside.get(name)
        return bodies[region.owner.name] if region else graph

    def _leftover(self, graph: Graph, made: dict[str, Node], folded: set[str]) -> None:
        """Sub-nodes that serve nobody on the way are kept for what they are."""
        places = {place for each in self.folded.values() for place in each}
        for raw in self.nodes.values():
            if raw.name not in made and raw.name not in folded and raw.place not in places:
                made[raw.name] = node = self._bare(raw)
                node.kind, node.params = "opaque", {"type": raw.data["type"]}
                graph.nodes.append(node)

    def _bare(self, raw: Raw) -> Node:
        return Node(
            raw.id, "opaque", raw.name, described(raw.data.get("notes")), position=raw.position, pointer=raw.place
        )

    def node(self, raw: Raw) -> Node:
        node = self._bare(raw)
        if raw.disabled and not tables.is_trigger(raw.kind) and raw.kind != "stickyNote":
            node.kind = "pass"
            self.note(raw, "equivalent", "node.disabled", "The node is switched off: control only passes it.")
            return node
        region = self.regions.get(raw.name)
        if region:
            rounds.read(self, raw, node, region)
        else:
            readers.read(self, raw, node)
        node.on_error = _on_error(raw)
        return node

    def _defaults(self, made: dict[str, Node]) -> None:
        """`$('N').first().json.a ?? 0` is how flowstill writes an output that has a default when N fails."""
        for node in made.values():
            if node.id in self.defaults:
                policy = node.on_error
                node.on_error = OnError("default", policy.retries, policy.wait_ms, default=self.defaults[node.id])

    def _several(self) -> None:
        """Who gives several items, for each of which n8n runs what follows."""
        found: dict[str, Raw] = {}
        for raw in self.main:
            if raw.name in self.streams and items.runs_for_each(self, raw):
                found.setdefault(self.streams[raw.name], raw)
        for name, raw in found.items():
            message = f"n8n runs {raw.name} and what follows once for each item that it gives, elsewhere once for all."
            self.note(self.nodes[name], "degraded", "items.many", message, "Put what follows into a loop.")

    def _last_items(self) -> None:
        """All the items of a last node are what a workflow gives."""
        answering = [] if self.marked else [raw.name for raw in self.main if _answers(raw)]
        for name in reached(self.source, answering, ()):
            raw, region = self.nodes[name], self.regions.get(name)
            if region is None:
                last = items.is_code(raw) and not self.source.out[name] and name not in self.inside
            else:
                onward = {region.leaves(link) for link in self.source.out[name]}
                last = region.kind in ("split", "batches") and region.end is None and "done" not in onward
            if last:
                self.whole.add(name)

    def _imply(self, graph: Graph, chat: bool) -> None:
        """What the workflow answers without a node that says so."""
        answering = [raw for raw in self.main if _answers(raw)]
        first = any(raw.kind == "webhook" and raw.params.get("responseData") != "allEntries" for raw in answering)
        for node in implied.add(graph, {raw.id for raw in answering}, chat, first):
            message = "What it gives is the answer of the workflow; which fields that has is not known: no end says it."
            self.note(self.nodes[node.title], "degraded", "end.unknown", message, "Add an end with what is wanted.")

    def _declare_items(self, made: dict[str, Node]) -> None:
        """Who is read for all its items gives them as a list."""
        for name in sorted(self.whole):
            if region := self.regions.get(name):
                item = rounds.round_item(self, region)
                made[name].params["collect"] = {ALL: item}
                if isinstance(item, Ref) and item.path == (ALL,):  # a round gives a list of items
                    made[name].params["flatten"] = True
        for name in sorted(self.whole):
            made[name].outputs.setdefault(ALL, tables.ITEMS)
            if made[name].kind == "tool":
                message = f"n8n's gives an item for each record; elsewhere it has to give a list of them as {ALL}."
                self.note(self.nodes[name], "needs_binding", "items.many", message, "Make the tool give that.")

    def _gather(self, region: Region, graph: Graph, body: Graph) -> None:
        """What came to the aggregate in a round, kept by a node of its own: what did not run gives nothing."""
        assert region.end is not None
        value = rounds.gathered_item(self, region.end)
        title = f"{region.end.name}: item"
        inputs, types = {"item": value}, {"item": Type()}
        body.nodes.append(Node(region.gatherer, "set", title, inputs=inputs, outputs=types, pointer=region.end.place))
        self._graph_of(region.owner.name, graph, {}).edges.append(Edge(region.owner.id, region.end.id, "done"))

    # -- edges

    def _edges(self, graph: Graph, bodies: dict[str, Graph], made: dict[str, Node]) -> None:
        for raw in self._ordered():
            for link in self.source.out[raw.name]:
                target = self._target(link, made)
                into = "in" if link.target in self.before else _into(link)
                for id_, port, where in self._sources(link, made) if target else ():
                    inside = bodies[where.owner.name] if where else graph
                    inside.edges.append(Edge(id_, target, port, into, link.place))

    def _target(self, link: Link, made: dict[str, Node]) -> str:
        """The id of the node that a connection leads to; "" for a container's own wiring."""
        if link.source in self.before or link.target in self.after:
            return ""
        if link.target in self.before:
            return self.before[link.target].id
        region = self.own.get(link.target)
        if region:
            return region.owner.id if region.enters(link) else ""
        if link.target in self.gathering:
            return self.gathering[link.target].gatherer
        return made[link.target].id if link.target in made else ""

    def _sources(self, link: Link, made: dict[str, Node]) -> Iterable[tuple[str, str, Region | None]]:
        """Id and ports that a connection leaves by, and the container that it is in."""
        region = self.own.get(link.source)
        if link.source in self.after:
            owner = self.after[link.source]
            yield owner.id, "done" if owner.name in self.regions else "out", self.inside.get(owner.name)
        elif region is None:
            raw = self.nodes[link.source]
            for port in branches.ports(self, raw, made[link.source], link) if link.source in made else ():
                yield made[link.source].id, port, self.inside.get(link.source)
        elif port := region.leaves(link):
            yield region.owner.id, port, region if port == "body" else self.inside.get(region.owner.name)

    def _dangling(self) -> None:
        for place, name in self.source.dangling:
            message = f"A connection goes to or from {name!r}, which no node is called."
            self.notes.append(Note("dropped", "ref.unknown", message, source_pointer=place))

    # -- what an item holds

    def view(self, raw: Raw) -> names.View:
        if raw.name not in self.views:
            self.views[raw.name] = views.view_of(self, raw)
        return self.views[raw.name]

    def value(self, value: Any, raw: Raw) -> Value:
        """A parameter with what it refers to, at any depth."""
        if isinstance(value, str):
            return text.expression(value, self.resolve(raw)) if value.startswith("=") else value
        if isinstance(value, dict):
            return {key: self.value(item, raw) for key, item in value.items()}
        if isinstance(value, list):
            return [self.value(item, raw) for item in value]
        return value

    def words(self, value: Any, raw: Raw) -> Value:
        """A parameter that is text."""
        return values.words(self.value(value, raw))

    def resolve(self, raw: Raw) -> text.Resolve:
        def found(path: text.Path) -> list[Ref]:
            if path.root == "json":
                return [] if path.has_default else self.incomings(raw, path.steps)
            ref = self._named(raw, path)
            return [] if ref is None else [ref]

        return found

    def _named(self, raw: Raw, path: text.Path) -> Ref | None:
        if path.root == "node":
            other = self.nodes.get(path.name)
            ref = self.ref(raw, other, path.steps) if other else None
            return self._with_default(ref, other, path) if path.has_default and other else ref
        if path.root == "class":
            return classes.named(self, path)
        if path.root in ("env", "vars"):
            return self._variable(path)
        known = _SYSTEM.get((path.root, str(path.steps[0]) if path.steps else ""))
        return Ref("", (known,), "system") if known and len(path.steps) == 1 else None

    def _with_default(self, ref: Ref | None, other: Raw, path: text.Path) -> Ref | None:
        if path.default is None and other.failing == "branch":  # nothing came out there
            return ref
        if ref is None or len(ref.path) != 1 or ref.scope != "node" or other.failing != "continue":
            return None
        self.defaults.setdefault(ref.node, {})[str(ref.path[0])] = path.default
        return ref

    def _variable(self, path: text.Path) -> Ref | None:
        if not path.steps or not isinstance(path.steps[0], str):
            return None
        name = path.steps[0]
        scope: Any = "env" if path.root == "env" or path.has_default else "app"
        default = path.default if path.has_default else None
        if path.root == "env" and _SECRET.search(name):
            type_ = Type("secret")
        else:
            type_ = Type(tables.type_name(default)) if default is not None else Type("string")
        self.variables.setdefault((scope, name), Variable(scope, name, type_, default))
        return Ref("", path.steps, scope)

    def secret(self, raw: Raw, name: str, value: Any, place: str) -> Ref:
        """A secret that stands in the file itself: a variable from here on, whose value is to be filled in."""
        taken = re.sub(r"\W+", "_", f"{raw.name}_{name}", flags=re.A).strip("_").upper() or "SECRET"
        taken = taken if _SECRET.search(taken) else f"{taken}_KEY"
        self.variables.setdefault(("env", taken), Variable("env", taken, Type("secret")))
        message = f"A secret stands in the file; it is written as the variable {taken} elsewhere."
        self.notes.append(Note("needs_binding", "secret.found", message, "", raw.id, raw.name, raw.place + place))
        return Ref("", (taken,), "env")

    def incoming(self, raw: Raw, steps: names.Path) -> Ref | None:
        """What `$json` means at a node; None, with a note, when several nodes may have made the item."""
        found = self.incomings(raw, steps)
        return found[0] if len(found) == 1 else None

    def incomings(self, raw: Raw, steps: names.Path) -> list[Ref]:
        """The same; all that it may mean, with a note, when several nodes may have made the item."""
        found = self.made_by(raw, self.producers(raw, steps[:1]), steps)
        if len(found) > 1 and raw.name not in self.ambiguous:
            self.ambiguous.add(raw.name)
            makers = ", ".join(sorted({name for name, _ in self.producers(raw, steps[:1])}))
            message = f"$json may come from {makers}: what the first of them that ran gave is taken."
            self.note(raw, "degraded", "ref.ambiguous", message)
        return found

    def made_by(self, asker: Raw, makers: Iterable[tuple[str, bool]], steps: names.Path) -> list[Ref]:
        """Of two makers the later one first: where that ran, what the other gave is not what comes in."""
        last = sorted(makers, key=lambda maker: (-self.order[maker[0]], maker))
        found = dict.fromkeys(self._made_by(asker, name, steps, failed) for name, failed in last)
        return [ref for ref in found if ref is not None]

    def _made_by(self, asker: Raw, name: str, steps: names.Path, failed: bool) -> Ref | None:
        raw = self.nodes[name]
        if failed:
            return _of_error(raw, steps)
        return self._output(asker, raw, steps)

    def producers(self, raw: Raw, first: names.Path) -> set[tuple[str, bool]]:
        """The nodes that may have made the item that comes into a node, and whether by failing."""
        key = (raw.name, str(first[0]) if first else "")
        if key not in self.made:
            self.made[key] = self._producers(raw, first)
        return self.made[key]

    def _producers(self, raw: Raw, first: names.Path) -> set[tuple[str, bool]]:
        return self.producers_along(self.source.into[raw.name], first)

    def producers_along(self, links: list[Link], first: names.Path) -> set[tuple[str, bool]]:
        """Those of what comes by these connections into a node."""
        found: set[tuple[str, bool]] = set()
        seen = {link.target for link in links}
        stack = list(links)
        while stack:
            link = stack.pop()
            other = self.nodes[link.source]
            if first[:1] == ("error",) and self._fails(other, link):
                found.add((other.name, True))
            elif not self._passes(other, first):
                found.add((other.name, False))
            elif other.name not in seen:
                seen.add(other.name)
                stack += self.source.into[other.name]
        return found

    def _fails(self, raw: Raw, link: Link) -> bool:
        return link.output < 0 or (raw.failing == "branch" and link.output == branches.outputs_of(raw))

    def _passes(self, raw: Raw, first: names.Path) -> bool:
        if raw.name in self.own:
            return False
        return (
            (raw.name in self.before and raw.kind == "merge")
            or raw.disabled
            or (raw.kind in tables.PASSING and (raw.kind, *first) != ("ai:sentimentAnalysis", "sentimentAnalysis"))
            or sets.keeps(self, raw, first)
        )

    def ref(self, asker: Raw, raw: Raw, steps: names.Path) -> Ref | None:
        """What `$('name').item.json` means."""
        if raw.name in self.source.serves or raw.kind == "stickyNote":
            return None
        if self._passes(raw, steps[:1]):
            return self.incoming(raw, steps) if self.source.into[raw.name] else None
        if steps[:1] == ("error",) and raw.failing != "stop":
            return _of_error(raw, steps)
        return self._output(asker, raw, steps)

    def _output(self, asker: Raw, raw: Raw, steps: names.Path) -> Ref | None:
        if raw.name in self.after:
            if raw.mark and raw.mark[0] == "ran":
                return self.ref(asker, self.after[raw.name], steps[1:])
            return Ref("", ("turns",), "system") if steps == (names.TURNS,) else Ref("", steps, "session")
        region = self.own.get(raw.name)
        if region:
            ref = region.ref(raw, steps, self._within(asker, region))
            if ref is not None and ref.path[:1] == (ALL,):
                self.whole.add(region.owner.name)
            return ref
        if self.over(asker, raw):
            return None
        if steps[:1] == ("error",) and raw.failing != "stop":
            return _of_error(raw, steps)
        if not steps:
            sets.tell(self, raw)
        if views.is_absent(self, raw, steps[:1]):
            return None
        ref = names.to_common(self.view(raw), raw.id, steps)
        if ref.path[:1] == (ALL,):
            self.whole.add(raw.name)
        return ref

    def over(self, asker: Raw, raw: Raw) -> bool:
        """Whether a node ran in rounds that are over where it is read: what it gave is nowhere else then."""
        region = self.inside.get(raw.name)
        if region is None or region.kind not in ("split", "batches") or self._within(asker, region):
            return False
        if (asker.name, raw.name) not in self.told:
            self.told.add((asker.name, raw.name))
            message = f"It reads what {raw.name} gave in a round of {region.owner.name}: it raises when that is read."
            self.note(asker, "stub", "items.many", message, "Collect it in the rounds, with an Aggregate node.")
        return True

    def _within(self, raw: Raw, region: Region) -> bool:
        return raw.name in region.body or raw in (region.owner, region.end)

    # -- for the readers of single nodes

    def note(self, raw: Raw, severity: Any, code: str, message: str, suggestion: str = "") -> None:
        self.notes.append(Note(severity, code, message, suggestion, raw.id, raw.name, raw.place))

    def resource(self, resource: Resource) -> str:
        self.resources.setdefault(resource.id, resource)
        return resource.id

    def fold(self, raw: Raw, part: Raw) -> None:
        places = self.folded.setdefault(raw.id, [])
        if part.place not in places:
            places.append(part.place)


def _answers(raw: Raw) -> bool:
    """Whether a start answers with what the last node gives."""
    if raw.kind == "webhook":
        return raw.params.get("responseMode") == "lastNode"
    mode = dig(raw.params, "options", "responseMode")
    chats = raw.kind in ("ai:chatTrigger", "ai:manualChatTrigger") and mode in (None, "lastNode", "streaming")
    return (chats or raw.kind == "executeWorkflowTrigger") and not raw.disabled


def _of_error(raw: Raw, steps: names.Path) -> Ref:
    return names.to_common(names.HTTP_ERROR if raw.kind == "httpRequest" else names.ERROR, raw.id, steps)


def _on_error(raw: Raw) -> OnError:
    data = raw.data
    if data.get("retryOnFail") is not True:
        return OnError(raw.failing)  # type: ignore[arg-type]
    tries, wait = data.get("maxTries", 3), data.get("waitBetweenTries", 1000)
    retries = max(min(tries, 5), 2) - 1 if type(tries) is int else 2
    return OnError(raw.failing, retries, wait if type(wait) is int and wait >= 0 else 1000)  # type: ignore[arg-type]


def _into(link: Link) -> str:
    return f"in:{link.input}" if link.input else "in"


def _place_inside(owner: Node, body: Graph) -> None:
    """Positions in a body are relative to it."""
    for node in body.nodes:
        if node.position and owner.position:
            node.position = (node.position[0] - owner.position[0], node.position[1] - owner.position[1])


def _declare(graph: Graph) -> list[Note]:
    """n8n does not say what a node gives; what others read of it is what is known.

    But a model takes what it is asked for out of a text and no more: what else is read there is nothing.
    """
    told: dict[tuple[str, Ref], Note] = {}
    found = {node.id: node for node, _, _ in values.walk(graph)}
    for node in list(found.values()):
        for ref in values.node_refs(node):
            other = found.get(ref.node) if ref.scope == "node" and ref.path else None
            if other is None or not KINDS[other.kind].free or ref.path[0] == "error":
                continue
            name = str(ref.path[0])
            if name not in outputs(other) and other.kind == "extract" and other.outputs:
                told[node.id, ref] = _not_extracted(node, other, name)
            elif name not in outputs(other):
                other.outputs[name] = Type()
    for node in found.values():
        for name, value in node.inputs.items() if node.kind in ("end", "set") else ():
            other = found.get(value.node) if isinstance(value, Ref) and len(value.path) == 1 else None
            if other and node.outputs.get(name) == Type():
                known = outputs(other).get(str(value.path[0]), Type())
                node.outputs[name] = Type(known.name, known.items, known.props)
    return list(told.values())


def _not_extracted(node: Node, extract: Node, name: str) -> Note:
    message = (
        f"It reads {name}, which {extract.title} does not take out of the text: it is nothing, elsewhere it may fail."
    )
    return Note("degraded", "ref.unknown", message, "Read what gives it.", node.id, node.title, node.pointer)
