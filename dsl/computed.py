"""n8n's expressions that are more than a path: a JavaScript node in front of who reads them computes them.

The code has n8n's own words ($json, $input, $('A node')) for what an expression refers to; what else it asks of n8n
is not there, and fails when it runs.
"""

import ast
import functools
import json
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from dsl import retrieved
from dsl.ir import Edge, Flow, Graph, Node, Ref, Script, Text, Type, Value
from dsl.kinds import OBJECT, declared, outputs, walked
from dsl.values import map_refs, node_refs, nodes, place_of, unique, walk

Gives = Callable[[Node, Ref], list[Ref]]  # what a platform gives out for an output (dsl/lacking.py, `there`)
# For each reader: the node, what computes (None: nothing can), and its expressions.
Told = Callable[[Node, Node | None, Iterable[Script]], None]
SPREAD = "..."  # in fields: all that an object holds
# By node (id, title, "" for what comes in) its fields, at the end the name of a variable; a list: the first that ran.
Fields = dict[str, Any]

ALL = "all_items"  # output of what gives items on n8n: all of them as a list
EACH = "$input.all().map((item) => item.json)"  # n8n's words for that

_LATER = {"until", "tools", "source", "template"}  # asked after the node has begun, or no expression of n8n's


def compute(graph: Graph, known: Mapping[str, Node], taken: set[str], told: Told) -> None:
    """Put such a node before each node that needs one, in bodies as well; `known` are all nodes of the flow."""
    for node in list(graph.nodes):
        if node.body is not None:
            compute(node.body, known, taken, told)
        lift = _Lift(node, unique(f"{node.id}_expressions", taken))
        params = {name: value if name in _LATER else lift.value(value, name) for name, value in node.params.items()}
        inputs = {name: lift.value(value, name) for name, value in node.inputs.items()}
        if lift.impossible:
            told(node, None, ())
        elif lift.found:
            node.params, node.inputs = params, inputs
            before = _node(lift, known)
            insert(graph, before, node)
            told(node, before, lift.found.values())


def as_lists(flow: Flow, added: Callable[[Node, Node], None] = lambda node, made: None) -> None:
    """What is read of n8n's code as a whole is the list of all that it gives. The flow given is changed.

    Elsewhere code gives out what it declares, and nothing as a whole; and a retrieval gives passages, of which code
    behind it, which is `added`, makes items.
    """
    every = list(walk(flow.graph))
    codes = {node.id: node for node, _, _ in every if node.kind == "code" and node.params.get("style") in RUNS}
    stores = _passages(every, added)
    _keep(flow, codes)

    def listed(ref: Ref, *first: int) -> Ref:
        if ref.node in stores and ref.scope == "node" and ref.path[:1] in ((), (ALL,)):
            return Ref(stores[ref.node], ref.path or (ALL, *first))
        if ref.node not in codes or ref.scope != "node" or ref.path:
            return ref
        codes[ref.node].outputs.setdefault(ALL, Type("array", items=OBJECT))
        return replace(ref, path=(ALL, *first))

    def now(name: str) -> str:
        return stores.get(name, name)

    def value(held: Value) -> Value:
        if isinstance(held, Script):
            return replace(held, refs=tuple(map(listed, held.refs)))
        if isinstance(held, Ref):
            return listed(held, 0)
        if isinstance(held, Text):
            return Text(tuple(part if isinstance(part, str) else value(part) for part in held.parts))
        if isinstance(held, dict):
            return {key: value(inner) for key, inner in held.items()}
        return [value(inner) for inner in held] if isinstance(held, list) else held

    for node, _, _ in every if codes or stores else ():
        node.params = {name: value(held) for name, held in node.params.items()}
        if node.id not in codes:  # n8n's code says by its inputs what it reads, and sees all of it
            node.inputs = {name: value(held) for name, held in node.inputs.items()}
        elif stores:
            node.inputs = map_refs(node.inputs, lambda ref: ref if ref.path else replace(ref, node=now(ref.node)))


def _passages(every: Sequence[tuple[Node, Graph, Node | None]], added: Callable[[Node, Node], None]) -> dict[str, str]:
    """Code behind each retrieval whose items are read, that makes them: its id by that of the retrieval."""
    stores = [(node, graph) for node, graph, _ in every if node.kind == "retrieve"]
    read = {ref.node for node, _, _ in every if stores for ref in node_refs(node) if ref.path[:1] in ((), (ALL,))}
    made: dict[str, str] = {}
    for node, graph in stores:
        if node.outputs.pop(ALL, None) or node.id in read:
            items = retrieved.items(node, unique(f"{node.id}_items", {each.id for each, _, _ in every}))
            behind(graph, node, items)
            added(node, items)
            made[node.id] = items.id
    return made


def settle(flow: Flow, gives: Gives) -> None:
    """What n8n's code sees is found while nothing but what the author drew stands in front of it.

    From here on its arguments are references like any other's, and `fields` is where the code looks for them. A file
    that flowstill wrote says so itself. The flow given is changed.
    """
    codes = [each for each in walk(flow.graph) if each[0].kind == "code" and each[0].params.get("style") in RUNS]
    unknown = [each for each in codes if not are_fields(each[0].params.get("fields"), each[0].inputs)]
    known = nodes(flow) if unknown else {}
    for node, inputs, fields in [(node, *seen(node, graph, known, gives)) for node, graph, _ in unknown]:
        node.inputs, node.params = inputs, node.params | {"fields": fields}


def _keep(flow: Flow, codes: Mapping[str, Node]) -> None:
    """What a Set node of n8n keeps is among what it sets, where something reads all that it gives."""
    every = list(walk(flow.graph))
    if not any("kept" in node.params for node, _, _ in every):
        return
    known = {node.id: node for node, _, _ in every}
    whole = {ref.node for node, _, _ in every for ref in node_refs(node) if ref.scope == "node" and not ref.path}
    whole |= {each.id for node, graph, _ in every if node.id in codes for each in givers(graph, node, known)}
    for node, _, _ in every:
        kept = node.params.pop("kept", {}) if node.kind == "set" else {}
        own = {name.split(".")[0] for name in node.inputs}
        if node.id in whole and (more := {name: value for name, value in kept.items() if name not in own}):
            node.inputs = more | node.inputs
            types = {
                name: declared(value, known, flow) if isinstance(value, Ref) else Type() for name, value in more.items()
            }
            node.outputs = types | node.outputs


class _Lift:
    """Collects the expressions of one node, and refers to what they come to instead."""

    def __init__(self, node: Node, id_: str) -> None:
        self.node, self.id = node, id_
        self.found: dict[str, Script] = {}
        self.taken: set[str] = set()
        self.impossible = False

    def value(self, value: Value, stem: str) -> Value:
        if isinstance(value, Script) and value.lang in ("n8n", "javascript"):
            return self._refer(value, stem)
        if isinstance(value, Text):
            return Text(tuple(part if isinstance(part, str) else self.value(part, stem) for part in value.parts))
        if isinstance(value, dict):
            return {key: self.value(inner, str(key)) for key, inner in value.items()}
        return [self.value(inner, stem) for inner in value] if isinstance(value, list) else value

    def _refer(self, script: Script, stem: str) -> Ref:
        # What a list or a loop hands to its own rounds is not there before it.
        self.impossible |= any(ref.node == self.node.id for ref in script.refs)
        word = "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in stem)
        name = unique(f"v_{word}", self.taken)
        self.found[name] = script
        return Ref(self.id, (name,))


def _node(lift: _Lift, known: Mapping[str, Node]) -> Node:
    places = Places()
    variables: dict[Ref, str] = {}
    lines = []
    for name, script in lift.found.items():
        for ref in in_order(script):
            for part in _parts(ref, known):
                variable = variables.setdefault(part, f"in_{len(variables)}")
                places.add(script, known.get(part.node), part, f"input.{variable}")
        lines.append(f"    {name}: ({script.source}) ?? null,\n")
    source = f"{CONTEXT.format(fields=printed(places.fields()))}function main(input) {{\n"
    source += f"  const {WORDS} = context(input);\n  return {{\n{''.join(lines)}  }};\n}}\n"
    params = {"lang": "javascript", "style": "kwargs", "source": source}
    title = f"Expressions of {lift.node.title or lift.node.id}"
    inputs: dict[str, Value] = {variable: part for part, variable in variables.items()}
    return Node(lift.id, "code", title, "", params, inputs, _types(lift))


def _parts(ref: Ref, known: Mapping[str, Node]) -> list[Ref]:
    """A node as a whole is all that it gives: no platform but n8n has a name for that."""
    whole = known.get(ref.node) if ref.scope == "node" and not ref.path else None
    return [Ref(whole.id, (name,)) for name in outputs(whole)] or [ref] if whole else [ref]


def _types(lift: _Lift) -> dict[str, Type]:
    """What is known of them: what the node goes through is a list, a field has its type."""
    node, found = lift.node, dict.fromkeys(lift.found, Type())
    for name, value in node.inputs.items() if node.kind in ("set", "end") else ():
        if isinstance(value, Ref) and value.node == lift.id:
            found[str(value.path[0])] = node.outputs.get(name, Type())
    for value in walked(node):
        if isinstance(value, Ref) and value.node == lift.id:
            name = str(value.path[0])
            found[name] = Type("array", items=OBJECT if _lists_objects(lift.found[name].source) else None)
    return found


_OBJECTS = re.compile(r"\.map\(\s*\(?\s*\w+\s*\)?\s*=>\s*\(\{[^{}]*\}\)\s*\)\s*\Z")


def _lists_objects(source: str) -> bool:
    return source == EACH or _OBJECTS.search(source) is not None


def insert(graph: Graph, before: Node, node: Node, ways: Collection[Edge] | None = None) -> None:
    """What led to the node, or these ways of it, leads to the one before it, and that to the node."""
    graph.nodes.insert(place_of(graph, node), before)
    led = [edge for edge in graph.edges if edge.target == node.id] if ways is None else ways
    graph.edges[:] = [replace(edge, target=before.id) if edge in led else edge for edge in graph.edges]
    graph.edges.append(Edge(before.id, node.id))


def behind(graph: Graph, node: Node, made: Node) -> None:
    """What followed the node follows the new one."""
    port = "out" if node.body is None else "done"
    graph.nodes.insert(place_of(graph, node) + 1, made)
    graph.edges[:] = [
        replace(edge, source=made.id, port="out") if (edge.source, edge.port) == (node.id, port) else edge
        for edge in graph.edges
    ]
    graph.edges.append(Edge(node.id, made.id, port))


def in_order(script: Script) -> list[Ref]:
    """What an expression reads; of a single node the whole comes first, for it has all of its parts."""
    single = len({ref.node for ref in script.refs}) == 1
    return sorted(script.refs, key=lambda ref: ref.path != (ALL,)) if single else list(script.refs)


class Places:
    """Where expressions look for values: under a node by id and by title, and under what comes in."""

    def __init__(self) -> None:
        self._fields: Fields = {}
        self._coming: list[tuple[tuple[bool, bool], Node | None, Ref, str]] = []

    def add(self, script: Script, source: Node | None, ref: Ref, variable: str) -> None:
        steps = [tuple(each[:1]) for each in _called(source, ref)]
        names = {ref.node, source.title if source else ref.node} - {""} or _givers_of(script, steps)
        for name in sorted(names):
            place_under(name, self._fields, source, ref, variable)
        names |= self._in_a_round(script, ref, variable, names)
        by_name, asked = not names.isdisjoint(_names(script.source)), _asked(script.source)
        if not by_name or () in asked or not asked.isdisjoint(steps):
            self._coming.append(((by_name, () not in steps), source, ref, variable))

    def _in_a_round(self, script: Script, ref: Ref, variable: str, known: set[str]) -> set[str]:
        """The step that begins a round, where flowstill wrote the rounds: it holds the element by that name."""
        if ref.scope not in ("item", "index", "loop"):
            return set()
        steps = ["$index"] if ref.scope == "index" else [str(step) for step in ref.path]
        found = _givers_of(script, [tuple(steps[:1])]) - known
        for name in sorted(found):
            _put(self._fields, [name, *steps], variable, several=False)
        return found

    def fields(self) -> Fields:
        """What is not asked for by name comes in for sure, of several branches that of the one that ran."""
        for (by_name, _), source, ref, variable in sorted(self._coming, key=lambda each: each[0]):
            place_under("", self._fields, source, ref, variable, several=not by_name)
        return self._fields


_COMING = re.compile(
    r"\$(?:json|input\s*\.\s*(?:item|first\(\s*\)|last\(\s*\))\s*\??\.\s*json)\b"
    r"(?:\s*\??\.\s*([A-Za-z_$][\w$]*)|\s*(?:\?\.)?\[\s*[\"']([^\"'\n]+)[\"']\s*\])?|\$input\b"
)


@functools.lru_cache(16)  # of one script, for each of the thousands that it may read
def _asked(source: str) -> frozenset[tuple[str, ...]]:
    """The first steps into what comes in; no step for all of it."""
    return frozenset((name or key,) if name or key else () for name, key in _COMING.findall(source))


_PART = re.compile(
    r"""[$](?:node\[|items\(|\()\s*["']([^"'\n]{1,200})["']\s*[\])][^;{}]{0,20}?\.\s*json\s*(?:\??\.\s*|\[\s*["'])([\w$]+)"""
)


def _givers_of(script: Script, steps: list[tuple[str, ...]]) -> set[str]:
    """The names that a part of no node's is asked for by: the system's words stand in a start of n8n's."""
    givers = _givers_by_part(script.source)
    return {name for each in steps if each for name in givers.get(each[0], ())}


@functools.lru_cache(16)
def _givers_by_part(source: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for name, part in _PART.findall(source):
        found.setdefault(part, set()).add(name)
    return found


@functools.lru_cache(16)
def _names(source: str) -> frozenset[str]:
    return frozenset(_NAMED.findall(source)) | frozenset(re.findall(r"\$node\.([A-Za-z_]\w*)", source))


def place_under(
    key: str, fields: Fields, source: Node | None, ref: Ref, variable: str, *, several: bool = False
) -> None:
    """`several`: another value for the same place is of another branch, one of which runs."""
    for steps in _called(source, ref):
        if key and not steps:  # the whole has all of its parts
            fields[key] = variable
        else:
            _put(fields, [key, *steps], variable, several)


def _put(fields: Fields, steps: list[str], variable: str, several: bool) -> None:
    here: Any = fields
    for step in steps[:-1]:
        here = here.setdefault(step, {}) if isinstance(here, dict) else {}
    held = here.get(steps[-1]) or [] if isinstance(here, dict) else None
    if isinstance(held, dict):  # of what is now read as a whole
        here[steps[-1]] = [variable]
    elif held == [] or (held and several):
        every = dict.fromkeys([*([held] if isinstance(held, str) else held), variable])
        here[steps[-1]] = variable if len(every) == 1 else [*every]


_SYSTEM = {"query": "chatInput", "conversation_id": "sessionId"}


def _called(source: Node | None, ref: Ref) -> list[list[str]]:
    """The paths that n8n may have for what is referred to."""
    steps = [str(step) for step in ref.path]
    first, rest = steps[:1], steps[1:]
    if ref.scope == "system":
        return [[_SYSTEM.get(step, step) for step in first] + rest]
    kind = source.kind if source and first else ""
    if source and kind == "iterate" and ref.scope == "item" and first == ["item"]:
        return [rest] if rest else [[SPREAD], *_split_field(source)]
    if (kind == "http" and first == ["body"]) or first == [ALL]:
        return [rest]
    label = outputs(source).get(first[0], Type()).label if source and first else ""
    if kind in ("list", "iterate", "code", "document") and label:
        return [rest] if label == ALL else [[label, *rest]]
    if kind == "retrieve" and steps[:2] == ["result", "0"] and steps[2:]:
        return [[*retrieved.CALLED.get(steps[2], []), *steps[3:]], steps]
    if kind in ("llm", "agent") and first == ["structured"]:
        return [["output", *rest]]
    if kind in ("llm", "agent") and first == ["text"]:
        return [["text"], ["output"], ["message", "content"]] if kind == "agent" else [["text"], *_ANSWERS]
    if kind == "extract":
        return [["output", *steps]]
    return [[label, *rest], steps] if label else [steps]


def _split_field(container: Node) -> list[list[str]]:
    """What n8n calls an element that is no object: as the list that it is an element of."""
    listed = container.inputs.get("item")
    last = listed.path[-1:] if isinstance(listed, Ref) else ()
    return [[last[0]]] if last and isinstance(last[0], str) and last[0] != ALL else []


_ANSWERS = [["output", "0", "content", "0", "text"], ["message", "content"]]  # of n8n's node for OpenAI


_NAMED = re.compile(r"""[$_](?:node\[|items\(|\()\s*["']([^"'\n]{1,200})["']""")
HANDS_ON = {"if", "pass", "classify", "answer"}  # the item that comes in goes out


def seen(
    node: Node,
    graph: Graph,
    known: Mapping[str, Node],
    gives: Gives,
) -> tuple[dict[str, Value], Fields]:
    """Arguments for code of n8n, and where it looks for them: what comes in, and what it calls by a node's name.

    It gets all that the platform gives out of these, for what it reads is not known, and no more.
    """
    readable = {each.id: each for each in _there(known, node)}
    by_name = {name: each for each in readable.values() for name in (each.id, each.title)}
    wholes = [(name, each.node) for name, each in node.inputs.items() if isinstance(each, Ref) and not each.path]
    by_name |= {name: readable[id_] for name, id_ in wholes if id_ in readable}  # what became a part of another, too
    called = {name: by_name[name] for name in _NAMED.findall(str(node.params.get("source"))) if name in by_name}
    own = {name: value for name, value in node.inputs.items() if not _is_found(name, value)}
    inputs: dict[str, Value] = {f"in_{i}": value for i, value in enumerate(own.values())}
    fields: Fields = {"": {name: f"in_{i}" for i, name in enumerate(own)}, **{name: {} for name in called}}
    for key, each in [*(("", one) for one in givers(graph, node, known) if not own), *called.items()]:
        given = _given(each, each.body is not None and node in each.body.nodes)
        for ref in [one for it in given for one in (gives(each, it) if it.scope == "node" else [it])]:
            variable = f"in_{len(inputs)}"
            inputs[variable] = ref
            place_under(key, fields, each, ref, variable, several=not key)
    return inputs, fields


def _is_found(name: str, value: Value) -> bool:
    """Whether an argument was not named by who wrote the code: it was found by what the code reads, as it is now."""
    return (isinstance(value, Ref) and not value.path) or re.fullmatch(r"in_\d{1,6}", name) is not None


def _there(known: Mapping[str, Node], node: Node) -> list[Node]:
    """The nodes whose values one can read: not those of rounds that it is no part of."""
    over: set[str] = set()
    for owner in known.values():
        inside = {each.id for each, _, _ in walk(owner.body)} if owner.body is not None else set()
        over |= inside if node.id not in inside else set()
    return [each for each in known.values() if each.id not in over]


def givers(graph: Graph, node: Node, known: Mapping[str, Node]) -> list[Node]:
    """The nodes that give what comes in, past those that hand it on."""
    found: dict[str, Node] = {}
    met, stack = {node.id}, [node.id]
    while stack:
        target = stack.pop()
        for id_ in [edge.source for edge in graph.edges if edge.target == target and edge.source in known]:
            if known[id_].kind not in HANDS_ON:
                found[id_] = known[id_]
            elif id_ not in met:
                met.add(id_)
                stack.append(id_)
    return list(found.values())


def _given(giver: Node, inside: bool) -> list[Ref]:
    """What one sees of a node that gives it items, inside its body or behind it."""
    if giver.kind == "http":
        return [Ref(giver.id, ("body",))]
    if ALL in giver.outputs and not inside:
        return [Ref(giver.id, (ALL,))]
    if giver.kind == "iterate" and inside:
        return [Ref(giver.id, ("item",), "item")]
    asked = giver.kind == "start" and (giver.params.get("trigger") or {}).get("type") == "chat"
    unformed = {"structured"} if not giver.params.get("schema") and "structured" not in giver.outputs else set()
    given = [Ref(giver.id, (name,)) for name in outputs(giver) if name not in unformed]
    return [Ref("", ("query",), "system")] * asked + given


def of_input(fields: Fields) -> Fields:
    """With the arguments as parts of the variable `input`."""
    return named(fields, "input.{}".format)


def named(fields: Fields, name: Callable[[str], str]) -> Fields:
    """With other names of the variables."""

    def changed(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: changed(inner) for key, inner in value.items()}
        return list(map(name, value)) if isinstance(value, list) else name(value)

    return {key: changed(value) for key, value in fields.items()}


RUNS = {  # n8n's code, a function called `run`, once for all items or once for each; `x` is what `context` gives
    "items": "run({ ...x, item: x.items[0] })",
    "item": "Promise.all(x.items.map((item, $itemIndex) => "
    "run({ ...x, $input: { ...x.$input, item }, item, $json: item.json, $itemIndex })))",
}
# n8n's words for the code, which is a function of its own in there: it may call its variables by them, too
HEAD = "({ $input, items, item, $json, $, $node, $now, $items, $execution, $runIndex, $itemIndex }) => "
HANDED = """  const all = [].concat(result ?? []).map((item) => item?.json ?? item);
  result = { ALL: all, ...all[0] };
""".replace("ALL", ALL)


def around(style: str, fields: Fields, head: str) -> tuple[str, str]:
    """Lines before and behind n8n's code that call it; `head` begins a function `main` whose parameter is `input`."""
    run = f"  const x = context(input);\n  let result = await {RUNS[style]};\n{HANDED}  return result;\n}}\n"
    after = f"}})();\n{CONTEXT.format(fields=printed(of_input(fields)))}{head}{run}"
    return f"const run = {HEAD}(async () => {{\n", after


_LINE = re.compile(r"^ *(?:const )?fields = (\{.*\});?$", re.M)
_TEXT = r"""(?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')"""
_VARIABLE = re.compile(rf"given\.get\('(\w+)'\)|{_TEXT}|input\.(\w+)|(?<!\w)(?!parts\(|either\()([A-Za-z_]\w*)")
_EITHER = re.compile(rf"{_TEXT}|either\(([^()]*)\)")
_PARTS = re.compile(rf"{_TEXT}|(?:\.\.\.|\*\*)parts\(([^()]*)\)")


def fields_of(source: str, arguments: Collection[str]) -> Fields | None:
    """The way back from `printed`, of JavaScript or Python: where code of n8n looks for values, as the file says it."""
    line = _LINE.search(source)
    text = line[1] if line else ""
    try:
        text = _VARIABLE.sub(lambda it: _literal(it["text"]) if it["text"] else f'"{it[1] or it[3] or it[4]}"', text)
        text = _EITHER.sub(lambda it: it["text"] or f"[{it[2]}]", text)
        text = _PARTS.sub(lambda it: it["text"] or f'"{SPREAD}": {it[2]}', text)
        found = json.loads(text)
        return found if are_fields(found, arguments) else None
    except (ValueError, SyntaxError, RecursionError):
        return None


def settled(node: Node, source: str) -> None:
    """What is known of code that was read, by the lines around it."""
    fields = fields_of(source, node.inputs) if node.params.get("style") in RUNS else None
    if fields is not None:
        node.params["fields"] = fields


def _literal(text: str) -> str:
    if text.startswith('"'):
        return text
    return json.dumps(ast.literal_eval(text))


def are_fields(value: Any, arguments: Collection[str]) -> bool:
    """Whether each is at the end the name of one of the arguments: files may hold anything."""
    return isinstance(value, dict) and all(_names_only(each, arguments) for each in value.values())


def _names_only(value: Any, arguments: Collection[str]) -> bool:
    if isinstance(value, list):
        return bool(value) and all(isinstance(each, str) and each in arguments for each in value)
    return are_fields(value, arguments) or (isinstance(value, str) and value in arguments)


def printed(fields: Fields) -> str:
    """Fields as the inside of a JavaScript object."""
    return ", ".join(
        f"...parts({_printed(inner)})" if key == SPREAD else f"{json.dumps(key)}: {_printed(inner)}"
        for key, inner in fields.items()
    )


def _printed(value: Fields | list[str] | str) -> str:
    if isinstance(value, list):
        return f"either({', '.join(value)})"
    return value if isinstance(value, str) else f"{{ {printed(value)} }}"


WORDS = "{ $input, $json, $, $node, $now, $items, $execution, $runIndex, $itemIndex }"
CONTEXT = """function context(input) {{
  const read = (value) => {{
    try {{
      return typeof value === "string" && /^[[{{]/.test(value) ? JSON.parse(value) : value;
    }} catch (error) {{
      return value;
    }}
  }};
  const parts = (value) => (read(value)?.constructor === Object ? read(value) : {{}});
  const ran = (value) => value != null && (value.constructor !== Object || Object.values(value).some(ran));
  const either = (...values) => values.map(read).find(ran) ?? read(values[0]);
  const fields = {{ {fields} }};
  const items = (name) => {{
    if (name && !(name in fields)) throw new Error(`What ${{name}} gave is not there.`);
    return [read(fields[name] ?? {{}})].flat(2).map((json) => ({{ json }})); // a list is many items
  }};
  const item = (name, place = 0) => items(name).at(place) ?? {{ json: {{}} }};
  const left = (name, output = 0) => {{
    const all = items(name);
    if (output && !all.some(({{ json }}) => "error" in Object(json)))
      throw new Error(`What left ${{name}} by its output ${{output}} is not known here.`);
    return all;
  }};
  const node = (name) => ({{
    get item() {{
      return item(name);
    }},
    get json() {{
      return item(name).json;
    }},
    first: (output) => left(name, output).at(0) ?? {{ json: {{}} }},
    last: (output) => left(name, output).at(-1) ?? {{ json: {{}} }},
    all: (output) => left(name, output),
    itemMatching: (place) => item(name, place),
    get isExecuted() {{
      return name in fields && ran(read(fields[name]));
    }},
  }});
  const $node = new Proxy({{}}, {{ get: (_, name) => node(name) }});
  const now = new Date();
  const clock = {{ valueOf: () => +now, toMillis: () => +now }};
  clock.toISO = clock.toJSON = clock.toString = () => now.toISOString();
  const asked = (_, word) => {{
    if (word in clock || typeof word === "symbol") return clock[word];
    throw new Error(`$now.${{word}} is not known here.`);
  }};
  const $now = new Proxy(clock, {{ get: asked }});
  const $items = (name = "", output = 0) => left(name, output);
  const known = {{ $node, $now, $items, $execution: {{ id: `${{+now}}` }}, $runIndex: 0, $itemIndex: 0 }};
  return {{ $input: node(""), items: items(""), $json: item("").json, $: node, ...known }};
}}
"""
