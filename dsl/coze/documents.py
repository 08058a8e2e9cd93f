"""Nodes that put a document into a knowledge base of Coze, or take one out."""

from typing import Any

from dsl.coze.writing import Made, Writing, literal, variables
from dsl.ir import Type, Value
from dsl.kinds import KINDS


def add(writing: Writing) -> Made:
    params = writing.node.params
    strategy = {
        "parsingStrategy": params.get("parsing") or {"parsingType": "fast"},
        "chunkStrategy": _chunks(params.get("chunks")),
        "indexStrategy": {},
    }
    given = [{"name": "knowledge", "input": _file(writing, params.get("file"))}]
    made = {"datasetParam": _base(writing), "strategyParam": strategy, "inputParameters": given}
    names = ("documentId", "fileName", "fileUrl")
    return "27", made, variables(dict.fromkeys(names, Type("string")))


def delete(writing: Writing) -> Made:
    given = [writing.param("documentID", writing.node.params.get("document"), Type("string"))]
    outs = variables({"isSuccess": KINDS["delete_document"].outputs["is_success"]})
    return "60", {"datasetParam": _base(writing), "inputParameters": given}, outs


def _chunks(chunks: Any) -> dict[str, Any]:
    if not chunks:
        return {"chunkType": "default"}
    separator = chunks.get("separator", "\n")
    made = {"chunkType": "custom", "separatorType": separator, "separator": separator}
    names = {"max_tokens": "maxToken", "overlap": "overlap"}
    return made | {theirs: chunks[ours] for ours, theirs in names.items() if ours in chunks}


def _file(writing: Writing, value: Value) -> dict[str, Any]:
    """Beside a file that is written down, Coze wants the name of the file or no word about it."""
    made = writing.block(value, Type("file"))
    if made["value"]["type"] == "literal":
        made["value"].pop("rawMeta")
    return made


def _base(writing: Writing) -> list[dict[str, Any]]:
    """The id of the base, which only Coze's own flows have."""
    known = {each.id: each for each in writing.canvas.flow.resources}
    base = known.get(writing.node.params.get("knowledge", ""))
    ids = [str(base.hint["id"])] if base and "id" in base.hint and writing.canvas.flow.dialect == "coze" else []
    if not ids:
        message = f"The knowledge base {base.name if base else ''} has another id here."
        writing.note("needs_binding", "resource.knowledge", message, "Choose it again.")
    listed = literal([], Type("array", items=Type("string")))
    listed["value"]["content"] = ids
    return [{"name": "datasetList", "input": listed}]
