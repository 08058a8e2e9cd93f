"""A folder of documents: listed with fingerprints, read as passages and as questions with their answers."""

from connectors.files.folder import Document, Folder

__all__ = ["Document", "Folder"]
