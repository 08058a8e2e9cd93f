"""Code that Coze runs for what it has no node for, and code that is called in another platform's way.

A step that became code has its common form in the first line, `# flowstill:node {...}`, and reads back as that step.
Code of another style stands unchanged between marked lines, which go when it is read back.
"""

import json
import re
from typing import Any

from dsl import DslError
from dsl.ir import Node, Ref, Script, Text, Type, Value
from dsl.irjson import decode, encode
from dsl.kinds import KINDS
from dsl.load import load_json
from dsl.values import map_refs, refs, text

_NODE = "# flowstill:node "
_MARKS = {"python3": "#", "javascript": "//"}
_BEFORE = {
    ("python3", "args"): "import asyncio\nfrom types import SimpleNamespace\n",
    ("javascript", "args"): "",
    ("javascript", "items"): "function __run(items, $json, $input) {\n",
    ("javascript", "item"): "function __run(items, $json, $input) {\n",
}
_AFTER = {
    ("python3", "args"): "__main = main\ndef main(**params):\n"
    "    return asyncio.run(__main(SimpleNamespace(params=params)))\n",
    ("javascript", "args"): "const __main = main;\nmain = async (params) => await __main({params});\n",
    ("javascript", "items"): "}\nfunction main(args) {\n  const items = [{json: args}];\n"
    "  const input = {all: () => items, first: () => items[0], item: items[0]};\n"
    "  const made = __run(items, args, input);\n"
    "  const one = Array.isArray(made) ? made[0] : made;\n  return (one && one.json) || one || {};\n}\n",
}
_AFTER["javascript", "item"] = _AFTER["javascript", "items"]


def wrapped(lang: str, style: str, source: str) -> str | None:
    """The code as RAGFlow calls it; None when that cannot be."""
    if style == "kwargs":
        return source
    if (lang, style) not in _BEFORE:
        return None
    mark = _MARKS[lang]
    begin, end = f"{mark} flowstill:begin {style}\n", f"{mark} flowstill:end\n"
    return f"{begin}{_BEFORE[lang, style]}{end}{source}\n{begin}{_AFTER[lang, style]}{end}"


def unwrapped(node: Node, lang: str, source: str, arguments: dict[str, Value], outputs: dict[str, Type]) -> bool:
    """Whether the code was made here; `node` is then what it was made from."""
    if source.startswith(_NODE):
        return _step(node, source, arguments)
    mark = re.escape(_MARKS[lang])
    begin, end = rf"{mark} flowstill:begin (\w+)\n", rf"{mark} flowstill:end\n"
    match = re.fullmatch(rf"{begin}.*?{end}(.*)\n{begin}.*?{end}", source, re.DOTALL)
    if not match:
        return False
    node.kind, node.inputs, node.outputs = "code", arguments, outputs
    node.params = {"lang": lang, "style": match[1], "source": match[2]}
    return True


def _step(node: Node, source: str, arguments: dict[str, Value]) -> bool:
    try:
        made = decode(load_json(source.split("\n", 1)[0].removeprefix(_NODE)), "")
    except DslError:
        return False
    if not isinstance(made, dict) or not {"kind", "params", "inputs", "outputs"} <= made.keys():
        return False
    if made["kind"] not in list(KINDS) or not all(isinstance(made[key], dict) for key in ("params", "inputs")):
        return False
    if not isinstance(made["outputs"], dict) or not all(isinstance(each, Type) for each in made["outputs"].values()):
        return False

    def back(ref: Ref) -> Value:
        value = arguments.get(str(ref.path[0])) if ref.path and ref.node == "arguments" else ref
        return value if isinstance(value, Ref) else ref

    node.kind = made["kind"]
    node.params, node.inputs = map_refs(made["params"], back), map_refs(made["inputs"], back)
    node.outputs = made["outputs"]
    return True


def step(node: Node, body: str, result: dict[str, str]) -> tuple[str, dict[str, Ref]]:
    """Python for a step, and its arguments. `body` may use what `expression` gives; `result` are output expressions."""
    names = arguments(node)
    form = {"kind": node.kind, "params": node.params, "inputs": node.inputs, "outputs": node.outputs}
    marked = encode(map_refs(form, lambda ref: Ref("arguments", (names[ref],)) if ref in names else ref))
    line = _NODE + json.dumps(marked, ensure_ascii=False, default=str)
    inner = f"    return {{{', '.join(f'{name!r}: {value}' for name, value in result.items())}}}\n"
    return f"{line}\ndef main({', '.join(names.values())}):\n{body}{inner}", {name: ref for ref, name in names.items()}


def arguments(node: Node) -> dict[Ref, str]:
    """A name for each reference of a node, but to the elements of a list that it walks itself."""
    every = dict.fromkeys(refs([node.params, node.inputs]))
    return {ref: f"a{i}" for i, ref in enumerate(ref for ref in every if (ref.node, ref.scope) != (node.id, "item"))}


def expression(value: Value, names: dict[Ref, str]) -> str:
    """A value as a Python expression."""
    if isinstance(value, Ref):
        return names[value]
    if isinstance(value, Text):
        return " + ".join(
            repr(part) if isinstance(part, str) else f"str({expression(part, names)})" for part in value.parts
        )
    if isinstance(value, Script):
        return repr(value.source)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key!r}: {expression(inner, names)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(expression(inner, names) for inner in value) + "]"
    return repr(value)


def plain(source: str, inputs: dict[str, Value]) -> Value | None:
    """A Jinja template that only names its inputs, as text with references; None when it does more."""
    made: list[Any] = []
    end = 0
    for match in re.finditer(r"\{\{\s*([A-Za-z_]\w*)\s*\}\}", source):
        if match[1] not in inputs:
            return None
        made += [source[end : match.start()], inputs[match[1]]]
        end = match.end()
    rest = source[end:]
    if any(sign in "".join(part for part in [*made, rest] if isinstance(part, str)) for sign in ("{{", "{%", "{#")):
        return None
    return text([*(part if isinstance(part, (str, Ref)) else str(part) for part in made), rest])
