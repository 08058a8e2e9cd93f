"""Train, validation and test: whole documents and whole clusters of similar questions, never single rows."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

from connectors.records import sha256
from flows.config import Curate
from flows.duplicates import Union, clusters
from flows.pairs import Pair
from flows.repeats import exchanged, subject
from trainer.evaluate import normalise

Side = Literal["train", "validation", "test"]
LARGEST = 1 / 3  # of the rows on a side other than train, unless more is asked for
LOOSER = 0.2  # below options.near_duplicate: what is too alike to stand on both sides need not be a duplicate


def split(pairs: Sequence[Pair], options: Curate) -> tuple[list[Side], int]:
    """The side of each pair, and how many components (documents joined by similar questions) there are.

    The side is drawn from a hash of the component's own documents, so unrelated rows do not move it. Two exceptions:
    a component that would make a side too large stays in train, and a wanted side that would stay empty gets the
    component whose hash came nearest.
    """
    joined = _components(pairs, max(options.near_duplicate - LOOSER, 0.4))
    rows = defaultdict[int, list[int]](list)
    for number, component in enumerate(joined):
        rows[component].append(number)
    drawn = {
        component: _draw(options.seed, (source(pairs[number]) for number in numbers))
        for component, numbers in rows.items()
    }
    sizes = {component: len(numbers) for component, numbers in rows.items()}
    sides = _drawn_sides(drawn, sizes, options)
    _fill_empty(sides, drawn, sizes, options)
    return [sides[component] for component in joined], len(rows)


def source(pair: Pair) -> str:
    """What a pair was made from: its document, or for a human question and its paraphrases that row of the table."""
    origin = pair.origin
    row = origin.chunk or origin.message if pair.kind in ("human", "paraphrase") else ""
    return "\x1f".join([origin.service, origin.dataset, origin.document, row])


def _components(pairs: Sequence[Pair], threshold: float) -> list[int]:
    """For each pair the smallest number in its component: same document or same cluster, transitively."""
    joined = Union(len(pairs))
    first: dict[str, int] = {}
    questions = [pair.question for pair in pairs]
    same_question = clusters(
        questions,
        threshold,
        groups=[subject(question) for question in questions],
        same=lambda one, other: not exchanged(questions[one], questions[other]),
    )
    for number, pair in enumerate(pairs):
        joined.join(number, same_question[number])
        for name in _ties(pair):
            joined.join(number, first.setdefault(name, number))
    return [joined.find(number) for number in range(len(pairs))]


def _ties(pair: Pair) -> Iterator[str]:
    """Pairs that share one of these names stand on one side."""
    yield from (source(pair), normalise(pair.question), pair.parent or pair.id)
    # Rows of a table often ask one thing in several ways; `yes` or `no` is no sign of that.
    if pair.kind in ("human", "paraphrase") and len(answer := normalise(pair.answer)) > 3:
        yield f"answer\x1f{answer}"


def _draw(seed: int, sources: Iterable[str]) -> float:
    """0 to 1, by hash."""
    return int(sha256(f"{seed}\x1f{min(sources)}")[:13], 16) / 16**13


def _drawn_sides(drawn: dict[int, float], sizes: dict[int, int], options: Curate) -> dict[int, Side]:
    sides: dict[int, Side] = {}
    most = {"test": max(LARGEST, options.test), "validation": max(LARGEST, options.validation)}
    held = dict.fromkeys(most, 0)
    for component in sorted(drawn, key=lambda component: drawn[component]):
        side = sides[component] = _side(drawn[component], options)
        if side == "train":
            continue
        if held[side] + sizes[component] > most[side] * sum(sizes.values()):
            sides[component] = "train"
        else:
            held[side] += sizes[component]
    return sides


def _side(place: float, options: Curate) -> Side:
    if place < options.test:
        return "test"
    return "validation" if place < options.test + options.validation else "train"


def _fill_empty(sides: dict[int, Side], drawn: dict[int, float], sizes: dict[int, int], options: Curate) -> None:
    """Give an empty side the nearest component that holds at most a third of the rows; train keeps the rest."""
    small = sorted((c for c in sides if sizes[c] * 3 <= sum(sizes.values())), key=lambda c: drawn[c])
    shares: tuple[tuple[Side, float], ...] = (("test", options.test), ("validation", options.validation))
    for side, share in shares:
        spare = [component for component in small if sides[component] == "train"]
        if share and side not in sides.values() and spare:
            sides[spare[0]] = side
