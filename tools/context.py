"""What tools need and do not have themselves: `flows` fills it in, a test fills it with fakes."""

from collections.abc import Callable
from dataclasses import dataclass, field

from connectors.records import Passage


def _no_search(base: str, query: str, k: int) -> list[tuple[Passage, float]]:
    return []


@dataclass(frozen=True)
class Context:
    """`search(base, query, k)`: the passages of a knowledge base that fit best, with scores that grow with the fit."""

    bases: tuple[str, ...] = ()  # knowledge bases, by name
    search: Callable[[str, str, int], list[tuple[Passage, float]]] = field(default=_no_search)
