"""What sort of node each type of n8n is: several types are read alike."""

from dsl.n8n import branches, tables
from dsl.n8n.source import Raw

SORTS = {
    "noOp": "pass",
    "wait": "wait",
    "stickyNote": "note",
    "set": "set",
    "if": "if",
    "filter": "if",
    "switch": "switch",
    "code": "code",
    "function": "code",
    "functionItem": "code",
    "httpRequest": "http",
    "executeWorkflow": "subflow",
    "stopAndError": "stop",
    "extractFromFile": "document",
    "merge": "merge",
    "sort": "list",
    "limit": "list",
    "removeDuplicates": "list",
    "aggregate": "aggregate",
    "respondToWebhook": "respond",
    "form": "form",
    "ai:chat": "chat",
    "ai:chainLlm": "chain",
    "ai:agent": "agent",
    "ai:openAi": "openai",
    "ai:textClassifier": "classify",
    "ai:sentimentAnalysis": "classify",
    "ai:informationExtractor": "extract",
}


def sort(raw: Raw) -> str:
    if raw.kind == "ai:sentimentAnalysis" and not branches.classes_of(raw):
        return "opaque"
    if raw.kind in SORTS:
        return SORTS[raw.kind]
    if tables.is_trigger(raw.kind):
        return "trigger"
    if raw.kind.startswith("ai:vectorStore") and raw.params.get("mode") == "load":
        return "retrieve"
    return "tool" if _is_named(raw) else "opaque"


def _is_named(raw: Raw) -> bool:
    """A node of some service: everything that has a package in its type and does not deal with items as such."""
    return "." in raw.data["type"] and raw.kind not in tables.STREAMS and raw.kind != "ai:code"
