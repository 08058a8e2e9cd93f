"""Cron lines, read as cron reads them, in a timezone. APScheduler finds the times."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from flows import ConfigError

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
    """The times of a loop's `cron`; raises ConfigError for one that is none, naming the key below `where`."""
    zone = read_timezone(timezone, where)
    try:
        trigger, hour = _trigger(line, zone), line.split()[1]
    except ValueError as error:
        hint = "Five fields, as '0 3 * * *' for 3 at night"
        raise ConfigError(f"{where}.cron: {line!r} is no time: {str(error).rstrip('.')}. {hint}.") from None
    times = Times(trigger, once_when_clocks_go_back=not hour.startswith("*"))
    if times.next(datetime.now(UTC)) is None:
        raise ConfigError(f"{where}.cron: {line!r} names a day that no calendar has.")
    return times


def read_timezone(name: str, where: str) -> ZoneInfo | None:
    """None, this machine's own, for the empty name; raises ConfigError for an unknown one."""
    try:
        return ZoneInfo(name) if name else None
    except (ValueError, KeyError, OSError):  # of no form, not there, a folder of them
        raise ConfigError(f"{where}.timezone: there is no {name!r}. Write a timezone as Europe/Berlin.") from None


def _trigger(line: str, timezone: ZoneInfo | None) -> Any:
    from apscheduler.triggers.combining import OrTrigger
    from apscheduler.triggers.cron import CronTrigger

    def trigger(*fields: str) -> Any:
        return CronTrigger.from_crontab(" ".join(fields), timezone=timezone)

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
