"""What Dify has no node for becomes a code node of a few plain lines, and is found again by them.

    # flowstill:begin set
    def main(q):
        return {"name": q, "greeting": text("Hi ", q, "!")}
    ...
    # flowstill:end

Between the marks stands one `main` that returns, or raises, an expression of literals, of its arguments and of calls of
the functions below, which the code brings along. Whoever changes it within these bounds changes the flow.
"""

import keyword
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from dsl.ir import Ref, Script, Text, Value
from dsl.values import unique

BEGIN, END = "flowstill:begin", "flowstill:end"


@dataclass(frozen=True)
class Call:
    """A call of one of the functions that the code brings along."""

    name: str
    args: tuple[Value, ...]


TYPED = ("string", "number", "boolean")  # n8n makes a value one of these where a field is said to be one
FUNCTIONS: dict[str, tuple[str, tuple[str, ...]]] = {  # by name: the source, what else it calls
    "text": (
        """
def text(*parts):
    import json

    printed = [part if isinstance(part, str) else json.dumps(part, ensure_ascii=False) for part in parts]
    return "".join(word for word, part in zip(printed, parts) if part is not None)
""",
        (),
    ),
    "box": (
        '''
def box(value, meant=None):
    """Of any type: what is returned has to be of one type, and an object may hold anything."""
    return {"value": value}
''',
        (),
    ),
    "parse": (
        """
def parse(value):
    import json

    return json.loads(value) if isinstance(value, str) else value
""",
        (),
    ),
    "entered": (
        '''
def entered(value):
    """What somebody typed into a form, read as JSON; null where nothing was."""
    import json

    if not isinstance(value, str):
        return value
    word = value.strip().lower()
    return json.loads(word if word in ("true", "false") else value) if word else None
''',
        (),
    ),
    "typed": (
        """
def typed(value, kind):
    import json

    if kind == "string" and value is not None and not isinstance(value, str):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    if kind != "string" and isinstance(value, (str, bool, int, float)):
        value = json.loads(str(value).lower())
        return bool(value) if kind == "boolean" else value + 0
    return value
""",
        (),
    ),
    "dump": (
        """
def dump(value):
    import json

    return json.dumps(value, ensure_ascii=False)
""",
        (),
    ),
    "pick": (
        '''
def pick(value, *steps):
    """What is below, null when nothing is; JSON text is read on the way."""
    for step in (None, *steps):
        if isinstance(value, str):
            try:
                value = parse(value)
            except ValueError:
                return None if steps else value
        if step is None:
            continue
        if isinstance(value, list) and str(step).isdigit() and int(step) < len(value):
            value = value[int(step)]
        else:
            value = value.get(str(step)) if isinstance(value, dict) else None
    return value
''',
        ("parse",),
    ),
    "split": (
        """
def split(value, delimiters):
    import re

    return re.split("|".join(re.escape(each) for each in delimiters), text(value)) if delimiters else [text(value)]
""",
        ("text",),
    ),
    "rows": (
        '''
def rows(lists, limit=None):
    """The lists side by side: one object for each place."""
    lists = {name: pick(each) or [] for name, each in lists.items()}
    count = min((len(each) for each in lists.values()), default=0)
    return [{name: each[i] for name, each in lists.items()} for i in range(count)][:limit]
''',
        ("pick",),
    ),
    "first": (
        """
def first(value, limit):
    return (pick(value) or [])[: int(limit)]
""",
        ("pick",),
    ),
    "column": (
        """
def column(rows, name):
    return [row.get(name) for row in rows if isinstance(row, dict)]
""",
        (),
    ),
    "calc": (
        """
def calc(op, one, other):
    import operator

    signs = {"add": "add", "subtract": "sub", "multiply": "mul", "divide": "truediv"}
    return getattr(operator, signs[op])(one, other)
""",
        (),
    ),
    "test": (
        '''
def test(op, left, right=None, ignore_case=False):
    """A condition."""
    import re

    if op.startswith("not_") and op not in ("not_null", "not_empty", "not_exists"):
        return not test({"not_in": "in"}.get(op, op[4:]), left, right, ignore_case)
    if ignore_case:
        left, right = (value.lower() if isinstance(value, str) else value for value in (left, right))
    if op.startswith("length_"):
        op, left = op[7:], len(left or ())
    if op in ("gt", "ge", "lt", "le"):
        one, other = float(left or 0), float(right or 0)
        return {"gt": one > other, "ge": one >= other, "lt": one < other, "le": one <= other}[op]
    if op in ("eq", "ne"):
        return (left == right or text(left) == text(right)) == (op == "eq")
    if op in ("contains", "starts", "ends", "regex") and not isinstance(left, list):
        left, right = text(left), text(right)
    answers = {
        "contains": lambda: right in left or (isinstance(left, list) and text(right) in [text(each) for each in left]),
        "starts": lambda: left.startswith(right),
        "ends": lambda: left.endswith(right),
        "regex": lambda: re.search(right, left) is not None,
        "in": lambda: left in right if isinstance(right, list) else text(left) in text(right),
        "all_of": lambda: all(each in (left or ()) for each in right),
        "empty": lambda: left in (None, "", [], {}),
        "not_empty": lambda: left not in (None, "", [], {}),
        "null": lambda: left is None,
        "not_null": lambda: left is not None,
        "exists": lambda: left is not None,
        "not_exists": lambda: left is None,
        "true": lambda: left is True or text(left).lower() == "true",
        "false": lambda: left is False or text(left).lower() == "false",
        "before": lambda: text(left) < text(right),
        "after": lambda: text(left) > text(right),
    }
    return answers[op]()
''',
        ("text",),
    ),
    "listed": (
        '''
def listed(items, filter=None, sort=(), limit=None, nth=None, unique=None):
    """The list filtered, made unique, one taken, sorted, cut; in `filter` an element is {"item": its keys}."""
    items = list(pick(items) or [])

    def matches(condition, item):
        if "logic" in condition:
            each = [matches(inner, item) for inner in condition["conditions"]]
            return all(each) if condition["logic"] == "and" else any(each)
        left = condition["left"]
        if isinstance(left, dict) and "item" in left:
            left = pick(item, *left["item"]) if left["item"] else item
        return test(condition["op"], left, condition.get("right"))

    if filter:
        items = [item for item in items if matches(filter, item)]
    if unique is not None:
        seen = [text(*[pick(item, *each.split(".")) for each in unique] or [item]) for item in items]
        items = [item for i, item in enumerate(items) if seen[i] not in seen[:i]]
    if nth is not None:
        items = items[int(nth) - 1 : int(nth)]
    for each in reversed(sort):
        value = [pick(item, *filter_none(each["key"].split("."))) for item in items]
        order = sorted(range(len(items)), key=lambda i: (value[i] is not None, value[i]))
        items = [items[i] for i in (order if each["order"] == "asc" else order[::-1])]
    if limit:
        size = int(limit["size"])
        items = items[:size] if limit.get("keep") != "last" else items[max(0, len(items) - size) :]
    ends = (items[0], items[-1]) if items else (None, None)
    return {"result": box(items), "first": box(ends[0]), "last": box(ends[1])}


def filter_none(steps):
    return [step for step in steps if step]
''',
        ("pick", "test", "text", "box"),
    ),
    "all": ("", ()),
    "any": ("", ()),
}
LISTED = ("filter", "sort", "limit", "nth", "unique")  # what `listed` takes, in its order
_TAKEN = frozenset({*FUNCTIONS, "main", "json", "filter_none", *keyword.kwlist, *keyword.softkwlist})


def elements(conditions: dict[str, Any]) -> dict[str, Any]:
    """Conditions on elements as `listed` takes them: {"item": its keys} for the element."""
    made = []
    for each in conditions["conditions"]:
        if "conditions" in each:
            made.append(elements(each))
            continue
        left = each["left"]
        left = {"item": list(left.path)} if isinstance(left, Ref) and left.scope == "item" else left
        made.append({"left": left, "op": each["op"], "right": each.get("right")})
    return {"logic": conditions["logic"], "conditions": made}


@dataclass
class Program:
    """Collects what the code reads while expressions are printed. `native` splits off what Dify cannot refer to."""

    native: Callable[[Ref], tuple[Value, tuple[Any, ...]]]
    inputs: dict[str, Ref | Script] = field(default_factory=dict)
    used: dict[str, None] = field(default_factory=dict)
    _names: set[str] = field(default_factory=lambda: set(_TAKEN))
    _known: dict[Ref | Script, str] = field(default_factory=dict)

    def expression(self, value: Value) -> str:
        if isinstance(value, Ref):
            return self._ref(value)
        if isinstance(value, Text):
            return self._call("text", value.parts)
        if isinstance(value, Call):
            return self._call(value.name, value.args)
        if isinstance(value, Script):
            return self.variable(value) if value.lang in ("n8n", "javascript") else "None"
        if isinstance(value, dict):
            return "{" + ", ".join(f"{str(key)!r}: {self.expression(inner)}" for key, inner in value.items()) + "}"
        if isinstance(value, (list, tuple)):
            return "[" + ", ".join(map(self.expression, value)) + "]"
        return repr(value) if isinstance(value, (str, bool, int, float, type(None))) else repr(str(value))

    def _call(self, name: str, args: tuple[Value, ...]) -> str:
        self._use(name)
        return f"{name}({', '.join(map(self.expression, args))})"

    def _use(self, name: str) -> None:
        if name not in self.used:
            self.used[name] = None
            for other in FUNCTIONS[name][1]:
                self._use(other)

    def _ref(self, ref: Ref) -> str:
        base, rest = self.native(ref)
        whole = self.variable(base) if isinstance(base, Ref) else self.expression(base)
        if not rest:
            return whole
        self._use("pick")
        return f"pick({', '.join([whole, *(repr(step) for step in rest if step is not ...)])})"

    def variable(self, ref: Ref | Script) -> str:
        """The argument of the code that holds the value."""
        if ref not in self._known:
            stem = "expression" if isinstance(ref, Script) else str(ref.path[-1]) if ref.path else ref.scope
            stem = re.sub(r"\W", "_", stem, flags=re.ASCII)[:20]
            stem = stem if re.match(r"[A-Za-z]", stem) else f"value_{stem}".rstrip("_")
            self._known[ref] = unique(stem, self._names)
            self.inputs[self._known[ref]] = ref
        return self._known[ref]

    def source(self, word: str, action: str, value: Value) -> str:
        """The whole code: `action` is return or raise."""
        if action == "return" and isinstance(value, dict):
            lines = [f"        {name!r}: {self.expression(inner)},\n" for name, inner in value.items()]
            body = "    return {\n" + "".join(lines) + "    }\n" if lines else "    return {}\n"
        else:
            made = self.expression(value)
            body = f"    {action} {made if action == 'return' else f'RuntimeError({made})'}\n"
        head = f"# {BEGIN} {word}\ndef main({', '.join(self.inputs)}):\n{body}"
        functions = "".join(f"\n{FUNCTIONS[name][0]}" for name in self.used if FUNCTIONS[name][0])
        return f"{head}{functions}# {END}\n"


# -- back


_HEAD = re.compile(rf"# {BEGIN} (?P<word>[^\n]*)\n(?P<code>def main\(.*?)(?=\n\ndef |\n# {END})", re.DOTALL)
_LONGEST = 200_000


def parsed(source: str, inputs: dict[str, Value]) -> tuple[str, str, Any, list[Ref]] | None:
    """The word, the action and the value of code that `Program` made, and what it looks into; None for any other."""
    if not source.startswith(f"# {BEGIN} ") or len(source) > _LONGEST:
        return None
    match = _HEAD.match(source)
    if match is None:
        return None
    import ast  # only for files that hold such code

    picked: list[Ref] = []
    try:
        function = ast.parse(match["code"]).body[0]
        statement = function.body[0] if isinstance(function, ast.FunctionDef) and len(function.body) == 1 else None
        if isinstance(statement, ast.Return) and statement.value is not None:
            return match["word"], "return", _value(statement.value, inputs, picked), picked
        if isinstance(statement, ast.Raise) and isinstance(statement.exc, ast.Call) and len(statement.exc.args) == 1:
            return match["word"], "raise", _value(statement.exc.args[0], inputs, picked), picked
    except (SyntaxError, ValueError, LookupError, RecursionError, MemoryError):
        pass
    return None


def _value(node: Any, inputs: dict[str, Value], picked: list[Ref]) -> Value:
    """What an expression says; ValueError for one that `Program` does not write."""
    match type(node).__name__:
        case "Constant":
            return node.value
        case "UnaryOp":
            return _negative(_value(node.operand, inputs, picked))
        case "Name":
            return inputs[node.id]
        case "List":
            return [_value(each, inputs, picked) for each in node.elts]
        case "Dict":
            pairs = zip(node.keys, node.values, strict=True)
            return {_value(key, {}, picked): _value(each, inputs, picked) for key, each in pairs}
        case "Call" if node.func.id in FUNCTIONS and not node.keywords:
            return _called(node.func.id, [_value(each, inputs, picked) for each in node.args], picked)
    raise ValueError("no expression of ours")


def _negative(value: Value) -> Value:
    if not isinstance(value, (int, float)):
        raise ValueError("no number")
    return -value


def _called(name: str, args: list[Value], picked: list[Ref]) -> Value:
    if name == "text":
        parts = tuple(part for part in args if part != "")
        if not all(isinstance(part, (str, Ref)) for part in parts):
            raise ValueError("no text of ours")
        return Text(parts)
    if name == "column" and isinstance(args[0], Ref) and isinstance(args[1], str):
        return Ref(args[0].node, (args[1],), args[0].scope)
    if name == "pick" and isinstance(args[0], Ref):
        picked.append(args[0])
        return Ref(args[0].node, (*args[0].path, *args[1:]), args[0].scope)
    return Call(name, tuple(args))
