"""Set nodes, in all their versions (n8n.md, section 15): what they set, and what they hand on as it came in."""

import re
from typing import TYPE_CHECKING, Any

from dsl import syntax, values
from dsl.ir import Node, Ref, Script, Text, Type, Value
from dsl.n8n import jsontext, names, others, tables, text
from dsl.n8n.source import Raw, members

if TYPE_CHECKING:
    from dsl.n8n.read import Reader


def read(reader: "Reader", raw: Raw, node: Node) -> None:
    _plain(reader, raw, node)
    role = raw.mark[0] if raw.mark else ""
    if role in ("answer", "template", "message") and set(node.inputs) == {"output"}:
        value = node.inputs["output"]
        kind, name = {
            "answer": ("answer", "text"),
            "template": ("template", "template"),
            "message": ("end", "message"),
        }[role]
        node.kind, node.params, node.inputs, node.outputs = kind, {name: value}, {}, {}
        if role == "template":
            _lists(reader, raw, node)
    elif role == "end":
        node.kind, node.params = "end", {}


def _lists(reader: "Reader", raw: Raw, node: Node) -> None:
    """A template whose lists flowstill joined has them again, and what is between their elements."""
    found = [_joined(reader, raw, part) for part in values.parts(node.params["template"])]
    delimiters = {delimiter for _, delimiter in found if delimiter is not None}
    if len(delimiters) == 1:
        node.params = {"template": values.text([part for part, _ in found]), "delimiter": delimiters.pop()}


def _joined(reader: "Reader", raw: Raw, part: str | Ref | Script) -> tuple[str | Ref | Script, str | None]:
    match = text.JOINED.fullmatch(part.source) if isinstance(part, Script) else None
    listed = text.plain(match["list"], reader.resolve(raw)) if match else None
    return (listed, text.unquote(match["between"])) if match and isinstance(listed, Ref) else (part, None)


def _plain(reader: "Reader", raw: Raw, node: Node) -> None:
    node.kind = "set"
    if raw.params.get("mode") == "raw":
        fields = reader.value(raw.params.get("jsonOutput", "{}"), raw)
        fields = jsontext.mapping(reader, raw, fields)
        if fields is None:
            others.opaque(reader, raw, node)
            return
        node.inputs, node.outputs = fields, {name: type_of(value) for name, value in fields.items()}
    else:
        for name, kind, value in assignments(raw):
            node.inputs[name] = _assigned(reader, raw, kind, value)
            node.outputs[name.split(".")[0]] = Type(kind) if "." not in name else tables.OBJECT
    if keeps_all(raw):
        node.params["keep"] = True
        if kept := came_in(reader, raw):
            node.params["kept"] = kept


def _assigned(reader: "Reader", raw: Raw, kind: str, value: Any) -> Value:
    """What is typed as text and meant as something else, as n8n takes it from version 3 on."""
    read = reader.value(value, raw)
    if raw.version < 3 or kind not in _KINDS.values() or not isinstance(read, (str, Text)):
        return read
    meant = jsontext.parsed(value, lambda code: reader.value(code, raw))
    return meant if _KINDS.get(type(meant)) == kind else read


_KINDS = {list: "array", dict: "object", bool: "boolean", int: "number", float: "number"}


def type_of(value: Value) -> Type:
    if isinstance(value, (Ref, Script)):
        return Type()
    return Type(tables.type_name(value)) if isinstance(value, (int, float, list, dict)) else Type("string")


def assignments(raw: Raw) -> list[tuple[str, Any, Any]]:
    """Name, type and value of what a Set node sets, in all its versions (n8n.md, section 15)."""
    found = []
    for item in members(raw.params, "assignments", "assignments"):
        found.append((item.get("name"), item.get("type", "string"), item.get("value", "")))
    for item in members(raw.params, "fields", "values"):
        kind = str(item.get("type", "stringValue")).removesuffix("Value")
        found.append((item.get("name"), kind, item.get(f"{kind}Value", "")))
    for kind in ("string", "number", "boolean"):
        for item in members(raw.params, "values", kind):
            found.append((item.get("name"), kind, item.get("value", "")))
    return [
        (name, kind if isinstance(kind, str) and kind in tables.ASSIGNED else "any", value)
        for name, kind, value in found
        if isinstance(name, str) and name
    ]


def keeps_all(raw: Raw) -> bool:
    """Whether what came in stays beside what is set."""
    if raw.version < 3:
        return raw.params.get("keepOnlySet") is not True
    if "include" in raw.params or (raw.version < 3.3 and "fields" in raw.params):
        return raw.params.get("include", "all") != "none" and raw.params.get("includeOtherFields") is not False
    return raw.params.get("includeOtherFields") is True


def keeps(reader: "Reader", raw: Raw, first: names.Path) -> bool:
    """Whether a Set node hands on the field asked for as it came in."""
    if raw.kind != "set" or not first or not keeps_all(raw) or not reader.source.into[raw.name]:
        return False
    if raw.name not in reader.assigned:
        reader.assigned[raw.name] = {*fields_of(raw)}
    return first[0] not in reader.assigned[raw.name] and _chosen(raw, str(first[0]))


def _chosen(raw: Raw, field: str) -> bool:
    """Whether a field of what came in is one of those that stay."""
    lists = {"selected": "includeFields", "except": "excludeFields"}
    listed = raw.params.get(lists.get(str(raw.params.get("include")), ""))
    names = {name.strip() for name in listed.split(",")} if isinstance(listed, str) else None
    return names is None or (field in names) == (raw.params["include"] == "selected")


# -- all the fields of an item

_SAME = ("string", "any", "array", "object")  # n8n hands a value on as one of these as it is


def of_its_item(raw: Raw) -> str:
    """JavaScript for the object of all that a Set node sets, where that takes of `$json` alone; else nothing."""
    found = {name: _computed(value) for name, kind, value in assignments(raw) if kind in _SAME and "." not in name}
    plain = not raw.disabled and not keeps_all(raw) and raw.params.get("mode") != "raw"
    whole = plain and len(found) == len(assignments(raw)) and all(found.values())
    return "{ " + ", ".join(f"{text.string(name)}: {code}" for name, code in found.items()) + " }" if whole else ""


_ELSE = re.compile(r"\$(?!json\b)|\bitem\b|/[/*]|\A\s*\Z")  # another item, what n8n alone has, a comment, nothing


def _computed(value: Any) -> str:
    if not isinstance(value, str) or not value.startswith("="):
        return text.string(value) if isinstance(value, str) else ""
    parts = text.pieces(value[1:])
    if any(is_code and (_ELSE.search(code) or syntax.javascript(code)) for is_code, code in parts):
        return ""
    if len(parts) == 1 and parts[0][0]:
        return f"({parts[0][1].strip()})"
    return " + ".join(f'(({part.strip()}) ?? "")' if is_code else text.string(part) for is_code, part in parts)


_LONGEST = 20  # Set nodes in a row, what each of which keeps is looked for
_EMPTY = ("manualTrigger", "start")  # they give an item without fields
_KNOWN: dict[str, tuple[str, ...]] = {"ai:agent": ("output",), "ai:chainLlm": ("text",)}


def known_fields(reader: "Reader", raw: Raw, maker: Raw) -> dict[str, Value]:
    """The fields of what comes into a node from the one that makes it; none when they are not all known."""
    names = _names(reader, maker, {raw.name})
    found = {name: reader.ref(raw, maker, (name,)) for name in names}
    return dict(found) if all(found.values()) else {}


def came_in(reader: "Reader", raw: Raw) -> dict[str, Value]:
    """The fields of what comes into a node, where they are all known."""
    maker = _maker(reader, raw)
    return known_fields(reader, raw, maker) if maker and not reader.marked else {}


def _maker(reader: "Reader", raw: Raw) -> Raw | None:
    """The only node that makes what comes in, in the same rounds."""
    makers = reader.producers(raw, ())
    name, failed = next(iter(makers)) if len(makers) == 1 else ("", True)
    return None if failed or reader.inside.get(name) is not reader.inside.get(raw.name) else reader.nodes[name]


def _names(reader: "Reader", maker: Raw, met: set[str]) -> list[str]:
    if maker.name in met or len(met) > _LONGEST:
        return []
    if maker.kind == "executeWorkflowTrigger":
        return [str(item.get("name")) for item in members(maker.params, "workflowInputs", "values")]
    if reader.view(maker) is names.STRUCTURED:
        return ["output"]
    if maker.kind != "set":
        return fields_of(maker)
    above = _maker(reader, maker) if keeps_all(maker) else None
    before = _names(reader, above, met | {maker.name}) if above else []
    own = fields_of(maker)
    known = before or not keeps_all(maker) or (above is not None and above.kind in _EMPTY)
    return [*dict.fromkeys([*before, *own])] if known else []


def fields_of(maker: Raw) -> list[str]:
    """The fields that a node itself says it gives, beside those that it keeps."""
    own = [name.split(".")[0] for name, _, _ in assignments(maker)] if maker.kind == "set" else []
    if maker.kind == "set" and maker.params.get("mode") == "raw":
        own = [*_written(maker.params.get("jsonOutput", "{}"))]
    return [*dict.fromkeys([*own, *_KNOWN.get(maker.kind, ())])]


def _written(source: Any) -> dict[str, Value]:
    """The fields of JSON, whatever the expressions in it come to."""
    code = source[3:-2] if isinstance(source, str) and re.fullmatch(r"=\{\{.*\}\}", source, re.S) else None
    made = text.plain(code, lambda path: [Ref("", ("x",), "env")]) if code else None
    made = jsontext.parsed(source, lambda code: None) if made is None and isinstance(source, str) else made
    return made if isinstance(made, dict) else {}


def tell(reader: "Reader", raw: Raw) -> None:
    """A Set node of which all is read, and more came in than is known."""
    kept = raw.kind == "set" and keeps_all(raw) and not raw.disabled and not reader.marked
    if not kept or (raw.name, "") in reader.told or came_in(reader, raw):
        return
    maker = _maker(reader, raw)
    if maker is None or maker.kind not in _EMPTY:
        reader.told.add((raw.name, ""))
        message = "What came in stays beside what it sets: who reads all of that elsewhere gets only what it sets."
        reader.note(raw, "degraded", "set.kept", message, "Read its fields by their names.")
