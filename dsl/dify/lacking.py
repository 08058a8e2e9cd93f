"""What Dify's nodes do not give out, and what stands for it: an agent of Dify answers in text only."""

from dsl.ir import Node, Ref
from dsl.lacking import Path, Platform, among, unasked

LACKED = {
    "agent": frozenset({"structured", "reasoning", "finish_reason"}),
    "classify": frozenset({"reason"}),
}
BESIDE = {
    "if": frozenset({"result", "selected_case_id"}),
    "classify": frozenset({"class_label"}),
    "answer": frozenset({"files"}),
}


def lacks(node: Node, path: Path) -> bool:
    return among(LACKED, node, path) or unasked(node, path)


def gives(node: Node, path: Path) -> bool:
    hook = (node.params.get("trigger") or {}).get("type") == "webhook"
    return (hook and path == ("_webhook_raw",)) or among(BESIDE, node, path)


def instead(node: Node, path: Path, id_: str) -> Node | None:
    """The fields that the answer of an agent has as JSON text."""
    if path[0] == "structured" and node.params.get("schema"):
        return Node(id_, "json_parse", params={"value": Ref(node.id, ("text",))})
    return None


SYSTEM = frozenset(
    {
        *("query", "files", "conversation_id", "user_id", "dialogue_count", "app_id", "workflow_id", "execution_id"),
        *("timestamp", "context", "histories"),
    }
)
PLATFORM = Platform("Dify", lacks, instead, gives=gives, system=SYSTEM)
