"""What the report of a run is made of, for runs that end in every way."""

import msgspec
import pytest

from connectors import ServiceError
from connectors.teacher import Answer, Request
from flows import FlowError, RowsLostError, report, summary
from flows.report import RunReport, price
from flows.runs import Step
from flows.summary import counts_of
from tests.doubles.engine import FakeModel, FakeModels
from tests.doubles.place import Place, facts


@pytest.fixture
def reports(monkeypatch: pytest.MonkeyPatch) -> list[RunReport]:
    """Every report that is written, the newest last."""
    written: list[RunReport] = []
    build = summary.build

    def keep(*arguments: object) -> RunReport:
        written.append(build(*arguments))  # type: ignore[arg-type]
        return written[-1]

    monkeypatch.setattr(summary, "build", keep)
    return written


def test_a_promoted_run_shows_everything(place: Place, reports: list[RunReport]) -> None:
    folder = place.run()
    page = reports[-1]
    assert (page.verdict, page.metric, page.mode) == ("promoted", "key", "closed_book")
    assert [step.name for step in page.steps] == [
        *("harvest", "distil", "curate", "train", "export", "evaluate", "gate", "promote")
    ]
    assert {step.status for step in page.steps} == {"done"}
    assert page.cost == report.Cost(tokens=page.cost.tokens, calls=12)
    assert page.cost.tokens > 0
    assert page.training_loss == (report.Point(1, 1.0),)
    scores = {(score.model, score.mode, score.metric): score for score in page.scores}
    assert {model for model, _, _ in scores} == {"base", "candidate"}
    best = scores["candidate", "closed_book", "key"]
    assert best.low <= best.mean <= best.high
    assert best.n == 48
    gains = {(gain.against, gain.mode, gain.metric): gain for gain in page.gains}
    assert gains["base", "closed_book", "key"].low > 0
    assert len(page.answers) == 48
    learnt = [one for one in page.answers if one.said["candidate"].text == one.reference]
    assert learnt and all(one.said["candidate"].right and one.change == "better" for one in learnt)
    assert (place.config.state / "datasets" / "units" / page.dataset.version).is_dir()
    assert page.environment.backend == "fake"
    assert set(page.files.values()) >= {"pairs.jsonl", "train/train.jsonl", "answers.jsonl", "run.json"}
    assert all((folder.path / path).exists() for path in page.files.values())


def test_what_the_gate_goes_by_of_itself_says_what_is_right_in_the_report(
    place: Place, reports: list[RunReport], monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = FakeModel.ask

    async def talkative(self: FakeModel, request: Request) -> Answer:
        said = await plain(self, request)
        return msgspec.structs.replace(said, text=f"{said.text} And much more that nobody has asked for at all.")

    monkeypatch.setattr(FakeModel, "ask", talkative)
    place.change("gate", metric="auto")
    place.run()
    page = reports[-1]
    assert page.metric == "key"
    right = [one for one in page.answers if one.said["candidate"].right]
    assert right and all(one.said["candidate"].text.startswith(one.reference) for one in right)


def test_a_refused_run_shows_the_champion_and_what_was_taken_from_earlier_runs(
    place: Place, reports: list[RunReport]
) -> None:
    place.run()
    place.write("more.md", facts(50, 52))
    place.run()
    page = reports[-1]
    assert page.verdict == "refused"
    assert "not above" in page.why
    assert {score.model for score in page.scores} == {"base", "champion", "candidate"}
    assert {gain.against for gain in page.gains} == {"base", "champion"}
    assert (page.cost.calls, page.cost.cached) == (2, 12)


def test_what_a_run_takes_from_an_earlier_one_costs_it_nothing(place: Place, reports: list[RunReport]) -> None:
    place.run()
    place.change("gate", margin=0.9)
    place.run()
    page = reports[-1]
    assert {step.name for step in page.steps if step.reused} >= {"distil", "curate", "train"}
    assert page.cost == report.Cost()
    assert page.environment.backend == "fake"
    assert page.training_loss


def test_money_is_told_in_the_currency_of_the_prices(place: Place, reports: list[RunReport]) -> None:
    place.service("stub", prices={"input": 2.0, "output": 8.0, "currency": "EUR"})
    folder = place.run()
    cost = reports[-1].cost
    assert cost.currency == "EUR"
    assert cost.tokens * 2e-6 < cost.money < cost.tokens * 8e-6
    assert price(cost.money, "EUR") in (folder.path / "report.html").read_text()


def test_a_failed_run_shows_how_far_it_came_and_why_it_ended(place: Place, reports: list[RunReport]) -> None:
    place.teach(status=401)
    with pytest.raises(ServiceError):
        place.run()
    page = reports[-1]
    assert page.verdict == "failed"
    assert page.why.startswith("distil: ")
    assert [(step.name, step.status) for step in page.steps] == [("harvest", "done"), ("distil", "failed")]
    assert "401" in page.steps[-1].error
    assert (page.scores, page.answers, page.training_loss, page.dropped) == ((), (), (), ())


def test_a_run_that_was_taken_up_again_forgets_why_it_failed(place: Place, reports: list[RunReport]) -> None:
    place.teach(status=401)
    with pytest.raises(ServiceError):
        place.run()
    place.teach()
    place.run("harvest", "distil")
    assert (reports[-1].verdict, reports[-1].why) == ("unfinished", "")


def test_a_run_that_fails_while_promoting_is_not_called_promoted(
    place: Place, reports: list[RunReport], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(FakeModels, "chat", lambda *_: "")
        with pytest.raises(FlowError, match="empty answer to the smoke question"):
            place.run()
    page = reports[-1]
    assert page.verdict == "failed"
    assert "smoke question" in page.why
    assert page.answers
    assert place.runs()[0].run.verdict == ""
    place.run()
    assert reports[-1].verdict == "promoted"


def test_lost_documents_and_rows_are_named(place: Place, reports: list[RunReport]) -> None:
    place.write("broken.pdf", "%PDF-1.4 this is none")
    place.teach(pwrong=0.5, seed=3)
    with pytest.raises(RowsLostError):
        place.run()
    notes = reports[-1].notes
    assert any("broken.pdf" in note for note in notes)
    assert len(notes) > 1


def test_the_losses_of_a_training_say_of_which_rows_they_are() -> None:
    counts = counts_of(Step("train", "", counts={"train_loss": 1.448, "eval_loss": 0.669}))
    assert counts == {"loss of training rows, on average": 1.448, "loss of validation rows, at the end": 0.669}


def test_dropped_pairs_are_shown_by_reason_with_examples(place: Place, reports: list[RunReport]) -> None:
    place.change("curate", max_answer=34)  # characters: short of the longest ones
    place.run()
    found = {one.reason: one for one in reports[-1].dropped}
    assert found["too_long"].count > 0
    assert 0 < len(found["too_long"].examples) <= 3
    assert "unit" in found["too_long"].examples[0].question


def test_only_files_of_this_run_are_linked(place: Place, reports: list[RunReport]) -> None:
    place.run()
    place.change("gate", margin=0.9)
    folder = place.run()
    assert all((folder.path / path).exists() for path in reports[-1].files.values())
    assert "train/train.jsonl" not in reports[-1].files.values()


def test_a_document_that_cannot_be_read_is_named_once(place: Place, reports: list[RunReport]) -> None:
    place.write("broken.pdf", "%PDF-1.4 this is none")
    for _ in range(2):
        with pytest.raises(RowsLostError):
            place.run()
        assert sum("broken.pdf" in note for note in reports[-1].notes) == 1


def test_what_an_earlier_run_lost_is_no_loss_of_one_that_takes_its_steps_over(place: Place) -> None:
    place.teach(pwrong=0.5, seed=3)
    with pytest.raises(RowsLostError):
        place.run()
    assert place.runs()[0].run.lost
    place.change("gate", margin=0.9)
    assert place.run("gate").run.lost == []


@pytest.mark.parametrize(
    ("training", "evaluation", "told"),
    [
        (0.9, [1.5, 1.66, 1.9], True),  # it gets worse again
        (0.9, [2.0, 1.9, 1.8], True),  # ever better, but far from what it was trained on
        (0.9, [1.5, 1.2, 1.25], False),
        (0.9, [], False),
    ],
)
def test_losses_that_say_learnt_by_heart_are_put_in_words(training: float, evaluation: list[float], told: bool) -> None:
    history = tuple(report.Point(step, loss) for step, loss in enumerate(evaluation))
    words = summary.learning(summary.Metrics(train_loss=training, eval_history=history))
    assert bool(words) == told
    assert not told or ("by heart" in words and f"{evaluation[-1]:.2f} at the end" in words)


def test_a_figure_of_the_record_that_is_none_is_one_clear_error(place: Place) -> None:
    place.run()
    (folder,) = place.runs()
    step = folder.run.step("export")
    assert step and folder.number("export", "fidelity") == step.counts["fidelity"]
    step.counts["fidelity"] = "very good"
    with pytest.raises(FlowError, match=r"run\.json: step 'export': 'fidelity' is 'very good', not a number"):
        folder.number("export", "fidelity")
    with pytest.raises(FlowError, match=r"run\.json: step 'export': 'loss' is missing"):
        folder.number("export", "loss")


def test_metrics_that_were_damaged_are_one_clear_error_and_made_anew_once_they_are_gone(place: Place) -> None:
    first = place.run()
    metrics = first.path / "train" / "metrics.json"
    metrics.write_text("{")
    place.change("gate", min_questions=100)
    with pytest.raises(
        FlowError, match=r"metrics\.json is not what step 'train' wrote: .*\. Delete it and run again\."
    ):
        place.run()
    metrics.unlink()
    assert place.run().run.verdict == "refused"
