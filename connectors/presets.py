"""The presets file of llama-server's router: one section changed at a time, everything else kept as it is.

configparser would drop the comments, and it refuses the `version = 1` above the first section.
"""

import re
from itertools import pairwise


def put(text: str, name: str, options: dict[str, str]) -> str:
    """The text with these options in the section; the section's other options and its comments stay."""
    lines, start, end = _find(text or "version = 1\n", name)
    if start is None:
        return "".join([*_spaced(lines), f"[{name}]\n", *_lines(options)])
    kept = [line for line in lines[start:end] if _key(line) not in options]
    return "".join([*lines[:start], kept[0], *_lines(options), *kept[1:], *lines[end:]])


def drop(text: str, name: str) -> str:
    """The text without the section."""
    lines, start, end = _find(text, name)
    return text if start is None else "".join(lines[:start] + lines[end:])


def _find(text: str, name: str) -> tuple[list[str], int | None, int]:
    """The lines, and which of them are the section's: from its header up to the next one."""
    lines = [line if line.endswith("\n") else f"{line}\n" for line in text.splitlines(keepends=True)]
    headers = [number for number, line in enumerate(lines) if re.match(r"\s*\[.*\]", line)]
    for start, end in pairwise([*headers, len(lines)]):
        if lines[start].strip().startswith(f"[{name}]"):
            while lines[end - 1].lstrip().startswith((";", "#")):
                end -= 1  # a comment right above a header speaks of that one
            return lines, start, end
    return lines, None, len(lines)


def _spaced(lines: list[str]) -> list[str]:
    return [*lines, "\n"] if lines and lines[-1].strip() else lines


def _lines(options: dict[str, str]) -> list[str]:
    return [f"{key} = {value}\n" for key, value in options.items()]


def _key(line: str) -> str:
    return line.partition("=")[0].strip()
