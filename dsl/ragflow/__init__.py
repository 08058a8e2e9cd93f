"""RAGFlow's agent canvas (0.27): JSON with `components`, the program, and `graph`, the drawing."""

from dsl.dump import dump_json
from dsl.ragflow.build import build, given_ids
from dsl.ragflow.read import read, sniff
from dsl.ragflow.tables import COSMETIC

SETTINGS = ()

__all__ = ["COSMETIC", "SETTINGS", "build", "dump", "given_ids", "read", "sniff", "unpack"]


def unpack(data: bytes) -> None:
    """There are no archives of this dialect."""
    return None


def dump(document: object) -> str:
    return dump_json(document)
