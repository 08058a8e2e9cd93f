"""Coze: canvas (F1), clipboard (F2), archives of coze.cn (F3, F4), .flow (F5) and the export of one fork (F6)."""

from dsl.coze.build import beside, build, like
from dsl.coze.called import as_called
from dsl.coze.formats import dump, is_unpacked, sniff, unpack
from dsl.coze.forms import apart, reshaped
from dsl.coze.read import read

COSMETIC = frozenset({"nodeMeta", "position", "canvasPosition", "rawMeta", "icon", "mainColor", "subTitle", "size"})
SETTINGS = ()

__all__ = [
    "COSMETIC",
    "SETTINGS",
    "apart",
    "as_called",
    "beside",
    "build",
    "dump",
    "is_unpacked",
    "like",
    "read",
    "reshaped",
    "sniff",
    "unpack",
]
