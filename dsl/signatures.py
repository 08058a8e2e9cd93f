"""Files that are no text say by their first bytes what they are."""

_KINDS = {
    b"PK\x05\x06": "an empty zip archive",
    b"PK\x03\x04": "a zip archive",
    b"\x1f\x8b": "a gzip file",
    b"Rar!\x1a": "a RAR archive",
    b"7z\xbc\xaf": "a 7z archive",
    b"%PDF-": "a PDF",
    b"\x89PNG": "a PNG image",
    b"\xff\xd8\xff": "a JPEG image",
    b"GIF89a": "a GIF image",
    b"\xd0\xcf\x11\xe0": "a document of an old Office",
    b"SQLite format 3\x00": "a SQLite database",
}


def kind(data: bytes) -> str:
    """What the file is, in words; empty for what may be text."""
    return next((words for first, words in _KINDS.items() if data.startswith(first)), "")
