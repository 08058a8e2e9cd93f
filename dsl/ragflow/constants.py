"""RAGFlow gives code what references find and nothing else: a constant stands in the last line of the code itself."""

import json
import re
from typing import Any

from dsl import DslError
from dsl.ir import Ref, Script, Text, Value
from dsl.load import load_json
from dsl.ragflow.exports import assignable, constant
from dsl.values import refs

_MARKS = {"python3": "#", "javascript": "//"}
_CALLED = {
    "python3": "main = lambda _main=main, **given: _main(**given, **{value!r})",
    "javascript": "main = ((inner) => (given) => inner({{ ...given, ...{value} }}))(main);",
}
_GIVEN = re.compile(r"\n(?:#|//) flowstill:given (\{[^\n]*\})\n[^\n]*\n\Z")


def constants(inputs: dict[str, Value]) -> dict[str, Any]:
    """Those of the arguments that are values as they stand."""
    return {name: value for name, value in inputs.items() if is_constant(value)}


def is_constant(value: Value) -> bool:
    return value is not None and not isinstance(value, Ref | Text | Script) and not any(refs(value))


def given(lang: str, source: str, values: dict[str, Any]) -> str:
    """The code with those arguments in it."""
    if not values:
        return source
    said = json.dumps(values, default=str)
    source, value = (source, values) if lang == "python3" else (assignable(source), said)
    return f"{source}\n{_MARKS[lang]} flowstill:given {said}\n{_CALLED[lang].format(value=value)}\n"


def taken_out(source: str) -> tuple[str, dict[str, Any]]:
    """The code without that line, and the arguments in it."""
    found = _GIVEN.search(source)
    try:
        values = load_json(found[1]) if found else {}
    except DslError:
        return source, {}
    return (constant(source[: found.start()]), values) if found and isinstance(values, dict) else (source, {})
