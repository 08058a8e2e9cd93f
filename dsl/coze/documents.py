"""Knowledge bases of Coze, read and written: what is found in them, a document put in or taken out."""

from typing import Any

from dsl import filters
from dsl.coze.reading import Reading, mapping
from dsl.coze.writing import FOUND, Made, Writing, literal, variable, variables
from dsl.ir import Ref, Type, Value
from dsl.kinds import KINDS
from dsl.knowledge import KNOWLEDGE_KEY


def read_retrieved(reading: Reading) -> None:
    node = reading.node
    given = reading.params(reading.inputs.get("datasetParam"))
    bases = given.get("datasetList") if isinstance(given.get("datasetList"), list) else []
    node.kind = "retrieve"
    node.params = {
        "query": reading.named().get("Query", ""),
        "knowledge": [reading.found.resource("knowledge", str(each), {"id": str(each)}) for each in bases or []],
    }
    names = {"topK": "top_k", "minScore": "score_threshold"}
    node.params |= {ours: given[theirs] for theirs, ours in names.items() if given.get(theirs) is not None}
    keep = ("useRerank", "useRewrite", "isPersonalOnly", "strategy")
    node.params["search"] = {key: given[key] for key in keep if given.get(key) is not None}


def read_added(reading: Reading) -> None:
    node, strategy = reading.node, mapping(reading.inputs.get("strategyParam"))
    node.kind = "add_document"
    node.params = _knowledge(reading) | {"file": reading.named().get("knowledge")}
    chunks = mapping(strategy.get("chunkStrategy"))
    if chunks.get("chunkType") == "custom":
        wanted = (("separator", "separator", str), ("max_tokens", "maxToken", int), ("overlap", "overlap", int | float))
        node.params["chunks"] = {ours: chunks[key] for ours, key, type_ in wanted if isinstance(chunks.get(key), type_)}
    if parsing := mapping(strategy.get("parsingStrategy")):
        node.params["parsing"] = parsing


def read_deleted(reading: Reading) -> None:
    reading.node.kind = "delete_document"
    reading.node.params = _knowledge(reading) | {"document": reading.named().get("documentID")}


def _knowledge(reading: Reading) -> dict[str, Value]:
    """The base that is changed, and the key that another platform asks for to do that."""
    bases = reading.params(reading.inputs.get("datasetParam")).get("datasetList")
    key = reading.found.resource("credential", KNOWLEDGE_KEY, {"type": "bearer"})
    ids = [str(each) for each in bases if each] if isinstance(bases, list) else []
    known = {"knowledge": reading.found.resource("knowledge", ids[0], {"id": ids[0]})} if ids else {}
    return known | {"credential": key}


# -- and back


def retrieve(writing: Writing) -> Made:
    params = writing.node.params
    known = {each.id: each for each in writing.canvas.flow.resources}
    own = writing.canvas.flow.dialect == "coze"
    bases = (
        [str(known[each].hint.get("id", "")) for each in params.get("knowledge", []) if each in known] if own else []
    )
    if not own:
        writing.note(
            "needs_binding", "resource.knowledge", "The knowledge bases have other ids here.", "Choose them again."
        )
        if lost := filters.unfiltered(writing.node, "Coze"):
            writing.note("degraded", filters.CODE, lost, filters.ADVICE)
    given = {"datasetList": bases, "topK": params.get("top_k") or 5, "minScore": params.get("score_threshold") or 0.5}
    given |= (params.get("search") or {}) if own else {"strategy": 1, "useRerank": bool(params.get("rerank"))}
    kinds = {"datasetList": Type("array", items=Type("string")), "minScore": Type("number")}
    listed: list[dict[str, Any]] = [
        {"name": name, "input": writing.ref(value) if isinstance(value, Ref) else literal(value, kinds.get(name))}
        for name, value in given.items()
    ]
    listed[0]["input"]["value"]["content"] = bases
    query = [writing.param("Query", params.get("query") or "")]
    return "6", {"datasetParam": listed, "inputParameters": query}, [variable("outputList", FOUND)]


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
