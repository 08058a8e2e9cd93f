"""What happens when a node fails."""

from dsl.dify import names
from dsl.dify.work import Work
from dsl.dify.writers.values import Data, native
from dsl.ir import Json, Node, Type
from dsl.kinds import outputs


def on_error(work: Work, node: Node) -> Data:
    policy = node.on_error
    made: Data = {}
    fails = node.kind == "http" and node.params.get("on_status") == "fail" and policy.then == "stop"
    if policy.retries or fails:  # with 0 retries: only so does an answer of 400 and more fail the node
        retry = {"max_retries": policy.retries, "retry_interval": policy.wait_ms}
        made["retry_config"] = {"retry_enabled": True, **retry}
    if policy.then == "branch":
        made["error_strategy"] = "fail-branch"
    if policy.then == "default":
        made["error_strategy"] = "default-value"
        known = outputs(node)
        made["default_value"] = [
            {"key": native(node, name), "type": _default_type(known.get(name), value), "value": value}
            for name, value in (policy.default or {}).items()
        ]
    return made


_DEFAULTS = frozenset({"string", "number", "object", "array[string]", "array[number]", "array[object]", "array[file]"})


def _default_type(type_: Type | None, value: Json) -> str:
    kinds = {str: "string", int: "number", float: "number", dict: "object", list: "array[object]"}
    guess = kinds.get(type(value), "object")
    word = names.narrowed(type_ or Type(), _DEFAULTS, guess)
    matches = (word == guess) or (word.startswith("array") and isinstance(value, list))
    return word if matches else guess
