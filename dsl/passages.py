"""The text of what a search found, for platforms that give out the passages alone."""

from dsl.ir import Node, Ref, Type

CODE = "retrieve.text"
MESSAGE = "A code node puts the passages one below the other; RAGFlow heads each by its number and its document."
OUTPUT = "text"  # of a search on RAGFlow
_JOINED = {
    "python3": """def main(passages):
    found = [each.get("content") or each.get("output") or "" for each in passages or []]
    return {"output": "\\n\\n".join(found)}
""",
    "javascript": """function main({ passages }) {
  return { output: (passages ?? []).map((each) => each.content ?? "").join("\\n\\n") };
}
""",
}


def joined(node: Node, id_: str, lang: str) -> Node:
    """Code that puts the passages one below the other; Coze calls what they say `output`."""
    params = {"lang": lang, "style": "kwargs", "source": _JOINED[lang]}
    return Node(id_, "code", "", "", params, {"passages": Ref(node.id, ("result",))}, {"output": Type("string")})
