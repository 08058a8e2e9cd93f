"""What Coze's nodes do not give out, and what stands for it: an answer in fields is there by its fields only."""

from dataclasses import replace

from dsl.coze.fields import fields
from dsl.ir import Flow, Node, Ref, Type
from dsl.lacking import Path, Platform, among, unasked

LACKED = {
    "llm": frozenset({"usage", "finish_reason", "files"}),
    "agent": frozenset({"usage", "finish_reason", "files", "json"}),
    "classify": frozenset({"class_name", "usage"}),
    "extract": frozenset({"is_success", "reason", "usage"}),
    "http": frozenset({"files"}),
    "loop": frozenset({"rounds"}),
    "ask": frozenset({"filled"}),
}


def lacks(node: Node, path: Path) -> bool:
    if node.kind in ("llm", "agent") and path[:1] in (("text",), ("structured",)):
        return bool(fields(node)) if path[0] == "text" else not fields(node) or len(path) == 1
    if node.kind == "retrieve":
        return bool({"title", "metadata"} & {*path[1:]})
    return among(LACKED, node, path) or unasked(node, path)


def gives(node: Node, path: Path) -> bool:
    """Whether a step that goes on after an error succeeded."""
    return path == ("isSuccess",) and node.on_error.then in ("default", "branch")


def instead(node: Node, path: Path, id_: str) -> Node | None:
    """The fields as one object or as its JSON text; of an answer in free form, what its JSON text says."""
    answered = {name: Ref(node.id, ("structured", name)) for name in fields(node)}
    if path[0] == "text":
        return Node(id_, "json_dump", params={"value": answered})
    if path[0] == "structured" and answered:
        whole = Type("object", props=fields(node))
        return Node(
            id_, "set", inputs={f"output.{name}": ref for name, ref in answered.items()}, outputs={"output": whole}
        )
    if path[0] == "structured":
        return Node(id_, "json_parse", params={"value": Ref(node.id, ("text",))})
    return None


PLATFORM = Platform("Coze", lacks, instead, gives, unread={"vision"}, system={"query", "context"}, error="a number")
CHATS = replace(PLATFORM, system={"conversation_id", *(PLATFORM.system or ())})


def platform(flow: Flow) -> Platform:
    """A conversation there is in a chat only."""
    return CHATS if flow.mode == "chat" else PLATFORM
