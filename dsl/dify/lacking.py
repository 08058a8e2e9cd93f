"""What Dify's nodes do not give out, and what stands for it: an agent of Dify answers in text only."""

from dsl.ir import Node, Ref, Type
from dsl.lacking import Path, Platform, among, unasked

LACKED = {
    "agent": frozenset({"structured", "reasoning", "finish_reason"}),
    "classify": frozenset({"reason"}),
    "add_document": frozenset({"file_url"}),
}
BESIDE = {
    "if": frozenset({"result", "selected_case_id"}),
    "classify": frozenset({"class_label"}),
    "answer": frozenset({"files"}),
}
_ANSWERED = """import json


def main(answer):
    return {"output": json.loads(answer[answer.find("{"):answer.rfind("}") + 1])}
"""


def lacks(node: Node, path: Path) -> bool:
    return among(LACKED, node, path) or unasked(node, path)


def gives(node: Node, path: Path) -> bool:
    hook = (node.params.get("trigger") or {}).get("type") == "webhook"
    return (hook and path == ("_webhook_raw",)) or among(BESIDE, node, path)


def instead(node: Node, path: Path, id_: str) -> Node | None:
    """The fields of the JSON object that stands somewhere in the answer of an agent."""
    if path[0] != "structured" or not node.params.get("schema"):
        return None
    params = {"lang": "python3", "style": "kwargs", "source": _ANSWERED}
    return Node(
        id_, "code", params=params, inputs={"answer": Ref(node.id, ("text",))}, outputs={"output": Type("object")}
    )


SYSTEM = frozenset(
    {
        *("query", "files", "conversation_id", "user_id", "turns", "app_id", "workflow_id", "execution_id"),
        *("timestamp", "context", "histories"),
    }
)
ERROR = "the name of an error of its engine"
PLATFORM = Platform("Dify", lacks, instead, gives=gives, system=SYSTEM, error=ERROR, status=True)
