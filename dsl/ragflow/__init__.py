"""RAGFlow's agent canvas (0.27): JSON with `components`, the program, and `graph`, the drawing."""

from dsl.load import dump_json
from dsl.ragflow.build import build
from dsl.ragflow.read import read, sniff
from dsl.ragflow.rules import check
from dsl.ragflow.tables import COSMETIC

__all__ = ["COSMETIC", "build", "check", "dump", "mend", "read", "sniff", "unpack"]


def unpack(data: bytes) -> None:
    """There are no archives of this dialect."""
    return None


def mend(document: object) -> list[str]:
    """Nothing of a canvas has one right value only."""
    return []


def dump(document: object) -> str:
    return dump_json(document)
