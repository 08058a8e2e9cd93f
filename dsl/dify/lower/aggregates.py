"""The first value that there is, of those that branches give."""

from dsl.dify.work import Recipe, Work
from dsl.ir import Node, Ref, Value
from dsl.kinds import outputs, ports


def _aggregate(work: Work, node: Node) -> None:
    skip = node.params.get("skip", "missing")
    if skip != "missing" and not work.own:
        message = f"Dify takes the first value that exists; values that are {skip} are skipped where this comes from."
        work.note(node, "degraded", "aggregate.falsy", message, "Check that no branch yields such a value.")
    groups = [dict(group) for group in node.params.get("groups", [])]
    if len(groups) == 1 and groups[0]["name"] != "output" and not work.own:
        work.moved[node.id, str(groups[0]["name"])] = "output"
        node.outputs = {"output": groups[0]["type"]}
        groups[0]["name"] = "output"
    for group in groups:
        if not work.own:  # of what n8n merges, one branch has a field and another has not
            group["values"] = [value for value in group["values"] if not _lacks(work, value)] or group["values"]
        group["values"] = [_at_producer(work, node, value) for value in group["values"]]
    node.params["groups"] = groups


def _lacks(work: Work, value: Value) -> bool:
    """Whether it is none of the fields that a step sets, which may be code by now."""
    producer = work.nodes.get(value.node) if isinstance(value, Ref) and value.scope == "node" and value.path else None
    if producer is None or producer.kind not in ("set", "code") or (producer.id, value.path[0]) in work.moved:
        return False
    return value.path[0] not in outputs(producer)


def _at_producer(work: Work, node: Node, value: Value) -> Value:
    """What has to be computed exists from then on: so that happens where its source is, not at the aggregator."""
    producer = work.nodes.get(value.node) if isinstance(value, Ref) and value.scope == "node" else None
    port = "done" if producer is not None and producer.body is not None else "out"
    if producer is None or work.is_native(value) or port not in ports(producer):
        return value
    helper = work.add(
        Node(work.new_id(f"{node.id}_{producer.id}"), "code", f"{node.title} value"), producer, after=True
    )
    work.after(producer, helper, port)
    work.program(helper, "values", {"value": value}, {"value": work.type_of(value)})
    return Ref(helper.id, ("value",))


RECIPES: dict[str, Recipe] = {"aggregate": _aggregate}
