"""What Dify imports and publishes without a word, and then runs to nothing (dify.md, section 9)."""

import difflib
import re
from collections.abc import Iterator
from typing import Any

from dsl.dify import refused, sources
from dsl.dify.assigned import assigned
from dsl.dify.handles import handle
from dsl.dify.misnamed import misnamed
from dsl.dify.names import CODE_TYPES, CONTAINERS, FIELD, KINDS, STARTS
from dsl.dify.place import Place
from dsl.dify.references import TOKEN
from dsl.ir import Flow
from dsl.lint import Finding
from dsl.values import nodes as by_id
from dsl.values import pointer

__all__ = ["check", "handle", "made_readable", "mend"]

_MEANT = re.compile(r"\{\{#[ \t]{0,9}[^#{}\s]{1,200}[ \t]{0,9}#\}\}")
_QUERY = "{{#query#}}"  # of completion prompts
_TYPES = frozenset({*KINDS, *STARTS, "datasource", "knowledge-index", "custom-note"})
_GROUP_TYPES = frozenset(
    {"string", "secret", "number", "integer", "float", "boolean", "object", "file", "none", "group"}
    | {f"array[{each}]" for each in ("any", "string", "number", "object", "file", "boolean")}
)
_EXTRACTED = frozenset(
    {"string", "number", "boolean", "bool", "select"}
    | {f"array[{each}]" for each in ("string", "number", "object", "boolean")}
)
_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]{0,29}")


def check(flow: Flow) -> Iterator[Finding]:
    document = flow.raw if isinstance(flow.raw, dict) else {}
    if document.get("app") and not document.get("kind"):
        yield Finding("note", "kind.missing", "The file does not say `kind: app`.", "/kind", fix="Add it (--fix does).")
    nodes = _nodes(document)
    starts = [place for place, data in nodes if data.get("type") == "start"]
    for place in starts[1:]:
        yield Finding("error", "start.twice", "A second start: Dify knows one only.", place, fix="Delete it.")
    installed, known = _dependencies(document), by_id(flow)
    for place, data in nodes:
        yield from _node(place, data, installed)
        yield from _known(place, data)
        for level, code, inside, said, fix in refused.of_node(data, str((document.get("app") or {}).get("mode"))):
            title = str(data.get("title", ""))
            yield Finding(level, code, f"'{title}' {said}", place + inside, title=title, fix=fix)
        yield from misnamed(data, place, known, document)
        yield from assigned(data, place, known, flow)
    yield from refused.of_flow(flow)
    yield from _containers(document)


def _nodes(document: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [(f"{each.pointer}/data", each.value.get("data") or {}) for each in _graph(document).mappings("nodes")]


def _graph(document: dict[str, Any]) -> Place:
    return Place(document).mapping("workflow").mapping("graph")


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
    for where, what in sources.empty(data, place):
        message = f"'{title}' takes {what} from nowhere: it is nothing when the app runs."
        yield Finding("error", "ref.empty", message, where, title=title, fix="Choose a variable, or take it away.")
    for where, name in _declared(data, place):
        if not _NAME.fullmatch(name):
            message = f"'{title}' declares {name!r}, which no text can refer to."
            yield Finding("warning", "name.pattern", message, where, title=title, fix="A letter first, at most 30.")


def _known(place: str, data: dict[str, Any]) -> Iterator[Finding]:
    """Words that Dify does not know: its import takes them, and no run begins."""
    title, type_ = str(data.get("title", "")), data.get("type")
    if type_ and type_ not in _TYPES:
        near = difflib.get_close_matches(str(type_), _TYPES, 1)
        hint = f"Did you mean {near[0]!r}?" if near else "Replace it by a node that Dify has."
        message = f"'{title}' is of the type {type_!r}, which Dify does not have."
        yield Finding("error", "node.type", message, place, title=title, fix=hint)
    for where, group in sources.groups(data, place):
        if (word := group.get("output_type")) not in _GROUP_TYPES:
            message = f"'{title}' has a group of the type {word!r}, with which the app does not load."
            fix = f"One of {', '.join(sorted(_GROUP_TYPES))}."
            yield Finding("error", "group.type", message, where, title=title, fix=fix)
    for where, word in _outputs(data, place) if type_ == "code" else ():
        if word not in CODE_TYPES:
            message = f"'{title}' gives out something of the type {word!r}, with which the app does not load."
            fix = f"One of {', '.join(sorted(CODE_TYPES))}."
            yield Finding("error", "output.type", message, where, title=title, fix=fix)
    yield from _extracted(data, place)


def _extracted(data: dict[str, Any], place: str) -> Iterator[Finding]:
    listed = data.get("parameters") if data.get("type") == "parameter-extractor" else None
    for i, each in enumerate(listed if isinstance(listed, list) else []):
        word = each.get("type") if isinstance(each, dict) else None
        if isinstance(word, str) and word not in _EXTRACTED:
            title = str(data.get("title", ""))
            message = f"'{title}' extracts something of the type {word!r}, with which the app does not load."
            fix = f"One of {', '.join(sorted(_EXTRACTED))}."
            yield Finding("error", "output.type", message, f"{place}/parameters/{i}", title=title, fix=fix)


def _outputs(held: dict[str, Any], place: str, key: str = "outputs") -> Iterator[tuple[str, str]]:
    """The types that code declares, of what is below its outputs too."""
    listed = held.get(key)
    for name, each in listed.items() if isinstance(listed, dict) else ():
        if isinstance(each, dict):
            where = f"{place}/{key}{pointer(str(name))}"
            yield where, str(each.get("type"))
            yield from _outputs(each, where, "children")


def _containers(document: dict[str, Any]) -> Iterator[Finding]:
    """Where an iteration or a loop begins, and what it collects."""
    places = {str(each.value.get("id")): each for each in _graph(document).mappings("nodes")}
    for name, place in places.items():
        data = place.value.get("data") or {}
        if data.get("type") in CONTAINERS:
            yield from _container(name, f"{place.pointer}/data", data, places)


def _container(name: str, place: str, data: dict[str, Any], places: dict[str, Place]) -> Iterator[Finding]:
    title, first = str(data.get("title", "")), str(data.get("start_node_id") or "")
    if not first or not _inside(name, first, places):
        wrong = (
            f"begins with {first!r}, which stands outside of it" if first else "does not say with which node it begins"
        )
        fix = "Set start_node_id to the node in it that comes first."
        yield Finding("error", "container.start", f"'{title}' {wrong}: it does not run.", place, title=title, fix=fix)
    chosen = data.get("output_selector") if data.get("type") == "iteration" else None
    if isinstance(chosen, list) and chosen and chosen[0] != name and not _inside(name, str(chosen[0]), places):
        message = (
            f"'{title}' collects {'.'.join(map(str, chosen))!r}, which stands outside of it: the same value each round."
        )
        fix = "Choose what a node in it gives out."
        yield Finding("warning", "iteration.output", message, f"{place}/output_selector", title=title, fix=fix)


def _inside(container: str, name: str, places: dict[str, Place]) -> bool:
    """Whether the node is the container's own, or stands in a container that is."""
    seen: set[str] = set()
    while name in places and name not in seen:
        seen.add(name)
        node = places[name].value
        data = node.get("data") or {}
        above = [node.get("parentId"), data.get("iteration_id"), data.get("loop_id")]
        if container in above:
            return True
        name = str(next((each for each in above if each), ""))
    return False


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


def made_readable(document: Any) -> list[str]:
    """Put the version into quotes, without which Dify imports nothing. The document given is changed."""
    done = []
    for held in (document, document.get("app"), document.get("rag_pipeline")):
        version = held.get("version") if isinstance(held, dict) else None
        if isinstance(version, (int, float)) and not isinstance(version, bool):
            held["version"] = str(version)
            done.append("The version is in quotes.")
    return done
