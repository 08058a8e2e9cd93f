"""Which nodes of n8n run once for each of several items, where that is clear: bodies of iterations and loops.

splitOut with what follows it, up to an aggregate or the end; splitInBatches with what comes back to it; and what
flowstill itself writes for an iteration or a loop (dsl/n8n/containers.py).
"""

from dataclasses import dataclass, field
from typing import Literal

from dsl.ir import Ref
from dsl.n8n import names
from dsl.n8n.source import Link, Raw, Source, dig, members

Where = Literal["body", "outer"]


@dataclass
class Region:
    """A container: the node that it is, the nodes in it, and what else belongs to it."""

    kind: Literal["split", "batches", "iterate", "loop"]
    owner: Raw  # whose id and name the container has
    body: set[str] = field(default_factory=set)
    end: Raw | None = None  # the aggregate
    helpers: dict[str, str] = field(default_factory=dict)  # what flowstill wrote beside the owner: role by name
    enters: set[str] = field(default_factory=set)  # the node that control enters the container by

    def edge(self, link: Link) -> tuple[str, str, str, Where] | Literal[""] | None:
        """The edge that a connection is; "" when it is the container's own wiring, None when it is not of it."""
        return None

    def ref(self, asker: Raw, raw: Raw, steps: names.Path, inside: "dict[str, Region]") -> Ref | None:
        """What an output of one of the container's own nodes is to a node."""
        return None


def field_of(raw: Raw) -> str:
    """The field that a splitOut makes items of."""
    name = raw.params.get("fieldToSplitOut")
    return name if isinstance(name, str) and not name.startswith("=") and "," not in name else ""


def aggregated(raw: Raw) -> str:
    """The one field that an aggregate makes; "" for several."""
    if raw.params.get("aggregate") == "aggregateAllItemData":
        name = raw.params.get("destinationFieldName", "data")
        return name if isinstance(name, str) and not name.startswith("=") else ""
    items = members(raw.params, "fieldsToAggregate", "fieldToAggregate")
    if len(items) != 1 or not isinstance(items[0].get("fieldToAggregate"), str):
        return ""
    renamed = items[0].get("outputFieldName") if items[0].get("renameField") is True else None
    name = renamed if isinstance(renamed, str) and renamed else items[0]["fieldToAggregate"].split(".")[-1]
    return "" if name.startswith("=") else name


def regions(found: Source, main: list[Raw]) -> dict[str, Region]:
    return {}
