"""Dify: workflows, chatflows, and the small apps that have no graph. Reads files of 0.1.0 to 0.7.0, writes 0.6.0."""

from typing import Any

from dsl.dify.build import build, reshaped
from dsl.dify.called import as_called
from dsl.dify.read import read, sniff
from dsl.dump import Quoted, dump_yaml

__all__ = ["COSMETIC", "SETTINGS", "as_called", "build", "dump", "read", "reshaped", "sniff", "unpack"]

COSMETIC = frozenset(
    {
        *("position", "positionAbsolute", "sourcePosition", "targetPosition", "targetHandle", "viewport", "zIndex"),
        *("width", "height", "selected", "dragging", "draggable", "selectable", "extent"),
        *("isInIteration", "isInLoop", "isIterationStart", "sourceType", "targetType", "varType", "write_mode"),
        *("icon", "icon_type", "icon_background", "use_icon_as_answer_icon", "theme", "author", "showAuthor"),
        *("meta", "paramSchemas", "schemas", "numberVarType", "is_team_authorization", "fileUploadConfig"),
    }
)

SETTINGS = ("features",)


def unpack(data: bytes) -> None:
    """Dify has no archives."""


def dump(document: Any) -> str:
    """The version in quotes, however it was written: without, Dify reads some as numbers."""
    version = document.get("version") if isinstance(document, dict) else None
    return dump_yaml(document | {"version": Quoted(version)} if isinstance(version, str) else document)
