"""What fails in Coze Studio although its validator accepted it: where it makes a run of the canvas, or runs it.

Only what the file itself tells: whether a plugin or a database is there is not known (coze.md, 2, 3, 6, 7 and 12).
"""

import difflib
import re
from collections.abc import Callable, Iterator
from typing import Any

from dsl.coze import imports
from dsl.coze.reading import mapping, mappings
from dsl.coze.tables import FILES, INCOMPARABLE, RESERVED, TIME, TYPES, WORDS
from dsl.lint import Finding, Level

CLOUD = frozenset({"14", "16", "23", "26", "63", "64", "65", "66", "67"})  # node types that only coze.cn has
_ASSIST = frozenset({0, TIME, *FILES.values()})
_AS_TEXT = frozenset({
    "modelType", "modleName", "temperature", "topP", "maxTokens", "responseFormat", "prompt", "systemPrompt",
    "chatHistoryRound", "generationDiversity", "frequencyPenalty", "presencePenalty",
})  # fmt: skip
_CUT_OFF = re.compile(r"\{\{\s*block_output_\w+\.?\s*\}\}")
_BARE = re.compile(r"\{\{\s*(?!block_output_|global_variable_)([A-Za-z_][\w.\[\]]*)\s*\}\}")
_FILLED = re.compile(r"\{\{\s*(?!block_output_|global_variable_)([A-Za-z_]\w*)(?:[.\[][^{}]*)?\s*\}\}")
_IN_LOOPS = frozenset({"19", "20", "29"})
_OPERATORS = (
    "", "=", "≠", "length >", "length ≥", "length <", "length ≤", "contains", "contains not", "is empty",
    "is not empty", "is true", "is false", ">", "≥", "<", "≤",
)  # fmt: skip
Said = tuple[Level, str, str, str, str]  # level, code, message, place in the node, what to do


def check(canvas: Any, place: str = "") -> Iterator[Finding]:
    """Of a canvas (F1), bodies too; `place` is where it stands."""
    for node, where in _nodes(mapping(canvas).get("nodes"), f"{place}/nodes"):
        data = mapping(node.get("data"))
        title = str(mapping(data.get("nodeMeta")).get("title") or "")
        if str(node.get("type")) in _IN_LOOPS and "/blocks/" not in where:
            message = "It stands outside of a loop, where it has none to work on."
            yield Finding("error", "coze.outside", message, where, str(node.get("id")), title, "Put it into one.")
        for place_in, name in _unknown_variables(node):
            message = f"It sets {name!r}, which is no variable of its loop."
            yield Finding("error", "ref.variable", message, where + place_in, str(node.get("id")), title, "Declare it.")
        for one in CHECKS:
            for level, code, message, inside, fix in one(str(node.get("type")), data):
                yield Finding(level, code, message, where + inside, str(node.get("id")), title, fix)


def _nodes(nodes: Any, place: str) -> Iterator[tuple[dict[str, Any], str]]:
    for i, node in enumerate(nodes if isinstance(nodes, list) else []):
        if isinstance(node, dict):
            yield node, f"{place}/{i}"
            yield from _nodes(node.get("blocks"), f"{place}/{i}/blocks")


def _unknown_variables(loop: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """What the nodes in a loop set, and it does not have."""
    inputs = mapping(mapping(loop.get("data")).get("inputs"))
    known = {str(each.get("name")) for each in mappings(inputs.get("variableParameters"))}
    blocks = loop.get("blocks") if str(loop.get("type")) == "21" else None
    for i, block in enumerate(blocks if isinstance(blocks, list) else []):
        given = mapping(mapping(mapping(block).get("data")).get("inputs")).get("inputParameters")
        for j, each in enumerate(given if isinstance(given, list) and str(block.get("type")) == "20" else []):
            content = mapping(mapping(mapping(mapping(each).get("left")).get("value")).get("content"))
            name = str(content.get("name") or "").partition(".")[0]
            own = content.get("blockID") == loop.get("id")
            if content.get("source") == "block-output" and not (own and name in known):
                yield f"/blocks/{i}/data/inputs/inputParameters/{j}/left", name


def _prompts(kind: str, data: dict[str, Any]) -> Iterator[Said]:
    """Texts that are filled in by the names of the node's own inputs."""
    inputs = mapping(data.get("inputs"))
    given = [*mappings(inputs.get("inputParameters")), *mappings(mapping(inputs.get("batch")).get("inputLists"))]
    known = {str(each.get("name")) for each in given}
    for place, words in _templates(kind, inputs):
        for name in dict.fromkeys(_FILLED.findall(words) if isinstance(words, str) else ()):
            if name not in known:
                near = difflib.get_close_matches(name, known, 1)
                hint = f"Did you mean {near[0]!r}?" if near else "Add it to the inputs."
                message = f"The text uses {name!r}, which is none of the node's inputs: nothing is put in there."
                yield "warning", "input.missing", message, f"/data/inputs{place}", hint


def _conditions(kind: str, data: dict[str, Any]) -> Iterator[Said]:
    """What is compared, by the type that the condition gives it."""
    branches = mapping(data.get("inputs")).get("branches")
    for i, branch in enumerate(branches if kind == "8" and isinstance(branches, list) else []):
        conditions = mapping(mapping(branch).get("condition")).get("conditions")
        for j, each in enumerate(conditions if isinstance(conditions, list) else []):
            op, type_ = (
                mapping(each).get("operator"),
                mapping(mapping(mapping(each).get("left")).get("input")).get("type"),
            )
            place = f"/data/inputs/branches/{i}/condition/conditions/{j}"
            if isinstance(op, int) and not 0 < op < len(_OPERATORS):
                message = f"There is no operator {op}: Coze Studio fails."
                yield "error", "condition.operator", message, place, f"There are 1 to {len(_OPERATORS) - 1}."
            elif isinstance(op, int) and isinstance(type_, str) and type_ in INCOMPARABLE.get(op, ()):
                message = f"A {type_} is compared by operator {op} ({_OPERATORS[op]}): Coze Studio fails."
                yield "error", "condition.operator", message, place, "Choose one that there is for the type."


def _walked(kind: str, data: dict[str, Any]) -> Iterator[Said]:
    """What a loop over lists or a batch goes through."""
    inputs = mapping(data.get("inputs"))
    given = inputs.get("inputParameters")
    walks = kind == "28" or (kind == "21" and inputs.get("loopType") == "array")
    for i, each in enumerate(given if walks and isinstance(given, list) else []):
        type_ = mapping(mapping(each).get("input")).get("type")
        if isinstance(type_, str) and type_ != "list":
            message = f"It walks over {mapping(each).get('name')!r}, which is declared as {type_}: it needs a list."
            place = f"/data/inputs/inputParameters/{i}"
            yield "error", "list.type", message, place, "Point it at a list, or make one of it before."


def _method(kind: str, data: dict[str, Any]) -> Iterator[Said]:
    method = mapping(data.get("inputs")).get("method")
    if kind == "15" and method not in (None, "concat", "split"):
        message = f"A text node has no method {method!r}: the workflow does not run."
        yield "error", "coze.method", message, "/data/inputs/method", "There are concat and split."


def _types(kind: str, data: dict[str, Any]) -> Iterator[Said]:
    """What is declared to be given out, and what is below it."""
    stack = [("/data/outputs", each) for each in [data.get("outputs")]]
    while stack:
        place, held = stack.pop()
        if isinstance(held, list):
            stack += [(f"{place}/{i}", each) for i, each in enumerate(held)]
        elif isinstance(held, dict) and "input" not in held:
            word = held.get("type")
            if isinstance(word, str) and word not in TYPES:
                message = (
                    f"{str(held.get('name') or 'An element')!r} is of the type {word!r}, which Coze does not have."
                )
                yield "error", "output.type", message, place, f"One of {', '.join(sorted(TYPES))}."
            stack.append((f"{place}/schema", held.get("schema")))


def _templates(kind: str, inputs: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    listed = {"3": ("llmParam", ("prompt", "systemPrompt")), "15": ("concatParams", ("concatResult",))}.get(kind)
    given = inputs.get(listed[0]) if listed else None
    for i, each in enumerate(given if isinstance(given, list) else []):
        if listed and mapping(each).get("name") in listed[1]:
            place = f"/{listed[0]}/{i}/input/value/content"
            yield place, mapping(mapping(mapping(each).get("input")).get("value")).get("content")
    if kind == "13" or (kind == "2" and inputs.get("terminatePlan") == "useAnswerContent"):
        yield "/content/value/content", mapping(mapping(inputs.get("content")).get("value")).get("content")
    if kind == "18":
        yield "/question", inputs.get("question")


def _kind(kind: str, data: dict[str, Any]) -> Iterator[Said]:
    if kind in CLOUD or kind not in WORDS:
        message = f"Coze Studio has no nodes of the type {WORDS.get(kind, kind)!r}: it does not run the workflow."
        yield "warning", "coze.type", message, "", "Run it on coze.cn, or build this step from others."


def _on_error(kind: str, data: dict[str, Any]) -> Iterator[Said]:
    setting = mapping(mapping(data.get("inputs")).get("settingOnError"))
    if setting.get("processType") == 2 and not setting.get("dataOnErr"):
        message = "After an error this node is to give out what nothing says: the workflow does not run."
        yield "error", "coze.default", message, "/data/inputs/settingOnError", "Give `dataOnErr`, JSON as text."


def _literals(kind: str, data: dict[str, Any]) -> Iterator[Said]:
    """The model's parameters are read as text, and one as a boolean."""
    given = mapping(data.get("inputs")).get("llmParam")
    for i, each in enumerate(given if kind == "3" and isinstance(given, list) else []):
        name = str(mapping(each).get("name"))
        content = mapping(mapping(mapping(each).get("input")).get("value")).get("content")
        wanted = str if name in _AS_TEXT else bool if name == "enableChatHistory" else object
        if content is not None and not isinstance(content, wanted):
            what, fix = ("boolean", "Write true or false.") if wanted is bool else ("text", "Put it in quotes.")
            message = f"The model's parameter {name} is no {what}: Coze Studio panics."
            yield "error", "coze.literal", message, f"/data/inputs/llmParam/{i}/input/value/content", fix


def _code(kind: str, data: dict[str, Any]) -> Iterator[Said]:
    inputs = mapping(data.get("inputs"))
    if kind != "5":
        return
    if inputs.get("language") != 3:
        message = "Coze Studio runs Python only: it does not run the workflow with this JavaScript."
        yield "note", "coze.language", message, "/data/inputs/language", "Run it on coze.cn, or write it in Python."
        return
    for name in imports.missing(str(inputs.get("code") or "")):
        message = f"The code imports {name}, which Coze Studio does not have."
        yield "warning", "coze.import", message, "/data/inputs/code", "Do without, or run it on coze.cn."


def _texts(kind: str, data: dict[str, Any]) -> Iterator[Said]:
    """Of a request: references in it are not looked at by the validator."""
    inputs = mapping(data.get("inputs"))
    held = mapping(mapping(inputs.get("body")).get("bodyData"))
    texts = {"/data/inputs/apiInfo/url": mapping(inputs.get("apiInfo")).get("url")}
    texts |= {f"/data/inputs/body/bodyData/{name}": held.get(name) for name in ("json", "rawText")}
    for place, words in texts.items() if kind == "45" else ():
        if isinstance(words, str) and _CUT_OFF.search(words):
            message = "A reference in the request names a node, and no output of it: the request fails."
            yield "error", "coze.text", message, place, "Write {{block_output_ID.name}}."
        if isinstance(words, str) and (bare := _BARE.search(words)):
            message = f"{{{{{bare[1]}}}}} stays as it is in the request: nothing is put in there by name alone."
            yield "warning", "coze.text", message, place, "Write {{block_output_ID.name}}."


def _values(kind: str, data: dict[str, Any]) -> Iterator[Said]:
    """Files: an `assistType` that none has, a file that is written down without its name."""
    stack: list[tuple[str, Any]] = [("/data/inputs", data.get("inputs")), ("/data/outputs", data.get("outputs"))]
    while stack:
        place, value = stack.pop()
        if isinstance(value, list):
            stack += [(f"{place}/{i}", each) for i, each in enumerate(value)]
        if not isinstance(value, dict):
            continue
        assist = value.get("assistType")
        if isinstance(assist, int) and assist not in _ASSIST:
            yield (
                "error",
                "coze.assist",
                f"There is no assistType {assist}: Coze Studio panics.",
                place,
                "Leave it out for text.",
            )
        held = mapping(value.get("value"))
        if assist in FILES.values() and held.get("type") == "literal" and _nameless(held.get("rawMeta")):
            message = "A file is written down with `rawMeta` and without its `fileName`: the workflow does not run."
            yield "error", "coze.file", message, place, "Name the file, or leave `rawMeta` out."
        stack += [(f"{place}/{key}", each) for key, each in value.items() if key not in ("content", "defaultValue")]


def _nameless(meta: Any) -> bool:
    return isinstance(meta, dict) and not meta.get("fileName")


def _names(kind: str, data: dict[str, Any]) -> Iterator[Said]:
    given = [*mappings(data.get("outputs")), *mappings(mapping(data.get("inputs")).get("inputParameters"))]
    for name in dict.fromkeys(name for each in given if (name := str(each.get("name"))) in RESERVED):
        message = f"A variable is called {name!r}, which the editor does not take."
        yield "warning", "coze.word", message, "", "Call it something else."


CHECKS: tuple[Callable[[str, dict[str, Any]], Iterator[Said]], ...] = (
    _kind, _on_error, _literals, _code, _texts, _values, _names, _prompts,
    _conditions, _walked, _method, _types,
)  # fmt: skip
