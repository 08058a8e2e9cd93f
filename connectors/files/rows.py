"""CSV and JSONL files: rows of questions and answers, or a table."""

import csv
import difflib
import io
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from connectors import ServiceError
from connectors.files.text import Text, decode, table
from connectors.records import Exchange, Origin

COLUMNS = {
    "question": ("question", "问题", "提问"),
    "answer": ("answer", "答案", "回答"),
    "rating": ("rating", "评分"),
    "comment": ("comment", "备注", "评论"),
}
RATINGS = {"": 0, "0": 0, "1": 1, "-1": -1, "0.0": 0, "1.0": 1, "-1.0": -1}  # spreadsheets write 1 as 1.0
CELL = 1 << 24  # characters; the csv module stops at 2^17


def csv_exchanges(data: bytes, where: str, origin: Origin) -> list[Exchange] | Text:
    """Exchanges, `chunk` being the row as a spreadsheet counts it; a CSV of anything else as one table."""
    rows = _csv_rows(decode(data, where), where)
    if not rows:
        return Text("")
    (_, header), *body = rows
    for number, row in body:
        if len(row) > len(header):
            raise ServiceError(
                f"{where}: row {number} has {len(row)} cells, the header {len(header)}. Check its quotes."
            )
    named = _columns(header)
    if "question" not in named and "answer" not in named:
        return Text(table([header, *(row for _, row in body)]), markdown=False)
    _check_complete(named, header, where)
    return [
        _exchange({role: row[at] if at < len(row) else "" for role, at in named.items()}, number, where, origin)
        for number, row in body
    ]


def jsonl_exchanges(data: bytes, where: str, origin: Origin) -> list[Exchange]:
    """Exchanges, `chunk` being the number of the line."""
    exchanges = []
    for number, line in enumerate(decode(data, where).split("\n"), start=1):
        if line.strip():
            row = _json_object(line, f"{where}: line {number}")
            keys = list(row)
            named = _columns(keys)
            _check_complete(named, keys, f"{where}: line {number}")
            values = {role: row[keys[at]] for role, at in named.items()}
            exchanges.append(_exchange(values, number, where, origin))
    return exchanges


def _csv_rows(text: str, where: str) -> list[tuple[int, list[str]]]:
    """(row number, cells) of the rows that are not blank."""
    header = text.lstrip().partition("\n")[0]
    delimiter = max(",;\t", key=header.count)
    csv.field_size_limit(CELL)
    try:
        rows = list(enumerate(csv.reader(io.StringIO(text), delimiter=delimiter, strict=True), start=1))
    except csv.Error as error:
        raise ServiceError(f"{where}: is broken as CSV: {error}. Check its quotes.") from None
    return [(number, _trimmed(row)) for number, row in rows if any(cell.strip() for cell in row)]


def _trimmed(row: list[str]) -> list[str]:
    """Without the empty cells that spreadsheets leave on the right."""
    while row and not row[-1].strip():
        row = row[:-1]
    return row


def _columns(header: Sequence[str]) -> dict[str, int]:
    """Which column plays which role."""
    names = [name.strip().casefold() for name in header]
    return {
        role: next(names.index(name) for name in known if name in names)
        for role, known in COLUMNS.items()
        if set(known) & set(names)
    }


def _check_complete(named: Mapping[str, int], header: Sequence[str], where: str) -> None:
    for role in ("question", "answer"):
        if role not in named:
            near = difflib.get_close_matches(role, [name.casefold() for name in header], n=1)
            hint = f" Is '{near[0]}' meant? Rename it." if near else f" Name one '{role}'."
            raise ServiceError(f"{where}: has no '{role}', only {', '.join(header)}.{hint}")


def _json_object(line: str, where: str) -> dict[str, Any]:
    try:
        row = msgspec.json.decode(line)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ServiceError(f"{where}: is no JSON: {error}. Mend the line or delete it.") from None
    if not isinstance(row, dict):
        raise ServiceError(f"{where}: is {type(row).__name__}, not an object with question and answer.")
    return row


def _exchange(values: Mapping[str, Any], number: int, where: str, origin: Origin) -> Exchange:
    where = f"{where}: row {number}"
    return Exchange(
        question=_said(values, "question", where),
        answer=_said(values, "answer", where),
        origin=msgspec.structs.replace(origin, chunk=str(number)),
        rating=_rating(values.get("rating"), where),
        comment=str(values.get("comment") or "").strip(),
    )


def _said(values: Mapping[str, Any], role: str, where: str) -> str:
    text = values.get(role, "")
    if not isinstance(text, str) or not text.strip():
        raise ServiceError(f"{where}: the {role} is {text!r}. Write a text there, or delete the row.")
    return text.strip()


def _rating(value: Any, where: str) -> int:
    rating = "" if value is None else str(value).strip()
    if rating not in RATINGS:
        raise ServiceError(f"{where}: the rating is '{rating}'. Give 1 (good), -1 (bad) or 0 (none).")
    return RATINGS[rating]
