"""Python for steps that a platform has no node for: what a body computes and the outputs as expressions."""

import re
from collections.abc import Callable
from typing import Any

from dsl.ir import Node, Ref, Script, Text, Value
from dsl.values import refs, text

Code = tuple[str, dict[str, str]]  # lines of the body, and an expression for each output


def arguments(node: Node) -> dict[Ref, str]:
    """A name for each reference of a node, but to the elements of a list that it walks itself."""
    every = dict.fromkeys(refs([node.params, node.inputs]))
    return {ref: f"a{i}" for i, ref in enumerate(ref for ref in every if (ref.node, ref.scope) != (node.id, "item"))}


def expression(value: Value, names: dict[Ref, str]) -> str:
    """A value as a Python expression."""
    if isinstance(value, Ref):
        return names[value]
    if isinstance(value, Text):
        said = (repr(part) if isinstance(part, str) else f"str({expression(part, names)})" for part in value.parts)
        return " + ".join(said)
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


def _set(node: Node, names: dict[Ref, str]) -> Code:
    made = {name: expression(value, names) for name, value in node.inputs.items() if "." not in name}
    for name, value in node.inputs.items():
        if "." in name:
            top, rest = name.split(".", 1)
            inner = expression(value, names)
            for key in reversed(rest.split(".")):
                inner = f"{{{key!r}: {inner}}}"
            made[top] = f"{{**{made[top]}, **{inner}}}" if top in made else inner
    return "", made


def _dump(node: Node, names: dict[Ref, str]) -> Code:
    value = expression(node.params.get("value"), names)
    return "    import json\n", {"output": f"json.dumps({value}, ensure_ascii=False)"}


def _split(node: Node, names: dict[Ref, str]) -> Code:
    delimiters = [str(each) for each in node.params.get("delimiters", [])] or [","]
    body = f"    import re\n    pattern = '|'.join(re.escape(each) for each in {delimiters!r})\n"
    return body, {"items": f"re.split(pattern, str({expression(node.params.get('text'), names)}))"}


_LENGTHS = {"eq": "==", "ne": "!=", "gt": ">", "ge": ">=", "lt": "<", "le": "<="}
_TESTS = {
    "eq": "{0} == {1}",
    "ne": "{0} != {1}",
    "gt": "{0} > {1}",
    "ge": "{0} >= {1}",
    "lt": "{0} < {1}",
    "le": "{0} <= {1}",
    "contains": "{1} in {0}",
    "not_contains": "{1} not in {0}",
    "starts": "str({0}).startswith({1})",
    "ends": "str({0}).endswith({1})",
    "empty": "not {0}",
    "not_empty": "bool({0})",
    "in": "{0} in {1}",
    "not_in": "{0} not in {1}",
    "not_starts": "not str({0}).startswith({1})",
    "not_ends": "not str({0}).endswith({1})",
    "regex": "re.search({1}, str({0})) is not None",
    "not_regex": "re.search({1}, str({0})) is None",
    "null": "{0} is None",
    "not_null": "{0} is not None",
    "exists": "{0} is not None",
    "not_exists": "{0} is None",
    "true": "{0} is True",
    "false": "{0} is False",
    "before": "str({0}) < str({1})",
    "after": "str({0}) > str({1})",
    "all_of": "all(one in {0} for one in {1})",
} | {f"length_{name}": f"len({{0}}) {sign} {{1}}" for name, sign in _LENGTHS.items()}


def _list(node: Node, names: dict[Ref, str]) -> Code:
    params = node.params
    lines = [f"    found = list({expression(params.get('list'), names)})"]
    if params.get("filter"):
        tests = [_test(each, names) for each in params["filter"].get("conditions", [])]
        joined = f" {params['filter'].get('logic', 'and')} ".join(f"({each})" for each in tests) or "True"
        lines += ["    import re"] * (".search(" in joined)
        lines.append(f"    found = [each for each in found if {joined}]")
    for order in reversed(params.get("sort") or []):
        key = f"each[{order['key']!r}]" if order.get("key") else "each"
        lines.append(f"    found.sort(key=lambda each: {key}, reverse={order.get('order') == 'desc'})")
    if params.get("unique") is not None:
        lines.append("    found = [each for i, each in enumerate(found) if each not in found[:i]]")
    if params.get("nth") is not None:
        nth = f"int({expression(params['nth'], names)})"
        lines.append(f"    found = found[{nth} - 1:{nth}]")
    if params.get("limit"):
        many = f"int({expression(params['limit'].get('size'), names)})"
        last = params["limit"].get("keep") == "last"
        lines.append(f"    found = found[-{many}:]" if last else f"    found = found[:{many}]")
    ends = {"result": "found", "first": "found[0] if found else None", "last": "found[-1] if found else None"}
    return "\n".join(lines) + "\n", ends


def _test(each: dict[str, Any], names: dict[Ref, str]) -> str:
    if "conditions" in each:
        return f" {each.get('logic', 'and')} ".join(f"({_test(one, names)})" for one in each["conditions"]) or "True"
    left = each.get("left")
    path = left.path if isinstance(left, Ref) and left.scope == "item" else ()
    subject = "each" + "".join(f"[{key!r}]" for key in path if key != "item")
    return _TESTS[each.get("op", "eq")].format(subject, expression(each.get("right"), names))


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
