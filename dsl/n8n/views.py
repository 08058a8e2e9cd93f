"""What the outputs of a node are called (dsl/n8n/names.py), as far as its type and parameters say it."""

from typing import TYPE_CHECKING

from dsl.n8n import calls, lists, names, sorts, subnodes
from dsl.n8n.source import Raw

if TYPE_CHECKING:
    from dsl.n8n.read import Reader


def view_of(reader: "Reader", raw: Raw) -> names.View:
    if raw.kind in _VIEWS:
        return _VIEWS[raw.kind]
    if raw.kind == "httpRequest" and not calls.is_tool(raw):
        return names.RESPONSE if calls.is_full(raw) else names.BODY
    if raw.kind in ("ai:agent", "ai:chainLlm"):
        return _answer_view(reader, raw)
    if raw.kind == "ai:openAi" and raw.params.get("resource", "text") == "text":
        return names.RESPONSES if raw.version >= 2 else names.COMPLETION
    if raw.kind == "extractFromFile":
        return names.key(calls.document_key(raw), "text")
    if raw.kind == "aggregate" and (key := lists.gathered(raw)[0]):
        return names.key(key, "result")
    if raw.kind in ("code", "set"):
        return _marked_view(raw)
    if raw.kind == "executeWorkflowTrigger":
        return names.CHAT if raw.mark else names.SAME
    return names.PASSAGES if sorts.sort(raw) == "retrieve" else names.SAME


def _answer_view(reader: "Reader", raw: Raw) -> names.View:
    if answers_in_fields(reader, raw):
        return names.STRUCTURED
    return names.AGENT if raw.kind == "ai:agent" else names.SAME


def answers_in_fields(reader: "Reader", raw: Raw) -> bool:
    """Whether a model's answer is the object that its parser makes; else it is text, or several texts."""
    found = subnodes.parser(reader.source, raw.name)
    return found is not None and found.kind != subnodes.ITEM_LIST


def is_absent(reader: "Reader", raw: Raw, first: names.Path) -> bool:
    """Whether a model gives the other one of `text` and `output` only: expressions ask for both."""
    if raw.kind == "ai:chainLlm" and first == ("output",):
        return not answers_in_fields(reader, raw)
    return raw.kind in ("ai:agent", "ai:chainLlm") and first == ("text",) and answers_in_fields(reader, raw)


def _marked_view(raw: Raw) -> names.View:
    role = raw.mark[0] if raw.mark else ""
    return names.CHAT if role == "inputs" else names.key("output", "answer") if role == "answer" else names.SAME


_VIEWS: dict[str, names.View] = {
    "ai:chatTrigger": names.CHAT,
    "ai:manualChatTrigger": names.CHAT,
    "ai:sentimentAnalysis": names.SENTIMENT,
    "ai:informationExtractor": names.FIELDS,
}
