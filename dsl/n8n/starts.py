"""Where a run begins: the triggers of n8n, and the node behind them that gives the inputs their names and types.

A start has typed inputs, a webhook has a body. So behind a webhook (and where a chat or a manual trigger has to give
more than it can) stands a Set node with the start's id and title: `={{ $json.body.q }}` for each input.
"""

from typing import TYPE_CHECKING, Any

from dsl.ir import Node, Ref, Type
from dsl.n8n import schedules, shims, tables, text
from dsl.n8n.names import TURNS
from dsl.n8n.source import dig
from dsl.notes import Note

if TYPE_CHECKING:
    from dsl.n8n.build import Builder

_CHAT = ("chatInput", "sessionId", "files")


def is_given(name: str) -> bool:
    """A field that is no input but what the platform says: names.CHAT and others."""
    return name in _CHAT or name.startswith("sys_")


# -- writing


def trigger_of(builder: "Builder", node: Node | None = None) -> str:
    """How the flow, or one of its starts, is run."""
    node = node or builder.start
    found = dig(node.params, "trigger", "type") if node else None
    own = found if isinstance(found, str) else ""
    if own and not builder.trigger and (not builder.own or own in ("schedule", "event", "form")):
        return own
    return builder.trigger or own or ("chat" if builder.flow.mode == "chat" else "webhook")


def responds(builder: "Builder") -> bool:
    """Whether the ends answer a webhook; else the last node's item is the result."""
    starts = [node for node in builder.flow.graph.nodes if node.kind == "start"]
    if not builder.own and not starts:
        return True
    return any(trigger_of(builder, node) == "webhook" for node in starts)


def write(builder: "Builder", node: Node) -> None:
    trigger = trigger_of(builder, node)
    writer = {"schedule": _schedule, "event": _event, "form": _form, "call": _call, "chat": _chat}.get(trigger)
    if writer is not None:
        writer(builder, node)
    elif trigger == "webhook" and not builder.own:
        builder.add(node, "webhook", _webhook(builder, node))["webhookId"] = _uuid(builder, node)
    elif trigger == "manual" and not builder.own:
        builder.add(node, "manualTrigger", {})
    else:
        _behind(builder, node, trigger)
    _unsaid(builder, node, trigger)
    _session(builder, node)


def _unsaid(builder: "Builder", node: Node, trigger: str) -> None:
    """What n8n does not say by itself when it starts a flow."""
    if not builder.own:
        return
    names = sorted(name for name in builder.system if _given(name) not in _CHAT)
    for name in names if node is builder.start else ():
        message = f"n8n has no {name} of the system: what starts the flow has to give it as {_given(name)}, else null."
        builder.note(node, "degraded", "ref.system", message)
    if trigger == "chat" and node.outputs:
        message = f"A chat of n8n asks for the question only; inputs are as by default: {', '.join(node.outputs)}."
        hint = "Ask for them in the chat, or start it by another flow (-O trigger=call) or by a webhook."
        builder.note(node, "degraded", "start.input", message, hint)


def _behind(builder: "Builder", node: Node, trigger: str) -> None:
    """A trigger, and behind it the Set node that is the start."""
    explicit = "trigger" in node.params
    role = "trigger" if not explicit else trigger
    if trigger == "webhook":
        name = builder.helper(node, role, "webhook", _webhook(builder, node), -1)
        builder.written[-1]["webhookId"] = _uuid(builder, node)
        source = "$json.body"
    elif trigger == "chat":
        name = builder.helper(node, role, "ai:chatTrigger", _chatting(node), -1)
        builder.written[-1]["webhookId"] = _uuid(builder, node)
        source = "$json"
    else:
        name = builder.helper(node, role, "manualTrigger", {}, -1)
        source = ""
    builder.entries[node.id] = name
    builder.connect(name, builder.names[node.id])
    builder.add(
        node, "set", {**_inputs(builder, node, source), "options": {"ignoreConversionErrors": True}}, role="inputs"
    )


def _inputs(builder: "Builder", node: Node, source: str) -> dict[str, Any]:
    given = {_given(name): Type("string") for name in sorted(builder.system)} if node is builder.start else {}
    items = []
    for name, type_ in {**given, **node.outputs}.items():
        value = _value(source, name, type_)
        items.append(
            {
                "id": f"{name} {shims.type_name(type_)}",
                "name": name,
                "type": tables.assigned(type_.name) or "string",
                "value": value,
            }
        )
    return {"assignments": {"assignments": items}}


def _given(name: str) -> str:
    from dsl.n8n.build import system_name

    return system_name(name)


def _value(source: str, name: str, type_: Type) -> Any:
    default = text.Printer(str, str).js(type_.default)
    if not source:
        return "={{ " + default + " }}"
    path = f"{source}{text.steps((name,))}"
    return "={{ " + (f"{path} ?? {default}" if type_.default is not None else path) + " }}"


def _webhook(builder: "Builder", node: Node) -> dict[str, Any]:
    trigger = node.params.get("trigger") or {}
    own = trigger.get("type") == "webhook"
    ends = any(each.kind == "end" for each in builder.nodes.values())
    return {
        "httpMethod": trigger.get("method", "POST") if own else "POST",
        "path": builder.path or (trigger.get("path") if own else "") or _slug(builder.flow.name or node.id),
        "responseMode": "responseNode" if ends else "lastNode" if builder.own or builder.implies else "onReceived",
        "options": {},
    }


def _slug(name: str) -> str:
    kept = "".join(char if char.isascii() and char.isalnum() else "-" for char in name.lower())
    return "-".join(part for part in kept.split("-") if part)[:60] or "flow"


def _uuid(builder: "Builder", node: Node) -> str:
    """Two flows that start alike must not be served at one address."""
    import hashlib

    digits = hashlib.sha256(f"{builder.flow.name} {node.id}".encode("utf-8", "replace")).hexdigest()
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:32]}"


def _chatting(node: Node) -> dict[str, Any]:
    said = {"initialMessages": node.params["prologue"]} if isinstance(node.params.get("prologue"), str) else {}
    return {"public": True, **said, "options": {"responseMode": "lastNode"}}


def _chat(builder: "Builder", node: Node) -> None:
    needs = [name for name in builder.system if not is_given(_given(name)) or _given(name).startswith("sys_")]
    if builder.own and (node.outputs or needs):
        _behind(builder, node, "chat")
        return
    role = "trigger" if "trigger" not in node.params else ""
    builder.add(node, "ai:chatTrigger", _chatting(node), role=role)["webhookId"] = _uuid(builder, node)


def _call(builder: "Builder", node: Node) -> None:
    given = [_given(name) for name in sorted(builder.system)] if builder.own and node is builder.start else []
    items = [{"name": name, "type": "string"} for name in given]
    for name, type_ in node.outputs.items():
        kind = {"integer": "number", "time": "string", "secret": "string"}.get(type_.name, type_.name)
        items.append({"name": name, "type": kind if kind in tables.CALL_TYPES else "any"})
    role = "trigger" if "trigger" not in node.params else ""
    if items:
        params: dict[str, Any] = {"inputSource": "workflowInputs", "workflowInputs": {"values": items}}
    else:
        params = {"inputSource": "passthrough"}
    builder.add(node, "executeWorkflowTrigger", params, role=role)


def _schedule(builder: "Builder", node: Node) -> None:
    trigger = node.params["trigger"]
    if not trigger.get("cron") and builder.flow.dialect != "n8n":
        message = "Nothing says when this schedule starts a run: it is written as every midnight."
        builder.note(node, "needs_binding", "trigger.time", message, "Set the time.")
    lines = [trigger.get("cron") or "0 0 * * *", *trigger.get("more", [])]
    builder.add(node, "scheduleTrigger", {"rule": schedules.rule([str(line) for line in lines])})


def _event(builder: "Builder", node: Node) -> None:
    trigger = node.params["trigger"]
    resource = builder.resources.get(trigger.get("tool", ""))
    native = resource.hint.get("type") if resource and builder.flow.dialect == "n8n" else None
    if resource is None or not isinstance(native, str):
        message = "The event that starts it is none of n8n's: it is written as a webhook."
        builder.note(node, "degraded", "trigger.event", message, "Put n8n's trigger of that service in its place.")
        _behind(builder, node, "webhook")
        return
    written = builder.add(node, native, builder.printer(node).param(trigger.get("settings", {})))
    written["typeVersion"] = resource.hint.get("version", 1)
    if credentials := resource.hint.get("credentials"):
        written["credentials"] = credentials


def _form(builder: "Builder", node: Node) -> None:
    fields = [form_field(name, type_) for name, type_ in node.outputs.items()]
    params = {"formTitle": node.title or builder.flow.name, "formFields": {"values": fields}, "options": {}}
    builder.add(node, "formTrigger", params)["webhookId"] = _uuid(builder, node)


_FIELDS = {"number": "number", "integer": "number", "time": "date", "file": "file", "array": "checkbox"}


def form_field(name: str, type_: Type) -> dict[str, Any]:
    kind = "dropdown" if type_.options else _FIELDS.get(type_.name, "text")
    named = {"fieldLabel": type_.label, "fieldName": name} if type_.label else {"fieldLabel": name}
    field: dict[str, Any] = {**named, "fieldType": kind, "requiredField": type_.required}
    if type_.options:
        field["fieldOptions"] = {"values": [{"option": option} for option in type_.options]}
    if type_.description:
        field["placeholder"] = type_.description
    if type_.default is not None:
        field["defaultValue"] = type_.default
    return field


def _session(builder: "Builder", node: Node) -> None:
    """What a chat remembers between its turns: n8n keeps it for published workflows, by conversation."""
    kept = [variable for variable in builder.flow.variables if variable.scope == "session"]
    if not (kept or builder.counts) or node is not builder.start:
        return
    what = " and ".join(["Variables"] * bool(kept) + ["the number of turns"] * builder.counts)
    message = f"{what} of the conversation are kept in the workflow's static data, in published workflows only."
    builder.notes.append(Note("degraded", "variable.session", message[0].upper() + message[1:]))
    facts = {
        "variables": [
            {
                "name": each.name,
                "type": shims.type_name(each.type),
                "default": each.default,
                "description": each.description,
            }
            for each in kept
        ]
    }
    session = builder.reference(node, Ref("", ("conversation_id",), "system"), True)
    code = shims.written(shims.Shim("session", facts, {"session": session}), _loaded(kept, builder.counts))
    name = builder.helper(node, "session", "code", {"language": "javaScript", "jsCode": code}, 0.5, 0.7)
    builder.connect(builder.names[node.id], name)
    builder.exits["session"] = name
    builder.exits[node.id] = name


_LOAD = """const data = $getWorkflowStaticData("global");
const kept = ((data.sessions ??= {})[inputs.session ?? ""] ??= {});
"""


def _loaded(kept: list[Any], counts: bool) -> str:
    counted = f"kept.{TURNS} = (kept.{TURNS} ?? 0) + 1;\n" if counts else ""
    known = text.Printer(str, str).js({each.name: each.default for each in kept})
    return f"{_LOAD}{counted}return [{{ json: {{ ...{known}, ...kept }} }}];"
