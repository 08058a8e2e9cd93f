"""A flow of any platform as one that Dify has nodes for: the recipes for what it does not have.

Nothing here knows Dify's file format. What a recipe makes is found again by `dsl.dify.recipes` when the file is read.
"""

import json
import re
from collections.abc import Callable, Collection
from dataclasses import replace
from functools import partial
from typing import Any

from dsl import computed, knowledge, looped, rings, typescript
from dsl.bodies import as_text
from dsl.classes import translate
from dsl.dify import names, shims
from dsl.dify.expressions import BEGIN, END, LISTED, Call, elements
from dsl.dify.lacking import PLATFORM
from dsl.dify.readers import OTHER_CLASS
from dsl.dify.resources import secret_name
from dsl.dify.settle import Wanted, condition_is_native, settle
from dsl.dify.starts import starts
from dsl.dify.tidy import tidy
from dsl.dify.work import ANY, OBJECT, STRING, Work, literal_type
from dsl.ir import Edge, Flow, Graph, Node, Ref, Script, Text, Type, Value
from dsl.kinds import outputs, ports
from dsl.lacking import supply, there
from dsl.loops import INDEX, ROUND, begin
from dsl.values import map_refs, node_refs, parts, refs, unique

COLLECTS, COUNTS = "flowstill: collects", "flowstill: counts"  # descriptions of nodes that hold no code


def lowered(flow: Flow) -> Work:
    work = Work(flow)
    if not work.own:
        computed.as_lists(work.flow)
    _supply(work)
    tidy(work)
    starts(work)
    work.counted = {ref.node for node in work.all() for ref in node_refs(node) if ref == Ref(ref.node, (), "index")}
    for recipes in (CONTAINERS, RECIPES):
        for node in work.all():
            if recipe := recipes.get(node.kind):
                recipe(work, node)
    for node in work.all():
        _errors(work, node)
        settle(work, node)
    work.insert()
    return work


def _supply(work: Work) -> None:
    if not work.own:
        taken = {*work.nodes}
        looped.as_loops(work.flow.graph, taken, partial(_looped, work))
        rings.cut(work.flow.graph, taken, partial(_cut, work))
        work.index()
        as_text(work.flow.graph, {*work.nodes}, lambda node, made: None)
        translate(work.flow, "dify", {*work.nodes}, partial(_translated, work))
        work.index()
        supply(work.flow, PLATFORM, work.note)
    knowledge.request(work.flow, "python3", work.note, fetch=True)
    work.index()


def _looped(work: Work, node: Node, made: list[Node]) -> None:
    work.note(node, "degraded", "flow.ring", looped.MESSAGE)


def _cut(work: Work, node: Node, end: Node) -> None:
    work.note(node, "stub", "flow.ring", rings.MESSAGE, rings.ADVICE)


def _translated(work: Work, node: Node, before: Node) -> None:
    message = "A code node puts the class that was chosen into the words of the other platform."
    work.note(node, "equivalent", "class.output", message)


def _redirect(work: Work, change: Callable[[Ref], Value]) -> None:
    for node in work.all():
        node.params, node.inputs = map_refs(node.params, change), map_refs(node.inputs, change)


# -- values that are computed


def _set(work: Work, node: Node) -> None:
    """Fields by name; a dotted name is a field of an object."""
    value: dict[str, Value] = {}
    for name, inner in node.inputs.items():
        here, *below = name.split(".")
        place = value
        if work.flow.dialect == "n8n" and node.outputs.get(name) == STRING and isinstance(inner, (Ref, Script)):
            inner = Text((inner,)) if _known_type(work, inner) == ANY else inner  # n8n makes a text of what it is
        for step in below:
            place[here] = place[here] if isinstance(place.get(here), dict) else {}
            place, here = place[here], step
        place[here] = inner
    types = {name: _known_type(work, inner) for name, inner in value.items()}
    declared = dict(node.outputs)
    word = "set keep" if node.params.get("keep") else "set"
    work.program(node, word, value, types)
    node.outputs = {name: declared.get(name, type_) for name, type_ in types.items()}


def _known_type(work: Work, value: Value) -> Type:
    return work.type_of(value) if isinstance(value, Ref) else literal_type(value)


def _split(work: Work, node: Node) -> None:
    value = {"items": Call("split", (node.params.get("text"), list(node.params.get("delimiters", []))))}
    work.program(node, "split", value, {"items": Type("array", items=STRING)})


def _json_parse(work: Work, node: Node) -> None:
    type_ = node.outputs.get("output", ANY)
    work.program(node, "json_parse", {"output": Call("parse", (node.params.get("value"),))}, {"output": type_})


def _json_dump(work: Work, node: Node) -> None:
    work.program(node, "json_dump", {"output": Call("dump", (node.params.get("value"),))}, {"output": STRING})


def _stop(work: Work, node: Node) -> None:
    message = Text(parts(node.params.get("message", "")))
    work.program(node, "stop", message, {}, "raise")


def _pass(work: Work, node: Node) -> None:
    """A template that prints nothing. Where nothing follows it, a round of a loop ends: that is what continue means."""
    word = node.kind
    node.kind, node.outputs = "template", {}
    node.params = {"template": Script("jinja2", f"{{# {BEGIN} {word} #}}{{# {END} #}}")}


def _opaque(work: Work, node: Node) -> None:
    if work.own and not node.params.get("stub"):
        return
    kind = str(node.params.get("type", "unknown"))
    _stub(work, node, f"{node.title or node.id} ({kind}) has no counterpart in Dify.", kind)


def _stub(work: Work, node: Node, why: str, word: str = "", code: str = "kind.unsupported") -> None:
    """Same id, title, inputs and outputs; it fails when it runs, and says why."""
    if not work.own:
        advice = "Replace the node by hand: it fails when it runs."
        work.note(node, "stub", code, why, advice)
    given = {name: value for name, value in node.inputs.items() if work.is_native(value)}
    word = re.sub(r"\s+", " ", word or node.kind).strip()[:100]
    types, kept, body = dict(node.outputs), {name: given[name] for name in given if name.isidentifier()}, node.body
    node.kind, node.body, node.inputs, node.outputs = "code", None, kept, types
    arguments = ", ".join(f"{name}=None" for name in kept)
    source = f"# {BEGIN} stub {word}\ndef main({arguments}):\n    raise RuntimeError({why!r})\n# {END}\n"
    node.params = {"lang": "python3", "source": source, "style": "done"}
    for inner in body.nodes if body else []:
        work.nodes.pop(inner.id, None)


def _code(work: Work, node: Node) -> None:
    """Calls the code in its own way and hands on what it declares."""
    lang, style = node.params.get("lang", "python3"), str(node.params.get("style", "kwargs"))
    if style == "done":
        return
    if style in ("items", "item"):
        _promise(work, node)
    loose = {name: type_ for name, type_ in node.outputs.items() if name == computed.ALL or not _declarable(type_)}
    boxed = {name: names.word_of(type_) for name, type_ in loose.items()}
    if style == "kwargs" and not boxed:
        return
    work.boxed |= {(node.id, name) for name in boxed}
    code = shims.Code(lang, str(node.params.get("source", "")), style, [], list(node.outputs), boxed)
    if style in ("items", "item"):
        _incoming(work, node, code)
    code.inputs = list(node.inputs)
    node.params = {**node.params, "source": shims.wrapped(code), "style": "done"}
    if not work.own:
        work.note(node, "equivalent", "code.wrapped", "Generated lines around the code call it in its own way.")
    if lang == "javascript" and typescript.has_more(code.source):
        work.note(node, "degraded", "code.typescript", typescript.MORE, typescript.ADVICE)


def _declarable(type_: Type) -> bool:
    word = names.word_of(type_)
    return word in names.CODE_TYPES or word in ("integer", "secret")


def _promise(work: Work, node: Node) -> None:
    """n8n's code declares nothing: its outputs are what others read."""
    for other in work.all():
        for ref in refs([other.params, other.inputs]):
            if ref.node == node.id and ref.scope == "node" and ref.path and ref.path[0] != "error":
                node.outputs.setdefault(str(ref.path[0]), ANY)


def _incoming(work: Work, node: Node, code: shims.Code) -> None:
    """What n8n's code sees, as arguments."""
    column = lambda ref: work.columns[ref.node](ref) if ref.node in work.columns else ref  # noqa: E731
    node.inputs, code.fields = computed.seen(node, work.where[node.id], work.nodes, there(PLATFORM.lacks), column)


def _template(work: Work, node: Node) -> None:
    """Text with references as a Jinja template that prints them."""
    template = node.params.get("template", "")
    if isinstance(template, Script) and template.lang == "jinja2":
        return
    named: dict[Value, str] = {}
    source = f"{{# {BEGIN} text #}}{{# {END} #}}"
    for part in parts(template):
        if isinstance(part, str):
            source += re.sub(r"\{(?=[{%#])", "{{ '{' }}", part)
            continue
        if part not in named:
            stem = re.sub(
                r"\W", "_", str(part.path[-1]) if isinstance(part, Ref) and part.path else "value", flags=re.A
            )
            named[part] = _free(f"v_{stem}"[:28] if not re.match("[A-Za-z]", stem) else stem[:28], set(named.values()))
        source += "{{ " + _printed(node, named[part], _as_list(work, node, part)) + " }}"
    node.inputs = {name: part if _as_list(work, node, part) else _printable(work, part) for part, name in named.items()}
    node.params = {"template": Script("jinja2", source)}


def _as_list(work: Work, node: Node, value: Value) -> str:
    """`array` for what the delimiter joins, `any` where that is seen when it runs."""
    type_ = work.type_of(value).name if isinstance(value, Ref) and "delimiter" in node.params else ""
    return type_ if type_ in ("array", "any") else ""


def _printed(node: Node, name: str, as_list: str) -> str:
    if not as_list:
        return name
    joined = f"{name} | join({json.dumps(node.params['delimiter'], ensure_ascii=False)})"
    is_list = f"{name} is sequence and {name} is not string and {name} is not mapping"
    return joined if as_list == "array" else f"{joined} if {is_list} else {name}"


def _printable(work: Work, value: Value) -> Value:
    """Objects and lists print as JSON in texts, as Python in templates."""
    known = work.type_of(value).name if isinstance(value, Ref) else "any"
    return Text((value,)) if known in ("object", "array") else value


def _free(name: str, taken: set[str]) -> str:
    return unique(name, set(taken))


# -- lists


_LIST_WORDS = {
    "string": {"contains", "not_contains", "starts", "ends", "eq", "ne", "in", "not_in", "empty", "not_empty"},
    "number": {"eq", "ne", "lt", "le", "gt", "ge"},
    "file": {"contains", "not_contains", "starts", "ends", "eq", "ne", "in", "not_in", "lt", "le", "gt", "ge"},
}


def _list(work: Work, node: Node) -> None:
    if _list_is_native(work, node):
        return
    wanted = {key: node.params[key] for key in LISTED if node.params.get(key) is not None}
    if "filter" in wanted:
        wanted["filter"] = elements(wanted["filter"])
    spec = [wanted.get(key, [] if key == "sort" else None) for key in LISTED]
    result = work.type_of(node.params["list"]) if isinstance(node.params.get("list"), Ref) else ANY
    label = outputs(node)["result"].label
    work.program(node, "list", Call("listed", (node.params.get("list"), *spec)), {})
    item = result.items or ANY
    node.outputs = {"result": Type("array", items=item, label=label), "first": item, "last": item}
    work.boxed |= {(node.id, name) for name in node.outputs}


def _list_is_native(work: Work, node: Node) -> bool:
    given = node.params
    limit, conditions = given.get("limit") or {}, given.get("filter") or {"logic": "and", "conditions": []}
    if given.get("unique") is not None or limit.get("keep") == "last" or len(given.get("sort") or []) > 1:
        return False
    if not isinstance(limit.get("size") or 0, int) or (
        conditions["logic"] == "or" and len(conditions["conditions"]) > 1
    ):
        return False
    if not all(isinstance(each.get("left"), Ref) and each["left"].scope == "item" for each in conditions["conditions"]):
        return False
    return _has_list_words(work, node, conditions["conditions"])


def _has_list_words(work: Work, node: Node, conditions: list[dict[str, Any]]) -> bool:
    """Whether Dify filters lists of such elements so. It knows texts, numbers and files, and no objects."""
    list_ = node.params.get("list")
    type_ = work.type_of(list_) if isinstance(list_, Ref) else ANY
    item = type_.items.name if type_.items else "any"
    if work.own and (list_ is None or (item == "any" and not _is_computed(work, list_))):
        return True
    if not work.is_native(list_):
        return False
    return item in _LIST_WORDS and (work.own or all(each["op"] in _LIST_WORDS[item] for each in conditions))


def _is_computed(work: Work, value: Value) -> bool:
    """Whether it comes from a node of ours, which Dify takes for an object."""
    node = work.nodes.get(value.node) if isinstance(value, Ref) else None
    return node is not None and (node.params.get("style") == "done" or node.kind in ("json_parse", "set", "list"))


# -- branches


def _agent(work: Work, node: Node) -> None:
    """An agent of Dify has no schema: it is told what to answer, as n8n's is."""
    if work.own or not (schema := node.params.get("schema")):
        return
    asked = f"Answer with one JSON object that fits this JSON schema, and nothing around it:\n{json.dumps(schema)}"
    node.params["messages"] = [*node.params.get("messages", []), {"role": "system", "text": asked}]
    message = (
        "An agent has no schema in Dify: the instruction asks for JSON, and another answer fails where it is read."
    )
    work.note(node, "degraded", "agent.schema", message, "Try it with the model that is chosen.")


def _classify(work: Work, node: Node) -> None:
    """Dify takes the first class for what fits none: where that is wrong, a class of its own stands for it."""
    graph = work.where[node.id]
    classes = [dict(each) for each in node.params.get("classes", [])]
    described = [f"{each['name']}: {each['description']}" for each in classes if each.get("description")]
    if described:
        note = "The descriptions of the classes stand in the instruction."
        work.note(node, "equivalent", "classify.description", note)
        old = node.params.get("instruction", "")
        node.params["instruction"] = Text((*parts(old), ("\n\n" if old else "") + "\n".join(described)))
    ports = ("class:0", f"class:{len(classes) - 1}", "default")
    first, last, default = (_targets(graph, node, port) for port in ports)
    if default in (first, last):
        graph.edges[:] = [edge for edge in graph.edges if (edge.source, edge.port) != (node.id, "default")]
    if default and default == last != first:
        note = "What fits no class takes the last one, which leads to the same node."
        work.note(node, "equivalent", "classify.default", note)
    elif default and default != first:
        classes.append({"name": "anything else", "id": OTHER_CLASS})
    node.params["classes"] = classes


def _targets(graph: Graph, node: Node, port: str) -> set[str]:
    return {edge.target for edge in graph.edges if (edge.source, edge.port) == (node.id, port)}


def _end(work: Work, node: Node) -> None:
    if node.params.get("message") in (None, ""):
        return
    message = node.params.pop("message")
    if work.flow.mode == "chat":
        if node.inputs:
            work.note(node, "dropped", "end.results", "A chat has an answer and no results.")
        node.kind, node.params, node.inputs, node.outputs = "answer", {"text": message}, {}, {}
        return
    work.note(node, "equivalent", "end.message", "The answer is a result called answer.")
    name = _free("answer", set(node.inputs))
    node.inputs[name], node.outputs[name] = message, STRING


def _answer(work: Work, node: Node) -> None:
    if work.flow.mode == "workflow" and not work.own:
        message = "An app of the mode workflow shows no messages on its way; this one is only an output of its node."
        work.note(node, "degraded", "answer.workflow", message, "Make the app a chatflow if the message is to be seen.")


def _aggregate(work: Work, node: Node) -> None:
    skip = node.params.get("skip", "missing")
    if skip != "missing" and not work.own:
        message = f"Dify takes the first value that exists; values that are {skip} are skipped where this comes from."
        work.note(node, "degraded", "aggregate.falsy", message, "Check that no branch yields such a value.")
    groups = [dict(group) for group in node.params.get("groups", [])]
    if len(groups) == 1 and groups[0]["name"] != "output" and not work.own:
        work.moved[node.id, str(groups[0]["name"])] = "output"
        node.outputs = {"output": groups[0]["type"]}
        groups[0]["name"] = "output"
    for group in groups:
        group["values"] = [_at_producer(work, node, value) for value in group["values"]]
    node.params["groups"] = groups


def _at_producer(work: Work, node: Node, value: Value) -> Value:
    """What has to be computed exists from then on: so that happens where its source is, not at the aggregator."""
    producer = work.nodes.get(value.node) if isinstance(value, Ref) and value.scope == "node" else None
    port = "done" if producer is not None and producer.body is not None else "out"
    if producer is None or work.is_native(value) or port not in ports(producer):
        return value
    helper = work.add(
        Node(work.new_id(f"{node.id}_{producer.id}"), "code", f"{node.title} value"), producer, after=True
    )
    work.after(producer, helper, port)
    work.program(helper, "values", {"value": value}, {"value": work.type_of(value)})
    return Ref(helper.id, ("value",))


# -- containers


def _iterate(work: Work, node: Node) -> None:
    _collect(work, node)
    lists = dict(node.inputs)
    limit = node.params.get("limit")
    if len(lists) > 1:
        node.inputs = {"item": Call("rows", (lists, limit))}
        _redirect(work, lambda ref: replace(ref, path=("item", *ref.path)) if _is_item(ref, node) else ref)
    elif lists:
        name, value = next(iter(lists.items()))
        node.inputs = {"item": Call("first", (value, limit)) if limit is not None else value}
        if name != "item":
            change = lambda ref: replace(ref, path=("item", *ref.path[1:])) if _is_item(ref, node) else ref  # noqa: E731
            _redirect(work, change)
    _nested(work, node)


def _is_item(ref: Ref, node: Node) -> bool:
    return ref.scope == "item" and ref.node == node.id


def _nested(work: Work, node: Node) -> None:
    if work.container[node.id] and not work.own:
        message = "Dify's engine runs a container inside another one; its editor is not made for it."
        work.note(node, "equivalent", "container.nested", message)


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

    _redirect(work, column)
    work.columns[node.id] = column


def _loop(work: Work, node: Node) -> None:
    own = dict(node.params.get("variables") or {})  # among them may be those that count elsewhere
    node.params["variables"] = {**own}
    _count(work, node)
    _until(work, node)
    _gather(work, node)
    _rounds(work, node, own)
    _nested(work, node)


_EDITED = 100  # rounds that Dify's editor takes


def _count(work: Work, node: Node) -> None:
    count = node.params.get("count")
    if count is None and work.own:
        return
    if count is None:
        node.params["count"] = 100
        message = "The loop has no end of its own; Dify runs it 100 times at most."
        work.note(node, "degraded", "loop.capped", message, "Set the number of rounds that is enough.")
    elif isinstance(count, int) and count > _EDITED and not work.own:
        message = f"Dify runs all {count} rounds; its editor shows {_EDITED} at most, and may save them."
        work.note(node, "degraded", "loop.capped", message, "Leave the number of rounds alone there.")
    elif not isinstance(count, int) or isinstance(count, bool) or (count < 1 and not work.own):
        # what is tested before the first round, too, is how a loop may have none: Dify takes no count below 1
        node.params["count"] = 100
        variables = node.params["variables"]
        variables[name := _free(ROUND, {*variables})] = {"type": Type("number"), "value": 0}
        condition = {"left": Ref(node.id, (name,), "loop"), "op": "ge", "right": count, "type": "number"}
        _break_when(work, node, condition)
        if not work.own and not isinstance(count, int):
            work.note(node, "degraded", "loop.capped", "More than 100 rounds are not run.")


def _break_when(work: Work, node: Node, condition: dict[str, Value]) -> None:
    until = node.params.get("until")
    if until and until["logic"] == "and" and len(until["conditions"]) > 1:
        _tail_break(work, node, until)
        until = None
    before = until["conditions"] if until else []
    node.params["until"] = {"logic": "or", "conditions": [*before, condition]}


def _tail_break(work: Work, node: Node, until: dict[str, Value]) -> None:
    """A condition that the loop itself cannot test is tested by the last node of the body."""
    test = Node(work.new_id(f"{node.id}_until"), "if", f"{node.title} until", params={"cases": [until]})
    work.at_end(node, test)
    leave = Node(work.new_id(f"{node.id}_leave"), "break", f"{node.title} leave")
    work.add(leave, test, after=True)
    work.where[test.id].edges.append(Edge(test.id, leave.id, "case:0"))


def _until(work: Work, node: Node) -> None:
    until = node.params.get("until")
    if until and not all(condition_is_native(work, each) for each in until["conditions"]):
        node.params["until"] = None
        _tail_break(work, node, until)


def _gather(work: Work, node: Node) -> None:
    """What a loop collects grows in a variable of it."""
    for name, value in (node.params.get("collect") or {}).items():
        item = work.type_of(value) if isinstance(value, Ref) else ANY
        label = _free(name, set(node.params["variables"]))
        list_ = Type("array", items=item if item.name in ("string", "number", "boolean") else OBJECT)
        node.params["variables"][label] = {"type": list_, "value": []}
        node.outputs[label] = list_
        keeper = Node(work.new_id(f"{node.id}_{label}"), "assign", f"Collect {label}", COLLECTS)
        keeper.params = {"items": [{"target": Ref(node.id, (label,), "loop"), "op": "append", "value": value}]}
        producer = work.nodes.get(value.node) if isinstance(value, Ref) else None
        if producer is not None and work.where[producer.id] is node.body and "out" in ports(producer):
            work.add(keeper, producer, after=True)
            work.after(producer, keeper)
        else:
            work.at_end(node, keeper)
    node.params.pop("collect", None)


def _rounds(work: Work, node: Node, own: Collection[str]) -> None:
    """Counts the rounds at the beginning of each where something reads the number."""
    index, variables = Ref(node.id, (), "index"), node.params["variables"]
    if node.id in work.counted:
        variables[name := _free(INDEX, {*variables})] = {"type": Type("number"), "value": -1}
        _redirect(work, lambda ref: Ref(node.id, (name,), "loop") if ref == index else ref)
    counted = [name for name, each in variables.items() if name not in own and each["type"].name == "number"]
    if not counted or node.body is None:
        return
    counter = Node(work.new_id(f"{node.id}_round"), "assign", f"{node.title} round", COUNTS)
    items = [{"target": Ref(node.id, (name,), "loop"), "op": "add", "value": 1} for name in counted]
    counter.params = {"items": items}
    begin(node, counter)
    work.nodes[counter.id], work.where[counter.id], work.container[counter.id] = counter, node.body, node.id


def _break(work: Work, node: Node) -> None:
    above = work.nodes.get(work.container[node.id])
    while above is not None and above.kind == "iterate":
        above = work.nodes.get(work.container[above.id])
        if above is not None and above.kind == "loop":
            break
    container = work.nodes.get(work.container[node.id])
    if not work.own and (container is None or container.kind != "loop"):
        _stub(work, node, "Dify cannot leave an iteration before its end.", "break")


# -- what is assigned


def _assign(work: Work, node: Node) -> None:
    items = node.params.get("items", [])
    fixed = [item["target"] for item in items if getattr(item["target"], "scope", "") not in ("session", "loop")]
    if fixed and not work.own:
        where = ".".join(map(str, getattr(fixed[0], "path", ())))
        _stub(work, node, f"Dify cannot change {where}: it is neither of a chat nor of a loop.", code="assign.target")
        return
    node.params["items"] = [_operation(work, item) for item in items]


_ARITHMETIC = ("add", "subtract", "multiply", "divide")


def _operation(work: Work, item: dict[str, Any]) -> dict[str, Any]:
    """Arithmetic takes constants only, lists and texts values of nodes only."""
    op, value = item["op"], item.get("value")
    if op in _ARITHMETIC and isinstance(value, (Ref, Text)):
        return {**item, "op": "set", "value": Wanted(Call("calc", (op, item["target"], value)))}
    if isinstance(value, (Text, Script)) or op in ("append", "extend") or (op == "set" and isinstance(value, list)):
        return {**item, "value": Wanted(value)}
    return item


# -- services


def _http(work: Work, node: Node) -> None:
    auth = node.params.get("auth") or {}
    if auth.get("type") == "query":
        value = auth.get("value") or _key(work, node, auth)
        pairs = [*(node.params.get("query") or []), [auth.get("name") or "key", value]]
        node.params = {**node.params, "query": pairs}
        node.params.pop("auth")
    if node.params.get("follow_redirects") is False:
        work.note(node, "degraded", "http.redirects", "Dify follows redirects.")


def _key(work: Work, node: Node, auth: dict[str, Any]) -> Value:
    return Text((Ref("", (secret_name(work, auth.get("credential"), node),), "env"),))


_ZEROS = {"string": "", "number": 0, "integer": 0, "object": {}, "array": []}


def _errors(work: Work, node: Node) -> None:
    if node.on_error.then == "continue":
        zeros: dict[str, Any] = {}
        for name in outputs(node):
            type_ = work.type_of(Ref(node.id, (name,)))
            if type_.name in _ZEROS:
                zeros[name] = _ZEROS[type_.name]
        node.on_error = replace(node.on_error, then="default", default=zeros)
        message = "When the node fails its outputs are empty; where this comes from they hold the error."
        work.note(node, "degraded", "error.continue", message)
    if node.on_error.timeout_ms and node.kind != "http" and not work.own:
        work.note(node, "degraded", "error.timeout", "Dify has a timeout for HTTP requests only.")


def _unsupported_ask(work: Work, node: Node) -> None:
    """Options are buttons, whose titles hold no references."""
    if any(isinstance(each, (Ref, Text)) for each in node.params.get("options", [])):
        work.note(node, "degraded", "ask.options", "The titles of buttons cannot refer to values.")


Recipe = Callable[[Work, Node], None]
RECIPES: dict[str, Recipe] = {
    "set": _set,
    "split": _split,
    "json_parse": _json_parse,
    "json_dump": _json_dump,
    "stop": _stop,
    "pass": _pass,
    "continue": _pass,
    "opaque": _opaque,
    "code": _code,
    "template": _template,
    "list": _list,
    "agent": _agent,
    "classify": _classify,
    "end": _end,
    "answer": _answer,
    "aggregate": _aggregate,
    "break": _break,
    "assign": _assign,
    "http": _http,
    "ask": _unsupported_ask,
}
CONTAINERS: dict[str, Recipe] = {"iterate": _iterate, "loop": _loop}
