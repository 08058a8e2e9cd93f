"""Code for what Coze has no node for, and code that is called in another platform's way.

A step that became code has its common form in the first line, `# flowstill:node {...}`, and reads back as that step.
Code of another style stands unchanged between marked lines, which go when it is read back.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import replace

from dsl import DslError, itemspython
from dsl.computed import RUNS, Fields, around, settled
from dsl.ir import Node, Ref, Type, Value
from dsl.irjson import decode, encode
from dsl.kinds import KINDS
from dsl.load import load_json
from dsl.steps import arguments
from dsl.values import map_refs

_NODE = "# flowstill:node "
_MARKS = {"python3": "#", "javascript": "//"}
_AFTER = {
    ("python3", "kwargs"): "__main = main\nasync def main(args):\n    return __main(**dict(args.params))\n",
    # in a function of its own, for `main` may be a constant
    ("javascript", "kwargs"): "return main;\n})();\nasync function main({ params }) {\n  return __main(params);\n}\n",
}
_BEFORE = {("python3", "kwargs"): "", ("javascript", "kwargs"): "const __main = (() => {\n"}


def wrapped(lang: str, style: str, source: str, fields: Fields | None = None, loose: Sequence[str] = ()) -> str | None:
    """The code as Coze calls it; None when that cannot be. `fields` are what code of n8n sees.

    `loose` are outputs of any type, which Coze does not have, and objects of which it is told what is read alone.
    """
    if style == "args":
        return source
    if lang == "javascript" and style in RUNS:
        before, after = around(style, fields or {}, "async function main({ params: input }) {\n")
    elif lang == "python3" and style in itemspython.STYLES:
        head = "async def main(args):\n    given = args.params\n"
        before, source = itemspython.HEAD, itemspython.indented(source)
        after = itemspython.behind(style, itemspython.of_given(fields or {}), head)
    elif (lang, style) in _AFTER:
        before, after = _BEFORE[lang, style], _AFTER[lang, style]
    else:
        return None
    mark = _MARKS[lang]
    begin, end = f"{mark} flowstill:begin {style}", f"{mark} flowstill:end\n"
    return f"{' '.join([begin, *loose])}\n{before}{end}{source}\n{begin}\n{after}{end}"


def unwrapped(node: Node, lang: str, source: str, arguments: dict[str, Value], outputs: dict[str, Type]) -> bool:
    """Whether the code was made here; `node` is then what it was made from."""
    if source.startswith(_NODE):
        return _step(node, source, arguments)
    mark = re.escape(_MARKS[lang])
    begin, end = rf"{mark} flowstill:begin (\w+)((?: \w+)*)\n", rf"{mark} flowstill:end\n"
    match = re.fullmatch(rf"{begin}.*?{end}(.*)\n{mark} flowstill:begin \1\n(.*?){end}", source, re.DOTALL)
    if not match:
        return False
    node.kind, node.inputs, node.outputs = "code", arguments, outputs | _loose(match[2].split(), outputs)
    in_python = lang == "python3" and match[1] in itemspython.STYLES
    source = itemspython.shown(match[3]) if in_python else match[3]
    node.params = {"lang": lang, "style": match[1], "source": source}
    settled(node, match[4])
    return True


def _loose(names: list[str], outputs: dict[str, Type]) -> dict[str, Type]:
    """Outputs that are of any type still: nobody has given them another than text; or what they hold is."""
    given = {name: outputs[name] for name in names if name in outputs}
    texts = {name: replace(each, name="any") for name, each in given.items() if each.name == "string"}
    rich = {name: each for name, each in given.items() if each.name in ("object", "array")}
    return texts | {name: replace(each, items=None, props=None) for name, each in rich.items()}


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
    """Python for a step, and its arguments; `result` are its outputs as expressions."""
    names = arguments(node)
    form = {"kind": node.kind, "params": node.params, "inputs": node.inputs, "outputs": node.outputs}
    marked = encode(map_refs(form, lambda ref: Ref("arguments", (names[ref],)) if ref in names else ref))
    line = _NODE + json.dumps(marked, ensure_ascii=False, default=str)
    given = "".join(f"    {name} = args.params.get({name!r})\n" for name in names.values())
    inner = f"    return {{{', '.join(f'{name!r}: {value}' for name, value in result.items())}}}\n"
    return f"{line}\nasync def main(args):\n{given}{body}{inner}", {name: ref for ref, name in names.items()}
