"""A node of the common form as nodes of n8n, a function for each kind; the larger kinds have files of their own."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from dsl.ir import Node, Text, Type, Value
from dsl.n8n import conditions, containers, models, names, scripts, services, starts, tables

if TYPE_CHECKING:
    from dsl.n8n.build import Builder

Write = Callable[["Builder", Node], None]


def write(builder: "Builder", node: Node) -> None:
    WRITERS[node.kind](builder, node)


# -- plain ones


def _note(builder: "Builder", node: Node) -> None:
    width, height = node.params.get("size") or (240, 160)
    builder.add(node, "stickyNote", {"content": node.params.get("text", ""), "width": width, "height": height})


def _pass(builder: "Builder", node: Node) -> None:
    builder.add(node, "noOp", {})


def _stop(builder: "Builder", node: Node) -> None:
    builder.add(node, "stopAndError", {"errorMessage": builder.printer(node).param(node.params.get("message", ""))})


def _set(builder: "Builder", node: Node) -> None:
    printer = builder.printer(node)
    kinds = {name: tables.assigned(_declared(node, name).name) for name in node.inputs}
    if all(kinds.values()) or node.params.get("keep"):
        builder.add(node, "set", scripts.assigned(node.inputs, kinds, printer, keep=bool(node.params.get("keep"))))
    else:  # an assignment has a type and would change the value
        builder.add(
            node, "set", {"mode": "raw", "jsonOutput": printer.value(scripts.nested(node.inputs)), "options": {}}
        )


def _declared(node: Node, name: str) -> Type:
    if "." in name:
        value = node.inputs[name]
        return Type("string" if isinstance(value, (str, Text)) else _literal_type(value))  # type: ignore[arg-type]
    return node.outputs.get(name, Type())


def _literal_type(value: Value) -> str:
    kinds = {bool: "boolean", int: "number", float: "number", list: "array", dict: "object"}
    return kinds.get(type(value), "string")


def _answer(builder: "Builder", node: Node) -> None:
    """What the chat shows is the field "output" of the node that ran last."""
    printer, said = builder.printer(node), node.params.get("text", "")
    if not builder.own:
        params = {"respondWith": "text", "responseBody": printer.param(said), "options": {}}
        builder.add(node, "respondToWebhook", params)
        return
    builder.add(node, "set", scripts.assigned({"output": said}, {"output": "string"}, printer), role="answer")


def _end(builder: "Builder", node: Node) -> None:
    printer = builder.printer(node)
    message = node.params.get("message")
    if builder.own and not starts.responds(builder):
        fields = {"output": message} if message is not None else scripts.nested(node.inputs)
        params = {"mode": "raw", "jsonOutput": printer.value(fields), "options": {}}
        builder.add(node, "set", params, role="end" if message is None else "message")
    elif message is not None and not builder.own and starts.trigger_of(builder) == "form":
        params = {"operation": "completion", "respondWith": "text", "completionMessage": printer.param(message)}
        builder.add(node, "form", params)
    else:
        body = printer.param(message) if message is not None else printer.value(scripts.nested(node.inputs))
        how = "text" if message is not None else "json" if node.inputs else "noData"
        params = {"respondWith": how} | ({"responseBody": body} if how != "noData" else {}) | {"options": {}}
        builder.add(node, "respondToWebhook", params, role="end" if builder.own else "")


# -- control


def _if(builder: "Builder", node: Node) -> None:
    printer, cases = builder.printer(node), node.params.get("cases", [])
    ignore = bool(node.params.get("ignore_case"))
    written = [conditions.written(printer, case, ignore, f"{node.id}-{i}") for i, case in enumerate(cases)]
    loose = {"looseTypeValidation": True}
    if len(written) == 1:
        builder.add(node, "if", {"conditions": written[0], **loose, "options": {"ignoreCase": ignore}})
        return
    rules = [{"conditions": each, "renameOutput": True, "outputKey": f"{i + 1}"} for i, each in enumerate(written)]
    options = {"fallbackOutput": "extra", "ignoreCase": ignore}
    builder.add(node, "switch", {"rules": {"values": rules}, **loose, "options": options})


def output_of(node: Node, port: str) -> int:
    """The number of n8n's output for a port."""
    if port == "error":
        return outputs_of(node)
    head, _, number = port.partition(":")
    if head in ("case", "class", "option") and number.isdigit():
        return int(number)
    return _last(node) if port in ("else", "default") else 0


def _last(node: Node) -> int:
    if node.kind == "if":
        return len(node.params.get("cases", []))
    return len(node.params.get("classes", [])) if node.kind == "classify" else len(node.params.get("options", []))


def outputs_of(node: Node) -> int:
    return _last(node) + 1 if node.kind in ("if", "classify") else 1


def _ask(builder: "Builder", node: Node) -> None:
    """A page of a form; choices that control leaves by are asked nowhere in n8n."""
    if node.params.get("options") or node.params.get("actions"):
        scripts.stub(builder, node, "n8n asks for no choice that control goes by.")
        return
    if builder.own and starts.trigger_of(builder) != "form":
        scripts.stub(builder, node, "n8n asks in the middle of a run only after a form.")
        return
    fields = [starts.form_field(name, type_) for name, type_ in node.outputs.items()]
    title = builder.printer(node).param(node.params.get("question", ""))
    builder.add(node, "form", {"formFields": {"values": fields}, "options": {"formTitle": title}})


def _start(builder: "Builder", node: Node) -> None:
    starts.write(builder, node)


def _container(builder: "Builder", node: Node) -> None:
    containers.write(builder, node)


def _assign(builder: "Builder", node: Node) -> None:
    containers.assign(builder, node)


def _leave(builder: "Builder", node: Node) -> None:
    containers.leave(builder, node)


WRITERS: dict[str, Write] = {
    "start": _start,
    "end": _end,
    "answer": _answer,
    "llm": models.llm,
    "agent": models.agent,
    "code": scripts.code,
    "if": _if,
    "classify": models.classify,
    "extract": models.extract,
    "http": services.http,
    "template": scripts.template,
    "split": scripts.split,
    "aggregate": scripts.aggregate,
    "set": _set,
    "assign": _assign,
    "json_parse": scripts.json_parse,
    "json_dump": scripts.json_dump,
    "list": scripts.listed,
    "iterate": _container,
    "loop": _container,
    "break": _leave,
    "continue": _leave,
    "retrieve": models.retrieve,
    "tool": services.tool,
    "subflow": services.subflow,
    "ask": _ask,
    "document": services.document,
    "stop": _stop,
    "pass": _pass,
    "note": _note,
    "opaque": services.opaque,
}


# -- what outputs are called


def view_of(builder: "Builder", node: Node) -> names.View:
    if node.kind == "http":
        return names.BODY if not builder.own and node.outputs.keys() == {"body"} else names.RESPONSE
    if node.kind == "agent" or (node.kind == "llm" and node.params.get("memory")):
        return names.STRUCTURED if node.params.get("schema") else names.AGENT
    if node.kind == "llm":
        if models.calls_itself(builder, node):
            version = builder.resources[node.params["model"]].hint.get("version", 2)
            return names.RESPONSES if version >= 2 else names.COMPLETION
        return names.CHAIN
    if node.kind == "list" and not builder.own and (label := node.outputs.get("result", Type()).label):
        return names.key(label, "result")
    if node.kind == "iterate" and not builder.own and (label := node.outputs.get("output", Type()).label):
        return names.key(label, "output")
    if node.kind == "document":  # of a step that raises nothing has another name
        return names.SAME if services.is_unread(builder, node) else names.key(services.document_key(node), "text")
    if node.kind == "retrieve" and not builder.own:
        return names.PASSAGES
    return _VIEWS.get(node.kind, names.SAME)


_VIEWS: dict[str, names.View] = {"extract": names.FIELDS, "answer": names.key("output", "answer")}
