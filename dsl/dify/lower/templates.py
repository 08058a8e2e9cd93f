"""Text with references as a Jinja template that prints them."""

import json
import re

from dsl.dify.expressions import BEGIN, END
from dsl.dify.work import Recipe, Work
from dsl.ir import Node, Ref, Script, Text, Value
from dsl.values import parts, unique

_TAG = re.compile(r"\{(?=[{%#])")
_COMPUTED = frozenset({"object", "array", "any"})  # a text in front prints them, as JSON: a template prints Python
_UNSAID, _LETTER = re.compile(r"\W", re.ASCII), re.compile("[A-Za-z]")


def _template(work: Work, node: Node) -> None:
    """Text with references as a Jinja template that prints them."""
    template = node.params.get("template", "")
    if isinstance(template, Script) and template.lang == "jinja2":
        return
    named: dict[Value, str] = {}
    inputs: dict[str, Value] = {}
    source = f"{{# {BEGIN} text #}}{{# {END} #}}"
    for part in parts(template):
        if isinstance(part, str):
            source += _TAG.sub("{{ '{' }}", part)
            continue
        if part not in named:
            named[part] = unique(_name(part), {*inputs})
            inputs[named[part]] = part
        known = work.type_of(part).name if isinstance(part, Ref) else "any"
        if known in _COMPUTED and not _joins(node, known):
            inputs[named[part]] = Text((part,))
        source += "{{ " + _printed(work, node, part, named[part], known) + " }}"
    node.inputs = inputs
    node.params = {"template": Script("jinja2", source)}


def _name(part: Value) -> str:
    stem = _UNSAID.sub("_", str(part.path[-1]) if isinstance(part, Ref) and part.path else "value")
    return (stem if _LETTER.match(stem) else f"v_{stem}")[:28]


def _joins(node: Node, known: str) -> bool:
    """Whether the delimiter joins it, or it is seen when it runs whether it does."""
    return "delimiter" in node.params and known in ("array", "any")


def _printed(work: Work, node: Node, value: Value, name: str, known: str) -> str:
    """Python's `True` and `None` are words of no other platform: they are `true`, and nothing."""
    if _joins(node, known):
        joined = f"{name} | join({json.dumps(node.params['delimiter'], ensure_ascii=False)})"
        is_list = f"{name} is sequence and {name} is not string and {name} is not mapping"
        return joined if known == "array" else f"{joined} if {is_list} else {_of_any(name)}"
    if known == "boolean":
        return f"{name} | tojson if {name} is not none"
    return name if known in _COMPUTED or _surely(work, node, value) else f"{name} if {name} is not none"


def _of_any(name: str) -> str:
    return f"{name} if {name} is string else {name} | tojson if {name} is not none"


def _surely(work: Work, node: Node, value: Value) -> bool:
    """Whether there is a value: an input that was not given has none, nor has a node on another way."""
    if not isinstance(value, Ref) or value.scope != "node" or value.node not in work.nodes:
        return True
    source, given = work.nodes[value.node], work.type_of(value)
    if source.kind == "start" or len(value.path) > 1:
        return given.required or given.default is not None
    return work.reach is None or work.reach.surely(source.id, node.id)


RECIPES: dict[str, Recipe] = {"template": _template}
