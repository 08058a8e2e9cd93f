"""One function for each kind of node: its parameters as those of a component."""

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

from dsl import computed, typescript
from dsl.ir import Edge, Flow, Node, OnError, Ref, Script, Text, Type, Value
from dsl.kinds import UNARY, declared, outputs
from dsl.lacking import there
from dsl.notes import Note, Severity
from dsl.ragflow import jinja
from dsl.ragflow.lacking import gives, lacks
from dsl.ragflow.returned import NAME, OUTPUTS, alone, declare, is_code, returns
from dsl.ragflow.sandbox import refused
from dsl.ragflow.shims import step, wrapped
from dsl.ragflow.tables import (
    ASSIGNMENTS,
    COUNTING,
    EMPTY,
    IGNORES_CASE,
    LOOP_SIGNS,
    MISSING,
    NAMES,
    PARAMETERS,
    SIGNS,
    SWITCHES,
    SYSTEM,
)
from dsl.ragflow.text import swallowed, write_text
from dsl.ragflow.types import word_of
from dsl.schemas import schema_with
from dsl.steps import PRINTED, STEPS, arguments, as_python, plain
from dsl.values import graph_of, refs, unique

Made = tuple[str, dict[str, Any]]
_ASSIGN = {ours: theirs for theirs, ours in reversed(ASSIGNMENTS.items())}


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
        if self.flow.dialect != "ragflow" and lacks(producer, ref.path):
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
        if ref.path[:1] == ("error",) and "error" not in producer.outputs:
            return ("_ERROR",)
        if returns(self.flow, producer) and not (self.flow.dialect == "ragflow" and gives(producer, ref.path)):
            return (NAME, *ref.path)
        if not ref.path:
            return ("result",)
        if producer.kind == "extract":
            return ("structured", *ref.path)
        if producer.kind == "retrieve" and text and ref.path == ("result",):
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
            if swallowed(value):
                self.note(
                    "equivalent",
                    "text.blank",
                    "A blank beside a reference became a line break: RAGFlow swallows blanks there.",
                )
            return write_text(value, lambda ref: self.name(ref, text=True))
        return "" if value is None else json.dumps(value, ensure_ascii=False, default=str)

    def bare(self, value: Value) -> Any:
        """A field that holds one reference or a literal."""
        if isinstance(value, Ref):
            return self.name(value)
        return self.text(value) if isinstance(value, (Text, Script)) else value

    def deep(self, value: Value) -> Any:
        if isinstance(value, dict):
            return {key: self.deep(inner) for key, inner in value.items()}
        return [self.deep(inner) for inner in value] if isinstance(value, list) else self.bare(value)


def component(writing: Writing) -> Made:
    """The component's name and parameters, with what happens when it fails."""
    node = writing.node
    name, params = WRITERS.get(node.kind, stub)(writing)
    if name == "CodeExec":
        params["outputs"] = _given_out(writing)
    elif node.kind in ("tool", "opaque"):
        params["outputs"] = {key: {"type": word_of(each), "value": None} for key, each in node.outputs.items()}
    elif name == "UserFillUp":
        types = outputs(node)
        params["outputs"] = {key: {"type": _kind(types[key]), "value": None} for key in node.outputs}
    return name, params | _on_error(writing, node.on_error)


def _given_out(writing: Writing) -> dict[str, Any]:
    """The outputs of code: what RAGFlow checks what it returns against."""
    node = writing.node
    if returns(writing.flow, node) or (writing.flow.dialect != "ragflow" and alone(node) is None):
        return copy.deepcopy(OUTPUTS)
    return {name: {"type": word_of(each), "value": None} for name, each in node.outputs.items()}


def _kind(of: Type) -> str:
    return "object" if of.name == "any" else word_of(of)


def _on_error(writing: Writing, policy: OnError) -> dict[str, Any]:
    made: dict[str, Any] = {}
    if policy.retries:
        made |= {"max_retries": policy.retries, "delay_after_error": policy.wait_ms / 1000}
    if policy.then == "branch" and writing.targets("error"):
        made |= {"exception_method": "goto", "exception_goto": writing.targets("error")}
    elif policy.then in ("default", "continue"):
        default = policy.default or {}
        value = next(iter(default.values()), "")
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        made |= {"exception_method": "comment", "exception_default_value": text}
        if writing.node.kind != "opaque" and writing.flow.dialect != "ragflow":
            writing.note("degraded", "error.default", "The default in place of an error is one text, called result.")
    if policy.timeout_ms and writing.node.kind != "http":
        writing.note("degraded", "error.timeout", "The time limit of this step does not exist here.")
    return made


def start(writing: Writing) -> Made:
    node = writing.node
    trigger = (node.params.get("trigger") or {}).get("type", "")
    if trigger in ("schedule", "event", "form"):
        writing.note(
            "degraded", "trigger.lost", f"The trigger ({trigger}) does not exist here.", "Call the agent on a clock."
        )
    if node.id != "begin":
        writing.note("degraded", "trigger.extra", "A canvas has one beginning: this one is never reached.")
    mode = "Webhook" if trigger == "webhook" else "conversational" if writing.flow.mode == "chat" else "task"
    made: dict[str, Any] = {"mode": mode, "inputs": fields(writing)}
    if node.params.get("prologue"):
        made |= {"prologue": writing.text(node.params["prologue"]), "enablePrologue": True}
    return "Begin", made


def fields(writing: Writing) -> dict[str, Any]:
    """The form that asks for what the node gives out."""
    node = writing.node
    kinds = {"string": "line", "integer": "integer", "number": "integer", "boolean": "boolean", "file": "file"}
    for name, each in node.outputs.items():
        if each.name in ("array", "object", "number") and writing.flow.dialect != "ragflow":
            what = "whole numbers" if each.name == "number" else "text"
            writing.note("degraded", "type.narrowed", f"{name} ({each.name}) is a field for {what} here.")
    return {
        name: {
            "name": each.label or name,
            "type": "options" if each.options else kinds.get(each.name, "paragraph"),
            "optional": not each.required,
            "options": list(each.options),
            "value": "" if each.default is None else each.default,
        }
        for name, each in node.outputs.items()
    }


def end(writing: Writing) -> Made:
    node = writing.node
    if node.params.get("message") is not None:
        return "Message", {"content": [writing.text(node.params["message"])]}
    results = list(node.inputs.items())
    lines = [writing.text(value) if len(results) == 1 else f"{name}: {writing.text(value)}" for name, value in results]
    writing.note("degraded", "end.message", "A canvas returns no values: the results are said in a message.")
    return "Message", {"content": ["\n".join(lines)]}


def answer(writing: Writing) -> Made:
    return "Message", {"content": [writing.text(writing.node.params.get("text", ""))]}


def agent(writing: Writing) -> Made:
    params = writing.node.params
    said = [
        {"role": str(each.get("role", "user")), "content": writing.text(_in_context(each.get("text"), params))}
        for each in params.get("messages", [])
    ]
    system = "\n".join(each["content"] for each in said if each["role"] == "system")
    prompts = [each for each in said if each["role"] != "system"]
    if params.get("query") is not None:
        prompts.append({"role": "user", "content": writing.text(params["query"])})
    made = _model(writing) | {
        "sys_prompt": system,
        "prompts": prompts or [{"role": "user", "content": "{sys.query}"}],
        "tools": [_tool(writing, each) for each in params.get("tools", [])],
        "mcp": [],
        "max_rounds": params.get("max_rounds", 5),
    }
    if params.get("vision") is not None:
        made["visual_files_var"] = writing.bare(params["vision"])
    if params.get("schema"):  # it is looked for among the outputs
        made["outputs"] = {"content": {"type": "string", "value": ""}, "structured": params["schema"]}
    return "Agent", made


def extract(writing: Writing) -> Made:
    """A model with the fields as its structure."""
    node, params = writing.node, writing.node.params
    instruction = params.get("instruction") or "Take the fields out of the text."
    said = [{"role": "system", "text": instruction}, {"role": "user", "text": params.get("query")}]
    asked = params | {"messages": said, "query": None, "schema": schema_with(node.outputs)}
    writing.note("degraded", "extract.model", "The extraction is a model with these outputs here; it does not say why.")
    return agent(replace(writing, node=replace(node, params=asked)))


def _in_context(value: Value, params: dict[str, Value]) -> Value:
    """The passages stand where the message asks for them."""
    from dsl.values import map_refs

    context = params.get("context")
    found = Ref("", ("context",), "system")
    return map_refs(value, lambda ref: context if ref == found and context is not None else ref)


def _model(writing: Writing) -> dict[str, Any]:
    params = writing.node.params
    known = {each.id: each for each in writing.flow.resources}
    model = known.get(params.get("model", ""))
    made: dict[str, Any] = {"llm_id": str((model.hint.get("llm_id") or model.name) if model else "")}
    for name, value in (params.get("parameters") or {}).items():
        if name in PARAMETERS:
            made |= {name: value, SWITCHES[name]: True}
        else:
            writing.note("degraded", "model.parameter", f"The model's parameter {name} does not exist here.")
    window = (params.get("memory") or {}).get("window", 0) if params.get("memory") is not None else 0
    return made | {"message_history_window_size": 100 if window is None else window}


def _tool(writing: Writing, each: dict[str, Any]) -> dict[str, Any]:
    return {
        "component_name": str(each.get("name")),
        "id": "",
        "name": str(each.get("name")),
        "params": {"description": each.get("description", "")},
    }


def retrieve(writing: Writing) -> Made:
    params = writing.node.params
    known = {each.id: each for each in writing.flow.resources}
    own = writing.flow.dialect == "ragflow"
    bases = (
        [str(known[each].hint.get("id", "")) for each in params.get("knowledge", []) if each in known] if own else []
    )
    made: dict[str, Any] = {"query": writing.text(params.get("query", "")), "kb_ids": bases}
    names = {"top_k": "top_n", "score_threshold": "similarity_threshold"}
    made |= {theirs: params[ours] for ours, theirs in names.items() if params.get(ours) is not None}
    if params.get("rerank"):
        rerank = known.get(params["rerank"].get("model", ""))
        made["rerank_id"] = str(rerank.hint.get("llm_id") or rerank.name) if rerank else ""
    if own:
        made |= params.get("search") or {}
    elif params.get("filter"):
        writing.note("degraded", "retrieve.filter", "The filter on metadata has to be set again.")
    return "Retrieval", made


def classify(writing: Writing) -> Made:
    params = writing.node.params
    made = _model(writing) | {"query": writing.bare(params.get("query")) or "sys.query"}
    described = {}
    for i, each in enumerate(params.get("classes", [])):
        name = str(each.get("name") or f"class {i + 1}")
        described[name if name not in described else f"{name} {i + 1}"] = {
            "description": each.get("description", "") or "",
            "examples": [{"value": one} for one in each.get("examples", [])],
            "to": writing.targets(f"class:{i}"),
            "uuid": f"class-{i}",
        }
    described = _with_default(writing, described)
    if params.get("instruction"):
        writing.note("degraded", "class.instruction", "A categoriser takes no instruction of its own here.")
    return "Categorize", made | {"category_description": described}


def _with_default(writing: Writing, described: dict[str, Any]) -> dict[str, Any]:
    """What fits nothing takes the last category: the one that leads there already, else one more."""
    targets = writing.targets("default")
    if not targets:
        return described
    same = next((name for name in reversed(described) if described[name]["to"] == targets), None)
    if same is not None and same == next(reversed(described)):
        return described
    if same is not None:
        writing.note("equivalent", "class.default", f"What fits no class takes the last one here: {same} stands last.")
        return {name: each for name, each in described.items() if name != same} | {same: described[same]}
    writing.note("equivalent", "class.default", "The default became a last category, called other.")
    other = {"description": "Anything else", "examples": [], "to": targets, "uuid": "other"}
    return described | {unique("other", set(described)): other}


def switch(writing: Writing) -> Made:
    params = writing.node.params
    cases = [
        _conditions(writing, each, SIGNS, "cpn_id") | {"to": writing.targets(f"case:{i}")}
        for i, each in enumerate(params.get("cases", []))
    ]
    words = [each["op"] for case in params.get("cases", []) for each in case.get("conditions", []) if "op" in each]
    if set(words) & IGNORES_CASE and not params.get("ignore_case"):
        writing.note("degraded", "case.insensitive", "contains, starts and ends take no heed of capitals here.")
    return "Switch", {"conditions": cases, "end_cpn_ids": writing.targets("else")}


def _conditions(writing: Writing, case: dict[str, Any], signs: dict[str, str], left: str) -> dict[str, Any]:
    items = []
    for each in case.get("conditions", []):
        items += _items(writing, each, signs, left)
    return {"logical_operator": case.get("logic", "and"), "items": items}


def _items(writing: Writing, each: dict[str, Any], signs: dict[str, str], left: str) -> list[dict[str, Any]]:
    if "op" not in each:
        writing.note(
            "degraded", "condition.nested", "Groups in groups do not exist here: the inner one was taken apart."
        )
        return [one for inner in each.get("conditions", []) for one in _items(writing, inner, signs, left)]
    operator, right = each["op"], each.get("right")
    if operator in ("in", "not_in") and isinstance(right, list):
        writing.note(
            "degraded", "condition.in", "One of several values: became comparisons, all joined as the others are."
        )
        word = "eq" if operator == "in" else "ne"
        return [one for value in right for one in _items(writing, each | {"op": word, "right": value}, signs, left)]
    if operator not in signs:
        writing.note(
            "degraded", "condition.operator", f"The comparison {operator} does not exist here: it compares with =."
        )
    if each.get("type") == "number":  # a loop has other signs for texts
        signs = SIGNS
    made = {left: writing.bare(each.get("left")), "operator": signs.get(operator, "=")}
    if left == "variable":
        return [made | _compared(writing, operator, right)]
    value = {"true": "True", "false": "False"}.get(operator, "" if operator in UNARY else writing.text(right))
    return [made | {"value": value}]


def _compared(writing: Writing, operator: str, right: Value) -> dict[str, Any]:
    """What a loop compares with, as it is: RAGFlow fails where a number meets the text of one."""
    if isinstance(right, Ref):
        return {"value": writing.bare(right), "input_mode": "variable"}
    known = {"true": True, "false": False}.get(operator, "" if operator in UNARY else right)
    return {"value": known if isinstance(known, bool | int | float) else writing.text(known), "input_mode": "constant"}


def code(writing: Writing) -> Made:
    params = writing.node.params
    node, fields = writing.node, computed.Fields()
    if params.get("style") in computed.RUNS:
        node.inputs, fields = computed.seen(node, graph_of(writing.flow, node), writing.known, there(lacks))
    source = alone(node)
    if source is None:
        source = wrapped(params.get("lang", "python3"), params.get("style", "kwargs"), params.get("source", ""), fields)
    if source is None:
        return stub(writing, f"RAGFlow does not run {params.get('lang')} that is called as this is.", "code.language")
    if params.get("style") != "kwargs":
        writing.note("equivalent", "code.wrapped", "The code is called as its platform calls it, by lines around it.")
    if params.get("lang") == "javascript" and typescript.has_more(params.get("source", "")):
        writing.note("degraded", "code.typescript", typescript.MORE, typescript.ADVICE)
    if params.get("packages"):
        writing.note("needs_binding", "code.packages", "The packages of the code have to be in RAGFlow's sandbox.")
    if writing.flow.dialect != "ragflow" and (found := refused(params.get("lang", "python3"), source)):
        message = f"RAGFlow's sandbox refuses {', '.join(found)} before it runs the code: it fails when it is reached."
        writing.note("stub", "code.refused", message, "Write it without, under other names.")
    given = {name: writing.bare(value) for name, value in writing.node.inputs.items()}
    if literal := [name for name, value in writing.node.inputs.items() if not isinstance(value, Ref)]:
        writing.note("degraded", "code.literal", f"Arguments here are references: {', '.join(literal)} came as a text.")
    if returns(writing.flow, node):
        source = declare(params.get("lang", "python3"), source, node.outputs)
    lang = "javascript" if params.get("lang") == "javascript" else "python"
    return "CodeExec", {"lang": lang, "script": source, "arguments": given}


def http(writing: Writing) -> Made:
    params = writing.node.params
    method, body = str(params.get("method", "GET")).lower(), params.get("body") or {}
    if method not in ("get", "post", "put"):
        return stub(writing, f"RAGFlow sends get, post and put, and not {method}.", "http.method")
    pairs = [(name, value) for name, value in params.get("query", [])]
    made: dict[str, Any] = {"method": method, "datatype": "json", "clean_html": False}
    url = params.get("url", "")
    if method != "get":
        if pairs:
            writing.note("degraded", "http.query", "A query goes into the URL only with get: put it there by hand.")
        fields = _fields(body)
        if fields is None:
            return stub(writing, "RAGFlow sends names with values; this body is nested, or no JSON as it stands here.")
        pairs = fields
        made["datatype"] = "formdata" if body.get("type") in ("form", "urlencoded") else "json"
    headers = {writing.text(name): writing.text(value) for name, value in params.get("headers", [])}
    made |= {"url": writing.text(url), "headers": json.dumps(headers, ensure_ascii=False)}
    made["variables"] = [_pair(writing, name, value) for name, value in pairs]
    limit = (params.get("timeout") or {}).get("read")
    if params.get("auth") and params["auth"].get("type") not in (None, "none"):
        writing.note(
            "needs_binding", "resource.credential", "The key is no part of the file.", "Put it into the headers."
        )
    writing.note("degraded", "http.result", "There is no status code here, and an answer of 400 or more is a result.")
    return "Invoke", made | ({"timeout": limit} if limit else {})


def _pair(writing: Writing, name: Value, value: Value) -> dict[str, Any]:
    if isinstance(value, Ref):
        return {"key": writing.text(name), "ref": writing.name(value), "value": ""}
    return {"key": writing.text(name), "ref": "", "value": writing.text(value)}


def _fields(body: dict[str, Any]) -> list[tuple[Value, Value]] | None:
    """The pairs of a body: of a form, or of JSON text that is one flat object; None for any other."""
    if not body or body.get("type") in (None, "none"):
        return []
    if "fields" in body:
        return [(each.get("name", ""), each.get("value")) for each in body["fields"] if each.get("type") != "file"]
    return _flat(body.get("text", ""))


def _flat(source: Value) -> list[tuple[Value, Value]] | None:
    from dsl.values import parts, text

    held = [part for part in parts(source) if not isinstance(part, str)]
    marked = "".join(part if isinstance(part, str) else f"\x01{held.index(part)}\x02" for part in parts(source))
    try:
        known = json.loads(marked.replace("\x01", "\ue000").replace("\x02", "\ue001"), strict=False)
    except (ValueError, RecursionError):
        return None
    if not isinstance(known, dict) or any(isinstance(value, (dict, list)) for value in known.values()):
        return None

    def back(value: Any) -> Value:
        if not isinstance(value, str) or "\ue000" not in value:
            return value
        pieces = value.replace("\ue000", "\ue001").split("\ue001")
        made = text([held[int(piece)] if i % 2 else piece for i, piece in enumerate(pieces)])
        return made.parts[0] if isinstance(made, Text) and len(made.parts) == 1 else made

    return [(name, back(value)) for name, value in known.items()]


def template(writing: Writing) -> Made:
    script = _script(writing)
    if script is None:
        why = "RAGFlow's templates get texts alone: the logic of this one takes lists, numbers or fields."
        return stub(writing, why, "template.logic")
    delimiter = writing.node.params.get("delimiter", "")
    return "StringTransform", {"method": "merge", "script": script, "delimiters": [delimiter]}


def _script(writing: Writing) -> str | None:
    """The template with references; None where its logic does not run here."""
    inputs, source = writing.node.inputs, writing.node.params.get("template", "")
    if not isinstance(source, Script):
        return writing.text(source)
    if writing.flow.dialect == "ragflow":
        return jinja.write(source, inputs, writing.name)
    known = plain(source.source, inputs)
    name = partial(writing.name, text=True)
    script = writing.text(known) if known is not None else jinja.translated(source, inputs, name, writing.is_text)
    if script is None:
        return None
    writing.note("equivalent", "template.names", "The names of the template became references.")
    printed = known if known is not None else list(inputs.values())
    if told := as_python(printed, writing.known, writing.flow):
        writing.note("degraded", "template.printed", PRINTED.format(told))
    return script


def split(writing: Writing) -> Made:
    params = writing.node.params
    if is_code(writing.node):
        return steps(writing)
    return "StringTransform", {
        "method": "split",
        "split_ref": writing.name(params["text"]),
        "delimiters": list(params.get("delimiters", [])),
    }


def aggregate(writing: Writing) -> Made:
    params = writing.node.params
    groups = [
        {
            "group_name": each.get("name") or "output",
            "type": _kind(each.get("type") or Type()),
            "variables": [{"value": writing.bare(value)} for value in each.get("values", [])],
        }
        for each in params.get("groups", [])
    ]
    if params.get("skip") != "falsy":
        writing.note(
            "degraded",
            "aggregate.falsy",
            'RAGFlow takes the first truthy value: 0, "", false and empty lists are skipped.',
            "Check that no branch yields an empty value.",
        )
    return "VariableAggregator", {"groups": groups}


def assign(writing: Writing) -> Made:
    items = writing.node.params.get("items", [])
    if any(not _assignable(each) for each in items):
        why = "RAGFlow counts by fixed numbers only, and appends only what is referred to."
        return stub(writing, why, "assign.value")
    return "VariableAssigner", {"variables": [_assignment(writing, each) for each in items]}


def _assignable(each: dict[str, Any]) -> bool:
    """Whether RAGFlow looks the value up where it has to: else the variable becomes a text that says ERROR."""
    value = each.get("value")
    if each.get("op") in COUNTING:
        return isinstance(value, int | float)
    looked_up = isinstance(value, Ref) or each.get("op") not in ("append", "extend")
    return looked_up and not (isinstance(value, dict | list) and any(refs(value)))


def _assignment(writing: Writing, each: dict[str, Any]) -> dict[str, Any]:
    op, target, value = each.get("op", "set"), each.get("target"), each.get("value")
    operator = "set" if op == "set" and not isinstance(value, Ref) else _ASSIGN[op]
    as_it_is = isinstance(value, Ref) or op in COUNTING or writing.type_of(target) not in ("string", "any")
    given = writing.bare(value) if as_it_is and value is not None else writing.text(value)
    return {"variable": writing.bare(target), "operator": operator, "parameter": given}


def json_parse(writing: Writing) -> Made:
    value = writing.node.params.get("value")
    return "DataOperations", {"query": [writing.bare(value)], "operations": "literal_eval"}


def listed(writing: Writing) -> Made:
    params = writing.node.params
    given = [name for name in ("filter", "sort", "limit", "nth", "unique") if params.get(name) is not None]
    if is_code(writing.node):
        return steps(writing)
    made: dict[str, Any] = {"query": writing.name(params["list"])}
    if given == ["limit"]:
        limit = params["limit"]
        made |= {"operations": "tail" if limit.get("keep") == "last" else "head", "n": writing.bare(limit.get("size"))}
    elif given == ["nth"]:
        made |= {"operations": "nth", "n": writing.bare(params["nth"])}
    elif given == ["sort"]:
        order = params["sort"][0] if params["sort"] else {}
        made |= {"operations": "sort", "sort_method": order.get("order", "asc"), "sort_by": order.get("key", "")}
    elif given == ["unique"]:
        made["operations"] = "drop_duplicates"
    else:
        each = params["filter"]["conditions"][0]
        made |= {
            "operations": "filter",
            "filter": {"operator": SIGNS.get(each["op"], "="), "value": writing.text(each.get("right"))},
        }
    return "ListOperations", made


def iterate(writing: Writing) -> Made:
    node, params = writing.node, writing.node.params
    over = list(node.inputs.values())
    if params.get("parallel"):
        writing.note("degraded", "iterate.sequential", "The rounds run one after the other here.")
    if params.get("on_item_error") in ("null", "skip"):
        writing.note("degraded", "iterate.error", "A round that fails ends the whole iteration here.")
    if len(over) > 1:
        writing.note("degraded", "iterate.lists", "One list is walked here: the others are not.")
    outs = {name: {"type": "array", "ref": writing.bare(ref)} for name, ref in params.get("collect", {}).items()}
    return "Iteration", {"items_ref": writing.bare(over[0]) if over else "", "outputs": outs}


def loop(writing: Writing) -> Made:
    params = writing.node.params
    variables = [
        {"variable": name} | _at_first(writing, each.get("value"), _kind(each.get("type") or Type()))
        for name, each in params.get("variables", {}).items()
    ]
    until = _conditions(writing, params.get("until") or {}, LOOP_SIGNS, "variable")
    count = params.get("count")
    if count is None:
        writing.note("degraded", "loop.capped", "A loop has an end here: after 100 rounds.")
    logic = until["logical_operator"] if until["items"] else "or"  # an empty list with `and` would end it at once
    return "Loop", {
        "loop_variables": variables,
        "loop_termination_condition": until["items"],
        "logical_operator": logic,
        "maximum_loop_count": 100 if count is None else writing.bare(count),
    }


def _at_first(writing: Writing, value: Value, kind: str) -> dict[str, Any]:
    """What a variable of a loop begins with. RAGFlow refuses an empty constant, and 0, but has them for each type."""
    given = writing.bare(value)
    if isinstance(value, Ref):
        return {"type": kind, "input_mode": "variable", "value": given}
    if given or writing.flow.dialect == "ragflow":
        return {"type": kind, "input_mode": "constant", "value": given}
    typed = {bool: "boolean", int: "number", float: "number", list: "array", dict: "object", str: "string"}
    empty = typed.get(type(given), kind)
    return {"type": kind if kind.startswith(empty) else empty, "input_mode": EMPTY, "value": EMPTY}


def leave(writing: Writing) -> Made:
    return "ExitLoop", {}


def ask(writing: Writing) -> Made:
    node = writing.node
    return "UserFillUp", {
        "inputs": fields(writing),
        "tips": writing.text(node.params.get("question", "")),
        "enable_tips": True,
    }


def tool(writing: Writing) -> Made:
    known = {each.id: each for each in writing.flow.resources}
    resource = known.get(writing.node.params.get("tool", ""))
    if resource is None or resource.hint.get("type") != "ragflow":
        return stub(
            writing, f"The tool {resource.name if resource else ''} is not there.", "resource.tool", "needs_binding"
        )
    return str(resource.hint.get("component") or resource.name), {
        name: writing.deep(value) for name, value in writing.node.inputs.items()
    }


def steps(writing: Writing) -> Made:
    """Python for a step that is no component."""
    node = writing.node
    names = arguments(node)
    body, result = STEPS[node.kind](node, names)
    source, given = step(node, body, result)
    if node.kind != "stop":
        writing.note("equivalent", "code.step", "The step became code that does the same.")
    return "CodeExec", {
        "lang": "python",
        "script": source,
        "arguments": {name: writing.name(ref) for name, ref in given.items()},
    }


def stub(
    writing: Writing, why: str = "", code: str = "kind.unsupported", severity: Literal["stub", "needs_binding"] = "stub"
) -> Made:
    """What has no counterpart raises when it is reached, and says what it was."""
    node = writing.node
    what = str(node.params.get("type") or node.kind)
    message = f"'{node.title or node.id}' ({what} of {writing.flow.dialect}) has no counterpart in RAGFlow."
    why = why or f"{node.title or node.id} ({what}) has no counterpart in RAGFlow."
    writing.note(severity, code, f"{why} It raises when it is reached.", "Build this step by hand.")
    source, given = step(node, f"    raise Exception({message!r})\n", {})
    return "CodeExec", {
        "lang": "python",
        "script": source,
        "arguments": {
            name: writing.name(ref) for name, ref in given.items() if ref.node in writing.known or not ref.node
        },
    }


def _by_hand(why: str) -> Callable[[Writing], Made]:
    return lambda writing: stub(writing, why)


WRITERS: dict[str, Callable[[Writing], Made]] = {
    "add_document": _by_hand("RAGFlow's requests send no files, so none into a knowledge base."),
    "delete_document": _by_hand("RAGFlow's requests know no DELETE, which takes a document out of a knowledge base."),
    "start": start,
    "end": end,
    "answer": answer,
    "llm": agent,
    "agent": agent,
    "code": code,
    "if": switch,
    "classify": classify,
    "extract": extract,
    "http": http,
    "template": template,
    "split": split,
    "aggregate": aggregate,
    "set": steps,
    "assign": assign,
    "json_parse": json_parse,
    "json_dump": steps,
    "list": listed,
    "iterate": iterate,
    "loop": loop,
    "break": leave,
    "retrieve": retrieve,
    "tool": tool,
    "ask": ask,
    "stop": steps,
    "pass": steps,
}
