"""A model as judge: what it says of pairs reaches the dataset, what it says of answers reaches the scores."""

import io
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from connectors import ServiceError
from flows import ConfigError, FlowError
from flows.progress import Progress
from tests.doubles.place import Place, asked, facts
from tests.doubles.web import Call, Reply, serving

Judge = Callable[[str], Any]  # what is judged -> what the judge model writes


@contextmanager
def judging(place: Place, says: Judge) -> Iterator[list[str]]:
    """A judge model behind the service `judge`; gives the texts that it was shown."""
    shown: list[str] = []

    async def answer(call: Call) -> Reply:
        shown.append("\n".join(message["content"] for message in call.json()["messages"][1:]))
        message = {"role": "assistant", "content": json.dumps(says(shown[-1]))}
        return Reply.json({"choices": [{"message": message, "finish_reason": "stop"}], "model": "judge"})

    with serving(answer) as url:
        place.service("judge", kind="openai", url=f"{url}/v1", model="judge")
        yield shown


def dropped(place: Place) -> dict[str, int]:
    """What curate dropped, by reason."""
    step = place.runs()[0].run.step("curate")
    assert step is not None
    return {name.removeprefix("dropped: "): int(n) for name, n in step.counts.items() if name.startswith("dropped: ")}


def test_pairs_that_the_judge_finds_ungrounded_are_not_trained_on(place: Place) -> None:
    place.change("curate", judge="judge", judge_min=4)
    with judging(place, lambda text: {"score": 2 if "U00003" in text else 4}) as shown:
        folder = place.run()
    assert all("Passage:" in text and "Answer:" in text for text in shown)
    assert dropped(place)["judged_low"] >= sum("U00003" in text for text in shown) > 0
    trained = (folder.path / "train" / "train.jsonl").read_text()
    assert "U00004" in trained
    assert "U00003" not in trained
    assert "judged low" in (folder.path / "report.html").read_text()


def test_a_pair_is_judged_once_however_often_the_run_is_taken_up(place: Place) -> None:
    place.change("curate", judge="judge")
    with judging(place, lambda text: {"score": 5}) as shown:
        place.run("harvest", "distil", "curate")
        first = len(shown)
        place.change("curate", min_answer=3)  # curates anew
        place.run()
        assert len(shown) == first > 0


def test_another_judge_or_threshold_curates_anew(place: Place) -> None:
    place.change("curate", judge="judge", judge_min=4)
    with judging(place, lambda text: {"score": 4}) as shown:
        place.run("harvest", "distil", "curate")
        assert "judged_low" not in dropped(place)
        place.change("curate", judge_min=5)
        with pytest.raises(FlowError, match=r"none of .* is fit for training"):
            place.run()
        place.change("curate", judge_min=4)
        judged = len(shown)
        place.service("judge", model="another")
        place.run("curate")
        assert len(shown) == 2 * judged


def test_pairs_that_got_no_judgement_are_kept_and_told(place: Place) -> None:
    place.change("curate", judge="judge")
    with judging(place, lambda text: "I like it" if "weight of unit U00003" in text else {"score": 5}):
        folder = place.run()
    assert "U00003" in (folder.path / "train" / "train.jsonl").read_text()
    (note,) = folder.run.notes
    assert "pairs got no judgement and stay: the judge gave no answer of the form asked for." in note
    assert "pairs got no judgement and stay" in (folder.path / "report.html").read_text()


def test_a_pair_that_the_teacher_wrote_twice_is_judged_once_and_counted_once(place: Place) -> None:
    place.configure(questions=8, follow_ups=False)  # the stub finds four facts in a passage, and says each twice
    place.change("curate", judge="judge")
    screen = io.StringIO()
    with judging(place, lambda text: {"score": 5}) as shown:
        folder = place.run("harvest", "distil", "curate", progress=Progress(screen))
    assert dropped(place)["duplicate"] == len(shown) > 0
    assert folder.run.notes == []
    assert f"done {len(shown)}/{len(shown)} in" in screen.getvalue() and "left out" not in screen.getvalue()


def test_judged_answers_are_a_metric_from_0_to_1(place: Place) -> None:
    place.change("evaluate", judge="judge")
    with judging(place, lambda text: {"score": 1 if "I am a base model" in text else 4}) as shown:
        folder = place.run()
    assert all("Right answer:" in text for text in shown)
    step = folder.run.step("evaluate")
    assert step is not None
    assert step.counts["base closed_book judge"] == 0.0
    assert 0.7 < float(step.counts["candidate closed_book judge"]) <= 0.75
    assert "as a judge model rates the answer" in (folder.path / "report.html").read_text()
    _, out, _ = place.said("show", "units", module="flows")
    assert "judge" in out


def test_answers_that_got_no_judgement_are_told(place: Place) -> None:
    place.change("evaluate", judge="judge")
    with judging(place, lambda text: {} if "weight of unit U00003" in text else {"score": 5}):
        folder = place.run()
    (note,) = folder.run.notes
    assert "answers got no judgement: the judge gave none of the form asked for." in note


def test_the_gate_can_go_by_the_judge(place: Place) -> None:
    place.change("evaluate", judge="judge")
    place.change("gate", metric="judge")
    with judging(place, lambda text: {"score": 3}):
        folder = place.run()
    assert folder.run.verdict == "refused"
    assert "gain in judge +0.000" in folder.run.why


def test_a_judge_that_is_down_fails_the_run_and_names_itself(place: Place) -> None:
    place.change("curate", judge="judge")
    place.service("judge", kind="openai", url="http://127.0.0.1:9/v1", model="judge")
    with pytest.raises(ServiceError, match=r"services\.judge\.url"):
        place.run()
    calls = place.stub.report().calls
    with judging(place, lambda text: {"score": 5}):
        assert place.run().run.verdict == "promoted"
    assert place.stub.report().calls == calls


def test_a_gate_by_a_judge_needs_one(place: Place) -> None:
    """Found when the settings are read, not after an hour of training."""
    place.change("gate", metric="judge")
    with pytest.raises(ConfigError, match=r"loops\.units\.gate\.metric.*evaluate\.judge"):
        place.run()
    place.change("gate", metric="f1", mode="open_book")
    place.change("evaluate", modes=["closed_book"])
    with pytest.raises(ConfigError, match=r"loops\.units\.gate\.mode: open_book is not measured"):
        place.run()


def test_refusals_are_not_judged_by_a_passage_that_cannot_bear_them_out(place: Place) -> None:
    place.configure(refusals=0.3)
    place.change("curate", judge="judge")
    place.write("more.md", facts(50, 60))
    rows = (place.folder / "held-out.jsonl").read_text().splitlines()
    assert len(rows) == len(asked(facts(0, 12), "What is"))
    with judging(place, lambda text: {"score": 5}) as shown:
        place.run()
    assert not any("I do not know" in text for text in shown)
