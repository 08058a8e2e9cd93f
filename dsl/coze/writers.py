"""One function for each kind of node: its data on a canvas."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from dsl.coze.shims import step, wrapped
from dsl.coze.tables import (
    CONVERSATIONS,
    FILES,
    NAMES,
    OPERATORS,
    PARAMETER_NAMES,
    RAW,
    RAW_LISTS,
    RESERVED,
    SIGNS,
    SOURCES,
    TIME,
)  # fmt: skip
from dsl.ir import Flow, Node, OnError, Ref, Script, Text, Type, Value
from dsl.kinds import UNARY, outputs
from dsl.notes import Note, Severity
from dsl.steps import STEPS, arguments, plain
from dsl.values import map_refs, parts, unique

Made = tuple[str, dict[str, Any], list[Any]]  # type number, inputs, outputs


@dataclass
class Canvas:
    """The flow being written, and where notes go."""

    flow: Flow
    known: dict[str, Node]
    notes: list[Note]
    origin: dict[int, str]
    titles: dict[str, str]
    taken: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
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
        node = self.node
        source = self.canvas.origin.get(id(node), node.id)
        self.canvas.notes.append(Note(severity, code, message, suggestion, source, node.title, node.pointer))

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
        return literal(value, wanted)

    def _joined(self, value: Text) -> Ref:
        name = unique(f"{self.node.id}_text{len(self.helpers) + 1}", set(self.canvas.known))
        inner = Writing(self.node, self.canvas)
        words, given = inner.template(value)
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
        if ref.path[:1] == ("error",):
            tail = {"message": "errorMessage", "type": "errorCode"}.get(str((*ref.path, "message")[1]), "errorMessage")
            return reference(ref.node, f"errorBody.{tail}", Type("string"))
        kind = type_at(producer, ref) if producer is not None else Type("string")
        return reference(ref.node, _path(producer, ref), kind)

    def _global(self, ref: Ref) -> dict[str, Any]:
        scope = ref.scope
        if scope == "system" and ref.path[:1] == ("query",):
            return reference("100001", "USER_INPUT", Type("string"))
        if scope not in SOURCES:
            code = "variable.scope" if scope == "session" else "resource.credential"
            severity: Severity = "degraded" if scope == "session" else "needs_binding"
            self.note(
                severity,
                code,
                f"The {scope} variable {'.'.join(map(str, ref.path))} has to be a variable of the app here.",
                "Make it in the app.",
            )
            scope = "app"
        content = {"source": SOURCES[scope], "path": [str(step) for step in ref.path], "blockID": "", "name": ""}
        return {"type": "string", "value": {"type": "ref", "content": content, "rawMeta": {"type": 1}}}

    def param(self, name: str, value: Value, wanted: Type | None = None) -> dict[str, Any]:
        return {"name": name, "input": self.block(value, wanted)}

    def params(self, values: dict[str, Value]) -> list[dict[str, Any]]:
        """inputParameters; their names have to be identifiers."""
        return [self.param(identifier(name, self.used), value) for name, value in values.items() if value is not None]

    def template(self, value: Value, given: dict[str, Value] | None = None) -> tuple[str, list[dict[str, Any]]]:
        """Text over inputs of its own, and those inputs: one for each reference."""
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
                    self.names[part] = identifier(wanted.get(part, last), self.used)
                    made.append({"name": self.names[part], "input": self.ref(part)})
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


def identifier(name: str, taken: set[str]) -> str:
    word = re.sub(r"\W", "_", name, flags=re.ASCII) or "value"
    word = word if re.match(r"[A-Za-z_]", word) and word not in RESERVED else f"v_{word}"
    return unique(word, taken)


def reference(block: str, name: str, kind: Type) -> dict[str, Any]:
    content = {"source": "block-output", "blockID": block, "name": name}
    return shape(kind) | {"value": {"type": "ref", "content": content, "rawMeta": {"type": raw(kind)}}}


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
    taken: set[str] = set()
    return [variable(identifier(name, taken), each) for name, each in types.items()]


def type_at(producer: Node, ref: Ref) -> Type:
    """The type of what a reference points at."""
    if ref.scope == "index":
        return Type("integer")
    if ref.scope == "loop":
        held = producer.params.get("variables", {}).get(ref.path[0], {}) if ref.path else {}
        return held.get("type") or Type("string") if isinstance(held, dict) else Type("string")
    kind: Type | None = outputs(producer).get(str(ref.path[0])) if ref.path else None
    for each in ref.path[1:]:
        if kind is None:
            break
        kind = kind.items if isinstance(each, int) else (kind.props or {}).get(each)
    return kind if kind is not None and kind.name != "any" else Type("string")


def _path(producer: Node | None, ref: Ref) -> str:
    path: tuple[Any, ...] = ref.path
    if producer is None:
        return _dotted(path)
    if ref.scope == "index":
        return "index"
    if ref.scope in ("item", "loop"):
        return _dotted(path) or "item"
    if producer.kind in ("llm", "agent") and path[:1] == ("structured",):
        return _dotted(path[1:]) or "output"
    if producer.kind == "retrieve" and path[:1] == ("result",):
        return _dotted(("outputList", *("output" if each == "content" else each for each in path[1:])))
    if producer.kind == "ask" and not producer.params.get("options") and not path:
        return "USER_RESPONSE"
    first = NAMES.get(producer.kind, {}).get(str(path[0]), path[0]) if path else "output"
    return _dotted((first, *path[1:]))


def _dotted(path: tuple[Any, ...]) -> str:
    said = ""
    for each in path:
        said += (
            f"[{each}]"
            if isinstance(each, int)
            else f".{re.sub(r'[^0-9A-Za-z_]', '_', str(each))}"
            if said
            else re.sub(r"[^0-9A-Za-z_]", "_", str(each))
        )
    return said


# -- kinds


def written(writing: Writing) -> Made:
    """Type, inputs and outputs of a node, with what happens when it fails."""
    kind, inputs, outs = WRITERS.get(writing.node.kind, stub)(writing)
    policy = writing.node.on_error
    if kind in ("3", "4", "5", "6", "9", "15", "22", "45", "58", "59", "12", "43"):
        inputs["settingOnError"] = setting(writing, policy)
        if policy.then in ("default", "branch"):
            body = Type("object", props={"errorMessage": Type("string"), "errorCode": Type("string")})
            outs = [
                *outs,
                variable("errorBody", body) | {"readonly": True},
                variable("isSuccess", Type("boolean")) | {"readonly": True},
            ]
    elif policy.then != "stop" or policy.retries:
        writing.note("degraded", "error.policy", "What happens when this step fails cannot be set here.")
    return kind, inputs, outs


def setting(writing: Writing, policy: OnError) -> dict[str, Any]:
    kind = {"stop": 1, "continue": 2, "default": 2, "branch": 3}[policy.then]
    made: dict[str, Any] = {"processType": kind, "retryTimes": policy.retries, "timeoutMs": policy.timeout_ms or 180000}
    if kind == 2:
        made |= {"switch": True, "dataOnErr": json.dumps(policy.default or {}, ensure_ascii=False)}
    elif kind == 3:
        made["switch"] = True
    if policy.wait_ms:
        writing.note("degraded", "error.wait", "There is no wait between tries here.")
    return made


def start(writing: Writing) -> Made:
    types = dict(writing.node.outputs)
    if writing.canvas.flow.mode == "chat":
        types = {"USER_INPUT": Type("string", required=True), "CONVERSATION_NAME": Type("string")} | types
    for name, each in types.items():
        if each.options or each.max_length:
            writing.note("degraded", "type.narrowed", f"The options or the length of {name} cannot be set here.")
    return "1", {}, variables(types)


def end(writing: Writing) -> Made:
    node = writing.node
    given = [
        writing.param(identifier(name, writing.used), value, node.outputs.get(name))
        for name, value in node.inputs.items()
    ]
    made: dict[str, Any] = {"terminatePlan": "returnVariables", "inputParameters": given}
    if node.params.get("message") is not None:
        words, more = writing.template(node.params["message"], node.inputs)
        made |= {
            "terminatePlan": "useAnswerContent",
            "streamingOutput": False,
            "content": literal(words, Type("string")),
        }
        made["inputParameters"] = _once([*given, *more])
    return "2", made, []


def _once(params: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return list({each["name"]: each for each in params}.values())


def answer(writing: Writing) -> Made:
    words, given = writing.template(writing.node.params.get("text", ""))
    stream = bool(writing.node.params.get("stream", True))
    return "13", {"content": literal(words, Type("string")), "streamingOutput": stream, "inputParameters": given}, []


def _model(writing: Writing) -> dict[str, Any]:
    params = writing.node.params
    known = {each.id: each for each in writing.canvas.flow.resources}
    model = known.get(params.get("model", ""))
    own = writing.canvas.flow.dialect == "coze"
    if model is not None and not own:
        writing.note(
            "needs_binding", "resource.model", f"The model {model.name} has another id here.", "Choose it again."
        )
    made = {
        "modelType": str(model.hint.get("modelType", "")) if model and own else "0",
        "modelName": model.name if model else "",
    }
    for name, value in (params.get("parameters") or {}).items():
        if name in PARAMETER_NAMES:
            made[PARAMETER_NAMES[name]] = value
        else:
            writing.note("degraded", "model.parameter", f"The model's parameter {name} does not exist here.")
    return made


def llm(writing: Writing) -> Made:
    node, params = writing.node, writing.node.params
    model = _model(writing)
    context = params.get("context")
    found = Ref("", ("context",), "system")

    def said(value: Value) -> Value:
        return map_refs(value, lambda ref: context if ref == found and context is not None else ref)

    system: list[str] = []
    user: list[str] = []
    given: list[dict[str, Any]] = []
    for each in params.get("messages", []):
        words, more = writing.template(plain_or_text(writing, said(each.get("text", ""))), node.inputs)
        given += more
        (system if each.get("role") == "system" else user).append(words)
        if each.get("role") == "assistant":
            writing.note("degraded", "prompt.turns", "A turn of the assistant became a part of the prompt.")
    if params.get("query") is not None:
        words, more = writing.template(params["query"], node.inputs)
        user, given = [*user, words], [*given, *more]
    kept = [
        writing.param(identifier(name, writing.used), value)
        for name, value in node.inputs.items()
        if not isinstance(value, Ref) or value not in writing.names
    ]
    fields, outs = _answer(node)
    memory = params.get("memory")
    listed: list[tuple[str, str, Any]] = [
        ("modelType", "integer", model["modelType"]),
        ("modleName", "string", model["modelName"]),
        *((name, "float", str(value)) for name, value in model.items() if name not in ("modelType", "modelName")),
        ("responseFormat", "integer", fields),
        ("prompt", "string", "\n".join(user)),
        ("systemPrompt", "string", "\n".join(system)),
        ("enableChatHistory", "boolean", memory is not None),
        ("chatHistoryRound", "integer", str((memory or {}).get("window") or 3)),
    ]
    if params.get("vision") is not None:
        writing.note("degraded", "llm.vision", "Images have to be given to the model by hand here.")
    if params.get("tools") and writing.canvas.flow.dialect != "coze":
        writing.note(
            "needs_binding", "resource.tool", "The tools have to be added to the model here.", "Add them as plugins."
        )
    kinds = {"integer": Type("integer"), "string": Type("string"), "float": Type("number"), "boolean": Type("boolean")}
    made = [{"name": name, "input": literal(value, kinds[kind])} for name, kind, value in listed]
    calls = {"fcParam": _calls(writing, params["tools"])} if params.get("tools") else {}
    return "3", {"inputParameters": [*given, *kept], "llmParam": made} | calls, outs


def _calls(writing: Writing, tools: list[dict[str, Any]]) -> dict[str, Any]:
    """What a model may call: plugins, workflows and knowledge bases."""
    known = {each.id: each for each in writing.canvas.flow.resources}
    own = writing.canvas.flow.dialect == "coze"
    groups: dict[str, list[dict[str, Any]]] = {"tool": [], "subflow": [], "knowledge": []}
    for each in tools:
        resource = known.get(str(each.get("tool", "")))
        hint = dict(resource.hint) if resource is not None and own else {}
        kind = resource.kind if resource is not None and resource.kind in groups else "tool"
        groups[kind].append(
            hint | ({"api_name": str(each.get("name"))} if kind == "tool" else {"name": str(each.get("name"))})
        )
    return {
        "pluginFCParam": {"pluginList": groups["tool"]},
        "workflowFCParam": {"workflowList": groups["subflow"]},
        "knowledgeFCParam": {"global_setting": {}, "knowledgeList": groups["knowledge"]},
    }


def plain_or_text(writing: Writing, value: Value) -> Value:
    """A Jinja prompt as text, when it only names its inputs."""
    if not isinstance(value, Script) or value.lang != "jinja2":
        return value
    known = plain(value.source, writing.node.inputs)
    if known is None:
        writing.note("degraded", "template.logic", "The logic of the prompt's template stands in the prompt as it is.")
        return value.source
    return known


def _answer(node: Node) -> tuple[str, list[Any]]:
    """responseFormat, and outputs: one text, or the fields of the schema."""
    declared = node.outputs.get("structured")
    fields = declared.props if declared is not None and declared.props else _fields(node.params.get("schema"))
    reasoning = [variable("reasoning_content", Type("string"))]
    if fields:
        return "2", variables(fields) + reasoning
    number = {"markdown": "1", "json": "2"}.get(node.params.get("format", ""), "0")
    return number, [variable("output", Type("string")), *reasoning]


def _fields(schema: Any) -> dict[str, Type]:
    held = schema.get("properties") if isinstance(schema, dict) else None
    return {str(name): _typed(each) for name, each in (held or {}).items()} if isinstance(held, dict) else {}


def _typed(schema: Any) -> Type:
    word = schema.get("type") if isinstance(schema, dict) else None
    if word == "array":
        return Type("array", items=_typed(schema.get("items")))
    if word == "object":
        return Type("object", props=_fields(schema))
    known = word if word in ("string", "integer", "number", "boolean") else "string"
    return Type(known, description=str((schema or {}).get("description") or "") if isinstance(schema, dict) else "")  # type: ignore[arg-type]


def extract(writing: Writing) -> Made:
    node = writing.node
    fields = {name: each for name, each in node.outputs.items() if name not in ("is_success", "reason", "usage")}
    instruction = node.params.get("instruction") or "Take the fields out of the text."
    messages = [{"role": "system", "text": instruction}, {"role": "user", "text": _as_text(node.params.get("query"))}]
    inner = Node(
        node.id,
        "llm",
        node.title,
        params=node.params | {"messages": messages, "query": None},
        outputs={"structured": Type("object", props=fields)},
    )
    inner.pointer = node.pointer
    writing.canvas.origin[id(inner)] = writing.canvas.origin.get(id(node), node.id)
    made = llm(Writing(inner, writing.canvas, writing.helpers))
    writing.note(
        "degraded",
        "extract.model",
        "The extraction is a model with these outputs here; it does not say whether it succeeded.",
    )
    return made


def _as_text(value: Value) -> Value:
    return Text((value,)) if isinstance(value, Ref) else value or ""


def code(writing: Writing) -> Made:
    node, params = writing.node, writing.node.params
    source = wrapped(params.get("lang", "python3"), params.get("style", "args"), params.get("source", ""))
    if source is None:
        return stub(writing)
    javascript = params.get("lang") == "javascript"
    if javascript and writing.canvas.flow.dialect != "coze":
        writing.note(
            "degraded",
            "code.language",
            "coze.cn runs JavaScript; Coze Studio runs Python only.",
            "Write it in Python for Coze Studio.",
        )
    if params.get("style") != "args":
        writing.note("equivalent", "code.wrapped", "The code is called as its platform calls it, by lines around it.")
    given = [{"name": name, "input": writing.block(value)} for name, value in node.inputs.items() if value is not None]
    return (
        "5",
        {"code": source, "language": 5 if javascript else 3, "inputParameters": given},
        [variable(name, each) for name, each in node.outputs.items()],
    )


def steps(writing: Writing) -> Made:
    """Python for a step that is no node."""
    node = writing.node
    names = arguments(node)
    body, result = STEPS[node.kind](node, names)
    source, given = step(node, body, result)
    if node.kind != "stop":
        writing.note("equivalent", "code.step", "The step became code that does the same.")
    outs = outputs(node) if node.kind != "pass" else {"done": Type("boolean")}
    declared = {name: each for name, each in outs.items() if name in result} or {"done": Type("boolean")}
    return (
        "5",
        {
            "code": source,
            "language": 3,
            "inputParameters": [{"name": name, "input": writing.ref(ref)} for name, ref in given.items()],
        },
        variables(declared),
    )


def stub(writing: Writing) -> Made:
    """What has no counterpart raises when it is reached, and says what it was."""
    node = writing.node
    what = str(node.params.get("type") or node.kind)
    message = f"'{node.title or node.id}' ({what} of {writing.canvas.flow.dialect}) has no counterpart in Coze."
    writing.note("stub", "kind.unsupported", "It raises when it is reached.", "Build this step by hand.")
    source, given = step(node, f"    raise Exception({message!r})\n", {})
    kept = [{"name": name, "input": writing.ref(ref)} for name, ref in given.items()]
    return (
        "5",
        {"code": source, "language": 3, "inputParameters": kept},
        variables(outputs(node)) or [variable("output", Type("string"))],
    )


def concat(words: str, given: list[dict[str, Any]]) -> dict[str, Any]:
    joined = [{"name": "concatResult", "input": literal(words, Type("string"))}]
    joined += [{"name": "arrayItemConcatChar", "input": literal(",", Type("string"))}]
    return {"method": "concat", "inputParameters": given, "concatParams": joined}


def template(writing: Writing) -> Made:
    node = writing.node
    value: Value = node.params.get("template", "")
    if isinstance(value, Script):
        known = plain(value.source, node.inputs)
        if known is None:
            writing.note(
                "stub", "template.logic", "A template with logic cannot be rendered here.", "Write it as code."
            )
            return stub(writing)
        value = known
    words, given = writing.template(value, node.inputs)
    return "15", concat(words, given), [variable("output", Type("string", required=True))]


def split(writing: Writing) -> Made:
    delimiters = [str(each) for each in writing.node.params.get("delimiters", [])]
    known = literal(delimiters, Type("array", items=Type("string")))
    known["value"]["content"] = delimiters
    everything = {"name": "delimiters", "input": known}
    made = {
        "method": "split",
        "splitParams": [everything],
        "inputParameters": [writing.param("String", writing.node.params.get("text"))],
    }
    return "15", made, [variable("output", Type("array", items=Type("string")))]


def condition(writing: Writing) -> Made:
    cases = [{"condition": _case(writing, each)} for each in writing.node.params.get("cases", [])]
    return "8", {"branches": cases}, []


def _case(writing: Writing, case: dict[str, Any]) -> dict[str, Any]:
    found: list[dict[str, Any]] = []
    for each in case.get("conditions", []):
        found += _condition(writing, each)
    return {"logic": 1 if case.get("logic") == "or" else 2, "conditions": found}


def _condition(writing: Writing, each: dict[str, Any]) -> list[dict[str, Any]]:
    if "op" not in each:
        writing.note(
            "degraded", "condition.nested", "Groups in groups do not exist here: the inner one was taken apart."
        )
        return [one for inner in each.get("conditions", []) for one in _condition(writing, inner)]
    operator, right = each["op"], each.get("right")
    if operator in ("in", "not_in") and isinstance(right, list):
        writing.note(
            "degraded", "condition.in", "One of several values: became comparisons, all joined as the others are."
        )
        word = "eq" if operator == "in" else "ne"
        return [one for value in right for one in _condition(writing, each | {"op": word, "right": value})]
    if operator not in SIGNS:
        writing.note(
            "degraded",
            "condition.operator",
            f"The comparison {operator} does not exist here: it compares for equality.",
        )
    number = SIGNS.get(operator, 1)
    made: dict[str, Any] = {"operator": number, "left": {"input": writing.block(each.get("left"))}}
    if operator not in UNARY and OPERATORS[number] not in ("empty", "not_empty", "true", "false"):
        made["right"] = {"input": writing.block(right)}
    return [made]


def classify(writing: Writing) -> Made:
    params = writing.node.params
    model = _model(writing)
    words, given = writing.template(params.get("instruction") or "")
    shown = {
        "modelType": int(model["modelType"] or 0) if str(model["modelType"]).isdigit() else 0,
        "modelName": model["modelName"],
    }
    shown |= {name: value for name, value in model.items() if name not in shown}
    shown |= {"systemPrompt": literal(words, Type("string")), "prompt": literal("{{query}}", Type("string"))}
    memory = params.get("memory")
    history = {"enableChatHistory": memory is not None, "chatHistoryRound": (memory or {}).get("window") or 3}
    intents = [{"name": _described(each)} for each in params.get("classes", [])]
    made = {"intents": intents, "mode": "all", "llmParam": shown, "chatHistorySetting": history}
    made["inputParameters"] = [writing.param("query", params.get("query") or ""), *given]
    return "22", made, [variable("classificationId", Type("integer")), variable("reason", Type("string"))]


def _described(each: dict[str, Any]) -> str:
    return str(each.get("name") or each.get("description") or "class")


def http(writing: Writing) -> Made:
    node, params = writing.node, writing.node.params
    headers = [writing.param(_said(name), value) for name, value in params.get("headers", [])]
    query = [writing.param(_said(name), value) for name, value in params.get("query", [])]
    made: dict[str, Any] = {
        "apiInfo": {"method": params.get("method", "GET"), "url": writing.http_text(params.get("url", ""))},
        "headers": headers,
        "params": query,
        "auth": _auth(writing, params.get("auth")),
        "body": _body(writing, params.get("body") or {}),
        "setting": {
            "timeout": int((params.get("timeout") or {}).get("read") or 120),
            "retryTimes": node.on_error.retries,
        },
    }
    if params.get("method") not in ("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD"):
        writing.note("degraded", "http.method", f"The method {params.get('method')} does not exist here.")
    if params.get("response") == "json":
        writing.note(
            "degraded", "http.body", "The body is text here: what reads its fields needs a JSON node in between."
        )
    types = {"body": Type("string"), "statusCode": Type("integer"), "headers": Type("string")}
    return "45", made, variables(types)


def _said(name: Value) -> str:
    return name if isinstance(name, str) else "".join(part for part in parts(name) if isinstance(part, str))


def _auth(writing: Writing, auth: Any) -> dict[str, Any]:
    if not isinstance(auth, dict) or auth.get("type") in (None, "none"):
        return {"authOpen": False}
    if auth.get("value") is None:
        writing.note(
            "needs_binding", "resource.credential", "The key of this request is no part of the file.", "Put it in here."
        )
    token = [writing.param("token", auth.get("value", ""))]
    if auth["type"] == "bearer":
        return {"authOpen": True, "authType": "BEARER_AUTH", "authData": {"bearerTokenData": token}}
    where = "query" if auth["type"] == "query" else "header"
    key = auth.get("name") or "Authorization"
    data = [writing.param("Key", key), writing.param("Value", auth.get("value", ""))]
    return {"authOpen": True, "authType": "CUSTOM_AUTH", "authData": {"customData": {"addTo": where, "data": data}}}


def _body(writing: Writing, body: dict[str, Any]) -> dict[str, Any]:
    kind = body.get("type")
    if kind == "json":
        return {"bodyType": "JSON", "bodyData": {"json": writing.http_text(body.get("text", ""))}}
    if kind == "text":
        return {"bodyType": "RAW_TEXT", "bodyData": {"rawText": writing.http_text(body.get("text", ""))}}
    if kind in ("form", "urlencoded"):
        fields = [writing.param(_said(each.get("name", "")), each.get("value")) for each in body.get("fields", [])]
        if kind == "urlencoded":
            return {"bodyType": "FORM_URLENCODED", "bodyData": {"formURLEncoded": fields}}
        mapping = json.dumps({each["name"]: {"basicType": "string"} for each in fields})
        return {"bodyType": "FORM_DATA", "bodyData": {"formData": {"data": fields, "typeMapping": mapping}}}
    if kind == "binary":
        return {"bodyType": "BINARY", "bodyData": {"binary": {"fileURL": writing.block(body.get("file"))}}}
    return {"bodyType": "EMPTY", "bodyData": {}}


def aggregate(writing: Writing) -> Made:
    params = writing.node.params
    groups: list[dict[str, Any]] = [
        {
            "name": identifier(each.get("name") or "output", writing.used),
            "variables": [writing.block(value) for value in each.get("values", [])],
        }
        for each in params.get("groups", [])
    ]
    if params.get("skip") in ("missing", "falsy"):
        what = "null counts as no value" if params["skip"] == "missing" else "empty values count"
        writing.note("degraded", "aggregate.null", f"The first value that is not null is taken here: {what}.")
    types = {
        group["name"]: each.get("type") or Type("string")
        for group, each in zip(groups, params.get("groups", []), strict=True)
    }
    return (
        "32",
        {"mergeGroups": groups},
        [variable(name, each if each.name != "any" else Type("string")) for name, each in types.items()],
    )


def assign(writing: Writing) -> Made:
    items = writing.node.params.get("items", [])
    if any(each.get("op", "set") != "set" for each in items):
        writing.note("degraded", "assign.operator", "A variable can only be set as a whole here.")
    if any(each["target"].scope == "loop" for each in items if isinstance(each.get("target"), Ref)):
        pairs = [{"left": writing.block(each["target"]), "right": writing.block(each.get("value"))} for each in items]
        return "20", {"inputParameters": pairs}, []
    given: list[dict[str, Any]] = []
    for each in items:
        target = each.get("target")
        name = str(target.path[0]) if isinstance(target, Ref) and target.path else "value"
        given.append(
            {
                "name": identifier(name, writing.used),
                "left": writing.block(target),
                "input": writing.block(each.get("value")),
            }
        )
    mapping = {
        each["name"]: each["left"]["value"]["content"].get("source", "global_variable_app")
        for each in given
        if isinstance(each["left"]["value"]["content"], dict)
    }
    return "40", {"inputParameters": given, "variableTypeMap": mapping}, [variable("isSuccess", Type("boolean"))]


def json_parse(writing: Writing) -> Made:
    outs = writing.node.outputs or {"output": Type("object")}
    return "59", {"inputParameters": [writing.param("input", writing.node.params.get("value"))]}, variables(outs)


def json_dump(writing: Writing) -> Made:
    return (
        "58",
        {"inputParameters": [writing.param("input", writing.node.params.get("value"))]},
        [variable("output", Type("string"))],
    )


def batched(node: Node) -> bool:
    """Whether an iteration is one node that Coze runs over lists by itself."""
    inner = node.body.nodes if node.body is not None else []
    return (
        bool(node.params.get("batch_of")) and len(inner) == 1 and inner[0].kind in ("llm", "agent", "tool", "subflow")
    )


def _batch(writing: Writing) -> Made:
    node, params = writing.node, writing.node.params
    assert node.body is not None
    inner = node.body.nodes[0]
    writing.canvas.origin[id(inner)] = writing.canvas.origin.get(id(node), node.id)
    kind, inputs, _ = written(Writing(inner, writing.canvas, writing.helpers))
    lists = [
        {"name": identifier(name, writing.used), "input": writing.block(value)} for name, value in node.inputs.items()
    ]
    size, limit = params.get("parallel") or 1, params.get("limit", 100)
    inputs["batch"] = {"batchEnable": True, "batchSize": limit, "concurrentSize": size, "inputLists": lists}
    return kind, inputs, variables(node.outputs)


def iterate(writing: Writing) -> Made:
    node, params = writing.node, writing.node.params
    if batched(node):
        return _batch(writing)
    lists = [
        {"name": identifier(name, writing.used), "input": writing.block(value)} for name, value in node.inputs.items()
    ]
    outs = [
        {"name": name, "input": _collected(writing, ref, node.outputs.get(name))}
        for name, ref in params.get("collect", {}).items()
    ]
    if params.get("on_item_error") in ("null", "skip"):
        writing.note("degraded", "iterate.error", "A round that fails ends the whole here.")
    if params.get("flatten"):
        writing.note("degraded", "iterate.flatten", "Lists of lists stay as they are here.")
    if params.get("parallel"):
        size = literal(params["parallel"], Type("integer"))
        limit = writing.block(params.get("limit", 100), Type("integer"))
        return "28", {"batchSize": limit, "concurrentSize": size, "inputParameters": lists}, outs
    made: dict[str, Any] = {
        "loopType": "array",
        "loopCount": literal("10", Type("integer")),
        "variableParameters": [],
        "inputParameters": lists,
    }
    return "21", made, outs


def _collected(writing: Writing, ref: Value, declared: Type | None) -> dict[str, Any]:
    made = writing.block(ref)
    if declared is not None and declared.name == "array":
        made |= shape(declared)
    return made


def loop(writing: Writing) -> Made:
    node, params = writing.node, writing.node.params
    held = [
        {
            "name": identifier(name, writing.used),
            "input": writing.block(
                each.get("value"), None if isinstance(each.get("value"), (Ref, Text)) else each.get("type")
            ),
        }
        for name, each in params.get("variables", {}).items()
    ]
    count = params.get("count")
    made: dict[str, Any] = {
        "loopType": "infinite" if count is None else "count",
        "variableParameters": held,
        "inputParameters": [],
    }
    made["loopCount"] = writing.block(count, Type("integer")) if count is not None else literal("10", Type("integer"))
    if params.get("until") and params["until"].get("conditions"):
        writing.closing = {"branches": [{"condition": _case(writing, params["until"])}]}
        writing.note("equivalent", "loop.until", "The condition that ends the loop is a branch at the end of its body.")
    elif count is None and not any(inner.kind == "break" for inner in (node.body.nodes if node.body else [])):
        writing.note("degraded", "loop.endless", "Nothing ends this loop.")
    collect = params.get("collect") or {name: Ref(node.id, (name,), "loop") for name in params.get("variables", {})}
    outs = [{"name": name, "input": _collected(writing, ref, node.outputs.get(name))} for name, ref in collect.items()]
    return "21", made, outs


def leave(writing: Writing) -> Made:
    return ("19" if writing.node.kind == "break" else "29"), {}, []


def retrieve(writing: Writing) -> Made:
    params = writing.node.params
    known = {each.id: each for each in writing.canvas.flow.resources}
    own = writing.canvas.flow.dialect == "coze"
    bases = (
        [str(known[each].hint.get("id", "")) for each in params.get("knowledge", []) if each in known] if own else []
    )
    if not own:
        writing.note(
            "needs_binding", "resource.knowledge", "The knowledge bases have other ids here.", "Choose them again."
        )
    given = {"datasetList": bases, "topK": params.get("top_k") or 5, "minScore": params.get("score_threshold") or 0.5}
    given |= (params.get("search") or {}) if own else {"strategy": 1, "useRerank": bool(params.get("rerank"))}
    kinds = {"datasetList": Type("array", items=Type("string")), "minScore": Type("number")}
    listed: list[dict[str, Any]] = [
        {"name": name, "input": literal(value, kinds.get(name))} for name, value in given.items()
    ]
    listed[0]["input"]["value"]["content"] = bases
    outs = Type("array", items=Type("object", props={"output": Type("string")}))
    query = [writing.param("Query", params.get("query") or "")]
    return "6", {"datasetParam": listed, "inputParameters": query}, [variable("outputList", outs)]


def tool(writing: Writing) -> Made:
    node = writing.node
    known = {each.id: each for each in writing.canvas.flow.resources}
    resource = known.get(node.params.get("tool", ""))
    hint = resource.hint if resource is not None and writing.canvas.flow.dialect == "coze" else {}
    name = resource.name if resource else node.title
    if hint.get("type") == "coze" and hint.get("node") in CONVERSATIONS:
        return str(hint["node"]), {"inputParameters": writing.params(node.inputs)}, variables(node.outputs)
    if not hint:
        writing.note(
            "needs_binding",
            "resource.tool",
            f"The tool {name} has to be a plugin of this space.",
            "Add it, and choose it here.",
        )
    keys = ("apiID", "apiName", "pluginID", "pluginName", "pluginVersion", "tips", "outDocLink")
    about = {key: str(hint.get(key, "")) for key in keys} | ({} if hint else {"apiName": name})
    params = [{"name": key, "input": literal(value, Type("string"))} for key, value in about.items()]
    given = writing.params(node.inputs)
    return (
        "4",
        {"apiParam": params, "inputParameters": given},
        variables(node.outputs) or [variable("output", Type("string"))],
    )


def subflow(writing: Writing) -> Made:
    node = writing.node
    known = {each.id: each for each in writing.canvas.flow.resources}
    resource = known.get(node.params.get("flow", ""))
    hint = resource.hint if resource is not None and writing.canvas.flow.dialect == "coze" else {}
    if not hint:
        writing.note(
            "needs_binding",
            "resource.subflow",
            f"The workflow {resource.name if resource else ''} has another id here.",
            "Choose it again.",
        )
    made: dict[str, Any] = {key: str(hint.get(key, "")) for key in ("workflowId", "workflowVersion", "spaceId")}
    made |= {"type": 0, "inputDefs": [], "inputParameters": writing.params(node.inputs)}
    return "9", made, variables(node.outputs)


def ask(writing: Writing) -> Made:
    node, params = writing.node, writing.node.params
    options = params.get("options") or []
    if params.get("actions"):
        writing.note("degraded", "ask.actions", "Buttons are options of the answer here.")
    if not options and not params.get("question"):
        schema = json.dumps(variables(node.outputs), ensure_ascii=False)
        return "30", {"outputSchema": schema, "inputParameters": []}, variables(node.outputs)
    words, given = writing.template(params.get("question", ""))
    said = []
    for each in options:
        more_words, more = writing.template(each)
        said.append({"name": more_words})
        given += more
    model = {
        "modelType": 0,
        "modelName": "",
        "systemPrompt": "",
        "temperature": 1,
        "topP": 0.7,
        "maxTokens": 1024,
        "responseFormat": 2,
        "generationDiversity": "default_val",
    }
    made: dict[str, Any] = {
        "question": words,
        "answer_type": "option" if options else "text",
        "option_type": "static",
        "options": said or [{"name": ""}, {"name": ""}],
        "extra_output": bool(node.outputs) and not options,
        "limit": 3,
        "llmParam": model,
        "inputParameters": given,
    }
    outs = (
        {"optionId": Type("string"), "optionContent": Type("string")}
        if options
        else {"USER_RESPONSE": Type("string", required=True)}
    )
    return "18", made, variables(outs | node.outputs)


def note(writing: Writing) -> Made:
    lines = str(writing.node.params.get("text", "")).split("\n")
    slate = [{"type": "paragraph", "children": [{"text": line, "type": "text"}]} for line in lines]
    return "31", {"note": json.dumps(slate, ensure_ascii=False), "schemaType": "slate"}, []


WRITERS: dict[str, Callable[[Writing], Made]] = {
    "start": start,
    "end": end,
    "answer": answer,
    "llm": llm,
    "agent": llm,
    "extract": extract,
    "code": code,
    "template": template,
    "split": split,
    "if": condition,
    "classify": classify,
    "http": http,
    "aggregate": aggregate,
    "assign": assign,
    "json_parse": json_parse,
    "json_dump": json_dump,
    "iterate": iterate,
    "loop": loop,
    "break": leave,
    "continue": leave,
    "retrieve": retrieve,
    "tool": tool,
    "subflow": subflow,
    "ask": ask,
    "note": note,
    "set": steps,
    "list": steps,
    "pass": steps,
    "stop": steps,
}
