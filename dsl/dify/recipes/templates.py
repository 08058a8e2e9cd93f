"""Templates that print a text with references, or nothing."""

import json
import re
from typing import Any

from dsl.dify.expressions import BEGIN, END
from dsl.ir import Node, Script
from dsl.values import parse

_MARKED = re.compile(rf"\{{# {BEGIN} (text|pass|continue) #\}}\{{# {END} #\}}")


_JOINED = r' \| join\(("(?:[^"\\]|\\.)*")\)(?: if \2 is sequence [^{}]*)?'
_GIVEN = r"(?: \| tojson)? if \2 is not none"
_PRINTED = re.compile(rf"\{{\{{ (?:'(\{{)'|([A-Za-z]\w*)(?:{_JOINED}|{_GIVEN})?) \}}\}}", re.ASCII)


def template(node: Node) -> None:
    template = node.params.get("template")
    match = _MARKED.match(template.source) if isinstance(template, Script) else None
    if match is None or not isinstance(template, Script):
        return
    rest = template.source[match.end() :]
    if match[1] != "text":
        node.kind, node.params = match[1], {}
        return
    inputs = node.inputs

    def found(printed: "re.Match[str]") -> Any:
        return "{" if printed[1] else inputs.get(printed[2])

    node.params["template"] = parse(rest, _PRINTED, found)
    node.inputs = {}
    if delimiter := next((each[3] for each in _PRINTED.finditer(rest) if each[3]), None):
        node.params["delimiter"] = json.loads(delimiter)
