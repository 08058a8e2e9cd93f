"""Times of scheduleTrigger, cron and interval as cron lines (n8n.md, sections 12 and 15)."""

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
    """Every time as a cron line of five fields, six when seconds count."""
    if kind == "interval":
        return [_line({"field": params.get("unit", "seconds"), "n": params.get("interval", 1)})]
    if kind == "cron":
        return [_old(item) for item in members(params, "triggerTimes", "item")]
    return [_new(item) for item in members(params, "rule", "interval")] or [_line({"field": "days"})]


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
    """Anything that is no number, an expression say, counts as its default."""
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
