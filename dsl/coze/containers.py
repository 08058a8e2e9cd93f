"""Loops and batches on Coze, read and written."""

from typing import Any

from dsl import loops
from dsl.coze import branches
from dsl.coze.names import identifier
from dsl.coze.reading import Reading, mappings, type_of
from dsl.coze.writing import Made, Writing, literal, shape
from dsl.ir import Ref, Text, Type, Value

MOST = 100  # elements of a batch, where the flow sets no limit


def read_loop(reading: Reading) -> None:
    node, inputs = reading.node, reading.inputs
    node.outputs = reading.declared()
    variables = {
        str(each.get("name")): {"type": type_of(each.get("input")), "value": reading.value(each.get("input"))}
        for each in mappings(inputs.get("variableParameters"))
    }
    outside = {
        name: Ref(node.id, ref.path, "loop") if ref.node == node.id else ref
        for name, ref in _given_out(reading).items()
    }
    if inputs.get("loopType") in (None, "array") and not variables:
        node.kind, node.inputs, node.params = "iterate", reading.named(), {"collect": outside}
        return
    node.kind, node.inputs = "loop", reading.named()
    node.params = {"variables": variables, "collect": outside}
    if inputs.get("loopType") == "count":
        node.params["count"] = reading.value(inputs.get("loopCount"))


def read_batch(reading: Reading) -> None:
    node, inputs = reading.node, reading.inputs
    node.kind, node.inputs, node.outputs = "iterate", reading.named(), reading.declared()
    size, limit = reading.value(inputs.get("concurrentSize")), reading.value(inputs.get("batchSize"))
    parallel = size if isinstance(size, int) and size > 0 else 10  # Coze's own default, where it is a reference
    node.params = {"collect": _given_out(reading), "parallel": parallel} | (
        {"limit": limit} if limit is not None else {}
    )


def _given_out(reading: Reading) -> dict[str, Ref]:
    given = reading.params(reading.data.get("outputs"))
    return {name: value for name, value in given.items() if isinstance(value, Ref)}


def read_leave(reading: Reading) -> None:
    reading.node.kind = "break" if reading.type == "19" else "continue"


# -- and back


def iterate(writing: Writing) -> Made:
    node, params = writing.node, writing.node.params
    lists = [
        {"name": identifier(name, writing.used), "input": writing.block(value)} for name, value in node.inputs.items()
    ]
    outs = [
        {"name": name, "input": _collected(writing, ref, node.outputs.get(name))}
        for name, ref in params.get("collect", {}).items()
    ]
    if params.get("on_item_error") in ("null", "skip"):
        writing.note("degraded", "iterate.error", "A round that fails ends the whole here.")
    if params.get("flatten"):
        writing.note("degraded", "iterate.flatten", "Lists of lists stay as they are here.")
    if params.get("parallel"):
        most = params.get("limit")
        if most is None:
            message = f"A batch stops after {MOST} elements: what a longer list has behind them is not done."
            writing.note("degraded", "iterate.limit", message, "Raise its limit, or let a loop go through the list.")
        size = literal(params["parallel"], Type("integer"))
        limit = writing.block(MOST if most is None else most, Type("integer"))
        return "28", {"batchSize": limit, "concurrentSize": size, "inputParameters": lists}, outs
    made: dict[str, Any] = {
        "loopType": "array",
        "loopCount": literal("10", Type("integer")),
        "variableParameters": [],
        "inputParameters": lists,
    }
    return "21", made, outs


def _collected(writing: Writing, ref: Value, declared: Type | None) -> dict[str, Any]:
    made = writing.block(ref)
    if declared is not None and declared.name == "array":
        made |= shape(declared)
    return made


def loop(writing: Writing) -> Made:
    node, params = writing.node, writing.node.params
    held = [
        {
            "name": identifier(name, writing.used),
            "input": writing.block(
                each.get("value"), None if isinstance(each.get("value"), (Ref, Text)) else each.get("type")
            ),
        }
        for name, each in params.get("variables", {}).items()
    ]
    count = params.get("count")
    made: dict[str, Any] = {
        "loopType": "count" if count is not None else "array" if node.inputs else "infinite",
        "variableParameters": held,
        "inputParameters": writing.params(node.inputs),
    }
    made["loopCount"] = writing.block(count, Type("integer")) if count is not None else literal("10", Type("integer"))
    if params.get("until") and params["until"].get("conditions"):
        writing.closing = {"branches": [{"condition": branches.case(writing, params["until"])}]}
        writing.note("degraded", "loop.until", loops.ASKED_LAST)
    elif made["loopType"] == "infinite" and not any(
        inner.kind == "break" for inner in (node.body.nodes if node.body else [])
    ):
        writing.note("degraded", "loop.endless", "Nothing ends this loop.")
    collect = params.get("collect") or {}
    known = {name: Ref(node.id, (name,), "loop") for name in params.get("variables", {})}
    collect = {name: ref for name, ref in known.items() if not collect or name in node.outputs} | collect
    outs = [{"name": name, "input": _collected(writing, ref, node.outputs.get(name))} for name, ref in collect.items()]
    return "21", made, outs


def leave(writing: Writing) -> Made:
    return ("19" if writing.node.kind == "break" else "29"), {}, []
