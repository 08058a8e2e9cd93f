"""Lists that are filtered, sorted and cut: Dify's own node where it has the words, code elsewhere."""

from typing import Any

from dsl.dify.expressions import LISTED, Call, elements
from dsl.dify.work import ANY, Recipe, Work
from dsl.ir import Node, Ref, Type, Value
from dsl.kinds import outputs


def _list(work: Work, node: Node) -> None:
    if _list_is_native(work, node):
        return
    wanted = {key: node.params[key] for key in LISTED if node.params.get(key) is not None}
    if "filter" in wanted:
        wanted["filter"] = elements(wanted["filter"])
    spec = [wanted.get(key, [] if key == "sort" else None) for key in LISTED]
    result = work.type_of(node.params["list"]) if isinstance(node.params.get("list"), Ref) else ANY
    label = outputs(node)["result"].label
    work.program(node, "list", Call("listed", (node.params.get("list"), *spec)), {})
    item = result.items or ANY
    node.outputs = {"result": Type("array", items=item, label=label), "first": item, "last": item}
    work.boxed |= {(node.id, name) for name in node.outputs}


_LIST_WORDS = {
    "string": {"contains", "not_contains", "starts", "ends", "eq", "ne", "in", "not_in", "empty", "not_empty"},
    "number": {"eq", "ne", "lt", "le", "gt", "ge"},
    "file": {"contains", "not_contains", "starts", "ends", "eq", "ne", "in", "not_in", "lt", "le", "gt", "ge"},
}


def _list_is_native(work: Work, node: Node) -> bool:
    given = node.params
    limit, conditions = given.get("limit") or {}, given.get("filter") or {"logic": "and", "conditions": []}
    if given.get("unique") is not None or limit.get("keep") == "last" or len(given.get("sort") or []) > 1:
        return False
    if not isinstance(limit.get("size") or 0, int) or (
        conditions["logic"] == "or" and len(conditions["conditions"]) > 1
    ):
        return False
    if not all(isinstance(each.get("left"), Ref) and each["left"].scope == "item" for each in conditions["conditions"]):
        return False
    return _has_list_words(work, node, conditions["conditions"])


def _has_list_words(work: Work, node: Node, conditions: list[dict[str, Any]]) -> bool:
    """Whether Dify filters lists of such elements so. It knows texts, numbers and files, and no objects."""
    list_ = node.params.get("list")
    type_ = work.type_of(list_) if isinstance(list_, Ref) else ANY
    item = type_.items.name if type_.items else "any"
    if work.own and (list_ is None or (item == "any" and not _is_computed(work, list_))):
        return True
    if not work.is_native(list_):
        return False
    return item in _LIST_WORDS and (work.own or all(each["op"] in _LIST_WORDS[item] for each in conditions))


def _is_computed(work: Work, value: Value) -> bool:
    """Whether it comes from a node of ours, which Dify takes for an object."""
    node = work.nodes.get(value.node) if isinstance(value, Ref) else None
    return node is not None and (node.params.get("style") == "done" or node.kind in ("json_parse", "set", "list"))


RECIPES: dict[str, Recipe] = {"list": _list}
