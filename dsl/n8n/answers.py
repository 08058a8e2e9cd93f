"""What is said to who asked: answers to a webhook, pages of a form, messages of a chat."""

from typing import TYPE_CHECKING

from dsl.ir import Node, Ref, Script, Value
from dsl.n8n import jsontext, others, sets, triggers
from dsl.n8n.source import Raw, dig
from dsl.values import words

if TYPE_CHECKING:
    from dsl.n8n.read import Reader


def respond(reader: "Reader", raw: Raw, node: Node) -> None:
    """respondToWebhook: the end when nothing follows, else an answer on the way."""
    how = raw.params.get("respondWith", "firstIncomingItem")
    body = reader.value(raw.params.get("responseBody", ""), raw)
    if how in ("jwt", "binary"):
        others.opaque(reader, raw, node)
        return
    _status(reader, raw)
    if how in ("firstIncomingItem", "allIncomingItems"):
        inputs, body = _incoming_item(reader, raw, how), None
    else:
        inputs = (jsontext.mapping(reader, raw, body) if how == "json" else None) or {}
    if how == "redirect":
        body = reader.value(raw.params.get("redirectURL", ""), raw)
    if reader.source.out[raw.name] and (not raw.mark or raw.mark[0] != "end"):
        node.kind = "answer"
        node.params["text"] = words(body) if body is not None and how != "noData" else text_of(inputs)
        return
    node.kind, node.inputs = "end", inputs
    node.outputs = {name: sets.type_of(value) for name, value in inputs.items()}
    if not inputs and how != "noData" and body is not None:
        node.params["message"] = words(body)


def _status(reader: "Reader", raw: Raw) -> None:
    code = dig(raw.params, "options", "responseCode")
    if code not in (None, 200):
        message = f"It answers with the status {code}; elsewhere every answer has 200."
        reader.note(raw, "degraded", "answer.status", message)


def text_of(inputs: dict[str, Value]) -> Value:
    return next(iter(inputs.values()), "")


def _incoming_item(reader: "Reader", raw: Raw, how: str) -> dict[str, Value]:
    """The fields of what came in, where they are known; else the item as a whole."""
    makers = reader.producers(raw, ())
    if how == "firstIncomingItem" and len(makers) == 1:
        found = sets.known_fields(reader, raw, reader.nodes[next(iter(makers))[0]])
        if found:
            return found
    if how == "firstIncomingItem" and (whole := reader.incoming(raw, ())) is not None and whole.path:
        return {"result": whole}
    source = "$json" if how == "firstIncomingItem" else "$input.all().map((item) => item.json)"
    refs = tuple(Ref(reader.nodes[name].id, ()) for name, _ in sorted(makers))
    return {"result": Script("n8n", source, refs)}


def form(reader: "Reader", raw: Raw, node: Node) -> None:
    """A page of a form: questions, or the last one that only says something."""
    if raw.params.get("operation", "page") == "completion":
        shown = {"redirect": "redirectUrl", "showText": "responseText"}
        name = shown.get(str(raw.params.get("respondWith", "text")), "completionMessage")
        node.kind, node.params["message"] = "end", reader.words(raw.params.get(name, ""), raw)
        return
    node.kind = "ask"
    said = raw.params.get("formTitle", dig(raw.params, "options", "formTitle"))
    node.params["question"] = reader.value(said if isinstance(said, str) else raw.name, raw)
    node.outputs = triggers.form_fields(raw)


def chat(reader: "Reader", raw: Raw, node: Node) -> None:
    node.kind = "answer"
    node.params["text"] = reader.words(raw.params.get("message", ""), raw)
