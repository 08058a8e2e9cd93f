"""CSV and JSONL files: rows of questions and answers, or a table.

A row that is broken costs itself alone: the others are read, and the broken ones are named.
"""

import csv
import difflib
import io
import json
import re
import reprlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from connectors import ServiceError
from connectors.files.split import passages
from connectors.files.text import Text, decode, table
from connectors.records import Content, Exchange, Origin

COLUMNS = {
    "question": ("question", "问题", "提问", "query", "prompt", "instruction", "q", "问"),
    "answer": ("answer", "答案", "回答", "response", "completion", "output", "a", "答"),
    "input": ("input", "输入"),  # what an instruction is about, as Alpaca's files have it
    "rating": ("rating", "评分"),
    "stars": ("stars", "星级"),
    "comment": ("comment", "备注", "评论"),
}
PLAIN = {"question", "问题", "提问", "answer", "答案", "回答"}  # the others alone may stand in any table
ADVICE = (
    "Columns named question and answer (or prompt and completion, instruction and output, query and response) "
    "would make its rows pairs."
)
SHOWN = 10  # names of columns in a message
GOOD = ["1", "+1", "true", "yes", "up", "thumbs up", "👍", "good", "positive", "like", "helpful"]
BAD = ["-1", "false", "no", "down", "thumbs down", "👎", "bad", "negative", "dislike", "unhelpful"]
NONE = ["", "0", "none", "null", "nan", "n/a", "neutral"]
RATINGS = {
    **dict.fromkeys([*GOOD, "好", "赞", "好评", "有用"], 1),
    **dict.fromkeys([*BAD, "差", "踩", "差评", "没用"], -1),
    **dict.fromkeys([*NONE, "无", "一般"], 0),
}
WORDS = {said: rating for said, rating in RATINGS.items() if not said.isdecimal()}
STARS = {"": 0, "1": -1, "2": -1, "3": 0, "4": 1, "5": 1}
CELL = 1 << 24  # characters; the csv module stops at 2^17

Lost = dict[int, str]  # number of a row -> what is wrong with it
Values = Mapping[str, Any]  # role -> what a row says there


def csv_content(data: bytes, where: str, origin: Origin, max_tokens: int) -> Content:
    """Exchanges, `chunk` being the row as a spreadsheet counts it; a CSV of anything else as one table."""
    lost: Lost = {}
    rows = _csv_rows(decode(data, where), where, lost)
    if not rows:
        return Content(())
    (_, header), *body = rows
    for number, row in body:
        if len(row) > len(header):
            lost[number] = f"{where}: row {number} has {len(row)} cells, the header {len(header)}. Check its quotes."
    fit = {number: row for number, row in body if number not in lost}
    named = _columns(header)
    if not PLAIN & set(_names(header)) and not {"question", "answer"} <= named.keys():
        text = Text(table([header, *fit.values()]), markdown=False)
        note = f"{where}: is read as text: its columns are {_shown(header)}. {ADVICE}"
        return Content(passages(text, origin, max_tokens), _in_order(lost), note)
    _check_complete(named, header, where)
    said = {n: {role: row[at] if at < len(row) else "" for role, at in named.items()} for n, row in fit.items()}
    return _exchanges(said, f"{where}: row", origin, lost, _ambiguous(header, where))


def jsonl_content(data: bytes, where: str, origin: Origin, max_tokens: int) -> Content:
    """Exchanges, `chunk` being the number of the line."""
    said: dict[int, Values] = {}
    lost: Lost = {}
    note = ""
    for number, line in enumerate(decode(data, where).split("\n"), start=1):
        if line.strip():
            try:
                row = _json_object(line, f"{where}: line {number}")
                said[number] = _values(row, f"{where}: line {number}")
                note = note or _ambiguous(list(row), f"{where}: line {number}")
            except ServiceError as error:
                lost[number] = str(error)
    return _exchanges(said, f"{where}: line", origin, lost, note)


def _csv_rows(text: str, where: str, lost: Lost) -> list[tuple[int, list[str]]]:
    """(row number, cells) of the rows that are not blank."""
    header = text.lstrip().partition("\n")[0]
    csv.field_size_limit(CELL)
    reader = csv.reader(io.StringIO(text), delimiter=max(",;\t", key=header.count), strict=True)
    rows: list[tuple[int, list[str]]] = []
    number = 0
    while True:
        number, first = number + 1, reader.line_num + 1
        try:
            row = _trimmed(next(reader))
        except StopIteration:
            return rows
        except csv.Error as error:
            at = _lines(number, first, reader.line_num)
            lost[number] = f"{where}: {at} broken as CSV: {error}. Check the quotes."
            if not rows:  # without its header the rest means nothing
                raise ServiceError(lost[number]) from None
            continue
        if row:
            rows.append((number, row))


def _lines(number: int, first: int, last: int) -> str:
    """A quote that is not closed may swallow many lines, which are lost with its row."""
    return f"row {number} is" if first >= last else f"row {number} (lines {first} to {last}) is"


def _trimmed(row: list[str]) -> list[str]:
    """Without the empty cells that spreadsheets leave on the right."""
    while row and not row[-1].strip():
        row = row[:-1]
    return row


def _names(header: Iterable[str]) -> list[str]:
    return [name.strip().casefold() for name in header]


def _columns(header: Sequence[str]) -> dict[str, int]:
    """Which column plays which role."""
    names = _names(header)
    return {
        role: next(names.index(name) for name in known if name in names)
        for role, known in COLUMNS.items()
        if set(known) & set(names)
    }


def _ambiguous(header: Sequence[str], where: str) -> str:
    """What to tell where two columns could play one role."""
    names = _names(header)
    for role in ("question", "answer"):
        could_be = [name for name in names if name in COLUMNS[role]]
        if len(could_be) > 1:
            taken = next(name for name in COLUMNS[role] if name in could_be)
            others = f"{', '.join(could_be)} could each be the {role}"
            return f"{where}: {others}; {taken} is taken, the first of that name. Rename what is none."
    return ""


def _check_complete(named: Mapping[str, int], header: Sequence[str], where: str) -> None:
    for role in ("question", "answer"):
        if role not in named:
            near = difflib.get_close_matches(role, _names(header), n=1)
            hint = f"Is '{near[0]}' meant? Rename it." if near else f"Known names: {', '.join(COLUMNS[role])}."
            raise ServiceError(f"{where}: has no '{role}', only {_shown(header)}. {hint}")


def _shown(header: Sequence[str]) -> str:
    """The names of a header, of which only the first may be told where there are many."""
    return ", ".join(name[:30] for name in header[:SHOWN]) + (", ..." if header[SHOWN:] else "")


def _json_object(line: str, where: str) -> dict[str, Any]:
    try:
        row = msgspec.json.decode(line)
        keys = [key for key, _ in json.loads(line, object_pairs_hook=list)] if isinstance(row, dict) else []
    except (ValueError, RecursionError) as error:
        raise ServiceError(f"{where}: is not JSON: {error}. Mend the line or delete it.") from None
    if not isinstance(row, dict):
        raise ServiceError(f"{where}: is {type(row).__name__}, not an object with question and answer.")
    if twice := next((key for key in row if keys.count(key) > 1), ""):
        raise ServiceError(f"{where}: '{twice}' stands twice, and only the last would count. Keep one of them.")
    return row


def _values(row: dict[str, Any], where: str) -> Values:
    keys = list(row)
    named = _columns(keys)
    _check_complete(named, keys, where)
    return {role: row[keys[at]] for role, at in named.items()}


def _exchanges(rows: Mapping[int, Values], where: str, origin: Origin, lost: Lost, note: str) -> Content:
    scale = _scale(row.get("rating") for row in rows.values())
    found = []
    for number, row in rows.items():
        try:
            at = msgspec.structs.replace(origin, chunk=str(number))
            found.append(_exchange(row, scale, f"{where} {number}", at))
        except ServiceError as error:
            lost[number] = str(error)
    return Content(found, _in_order(lost), note)


def _in_order(lost: Lost) -> list[str]:
    return [lost[number] for number in sorted(lost)]


def _exchange(row: Values, scale: Mapping[str, int], where: str, origin: Origin) -> Exchange:
    asked, about = _said(row, "question", where), str(row.get("input") or "").strip()
    return Exchange(
        question=f"{asked}\n\n{about}" if about else asked,
        answer=_said(row, "answer", where),
        origin=origin,
        rating=_rating(row.get("rating"), scale, where) or _rating(row.get("stars"), STARS, where),
        comment=str(row.get("comment") or "").strip(),
    )


def _said(row: Values, role: str, where: str) -> str:
    text = row.get(role, "")
    if not isinstance(text, str) or not text.strip():
        raise ServiceError(f"{where}: the {role} is {reprlib.repr(text)}. Write a text there, or delete the row.")
    return text.strip()


def _scale(ratings: Iterable[Any]) -> Mapping[str, int]:
    """What the ratings of a column mean: 1 is the best of 1 and -1, but the worst of five stars.

    Stars are what holds nothing but 1 to 5, and beside a 1 more than one mistyped number would put there. Where other
    numbers stand, and no -1 beside them says what 1 is, no number is understood: a wrong guess would teach bad answers.
    """
    given = {_spelled(rating) for rating in ratings} - {""}
    if given <= STARS.keys() and len(given - {"1"}) > ("1" in given):
        return STARS
    others = any(re.fullmatch(r"\d+(\.\d+)?", rating) for rating in given - RATINGS.keys())
    return WORDS if others and "-1" not in given else RATINGS


def _spelled(rating: Any) -> str:
    """In one spelling; spreadsheets write 1 as 1.0."""
    return "" if rating is None else " ".join(str(rating).casefold().replace("_", " ").split()).removesuffix(".0")


def _rating(value: Any, scale: Mapping[str, int], where: str) -> int:
    rating = _spelled(value)
    if rating not in scale:
        allowed = "good, bad or none (1, -1 or 0), or 1 to 5 in a column named stars"
        raise ServiceError(f"{where}: the rating is {reprlib.repr(rating)}. Give {allowed}.")
    return scale[rating]
