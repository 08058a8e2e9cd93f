"""What node types, operators and types of n8n are called in the common form, as data (n8n.md, sections 11 to 15)."""

from typing import Any

from dsl.ir import Type

BASE, AI = "n8n-nodes-base.", "@n8n/n8n-nodes-langchain."


def short(name: str) -> str:
    """A type's name as the tables have it: `httpRequest`, `ai:agent`; in full for nodes from elsewhere."""
    if name.startswith(BASE):
        return name[len(BASE) :]
    return "ai:" + name[len(AI) :] if name.startswith(AI) else name


def full(name: str) -> str:
    if name.startswith("ai:"):
        return AI + name[3:]
    return name if "." in name else BASE + name


# n8n ends a run where a node gives no item; elsewhere what follows runs with nothing
GOES_ON: dict[str, Any] = {"alwaysOutputData": True}

# The version that the editor of 2.41.1 gives a new node; n8n itself is not asked.
VERSIONS = {
    "webhook": 2.1,
    "respondToWebhook": 1.5,
    "manualTrigger": 1,
    "scheduleTrigger": 1.4,
    "formTrigger": 2.6,
    "executeWorkflowTrigger": 1.2,
    "executeWorkflow": 1.4,
    "httpRequest": 4.5,
    "httpRequestTool": 4.5,
    "set": 3.5,
    "if": 2.3,
    "switch": 3.4,
    "merge": 3.2,
    "code": 2,
    "splitInBatches": 3,
    "splitOut": 1,
    "aggregate": 1,
    "limit": 1,
    "sort": 1,
    "removeDuplicates": 2,
    "noOp": 1,
    "stopAndError": 1,
    "stickyNote": 1,
    "form": 2.5,
    "extractFromFile": 1.1,
    "wait": 1.1,
    "filter": 2.3,
    "ai:chatTrigger": 1.5,
    "ai:agent": 3.1,
    "ai:chainLlm": 1.9,
    "ai:informationExtractor": 1.2,
    "ai:textClassifier": 1.1,
    "ai:lmChatOpenAi": 1.3,
    "ai:lmChatOllama": 1,
    "ai:lmChatAnthropic": 1.6,
    "ai:lmChatGoogleGemini": 1.2,
    "ai:memoryBufferWindow": 1.4,
    "ai:openAi": 2.3,
    "ai:outputParserStructured": 1.3,
    "ai:toolWorkflow": 2.2,
    "ai:mcpClientTool": 1.4,
    "ai:mcpClient": 1.1,
    "ai:vectorStoreInMemory": 1.3,
    "ai:embeddingsOpenAi": 1.2,
    "ai:embeddingsOllama": 1,
    "ai:chat": 1.3,
}

# -- triggers

TRIGGERS = {
    "webhook": "webhook",
    "manualTrigger": "manual",
    "start": "manual",
    "executeWorkflowTrigger": "call",
    "formTrigger": "form",
    "ai:chatTrigger": "chat",
    "ai:manualChatTrigger": "chat",
    "scheduleTrigger": "schedule",
    "cron": "schedule",
    "interval": "schedule",
}


def is_trigger(kind: str) -> bool:
    return kind in TRIGGERS or kind.lower().endswith("trigger") or kind == "emailReadImap"


# -- nodes that hand on the item that they were given

PASSING = {
    *("if", "switch", "filter", "noOp", "wait", "splitInBatches", "limit", "sort", "removeDuplicates"),
    *("ai:textClassifier", "ai:sentimentAnalysis", "respondToWebhook"),
}
# -- nodes that make one item of many, or many of one, in a way that the common form has no word for
STREAMS = {"summarize", "compareDatasets", "merge", "splitOut", "splitInBatches", "itemLists", "executeCommand"}
# -- operations of services that give an item for each record, and the nodes that do one of them by default
MANY = {"getAll", "getMany", "search", "read", "select", "executeQuery", "list", "find", "lookup", "history"}
READS = {"googleSheets": "read", "postgres": "executeQuery", "mySql": "executeQuery", "rssFeedRead": "read"}

# -- conditions

OPERATIONS = {
    "equals": "eq",
    "notEquals": "ne",
    "gt": "gt",
    "gte": "ge",
    "lt": "lt",
    "lte": "le",
    "contains": "contains",
    "notContains": "not_contains",
    "startsWith": "starts",
    "endsWith": "ends",
    "notStartsWith": "not_starts",
    "notEndsWith": "not_ends",
    "regex": "regex",
    "notRegex": "not_regex",
    "empty": "empty",
    "notEmpty": "not_empty",
    "exists": "not_null",
    "notExists": "null",
    "true": "true",
    "false": "false",
    "after": "after",
    "before": "before",
    "lengthEquals": "length_eq",
    "lengthNotEquals": "length_ne",
    "lengthGt": "length_gt",
    "lengthGte": "length_ge",
    "lengthLt": "length_lt",
    "lengthLte": "length_le",
    "afterOrEquals": "ge",
    "beforeOrEquals": "le",
}
OPERATORS = {op: operation for operation, op in reversed(OPERATIONS.items())} | {
    "ge": "gte",
    "le": "lte",
    "exists": "exists",
    "not_exists": "notExists",
}
_ANY = {"empty", "notEmpty", "exists", "notExists"}
_LENGTHS = {f"length{how}" for how in ("Equals", "NotEquals", "Gt", "Gte", "Lt", "Lte")}
# What each type of n8n's filter can be asked; the first type that can is taken when the common form does not say one.
CAN = {
    "string": _ANY
    | {"equals", "notEquals", "contains", "notContains", "startsWith", "notStartsWith", "endsWith", "notEndsWith"}
    | {"regex", "notRegex"},
    "number": _ANY | {"equals", "notEquals", "gt", "lt", "gte", "lte"},
    "boolean": _ANY | {"true", "false", "equals", "notEquals"},
    "array": _ANY | {"contains", "notContains"} | _LENGTHS,
    "dateTime": _ANY | {"equals", "notEquals", "after", "before", "afterOrEquals", "beforeOrEquals"},
    "object": set(_ANY),
}
FILTER_TYPES = {
    "string": "string",
    "number": "number",
    "integer": "number",
    "boolean": "boolean",
    "array": "array",
    "object": "object",
    "time": "dateTime",
}
# Old versions of if and switch
LEGACY_OPERATIONS = {
    "equal": "eq",
    "notEqual": "ne",
    "smaller": "lt",
    "smallerEqual": "le",
    "larger": "gt",
    "largerEqual": "ge",
    "isEmpty": "empty",
    "isNotEmpty": "not_empty",
    "contains": "contains",
    "notContains": "not_contains",
    "startsWith": "starts",
    "endsWith": "ends",
    "notStartsWith": "not_starts",
    "notEndsWith": "not_ends",
    "regex": "regex",
    "notRegex": "not_regex",
    "after": "after",
    "before": "before",
    "exists": "not_null",
    "notExists": "null",
    "equals": "eq",
    "notEquals": "ne",
}
# JavaScript for conditions that the filter cannot ask: {0} is the left value, {1} the right one
JAVASCRIPT = {
    "eq": "{0} == {1}",
    "ne": "{0} != {1}",
    "gt": "{0} > {1}",
    "ge": "{0} >= {1}",
    "lt": "{0} < {1}",
    "le": "{0} <= {1}",
    "before": "{0} < {1}",
    "after": "{0} > {1}",
    "true": "!!{0}",
    "false": "!{0}",
    "contains": "{0}.includes({1})",
    "not_contains": "!{0}.includes({1})",
    "starts": "{0}.startsWith({1})",
    "not_starts": "!{0}.startsWith({1})",
    "ends": "{0}.endsWith({1})",
    "not_ends": "!{0}.endsWith({1})",
    "regex": "new RegExp({1}).test({0})",
    "not_regex": "!new RegExp({1}).test({0})",
    "empty": "!{0}?.length",
    "not_empty": "!!{0}?.length",
    "null": "{0} == null",
    "not_null": "{0} != null",
    "exists": "{0} != null",
    "not_exists": "{0} == null",
    "in": "{1}.includes({0})",
    "not_in": "!{1}.includes({0})",
    "all_of": "{1}.every((one) => {0}.includes(one))",
    "length_eq": "{0}.length == {1}",
    "length_ne": "{0}.length != {1}",
    "length_gt": "{0}.length > {1}",
    "length_ge": "{0}.length >= {1}",
    "length_lt": "{0}.length < {1}",
    "length_le": "{0}.length <= {1}",
}

# -- types

ASSIGNED = {"string": "string", "number": "number", "boolean": "boolean", "array": "array", "object": "object"}
FORM_TYPES = {"number": "number", "date": "time", "file": "file", "checkbox": "array"}
CALL_TYPES = ("string", "number", "boolean", "array", "object", "any")
EXTRACTED = {"string": "string", "number": "number", "boolean": "boolean", "date": "time"}


def type_name(value: Any) -> Any:
    """The name of a plain value's type."""
    kinds = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}
    return kinds.get(type(value), "any")


def assigned(name: str) -> str | None:
    """The type of an assignment in a Set node; None: it has none for this and would change the value."""
    known = {"integer": "number", "time": "string", "file": "object"}
    return ASSIGNED.get(name) or known.get(name)


# -- models

PROVIDERS = {
    "ai:lmChatOllama": "ollama",
    "ai:lmOllama": "ollama",
    "ai:lmChatAnthropic": "anthropic",
    "ai:lmChatGoogleGemini": "google",
    "ai:lmChatMistralCloud": "mistral",
    "ai:lmChatGroq": "groq",
    "ai:lmChatDeepSeek": "deepseek",
    "ai:lmChatAzureOpenAi": "azure",
    "ai:lmChatAwsBedrock": "bedrock",
    "ai:lmChatOpenRouter": "openrouter",
    "ai:lmChatCohere": "cohere",
    "ai:lmChatGoogleVertex": "vertex",
}
# Which node runs models of a provider, by a word in the provider's name: anything else speaks OpenAI's protocol.
MODEL_NODES = {
    "ollama": "ai:lmChatOllama",
    "anthropic": "ai:lmChatAnthropic",
    "gemini": "ai:lmChatGoogleGemini",
    "google": "ai:lmChatGoogleGemini",
}
PARAMETERS = {
    "temperature": "temperature",
    "topP": "top_p",
    "maxTokens": "max_tokens",
    "topK": "top_k",
    "frequencyPenalty": "frequency_penalty",
    "presencePenalty": "presence_penalty",
}
RENAMED = {  # where a provider's node calls an option otherwise
    "ai:lmChatOllama": {"max_tokens": "numPredict"},
    "ai:lmOllama": {"max_tokens": "numPredict"},
    "ai:lmChatGoogleGemini": {"max_tokens": "maxOutputTokens"},
    "ai:lmChatAnthropic": {"max_tokens": "maxTokensToSample"},
}


def options(kind: str) -> dict[str, str]:
    """The options of a model's node by what the common form calls them."""
    return {name: option for option, name in PARAMETERS.items()} | RENAMED.get(kind, {})


# -- http

AUTH = {"httpBearerAuth": "bearer", "httpBasicAuth": "basic", "httpHeaderAuth": "header", "httpQueryAuth": "query"}
BODIES = {
    "json": "json",
    "form-urlencoded": "urlencoded",
    "multipart-form-data": "form",
    "raw": "text",
    "binaryData": "binary",
}

ROLES = {
    "SystemMessagePromptTemplate": "system",
    "HumanMessagePromptTemplate": "user",
    "AIMessagePromptTemplate": "assistant",
}

ANY, STRING, NUMBER, OBJECT = Type("any"), Type("string"), Type("number"), Type("object")
ARRAY = Type("array")
ITEMS = Type("array", items=OBJECT)

# What an HTTP node sends by name: where the common form has it, the switch, and where n8n has it.
SENT = (("query", "sendQuery", "queryParameters"), ("headers", "sendHeaders", "headerParameters"))
