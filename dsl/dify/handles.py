"""What a file calls the ports of a node: source handles."""

from dsl.dify import names
from dsl.ir import Node


def handle(node: Node | None, port: str) -> str | None:
    """None for a port that such a node does not have in Dify."""
    name, _, which = port.partition(":")
    if name in ("out", "done", "body"):
        return names.ONWARD if node is not None and node.kind == "ask" and _goes_on(node) else "source"
    if name == "error":
        return "fail-branch"
    branch = _BRANCHES.get(node.kind) if node is not None else None
    return branch(node, name, which) if branch and node is not None else None


def _goes_on(node: Node) -> bool:
    return not node.params.get("options") and not node.params.get("actions")


def _case(node: Node, name: str, which: str) -> str | None:
    if name == "else":
        return "false"
    place, cases = _number(which), node.params.get("cases", [])
    return str(cases[place].get("id", names.case_id(place))) if name == "case" and 0 <= place < len(cases) else None


def _class(node: Node, name: str, which: str) -> str | None:
    place, classes = _number(which), node.params.get("classes", [])
    if name == "class" and 0 <= place < len(classes):
        return str(classes[place].get("id", place + 1))
    other = name == "default" and any(each.get("id") == names.OTHER_CLASS for each in classes)
    return names.OTHER_CLASS if other else None


def _button(node: Node, name: str, which: str) -> str | None:
    option = {"option": f"{names.OPTION}{which}", "default": f"{names.OPTION}none"}
    return (option | {"action": which, "timeout": "__timeout__"}).get(name)


def _number(which: str) -> int:
    return int(which) if which.isascii() and which.isdigit() and len(which) < 9 else -1


_BRANCHES = {"if": _case, "classify": _class, "ask": _button}
