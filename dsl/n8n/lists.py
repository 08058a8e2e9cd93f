"""Nodes that work on all items at once, as lists: sort, limit, removeDuplicates, aggregate."""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dsl.computed import ALL, EACH
from dsl.ir import Node, Ref, Script, Type, Value
from dsl.n8n import items, others, sets, sorts, subnodes, tables
from dsl.n8n.source import Raw, members

if TYPE_CHECKING:
    from dsl.n8n.read import Reader


def read(reader: "Reader", raw: Raw, node: Node) -> None:
    """Operations on all items at once: the list is what came in."""
    node.kind = "list"
    node.params = {"list": _all_items(reader, raw, EACH)} | _LISTS[raw.kind](reader, raw)
    node.outputs = {"result": replace(tables.ITEMS, label=ALL)}
    region = reader.inside.get(raw.name)
    message = "It works on all items that come in, which other platforms have as a list."
    if region and region.kind == "split":
        message = f"It works on all that {region.owner.name} gives; here it has one at a time, and changes nothing."
    reader.note(raw, "degraded", "items.many", message, "Do it in code behind the rounds." if region else "")


def _all_items(reader: "Reader", raw: Raw, source: str) -> Script:
    """`source`, which takes all items that come in from $input, and who gives those."""
    makers = [reader.nodes[name] for name in _sources(reader, raw)]
    if len(makers) == 1 and items.gives(makers[0]):
        return Script("n8n", source, (items.every(reader, makers[0]),))
    if len(makers) == 1 and sorts.sort(makers[0]) == "list" and not makers[0].mark:
        return Script("n8n", source, (Ref(makers[0].id, ("result",)),))
    if made := _of_each(reader, raw):
        whole, each = made
        return Script("n8n", source.replace("$input.all()", f"$input.all().map({each})", 1), (whole,))
    if giver := reader.streams.get(raw.name):
        lost = items.lost(reader, raw, f"It works on what nodes before it make of each item of {giver}.")
        return Script("n8n", f"{source} && {lost.source}")  # on n8n it still is what it was
    return Script(
        "n8n", source, tuple(reader.ref(raw, maker, ()) or Ref(maker.id, ()) for maker in items.makers(reader, raw))
    )


def _of_each(reader: "Reader", raw: Raw) -> tuple[Ref, str] | None:
    """Who gives items, and JavaScript for what a Set node between makes of each, where it takes that item alone."""
    before = [reader.nodes[name] for name in _sources(reader, raw)]
    givers = [reader.nodes[name] for name in _sources(reader, before[0])] if len(before) == 1 else []
    if len(givers) != 1 or before[0].kind != "set" or not items.gives(givers[0]):
        return None
    if {raw.name, givers[0].name} & reader.inside.keys():
        return None
    fields = sets.of_its_item(before[0])
    return (items.every(reader, givers[0]), f"({{ json: $json }}) => ({{ json: {fields} }})") if fields else None


def _sources(reader: "Reader", raw: Raw) -> list[str]:
    """Who is wired to a node, past those that do nothing."""
    names = sorted({link.source for link in reader.source.into[raw.name]})
    idle = len(names) == 1 and (reader.nodes[names[0]].disabled or sorts.sort(reader.nodes[names[0]]) == "pass")
    return _sources(reader, reader.nodes[names[0]]) if idle else names


def _sort(reader: "Reader", raw: Raw) -> dict[str, Value]:
    fields = members(raw.params, "sortFieldsUi", "sortField")
    return {
        "sort": [
            {"key": str(item.get("fieldName", "")), "order": "desc" if item.get("order") == "descending" else "asc"}
            for item in fields
        ]
    }


def _limit(reader: "Reader", raw: Raw) -> dict[str, Value]:
    keep = "last" if raw.params.get("keep") == "lastItems" else "first"
    return {"limit": {"size": reader.value(raw.params.get("maxItems", 1), raw), "keep": keep}}


def _unique(reader: "Reader", raw: Raw) -> dict[str, Value]:
    fields = raw.params.get("fieldsToCompare", "")
    return {"unique": [name.strip() for name in fields.split(",") if name.strip()] if isinstance(fields, str) else []}


_LISTS: dict[str, Callable[["Reader", Raw], dict[str, Value]]] = {
    "sort": _sort,
    "limit": _limit,
    "removeDuplicates": _unique,
}


def aggregate(reader: "Reader", raw: Raw, node: Node) -> None:
    """All items as one list. The name of its field is the label of the output."""
    key, source, _ = gathered(raw)
    if not key:
        others.opaque(reader, raw, node)
        return
    node.kind = "list"
    if region := reader.gathering.get(raw.name):
        there = {"left": Ref(raw.id, (), "item"), "op": "not_null", "right": None}
        node.params = {"list": Ref(region.owner.id, ("output",)), "filter": {"logic": "and", "conditions": [there]}}
        node.params["attached"] = [subnodes.piece(reader, raw, "end", raw.params)]
        node.outputs = {"result": Type("array", label=key)}
        return
    node.params = {"list": _all_items(reader, raw, source)}
    node.outputs = {"result": replace(tables.ITEMS if source == EACH else tables.ARRAY, label=key)}
    reader.note(raw, "degraded", "items.many", "It makes one list of all items that come in.")


def gathered(raw: Raw) -> tuple[str, str, str]:
    """The field that an aggregate makes, "" for several, the JavaScript for what is in it, and the field it takes."""
    field: Any = ""
    if raw.params.get("aggregate") == "aggregateAllItemData":
        key, source = raw.params.get("destinationFieldName", "data"), EACH
    else:
        items = members(raw.params, "fieldsToAggregate", "fieldToAggregate")
        field = items[0].get("fieldToAggregate") if len(items) == 1 else None
        if not isinstance(field, str) or not re.fullmatch(r"[\w.]+", field):
            return "", "", ""
        renamed = items[0].get("outputFieldName") if items[0].get("renameField") is True else None
        key = renamed or field.split(".")[-1]
        source = f"$input.all().map((item) => item.json.{field})"
    fits = isinstance(key, str) and key and not key.startswith("=") and "." not in key
    return (key, source, field) if fits else ("", "", "")
