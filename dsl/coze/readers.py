"""One function for each node type: its data as those of the common form."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from dsl import DslError
from dsl.coze import text
from dsl.coze.shims import unwrapped
from dsl.coze.tables import CONVERSATIONS, FILE_KINDS, OPERATORS, OUTPUTS, PARAMETERS, SCOPES, TIME, WORDS
from dsl.ir import Node, Ref, Type, Value
from dsl.knowledge import KNOWLEDGE_KEY
from dsl.load import load_json


def type_of(variable: Any) -> Type:
    """A VARIABLE or a BLOCKINPUT as a type; a string with an assistType is a file or a time."""
    if not isinstance(variable, dict):
        return Type("any")
    word, assist = str(variable.get("type", "any")), variable.get("assistType")
    about: dict[str, Any] = {
        "required": variable.get("required") is True,
        "description": str(variable.get("description") or ""),
    }
    about["default"] = variable.get("defaultValue")
    schema = variable.get("schema")
    if word == "list":
        return Type("array", items=type_of(schema) if isinstance(schema, dict) else None, **about)
    if word == "object":
        return Type("object", props=types_of(schema) if isinstance(schema, list) and schema else None, **about)
    if word == "string" and isinstance(assist, int) and assist:
        return Type("time", **about) if assist == TIME else Type("file", file=FILE_KINDS.get(assist, "any"), **about)
    known = {"float": "number", "image": "file"}.get(word, word)
    return Type(known if known in ("string", "integer", "number", "boolean", "file") else "any", **about)  # type: ignore[arg-type]


def mappings(value: Any) -> list[dict[str, Any]]:
    """The mappings in a list; none when it is no list."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def types_of(variables: Any) -> dict[str, Type]:
    """VARIABLEs, or PARAMs that point at inner values, by name."""
    return {
        str(each.get("name")): type_of(each["input"] if isinstance(each.get("input"), dict) else each)
        for each in mappings(variables)
        if each.get("name") not in (None, "errorBody", "isSuccess") or "readonly" not in {key.lower() for key in each}
    }


@dataclass(frozen=True)
class Reading:
    """A node being read: what it becomes, its data, and how references are resolved."""

    node: Node
    type: str
    data: dict[str, Any]
    inputs: dict[str, Any]
    find: Callable[[str, tuple[str | int, ...]], Ref]
    resource: Callable[[str, str, dict[str, Any]], str]

    def value(self, given: Any) -> Value:
        """A BLOCKINPUT as a value."""
        held = given.get("value") if isinstance(given, dict) else None
        if not isinstance(held, dict):
            return None
        content = held.get("content")
        if held.get("type") == "ref" and isinstance(content, dict):
            return self._ref(content)
        if held.get("type") == "object_ref":
            return self.params(given.get("schema"))
        return _literal(given, content)

    def _ref(self, content: dict[str, Any]) -> Value:
        source = str(content.get("source", ""))
        if source in SCOPES:
            path = content.get("path")
            return Ref("", tuple(map(str, path)) if isinstance(path, list) else (), SCOPES[source])  # type: ignore[arg-type]
        block = content.get("blockID")
        return self.find(str(block), text.path(str(content.get("name") or ""))) if block else None

    def params(self, given: Any) -> dict[str, Value]:
        """PARAMs by name."""
        return {str(each["name"]): self.value(each.get("input")) for each in mappings(given) if "name" in each}

    def named(self) -> dict[str, Value]:
        given = self.inputs.get("inputParameters")
        return self.params(given if given is not None else self.data.get("inputParameters"))

    def template(self, given: Any) -> Value:
        """Text over the node's own inputs, as a literal BLOCKINPUT or as it is."""
        content = self.value(given) if isinstance(given, dict) else given
        return text.named(content, self.named()) if isinstance(content, str) else content

    def model(self, given: dict[str, Any]) -> dict[str, Value]:
        """Model and parameters out of `llmParam`, flattened to plain values."""
        name = str(given.get("modleName") or given.get("modelName") or given.get("modelType") or "")
        made: dict[str, Value] = {"parameters": {}}
        if name or given.get("modelType"):
            made["model"] = self.resource("model", name, {"modelType": str(given.get("modelType", ""))})
        made["parameters"] = {
            ours: _number(given[theirs]) for theirs, ours in PARAMETERS.items() if given.get(theirs) is not None
        }
        if given.get("enableChatHistory") is True:
            made["memory"] = {"window": _number(given.get("chatHistoryRound", 3))}
        return made

    @staticmethod
    def answers_fields(inputs: dict[str, Any], outputs: Any) -> bool:
        """Whether a model's outputs are fields of a JSON answer (responseFormat 2), and not one text."""
        formats = [
            each.get("input", {}).get("value", {}).get("content")
            for each in mappings(inputs.get("llmParam"))
            if each.get("name") == "responseFormat" and isinstance(each.get("input"), dict)
            and isinstance(each["input"].get("value"), dict)
        ]  # fmt: skip
        names = {name: each for name, each in types_of(outputs).items() if name != "reasoning_content"}
        lone = len(names) == 1 and next(iter(names.values())).name == "string"
        return "2" in map(str, formats) and not lone


def _literal(given: dict[str, Any], content: Any) -> Value:
    kind = given.get("type")
    if kind in ("integer", "float") and isinstance(content, str):
        return _number(content)
    if kind in ("list", "object") and isinstance(content, str):
        try:
            return load_json(content)
        except DslError:  # no JSON, or nested or large beyond what a file may hold
            return content
    if kind == "boolean" and content in ("true", "false"):
        return content == "true"
    return content


def _number(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return int(value)
    except ValueError:
        try:
            made = float(value)
        except ValueError:
            return value
        return made if math.isfinite(made) else value


def start(reading: Reading) -> None:
    reading.node.kind = "start"
    reading.node.outputs = types_of(reading.data.get("outputs"))


def end(reading: Reading) -> None:
    """The results; or an answer, and then what its template calls by name is no result."""
    node, inputs = reading.node, reading.inputs
    node.kind = "end"
    if inputs.get("terminatePlan") == "useAnswerContent":
        node.params["message"] = reading.template(inputs.get("content")) or ""
        return
    node.inputs = reading.named()
    given = mappings(inputs.get("inputParameters"))
    node.outputs = {str(each.get("name")): type_of(each.get("input")) for each in given}


def output(reading: Reading) -> None:
    reading.node.kind = "answer"
    reading.node.params["text"] = reading.template(reading.inputs.get("content")) or ""
    if reading.inputs.get("streamingOutput"):
        reading.node.params["stream"] = True


def llm(reading: Reading) -> None:
    node, inputs = reading.node, reading.inputs
    given = reading.params(inputs.get("llmParam"))
    calls = inputs.get("fcParam") if isinstance(inputs.get("fcParam"), dict) else {}
    tools = list(_tools(reading, calls or {}))
    node.kind = "agent" if tools else "llm"
    roles = [("system", given.get("systemPrompt")), ("user", given.get("prompt"))]
    said = [
        {"role": role, "text": text.named(words, reading.named())}
        for role, words in roles
        if isinstance(words, str) and words
    ]
    node.params = reading.model(given) | {"mode": "chat", "messages": said}
    node.inputs = reading.named()
    if Reading.answers_fields(inputs, reading.data.get("outputs")):
        declared = {
            name: each for name, each in types_of(reading.data.get("outputs")).items() if name != "reasoning_content"
        }
        node.outputs = {"structured": Type("object", props=declared)}
        node.params["schema"] = schema_of(declared)
    elif str(given.get("responseFormat")) == "1":
        node.params["format"] = "markdown"
    if tools:
        node.params["tools"] = tools


def schema_of(fields: dict[str, Type]) -> dict[str, Any]:
    """The JSON schema of an object with these fields."""
    return {
        "type": "object",
        "properties": {name: _schema(each) for name, each in fields.items()},
        "required": list(fields),
    }


def _schema(of: Type) -> dict[str, Any]:
    made: dict[str, Any] = (
        {}
        if of.name == "any"
        else {"type": {"file": "string", "time": "string", "secret": "string"}.get(of.name, of.name)}
    )
    if of.description:
        made["description"] = of.description
    if of.items is not None:
        made["items"] = _schema(of.items)
    if of.props:
        made |= schema_of(of.props)
    return made


def _tools(reading: Reading, calls: dict[str, Any]) -> Any:
    lists = (
        ("workflowFCParam", "workflowList"),
        ("pluginFCParam", "pluginList"),
        ("knowledgeFCParam", "knowledgeList"),
    )
    for group, members in lists:
        held = calls.get(group)
        for each in mappings(held.get(members)) if isinstance(held, dict) else []:
            hint = {key: str(value) for key, value in each.items() if isinstance(value, (str, int))}
            names = ("api_name", "name", "workflow_id", "plugin_id", "id")
            name = str(next((each[key] for key in names if each.get(key)), None))
            kind = {"workflowFCParam": "subflow", "pluginFCParam": "tool"}.get(group, "knowledge")
            yield {"name": name, "description": "", "tool": reading.resource(kind, name, hint), "inputs": {}}


def plugin(reading: Reading) -> None:
    node = reading.node
    about = {
        name: str(value)
        for name, value in reading.params(reading.inputs.get("apiParam")).items()
        if value not in (None, "")
    }
    name = about.get("apiName") or node.title or "plugin"
    node.kind = "tool"
    node.params = {"tool": reading.resource("tool", name, {"type": "plugin"} | about)}
    node.inputs = reading.named()
    node.outputs = types_of(reading.data.get("outputs"))


def conversation(reading: Reading) -> None:
    """What Coze's own service does with conversations and their messages: elsewhere a tool that has to be supplied."""
    node, name = reading.node, WORDS[reading.type]
    node.kind, node.params = "tool", {"tool": reading.resource("tool", name, {"type": "coze", "node": reading.type})}
    node.inputs = reading.named()
    node.outputs = types_of(reading.data.get("outputs"))


def code(reading: Reading) -> None:
    node, inputs = reading.node, reading.inputs
    lang = "python3" if inputs.get("language") == 3 else "javascript"
    source, given, outputs = str(inputs.get("code") or ""), reading.named(), types_of(reading.data.get("outputs"))
    if not unwrapped(node, lang, source, given, outputs):
        node.kind, node.inputs, node.outputs = "code", given, outputs
        node.params = {"lang": lang, "style": "args", "source": source}


def retrieve(reading: Reading) -> None:
    node = reading.node
    given = reading.params(reading.inputs.get("datasetParam"))
    bases = given.get("datasetList") if isinstance(given.get("datasetList"), list) else []
    node.kind = "retrieve"
    node.params = {
        "query": reading.named().get("Query", ""),
        "knowledge": [reading.resource("knowledge", str(each), {"id": str(each)}) for each in bases or []],
    }
    names = {"topK": "top_k", "minScore": "score_threshold"}
    node.params |= {ours: given[theirs] for theirs, ours in names.items() if given.get(theirs) is not None}
    keep = ("useRerank", "useRewrite", "isPersonalOnly", "strategy")
    node.params["search"] = {key: given[key] for key in keep if given.get(key) is not None}


def add_document(reading: Reading) -> None:
    node, strategy = reading.node, _held(reading.inputs, "strategyParam")
    node.kind = "add_document"
    node.params = _knowledge(reading) | {"file": reading.named().get("knowledge")}
    chunks = _held(strategy, "chunkStrategy")
    if chunks.get("chunkType") == "custom":
        wanted = (("separator", "separator", str), ("max_tokens", "maxToken", int), ("overlap", "overlap", int | float))
        node.params["chunks"] = {ours: chunks[key] for ours, key, type_ in wanted if isinstance(chunks.get(key), type_)}
    if parsing := _held(strategy, "parsingStrategy"):
        node.params["parsing"] = parsing


def delete_document(reading: Reading) -> None:
    reading.node.kind = "delete_document"
    reading.node.params = _knowledge(reading) | {"document": reading.named().get("documentID")}


def _knowledge(reading: Reading) -> dict[str, Value]:
    """The base that is changed, and the key that another platform asks for to do that."""
    bases = reading.params(reading.inputs.get("datasetParam")).get("datasetList")
    key = reading.resource("credential", KNOWLEDGE_KEY, {"type": "bearer"})
    ids = [str(each) for each in bases if each] if isinstance(bases, list) else []
    known = {"knowledge": reading.resource("knowledge", ids[0], {"id": ids[0]})} if ids else {}
    return known | {"credential": key}


def _held(data: dict[str, Any], name: str) -> dict[str, Any]:
    held = data.get(name)
    return held if isinstance(held, dict) else {}


def condition(reading: Reading) -> None:
    branches = reading.inputs.get("branches")
    held = [each.get("condition") for each in branches if isinstance(each, dict)] if isinstance(branches, list) else []
    reading.node.kind = "if"
    reading.node.params = {"cases": [_case(reading, each) for each in held if isinstance(each, dict)]}


def _case(reading: Reading, case: dict[str, Any]) -> dict[str, Value]:
    given = case.get("conditions") if isinstance(case.get("conditions"), list) else []
    return {
        "logic": "or" if case.get("logic") == 1 else "and",
        "conditions": [_condition(reading, each) for each in given or [] if isinstance(each, dict)],
    }


def _condition(reading: Reading, each: dict[str, Any]) -> dict[str, Value]:
    left, right = (
        side.get("input") if isinstance(side, dict) else None for side in (each.get("left"), each.get("right"))
    )
    operator = each.get("operator")
    return {
        "left": reading.value(left),
        "op": OPERATORS.get(operator, "eq") if isinstance(operator, int) else "eq",
        "right": reading.value(right),
        "type": type_of(left).name,
    }


def subflow(reading: Reading) -> None:
    node, inputs = reading.node, reading.inputs
    identifier = str(inputs.get("workflowId") or "")
    hint = {
        "workflowId": identifier,
        "workflowVersion": str(inputs.get("workflowVersion") or ""),
        "spaceId": str(inputs.get("spaceId") or ""),
    }
    node.kind = "subflow"
    node.params = {"flow": reading.resource("subflow", node.title or identifier, hint)}
    node.inputs = reading.named()
    node.outputs = types_of(reading.data.get("outputs"))


def texts(reading: Reading) -> None:
    node, inputs = reading.node, reading.inputs
    if inputs.get("method") == "split":
        given = reading.params(inputs.get("splitParams"))
        delimiters = given.get("delimiters") if isinstance(given.get("delimiters"), list) else []
        node.kind = "split"
        node.params = {"text": reading.named().get("String"), "delimiters": [str(each) for each in delimiters or []]}
    else:
        given = reading.params(inputs.get("concatParams"))
        words, delimiter = given.get("concatResult"), given.get("arrayItemConcatChar")
        node.kind = "template"
        node.params = {"template": text.named(words, reading.named()) if isinstance(words, str) else ""}
        if isinstance(delimiter, str) and delimiter:
            node.params["delimiter"] = delimiter


def question(reading: Reading) -> None:
    node, inputs = reading.node, reading.inputs
    node.kind = "ask"
    node.params["question"] = reading.template(inputs.get("question")) or ""
    if inputs.get("answer_type") == "option":
        options = inputs.get("options") if inputs.get("option_type") != "dynamic" else None
        named = [each.get("name") for each in options if isinstance(each, dict)] if isinstance(options, list) else []
        node.params["options"] = [text.named(str(each or ""), reading.named()) for each in named] or [
            reading.value(inputs.get("dynamic_option"))
        ]
    given = inputs.get("llmParam")
    if isinstance(given, dict) and given.get("modelType"):
        node.params["model"] = reading.model(given)["model"]
    declared = types_of(reading.data.get("outputs"))
    node.outputs = {name: each for name, each in declared.items() if name not in OUTPUTS["18"]}


def asked(reading: Reading) -> None:
    reading.node.kind = "ask"
    reading.node.params["question"] = ""
    reading.node.outputs = types_of(reading.data.get("outputs"))


def set_loop(reading: Reading) -> None:
    given = reading.inputs.get("inputParameters")
    reading.node.kind = "assign"
    pairs = [(reading.value(each.get("left")), reading.value(each.get("right"))) for each in mappings(given)]
    reading.node.params = {
        "items": [{"target": left, "op": "set", "value": right} for left, right in pairs if isinstance(left, Ref)]
    }


def assign(reading: Reading) -> None:
    given = reading.inputs.get("inputParameters")
    reading.node.kind = "assign"
    pairs = [(reading.value(each.get("left")), reading.value(each.get("input"))) for each in mappings(given)]
    reading.node.params = {
        "items": [{"target": left, "op": "set", "value": right} for left, right in pairs if isinstance(left, Ref)]
    }


def loop(reading: Reading) -> None:
    node, inputs = reading.node, reading.inputs
    collected = {
        name: value for name, value in reading.params(reading.data.get("outputs")).items() if isinstance(value, Ref)
    }
    node.outputs = types_of(reading.data.get("outputs"))
    variables = {
        str(each.get("name")): {"type": type_of(each.get("input")), "value": reading.value(each.get("input"))}
        for each in mappings(inputs.get("variableParameters"))
    }
    outside = {name: Ref(node.id, ref.path, "loop") if ref.node == node.id else ref for name, ref in collected.items()}
    if inputs.get("loopType") in (None, "array") and not variables:
        node.kind, node.inputs, node.params = "iterate", reading.named(), {"collect": outside}
        return
    node.kind, node.inputs = "loop", reading.named()
    node.params = {"variables": variables, "collect": outside}
    if inputs.get("loopType") == "count":
        node.params["count"] = reading.value(inputs.get("loopCount"))


def batch(reading: Reading) -> None:
    node, inputs = reading.node, reading.inputs
    node.kind = "iterate"
    node.inputs = reading.named()
    node.outputs = types_of(reading.data.get("outputs"))
    size, limit = reading.value(inputs.get("concurrentSize")), reading.value(inputs.get("batchSize"))
    parallel = size if isinstance(size, int) and size > 0 else 10  # Coze's own default, where it is a reference
    collect = {
        name: value for name, value in reading.params(reading.data.get("outputs")).items() if isinstance(value, Ref)
    }
    node.params = {"collect": collect, "parallel": parallel} | ({"limit": limit} if limit is not None else {})


def intent(reading: Reading) -> None:
    node, inputs = reading.node, reading.inputs
    given = inputs.get("llmParam") if isinstance(inputs.get("llmParam"), dict) else {}
    intents = inputs.get("intents") if isinstance(inputs.get("intents"), list) else []
    node.kind = "classify"
    classes = [
        {"name": str(each.get("name") or ""), "description": "", "examples": []}
        for each in intents or []
        if isinstance(each, dict)
    ]
    node.params = reading.model(given or {}) | {"query": reading.named().get("query"), "classes": classes}
    if instruction := reading.template((given or {}).get("systemPrompt")):
        node.params["instruction"] = instruction
    history = inputs.get("chatHistorySetting") if isinstance(inputs.get("chatHistorySetting"), dict) else {}
    if (history or {}).get("enableChatHistory"):
        node.params["memory"] = {"window": (history or {}).get("chatHistoryRound", 3)}


def merge(reading: Reading) -> None:
    node = reading.node
    node.kind = "aggregate"
    declared = types_of(reading.data.get("outputs"))
    node.params = {
        "groups": [
            {
                "name": str(each.get("name") or ""),
                "type": declared.get(str(each.get("name")), Type()),
                "values": [reading.value(one) for one in mappings(each.get("variables"))],
            }
            for each in mappings(reading.inputs.get("mergeGroups"))
        ],
        "skip": "null",
    }
    node.outputs = declared


def to_json(reading: Reading) -> None:
    reading.node.kind, reading.node.params = "json_dump", {"value": reading.named().get("input")}


def from_json(reading: Reading) -> None:
    reading.node.kind, reading.node.params = "json_parse", {"value": reading.named().get("input")}
    reading.node.outputs = types_of(reading.data.get("outputs"))


def http(reading: Reading) -> None:
    node, inputs = reading.node, reading.inputs
    about: Any = inputs.get("apiInfo") if isinstance(inputs.get("apiInfo"), dict) else {}
    setting: Any = inputs.get("setting") if isinstance(inputs.get("setting"), dict) else {}
    node.kind = "http"
    node.params = {
        "method": str(about.get("method") or "GET").upper(),
        "url": _blocks(reading, about.get("url")),
        "headers": [[name, value] for name, value in reading.params(inputs.get("headers")).items()],
        "query": [[name, value] for name, value in reading.params(inputs.get("params")).items()],
    }
    node.params |= _auth(reading, inputs.get("auth")) | _body(reading, inputs.get("body"))
    if isinstance(setting.get("timeout"), (int, float)):
        node.params["timeout"] = {"read": setting["timeout"]}
    retries = setting.get("retryTimes")
    if isinstance(retries, int) and retries and not node.on_error.retries:
        from dataclasses import replace

        node.on_error = replace(node.on_error, retries=retries)


def _blocks(reading: Reading, words: Any) -> Value:
    return text.blocks(words, reading.find, SCOPES) if isinstance(words, str) else ""


def _auth(reading: Reading, auth: Any) -> dict[str, Value]:
    """A key that is a reference stays one; a literal is a secret and becomes a credential."""
    if not isinstance(auth, dict) or not auth.get("authOpen"):
        return {}
    data = auth.get("authData") if isinstance(auth.get("authData"), dict) else {}
    bearer = auth.get("authType") == "BEARER_AUTH"
    custom = (data or {}).get("customData") if isinstance((data or {}).get("customData"), dict) else {}
    given = reading.params((data or {}).get("bearerTokenData") if bearer else (custom or {}).get("data"))
    name = "" if bearer else given.get("Key", "")
    kind = "bearer" if bearer else "query" if (custom or {}).get("addTo") == "query" else "header"
    value = given.get("token" if bearer else "Value")
    made: dict[str, Value] = {"type": kind, "name": name}
    if isinstance(value, Ref):
        made["value"] = value
    else:
        made["credential"] = reading.resource(
            "credential", f"key of {reading.node.title or reading.node.id}", {"type": kind}
        )
    return {"auth": made}


def _body(reading: Reading, body: Any) -> dict[str, Value]:
    kind = body.get("bodyType") if isinstance(body, dict) else None
    data = body.get("bodyData") if isinstance(body, dict) and isinstance(body.get("bodyData"), dict) else {}
    data = data or {}
    if kind == "JSON":
        return {"body": {"type": "json", "text": _blocks(reading, data.get("json"))}}
    if kind == "RAW_TEXT":
        return {"body": {"type": "text", "text": _blocks(reading, data.get("rawText"))}}
    if kind in ("FORM_DATA", "FORM_URLENCODED"):
        form = data.get("formData") if isinstance(data.get("formData"), dict) else {}
        given = (form or {}).get("data") if kind == "FORM_DATA" else data.get("formURLEncoded")
        fields = [{"name": name, "type": "text", "value": value} for name, value in reading.params(given).items()]
        return {"body": {"type": "form" if kind == "FORM_DATA" else "urlencoded", "fields": fields}}
    if kind == "BINARY":
        binary = data.get("binary") if isinstance(data.get("binary"), dict) else {}
        return {"body": {"type": "binary", "file": reading.value((binary or {}).get("fileURL"))}}
    return {}


def comment(reading: Reading) -> None:
    node = reading.node
    node.kind = "note"
    node.params = {"text": slate(reading.inputs.get("note"))}
    size = reading.data.get("size")
    if isinstance(size, dict) and all(isinstance(size.get(side), (int, float)) for side in ("width", "height")):
        node.params["size"] = [size["width"], size["height"]]


def slate(source: Any) -> str:
    """The plain text of an editor's JSON: a line for each paragraph."""
    try:
        found = load_json(source) if isinstance(source, str) else source
    except DslError:
        return str(source)
    lines = found if isinstance(found, list) else []
    return "\n".join("".join(_leaves(each)) for each in lines if isinstance(each, dict))


def _leaves(node: Any) -> Any:
    if isinstance(node, dict):
        if isinstance(node.get("text"), str):
            yield node["text"]
        for each in node.get("children") or [] if isinstance(node.get("children"), list) else []:
            yield from _leaves(each)


def leave(reading: Reading) -> None:
    reading.node.kind = "break" if reading.type == "19" else "continue"


READERS: dict[str, Callable[[Reading], None]] = {
    "1": start,
    "2": end,
    "3": llm,
    "4": plugin,
    "5": code,
    "6": retrieve,
    "8": condition,
    "9": subflow,
    "13": output,
    "15": texts,
    "18": question,
    "19": leave,
    "20": set_loop,
    "21": loop,
    "22": intent,
    "27": add_document,
    "28": batch,
    "29": leave,
    "30": asked,
    "31": comment,
    "32": merge,
    "40": assign,
    "45": http,
    "58": to_json,
    "59": from_json,
    "60": delete_document,
    **dict.fromkeys(CONVERSATIONS, conversation),
}
