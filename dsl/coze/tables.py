"""Numbers and words of Coze beside those of the common form, as data. Source: Coze Studio's canvas of 2026-03."""

from dsl.ir import Scope

START, END = "100001", "900001"
WORDS = {  # type number -> the word that F4 has for it
    "1": "start", "2": "end", "3": "llm", "4": "plugin", "5": "code", "6": "knowledge", "8": "condition",
    "9": "subflow", "12": "database", "13": "output", "14": "image_flow", "15": "text", "16": "image_generate",
    "18": "question",
    "19": "break", "20": "loop_set_variable", "21": "loop", "22": "intent", "23": "drawing_board", "26": "ltm",
    "27": "dataset_write", "28": "batch", "29": "continue", "30": "input", "31": "comment", "32": "variable_merge",
    "37": "message_list", "38": "conversation_clear", "39": "conversation_create", "40": "assign_variable",
    "42": "update_database", "43": "select_database", "44": "delete_database", "45": "http", "46": "insert_database",
    "51": "conversation_update", "52": "conversation_delete", "53": "conversation_list",
    "54": "conversation_history_list", "55": "message_create", "56": "message_update", "57": "message_delete",
    "58": "to_json", "59": "from_json", "60": "dataset_delete", "63": "video_audio_extractor",
    "64": "video_frame_extractor", "65": "video_generation", "66": "ltm_write", "67": "ltm_read",
}  # fmt: skip
CONVERSATIONS = ("37", "38", "39", "51", "52", "53", "54", "55", "56", "57")  # what they are asked is named inputs
# what databases are asked, by the name of the parameters; of a query in SQL (12) they are named inputs
DATABASES = {"12": "", "42": "updateParam", "43": "selectParam", "44": "deleteParam", "46": "insertParam"}
NUMBERS = {word: number for number, word in WORDS.items()}
OPERATORS = {
    1: "eq", 2: "ne", 3: "length_gt", 4: "length_ge", 5: "length_lt", 6: "length_le", 7: "contains", 8: "not_contains",
    9: "empty", 10: "not_empty", 11: "true", 12: "false", 13: "gt", 14: "ge", 15: "lt", 16: "le",
}  # fmt: skip
SIGNS = {name: number for number, name in OPERATORS.items()} | {
    "null": 9,
    "not_null": 10,
    "not_exists": 9,
    "exists": 10,
}
FILES = {
    "any": 1, "image": 2, "document": 3, "code": 4, "ppt": 5, "txt": 6, "excel": 7, "audio": 8, "zip": 9, "video": 10,
    "svg": 11, "voice": 12,
}  # fmt: skip
FILE_KINDS = {number: name for name, number in FILES.items()}
TIME = 10000
RAW = {"string": 1, "integer": 2, "boolean": 3, "number": 4, "object": 6, "file": 8}
RAW_LISTS = {"string": 99, "integer": 100, "boolean": 101, "number": 102, "object": 103}
# model parameters: Coze's names -> the common form's
PARAMETERS = {
    "temperature": "temperature",
    "topP": "top_p",
    "maxTokens": "max_tokens",
    "frequencyPenalty": "frequency_penalty",
    "presencePenalty": "presence_penalty",
}
PARAMETER_NAMES = {ours: theirs for theirs, ours in PARAMETERS.items()}
# type number -> output here -> output in the common form
OUTPUTS: dict[str, dict[str, str]] = {
    "6": {"outputList": "result"},
    "18": {"optionContent": "chosen", "optionId": "chosen_id"},
    "22": {"classificationId": "class_id"},
    "27": {"documentId": "document_id", "fileName": "file_name", "fileUrl": "file_url"},
    "40": {"isSuccess": "is_success"},
    "45": {"statusCode": "status"},
    "60": {"isSuccess": "is_success"},
}
NAMES: dict[str, dict[str, str]] = {
    "retrieve": {"result": "outputList"},
    "classify": {"class_id": "classificationId"},
    "ask": {"chosen": "optionContent", "chosen_id": "optionId"},
    "assign": {"is_success": "isSuccess"},
    "add_document": {"document_id": "documentId", "file_name": "fileName", "file_url": "fileUrl"},
    "delete_document": {"is_success": "isSuccess"},
    "http": {"status": "statusCode"},
    "llm": {"text": "output", "reasoning": "reasoning_content"},
    "agent": {"text": "output", "reasoning": "reasoning_content"},
    "split": {"items": "output"},
}
OURS = {kind: {theirs: ours for ours, theirs in names.items()} for kind, names in NAMES.items()}
SCOPES: dict[str, Scope] = {
    "global_variable_app": "app",
    "global_variable_user": "user",
    "global_variable_system": "system",
}
SOURCES = {scope: source for source, scope in SCOPES.items()}
RESERVED = frozenset({"true", "false", "and", "or", "not", "null", "nil", "If", "Switch"})

# The types that Coze Studio does not compare by an operator: it fails.
TYPES = frozenset({"string", "integer", "float", "boolean", "list", "object"})
INCOMPARABLE = (
    dict.fromkeys((1, 2), frozenset({"list", "object"}))
    | dict.fromkeys((3, 4, 5, 6), TYPES - {"string", "list"})
    | dict.fromkeys((7, 8), TYPES - {"string", "list", "object"})
    | dict.fromkeys((11, 12), TYPES - {"boolean"})
    | dict.fromkeys((13, 14, 15, 16), TYPES - {"integer", "float"})
)
