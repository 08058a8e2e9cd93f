"""Values as a file has them: steps to what a node gives out, texts with references in them, plain data."""

import json
from collections.abc import Callable

from dsl.dify import names
from dsl.dify.starts import trigger
from dsl.dify.work import BOX, Work
from dsl.ir import Json, Node, Ref, Script, Text, Value
from dsl.values import parts

Data = dict[str, Json]
Write = Callable[[Work, Node], Data]


def selector(work: Work, ref: Value) -> list[str]:
    """The steps to a value; none for what the author left empty."""
    if not isinstance(ref, Ref):
        return []
    path = [str(step) for step in ref.path]
    match ref.scope:
        case "system":
            return path if path[:1] == ["rag"] else ["sys", names.NATIVE_SYSTEM.get(path[0], path[0]), *path[1:]]
        case "env":
            return ["env", *path]
        case "session" | "app" | "user":
            return ["conversation", *path]
        case "item":
            return [ref.node, "item", *path[1:]]
        case "index":
            return [ref.node, "index"]
        case "loop":
            return [ref.node, *path]
    return [ref.node, *_steps(work, ref.node, path)]


def _steps(work: Work, name: str, path: list[str]) -> list[str]:
    node = work.nodes.get(name)
    if node is None or not path:
        return path
    if path == ["error"] and "error" not in node.outputs and node.on_error.then != "stop" and not work.own:
        return ["error_message"]  # the whole of it, which is a text of many nodes of n8n
    if path[0] == "error" and len(path) > 1 and "error" not in node.outputs:
        return [f"error_{path[1]}", *path[2:]]
    first = work.moved.get((name, path[0]), path[0])
    if (name, first) in work.boxed:
        return [first, BOX, *path[1:]]
    if node.kind == "aggregate" and first in node.outputs and is_grouped(node):
        return [first, "output", *path[1:]]
    if node.kind == "start" and first in names.REQUEST and trigger(node) == "webhook" and not is_declared(node, first):
        return ["_webhook_raw", names.REQUEST[first], *path[1:]]
    return [native(node, first), *path[1:]]


def native(node: Node, name: str) -> str:
    """What Dify calls an output; where an author may make some of the same name, that one as its author does."""
    own = name in node.outputs and node.kind in ("extract", "ask")
    return name if own else names.NATIVE_OUTPUTS.get(node.kind, {}).get(name, name)


def is_declared(node: Node, name: str) -> bool:
    """Whether a webhook's output is one value of the request, and not all of its kind."""
    return name in node.outputs and node.outputs[name].name not in ("object", "any")


def is_grouped(node: Node) -> bool:
    return [group["name"] for group in node.params.get("groups", [])] != ["output"]


def text(work: Work, value: Value) -> str:
    """A value as text with references in it."""
    if isinstance(value, (Text, Ref, str)):
        return "".join(part if isinstance(part, str) else _token(work, part) for part in parts(value))
    if value is None:
        return ""
    if isinstance(value, Script):
        return value.source
    return json.dumps(plain(work, value), ensure_ascii=False)


def _token(work: Work, part: Value) -> str:
    if not isinstance(part, Ref):
        return str(getattr(part, "source", ""))
    if part.scope == "system" and part.path in (("context",), ("histories",)):
        return f"{{{{#{part.path[0]}#}}}}"
    return f"{{{{#{'.'.join(selector(work, part))}#}}}}"


def plain(work: Work, value: Value) -> Json:
    """A value as plain data, references in it as text."""
    if isinstance(value, (Text, Ref, Script)):
        return text(work, value)
    if isinstance(value, dict):
        return {key: plain(work, inner) for key, inner in value.items()}
    return [plain(work, inner) for inner in value] if isinstance(value, (list, tuple)) else value


def named_inputs(work: Work, node: Node) -> list[Json]:
    return [{"variable": name, "value_selector": selector(work, ref)} for name, ref in node.inputs.items()]


def argument(work: Work, value: Value) -> Data:
    if isinstance(value, Ref):
        return {"type": "variable", "value": selector(work, value)}
    if isinstance(value, (str, Text)):
        return {"type": "mixed", "value": text(work, value)}
    return {"type": "constant", "value": plain(work, value)}
