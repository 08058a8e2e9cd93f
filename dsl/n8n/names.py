"""What a node's outputs are called in n8n and in the common form: pairs of beginnings of paths, both ways."""

from dsl.computed import ALL
from dsl.ir import Ref, Scope

Path = tuple[str | int, ...]
View = tuple[tuple[Path, Path, Scope], ...]

SAME: View = ()
TURNS = "$turns"  # beside the variables of a conversation: how many turns it has had
CHAT: View = (
    (("chatInput",), ("query",), "system"),
    (("sessionId",), ("conversation_id",), "system"),
    (("files",), ("files",), "system"),
)
ERROR: View = ((("error", "name"), ("error", "type"), "node"),)  # after a failure, of every node
HTTP_ERROR: View = ((("error", "httpCode"), ("error", "status"), "node"), *ERROR)  # by the one name or the other
BODY: View = (((), ("body",), "node"),)  # http without fullResponse: the answer is the item
RESPONSE: View = ((("statusCode",), ("status",), "node"),)
CHAIN: View = ((("output",), ("structured",), "node"),)
AGENT: View = ((("output",), ("text",), "node"),)
STRUCTURED: View = ((("output",), ("structured",), "node"),)
SENTIMENT: View = ((("sentimentAnalysis", "category"), ("class_name",), "node"),)
FIELDS: View = ((("output",), (), "node"),)
FIRST: View = (((), ("first",), "node"),)
RESPONSES: View = ((("output", 0, "content", 0, "text"), ("text",), "node"),)
COMPLETION: View = ((("message", "content"), ("text",), "node"),)
PASSAGES: View = (
    (("document", "pageContent"), ("result", 0, "content"), "node"),
    (("document", "metadata"), ("result", 0, "metadata"), "node"),
    (("score",), (ALL, 0, "score"), "node"),
)


def key(name: str, canonical: str) -> View:
    """An output whose name the node's parameters say."""
    return (((name,), (canonical,), "node"),)


def to_common(view: View, node: str, path: Path) -> Ref:
    if view is CHAT and path and str(path[0]).startswith("sys_"):  # given by a start that flowstill wrote
        return Ref("", (str(path[0])[4:], *path[1:]), "system")
    for theirs, ours, scope in view:
        if path[: len(theirs)] == theirs:
            return Ref("" if scope == "system" else node, ours + path[len(theirs) :], scope)
    return Ref(node, path)


def to_n8n(view: View, path: Path) -> Path:
    for theirs, ours, scope in view:
        if scope == "node" and path[: len(ours)] == ours:
            return theirs + path[len(ours) :]
    return path
