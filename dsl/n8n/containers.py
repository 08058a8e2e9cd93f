"""Iterations and loops as flowstill writes them for n8n, and read back.

n8n has no containers. The state of the rounds travels as one item in a ring: "start" makes it, "check" asks whether
there is another round, "item" begins it, the body follows, "round" makes the next state and leads back to "check"; the
container's own node takes the results out of the last state. What is set in a loop is read from the node that set it
last (Builder.latest).
"""

from functools import partial
from typing import TYPE_CHECKING, Any

from dsl import loops
from dsl.ir import Node, Ref, Type, Value
from dsl.kinds import KINDS, ports
from dsl.n8n import conditions, scripts, shims, tables, text

if TYPE_CHECKING:
    from dsl.n8n.build import Builder
    from dsl.n8n.read import Reader
    from dsl.n8n.regions import Region
    from dsl.n8n.source import Raw

_FOREVER = 1000  # rounds of a loop that has no end


def write(builder: "Builder", node: Node) -> None:
    if not builder.own and node.params.get("attached"):
        _native(builder, node)
        return
    _notes(builder, node)
    start = builder.helper(node, "start", "code", {}, -1)
    check = builder.helper(node, "check", "if", _asks("={{ $json.$more }}"), -0.6, 0.5)
    item = builder.helper(node, "item", "noOp", {}, -0.3, 1)
    end = builder.helper(node, "round", "code", {}, 1, 1)
    by_name = {each["name"]: each for each in builder.written[-4:]}
    builder.entries[node.id] = start
    builder.exits[f"{node.id} body"] = item
    builder.exits[f"{node.id} round"] = end
    by_name[start]["parameters"] = _starts(builder, node)
    by_name[end]["parameters"] = _ends_round(builder, node)
    name = _owner(builder, node)
    builder.connect(check, item)
    builder.connect(check, name, 1)
    _until(builder, node, (start, end), check, name)
    builder.later.append(lambda: _wire_loose_ends(builder, node, item, end))


def _notes(builder: "Builder", node: Node) -> None:
    if node.params.get("parallel"):
        builder.note(node, "equivalent", "iterate.sequential", "The rounds run one after the other.")
    if node.params.get("on_item_error", "stop") != "stop":
        builder.note(node, "degraded", "iterate.errors", "A round that fails ends the run.")
    if node.kind == "loop" and node.params.get("count") is None:
        builder.note(node, "degraded", "loop.capped", f"It ends after {_FOREVER} rounds.")


def _asks(left: str) -> dict[str, Any]:
    operator = {"type": "boolean", "operation": "true", "singleValue": True}
    asked = {"id": "more", "leftValue": left, "rightValue": "", "operator": operator}
    options = {"caseSensitive": True, "leftValue": "", "typeValidation": "loose", "version": 3}
    return {"conditions": {"options": options, "conditions": [asked], "combinator": "and"}, "options": {}}


def _code(role: str, inputs: dict[str, str], body: str, facts: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"language": "javaScript", "jsCode": shims.written(shims.Shim(role, facts or {}, inputs), body)}


def _starts(builder: "Builder", node: Node) -> dict[str, Any]:
    printer = builder.printer(node, code=True)
    limit = node.params.get("limit" if node.kind == "iterate" else "count")
    inputs = {"limit": printer.js(limit)} if limit is not None else {}
    if node.kind == "iterate":
        inputs |= {f"list {name}": printer.js(value) for name, value in node.inputs.items()}
        return _code(
            "start", inputs, _START_ITERATE.replace("LIMIT", "inputs.limit" if limit is not None else "Infinity")
        )
    inputs |= {f"variable {name}": printer.js(each.get("value")) for name, each in _variables(node).items()}
    return _code("start", inputs, _START_LOOP.replace("LIMIT", "inputs.limit" if limit is not None else str(_FOREVER)))


_START_ITERATE = """const lists = {};
for (const [name, value] of Object.entries(inputs)) {
  if (name.startsWith("list ")) lists[name.slice(5)] = Array.isArray(value) ? value : value == null ? [] : [value];
}
const longest = Math.max(0, ...Object.values(lists).map((list) => list.length));
const $count = Math.min(longest, LIMIT);
const state = { $index: 0, $round: $runIndex * 1000000, $lists: lists, $count, $collected: {} };
state.$more = state.$count > 0;
for (const name of Object.keys(lists)) state[name] = lists[name][0] ?? null;
return [{ json: state }];"""
_START_LOOP = """const state = { $index: 0, $round: $runIndex * 1000000, $count: LIMIT, $collected: {} };
state.$more = state.$count > 0;
for (const [name, value] of Object.entries(inputs)) {
  if (name.startsWith("variable ")) state[name.slice(9)] = value ?? null;
}
return [{ json: state }];"""


def _variables(node: Node) -> dict[str, Any]:
    found: dict[str, Any] = node.params.get("variables") or {}
    return found


def _ends_round(builder: "Builder", node: Node) -> dict[str, Any]:
    """The body's last node stands for the place where what was set and made in the round is read."""
    return _code("round", _collected(builder, node), _COLLECT + _ROUND)


def _collected(builder: "Builder", node: Node) -> dict[str, str]:
    inside = _Inside(builder, node)
    collect = node.params.get("collect") or {}
    return {"state": inside.state(), **{f"collect {name}": inside.js(value) for name, value in collect.items()}}


_COLLECT = """const state = { ...inputs.state };
state.$collected = { ...state.$collected };
for (const [name, value] of Object.entries(inputs)) {
  if (name.startsWith("collect ")) {
    state.$collected[name.slice(8)] = [...(state.$collected[name.slice(8)] ?? []), value ?? null];
  }
}
"""
_ROUND = """state.$last = state.$index; // of the round that ends here
state.$index += 1;
state.$round += 1;
state.$more = state.$index < state.$count;
for (const [name, list] of Object.entries(state.$lists ?? {})) state[name] = list[state.$index] ?? null;
return [{ json: state }];"""


class _Inside:
    """Prints for the nodes that stand behind the whole body: all that is in it may have run, nothing surely has."""

    def __init__(self, builder: "Builder", owner: Node) -> None:
        self.builder, self.owner = builder, owner
        self.last = Node(f"{owner.id} round", "code", owner.title, pointer=owner.pointer)
        before = builder.reach.before.get(owner.id, 0)  # nothing is known of what stands in a ring
        for node in (owner, *(owner.body.nodes if owner.body else ())):
            before |= builder.reach.bits[node.id] if node.id in builder.reach.choices else 0
        builder.reach.before[self.last.id] = before
        builder.reach.choices[self.last.id] = builder.reach.choices.get(owner.id, {})

    def js(self, value: Value) -> str:
        return self.builder.printer(self.last, code=True).js(value)

    def state(self) -> str:
        return self.builder.latest(self.last, self.owner.id, ())


def _owner(builder: "Builder", node: Node) -> str:
    """The container's own node: the results of the rounds, and what about it is no value."""
    facts: dict[str, Any] = {}
    for key in ("parallel", "on_item_error", "flatten", "batch_of"):
        if key in node.params:
            facts[key] = node.params[key]
    if node.kind == "loop":
        facts["variables"] = {
            name: shims.type_name(each.get("type", Type())) for name, each in _variables(node).items()
        }
    facts["outputs"] = {name: shims.type_name(type_) for name, type_ in node.outputs.items()}
    facts["collect"] = list(node.params.get("collect") or {})
    flat = ".flat()" if node.params.get("flatten") else ""
    keep = "value !== null" if node.params.get("on_item_error") == "skip" else "true"
    left = "Object.fromEntries(left)" if node.kind == "loop" else "{}"
    body = f"""const state = $input.first().json;
const results = {{}};
for (const name of {text.Printer(str, str).js(facts["collect"])}) {{
  results[name] = (state.$collected[name] ?? []).filter((value) => {keep}){flat};
}}
const left = Object.entries(state).filter(([name]) => !name.startsWith("$"));
return [{{ json: {{ ...{left}, ...results, rounds: state.$index }} }}];"""
    code = shims.written(shims.Shim(node.kind, facts, {}), body)
    written = builder.add(node, "code", {"language": "javaScript", "jsCode": code}, role=node.kind)
    return str(written["name"])


def _until(builder: "Builder", node: Node, ends: tuple[str, str], check: str, name: str) -> None:
    """What makes a state leads to another round unless the loop ends there, before its first round as well."""
    start, end = ends
    until = node.params.get("until")
    if not until or not until.get("conditions"):
        builder.connect(start, check)
        builder.connect(end, check)
        return
    asking = [("until", end, 1.0)]
    if loops.is_asked_first(node):
        asking.insert(0, ("before", start, -0.8))
    else:
        builder.note(node, "degraded", "loop.until", loops.ASKED_LAST)
        builder.connect(start, check)
    for role, state, column in asking:
        printer = text.Printer(partial(_of_state, builder, node, state), partial(builder.script, node))
        asked = {"conditions": conditions.written(printer, until, False, f"{node.id}-{role}"), "options": {}}
        asks = builder.helper(node, role, "if", asked, column, 0.5)
        builder.connect(state, asks)
        builder.connect(asks, name)
        builder.connect(asks, check, 1)


def _of_state(builder: "Builder", node: Node, state: str, ref: Ref) -> str:
    if ref.scope in ("loop", "index") and ref.node == node.id:
        path = ("$last",) if ref.scope == "index" else ref.path
        return f"$('{state}').first().json{text.steps(path)}"
    return builder.reference(node, ref, True)


def _wire_loose_ends(builder: "Builder", node: Node, item: str, end: str) -> None:
    """Every way through the body leads to the next round."""
    body = node.body
    assert body is not None
    if not any(edge.source == node.id for edge in body.edges):
        builder.connect(item, end)
    leaving = {(edge.source, edge.port) for edge in body.edges}
    for inner in body.nodes:
        if KINDS[inner.kind].last and inner.kind != "end":
            continue
        for port in ports(inner) if inner.kind != "end" else ["out"]:
            if (inner.id, port) not in leaving and port != "body":
                builder.connect(*_to(builder.exit(inner, port), end))


def _to(source: tuple[str, int], target: str) -> tuple[str, str, int]:
    return source[0], target, source[1]


def _native(builder: "Builder", node: Node) -> None:
    """splitOut and aggregate, or splitInBatches, as they were read."""
    pieces = {piece["port"]: piece for piece in node.params["attached"]}
    first = pieces["container"]
    params = builder.printer(node).param(dict(first.get("parameters") or {}))
    kind = tables.short(first["type"])
    if kind == "splitOut" and "fieldToSplitOut" not in params:
        listed = node.inputs.get("item")
        printed = text.Printer(lambda ref: builder.reference(node, ref, False), lambda script: script.source).js(listed)
        params["fieldToSplitOut"] = _field(printed)
    written = builder.add(node, kind, params)
    written["typeVersion"] = first["version"]
    builder.exits[f"{node.id} body"] = builder.names[node.id]
    if kind == "splitInBatches":
        builder.later.append(lambda: _wire_loose_ends(builder, node, builder.names[node.id], builder.names[node.id]))
        builder.outputs[f"{node.id} body"] = 1
    elif "end" in pieces:
        _native_end(builder, node, pieces["end"])


def _field(printed: str) -> str:
    """The field of the item that the list is, out of the JavaScript that reads it."""
    found = text.path_at(printed, 0)
    return ".".join(map(str, found[0].steps)) if found and found[0].steps else "data"


def _native_end(builder: "Builder", node: Node, piece: dict[str, Any]) -> None:
    name = builder.named(piece["name"])
    params = builder.printer(node).param(piece.get("parameters") or {})
    x, y = builder.positions[node.id]
    builder.written.append(
        {
            "parameters": params,
            "id": piece["id"],
            "name": name,
            "type": piece["type"],
            "typeVersion": piece["version"],
            "position": piece.get("position") or [x + 220, y],
        }
    )
    builder.later.append(lambda: _wire_loose_ends(builder, node, name, name))
    builder.exits[node.id] = name


# -- leaving and setting


def leave(builder: "Builder", node: Node) -> None:
    """break and continue: the state as it is now goes to the container's node, or to the end of the round.

    What the round made until it is left is collected as that of others, there or here.
    """
    owner = builder.around.get(node.id)
    if owner is None:
        scripts.stub(builder, node, "It stands in no loop.")
        return
    inputs, body = {"state": builder.latest(node, owner.id, ())}, "return [{ json: inputs.state }];"
    if node.kind == "break" and (collect := owner.params.get("collect")):
        printer = builder.printer(node, code=True)
        inputs |= {f"collect {name}": printer.js(value) for name, value in collect.items()}
        body = f"{_COLLECT}return [{{ json: state }}];"
    builder.add(node, "code", _code(node.kind, inputs, body), role=node.kind)
    target = builder.names[owner.id] if node.kind == "break" else builder.exits.get(f"{owner.id} round")
    if target:
        builder.connect(builder.names[node.id], target)


_APPLY = {
    "set": "{1}",
    "clear": "null",
    "append": "[...({0} ?? []), {1}]",
    "extend": "[...({0} ?? []), ...({1} ?? [])]",
    "add": "({0} ?? 0) + {1}",
    "subtract": "({0} ?? 0) - {1}",
    "multiply": "({0} ?? 0) * {1}",
    "divide": "({0} ?? 0) / {1}",
    "remove_first": "({0} ?? []).slice(1)",
    "remove_last": "({0} ?? []).slice(0, -1)",
}


def assign(builder: "Builder", node: Node) -> None:
    """Variables of a loop go on in the state, those of the conversation in the static data too."""
    items = node.params.get("items", [])
    scopes = {item["target"].scope for item in items if isinstance(item.get("target"), Ref)}
    owners = {item["target"].node for item in items if isinstance(item.get("target"), Ref)}
    if len(scopes) != 1 or len(owners) != 1 or not scopes <= {"session", "loop"}:
        scripts.stub(
            builder, node, "n8n can set variables of one loop or of the conversation in a node, and no others."
        )
        return
    owner = owners.pop()
    printer = builder.printer(node, code=True)
    facts = {"items": [{"name": list(item["target"].path), "op": item["op"]} for item in items], "owner": owner}
    inputs = {"state": builder.latest(node, owner, ())}
    inputs |= {f"value {i}": printer.js(item.get("value")) for i, item in enumerate(items)}
    if scopes == {"session"}:
        inputs["session"] = builder.reference(node, Ref("", ("conversation_id",), "system"), True)
    lines = ["const state = { ...inputs.state };"]
    for i, item in enumerate(items):
        place, value = "state" + text.steps(item["target"].path), f'inputs["value {i}"]'
        lines.append(f"{place} = {_APPLY[item['op']].format(place, value)};")
    if scopes == {"session"}:
        lines += [
            'const data = $getWorkflowStaticData("global");',
            '(data.sessions ??= {})[inputs.session ?? ""] = state;',
        ]
    lines.append("return [{ json: { ...state, is_success: true } }];")
    scripts.shim(builder, node, "assign", facts, inputs, "\n".join(lines))


# -- reading


def read(reader: "Reader", raw: "Raw", node: Node, region: "Region") -> None:
    shim = shims.parsed(raw.params["jsCode"])
    assert shim is not None
    helpers = {role: reader.nodes[name] for name, role in region.helpers.items()}
    facts = shim.facts
    node.kind = region.kind if region.kind == "loop" else "iterate"
    for key in ("parallel", "on_item_error", "flatten", "batch_of"):
        if key in facts:
            node.params[key] = facts[key]
    declared = facts.get("outputs")
    node.outputs = (
        {str(name): shims.type_of(each) for name, each in declared.items()} if isinstance(declared, dict) else {}
    )
    first, last = _inputs(reader, helpers["start"]), _inputs(reader, helpers["round"])
    if collect := {name[8:]: value for name, value in last.items() if name.startswith("collect ")}:
        node.params["collect"] = collect
    if "limit" in first:
        node.params["limit" if node.kind == "iterate" else "count"] = first["limit"]
    node.inputs = {name[5:]: value for name, value in first.items() if name.startswith("list ")}
    if node.kind == "loop":
        _read_loop(reader, node, helpers, facts, first)


def _read_loop(reader: "Reader", node: Node, helpers: Any, facts: dict[str, Any], first: dict[str, Value]) -> None:
    told = facts.get("variables")
    types = told if isinstance(told, dict) else {}
    values = {name[9:]: value for name, value in first.items() if name.startswith("variable ")}
    if values:
        node.params["variables"] = {
            name: {"type": shims.type_of(types.get(name)), "value": value} for name, value in values.items()
        }
    if "until" in helpers:
        node.params["until"] = conditions.read(reader, helpers["until"], helpers["until"].params.get("conditions"))


def _inputs(reader: "Reader", raw: "Raw") -> dict[str, Value]:
    shim = shims.parsed(raw.params.get("jsCode", "")) if isinstance(raw.params.get("jsCode"), str) else None
    return {name: text.javascript(source, reader.resolve(raw)) for name, source in shim.inputs.items()} if shim else {}
