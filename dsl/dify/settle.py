"""Values that Dify cannot take where they stand are computed by a node in front of the one that needs them.

Dify refers to outputs of nodes and to what is below them by names. Elements of lists, fields of JSON text, constants
where a variable is wanted, conditions that it has no word for: a code node computes them, and the node refers to that.
"""

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from dsl import computed, onlyn8n
from dsl.dify import names
from dsl.dify.expressions import BEGIN, END, Call
from dsl.dify.work import ANY, Work, literal_type
from dsl.ir import Node, Ref, Script, Text, Type, Value
from dsl.values import refs, unique

# Where only a reference will do. What is not listed takes text.
REFERENCES: dict[str, set[str]] = {
    "llm": {"context", "vision"},
    "agent": {"vision"},
    "classify": {"query", "vision"},
    "extract": {"query", "vision"},
    "list": {"list"},
    "retrieve": {"query"},
    "document": {"file"},
    "aggregate": {"groups.values"},
    "http": {"body.file"},
}
INPUTS = frozenset({"code", "template", "end", "llm", "iterate"})  # kinds whose inputs are references
_SKIPPED = {"iterate": {"collect"}, "loop": {"collect", "until"}, "assign": {"items.target"}, "note": {"text"}}


@dataclass(frozen=True)
class Wanted:
    """A value that has to be a reference here."""

    value: Value


def settle(work: Work, node: Node, owner: Node | None = None) -> None:
    """Every value of the node as one that Dify can take; notes are about `owner`, where the node was made for it."""
    helper = _Helper(work, node, owner or node)
    wanted = node.kind in INPUTS
    node.inputs = {
        name: helper.reference(value, name) if wanted or _holds_refs(work, value) else helper.value(value, name)
        for name, value in node.inputs.items()
    }
    for name, value in node.params.items():
        node.params[name] = helper.param(value, name)
    helper.finish()


def _holds_refs(work: Work, value: Value) -> bool:
    """Whether it is a mapping or a list with references in it: as a constant those would stay text."""
    return not work.own and isinstance(value, (dict, list)) and next(refs(value), None) is not None


class _Helper:
    """Collects what is to be computed before one node."""

    def __init__(self, work: Work, node: Node, owner: Node) -> None:
        self.work, self.node, self.owner = work, node, owner
        self.skipped = _SKIPPED.get(node.kind, set())
        self.references = REFERENCES.get(node.kind, set())
        self.values: dict[str, Value] = {}
        self.types: dict[str, Type] = {}
        self.scripts: dict[str, Script] = {}

    @cached_property
    def computes(self) -> str:
        """The id of the node that computes values."""
        return self.work.new_id(f"{self.node.id}_in")

    @cached_property
    def evaluates(self) -> str:
        """The id of the node that evaluates expressions."""
        return self.work.new_id(f"{self.node.id}_js")

    def param(self, value: Value, path: str) -> Value:
        stem = path.rpartition(".")[2]
        if path in self.skipped:
            return value
        if isinstance(value, dict) and "logic" in value and self.node.kind in ("if", "loop"):
            return {**value, "conditions": [self.condition(each) for each in value["conditions"]]}
        if path in self.references and not isinstance(value, list):
            return self.reference(value, stem)
        if isinstance(value, dict):
            return {key: self.param(inner, f"{path}.{key}") for key, inner in value.items()}
        if isinstance(value, list):
            return [self.param(inner, path) for inner in value]
        return self.value(value, stem)

    def value(self, value: Value, stem: str) -> Value:
        """Where text is taken, or a reference, or a constant."""
        if isinstance(value, Ref):
            return value if self._special(value) or self.work.is_native(value) else self.request(value, stem)
        if isinstance(value, Text):
            return Text(tuple(part if isinstance(part, str) else self.value(part, stem) for part in value.parts))
        if isinstance(value, Script):
            return value if value.lang == "jinja2" else self.script(value, stem)
        if isinstance(value, Wanted):
            return self.reference(value.value, stem)
        if isinstance(value, dict):
            return {key: self.value(inner, str(key)) for key, inner in value.items()}
        if isinstance(value, list):
            return [self.value(inner, stem) for inner in value]
        return self.request(value, stem) if isinstance(value, Call) else value

    def reference(self, value: Value, stem: str) -> Value:
        """Where only a reference is taken."""
        if self.work.is_native(value) or (value is None and self.work.own):
            return value
        if isinstance(value, Text) and len(value.parts) == 1 and self._is_string(value.parts[0]):
            return value.parts[0]
        if isinstance(value, Script):
            return self.script(value, stem)
        if isinstance(value, Text):
            value = Text(tuple(self.script(part, stem) if isinstance(part, Script) else part for part in value.parts))
        return self.request(value, stem)

    def _is_string(self, part: Value) -> bool:
        return isinstance(part, Ref) and self.work.is_native(part) and self.work.type_of(part).name == "string"

    def _special(self, ref: Ref) -> bool:
        """What a text of the node itself stands for: its passages, the element that a list looks at."""
        if ref.scope == "item" and ref.node == self.node.id and self.node.kind != "iterate":
            return True
        return ref.scope == "system" and ref.path in (("context",), ("histories",)) and self.node.kind == "llm"

    def condition(self, condition: dict[str, Any]) -> dict[str, Any]:
        """As it is, or as the question whether it was found to be true."""
        fold = bool(self.node.params.get("ignore_case"))
        if condition_is_native(self.work, condition) and not fold:
            right = condition.get("right")
            right = right if isinstance(right, dict) and "logic" in right else self.param(right, "right")
            return {**condition, "right": right}
        answer = self.request(_question(condition, fold), "condition")
        return {"left": answer, "op": "true", "right": None, "type": "boolean"}

    def request(self, value: Value, stem: str) -> Ref:
        if isinstance(value, Ref) and not self.work.known(value):
            where = ".".join(map(str, (value.node or value.scope, *value.path)))
            message = f"{where} is referred to, and nothing produces it: it is null."
            self.work.note(self.owner, "degraded", "ref.unknown", message, "Refer to what does exist.")
        for name, known in self.values.items() if isinstance(value, Ref) else ():
            if known == value:
                return Ref(self.computes, (name,))
        name = _name(stem, self.values)
        self.values[name] = value
        self.types[name] = self.work.type_of(value) if isinstance(value, Ref) else literal_type(value)
        return Ref(self.computes, (name,))

    def script(self, script: Script, stem: str) -> Value:
        if script.lang not in ("n8n", "javascript"):
            return self.request(None, stem)
        name = _name(stem, self.scripts)
        self.scripts[name] = script
        return Ref(self.evaluates, (name,))

    def finish(self) -> None:
        work, node = self.work, self.node
        if self.scripts:
            helper = Node(self.evaluates, "code", f"{node.title} expressions")
            work.before(node, helper)
            _expressions(work, helper, self.owner, self.scripts)
            message = "An expression is evaluated by a code node; what only n8n's has, fails when it runs."
            message = onlyn8n.evaluated(message, self.scripts.values())
            work.note(self.owner, "degraded", "ref.script", message, "Check the expression.")
        if self.values:
            helper = Node(self.computes, "code", f"{node.title} values")
            work.before(node, helper)
            work.program(helper, "values", self.values, self.types)
            settle(work, helper, self.owner)  # a value may hold an expression of n8n


def _name(stem: str, taken: dict[str, Any]) -> str:
    stem = re.sub(r"\W", "_", stem, flags=re.ASCII)[:24]
    return unique(stem if names.NAME.fullmatch(stem) else f"v_{stem}".strip("_"), set(taken))


def _question(condition: dict[str, Any], fold: bool) -> Call:
    if "conditions" in condition:
        each = [_question(inner, fold) for inner in condition["conditions"]]
        return Call("all" if condition["logic"] == "and" else "any", (each,))
    args = (condition["op"], condition.get("left"), condition.get("right"))
    return Call("test", (*args, True) if fold else args)


_COMMON = {"empty", "not_empty", "null", "not_null", "exists", "not_exists"}
_NUMBERS = {"eq", "ne", "gt", "ge", "lt", "le", "null", "not_null", "exists", "not_exists"}
_NATIVE = {
    "string": {*_COMMON, "eq", "ne", "contains", "not_contains", "starts", "ends", "in", "not_in"},
    "number": _NUMBERS,
    "integer": _NUMBERS,
    "boolean": {"true", "false", "eq", "ne", "null", "not_null", "exists", "not_exists"},
}


def condition_is_native(work: Work, condition: dict[str, Any]) -> bool:
    """Whether Dify has a word for it that means the same, for values of the type that the left side has."""
    op, left, right = condition.get("op"), condition.get("left"), condition.get("right")
    if isinstance(right, dict) and not all(each.get("op") in names.WORDS for each in right.get("conditions", [])):
        return False
    if work.own and "conditions" not in condition:
        return _is_own(condition)
    if "conditions" in condition or not work.is_native(left):
        return False
    if isinstance(right, dict) and "logic" in right:
        return op in ("contains", "not_contains", "all_of", "exists", "not_exists")
    type_ = work.type_of(left) if isinstance(left, Ref) else ANY
    if type_.name == "string" and condition.get("type") in ("number", "integer") and op not in _COMMON:
        return False  # Dify compares no text as a number: the run fails
    if op not in _NATIVE.get(type_.name, _COMMON):
        texts = type_.name == "array" and type_.items is not None and type_.items.name == "string"
        return texts and op in ("contains", "not_contains") and isinstance(right, (str, Text))
    if type_.name == "string" and condition.get("type") in ("number", "integer") and op in ("eq", "ne"):
        return False  # n8n and RAGFlow take a text for the number in it; Dify fails
    return _right_is_native(type_.name, str(op), right)


def _is_own(condition: dict[str, Any]) -> bool:
    """Whether it may have been read in this form; of the type any are only those that a node answers."""
    op, type_, right = condition.get("op"), condition.get("type"), condition.get("right")
    if op in _COMMON or op in ("true", "false"):
        return op in _COMMON or type_ == "boolean"
    if op in ("gt", "ge", "lt", "le") and type_ not in ("number", "integer"):
        return False
    odd = isinstance(right, (int, float)) and not isinstance(right, bool) and type_ not in ("number", "integer")
    odd = odd or (isinstance(right, float) and op in ("eq", "ne") and not right.is_integer())
    return op in names.NUMBER_WORDS and type_ != "any" and not odd


def _right_is_native(type_: str, op: str, right: Value) -> bool:
    if op in _COMMON or op in ("true", "false"):
        return True
    if op in ("in", "not_in"):
        return isinstance(right, list) and all(isinstance(each, str) for each in right)
    if type_ in ("number", "integer"):
        whole = isinstance(right, (int, Ref)) and not isinstance(right, bool)
        return whole or (isinstance(right, float) and (op not in ("eq", "ne") or right.is_integer()))
    if type_ == "boolean":
        return isinstance(right, bool)
    return isinstance(right, (str, int, float, Ref, Text)) and not isinstance(right, bool)


# -- expressions of n8n


def _expressions(work: Work, node: Node, owner: Node, scripts: dict[str, Script]) -> None:
    """A JavaScript node that evaluates expressions, with n8n's words for what they read."""
    places = computed.Places()
    variables: dict[Ref, str] = {}
    lines = []
    for name, script in scripts.items():
        read = []
        for ref in computed.in_order(script):
            variable = variables.setdefault(ref, f"in_{len(variables)}")
            read.append(variable)
            meant = work.meant(ref)
            places.add(script, work.nodes.get(meant.node), meant, f"input.{variable}")
        lines.append(f"    {name}: {{ value: (/*{name} {' '.join(read)}*/ {script.source} /*{name}*/) ?? null }},\n")
    context = computed.CONTEXT.format(fields=computed.printed(places.fields()))
    source = f"// {BEGIN} expressions\n{context}function main(input) {{\n"
    source += f"  const {computed.WORDS} = context(input);\n  return {{\n{''.join(lines)}  }};\n}}\n"
    node.params = {"lang": "javascript", "source": f"{source}// {END}\n", "style": "done"}
    node.outputs = dict.fromkeys(scripts, ANY)
    work.boxed |= {(node.id, name) for name in scripts}
    helper = _Helper(work, node, owner)
    node.inputs = {name: helper.reference(ref, name) for ref, name in variables.items()}
    helper.finish()
