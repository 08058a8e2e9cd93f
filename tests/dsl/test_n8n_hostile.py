"""Files that are broken, or made to do harm: a flow or one clear error, soon."""

import copy
import gzip
import io
import json
import random
import tarfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import dsl
from dsl import DslError, Flow, n8n
from dsl.values import at, leaves, pointer, steps, unique
from tests.dsl.corpus import SHARED, files

ODD: list[Any] = [
    *(None, True, 0, -1, 1.5, 10**400, "", "=", "={{", "={{ }}", "={{ $json }}", "={{ $('", "{{}}", "x" * 300),
    *([], {}, [[]], [None], [{}], {"a": {}}, {"__rl": True}, {"values": [None]}, [[[{"node": 1}]]], "\ue000", "=\\{{"),
    *("flowstill:start x", "// flowstill:begin code", "={{ {'a': [} }}", "={{ `${ }} }}", "={{ ((((((((((((1 }}"),
]


def _documents() -> list[Any]:
    return [json.loads(Path(each).read_bytes()) for param in files("n8n") for each in param.values if each]  # type: ignore[attr-defined]


def _places(document: Any, rng: random.Random) -> list[str]:
    found = [place for place, _ in leaves(document)]
    if rng.random() < 0.8:  # elsewhere most changes are errors at once
        found = [place for place in found if "/parameters/" in place or "onError" in place] or found
    chosen = rng.sample(found, min(len(found), 3))
    return [pointer(*_cut(steps(place), rng)) for place in chosen]


def _cut(parts: list[str], rng: random.Random) -> list[str]:
    least = min(len(parts), rng.choice([4, 4, 4, 3, 2, 1]))
    return parts[: max(least, len(parts) - rng.choice([0, 0, 1, 1, 2, 3, 4]))]


def _change(document: Any, rng: random.Random) -> Any:
    document = copy.deepcopy(document)
    for place in _places(document, rng):
        *above, last = steps(place)
        try:
            parent = at(document, pointer(*above))
        except (LookupError, ValueError, TypeError):
            continue
        if isinstance(parent, list) and last.isdigit() and int(last) < len(parent):
            key: Any = int(last)
        elif isinstance(parent, dict) and last in parent:
            key = last
        else:
            continue
        if rng.random() < 0.3:
            del parent[key]
        else:
            parent[key] = copy.deepcopy(rng.choice(ODD))
    return document


@pytest.mark.parametrize("seed", range(8))
def test_a_file_with_anything_replaced_is_a_flow_or_one_error(seed: int) -> None:
    rng = random.Random(seed)
    for document in _documents():
        for _ in range(3):
            changed = _change(document, rng)
            n8n.sniff(changed)
            try:
                flow = n8n.read(changed)
            except DslError as error:
                assert str(error).startswith(("/", "No workflow"))
            else:
                assert isinstance(flow, Flow)
                n8n.build(flow)


@pytest.mark.skipif(not SHARED.exists(), reason="../shared is not here")
@pytest.mark.parametrize("value", [*ODD, object(), b"", {1: 2}, {"nodes": 1, "connections": []}, {"data": [1]}])
def test_recognising_never_fails(value: Any) -> None:
    assert not n8n.sniff(value)


def _flow(*nodes: Any, connections: Any = None) -> dict[str, Any]:
    return {"name": "x", "nodes": list(nodes), "connections": connections or {}}


def _node(name: str, kind: str = "n8n-nodes-base.noOp", **more: Any) -> dict[str, Any]:
    return {"name": name, "type": kind, "typeVersion": 1, "position": [0, 0], "parameters": {}, **more}


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({}, "No workflow of n8n"),
        (_flow(_node("A"), 1), "/nodes/1: a node is a mapping."),
        (_flow({"name": "A", "type": ""}, _node("B")), "/nodes/0/type: a node needs a type."),
        (_flow(_node("A"), _node("A")), "/nodes/1/name: a second node is called 'A'"),
        (_flow(_node("A", id="1"), _node("B", id="1")), "/nodes/1/id: a second node has the id '1'."),
        (_flow(_node("A", typeVersion="4.2")), "/nodes/0/typeVersion: a version is a number."),
        (_flow(_node("A", position={"x": 1})), "/nodes/0/position: a position is a list of two numbers."),
        (_flow(_node("A", parameters=[])), "/nodes/0/parameters: a mapping is wanted here."),
        (_flow(_node("A"), connections={"A": []}), "/connections/A: a mapping from the type of connection"),
        (_flow(_node("A"), connections={"A": {"main": [1]}}), "/connections/A/main/0: a list of connections"),
        (_flow(_node("A"), connections={"A": {"main": [[{"node": 1}]]}}), "/connections/A/main/0/0/node: the name"),
    ],
)
def test_an_error_names_the_place_and_what_is_wanted(document: Any, message: str) -> None:
    with pytest.raises(DslError) as raised:
        n8n.read(document)
    assert message in str(raised.value)


def test_what_n8n_takes_is_taken() -> None:
    connections = {"A": {"main": [None, [], [{"node": "Gone", "type": "main", "index": 0}]]}, "Nobody": {"main": []}}
    flow = n8n.read(_flow({"name": "A", "type": "some.unknown"}, connections=connections))
    assert [note.code for note in flow.notes] == ["ref.unknown"]
    assert flow.graph.nodes[0].kind == "tool"


def test_a_limit_of_rounds_that_is_none_is_left_out() -> None:
    agent = _node("A", "@n8n/n8n-nodes-langchain.agent", parameters={"options": {"maxIterations": {"a": []}}})
    assert dsl.read(dsl.write(dsl.read(json.dumps(_flow(agent))), "ir").data)


def test_a_note_of_an_odd_size_is_written_as_n8n_makes_them() -> None:
    note = _node("Note", "n8n-nodes-base.stickyNote", parameters={"content": "x", "height": False, "width": "wide"})
    for target in ("dify", "coze", "ragflow", "ir"):
        dsl.write(dsl.read(json.dumps(_flow(note))), target)


def test_rings_of_nodes_and_of_sub_nodes_end() -> None:
    ring = {
        "A": {"main": [[{"node": "B", "type": "main", "index": 0}]]},
        "B": {"main": [[{"node": "A", "type": "main", "index": 0}]]},
        "C": {"ai_tool": [[{"node": "D", "type": "ai_tool", "index": 0}]]},
        "D": {"ai_tool": [[{"node": "C", "type": "ai_tool", "index": 0}]]},
    }
    nodes = [_node(name, "n8n-nodes-base.if", parameters={"x": "={{ $json.y }}"}) for name in "AB"]
    flow = n8n.read(_flow(*nodes, _node("C"), _node("D"), connections=ring))
    assert {node.id for node in flow.graph.nodes} == {"A", "B", "C", "D"}
    n8n.build(flow)


def test_a_long_chain_costs_no_more_than_its_length() -> None:
    names = [f"N{i}" for i in range(3000)]
    links = {one: {"main": [[{"node": other, "type": "main", "index": 0}]]} for one, other in pairwise(names)}
    parameters = {"assignments": {"assignments": [{"name": "a", "value": "={{ $json.a }}", "type": "string"}]}}
    chain = _flow(*(_node(name, "n8n-nodes-base.set", parameters=parameters) for name in names), connections=links)
    begun = time.process_time()
    n8n.build(n8n.read(chain))
    assert time.process_time() - begun < 10


@pytest.mark.parametrize(
    "piece", ["$json.", "'\\", '"\\', "$('\\", "$json['\\", "/[", "/*a", "$('N').", "$json+"], ids=range(9)
)
@pytest.mark.timeout(60)
def test_code_that_repeats_itself_costs_no_more_than_its_length(piece: str) -> None:
    code = piece * 20_000
    fields = [{"name": "a", "value": f"={{{{ {code} }}}}", "type": "string"}]
    nodes = (
        _node("N", "n8n-nodes-base.code", parameters={"jsCode": code}),
        _node("M", "n8n-nodes-base.set", parameters={"assignments": {"assignments": fields}}),
    )
    links = {"N": {"main": [[{"node": "M", "type": "main", "index": 0}]]}}
    begun = time.process_time()
    flow = n8n.read(_flow(*nodes, connections=links))
    dsl.check(flow)
    dsl.write(flow, "dify")
    assert time.process_time() - begun < 10


class Counted(set[str]):
    """Names that are taken, and how often one asked for some."""

    asked = 0

    def __contains__(self, name: object) -> bool:
        self.asked += 1
        return super().__contains__(name)


def test_of_a_name_that_thousands_want_not_all_numbers_are_tried_for_each() -> None:
    taken = Counted()
    names = [unique("v_leftValue", taken) for _ in range(5000)]
    assert names[:2] + names[11:12] + names[-1:] == [
        "v_leftValue",
        "v_leftValue_2",
        "v_leftValue_12",
        "v_leftValue_5000",
    ]
    assert len(set(names)) == 5000 and taken.asked < 40 * 5000
    assert unique("abcdefgh", {"abcdef", *(f"abcd_{i}" for i in range(2, 10))}, longest=6) == "abc_10"


# -- packages


def _package(**entries: bytes) -> bytes:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for name, data in entries.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return gzip.compress(archive.getvalue())


GOOD = json.dumps(_flow(_node("A"))).encode()


def test_a_package_is_read_and_written_back() -> None:
    data = _package(**{"manifest.json": b"{}", "workflows/x/workflow.json": GOOD, "workflows/x/readme.md": b"hi"})
    flow = dsl.read(data)
    assert [node.title for node in flow.graph.nodes] == ["A"]
    written = dsl.write(flow, "n8n")
    assert isinstance(written.data, bytes)
    assert dsl.read(written.data).raw == flow.raw
    flow.graph.nodes[0].title = "B"
    changed = dsl.read(dsl.write(flow, "n8n").data).raw["n8np"]
    assert changed["workflows/x/workflow.json"]["nodes"][0]["name"] == "B"
    assert changed["workflows/x/readme.md"] == "hi"


def test_a_package_may_begin_its_json_as_windows_does() -> None:
    flow = dsl.read(_package(**{"manifest.json": b"{}", "workflows/x/workflow.json": b"\xef\xbb\xbf" + GOOD}))
    assert [node.title for node in flow.graph.nodes] == ["A"]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (_package(**{"../manifest.json": b"{}"}), "which no package of n8n does"),
        (_package(**{"/etc/passwd": b"x"}), "which no package of n8n does"),
        (_package(**{"manifest.json": b"{"}), "manifest.json in the package: This is not JSON"),
        (_package(**{"manifest.json": b"{}", "x\udcff.txt": b"x"}), "which no package of n8n does"),
        (_package(**{"manifest.json": b"{}"})[:40], "cut off"),
        (_package(**{"manifest.json": b"{}"})[:20] + b"x" * 40, "no gzip file"),
        (gzip.compress(b"\0" * (65 * 2**20)), "unpacks to more than 64 MB"),
        (gzip.compress(b"no tar at all" * 100), "no tar file"),
    ],
    ids=["above", "absolute", "no JSON", "no UTF-8", "cut off", "damaged", "bomb", "no tar"],  # the bytes hold the time
)
def test_a_package_that_does_harm_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(DslError, match=message):
        dsl.read(data)


def test_a_package_of_which_a_few_bytes_unpack_to_gigabytes_is_refused() -> None:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", format=tarfile.PAX_FORMAT) as tar:
        entry, data = tarfile.TarInfo("x.txt"), b"1\n0\n1\n" + bytes(506)
        sparse = {"major": "1", "minor": "0", "realsize": str(6 * 10**9), "name": "x.txt"}
        entry.size, entry.pax_headers = len(data), {f"GNU.sparse.{name}": value for name, value in sparse.items()}
        tar.addfile(entry, io.BytesIO(data))
    with pytest.raises(DslError, match="which no package of n8n does"):
        dsl.read(gzip.compress(archive.getvalue()))


def test_a_package_with_a_link_is_refused() -> None:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        link = tarfile.TarInfo("manifest.json")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
    with pytest.raises(DslError, match="which no package of n8n does"):
        dsl.read(gzip.compress(archive.getvalue()))
