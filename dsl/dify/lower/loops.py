"""Loops count to a number, test at the end of a round, collect in variables; `break` leaves them."""

from collections.abc import Collection

from dsl.dify.lower.iterations import nested
from dsl.dify.lower.stubs import stub
from dsl.dify.settle import condition_is_native
from dsl.dify.work import ANY, OBJECT, Recipe, Work
from dsl.ir import Edge, Node, Ref, Type, Value
from dsl.kinds import ports
from dsl.loops import INDEX, ROUND, begin
from dsl.values import unique

COLLECTS, COUNTS = "flowstill: collects", "flowstill: counts"  # descriptions of nodes that hold no code


def loop(work: Work, node: Node) -> None:
    own = dict(node.params.get("variables") or {})  # among them may be those that count elsewhere
    node.params["variables"] = {**own}
    _count(work, node)
    _until(work, node)
    _gather(work, node)
    _rounds(work, node, own)
    nested(work, node)


_EDITED = 100  # rounds that Dify's editor takes


def _count(work: Work, node: Node) -> None:
    count = node.params.get("count")
    if count is None and work.own:
        return
    if count is None:
        node.params["count"] = 100
        message = "The loop has no end of its own; Dify runs it 100 times at most."
        work.note(node, "degraded", "loop.capped", message, "Set the number of rounds that is enough.")
    elif isinstance(count, int) and count > _EDITED and not work.own:
        message = f"Dify runs all {count} rounds; its editor shows {_EDITED} at most, and may save them."
        work.note(node, "degraded", "loop.capped", message, "Leave the number of rounds alone there.")
    elif not isinstance(count, int) or isinstance(count, bool) or (count < 1 and not work.own):
        # what is tested before the first round, too, is how a loop may have none: Dify takes no count below 1
        node.params["count"] = 100
        variables = node.params["variables"]
        variables[name := unique(ROUND, {*variables})] = {"type": Type("number"), "value": 0}
        condition = {"left": Ref(node.id, (name,), "loop"), "op": "ge", "right": count, "type": "number"}
        _break_when(work, node, condition)
        if not work.own and not isinstance(count, int):
            work.note(node, "degraded", "loop.capped", "More than 100 rounds are not run.")


def _break_when(work: Work, node: Node, condition: dict[str, Value]) -> None:
    until = node.params.get("until")
    if until and until["logic"] == "and" and len(until["conditions"]) > 1:
        _tail_break(work, node, until)
        until = None
    before = until["conditions"] if until else []
    node.params["until"] = {"logic": "or", "conditions": [*before, condition]}


def _tail_break(work: Work, node: Node, until: dict[str, Value]) -> None:
    """A condition that the loop itself cannot test is tested by the last node of the body."""
    test = Node(work.new_id(f"{node.id}_until"), "if", f"{node.title} until", params={"cases": [until]})
    work.at_end(node, test)
    leave = Node(work.new_id(f"{node.id}_leave"), "break", f"{node.title} leave")
    work.add(leave, test, after=True)
    work.where[test.id].edges.append(Edge(test.id, leave.id, "case:0"))


def _until(work: Work, node: Node) -> None:
    until = node.params.get("until")
    if until and not all(condition_is_native(work, each) for each in until["conditions"]):
        node.params["until"] = None
        _tail_break(work, node, until)


def _gather(work: Work, node: Node) -> None:
    """What a loop collects grows in a variable of it."""
    for name, value in (node.params.get("collect") or {}).items():
        item = work.type_of(value) if isinstance(value, Ref) else ANY
        label = unique(name, {*node.params["variables"]})
        list_ = Type("array", items=item if item.name in ("string", "number", "boolean") else OBJECT)
        node.params["variables"][label] = {"type": list_, "value": []}
        node.outputs[label] = list_
        keeper = Node(work.new_id(f"{node.id}_{label}"), "assign", f"Collect {label}", COLLECTS)
        keeper.params = {"items": [{"target": Ref(node.id, (label,), "loop"), "op": "append", "value": value}]}
        producer = work.nodes.get(value.node) if isinstance(value, Ref) else None
        if producer is not None and work.where[producer.id] is node.body and "out" in ports(producer):
            work.add(keeper, producer, after=True)
            work.after(producer, keeper)
        else:
            work.at_end(node, keeper)
    node.params.pop("collect", None)


def _rounds(work: Work, node: Node, own: Collection[str]) -> None:
    """Counts the rounds at the beginning of each where something reads the number."""
    index, variables = Ref(node.id, (), "index"), node.params["variables"]
    if node.id in work.counted:
        variables[name := unique(INDEX, {*variables})] = {"type": Type("number"), "value": -1}
        work.redirect(lambda ref: Ref(node.id, (name,), "loop") if ref == index else ref)
    counted = [name for name, each in variables.items() if name not in own and each["type"].name == "number"]
    if not counted or node.body is None:
        return
    counter = Node(work.new_id(f"{node.id}_round"), "assign", f"{node.title} round", COUNTS)
    items = [{"target": Ref(node.id, (name,), "loop"), "op": "add", "value": 1} for name in counted]
    counter.params = {"items": items}
    begin(node, counter)
    work.nodes[counter.id], work.where[counter.id], work.container[counter.id] = counter, node.body, node.id


def _break(work: Work, node: Node) -> None:
    above = work.nodes.get(work.container[node.id])
    while above is not None and above.kind == "iterate":
        above = work.nodes.get(work.container[above.id])
        if above is not None and above.kind == "loop":
            break
    container = work.nodes.get(work.container[node.id])
    if not work.own and (container is None or container.kind != "loop"):
        stub(work, node, "Dify cannot leave an iteration before its end.", "break")


RECIPES: dict[str, Recipe] = {"break": _break}
