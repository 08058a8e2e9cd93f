"""What is kept as it is: notes on the canvas, and nodes of types that are not known here."""

from dsl.dify import notepad
from dsl.dify.work import Work
from dsl.dify.writers.types import schema
from dsl.dify.writers.values import Data, Write
from dsl.ir import Node


def _note(work: Work, node: Node) -> Data:
    width, height = node.params.get("size") or [240, 88]
    made = {
        "text": notepad.lexical(str(node.params.get("text", ""))),
        "theme": "blue",
        "author": "",
        "showAuthor": False,
    }
    return {"type": "", **made, "width": width, "height": height}


def _opaque(work: Work, node: Node) -> Data:
    made: Data = {"type": node.params.get("type", "")}
    if node.outputs:
        made["output_schema"] = {"type": "object", "properties": {n: schema(t) for n, t in node.outputs.items()}}
    return made


WRITERS: dict[str, Write] = {"note": _note, "opaque": _opaque}
