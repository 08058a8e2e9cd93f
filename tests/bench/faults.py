"""A teacher that fails, answers that are cut, and processes that are killed: what is still made, and what is paid."""

import random
import time
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import NamedTuple

from connectors.teacher import Teacher
from flows.cli import ROWS_LOST
from tests.bench.figures import Figure, Target
from tests.bench.floor import requests
from tests.bench.place import IN_FLIGHT, LATENCY, PAIRS_PER_PASSAGE, Place, Stub

BUSY = {"p429": 0.05, "p500": 0.05, "retry_after": "1"}
CUT = {"pbad": 0.1}


def measure(stub: Stub, folder: Path, passages: int = 100, seeds: int = 5) -> list[Figure]:
    return [
        *_with(stub, folder / "busy", "5 % 429 and 5 % 500", BUSY, 112, passages, seeds),
        *_with(stub, folder / "cut", "10 % of answers cut", CUT, 110, passages, seeds),
    ]


def _with(
    stub: Stub, folder: Path, what: str, faults: Mapping[str, object], most: int, passages: int, seeds: int
) -> list[Figure]:
    calls, forced, pairs = [], [], []
    for seed in range(seeds):
        place = Place(folder / str(seed), stub.url, passages)
        stub.behave(seed=seed, **faults)
        ran = place.run("harvest", "distil")
        assert ran.code in (0, ROWS_LOST), f"{what}, seed {seed}: exit code {ran.code}"
        report = stub.report()
        calls.append(report.calls)
        forced.append(passages + report.calls - report.ok)
        pairs.append(len(set(place.pairs())))
    wanted, needed = passages * PAIRS_PER_PASSAGE, f"{passages} and one for each fault met"
    worst = calls.index(max(calls))
    return [
        Figure(
            f"{what}: pairs",
            min(pairs),
            "",
            wanted,
            "asked for",
            Target(wanted, least=True),
            f"worst seed; median {median(pairs):g}",
        ),
        Figure(f"{what}: calls", median(calls), "", median(forced), needed, Target(most), f"median of {seeds} seeds"),
        Figure(f"{what}: calls, worst seed", calls[worst], "", forced[worst], needed),
    ]


class Killed(NamedTuple):
    """One kill and the run that went on after it."""

    twice: int  # calls for answers that the journal held
    extra: int  # calls for answers that were under way: made again, and no more than were in flight
    lost: int  # pairs
    duplicated: int


def kills(stub: Stub, folder: Path, passages: int = 100, times: int = 10) -> list[Figure]:
    """kill -9 at a random moment of a run, then the same run again to its end; each time in a new folder."""
    dice, keys = random.Random(7), _keys(Place(folder / "keys", stub.url, passages))
    found = [_killed(stub, Place(folder / f"kill-{n}", stub.url, passages), keys, dice) for n in range(times)]
    what = f"{times} kills at random moments"
    rows = (("answers paid twice", "twice"), ("pairs lost", "lost"), ("pairs duplicated", "duplicated"))
    extra = [one.extra for one in found]
    return [
        *(Figure(f"{what}: {name}", sum(getattr(one, at) for one in found), "", target=Target(0)) for name, at in rows),
        Figure(
            f"{what}: calls under way, made again",
            max(extra),
            "",
            target=Target(IN_FLIGHT),
            note=f"worst kill; median {median(extra):g}",
        ),
    ]


def _killed(stub: Stub, place: Place, keys: list[str], dice: random.Random) -> Killed:
    stub.behave()
    child = place.start("harvest", "distil")
    while not stub.report().calls:
        time.sleep(0.01)
    time.sleep(dice.uniform(0, len(keys) / IN_FLIGHT * LATENCY))
    child.kill()
    child.wait()
    time.sleep(LATENCY)  # what was under way comes to its end at the teacher
    before, kept = stub.report().calls, place.kept(keys)
    assert place.run("harvest", "distil").code == 0
    twice = stub.report().calls - before - (len(keys) - kept)
    pairs = place.pairs()
    return Killed(twice, before - kept, len(keys) * PAIRS_PER_PASSAGE - len(set(pairs)), len(pairs) - len(set(pairs)))


def _keys(place: Place) -> list[str]:
    """Where the journal keeps the answers that a run asks for."""
    assert place.run("harvest").code == 0
    teacher = Teacher(place.url, "stub")
    return [teacher.key(request) for request in requests(place.records(), place.loop.distil)]
