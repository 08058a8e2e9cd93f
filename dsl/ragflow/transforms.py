"""StringTransform: a template, or a text taken apart."""

from functools import partial

from dsl.ir import Script
from dsl.ragflow import jinja
from dsl.ragflow.reading import Reading, listing
from dsl.ragflow.returned import is_code
from dsl.ragflow.scripts import stub, write_step
from dsl.ragflow.writing import Made, Writing
from dsl.steps import PRINTED, as_python, plain


def read_transform(reading: Reading) -> None:
    node, params = reading.node, reading.params
    if params.get("method") == "split":
        node.kind = "split"
        node.params = {
            "text": reading.bare(params.get("split_ref") or ""),
            "delimiters": [each for each in listing(params.get("delimiters")) if isinstance(each, str)],
        }
    else:
        node.kind = "template"
        script = str(params.get("script") or "")
        said = jinja.words(script, reading.find)
        if said is not None:
            delimiter = next(iter(listing(params.get("delimiters"))), "")
            node.params = {"template": said}
            node.params |= {"delimiter": delimiter} if isinstance(delimiter, str) and delimiter else {}
        else:
            template, node.inputs = jinja.read(script, reading.find)
            node.params = {"template": template}


def write_template(writing: Writing) -> Made:
    script = _script(writing)
    if script is None:
        why = "RAGFlow's templates get texts alone: the logic of this one takes lists, numbers or fields."
        return stub(writing, why, "template.logic")
    delimiter = writing.node.params.get("delimiter", "")
    return "StringTransform", {"method": "merge", "script": script, "delimiters": [delimiter]}


def _script(writing: Writing) -> str | None:
    """The template with references; None where its logic does not run here."""
    inputs, source = writing.node.inputs, writing.node.params.get("template", "")
    if not isinstance(source, Script):
        return writing.said(source, merged=True)
    if writing.flow.dialect == "ragflow":
        return jinja.write(source, inputs, writing.name)
    known = plain(source.source, inputs)
    name = partial(writing.name, text=True)
    logic = jinja.translated(source, inputs, name, writing.is_text) if known is None else None
    script = logic if known is None else writing.said(known, merged=True)
    if script is None:
        return None
    writing.note("equivalent", "template.names", "The names of the template became references.")
    printed = known if known is not None else list(inputs.values())
    if told := as_python(printed, writing.known, writing.flow):
        writing.note("degraded", "template.printed", PRINTED.format(told))
    return script


def write_split(writing: Writing) -> Made:
    params = writing.node.params
    if is_code(writing.node):
        return write_step(writing)
    return "StringTransform", {
        "method": "split",
        "split_ref": writing.name(params["text"]),
        "delimiters": list(params.get("delimiters", [])),
    }
