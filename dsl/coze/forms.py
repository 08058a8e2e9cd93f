"""A canvas in any of the forms that Coze keeps workflows in."""

import re
from collections.abc import Iterator
from typing import Any

from dsl import OptionError
from dsl.audit import differing
from dsl.coze import yamlform
from dsl.coze.chats import is_chat
from dsl.coze.formats import CLIPBOARD, EXPORT, form, inside
from dsl.coze.reading import mapping
from dsl.dump import dump_yaml
from dsl.notes import Note
from dsl.values import steps, unique

FORMS = ("F1", "F2", "F3", "F4", "F4-yaml", "F5", "F6")


def check(form: str, host: str, space: str) -> None:
    if form not in FORMS:
        raise OptionError(f"Coze has no form {form!r}. There are: {', '.join(FORMS)}.")
    if (host or space) and form not in ("F2", "F5"):
        raise OptionError(f"Only the clipboard (F2) and a .flow (F5) name a host and a space, and {form} does not.")


def form_of(document: Any) -> str:
    """One of FORMS: the form that a document of Coze has."""
    kind = form(document)
    return "F4-yaml" if kind == "F4" and "format" not in document else kind


def workflow_name(name: str) -> str:
    """As Coze wants a workflow to be called; empty when nothing of the name is left."""
    name = re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_")
    return name if not name or name[0].isalpha() else f"w_{name}"


def formed(canvas: dict[str, Any], title: str, description: str, form: str, host: str = "", space: str = "") -> Any:
    name = workflow_name(title) or "workflow"
    if form in ("F2", "F5"):
        source = {"workflowId": "", "flowMode": _mode(canvas), "spaceId": space, "isDouyin": False, "host": host}
        kind = CLIPBOARD if form == "F2" else EXPORT
        return {"type": kind, "source": source, "json": _with_bounds(canvas)}
    if form == "F6":
        return {"workflowid": "", "name": title, "description": description, "version": "", "schema": canvas}
    if form == "F1":
        return canvas
    about = {"type": "Workflow", "version": "1.0.0", "main": entry(name, description, _mode(canvas))}
    if form == "F3":
        return _container(canvas, name, about)
    yaml = yamlform.from_canvas(canvas, name, description, "0")
    if form == "F4-yaml":
        return yaml
    package = {"folder": f"Workflow-{name}-draft-0001/", "file": f"workflow/{name}-draft.yaml"}
    return {"format": "F4"} | package | {"manifest": about | {"sub": []}, "flow": yaml}


def entry(name: str, description: str, mode: int = 0) -> dict[str, Any]:
    icon = "plugin_icon/workflow.png"
    said = {"id": "0", "name": name, "desc": description, "icon": icon, "version": ""}
    return said | {"flowMode": mode, "commitId": ""}


def _mode(canvas: dict[str, Any]) -> int:
    return 3 if is_chat(canvas) else 0


def _container(canvas: dict[str, Any], name: str, about: dict[str, Any]) -> dict[str, Any]:
    return {
        "format": "F3",
        "name": f"Workflow-{name}-draft-1.zip",
        "file": f"workflow/{name}-draft.json",
        "manifest": dump_yaml(about),
        "manifest_file": "MANIFEST.yml",
        "source": "{}",  # the text that the canvas was read from; made of the canvas when that is another
        "canvas": {"edges": canvas["edges"], "nodes": canvas["nodes"], "versions": canvas.get("versions", {})},
    }


def _with_bounds(canvas: dict[str, Any]) -> dict[str, Any]:
    """Every node with `_temp.bounds`, which pasting reads."""
    made = []
    for node in canvas["nodes"]:
        place = mapping(mapping(node.get("meta")).get("position"))
        x, y = (place[each] if isinstance(place.get(each), (int, float)) else 0 for each in "xy")
        bounds = {"x": x - 180, "y": y, "width": 360, "height": 105}
        made.append(node | {"_temp": {"bounds": bounds, "externalData": {}}})
    return {"nodes": made, "edges": canvas["edges"]}


def reshaped(
    document: Any, notes: list[Note], *, form: str = "", host: str = "", space: str = ""
) -> tuple[Any, list[Note]]:
    """A workflow of Coze in the form that is asked for, with all that it takes of what stands in the document."""
    kind = form_of(document)
    form = form or kind
    check(form, host, space)
    if form == kind:
        return _pasted_on(document, host, space), notes
    if form == "F2" and not host:
        raise OptionError("The clipboard (F2) is pasted on one host only: name it, as in --option host=www.coze.cn.")
    place, held, is_yaml = inside(document)
    made, lost = _in_form(held, is_yaml, held if is_yaml else document, form, host, space)
    others, odd = _others(document)
    for each in others.values():
        lost += _in_form(each, True, each, form, host, space)[1]
    around = [
        key
        for key in document
        if place and key not in (place[1:], "format", "type", "name", "description", "sub", "beside")
    ]
    return made, [
        *notes,
        *(Note("needs_binding", "resource.subflow", f"The workflow {name} {_APART}", _MAKE_FIRST) for name in others),
        *_told("What stood around the canvas is made anew", [*around, *odd, *mapping(document.get("beside"))]),
        *_told("What stands in these is not all in the other form", [*dict.fromkeys(lost)]),
    ]


def apart(document: Any, form: str = "", host: str = "", space: str = "") -> dict[str, Any]:
    """By name, the other workflows of an archive as documents of a form that holds one only."""
    if form in ("", form_of(document)):
        return {}
    return {name: _in_form(each, True, each, form, host, space)[0] for name, each in _others(document)[0].items()}


_LONGEST = 100  # signs of a name that becomes one of a file
_APART = "of this archive is in another file here, and has another id."
_MAKE_FIRST = "Make that one first, and choose it in the nodes that call it."


def _others(document: Any) -> tuple[dict[str, Any], list[str]]:
    """The other workflows of an archive by name; the places of files that are none."""
    found: dict[str, Any] = {}
    odd = []
    taken: set[str] = set()
    for file, held in mapping(document.get("sub")).items():
        if form(held) == "F4":
            found[unique(workflow_name(str(held.get("name") or "")) or "workflow", taken, longest=_LONGEST)] = held
        else:
            odd.append(file)
    return found, odd


def _in_form(held: Any, is_yaml: bool, about: Any, form: str, host: str, space: str) -> tuple[Any, list[str]]:
    """One workflow as a document of another form, and the keys that do not come back from it."""
    name, description = str(about.get("name") or ""), str(about.get("description") or "")
    if is_yaml and form == "F4-yaml":
        return held, []
    if is_yaml and form == "F4":
        return formed(EMPTY, name, description, form) | {"flow": held}, []
    canvas = yamlform.to_canvas(held) if is_yaml else held
    return formed(canvas, name, description, form, host, space), list(_lost(canvas, held, is_yaml, form))


EMPTY: dict[str, Any] = {"nodes": [], "edges": []}


def _pasted_on(document: Any, host: str, space: str) -> Any:
    given = {key: value for key, value in (("host", host), ("spaceId", space)) if value}
    return document | {"source": (document.get("source") or {}) | given} if given else document


def _lost(canvas: Any, held: Any, is_yaml: bool, form: str) -> Iterator[str]:
    """The keys that do not come back from the other form."""
    if is_yaml:
        back = yamlform.from_canvas(canvas, str(held.get("name")), str(held.get("description")), str(held.get("id")))
    elif form.startswith("F4"):
        back = yamlform.to_canvas(yamlform.from_canvas(canvas, "", "", "0"))
    else:
        return
    yield from dict.fromkeys(
        next((step for step in reversed(steps(at)) if not step.isdigit()), "") for at, _ in differing(held, back)
    )


def _told(message: str, keys: list[str]) -> list[Note]:
    return [Note("dropped", "leaf.dropped", f"{message}: {', '.join(keys)}.")] if keys else []
