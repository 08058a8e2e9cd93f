"""Code, steps that became code, and stubs that fail."""

import copy
from collections.abc import Callable
from typing import Any, Literal

from dsl import onlyn8n, typescript
from dsl.ragflow.constants import constants, given, taken_out
from dsl.ragflow.exports import called, handed_out
from dsl.ragflow.reading import Reading
from dsl.ragflow.returned import BESIDE, OUTPUTS, alone, boxed, declare, declared, returns
from dsl.ragflow.sandbox import refused
from dsl.ragflow.shims import step, unwrapped, wrapped
from dsl.ragflow.types import type_of, word_of
from dsl.ragflow.writing import Made, Writing
from dsl.steps import arguments, python


def read_code(reading: Reading) -> None:
    node, params = reading.node, reading.params
    lang = "javascript" if str(params.get("lang")).lower() in ("javascript", "nodejs") else "python3"
    source = str(params.get("script") or "")
    arguments = {name: reading.bare(value) if value else None for name, value in reading.mapping("arguments").items()}
    outputs = {
        name: type_of(each.get("type"))
        for name, each in reading.mapping("outputs").items()
        if isinstance(each, dict) and name not in BESIDE
    }
    source = called(source) if lang == "javascript" else source
    known = declared(source)
    source, outputs = known or (source, outputs)
    source, values = taken_out(source)
    arguments |= values
    if not unwrapped(node, lang, source, arguments, outputs):
        if known is None and len(outputs) == 1:
            source = boxed(lang, source, *next(iter(outputs.items())))
        node.kind, node.inputs, node.outputs = "code", arguments, outputs
        node.params = {"lang": lang, "style": "kwargs", "source": source}
    _call(reading)


def _call(reading: Reading) -> None:
    """What a step from elsewhere calls, and with which credential, has to be bound again, wherever it goes."""
    params = reading.node.params
    auth = params.get("auth")
    for held, kind, name in ((params, "tool", "tool"), (params, "subflow", "flow"), (auth, "credential", "credential")):
        if isinstance(held, dict) and isinstance(called := held.get(name), str):
            hint = {"type": held.get("type")} if kind == "credential" else {}
            held[name] = reading.resource(kind, called.removeprefix(f"{kind}:"), hint)


def write_code(writing: Writing) -> Made:
    params = writing.node.params
    node, fields = writing.node, params.get("fields")
    source = alone(node)
    if source is None:
        source = wrapped(params.get("lang", "python3"), params.get("style", "kwargs"), params.get("source", ""), fields)
    if source is None:
        return stub(writing, f"RAGFlow does not run {params.get('lang')} that is called as this is.", "code.language")
    if params.get("style") != "kwargs":
        writing.note("equivalent", "code.wrapped", "The code is called as its platform calls it, by lines around it.")
    if params.get("lang") == "javascript" and typescript.has_more(params.get("source", "")):
        writing.note("degraded", "code.typescript", typescript.MORE, typescript.ADVICE)
    if writing.flow.dialect != "ragflow" and (message := onlyn8n.told(params)):
        writing.note("degraded", "code.n8n", message, onlyn8n.ADVICE)
    if params.get("packages"):
        writing.note("needs_binding", "code.packages", "The packages of the code have to be in RAGFlow's sandbox.")
    if writing.flow.dialect != "ragflow" and (found := refused(params.get("lang", "python3"), source)):
        message = f"RAGFlow's sandbox refuses {', '.join(found)} before it runs the code: it fails when it is reached."
        writing.note("stub", "code.refused", message, "Write it without, under other names.")
    source, arguments = _given(writing, source)
    if returns(writing.flow, node):
        source = declare(params.get("lang", "python3"), source, node.outputs)
    if params.get("lang") == "javascript":
        return "CodeExec", {"lang": "javascript", "script": handed_out(source), "arguments": arguments}
    return "CodeExec", {"lang": "python", "script": source, "arguments": arguments}


def _given(writing: Writing, source: str) -> tuple[str, dict[str, Any]]:
    """The code with its constants in it, and the arguments that references give."""
    inputs = writing.node.inputs
    values = constants(inputs)
    if values:
        message = f"Arguments here are references: {', '.join(values)} became a part of the code."
        writing.note("equivalent", "code.literal", message)
    arguments = {name: writing.bare(value) or "" for name, value in inputs.items() if name not in values}
    return given(writing.node.params.get("lang", "python3"), source, values), arguments


def given_out(writing: Writing) -> dict[str, Any]:
    """The outputs of code: what RAGFlow checks what it returns against."""
    node = writing.node
    if returns(writing.flow, node) or (writing.flow.dialect != "ragflow" and alone(node) is None):
        return copy.deepcopy(OUTPUTS)
    return {name: {"type": word_of(each), "value": None} for name, each in node.outputs.items()}


def write_step(writing: Writing) -> Made:
    """Python for a step that is no component."""
    node = writing.node
    names = arguments(node)
    body, result = python(node, names)
    source, given = step(node, body, result)
    if node.kind != "stop":
        writing.note("equivalent", "code.step", "The step became code that does the same.")
    return "CodeExec", {
        "lang": "python",
        "script": source,
        "arguments": {name: writing.name(ref) for name, ref in given.items()},
    }


def stub(
    writing: Writing, why: str = "", code: str = "kind.unsupported", severity: Literal["stub", "needs_binding"] = "stub"
) -> Made:
    """What has no counterpart raises when it is reached, and says what it was."""
    node = writing.node
    what = str(node.params.get("type") or node.kind)
    message = f"'{node.title or node.id}' ({what} of {writing.flow.dialect}) has no counterpart in RAGFlow."
    why = why or f"{node.title or node.id} ({what}) has no counterpart in RAGFlow."
    writing.note(severity, code, f"{why} It raises when it is reached.", "Build this step by hand.")
    source, given = step(node, f"    raise Exception({message!r})\n", {})
    return "CodeExec", {
        "lang": "python",
        "script": source,
        "arguments": {
            name: writing.name(ref) for name, ref in given.items() if ref.node in writing.known or not ref.node
        },
    }


def by_hand(why: str) -> Callable[[Writing], Made]:
    return lambda writing: stub(writing, why)
