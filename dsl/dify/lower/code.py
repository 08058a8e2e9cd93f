"""Code in the way of another platform: lines around it call it, and hand on what it declares."""

import re
from typing import Any

from dsl import computed, onlyn8n, typescript
from dsl.dify import names, shims
from dsl.dify.work import ANY, Recipe, Work
from dsl.ir import Node, Type
from dsl.values import refs


def _code(work: Work, node: Node) -> None:
    """Calls the code in its own way and hands on what it declares."""
    lang, style = node.params.get("lang", "python3"), str(node.params.get("style", "kwargs"))
    if style == "done":
        return
    if style in ("items", "item"):
        _promise(work, node)
    loose = {name: type_ for name, type_ in node.outputs.items() if name == computed.ALL or not names.declarable(type_)}
    boxed = {name: names.word_of(type_) for name, type_ in loose.items()}
    source = str(node.params.get("source", ""))
    if style == "kwargs" and not boxed and not (lang == "javascript" and not work.own and _PROMISES.search(source)):
        return
    work.boxed |= {(node.id, name) for name in boxed}
    outputs = {name: {} if name in boxed else _fields(type_) for name, type_ in node.outputs.items()}
    code = shims.Code(lang, source, style, list(node.inputs), outputs, boxed, node.params.get("fields", {}))
    node.params = {**node.params, "source": shims.wrapped(code), "style": "done"}
    if not work.own:
        work.note(node, "equivalent", "code.wrapped", "Generated lines around the code call it in its own way.")
        if message := onlyn8n.told(node.params | {"source": source, "style": style}):
            work.note(node, "degraded", "code.n8n", message, onlyn8n.ADVICE)
    if lang == "javascript" and typescript.has_more(code.source):
        work.note(node, "degraded", "code.typescript", typescript.MORE, typescript.ADVICE)


_PROMISES = re.compile(r"\basync\b|\bPromise\b|\.then\(")  # whose result Dify does not wait for


def _fields(type_: Type) -> dict[str, Any]:
    """What is to be there below an output: Dify fails where a declared field is not, or another is."""
    return {name: _fields(each) for name, each in names.fields(type_).items()}


def _promise(work: Work, node: Node) -> None:
    """n8n's code declares nothing: its outputs are what others read."""
    for other in work.all():
        for ref in refs([other.params, other.inputs]):
            if ref.node == node.id and ref.scope == "node" and ref.path and ref.path[0] != "error":
                node.outputs.setdefault(str(ref.path[0]), ANY)


RECIPES: dict[str, Recipe] = {"code": _code}
