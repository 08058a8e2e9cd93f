"""The inputs that a start node asks for, and types as JSON schemas."""

import json

from dsl.dify.writers.values import Data
from dsl.ir import Type


def start_field(name: str, type_: Type) -> Data:
    kind = _field_type(type_)
    made: Data = {"variable": name, "label": type_.label or name, "type": kind, "required": type_.required}
    if type_.options or kind in ("text-input", "paragraph", "select"):
        made["options"] = list(type_.options)
    if type_.max_length is not None:
        made["max_length"] = type_.max_length
    elif kind == "text-input":
        made["max_length"] = 256
    if kind in ("file", "file-list"):
        made |= _uploads((type_.items.file if type_.items else type_.file) or "")
        made["allowed_file_upload_methods"] = ["local_file", "remote_url"]
    if type_.description:
        made["description"] = type_.description
    if type_.default is not None:
        made["default"] = type_.default
    if kind == "json_object" and (type_.props or type_.name == "array"):
        made["json_schema"] = json.dumps(schema(type_), ensure_ascii=False)
    return made


_FILE_TYPES = ["image", "document", "audio", "video"]
_FILED_UNDER = {"txt": "document", "excel": "document", "ppt": "document", "svg": "image", "voice": "audio"}
_BY_EXTENSION = {
    "zip": [".zip", ".rar", ".7z", ".tar", ".gz"],
    "code": [".py", ".js", ".ts", ".java", ".go", ".c", ".cpp", ".rs", ".sh", ".sql"],
}


def _uploads(file: str) -> Data:
    """The files that may be given: one of Dify's kinds, files by their extension, or any of its kinds."""
    if file in _BY_EXTENSION:
        return {"allowed_file_types": ["custom"], "allowed_file_extensions": [*_BY_EXTENSION[file]]}
    kind = _FILED_UNDER.get(file, file)
    return {"allowed_file_types": [kind] if kind in (*_FILE_TYPES, "custom") else [*_FILE_TYPES]}


_FIELDS = {"number": "number", "integer": "number", "boolean": "checkbox", "file": "file", "object": "json_object"}


def _field_type(type_: Type) -> str:
    if type_.name == "array":
        return "file-list" if type_.items is not None and type_.items.name == "file" else "json_object"
    if type_.name in _FIELDS:
        return _FIELDS[type_.name]
    if type_.options:
        return "select"
    return "text-input" if type_.max_length is not None and type_.max_length <= 256 else "paragraph"


def schema(type_: Type) -> Data:
    if type_.name == "array":
        return {"type": "array", **({"items": schema(type_.items)} if type_.items else {})}
    if type_.name == "object" and type_.props is not None:
        return {"type": "object", "properties": {name: schema(inner) for name, inner in type_.props.items()}}
    return {} if type_.name == "any" else {"type": type_.name}
