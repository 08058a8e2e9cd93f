"""What a vector store of n8n gives, an item for each passage, made of the list that other platforms give."""

from dsl.ir import Node, Ref, Type

# What n8n calls these of a passage
CALLED = {"content": ["document", "pageContent"], "metadata": ["document", "metadata"]}
# A passage is content and metadata with a score on Dify, output on Coze, a chunk of its index on RAGFlow.
ITEMS_OF = """def main(result):
    def item(passage):
        name = next((each for each in ("content", "content_with_weight", "output") if each in passage), "")
        metadata = passage.get("metadata") or {key: value for key, value in passage.items() if key != name}
        score = metadata.get("score", metadata.get("similarity"))
        return {"document": {"pageContent": passage.get(name), "metadata": metadata}, "score": score}

    return {"all_items": [item(passage) for passage in result or []]}
"""


def items(node: Node, id_: str) -> Node:
    """Code behind a retrieval, of the same title: expressions ask for the items by that."""
    params = {"lang": "python3", "style": "kwargs", "source": ITEMS_OF}
    outputs = {"all_items": Type("array", items=Type("object"))}
    return Node(id_, "code", node.title, params=params, inputs={"result": Ref(node.id, ("result",))}, outputs=outputs)
