"""What flowstill wrote into a workflow of n8n is again what it was written from (dsl/n8n/shims.py)."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from dsl.computed import are_fields
from dsl.ir import Node, Ref, Resource, Script, Value, Variable
from dsl.irjson import fits
from dsl.kinds import ASSIGNMENTS, KINDS
from dsl.n8n import python, shims, text
from dsl.n8n.source import Raw, members

if TYPE_CHECKING:
    from dsl.n8n.read import Reader


def _shim_inputs(reader: "Reader", raw: Raw, node: Node, shim: shims.Shim) -> dict[str, Value]:
    declared = shim.facts.get("outputs")
    node.outputs = {str(k): shims.type_of(v) for k, v in declared.items()} if isinstance(declared, dict) else {}
    return {name: text.javascript(source, reader.resolve(raw)) for name, source in shim.inputs.items()}


def _shim_code(reader: "Reader", raw: Raw, node: Node, shim: shims.Shim) -> None:
    node.kind, node.inputs = "code", _shim_inputs(reader, raw, node, shim)
    lang, style = shim.facts.get("lang", "javascript"), shim.facts.get("style", shim.role)
    node.params = {"lang": lang, "source": shim.source, "style": style}
    if are_fields(fields := shim.facts.get("fields"), node.inputs):
        node.params["fields"] = fields


def _shim_params(reader: "Reader", raw: Raw, node: Node, shim: shims.Shim) -> None:
    inputs = _shim_inputs(reader, raw, node, shim)
    params = shims.unpacked(shim.facts.get("params"), inputs, node.id)
    node.kind, node.params = shim.role, params if isinstance(params, dict) else {}


def _shim_retrieve(reader: "Reader", raw: Raw, node: Node, shim: shims.Shim) -> None:
    _shim_params(reader, raw, node, shim)
    named = shim.facts.get("knowledge")
    ids = node.params.get("knowledge")
    for id_, name in zip(ids if isinstance(ids, list) else [], named if isinstance(named, list) else [], strict=False):
        reader.resource(Resource(str(id_), "knowledge", str(name)))


def _shim_template(reader: "Reader", raw: Raw, node: Node, shim: shims.Shim) -> None:
    node.kind, node.inputs = "template", _shim_inputs(reader, raw, node, shim)
    node.params = {"template": Script("jinja2", str(shim.facts.get("template", "")))}


def _shim_stub(reader: "Reader", raw: Raw, node: Node, shim: shims.Shim) -> None:
    """What was no node of n8n's is again what it was, where all that it needs was there to be written."""
    inputs, kind = _shim_inputs(reader, raw, node, shim), shim.facts.get("kind")
    node.inputs = {name: value for name, value in inputs.items() if not name.startswith("params ")}
    given = {name[7:]: value for name, value in inputs.items() if name.startswith("params ")}
    found = shims.unpacked(shim.facts.get("params"), given, node.id)
    params = found if isinstance(found, dict) else {}
    known = isinstance(kind, str) and kind in KINDS and kind not in ("iterate", "loop", "start", "opaque")
    if known and all(fits(str(kind), name, value) for name, value in params.items()):
        node.kind, node.params = str(kind), params
    else:
        node.kind, node.params = "opaque", {"type": str(shim.facts.get("type", "opaque"))}


def _shim_assign(reader: "Reader", raw: Raw, node: Node, shim: shims.Shim) -> None:
    inputs, owner = _shim_inputs(reader, raw, node, shim), shim.facts.get("owner")
    node.kind, items = "assign", shim.facts.get("items")
    node.params["items"] = [
        {
            "target": Ref(str(owner), tuple(item["name"]), "loop")
            if owner
            else Ref("", tuple(item["name"]), "session"),
            "op": item["op"],
            "value": inputs.get(f"value {i}"),
        }
        for i, item in enumerate(items if isinstance(items, list) else [])
        if isinstance(item, dict) and isinstance(item.get("name"), list) and item.get("op") in ASSIGNMENTS
    ]


def _shim_leave(reader: "Reader", raw: Raw, node: Node, shim: shims.Shim) -> None:
    node.kind = shim.role


def session(reader: "Reader", raw: Raw) -> None:
    """The variables of the conversation."""
    code = raw.params.get("jsCode")
    shim = shims.parsed(code) if isinstance(code, str) else None
    for item in members(shim.facts, "variables") if shim else []:
        name, description = str(item.get("name", "")), str(item.get("description", ""))
        found = Variable("session", name, shims.type_of(item.get("type")), item.get("default"), description)
        reader.variables.setdefault(("session", name), found)


SHIMS: dict[str, Callable[["Reader", Raw, Node, shims.Shim], None]] = {
    "kwargs": _shim_code,
    "args": _shim_code,
    "items": _shim_code,
    "item": _shim_code,
    "quoted": _shim_code,
    "json_parse": _shim_params,
    "json_dump": _shim_params,
    "split": _shim_params,
    "aggregate": _shim_params,
    "list": _shim_params,
    "retrieve": _shim_retrieve,
    "template": _shim_template,
    "stub": _shim_stub,
    "assign": _shim_assign,
    "break": _shim_leave,
    "continue": _shim_leave,
}


def _starts(reader: "Reader", raw: Raw) -> bool:
    return raw.kind == "set" and bool(raw.mark) and raw.mark[0] == "inputs"  # type: ignore[index]


# What stands before a node that it is part of, by role, and whether that node is still what it was
BEFORE: dict[str, Callable[["Reader", Raw], bool]] = {
    "webhook": _starts,
    "chat": _starts,
    "manual": _starts,
    "event": _starts,
    "trigger": _starts,
    "store": lambda reader, raw: raw.kind == "code" and bool(raw.mark) and raw.mark[0] == "retrieve",  # type: ignore[index]
    "join": lambda reader, raw: True,
    "file": lambda reader, raw: raw.kind == "httpRequest",
    python.ROLE: lambda reader, raw: python.made(reader, raw) is not None,
}
