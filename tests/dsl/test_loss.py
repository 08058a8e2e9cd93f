"""From every real file to every other platform and back: what is lost on the way is named, or in the sidecar."""

from pathlib import Path

import pytest

import dsl
from dsl import sidecar
from dsl.audit import differing
from dsl.dump import dump_json
from dsl.hiding import hidden
from dsl.load import load_json
from dsl.merge import same
from dsl.values import at, pointer, steps
from tests.dsl.corpus import FOLDERS, files

DIALECTS = [name for name in FOLDERS if name in dsl.DIALECTS]
TRIPS = [
    pytest.param(*each.values, target, marks=each.marks, id=f"{each.id} to {target}")  # type: ignore[attr-defined]
    for dialect in DIALECTS
    for each in files(dialect)
    for target in DIALECTS
    if target != dialect
]


@pytest.mark.parametrize(("path", "target"), TRIPS)
def test_what_the_way_back_does_not_restore_is_named(path: Path, target: str) -> None:
    flow = dsl.read(path.read_bytes())
    written = dsl.write(flow, target)
    back = dsl.write(dsl.read(_bytes(written.data)), flow.dialect, **_form(flow))
    named = {note.source_pointer for note in written.notes if note.source_pointer}
    assert [place for place, _ in differing(flow.raw, back.document) if not _under(place, named)] == []


def _form(flow: dsl.Flow) -> dict[str, str]:
    """The options that give a workflow of Coze its form again."""
    if flow.dialect != "coze":
        return {}
    source = flow.raw.get("source") if flow.version in ("F2", "F5") else {}
    return {"form": flow.version} | {ours: source[key] for ours, key in _SOURCE.items() if source.get(key)}


_SOURCE = {"host": "host", "space": "spaceId"}


@pytest.mark.parametrize(("path", "target"), TRIPS)
def test_with_the_sidecar_nothing_is_lost(path: Path, target: str) -> None:
    data = path.read_bytes()
    flow = dsl.read(data)
    written = dsl.write(flow, target)
    kept = sidecar.parse(load_json(dump_json(sidecar.make(flow, target, written.document, data=data).plain())))
    back = dsl.restored(dsl.read(_bytes(written.data)), kept, data)
    assert back.notes == [] and same(back.document, flow.raw)


@pytest.mark.parametrize(("path", "target"), TRIPS)
def test_no_secret_passes(path: Path, target: str) -> None:
    flow = dsl.read(path.read_bytes())
    written = dsl.write(flow, target)
    beside = dump_json(sidecar.make(flow, target, written.document).plain())
    for secret in _secrets(flow.raw):
        assert secret not in str(written.document) and secret not in beside


def _secrets(document: object) -> list[str]:
    """What is replaced by `${...}` when a document is hidden."""
    masked, places = hidden(document)
    result = []
    for place in places:
        before, after = str(at(document, place)), str(at(masked, place))
        start = next(i for i in range(len(after)) if before[i : i + 1] != after[i])
        end = next(i for i in range(1, len(after) + 1) if before[-i:][:1] != after[-i:][:1])
        result.append(before[start : len(before) - end + 1])
    return [secret for secret in result if len(secret) >= 8]


def _under(place: str, named: set[str]) -> bool:
    parts = steps(place)
    return any(pointer(*parts[:end]) in named for end in range(len(parts), 0, -1))


def _bytes(data: str | bytes) -> bytes:
    return data.encode() if isinstance(data, str) else data


def test_a_sidecar_of_another_flow_is_refused() -> None:
    one, other = (_n8n(name) for name in ("Ask", "Tell"))
    written = dsl.write(one, "dify")
    kept = sidecar.make(one, "dify", written.document, file="ask.json")
    back = dsl.restored(dsl.read(_bytes(written.data)), kept)
    assert same(back.document, one.raw)
    foreign = dsl.read(_bytes(dsl.write(other, "dify").data))
    with pytest.raises(dsl.DslError, match=r"the sidecar of another flow \('Ask', from ask.json\)"):
        dsl.restored(foreign, kept)


def test_a_sidecar_gives_back_a_flow_that_was_changed() -> None:
    one = _n8n("Ask")
    written = dsl.write(one, "dify")
    changed = dsl.read(_bytes(written.data))
    changed.graph.nodes = [node for node in changed.graph.nodes if node.title != "Ask 2"]
    edited = dsl.read(_bytes(dsl.write(changed, "dify").data))
    back = dsl.restored(edited, sidecar.make(one, "dify", written.document))
    assert [node["name"] for node in back.document["nodes"]] == ["Start", "Ask 1"]


def _n8n(name: str) -> dsl.Flow:
    def node(title: str, kind: str) -> dict[str, object]:
        place = {"id": f"{name} {title}", "name": title, "position": [0, 0], "typeVersion": 1, "parameters": {}}
        return place | {"type": f"n8n-nodes-base.{kind}"}

    nodes = [node("Start", "manualTrigger"), node(f"{name} 1", "httpRequest"), node(f"{name} 2", "httpRequest")]
    return dsl.read(dump_json({"name": name, "nodes": nodes, "connections": {}}))
