"""Retrieval from knowledge bases, and what it looks for in their metadata."""

from typing import Any

from dsl.ir import Ref, Value
from dsl.ragflow.reading import Reading, listing
from dsl.ragflow.tables import OPERATORS, SIGNS
from dsl.ragflow.writing import Made, Writing

_NUMBERS = {"top_n": "top_k", "similarity_threshold": "score_threshold"}
_KEPT = ("keywords_similarity_weight", "top_k", "empty_response", "cross_languages", "use_kg", "meta_data_filter")
_READ = OPERATORS | {"in": "in", "not in": "not_in"}
_WRITTEN = SIGNS | {"in": "in", "not_in": "not in", "before": "<", "after": ">"}


def read_retrieval(reading: Reading) -> None:
    node, params = reading.node, reading.params
    node.kind = "retrieve"
    bases = listing(params.get("dataset_ids") or params.get("kb_ids"))
    known = [reading.resource("knowledge", str(each), {"id": str(each)}) for each in bases]
    query = params.get("query") or ""
    alone = reading.bare(query)
    node.params = {"query": reading.prompt(query) if alone is query else alone, "knowledge": known}
    numbers = {ours: params.get(theirs) for theirs, ours in _NUMBERS.items()}
    node.params |= {name: value for name, value in numbers.items() if isinstance(value, (int, float))}
    if params.get("rerank_id"):
        node.params["rerank"] = {"model": reading.named_model(str(params["rerank_id"]), type="rerank")}
    search = {key: params[key] for key in _KEPT if params.get(key) not in (None, "", [], False)}
    if filter_ := _read_filter(reading):
        node.params["filter"] = filter_
    if filter_ or not search.get("meta_data_filter"):
        search.pop("meta_data_filter", None)
    elif reading.mapping("meta_data_filter").get("method") == "auto":
        search["metadata"] = "automatic"
    node.params["search"] = search


def _read_filter(reading: Reading) -> dict[str, Value] | None:
    held = reading.mapping("meta_data_filter")
    asked = [each for each in listing(held.get("manual")) if isinstance(each, dict)]
    if held.get("method") != "manual" or not asked or any(each.get("op") not in _READ for each in asked):
        return None
    logic = "or" if held.get("logic") == "or" else "and"
    return {"logic": logic, "conditions": [_read_condition(reading, each) for each in asked]}


def _read_condition(reading: Reading, each: dict[str, Any]) -> dict[str, Value]:
    left = Ref(reading.node.id, (str(each.get("key") or ""),), "item")
    return {"left": left, "op": _READ[each["op"]], "right": reading.value(each.get("value")), "type": "any"}


def write_retrieve(writing: Writing) -> Made:
    params = writing.node.params
    known = {each.id: each for each in writing.flow.resources}
    own = writing.flow.dialect == "ragflow"
    bases = [str(known[each].hint.get("id", "")) for each in params.get("knowledge", []) if each in known]
    made: dict[str, Any] = {"query": writing.prompt(params.get("query", "")), "kb_ids": bases if own else []}
    made |= {theirs: params[ours] for theirs, ours in _NUMBERS.items() if params.get(ours) is not None}
    if params.get("rerank"):
        rerank = known.get(params["rerank"].get("model", ""))
        made["rerank_id"] = str(rerank.hint.get("llm_id") or rerank.name) if rerank else ""
    search = params.get("search") or {}
    if own:
        made |= {name: value for name, value in search.items() if name != "metadata"}
    elif search.get("metadata") == "automatic":
        made["meta_data_filter"] = {"method": "auto"}
    if params.get("filter"):
        made["meta_data_filter"] = _write_filter(writing, params["filter"])
    return "Retrieval", made


def _write_filter(writing: Writing, asked: dict[str, Any]) -> dict[str, Any]:
    """The conditions that RAGFlow has words for."""
    found = [each for each in asked["conditions"] if each.get("op") in _WRITTEN and each["left"].path]
    if writing.flow.dialect != "ragflow":
        lost = [str(each.get("op")) for each in asked["conditions"] if each not in found]
        message = f"The filter on metadata is there without {', '.join(lost)}." if lost else _CAPITALS
        writing.note("degraded", "retrieve.filter", message)
    manual = [_write_condition(writing, each) for each in found]
    return {"method": "manual", "logic": asked["logic"], "manual": manual}


_CAPITALS = "The filter on metadata takes no heed of capitals here."


def _write_condition(writing: Writing, each: dict[str, Any]) -> dict[str, str]:
    right = each.get("right")
    value = ",".join(map(writing.text, right)) if isinstance(right, list) else writing.text(right)
    return {"key": str(each["left"].path[0]), "op": _WRITTEN[each["op"]], "value": value}
