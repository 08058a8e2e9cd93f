"""n8n workflows: files of the editor, fragments, arrays, answers of the public API and packages (n8n.md)."""

from dsl.n8n.build import build
from dsl.n8n.forms import dump, reshaped, sniff, unpack
from dsl.n8n.read import read

COSMETIC = frozenset(
    {"position", "notesInFlow", "width", "height", "color", "meta", "cachedResultName", "cachedResultUrl"}
)

SETTINGS = ("active", "settings", "pinData")

__all__ = ["COSMETIC", "SETTINGS", "build", "dump", "read", "reshaped", "sniff", "unpack"]
