"""The trainer as a process: what it says, how it ends, what it does not need."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.doubles.trainer import row, run, write_rows
from trainer import TrainError, backend, events, jobs, storage
from trainer.recipe import Recipe


def start(*arguments: str, code: str = "") -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-c", code] if code else backend.command(sys.executable, *arguments)
    return subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, check=False)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("learn", "x.json"), "probe|prepare|train|export|score JOB.json"),
        (("train", "none.json"), "none.json: not readable as a job"),
        (("probe", "jax"), "backend: expected one of trl, unsloth, got 'jax'."),
    ],
)
def test_a_wrong_call_is_one_error_event(arguments: tuple[str, str], said: str) -> None:
    ended = start(*arguments)
    event = json.loads(ended.stdout)
    assert (ended.returncode, event["event"], ended.stderr) == (1, "error", b"")
    assert said in event["message"]


def test_an_unknown_key_of_a_job_is_named(tmp_path: Path) -> None:
    (tmp_path / "job.json").write_text('{"gguf": "a", "output": "b"}')
    event = json.loads(start("prepare", str(tmp_path / "job.json")).stdout)
    assert "unknown key 'output'. Did you mean 'out'?" in event["message"]


def test_a_job_reads_as_it_was_written(tmp_path: Path) -> None:
    job = jobs.TrainJob(recipe=Recipe(steps=3, learning_rate=5e-5), base="b", train="t", out="o", keep_order=True)
    jobs.write(tmp_path / "job.json", job)
    assert jobs.read(tmp_path / "job.json", jobs.TrainJob) == job


def test_nothing_that_a_library_prints_gets_among_the_events() -> None:
    code = (
        "import os, subprocess; from trainer import events\n"
        "say = events.Events(events.claim_stdout())\n"
        "print('python'); os.write(1, b'C code\\n'); subprocess.run(['echo', 'child'])\n"
        "say('step', step=1, loss=0.5)\n"
    )
    ended = start(code=code)
    assert ended.stdout == b'{"event":"step","step":1,"loss":0.5}\n'
    assert sorted(ended.stderr.split()) == [b"C", b"child", b"code", b"python"]


def test_an_event_is_read_back() -> None:
    assert events.parse('{"event": "step", "step": 2}') == events.Event("step", {"event": "step", "step": 2})


def test_the_base_model_is_missed_before_anything_is_loaded(tmp_path: Path) -> None:
    train = write_rows(tmp_path / "train.jsonl", [row("?", "!")])
    job = jobs.TrainJob(recipe=Recipe(), base=str(tmp_path / "none"), train=train, out=str(tmp_path / "out"))
    ended = run("train", job, tmp_path)
    assert "none: no base model there" in ended.error
    assert [event["event"] for event in ended.events] == ["error"]


def test_missing_rows_are_named(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    job = jobs.TrainJob(recipe=Recipe(), base=str(tmp_path), train=str(tmp_path / "no.jsonl"), out=str(tmp_path / "o"))
    assert "no.jsonl: no such file" in run("train", job, tmp_path).error


@pytest.mark.parametrize(
    ("content", "said"), [(None, "no such base model"), (b"PK\x03\x04", "not a GGUF file"), ("folder", "config.json")]
)
def test_what_is_no_base_model_is_not_prepared(tmp_path: Path, content: object, said: str) -> None:
    source = tmp_path / "base"
    if content == "folder":
        source.mkdir()
    elif isinstance(content, bytes):
        source.write_bytes(content)
    ended = run("prepare", jobs.PrepareJob(gguf=str(source), out=str(tmp_path / "out")), tmp_path)
    assert said in ended.error
    assert not (tmp_path / "out").exists()


def test_a_model_folder_needs_no_preparing(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    done = run("prepare", jobs.PrepareJob(gguf=str(tmp_path), out=str(tmp_path / "out")), tmp_path).done
    assert (done["base"], done["prepared"]) == (str(tmp_path), False)


def test_a_missing_library_names_the_extra(tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "from trainer.__main__ import main\n"
        f"sys.exit(main(['prepare', {str(tmp_path / 'job.json')!r}]))\n"
    )
    (tmp_path / "m.gguf").write_bytes(b"GGUF")
    jobs.write(tmp_path / "job.json", jobs.PrepareJob(gguf=str(tmp_path / "m.gguf"), out=str(tmp_path / "out")))
    ended = start(code=code)
    assert ended.returncode == 1
    assert "flowstill[train]" in json.loads(ended.stdout.splitlines()[-1])["message"]


@pytest.mark.slow
@pytest.mark.parametrize("rest", [b"", b" and then nothing that makes sense"])
def test_a_torn_gguf_is_refused_and_leaves_nothing_behind(tmp_path: Path, rest: bytes) -> None:
    pytest.importorskip("gguf")
    (tmp_path / "m.gguf").write_bytes(b"GGUF" + rest)
    job = jobs.PrepareJob(gguf=str(tmp_path / "m.gguf"), out=str(tmp_path / "out" / "base"))
    assert "m.gguf: cannot be unpacked" in run("prepare", job, tmp_path).error
    assert not list((tmp_path / "out").iterdir())


def test_our_own_bug_shows_its_traceback(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    rows = write_rows(tmp_path / "rows.jsonl", [row("?", "!")])
    job = jobs.TrainJob(recipe=Recipe(), base=str(tmp_path), train=rows, out=str(tmp_path / "rows.jsonl"))
    ended = run("train", job, tmp_path)
    assert (ended.code, ended.events) == (1, []) and "Traceback" in ended.stderr


def test_an_export_needs_room_and_says_how_much(tmp_path: Path) -> None:
    with pytest.raises(TrainError, match=r"the export needs 1000000000\.0 GB of disk"):
        storage.require(tmp_path, 10**18, "the export")


def test_whatever_fails_on_a_full_disk_is_told_as_that(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("safetensors")
    monkeypatch.setattr(storage, "FULL", 10**18)
    with pytest.raises(TrainError, match="the disk is full"), storage.told_when_full(tmp_path):
        raise RuntimeError("PytorchStreamWriter failed writing file")
    monkeypatch.setattr(storage, "FULL", 0)
    with pytest.raises(RuntimeError, match="something else"), storage.told_when_full(tmp_path):
        raise RuntimeError("something else")
