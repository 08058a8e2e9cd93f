"""A node while it is written: the names of what it refers to, its texts, and where notes go."""

import json
from dataclasses import dataclass
from typing import Any

from dsl.ir import Edge, Flow, Node, Ref, Script, Text, Value
from dsl.kinds import declared
from dsl.lacking import of_error, tells
from dsl.notes import Note, Severity
from dsl.ragflow import jinja
from dsl.ragflow.lacking import PLATFORM, gives, lacks
from dsl.ragflow.returned import NAME, returns
from dsl.ragflow.tables import MISSING, NAMES, SYSTEM
from dsl.ragflow.text import swallowed, write_prompt, write_text
from dsl.steps import STEPS
from dsl.values import refs

Made = tuple[str, dict[str, Any]]


@dataclass
class Writing:
    """A node being written, the edges that leave it, and where notes go."""

    node: Node
    edges: list[Edge]
    flow: Flow
    source: str  # the node's id in the source
    notes: list[Note]
    known: dict[str, Node]  # every node of the flow by its id

    @property
    def downstream(self) -> list[str]:
        return list(dict.fromkeys(edge.target for edge in self.edges if edge.port != "error"))

    def targets(self, port: str) -> list[str]:
        return [edge.target for edge in self.edges if edge.port == port]

    def note(self, severity: Severity, code: str, message: str, suggestion: str = "") -> None:
        node = self.node
        self.notes.append(Note(severity, code, message, suggestion, self.source, node.title, node.pointer))

    def name(self, ref: Ref, *, text: bool = False) -> str:
        """A reference as RAGFlow writes it, without braces."""
        if not ref.node:
            return self._global(ref)
        producer = self.known.get(ref.node)
        if producer is None:
            self.note(
                "degraded", "ref.unknown", f"{ref.node!r} is no node of this flow: the reference became empty text."
            )
            return "sys.query"
        if ref.scope in ("item", "index"):
            start = f"IterationItem:{ref.node.replace(':', '')}"
            path = ref.path if len(ref.path) > 1 or ref.path[:1] == ("item",) else ("item", *ref.path[1:])
            return f"{start}@index" if ref.scope == "index" else f"{start}@{'.'.join(map(str, path))}"
        untold = of_error(ref, producer) and not tells(PLATFORM, producer, ref.path)
        if self.flow.dialect != "ragflow" and (untold or lacks(producer, ref.path)):
            return self._lacked(ref, producer)
        return f"{ref.node}@{'.'.join(map(str, self._path(ref, producer, text)))}"

    def _global(self, ref: Ref) -> str:
        first, *rest = map(str, ref.path or ("",))
        if ref.scope != "system":
            return ".".join(["env", first, *rest])
        name = ".".join(["sys", SYSTEM.get(first, first), *rest])
        if first not in SYSTEM:
            message = f"RAGFlow has no {name}: it fails where that is read."
            self.note("stub", "ref.system", message, "Make it an input of the flow.")
        return name

    def _lacked(self, ref: Ref, producer: Node) -> str:
        """A name that RAGFlow fails to find: of an output that is not there it would make an empty text."""
        what, title = ".".join(map(str, ref.path)), producer.title or producer.id
        self.note("stub", "ref.output", f"RAGFlow does not give out {what} of '{title}': it fails where that is read.")
        return f"{ref.node}{MISSING}@{what}"

    def _path(self, ref: Ref, producer: Node, text: bool) -> tuple[str | int, ...]:
        if of_error(ref, producer):
            if ref.path[1:] == ("type",):
                self.note("degraded", "error.type", "What kind of error it was is its whole message on RAGFlow.")
            return ("_ERROR",)
        if returns(self.flow, producer) and not (self.flow.dialect == "ragflow" and gives(producer, ref.path)):
            return (NAME, *ref.path)
        if not ref.path:
            return ("result",)
        if producer.kind == "extract":
            return ("structured", *ref.path)
        if producer.kind == "retrieve" and text and ref.path == ("result",) and self.flow.dialect != "ragflow":
            return ("formalized_content",)
        if producer.kind in STEPS and producer.kind not in NAMES:
            return ref.path
        return (NAMES.get(producer.kind, {}).get(str(ref.path[0]), ref.path[0]), *ref.path[1:])

    def type_of(self, target: Value) -> str:
        """What is declared for what is referred to."""
        return declared(target, self.known, self.flow).name if isinstance(target, Ref) else "any"

    def is_text(self, ref: Ref) -> bool:
        return ref == Ref("", ("query",), "system") or self.type_of(ref) == "string"

    def text(self, value: Value) -> str:
        if isinstance(value, (str, Ref, Text, Script)):
            return self._text(value, self._names(value))
        return "" if value is None else json.dumps(value, ensure_ascii=False, default=str)

    def prompt(self, value: Value) -> str:
        """Text that is filled in name by name, as prompts are, and not piece by piece: it keeps its blanks."""
        if isinstance(value, (str, Ref, Text, Script)):
            return write_prompt(value, self._names(value).__getitem__)
        return self.text(value)

    def said(self, value: Value, *, merged: bool = False) -> str:
        """Text where RAGFlow renders what looks like a template; `merged` where it keeps blanks and replaces names."""
        if not isinstance(value, (str, Ref, Text, Script)):
            return self.text(value)
        names = self._names(value)
        plain = write_prompt(value, names.__getitem__)
        if jinja.is_template(plain) or (merged and jinja.clash(names.values())):
            return jinja.printed(value, names)
        return plain if merged else self._text(value, names)

    def _names(self, value: Value) -> dict[Ref, str]:
        return {ref: self.name(ref, text=True) for ref in dict.fromkeys(refs(value))}

    def _text(self, value: Value, names: dict[Ref, str]) -> str:
        if swallowed(value):
            message = "A blank beside a reference became a line break: RAGFlow swallows blanks there."
            self.note("equivalent", "text.blank", message)
        return write_text(value, names.__getitem__)

    def bare(self, value: Value) -> Any:
        """A field that holds one reference or a literal."""
        if isinstance(value, Ref):
            return self.name(value)
        return self.text(value) if isinstance(value, (Text, Script)) else value

    def deep(self, value: Value) -> Any:
        if isinstance(value, dict):
            return {key: self.deep(inner) for key, inner in value.items()}
        return [self.deep(inner) for inner in value] if isinstance(value, list) else self.bare(value)
