"""Cron lines mean here what they mean to cron, in any timezone."""

from datetime import UTC, datetime, timedelta

import pytest

from flows import ConfigError
from flows.cron import read_cron

SATURDAY = datetime(2026, 3, 28, 12, tzinfo=UTC)  # clocks in Berlin go forward in the following night
AUTUMN = datetime(2026, 10, 24, 12, tzinfo=UTC)  # and back in this one


def fires(line: str, timezone: str, after: datetime, days: int) -> list[str]:
    times = read_cron(line, timezone, "flowstill.yml: loops.a").between(after, after + timedelta(days=days))
    return [f"{time:%a %d %H:%M}" for time in times]


def test_a_line_is_read_in_its_timezone_and_gives_utc() -> None:
    assert fires("0 3 * * *", "Asia/Shanghai", SATURDAY, 2) == ["Sat 28 19:00", "Sun 29 19:00"]
    assert fires("0 3 * * *", "America/New_York", SATURDAY, 1) == ["Sun 29 07:00"]


def test_a_nightly_run_keeps_its_local_time_when_clocks_change() -> None:
    assert fires("0 4 * * *", "Europe/Berlin", SATURDAY - timedelta(days=1), 3) == [
        "Sat 28 03:00",
        "Sun 29 02:00",
        "Mon 30 02:00",
    ]


def test_an_hour_that_does_not_exist_still_has_its_one_run() -> None:
    assert fires("30 2 * * *", "Europe/Berlin", SATURDAY, 2) == ["Sun 29 01:30", "Mon 30 00:30"]


def test_an_hour_that_comes_twice_has_one_run() -> None:
    assert fires("30 2 * * *", "Europe/Berlin", AUTUMN, 2) == ["Sun 25 00:30", "Mon 26 01:30"]


def test_every_hour_is_every_hour_when_clocks_change() -> None:
    spring = fires("0 * * * *", "Europe/Berlin", SATURDAY, 1)
    autumn = fires("0 * * * *", "Europe/Berlin", AUTUMN, 1)
    assert len(set(spring)) == len(set(autumn)) == 24


@pytest.mark.parametrize(
    ("weekday", "days"),
    [
        ("0", "Sun"),
        ("7", "Sun"),
        ("1", "Mon"),
        ("1-5", "Mon Tue Wed Thu Fri"),
        ("0-2", "Mon Tue Sun"),
        ("5-7", "Fri Sat Sun"),
        ("6,0", "Sat Sun"),
        ("*/2", "Tue Thu Sat Sun"),
        ("1-5/2", "Mon Wed Fri"),
        ("mon-wed,sun", "Mon Tue Wed Sun"),
        ("*", "Mon Tue Wed Thu Fri Sat Sun"),
    ],
)
def test_weekdays_are_numbered_as_cron_numbers_them(weekday: str, days: str) -> None:
    monday = datetime(2026, 3, 2, tzinfo=UTC)
    assert [fire[:3] for fire in fires(f"0 12 * * {weekday}", "UTC", monday, 7)] == days.split()


def test_a_day_and_a_weekday_are_either_or_as_in_cron() -> None:
    first = datetime(2026, 3, 1, tzinfo=UTC)
    assert fires("0 12 3 * 5", "UTC", first, 14) == ["Tue 03 12:00", "Fri 06 12:00", "Fri 13 12:00"]


@pytest.mark.parametrize(
    "line",
    ["", "0 3 * *", "@daily", "61 3 * * *", "a b c d e", "0 3 * * 8", "0 3 * * 5-1", "0 3 * * 1-5/0", "0 3 * * 1-x"],
)
def test_a_line_that_is_none_is_named(line: str) -> None:
    with pytest.raises(ConfigError, match=r"^flowstill\.yml: loops\.a\.cron: '.*Five fields, as '0 3 \* \* \*'"):
        read_cron(line, "UTC", "flowstill.yml: loops.a")


@pytest.mark.parametrize("timezone", ["Europe", "Nowhere/City", "../etc/passwd", "UTC+2"])
def test_a_timezone_that_does_not_exist_is_named(timezone: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_cron("0 3 * * *", timezone, "flowstill.yml: loops.a")
    told = f"flowstill.yml: loops.a.timezone: there is no '{timezone}'. Write a timezone as Europe/Berlin."
    assert str(caught.value) == told


def test_a_day_that_no_calendar_has_is_refused() -> None:
    with pytest.raises(ConfigError, match="names a day that no calendar has"):
        read_cron("0 3 31 2 *", "UTC", "flowstill.yml: loops.a")
