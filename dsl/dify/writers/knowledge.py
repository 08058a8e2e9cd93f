"""What is found in knowledge bases, and read out of documents."""

from typing import Any

from dsl import filters
from dsl.dify.resources import datasets, provider
from dsl.dify.work import Work
from dsl.dify.writers.conditions import element
from dsl.dify.writers.values import Data, Write, selector
from dsl.ir import Node, Ref


def _retrieve(work: Work, node: Node) -> Data:
    given, search = node.params, node.params.get("search") or {}
    made: Data = {
        "query_variable_selector": selector(work, given.get("query")),
        "dataset_ids": datasets(work, node),
        "retrieval_mode": search.get("mode") or "multiple",
        "multiple_retrieval_config": _multiple(work, node, search),
    }
    if used := work.resources.get(search.get("model")):
        model_ = {"provider": provider(work, node, used), "name": used.name, "mode": "chat", "completion_params": {}}
        made["single_retrieval_config"] = {"model": model_}
    if "attachment" in search:
        made["query_attachment_selector"] = selector(work, search["attachment"])
    if search.get("metadata") == "automatic":
        made["metadata_filtering_mode"] = "automatic"
    elif search.get("meta_data_filter") and not given.get("filter"):
        work.note(node, "degraded", filters.CODE, filters.CHOSEN.format("Dify"), filters.ADVICE)
    if conditions := given.get("filter"):
        inner = [element(work, each) for each in conditions["conditions"]]
        named = [{"name": each.pop("key"), **each} for each in inner]
        made["metadata_filtering_mode"] = "manual"
        made["metadata_filtering_conditions"] = {"logical_operator": conditions["logic"], "conditions": named}
    return made


def _multiple(work: Work, node: Node, search: dict[str, Any]) -> Data:
    rerank = node.params.get("rerank") or {}
    made: Data = {"top_k": node.params.get("top_k", 4), "reranking_enable": bool(rerank)}
    if "top_k" not in node.params and work.own:
        del made["top_k"]
    if "score_threshold" in node.params:
        made["score_threshold"] = node.params["score_threshold"]
    if rerank:
        made["reranking_mode"] = rerank.get("mode", "reranking_model")
    if used := work.resources.get(rerank.get("model")):
        made["reranking_model"] = {"provider": provider(work, node, used), "model": used.name}
    if "weights" in search:
        made["weights"] = search["weights"]
    return made


def _document(work: Work, node: Node) -> Data:
    file = node.params.get("file")
    listed = isinstance(file, Ref) and work.type_of(file).name == "array"
    return {"variable_selector": selector(work, file), "is_array_file": listed}


WRITERS: dict[str, Write] = {"retrieve": _retrieve, "document": _document}
