"""What is found in knowledge bases, and read out of documents."""

from dsl.dify import names
from dsl.dify.place import Place
from dsl.dify.readers.conditions import operator, right_side
from dsl.dify.readers.source import Fill, Source
from dsl.dify.resources import long_provider
from dsl.ir import Node, Ref, Value


def _retrieve(data: Place, node: Node, source: Source) -> None:
    node.params["query"] = source.ref(data.at("query_variable_selector"), node)
    sets = [each.text() for each in data.items("dataset_ids")]
    node.params["knowledge"] = [source.register.add("knowledge", name, dataset_id=name) for name in sets]
    many = data.mapping("multiple_retrieval_config")
    if (top := many.integer("top_k")) is not None:
        node.params["top_k"] = top
    if (threshold := many.number("score_threshold")) is not None:
        node.params["score_threshold"] = threshold
    if rerank := _rerank(many, source):
        node.params["rerank"] = rerank
    if data.text("metadata_filtering_mode") == "manual":
        node.params["filter"] = _metadata(data.mapping("metadata_filtering_conditions"), node, source)
    if search := _search(data, many, node, source):
        node.params["search"] = search


def _rerank(many: Place, source: Source) -> dict[str, Value] | None:
    if not many.flag("reranking_enable", default=True) or not many.has("reranking_mode"):
        return None
    rerank: dict[str, Value] = {"mode": many.text("reranking_mode")}
    model = many.mapping("reranking_model")
    if name := model.text("model") or model.text("reranking_model_name"):
        provider = model.text("provider") or model.text("reranking_provider_name")
        rerank["model"] = source.register.add("model", name, long_provider(provider), type="rerank")
    return rerank


def _metadata(place: Place, node: Node, source: Source) -> dict[str, Value]:
    made = []
    for each in place.mappings("conditions"):
        type_ = "number" if each.text("comparison_operator") in names.NUMERIC else "string"
        left = Ref(node.id, (each.text("name"),), "item")
        made.append({"left": left, "op": operator(each), "right": right_side(each, type_, node, source), "type": type_})
    logic = place.text("logical_operator", default="and")
    return {"logic": "or" if logic == "or" else "and", "conditions": made}


def _search(data: Place, many: Place, node: Node, source: Source) -> dict[str, Value]:
    """What else one can set here and other platforms have no word for."""
    search: dict[str, Value] = {}
    if data.text("retrieval_mode") == "single":
        model = data.mapping("single_retrieval_config", "model")
        search["mode"] = "single"
        if name := model.text("name"):
            search["model"] = source.register.add("model", name, long_provider(model.text("provider")))
    if many.has("weights"):
        search["weights"] = many.value["weights"]
    if (ref := source.ref(data.at("query_attachment_selector"), node)) is not None:
        search["attachment"] = ref
    if data.text("metadata_filtering_mode") == "automatic":
        search["metadata"] = "automatic"
    return search


def _document(data: Place, node: Node, source: Source) -> None:
    node.params["file"] = source.ref(data.at("variable_selector"), node)


READERS: dict[str, Fill] = {"retrieve": _retrieve, "document": _document}
