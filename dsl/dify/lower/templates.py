"""Text with references as a Jinja template that prints them."""

import json
import re

from dsl.dify.expressions import BEGIN, END
from dsl.dify.work import Recipe, Work
from dsl.ir import Node, Ref, Script, Text, Value
from dsl.values import parts, unique

_TAG = re.compile(r"\{(?=[{%#])")
_UNSAID, _LETTER = re.compile(r"\W", re.ASCII), re.compile("[A-Za-z]")


def _template(work: Work, node: Node) -> None:
    """Text with references as a Jinja template that prints them."""
    template = node.params.get("template", "")
    if isinstance(template, Script) and template.lang == "jinja2":
        return
    named: dict[Value, str] = {}
    source = f"{{# {BEGIN} text #}}{{# {END} #}}"
    for part in parts(template):
        if isinstance(part, str):
            source += _TAG.sub("{{ '{' }}", part)
            continue
        if part not in named:
            named[part] = unique(_name(part), {*named.values()})
        source += "{{ " + _printed(node, named[part], _as_list(work, node, part)) + " }}"
    node.inputs = {name: part if _as_list(work, node, part) else _printable(work, part) for part, name in named.items()}
    node.params = {"template": Script("jinja2", source)}


def _name(part: Value) -> str:
    stem = _UNSAID.sub("_", str(part.path[-1]) if isinstance(part, Ref) and part.path else "value")
    return (stem if _LETTER.match(stem) else f"v_{stem}")[:28]


def _as_list(work: Work, node: Node, value: Value) -> str:
    """`array` for what the delimiter joins, `any` where that is seen when it runs."""
    type_ = work.type_of(value).name if isinstance(value, Ref) and "delimiter" in node.params else ""
    return type_ if type_ in ("array", "any") else ""


def _printed(node: Node, name: str, as_list: str) -> str:
    if not as_list:
        return name
    joined = f"{name} | join({json.dumps(node.params['delimiter'], ensure_ascii=False)})"
    is_list = f"{name} is sequence and {name} is not string and {name} is not mapping"
    return joined if as_list == "array" else f"{joined} if {is_list} else {name}"


def _printable(work: Work, value: Value) -> Value:
    """Objects and lists print as JSON in texts, as Python in templates."""
    known = work.type_of(value).name if isinstance(value, Ref) else "any"
    return Text((value,)) if known in ("object", "array") else value


RECIPES: dict[str, Recipe] = {"template": _template}
