"""Triggers of n8n as starts: what each of them gives a run."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dsl.ir import Node, Ref, Type, Value
from dsl.n8n import schedules, sets, shims, starts, subnodes, tables, text
from dsl.n8n.source import Raw, members

if TYPE_CHECKING:
    from dsl.n8n.read import Reader


def read(reader: "Reader", raw: Raw, node: Node) -> None:
    _READERS.get(tables.TRIGGERS.get(raw.kind, ""), _event)(reader, raw, node)


def _trigger(reader: "Reader", raw: Raw, node: Node) -> None:
    node.kind = "start"
    node.params["trigger"] = {"type": tables.TRIGGERS[raw.kind]}
    if raw.mark and raw.mark[0] == "trigger":  # the platform it comes from runs flows by something of its own
        del node.params["trigger"]


def _webhook(reader: "Reader", raw: Raw, node: Node) -> None:
    _trigger(reader, raw, node)
    method, path = raw.params.get("httpMethod", "GET"), raw.params.get("path", "")
    node.params["trigger"] = {
        "type": "webhook",
        "method": method.upper() if isinstance(method, str) else "GET",
        "path": path if isinstance(path, str) else "",
    }
    node.outputs = {"body": tables.OBJECT, "headers": tables.OBJECT, "query": tables.OBJECT, "params": tables.OBJECT}


def _called(reader: "Reader", raw: Raw, node: Node) -> None:
    _trigger(reader, raw, node)
    for item in members(raw.params, "workflowInputs", "values"):
        if isinstance(item.get("name"), str) and item["name"] and not (raw.mark and starts.is_given(item["name"])):
            kind = item.get("type", "string")
            node.outputs[item["name"]] = Type(kind if kind in tables.CALL_TYPES else "any")


def _form_trigger(reader: "Reader", raw: Raw, node: Node) -> None:
    _trigger(reader, raw, node)
    node.outputs = form_fields(raw)


def form_fields(raw: Raw) -> dict[str, Type]:
    fields: dict[str, Type] = {}
    for item in members(raw.params, "formFields", "values"):
        label, name = (str(item.get(key) or "") for key in ("fieldLabel", "fieldName"))
        if name or label:
            fields[name or label] = _form_field(item, label if name else "")
    return fields


def _form_field(item: dict[str, Any], label: str) -> Type:
    kind = item.get("fieldType")
    chosen = [each.get("option") for each in members(item, "fieldOptions", "values")]
    default, hint = item.get("defaultValue"), item.get("placeholder")
    return Type(
        tables.FORM_TYPES.get(kind, "string") if isinstance(kind, str) else "string",  # type: ignore[arg-type]
        required=item.get("requiredField") is True,
        label=label,
        description=hint if isinstance(hint, str) else "",
        default=default if isinstance(default, (str, int, float, bool)) and default != "" else None,
        options=tuple(each for each in chosen if isinstance(each, str)) if kind == "dropdown" else (),
    )


def _chat(reader: "Reader", raw: Raw, node: Node) -> None:
    _trigger(reader, raw, node)
    said = raw.params.get("initialMessages")
    if isinstance(said, str) and said:
        node.params["prologue"] = said


def _schedule(reader: "Reader", raw: Raw, node: Node) -> None:
    _trigger(reader, raw, node)
    found = schedules.crons(raw.kind, raw.params)
    crons = [each for each in found if each]
    if len(crons) < len(found):
        message = "An expression computes when this schedule starts a run: no other platform has a time like that."
        reader.note(raw, "needs_binding", "trigger.computed", message, "Set the time there.")
    node.params["trigger"] = {"type": "schedule", "cron": crons[0] if crons else ""}
    if len(crons) > 1:
        node.params["trigger"]["more"] = crons[1:]


def _event(reader: "Reader", raw: Raw, node: Node) -> None:
    """A trigger of a service: which one is a resource, since no other platform has it."""
    node.kind = "start"
    resource = reader.resource(subnodes.resource(raw, "tool", raw.name))
    node.params["trigger"] = {"type": "event", "tool": resource, "settings": reader.value(raw.params, raw)}


_READERS: dict[str, Callable[["Reader", Raw, Node], None]] = {
    "webhook": _webhook,
    "manual": _trigger,
    "call": _called,
    "form": _form_trigger,
    "chat": _chat,
    "schedule": _schedule,
}


# -- the Set node behind a trigger, which flowstill writes (dsl/n8n/starts.py)


def read_inputs(reader: "Reader", raw: Raw, node: Node) -> bool:
    """A Set node that is a start, with the trigger before it. False when the trigger is gone."""
    parts = reader.parts.get(raw.id, {})
    found = [(role, part) for role in (*_ROLES, "trigger") for part in parts.get(role, [])]
    if len(found) != 1:
        return False
    role, part = found[0]
    read(reader, part, node)
    node.outputs = {}
    if role == "trigger":
        node.params.pop("trigger", None)
    told = [str(item.get("id")) for item in members(raw.params, "assignments", "assignments")]
    for name, kind, value in sets.assignments(raw):
        if not starts.is_given(name):
            exact = next((id_ for id_ in told if id_.startswith(f"{name} ")), f"{name} {kind}")
            node.outputs[name] = replace(shims.type_of(exact[len(name) + 1 :]), default=_default(value))
    reader.fold(raw, part)
    return True


_ROLES = ("webhook", "chat", "manual", "event")


def _default(value: Any) -> Value:
    if not isinstance(value, str) or not value.startswith("={{"):
        return None
    code = value[3:].removesuffix("}}").strip()
    found: list[text.Path] = []

    def resolve(path: text.Path) -> list[Ref]:
        found.append(path)
        return [Ref("", ("x",), "env")]

    read = text.plain(code, resolve)
    if found:
        return found[0].default if found[0].has_default else None
    return read
