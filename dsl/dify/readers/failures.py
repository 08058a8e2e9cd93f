"""What happens when a node fails."""

from typing import Any, cast

from dsl.dify import names
from dsl.dify.place import Place, number, parsed
from dsl.ir import Json, OnError


def on_error(data: Place, kind: str) -> OnError:
    retry = data.mapping("retry_config")
    retries = (retry.integer("max_retries") or 0) if retry.flag("retry_enabled") else 0
    wait = (retry.integer("retry_interval") or 0) if retries else 0
    then = {"fail-branch": "branch", "default-value": "default"}.get(data.text("error_strategy"), "stop")
    default: dict[str, Json] | None = None
    if then == "default":
        renamed = names.OUTPUTS.get(kind, {})
        default = {}
        for each in data.mappings("default_value"):
            default[renamed.get(each.text("key"), each.text("key"))] = _default(each)
    return OnError(cast(Any, then), retries, wait, default=default)


def _default(place: Place) -> Json:
    value, word = place.value.get("value"), place.text("type")
    if word == "number" and isinstance(value, str):
        return number(value)
    return value if word == "string" else parsed(value)
