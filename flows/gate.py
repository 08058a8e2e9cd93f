"""Better, or only lucky? A candidate is promoted on a bootstrap bound of its gain, never on a bare mean."""

from collections.abc import Sequence

import msgspec

from connectors import missing_extra

RESAMPLES = 10_000


class Interval(msgspec.Struct, frozen=True):
    """A mean over questions and the bounds between which it lies with the configured confidence."""

    mean: float
    low: float
    high: float
    n: int


class Verdict(msgspec.Struct, frozen=True):
    promote: bool
    why: str
    gain: Interval | None = None


def interval(scores: Sequence[float], groups: Sequence[str], *, confidence: float = 0.95, seed: int = 0) -> Interval:
    """Bootstrap interval of the mean of `scores`, two-sided, in the unit of the scores.

    Scores with the same group (phrasings of one question) are drawn together: they succeed and fail together,
    and drawing them one by one would promise more certainty than there is
    (cluster bootstrap: Field and Welsh 2007, https://doi.org/10.1111/j.1467-9868.2007.00593.x).
    """
    try:
        import numpy as np
    except ModuleNotFoundError:
        raise missing_extra("curate", "Measuring a model") from None
    if not scores:
        return Interval(float("nan"), float("nan"), float("nan"), 0)
    names = {name: number for number, name in enumerate(dict.fromkeys(groups))}
    member = np.array([names[name] for name in groups])
    sums = np.bincount(member, weights=np.asarray(scores, dtype=float))
    sizes = np.bincount(member)
    drawn = np.random.default_rng(seed).integers(0, len(names), size=(RESAMPLES, len(names)))
    means = sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
    tail = (1 - confidence) / 2 * 100
    low, high = np.percentile(means, [tail, 100 - tail])
    return Interval(float(np.mean(scores)), float(low), float(high), len(scores))


def decide(
    candidate: Sequence[float],
    champion: Sequence[float],
    groups: Sequence[str],
    *,
    margin: float = 0.0,
    confidence: float = 0.95,
    min_questions: int = 20,
    stops: Sequence[str] = (),
    metric: str = "",
) -> Verdict:
    """Promote when the lower bound of the paired gain passes `margin` and nothing in `stops` forbids it.

    Of fewer than `min_questions` groups no bound is worth its name: nothing is promoted on those.
    `candidate[i]` and `champion[i]` are the scores of the same question i, 0 to 1; `metric` is what they are called.
    """
    facts = len(set(groups))
    if facts < min_questions:
        many = f", which {len(candidate)} questions ask for" if len(candidate) > facts else ""
        return Verdict(
            False,
            f"only {facts} held-out questions with an answer of their own{many}; {min_questions} are needed to tell "
            "skill from luck. Add questions to evaluate.questions.",
        )
    differences = [new - old for new, old in zip(candidate, champion, strict=True)]
    gain = interval(differences, groups, confidence=confidence)
    if stops:
        return Verdict(False, "; ".join(stops), gain)
    what = f"gain in {metric}" if metric else "gain"
    said = f"{what} {gain.mean:+.3f}, {confidence:.0%} interval {gain.low:+.3f} to {gain.high:+.3f}"
    if gain.low > margin:
        worse = ", though it is worse" if gain.high < 0 else ", though it may be worse" if gain.low < 0 else ""
        return Verdict(True, f"{said}: the lower bound is above {margin:+.3f}{worse}", gain)
    return Verdict(False, f"{said}: the lower bound is not above {margin:+.3f}", gain)
