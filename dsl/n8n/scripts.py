"""Code, and what code nodes and set nodes compute in n8n: lists, JSON, templates, variables; and stubs that fail."""

from typing import TYPE_CHECKING, Any

from dsl import computed, typescript, values
from dsl.delimiters import may_be_list
from dsl.ir import Node, Ref, Script, Text, Type, Value
from dsl.n8n import conditions, python, shims, tables, text
from dsl.steps import PRINTED, as_python, plain

if TYPE_CHECKING:
    from collections.abc import Callable

    from dsl.n8n.build import Builder


def assigned(
    fields: dict[str, Value], kinds: dict[str, str | None], printer: text.Printer, *, keep: bool = False
) -> dict[str, Any]:
    items = [
        {"id": name, "name": name, "type": kinds[name] or "string", "value": printer.value(value)}
        for name, value in fields.items()
    ]
    kept = {"includeOtherFields": True} if keep else {}
    return {"assignments": {"assignments": items}, **kept, "options": {"ignoreConversionErrors": True}}


def nested(fields: dict[str, Value]) -> dict[str, Value]:
    """A dotted name is a nested field."""
    result: dict[str, Value] = {}
    for name, value in fields.items():
        *above, last = name.split(".")
        inside = result
        for step in above:
            inside = inside[step] if isinstance(inside.get(step), dict) else inside.setdefault(step, {})
        inside[last] = value
    return result


def shim(
    builder: "Builder", node: Node, role: str, facts: dict[str, Any], inputs: dict[str, str], body: str, **more: Any
) -> None:
    declared = {name: shims.type_name(type_) for name, type_ in node.outputs.items()}
    facts = facts | ({"outputs": declared} if declared else {})
    code = shims.written(shims.Shim(role, facts, inputs, more.pop("source", "")), body, **more)
    builder.add(node, "code", {"language": "javaScript", "jsCode": code}, role=role if builder.own else "")


def printed(builder: "Builder", node: Node, fields: dict[str, Value]) -> dict[str, str]:
    printer = builder.printer(node, code=True)
    return {name: printer.js(value) for name, value in fields.items()}


def code(builder: "Builder", node: Node) -> None:
    source, style = node.params.get("source", ""), node.params.get("style", "kwargs")
    lang = node.params.get("lang", "javascript")
    if lang == "javascript" and style in computed.RUNS and not _comes_in(builder, node):
        _given(builder, node, source, style)
    elif lang == "javascript" and style in ("items", "item"):
        ids = [ref.node for ref in values.refs(node.inputs) if ref.scope == "node"]
        mode = {"mode": "runOnceForEachItem"} if style == "item" else {}
        builder.add(node, "code", {**mode, "jsCode": builder.renamed(source, ids)})
    elif lang != "javascript" and style in ("items", "item") and not builder.own:
        mode = {"mode": "runOnceForEachItem"} if style == "item" else {}
        builder.add(node, "code", {**mode, "language": "pythonNative", "pythonCode": source})
    elif lang == "javascript":
        call = "await main(inputs)" if style == "kwargs" else "await main({ params: inputs })"
        builder.note(node, "equivalent", "code.wrapped", "The code is called by an adapter around it.")
        if typescript.has_more(source):
            builder.note(node, "degraded", "code.typescript", typescript.MORE, typescript.ADVICE)
        shim(
            builder,
            node,
            style,
            {},
            printed(builder, node, node.inputs),
            "",
            source=typescript.hidden(source) if style == "args" else source,
            call=f"return [{{ json: {call} }}];",
        )
    elif lang == "python3" and style in ("kwargs", "args"):
        python.write(builder, node, printed(builder, node, node.inputs))
    else:
        message = f"n8n runs no {lang} here; the node raises an error when it is reached."
        builder.note(node, "stub", "code.language", message, "Write it in JavaScript, or call it over HTTP.")
        facts = {"lang": lang, "style": style}
        error = f"throw new Error({text.string(_stub_text(node, 'code in ' + lang))});"
        shim(builder, node, "quoted", facts, printed(builder, node, node.inputs), error, source=source, quoted=True)


def _comes_in(builder: "Builder", node: Node) -> bool:
    """Whether n8n itself gives code of n8n what it saw where it was read: nothing that gives other items is between."""
    fields, inputs = node.params.get("fields"), node.inputs
    if not computed.are_fields(fields, inputs) or any(
        isinstance(each, Ref) and each.path[:1] == (computed.ALL,) for each in inputs.values()
    ):
        return True
    before = computed.givers(values.graph_of(builder.flow, node), node, builder.nodes)
    item = node.params["fields"].get("", {})
    return (
        len(before) == 1
        and isinstance(item, dict)
        and all(inputs.get(each) == Ref(before[0].id, (name,)) for name, each in item.items() if isinstance(each, str))
        and not any(isinstance(each, list) for each in item.values())
    )


def _given(builder: "Builder", node: Node, source: str, style: str) -> None:
    """Code of n8n with lines around it that give it the item that it saw there."""
    fields = node.params["fields"]
    context = computed.CONTEXT.format(fields=computed.printed(computed.of_input(fields)))
    call = f"}})();\n{context}const x = context(inputs);\nreturn await {computed.RUNS[style]};"
    head = f"const run = {computed.HEAD}(async () => {{"
    builder.note(node, "equivalent", "code.wrapped", "The code is called by an adapter around it.")
    shim(builder, node, style, {"fields": fields}, printed(builder, node, node.inputs), head, source=source, call=call)


def _stub_text(node: Node, what: str) -> str:
    return f"The step {node.title or node.id!r} is {what}, which n8n has no counterpart for. Replace it."


def stub(builder: "Builder", node: Node, why: str = "", code: str = "kind.unsupported") -> None:
    """The same id, title, inputs and outputs, and an error when it is reached."""
    what = node.params.get("type", node.kind) if node.kind == "opaque" else node.kind
    what = what if isinstance(what, str) else node.kind
    message = f"{why or f'n8n has nothing like {what!r}.'} The node raises an error when it is reached."
    builder.note(node, "stub", code, message, "Replace it by hand.")
    facts: dict[str, Any] = {"kind": node.kind, "type": what}
    inputs: dict[str, str] = {}
    facts["params"] = (
        shims.packed(node.params, builder.printer(node, code=True).js, inputs) if node.kind != "opaque" else {}
    )
    named = printed(builder, node, node.inputs)
    facts["inputs"] = list(named)
    error = f"throw new Error({text.string(_stub_text(node, repr(what)))});"
    shim(builder, node, "stub", facts, {**named, **{f"params {k}": v for k, v in inputs.items()}}, error)


def _computed(role: str, body: str) -> "Callable[[Builder, Node], None]":
    """A kind that a few lines of JavaScript do."""

    def written(builder: "Builder", node: Node) -> None:
        inputs: dict[str, str] = {}
        facts = shims.packed(node.params, builder.printer(node, code=True).js, inputs, node.id)
        shim(builder, node, role, {"params": facts}, inputs, body)

    return written


_PARSE = """const value = Object.values(inputs)[0];
return [{ json: { output: typeof value === "string" ? JSON.parse(value) : value ?? null } }];"""


def json_parse(builder: "Builder", node: Node) -> None:
    value = node.params.get("value")
    if _refers(value):
        _computed("json_parse", _PARSE)(builder, node)
    else:
        params, inputs = packed(builder, node)
        known = value if isinstance(value, str) else _js(params.get("value"))
        shim(builder, node, "json_parse", {"params": params}, inputs, f"return [{{ json: {{ output: {known} }} }}];")


def json_dump(builder: "Builder", node: Node) -> None:
    value = node.params.get("value")
    if any(values.refs(value)):
        params, inputs = packed(builder, node)
        body = f"return [{{ json: {{ output: JSON.stringify({_js(params.get('value'))} ?? null) }} }}];"
        shim(builder, node, "json_dump", {"params": params}, inputs, body)
    else:
        known = text.string(_known(value))
        _computed("json_dump", f"return [{{ json: {{ output: {known} }} }}];")(builder, node)


def _known(value: Value) -> str:
    return value if isinstance(value, str) else text.Printer(str, str).js(value)


def _refers(value: Value) -> bool:
    return isinstance(value, (Ref, Text, Script))


def _js(value: Any) -> str:
    """A packed value as JavaScript."""
    if isinstance(value, dict) and "$" in value:
        return f"inputs.{value['$']}"
    if isinstance(value, dict) and "$item" in value:
        return "item" + text.steps(tuple(value["$item"]))
    if isinstance(value, dict):
        return "{" + ", ".join(f"{text.string(str(key))}: {_js(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_js, value)) + "]"
    return text.Printer(str, str).js(value)


def packed(builder: "Builder", node: Node) -> tuple[dict[str, Any], dict[str, str]]:
    inputs: dict[str, str] = {}
    return shims.packed(node.params, builder.printer(node, code=True).js, inputs, node.id), inputs


def split(builder: "Builder", node: Node) -> None:
    params, inputs = packed(builder, node)
    body = f"""let parts = [String({_js(params.get("text", ""))} ?? "")];
for (const delimiter of {_js(params.get("delimiters", []))}) {{
  parts = parts.flatMap((part) => part.split(delimiter));
}}
return [{{ json: {{ items: parts }} }}];"""
    shim(builder, node, "split", {"params": params}, inputs, body)


_SKIPS = {
    "falsy": "value",
    "null": "value !== null && value !== undefined",
    "missing": "value !== null && value !== undefined",
}


def aggregate(builder: "Builder", node: Node) -> None:
    params, inputs = packed(builder, node)
    if node.params.get("skip", "missing") == "missing":
        message = "A value of null counts as one that is missing: n8n cannot tell the two."
        builder.note(node, "degraded", "aggregate.null", message, place="")
    keeps = _SKIPS[node.params.get("skip", "missing")]
    groups = {group["name"]: group["values"] for group in params.get("groups", [])}
    fields = ", ".join(f"{text.string(name)}: first({_js(found)})" for name, found in groups.items())
    body = f"const first = (all) => all.find((value) => {keeps}) ?? null;\nreturn [{{ json: {{ {fields} }} }}];"
    shim(builder, node, "aggregate", {"params": params}, inputs, body)


def listed(builder: "Builder", node: Node) -> None:
    pieces = [] if builder.own else node.params.get("attached", [])
    if pieces:  # an aggregate as it was read
        params = builder.printer(node).param(pieces[0]["parameters"])
        builder.add(node, tables.short(pieces[0]["type"]), params, typeVersion=pieces[0]["version"])
        return
    if not builder.own and (native := _native_list(builder, node)):
        builder.add(node, *native)
        return
    params, inputs = packed(builder, node)
    lines = [f"let result = [...({_js(params.get('list'))} ?? [])];"]
    if "filter" in params:
        lines.append(f"result = result.filter((item) => {of_items(params['filter'])});")
    if "unique" in params:
        keys = ", ".join("item" + text.steps(tuple(key.split("."))) for key in params["unique"]) or "item"
        lines.append(f"const key = (item) => JSON.stringify([{keys}]);")
        lines.append("const seen = new Set();")
        lines.append("result = result.filter((item) => !seen.has(key(item)) && seen.add(key(item)));")
    if "nth" in params:
        lines.append(f"result = result.slice({_js(params['nth'])} - 1, {_js(params['nth'])});")
    for rule in reversed(params.get("sort", [])):
        key = text.steps(tuple(rule["key"].split("."))) if rule["key"] else ""
        sign = "-" if rule["order"] == "desc" else ""
        lines.append(f"result.sort((a, b) => {sign}(a{key} > b{key} ? 1 : a{key} < b{key} ? -1 : 0));")
    if "limit" in params:
        size, last = _js(params["limit"].get("size")), params["limit"].get("keep") == "last"
        lines.append(f"result = {size} > 0 ? result.slice({f'-({size})' if last else f'0, {size}'}) : [];")
    lines.append("return [{ json: { result, first: result[0] ?? null, last: result.at(-1) ?? null } }];")
    shim(builder, node, "list", {"params": params}, inputs, "\n".join(lines))


def of_items(asked: Any, *, missing: bool = True) -> str:
    """Packed conditions on an `item` as JavaScript; not `missing`: of what is not there only that it is empty holds."""
    return conditions.javascript(text.Printer(str, lambda script: script.source), _scripted(asked, missing))


def _scripted(packed: Any, missing: bool) -> Any:
    """A packed condition with its values as JavaScript."""
    if "conditions" in packed:
        return packed | {"conditions": [_scripted(each, missing) for each in packed["conditions"]]}
    made = packed | {side: Script("n8n", _js(packed[side])) for side in ("left", "right") if side in packed}
    return made if missing or packed["op"] in _OF_NOTHING else _where_it_is(made)


_OF_NOTHING = ("empty", "null", "not_exists")


def _where_it_is(condition: Any) -> Any:
    """The condition, of what is there; words are looked for in numbers, too."""
    there = {"left": condition["left"], "op": "not_null", "right": None}
    if condition["op"].removeprefix("not_") in ("contains", "starts", "ends", "regex"):
        condition = condition | {"left": Script("n8n", f"String({condition['left'].source})")}
    return {"logic": "and", "conditions": [there, condition]}


def _native_list(builder: "Builder", node: Node) -> tuple[str, dict[str, Any]] | None:
    """n8n's own nodes that work on all items."""
    listed = node.params.get("list")
    source = listed.source if isinstance(listed, Script) and listed.lang == "n8n" else ""
    if source.startswith("$input.all()"):
        if "sort" in node.params:
            order = {"asc": "ascending", "desc": "descending"}
            fields = [{"fieldName": rule["key"], "order": order[rule["order"]]} for rule in node.params["sort"]]
            return "sort", {"sortFieldsUi": {"sortField": fields}, "options": {}}
        if "limit" in node.params:
            limit = node.params["limit"]
            size = builder.printer(node).param(limit["size"])
            return "limit", {"maxItems": size, "keep": "lastItems" if limit["keep"] == "last" else "firstItems"}
        if "unique" in node.params:
            keys = ", ".join(node.params["unique"])
            return "removeDuplicates", {"fieldsToCompare": keys, "compare": "selectedFields"} if keys else {}
        return "aggregate", gathering(node.outputs.get("result", Type()).label or "result", source)
    return None


def gathering(key: str, source: str) -> dict[str, Any]:
    """The parameters of an aggregate."""
    field = source.partition("item.json")[2].partition(")")[0].lstrip(".")
    if not field:
        return {"aggregate": "aggregateAllItemData", "destinationFieldName": key, "options": {}}
    item: dict[str, Any] = {"fieldToAggregate": field}
    if key != field.split(".")[-1]:
        item |= {"renameField": True, "outputFieldName": key}
    return {"fieldsToAggregate": {"fieldToAggregate": [item]}, "options": {}}


def template(builder: "Builder", node: Node) -> None:
    template = node.params.get("template", "")
    if not isinstance(template, Script):
        if "delimiter" in node.params:
            template = _joining(builder, node, template)
        params = assigned({"output": template}, {"output": "string"}, builder.printer(node))
        builder.add(node, "set", params, role="template")
        return
    inputs = printed(builder, node, node.inputs)
    body = shims.jinja(template.source)
    if body is None:
        message = "The template has logic that n8n has no words for; the node raises an error when it is reached."
        builder.note(node, "stub", "template.logic", message, "Write it in JavaScript.")
        body = f"throw new Error({text.string(_stub_text(node, 'a Jinja template'))});"
    elif told := as_python(plain(template.source, node.inputs), builder.nodes, builder.flow):
        builder.note(node, "degraded", "template.printed", PRINTED.format(told))
    shim(builder, node, "template", {"template": template.source}, inputs, body)


def _joining(builder: "Builder", node: Node, template: Value) -> Value:
    """The text with its lists joined."""

    def joined(part: str | Ref | Script) -> str | Ref | Script:
        if not isinstance(part, Ref) or not may_be_list(part, builder.nodes, builder.flow):
            return part
        return Script("n8n", text.joined(builder.reference(node, part, False), node.params["delimiter"]))

    return Text(tuple(joined(part) for part in values.parts(template)))
