"""The arithmetic of charts: values to pixels, round ticks, lines. The templates draw."""

import math
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Scale:
    """Maps values from `low` to `high` onto pixels from `start` to `end`; call it with a value."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """The pixel of a value; values outside are drawn at the edge."""
        share = (value - self.low) / (self.high - self.low)
        return round(self.start + min(max(share, 0.0), 1.0) * (self.end - self.start), 1)

    def ticks(self, about: int = 5) -> list[float]:
        """Round numbers within the scale, around `about` of them."""
        step = _round_step((self.high - self.low) / about)
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [round(number * step, 10) for number in range(first, last + 1)]


def scale(values: Iterable[float], start: float, end: float) -> Scale:
    """A scale from 0 to a round number that is not below any finite value."""
    highest = max((value for value in values if math.isfinite(value)), default=0.0)
    if highest <= 0:
        return Scale(0.0, 1.0, start, end)
    step = _round_step(highest / 5)
    return Scale(0.0, math.ceil(highest / step) * step, start, end)


def line(points: Iterable[tuple[float, float]], x: Scale, y: Scale) -> str:
    """The `points` attribute of an SVG polyline."""
    return " ".join(f"{x(step)},{y(value)}" for step, value in points)


def _round_step(rough: float) -> float:
    """The least of 1, 2, 5 times a power of ten that is not below `rough`."""
    power = 10.0 ** math.floor(math.log10(rough))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * (1 - 1e-9))
