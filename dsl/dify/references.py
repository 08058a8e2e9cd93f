"""References both ways: `[node, output]` and `{{#node.output#}}`."""

import re

from dsl.dify import names
from dsl.dify.place import Place
from dsl.ir import Ref, Value
from dsl.values import parse

TOKEN = re.compile(r"\{\{#([a-zA-Z0-9_]{1,50}(?:\.[a-zA-Z_][a-zA-Z0-9_]{0,29}){1,10}|context|histories)#\}\}", re.ASCII)


class Reader:
    """What the selectors and texts of one document mean."""

    def __init__(self, kinds: dict[str, str], parents: dict[str, str]) -> None:
        self.kinds, self.parents = kinds, parents  # of nodes: their kind, the container they are in
        self.declared: dict[str, set[str]] = {}  # of nodes: outputs whose names are the author's

    def inside(self, node: str, container: str) -> bool:
        while node and node != container:
            node = self.parents.get(node, "")
        return node == container

    def ref(self, steps: list[str], reader: str) -> Ref | None:
        """The reference that the node `reader` means by the steps; None when they say nothing."""
        head, *rest = steps or [""]
        if not rest:
            return None
        if rest[0].startswith("sys.") and self.kinds.get(head) == "start":  # how files of 0.1 wrote it
            head, rest = "sys", [rest[0][4:], *rest[1:]]
        if head == "sys":
            return Ref("", (names.SYSTEM.get(rest[0], rest[0]), *rest[1:]), "system")
        if head == "rag":
            return Ref("", tuple(steps), "system")
        if head in names.NAMESPACES:
            return Ref("", tuple(rest), "env" if head == "env" else "session")
        return self._of_node(head, rest, reader)

    def _of_node(self, head: str, rest: list[str], reader: str) -> Ref:
        kind = self.kinds.get(head, "")
        if kind == "iterate" and rest[0] == "item":
            return Ref(head, tuple(rest), "item")
        if kind == "iterate" and rest == ["index"]:
            return Ref(head, (), "index")
        if kind == "loop" and rest[0] != "loop_round" and self.inside(reader, head):
            return Ref(head, tuple(rest), "loop")
        return Ref(head, self._path(head, kind, rest))

    def _path(self, node: str, kind: str, steps: list[str]) -> tuple[str, ...]:
        name, *rest = steps
        if name in self.declared.get(node, ()):
            return self._unboxed(kind, steps)
        if name in names.ERRORS:
            return (*names.ERRORS[name], *rest)
        if kind == "start" and name == "_webhook_raw" and rest:
            return ("query" if rest[0] == "query_params" else rest[0], *rest[1:])
        return (names.OUTPUTS.get(kind, {}).get(name, name), *rest)

    def _unboxed(self, kind: str, steps: list[str]) -> tuple[str, ...]:
        if kind == "aggregate" and len(steps) > 1 and steps[1] == "output":
            return (steps[0], *steps[2:])
        return tuple(steps)

    def selector(self, place: Place, reader: str) -> Ref | None:
        return self.ref(place.selector(), reader)

    def text(self, source: str, reader: str) -> Value:
        def found(match: "re.Match[str]") -> Ref | None:
            if "." not in match[1]:
                return Ref("", (match[1],), "system")
            return self.ref(match[1].split("."), reader)

        return parse(source, TOKEN, found) if "{{#" in source else source
