"""What Coze Studio says of a canvas before it tests or publishes it, and what only its editor forbids (coze.md, 12)."""

import difflib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

from dsl import DslError
from dsl.coze import runnable, yamlform
from dsl.coze.formats import form, inside
from dsl.coze.validate import NIL, validate
from dsl.ir import Flow, Type
from dsl.lint.finding import Finding
from dsl.values import at, node_refs, nodes, pointer, walk

STAGES = ("coze.edge", "coze.connection", "coze.cycle", "coze.nesting", "coze.reference")
LONGEST = 63  # characters of a title
_SIDES = ("left", "right", "input")


def check(flow: Flow) -> Iterator[Finding]:
    yield from _titles(flow)
    yield from _fields(flow)
    if not form(flow.raw):  # the flow was not read from a file
        return
    place, held, is_yaml = inside(flow.raw)
    canvases = [(place, yamlform.to_canvas(held) if is_yaml else held), *_others(flow.raw)]
    for where, canvas in canvases:
        for found in (*_refused(canvas), *runnable.check(canvas)):
            yield replace(found, pointer=where if is_yaml else where + found.pointer)  # the YAML form has other places


def _refused(canvas: Any) -> Iterator[Finding]:
    """What Coze Studio's own validator says."""
    for problem in validate(canvas):
        nil = problem.message.startswith(NIL)
        said = f"{problem.message.removeprefix(f'{NIL}: ')}{', on which it crashes' if nil else ''}."
        fix = "Coze Studio refuses to test or publish until it is mended."
        if nil:
            fix = "Take it away (--fix does)." if _is_empty(canvas, problem.pointer) else "Put in what is missing."
        code = "coze.empty" if nil else STAGES[problem.stage]
        yield Finding("error", code, f"Coze Studio: {said}", problem.pointer, problem.node, fix=fix)


def _is_empty(canvas: Any, place: str) -> bool:
    """Whether `mend` takes it away: something may stand beside a value that is missing."""
    return place.rpartition("/")[2] in _SIDES and at(canvas, place) == {}


def _others(document: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """The sub-workflows of an archive, as far as they can be read."""
    files = document.get("sub")
    for name, held in files.items() if isinstance(files, dict) else ():
        with suppress(DslError):
            yield pointer("sub", name), yamlform.to_canvas(held if isinstance(held, dict) else {})


def _titles(flow: Flow) -> Iterator[Finding]:
    seen: set[str] = set()
    for node, _, owner in walk(flow.graph):
        if node.kind == "note" or (owner is not None and owner.params.get("batch_of")):  # one node of Coze's
            continue
        if node.title in seen:
            message = f"A second node is called '{node.title}': the editor wants one title for one node."
            yield Finding("warning", "title.twice", message, node.pointer, node.id, node.title, "Rename one.")
        if len(node.title) > LONGEST:
            message = f"The title of '{node.title[:20]}...' has {len(node.title)} characters."
            yield Finding(
                "warning", "title.long", message, node.pointer, node.id, node.title, f"{LONGEST} are allowed."
            )
        seen.add(node.title)


def _fields(flow: Flow) -> Iterator[Finding]:
    """What is read below an output of a node whose fields are declared, and is none of them: Coze leaves it out."""
    every = nodes(flow)
    for node in every.values():
        for ref in dict.fromkeys(node_refs(node)):
            producer = every.get(ref.node) if ref.scope == "node" else None
            if producer is not None and producer.kind in _DECLARED and (lacks := _lacking(producer.outputs, ref.path)):
                name, known = lacks
                near = difflib.get_close_matches(name, known, 1)
                hint = f"Did you mean {near[0]!r}?" if near else f"It has: {', '.join(known)}."
                read = ".".join(map(str, ref.path))
                message = (
                    f"'{node.title}' reads {read!r} of '{producer.title}', which declares no {name!r}: it is nothing."
                )
                yield Finding("error", "ref.output", message, node.pointer, node.id, node.title, hint)


_DECLARED = ("json_parse", "code")  # what these give out is cut down to what they declare


def _lacking(outputs: dict[str, Type], path: tuple[str | int, ...]) -> tuple[str, list[str]] | None:
    """The first step that leads nowhere, and where it could lead."""
    kind = outputs.get(str(path[0])) if path else None
    for step in path[1:]:
        if kind is None:
            return None
        props = kind.props if kind.name == "object" else None
        if props and isinstance(step, str) and step not in props:
            return step, [*props]
        kind = kind.items if isinstance(step, int) else (props or {}).get(step)
    return None


def mend(document: Any) -> list[str]:
    """Take away the empty objects that Coze Studio crashes on, and edges to nothing. The document given is changed."""
    _, held, is_yaml = inside(document)
    if is_yaml:
        return []
    count, lost = _stripped(held.get("nodes")), _without_lost(held, [])
    what = "object" if count == 1 else "objects"
    done = [f"{count} empty {what} `left`, `right` or `input` that Coze Studio crashes on."] if count else []
    return done + ([f"{lost} edge{'s' * (lost > 1)} to or from nothing."] if lost else [])


def _without_lost(held: dict[str, Any], around: list[str], nodes: str = "nodes") -> int:
    """Takes edges away that lead to or from no node, in a canvas or in a container; how many there were."""
    inner = [each for each in held.get(nodes) or [] if isinstance(each, dict)]
    known = {*around, *(str(each.get("id")) for each in inner)}
    edges = held.get("edges")
    count = 0
    if isinstance(edges, list):
        kept = [each for each in edges if not isinstance(each, dict) or _ends(each) <= known]
        count, held["edges"] = len(edges) - len(kept), kept
    return count + sum(_without_lost(each, [str(each.get("id"))], "blocks") for each in inner if each.get("blocks"))


def _ends(edge: dict[str, Any]) -> set[str]:
    return {str(edge.get("sourceNodeID")), str(edge.get("targetNodeID"))}


def _stripped(value: Any) -> int:
    """Takes every empty side below a value away; how many there were."""
    count, stack = 0, [value]
    while stack:
        held = stack.pop()
        if isinstance(held, dict):
            for side in [side for side in _SIDES if held.get(side) == {}]:
                del held[side]
                count += 1
            stack += held.values()
        elif isinstance(held, list):
            stack += held
    return count
