"""What a Merge node hands on: each field that is read behind it is the one of the branch that ran.

Other platforms have an aggregator for that, whose groups have names; n8n has items, whose fields nobody declares.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from dsl.ir import Flow, Graph, Node, Ref, Type, Value
from dsl.kinds import outputs
from dsl.n8n import items, others, sets
from dsl.n8n.source import Link, Raw
from dsl.reach import Reach
from dsl.values import node_refs, walk

if TYPE_CHECKING:
    from dsl.n8n.read import Reader

MODES = ("append", "chooseBranch", "passThrough", "wait")  # what joins items of both is no node elsewhere


def merge(reader: "Reader", raw: Raw, node: Node) -> None:
    """Append and choose: the first branch that gave something. Its groups come when it is known who reads what."""
    if raw.params.get("mode", "append") not in MODES:
        others.opaque(reader, raw, node)
        return
    node.kind = "aggregate"
    node.params = {"groups": [], "skip": "missing"}
    reader.merges.append(raw)


def settle(reader: "Reader", graph: Graph, made: dict[str, Node]) -> None:
    """Give the aggregators their groups, those behind others first: they read what is before them."""
    every = [node for node, _, _ in walk(graph)]
    reach = Reach(Flow("", "n8n", graph=graph)) if reader.merges else None
    for raw in sorted(reader.merges, key=lambda raw: -_depth(reader, raw)):
        node = made[raw.name]
        fields = dict.fromkeys(str(ref.path[0]) for each in every for ref in node_refs(each) if _reads(ref, node))
        whole = any(ref == Ref(node.id, ()) for each in every for ref in node_refs(each))
        if whole or not fields or _by_code(reader, raw):
            fields |= dict.fromkeys(_known(reader, raw, made, {raw.name}))
        several = reach is not None and len(reach.groups(node.id)) > 1
        groups = [_group(reader, raw, name, made, several) for name in fields]
        node.params["groups"] = groups or [{"name": "output", "type": Type(), "values": _items(reader, raw)}]
        node.outputs = {group["name"]: group["type"] for group in node.params["groups"]}
        if several:
            message = "The items of all its branches go on, one after another; elsewhere the first that there is does."
            reader.note(raw, "degraded", "items.many", message, "Put what follows into each branch, or make a list.")


def _reads(ref: Ref, node: Node) -> bool:
    return ref.node == node.id and ref.scope == "node" and bool(ref.path)


def _by_code(reader: "Reader", raw: Raw) -> bool:
    """Whether code gets what comes out, of which it is not known what it reads."""
    return any(items.is_code(reader.nodes[link.target]) for link in reader.source.out[raw.name])


def _links(reader: "Reader", raw: Raw) -> list[Link]:
    return sorted(reader.source.into[raw.name], key=lambda link: link.input)


def _depth(reader: "Reader", raw: Raw) -> int:
    """How many Merge nodes it is behind, at least: of two in a row the later has more."""
    found, seen, level = 0, {raw.name}, [raw.name]
    while level:
        level = [link.source for name in level for link in reader.source.into[name] if link.source not in seen]
        seen.update(level)
        found += any(reader.nodes[name].kind == "merge" for name in level)
    return found


def _known(reader: "Reader", raw: Raw, made: dict[str, Node], seen: set[str]) -> Iterator[str]:
    """The fields of what comes in, as far as those who make it say them."""
    for name, _ in sorted(reader.producers(raw, ())):
        if name in seen:
            continue
        seen.add(name)
        maker = reader.nodes[name]
        yield from sets.fields_of(maker) or outputs(made[name])
        if maker.kind == "set" and sets.keeps_all(maker):
            yield from _known(reader, maker, made, seen)


def _group(reader: "Reader", raw: Raw, name: str, made: dict[str, Node], several: bool) -> dict[str, Value]:
    """`several`: branches that both run, of which the first one counts; of others the one that ran."""
    ways = [[link] for link in _links(reader, raw)] if several else [_links(reader, raw)]
    found = [ref for way in ways for ref in reader.made_by(raw, reader.producers_along(way, (name,)), (name,))]
    by_id = {node.id: node for node in made.values()}
    types = {_type(by_id, ref) for ref in found}
    return {"name": name, "type": types.pop() if len(types) == 1 else Type(), "values": list(dict.fromkeys(found))}


def _type(known: dict[str, Node], ref: Ref) -> Type:
    producer = known.get(ref.node) if ref.scope == "node" and len(ref.path) == 1 else None
    type_ = outputs(producer).get(str(ref.path[0]), Type()) if producer else Type()
    return Type(type_.name, type_.items, type_.props)


def _items(reader: "Reader", raw: Raw) -> list[Value]:
    """The whole items, where nothing is known of their fields."""
    found = [items.whole(reader, reader.nodes[link.source]) for link in _links(reader, raw)]
    return [value for value in found if value is not None]
