"""What the linter says of a place in a file."""

from dataclasses import dataclass
from typing import Literal

from dsl.ir import Node

Level = Literal["error", "warning", "note"]


@dataclass(frozen=True)
class Finding:
    """`pointer` is the place in the file; `fix` says what to do."""

    level: Level
    code: str
    message: str
    pointer: str = ""
    node: str = ""
    title: str = ""
    fix: str = ""


def at_node(level: Level, code: str, node: Node, message: str, fix: str = "") -> Finding:
    return Finding(level, code, message, node.pointer, node.id, node.title, fix)


def called(node: Node) -> str:
    return f"'{node.title or node.id}'"
