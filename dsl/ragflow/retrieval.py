"""Retrieval from knowledge bases."""

from typing import Any

from dsl.ragflow.reading import Reading
from dsl.ragflow.writing import Made, Writing


def read_retrieval(reading: Reading) -> None:
    node, params = reading.node, reading.params
    node.kind = "retrieve"
    bases = params.get("dataset_ids") or params.get("kb_ids") or []
    known = (
        [reading.resource("knowledge", str(each), {"id": str(each)}) for each in bases]
        if isinstance(bases, list)
        else []
    )
    query = params.get("query") or ""
    alone = reading.bare(query)
    node.params = {"query": reading.prompt(query) if alone is query else alone, "knowledge": known}
    names = {"top_n": "top_k", "similarity_threshold": "score_threshold"}
    node.params |= {
        ours: params[theirs] for theirs, ours in names.items() if isinstance(params.get(theirs), (int, float))
    }
    if params.get("rerank_id"):
        node.params["rerank"] = {"model": reading.named_model(str(params["rerank_id"]), type="rerank")}
    keep = ("keywords_similarity_weight", "top_k", "empty_response", "cross_languages", "use_kg", "meta_data_filter")
    node.params["search"] = {key: params[key] for key in keep if params.get(key) not in (None, "", [], False)}


def write_retrieve(writing: Writing) -> Made:
    params = writing.node.params
    known = {each.id: each for each in writing.flow.resources}
    own = writing.flow.dialect == "ragflow"
    bases = (
        [str(known[each].hint.get("id", "")) for each in params.get("knowledge", []) if each in known] if own else []
    )
    made: dict[str, Any] = {"query": writing.prompt(params.get("query", "")), "kb_ids": bases}
    names = {"top_k": "top_n", "score_threshold": "similarity_threshold"}
    made |= {theirs: params[ours] for ours, theirs in names.items() if params.get(ours) is not None}
    if params.get("rerank"):
        rerank = known.get(params["rerank"].get("model", ""))
        made["rerank_id"] = str(rerank.hint.get("llm_id") or rerank.name) if rerank else ""
    if own:
        made |= params.get("search") or {}
    elif params.get("filter"):
        writing.note("degraded", "retrieve.filter", "The filter on metadata has to be set again.")
    return "Retrieval", made
