"""Rounds of splitOut and splitInBatches as an iteration: what it goes through and what it collects."""

from typing import TYPE_CHECKING

from dsl.computed import EACH
from dsl.ir import Node, Ref, Script, Type, Value
from dsl.n8n import containers, items, lists, regions, sets, subnodes, tables, text
from dsl.n8n.source import Raw, dig

if TYPE_CHECKING:
    from dsl.n8n.read import Reader
    from dsl.n8n.regions import Region


def read(reader: "Reader", raw: Raw, node: Node, region: "Region") -> None:
    for name in region.own[1:]:
        reader.fold(raw, reader.nodes[name])
    if region.kind in ("iterate", "loop"):
        containers.read(reader, raw, node, region)
        return
    node.kind = "iterate"
    node.outputs = {}
    left = dict(raw.params)
    if region.kind == "split":
        node.inputs = {"item": _split_list(reader, raw)}
        if not regions.names_element(raw):
            left.pop("fieldToSplitOut")
    else:
        node.inputs = {"item": _batched(reader, raw, region)}
        if left.get("batchSize", 1) != 1:
            reader.note(raw, "degraded", "items.many", "A round is for several items at once; elsewhere it is for one.")
    attached = [subnodes.piece(reader, raw, "container", left)]
    if region.end and region.apart:
        node.outputs = {"output": tables.ARRAY}
        node.params["collect"] = {"output": Ref(region.gatherer, ("item",))}
    elif region.end:
        attached.append(subnodes.piece(reader, region.end, "end", {}))
        node.outputs = {"output": Type("array", label=lists.gathered(region.end)[0])}
        node.params["collect"] = {"output": gathered_item(reader, region.end)}
    if region.end and _flat(reader, region.end):
        node.params["flatten"] = True
    node.params["attached"] = attached


def _batched(reader: "Reader", raw: Raw, region: "Region") -> Value:
    """All the items that a loop goes through."""
    makers = [maker for maker in items.makers(reader, raw) if maker.name not in region.body and maker is not raw]
    if len(makers) == 1 and items.gives(makers[0]):
        return items.every(reader, makers[0])
    if many := [maker.name for maker in makers if maker.name in reader.streams]:
        return items.lost(reader, raw, f"It goes through what {many[0]} makes of each item of a node before it.")
    refs = tuple(reader.ref(raw, maker, ()) or Ref(maker.id, ()) for maker in makers)
    return Script("n8n", EACH, refs)


def _split_list(reader: "Reader", raw: Raw) -> Value:
    """The list; where an item is more than its element, the items as n8n makes them."""
    path = regions.path_of(raw)
    if regions.names_element(raw):
        made = f"({{ {', '.join([*_others(reader, raw), f'{_key(raw)}: element'])} }})"
        source = f"[$json{text.steps(path)} ?? []].flat().map((element) => {made})"
        return text.script(source, reader.resolve(raw))
    found = reader.incoming(raw, path)
    return found if found is not None else Script("n8n", f"$json.{regions.field_of(raw)}")


def _key(raw: Raw) -> str:
    return text.string(str(dig(raw.params, "options", "destinationFieldName") or regions.field_of(raw)))


def _others(reader: "Reader", raw: Raw) -> list[str]:
    """The fields of what comes in that each item gets, as members of a JavaScript object."""
    if raw.params.get("include", regions.ALONE) == regions.ALONE:
        return []
    if raw.params["include"] == "allOtherFields":
        known = [name for name in sets.came_in(reader, raw) if name != regions.field_of(raw)]
        return [f"{text.string(name)}: $json{text.steps((name,))}" for name in known] or ["...$json"]
    chosen = str(raw.params.get("fieldsToInclude", "")).split(",")
    paths = {name.strip(): tuple(name.strip().split(".")) for name in chosen if name.strip()}
    return [f"{text.string(name)}: $json{text.steps(path)}" for name, path in paths.items()]


def gathered_item(reader: "Reader", end: Raw) -> Value:
    """What an aggregate takes of each item: a field, or all of it."""
    field = lists.gathered(end)[2]
    if not field:
        return items.incoming(reader, end, items.makers(reader, end))
    found = reader.incoming(end, tuple(field.split(".")))
    return found if found is not None else items.lost(reader, end, f"Several nodes may have made the field {field}.")


def round_item(reader: "Reader", region: "Region") -> Value:
    """What a round of a container without an aggregate gives."""
    if region.kind == "batches":
        makers = [maker for maker in items.makers(reader, region.owner) if maker.name in region.body]
        return items.incoming(reader, region.owner, makers or [region.owner])
    last = [reader.nodes[name] for name in sorted(region.body) if not reader.source.out[name]]
    return items.incoming(reader, region.owner, last)


def _flat(reader: "Reader", end: Raw) -> bool:
    """Whether a round gives a list of items."""
    makers = items.makers(reader, end)
    return not lists.gathered(end)[2] and len(makers) == 1 and items.gives(makers[0])
