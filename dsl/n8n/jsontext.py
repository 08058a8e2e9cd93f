"""JSON text with expressions in it, which n8n takes where a mapping is wanted."""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from dsl import DslError
from dsl.ir import Value
from dsl.load import load_json
from dsl.n8n.source import Raw

if TYPE_CHECKING:
    from dsl.n8n.read import Reader


def mapping(reader: "Reader", raw: Raw, value: Value) -> dict[str, Value] | None:
    """A mapping, out of an expression or out of JSON text with expressions in it."""
    if isinstance(value, dict):
        return value
    source = raw.params.get("jsonOutput", raw.params.get("responseBody", ""))
    found = parsed(source, lambda code: reader.value(code, raw)) if isinstance(source, str) else None
    return found if isinstance(found, dict) else None


def parsed(source: str, read: Callable[[str], Value]) -> Any:
    """JSON text in which `{{ }}` stands for values, in quotes for text; None when it is not that."""
    codes: list[str] = []
    plain, end, quotes = "", 0, 0
    source = source.removeprefix("=")
    for match in re.finditer(r"\{\{.*?\}\}", source, re.S):
        quotes += source.count('"', end, match.start())
        mark = f"\ue000{len(codes)}\ue001"
        plain += source[end : match.start()] + (mark if quotes % 2 else f'"\ue002{mark}"')
        codes.append(match[0])
        end = match.end()
    try:
        return _filled(load_json(plain + source[end:]), codes, read)
    except DslError:
        return None


def _unprinted(code: str) -> str:
    """Where JSON stands, `JSON.stringify(x)` is x."""
    match = re.fullmatch(r"\{\{\s*JSON\.stringify\((.*)\)\s*\}\}", code, re.S)
    depth = 0
    for letter in match[1] if match else "":
        depth += (letter in "([{") - (letter in ")]}")
        if depth < 0 or (letter == "," and depth == 0):
            return code  # of more than one part, or laid out
    return f"{{{{ {match[1]} }}}}" if match else code


def _filled(value: Any, codes: list[str], read: Callable[[str], Value]) -> Value:
    if isinstance(value, dict):
        return {key: _filled(item, codes, read) for key, item in value.items()}
    if isinstance(value, list):
        return [_filled(item, codes, read) for item in value]
    if not isinstance(value, str) or "\ue000" not in value or not codes:
        return value
    if alone := re.fullmatch("\ue002\ue000(\\d{1,6})\ue001", value):
        return read("=" + _unprinted(codes[int(alone[1]) % len(codes)]))
    value = value.removeprefix("\ue002")
    return read("=" + re.sub("\ue000(\\d+)\ue001", lambda match: codes[int(match[1][:6]) % len(codes)], value))
