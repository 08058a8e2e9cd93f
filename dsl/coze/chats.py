"""What the start of a chat flow of Coze gives by itself: the question of the user, and the name of the conversation."""

from collections.abc import Iterator
from typing import Any

from dsl.coze.reading import mapping, mappings
from dsl.ir import Graph, Node, Ref, Type
from dsl.values import node_refs, walk

QUESTION, CONVERSATION = "USER_INPUT", "CONVERSATION_NAME"
SYSTEM = {QUESTION: "query", CONVERSATION: "conversation_id"}
NAMES = {ours: theirs for theirs, ours in SYSTEM.items()}
TYPES = {QUESTION: Type("string", required=True), CONVERSATION: Type("string")}
NAMED = "A conversation has a name on Coze and an id elsewhere: the one stands for the other."


def is_chat(canvas: Any) -> bool:
    starts = [mapping(node.get("data")) for node in mappings(mapping(canvas).get("nodes")) if node.get("type") == "1"]
    return any(each.get("name") == QUESTION for data in starts for each in mappings(data.get("outputs")))


def own(types: dict[str, Type]) -> dict[str, Type]:
    """The inputs that somebody made, out of all that a start gives."""
    given = SYSTEM if QUESTION in types else {}
    return {name: each for name, each in types.items() if name not in given}


def by_name(graph: Graph) -> Iterator[Node]:
    """The nodes that read what the conversation is called."""
    return (node for node, _, _ in walk(graph) if any(asked(ref) == CONVERSATION for ref in node_refs(node)))


def asked(ref: Ref) -> str:
    """What the start of a chat calls a value of the system; "" where it does not give it."""
    return NAMES.get(str(ref.path[0]), "") if ref.scope == "system" and ref.path else ""
