"""What a search of a knowledge base asks of the metadata of documents, where a platform does not ask that."""

from collections.abc import Iterator
from typing import Any

from dsl.ir import Node

CODE = "retrieve.filter"
CHOSEN = "On {} no filter on metadata is chosen: passages of all documents come."
ADVICE = "Search a knowledge base that holds only what may be found."


def unfiltered(node: Node, platform: str) -> str:
    """What is to be told where no filter is written; "" where there is none."""
    search = node.params.get("search") or {}
    if asked := node.params.get("filter"):
        fields = ", ".join(dict.fromkeys(_fields(asked)))
        return f"{platform} has no filter on metadata ({fields}): passages of all documents come."
    if search.get("metadata") == "automatic" or search.get("meta_data_filter"):
        return CHOSEN.format(platform)
    return ""


def _fields(asked: dict[str, Any]) -> Iterator[str]:
    for each in asked.get("conditions", []):
        yield from _fields(each) if "conditions" in each else [str(step) for step in each["left"].path]
