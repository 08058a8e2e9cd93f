"""The types of references, which the YAML of F4 leaves out: those of what they refer to."""

from collections.abc import Iterator
from typing import Any

from dsl.coze import text

_TEXT = {"type": "string"}
_MAX_STEPS = 100  # from one reference to the next
_KEYS = ("type", "schema", "assistType")


def infer(nodes: list[dict[str, Any]]) -> None:
    """Gives every reference in the nodes of a canvas that has no type the type of what it refers to."""
    types = _Types(nodes)
    for node, around in types.found:
        for given in [each["input"] for each in node["data"]["outputs"] if isinstance(each.get("input"), dict)]:
            given |= types.given_out(given, node["id"], around)
        types.fill(node["data"]["inputs"], node["id"], around)


class _Types:
    def __init__(self, nodes: list[dict[str, Any]]) -> None:
        self.found = list(_all(nodes, ()))
        self.nodes = {node["id"]: node for node, _ in self.found}
        self.asked: set[int] = set()  # in a circle of references there is no type

    def fill(self, value: Any, owner: str, around: tuple[str, ...]) -> None:
        """`around` are the containers that a node is in; the outputs of a container refer to what is in it."""
        if isinstance(value, list):
            for each in value:
                self.fill(each, owner, around)
        elif isinstance(value, dict):
            if _is_reference(value) and "type" not in value:
                value |= self.of(value["value"]["content"], owner, around)
            for key, inner in value.items():
                if key not in ("content", "defaultValue"):  # data of the file, and no part of the canvas
                    self.fill(inner, owner, around)

    def of(self, content: dict[str, Any], owner: str, around: tuple[str, ...]) -> dict[str, Any]:
        node, path = self.nodes.get(content["blockID"]), text.path(content["name"])
        if node is None or not path or id(content) in self.asked or len(self.asked) > _MAX_STEPS:
            return _TEXT
        self.asked.add(id(content))
        inside = node["id"] in around or (node["id"] == owner and "blocks" in node)
        kind = self._inside(node, path, around) if inside else self._output(node, path[0], around)
        self.asked.discard(id(content))
        for step in path[1:]:
            schema = kind.get("schema")
            kind = schema if isinstance(step, int) and isinstance(schema, dict) else _named(schema, step)
        return {key: kind[key] for key in _KEYS if key in kind} or _TEXT

    def _output(self, node: dict[str, Any], name: str | int, around: tuple[str, ...]) -> dict[str, Any]:
        variable = _named(node["data"]["outputs"], name)
        given = variable.get("input")
        return self.given_out(given, node["id"], around) if isinstance(given, dict) else variable

    def given_out(self, given: dict[str, Any], owner: str, around: tuple[str, ...]) -> dict[str, Any]:
        """What a container gives out: a list of what its rounds gave, but a variable of its own as it is."""
        held = self._block(given, owner, around)
        if "type" in given or not _is_reference(given) or given["value"]["content"]["blockID"] == owner:
            return held
        return {"type": "list", "schema": held}

    def _inside(self, node: dict[str, Any], path: Any, around: tuple[str, ...]) -> dict[str, Any]:
        """Of a container's round: its number, a variable, or the element of a list."""
        if path[0] == "index":
            return {"type": "integer"}
        inputs = node["data"]["inputs"]
        out = around[: around.index(node["id"])] if node["id"] in around else around
        if variable := _named(inputs.get("variableParameters"), path[0]):
            return self._block(variable.get("input"), node["id"], out)
        walked = self._block(_named(inputs.get("inputParameters"), path[0]).get("input"), node["id"], out)
        schema = walked.get("schema")
        return schema if isinstance(schema, dict) else _TEXT

    def _block(self, block: Any, owner: str, around: tuple[str, ...]) -> dict[str, Any]:
        if not isinstance(block, dict):
            return _TEXT
        return (
            block if "type" in block or not _is_reference(block) else self.of(block["value"]["content"], owner, around)
        )


def _all(nodes: list[dict[str, Any]], around: tuple[str, ...]) -> Iterator[tuple[dict[str, Any], tuple[str, ...]]]:
    for node in nodes:
        yield node, around
        yield from _all(node.get("blocks", []), (*around, node["id"]))


def _is_reference(block: dict[str, Any]) -> bool:
    value = block.get("value")
    content = value.get("content") if isinstance(value, dict) and value.get("type") == "ref" else None
    return isinstance(content, dict) and all(isinstance(content.get(key), str) for key in ("blockID", "name"))


def _named(variables: Any, name: Any) -> dict[str, Any]:
    every = [each for each in variables if isinstance(each, dict)] if isinstance(variables, list) else []
    return next((each for each in every if each.get("name") == name), {})
