"""Times of scheduleTrigger, cron and interval as cron lines (n8n.md, sections 12 and 15)."""

import re
from collections.abc import Callable
from typing import Any

from dsl.n8n.source import members

_EVERY = {
    "seconds": "*/{n} * * * * *",
    "minutes": "*/{n} * * * *",
    "hours": "{minute} */{n} * * *",
    "days": "{minute} {hour} */{n} * *",
    "weeks": "{minute} {hour} * * {weekdays}",
    "months": "{minute} {hour} {day} */{n} *",
}


def crons(kind: str, params: dict[str, Any]) -> list[str]:
    """Every time as a cron line of five fields, six when seconds count; "" for one that an expression computes."""
    if kind == "interval":
        return [_told(_line, {"field": params.get("unit", "seconds"), "n": params.get("interval", 1)})]
    if kind == "cron":
        return [_told(_old, item) for item in members(params, "triggerTimes", "item")]
    return [_told(_new, item) for item in members(params, "rule", "interval") or [{}]]


def _told(line: Callable[[dict[str, Any]], str], item: dict[str, Any]) -> str:
    held = [each for value in item.values() for each in (value if isinstance(value, list) else [value])]
    return "" if any(isinstance(each, str) and each.startswith("=") for each in held) else line(item)


def _new(item: dict[str, Any]) -> str:
    field = item.get("field", "days")
    if field == "cronExpression":
        return str(item.get("expression", ""))
    values = {
        "field": field,
        "n": item.get(f"{field}Interval", 5 if field == "minutes" else 1),
        "hour": item.get("triggerAtHour", 0),
        "minute": item.get("triggerAtMinute", 0),
        "day": item.get("triggerAtDayOfMonth", 1),
        "weekdays": item.get("triggerAtDay", [0]),
    }
    return _line(values)


def _old(item: dict[str, Any]) -> str:
    mode = item.get("mode", "everyDay")
    if mode == "custom":
        return str(item.get("cronExpression", ""))
    fields = {
        "everyMinute": "minutes",
        "everyHour": "hours",
        "everyDay": "days",
        "everyWeek": "weeks",
        "everyMonth": "months",
        "everyX": item.get("unit", "hours"),
    }
    values = {
        "field": fields.get(mode, "days") if isinstance(mode, str) else "days",
        "n": item.get("value", 1) if mode == "everyX" else 1,
        "hour": item.get("hour", 14),
        "minute": item.get("minute", 0),
        "day": item.get("dayOfMonth", 1),
        "weekdays": [item.get("weekday", 1)],
    }
    return _line(values)


def _line(values: dict[str, Any]) -> str:
    """Anything that is no number counts as its default."""
    field = values["field"] if isinstance(values["field"], str) and values["field"] in _EVERY else "days"
    days = values.get("weekdays", [0])
    days = (
        [str(day) for day in days if type(day) is int or (isinstance(day, str) and day.isdigit())]
        if isinstance(days, list)
        else []
    )
    numbers = {
        name: value if type(value := values.get(name)) is int else 1 if name in ("n", "day") else 0
        for name in ("n", "hour", "minute", "day")
    }
    line = _EVERY[field].format(weekdays=",".join(days) or "0", **numbers)
    return line.replace("*/1 ", "* ")


def rule(lines: list[str]) -> dict[str, Any]:
    """The times as scheduleTrigger has them."""
    return {"interval": [{"field": "cronExpression", "expression": line} for line in lines]}


_FIELDS = {"second": (0, 59), "minute": (0, 59), "hour": (0, 23), "day": (1, 31), "month": (1, 12), "weekday": (0, 7)}
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_NAMES = {name: str(i) for i, name in enumerate(_MONTHS, 1)} | {name: str(i) for i, name in enumerate(_DAYS)}
_SHORT = ("yearly", "monthly", "weekly", "daily", "hourly", "minutely", "secondly", "weekdays", "weekends")
_RANGE = re.compile(r"(\d+)(?:-(\d+))?(?:/(\d+))?")


def refused(line: str) -> str:
    """Why n8n takes a cron line for none; empty where it takes it."""
    given = line.lower()
    if given.removeprefix("@") in _SHORT and given.startswith("@"):
        return ""
    if unknown := next((each for each in re.findall("[a-z]{1,3}", given) if each not in _NAMES), ""):
        return f"{unknown!r} is no name of a month or a day"
    given = re.sub("[a-z]{3}", lambda name: _NAMES[name[0]], given)
    fields = given.split()
    if len(fields) not in (5, 6):
        return f"it has {len(fields)} fields"
    pairs = zip(fields, list(_FIELDS)[-len(fields) :], strict=True)
    return next((f"{field!r} is no {name}" for field, name in pairs if not _fits(field, name)), "")


def _fits(field: str, name: str) -> bool:
    low, high = _FIELDS[name]
    ranges = [_RANGE.fullmatch(re.sub(r"^\*", f"{low}-{high}", each)) for each in field.split(",")]
    return all(each is not None and _within(each, low, high) for each in ranges)


def _within(found: "re.Match[str]", low: int, high: int) -> bool:
    first, last = int(found[1]), int(found[2] or found[1])
    return low <= first <= last <= high and found[3] not in ("0", "00")
