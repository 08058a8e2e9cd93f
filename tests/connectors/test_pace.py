import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any

from connectors.pace import Pace


async def most_at_once(pace: Pace, calls: int = 60) -> int:
    """How many calls the pace lets be in flight together."""
    flying, most = 0, 0

    async def call() -> None:
        nonlocal flying, most
        async with pace.slot():
            flying += 1
            most = max(most, flying)
            await asyncio.sleep(0.001)
            flying -= 1

    await asyncio.gather(*(call() for _ in range(calls)))
    return most


def run(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(work())


def test_a_complaint_takes_a_quarter_of_the_slots() -> None:
    async def work() -> None:
        pace = Pace(32, patience=100)
        assert await most_at_once(pace) == 32
        pace.too_fast(time.monotonic())
        assert await most_at_once(pace) == 24

    run(work)


def test_complaints_about_calls_sent_together_count_once() -> None:
    async def work() -> None:
        pace = Pace(32, patience=100)
        sent = time.monotonic()
        for _ in range(20):
            pace.too_fast(sent)
        assert await most_at_once(pace) == 24

    run(work)


def test_slots_come_back_one_for_as_many_good_calls_as_there_are_slots() -> None:
    async def work() -> None:
        pace = Pace(8, patience=100)
        pace.too_fast(time.monotonic())
        for _ in range(6):
            pace.good()
        assert await most_at_once(pace) == 7
        for _ in range(100):
            pace.good()
        assert await most_at_once(pace) == 8

    run(work)


def test_one_slot_stays_however_much_the_server_complains() -> None:
    async def work() -> None:
        pace = Pace(8, patience=100)
        for _ in range(50):
            pace.too_fast(time.monotonic())
        assert await most_at_once(pace, 5) == 1

    run(work)


def test_no_more_calls_are_under_way_than_may_still_fail() -> None:
    async def work() -> None:
        pace = Pace(8, patience=10)
        assert not any(pace.bad() for _ in range(7))
        assert await most_at_once(pace) == 3
        pace.good()
        assert await most_at_once(pace) == 8
        assert [pace.bad() for _ in range(10)] == [False] * 9 + [True]

    run(work)


def test_a_pause_holds_all_calls_back_and_stop_ends_it() -> None:
    async def work() -> None:
        pace = Pace(8, patience=10)
        pace.pause(0.05)
        started = time.monotonic()
        assert await most_at_once(pace) == 8
        assert time.monotonic() - started >= 0.05
        pace.pause(60)
        asyncio.get_running_loop().call_later(0.02, pace.stop)
        await most_at_once(pace)
        assert time.monotonic() - started < 10

    run(work)
