"""What reading one document knows beside the node at hand, and the inputs that nodes of several kinds have."""

from collections.abc import Callable
from typing import Any

from dsl.dify import names
from dsl.dify.place import Place
from dsl.dify.references import Reader
from dsl.dify.resources import Names, Register
from dsl.ir import Node, Ref, Type, Value, Variable
from dsl.notes import Note


class Source:
    """What reading one document knows beside the node at hand, and what it finds."""

    def __init__(self, refs: Reader, register: Register, variables: list[Variable]) -> None:
        self.refs, self.register, self.variables = refs, register, variables
        self.notes: list[Note] = []
        self.handles: dict[str, dict[str, str]] = {}  # of nodes: ports by source handle
        self._names = Names(variable.name for variable in variables if variable.scope == "env")

    def text(self, place: Place, node: Node) -> Value:
        return self.refs.text(place.text(), node.id)

    def ref(self, place: Place, node: Node) -> Ref | None:
        return self.refs.selector(place, node.id)

    def value(self, value: Any, node: Node) -> Value:
        """Any plain value, with the references in its texts."""
        if isinstance(value, str):
            return self.refs.text(value, node.id)
        if isinstance(value, dict):
            return {key: self.value(inner, node) for key, inner in value.items()}
        return [self.value(inner, node) for inner in value] if isinstance(value, list) else value

    def secret(self, node: Node, place: Place) -> str:
        """The name of a new environment variable for a key that stands in the file: the key itself goes no further."""
        stem = "".join(c for c in node.title.upper().replace(" ", "_") if c.isascii() and (c.isalnum() or c == "_"))
        stem = stem[:20] if names.NAME.fullmatch(stem[:20]) else "HTTP"
        name = self._names.new(f"{stem}_KEY")
        self.variables.append(Variable("env", name, Type("secret")))
        message = f"A key stands in the file; {name} takes its place."
        advice = "Give the key to the platform by hand, and renew it if the file was shown to others."
        made = Note("needs_binding", "secret.found", message, advice, node.id, node.title, place.pointer)
        self.notes.append(made)
        return name


Fill = Callable[[Place, Node, Source], None]


def named_inputs(places: list[Place], node: Node, source: Source) -> dict[str, Value]:
    """Inputs by name; those that say nothing are null, as they are when the flow runs."""
    return {each.text("variable"): source.ref(each.at("value_selector"), node) for each in places}


def argument(value: Any, node: Node, source: Source) -> Value:
    """{type, value} of a tool's parameter; in older files, and for settings, the value itself."""
    if not (isinstance(value, dict) and value.get("type") in ("mixed", "variable", "constant")):
        return source.value(value, node)
    inner = value.get("value")
    if value["type"] == "variable" and isinstance(inner, list):
        return source.refs.ref([str(step) for step in inner], node.id)
    return inner if value["type"] == "constant" else source.value(inner, node)
