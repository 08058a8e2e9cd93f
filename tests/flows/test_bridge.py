"""The verbs for workflow files, as people type them."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import dsl
from dsl.ir import Edge, Ref, Text
from dsl.irjson import encode
from dsl.values import nodes
from tests.dsl.kitchen import kitchen_sink
from tests.dsl.small import rounds_in_rounds


def flowstill(*arguments: object, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "flows", *map(str, arguments)]
    return subprocess.run(command, input=stdin, capture_output=True, timeout=60, check=False)


@pytest.fixture
def sink(tmp_path: Path) -> Path:
    path = tmp_path / "sink.json"
    path.write_text(str(dsl.write(kitchen_sink(), "ir").data))
    return path


def test_a_converted_file_goes_to_stdout_and_a_pipe_carries_it_on(sink: Path) -> None:
    first = flowstill("convert", sink, "--to", "ir")
    assert (first.returncode, first.stderr) == (0, b"")
    again = flowstill("convert", "-", "--to", "ir", stdin=first.stdout)
    assert again.stdout == first.stdout == sink.read_bytes()


def test_a_report_is_json_or_markdown(sink: Path, tmp_path: Path) -> None:
    for name in ("r.json", "r.md"):
        assert (
            flowstill("convert", sink, "--to", "ir", "-o", tmp_path / "out", "--report", tmp_path / name).returncode
            == 0
        )
    plain = json.loads((tmp_path / "r.json").read_text())
    assert (plain["notes"], plain["summary"]["nodes"], plain["source"]["file"]) == ([], 38, "sink.json")
    assert "38 nodes: 38 exact." in (tmp_path / "r.md").read_text()
    assert dsl.read((tmp_path / "out").read_bytes()) == kitchen_sink()


def test_a_report_tells_apart_what_behaves_differently_and_what_does_not_come_back(tmp_path: Path, sink: Path) -> None:
    flowstill("convert", sink, "--to", "dify", "-o", tmp_path / "app.yml")
    flowstill("convert", tmp_path / "app.yml", "--to", "n8n", "-o", tmp_path / "out", "--report", tmp_path / "r.md")
    report = (tmp_path / "r.md").read_text()
    behaves, back = report.split("## On the way back (")
    assert "## Degraded (" in behaves and "(leaf." not in behaves.split("## Degraded (")[1].split("##")[0]
    assert "(leaf.dropped" in back and set(re.findall(r"\((\w+)\.\w+[ )]", back)) == {"leaf"}


def test_a_file_whose_name_is_no_utf8_gets_its_report_and_its_sidecar(sink: Path, tmp_path: Path) -> None:
    odd = os.fsdecode(os.fsencode(tmp_path) + b"/b\xff.json")
    sink.rename(odd)
    for report in ("r.json", "r.md"):
        done = flowstill("convert", odd, "--to", "dify", "--report", tmp_path / report, "--sidecar", tmp_path / "side")
        assert (done.returncode, b"Traceback" in done.stderr) == (0, False)
        assert "b\ufffd.json" in (tmp_path / report).read_text()
    assert (tmp_path / "side").exists()


def test_workflows_that_the_one_written_calls_stand_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "in.json"
    path.write_text(str(dsl.write(rounds_in_rounds(), "ir").data))
    assert flowstill("convert", path, "--to", "coze", "-o", tmp_path / "out.json").returncode == 0
    names = sorted(each.name for each in tmp_path.glob("out*"))
    assert names == ["out.json", "out.rounds_in_rounds_Inner.json"]
    assert all(flowstill("check", tmp_path / name).returncode == 0 for name in names)
    piped = flowstill("convert", path, "--to", "coze")
    assert piped.stdout == (tmp_path / "out.json").read_bytes()
    assert (
        b"rounds_in_rounds_Inner is a workflow that this one calls: --out FILE writes it beside FILE." in piped.stderr
    )


def test_a_secret_that_stays_behind_can_fail_the_conversion(tmp_path: Path) -> None:
    flow = kitchen_sink()
    nodes(flow)["fetch"].params["headers"] = [["X-Api-Key", "abcdefgh12345678"]]
    path = tmp_path / "in.json"
    path.write_text(json.dumps({"flowstill": "1", "flow": encode(flow)}))
    done = flowstill("convert", path, "--to", "ir", "--fail-on", "needs_binding")
    assert done.returncode == 3
    assert b"abcdefgh12345678" not in done.stdout + done.stderr
    assert b"needs binding: Fetch: A secret became the environment variable X_API_KEY" in done.stderr
    assert flowstill("convert", path, "--to", "ir", "--fail-on", "degraded").returncode == 0


def test_a_secret_passes_into_no_file_of_its_own_platform_either_and_comes_back_with_the_sidecar(
    tmp_path: Path,
) -> None:
    secret = "Zq7xPw81VbN4kL0tRy52Gh3J"
    headers = {"parameters": [{"name": "Authorization", "value": f"Bearer {secret}"}]}
    node = {"id": "1", "name": "Ask", "type": "n8n-nodes-base.httpRequest", "typeVersion": 4.2, "position": [0, 0]}
    parameters = {"url": "https://a.example.com", "sendHeaders": True, "headerParameters": headers}
    path, out, side = (tmp_path / name for name in ("in.json", "out.json", "side.json"))
    path.write_text(json.dumps({"name": "f", "nodes": [node | {"parameters": parameters}], "connections": {}}))
    for _ in range(2):
        done = flowstill("convert", path, "--to", "n8n", "-O", "form=api", "-o", out, "--sidecar", side)
        assert secret not in out.read_text() + side.read_text() + done.stderr.decode()
    assert json.loads(out.read_text())["nodes"][0]["parameters"]["headerParameters"]["parameters"] == [
        {"name": "Authorization", "value": "Bearer ${AUTHORIZATION}"}
    ]
    assert b"A secret stood here; it is not in the file. Put it in again. [secret.found]" in done.stderr
    flowstill("convert", out, "--to", "n8n", "-o", tmp_path / "back.json", "--sidecar", side)
    assert secret in (tmp_path / "back.json").read_text()


def test_check_finds_what_would_fail_and_mends_what_is_clear(tmp_path: Path) -> None:
    flow = kitchen_sink()
    flow.graph.edges += [Edge("say", "nowhere"), Edge("fork", "say", "case:9")]
    nodes(flow)["say"].params["text"] = Text(("A", Ref("fist", ("output",))))
    path = tmp_path / "in.json"
    path.write_text(str(dsl.write(flow, "ir").data))
    found = flowstill("check", path)
    assert found.returncode == 1
    for code in (b"edge.dangling", b"port.unknown", b"ref.unknown"):
        assert code in found.stdout
    assert b"Did you mean 'first'?" in found.stdout
    mended = flowstill("check", path, "--fix", "--format", "sarif")
    assert b"mended: 1 edge that led nowhere or stood twice." in mended.stderr
    results = json.loads(mended.stdout)["runs"][0]["results"]
    assert {each["ruleId"] for each in results if each["level"] == "error"} == {"port.unknown", "ref.unknown"}


def test_a_file_that_no_platform_takes_is_a_finding_for_people_and_programs(tmp_path: Path) -> None:
    document = dsl.write(kitchen_sink(), "dify").document
    document["version"] = 0.6
    path = tmp_path / "x.yml"
    path.write_text(json.dumps(document))
    said = flowstill("check", path)
    assert (said.returncode, said.stderr) == (1, b"")
    assert f"{path}/version: error: A version in quotes, such as '0.6.0', is wanted" in said.stdout.decode()
    results = json.loads(flowstill("check", path, "--format", "sarif").stdout)["runs"][0]["results"]
    assert [each["ruleId"] for each in results if each["level"] == "error"] == ["file.refused"]
    mended = flowstill("check", path, "--fix")
    assert b"mended: The version is in quotes." in mended.stderr and b"file.refused" not in mended.stdout
    assert flowstill("inspect", path).returncode == 0
    path.write_text("a: 1")
    refused = flowstill("check", path, "--fix", "--format", "json", "-o", tmp_path / "y.yml")
    assert [each["code"] for each in json.loads(refused.stdout)["findings"]] == ["file.refused"]
    assert refused.returncode == 1 and not (tmp_path / "y.yml").exists()


@pytest.mark.parametrize("form", ["text", "json", "sarif"])
def test_a_mended_file_has_stdout_for_itself(form: str) -> None:
    done = flowstill("check", "-", "--fix", "--format", form, stdin=FLOW)
    assert json.loads(done.stdout)["flowstill"] == "1" and done.stderr


def test_a_file_is_left_alone_when_nothing_is_mended_and_lost_comments_are_told(tmp_path: Path) -> None:
    node = "    - {{id: {0}, type: custom, position: {{x: 0, y: 0}}, data: {{type: {0}, title: {0}, {1}: []}}}}\n"
    nodes = node.format("start", "variables") + node.format("end", "outputs")
    edge = "    - {{id: {0}, source: start, target: {0}, sourceHandle: source, targetHandle: target}}\n"
    head = "# mine\nversion: 0.6.0\nkind: app\napp: {name: x, mode: workflow}  # keep\nworkflow:\n  graph:\n"
    good = f"{head}    nodes:\n{nodes}    edges:\n{edge.format('end')}"
    path = tmp_path / "x.yml"
    path.write_text(good)
    done = flowstill("check", path, "--fix")
    assert (done.returncode, done.stderr, path.read_text()) == (0, b"", good)
    path.write_text(good + edge.format("gone"))
    done = flowstill("check", path, "--fix")
    assert b"x.yml is written anew: its 2 comments are lost, and how it was laid out." in done.stderr
    assert "gone" not in path.read_text()
    path.write_text(good + edge.format("gone"))
    done = flowstill("check", path, "--fix", "-o", tmp_path / "y.yml")
    assert (
        b"lost" not in done.stderr and "# keep" in path.read_text() and "gone" not in (tmp_path / "y.yml").read_text()
    )


def test_inspect_says_what_it_takes_to_run_elsewhere(sink: Path) -> None:
    said = flowstill("inspect", sink).stdout.decode()
    assert "model: qwen3-8b (provider langgenius/ollama/ollama)" in said and "q: string, required" in said
    assert json.loads(flowstill("inspect", sink, "--json").stdout)["kinds"]["code"] == 2


def test_diff_says_in_words_what_changed(sink: Path, tmp_path: Path) -> None:
    flow = kitchen_sink()
    nodes(flow)["facts"].params["top_k"] = 9
    other = tmp_path / "other.json"
    other.write_text(str(dsl.write(flow, "ir").data))
    assert flowstill("diff", sink, other).stdout.decode() == "~ 'Facts': top_k: 4 -> 9\n"
    assert flowstill("diff", sink, sink).stdout.decode() == "The same workflow.\n"


@pytest.mark.parametrize(("name", "start"), [("x.svg", "<svg"), ("x.mmd", "flowchart"), ("x.html", "<!doctype html>")])
def test_a_workflow_is_drawn_in_the_form_that_the_name_ends_with(
    name: str, start: str, sink: Path, tmp_path: Path
) -> None:
    assert flowstill("draw", sink, "-o", tmp_path / name).returncode == 0
    assert (tmp_path / name).read_text().lower().lstrip().startswith(start)
    wrong = flowstill("draw", sink, "-o", tmp_path / "x.png")
    assert wrong.returncode == 2 and b"There are: svg, mmd, html" in wrong.stderr


def test_the_sidecar_of_a_large_file_can_be_read_again(tmp_path: Path) -> None:
    note = {"id": "n", "name": "N", "type": "n8n-nodes-base.stickyNote", "parameters": {"content": "word " * 2_400_000}}
    (tmp_path / "a.json").write_text(json.dumps({"name": "a", "nodes": [note], "connections": {}}))
    kept = ("--sidecar", tmp_path / "kept")
    for file, target, out in (("a.json", "dify", "b.yml"), ("b.yml", "n8n", "c.json")):
        done = flowstill("convert", tmp_path / file, "--to", target, "-o", tmp_path / out, *kept)
        assert done.returncode == 0, done.stderr[:300]
    assert json.loads((tmp_path / "c.json").read_text()) == json.loads((tmp_path / "a.json").read_text())


def test_a_sidecar_of_another_file_is_neither_used_nor_overwritten(tmp_path: Path) -> None:
    for name in ("one", "other"):
        steps = [{"id": f"{name} {i}", "name": f"{name} {i}", "type": "n8n-nodes-base.noOp"} for i in (1, 2)]
        (tmp_path / name).write_text(json.dumps({"name": name, "nodes": steps, "connections": {}}))
        assert flowstill("convert", tmp_path / name, "--to", "dify", "-o", tmp_path / f"{name}.yml").returncode == 0
    kept = ("--sidecar", tmp_path / "kept")
    assert flowstill("convert", tmp_path / "one", "--to", "dify", "-o", tmp_path / "one.yml", *kept).returncode == 0
    before = (tmp_path / "kept").read_bytes()
    refused = flowstill("convert", tmp_path / "other", "--to", "dify", *kept)
    assert refused.returncode == 1 and b"kept: This is the sidecar of one, which would be lost" in refused.stderr
    refused = flowstill("convert", tmp_path / "other.yml", "--to", "n8n", *kept)
    assert refused.returncode == 1 and b"kept: This is the sidecar of another flow ('one', from one)" in refused.stderr
    refused = flowstill("convert", tmp_path / "one", "--to", "coze", *kept)
    assert refused.returncode == 1 and b"of what one became on dify" in refused.stderr
    refused = flowstill("convert", tmp_path / "one", "--to", "dify", "-o", tmp_path / "no" / "such", *kept)
    assert refused.returncode == 2 and b"No such file or directory" in refused.stderr
    assert (tmp_path / "kept").read_bytes() == before
    back = flowstill("convert", tmp_path / "one.yml", "--to", "n8n", *kept)
    assert json.loads(back.stdout) == json.loads((tmp_path / "one").read_text())


def test_the_way_back_overwrites_no_original_that_was_changed_since(tmp_path: Path) -> None:
    (original := tmp_path / "one.json").write_text(
        json.dumps({"name": "one", "nodes": [{"name": "A", "type": "n8n-nodes-base.noOp"}], "connections": {}})
    )
    kept = ("--sidecar", tmp_path / "kept")
    back = ("convert", tmp_path / "one.yml", "--to", "n8n", *kept, "-o")
    assert flowstill("convert", original, "--to", "dify", "-o", tmp_path / "one.yml", *kept).returncode == 0
    for was, name in (("one", "two"), ("two", "three")):  # what the way back wrote itself it may write over
        (tmp_path / "one.yml").write_text((tmp_path / "one.yml").read_text().replace(f"name: {was}", f"name: {name}"))
        assert flowstill(*back, original).returncode == 0
        assert json.loads(original.read_text())["name"] == name
    original.write_text(changed := original.read_text().replace('"A"', '"Mine"'))
    refused = flowstill(*back, original)
    assert refused.returncode == 1 and b"one.json was changed since, and that would be lost" in refused.stderr
    assert original.read_text() == changed
    assert flowstill(*back, tmp_path / "other.json").returncode == 0


FLOW = b'{"flowstill": "1", "flow": {"name": "x", "dialect": "ir"}}'
TO_IR = ("convert", "-", "--to", "ir")


def test_nothing_is_read_from_a_stdin_that_is_closed() -> None:
    command = [sys.executable, "-m", "flows", "check", "-"]
    done = subprocess.run(command, capture_output=True, check=False, preexec_fn=lambda: os.close(0))
    assert done.returncode == 2 and b"stdin is closed" in done.stderr and done.stderr.count(b"\n") == 1


SIDE = b'{"flowstill_sidecar": "1", "dialect": "ir", "document": 5, "written": 5, "target": '


@pytest.mark.parametrize("held", [b"\xff", b"{}", SIDE + b"5}", SIDE + b'"ir", "secrets": 5}'])
def test_a_sidecar_that_is_none_is_named(held: bytes, sink: Path, tmp_path: Path) -> None:
    (path := tmp_path / "side").write_bytes(held)
    done = flowstill("convert", sink, "--to", "ir", "--sidecar", path)
    assert done.returncode == 1 and b"side: " in done.stderr and done.stderr.count(b"\n") == 1
    assert path.read_bytes() == held


@pytest.mark.parametrize(
    ("arguments", "stdin", "code", "message"),
    [
        (("convert", "/no/file", "--to", "ir"), b"", 2, "/no/file: No such file or directory."),
        (TO_IR, b"", 1, "stdin: The file is empty."),
        (TO_IR, b"[1]", 1, "stdin: No platform's workflow: it holds a list"),
        (TO_IR, b"a: 1", 1, "the keys here are a."),
        (TO_IR, FLOW.replace(b'"1"', b'"9"'), 1, "/flowstill: version '9'"),
        (TO_IR, FLOW.replace(b'"name"', b'"grph": 1, "name"'), 1, "/flow/grph: a flow has no such field."),
        (("convert", "-", "--to", "lr"), FLOW, 2, "no dialect 'lr'"),
        ((*TO_IR, "-O", "x=1"), FLOW, 2, "no option 'x'"),
        (("convert", "-", "--to", "coze", "-O", "form=F9"), FLOW, 2, "no form 'F9'"),
        ((*TO_IR, "-O", "x"), FLOW, 2, "NAME=VALUE"),
        ((*TO_IR, "-O", "=x"), FLOW, 2, "NAME=VALUE"),
        ((*TO_IR, "--from", "lr"), FLOW, 2, "no dialect 'lr'"),
        ((*TO_IR, "-o", ""), FLOW, 2, "The name of a file: "),
        ((*TO_IR, "--report", "r", "-o", "./r"), FLOW, 2, "r is named as out and as report"),
        ((*TO_IR, "--sidecar", "."), FLOW, 2, ".: Is a directory."),
        ((*TO_IR, "--sidecar", "s" * 300), FLOW, 1, "File name too long"),
        ((*TO_IR, "--report", "-"), FLOW, 2, "--report and --sidecar want the name of a file"),
        (("convert", "/dev/zero", "--to", "ir"), b"", 1, "/dev/zero holds more than 64 MB"),
        (("check", "-", "-o", "x"), FLOW, 2, "--fix"),
    ],
)
def test_bad_input_is_one_line(arguments: tuple[str, ...], stdin: bytes, code: int, message: str) -> None:
    done = flowstill(*arguments, stdin=stdin)
    assert done.returncode == code
    assert message in done.stderr.decode() and done.stderr.count(b"\n") == 1 and done.stdout == b""


def test_nothing_that_a_file_says_moves_the_terminal(tmp_path: Path) -> None:
    word = "T\x1b]0;owned\x07\x9b2J\u202etxt\n## all is well"
    node = {
        "id": word,
        "name": word,
        "type": f"{word}.y",
        "typeVersion": 1,
        "position": [0, 0],
        "parameters": {word: "={{"},
    }
    edges = {word: {"main": [[{"node": f"{word}2", "type": "main", "index": 0}]]}}
    one, other = tmp_path / "one\x1b[31m.json", tmp_path / "other.json"
    one.write_text(json.dumps({"name": word, "nodes": [node], "connections": edges}))
    other.write_text(json.dumps({"name": "x", "nodes": [], "connections": {}}))
    (broken := tmp_path / "broken\x1b[31m.json").write_text('{"nodes": "\x1b[31m')
    for arguments in (
        ("check", one),
        ("check", one, "--format", "json"),
        ("check", one, "--fix", "--out", tmp_path / "fixed.json"),
        ("diff", one, other),
        ("inspect", one),
        ("inspect", one, "--json"),
        ("convert", one, "--to", "dify", "-o", tmp_path / "out.yml"),
        ("convert", broken, "--to", "dify", "-o", tmp_path / "out.yml"),
        ("convert", tmp_path / "gone\x1b[31m.json", "--to", "dify"),
    ):
        done = flowstill(*arguments)
        said = (done.stdout + done.stderr).decode()
        assert said and not set("\x1b\x07\x9b\u202e") & set(said), arguments
        assert not any(line.startswith("## all is well") for line in said.splitlines()), arguments
    assert json.loads(flowstill("inspect", one, "--json").stdout)["name"] == word


def test_sarif_names_a_file_by_a_uri(sink: Path, tmp_path: Path) -> None:
    odd = tmp_path / "a b#c%.yml"
    odd.write_bytes(sink.read_bytes())
    results = json.loads(flowstill("check", odd, "--format", "sarif").stdout)["runs"][0]["results"]
    places = {each["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for each in results}
    assert all(place.endswith("/a%20b%23c%25.yml") for place in places)


def test_the_ending_of_a_picture_may_be_in_capitals(sink: Path, tmp_path: Path) -> None:
    assert flowstill("draw", sink, "-o", tmp_path / "X.SVG").returncode == 0


def test_a_file_is_said_to_be_mended_once_it_is(tmp_path: Path) -> None:
    path = tmp_path / "in.json"
    flow = kitchen_sink()
    flow.graph.edges += [Edge("say", "nowhere")]
    path.write_text(str(dsl.write(flow, "ir").data))
    done = flowstill("check", path, "--fix", "-o", tmp_path / "none" / "x.json")
    assert done.returncode and b"mended" not in done.stderr
