"""Nodes with a body: once for each element of a list, or until a condition holds."""

import json
from typing import Any

from dsl.dify import names
from dsl.dify.work import Work
from dsl.dify.writers.conditions import condition_of
from dsl.dify.writers.values import Data, Write, plain, selector
from dsl.ir import Node, Ref, Type


def _iterate(work: Work, node: Node) -> Data:
    source = next(iter(node.inputs.values()), None)
    type_ = work.type_of(source) if isinstance(source, Ref) else Type()
    collected = next(iter((node.params.get("collect") or {}).values()), None)
    result = next(iter(node.outputs.values()), None) or Type("array")
    return {
        "start_node_id": work.entry(node),
        "iterator_selector": selector(work, source),
        "iterator_input_type": names.word_of(type_) if type_.name == "array" else "array[any]",
        "output_selector": selector(work, collected) if collected is not None else [node.id, "item"],
        "output_type": names.word_of(result),
        "is_parallel": bool(node.params.get("parallel")),
        "parallel_nums": node.params.get("parallel") or 10,
        "error_handle_mode": names.NATIVE_ITEM_ERRORS[node.params.get("on_item_error", "stop")],
        "flatten_output": bool(node.params.get("flatten", False)),
    }


def _loop(work: Work, node: Node) -> Data:
    until = node.params.get("until") or {"logic": "and", "conditions": []}
    variables = [
        {"id": name, "label": name, **_initial(work, given)}
        for name, given in (node.params.get("variables") or {}).items()
    ]
    return {
        "start_node_id": work.entry(node),
        "loop_count": node.params.get("count", 100),
        "logical_operator": until["logic"],
        "break_conditions": [condition_of(work, each, str(i + 1)) for i, each in enumerate(until["conditions"])],
        "loop_variables": variables,
        "outputs": {},
    }


def _initial(work: Work, given: dict[str, Any]) -> Data:
    type_, value = given["type"], given.get("value")
    word = names.narrowed(type_, names.CODE_TYPES, "object" if type_.name == "any" else "string")
    if isinstance(value, Ref):
        return {"var_type": word, "value_type": "variable", "value": selector(work, value)}
    if word.startswith("array"):  # graphon takes lists as JSON text only
        value = json.dumps(plain(work, value or []), ensure_ascii=False)
    elif value is None and not work.own:
        value = names.ZEROS.get(word)
    return {"var_type": word, "value_type": "constant", "value": plain(work, value)}


def _break(work: Work, node: Node) -> Data:
    return {}


WRITERS: dict[str, Write] = {"iterate": _iterate, "loop": _loop, "break": _break}
