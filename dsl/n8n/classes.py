"""The class that a classifier chose, as flowstill asks for it on n8n: by the output that was taken."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from dsl.ir import Node, Ref
from dsl.n8n.source import members
from dsl.n8n.text import Path

if TYPE_CHECKING:
    from dsl.n8n.read import Reader


def named(reader: "Reader", path: Path) -> Ref | None:
    """The output that has these words for the classes."""
    raw, words = reader.nodes.get(path.name), path.steps[:-1]
    if raw is None or raw.kind != "ai:textClassifier" or raw.disabled:
        return None
    names = tuple(str(each.get("category", "")) for each in members(raw.params, "categories", "categories"))
    if len(words) != len(names):
        return None
    output = "class_name" if words == names else "class_id"
    reader.chosen.setdefault(raw.id, {})[output] = path
    return Ref(raw.id, (output,))


def settle(reader: "Reader", made: Mapping[str, Node]) -> None:
    """The classifiers have the ids that are read of them, and the words for what fits no class."""
    for node in made.values():
        for output, path in reader.chosen.get(node.id, {}).items():
            node.params.setdefault("rest", {})[output] = path.steps[-1]
            for each, word in zip(node.params["classes"], path.steps, strict=False):
                each |= {"id": word} if output == "class_id" and isinstance(word, str) else {}
