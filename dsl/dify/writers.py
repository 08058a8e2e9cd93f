"""What a node of each kind is in a Dify file: one function for each kind, the way back of `dsl.dify.readers`."""

import json
from collections.abc import Callable
from typing import Any

from dsl.dify import names, notepad
from dsl.dify.readers import ONWARD, OPTION, TOOL_OUTPUTS, case_id
from dsl.dify.resources import bound, datasets, provider, secret_name
from dsl.dify.starts import trigger
from dsl.dify.work import BOX, Work
from dsl.ir import Json, Node, Ref, Resource, Script, Text, Type, Value
from dsl.kinds import outputs
from dsl.values import parts

Data = dict[str, Json]

# -- references


def selector(work: Work, ref: Value) -> list[str]:
    """The steps to a value; none for what the author left empty."""
    if not isinstance(ref, Ref):
        return []
    path = [str(step) for step in ref.path]
    match ref.scope:
        case "system":
            return path if path[:1] == ["rag"] else ["sys", names.NATIVE_SYSTEM.get(path[0], path[0]), *path[1:]]
        case "env":
            return ["env", *path]
        case "session" | "app" | "user":
            return ["conversation", *path]
        case "item":
            return [ref.node, "item", *path[1:]]
        case "index":
            return [ref.node, "index"]
        case "loop":
            return [ref.node, *path]
    return [ref.node, *_steps(work, ref.node, path)]


def _steps(work: Work, name: str, path: list[str]) -> list[str]:
    node = work.nodes.get(name)
    if node is None or not path:
        return path
    if path[0] == "error" and len(path) > 1 and "error" not in node.outputs:
        return [f"error_{path[1]}", *path[2:]]
    first = work.moved.get((name, path[0]), path[0])
    if (name, first) in work.boxed:
        return [first, BOX, *path[1:]]
    if node.kind == "aggregate" and first in node.outputs and _is_grouped(node):
        return [first, "output", *path[1:]]
    if node.kind == "start" and first in names.REQUEST and trigger(node) == "webhook" and not _is_declared(node, first):
        return ["_webhook_raw", names.REQUEST[first], *path[1:]]
    if first in node.outputs and node.kind not in ("loop", "list", "http"):
        return [first, *path[1:]]
    return [names.NATIVE_OUTPUTS.get(node.kind, {}).get(first, first), *path[1:]]


def _is_declared(node: Node, name: str) -> bool:
    """Whether a webhook's output is one value of the request, and not all of its kind."""
    return name in node.outputs and node.outputs[name].name not in ("object", "any")


def text(work: Work, value: Value) -> str:
    """A value as text with references in it."""
    if isinstance(value, (Text, Ref, str)):
        return "".join(part if isinstance(part, str) else _token(work, part) for part in parts(value))
    if value is None:
        return ""
    if isinstance(value, Script):
        return value.source
    return json.dumps(plain(work, value), ensure_ascii=False)


def _token(work: Work, part: Value) -> str:
    if not isinstance(part, Ref):
        return str(getattr(part, "source", ""))
    if part.scope == "system" and part.path in (("context",), ("histories",)):
        return f"{{{{#{part.path[0]}#}}}}"
    return f"{{{{#{'.'.join(selector(work, part))}#}}}}"


def plain(work: Work, value: Value) -> Json:
    """A value as plain data, references in it as text."""
    if isinstance(value, (Text, Ref, Script)):
        return text(work, value)
    if isinstance(value, dict):
        return {key: plain(work, inner) for key, inner in value.items()}
    return [plain(work, inner) for inner in value] if isinstance(value, (list, tuple)) else value


def _variables(work: Work, node: Node) -> list[Json]:
    return [{"variable": name, "value_selector": selector(work, ref)} for name, ref in node.inputs.items()]


# -- beginnings and ends


def _start(work: Work, node: Node) -> Data:
    kind = trigger(node)
    given = node.params.get("trigger") or {}
    if kind == "webhook":
        return _webhook(node, given)
    if kind == "schedule":
        cron = {"mode": "cron", "cron_expression": given.get("cron", ""), "timezone": given.get("timezone") or "UTC"}
        return {"type": "trigger-schedule", **cron}
    if kind == "event":
        return {"type": "trigger-plugin", "event_parameters": {}, **{k: v for k, v in given.items() if k != "type"}}
    return {"type": "start", "variables": [_variable(name, type_) for name, type_ in node.outputs.items()]}


def _webhook(node: Node, given: dict[str, Any]) -> Data:
    declared = {
        name: type_ for name, type_ in node.outputs.items() if name not in names.REQUEST or _is_declared(node, name)
    }
    body = [{"name": n, "type": names.word_of(t), "required": t.required} for n, t in declared.items()]
    return {
        "type": "trigger-webhook",
        "method": str(given.get("method", "POST")).lower(),
        "content_type": given.get("content_type", "application/json"),
        "params": [],
        "headers": [],
        "body": body,
        "async_mode": True,
        "status_code": 200,
        "response_body": "",
        "webhook_url": "",
    }


_FILE_TYPES = ["image", "document", "audio", "video"]
_FILED_UNDER = {"txt": "document", "excel": "document", "ppt": "document", "svg": "image", "voice": "audio"}
_BY_EXTENSION = {
    "zip": [".zip", ".rar", ".7z", ".tar", ".gz"],
    "code": [".py", ".js", ".ts", ".java", ".go", ".c", ".cpp", ".rs", ".sh", ".sql"],
}


def _variable(name: str, type_: Type) -> Data:
    kind = _field_type(type_)
    made: Data = {"variable": name, "label": type_.label or name, "type": kind, "required": type_.required}
    if type_.options or kind in ("text-input", "paragraph", "select"):
        made["options"] = list(type_.options)
    if type_.max_length is not None:
        made["max_length"] = type_.max_length
    elif kind == "text-input":
        made["max_length"] = 256
    if kind in ("file", "file-list"):
        made |= _uploads((type_.items.file if type_.items else type_.file) or "")
        made["allowed_file_upload_methods"] = ["local_file", "remote_url"]
    if type_.description:
        made["description"] = type_.description
    if type_.default is not None:
        made["default"] = type_.default
    if kind == "json_object" and (type_.props or type_.name == "array"):
        made["json_schema"] = json.dumps(_schema(type_), ensure_ascii=False)
    return made


def _uploads(file: str) -> Data:
    """The files that may be given: one of Dify's kinds, files by their extension, or any of its kinds."""
    if file in _BY_EXTENSION:
        return {"allowed_file_types": ["custom"], "allowed_file_extensions": _BY_EXTENSION[file]}
    kind = _FILED_UNDER.get(file, file)
    return {"allowed_file_types": [kind] if kind in (*_FILE_TYPES, "custom") else _FILE_TYPES}


_FIELDS = {"number": "number", "integer": "number", "boolean": "checkbox", "file": "file", "object": "json_object"}


def _field_type(type_: Type) -> str:
    if type_.name == "array":
        return "file-list" if type_.items is not None and type_.items.name == "file" else "json_object"
    if type_.name in _FIELDS:
        return _FIELDS[type_.name]
    if type_.options:
        return "select"
    return "text-input" if type_.max_length is not None and type_.max_length <= 256 else "paragraph"


def _schema(type_: Type) -> Data:
    if type_.name == "array":
        return {"type": "array", **({"items": _schema(type_.items)} if type_.items else {})}
    if type_.name == "object" and type_.props is not None:
        return {"type": "object", "properties": {name: _schema(inner) for name, inner in type_.props.items()}}
    return {} if type_.name == "any" else {"type": type_.name}


def _end(work: Work, node: Node) -> Data:
    results = []
    for name, value in node.inputs.items():
        word = names.word_of(node.outputs.get(name, Type()))
        typed = {"value_type": word} if word != "any" else {}
        results.append({"variable": name, "value_selector": selector(work, value), **typed})
    return {"outputs": results}


def _answer(work: Work, node: Node) -> Data:
    return {"answer": text(work, node.params.get("text", "")), "variables": []}


# -- models


def _resource(work: Work, name: Any) -> Resource | None:
    return work.resources.get(name)


def model(work: Work, node: Node) -> Data:
    resource = _resource(work, node.params.get("model"))
    if resource is None and work.own:
        return {}
    return {
        "provider": provider(work, node, resource),
        "name": resource.name if resource else "model",
        "mode": node.params.get("mode", "chat"),
        "completion_params": plain(work, node.params.get("parameters") or {}),
    }


def _with_model(work: Work, node: Node) -> Data:
    made: Data = {"vision": _vision(work, node)}
    if used := model(work, node):
        made["model"] = used
    if "memory" in node.params:
        made["memory"] = _memory(node)
    return made


def _vision(work: Work, node: Node) -> Data:
    if not (images := node.params.get("vision")):
        return {"enabled": False}
    return {"enabled": True, "configs": {"variable_selector": selector(work, images), "detail": "high"}}


def _memory(node: Node) -> Data:
    window = (node.params["memory"] or {}).get("window")
    return {"window": {"enabled": window is not None, "size": window if window is not None else 10}}


def _llm(work: Work, node: Node) -> Data:
    made = _with_model(work, node)
    messages = list(node.params.get("messages", []))
    completion = node.params.get("mode") == "completion"
    if "memory" in node.params and not completion:
        role = {"role_prefix": {"user": "", "assistant": ""}}
        made["memory"] |= role
        if messages and messages[-1]["role"] == "user" and isinstance(messages[-1]["text"], (str, Text, Ref)):
            made["memory"]["query_prompt_template"] = text(work, messages.pop()["text"])
    prompts = [_message(work, message) for message in messages]
    made["prompt_template"] = _joined(prompts) if completion else prompts
    context = node.params.get("context")
    made["context"] = {"enabled": context is not None, "variable_selector": selector(work, context)}
    if node.inputs:
        made["prompt_config"] = {"jinja2_variables": _variables(work, node)}
    made["variables"] = []
    if schema := node.params.get("schema"):
        made |= {"structured_output": {"schema": schema}, "structured_output_enabled": True}
    if reasoning := node.params.get("reasoning"):
        made["reasoning_format"] = reasoning
    return made


def _message(work: Work, message: dict[str, Any]) -> Data:
    if isinstance(message["text"], Script):
        jinja = {"edition_type": "jinja2", "jinja2_text": message["text"].source, "text": ""}
        return {"role": message["role"], **jinja}
    return {"role": message["role"], "text": text(work, message["text"])}


def _joined(prompts: list[Data]) -> Data:
    """A completion model has one text."""
    if len(prompts) == 1:
        return {key: value for key, value in prompts[0].items() if key != "role"}
    return {
        "text": "\n\n".join(str(each.get("jinja2_text") or each["text"]) for each in prompts),
        "edition_type": "basic",
    }


def _agent(work: Work, node: Node) -> Data:
    messages = node.params.get("messages", [])
    system = [each["text"] for each in messages if each["role"] == "system"]
    asked = [each["text"] for each in messages if each["role"] == "user"]
    query = node.params.get("query") or (asked[-1] if asked else "")
    given: dict[str, Json] = {"query": text(work, query)}
    if system:
        given["instruction"] = "\n\n".join(text(work, each) for each in system)
    if node.params.get("max_rounds"):
        given["maximum_iterations"] = node.params["max_rounds"]
    given["tools"] = [_agent_tool(work, node, each) for each in node.params.get("tools", [])]
    if used := model(work, node):
        used = {"model": used.pop("name"), "model_type": "llm", "type": "model-selector", **used}
        given["model"] = used
    made: Data = {
        "agent_strategy_provider_name": "langgenius/agent/agent",
        "agent_strategy_name": "function_calling",
        "agent_strategy_label": "FunctionCalling",
        "agent_parameters": {name: {"type": "constant", "value": value} for name, value in given.items()},
        "tool_node_version": "2",
    }
    if "memory" in node.params:
        made["memory"] = _memory(node)
    return made


def _agent_tool(work: Work, node: Node, tool: dict[str, Any]) -> Data:
    binding = bound(work, node, tool.get("tool"))
    settings = {name: {"value": _argument(work, value)} for name, value in (tool.get("inputs") or {}).items()}
    return {
        "enabled": True,
        "type": binding["provider_type"],
        "provider_name": binding["provider_id"],
        "tool_name": binding["tool_name"],
        "tool_label": binding["tool_label"],
        "tool_description": tool.get("description", ""),
        "extra": {"description": tool.get("description", "")},
        "parameters": {},
        "schemas": [],
        "settings": settings,
    }


def _classify(work: Work, node: Node) -> Data:
    classes = [
        {"id": str(each.get("id", i + 1)), "name": each["name"]}
        for i, each in enumerate(node.params.get("classes", []))
    ]
    return {
        **_with_model(work, node),
        "query_variable_selector": selector(work, node.params.get("query")),
        "instruction": text(work, node.params.get("instruction", "")),
        "classes": classes,
        "topics": [],
    }


def _extract(work: Work, node: Node) -> Data:
    parameters = []
    for name, type_ in node.outputs.items():
        word = "select" if type_.options else names.narrowed(type_, names.EXTRACT_TYPES, "string")
        one: Data = {"name": name, "type": word, "description": type_.description, "required": type_.required}
        parameters.append(one | ({"options": list(type_.options)} if type_.options else {}))
    return {
        **_with_model(work, node),
        "query": selector(work, node.params.get("query")),
        "instruction": text(work, node.params.get("instruction", "")),
        "reasoning_mode": node.params.get("method") or "function_call",
        "parameters": parameters,
        "variables": [],
    }


# -- logic


def _code(work: Work, node: Node) -> Data:
    made: Data = {
        "code_language": node.params.get("lang", "python3"),
        "code": node.params.get("source", ""),
        "variables": _variables(work, node),
        "outputs": {name: _output(work, node, name, type_) for name, type_ in node.outputs.items()},
    }
    if node.params.get("packages"):
        made["dependencies"] = node.params["packages"]
    return made


def _output(work: Work, node: Node, name: str, type_: Type) -> Data:
    if (node.id, name) in work.boxed:
        return {"type": "object", "children": None}
    word = names.word_of(type_) if work.own else names.narrowed(type_, names.CODE_TYPES, "string")
    return {"type": word, "children": _children(type_)}


def _children(type_: Type) -> Data | None:
    if not type_.props:
        return None
    return {name: {"type": names.word_of(inner), "children": _children(inner)} for name, inner in type_.props.items()}


def _template(work: Work, node: Node) -> Data:
    template = node.params.get("template", "")
    source = template.source if isinstance(template, Script) else text(work, template)
    return {"template": source, "variables": _variables(work, node)}


def _if(work: Work, node: Node) -> Data:
    cases = []
    for i, case in enumerate(node.params.get("cases", [])):
        name = str(case.get("id", case_id(i)))
        conditions = [_condition(work, each, str(place + 1)) for place, each in enumerate(case["conditions"])]
        cases.append({"case_id": name, "id": name, "logical_operator": case["logic"], "conditions": conditions})
    return {"cases": cases}


def _condition(work: Work, condition: dict[str, Any], name: str) -> Data:
    op, right = condition["op"], condition.get("right")
    left = condition.get("left")
    type_ = work.type_of(left) if isinstance(left, Ref) else Type()
    if op in ("true", "false"):
        op, right, word = "eq", op == "true", "boolean"
    else:
        word = _word(condition, type_)
    numeric = word in ("number", "integer")
    made: Data = {
        "id": name,
        "varType": word,
        "variable_selector": selector(work, left),
        "comparison_operator": (names.NUMBER_WORDS if numeric else names.WORDS | {"eq": "is", "ne": "is not"})[op],
        "value": "",
    }
    if isinstance(right, dict) and "logic" in right:
        inner = [_element(work, each) for each in right["conditions"]]
        made["sub_variable_condition"] = {"logical_operator": right["logic"], "conditions": inner}
    else:
        made["value"] = _right(work, right)
    return made


def _word(condition: dict[str, Any], type_: Type) -> str:
    """What the editor shows the left side as."""
    named = condition.get("type") or "string"
    if type_.name in (named, "number", "integer", "boolean") and type_.name != "any":
        return names.word_of(type_)
    if named == "array":
        return "array[file]" if isinstance(condition.get("right"), dict) else names.word_of(type_)
    return str(named) if named != "any" else names.word_of(type_)


def _right(work: Work, right: Value) -> Json:
    if isinstance(right, (list, tuple)):
        return [text(work, each) for each in right]
    return right if isinstance(right, bool) else text(work, right)


def _element(work: Work, condition: dict[str, Any]) -> Data:
    """A condition on what one is looked at of a list."""
    left = condition.get("left")
    key = str(left.path[0]) if isinstance(left, Ref) and left.path else ""
    numeric = condition.get("type") in ("number", "integer")
    words = names.NUMBER_WORDS if numeric else names.WORDS | {"eq": "is", "ne": "is not"}
    return {"key": key, "comparison_operator": words[condition["op"]], "value": _right(work, condition.get("right"))}


def _list(work: Work, node: Node) -> Data:
    given = node.params
    conditions = [_element(work, each) for each in (given.get("filter") or {}).get("conditions", [])]
    order = (given.get("sort") or [{}])[0]
    limit, nth = given.get("limit") or {}, given.get("nth")
    type_ = work.type_of(given["list"]) if isinstance(given.get("list"), Ref) else Type()
    item = type_.items.name if type_.items else "string"
    return {
        "variable": selector(work, given.get("list")),
        "filter_by": {"enabled": "filter" in given and given["filter"] is not None, "conditions": conditions},
        "order_by": {"enabled": bool(order), "key": order.get("key", ""), "value": order.get("order", "asc")},
        "limit": {"enabled": bool(limit), "size": limit.get("size") or 10},
        "extract_by": {"enabled": nth is not None, "serial": "1" if nth is None else text(work, nth)},
        "var_type": names.word_of(type_),
        "item_var_type": item if item != "any" else "string",
    }


def _is_grouped(node: Node) -> bool:
    return [group["name"] for group in node.params.get("groups", [])] != ["output"]


def _aggregate(work: Work, node: Node) -> Data:
    groups = [
        {
            "output_type": names.word_of(group["type"]),
            "variables": [selector(work, value) for value in group["values"]],
        }
        for group in node.params.get("groups", [])
    ]
    if not _is_grouped(node):
        return {**groups[0], "advanced_settings": {"group_enabled": False, "groups": []}}
    named = [
        made
        | {"groupId": group["name"], "group_name": group["name"]}
        | ({} if work.own else {"output_type": names.narrowed(group["type"], names.GROUP_TYPES, "string")})
        for group, made in zip(node.params["groups"], groups, strict=True)
    ]
    first = groups[0] if groups else {"output_type": "any", "variables": []}
    return {**first, "advanced_settings": {"group_enabled": True, "groups": named}}


def _assign(work: Work, node: Node) -> Data:
    items = node.params.get("items", [])
    if node.params.get("version") == "1" and len(items) == 1 and items[0]["op"] in _MODES:
        mode, target, value = _MODES[items[0]["op"]], items[0]["target"], items[0].get("value")
        if mode == "clear" or isinstance(value, Ref):
            made = {"assigned_variable_selector": selector(work, target), "write_mode": mode}
            return made | {"input_variable_selector": selector(work, value)}
    return {"version": "2", "items": [_item(work, item) for item in node.params.get("items", [])]}


_MODES = {"set": "over-write", "append": "append", "clear": "clear"}


def _item(work: Work, item: dict[str, Any]) -> Data:
    op, value = item["op"], item.get("value")
    by_variable = isinstance(value, Ref)
    word = "over-write" if op == "set" and by_variable else names.NATIVE_ASSIGNMENTS[op]
    made: Data = {"variable_selector": selector(work, item["target"]), "operation": word}
    made["input_type"] = "variable" if by_variable else "constant"
    made["value"] = selector(work, value) if by_variable else plain(work, value)
    return made | {"write_mode": "over-write"}


# -- containers


def _iterate(work: Work, node: Node) -> Data:
    source = next(iter(node.inputs.values()), None)
    type_ = work.type_of(source) if isinstance(source, Ref) else Type()
    collected = next(iter((node.params.get("collect") or {}).values()), None)
    result = next(iter(node.outputs.values()), None) or Type("array")
    return {
        "start_node_id": work.entry(node),
        "iterator_selector": selector(work, source),
        "iterator_input_type": names.word_of(type_) if type_.name == "array" else "array[any]",
        "output_selector": selector(work, collected) if collected is not None else [node.id, "item"],
        "output_type": names.word_of(result),
        "is_parallel": bool(node.params.get("parallel")),
        "parallel_nums": node.params.get("parallel") or 10,
        "error_handle_mode": names.NATIVE_ITEM_ERRORS[node.params.get("on_item_error", "stop")],
        "flatten_output": bool(node.params.get("flatten", False)),
    }


def _loop(work: Work, node: Node) -> Data:
    until = node.params.get("until") or {"logic": "and", "conditions": []}
    variables = [
        {"id": name, "label": name, **_initial(work, given)}
        for name, given in (node.params.get("variables") or {}).items()
    ]
    return {
        "start_node_id": work.entry(node),
        "loop_count": node.params.get("count", 100),
        "logical_operator": until["logic"],
        "break_conditions": [_condition(work, each, str(i + 1)) for i, each in enumerate(until["conditions"])],
        "loop_variables": variables,
        "outputs": {},
    }


def _initial(work: Work, given: dict[str, Any]) -> Data:
    type_, value = given["type"], given.get("value")
    word = names.narrowed(type_, names.CODE_TYPES, "object" if type_.name == "any" else "string")
    if isinstance(value, Ref):
        return {"var_type": word, "value_type": "variable", "value": selector(work, value)}
    if word.startswith("array"):  # graphon takes lists as JSON text only
        value = json.dumps(plain(work, value or []), ensure_ascii=False)
    elif value is None and not work.own:
        value = names.ZEROS.get(word)
    return {"var_type": word, "value_type": "constant", "value": plain(work, value)}


def _break(work: Work, node: Node) -> Data:
    return {}


# -- services


def _http(work: Work, node: Node) -> Data:
    given = node.params
    timeout = {key: value for key, value in (given.get("timeout") or {}).items() if key in ("connect", "read", "write")}
    made: Data = {
        "method": str(given.get("method", "GET")).lower(),
        "url": text(work, given.get("url", "")),
        "authorization": _auth(work, node),
        "headers": _lines(work, given.get("headers") or []),
        "params": _lines(work, given.get("query") or []),
        "body": _body(work, given.get("body")),
        "timeout": {**timeout, **{f"max_{key}_timeout": timeout.get(key, 0) for key in ("connect", "read", "write")}},
        "variables": [],
    }
    return made | ({"ssl_verify": given["verify_tls"]} if "verify_tls" in given else {})


def _lines(work: Work, pairs: list[list[Value]]) -> str:
    lines = [":".join(text(work, part).replace("\n", " ").strip() for part in pair) for pair in pairs]
    return "\n".join(lines)


_AUTHS = {"bearer": "bearer", "basic": "basic", "header": "custom"}


def _auth(work: Work, node: Node) -> Data:
    auth = node.params.get("auth")
    if not auth:
        return {"type": "no-auth", "config": None}
    kind = _AUTHS.get(auth.get("type"), "bearer")
    key = text(work, auth["value"]) if "value" in auth else ""
    if not key and (auth.get("credential") or not work.own):
        key = f"{{{{#env.{secret_name(work, auth.get('credential'), node)}#}}}}"
    header = auth.get("name", "") if kind == "custom" else ""
    return {"type": "api-key", "config": {"type": kind, "api_key": key, "header": header}}


def _body(work: Work, body: dict[str, Any] | None) -> Data:
    if not body:
        return {"type": "none", "data": []}
    kind = names.NATIVE_BODIES[body["type"]]
    if "fields" in body:
        return {"type": kind, "data": [_field(work, each, i) for i, each in enumerate(body["fields"])]}
    if body["type"] == "binary":
        return {
            "type": kind,
            "data": [{"id": "1", "key": "", "type": "file", "file": selector(work, body.get("file"))}],
        }
    return {"type": kind, "data": [{"id": "1", "key": "", "type": "text", "value": text(work, body.get("text", ""))}]}


def _field(work: Work, field: dict[str, Any], place: int) -> Data:
    made: Data = {"id": str(place + 1), "key": text(work, field["name"]), "type": field.get("type", "text")}
    if field.get("type") == "file":
        return made | {"file": selector(work, field.get("value"))}
    return made | {"value": text(work, field.get("value"))}


def _retrieve(work: Work, node: Node) -> Data:
    given, search = node.params, node.params.get("search") or {}
    made: Data = {
        "query_variable_selector": selector(work, given.get("query")),
        "dataset_ids": datasets(work, node),
        "retrieval_mode": search.get("mode") or "multiple",
        "multiple_retrieval_config": _multiple(work, node, search),
    }
    if used := _resource(work, search.get("model")):
        model_ = {"provider": provider(work, node, used), "name": used.name, "mode": "chat", "completion_params": {}}
        made["single_retrieval_config"] = {"model": model_}
    if "attachment" in search:
        made["query_attachment_selector"] = selector(work, search["attachment"])
    if search.get("metadata") == "automatic":
        made["metadata_filtering_mode"] = "automatic"
    if conditions := given.get("filter"):
        inner = [_element(work, each) for each in conditions["conditions"]]
        named = [{"name": each.pop("key"), **each} for each in inner]
        made["metadata_filtering_mode"] = "manual"
        made["metadata_filtering_conditions"] = {"logical_operator": conditions["logic"], "conditions": named}
    return made


def _multiple(work: Work, node: Node, search: dict[str, Any]) -> Data:
    rerank = node.params.get("rerank") or {}
    made: Data = {"top_k": node.params.get("top_k", 4), "reranking_enable": bool(rerank)}
    if "top_k" not in node.params and work.own:
        del made["top_k"]
    if "score_threshold" in node.params:
        made["score_threshold"] = node.params["score_threshold"]
    if rerank:
        made["reranking_mode"] = rerank.get("mode", "reranking_model")
    if used := _resource(work, rerank.get("model")):
        made["reranking_model"] = {"provider": provider(work, node, used), "model": used.name}
    if "weights" in search:
        made["weights"] = search["weights"]
    return made


def _tool(work: Work, node: Node) -> Data:
    binding = bound(work, node, node.params.get("tool", node.params.get("flow")), flow=node.kind == "subflow")
    settings = node.params.get("settings") or {}
    arguments = {name: _argument(work, value) for name, value in node.inputs.items()}
    made: Data = {**binding, "tool_parameters": arguments}
    if node.params.get("version") == "1":
        made["tool_configurations"] = plain(work, settings)
    else:
        made["tool_configurations"] = {name: _argument(work, value) for name, value in settings.items()}
        made["tool_node_version"] = "2"
    more = {name: type_ for name, type_ in node.outputs.items() if name not in TOOL_OUTPUTS}
    if more:
        made["output_schema"] = {"type": "object", "properties": {name: _schema(type_) for name, type_ in more.items()}}
    return made


def _argument(work: Work, value: Value) -> Data:
    if isinstance(value, Ref):
        return {"type": "variable", "value": selector(work, value)}
    if isinstance(value, (str, Text)):
        return {"type": "mixed", "value": text(work, value)}
    return {"type": "constant", "value": plain(work, value)}


def _ask(work: Work, node: Node) -> Data:
    options = node.params.get("options") or []
    actions = [{"id": f"{OPTION}{i}", "title": text(work, each)[:100]} for i, each in enumerate(options)]
    if options:
        actions.append({"id": f"{OPTION}none", "title": "Other"})
    actions += [{"id": each["id"], "title": each["title"]} for each in node.params.get("actions") or []]
    actions = actions or [{"id": ONWARD, "title": "OK"}]
    styled = [{**each, "button_style": "default"} for each in actions]
    fields = {} if options else node.outputs
    shown = "".join(f"\n\n{{{{#$output.{name}#}}}}" for name in fields)  # what the text does not name, a form hides
    made: Data = {
        "form_content": text(work, node.params.get("question", "")) + shown,
        "inputs": [_form_field(name, type_) for name, type_ in fields.items()],
        "user_actions": styled,
    }
    seconds = node.params.get("timeout_s")
    if seconds:
        hours = max(1, -(-int(seconds) // 3600))
        day = hours % 24 == 0
        made |= {"timeout": hours // 24 if day else hours, "timeout_unit": "day" if day else "hour"}
    return made


def _form_field(name: str, type_: Type) -> Data:
    if type_.options:
        source = {"type": "constant", "selector": [], "value": list(type_.options)}
        return {"type": "select", "output_variable_name": name, "option_source": source}
    kind = "file" if type_.name == "file" else "paragraph"
    if type_.name == "array" and type_.items and type_.items.name == "file":
        kind = "file-list"
    return {"type": kind, "output_variable_name": name}


def _document(work: Work, node: Node) -> Data:
    file = node.params.get("file")
    listed = isinstance(file, Ref) and work.type_of(file).name == "array"
    return {"variable_selector": selector(work, file), "is_array_file": listed}


def _note(work: Work, node: Node) -> Data:
    width, height = node.params.get("size") or [240, 88]
    made = {
        "text": notepad.lexical(str(node.params.get("text", ""))),
        "theme": "blue",
        "author": "",
        "showAuthor": False,
    }
    return {"type": "", **made, "width": width, "height": height}


def _opaque(work: Work, node: Node) -> Data:
    made: Data = {"type": node.params.get("type", "")}
    if node.outputs:
        made["output_schema"] = {"type": "object", "properties": {n: _schema(t) for n, t in node.outputs.items()}}
    return made


Write = Callable[[Work, Node], Data]
WRITERS: dict[str, Write] = {
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
    "subflow": _tool,
    "ask": _ask,
    "document": _document,
    "note": _note,
    "opaque": _opaque,
}

# -- what happens when a node fails


def on_error(work: Work, node: Node) -> Data:
    policy = node.on_error
    made: Data = {}
    fails = node.kind == "http" and node.params.get("on_status") == "fail" and policy.then == "stop"
    if policy.retries or fails:  # with 0 retries: only so does an answer of 400 and more fail the node
        retry = {"max_retries": policy.retries, "retry_interval": policy.wait_ms}
        made["retry_config"] = {"retry_enabled": True, **retry}
    if policy.then == "branch":
        made["error_strategy"] = "fail-branch"
    if policy.then == "default":
        made["error_strategy"] = "default-value"
        renamed = names.NATIVE_OUTPUTS.get(node.kind, {})
        known = outputs(node)
        made["default_value"] = [
            {"key": renamed.get(name, name), "type": _default_type(known.get(name), value), "value": value}
            for name, value in (policy.default or {}).items()
        ]
    return made


_DEFAULTS = frozenset({"string", "number", "object", "array[string]", "array[number]", "array[object]", "array[file]"})


def _default_type(type_: Type | None, value: Json) -> str:
    kinds = {str: "string", int: "number", float: "number", dict: "object", list: "array[object]"}
    guess = kinds.get(type(value), "object")
    word = names.narrowed(type_ or Type(), _DEFAULTS, guess)
    matches = (word == guess) or (word.startswith("array") and isinstance(value, list))
    return word if matches else guess
