"""The forms that a Coze canvas is kept in: told apart, back to the same bytes, and refused when they do harm."""

import copy
import io
import json
import random
import struct
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import dsl
from dsl import DslError, OptionError, sidecar
from dsl.coze import formats
from dsl.coze.forms import FORMS
from dsl.dump import dump_json
from dsl.ir import Flow, Ref, Type
from dsl.values import at, nodes
from tests.dsl import small
from tests.dsl.corpus import SHARED, files, paths

FORMATS = SHARED / "coze" / "formats"
MANIFEST = b"type: Workflow\nversion: 1.0.0\nmain:\n    id: '1'\n    name: flow\n"
CANVAS = b'{"edges":[],"nodes":[{"id":"100001","type":"1","data":{"nodeMeta":{"title":"s"}}}]}'
FLOW = b"schema_version: 1.0.0\nname: flow\nnodes:\n- {id: '100001', type: start, title: s}\nedges: []\n"
NAME = "Workflow-flow-draft-1.zip"


def sample(pattern: str) -> Path:
    found = sorted(FORMATS.glob(pattern))
    if not found:
        pytest.skip("../shared is not here")
    return found[0]


def content(packed: bytes) -> list[tuple[str, bytes]]:
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        return [(info.filename, archive.read(info)) for info in archive.infolist()]


def attributes(packed: bytes) -> list[tuple[Any, ...]]:
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        return [
            (
                info.filename,
                info.compress_type,
                info.flag_bits,
                info.date_time,
                info.create_system,
                info.create_version,
                info.extract_version,
                info.external_attr,
                info.extra,
            )
            for info in archive.infolist()
        ]


# -- there and back


def test_an_f3_archive_is_written_back_byte_by_byte() -> None:
    """The container always is. The zip around it is too where the same zlib packed it: coze.cn's own deflate may make
    other bytes of the same content, everything else in the zip (flags, dates, versions, descriptors) is equal."""
    data = sample("F3*.zip").read_bytes()
    written = dsl.write(dsl.read(data, "coze"), "coze").data
    assert isinstance(written, bytes)
    assert content(written) == content(data)
    assert attributes(written) == attributes(data)
    if len(written) == len(data):
        assert written == data


def test_a_written_archive_has_the_attributes_of_coze_cn() -> None:
    written = formats.dump(formats.unpack(zipped({NAME: container()})))
    assert isinstance(written, bytes)
    assert attributes(written) == [(NAME, zipfile.ZIP_DEFLATED, 8, (1980, 0, 0, 0, 0, 0), 0, 20, 20, 0, b"")]
    assert written[10:26] == bytes(16)  # date, time, checksum and sizes: the last three follow the data
    assert content(written) == [(NAME, container())]


def test_an_f4_archive_is_written_back_with_the_same_content() -> None:
    """Not byte by byte: blanks and quotes of its YAML are ours. Names, their order and their attributes are kept."""
    data = sample("F4*.zip").read_bytes()
    document = formats.unpack(data)
    written = formats.dump(document)
    assert isinstance(written, bytes)
    assert formats.unpack(written) == document
    assert attributes(written) == attributes(data)


def test_sub_workflows_of_an_archive_are_kept() -> None:
    other = FLOW.replace(b"flow", b"other")
    packed = zipped({"MANIFEST.yml": MANIFEST, "workflow/other-draft.yaml": other, "workflow/flow-draft.yaml": FLOW})
    document: Any = formats.unpack(packed)
    assert document["flow"]["name"] == "flow"
    assert document["sub"]["workflow/other-draft.yaml"]["name"] == "other"
    written = formats.dump(document)
    assert isinstance(written, bytes)
    assert formats.unpack(written) == document


@pytest.mark.parametrize("form", ["F1", "F3", "F4-yaml", "F5", "F6"])
def test_sub_workflows_of_an_archive_are_files_beside_in_a_form_that_holds_one(form: str) -> None:
    others = {f"workflow/{name}-draft.yaml": FLOW.replace(b"flow", name.encode()) for name in ("ask", "tell")}
    packed = zipped(
        {"MANIFEST.yml": MANIFEST, "workflow/flow-draft.yaml": FLOW, **others, "workflow/odd.yaml": b"a: 1"}
    )
    written = dsl.write(dsl.read(packed), "coze", form=form)
    assert [*written.beside] == ["ask", "tell"]
    for data in (written.data, *written.beside.values()):
        (start,) = dsl.read(data).graph.nodes
        assert (start.kind, dsl.read(data).version) == ("start", form)
    told = [note.message for note in written.notes if note.severity == "needs_binding"]
    assert [name for name in ("ask", "tell") if any(name in message for message in told)] == ["ask", "tell"]
    assert any("workflow/odd.yaml" in note.message for note in written.notes if note.severity == "dropped")


@pytest.mark.parametrize("place", [None, "here", {}, {"x": 80}, {"x": "left", "y": None}])
@pytest.mark.parametrize("form", ["F2", "F5"])
def test_a_node_without_a_place_can_be_pasted(place: Any, form: str) -> None:
    canvas = {"nodes": [{"id": "100001", "type": "1", "meta": {"position": place}, "data": {}}], "edges": []}
    options = {"host": "www.coze.cn", "space": "1"} if form == "F2" else {}
    written = dsl.write(dsl.read(dump_json(canvas)), "coze", form=form, **options)
    assert '"bounds"' in str(written.data)


def test_names_of_sub_workflows_lead_nowhere_else() -> None:
    others = {f"workflow/{i}.yaml": FLOW.replace(b"name: flow", b"name: ../../flow") for i in range(2)}
    packed = zipped({"MANIFEST.yml": MANIFEST, "workflow/flow-draft.yaml": FLOW, **others})
    assert [*dsl.write(dsl.read(packed), "coze", form="F1").beside] == ["flow", "flow_2"]


def test_an_archive_that_stays_one_has_nothing_beside() -> None:
    packed = zipped({"MANIFEST.yml": MANIFEST, "workflow/flow-draft.yaml": FLOW, "workflow/other-draft.yaml": FLOW})
    written = dsl.write(dsl.read(packed), "coze", form="F4")
    assert (written.beside, written.notes) == ({}, [])


@pytest.mark.parametrize("target", ["dify", "n8n"])
@pytest.mark.parametrize("form", FORMS)
def test_the_way_back_is_compared_in_the_form_that_a_workflow_came_in(form: str, target: str) -> None:
    asked = small.line(small.start(q=Type("string")), small.end(a=(Ref("begin", ("q",)), Type("string"))))
    host = {"host": "www.coze.cn"} if form == "F2" else {}
    flow = dsl.read(dsl.write(Flow("asked", "ir", graph=asked), "coze", form=form, **host).data)
    others = [note for note in dsl.write(flow, target).notes if note.source_pointer != "/source"]  # F3: canvas as text
    assert {note.code for note in others} <= {"layout.dropped"}


@pytest.mark.parametrize("pattern", ["F2*", "F3*", "F4*.zip", "F4*.yaml", "F5*"])
@pytest.mark.parametrize("form", FORMS)
def test_a_workflow_of_coze_is_written_in_the_form_that_is_asked_for(pattern: str, form: str) -> None:
    flow = dsl.read(sample(pattern).read_bytes())
    written = dsl.write(flow, "coze", form=form, **({"host": "www.coze.cn"} if form == "F2" else {}))
    again = dsl.read(written.data)
    assert again.version == form
    assert [(each.id, each.kind) for each in nodes(again).values()] == [
        (each.id, each.kind) for each in nodes(flow).values()
    ]
    if form == flow.version:
        assert written.notes == []


def test_the_clipboard_needs_a_host_and_no_other_form_takes_one() -> None:
    canvas = dsl.read(dsl.write(dsl.read(sample("F5*").read_bytes()), "coze", form="F1").data)
    with pytest.raises(OptionError, match="one host only"):
        dsl.write(canvas, "coze", form="F2")
    with pytest.raises(OptionError, match="name a host"):
        dsl.write(canvas, "coze", host="www.coze.cn")
    copied = dsl.write(dsl.read(sample("F2*").read_bytes()), "coze", host="coze.example.com")
    assert copied.document["source"]["host"] == "coze.example.com"


@pytest.mark.parametrize(
    ("pattern", "form"), [("F2*", "F2"), ("F3*", "F3"), ("F4*.zip", "F4"), ("F4*.yaml", "F4"), ("F5*", "F5")]
)
def test_each_form_is_recognised(pattern: str, form: str) -> None:
    data = sample(pattern).read_bytes()
    assert dsl.sniff(data) == "coze"
    flow = dsl.read(data)
    assert formats.form(flow.raw) == form
    assert flow.version.removesuffix("-yaml") == form
    assert flow.graph.nodes


def test_the_export_of_the_fork_is_recognised() -> None:
    found = [each for each in paths("coze") if each.parent.name == "coze" and "agentbridge" in each.parts]
    if not found:
        pytest.skip("../shared is not here")
    recognised = {formats.form(dsl.read(each.read_bytes(), "coze").raw) for each in found}
    assert "F6" in recognised
    made = {"workflowid": "1", "name": "n", "schema": json.loads(CANVAS)}
    assert dsl.read(json.dumps(made)).version == "F6"


@pytest.mark.parametrize(
    "document",
    [
        {"type": formats.CLIPBOARD},
        {"type": formats.EXPORT, "json": []},
        {"format": "F3", "manifest": "x"},
        {"format": "F4", "manifest": {}, "flow": "x"},
        {"schema_version": "1.0.0", "nodes": [1]},
        {"workflowid": "1", "schema": {}},
    ],
)
def test_a_form_without_its_workflow_is_one_error(document: Any) -> None:
    with pytest.raises(DslError, match=r"wanted here|needs a type here"):
        dsl.read(json.dumps(document))


# -- archives that do harm


def record(kind: int, name: bytes, data: bytes = b"", children: int = 0, size: int | None = None) -> bytes:
    length = (len(data) if kind == 2 else 0) if size is None else size
    return struct.pack("<BHIH", kind, len(name), length, children) + name + data


def container(*more: bytes, canvas: bytes = CANVAS, children: int = 2) -> bytes:
    folder = record(1, b"workflow", record(2, b"flow-draft.json", canvas), 1)
    return record(1, b"", folder + record(2, b"MANIFEST.yml", MANIFEST) + b"".join(more), children)


def zipped(entries: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return out.getvalue()


def lying(packed: bytes, size: int) -> bytes:
    """The archive with another size of its first file, in both places that name it."""
    central = packed.index(b"PK\x01\x02")
    made = bytearray(packed)
    made[22:26] = made[central + 24 : central + 28] = struct.pack("<I", size)
    return bytes(made)


def twice() -> bytes:
    packed = zipped({"MANIFEST.yml": MANIFEST, "workflow/aaa.yaml": FLOW, "workflow/bbb.yaml": FLOW})
    return packed.replace(b"bbb.yaml", b"aaa.yaml")


def encrypted() -> bytes:
    packed = bytearray(zipped({NAME: container()}))
    packed[6] |= 1
    packed[packed.index(b"PK\x01\x02") + 8] |= 1
    return bytes(packed)


def aliases() -> bytes:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 8)}]" for i in range(1, 6)]
    many = {f"workflow/f{i}.yaml": "\n".join(lines).encode() for i in range(150)}
    return zipped({"MANIFEST.yml": MANIFEST} | many)


def nest(depth: int) -> bytes:
    made = record(2, b"flow.json", CANVAS)
    for _ in range(depth):
        made = record(1, b"d", made, 1)
    return made


def f4(name: str) -> Callable[[], bytes]:
    return lambda: zipped({"MANIFEST.yml": MANIFEST, name: FLOW})


def f3(data: bytes) -> Callable[[], bytes]:
    return lambda: zipped({NAME: data})


HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    "a path upwards": (f4("../../flow.yaml"), "outside"),
    "a path upwards in the middle": (f4("workflow/../../flow.yaml"), "outside"),
    "a path upwards of Windows": (f4("..\\flow.yaml"), "outside"),
    "a path from the root": (f4("/etc/flow.yaml"), "outside"),
    "a drive": (f4("C:\\flow.yaml"), "outside"),
    "a path upwards in a container": (f3(record(1, b"", record(2, b"../flow.json", CANVAS), 1)), "outside"),
    "a bomb": (lambda: zipped({NAME: bytes(300 * 2**20)}), "more than"),
    "a bomb that says it is small": (lambda: lying(zipped({NAME: bytes(300 * 2**20)}), 100), "cannot be read"),
    "a bomb packed by bzip2": (
        lambda: lying(zipped({NAME: bytes(300 * 2**20)}, zipfile.ZIP_BZIP2), 100),
        "another way",
    ),
    "a file packed by lzma": (lambda: zipped({NAME: container()}, zipfile.ZIP_LZMA), "another way"),
    "a size that is too large": (lambda: lying(zipped({NAME: container()}), 10_000), "shorter than it says"),
    "too many files": (lambda: zipped({f"{i}.yaml": b"a: 1" for i in range(201)}), "more than"),
    "a name twice": (twice, "same name"),
    "a password": (encrypted, "cannot be read"),
    "a wrong checksum": (lambda: zipped({NAME: container()}, 0).replace(b"100001", b"100002"), "cannot be read"),
    "half an archive": (lambda: zipped({NAME: container()})[:200], "cannot be read"),
    "aliases that multiply": (aliases, "more than 2,000,000 values"),
    "no MANIFEST": (lambda: zipped({"workflow/flow-draft.yaml": FLOW}), "no MANIFEST.yml"),
    "only a MANIFEST": (lambda: zipped({"MANIFEST.yml": MANIFEST}), "no workflow"),
    "nothing but folders": (lambda: zipped({"workflow/": b""}), "no MANIFEST.yml"),
    "no YAML": (lambda: zipped({"MANIFEST.yml": MANIFEST, "f.yaml": b"a: 'x"}), "f.yaml in the archive: This is not"),
    "half a container": (f3(container()[:-5]), "5 bytes are missing"),
    "half a record": (f3(container()[:12]), "cut off"),
    "a lone byte": (f3(b"\x01"), "cut off"),
    "bytes behind the container": (f3(container() + b"xx"), "2 bytes more"),
    "a child too few": (f3(container(children=1)), "bytes more"),
    "a child too many": (f3(container(children=3)), "cut off"),
    "children without end": (f3(container(children=65535)), "cut off"),
    "a file of 4 GB": (f3(record(1, b"", record(2, b"f.json", b"{}", size=2**32 - 1), 1)), "cut off"),
    "a file with children": (f3(record(1, b"", record(2, b"f.json", b"{}", 7), 1)), "no file and no folder"),
    "a folder with a size": (f3(record(1, b"", size=7)), "no file and no folder"),
    "an unknown record": (f3(record(1, b"", record(3, b"x"), 1)), "no file and no folder"),
    "records too deep": (f3(record(1, b"", nest(500), 1)), "too deep"),
    "records too many": (f3(record(1, b"", record(1, b"d") * 60_000, 60_000)), "too many"),
    "a name that is no text": (f3(record(1, b"", record(2, b"\xff.json", CANVAS), 1)), "no text"),
    "a second canvas": (f3(container(record(2, b"b.json", CANVAS), children=3)), "are wanted"),
    "the same file twice": (f3(container(record(2, b"MANIFEST.yml", MANIFEST), children=3)), "are wanted"),
    "no MANIFEST in a container": (f3(record(1, b"", record(2, b"flow.json", CANVAS), 1)), "are wanted"),
    "an empty container": (f3(record(1, b"")), "holds nothing"),
    "a canvas that is no JSON": (f3(container(canvas=b"{")), "not JSON"),
    "a canvas that is no text": (f3(container(canvas=b"\xff")), "not UTF-8"),
    "a canvas that is none": (f3(container(canvas=b"[]")), "wanted here"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_an_archive_that_does_harm_is_one_error_soon(name: str) -> None:
    make, message = HOSTILE[name]
    data = make()
    begun = time.process_time()
    with pytest.raises(DslError, match=message):
        dsl.read(data)
    assert time.process_time() - begun < 10


def test_two_dots_in_a_name_are_no_way_out() -> None:
    assert dsl.read(f4("workflow/flow-draft..1.yaml")()).name == "flow"


@pytest.mark.parametrize("pattern", ["F3*.zip", "F4*.zip"])
def test_a_damaged_archive_is_a_flow_or_one_error(pattern: str) -> None:
    data = sample(pattern).read_bytes()
    chance = random.Random(11)
    for _ in range(400):
        damaged = bytearray(data[: chance.randint(1, len(data))] if chance.random() < 0.3 else data)
        for _ in range(chance.randint(1, 4)):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        read_or_refused(bytes(damaged))


def test_a_damaged_container_is_a_flow_or_one_error() -> None:
    chance = random.Random(12)
    for _ in range(400):
        damaged = bytearray(container())
        for _ in range(chance.randint(1, 4)):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        read_or_refused(zipped({NAME: bytes(damaged)}))


# -- canvases that are broken


def read_or_refused(data: bytes | str) -> None:
    try:
        assert isinstance(dsl.read(data, "coze"), dsl.Flow)
    except DslError as error:
        assert str(error)


REF = {"type": "ref", "content": {"source": "block-output", "blockID": "100001", "name": "a.²[0]"}}
ODD: list[Any] = [
    *(None, True, 0, -1.5, 10**30, "", "x", "100001", "NaN", "1e999", "9" * 5000, "²", [], [1], [[]], [{}], [None]),
    *({}, {"a": {"b": 1}}, {"value": REF}, {"input": {"value": REF}}, {"type": "ref", "content": 1}, [{"name": [1]}]),
    *("[" * 150 + "]" * 150, "[" * 5000, "{{block_output_1.a}}", "{{a[" + "1" * 5000 + "]}}", "flowstill:text"),
    *("# flowstill:node {}", "3", "8", "15", "18", "20", "21", "22", "28", "32", "40", "45"),
    *("list", "object", "integer", "literal", "object_ref", {"batchEnable": True, "inputLists": 3}),
]  # fmt: skip


def places(value: Any, above: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Everything that stands somewhere in a document, not only its leaves."""
    within = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, inner in within:
        yield (*above, step)
        yield from places(inner, (*above, step))


def replaced(document: Any, chance: random.Random) -> Any:
    document = copy.deepcopy(document)
    for _ in range(chance.randint(1, 3)):
        if not (known := list(places(document))):
            break
        *above, last = chance.choice(known)
        parent = document
        for step in above:
            parent = parent[step]
        parent[last] = copy.deepcopy(chance.choice(ODD))
    return document


@pytest.mark.parametrize("path", files("coze"))
def test_a_canvas_with_odd_values_is_a_flow_or_one_error(path: Path) -> None:
    chance = random.Random(path.name)
    raw = dsl.read(path.read_bytes(), "coze").raw
    for _ in range(30):
        read_or_refused(json.dumps(replaced(raw, chance)))


def test_text_nodes_that_join_each_other_in_a_circle_come_to_an_end() -> None:
    def joining(key: str) -> dict[str, Any]:
        meta = {"title": key, "description": "flowstill:text"}
        return {"id": key, "type": "15", "data": {"nodeMeta": meta, "inputs": {"method": "concat"}}}

    canvas = json.loads(CANVAS)
    canvas["nodes"] += [joining("1"), joining("2")]
    ends = [("100001", "1"), ("1", "2"), ("2", "1")]
    canvas["edges"] = [{"sourceNodeID": source, "targetNodeID": target} for source, target in ends]
    assert [node.id for node in dsl.read(json.dumps(canvas)).graph.nodes] == ["100001"]


def test_a_number_that_is_none_stays_text() -> None:
    inputs = {"inputParameters": [{"name": "a", "input": {"type": "float", "value": {"type": "literal"}}}]}
    canvas = json.loads(CANVAS)
    canvas["nodes"].append({"id": "1", "type": "5", "data": {"inputs": inputs}})
    for given, read in (("NaN", "NaN"), ("inf", "inf"), ("1e999", "1e999"), ("0.5", 0.5)):
        at(inputs, "/inputParameters/0/input/value")["content"] = given
        assert dsl.read(json.dumps(canvas)).graph.nodes[1].inputs == {"a": read}


# -- what else is in an archive


PICTURE = b"\x89PNG\r\n\x1a\n\xff\xfe"
MORE = {"x/plugin/p.json": b'{"a": 1}', "x/icon.png": PICTURE, "README.md": b"hello\r\n"}


def packed_with_more() -> bytes:
    return zipped({"x/MANIFEST.yml": MANIFEST, "x/workflow/flow-draft.yaml": FLOW, **MORE})


def test_files_of_an_archive_that_are_no_workflows_stay_in_it() -> None:
    written = dsl.write(dsl.read(packed_with_more()), "coze").data
    assert isinstance(written, bytes)
    assert MORE.items() <= dict(content(written)).items()


def test_files_of_an_archive_that_are_no_workflows_come_back_with_the_sidecar() -> None:
    flow = dsl.read(packed_with_more())
    there = dsl.write(flow, "dify")
    kept = sidecar.parse(json.loads(json.dumps(sidecar.make(flow, "dify", there.document).plain())))
    back = dsl.restored(dsl.read(there.data), kept).data
    assert isinstance(back, bytes)
    assert MORE.items() <= dict(content(back)).items()


@pytest.mark.parametrize("form", ["F1", "F4-yaml"])
def test_files_of_an_archive_are_told_to_be_gone_where_the_form_holds_one_workflow(form: str) -> None:
    notes = dsl.write(dsl.read(packed_with_more()), "coze", form=form).notes
    told = " ".join(note.message for note in notes if note.severity == "dropped")
    assert all(name in told for name in MORE)


def test_files_of_an_archive_are_told_to_be_gone_on_another_platform() -> None:
    notes = dsl.write(dsl.read(packed_with_more()), "n8n").notes
    places = {note.source_pointer for note in notes if note.code == "leaf.dropped"}
    assert {"/beside/x~1plugin~1p.json", "/beside/README.md"} <= places


# -- text that poses as the inside of an archive


INSIDE = {
    "F3": {"format": "F3", "name": "a.zip", "file": "workflow/a.json", "manifest": "a: 1", "source": "{}"}
    | {"manifest_file": "MANIFEST.yml", "canvas": json.loads(CANVAS)},
    "F4": {"format": "F4", "folder": "x/", "file": "workflow/a.yaml", "manifest": {}}
    | {"flow": {"schema_version": "1.0.0", "nodes": [], "edges": []}},
}


@pytest.mark.parametrize("form", INSIDE)
def test_text_that_poses_as_the_inside_of_an_archive_is_refused(form: str) -> None:
    with pytest.raises(DslError, match="poses as the inside of an archive"):
        dsl.read(json.dumps(INSIDE[form]))


@pytest.mark.parametrize("value", ["/etc/", "../", "C:/", 1, None, [], "a\0b", "x" * 70_000])
@pytest.mark.parametrize("key", ["folder", "file", "name", "manifest_file", "source", "sub", "beside"])
@pytest.mark.parametrize("form", INSIDE)
def test_a_sidecar_with_an_odd_archive_is_one_error_and_writes_nothing_elsewhere(
    form: str, key: str, value: Any
) -> None:
    named: Any = {str(value): "x"} if key in ("sub", "beside") and value else value
    flow = dsl.read(zipped({"MANIFEST.yml": MANIFEST, "workflow/flow-draft.yaml": FLOW}))
    there = dsl.write(flow, "dify")
    kept = replace(sidecar.make(flow, "dify", there.document), document=INSIDE[form] | {key: named})
    try:
        written = dsl.restored(dsl.read(there.data), kept).data
    except DslError as error:
        assert str(error)
    else:
        assert isinstance(written, bytes)
        assert dsl.read(written)


@pytest.mark.parametrize("meta", [None, {}, {"position": None}, {"position": {"x": 1}}, {"position": {"y": None}}])
@pytest.mark.parametrize("form", ["F2", "F4", "F4-yaml", "F5"])
def test_a_node_that_stands_nowhere_is_written_in_every_form(form: str, meta: Any) -> None:
    document = json.loads(CANVAS)
    document["nodes"][0]["meta"] = meta
    options = {"host": "www.coze.cn"} if form == "F2" else {}
    assert dsl.read(dsl.write(dsl.read(json.dumps(document)), "coze", form=form, **options).data).version == form


def test_an_archive_is_read_from_any_bytes() -> None:
    packed = zipped({"MANIFEST.yml": MANIFEST, "workflow/flow-draft.yaml": FLOW})
    assert dsl.read(bytearray(packed)).version == "F4"


def test_names_of_files_beside_are_as_long_as_a_file_may_be_called() -> None:
    others = {f"workflow/{i}.yaml": FLOW.replace(b"name: flow", b"name: " + b"w" * 300) for i in range(2)}
    packed = zipped({"MANIFEST.yml": MANIFEST, "workflow/flow-draft.yaml": FLOW, **others})
    names = [*dsl.write(dsl.read(packed), "coze", form="F1").beside]
    assert len(names) == 2 and max(map(len, names)) <= 100
