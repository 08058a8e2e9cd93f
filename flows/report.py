"""report.html: one page that says what a run did, what it cost, and whether the model got better.

It needs nothing but itself: no script, no font, no picture. The same report gives the same bytes.
"""

import functools
import math
from collections.abc import Iterable
from itertools import groupby
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from flows.charts import Scale, line, scale
from flows.progress import duration

if TYPE_CHECKING:
    from jinja2 import Template

Model = Literal["base", "champion", "candidate", "teacher"]

# What the metrics of flows/measure.py are called where nobody knows the code.
METRICS = {
    "f1": "word overlap with the right answer",
    "key": "the fact asked for is in the answer",
    "exact": "word for word the right answer",
    "refusal": "refuses when nobody knows, and only then",
    "judge": "as a judge model rates the answer",
    "loss": "surprise at the right answer (less is better)",
}
MODES = {"closed_book": "by heart", "open_book": "with the passage at hand"}

# Why a pair is not learnt from: what each `Reason` of flows/filters.py means.
REASONS = {
    "thumbs_down": "people rated this answer down; only the dpo and kto exports use it",
    "duplicate": "the same question with the same answer is kept already",
    "near_duplicate": "it says almost the same as a pair that is kept already",
    "held_out": "the models are measured with this question, or with one that differs in a word or two",
    "too_short": "the answer is shorter than curate.min_answer, or there is no question",
    "too_long": "the answer is longer than curate.max_answer",
    "language": "question, answer and document are not in one language, or it is not among curate.languages",
    "refusal": "it says that nobody knows, but was asked for what the document tells",
    "repetitive": "the teacher got stuck and wrote one thing over and over",
    "no_question": "the teacher wrote a statement or a heading where a question belongs",
    "changed_meaning": "this rewording no longer asks what the original asks",
    "ungrounded": "the document does not bear the answer out",
    "answerable": "it says that nobody knows, though the document seems to tell",
    "judged_low": "a judge model rated it below curate.judge_min",
    "personal_data": "it holds personal data",
    "not_selected": "it is fit, but curate.select keeps others",
}
RIGHT = 0.8  # an answer that scores as much counts as right
SHOWN = 300  # characters of an answer; the rest is folded away


class StepBar(msgspec.Struct, frozen=True):
    """A step of the run; one that was taken from an earlier run is `reused` and cost no time."""

    name: str
    status: str  # done, failed or running
    seconds: float = 0.0
    counts: dict[str, int | float | str] = {}
    reused: bool = False
    error: str = ""


class Cost(msgspec.Struct, frozen=True):
    """What the teacher took; `cached` answers came from the journal and cost nothing."""

    tokens: int = 0
    money: float = 0.0
    currency: str = ""  # empty: the teacher has no price table
    local: bool = False  # flowstill serves the teacher itself
    calls: int = 0
    cached: int = 0


class Example(msgspec.Struct, frozen=True):
    question: str
    answer: str


class DroppedFor(msgspec.Struct, frozen=True):
    """How many pairs were dropped for one reason, and a few of them."""

    reason: str
    count: int
    examples: tuple[Example, ...] = ()


class DatasetSummary(msgspec.Struct, frozen=True):
    version: str = ""
    counts: dict[str, int | float | str] = {}


class Point(msgspec.Struct, frozen=True):
    step: int
    loss: float


class Score(msgspec.Struct, frozen=True):
    """A mean over `n` questions with its confidence interval; `mode` is empty for the loss."""

    model: Model
    mode: str
    metric: str
    mean: float
    low: float
    high: float
    n: int


class Gain(msgspec.Struct, frozen=True):
    """How much the candidate is above another model on the same questions."""

    against: Model
    mode: str
    metric: str
    mean: float
    low: float
    high: float


class Said(msgspec.Struct, frozen=True):
    """A model's answer to one question."""

    text: str
    right: bool = False
    finished: bool = True  # the model ended by itself, it was not cut off


class Compared(msgspec.Struct, frozen=True):
    """One question and what each model said."""

    question: str
    reference: str
    said: dict[Model, Said] = {}

    @property
    def change(self) -> str:
        """better or worse, where either the candidate or the model it is to replace is right; else empty."""
        old, new = self.said.get("champion") or self.said.get("base"), self.said.get("candidate")
        if not old or not new or old.right == new.right:
            return ""
        return "better" if new.right else "worse"


class Environment(msgspec.Struct, frozen=True):
    backend: str = ""
    device: str = ""
    versions: dict[str, str] = {}


class RunReport(msgspec.Struct, frozen=True, kw_only=True):
    """All that the page shows. Parts may be empty: a run can fail before it has made them."""

    loop: str
    run: str
    created: str  # ISO 8601, UTC
    verdict: Literal["promoted", "refused", "failed", "unchanged", "unfinished"]
    why: str = ""
    metric: str = ""  # what the gate decides by
    mode: str = ""
    steps: tuple[StepBar, ...] = ()
    cost: Cost = Cost()
    dropped: tuple[DroppedFor, ...] = ()
    dataset: DatasetSummary = DatasetSummary()
    training_loss: tuple[Point, ...] = ()
    validation_loss: tuple[Point, ...] = ()
    learning: str = ""  # what the losses mean, where they mean something bad
    scores: tuple[Score, ...] = ()
    gains: tuple[Gain, ...] = ()
    answers: tuple[Compared, ...] = ()
    environment: Environment = Environment()
    notes: tuple[str, ...] = ()
    files: dict[str, str] = {}  # what is in it -> path relative to the run's folder


def render(report: RunReport) -> str:
    """The page as HTML; every text of the report is escaped."""
    words = {"metrics": METRICS, "modes": MODES, "reasons": REASONS, "enough": RIGHT, "shown": SHOWN}
    return _template().render(report=report, **words, **_views(report))


@functools.cache
def _template() -> "Template":
    from jinja2 import Environment as Jinja
    from jinja2 import PackageLoader, StrictUndefined

    jinja = Jinja(
        loader=PackageLoader("flows"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    jinja.filters |= {"figure": figure, "price": price, "duration": duration, "called": called}
    return jinja.get_template("report.html.j2")


def _views(report: RunReport) -> dict[str, Any]:
    """What the template draws: the report's figures, grouped and scaled."""
    shown = [one for one in report.scores if math.isfinite(one.mean)]
    return {
        "headline": [one for one in shown if (one.metric, one.mode) == (report.metric, report.mode)],
        "panels": [_panel(list(group)) for group in _groups(report, shown)],
        "gains": sorted(report.gains, key=lambda one: _order(report, one)),
        "timeline": _timeline(report.steps),
        "losses": _losses(report),
        "models": [m for m in ("base", "champion", "candidate") if any(m in one.said for one in report.answers)],
        "cut_off": any(not said.finished for one in report.answers for said in one.said.values()),
        "most_dropped": max((one.count for one in report.dropped), default=0),
    }


def _order(report: RunReport, one: Score | Gain) -> tuple[int, str, bool, str]:
    """What the gate decides by comes first; the modes of a metric stand side by side."""
    known = [report.metric, *METRICS]
    place = known.index(one.metric) if one.metric in known else len(known)
    return place, one.metric, one.mode != report.mode, one.mode


def _groups(report: RunReport, scores: Iterable[Score]) -> list[list[Score]]:
    ordered = sorted(scores, key=lambda one: _order(report, one))
    return [list(group) for _, group in groupby(ordered, key=lambda one: (one.metric, one.mode))]


def _panel(scores: list[Score]) -> dict[str, Any]:
    """One small chart: the models on a common scale, 0 to 1 unless the metric goes beyond."""
    highest = max(one.high for one in scores)
    start, end = 84.0, 300.0
    within = Scale(0.0, 1.0, start, end) if highest <= 1 else scale([highest], start, end)
    return {"metric": scores[0].metric, "mode": scores[0].mode, "scores": scores, "x": within}


def _timeline(steps: Iterable[StepBar]) -> dict[str, Any]:
    """The steps one after the other, each with the second at which it began."""
    bars, now = [], 0.0
    for step in steps:
        bars.append((step, now))
        now += 0.0 if step.reused else step.seconds
    unit = 1 if now < 120 else 60  # of the axis, in seconds
    return {"bars": bars, "total": now, "unit": unit, "x": Scale(0.0, now / unit or 1.0, 76.0, 400.0)}


def _losses(report: RunReport) -> dict[str, Any] | None:
    training = [(one.step, one.loss) for one in report.training_loss if math.isfinite(one.loss)]
    validation = [(one.step, one.loss) for one in report.validation_loss if math.isfinite(one.loss)]
    if not training and not validation:
        return None
    x = scale([step for step, _ in training + validation], 44.0, 470.0)
    y = scale([loss for _, loss in training + validation], 190.0, 12.0)
    lines = {"training": line(training, x, y), "validation": line(validation, x, y)}
    return {"training": training, "validation": validation, "x": x, "y": y, "lines": lines}


def called(metric: str) -> str:
    """A metric's name where a person reads it: `refusal` is no rate of refusals."""
    return "refuses rightly" if metric == "refusal" else metric


def price(value: float, currency: str) -> str:
    """Money: two digits behind the point, or six where there is less than one of it."""
    said = f"{value:,.2f}" if value >= 1 else f"{value:.6f}".rstrip("0").rstrip(".")
    return f"{said} {currency}"


def figure(value: int | float | str) -> str:
    """A number as a person reads it: thousands apart, three digits behind the point; texts as they are."""
    if isinstance(value, float):
        return f"{value:,.3f}".rstrip("0").rstrip(".") if math.isfinite(value) else "–"
    return f"{value:,}" if isinstance(value, int) else value
