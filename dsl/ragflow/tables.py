"""Names of RAGFlow beside those of the common form, as data. Source: RAGFlow 0.27 component parameters."""

COSMETIC = frozenset(
    {
        *("measured", "sourcePosition", "targetPosition", "selected", "dragging", "dragHandle", "resizing"),
        *("style", "markerEnd", "zIndex", "isHovered", "width", "height", "extent"),
    }
)
# what each component gives out -> the name in the common form
OUTPUTS: dict[str, dict[str, str]] = {
    "Agent": {"content": "text", "structured": "structured"},
    "LLM": {"content": "text", "structured": "structured"},
    "Retrieval": {"formalized_content": "text", "json": "result"},
    "Categorize": {"category_name": "class_name"},
    "Invoke": {"result": "body"},
    "Message": {"content": "answer"},
    "DataOperations": {"result": "output"},
}
# the common form -> RAGFlow, where a reference stands alone; in text from elsewhere what was found is its text
NAMES: dict[str, dict[str, str]] = {
    "llm": {"text": "content"},
    "agent": {"text": "content"},
    "retrieve": {"result": "json", "text": "formalized_content"},
    "classify": {"class_name": "category_name"},
    "http": {"body": "result"},
    "answer": {"answer": "content"},
    "json_parse": {"output": "result"},
    "split": {"items": "result"},
    "template": {"output": "result"},
}
EMPTY = "empty"  # how a variable of a loop begins that has no value: neither constant nor variable
MISSING = ":missing"  # after the name of a node: no component has this name, so that what is lacked fails
SYSTEM = {  # what `sys.` has, by its name in the common form
    **{name: name for name in ("query", "user_id", "files", "history", "date")},
    "turns": "conversation_turns",
}
INPUT_TYPES = {
    "line": "string",
    "paragraph": "string",
    "options": "string",
    "integer": "integer",
    "number": "number",
    "boolean": "boolean",
    "object": "object",
    "file": "file",
}
OPERATORS = {
    "contains": "contains",
    "not contains": "not_contains",
    "start with": "starts",
    "end with": "ends",
    "empty": "empty",
    "not empty": "not_empty",
    "=": "eq",
    "≠": "ne",
    ">": "gt",
    "<": "lt",
    "≥": "ge",
    "≤": "le",
    "is": "eq",
    "is not": "ne",
}
SIGNS = {name: sign for sign, name in reversed(OPERATORS.items())} | {"true": "=", "false": "=", "null": "empty"}
SIGNS |= {"not_null": "not empty", "not_exists": "empty", "exists": "not empty"}
LOOP_SIGNS = SIGNS | {"eq": "is", "ne": "is not"}
COMPARED = frozenset({"eq", "ne", "gt", "lt", "ge", "le"})
EMPTINESS = frozenset({"empty", "not_empty"})
SAID = {  # by the type on the left, the comparisons with which a switch does not fail
    "string": frozenset(OPERATORS.values()) | {"null", "not_null", "exists", "not_exists"},
    "boolean": frozenset({"true", "false"}),
    "any": COMPARED | EMPTINESS | {"null", "not_null", "exists", "not_exists"},
}
IGNORES_CASE = frozenset({"contains", "not_contains", "starts", "ends"})
ASSIGNMENTS = {
    "overwrite": "set",
    "set": "set",
    "clear": "clear",
    "append": "append",
    "extend": "extend",
    "remove_first": "remove_first",
    "remove_last": "remove_last",
    "+=": "add",
    "-=": "subtract",
    "*=": "multiply",
    "/=": "divide",
}
COUNTING = frozenset({"add", "subtract", "multiply", "divide"})
PARAMETERS = ("temperature", "top_p", "max_tokens", "presence_penalty", "frequency_penalty")
SWITCHES = {
    "temperature": "temperatureEnabled",
    "top_p": "topPEnabled",
    "max_tokens": "maxTokensEnabled",
    "presence_penalty": "presencePenaltyEnabled",
    "frequency_penalty": "frequencyPenaltyEnabled",
}
# of the drawing
NODE_TYPES = {
    "Begin": "beginNode",
    "Agent": "agentNode",
    "Message": "messageNode",
    "Retrieval": "retrievalNode",
    "Categorize": "categorizeNode",
    "Switch": "switchNode",
    "VariableAggregator": "variableAggregatorNode",
    "Iteration": "group",
    "IterationItem": "iterationStartNode",
    "Loop": "loopNode",
    "LoopItem": "loopStartNode",
    "ExitLoop": "exitLoopNode",
}
STATE: dict[str, list[object]] = {"history": [], "messages": [], "path": [], "retrieval": [], "memory": []}
INGESTION = frozenset({"File", "Parser", "TokenChunker", "TitleChunker", "Tokenizer", "Extractor", "Compiler"})
