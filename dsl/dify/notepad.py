"""Notes on the canvas: the editor's Lexical JSON and Markdown."""

import json
import re
from typing import Any

_INLINE = re.compile(r"\*\*(?P<bold>[^*\n]{1,500})\*\*|\[(?P<label>[^\]\n]{1,200})\]\((?P<url>[^)\s]{1,500})\)")
_DEEPEST = 50


def markdown(source: str) -> str:
    """What a note says; text that is not Lexical's stays as it is."""
    try:
        root = json.loads(source)["root"]
        return "\n".join(_block(block, 0) for block in root["children"])
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return source


def _block(block: dict[str, Any], depth: int) -> str:
    if depth > _DEEPEST:
        raise ValueError("nested too deep")
    children = block.get("children", [])
    if block["type"] == "list":
        return "\n".join(f"- {_block(item, depth + 1)}" for item in children)
    inner = "".join(_inline(child, depth + 1) for child in children)
    if block["type"] == "heading":
        return f"{'#' * int(str(block.get('tag', 'h1'))[1:])} {inner}"
    return inner


def _inline(child: dict[str, Any], depth: int) -> str:
    kind = child["type"]
    if kind == "linebreak":
        return "\n"
    if kind == "text":
        text = str(child["text"])
        return f"**{text}**" if int(child.get("format", 0)) & 1 and _INLINE.fullmatch(f"**{text}**") else text
    inner = _block({"type": "", "children": child.get("children", [])}, depth)
    if kind in ("link", "autolink"):
        link = f"[{inner}]({child.get('url', '')})"
        return link if inner != child.get("url") and _INLINE.fullmatch(link) else inner
    return inner


def lexical(text: str) -> str:
    """Markdown as a note of the editor: a paragraph for each line, bold and links in it."""
    root = {"type": "root", "version": 1, "direction": "ltr", "format": "", "indent": 0}
    return json.dumps(
        {"root": {**root, "children": [_paragraph(line) for line in text.split("\n")]}}, ensure_ascii=False
    )


def _paragraph(line: str) -> dict[str, Any]:
    children: list[dict[str, Any]] = []
    end = 0
    for match in _INLINE.finditer(line):
        children += _text(line[end : match.start()]) + _styled(match)
        end = match.end()
    block = {"type": "paragraph", "version": 1, "direction": "ltr", "format": "", "indent": 0, "textFormat": 0}
    return {**block, "children": children + _text(line[end:])}


def _styled(match: "re.Match[str]") -> list[dict[str, Any]]:
    if match["bold"]:
        return _text(match["bold"], 1)
    link = {"type": "link", "version": 1, "direction": "ltr", "format": "", "indent": 0, "url": match["url"]}
    return [{**link, "rel": "noreferrer", "target": None, "title": None, "children": _text(match["label"])}]


def _text(text: str, style: int = 0) -> list[dict[str, Any]]:
    if not text:
        return []
    return [{"type": "text", "version": 1, "detail": 0, "format": style, "mode": "normal", "style": "", "text": text}]
