"""What was measured, beside what it is compared with and what was wanted: the rows of the bench's one table."""

from collections.abc import Iterable
from typing import Literal

import msgspec
from rich.table import Table

Judged = Literal["measured", "ratio"]


class Target(msgspec.Struct, frozen=True):
    """A bound on the figure itself or on its ratio to the baseline."""

    bound: float
    of: Judged = "measured"
    least: bool = False  # else the most it may be

    def __str__(self) -> str:
        return f"{'ratio ' if self.of == 'ratio' else ''}{'>=' if self.least else '<='} {self.bound:g}"


class Figure(msgspec.Struct, frozen=True):
    """One row. Only those with a target are judged; times are never more than reported."""

    what: str
    measured: float
    unit: str
    baseline: float | None = None
    against: str = ""  # what the baseline is
    target: Target | None = None
    note: str = ""

    @property
    def ratio(self) -> float | None:
        return self.measured / self.baseline if self.baseline else None

    @property
    def met(self) -> bool | None:
        value = self.measured if self.target is None or self.target.of == "measured" else self.ratio
        if self.target is None or value is None:
            return None
        return value >= self.target.bound if self.target.least else value <= self.target.bound


def table(figures: Iterable[Figure]) -> Table:
    shown = Table(title="flowstill bench", title_justify="left")
    shown.add_column("what", ratio=3)
    for heading in ("measured", "floor / baseline", "ratio", "target"):
        shown.add_column(heading, justify="right", ratio=1)
    shown.add_column("met")
    for figure in figures:
        base = "" if figure.baseline is None else f"{_number(figure.baseline)} {figure.unit}\n{figure.against}"
        ratio = "" if figure.ratio is None else f"{figure.ratio:.2f}"
        what = f"{figure.what}\n[dim]{figure.note}[/dim]" if figure.note else figure.what
        met = {True: "[green]met[/]", False: "[red]not met[/]", None: ""}[figure.met]
        measured = f"{_number(figure.measured)} {figure.unit}"
        shown.add_row(what, measured, base, ratio, str(figure.target or ""), met)
    return shown


def as_json(figures: Iterable[Figure]) -> list[dict[str, object]]:
    """The rows with ratio and verdict worked out."""
    return [
        {**msgspec.structs.asdict(figure), "target": str(figure.target or ""), "ratio": figure.ratio, "met": figure.met}
        for figure in figures
    ]


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 or value == round(value) else f"{value:.3g}"
