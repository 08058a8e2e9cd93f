"""Pairs about a small ferry company, made by hand for the tests."""

from typing import Any

from connectors.records import Origin, Passage, sha256
from flows.pairs import Pair

SHIPS = {
    "Kittiwake": ("148", "people", "1987"),
    "Margit": ("22", "cars", "1963"),
    "Heron": ("60", "people", "2004"),
    "Dunlin": ("35", "bicycles", "2011"),
    "Petrel": ("90", "people", "1999"),
    "Gannet": ("12", "vans", "1975"),
}


def passage(text: str, document: str = "ships.md") -> Passage:
    return Passage(text, sha256(text), Origin("files", "documents", document, chunk="0"))


def pair(question: str, answer: str, *, text: str = "", document: str = "ships.md", **fields: Any) -> Pair:
    """A distilled pair that its passage supports, unless `fields` say otherwise."""
    shown = passage(text or f"{answer} More is said on the quay.", document)
    fields = {"kind": "distilled", "passages": (shown,), "quote": answer, "language": "en"} | fields
    return Pair(question=question, answer=answer, origin=Origin("files", "documents", document), **fields)


def human(question: str, answer: str, row: int = 1, **fields: Any) -> Pair:
    origin = Origin("files", "documents", "asked.csv", chunk=str(row))
    return Pair(question=question, answer=answer, origin=origin, **({"kind": "human", "language": "en"} | fields))


def fleet() -> list[Pair]:
    """Three facts in two phrasings about each ship, a document a ship."""
    found = []
    for name, (number, things, year) in SHIPS.items():
        document = f"{name.lower()}.md"
        text = f"The {name} carries {number} {things}. The {name} was built in {year}. The {name} is painted green."
        for question, answer in (
            (f"How many {things} fit on the {name}?", f"The {name} carries {number} {things}."),
            (f"What is the capacity of the {name}?", f"The {name} carries {number} {things}."),
            (f"When was the {name} built?", f"The {name} was built in {year}."),
            (f"From which year is the {name}?", f"The {name} was built in {year}."),
            (f"In which colour is the {name} painted?", f"The {name} is painted green."),
        ):
            found.append(
                pair(question, answer, text=text, document=document, teacher="big", prompt_hash="p1", tokens=10)
            )
    return found
