"""What sorts a text into classes on Coze, read and written."""

from typing import Any

from dsl.classes import DESCRIBED, described
from dsl.coze.models import model, read_model
from dsl.coze.reading import Reading, mapping, mappings
from dsl.coze.writing import Made, Writing, literal, variable
from dsl.ir import Type


def read(reading: Reading) -> None:
    node, inputs = reading.node, reading.inputs
    given, history = mapping(inputs.get("llmParam")), mapping(inputs.get("chatHistorySetting"))
    classes = [
        {"name": str(each.get("name") or ""), "description": "", "examples": []}
        for each in mappings(inputs.get("intents"))
    ]
    node.kind = "classify"
    node.params = read_model(reading, given) | {"query": reading.named().get("query"), "classes": classes}
    if instruction := reading.template(given.get("systemPrompt")):
        node.params["instruction"] = instruction
    if history.get("enableChatHistory"):
        node.params["memory"] = {"window": history.get("chatHistoryRound", 3)}


# -- and back


def write(writing: Writing) -> Made:
    params = writing.node.params
    chosen = model(writing)
    if (instruction := described(writing.node)) != params.get("instruction", ""):
        writing.note("equivalent", "classify.description", DESCRIBED)
    words, given = writing.template(instruction or "")
    shown = {
        "modelType": int(chosen["modelType"] or 0) if str(chosen["modelType"]).isdigit() else 0,
        "modelName": chosen["modelName"],
    }
    shown |= {name: value for name, value in chosen.items() if name not in shown}
    shown |= {"systemPrompt": literal(words, Type("string")), "prompt": literal("{{query}}", Type("string"))}
    memory = params.get("memory")
    history = {"enableChatHistory": memory is not None, "chatHistoryRound": (memory or {}).get("window") or 3}
    intents = [{"name": _described(each)} for each in params.get("classes", [])]
    made = {"intents": intents, "mode": "all", "llmParam": shown, "chatHistorySetting": history}
    made["inputParameters"] = [writing.param("query", params.get("query") or ""), *given]
    return "22", made, [variable("classificationId", Type("integer")), variable("reason", Type("string"))]


def _described(each: dict[str, Any]) -> str:
    return str(each.get("name") or each.get("description") or "class")
