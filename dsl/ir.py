"""The common form of a workflow: what at least two of the platforms have, in the fewest types that hold it.

What a node of each kind holds stands in `dsl/kinds.py`, how the values are written as JSON in `dsl/values.py`.
"""

from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

Json = Annotated[Any, "Json"]  # None, bool, int, float, str, a date, list of Json, dict of str to Json
Scope = Literal["node", "env", "session", "app", "user", "system", "item", "index", "loop"]


@dataclass(frozen=True)
class Ref:
    """A value that something else produced."""

    node: str  # who produces it; for item, index and loop the container; "" for env, session, app, user, system
    path: tuple[str | int, ...]  # ("body",), ("data", "items", 0, "name")
    scope: Scope = "node"


@dataclass(frozen=True)
class Text:
    """Text with references in it, already parsed: never two strings side by side, never an empty string."""

    parts: tuple["str | Ref | Script", ...] = ()


@dataclass(frozen=True)
class Script:
    """Code, a template or an expression that is more than a path; `refs` are what it reads, by the names it uses."""

    lang: Literal["python3", "javascript", "jinja2", "n8n"]
    source: str
    refs: tuple[Ref, ...] = ()


Value = Annotated[Any, "Value"]  # Json | Ref | Text | Script; lists and dicts may hold any of them


@dataclass(frozen=True)
class Type:
    """The type of an input or an output."""

    name: Literal["string", "integer", "number", "boolean", "object", "array", "file", "secret", "time", "any"] = "any"
    items: "Type | None" = None  # of an array
    props: "dict[str, Type] | None" = None  # of an object
    file: str | None = None  # image, audio, video, document ...
    required: bool = False
    label: str = ""
    description: str = ""
    default: Json = None
    options: tuple[str, ...] = ()  # the only values allowed
    max_length: int | None = None


@dataclass(frozen=True)
class OnError:
    """What happens when a node fails."""

    then: Literal["stop", "default", "branch", "continue"] = "stop"
    retries: int = 0  # after the first try
    wait_ms: int = 0
    timeout_ms: int | None = None
    default: dict[str, Json] | None = None  # the outputs, with then="default"


@dataclass
class Node:
    """One step. What it is in its own dialect stands in `Flow.raw` at `pointer`: no other dialect reads that."""

    id: str
    kind: str  # a key of `dsl.kinds.KINDS`
    title: str = ""
    description: str = ""
    params: dict[str, Any] = field(default_factory=dict)
    inputs: dict[str, Value] = field(default_factory=dict)
    outputs: dict[str, Type] = field(default_factory=dict)
    on_error: OnError = OnError()
    body: "Graph | None" = None  # of iterate and loop
    position: tuple[float, float] | None = None  # of the left upper corner, in pixels; in a body relative to it
    pointer: str = ""  # JSON pointer into Flow.raw; "" for a node that was not read from there
    folded: tuple[str, ...] = ()  # pointers of what else became part of this node: a model, a tool, a body's start


@dataclass(frozen=True)
class Edge:
    """Control goes from a port of one node to another node; the ports are listed in `dsl.kinds.ports`."""

    source: str
    target: str
    port: str = "out"
    into: str = "in"  # "in:1" is the second input of a merge
    pointer: str = field(default="", compare=False)  # into Flow.raw


@dataclass
class Graph:
    """Nodes and edges of a flow or of a body. In a body the edge that enters comes from the container's "body" port."""

    nodes: list[Node] = field(default_factory=list)
    edges: list[Edge] = field(default_factory=list)


@dataclass(frozen=True)
class Variable:
    """A variable of the whole flow. The value of a secret is never kept."""

    scope: Scope  # env, session, app or user
    name: str
    type: Type = Type()
    default: Json = None
    description: str = ""


@dataclass(frozen=True)
class Resource:
    """Something outside the file that another platform knows by another id: it has to be bound again there."""

    id: str  # "model:1", "knowledge:support"
    kind: Literal["model", "knowledge", "tool", "credential", "subflow", "database"]
    name: str
    hint: dict[str, Json] = field(default_factory=dict)  # what the file says about it: provider, ids, type


@dataclass
class Flow:
    """A workflow. `raw` is the whole document as its own dialect wrote it; every pointer points into it."""

    name: str
    dialect: str
    version: str = ""
    mode: Literal["workflow", "chat"] = "workflow"
    description: str = ""
    graph: Graph = field(default_factory=Graph)
    variables: list[Variable] = field(default_factory=list)
    resources: list[Resource] = field(default_factory=list)
    notes: list[Any] = field(default_factory=list)  # dsl.notes.Note: what reading noticed
    raw: Any = None
