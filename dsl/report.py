"""The loss report of a conversion, as plain data and as Markdown."""

import hashlib
from typing import Any

from dsl import Written
from dsl.ir import Flow
from dsl.notes import SEVERITIES, Note
from dsl.printed import code, literal
from dsl.secrets import mask
from dsl.values import walk

VERSION = 1
MEANS = {
    "equivalent": "Another form, the same behaviour",
    "needs_binding": "Works once an id or a secret is supplied",
    "degraded": "Behaves differently in a stated case",
    "stub": "Raises when it is reached",
    "dropped": "Not in the target",
}
BACK = ("leaf.changed", "leaf.dropped")  # these tell of the file, and not of what it does


def report(flow: Flow, target: str, written: Written, *, file: str = "", data: bytes = b"") -> dict[str, Any]:
    """`notes` of what does not travel unchanged, `rebind` of what needs an id, `summary` of the nodes by severity.

    Without secrets.
    """
    flow = mask(flow)[0]
    return {
        "report_version": VERSION,
        "source": {
            "file": file,
            "dialect": flow.dialect,
            "version": flow.version,
            "sha256": hashlib.sha256(data).hexdigest(),
        },
        "target": {"dialect": target},
        "summary": summary(flow, written.notes),
        "rebind": [_rebind(flow, resource) for resource in written.rebind],
        "notes": [_plain(note) for note in written.notes],
    }


def summary(flow: Flow, notes: list[Note]) -> dict[str, Any]:
    """How many nodes there are of each severity: the worst of a node's notes; and how many notes."""
    by_node = severities(flow, notes)
    counts = {severity: list(by_node.values()).count(severity) for severity in SEVERITIES}
    told = {severity: sum(note.severity == severity for note in notes) for severity in SEVERITIES[1:]}
    return {"nodes": len(by_node)} | counts | {"notes": told}


def severities(flow: Flow, notes: list[Note]) -> dict[str, str]:
    """The severity of each node: the worst of its notes, of which layout and what is only more are none."""
    result = {node.id: "exact" for node, _, _ in walk(flow.graph)}
    for note in notes:
        if note.node in result and note.code not in ("layout.dropped", "leaf.added"):
            result[note.node] = max(result[note.node], note.severity, key=SEVERITIES.index)
    return result


def _rebind(flow: Flow, resource: Any) -> dict[str, Any]:
    used = [node.title or node.id for node, _, _ in walk(flow.graph) if resource.id in _words(node.params)]
    return {
        "id": resource.id,
        "kind": resource.kind,
        "name": resource.name,
        "hint": resource.hint,
        "used_by": used,
    }


def _words(value: Any) -> set[str]:
    if isinstance(value, str):
        return {value}
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return set().union(*map(_words, inner)) if inner else set()


def _plain(note: Note) -> dict[str, str]:
    return {name: getattr(note, name) for name in note.__dataclass_fields__}


def markdown(plain: dict[str, Any]) -> str:
    """The same for people: what to do first, what to know next, the rest folded."""
    source, target, counts = plain["source"], plain["target"]["dialect"], plain["summary"]
    parts = ", ".join(f"{counts[severity]} {severity.replace('_', ' ')}" for severity in SEVERITIES if counts[severity])
    lines = [
        f"# {literal(source['file']) or 'A flow'}: {source['dialect']} to {target}",
        "",
        f"{counts['nodes']} nodes: {parts}.",
    ]
    if plain["rebind"]:
        lines += ["", "## To bind again", "", "| what | kind | used by |", "|---|---|---|"]
        lines += [
            f"| {literal(each['name'])} | {each['kind']} | {literal(', '.join(each['used_by']))} |"
            for each in plain["rebind"]
        ]
    for severity in reversed(SEVERITIES[1:]):
        notes = [note for note in plain["notes"] if note["severity"] == severity and note["code"] not in BACK]
        lines += _section(severity.replace("_", " ").capitalize(), MEANS[severity], notes)
    back = [note for note in plain["notes"] if note["code"] in BACK]
    lines += _section("On the way back", "Not as it was when the flow comes back; with the sidecar file it is", back)
    return "\n".join(lines) + "\n"


def _section(title: str, means: str, notes: list[dict[str, str]]) -> list[str]:
    return ["", f"## {title} ({len(notes)})", "", f"{means}.", "", *map(_line, notes)] if notes else []


def _line(note: dict[str, str]) -> str:
    where = f"**{literal(note['title'] or note['node'])}**: " if note["node"] else ""
    place = f" {code(note['source_pointer'])}" if note["source_pointer"] else ""
    return f"- {where}{literal(note['message'] + ' ' + note['suggestion'])} ({note['code']}{place})"
