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
from dataclasses import dataclass, field, replace
from typing import Any

from dsl.ir import Type

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
    facts = _json(shim.facts) if shim.facts else ""
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
        known = json.loads(facts) if facts else {}
    except ValueError:
        return None
    if not isinstance(known, dict):
        return None
    quoted = [line[len(_QUOTE) :] for line in lines[close:] if line.startswith(_QUOTE)]
    source = "\n".join(quoted) if quoted else known.pop("source", None) or own.rpartition(CALL)[0]
    if not isinstance(source, str):
        return None
    return Shim(role, known, inputs, source)


def _input(line: str) -> tuple[str, str]:
    name, end = json.JSONDecoder().raw_decode(line, 2)
    if not isinstance(name, str) or line[end : end + 2] != ": " or not line.endswith(","):
        raise ValueError
    return name, line[end + 2 : -1]


# -- types in facts: "array[string]"


def type_name(type_: Type) -> str:
    return f"array[{type_name(type_.items)}]" if type_.name == "array" and type_.items else type_.name


_NAMES = ("string", "integer", "number", "boolean", "object", "array", "file", "secret", "time", "any")


def type_of(name: Any) -> Type:
    if not isinstance(name, str):
        return Type()
    if name.startswith("array[") and name.endswith("]"):
        return Type("array", items=type_of(name[6:-1]) if name.count("[") < 20 else None)
    return next((Type(known) for known in _NAMES if known == name), Type())
