"""What the nodes that stand for those of other platforms do not give out on n8n."""

from dsl.ir import Node
from dsl.lacking import Path, Platform, among

LACKED = {
    "llm": frozenset({"reasoning", "usage", "finish_reason", "files"}),
    "agent": frozenset({"reasoning", "usage", "finish_reason", "files", "json"}),
    "classify": frozenset({"reason", "usage"}),
    "extract": frozenset({"is_success", "reason", "usage"}),
    "http": frozenset({"files"}),
    "add_document": frozenset({"file_url"}),
    "ask": frozenset({"chosen", "chosen_id", "filled"}),
}


def lacks(node: Node, path: Path) -> bool:
    return among(LACKED, node, path)


ERROR = "the name of JavaScript's error, and of code nothing"
PLATFORM = Platform("n8n", lacks, lang="javascript", error=ERROR, status=True)
