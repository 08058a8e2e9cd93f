"""A node while it is written for Coze: values as BLOCKINPUTs, references, names and types."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dsl.coze import chats
from dsl.coze.fields import fields, named
from dsl.coze.names import identifier
from dsl.coze.tables import FILES, NAMES, RAW, RAW_LISTS, SOURCES, START, TIME
from dsl.ir import Flow, Node, Ref, Script, Text, Type, Value
from dsl.kinds import outputs
from dsl.notes import Note, Severity
from dsl.values import nodes, of_list, parts, refs, unique, walk

if TYPE_CHECKING:
    from dsl.coze.nested import Loop

_LONGEST = 200  # letters of an initial value in a note
Made = tuple[str, dict[str, Any], list[Any]]  # type number, inputs, outputs


class Notes:
    """What does not travel, told of the node of the flow given that it is about."""

    def __init__(self, flow: Flow) -> None:
        self.told: list[Note] = []
        self.origin = {id(node): node.id for node, _, _ in walk(flow.graph)}  # "" where there was none

    def add(self, node: Node, severity: Severity, code: str, message: str, suggestion: str = "") -> None:
        about = self.origin.get(id(node), node.id)
        self.told.append(Note(severity, code, message, suggestion, about, node.title, node.pointer))

    def is_own(self, node: Node) -> bool:
        """Whether the node, or what it stands for, is one of the flow given."""
        return self.origin.get(id(node), node.id) != ""

    def made(self, node: Node) -> None:
        self.origin[id(node)] = ""

    def stand_for(self, made: Node, node: Node) -> None:
        self.origin[id(made)] = self.origin.get(id(node), node.id)


@dataclass
class Canvas:
    """The flow being written, and where notes go."""

    flow: Flow
    notes: Notes
    loops: "Mapping[str, Loop]"  # by the node that calls it: workflows that are written along

    def __post_init__(self) -> None:
        self.known = nodes(self.flow)
        self.titles = _titles(self.flow)
        self.taken = set(self.titles.values())

    def container(self, node: Node) -> str:
        return "batch" if node.kind == "iterate" and node.params.get("parallel") else "loop"

    def port(self, node: Node, port: str) -> str:
        """The words of Coze for a port."""
        first, _, number = port.partition(":")
        if port == "error":
            return "branch_error"
        if first == "case":
            return "true" if number == "0" else f"true_{number}"
        if port == "else":
            return "false"
        if first in ("class", "option"):
            return f"branch_{number}"
        if port == "default" or (port == "out" and node.on_error.then == "branch"):
            return "default"
        done = port == "done" and node.body is not None and not batched(node)
        return f"{self.container(node)}-output" if done else ""


def _titles(flow: Flow) -> dict[str, str]:
    taken: set[str] = set()
    return {
        node.id: unique((node.title or node.kind).strip() or node.kind, taken, longest=63, join=" ")
        for node, _, _ in walk(flow.graph)
    }


@dataclass
class Writing:
    """A node being written. `helpers` are Text nodes that have to run before it; `closing` ends a loop."""

    node: Node
    canvas: Canvas
    helpers: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    closing: dict[str, Any] = field(default_factory=dict)
    names: dict[Ref, str] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)

    def note(self, severity: Severity, code: str, message: str, suggestion: str = "") -> None:
        self.canvas.notes.add(self.node, severity, code, message, suggestion)

    # -- values

    def block(self, value: Value, wanted: Type | None = None) -> dict[str, Any]:
        """A BLOCKINPUT: a reference, a literal, or text that a Text node in front joins."""
        if isinstance(value, Text) and len(value.parts) == 1 and isinstance(value.parts[0], Ref):
            value = value.parts[0]
        if isinstance(value, Text):
            value = self._joined(value)
        if isinstance(value, Ref):
            return self.ref(value)
        if isinstance(value, Script):
            self.note(
                "stub",
                "ref.script",
                f"An expression ({value.source[:60]}) cannot be computed here.",
                "Compute it in a code node.",
            )
            value = ""
        if isinstance(value, dict) and any(refs(value)):
            return _object(**{name: self.block(each) for name, each in value.items()})
        return literal(value, wanted)

    def _joined(self, value: Text) -> Ref:
        name = unique(f"{self.node.id}_text{len(self.helpers) + 1}", set(self.canvas.known))
        inner = Writing(self.node, self.canvas)
        words, given = inner.template(value, unjoined=True)
        self.helpers.append((name, concat(words, given)))
        return Ref(name, ("output",))

    def ref(self, ref: Ref) -> dict[str, Any]:
        if not ref.node:
            return self._global(ref)
        producer = self.canvas.known.get(ref.node)
        if producer is None and not any(ref.node == name for name, _ in self.helpers):
            self.note(
                "degraded", "ref.unknown", f"{ref.node!r} is no node of this flow: the reference became empty text."
            )
            return literal("", None)
        if ref.path[:1] == ("error",) and "error" not in (producer.outputs if producer is not None else {}):
            tail = {"message": "errorMessage", "type": "errorCode"}.get(str((*ref.path, "message")[1]), "errorMessage")
            return reference(ref.node, f"errorBody.{tail}", Type("string"))
        if producer is not None and producer.kind == "start" and (ref.scope, ref.path) == ("node", ()):
            return self._whole(producer)
        return reference(ref.node, _path(producer, ref), self._type(producer, ref))

    def _type(self, producer: Node | None, ref: Ref) -> Type:
        if producer is None:
            return Type("string")
        is_element = ref.scope == "item" and producer.body is not None
        return element(ref, self.canvas.known) if is_element else type_at(producer, ref)

    def _whole(self, start: Node) -> dict[str, Any]:
        """All that is asked, as what came in is one thing on n8n."""
        asked = {each.label or name: self.ref(Ref(start.id, (name,))) for name, each in start.outputs.items()}
        return _object(**asked)

    def _global(self, ref: Ref) -> dict[str, Any]:
        scope = ref.scope
        if scope == "system" and ref.path[:1] == ("query",) and self.canvas.flow.mode != "chat":
            self.note("degraded", "ref.system", "A workflow that is no chat has no question: it is empty text here.")
            return literal("", None)
        if name := chats.asked(ref):
            return reference(START, name, Type("string"))
        if scope not in SOURCES:
            code = "variable.scope" if scope == "session" else "resource.credential"
            severity: Severity = "degraded" if scope == "session" else "needs_binding"
            self.note(
                severity,
                code,
                f"The {scope} variable {'.'.join(map(str, ref.path))} has to be a variable of the app here.",
                f"Make it in the app{self._begins(ref)}.",
            )
            scope = "app"
        content = {"source": SOURCES[scope], "path": [str(step) for step in ref.path], "blockID": "", "name": ""}
        kind = declared(self.canvas.flow, ref)
        return shape(kind) | {"value": {"type": "ref", "content": content, "rawMeta": {"type": raw(kind)}}}

    def _begins(self, ref: Ref) -> str:
        """The initial value of a variable of the conversation: that of an app's variable is set beside it."""
        known = [each for each in self.canvas.flow.variables if (each.scope, each.name) == ("session", *ref.path[:1])]
        value = known[0].default if known and known[0].type.name != "secret" else None
        if value in (None, "", [], {}):
            return ""
        said = json.dumps(value, ensure_ascii=False, default=str)
        return f", where it begins as {said if len(said) <= _LONGEST else said[:_LONGEST] + ' ...'}"

    def param(self, name: str, value: Value, wanted: Type | None = None) -> dict[str, Any]:
        return {"name": name, "input": self.block(value, wanted)}

    def params(self, values: dict[str, Value]) -> list[dict[str, Any]]:
        """inputParameters; their names have to be identifiers."""
        return [self.param(identifier(name, self.used), value) for name, value in values.items() if value is not None]

    def template(
        self, value: Value, given: dict[str, Value] | None = None, *, unjoined: bool = False
    ) -> tuple[str, list[dict[str, Any]]]:
        """Text over inputs of its own, and those inputs: one for each reference.

        Text nodes join a list that they call by name; where it is to be `unjoined`, it stands in an object.
        """
        made: list[dict[str, Any]] = []
        said = []
        wanted = {other: name for name, other in (given or {}).items() if isinstance(other, Ref)}
        for part in parts(value):
            if isinstance(part, str):
                said.append(part)
            elif isinstance(part, Script):
                self.note("stub", "ref.script", f"An expression ({part.source[:60]}) cannot be computed here.")
            else:
                if part not in self.names:
                    last = next((str(each) for each in reversed(part.path) if isinstance(each, str)), "value")
                    name, block = identifier(wanted.get(part, last), self.used), self.ref(part)
                    apart = unjoined and block["type"] == "list"
                    self.names[part] = f"{name}.list" if apart else name
                    made.append({"name": name, "input": _object(list=block) if apart else block})
                said.append("{{" + self.names[part] + "}}")
        return "".join(said), made

    def http_text(self, value: Value) -> str:
        """Text of an HTTP node: references by the node's id."""
        said = []
        for part in parts(value):
            if isinstance(part, str):
                said.append(part)
            elif isinstance(part, Ref):
                said.append(self._http_ref(part))
        return "".join(said)

    def _http_ref(self, ref: Ref) -> str:
        made = self.ref(ref)["value"]
        if made["type"] != "ref":
            return ""
        content = made["content"]
        if content["source"] == "block-output":
            return f"{{{{block_output_{content['blockID']}.{content['name']}}}}}"
        return "{{" + f'{content["source"]}["{content["path"][0]}"]' + "}}"


def reference(block: str, name: str, kind: Type) -> dict[str, Any]:
    content = {"source": "block-output", "blockID": block, "name": name}
    return shape(kind) | {"value": {"type": "ref", "content": content, "rawMeta": {"type": raw(kind)}}}


def _object(**fields: dict[str, Any]) -> dict[str, Any]:
    """An object that is built field by field."""
    schema = [{"name": name, "input": block} for name, block in fields.items()]
    return {"type": "object", "schema": schema, "value": {"type": "object_ref"}}


def literal(value: Value, wanted: Type | None) -> dict[str, Any]:
    kind = wanted or _of(value)
    content = json.dumps(value, ensure_ascii=False, default=str) if isinstance(value, (dict, list)) else value
    if kind.name == "string" and not isinstance(content, str):
        content = "" if content is None else json.dumps(content, ensure_ascii=False)
    return shape(kind) | {"value": {"type": "literal", "content": content, "rawMeta": {"type": raw(kind)}}}


def _of(value: Value) -> Type:
    if isinstance(value, bool):
        return Type("boolean")
    if isinstance(value, int):
        return Type("integer")
    if isinstance(value, float):
        return Type("number")
    if isinstance(value, list):
        return Type("array", items=_of(value[0]) if value else Type("string"))
    return Type("object" if isinstance(value, dict) else "string")


def shape(kind: Type) -> dict[str, Any]:
    """Type and schema as VARIABLE and BLOCKINPUT have them."""
    if kind.name == "array":
        return {"type": "list", "schema": shape(kind.items or Type("string"))}
    if kind.name == "object":
        return {"type": "object", "schema": [variable(name, each) for name, each in (kind.props or {}).items()]}
    if kind.name == "file":
        return {"type": "string", "assistType": FILES.get(kind.file or "any", 1)}
    if kind.name == "time":
        return {"type": "string", "assistType": TIME}
    return {"type": {"number": "float", "any": "string", "secret": "string"}.get(kind.name, kind.name)}


def raw(kind: Type) -> int:
    if kind.name == "array":
        return RAW_LISTS.get((kind.items or Type("string")).name, 99)
    return RAW.get(kind.name, 1)


def variable(name: str, kind: Type) -> dict[str, Any]:
    made = {"name": name} | shape(kind)
    made |= {"required": True} if kind.required else {}
    made |= {"description": kind.description or kind.label} if kind.description or kind.label else {}
    return made | ({"defaultValue": kind.default} if kind.default is not None else {})


def variables(types: dict[str, Type]) -> list[dict[str, Any]]:
    return [variable(name, each) for name, each in types.items()]


def declared(flow: Flow, ref: Ref) -> Type:
    """The type of a variable of the flow."""
    known = {(each.scope, each.name): each.type for each in flow.variables}
    return known.get((ref.scope, str(ref.path[0])), Type("string")) if len(ref.path) == 1 else Type("string")


PASSAGE = Type("object", props={"output": Type("string")})
FOUND = Type("array", items=PASSAGE)  # in a knowledge base


def type_at(producer: Node, ref: Ref) -> Type:
    """The type of what a reference points at."""
    if ref.scope == "index":
        return Type("integer")
    if ref.scope == "loop":
        held = producer.params.get("variables", {}).get(ref.path[0], {}) if ref.path else {}
        return held.get("type") or Type("string") if isinstance(held, dict) else Type("string")
    if producer.kind == "classify" and ref.path == ("class_id",):  # a text on other platforms
        return Type("integer")
    if producer.kind == "retrieve" and ref.path[:1] == ("result",):
        return [FOUND, PASSAGE, Type("string")][min(len(ref.path), 3) - 1]
    kind: Type | None = outputs(producer).get(str(ref.path[0])) if ref.path else None
    if producer.kind in ("llm", "agent") and ref.path[:1] == ("structured",):
        kind = Type("object", props=fields(producer))
    for each in ref.path[1:]:
        if kind is None:
            break
        kind = kind.items if isinstance(each, int) else (kind.props or {}).get(each)
    return kind if kind is not None and kind.name != "any" else Type("string")


def element(ref: Ref, known: Mapping[str, Node]) -> Type:
    """The type of what a reference to an element points at: that of its list says it."""
    found = of_list(ref, known)
    producer = known.get(found.node)
    return type_at(producer, found) if producer is not None and found.scope != "item" else Type("string")


def _path(producer: Node | None, ref: Ref) -> str:
    path: tuple[Any, ...] = ref.path
    if producer is None:
        return _dotted(_identified(path))
    if ref.scope == "index":
        return "index"
    if ref.scope in ("item", "loop"):
        return _dotted(_identified(path)) or "item"
    if producer.kind == "extract":
        return _dotted(_identified(path))
    if producer.kind in ("llm", "agent") and path[:1] == ("structured",):
        return _dotted((named(producer).get(path[1], path[1]), *path[2:])) if path[1:] else "output"
    if producer.kind == "retrieve" and path[:1] == ("result",):
        return _dotted(("outputList", *("output" if each == "content" else each for each in path[1:])))
    if producer.kind == "ask" and not producer.params.get("options") and not path:
        return "USER_RESPONSE"
    first = NAMES.get(producer.kind, {}).get(str(path[0]), path[0]) if path else "output"
    return _dotted((first, *path[1:]))


def _identified(path: tuple[Any, ...]) -> tuple[Any, ...]:
    return (identifier(path[0], set()), *path[1:]) if path and isinstance(path[0], str) else path


def _dotted(path: tuple[Any, ...]) -> str:
    """The name of an output, and what lies below it by its own names (see `dsl.coze.unheld`)."""
    said = "".join(f"[{each}]" if isinstance(each, int) else f".{each}" for each in path)
    return said.removeprefix(".")


def concat(words: str, given: list[dict[str, Any]], delimiter: str = ",") -> dict[str, Any]:
    joined = [{"name": "concatResult", "input": literal(words, Type("string"))}]
    joined += [{"name": "arrayItemConcatChar", "input": literal(delimiter, Type("string"))}]
    return {"method": "concat", "inputParameters": given, "concatParams": joined}


def batched(node: Node) -> bool:
    """Whether an iteration is one node that Coze runs over lists by itself."""
    inner = node.body.nodes if node.body is not None else []
    return (
        bool(node.params.get("batch_of")) and len(inner) == 1 and inner[0].kind in ("llm", "agent", "tool", "subflow")
    )
