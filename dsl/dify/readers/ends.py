"""Where a run begins, with what, and what it hands back."""

from dsl.dify import names
from dsl.dify.place import Place
from dsl.dify.readers.source import Fill, Source
from dsl.dify.readers.types import input_type, typed
from dsl.ir import Node


def _start(data: Place, node: Node, source: Source) -> None:
    kind = data.text("type")
    if kind == "trigger-webhook":
        _webhook(data, node)
    elif kind == "trigger-schedule":
        node.params["trigger"] = {"type": "schedule", "cron": _cron(data), "timezone": data.text("timezone")}
    elif kind == "trigger-plugin":
        keys = ("plugin_id", "provider_id", "event_name", "plugin_unique_identifier")
        node.params["trigger"] = {"type": "event", **{key: data.text(key) for key in keys}}
    for each in data.mappings("variables"):
        node.outputs[each.text("variable")] = input_type(each)


def _webhook(data: Place, node: Node) -> None:
    trigger = {"type": "webhook", "method": data.text("method", default="post").upper()}
    node.params["trigger"] = trigger | {"content_type": data.text("content_type", default="application/json")}
    for key in ("params", "headers", "body"):
        for each in data.mappings(key):
            name = each.text("name").replace("-", "_") if key == "headers" else each.text("name")
            node.outputs[name] = typed(names.type_of(each.text("type")), required=each.flag("required"))


_DAYS = {"sun": "0", "mon": "1", "tue": "2", "wed": "3", "thu": "4", "fri": "5", "sat": "6"}


def _cron(data: Place) -> str:
    """When a schedule starts runs, as five fields."""
    if data.text("mode") == "cron" or not data.has("visual_config"):
        return data.text("cron_expression")
    visual = data.mapping("visual_config")
    hour, minute = _time(visual.text("time", default="12:00 AM"))
    match data.text("frequency"):
        case "hourly":
            return f"{visual.integer('on_minute') or 0} * * * *"
        case "weekly":
            days = [_DAYS.get(day.text().lower()[:3], "*") for day in visual.items("weekdays")]
            return f"{minute} {hour} * * {','.join(days) or '*'}"
        case "monthly":
            days = ["L" if day.text() == "last" else day.text() for day in visual.items("monthly_days")]
            return f"{minute} {hour} {','.join(days) or '1'} * *"
    return f"{minute} {hour} * * *"


def _time(spelled: str) -> tuple[int, int]:
    clock, _, half = spelled.strip().partition(" ")
    hour, _, minute = clock.partition(":")
    hours = int(hour) if hour.isascii() and hour.isdigit() and len(hour) < 3 else 0
    minutes = int(minute) if minute.isascii() and minute.isdigit() and len(minute) < 3 else 0
    return hours % 12 + (12 if half.upper() == "PM" else 0) if half else hours, minutes


def _end(data: Place, node: Node, source: Source) -> None:
    for each in data.mappings("outputs"):
        if (ref := source.ref(each.at("value_selector"), node)) is not None:
            node.inputs[each.text("variable")] = ref
            node.outputs[each.text("variable")] = names.type_of(each.text("value_type"))


def _answer(data: Place, node: Node, source: Source) -> None:
    node.params["text"] = source.text(data.at("answer"), node)


READERS: dict[str, Fill] = {"start": _start, "end": _end, "answer": _answer}
