"""Python for steps that a platform has no node for: what a body computes and the outputs as expressions."""

import re
from collections.abc import Callable
from dataclasses import replace
from textwrap import indent
from typing import Any

from dsl.dify.expressions import FUNCTIONS, LISTED, TYPED, elements
from dsl.ir import Flow, Node, Ref, Script, Text, Value
from dsl.kinds import declared
from dsl.values import parts, refs, text

Code = tuple[str, dict[str, str]]  # lines of the body, and an expression for each output


def arguments(node: Node) -> dict[Ref, str]:
    """A name for each reference of a node, but to the elements of a list that it walks itself."""
    every = dict.fromkeys(refs([node.params, node.inputs]))
    return {ref: f"a{i}" for i, ref in enumerate(ref for ref in every if (ref.node, ref.scope) != (node.id, "item"))}


def python(node: Node, names: dict[Ref, str]) -> Code:
    """What computes the step: lines of a body that brings along what it calls, and an expression for each output."""
    body, result = STEPS[node.kind](node, names)
    return printing(body, *result.values()) + body, result


def printing(*lines: str) -> str:
    """The function that prints the parts of a text, as lines of a body, where any of these lines call it."""
    return indent(FUNCTIONS["text"][0], "    ") if any("text(" in each for each in lines) else ""


def expression(value: Value, names: dict[Ref, str]) -> str:
    """A value as a Python expression; a text is printed by the function of `printing`."""
    if isinstance(value, Ref):
        return names[value]
    if isinstance(value, Text):
        return f"text({', '.join(expression(part, names) for part in value.parts)})"
    if isinstance(value, Script):
        return repr(value.source)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key!r}: {expression(inner, names)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(expression(inner, names) for inner in value) + "]"
    return repr(value)


_COMPOSITE = frozenset({"array", "object", "boolean"})
PRINTED = "A list, object or boolean ({}) is not printed as Python prints it: ['a', 'b'], {{'a': 1}}, True."
_NAMED = re.compile(r"""\{\{\s*([A-Za-z_]\w*)((?:\.\w+|\[\d+\]|\["\w+"\]|\['\w+'\])*)\s*\}\}""")


def plain(source: str, inputs: dict[str, Value]) -> Value | None:
    """A Jinja template that only names its inputs or fields of them, as text with references; None for any other."""
    made: list[Any] = []
    end, source = 0, source.removesuffix("\n")  # as Jinja does
    for match in _NAMED.finditer(source):
        value = inputs.get(match[1])
        if match[2] and isinstance(value, Ref):
            value = below(value, match[2])
        elif match[2] or match[1] not in inputs:
            return None
        made += [source[end : match.start()], value]
        end = match.end()
    rest = source[end:]
    if any(sign in "".join(part for part in [*made, rest] if isinstance(part, str)) for sign in ("{{", "{%", "{#")):
        return None
    return text([*(part if isinstance(part, (str, Ref)) else str(part) for part in made), rest])


def as_python(value: Value, every: dict[str, Node], flow: Flow) -> str:
    """What of a text looks different where Python does not print it: `['a']`, `{'a': 1}`, `True`; "" for nothing."""
    told = [ref for ref in dict.fromkeys(refs(value)) if declared(ref, every, flow).name in _COMPOSITE]
    return ", ".join(".".join(map(str, ref.path)) for ref in told)


def below(ref: Ref, steps: str) -> Ref:
    """What stands under a reference at `.a[0]["b"]`."""
    path = (int(step) if step.isdecimal() else step for step in re.findall(r"\w+", steps))
    return replace(ref, path=(*ref.path, *path))


def _set(node: Node, names: dict[Ref, str]) -> Code:
    made = {name: expression(value, names) for name, value in node.inputs.items() if "." not in name}
    kinds = {name: node.outputs[name].name for name in made if name in node.outputs}
    typed = [name for name in made if kinds.get(name) in TYPED and isinstance(node.inputs[name], Ref)]
    made |= {name: f"typed({made[name]}, {kinds[name]!r})" for name in typed}
    for name, value in node.inputs.items():
        if "." in name:
            top, rest = name.split(".", 1)
            inner = expression(value, names)
            for key in reversed(rest.split(".")):
                inner = f"{{{key!r}: {inner}}}"
            made[top] = f"{{**{made[top]}, **{inner}}}" if top in made else inner
    return indent(FUNCTIONS["typed"][0], "    ") if typed else "", made


def _dump(node: Node, names: dict[Ref, str]) -> Code:
    value = expression(node.params.get("value"), names)
    return "    import json\n", {"output": f"json.dumps({value}, ensure_ascii=False)"}


def _split(node: Node, names: dict[Ref, str]) -> Code:
    delimiters = [str(each) for each in node.params.get("delimiters", [])] or [","]
    body = f"    import re\n    pattern = '|'.join(re.escape(each) for each in {delimiters!r})\n"
    return body, {"items": f"re.split(pattern, {expression(Text(parts(node.params.get('text'))), names)})"}


def _list(node: Node, names: dict[Ref, str]) -> Code:
    lines = [indent("".join(FUNCTIONS[name][0] for name in ("parse", "pick", "test", "listed")), "    ")]
    given = node.params | {"filter": elements(node.params["filter"]) if node.params.get("filter") else None}
    asked = [f"{key}={expression(given[key], names)}" for key in LISTED if given.get(key) is not None]
    lines.append("    box = lambda value: value\n")
    lines.append(f"    found = listed({', '.join([expression(given.get('list'), names), *asked])})\n")
    return "".join(lines), {name: f"found[{name!r}]" for name in ("result", "first", "last")}


def _pass(node: Node, names: dict[Ref, str]) -> Code:
    return "", {"done": "True"}


def _stop(node: Node, names: dict[Ref, str]) -> Code:
    return f"    raise Exception({expression(node.params.get('message', ''), names)})\n", {}


STEPS: dict[str, Callable[[Node, dict[Ref, str]], Code]] = {
    "set": _set,
    "json_dump": _dump,
    "split": _split,
    "list": _list,
    "pass": _pass,
    "stop": _stop,
}
