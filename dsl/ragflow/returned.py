"""What RAGFlow's code gives out: one output alone, which is the whole of what `main` returns.

Code that returns a mapping of its outputs has the output `returned`, its outputs are fields of that, and what they are
declared as stands in its first line, `# flowstill:outputs {...}`. Code of RAGFlow's own with one output returns the
value itself; lines behind it make the mapping of it that code elsewhere returns, and go when it is written again.
"""

import json
import re
from collections.abc import Callable
from typing import Any

from dsl import DslError
from dsl.collected import last
from dsl.ir import Flow, Graph, Node, Ref, Type
from dsl.irjson import decode, encode
from dsl.load import load_json
from dsl.ragflow.exports import assignable, constant
from dsl.steps import STEPS
from dsl.values import at, unique

NAME = "returned"
OUTPUTS = {NAME: {"type": "Object", "value": None}}
BESIDE = frozenset(  # what all code gives out beside what its author named
    {
        *("content", "actual_type", "attachments", "raw_result", "_ERROR", "_ARTIFACTS", "_ATTACHMENT_CONTENT"),
        *("_created_time", "_elapsed_time"),
    }
)
_MARKS = {"python3": "#", "javascript": "//"}
_DECLARED = re.compile(r"(?:#|//) flowstill:outputs ([^\n]*)\n")
_MADE = re.compile(r"(?:#|//) flowstill:(?:outputs|node) ")


def made_here(script: Any) -> bool:
    """Whether it is code that returns its outputs as one mapping."""
    return isinstance(script, str) and _MADE.match(script) is not None


def returns(flow: Flow, node: Node) -> bool:
    """Whether a node is code here that returns its outputs as one mapping; in a canvas it stays what it was."""
    if flow.dialect == "ragflow" and flow.raw is not None and node.pointer:
        params = at(flow.raw, node.pointer)["obj"].get("params", {})
        return is_code(node) and made_here(params.get("script"))
    return is_code(node) and alone(node) is None


def is_code(node: Node) -> bool:
    if node.kind == "list":
        return not one_operation(node.params)
    if node.kind == "split":
        return not isinstance(node.params.get("text"), Ref)
    return node.kind == "code" or node.kind in STEPS


def one_operation(params: dict[str, Any]) -> bool:
    """Whether what is done to a list is one of RAGFlow's operations, and not code."""
    given = [name for name in ("filter", "sort", "limit", "nth", "unique") if params.get(name) is not None]
    several = given == ["filter"] and len(params["filter"]["conditions"]) != 1
    return len(given) == 1 and not several and isinstance(params.get("list"), Ref)


# -- a mapping of outputs


def declare(lang: str, source: str, outputs: dict[str, Type]) -> str:
    return f"{_MARKS[lang]} flowstill:outputs {json.dumps(encode(outputs), default=str)}\n{source}"


def declared(source: str) -> tuple[str, dict[str, Type]] | None:
    """The code and its outputs; None for code without that line."""
    found = _DECLARED.match(source)
    try:
        outputs = decode(load_json(found[1]), "") if found else None
    except DslError:
        return None
    if not found or not isinstance(outputs, dict) or not all(isinstance(each, Type) for each in outputs.values()):
        return None
    return source[found.end() :], outputs


# -- one output

# Before 0.27 an output was a field of what is returned, if there is one of that name.
_FIELD = {"python3": "isinstance(made, dict) and {name} in made", "javascript": "made?.[{name}] !== undefined"}
_BOXES = {
    "python3": "\n# flowstill:output {name}\nnative_main = main\n\n\ndef native_output(made):\n"
    "    return made if {field} else {{{name}: made}}\n\n\n"
    "main = lambda **given: native_output(native_main(**given))\n",
    "javascript": "\n// flowstill:output {name}\nconst nativeMain = main;\n"
    "const nativeOutput = (made) => ({field} ? made : {{ [{name}]: made }});\nmain = (given) => {{\n"
    "  const made = nativeMain(given);\n"
    "  return made instanceof Promise ? made.then(nativeOutput) : nativeOutput(made);\n}};\n",
}
_NEVER = {"python3": "False", "javascript": "false"}
_LAST = re.compile(r"\n(?:#|//) flowstill:output (\"[^\n]*\")\n")


def boxed(lang: str, source: str, name: str, type_: Type) -> str:
    """Code that returns one output itself, with the lines that make a mapping of it."""
    quoted = json.dumps(name)
    source = assignable(source) if lang == "javascript" else source
    field = _NEVER[lang] if type_.name in ("object", "any") else _FIELD[lang].format(name=quoted)
    return source + _BOXES[lang].format(name=quoted, field=field)


def alone(node: Node) -> str | None:
    """The code without those lines; None for code that has none, or other outputs by now."""
    source, lang = str(node.params.get("source", "")), node.params.get("lang", "python3")
    found = list(_LAST.finditer(source)) if node.kind == "code" and len(node.outputs) == 1 else []
    (name,) = node.outputs if found else ("",)
    before = source[: found[-1].start()] if found else ""
    types = (Type("string"), Type("object"))
    before = constant(before) if lang == "javascript" else before
    return before if any(source == boxed(lang, before, name, type_) for type_ in types) else None


# -- what an iteration collects

Told = Callable[[Node, Node], None]  # the iteration, and what was put into its body


def give_out(flow: Flow, graph: Graph, known: dict[str, Node], taken: set[str], told: Told) -> None:
    """An iteration collects outputs, and no fields of them: code at the end of its body gives out the field."""
    for node in graph.nodes:
        if node.body is None:
            continue
        give_out(flow, node.body, known, taken, told)
        for name, ref in dict(node.params.get("collect") or {}).items() if node.kind == "iterate" else ():
            if _is_field(flow, known.get(ref.node), ref):
                made = _giving(unique(f"{node.id}_{name}", taken), f"{node.title}: {name}", ref)
                last(node, node.body, made)
                collect = {**node.params["collect"], name: Ref(made.id, ("item",))}
                node.params = {**node.params, "collect": collect}
                told(node, made)


def _is_field(flow: Flow, producer: Node | None, ref: Ref) -> bool:
    if producer is None or ref.scope != "node":
        return False
    return len(ref.path) > 1 or producer.kind == "extract" or returns(flow, producer)


def _giving(id_: str, title: str, ref: Ref) -> Node:
    source = boxed("python3", "def main(item):\n    return item\n", "item", Type())
    params = {"lang": "python3", "style": "kwargs", "source": source}
    return Node(id_, "code", title, "", params, {"item": ref}, {"item": Type()})
