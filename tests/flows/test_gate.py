"""The gate promotes what is better and is hard to fool by luck."""

import math

import pytest

from flows.gate import decide, interval
from flows.measure import HeldOut

np = pytest.importorskip("numpy")


def paired(n: int, p_new: float, p_old: float, seed: int, phrasings: int = 1) -> tuple[list[float], list[float]]:
    """Right/wrong scores of two models; phrasings of one question share their difficulty."""
    random = np.random.default_rng(seed)
    hard = np.repeat(random.normal(0, 0.15, n // phrasings), phrasings)
    new = (random.random(len(hard)) < p_new + hard).astype(float)
    old = (random.random(len(hard)) < p_old + hard).astype(float)
    return new.tolist(), old.tolist()


def singles(n: int) -> list[str]:
    return [str(number) for number in range(n)]


@pytest.mark.parametrize("phrasings", [1, 2, 4])
def test_of_a_thousand_equal_candidates_at_most_five_in_a_hundred_pass(
    phrasings: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flows.gate.RESAMPLES", 1000)
    groups = [str(number // phrasings) for number in range(200)]
    passed = sum(decide(*paired(200, 0.6, 0.6, seed, phrasings), groups).promote for seed in range(1000))
    assert passed <= 50


def test_answers_that_repeat_within_a_group_do_not_count_as_evidence(monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight copies of each of 25 answers are 25 facts, not 200: equal models must not pass more often."""
    monkeypatch.setattr("flows.gate.RESAMPLES", 1000)
    groups = [str(number // 8) for number in range(200)]
    passed = 0
    for seed in range(400):
        new, old = paired(25, 0.5, 0.5, seed)
        copies = ([x for x in new for _ in range(8)], [x for x in old for _ in range(8)])
        passed += decide(*copies, groups).promote
    assert passed <= 20


def test_a_true_gain_of_ten_points_passes_four_times_in_five(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flows.gate.RESAMPLES", 1000)
    passed = sum(decide(*paired(400, 0.7, 0.6, seed), singles(400)).promote for seed in range(200))
    assert passed >= 160


def test_the_bound_decides_not_the_mean() -> None:
    """19 right against 17 of 40 is a gain of five points that luck explains."""
    new, old = [1.0] * 19 + [0.0] * 21, [0.0] * 10 + [1.0] * 17 + [0.0] * 13
    verdict = decide(new, old, singles(40))
    assert not verdict.promote
    assert verdict.gain is not None
    assert verdict.gain.mean > 0 > verdict.gain.low
    assert "not above" in verdict.why


def test_a_gain_below_the_margin_is_refused() -> None:
    new, old = [1.0] * 100, [0.9] * 100
    assert decide(new, old, singles(100), margin=0.05).promote
    assert not decide(new, old, singles(100), margin=0.2).promote


def test_a_worse_model_that_a_negative_margin_lets_pass_is_called_so() -> None:
    same, worse = [0.5, 1.0] * 20, [0.4, 0.9] * 20
    mixed = [0.4, 1.1] * 20
    for new, told in [(worse, ", though it is worse"), (mixed, ", though it may be worse"), ([1.0] * 40, "")]:
        verdict = decide(new, same, singles(40), margin=-0.5)
        assert verdict.promote and verdict.why.endswith(f"the lower bound is above -0.500{told}")


def test_too_few_questions_promote_nothing_and_the_message_says_what_to_add() -> None:
    verdict = decide([1.0] * 5, [0.0] * 5, singles(5))
    assert not verdict.promote
    assert "5 held-out questions" in verdict.why


def test_many_questions_with_few_answers_are_few(monkeypatch: pytest.MonkeyPatch) -> None:
    """One fact in twenty wordings is one draw: its interval has no width, and luck would always pass."""
    for groups in (["one"] * 40, ["yes"] * 20 + ["no"] * 20):
        verdict = decide([1.0] * 40, [0.0] * 40, groups)
        assert not verdict.promote
        assert f"only {len(set(groups))} held-out questions with an answer of their own, which 40" in verdict.why


@pytest.mark.parametrize("facts", [20, 30])
def test_the_fewest_questions_that_are_enough_pass_no_more_equal_candidates(
    facts: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flows.gate.RESAMPLES", 1000)
    passed = sum(decide(*paired(facts, 0.5, 0.5, seed), singles(facts)).promote for seed in range(1000))
    assert passed <= 50


def test_yes_and_no_are_told_apart_by_what_is_asked() -> None:
    asked = [HeldOut(f"Is door {n} open?", answer) for n, answer in enumerate(["Yes.", "No.", "yes", "No!", "是的。"])]
    assert len({one.group for one in asked}) == 5
    assert HeldOut("When was it built?", "1963").group == HeldOut("Which year?", "1963.").group.rstrip(".")


def test_the_message_names_the_setting() -> None:
    verdict = decide([1.0] * 5, [0.0] * 5, singles(5))
    assert not verdict.promote
    assert "evaluate.questions" in verdict.why


def test_a_stop_forbids_promotion_however_large_the_gain() -> None:
    verdict = decide([1.0] * 50, [0.0] * 50, singles(50), stops=["3 held-out questions stand in the training data"])
    assert not verdict.promote
    assert "training data" in verdict.why


def test_an_interval_is_the_same_every_time_and_holds_its_mean() -> None:
    scores = [float(n % 3 == 0) for n in range(90)]
    found = interval(scores, singles(90))
    assert found == interval(scores, singles(90))
    assert found.low < found.mean < found.high
    assert found.n == 90
    assert math.isnan(interval([], []).mean)
