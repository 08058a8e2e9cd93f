"""From everything harvested and distilled to the pairs that are fit to learn from."""

import functools
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from connectors.records import Passage
from flows.config import Curate
from flows.filters import Reason, reasons
from flows.meaning import changed
from flows.pairs import Pair, Turn
from flows.privacy import redact
from flows.repeats import Wrong, duplicates, held_out_questions, near_duplicates
from flows.selection import ordered, select
from flows.split import split

PREFERENCE = ("human", "paraphrase", "distilled", "follow_up", "refusal")  # which of two equal pairs is kept


class Dropped(msgspec.Struct, frozen=True, omit_defaults=True):
    """A pair that was left out, by its id."""

    pair: str
    reason: Reason
    detail: str = ""


class Curated(msgspec.Struct, frozen=True):
    """Where each pair went. `rejected` holds the thumbs-down ones of the train side, for preference training."""

    train: list[Pair] = []
    validation: list[Pair] = []
    test: list[Pair] = []
    dropped: list[Dropped] = []
    rejected: list[Pair] = []
    components: int = 0  # documents, joined where questions are alike: the units that were split
    settings: dict[str, Any] = {}


class _Row(msgspec.Struct, frozen=True):
    """A pair on its way, with the id it came with: redaction changes the content and thereby the id."""

    id: str
    pair: Pair


def curate(
    pairs: Sequence[Pair],
    held_out: Sequence[str],
    options: Curate,
    judged: Mapping[str, float] = {},
    answered: Mapping[str, str] = {},
) -> Curated:
    """Filter, de-duplicate, split and order the pairs; every one is kept or dropped for a reason.

    `held_out` are the evaluation questions, `judged` maps a pair's id to a score of 1 to 5, `answered` maps the id of
    a refusal to what speaks for an answer in other passages than its own.
    """
    dropped: list[Dropped] = []
    rows = sorted((_Row(pair.id, pair) for pair in pairs), key=lambda r: (PREFERENCE.index(r.pair.kind), r.id))
    rows = _without(rows, held_out_questions([row.pair for row in rows], held_out), dropped)
    rows = [_scored(row, judged) for row in rows]
    wrong = _unfit(rows, {pair.id: pair for pair in pairs}, options, judged, answered)
    rejected = [rows[n] for n, (reason, _) in wrong.items() if reason == "thumbs_down" and not rows[n].pair.parent]
    rows = _without(rows, wrong, dropped)
    rows, rejected = _private(rows, options, dropped), _private(rejected, options, [])
    rows = _renamed(rows)
    rows = _without(rows, duplicates([row.pair for row in rows]), dropped)
    rows = _without(rows, near_duplicates([row.pair for row in rows], options.near_duplicate), dropped)
    return _sides(rows, rejected, options, dropped)


def _sides(rows: list[_Row], rejected: list[_Row], options: Curate, dropped: list[Dropped]) -> Curated:
    sides, components = split([row.pair for row in [*rows, *rejected]], options)
    by_side: dict[str, list[Pair]] = {"train": [], "validation": [], "test": []}
    for row, side in zip(rows, sides, strict=False):
        by_side[side].append(row.pair)
    chosen = select(by_side["train"], options)
    left_out = {pair.id for pair in by_side["train"]} - {pair.id for pair in chosen}
    dropped += [Dropped(row.id, "not_selected") for row in rows if row.pair.id in left_out]
    trained = zip(rejected, sides[len(rows) :], strict=True)
    return Curated(
        train=ordered(chosen, options),
        validation=sorted(by_side["validation"], key=lambda pair: pair.id),
        test=sorted(by_side["test"], key=lambda pair: pair.id),
        dropped=sorted(dropped, key=lambda one: (one.pair, one.reason)),
        rejected=sorted((row.pair for row, side in trained if side == "train"), key=lambda pair: pair.id),
        components=components,
        settings=msgspec.json.decode(msgspec.json.encode(options)),  # as it comes back from the manifest
    )


def _without(rows: list[_Row], wrong: Wrong, dropped: list[Dropped]) -> list[_Row]:
    dropped += [Dropped(rows[number].id, reason, detail) for number, (reason, detail) in wrong.items()]
    return [row for number, row in enumerate(rows) if number not in wrong]


def _unfit(
    rows: list[_Row],
    pairs: Mapping[str, Pair],
    options: Curate,
    judged: Mapping[str, float],
    answered: Mapping[str, str],
) -> Wrong:
    """Rows that are wrong by themselves or as what they are made from, with the first reason."""
    found = {}
    for number, row in enumerate(rows):
        wrong = [*reasons(row.pair, options, judged.get(row.id)), *_astray(row.pair, pairs.get(row.pair.parent))]
        if row.id in answered:
            wrong.append(("answerable", answered[row.id]))
        if wrong:
            found[number] = wrong[0]
    return found


def _astray(pair: Pair, parent: Pair | None) -> Iterator[tuple[Reason, str]]:
    """What is wrong with a paraphrase: it shares the answer of its parent, and so its thumbs down."""
    if parent and parent.rating < 0:
        yield "thumbs_down", f"restates {pair.parent[:12]}"
    if parent and (lost := changed(pair.question, parent.question)):
        yield "changed_meaning", lost


def _scored(row: _Row, judged: Mapping[str, float]) -> _Row:
    """Texts tidied, the judge's score on record."""
    pair = _rewritten(row.pair, tidy)
    if row.id in judged:
        pair = msgspec.structs.replace(pair, scores={**pair.scores, "judge": judged[row.id]})
    return _Row(row.id, pair)


def tidy(text: str) -> str:
    """NFC, line ends as \\n, no blanks at line ends, at most one empty line in a row."""
    text = unicodedata.normalize("NFC", text).replace("\r\n", "\n").replace("\r", "\n")
    return re.sub(r"\n{3,}", "\n\n", re.sub(r"[ \t\xa0]+(?=\n|$)", "", text)).strip()


def _rewritten(pair: Pair, rewrite: Callable[[str], str]) -> Pair:
    """The pair with what was said in it rewritten; passages stay."""
    history = tuple(Turn(rewrite(turn.question), rewrite(turn.answer)) for turn in pair.history)
    said = {name: rewrite(getattr(pair, name)) for name in ("question", "answer", "quote", "comment")}
    return msgspec.structs.replace(pair, history=history, **said)


def _private(rows: list[_Row], options: Curate, dropped: list[Dropped]) -> list[_Row]:
    """Rows without personal data: blanked in all texts, passages too, or the whole row dropped."""
    if options.personal_data == "keep":
        return rows
    blank = functools.cache(lambda text: redact(text, options.allow))  # many pairs share a passage
    wrong: dict[int, tuple[Reason, str]] = {}
    cleaned = []
    for number, row in enumerate(rows):
        said = [
            row.pair.question,
            row.pair.answer,
            *(t for turn in row.pair.history for t in (turn.question, turn.answer)),
        ]
        if options.personal_data == "drop" and (kinds := {kind for text in said for kind in blank(text)[1]}):
            wrong[number] = ("personal_data", ", ".join(sorted(kinds)))
        passages = tuple(_blanked(passage, lambda text: blank(text)[0]) for passage in row.pair.passages)
        pair = _rewritten(row.pair, lambda text: blank(text)[0])
        cleaned.append(_Row(row.id, msgspec.structs.replace(pair, passages=passages)))
    return _without(cleaned, wrong, dropped)


def _renamed(rows: list[_Row]) -> list[_Row]:
    """Paraphrases name their parent by the id it has now."""
    now = {row.id: row.pair.id for row in rows}
    return [
        _Row(row.id, msgspec.structs.replace(row.pair, parent=now.get(row.pair.parent, row.pair.parent)))
        if row.pair.parent
        else row
        for row in rows
    ]


def _blanked(passage: Passage, rewrite: Callable[[str], str]) -> Passage:
    """`sha256` keeps naming the passage as it was harvested: that is its lineage."""
    headings = tuple(rewrite(heading) for heading in passage.headings)
    return msgspec.structs.replace(passage, text=rewrite(passage.text), headings=headings)
