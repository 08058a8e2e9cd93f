"""Cron lines, read as cron reads them, in a timezone. APScheduler finds the times."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from flows import FlowError

DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat", "sun")  # cron's 0 to 7; APScheduler's 0 is Monday


class Times:
    """When a trigger of APScheduler fires, in UTC."""

    def __init__(self, trigger: Any, once_when_clocks_go_back: bool = False) -> None:
        self.trigger, self.once = trigger, once_when_clocks_go_back

    def next(self, after: datetime) -> datetime | None:
        """The first time after `after`; None when there is none."""
        while fire := self.trigger.get_next_fire_time(after, after + timedelta(microseconds=1)):
            after = fire.astimezone(UTC)
            if not (self.once and fire.fold):
                return after
        return None

    def between(self, after: datetime, until: datetime) -> Iterator[datetime]:
        """The times in (after, until]."""
        fire = self.next(after)
        while fire and fire <= until:
            yield fire
            fire = self.next(fire)


def read_cron(line: str, timezone: str, where: str) -> Times:
    """The times of a cron line; raises FlowError for one that is none, naming `where` it stands."""
    try:
        trigger, hour = _trigger(line, timezone), line.split()[1]
    except (ValueError, KeyError, OSError) as error:  # the last two: a timezone that does not exist
        problem = error.args[-1] if isinstance(error, KeyError) else error
        hint = "Five fields, as '0 3 * * *' for 3 at night; a timezone as Europe/Berlin."
        raise FlowError(f"{where}: cron '{line}' {timezone}: {problem}. {hint}") from None
    times = Times(trigger, once_when_clocks_go_back=not hour.startswith("*"))
    if times.next(datetime.now(UTC)) is None:
        raise FlowError(f"{where}: cron '{line}' names a day that no calendar has.")
    return times


def _trigger(line: str, timezone: str) -> Any:
    from apscheduler.triggers.combining import OrTrigger
    from apscheduler.triggers.cron import CronTrigger

    def trigger(*fields: str) -> Any:
        return CronTrigger.from_crontab(" ".join(fields), timezone=timezone or None)

    if len(line.split()) != 5:
        return trigger(line)
    minute, hour, day, month, weekday = line.split()
    days = ",".join(_weekdays(part) for part in weekday.split(","))
    if day.startswith("*") or weekday.startswith("*"):
        return trigger(minute, hour, day, month, days)
    # cron(5): when both are restricted, either is enough
    return OrTrigger([trigger(minute, hour, day, month, "*"), trigger(minute, hour, "*", month, days)])


def _weekdays(part: str) -> str:
    """`1-5` or `*/2` as names, which mean the same to cron and APScheduler; names stay."""
    span, _, step = part.partition("/")
    first, _, last = span.partition("-")
    if span == "*" and step:
        first, last = "0", "6"
    if not first.isdecimal():
        return part
    numbers = range(int(first), int(last or first) + 1, int(step or 1))
    if not numbers or numbers[-1] >= len(DAYS):
        raise ValueError(f"no weekdays '{part}'")
    return ",".join(DAYS[number] for number in numbers)
