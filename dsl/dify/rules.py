"""What Dify imports and publishes without a word, and then runs to nothing (dify.md, section 9)."""

import re
from collections.abc import Iterator
from typing import Any

from dsl.dify.names import FIELD
from dsl.dify.place import Place
from dsl.dify.references import TOKEN
from dsl.ir import Flow
from dsl.lint import Finding
from dsl.values import pointer

_MEANT = re.compile(r"\{\{#[^#{}\s]{1,200}#\}\}")
_QUERY = "{{#query#}}"  # of completion prompts
_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]{0,29}")


def check(flow: Flow) -> Iterator[Finding]:
    document = flow.raw if isinstance(flow.raw, dict) else {}
    if document.get("app") and not document.get("kind"):
        yield Finding("note", "kind.missing", "The file does not say `kind: app`.", "/kind", fix="Add it (--fix does).")
    nodes = _nodes(document)
    starts = [place for place, data in nodes if data.get("type") == "start"]
    for place in starts[1:]:
        yield Finding("error", "start.twice", "A second start: Dify knows one only.", place, fix="Delete it.")
    installed = _dependencies(document)
    for place, data in nodes:
        yield from _node(place, data, installed)


def _nodes(document: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    graph = Place(document).mapping("workflow").mapping("graph")
    return [(f"{each.pointer}/data", each.value.get("data") or {}) for each in graph.mappings("nodes")]


def _dependencies(document: dict[str, Any]) -> set[str]:
    """`author/name` of each plugin that the file asks for."""
    found = [each.get("value") for each in document.get("dependencies") or [] if isinstance(each, dict)]
    texts = [str(text) for value in found if isinstance(value, dict) for text in value.values()]
    return {text.partition(":")[0] for text in texts}


def _node(place: str, data: dict[str, Any], installed: set[str]) -> Iterator[Finding]:
    title = str(data.get("title", ""))
    model = data.get("model")
    provider = str(model.get("provider", "")) if isinstance(model, dict) else ""
    if provider.count("/") == 2 and (plugin := provider.rpartition("/")[0]) not in installed:
        message = (
            f"'{title}' uses {provider}, and `dependencies` does not name its plugin: Dify offers no installation."
        )
        yield Finding("warning", "dependency.missing", message, f"{place}/model", title=title, fix=f"Add {plugin}.")
    if data.get("credential_id"):
        message = f"'{title}' carries a credential_id, which no other workspace knows."
        yield Finding("warning", "credential.id", message, f"{place}/credential_id", title=title, fix="Take it away.")
    for where, text in _texts(data, place):
        for meant in _MEANT.findall(text):
            own = meant == _QUERY or (data.get("type") == "human-input" and FIELD.fullmatch(meant))
            if not TOKEN.fullmatch(meant) and not own:  # Dify's own pattern: all else is plain text
                message = f"'{title}': {meant} is no reference for Dify and stays in the text as it stands."
                fix = "Ids and names of letters, digits and _ only, names of at most 30."
                yield Finding("error", "ref.text", message, where, title=title, fix=fix)
    for where, name in _unwired(data, place):
        message = f"'{title}' takes {name!r} from nowhere: it is nothing when the app runs."
        yield Finding("error", "ref.empty", message, where, title=title, fix="Choose a variable, or take it away.")
    for where, name in _declared(data, place):
        if not _NAME.fullmatch(name):
            message = f"'{title}' declares {name!r}, which no text can refer to."
            yield Finding("warning", "name.pattern", message, where, title=title, fix="A letter first, at most 30.")


def _unwired(data: dict[str, Any], place: str) -> Iterator[tuple[str, str]]:
    """What a node reads without saying from where."""
    key = {"code": "variables", "template-transform": "variables", "end": "outputs"}.get(str(data.get("type")), "")
    items = data.get(key)
    for i, each in enumerate(items if isinstance(items, list) else []):
        if isinstance(each, dict) and not each.get("value_selector") and "value" not in each:
            yield f"{place}/{key}/{i}", str(each.get("variable", ""))


def _declared(data: dict[str, Any], place: str) -> Iterator[tuple[str, str]]:
    if data.get("type") == "start":
        for i, variable in enumerate(data.get("variables") or []):
            if isinstance(variable, dict):
                yield f"{place}/variables/{i}", str(variable.get("variable", ""))
    if data.get("type") == "code" and isinstance(data.get("outputs"), dict):
        for name in data["outputs"]:
            yield f"{place}/outputs{pointer(name)}", str(name)


def _texts(value: Any, place: str) -> Iterator[tuple[str, str]]:
    """Every text below a value, with its place."""
    stack = [(place, value)]
    while stack:
        where, held = stack.pop()
        if isinstance(held, str):
            if "{{#" in held:
                yield where, held
        elif isinstance(held, dict):
            stack += [(where + pointer(str(key)), inner) for key, inner in reversed(held.items())]
        elif isinstance(held, list):
            stack += [(f"{where}/{i}", inner) for i, inner in reversed(list(enumerate(held)))]


def mend(document: Any) -> list[str]:
    """Say what kind of file it is. The document given is changed."""
    if not document.get("app") or document.get("kind"):
        return []
    document["kind"] = "app"
    return ["`kind: app` is in the file."]
