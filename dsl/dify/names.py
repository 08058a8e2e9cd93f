"""What Dify and the common form call the same things: kinds of nodes, outputs, operators, types.

From the platform's data models (Dify 1.16.1, graphon 0.8.0).
"""

import re
from typing import Any, cast

from dsl.ir import Json, Type

ID = re.compile(r"[a-zA-Z0-9_]{1,50}", re.ASCII)  # of a node that texts may refer to
NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]{0,29}", re.ASCII)  # of an output or a variable that texts may refer to
FIELD = re.compile(r"\n*\{\{#\$output\.([a-zA-Z_][a-zA-Z0-9_]{0,29})#\}\}")  # where a form shows a field of its own
DEEPEST = 10  # names in one reference
NAMESPACES = {"env": "env", "conversation": "session", "sys": "system"}
RESERVED = frozenset({*NAMESPACES, "rag", "context", "histories"})  # no node can have these as its id

KINDS = {
    "start": "start",
    "trigger-webhook": "start",
    "trigger-schedule": "start",
    "trigger-plugin": "start",
    "end": "end",
    "answer": "answer",
    "llm": "llm",
    "agent": "agent",
    "code": "code",
    "if-else": "if",
    "question-classifier": "classify",
    "parameter-extractor": "extract",
    "http-request": "http",
    "template-transform": "template",
    "variable-aggregator": "aggregate",
    "variable-assigner": "aggregate",  # its name before 0.6
    "assigner": "assign",
    "list-operator": "list",
    "iteration": "iterate",
    "loop": "loop",
    "loop-end": "break",
    "knowledge-retrieval": "retrieve",
    "tool": "tool",
    "human-input": "ask",
    "document-extractor": "document",
}
TYPES = {  # the type that is written for a kind
    "start": "start",
    "aggregate": "variable-aggregator",
    **{kind: type_ for type_, kind in KINDS.items() if kind not in ("start", "aggregate")},
    "subflow": "tool",
}
STARTS = {"iteration-start": "iteration", "loop-start": "loop"}  # they stand for the beginning of a container's body
CONTAINERS = {"iteration": "iterate", "loop": "loop"}

OUTPUTS: dict[str, dict[str, str]] = {  # by kind, the common name of an output by its name in Dify
    "llm": {"structured_output": "structured", "reasoning_content": "reasoning"},
    "extract": {"__is_success": "is_success", "__reason": "reason", "__usage": "usage"},
    "http": {"status_code": "status"},
    "list": {"first_record": "first", "last_record": "last"},
    "loop": {"loop_round": "rounds"},
    "ask": {"__action_value": "chosen", "__action_id": "chosen_id", "__rendered_content": "filled"},
}
NATIVE_OUTPUTS = {kind: {ours: theirs for theirs, ours in names.items()} for kind, names in OUTPUTS.items()}
TOOL_OUTPUTS = {
    "text": Type("string"),
    "files": Type("array", items=Type("file")),
    "json": Type("array", items=Type("object")),
}
ERRORS = {"error_message": ("error", "message"), "error_type": ("error", "type")}
REQUEST = {"body": "body", "headers": "headers", "query": "query_params", "method": "method"}  # of `_webhook_raw`
SYSTEM = {"workflow_run_id": "execution_id", "dialogue_count": "turns"}
NATIVE_SYSTEM = {ours: theirs for theirs, ours in SYSTEM.items()}

# -- ids that stand for what the common form has without one


OTHER_CLASS = "flowstill_other"  # of the class that was added for the port "default"
OPTION, ONWARD = "option_", "onward"  # of the buttons that stand for options, and for going on


def case_id(place: int) -> str:
    """The id of a case that has none of its own: the editor calls the first one "true"."""
    return "true" if place == 0 else f"case_{place + 1}"


def entry(container: str) -> str:
    """The id of the node that stands for the beginning of a container's body, when it has no other."""
    return f"{container[:45]}start"


# -- types

SCALARS = {
    "string": "string",
    "text-input": "string",
    "paragraph": "string",
    "select": "string",
    "external_data_tool": "string",
    "number": "number",
    "float": "number",
    "integer": "integer",
    "boolean": "boolean",
    "bool": "boolean",
    "checkbox": "boolean",
    "object": "object",
    "json_object": "object",
    "secret": "secret",
    "file": "file",
    "array": "array",
}
_ARRAY = re.compile(r"array\[(\w+)\]", re.IGNORECASE)


def type_of(word: str) -> Type:
    """A type by Dify's word for it; any for a word that says nothing."""
    if word == "file-list":
        return Type("array", items=Type("file"))
    if match := _ARRAY.fullmatch(word):
        return Type("array", items=type_of(match[1].lower()))
    return Type(cast(Any, SCALARS.get(word, "any")))


CODE_TYPES = frozenset(
    {"string", "number", "boolean", "object", "array[string]", "array[number]", "array[object]", "array[boolean]"}
)
EXTRACT_TYPES = CODE_TYPES - {"object"} | {"select"}
VARIABLE_TYPES = CODE_TYPES | {"integer", "secret"}
GROUP_TYPES = VARIABLE_TYPES | {"file", "array[file]", "array[any]"}  # with another word the file does not load
_NARROWER = {"integer": "number", "time": "string", "secret": "string"}


def word_of(type_: Type) -> str:
    """Dify's word for a type, the widest there is."""
    if type_.name == "array":
        item = "any" if type_.items is None else _NARROWER.get(type_.items.name, type_.items.name)
        return f"array[{item if item in ('string', 'number', 'object', 'boolean', 'file') else 'any'}]"
    return "string" if type_.name == "time" else type_.name


def declarable(type_: Type) -> bool:
    """Whether code can be held to give an output, or a field of one, that is of this type."""
    return word_of(type_) in CODE_TYPES or word_of(type_) in _NARROWER


def fields(type_: Type) -> dict[str, Type]:
    """The fields that an object of code is declared by: all it has, or none, for it may have no others."""
    props = type_.props or {}
    return props if all(declarable(each) for each in props.values()) else {}


def narrowed(type_: Type, allowed: frozenset[str], otherwise: str) -> str:
    """The word out of those allowed that comes nearest."""
    word = word_of(type_)
    for candidate in (word, _NARROWER.get(word, ""), "array[object]" if word.startswith("array") else ""):
        if candidate in allowed:
            return candidate
    return otherwise


ZEROS: dict[str, Json] = {"string": "", "secret": "", "number": 0, "integer": 0, "boolean": False, "object": {}}

# -- operators

OPERATORS = {
    "is": "eq",
    "=": "eq",
    "is not": "ne",
    "≠": "ne",
    ">": "gt",
    "≥": "ge",
    "<": "lt",
    "≤": "le",
    "contains": "contains",
    "not contains": "not_contains",
    "start with": "starts",
    "end with": "ends",
    "empty": "empty",
    "not empty": "not_empty",
    "null": "null",
    "not null": "not_null",
    "in": "in",
    "not in": "not_in",
    "all of": "all_of",
    "exists": "exists",
    "not exists": "not_exists",
    "before": "before",
    "after": "after",
}
NUMERIC = frozenset({"=", "≠", ">", "≥", "<", "≤"})
WORDS = {ours: theirs for theirs, ours in OPERATORS.items() if theirs not in ("=", "≠")}
NUMBER_WORDS = WORDS | {"eq": "=", "ne": "≠"}

ASSIGNMENTS = {
    "over-write": "set",
    "set": "set",
    "clear": "clear",
    "append": "append",
    "extend": "extend",
    "+=": "add",
    "-=": "subtract",
    "*=": "multiply",
    "/=": "divide",
    "remove-first": "remove_first",
    "remove-last": "remove_last",
}
NATIVE_ASSIGNMENTS = {ours: theirs for theirs, ours in ASSIGNMENTS.items() if theirs != "over-write"}
WITHOUT_VALUE = frozenset({"clear", "remove-first", "remove-last"})
BY_VARIABLE = WITHOUT_VALUE | {"append", "extend"}  # operations that take no constant; with one the run fails
BY_CONSTANT = frozenset({"set", "+=", "-=", "*=", "/="})  # and those that take nothing else

ITEM_ERRORS = {"terminated": "stop", "continue-on-error": "null", "remove-abnormal-output": "skip"}
NATIVE_ITEM_ERRORS = {ours: theirs for theirs, ours in ITEM_ERRORS.items()}

BODIES = {
    "json": "json",
    "raw-text": "text",
    "form-data": "form",
    "x-www-form-urlencoded": "urlencoded",
    "binary": "binary",
}
NATIVE_BODIES = {ours: theirs for theirs, ours in BODIES.items()}
