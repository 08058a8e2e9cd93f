"""What the fake language model says, the same whichever platform asks it. Standard library only: see `slim.py`.

`LLM<last message>`, or, when a JSON schema or classes are asked for, an object whose values the asked text decides:
`name: value` in it gives the value of the field `name`; a class or an option whose name occurs in it is chosen, else
the last; where none may be chosen, "none" in it does that. So a test steers the model by what it asks.
"""

import json
import re
from typing import Any

Message = dict[str, Any]

CLASSES = re.compile(
    r'"input_text"\s*:\s*\["(?P<text>.*)"\],\s*"categories"\s*:\s*(?P<classes>\[.*\]),\s*"classification_inst',
    re.DOTALL,
)
STRUCTURE = re.compile(r"<structure>\s*(?P<schema>\{.*\})\s*</structure>", re.DOTALL)  # Dify's parameter extractor
TEXT = re.compile(r"<(?P<tag>text|context)>\n(?P<text>.*)\n</(?P=tag)>", re.DOTALL)
REST = "fallback"  # what n8n's classifier calls the class for what fits none
FENCED = re.compile(r"JSON Schema.*```json\s*(?P<schema>\{.*\})\s*```", re.DOTALL)  # output parsers of LangChain


def answer(messages: list[Message], schema: dict[str, Any] | None = None) -> str:
    """What it says to these messages; `schema` is that of an answer asked for by a parameter of the call."""
    last = text(messages[-1]) if messages else ""
    if schema is not None:
        return json.dumps(fill(schema, last))
    if found := CLASSES.search(last):
        return _classified(found["text"], json.loads(found["classes"]))
    if found := STRUCTURE.search(last):
        asked = TEXT.search(last)
        return json.dumps(fill(json.loads(found["schema"]), asked["text"] if asked else ""))
    if found := next(filter(None, (FENCED.search(text(message)) for message in messages)), None):
        said = FENCED.sub("", last)
        return f"```json\n{json.dumps(_parsed(json.loads(found['schema']), said))}\n```"
    return f"LLM<{last}>"


def text(message: Message) -> str:
    """The text of a message whose content is text or a list of parts."""
    content = message.get("content") or ""
    if isinstance(content, str):
        return content
    return "".join(part.get("text") or part.get("data") or "" for part in content if part.get("type") == "text")


def _classified(asked: str, classes: list[dict[str, Any]]) -> str:
    """Fenced, as models like to answer, and as Dify expects it."""
    chosen = classes[_choice([one["category_name"] for one in classes], asked)]
    picked = {"category_id": chosen["category_id"], "category_name": chosen["category_name"], "keywords": []}
    return f"```json\n{json.dumps(picked)}\n```"


def _choice(names: list[str], asked: str) -> int:
    """The place of the name that occurs in what was asked, else of the last."""
    hits = [n for n, name in enumerate(names) if name and name.lower() in asked.lower()]
    return hits[0] if hits else len(names) - 1


def _parsed(schema: dict[str, Any], asked: str) -> Any:
    """The answer an output parser wants; a schema of booleans only is a choice between classes."""
    properties = schema.get("properties", {})
    if len(properties) > 1 and all(one.get("type") == "boolean" for one in properties.values()):
        classes = [name for name in properties if name != REST]
        chosen = REST if "none" in asked else classes[_choice(classes, asked)]
        return {name: name == chosen for name in properties}
    return fill(schema, asked)


def fill(schema: dict[str, Any], asked: str, name: str = "") -> Any:
    """A value that fits the schema; what stands as `name: value` in the text, else one made from the name."""
    if options := [one for one in schema.get("anyOf", []) if one.get("type") != "null"]:
        return fill(options[0], asked, name)
    if choices := schema.get("enum"):
        return choices[_choice([str(one) for one in choices], asked)]
    kind = schema.get("type")
    if kind == "object" or "properties" in schema:
        return {key: fill(one, asked, key) for key, one in schema.get("properties", {}).items()}
    if kind == "array":
        return [_typed(schema.get("items", {}), one.strip(), name) for one in _said(name, asked).split(";")]
    return _typed(schema, _said(name, asked), name)


def _said(name: str, asked: str) -> str:
    found = re.search(rf"\b{re.escape(name)}\s*[:=]\s*([^,\n<>\"]+)", asked) if name else None
    return found.group(1).strip() if found else ""


def _typed(schema: dict[str, Any], said: str, name: str) -> Any:
    match schema.get("type"):
        case "object":
            return fill(schema, said, name)
        case "boolean":
            return said.lower() not in ("no", "false", "0")
        case "integer":
            return int(_number(said))
        case "number":
            return _number(said)
    return said or f"some {name}".strip()


def _number(said: str) -> int | float:
    found = re.match(r"-?\d+(\.\d+)?", said)
    if found is None:
        return 7
    return float(found.group()) if found.group(1) else int(found.group())
