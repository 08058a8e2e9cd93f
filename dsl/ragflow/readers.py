"""One function for each component: its parameters as those of the common form."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from dsl.ir import Graph, Node, Ref, Text, Type, Value
from dsl.kinds import role
from dsl.ragflow import jinja, text
from dsl.ragflow.returned import BESIDE, boxed, declared
from dsl.ragflow.shims import unwrapped
from dsl.ragflow.tables import ASSIGNMENTS, COUNTING, EMPTY, INPUT_TYPES, OPERATORS, PARAMETERS, SWITCHES
from dsl.ragflow.types import type_of
from dsl.values import words


@dataclass(frozen=True)
class Reading:
    """A component being read: what it becomes, its parameters, and how names are resolved."""

    node: Node
    params: dict[str, Any]
    find: Callable[[str], Ref | None]
    resource: Callable[[str, str, dict[str, Any]], str]
    place: str

    def text(self, name: str) -> Value:
        value = self.params.get(name)
        return text.read_text(value, self.find) if isinstance(value, str) else words(value)

    def bare(self, value: Any) -> Value:
        return text.read_bare(value, self.find)

    def value(self, value: Any) -> Value:
        """A reference alone, text with references, or the values of a list or mapping."""
        if isinstance(value, str):
            alone = self.bare(value)
            return alone if alone is not value else text.read_text(value, self.find)
        if isinstance(value, dict):
            return {str(key): self.value(inner) for key, inner in value.items()}
        return [self.value(inner) for inner in value] if isinstance(value, list) else value

    def mapping(self, name: str) -> dict[str, Any]:
        value = self.params.get(name)
        return {str(key): inner for key, inner in value.items()} if isinstance(value, dict) else {}

    def items(self, name: str) -> list[dict[str, Any]]:
        value = self.params.get(name)
        return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []

    def named_model(self, llm_id: str, **hint: Any) -> str:
        """The resource for `name@provider` or `name@instance@provider`."""
        before, _, provider = llm_id.rpartition("@")
        name = before.partition("@")[0] or before or llm_id
        known = {"provider": provider} if before else {}
        return self.resource("model", name, {"llm_id": llm_id} | known | hint)

    def model(self) -> dict[str, Value]:
        """Model and those of its parameters that are switched on."""
        name = self.params.get("llm_id")
        on = {key: self.params[key] for key in PARAMETERS if self.params.get(SWITCHES[key]) and key in self.params}
        made: dict[str, Value] = {"parameters": on}
        if isinstance(name, str) and name:
            made["model"] = self.named_model(name)
        window = self.params.get("message_history_window_size")
        return made | ({"memory": {"window": window}} if isinstance(window, int) and window > 0 else {})


def begin(reading: Reading) -> None:
    node = reading.node
    node.kind = "start"
    mode = reading.params.get("mode")
    if mode == "Webhook":
        node.params["trigger"] = {"type": "webhook"}
    if reading.params.get("prologue") and reading.params.get("enablePrologue", True):
        node.params["prologue"] = reading.params["prologue"]
    node.outputs = fields(reading)


def fields(reading: Reading) -> dict[str, Type]:
    result = {}
    for name, each in reading.mapping("inputs").items():
        if isinstance(each, dict):
            kind = str(each.get("type", "line"))
            options = each.get("options") if isinstance(each.get("options"), list) else []
            result[name] = Type(
                INPUT_TYPES.get(kind, "string"),  # type: ignore[arg-type]
                required=not each.get("optional", False),
                label=str(each.get("name") or ""),
                default=each.get("value") or None,
                options=tuple(map(str, options or [])) if kind == "options" else (),
            )
    return result


def message(reading: Reading) -> None:
    contents = reading.params.get("content")
    said = contents if isinstance(contents, list) else [contents]
    reading.node.kind = "answer"
    reading.node.params["text"] = text.read_text(str(said[0] or ""), reading.find) if said else ""


def agent(reading: Reading) -> None:
    node, params = reading.node, reading.params
    tools = [*reading.items("tools"), *reading.items("mcp")]
    node.kind = "agent" if tools else "llm"
    messages = [{"role": "system", "text": reading.text("sys_prompt")}] if params.get("sys_prompt") else []
    for each in reading.items("prompts"):
        said = text.read_text(str(each.get("content") or ""), reading.find)
        messages.append({"role": role(each.get("role")), "text": said})
    node.params = reading.model() | {"mode": "chat", "messages": messages}
    if isinstance(params.get("visual_files_var"), str) and params["visual_files_var"]:
        node.params["vision"] = reading.bare(params["visual_files_var"])
    if schema := _schema(reading):
        node.params["schema"] = schema
    if tools:
        node.params["tools"] = [_tool(reading, each) for each in tools]
        node.params["max_rounds"] = params.get("max_rounds", 5)


def _schema(reading: Reading) -> dict[str, Any] | None:
    """What RAGFlow asks the model for: it has properties, or is none."""
    held = reading.mapping("outputs").get("structured")
    for each in (held, held.get("schema"), held.get("structured")) if isinstance(held, dict) else ():
        if isinstance(each, dict) and isinstance(each.get("properties"), dict) and each["properties"]:
            return each
    return None


def _tool(reading: Reading, each: dict[str, Any]) -> dict[str, Value]:
    name = str(each.get("name") or each.get("component_name") or each.get("mcp_id") or "tool")
    hint = {key: each[key] for key in ("component_name", "mcp_id", "id") if isinstance(each.get(key), str)}
    inner = each.get("params") if isinstance(each.get("params"), dict) else {}
    described = str((inner or {}).get("description") or "")
    return {"name": name, "description": described, "tool": reading.resource("tool", name, hint), "inputs": {}}


def retrieval(reading: Reading) -> None:
    node, params = reading.node, reading.params
    node.kind = "retrieve"
    bases = params.get("dataset_ids") or params.get("kb_ids") or []
    known = (
        [reading.resource("knowledge", str(each), {"id": str(each)}) for each in bases]
        if isinstance(bases, list)
        else []
    )
    node.params = {"query": reading.value(params.get("query") or ""), "knowledge": known}
    names = {"top_n": "top_k", "similarity_threshold": "score_threshold"}
    node.params |= {
        ours: params[theirs] for theirs, ours in names.items() if isinstance(params.get(theirs), (int, float))
    }
    if params.get("rerank_id"):
        node.params["rerank"] = {"model": reading.named_model(str(params["rerank_id"]), type="rerank")}
    keep = ("keywords_similarity_weight", "top_k", "empty_response", "cross_languages", "use_kg", "meta_data_filter")
    node.params["search"] = {key: params[key] for key in keep if params.get(key) not in (None, "", [], False)}


def categorize(reading: Reading) -> None:
    node = reading.node
    node.kind = "classify"
    classes = [
        {
            "name": name,
            "description": str(each.get("description") or ""),
            "examples": [_example(one) for one in _list(each.get("examples")) if one],
        }
        for name, each in reading.mapping("category_description").items()
        if isinstance(each, dict)
    ]
    node.params = reading.model() | {
        "query": reading.bare(reading.params.get("query") or "sys.query"),
        "classes": classes,
    }


def _example(value: Any) -> str:
    return str(value.get("value", "")) if isinstance(value, dict) else str(value)


def switch(reading: Reading) -> None:
    reading.node.kind = "if"
    reading.node.params = {
        "cases": [conditions(reading, each) for each in reading.items("conditions")],
        "ignore_case": True,
    }


def conditions(reading: Reading, each: dict[str, Any], left: str = "cpn_id") -> dict[str, Value]:
    items = each.get("items") if isinstance(each.get("items"), list) else []
    return {
        "logic": "or" if each.get("logical_operator") == "or" else "and",
        "conditions": [
            {
                "left": reading.bare(item.get(left, "")),
                "op": OPERATORS.get(str(item.get("operator")), "eq"),
                "right": reading.value(item.get("value")),
                "type": "any",
            }
            for item in items or []
            if isinstance(item, dict)
        ],
    }


def code(reading: Reading) -> None:
    node, params = reading.node, reading.params
    lang = "javascript" if str(params.get("lang")).lower() in ("javascript", "nodejs") else "python3"
    source = str(params.get("script") or "")
    arguments = {name: reading.bare(value) for name, value in reading.mapping("arguments").items()}
    outputs = {
        name: type_of(each.get("type"))
        for name, each in reading.mapping("outputs").items()
        if isinstance(each, dict) and name not in BESIDE
    }
    known = declared(source)
    source, outputs = known or (source, outputs)
    if not unwrapped(node, lang, source, arguments, outputs):
        if known is None and len(outputs) == 1:
            source = boxed(lang, source, *next(iter(outputs.items())))
        node.kind, node.inputs, node.outputs = "code", arguments, outputs
        node.params = {"lang": lang, "style": "kwargs", "source": source}


def invoke(reading: Reading) -> None:
    node, params = reading.node, reading.params
    node.kind = "http"
    method = str(params.get("method") or "get").upper()
    pairs: list[tuple[str, Value]] = [
        (str(each.get("key") or ""), reading.bare(each["ref"]) if each.get("ref") else reading.value(each.get("value")))
        for each in reading.items("variables")
    ]
    node.params = {"method": method, "url": reading.text("url") or "", "headers": _headers(reading), "query": []}
    if method == "GET":
        node.params["query"] = [[name, value] for name, value in pairs]
    elif pairs:
        form = params.get("datatype") == "formdata"
        said = [{"name": name, "type": "text", "value": value} for name, value in pairs]
        node.params["body"] = {"type": "form", "fields": said} if form else {"type": "json", "text": _object(pairs)}
    if isinstance(params.get("timeout"), (int, float)):
        node.params["timeout"] = {"read": params["timeout"]}


def _headers(reading: Reading) -> list[list[Value]]:
    source = reading.params.get("headers")
    try:
        known = json.loads(source) if isinstance(source, str) and source.strip() else source
    except (ValueError, RecursionError):
        return [["", reading.value(source)]]
    return [[str(key), reading.value(value)] for key, value in known.items()] if isinstance(known, dict) else []


def _object(pairs: list[tuple[str, Value]]) -> Value:
    """The JSON text that the pairs stand for."""
    made: list[Any] = ["{"]
    for i, (name, value) in enumerate(pairs):
        made.append(f"{', ' if i else ''}{json.dumps(name, ensure_ascii=False)}: ")
        if isinstance(value, (Ref, Text)):
            made += ['"', *(value.parts if isinstance(value, Text) else (value,)), '"']
        else:
            made.append(json.dumps(value, ensure_ascii=False, default=str))
    from dsl.values import text as joined

    return joined([*made, "}"])


def aggregator(reading: Reading) -> None:
    node = reading.node
    node.kind = "aggregate"
    groups = reading.items("groups")
    node.params = {
        "groups": [
            {
                "name": str(each.get("group_name") or "output"),
                "type": type_of(each.get("type")),
                "values": [
                    reading.bare(one.get("value")) for one in each.get("variables") or [] if isinstance(one, dict)
                ],
            }
            for each in groups
        ],
        "skip": "falsy",
    }
    node.outputs = {each["name"]: each["type"] for each in node.params["groups"]}


def assigner(reading: Reading) -> None:
    reading.node.kind = "assign"
    made = [_assignment(reading, each) for each in reading.items("variables")]
    reading.node.params = {"items": [each for each in made if isinstance(each["target"], Ref)]}


def _assignment(reading: Reading, each: dict[str, Any]) -> dict[str, Value]:
    op, value = ASSIGNMENTS.get(str(each.get("operator")), "set"), reading.value(each.get("parameter"))
    if op in COUNTING and isinstance(value, str) and re.fullmatch(r"-?(0|[1-9]\d{0,14})(\.\d{1,14})?", value):
        value = json.loads(value)  # a form left the digits as text
    return {"target": reading.bare(each.get("variable") or ""), "op": op, "value": value}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def transform(reading: Reading) -> None:
    node, params = reading.node, reading.params
    if params.get("method") == "split":
        node.kind = "split"
        node.params = {
            "text": reading.bare(params.get("split_ref") or ""),
            "delimiters": [each for each in _list(params.get("delimiters")) if isinstance(each, str)],
        }
    else:
        node.kind = "template"
        logic = jinja.read(str(params.get("script") or ""), reading.find)
        if logic is None:
            node.params = {"template": reading.text("script") or ""}
            delimiter = next(iter(_list(params.get("delimiters"))), "")
            node.params |= {"delimiter": delimiter} if isinstance(delimiter, str) and delimiter else {}
        else:
            node.params, node.inputs = {"template": logic[0]}, logic[1]


def operations(reading: Reading) -> None:
    """JSON text becomes data; the other operations are this platform's own."""
    node, params = reading.node, reading.params
    query = params.get("query")
    value = query[0] if isinstance(query, list) and len(query) == 1 else query
    if params.get("operations") == "literal_eval":
        node.kind, node.params = "json_parse", {"value": reading.bare(value)}
    else:
        node.kind, node.params = "opaque", {"type": f"DataOperations {params.get('operations')}"}
        node.inputs = {"query": reading.value(query)}
        node.outputs = {"output": Type("any")}


def listed(reading: Reading) -> None:
    node, params = reading.node, reading.params
    node.kind = "list"
    node.params = {"list": reading.bare(params.get("query") or "")}
    operation, n = params.get("operations"), params.get("n")
    if operation in ("head", "topN", "tail"):
        node.params["limit"] = {"size": n, "keep": "last" if operation == "tail" else "first"}
    elif operation == "nth":
        node.params["nth"] = n
    elif operation == "sort":
        order = "desc" if str(params.get("sort_method")).startswith("desc") else "asc"
        node.params["sort"] = [{"key": str(params.get("sort_by") or ""), "order": order}]
    elif operation == "drop_duplicates":
        node.params["unique"] = []
    elif operation == "filter" and isinstance(params.get("filter"), dict):
        each = params["filter"]
        kept = {"left": Ref(node.id, (), "item"), "op": OPERATORS.get(str(each.get("operator")), "eq")}
        kept |= {"right": reading.value(each.get("value")), "type": "any"}
        node.params["filter"] = {"logic": "and", "conditions": [kept]}


def iteration(reading: Reading) -> None:
    node = reading.node
    node.kind, node.body = "iterate", Graph()
    node.inputs = {"item": reading.bare(reading.params.get("items_ref") or "")}
    collect = {
        name: reading.bare(each.get("ref"))
        for name, each in reading.mapping("outputs").items()
        if isinstance(each, dict)
    }
    node.params = {"collect": {name: ref for name, ref in collect.items() if isinstance(ref, Ref)}}
    node.outputs = dict.fromkeys(node.params["collect"], Type("array"))


def loop(reading: Reading) -> None:
    node, params = reading.node, reading.params
    node.kind, node.body = "loop", Graph()
    variables: dict[str, dict[str, Any]] = {
        str(each.get("variable")): {
            "type": type_of(each.get("type")),
            "value": _at_first(reading, each),
        }
        for each in reading.items("loop_variables")
    }
    until = {"items": params.get("loop_termination_condition"), "logical_operator": params.get("logical_operator")}
    node.params = {"variables": variables, "count": params.get("maximum_loop_count")}
    if until["items"]:
        node.params["until"] = _inside(conditions(reading, until, "variable"), node.id)
    node.outputs = {name: each["type"] for name, each in variables.items()}


def _at_first(reading: Reading, variable: dict[str, Any]) -> Value:
    if variable.get("input_mode") == "variable":
        return reading.bare(variable.get("value"))
    if variable.get("input_mode") != EMPTY:
        return variable.get("value")
    empty: dict[str, Any] = {"number": 0, "boolean": False, "object": {}, "array": []}
    return empty.get(type_of(variable.get("type")).name, "")


def _inside(value: Any, key: str) -> Any:
    """A loop's own condition speaks of its variables as they are inside."""
    from dsl.values import map_refs

    return map_refs(value, lambda ref: Ref(key, ref.path, "loop") if ref.node == key else ref)


def ask(reading: Reading) -> None:
    node = reading.node
    node.kind = "ask"
    node.params = {"question": reading.text("tips") or ""}
    node.outputs = fields(reading)


def leave(reading: Reading) -> None:
    reading.node.kind = "break"


READERS: dict[str, Callable[[Reading], None]] = {
    "Begin": begin,
    "Message": message,
    "Agent": agent,
    "LLM": agent,
    "Retrieval": retrieval,
    "Categorize": categorize,
    "Switch": switch,
    "CodeExec": code,
    "Invoke": invoke,
    "VariableAggregator": aggregator,
    "VariableAssigner": assigner,
    "StringTransform": transform,
    "DataOperations": operations,
    "ListOperations": listed,
    "Iteration": iteration,
    "Loop": loop,
    "UserFillUp": ask,
    "ExitLoop": leave,
}
