"""Code that RAGFlow runs for what it has no component for, and code that is called in another platform's way.

A step that became code has its common form in the first line, `# flowstill:node {...}`, and reads back as that step.
Code of another style stands unchanged between marked lines, which go when it is read back.
"""

import json
import re
from typing import Any

from dsl import itemspython, typescript
from dsl.computed import RUNS, Fields, around, settled
from dsl.ir import Node, Ref, Type, Value
from dsl.irjson import decode, encode
from dsl.steps import arguments
from dsl.values import map_refs, refs

_NODE = "# flowstill:node "
_MARKS = {"python3": "#", "javascript": "//"}
_BEFORE = {
    ("python3", "args"): "from types import SimpleNamespace\nArgs = Output = dict\n",
    ("javascript", "args"): "",
}
_AFTER = {
    # the sandbox refuses asyncio: nothing that code may wait for is there
    ("python3", "args"): "__main = main\ndef main(**params):\n    made = __main(SimpleNamespace(params=params))\n"
    "    if not hasattr(made, 'send'):\n        return made\n"
    "    try:\n        made.send(None)\n    except StopIteration as done:\n        return done.value\n"
    "    raise RuntimeError('This code waits for something, which RAGFlow has no event loop for.')\n",
    ("javascript", "args"): "const __main = main;\nmain = async (params) => await __main({params});\n",
}


def wrapped(lang: str, style: str, source: str, fields: Fields | None = None) -> str | None:
    """The code as RAGFlow calls it; None when that cannot be. `fields` are what code of n8n sees."""
    if style == "kwargs":
        return source
    if lang == "javascript" and style in RUNS:
        before, after = around(style, fields or {}, "async function main(input) {\n")
    elif lang == "python3" and style in itemspython.STYLES:
        before, source = itemspython.HEAD, itemspython.indented(source)
        after = itemspython.behind(style, itemspython.of_given(fields or {}), "def main(**given):\n")
    elif (lang, style) in _BEFORE:
        before, after = _BEFORE[lang, style], _AFTER[lang, style]
    else:
        return None
    mark = _MARKS[lang]
    begin, end = f"{mark} flowstill:begin {style}\n", f"{mark} flowstill:end\n"
    source = typescript.hidden(source) if (lang, style) == ("javascript", "args") else source
    return f"{begin}{before}{end}{source}\n{begin}{after}{end}"


def unwrapped(node: Node, lang: str, source: str, arguments: dict[str, Value], outputs: dict[str, Type]) -> bool:
    """Whether the code was made here; `node` is then what it was made from."""
    if source.startswith(_NODE):
        return _step(node, source, arguments)
    mark = re.escape(_MARKS[lang])
    begin, end = rf"{mark} flowstill:begin (\w+)\n", rf"{mark} flowstill:end\n"
    match = re.fullmatch(rf"{begin}.*?{end}(.*)\n{mark} flowstill:begin \1\n(.*?){end}", source, re.DOTALL)
    if not match:
        return False
    node.kind, node.inputs, node.outputs = "code", arguments, outputs
    if match[1] in RUNS:  # nothing says of what type the fields are that n8n's code gives
        node.outputs = {name: Type() if type_.name == "object" else type_ for name, type_ in outputs.items()}
    in_python = lang == "python3" and match[1] in itemspython.STYLES
    source = itemspython.shown(match[2]) if in_python else typescript.shown(match[2])
    node.params = {"lang": lang, "style": match[1], "source": source}
    settled(node, match[3])
    return True


def _step(node: Node, source: str, arguments: dict[str, Value]) -> bool:
    try:
        made = decode(json.loads(source.split("\n", 1)[0].removeprefix(_NODE)), "")
    except (ValueError, RecursionError):
        return False
    if not isinstance(made, dict) or not {"kind", "params", "inputs", "outputs"} <= made.keys():
        return False
    known = {ref.path[0]: arguments.get(str(ref.path[0])) for ref in refs([made["params"], made["inputs"]]) if ref.path}

    def back(ref: Ref) -> Value:
        value = known.get(ref.path[0]) if ref.path and ref.node == "arguments" else ref
        return value if isinstance(value, Ref) else ref

    node.kind = str(made["kind"])
    node.params, node.inputs = map_refs(made["params"], back), map_refs(made["inputs"], back)
    node.outputs = made["outputs"]
    return True


def kind_of(source: Any) -> str:
    """The kind of the step that became this code; "" for code that people wrote."""
    found = re.match(_NODE + r'\{"kind": "(\w+)"', source) if isinstance(source, str) else None
    return found[1] if found else ""


def step(node: Node, body: str, result: dict[str, str]) -> tuple[str, dict[str, Ref]]:
    """Python for a step, and its arguments. `body` may use what `expression` gives; `result` are output expressions."""
    names = arguments(node)
    form = {"kind": node.kind, "params": node.params, "inputs": node.inputs, "outputs": node.outputs}
    marked = encode(map_refs(form, lambda ref: Ref("arguments", (names[ref],)) if ref in names else ref))
    line = _NODE + json.dumps(marked, ensure_ascii=False, default=str)
    inner = f"    return {{{', '.join(f'{name!r}: {value}' for name, value in result.items())}}}\n"
    return f"{line}\ndef main({', '.join(names.values())}):\n{body}{inner}", {name: ref for ref, name in names.items()}
