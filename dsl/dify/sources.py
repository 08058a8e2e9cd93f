"""From where the nodes of a Dify file take what they read: where a file says nothing, a run reads nothing."""

from collections.abc import Callable, Iterator
from typing import Any

from dsl.dify.names import WITHOUT_VALUE

Data = dict[str, Any]
Found = Iterator[tuple[str, str]]  # the place in the file, and what is taken from nowhere


def empty(data: Data, place: str) -> Found:
    """What a node takes from nowhere."""
    type_ = str(data.get("type"))
    for key, what in _WANTED.get(type_, {}).items():
        if not data.get(key):
            yield f"{place}/{key}", what
    if type_ in _PARTS:
        yield from _PARTS[type_](data, place)


def groups(data: Data, place: str) -> list[tuple[str, Data]]:
    """The groups of an aggregator that has some."""
    advanced = data.get("advanced_settings")
    grouped = isinstance(advanced, dict) and advanced.get("group_enabled")
    return _mappings(advanced, "groups", f"{place}/advanced_settings") if grouped else []


def _mappings(held: Any, key: str, place: str) -> list[tuple[str, Data]]:
    listed = held.get(key) if isinstance(held, dict) else None
    items = enumerate(listed if isinstance(listed, list) else [])
    return [(f"{place}/{key}/{i}", each) for i, each in items if isinstance(each, dict)]


def _inputs(key: str) -> Callable[[Data, str], Found]:
    def found(data: Data, place: str) -> Found:
        for where, each in _mappings(data, key, place):
            if not each.get("value_selector") and "value" not in each:
                yield where, repr(str(each.get("variable", "")))

    return found


def _query(data: Data, place: str) -> Found:
    if not data.get("query_variable_selector") and not data.get("query_attachment_selector"):
        yield f"{place}/query_variable_selector", "its query"


def _cases(data: Data, place: str) -> Found:
    for where, case in _mappings(data, "cases", place) or [(place, data)]:  # one case stood in the node itself once
        yield from _left(case, "conditions", where)


def _breaks(data: Data, place: str) -> Found:
    return _left(data, "break_conditions", place)


def _left(held: Data, key: str, place: str) -> Found:
    for where, condition in _mappings(held, key, place):
        if not condition.get("variable_selector"):
            yield where, "the left side of a comparison"


def _assigned(data: Data, place: str) -> Found:
    for where, item in _mappings(data, "items", place):
        if not item.get("variable_selector"):
            yield where, "its target"
        elif item.get("input_type") == "variable" and not (item.get("value") or item.get("operation") in WITHOUT_VALUE):
            yield where, "the value to assign"


def _values(data: Data, place: str) -> Found:
    for where, group in groups(data, place) or [(place, data)]:
        if not group.get("variables"):
            yield where, "its values"


# By type of node, the selectors without which it has nothing to work on, and what they stand for.
_WANTED = {
    "question-classifier": {"query_variable_selector": "its query"},
    "parameter-extractor": {"query": "its text"},
    "list-operator": {"variable": "its list"},
    "document-extractor": {"variable_selector": "its file"},
    "iteration": {"iterator_selector": "its list", "output_selector": "what it collects"},
}
_PARTS: dict[str, Callable[[Data, str], Found]] = {
    "code": _inputs("variables"),
    "template-transform": _inputs("variables"),
    "end": _inputs("outputs"),
    "knowledge-retrieval": _query,
    "if-else": _cases,
    "loop": _breaks,
    "assigner": _assigned,
    "variable-aggregator": _values,
    "variable-assigner": _values,
}
