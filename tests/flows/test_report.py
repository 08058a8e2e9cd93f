"""report.html: one page, complete in itself, that shows what a run did and never runs what a model said."""

import re
import typing
from html.parser import HTMLParser

import msgspec
import pytest

from flows.charts import Scale, line, scale
from flows.filters import Reason
from flows.report import (
    REASONS,
    Compared,
    Cost,
    DatasetSummary,
    DroppedFor,
    Environment,
    Example,
    Gain,
    Model,
    Point,
    RunReport,
    Said,
    Score,
    StepBar,
    figure,
    price,
    render,
)
from flows.runs import Spent, Step
from flows.summary import counts_of

EMPTY = RunReport(loop="support", run="20261020T031500123Z", created="2026-10-20T03:15:00+00:00", verdict="unfinished")
SCORED: tuple[tuple[Model, float], ...] = (("base", 0.02), ("champion", 0.4), ("candidate", 0.81))
WHOLE = msgspec.structs.replace(
    EMPTY,
    verdict="promoted",
    why="gain +0.41, 95% interval +0.31 to +0.51: the lower bound is above +0.00",
    metric="key",
    mode="closed_book",
    steps=(
        StepBar("harvest", "done", 0.4, {"documents": 11}),
        StepBar("distil", "done", 95.2, {"pairs": 412}, reused=True),
        StepBar("train", "done", 134.6, {"train_loss": 0.612345}),
    ),
    cost=Cost(tokens=84123, money=0.0712, currency="EUR", calls=123, cached=12),
    dropped=(DroppedFor("thumbs_down", 8, (Example("The night key code?", "Ask a colleague."),)),),
    dataset=DatasetSummary("3fa9c01b77de", {"train": 331, "test": 33}),
    training_loss=(Point(1, 3.9), Point(60, 0.4)),
    validation_loss=(Point(60, 0.7),),
    scores=(
        *(
            Score(model, mode, "key", mean, mean - 0.02, mean + 0.05, 80)
            for mode in ("open_book", "closed_book")
            for model, mean in SCORED
        ),
        Score("base", "", "loss", 4.3, 4.0, 4.6, 80),
    ),
    gains=(
        Gain("base", "closed_book", "key", 0.79, 0.7, 0.87),
        Gain("champion", "closed_book", "f1", 0.02, -0.03, 0.06),
    ),
    answers=(
        Compared(
            "Which code at night?",
            "The night key code is 4471.",
            {"base": Said("It depends."), "champion": Said("Code 12."), "candidate": Said("It is 4471.", right=True)},
        ),
    ),
    environment=Environment("trl", "cpu", {"torch": "2.13.0"}),
    notes=("One answer was repaired.",),
    files={"the run": "run.json", "a name with blanks": "more/what is left.jsonl"},
)


class Page(HTMLParser):
    """What a browser would see: elements with their attributes, and the text; complains about bad nesting."""

    VOID = ("meta", "link", "br", "img", "input", "hr")

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        self.open += [] if tag in self.VOID else [tag]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += " ".join(data.split()) + " " if "style" not in self.open else ""

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]


def test_the_page_says_verdict_cost_scores_answers_and_what_was_dropped() -> None:
    text = Page(render(WHOLE)).text
    for said in (
        "✓ Promoted",
        WHOLE.why,
        "84,123",
        "0.0712 EUR",
        "key, by heart",
        "+0.790",
        "+0.700 to +0.870",
        "no clear difference",
        "It is 4471.",
        "thumbs down people rated this answer down",
        "Ask a colleague.",
        "3fa9c01b77de",
        "One answer was repaired.",
        "torch 2.13.0",
        "0.612",
    ):
        assert said in text


def test_the_page_needs_nothing_but_itself() -> None:
    html = render(WHOLE)
    tags = {tag for tag, _ in Page(html).elements}
    assert not tags & {"script", "link", "img", "iframe", "object"}
    assert "http://" not in html and "https://" not in html
    assert "@import" not in html and "url(" not in html


def test_links_lead_to_files_of_the_run_folder_alone() -> None:
    hostile = msgspec.structs.replace(WHOLE, files=WHOLE.files | {"x": "javascript:alert(1)"})
    links = [link["href"] for link in Page(render(hostile)).all("a")]
    assert links == ["./run.json", "./more/what%20is%20left.jsonl", "./javascript%3Aalert%281%29"]


HOSTILE = """</td></title></style><script>alert('x')</script><img src=x onerror="alert(1)">{{ 7*7 }}"""


def test_what_people_and_models_wrote_is_shown_and_never_run() -> None:
    answer = Compared(HOSTILE, HOSTILE, {"base": Said(HOSTILE), "candidate": Said(HOSTILE * 9)})
    report = RunReport(
        loop=HOSTILE,
        run=HOSTILE,
        created=HOSTILE,
        verdict="failed",
        why=HOSTILE,
        steps=(StepBar(HOSTILE, "failed", 1.0, {HOSTILE: HOSTILE}, error=HOSTILE),),
        cost=Cost(currency=HOSTILE),
        dropped=(DroppedFor(HOSTILE, 1, (Example(HOSTILE, HOSTILE),)),),
        dataset=DatasetSummary(HOSTILE, {HOSTILE: HOSTILE}),
        scores=(Score("base", HOSTILE, HOSTILE, 0.5, 0.4, 0.6, 3),),
        gains=(Gain("base", HOSTILE, HOSTILE, 0.1, 0.0, 0.2),),
        answers=(answer,) * 20,
        environment=Environment(HOSTILE, HOSTILE, {HOSTILE: HOSTILE}),
        notes=(HOSTILE,),
        files={HOSTILE: HOSTILE},
    )
    page = Page(render(report))
    assert "{{ 7*7 }}" in page.text and "alert('x')" in page.text
    assert not {tag for tag, _ in page.elements} & {"script", "img"}
    assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]


def test_a_run_that_failed_early_shows_the_error_and_says_what_is_missing() -> None:
    failed = msgspec.structs.replace(
        EMPTY,
        verdict="failed",
        why="distil: the teacher answered 401.",
        steps=(
            StepBar("harvest", "done", 0.4),
            StepBar("distil", "failed", 3.1, error="the teacher answered 401."),
        ),
    )
    text = Page(render(failed)).text
    assert "✗ Failed" in text and "distil: the teacher answered 401." in text
    for said in (
        "Nothing was measured",
        "No model has answered",
        "No dataset was made",
        "No model was trained",
    ):
        assert said in text


def test_a_run_without_a_single_step_still_has_a_page() -> None:
    assert "No step was begun." in Page(render(EMPTY)).text


def test_without_a_champion_no_column_is_left_empty() -> None:
    answers = (Compared("Which code?", "4471", {"base": Said("No."), "candidate": Said("4471", right=True)}),)
    html = render(msgspec.structs.replace(WHOLE, answers=answers))
    headings = re.findall(r'<th scope="col">(.+?)</th>', html.split("Before and after")[1])
    assert headings[:4] == ["question", "right answer", "base", "candidate"]


def test_right_and_wrong_are_told_by_sign_and_word_and_not_by_colour_alone() -> None:
    text = Page(render(WHOLE)).text
    assert "✓ right It is 4471." in text
    assert "✗ wrong It depends." in text


def test_what_counts_as_right_is_said_beside_the_answers() -> None:
    text = Page(render(WHOLE)).text
    assert "when it scores 0.8 or more by key : the fact asked for is in the answer" in text
    assert "better : right now, where the champion was wrong" in text


@pytest.mark.parametrize(
    ("base", "champion", "candidate", "told"),
    [
        (False, None, True, "better"),
        (True, None, False, "worse"),
        (False, None, False, ""),
        (True, None, True, ""),
        (False, True, True, ""),
        (True, False, True, "better"),
        (None, None, True, ""),
    ],
)
def test_better_and_worse_are_said_only_where_an_answer_became_right_or_wrong(
    base: bool | None, champion: bool | None, candidate: bool, told: str
) -> None:
    marks: dict[Model, bool | None] = {"base": base, "champion": champion, "candidate": candidate}
    said = {model: Said("Code 4471.", right) for model, right in marks.items() if right is not None}
    assert Compared("Which code?", "4471", said).change == told


def test_a_long_answer_is_folded_and_one_that_was_cut_off_says_so() -> None:
    rant = "It depends on many things. " * 20
    said: dict[Model, Said] = {"base": Said(rant, finished=False), "candidate": Said("4471.", right=True)}
    html = render(msgspec.structs.replace(WHOLE, answers=(Compared("Which code?", "4471.", said),)))
    assert f"{rant[:300]}… <details><summary>whole text</summary>{rant}</details>" in html
    assert Page(html).text.count("[cut off]") == 2  # the answer, and what that means
    assert "evaluate.answer_tokens" in html
    assert "[cut off]" not in render(WHOLE)


def test_every_reason_for_dropping_a_pair_is_explained() -> None:
    assert set(REASONS) == set(typing.get_args(Reason))


@pytest.mark.parametrize(
    ("cost", "told"),
    [
        (Cost(tokens=9, calls=1, local=True), "nothing: it ran on this machine"),
        (Cost(tokens=9, calls=1), "unknown: the service has no prices set"),
        (Cost(), "It was not asked in this run."),
    ],
)
def test_what_the_teacher_cost_is_told_also_without_prices(cost: Cost, told: str) -> None:
    assert told in Page(render(msgspec.structs.replace(WHOLE, cost=cost))).text


@pytest.mark.parametrize(("cost", "told"), [(12345.678, "12,345.68 EUR"), (0.00123, "0.00123 EUR"), (0.0, "0 EUR")])
def test_money_is_told_in_one_way_in_every_place(cost: float, told: str) -> None:
    assert price(cost, "EUR") == told
    page = Page(render(msgspec.structs.replace(WHOLE, cost=Cost(money=cost, currency="EUR", calls=1)))).text
    assert page.count(told) == 2
    counts = counts_of(Step("distil", "", spent=Spent(1, 2, cost, "EUR")))
    assert counts.get("cost", "0 EUR") == told


def test_losses_that_mean_something_bad_are_put_in_words() -> None:
    assert "by heart, sadly" in Page(render(msgspec.structs.replace(WHOLE, learning="It learnt by heart, sadly."))).text


def test_what_the_gate_decides_by_comes_first_and_is_framed() -> None:
    html = render(WHOLE)
    captions = re.findall(r"<figcaption><strong>(.+?)</strong>", html)
    assert captions == ["key, by heart", "key, with the passage at hand", "loss"]
    assert html.count('<figure class="decides">') == 1


def test_each_chart_is_described_for_those_who_cannot_see_it() -> None:
    page = Page(render(WHOLE))
    identities = {attributes["id"] for _, attributes in page.elements if "id" in attributes}
    for chart in page.all("svg"):
        assert chart["role"] == "img"
        assert set(chart["aria-labelledby"].split()) <= identities
    assert "Loss of training rows goes from 3.9 at step 1 to 0.4 at step 60." in page.text
    assert "loss of validation rows: 0.7 at the end" in page.text
    assert "distil: taken from an earlier run." in page.text
    assert all(heading["scope"] in ("row", "col") or "aria-hidden" in heading for heading in page.all("th"))


def test_a_reused_step_took_no_time_of_this_run() -> None:
    assert "time of this run 2 min 15 s" in Page(render(WHOLE)).text


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_figures_that_are_no_numbers_are_left_out_of_the_charts(number: float) -> None:
    report = msgspec.structs.replace(
        WHOLE,
        scores=(Score("base", "closed_book", "key", number, number, number, 0),),
        training_loss=(Point(1, number), Point(2, 1.0)),
        validation_loss=(),
    )
    assert not re.search(r'="[^"]*\b(nan|inf)\b', render(report))


def test_the_same_report_gives_the_same_bytes_also_after_json() -> None:
    again = msgspec.json.decode(msgspec.json.encode(WHOLE), type=RunReport)
    assert render(again) == render(WHOLE)


def test_many_answers_are_folded_away_but_all_there() -> None:
    answers = tuple(Compared(f"Question {n}?", "Yes.", {"base": Said("No.")}) for n in range(40))
    text = Page(render(msgspec.structs.replace(WHOLE, answers=answers))).text
    assert "28 more" in text
    assert all(f"Question {n}?" in text for n in range(40))


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (1234567, "1,234,567"),
        (0.5, "0.5"),
        (2.0, "2"),
        (0.12345, "0.123"),
        (float("nan"), "–"),
        ("q8_0", "q8_0"),
    ],
)
def test_figures_read_well(value: int | float | str, shown: str) -> None:
    assert figure(value) == shown


def test_a_scale_ends_at_round_numbers_and_marks_round_ticks() -> None:
    x = scale([0.3, 3.94], 0.0, 100.0)
    assert (x.low, x.high, x.ticks(4)) == (0.0, 4.0, [0.0, 1.0, 2.0, 3.0, 4.0])
    assert x(2.0) == 50.0
    assert x(99.0) == 100.0
    assert Scale(0.0, 1.0, 0.0, 10.0).ticks(5) == [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    assert line([(0.0, 0.0), (4.0, 2.0)], x, x) == "0.0,0.0 100.0,50.0"


@pytest.mark.parametrize("values", [[], [0.0], [float("nan")]])
def test_a_scale_of_nothing_is_still_a_scale(values: list[float]) -> None:
    assert scale(values, 0.0, 10.0).ticks()
