"""What is kept in variables: Dify changes those of a chat and of a loop."""

from typing import Any

from dsl.dify.expressions import Call
from dsl.dify.lower.stubs import stub
from dsl.dify.settle import Wanted
from dsl.dify.work import Recipe, Work
from dsl.ir import Node, Ref, Script, Text


def _assign(work: Work, node: Node) -> None:
    items = node.params.get("items", [])
    fixed = [item["target"] for item in items if getattr(item["target"], "scope", "") not in ("session", "loop")]
    if fixed and not work.own:
        where = ".".join(map(str, getattr(fixed[0], "path", ())))
        stub(work, node, f"Dify cannot change {where}: it is neither of a chat nor of a loop.", code="assign.target")
        return
    node.params["items"] = [_operation(work, item) for item in items]


_ARITHMETIC = ("add", "subtract", "multiply", "divide")


def _operation(work: Work, item: dict[str, Any]) -> dict[str, Any]:
    """Arithmetic takes constants only, lists and texts values of nodes only."""
    op, value = item["op"], item.get("value")
    if op in _ARITHMETIC and isinstance(value, (Ref, Text)):
        return {**item, "op": "set", "value": Wanted(Call("calc", (op, item["target"], value)))}
    if isinstance(value, (Text, Script)) or op in ("append", "extend") or (op == "set" and isinstance(value, list)):
        return {**item, "value": Wanted(value)}
    return item


RECIPES: dict[str, Recipe] = {"assign": _assign}
