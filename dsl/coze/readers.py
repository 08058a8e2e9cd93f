"""One function for each node type: its data as those of the common form. The larger kinds have files of their own."""

from collections.abc import Callable
from typing import Any

from dsl import DslError
from dsl.coze import branches, chats, containers, databases, documents, http, intents, models, text
from dsl.coze.reading import Reading, mappings, type_of
from dsl.coze.shims import unwrapped
from dsl.coze.tables import CONVERSATIONS, DATABASES, OUTPUTS, WORDS
from dsl.ir import Ref, Type
from dsl.load import load_json
from dsl.notes import Note


def start(reading: Reading) -> None:
    reading.node.kind = "start"
    reading.node.outputs = chats.own(reading.declared())


def end(reading: Reading) -> None:
    """The results; or an answer, and then what its template calls by name is no result."""
    node, inputs = reading.node, reading.inputs
    node.kind = "end"
    if inputs.get("terminatePlan") == "useAnswerContent":
        node.params["message"] = reading.template(inputs.get("content")) or ""
        return
    node.inputs = reading.named()
    given = mappings(inputs.get("inputParameters"))
    node.outputs = {str(each.get("name")): type_of(each.get("input")) for each in given}


def output(reading: Reading) -> None:
    reading.node.kind = "answer"
    reading.node.params["text"] = reading.template(reading.inputs.get("content")) or ""
    if reading.inputs.get("streamingOutput"):
        reading.node.params["stream"] = True


def plugin(reading: Reading) -> None:
    node = reading.node
    about = {
        name: str(value)
        for name, value in reading.params(reading.inputs.get("apiParam")).items()
        if value not in (None, "")
    }
    name = about.get("apiName") or node.title or "plugin"
    node.kind = "tool"
    node.params = {"tool": reading.found.resource("tool", name, {"type": "plugin"} | about)}
    node.inputs = reading.named()
    node.outputs = reading.declared()


def conversation(reading: Reading) -> None:
    """What Coze's own service does with conversations and their messages: elsewhere a tool that has to be supplied."""
    node, name = reading.node, WORDS[reading.type]
    node.kind, node.params = (
        "tool",
        {"tool": reading.found.resource("tool", name, {"type": "coze", "node": reading.type})},
    )
    node.inputs = reading.named()
    node.outputs = reading.declared()


def code(reading: Reading) -> None:
    node, inputs = reading.node, reading.inputs
    lang = "python3" if inputs.get("language") == 3 else "javascript"
    source, given, outputs = str(inputs.get("code") or ""), reading.named(), reading.declared()
    if not unwrapped(node, lang, source, given, outputs):
        node.kind, node.inputs, node.outputs = "code", given, outputs
        node.params = {"lang": lang, "style": "args", "source": source}


def subflow(reading: Reading) -> None:
    node, inputs = reading.node, reading.inputs
    identifier = str(inputs.get("workflowId") or "")
    hint = {
        "workflowId": identifier,
        "workflowVersion": str(inputs.get("workflowVersion") or ""),
        "spaceId": str(inputs.get("spaceId") or ""),
    }
    node.kind = "subflow"
    node.params = {"flow": reading.found.resource("subflow", node.title or identifier, hint)}
    node.inputs = reading.named()
    node.outputs = reading.declared()


def texts(reading: Reading) -> None:
    node, inputs = reading.node, reading.inputs
    if inputs.get("method") == "split":
        given = reading.params(inputs.get("splitParams"))
        delimiters = given.get("delimiters") if isinstance(given.get("delimiters"), list) else []
        node.kind = "split"
        node.params = {"text": reading.named().get("String"), "delimiters": [str(each) for each in delimiters or []]}
    else:
        given = reading.params(inputs.get("concatParams"))
        words, delimiter = str(given.get("concatResult") or ""), given.get("arrayItemConcatChar")
        node.kind = "template"
        node.params = {"template": text.named(words, reading.named()), "delimiter": str(delimiter or "")}
        reading.found.joined[node.id] = text.called(words, reading.named())


def question(reading: Reading) -> None:
    node, inputs = reading.node, reading.inputs
    node.kind = "ask"
    node.params["question"] = reading.template(inputs.get("question")) or ""
    if inputs.get("answer_type") == "option":
        options = inputs.get("options") if inputs.get("option_type") != "dynamic" else None
        named = [each.get("name") for each in mappings(options)]
        node.params["options"] = [text.named(str(each or ""), reading.named()) for each in named] or [
            reading.value(inputs.get("dynamic_option"))
        ]
    given = inputs.get("llmParam")
    if isinstance(given, dict) and given.get("modelType"):
        node.params["model"] = models.read_model(reading, given)["model"]
    node.outputs = {name: each for name, each in reading.declared().items() if name not in OUTPUTS["18"]}
    if fields := [name for name in node.outputs if name != "USER_RESPONSE"]:
        message = f"A model of Coze reads {', '.join(fields)} out of the answer: elsewhere who is asked fills them in."
        reading.found.notes.append(Note("degraded", "ask.fields", message, "", node.id, node.title, node.pointer))


def asked(reading: Reading) -> None:
    reading.node.kind = "ask"
    reading.node.params["question"] = ""
    reading.node.outputs = reading.declared()


def set_loop(reading: Reading) -> None:
    _assigned(reading, "right")


def assign(reading: Reading) -> None:
    _assigned(reading, "input")


def _assigned(reading: Reading, side: str) -> None:
    given = mappings(reading.inputs.get("inputParameters"))
    pairs = [(reading.value(each.get("left")), reading.value(each.get(side))) for each in given]
    items = [{"target": left, "op": "set", "value": right} for left, right in pairs if isinstance(left, Ref)]
    reading.node.kind, reading.node.params = "assign", {"items": items}


def merge(reading: Reading) -> None:
    node = reading.node
    node.kind = "aggregate"
    declared = reading.declared()
    node.params = {
        "groups": [
            {
                "name": str(each.get("name") or ""),
                "type": declared.get(str(each.get("name")), Type()),
                "values": [reading.value(one) for one in mappings(each.get("variables"))],
            }
            for each in mappings(reading.inputs.get("mergeGroups"))
        ],
        "skip": "null",
    }
    node.outputs = declared


def to_json(reading: Reading) -> None:
    reading.node.kind, reading.node.params = "json_dump", {"value": reading.named().get("input")}


def from_json(reading: Reading) -> None:
    reading.node.kind, reading.node.params = "json_parse", {"value": reading.named().get("input")}
    reading.node.outputs = reading.declared()


def comment(reading: Reading) -> None:
    node = reading.node
    node.kind = "note"
    node.params = {"text": slate(reading.inputs.get("note"))}
    size = reading.data.get("size")
    if isinstance(size, dict) and all(isinstance(size.get(side), (int, float)) for side in ("width", "height")):
        node.params["size"] = [size["width"], size["height"]]


def slate(source: Any) -> str:
    """The plain text of an editor's JSON: a line for each paragraph."""
    try:
        found = load_json(source) if isinstance(source, str) else source
    except DslError:
        return str(source)
    lines = found if isinstance(found, list) else []
    return "\n".join("".join(_leaves(each)) for each in lines if isinstance(each, dict))


def _leaves(node: Any) -> Any:
    if isinstance(node, dict):
        if isinstance(node.get("text"), str):
            yield node["text"]
        for each in node.get("children") or [] if isinstance(node.get("children"), list) else []:
            yield from _leaves(each)


READERS: dict[str, Callable[[Reading], None]] = {
    "1": start,
    "2": end,
    "3": models.read_llm,
    "4": plugin,
    "5": code,
    "6": documents.read_retrieved,
    "8": branches.read,
    "9": subflow,
    "13": output,
    "15": texts,
    "18": question,
    "19": containers.read_leave,
    "20": set_loop,
    "21": containers.read_loop,
    "22": intents.read,
    "27": documents.read_added,
    "28": containers.read_batch,
    "29": containers.read_leave,
    "30": asked,
    "31": comment,
    "32": merge,
    "40": assign,
    "45": http.read,
    "58": to_json,
    "59": from_json,
    "60": documents.read_deleted,
    **dict.fromkeys(CONVERSATIONS, conversation),
    **dict.fromkeys(DATABASES, databases.read),
}
