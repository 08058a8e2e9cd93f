"""Code and text nodes on Coze, and stubs that fail."""

from collections.abc import Iterator

from dsl import onlyn8n
from dsl.coze import imports
from dsl.coze.shims import step, wrapped
from dsl.coze.uses import implied
from dsl.coze.writing import Made, Writing, concat, literal, variable, variables
from dsl.ir import Ref, Script, Type, Value
from dsl.kinds import outputs
from dsl.steps import PRINTED, arguments, as_python, plain, python


def code(writing: Writing) -> Made:
    node, params = writing.node, writing.node.params
    untold = [place for name, each in node.outputs.items() for place in _untold(name, each)]
    loose = list(dict.fromkeys([*(place.partition(".")[0] for place in untold), *implied(node)]))
    lang, style = params.get("lang", "python3"), params.get("style", "args")
    source = wrapped(lang, style, params.get("source", ""), params.get("fields"), loose)
    if source is None:
        return stub(writing, f"Coze does not run {lang} that is called as this is.", "code.language")
    if untold and writing.canvas.flow.dialect != "coze" and writing.canvas.notes.is_own(node):
        message = f"Nothing says of what type these are, and they are declared as text here: {', '.join(untold)}."
        writing.note("degraded", "code.types", message, "Give them their types in the code node.")
    javascript = lang == "javascript"
    if javascript and writing.canvas.flow.dialect != "coze":
        writing.note(
            "degraded",
            "code.language",
            "coze.cn runs JavaScript; Coze Studio runs Python only.",
            "Write it in Python for Coze Studio.",
        )
    elif not javascript and writing.canvas.flow.dialect != "coze" and (names := imports.missing(source)):
        message = f"The code imports {', '.join(names)}, which Coze Studio does not have."
        writing.note("degraded", "code.import", message, "Do without, or run it on coze.cn.")
    if style != "args":
        writing.note("equivalent", "code.wrapped", "The code is called as its platform calls it, by lines around it.")
    if writing.canvas.flow.dialect != "coze" and (message := onlyn8n.told(params)):
        writing.note("degraded", "code.n8n", message, onlyn8n.ADVICE)
    given = [{"name": name, "input": writing.block(value)} for name, value in _taken(writing)]
    return (
        "5",
        {"code": source, "language": 5 if javascript else 3, "inputParameters": given},
        [variable(name, each) for name, each in node.outputs.items()],
    )


def _taken(writing: Writing) -> Iterator[tuple[str, Value]]:
    """Its inputs; without one that is nothing the code could not be called."""
    own = writing.canvas.flow.dialect == "coze"
    for name, value in writing.node.inputs.items():
        if value is None and not own:
            writing.note("degraded", "input.nothing", f"Nothing is given as {name}: it is empty text here.")
        if value is not None or not own:
            yield name, value


def _untold(place: str, kind: Type) -> Iterator[str]:
    """What is of any type, in an output or below it."""
    if kind.name == "any":
        yield place
    for name, each in (kind.props or {}).items():
        yield from _untold(f"{place}.{name}", each)
    if kind.items:
        yield from _untold(f"{place}.0", kind.items)


def steps(writing: Writing) -> Made:
    """Python for a step that is no node."""
    node = writing.node
    names = arguments(node)
    body, result = python(node, names)
    outs = outputs(node) if node.kind != "pass" else {"done": Type("boolean")}
    declared = {name: each for name, each in outs.items() if name in result} or {"done": Type("boolean")}
    source, given = step(node, body, result)
    if node.kind != "stop":
        writing.note("equivalent", "code.step", "The step became code that does the same.")
    return (
        "5",
        {
            "code": source,
            "language": 3,
            "inputParameters": [{"name": name, "input": writing.ref(ref)} for name, ref in given.items()],
        },
        variables(declared),
    )


def stub(writing: Writing, why: str = "", code: str = "kind.unsupported", advice: str = "") -> Made:
    """What has no counterpart raises when it is reached, and says what it was."""
    node = writing.node
    what = str(node.params.get("type") or node.kind)
    message = f"'{node.title or node.id}' ({what} of {writing.canvas.flow.dialect}) has no counterpart in Coze."
    why = why or f"{node.title or node.id} ({what}) has no counterpart in Coze."
    writing.note("stub", code, f"{why} It raises when it is reached.", advice or "Build this step by hand.")
    source, given = step(node, f"    raise Exception({message!r})\n", {})
    kept = [{"name": name, "input": writing.ref(ref)} for name, ref in given.items()]
    return (
        "5",
        {"code": source, "language": 3, "inputParameters": kept},
        variables(outputs(node)) or [variable("output", Type("string"))],
    )


def template(writing: Writing) -> Made:
    node = writing.node
    value: Value = node.params.get("template", "")
    if isinstance(value, Script):
        known = plain(value.source, node.inputs)
        if known is None:
            why = "A template with logic cannot be rendered here."
            return stub(writing, why, "template.logic", "Write it as code.")
        if told := as_python(known, writing.canvas.known, writing.canvas.flow):
            writing.note("degraded", "template.printed", PRINTED.format(told))
        value = known
    words, given = writing.template(value, node.inputs, unjoined="delimiter" not in node.params)
    joined = concat(words, given, node.params.get("delimiter", ","))
    return "15", joined, [variable("output", Type("string", required=True))]


def split(writing: Writing) -> Made:
    delimiters = [str(each) for each in writing.node.params.get("delimiters", [])]
    known = literal(delimiters, Type("array", items=Type("string")))
    known["value"]["content"] = delimiters
    everything = {"name": "delimiters", "input": known}
    made = {
        "method": "split",
        "splitParams": [everything],
        "inputParameters": [writing.param("String", writing.node.params.get("text"))],
    }
    return "15", made, [variable("output", Type("array", items=Type("string")))]


def json_parse(writing: Writing) -> Made:
    outs = writing.node.outputs or {"output": Type("object")}
    return "59", {"inputParameters": [writing.param("input", writing.node.params.get("value"))]}, variables(outs)


def json_dump(writing: Writing) -> Made:
    if not isinstance(writing.node.params.get("value"), Ref):
        return steps(writing)
    return (
        "58",
        {"inputParameters": [writing.param("input", writing.node.params.get("value"))]},
        [variable("output", Type("string"))],
    )
