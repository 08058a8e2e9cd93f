"""What a node of each of Dify's types holds, as the common form has it (`dsl/kinds.py`): one function for each kind."""

import json
from collections.abc import Callable
from typing import Any, cast

from dsl.dify import names
from dsl.dify.names import FIELD
from dsl.dify.place import Place, number
from dsl.dify.references import Reader
from dsl.dify.resources import Names, Register, long_provider
from dsl.ir import Json, Node, OnError, Ref, Script, Text, Type, Value, Variable
from dsl.kinds import role
from dsl.notes import Note
from dsl.values import parts, text

QUERY = Ref("", ("query",), "system")


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


def fill(node: Node, data: Place, source: Source) -> None:
    """Params, inputs and outputs of a node whose id, kind and title are set."""
    READERS[node.kind](data, node, source)
    source.refs.declared[node.id] = set(node.outputs)


# -- beginnings and ends


def _start(data: Place, node: Node, source: Source) -> None:
    kind = data.text("type")
    if kind == "trigger-webhook":
        _webhook(data, node)
    elif kind == "trigger-schedule":
        node.params["trigger"] = {"type": "schedule", "cron": _cron(data), "timezone": data.text("timezone")}
    elif kind == "trigger-plugin":
        keys = ("plugin_id", "provider_id", "event_name", "plugin_unique_identifier")
        node.params["trigger"] = {"type": "event", **{key: data.text(key) for key in keys}}
    for each in data.mappings("variables"):
        node.outputs[each.text("variable")] = input_type(each)


def _webhook(data: Place, node: Node) -> None:
    trigger = {"type": "webhook", "method": data.text("method", default="post").upper()}
    node.params["trigger"] = trigger | {"content_type": data.text("content_type", default="application/json")}
    for key in ("params", "headers", "body"):
        for each in data.mappings(key):
            name = each.text("name").replace("-", "_") if key == "headers" else each.text("name")
            node.outputs[name] = _typed(names.type_of(each.text("type")), required=each.flag("required"))


def _typed(type_: Type, **more: Any) -> Type:
    return Type(type_.name, type_.items, type_.props, type_.file, **more)


def input_type(place: Place, word: str = "") -> Type:
    """The type of an input of the flow: what the form of the start node asks for."""
    type_ = names.type_of(word or place.text("type", default="string"))
    kinds = [each.text() for each in place.items("allowed_file_types")]
    if len(kinds) == 1 and "file" in (type_.name, type_.items.name if type_.items else ""):
        file = Type("file", file=kinds[0])
        type_ = Type("array", items=file) if type_.name == "array" else file
    if place.has("json_schema"):
        type_ = schema_type(_json(place.value["json_schema"]))
    label = place.text("label")
    return _typed(
        type_,
        required=place.flag("required"),
        label="" if label == place.text("variable") else label,
        description=place.text("description"),
        default=place.value.get("default"),
        options=tuple(each.text() for each in place.items("options")),
        max_length=place.integer("max_length"),
    )


def schema_type(schema: Any, depth: int = 0) -> Type:
    """A JSON schema as a type, as far as types go."""
    if not isinstance(schema, dict) or depth > 20:
        return Type()
    word = schema.get("type")
    if word == "array":
        return Type("array", items=schema_type(schema.get("items"), depth + 1) if "items" in schema else None)
    if word == "object" and isinstance(schema.get("properties"), dict):
        members = schema["properties"].items()
        return Type("object", props={str(name): schema_type(inner, depth + 1) for name, inner in members})
    return names.type_of(word) if isinstance(word, str) else Type()


_DAYS = {"sun": "0", "mon": "1", "tue": "2", "wed": "3", "thu": "4", "fri": "5", "sat": "6"}


def _cron(data: Place) -> str:
    """When a schedule starts runs, as five fields."""
    if data.text("mode") == "cron" or not data.has("visual_config"):
        return data.text("cron_expression")
    visual = data.mapping("visual_config")
    hour, minute = _time(visual.text("time", default="12:00 AM"))
    match data.text("frequency"):
        case "hourly":
            return f"{visual.integer('on_minute') or 0} * * * *"
        case "weekly":
            days = [_DAYS.get(day.text().lower()[:3], "*") for day in visual.items("weekdays")]
            return f"{minute} {hour} * * {','.join(days) or '*'}"
        case "monthly":
            days = ["L" if day.text() == "last" else day.text() for day in visual.items("monthly_days")]
            return f"{minute} {hour} {','.join(days) or '1'} * *"
    return f"{minute} {hour} * * *"


def _time(spelled: str) -> tuple[int, int]:
    clock, _, half = spelled.strip().partition(" ")
    hour, _, minute = clock.partition(":")
    hours = int(hour) if hour.isascii() and hour.isdigit() and len(hour) < 3 else 0
    minutes = int(minute) if minute.isascii() and minute.isdigit() and len(minute) < 3 else 0
    return hours % 12 + (12 if half.upper() == "PM" else 0) if half else hours, minutes


def _end(data: Place, node: Node, source: Source) -> None:
    for each in data.mappings("outputs"):
        if (ref := source.ref(each.at("value_selector"), node)) is not None:
            node.inputs[each.text("variable")] = ref
            node.outputs[each.text("variable")] = names.type_of(each.text("value_type"))


def _answer(data: Place, node: Node, source: Source) -> None:
    node.params["text"] = source.text(data.at("answer"), node)


# -- models


def _model(data: Place, node: Node, source: Source) -> None:
    if data.has("model"):
        _model_of(data.mapping("model"), "name", node, source)
    _memory(data, node)
    if data.flag("vision", "enabled"):
        chosen = source.ref(data.mapping("vision", "configs").at("variable_selector"), node)
        node.params["vision"] = chosen or Ref("", ("files",), "system")


def _model_of(model: Place, key: str, node: Node, source: Source) -> None:
    provider = long_provider(model.text("provider"))
    node.params["model"] = source.register.add("model", model.text(key), provider)
    node.params["parameters"] = {name: place.value for name, place in model.entries("completion_params")}


def _llm(data: Place, node: Node, source: Source) -> None:
    _model(data, node, source)
    node.params["mode"] = data.mapping("model").choice("mode", "chat", "completion")
    node.params["messages"] = _messages(data, node, source)
    if data.flag("context", "enabled") and (ref := source.ref(data.at("context", "variable_selector"), node)):
        node.params["context"] = ref
    if data.flag("structured_output_enabled") or data.flag("structured_output_switch_on"):
        node.params["schema"] = data.mapping("structured_output", "schema").value
    if data.has("reasoning_format"):
        node.params["reasoning"] = data.choice("reasoning_format", "tagged", "separated")
    node.inputs |= _variables(data.mapping("prompt_config").mappings("jinja2_variables"), node, source)


def _messages(data: Place, node: Node, source: Source) -> list[Value]:
    """The prompt. With memory, Dify adds the question of the user to it in the end: it is a message like others."""
    template = data.at("prompt_template")
    many = isinstance(template.value, list)
    messages = [_message(each, node, source) for each in (template.mappings() if many else [template.mapping()])]
    if not many and not template.value:
        messages = []
    if many and data.has("memory"):
        query = source.text(data.at("memory", "query_prompt_template"), node)
        messages.append({"role": "user", "text": query or source.refs.text("{{#sys.query#}}", node.id)})
    return messages


def _message(place: Place, node: Node, source: Source) -> Value:
    jinja = place.text("edition_type") == "jinja2"
    text = Script("jinja2", place.text("jinja2_text")) if jinja else source.text(place.at("text"), node)
    return {"role": role(place.text("role")), "text": text}


def _variables(places: list[Place], node: Node, source: Source) -> dict[str, Value]:
    """Inputs by name; those that say nothing are null, as they are when the flow runs."""
    return {each.text("variable"): source.ref(each.at("value_selector"), node) for each in places}


def _agent(data: Place, node: Node, source: Source) -> None:
    given = {name: place.mapping().at("value") for name, place in data.entries("agent_parameters")}
    if "model" in given and given["model"].value is not None:
        _model_of(given["model"].mapping(), "model", node, source)
    _memory(data, node)
    if "instruction" in given:
        node.params["messages"] = [{"role": "system", "text": source.text(given["instruction"], node)}]
    if "query" in given:
        query = given["query"]
        node.params["query"] = source.ref(query, node) if isinstance(query.value, list) else source.text(query, node)
    if "maximum_iterations" in given:
        node.params["max_rounds"] = given["maximum_iterations"].integer()
    tools = given["tools"].mappings() if "tools" in given else []
    node.params["tools"] = [_agent_tool(each, node, source) for each in tools if each.flag("enabled", default=True)]


def _memory(data: Place, node: Node) -> None:
    if data.has("memory"):
        window = data.mapping("memory", "window")
        node.params["memory"] = {"window": window.integer("size") if window.flag("enabled") else None}


def _agent_tool(place: Place, node: Node, source: Source) -> Value:
    provider = place.text("provider_name") or place.text("provider_id")
    tool = source.register.tool(place.text("tool_name"), provider, place.text("type"), place.text("tool_label"))
    inputs: dict[str, Value] = {}
    for name, each in place.entries("parameters"):
        if isinstance(each.value, dict) and not each.flag("auto", default=True):
            inputs[name] = _argument(each.value.get("value"), node, source)
    for name, each in place.entries("settings"):
        inputs[name] = _argument(each.value.get("value") if isinstance(each.value, dict) else each.value, node, source)
    inputs = {name: value for name, value in inputs.items() if value is not None}
    description = place.text("extra", "description") or place.text("tool_description")
    return {"name": place.text("tool_name"), "description": description, "tool": tool, "inputs": inputs}


def _classify(data: Place, node: Node, source: Source) -> None:
    _model(data, node, source)
    node.params["query"] = source.ref(data.at("query_variable_selector"), node)
    node.params["instruction"] = source.text(data.at("instruction"), node) or source.text(data.at("instructions"), node)
    classes = data.mappings("classes")
    ids = [each.text("id", default=str(i + 1)) for i, each in enumerate(classes)]
    source.handles[node.id] = {name: f"class:{i}" for i, name in enumerate(ids)}
    if ids and ids[-1] == OTHER_CLASS:
        del classes[-1]
        source.handles[node.id][OTHER_CLASS] = "default"
    node.params["classes"] = [
        {"name": each.text("name"), "description": "", "examples": []}
        | ({} if ids[i] == str(i + 1) else {"id": ids[i]})
        for i, each in enumerate(classes)
    ]


OTHER_CLASS = "flowstill_other"  # the id of the class that was added for the port "default"


def _extract(data: Place, node: Node, source: Source) -> None:
    _model(data, node, source)
    node.params["query"] = source.ref(data.at("query"), node)
    node.params["instruction"] = source.text(data.at("instruction"), node)
    node.params["method"] = data.choice("reasoning_mode", "function_call", "prompt")
    for each in data.mappings("parameters"):
        node.outputs[each.text("name")] = _typed(
            names.type_of(each.text("type")),
            required=each.flag("required"),
            description=each.text("description"),
            options=tuple(option.text() for option in each.items("options")),
        )


# -- logic


def _code(data: Place, node: Node, source: Source) -> None:
    lang = "javascript" if data.text("code_language") == "javascript" else "python3"
    node.params |= {"lang": lang, "source": data.text("code"), "style": "kwargs"}
    if data.has("dependencies"):
        node.params["packages"] = data.value["dependencies"]
    node.inputs = _variables(data.mappings("variables"), node, source)
    node.outputs = {name: _declared(place.mapping()) for name, place in data.entries("outputs")}


def _declared(place: Place, depth: int = 0) -> Type:
    type_ = names.type_of(place.text("type"))
    if not place.has("children") or depth > 20:
        return type_
    props = {name: _declared(inner.mapping(), depth + 1) for name, inner in place.entries("children")}
    return Type(type_.name, type_.items, props)


def _template(data: Place, node: Node, source: Source) -> None:
    node.params["template"] = Script("jinja2", data.text("template"))
    node.inputs = _variables(data.mappings("variables"), node, source)


def case_id(place: int) -> str:
    """The id of a case that has none of its own: the editor calls the first one "true"."""
    return "true" if place == 0 else f"case_{place + 1}"


def _if(data: Place, node: Node, source: Source) -> None:
    if data.value.get("cases") is None and data.has("conditions"):  # until 0.6: one case, in the node itself
        ids, cases = ["true"], [conditions(data, "conditions", node, source)]
    else:
        places = data.mappings("cases")
        ids = [each.text("case_id", default=case_id(i)) for i, each in enumerate(places)]
        cases = [conditions(each, "conditions", node, source) for each in places]
    source.handles[node.id] = {"false": "else"} | {name: f"case:{i}" for i, name in enumerate(ids)}
    node.params["cases"] = [case | ({} if ids[i] == case_id(i) else {"id": ids[i]}) for i, case in enumerate(cases)]


def conditions(place: Place, key: str, node: Node, source: Source) -> dict[str, Value]:
    logic = place.text("logical_operator", default="and")
    made = [condition(each, node, source) for each in place.mappings(key)]
    return {"logic": "or" if logic == "or" else "and", "conditions": made}


def condition(place: Place, node: Node, source: Source) -> dict[str, Value]:
    word = place.text("comparison_operator")
    op = _operator(place)
    named = place.text("varType") or place.text("var_type")
    type_ = names.type_of(named).name if named else "any"
    if type_ == "any":
        type_ = "number" if word in names.NUMERIC else "string"
    right = _right(place, type_, node, source)
    if place.has("sub_variable_condition"):
        right = _below(place.mapping("sub_variable_condition"), node, source)
    elif type_ == "boolean" and op == "eq" and isinstance(right, bool):
        op, right = ("true" if right else "false"), None
    return {"left": source.ref(place.at("variable_selector"), node), "op": op, "right": right, "type": type_}


def _operator(place: Place) -> str:
    word = place.text("comparison_operator")
    if word and word not in names.OPERATORS:
        raise place.at("comparison_operator").wants(f"one of {', '.join(names.OPERATORS)}")
    return names.OPERATORS.get(word, "eq")


def _right(place: Place, type_: str, node: Node, source: Source) -> Value:
    value = place.value.get("value")
    if isinstance(value, list):
        return [source.value(each, node) for each in value]
    if isinstance(value, str) and type_ == "boolean" and value.lower() in ("true", "false"):
        return value.lower() == "true"
    if isinstance(value, str) and type_ in ("number", "integer"):
        value = number(value)
    return source.value(value, node)


def _below(place: Place, node: Node, source: Source) -> dict[str, Value]:
    """Conditions on the files of a list: `left` is a key of the element."""
    made = []
    for each in place.mappings("conditions"):
        type_ = names.type_of(each.text("varType")).name if each.has("varType") else "string"
        left = Ref(node.id, (each.text("key"),) if each.text("key") else (), "item")
        made.append({"left": left, "op": _operator(each), "right": _right(each, type_, node, source), "type": type_})
    logic = place.text("logical_operator", default="and")
    return {"logic": "or" if logic == "or" else "and", "conditions": made}


def _list(data: Place, node: Node, source: Source) -> None:
    node.params["list"] = source.ref(data.at("variable"), node)
    if data.flag("filter_by", "enabled"):
        node.params["filter"] = _filter(data, node, source)
    if data.flag("order_by", "enabled"):
        order = "desc" if data.text("order_by", "value") == "desc" else "asc"
        node.params["sort"] = [{"key": data.text("order_by", "key"), "order": order}]
    if data.flag("limit", "enabled"):
        node.params["limit"] = {"size": data.mapping("limit").integer("size"), "keep": "first"}
    if data.flag("extract_by", "enabled"):
        node.params["nth"] = source.value(number(data.text("extract_by", "serial", default="1")), node)


def _filter(data: Place, node: Node, source: Source) -> dict[str, Value]:
    made = []
    item = data.text("item_var_type", default="string")
    for each in data.mapping("filter_by").mappings("conditions"):
        numeric = each.text("comparison_operator") in names.NUMERIC
        type_ = "number" if numeric else "string" if each.text("key") else names.type_of(item).name
        left = Ref(node.id, (each.text("key"),) if each.text("key") else (), "item")
        made.append({"left": left, "op": _operator(each), "right": _right(each, type_, node, source), "type": type_})
    return {"logic": "and", "conditions": made}


def _aggregate(data: Place, node: Node, source: Source) -> None:
    groups = [("output", data)]
    if data.flag("advanced_settings", "group_enabled"):
        groups = [(each.text("group_name"), each) for each in data.mapping("advanced_settings").mappings("groups")]
    node.params |= {"groups": [_group(name, each, node, source) for name, each in groups], "skip": "missing"}
    node.outputs = {group["name"]: group["type"] for group in node.params["groups"]}


def _group(name: str, place: Place, node: Node, source: Source) -> dict[str, Any]:
    refs = [source.ref(each, node) for each in place.items("variables")]
    type_ = names.type_of(place.text("output_type"))
    return {"name": name, "type": type_, "values": [ref for ref in refs if ref is not None]}


def _assign(data: Place, node: Node, source: Source) -> None:
    node.params["items"] = []
    if "items" not in data.value and data.has("assigned_variable_selector"):  # version 1 has one item, in the node
        op = names.ASSIGNMENTS.get(data.text("write_mode"), "set")
        value = None if op == "clear" else source.ref(data.at("input_variable_selector"), node)
        target = source.ref(data.at("assigned_variable_selector"), node)
        node.params |= {"items": [{"target": target, "op": op, "value": value}] if target else [], "version": "1"}
    for each in data.mappings("items"):
        if target := source.ref(each.at("variable_selector"), node):
            node.params["items"].append({"target": target, **_assignment(each, node, source)})


def _assignment(place: Place, node: Node, source: Source) -> dict[str, Value]:
    word = place.text("operation", default="over-write")
    if word not in names.ASSIGNMENTS:
        raise place.at("operation").wants(f"one of {', '.join(names.ASSIGNMENTS)}")
    op = names.ASSIGNMENTS[word]
    if op in ("clear", "remove_first", "remove_last"):
        return {"op": op, "value": None}
    if place.text("input_type") == "variable":
        value = place.at("value")
        return {"op": op, "value": source.ref(value, node) if isinstance(value.value, list) else None}
    return {"op": op, "value": place.value.get("value")}


def _iterate(data: Place, node: Node, source: Source) -> None:
    node.inputs = {"item": source.ref(data.at("iterator_selector"), node)}
    collected = source.ref(data.at("output_selector"), node)
    if collected and collected != Ref(node.id, ("item",), "item"):
        node.params["collect"] = {"output": collected}
        node.outputs = {"output": names.type_of(data.text("output_type", default="array"))}
    node.params["on_item_error"] = names.ITEM_ERRORS.get(data.text("error_handle_mode"), "stop")
    if data.flag("flatten_output", default=True):
        node.params["flatten"] = True
    if data.flag("is_parallel"):
        node.params["parallel"] = data.integer("parallel_nums") or 10
    _entry(data, node)


def _loop(data: Place, node: Node, source: Source) -> None:
    if (count := data.integer("loop_count")) is not None:
        node.params["count"] = count
    if data.value.get("break_conditions"):
        node.params["until"] = conditions(data, "break_conditions", node, source)
    for each in data.mappings("loop_variables"):
        type_ = names.type_of(each.text("var_type"))
        node.params.setdefault("variables", {})[each.text("label")] = {
            "type": type_,
            "value": _initial(each, type_, node, source),
        }
        node.outputs[each.text("label")] = type_
    _entry(data, node)


def _initial(place: Place, type_: Type, node: Node, source: Source) -> Value:
    value = place.value.get("value")
    if place.text("value_type") == "variable":
        return source.ref(place.at("value"), node) if isinstance(value, list) else None
    if isinstance(value, str) and type_.name in ("number", "integer"):
        return number(value)
    return _json(value) if type_.name in ("array", "object", "boolean") else value


def _json(value: Any) -> Any:
    """JSON text as what it says; anything else as it is."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value, parse_constant=lambda name: value)
    except (ValueError, RecursionError):
        return value


def entry(container: str) -> str:
    """The id of the node that stands for the beginning of a container's body, when it has no other."""
    return f"{container[:45]}start"


def _entry(data: Place, node: Node) -> None:
    if (name := data.text("start_node_id")) and name != entry(node.id):
        node.params["entry"] = name


def _break(data: Place, node: Node, source: Source) -> None:
    """Leaves the loop; holds nothing."""


# -- services


def _http(data: Place, node: Node, source: Source) -> None:
    node.params["method"] = data.text("method", default="get").upper()
    node.params["url"] = source.text(data.at("url"), node)
    for ours, theirs in (("headers", "headers"), ("query", "params")):
        if pairs := _pairs(data.text(theirs), node, source):
            node.params[ours] = pairs
    if auth := _auth(data.mapping("authorization"), node, source):
        node.params["auth"] = auth
    if body := _body(data, node, source):
        node.params["body"] = body
    timeout = data.mapping("timeout")
    seconds = {key: timeout.number(key) or timeout.number(f"max_{key}_timeout") for key in ("connect", "read", "write")}
    if seconds := {key: value for key, value in seconds.items() if value}:
        node.params["timeout"] = seconds
    if data.has("ssl_verify"):
        node.params["verify_tls"] = data.flag("ssl_verify")
    if data.has("error_strategy") or data.flag("retry_config", "retry_enabled"):
        node.params["on_status"] = "fail"


def _pairs(lines: str, node: Node, source: Source) -> list[list[Value]]:
    """Headers and parameters stand one a line, `name:value`."""
    split = [line.partition(":") for line in lines.splitlines() if line.strip()]
    return [[source.refs.text(part.strip(), node.id) for part in (name, value)] for name, _, value in split]


_AUTHS = {"bearer": "bearer", "basic": "basic", "custom": "header"}


def _auth(place: Place, node: Node, source: Source) -> dict[str, Value] | None:
    if place.text("type") != "api-key":
        return None
    config = place.mapping("config")
    kind = _AUTHS.get(config.text("type"), "bearer")
    auth = {"type": kind, "name": config.text("header") if kind == "header" else ""}
    key = source.text(config.at("api_key"), node)
    secrets = {variable.name for variable in source.variables if variable.type.name == "secret"}
    first = key.parts[0] if isinstance(key, Text) and len(key.parts) == 1 else None
    if isinstance(first, Ref) and first.scope == "env" and first.path[0] in secrets:
        return auth | {"credential": source.register.add("credential", str(first.path[0]), type=kind)}
    if isinstance(key, Text) or not key:
        return auth | ({"value": key} if key else {})
    name = source.secret(node, config.at("api_key"))
    return auth | {"credential": source.register.add("credential", name, type=kind)}


def _body(data: Place, node: Node, source: Source) -> dict[str, Value] | None:
    place = data.mapping("body")
    kind = names.BODIES.get(place.text("type"))
    if kind is None:
        return None
    if not isinstance(place.value.get("data"), list):  # until 0.1.2 the body was one text
        text = place.text("data")
        pairs = [{"name": n, "type": "text", "value": v} for n, v in _pairs(text, node, source)]
        return (
            {"type": kind, "fields": pairs}
            if kind in ("form", "urlencoded")
            else {"type": kind, "text": source.refs.text(text, node.id)}
        )
    parts = place.mappings("data")
    if kind in ("form", "urlencoded"):
        return {"type": kind, "fields": [_field(each, node, source) for each in parts]}
    if kind == "binary":
        return {"type": kind, "file": source.ref(parts[0].at("file"), node) if parts else None}
    return {"type": kind, "text": source.text(parts[0].at("value"), node) if parts else ""}


def _field(place: Place, node: Node, source: Source) -> dict[str, Value]:
    file = place.text("type") == "file"
    value = source.ref(place.at("file"), node) if file else source.text(place.at("value"), node)
    name = source.text(place.at("key"), node)
    return {"name": name, "type": "file" if file else "text", "value": value}


def _retrieve(data: Place, node: Node, source: Source) -> None:
    node.params["query"] = source.ref(data.at("query_variable_selector"), node)
    sets = [each.text() for each in data.items("dataset_ids")]
    node.params["knowledge"] = [source.register.add("knowledge", name, dataset_id=name) for name in sets]
    many = data.mapping("multiple_retrieval_config")
    if (top := many.integer("top_k")) is not None:
        node.params["top_k"] = top
    if (threshold := many.number("score_threshold")) is not None:
        node.params["score_threshold"] = threshold
    if rerank := _rerank(many, source):
        node.params["rerank"] = rerank
    if data.text("metadata_filtering_mode") == "manual":
        node.params["filter"] = _metadata(data.mapping("metadata_filtering_conditions"), node, source)
    if search := _search(data, many, node, source):
        node.params["search"] = search


def _rerank(many: Place, source: Source) -> dict[str, Value] | None:
    if not many.flag("reranking_enable", default=True) or not many.has("reranking_mode"):
        return None
    rerank: dict[str, Value] = {"mode": many.text("reranking_mode")}
    model = many.mapping("reranking_model")
    if name := model.text("model") or model.text("reranking_model_name"):
        provider = model.text("provider") or model.text("reranking_provider_name")
        rerank["model"] = source.register.add("model", name, long_provider(provider), type="rerank")
    return rerank


def _metadata(place: Place, node: Node, source: Source) -> dict[str, Value]:
    made = []
    for each in place.mappings("conditions"):
        type_ = "number" if each.text("comparison_operator") in names.NUMERIC else "string"
        left = Ref(node.id, (each.text("name"),), "item")
        made.append({"left": left, "op": _operator(each), "right": _right(each, type_, node, source), "type": type_})
    logic = place.text("logical_operator", default="and")
    return {"logic": "or" if logic == "or" else "and", "conditions": made}


def _search(data: Place, many: Place, node: Node, source: Source) -> dict[str, Value]:
    """What else one can set here and other platforms have no word for."""
    search: dict[str, Value] = {}
    if data.text("retrieval_mode") == "single":
        model = data.mapping("single_retrieval_config", "model")
        search["mode"] = "single"
        if name := model.text("name"):
            search["model"] = source.register.add("model", name, long_provider(model.text("provider")))
    if many.has("weights"):
        search["weights"] = many.value["weights"]
    if (ref := source.ref(data.at("query_attachment_selector"), node)) is not None:
        search["attachment"] = ref
    if data.text("metadata_filtering_mode") == "automatic":
        search["metadata"] = "automatic"
    return search


def _tool(data: Place, node: Node, source: Source) -> None:
    kind, label = data.text("provider_type"), data.text("tool_label")
    provider = data.text("provider_id") or data.text("provider_name")
    flow = kind == "workflow"
    resource = source.register.tool(data.text("tool_name"), provider, kind, label)
    node.kind = "subflow" if flow else "tool"
    node.params["flow" if flow else "tool"] = resource
    node.inputs = {name: _argument(place.value, node, source) for name, place in data.entries("tool_parameters")}
    if settings_are_plain(data):
        node.params["version"] = "1"
    settings = {name: _argument(place.value, node, source) for name, place in data.entries("tool_configurations")}
    node.inputs = {name: value for name, value in node.inputs.items() if value is not None}
    if settings := {name: value for name, value in settings.items() if value is not None}:
        node.params["settings"] = settings
    members = schema_type(data.value.get("output_schema")).props or {}
    node.outputs = TOOL_OUTPUTS | members


def settings_are_plain(data: Place) -> bool:
    """Until 0.3 a setting was its value; now it is a mapping with type and value."""
    return not data.has("tool_node_version") and data.text("version") != "2"


TOOL_OUTPUTS = {
    "text": Type("string"),
    "files": Type("array", items=Type("file")),
    "json": Type("array", items=Type("object")),
}


def _argument(value: Any, node: Node, source: Source) -> Value:
    """{type, value} of a tool's parameter; in older files, and for settings, the value itself."""
    if not (isinstance(value, dict) and value.get("type") in ("mixed", "variable", "constant")):
        return source.value(value, node)
    inner = value.get("value")
    if value["type"] == "variable" and isinstance(inner, list):
        return source.refs.ref([str(step) for step in inner], node.id)
    return inner if value["type"] == "constant" else source.value(inner, node)


_SECONDS = {"hour": 3600, "day": 86400}
OPTION, ONWARD = "option_", "onward"  # ids of the buttons that stand for options, and for going on


def _ask(data: Place, node: Node, source: Source) -> None:
    asked = parts(source.text(data.at("form_content"), node))
    shown = [FIELD.sub("", part) if isinstance(part, str) else part for part in asked]
    node.params["question"] = text(shown)  # other platforms show the fields of a form below it
    for each in data.mappings("inputs"):
        node.outputs[each.text("output_variable_name")] = _form_field(each)
    actions = [{"id": each.text("id"), "title": each.text("title")} for each in data.mappings("user_actions")]
    ids = [action["id"] for action in actions]
    source.handles[node.id] = {name: f"action:{name}" for name in ids} | {"__timeout__": "timeout"}
    ours = not node.outputs and all(name.startswith(OPTION) for name in ids)
    if ids and ours:
        node.params["options"] = [action["title"] for action in actions if action["id"] != OPTION + "none"]
        source.handles[node.id] |= {name: f"option:{i}" for i, name in enumerate(ids)} | {OPTION + "none": "default"}
    elif ids == [ONWARD]:
        source.handles[node.id][ONWARD] = "out"
    elif actions:
        node.params["actions"] = actions
    if timeout := data.integer("timeout"):
        node.params["timeout_s"] = timeout * _SECONDS.get(data.text("timeout_unit", default="hour"), 3600)


def _form_field(place: Place) -> Type:
    kind = place.text("type")
    if kind == "select":
        source = place.mapping("option_source")
        fixed = source.text("type") != "variable"
        return Type("string", options=tuple(each.text() for each in source.items("value")) if fixed else ())
    return names.type_of(kind) if kind in ("file", "file-list") else Type("string")


def _document(data: Place, node: Node, source: Source) -> None:
    node.params["file"] = source.ref(data.at("variable_selector"), node)


Fill = Callable[[Place, Node, Source], None]
READERS: dict[str, Fill] = {
    "start": _start,
    "end": _end,
    "answer": _answer,
    "llm": _llm,
    "agent": _agent,
    "code": _code,
    "if": _if,
    "classify": _classify,
    "extract": _extract,
    "http": _http,
    "template": _template,
    "aggregate": _aggregate,
    "assign": _assign,
    "list": _list,
    "iterate": _iterate,
    "loop": _loop,
    "break": _break,
    "retrieve": _retrieve,
    "tool": _tool,
    "ask": _ask,
    "document": _document,
}

# -- what happens when a node fails


def on_error(data: Place, kind: str) -> OnError:
    retry = data.mapping("retry_config")
    retries = (retry.integer("max_retries") or 0) if retry.flag("retry_enabled") else 0
    wait = (retry.integer("retry_interval") or 0) if retries else 0
    then = {"fail-branch": "branch", "default-value": "default"}.get(data.text("error_strategy"), "stop")
    default: dict[str, Json] | None = None
    if then == "default":
        renamed = names.OUTPUTS.get(kind, {})
        default = {}
        for each in data.mappings("default_value"):
            default[renamed.get(each.text("key"), each.text("key"))] = _default(each)
    return OnError(cast(Any, then), retries, wait, default=default)


def _default(place: Place) -> Json:
    value, word = place.value.get("value"), place.text("type")
    if word == "number" and isinstance(value, str):
        return number(value)
    return value if word == "string" else _json(value)
