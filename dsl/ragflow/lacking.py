"""What RAGFlow's components do not give out: it fails where that is read, by a name that no component has."""

from dsl import passages
from dsl.ir import Node
from dsl.lacking import Path, Platform, among
from dsl.ragflow.returned import BESIDE

LACKED = {
    "http": frozenset({"status", "headers", "files"}),
    "llm": frozenset({"reasoning", "usage", "finish_reason", "files"}),
    "agent": frozenset({"reasoning", "usage", "finish_reason", "files", "json"}),
    "extract": frozenset({"is_success", "reason", "usage"}),
    "classify": frozenset({"class_id", "reason", "usage"}),
    "ask": frozenset({"chosen_id", "filled"}),
}


def lacks(node: Node, path: Path) -> bool:
    return among(LACKED, node, path)


def gives(node: Node, path: Path) -> bool:
    return among({"code": BESIDE, "retrieve": {passages.OUTPUT}}, node, path)


PLATFORM = Platform("RAGFlow", lacks, gives=gives)
