"""What a conversion, or a check, has to say: notes with a severity, a stable code and the places they are about."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Severity = Literal["exact", "equivalent", "needs_binding", "degraded", "stub", "dropped"]
SEVERITIES: tuple[Severity, ...] = ("exact", "equivalent", "needs_binding", "degraded", "stub", "dropped")  # rising


@dataclass(frozen=True)
class Note:
    """One thing that does not travel unchanged.

    equivalent: another form, the same behaviour. needs_binding: works once an id or a secret is supplied. degraded:
    behaves differently in a stated case. stub: raises at run time. dropped: not in the target.
    """

    severity: Severity
    code: str  # <topic>.<case>, each with a line in dsl/NOTES.md
    message: str
    suggestion: str = ""
    node: str = ""  # id in the source
    title: str = ""
    source_pointer: str = ""
    target_pointer: str = ""
    checkability: Literal["offline", "live"] = "offline"


def worst(notes: Iterable[Note]) -> Severity:
    return max((note.severity for note in notes), key=SEVERITIES.index, default="exact")
