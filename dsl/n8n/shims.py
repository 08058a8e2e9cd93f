"""Code that flowstill writes around a node's own: marked, so that reading it back finds what it was made from.

// flowstill:begin <role> <JSON>     the role, and what of the node is no value
const inputs = {
  "name": <JavaScript>,              a value of the common form each, printed by dsl.n8n.text
};
<what makes the role run>
// flowstill:end
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from dsl import DslError, typescript
from dsl.ir import Ref, Script, Text, Type
from dsl.irjson import decode, encode

BEGIN, END = "// flowstill:begin ", "// flowstill:end"
CALL = f"\n{BEGIN}call\n"
_ENDS = re.compile("\r(?!\n)|[\u2028\u2029]")
_QUOTE = "// | "  # a line of source that does not run here


@dataclass(frozen=True)
class Shim:
    role: str
    facts: dict[str, Any]
    inputs: dict[str, str] = field(default_factory=dict)  # JavaScript by name
    source: str = ""  # what stands after the adapter, or quoted in it


def written(shim: Shim, body: str = "", *, call: str = "", quoted: bool = False) -> str:
    """The whole code: adapter, the node's own source, and behind it the call that runs it."""
    if quoted and _ENDS.search(shim.source):  # a comment would end there
        shim, quoted = replace(shim, facts=shim.facts | {"source": shim.source}), False
    facts = _json(encode(shim.facts)) if shim.facts else ""
    lines = [f"{BEGIN}{shim.role} {facts}".rstrip(), "const inputs = {"]
    lines += [f"  {_json(name)}: {source}," for name, source in shim.inputs.items()]
    lines += ["};", *([body] if body else [])]
    if quoted:
        lines += [_QUOTE + line for line in shim.source.split("\n")]
    adapter = "\n".join([*lines, END]) + "\n"
    return adapter + shim.source + CALL + call + f"\n{END}\n" if call else adapter


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False).replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def parsed(code: str) -> Shim | None:
    """None: the code is not one that `written` made, or it was changed by hand beyond recognition."""
    if not code.startswith(BEGIN):
        return None
    head, _, rest = code[len(BEGIN) :].partition("\n")
    adapter, end, own = rest.partition(f"\n{END}\n")
    role, _, facts = head.partition(" ")
    lines = adapter.split("\n")
    if not end or lines[0] != "const inputs = {" or "};" not in lines:
        return None
    close = lines.index("};")
    try:
        inputs = dict(_input(line) for line in lines[1:close])
        known = decode(json.loads(facts), "") if facts else {}
    except (ValueError, DslError):
        return None
    if not isinstance(known, dict):
        return None
    quoted = [line[len(_QUOTE) :] for line in lines[close:] if line.startswith(_QUOTE)]
    source = "\n".join(quoted) if quoted else known.pop("source", None) or own.rpartition(CALL)[0]
    if not isinstance(source, str):
        return None
    return Shim(role, known, inputs, typescript.shown(source))


def _input(line: str) -> tuple[str, str]:
    name, end = json.JSONDecoder().raw_decode(line, 2)
    if not isinstance(name, str) or line[end : end + 2] != ": " or not line.endswith(","):
        raise ValueError
    return name, line[end + 2 : -1]


# -- templates

_SUBSTITUTED = re.compile(r"\{\{-?\s*([A-Za-z_]\w*)((?:\.[A-Za-z_]\w*|\[\d+\])*)\s*-?\}\}")


_SHOW = (
    'const show = (value) => value == null ? "" : typeof value === "object" ? JSON.stringify(value) : String(value);'
)


def jinja(template: str) -> str | None:
    """JavaScript that fills in a Jinja template; None when it has more than names to be filled in."""
    if "{%" in template or "{#" in template or re.search(r"\{\{-|-\}\}", template):
        return None
    pieces, end, template = [], 0, template.removesuffix("\n")  # as Jinja does
    for match in _SUBSTITUTED.finditer(template):
        steps = "".join(f"?.{step}" for step in re.findall(r"\w+|\[\d+\]", match[2]))
        pieces += [json.dumps(template[end : match.start()]), f"show(inputs[{json.dumps(match[1])}]{steps})"]
        end = match.end()
    rest = template[end:]
    if "{{" in rest or any("{{" in json.loads(piece) for piece in pieces[::2]):
        return None
    return f'{_SHOW}\nreturn [{{ json: {{ output: [{", ".join([*pieces, json.dumps(rest)])}].join("") }} }}];'


# -- what of a node is no plain data


def packed(value: Any, printed: Callable[[Any], str], inputs: dict[str, str], item: str = "") -> Any:
    """Plain data with {"$": name} where something is referred to; what it is gets into the inputs by that name.

    A reference to the element of the list that the node `item` works on is {"$item": path}.
    """
    if isinstance(value, Ref) and value.scope == "item" and value.node == item:
        return {"$item": list(value.path)}
    if isinstance(value, (Ref, Text, Script)):
        inputs[f"v{len(inputs)}"] = printed(value)
        return {"$": f"v{len(inputs) - 1}"}
    if isinstance(value, Type):
        return {"$type": type_name(value)}
    if isinstance(value, dict):
        return {key: packed(each, printed, inputs, item) for key, each in value.items()}
    return [packed(each, printed, inputs, item) for each in value] if isinstance(value, (list, tuple)) else value


def unpacked(value: Any, inputs: dict[str, Any], item: str) -> Any:
    """The way back of `packed`, with the inputs as values."""
    if isinstance(value, list):
        return [unpacked(each, inputs, item) for each in value]
    if not isinstance(value, dict):
        return value
    if isinstance(value.get("$"), str):
        return inputs.get(value["$"])
    if isinstance(value.get("$item"), list):
        steps = tuple(step for step in value["$item"] if isinstance(step, (str, int)))
        return Ref(item, steps, "item")
    if "$type" in value:
        return type_of(value["$type"])
    return {key: unpacked(each, inputs, item) for key, each in value.items()}


# -- types in facts


def type_name(type_: Type) -> str:
    """`array[string]`, `number!` when it is required, `file:image`."""
    inner = f"[{type_name(type_.items)}]" if type_.name == "array" and type_.items else ""
    return type_.name + inner + (f":{type_.file}" if type_.file else "") + ("!" if type_.required else "")


_TYPE = re.compile(r"(\w+)(?:\[(.{1,100})\])?(?::(\w+))?(!)?")
_NAMES = ("string", "integer", "number", "boolean", "object", "array", "file", "secret", "time", "any")


def type_of(name: Any) -> Type:
    if not isinstance(name, str):
        return Type()
    match = _TYPE.fullmatch(name)
    if match is None:
        return Type()
    kind, inner, file, required = match.groups()
    known: Any = kind if kind in _NAMES else "any"
    return Type(known, items=type_of(inner) if inner and kind == "array" else None, file=file, required=bool(required))
