"""What asks a model, read: chains, agents, classifiers, extractors, retrieval."""

import re
from typing import TYPE_CHECKING, Any

from dsl import values
from dsl.ir import Node, Ref, Script, Text, Type, Value
from dsl.n8n import branches, others, subnodes, tables, text
from dsl.n8n.source import Raw, dig, is_number, members

if TYPE_CHECKING:
    from dsl.n8n.read import Reader


def chain(reader: "Reader", raw: Raw, node: Node) -> None:
    node.kind = "llm"
    node.params["mode"] = "chat"
    messages = []
    for item in members(raw.params, "messages", "messageValues"):
        role = tables.ROLES.get(str(item.get("type", "SystemMessagePromptTemplate")), "system")
        messages.append({"role": role, "text": reader.words(item.get("message", ""), raw)})
    query = _prompt(reader, raw)
    node.params["messages"] = messages + ([{"role": "user", "text": query}] if query != "" else [])
    _passages(reader, raw, node)
    subnodes.fold(reader, raw, node)


_PASSAGES = re.compile(r"(.+)\.map\(\(passage\) => passage\.content\)\.join\(\"\\n\\n\"\)")


def _passages(reader: "Reader", raw: Raw, node: Node) -> None:
    """Passages in a prompt, as flowstill writes them: the prompt's context."""

    def part(value: Any) -> Any:
        match = _PASSAGES.fullmatch(value.source) if isinstance(value, Script) else None
        found = text.plain(match[1], reader.resolve(raw)) if match else None
        if not isinstance(found, Ref):
            return value
        node.params["context"] = found
        return Ref("", ("context",), "system")

    for message in node.params["messages"]:
        said = message["text"]
        message["text"] = Text(tuple(map(part, said.parts))) if isinstance(said, Text) else part(said)


def _prompt(reader: "Reader", raw: Raw) -> Value:
    """What is asked: as written, or by default the chat's question."""
    define = raw.params.get("promptType", "auto" if raw.version >= 1.2 else "define") == "define"
    if define and ("text" in raw.params or "prompt" in raw.params):
        return reader.words(raw.params.get("text", raw.params.get("prompt")), raw)
    field = "input" if raw.version < 1.1 else "chatInput"
    found = reader.incoming(raw, (field,))
    return found if found is not None else Script("n8n", f"$json.{field}")


def agent(reader: "Reader", raw: Raw, node: Node) -> None:
    """With tools, or without memory, an agent; a model that only remembers the chat is a model."""
    node.kind = "agent"
    query, system = _prompt(reader, raw), dig(raw.params, "options", "systemMessage")
    node.params["messages"] = [{"role": "system", "text": reader.words(system, raw)}] if system is not None else []
    node.params["query"], node.params["tools"] = query, []
    rounds = dig(raw.params, "options", "maxIterations")
    if is_number(rounds) or isinstance(rounds, str):
        node.params["max_rounds"] = reader.value(rounds, raw)
    subnodes.fold(reader, raw, node)
    if raw.mark and raw.mark[0] == "llm":
        node.kind, node.params["mode"] = "llm", "chat"
        del node.params["tools"], node.params["query"]
        node.params.pop("max_rounds", None)
        node.params["messages"] += [{"role": "user", "text": query}] if query != "" else []
    _passages(reader, raw, node)


def open_ai(reader: "Reader", raw: Raw, node: Node) -> None:
    if raw.params.get("resource", "text") != "text" or raw.params.get("operation") not in (None, "message", "response"):
        others.tool(reader, raw, node)
        return
    node.kind, node.params["mode"] = "llm", "chat"
    messages = []
    system = dig(raw.params, "options", "instructions")
    if system is not None:
        messages.append({"role": "system", "text": reader.words(system, raw)})
    for item in members(raw.params, "responses", "values") + members(raw.params, "messages", "values"):
        role = str(item.get("role", "user"))
        role = role if role in ("system", "assistant") else "user"
        messages.append({"role": role, "text": reader.words(item.get("content", ""), raw)})
    subnodes.own_model(reader, raw, node)
    node.params["messages"] = messages
    subnodes.fold(reader, raw, node)


_SENTIMENT = (
    "It is a classifier elsewhere: sentimentAnalysis.category is the class, strength and confidence are not there, "
    "and whole items behind it are as they came in."
)


def classify(reader: "Reader", raw: Raw, node: Node) -> None:
    node.kind = "classify"
    node.params["query"] = reader.value(raw.params.get("inputText", ""), raw)
    node.params["instruction"] = instruction(reader, raw)
    node.params["classes"] = [
        {"name": str(item.get("category", "")), "description": str(item.get("description", "")), "examples": []}
        for item in branches.classes_of(raw)
    ]
    if raw.kind == "ai:sentimentAnalysis":
        reader.note(raw, "degraded", "class.item", _SENTIMENT, "Read sentimentAnalysis.category by its name.")
    subnodes.fold(reader, raw, node)


ASKED = {  # what the prompt of these nodes has to hold
    "ai:textClassifier": "Sort the user's text into one of these categories: {categories}. Answer with JSON only.",
    "ai:informationExtractor": "Take from the text only what is asked for; leave out what it does not say.",
}


def instruction(reader: "Reader", raw: Raw) -> Value:
    template = dig(raw.params, "options", "systemPromptTemplate")
    value = reader.value(template if isinstance(template, str) else "", raw)
    ends = "\n\n" + ASKED.get(raw.kind, "")
    if isinstance(value, str):
        return value.removesuffix(ends)
    last = value.parts[-1] if hasattr(value, "parts") else None
    if isinstance(last, str) and last.endswith(ends):
        return values.text([*value.parts[:-1], last.removesuffix(ends)])
    return value


def extract(reader: "Reader", raw: Raw, node: Node) -> None:
    node.kind = "extract"
    node.params["query"] = reader.value(raw.params.get("text", ""), raw)
    node.params["instruction"] = instruction(reader, raw)
    node.outputs = _attributes(raw)
    subnodes.fold(reader, raw, node)


def _attributes(raw: Raw) -> dict[str, Type]:
    how = raw.params.get("schemaType", "fromAttributes")
    if how == "fromAttributes":
        return {
            item["name"]: Type(
                tables.EXTRACTED.get(str(item.get("type", "string")), "string"),  # type: ignore[arg-type]
                description=str(item.get("description", "")),
                required=item.get("required") is True,
            )
            for item in members(raw.params, "attributes", "attributes")
            if isinstance(item.get("name"), str)
        }
    schema = subnodes.schema_of(raw.params, how)
    return subnodes.fields(schema)


def retrieve(reader: "Reader", raw: Raw, node: Node) -> None:
    node.kind = "retrieve"
    node.params["query"] = reader.value(raw.params.get("prompt", ""), raw)
    node.params["knowledge"] = [reader.resource(subnodes.knowledge(raw))]
    top = reader.value(raw.params.get("topK", 4), raw)
    node.params["top_k"] = top if isinstance(top, int | Ref | Text | Script) else 4
    subnodes.fold(reader, raw, node)
