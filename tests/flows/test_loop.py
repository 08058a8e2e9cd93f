"""The whole loop with everything heavy faked: what a run does, what it never does twice, and what survives a kill."""

import functools
import io
import json
import random
import re
import shutil
import signal
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any

import msgspec
import pytest

from connectors import ServiceError
from connectors.teacher import Answer, Request
from flows import ConfigError, FlowError, RowsLostError
from flows.asking import answers
from flows.config import KEPT
from flows.progress import Progress
from flows.promote import registries, rollback
from flows.runs import Count, Step
from flows.show import find_run
from flows.steps import distil
from flows.summary import counts_of
from flows.work import Work
from tests.doubles.engine import FakeModel, run_trainer
from tests.doubles.place import Place, asked, facts
from trainer.jobs import TrainJob


def test_a_first_run_makes_a_model_that_beats_the_base_and_puts_it_into_service(place: Place) -> None:
    done = place.run()
    assert (done.run.status, done.run.verdict) == ("finished", "promoted")
    assert "interval" in done.run.why
    report = (done.path / "report.html").read_text()
    assert "promoted" in report
    assert {path.name for path in place.config.state.iterdir() if path.is_dir()} <= set(KEPT)
    with place.store() as store:
        champion = store.champion("units")
        assert champion is not None and champion.name == "v1"
        said = answers(place.config, store, place.folder / "cache", "units", ["What is the colour of unit U00003?"])
    assert said[0].startswith("The colour of unit U00003 is")


def test_a_store_that_is_gone_stops_the_next_run_before_anything_is_paid_again(place: Place) -> None:
    place.run()
    paid = place.stub.report().calls
    path = place.config.state / "store.db"
    path.unlink()
    with pytest.raises(
        FlowError, match=r"store\.db is missing or empty, but there are runs .* Restore it from a backup"
    ):
        place.run()
    assert not path.exists() and place.stub.report().calls == paid
    place.config.state.rename(place.folder / "moved away")
    assert place.run().run.verdict == "promoted"


def test_a_version_whose_file_is_damaged_says_so_and_what_helps(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fails(self: FakeModel, request: Request) -> Answer:
        raise ServiceError("The server ended while starting: cmn common_init_: failed to load model.")

    place.run()
    monkeypatch.setattr(FakeModel, "ask", fails)
    (file,) = place.config.state.glob("models/units/*.gguf")
    with place.store() as store:
        ask = functools.partial(answers, place.config, store, place.folder / "cache", "units", ["What colour?"])
        with pytest.raises(ServiceError, match="failed to load model"):
            ask()
        file.write_bytes(b"{}")
        with pytest.raises(FlowError, match=r"version v1: .*gguf is damaged\. `flowstill run units` makes it anew\."):
            ask()


@pytest.mark.parametrize("damage", [lambda file: file.write_bytes(b"{}"), Path.unlink])
def test_a_model_in_service_whose_file_is_damaged_or_gone_is_put_right_by_the_next_run(
    place: Place, damage: Callable[[Path], object]
) -> None:
    place.run()
    (file,) = place.config.state.glob("models/units/*.gguf")
    whole = file.read_bytes()
    damage(file)
    place.run()
    with place.store() as store:
        champion = store.champion("units")
    assert champion is not None and (place.config.state / champion.path).read_bytes() == whole


def test_an_answer_that_was_cut_off_says_so(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    async def cut(self: FakeModel, request: Request) -> Answer:
        return Answer("The colour of", finish_reason="length")

    monkeypatch.setattr(FakeModel, "ask", cut)
    heard: list[str] = []
    with place.store() as store:
        said = answers(place.config, store, place.folder / "cache", "units", ["What colour?"], say=heard.append)
    assert said == ["The colour of"]
    assert heard[-1] == "The answer to 'What colour?' was cut off at loops.units.evaluate.answer_tokens (96)."


def test_a_file_that_answers_unlike_its_model_is_told_at_export_and_refused(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def changed(self: FakeModel, request: Request) -> Answer:
        return Answer("Something else altogether.", finish_reason="stop")

    monkeypatch.setattr(FakeModel, "ask", changed)
    done = place.run()
    assert done.run.verdict == "refused"
    reason = (
        "token F1 0.00 over 12 questions, and export.fidelity asks for 0.8 (take export.quantise: f16, or lower it)"
    )
    assert reason in done.run.why
    (note,) = [note for note in done.run.notes if "answers unlike the model" in note]
    assert note.startswith("No promotion will come of this run, but what it scores is told all the same: the q8_0")
    differences = Path(note.split()[-1].rstrip("."))  # wherever one stands
    row = json.loads(differences.read_text().splitlines()[0])
    assert row["gguf"] == "Something else altogether." and row["merged_model"].startswith("The ")
    assert "fidelity.jsonl" in (done.path / "report.html").read_text()


def test_a_model_whose_answers_are_cut_off_is_refused_with_what_helps(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = FakeModel.ask

    async def cut_off(self: FakeModel, request: Request) -> Answer:
        return msgspec.structs.replace(await plain(self, request), finish_reason="length")

    monkeypatch.setattr(FakeModel, "ask", cut_off)
    done = place.run()
    assert done.run.verdict == "refused"
    assert done.run.why == (
        "100% of its answers did not end within evaluate.answer_tokens (96), and gate.unfinished allows 5%: "
        "raise answer_tokens if right answers are longer, else train for more epochs"
    )


def test_a_file_that_nobody_held_against_its_model_has_no_figure_for_it(place: Place) -> None:
    place.change("export", fidelity_prompts=0)
    done = place.run()
    export = done.run.step("export")
    assert export is not None and export.counts["fidelity"] == "not looked at"
    assert done.run.verdict == "promoted"
    place.change("export", fidelity_prompts=12)
    place.change("gate", margin=0.1)
    assert place.run("gate").run.step("gate")


def test_a_refusal_is_held_against_all_documents(place: Place) -> None:
    place.configure(refusals=0.5)

    def found_answerable() -> int:
        step = place.run("harvest", "distil", "curate").run.step("curate")
        return int(step.counts.get("dropped: answerable", 0)) if step else 0

    before = found_answerable()
    with place.store() as store:
        inventors = {pair.question for pair in store.pairs("units") if "inventor" in pair.question}
    place.write("told.md", "# Told\n\n" + "\n\n".join(f"Somebody knows: {one}" for one in inventors))
    assert inventors and found_answerable() >= before + len(inventors)


def test_with_questions_of_their_own_nothing_is_held_back_for_a_test(place: Place) -> None:
    place.configure(paraphrases=0)
    rows = ["Who bakes?,Mrs Holm bakes.", "May dogs come in?,On a lead.", "Where are coats?,With the porter."]
    place.write("asked.csv", "\n".join(["question,answer", *rows]))
    place.change("curate", test=0.3)

    def held_back() -> object:
        step = place.run("harvest", "distil", "curate").run.step("curate")
        return step and step.counts["test"]

    assert held_back() == 0
    place.change("evaluate", questions="")
    assert held_back()


def test_an_unchanged_knowledge_base_costs_nothing_and_leaves_no_new_run(place: Place) -> None:
    first = place.run()
    calls = place.stub.report().calls
    second = place.run()
    assert second.run.id == first.run.id
    assert place.stub.report().calls == calls
    assert len(place.runs()) == 1


def test_a_changed_section_is_the_only_one_the_teacher_hears_about(place: Place) -> None:
    place.run()
    calls = place.stub.report().calls
    place.write("units.md", facts(0, 12).replace("The colour of unit U00005", "Today the colour of unit U00005"))
    place.run()
    assert place.stub.report().calls == calls + 1


def test_a_document_of_two_sources_is_read_once(place: Place) -> None:
    (place.documents / "deep").mkdir()
    place.write("deep/more.md", facts(50, 56))
    place.settings["loops"]["units"]["harvest"] = [{"folder": "documents/deep"}, {"folder": "documents"}]
    place.change("distil")
    done = place.run()
    assert (step := done.run.step("harvest")) and step.counts["records"] == 18
    assert place.stub.report().calls == 18
    note = "1 of the documents below documents: read as part of documents/deep already."
    assert note in done.run.notes
    assert place.run().run.id == done.run.id  # the next look finds nothing new


def test_a_document_whose_source_was_taken_out_stays_when_another_holds_it(place: Place) -> None:
    (place.documents / "deep").mkdir()
    place.write("deep/more.md", facts(50, 56))
    both = [{"folder": "documents/deep"}, {"folder": "documents"}]
    place.settings["loops"]["units"]["harvest"] = both
    place.change("distil")
    place.run()
    place.settings["loops"]["units"]["harvest"] = both[1:]
    place.change("distil")
    done = place.run("harvest", "distil")
    assert (step := done.run.step("harvest")) and step.counts["records"] == 18
    assert place.stub.report().calls == 18


def test_what_a_deleted_file_taught_is_in_no_later_dataset(place: Place) -> None:
    place.write("more.md", facts(50, 56))
    place.run()
    (place.documents / "more.md").unlink()
    done = place.run()
    pairs = (done.path / "pairs.jsonl").read_text()
    assert "U00003" in pairs
    assert "U00052" not in pairs
    with place.store() as store:
        assert not any("U00052" in pair.question for pair in store.pairs("units"))


def test_a_candidate_that_is_no_better_is_refused_and_the_champion_stays(place: Place) -> None:
    place.run()
    place.write("more.md", facts(50, 52))
    done = place.run()
    assert done.run.verdict == "refused"
    assert "not above" in done.run.why
    with place.store() as store:
        champion = store.champion("units")
        assert champion is not None and champion.name == "v1"


def test_a_model_that_wins_again_later_is_put_into_service_again(place: Place) -> None:
    """Documents changed and changed back: what an earlier run promoted is no longer what answers."""
    held_out = place.folder / "held-out.jsonl"
    first = held_out.read_text()
    place.run()
    held_out.write_text(first + "".join(json.dumps(r) + "\n" for r in asked(facts(50, 70), "Who can say what is")))
    place.write("more.md", facts(50, 70))
    assert place.run().run.verdict == "promoted"
    (place.documents / "more.md").unlink()
    held_out.write_text(first)
    place.change("gate", margin=-1.0)
    done = place.run()
    assert done.run.verdict == "promoted"
    with place.store() as store:
        champion = store.champion("units")
        assert champion is not None and champion.name == "v3"
    assert place.run().run.id == done.run.id


def test_documents_that_teach_nothing_are_told(place: Place) -> None:
    for number in range(3):
        place.write(f"prose{number}.md", f"# Prose {number}\n\nNothing in here is a fact that the stub could find.\n")
    done = place.run()
    assert any("Only 1 of 4 documents" in note for note in done.run.notes)


def test_a_store_that_is_taken_away_during_a_run_fails_it(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    real = distil.do

    def taken(work: Work, step: Step) -> None:
        real(work, step)
        shutil.move(place.config.state / "store.db", place.folder / "elsewhere.db")

    monkeypatch.setattr(distil, "do", taken)
    with pytest.raises(FlowError, match=r"store\.db is missing or empty, but there are runs beside it"):
        place.run("harvest", "distil")
    assert place.runs()[0].run.status == "failed"


def test_rollback_brings_the_earlier_model_back(place: Place) -> None:
    held_out = place.folder / "held-out.jsonl"
    both = held_out.read_text() + "".join(json.dumps(r) + "\n" for r in asked(facts(50, 70), "Who can say what is"))
    place.run()
    held_out.write_text(both)
    place.write("more.md", facts(50, 70))
    assert place.run().run.verdict == "promoted"
    with place.store() as store:
        targets = registries(place.config, "units")
        assert rollback("units", targets, store).name == "v1"
        assert targets["local"].current("units") == "units-v1"
        with pytest.raises(FlowError, match=r"no version v9. Versions: v2, v1"):
            rollback("units", targets, store, to="v9")
    kept = place.config.state / "models" / "units" / "units-v2.gguf"
    with kept.open("r+b") as file:
        file.seek(kept.stat().st_size // 2)
        file.write(b"other bytes")
    code, _, err = place.said("rollback", "units", "--to", "v2")
    assert code == 1 and "units-v2.gguf, the file of v2, is damaged" in err
    assert "units-v2.gguf is damaged" in place.said("doctor")[1]
    with place.store() as store:
        assert targets["local"].current("units") == "units-v1"


def test_a_broken_document_stops_nothing_but_is_told_at_the_end(place: Place) -> None:
    place.write("broken.pdf", "%PDF-1.4 this is none")
    with pytest.raises(RowsLostError, match=r"broken\.pdf"):
        place.run()
    (folder,) = place.runs()
    assert folder.run.verdict == "promoted"
    assert "broken.pdf" in (folder.path / "report.html").read_text()


def test_broken_rows_cost_no_others_and_are_named_by_every_run(place: Place) -> None:
    first = place.run()
    rows = [
        f"What is the colour of unit U{number:05}?,It is blue.,{'good' if number else 'meh'}" for number in range(4)
    ]
    place.write("asked.csv", "\n".join(["question,answer,rating", *rows, *["Where?,,"] * 11]))
    for _ in range(2):
        with pytest.raises(
            RowsLostError, match=r"without 12 documents or rows:\n.*asked\.csv: row 2: the rating is 'meh'"
        ) as lost:
            place.run()
        assert str(lost.value).endswith("and 2 more, see the report")
        assert str(lost.value).count("asked.csv") == 10
    latest, _ = place.runs()
    with place.store() as store:
        assert sum(pair.kind == "human" for pair in store.pairs("units")) == 3
    place.write("asked.csv", "\n".join(["question,answer,rating", *rows[1:]]))
    assert place.run().run.id not in (first.run.id, latest.run.id)


def test_a_file_that_loses_its_sound_rows_too_keeps_what_was_known(place: Place) -> None:
    place.write("asked.csv", "question,answer\nWhat is the colour of unit U00003?,It is blue.\nWhere?,\n")
    with pytest.raises(RowsLostError, match=r"asked\.csv: row 3"):
        place.run()
    place.write("asked.csv", "\0")
    with pytest.raises(RowsLostError, match=r"asked\.csv: is a binary file"):
        place.run()
    with place.store() as store:
        assert any(pair.kind == "human" for pair in store.pairs("units"))


def test_a_table_that_may_have_been_meant_as_questions_is_told(place: Place) -> None:
    place.write("asked.csv", "asks,says\nWhat is the colour of unit U00003?,It is blue.\n")
    (note,) = place.run().run.notes
    assert "asked.csv: is read as text: its columns are asks, says." in note


def test_what_was_lost_is_named_when_the_run_fails_too(place: Place) -> None:
    place.write("broken.pdf", "%PDF-1.4 this is none")
    place.teach(status=401)
    code, _, said = place.said("run", "units")
    assert (code, said.count("broken.pdf")) == (1, 1)
    assert "flowstill: the run went on without 1 document or row:\n" in said


def test_an_empty_folder_is_one_clear_error(place: Place) -> None:
    (place.documents / "units.md").unlink()
    with pytest.raises(ServiceError, match="documents"):
        place.run()


def test_a_base_model_that_is_not_there_is_missed_before_the_teacher_is_asked(place: Place) -> None:
    place.base("./models/qwen")
    with pytest.raises(ConfigError, match=r"flowstill\.yml: base of recipe 'mine': No model at .*/models/qwen\."):
        place.run()
    assert (place.runs(), place.stub.report().calls) == ([], 0)


def test_a_base_model_that_cannot_be_had_is_missed_before_the_teacher_is_asked(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(*_: object, **__: object) -> None:
        raise ServiceError("org/tiny could not be had from Hugging Face: no route.")

    place.base("hf:org/tiny")
    monkeypatch.setattr("connectors.modelhub.located", unreachable)
    with pytest.raises(ServiceError, match="org/tiny could not be had"):
        place.run()
    assert place.stub.report().calls == 0


def test_a_judge_s_model_that_is_not_there_is_missed_before_the_teacher_is_asked(place: Place) -> None:
    place.service("judge", kind="embedded", model="./judge.gguf")
    place.change("evaluate", judge="judge")
    with pytest.raises(ConfigError, match=r"flowstill\.yml: services\.judge\.model: No model at .*/judge\.gguf\."):
        place.run()
    assert (place.runs(), place.stub.report().calls) == ([], 0)


def test_a_training_that_came_to_nothing_says_what_to_change(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def diverged(command: str, job: TrainJob, folder: Path, **_: object) -> dict[str, object]:
        done = run_trainer(command, job, folder)
        if command == "train":
            (folder / "metrics.json").write_bytes(msgspec.json.encode({"train_loss": float("nan")}))
        return done

    monkeypatch.setattr("flows.steps.engine.run_trainer", diverged)
    with pytest.raises(FlowError, match="the training loss is no finite number: try a lower learning_rate"):
        place.run()


def test_one_row_is_trained_on_and_what_it_makes_is_refused_for_want_of_proof(place: Place) -> None:
    (place.documents / "units.md").unlink()
    place.write("asked.csv", "question,answer\nWhat is the colour of unit U00003?,It is blue.\n")
    (place.folder / "held-out.jsonl").write_text('{"question": "Which colour has U00003?", "answer": "It is blue."}\n')
    done = place.run()
    assert done.run.verdict == "refused"
    assert "only 0 held-out questions" in done.run.why
    assert "1 more held-out questions have no 'key' to score: give them `keys`" in done.run.why


def test_a_question_that_the_models_are_measured_with_is_no_training_and_the_error_says_why(place: Place) -> None:
    (place.documents / "units.md").unlink()
    row = "What is the colour of unit U00003?,It is blue.\n"
    place.write("asked.csv", f"question,answer\n{row}")
    (place.folder / "held-out.jsonl").write_text(
        '{"question": "What is the colour of unit U00003?", "answer": "It is blue."}\n'
    )
    place.configure(paraphrases=0)
    with pytest.raises(
        FlowError,
        match=r"none of 1 pairs is fit for training: evaluate\.questions \(held-out\.jsonl\) asks all of them, "
        r"and what measures a model must not train it\. Add documents or rows about more, or hold out other questions",
    ):
        place.run()
    place.write("asked.csv", f"question,answer\n{row}What is its weight in grams?,-\n")
    with pytest.raises(FlowError, match=r"\(1 asked by evaluate.questions, 1 too short\)\. More documents help, or"):
        place.run()


def test_what_is_harvested_adds_up(place: Place) -> None:
    """Documents: as before, new or changed, unreadable. Records: as before and added."""
    rows = ["question,answer", *(f"What is {n}?,It is {n}." for n in range(3)), "What is 2?,It is 2."]
    place.write("asked.csv", "\n".join([*rows, "Where?,"]))

    def counted() -> dict[str, Count]:
        with pytest.raises(RowsLostError):
            place.run("harvest")
        step = place.runs()[0].run.step("harvest")
        assert step is not None
        return counts_of(step)

    first = counted()
    assert (first["records"], first["records added"], first["records as before"]) == (15, 15, 0)
    assert (first["rows or passages that repeat another"], first["lost"]) == (1, 1)
    place.write("more.md", facts(50, 52))
    second = counted()
    assert (second["documents"], second["documents unchanged"]) == (3, 2)
    assert (second["records"], second["records added"], second["records as before"]) == (17, 2, 15)


def test_what_people_asked_and_were_told_can_be_all_that_is_trained_on(place: Place) -> None:
    place.configure(questions=0, paraphrases=0, refusals=0)
    place.write("asked.csv", "question,answer\nWho bakes?,Mrs Holm bakes.\nMay dogs come in?,On a lead.\n")
    step = place.run().run.step("distil")
    assert step is not None and (step.counts["pairs"], step.counts["human"]) == (2, 2)
    assert place.stub.report().calls == 0


def test_nothing_but_duplicates_is_one_row(place: Place) -> None:
    (place.documents / "units.md").unlink()
    place.configure(paraphrases=0)
    place.write("asked.csv", "question,answer\n" + "What is the colour of unit U00003?,It is blue.\n" * 40)
    step = place.run("harvest", "distil", "curate").run.step("curate")
    assert step is not None and step.counts["train"] == 1


def test_with_nothing_to_measure_on_nothing_is_trained(place: Place) -> None:
    place.change("evaluate", questions="")
    place.change("curate", test=0.2)
    with pytest.raises(FlowError, match="none is left to measure"):
        place.run()
    assert [step.name for step in place.runs()[0].run.steps] == ["harvest", "distil", "curate"]


def test_a_teacher_that_is_down_fails_the_run_and_the_next_one_goes_on_there(place: Place) -> None:
    place.teach(status=401)
    with pytest.raises(ServiceError, match=r"services\.stub\.key"):
        place.run()
    (failed,) = place.runs()
    assert failed.run.status == "failed"
    assert "401" in (failed.path / "report.html").read_text()
    place.teach()
    done = place.run()
    assert done.run.id == failed.run.id
    assert done.run.verdict == "promoted"


def test_a_budget_stops_the_run_and_a_larger_one_pays_only_for_the_rest(place: Place) -> None:
    place.configure(max_tokens=1500)
    with pytest.raises(ServiceError, match="max_tokens"):
        place.run()
    paid = place.stub.report().calls
    assert 0 < paid < 12 + 8
    place.configure()
    place.run()
    report = place.stub.report()
    assert report.paid_again == 0
    assert report.calls == 12


def test_a_budget_of_money_is_told_with_its_currency(place: Place) -> None:
    place.service("stub", prices={"input": 50.0, "output": 150.0, "currency": "EUR"})
    place.change("distil", max_cost=0.01)
    with pytest.raises(ServiceError, match=r"max_cost is 0\.01 EUR, 0\.0\d+ EUR are spent"):
        place.run()


def test_teacher_and_judge_share_one_budget(place: Place) -> None:
    step = place.run("harvest", "distil").run.step("distil")
    assert step is not None
    distilled = step.spent.tokens
    place.configure(max_tokens=distilled + 200)
    place.change("curate", judge="stub")
    with pytest.raises(ServiceError, match=f"max_tokens is {distilled + 200}"):
        place.run()
    failed = place.runs()[0].run
    assert failed.why.startswith("curate: The budget is used up")
    judged = failed.step("curate")
    assert judged is not None and 200 <= judged.spent.tokens < 200 + 8 * 500  # eight calls may be under way


def test_a_budget_holds_over_all_parts_of_a_run(place: Place) -> None:
    place.write("units.md", facts(0, 40))
    place.configure(max_tokens=1500)
    for _ in range(3):
        with pytest.raises(ServiceError, match="max_tokens is 1500, "):
            place.run()
    first, calls = place.runs()[0].run.step("distil"), place.stub.report().calls
    assert first is not None and first.spent.tokens >= 1500
    place.configure(max_tokens=first.spent.tokens + 1)
    with pytest.raises(ServiceError, match=f"max_tokens is {first.spent.tokens + 1}, "):
        place.run()
    assert calls < place.stub.report().calls < 40
    place.configure()
    done = place.run()
    step = done.run.step("distil")
    assert step is not None
    assert step.spent.calls == place.stub.report().calls == 40
    pairs = [json.loads(line) for line in (done.path / "pairs.jsonl").read_text().splitlines()]
    assert step.spent.tokens == sum(pair.get("tokens", 0) for pair in pairs)


def test_what_a_killed_run_spent_counts_when_it_goes_on(place: Place) -> None:
    place.teach(latency=0.2)
    place.configure()
    place.service("stub", in_flight=2)
    child = place.start()
    while place.stub.report().ok < 4:
        time.sleep(0.02)
    child.kill()
    child.communicate()
    spent = place.runs()[0].run.step("distil")
    assert spent is not None and spent.spent.tokens > 0
    place.configure(max_tokens=spent.spent.tokens)
    calls = place.stub.report().calls
    with pytest.raises(ServiceError, match="The budget is used up"):
        place.run()
    assert place.stub.report().calls == calls


def test_all_that_was_paid_for_before_a_kill_counts_without_a_budget_too(place: Place) -> None:
    place.write("units.md", facts(0, 200))
    for tries in (1, 2, 3):
        child = place.start()
        while place.stub.report().calls < 50 * tries and child.poll() is None:
            time.sleep(0.002)
        child.kill()
        child.communicate()
    step = place.run().run.step("distil")
    with closing(sqlite3.connect(place.config.state / "store.db")) as file:
        kept = [json.loads(body) for (body,) in file.execute("SELECT body FROM answers")]
    assert step is not None and step.spent.calls >= len(kept) == 200
    assert step.spent.tokens >= sum(one["prompt_tokens"] + one["answer_tokens"] for one in kept)
    assert not list(place.runs()[0].path.glob("*.spent"))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_the_time_of_a_run_that_broke_off_counts_when_it_goes_on(place: Place, number: int) -> None:
    place.teach(latency=0.5)
    place.service("stub", in_flight=2)
    for tries in (1, 2):
        child = place.start()
        while place.stub.report().ok < 2 * tries:
            time.sleep(0.02)
        time.sleep(0.2)
        child.send_signal(number)
        child.communicate()
    place.teach()
    step = place.run().run.step("distil")
    assert step is not None and 0.9 < step.seconds < 60


def test_rows_the_teacher_cannot_do_are_lost_once_and_tried_again_by_the_next_run(place: Place) -> None:
    place.teach(pwrong=0.5, seed=3)
    with pytest.raises(RowsLostError):
        place.run()
    place.teach()
    done = place.run()
    step = done.run.step("distil")
    assert step is not None and step.counts["lost"] == 0


def test_a_run_tells_why_there_are_more_rows_than_pairs(place: Place) -> None:
    run = place.run().run
    train, curate = run.step("train"), run.step("curate")
    assert train is not None and curate is not None
    again = counts_of(train)["rows that show a pair again with its passage"]
    assert isinstance(again, int) and again > 0
    assert train.counts["rows"] == int(curate.counts["train"]) + again


def test_answers_that_are_lost_are_counted_while_the_teacher_is_asked(place: Place) -> None:
    place.teach(pwrong=0.5, seed=3)
    screen = io.StringIO()
    with pytest.raises(RowsLostError):
        place.run(progress=Progress(screen))
    (line,) = [each for each in screen.getvalue().splitlines() if each.startswith("distil") and ": done" in each]
    assert re.search(r"done (\d+)/\1 in .*, [1-9]\d* lost$", line)


def test_a_run_that_loses_the_same_again_leaves_no_trace_but_what_it_paid(place: Place) -> None:
    place.teach(pwrong=0.5, seed=3)
    with pytest.raises(RowsLostError):
        place.run()
    (before,) = place.runs()
    calls = place.stub.report().calls
    place.teach(pwrong=1.0)
    with pytest.raises(RowsLostError, match="the run went on without"):
        place.run()
    (after,) = place.runs()
    assert after.run.id == before.run.id
    first, both = before.run.step("distil"), after.run.step("distil")
    assert first is not None and both is not None
    assert both.spent.calls - first.spent.calls == place.stub.report().calls - calls > 0


def test_a_run_that_loses_what_others_did_not_is_kept_once(place: Place) -> None:
    clean = place.run()
    place.write("broken.pdf", "%PDF-1.4 this is none")
    for _ in range(2):
        with pytest.raises(RowsLostError, match=r"broken\.pdf"):
            place.run()
    assert len(place.runs()) == 2
    (place.documents / "broken.pdf").unlink()
    again = place.run()
    assert again.run.lost == [] and again.run.why == clean.run.why
    assert place.run().run.id == again.run.id


def test_named_steps_alone_are_done_and_the_rest_follows_later(place: Place) -> None:
    half = place.run("harvest", "distil", "curate")
    assert [step.name for step in half.run.steps] == ["harvest", "distil", "curate"]
    assert half.run.status == "running"
    with pytest.raises(FlowError, match="step 'train' is not done yet"):
        place.run("export")
    assert place.run().run.id == half.run.id


def test_one_step_of_a_finished_loop_can_be_done_again(place: Place) -> None:
    first = place.run()
    assert place.run("gate").run.id == first.run.id
    place.change("gate", min_questions=100)
    calls = place.stub.report().calls
    again = place.run("gate")
    gate = again.run.step("gate")
    assert gate is not None and gate.outputs["verdict"] == "refused"
    assert [step.name for step in again.run.steps if not step.reused] == ["gate"]
    assert place.stub.report().calls == calls
    done = place.run()
    assert (done.run.id, done.run.verdict) == (again.run.id, "refused")


def test_after_a_rollback_steps_alone_are_done_on_the_run_that_is_shown(place: Place) -> None:
    place.run()
    place.change("gate", margin=-0.9)
    place.write("more.md", facts(50, 52))
    place.run()
    for version in ("v1", "v2"):
        with place.store() as store:
            rollback("units", registries(place.config, "units"), store, to=version)
        for names in (["gate"], ["train"], []):
            assert place.run(*names).run.id == find_run(place.config, "units").run.id


def test_the_run_that_is_gone_on_with_or_built_on_is_named(place: Place) -> None:
    half = place.run("harvest", "distil")
    _, _, err = place.said("run", "units")
    assert f"Going on with run {half.run.id}." in err
    place.change("gate", min_questions=100)
    _, _, err = place.said("run", "units", "gate")
    assert f"Doing gate on what run {half.run.id} left." in err


def test_documents_that_are_as_they_were_once_are_what_steps_alone_are_done_on(place: Place) -> None:
    first = place.run()
    place.write("more.md", facts(50, 52))
    place.run()
    (place.documents / "more.md").unlink()
    back = place.run()
    place.change("gate", min_questions=100)
    done = place.run("gate")
    candidates = [one.run.step("export") for one in (first, back, done)]
    assert len({step.outputs["sha256"] for step in candidates if step}) == 1


def test_a_verdict_that_is_repeated_is_shown_with_its_own_reason(place: Place) -> None:
    place.run()
    place.change("gate", min_questions=100)
    few = place.run()
    place.change("gate", margin=1.0, min_questions=10)
    place.run()
    place.change("gate", margin=0.0, min_questions=100)
    assert place.run().run.why == few.run.why


def test_a_named_step_whose_predecessors_were_never_done_leaves_no_run(place: Place) -> None:
    with pytest.raises(FlowError, match="step 'evaluate' is not done yet"):
        place.run("gate")
    assert place.runs() == []


@pytest.mark.parametrize("name", ["20269999T999999999Z", "99991231T235959999Z"])
def test_a_run_of_a_time_that_cannot_be_is_none(place: Place, name: str) -> None:
    first = place.run()
    folder = first.path.with_name(name)
    shutil.copytree(first.path, folder)
    record = json.loads((folder / "run.json").read_text()) | {"id": name}
    (folder / "run.json").write_text(json.dumps(record))
    assert [one.run.id for one in place.runs()] == [first.run.id]
    place.write("more.md", facts(12, 14))
    assert place.run().run.id > first.run.id


def test_runs_stay_in_order_when_the_clock_was_set_back(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.run()
    monkeypatch.setattr("flows.runs.datetime", Yesterday)
    place.write("more.md", facts(50, 52))
    place.teach(status=401)
    with pytest.raises(ServiceError):
        place.run()
    failed = place.runs()[0]
    assert failed.run.status == "failed"
    place.teach()
    assert place.run().run.id == failed.run.id


class Yesterday(datetime):
    @classmethod
    def now(cls, tz: tzinfo | None = None) -> "Yesterday":
        return cls.fromtimestamp(time.time() - 86400, tz)


@pytest.mark.parametrize("name", ["pairs.jsonl", "answers.jsonl"])
@pytest.mark.parametrize("broken", [b"{", b"\xff\xfe\n", b""])
def test_a_file_of_a_run_that_was_changed_is_made_anew(place: Place, name: str, broken: bytes) -> None:
    first = place.run()
    whole, calls = (first.path / name).read_bytes(), place.stub.report().calls
    (first.path / name).write_bytes(whole[: len(whole) // 2] + broken)
    done = place.run()
    assert (done.path / name).read_bytes() == whole
    assert place.stub.report().calls == calls


def test_a_model_file_that_was_changed_is_made_anew(place: Place) -> None:
    first = place.run()
    (gguf,) = (first.path / "export").glob("*.gguf")
    whole = gguf.read_bytes()
    gguf.unlink()  # the version in service is another name of this file
    gguf.write_bytes(whole[:-2] + b"}}")
    done = place.run()
    assert [path.read_bytes() for path in (done.path / "export").glob("*.gguf")] == [whole]


def test_a_file_that_changes_while_the_run_goes_on_is_one_clear_error(place: Place) -> None:
    half = place.run("harvest", "distil")
    path = half.path / "pairs.jsonl"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(FlowError, match=r"pairs\.jsonl is not what step 'distil' wrote. Run again: it is made anew"):
        place.run("curate")
    assert place.run().run.verdict == "promoted"


def test_a_copy_of_a_run_s_folder_is_no_run(place: Place) -> None:
    first = place.run()
    for name in (f"{first.run.id}.bak", "99991231T235959999Z"):
        shutil.copytree(first.path, first.path.parent / name)
    place.write("more.md", facts(50, 52))
    assert place.run().run.verdict == "refused"
    assert len(place.runs()) == 2


def test_a_teacher_that_writes_nothing_usable_is_what_the_error_says(place: Place) -> None:
    place.teach(pwrong=1.0)
    for _ in range(3):
        with pytest.raises((FlowError, ServiceError), match=r"another shape|gave no answer that can be used"):
            place.run()


def test_a_teacher_that_was_never_reached_is_not_said_to_have_written(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.http.backoff", lambda attempt: 0.0)
    place.write("units.md", facts(0, 2))
    place.service("stub", url="http://127.0.0.1:9/v1")
    with pytest.raises((FlowError, ServiceError), match=r"cannot be reached") as failed:
        place.run()
    assert "wrote" not in str(failed.value)


def test_a_dataset_with_broken_bytes_is_one_clear_error(place: Place) -> None:
    place.run("harvest", "distil", "curate")
    (file,) = place.config.state.glob("datasets/units/*/train.jsonl")
    file.write_bytes(file.read_bytes()[:-3] + b"\xff\xfe\n")
    with pytest.raises(FlowError, match=r"train\.jsonl is not what was written.*run the curate step again"):
        place.run()


def test_a_record_without_its_outputs_is_one_clear_error(place: Place) -> None:
    half = place.run("harvest", "distil")
    record = json.loads((half.path / "run.json").read_text())
    record["steps"][1]["outputs"] = {}
    (half.path / "run.json").write_text(json.dumps(record))
    with pytest.raises(FlowError, match=r"run\.json: step 'distil' says nothing of its 'sha256'"):
        place.run("curate")


def test_a_candidate_that_is_in_service_already_says_whom_it_meets(place: Place) -> None:
    place.run()
    place.change("evaluate", answer_tokens=95, passages=2)
    done = place.run()
    assert "This model is in service already, as v1; it is compared with the base model alone." in done.run.notes
    assert done.run.verdict == "promoted"
    with place.store() as store:
        assert [version.name for version in store.versions("units")] == ["v1"]


def test_a_champion_that_learnt_from_deleted_documents_is_named_when_it_stays(place: Place) -> None:
    place.write("more.md", facts(50, 52))
    place.run()
    (place.documents / "more.md").unlink()
    done = place.run()
    assert done.run.verdict == "refused"
    learnt = "units-v1 stays in service and has learnt from documents that were changed or deleted since (1: more.md)"
    assert any(learnt in note for note in done.run.notes)


def test_a_champion_that_learnt_what_was_corrected_since_is_named_when_it_stays(place: Place) -> None:
    place.write("more.md", facts(50, 52))
    place.run()
    place.write("more.md", facts(60, 62))
    notes = place.run().run.notes
    assert any("learnt from documents that were changed or deleted since (1: more.md)" in note for note in notes)


def test_personal_data_is_redacted_in_what_was_harvested_before_it_was_asked_for(place: Place) -> None:
    place.change("curate", personal_data="keep")
    place.write("asked.csv", "question,answer\nWho has unit U00003?,Write to ada@example.com or call ada.\n")
    place.run()
    assert b"ada@example.com" in (place.config.state / "store.db").read_bytes()
    place.change("curate", personal_data="redact")
    (note,) = (one for one in place.run().run.notes if "Personal data" in one)
    assert note.startswith("Personal data (email) was blanked in 1 of the rows that were read, the first of them in")
    assert "in asked.csv, row 2. " in note and "curate.allow" in note
    assert b"ada@example.com" not in (place.config.state / "store.db").read_bytes()


def test_what_is_noted_stays_as_long_as_it_holds(place: Place) -> None:
    place.write("asked.csv", "question,answer\nWho has unit U00003?,Ada. Call +43 660 1234567.\n")

    def noted() -> bool:
        notes = place.run("harvest", "distil").run.notes
        return any("Personal data (phone) was blanked" in note for note in notes)

    assert noted()
    assert noted()  # in the same run, which finds nothing new
    place.change("curate", allow=["+43 660 1234567"])
    assert not noted()
    assert len(place.runs()) == 1


def test_an_unknown_step_names_the_nearest_one(place: Place) -> None:
    with pytest.raises(FlowError, match=r"no step 'destil'. Did you mean 'distil'"):
        place.run("destil")


def test_a_full_disk_is_one_clear_error_and_the_run_goes_on_when_there_is_room(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, data: bytes) -> None:
        raise OSError(28, "No space left on device", str(path))

    with monkeypatch.context() as patch:
        patch.setattr("flows.steps.distil.write_atomically", full)
        with pytest.raises(FlowError, match=r"disk is full.*what was stored is kept"):
            place.run()
    calls = place.stub.report().calls
    assert place.run().run.verdict == "promoted"
    assert place.stub.report().calls == calls


def test_a_disk_that_has_no_room_even_for_the_story_is_one_clear_error(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, data: bytes) -> None:
        raise OSError(28, "No space left on device", str(path))

    def fills(path: Path, data: bytes) -> None:
        patch.setattr("flows.runs.write_atomically", full)
        full(path, data)

    with monkeypatch.context() as patch:
        patch.setattr("flows.steps.train.write_atomically", fills)
        for _ in range(2):  # in the middle of a run, and at the start of the next
            with pytest.raises(FlowError, match=r"disk is full.*what was stored is kept"):
                place.run()
    assert place.run().run.verdict == "promoted"


def test_what_a_full_disk_or_a_kill_left_half_written_is_removed(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Path.open

    def full(path: Path, mode: str = "r", *more: Any, **options: Any) -> Any:
        if mode != "xb":
            return real(path, mode, *more, **options)
        path.touch()
        raise OSError(28, "No space left on device", str(path))

    half = place.run("harvest", "distil")
    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", full)
        with pytest.raises(FlowError, match="disk is full"):
            place.run()
    assert not list(half.path.glob(".*"))
    (half.path / ".run.json.4711").touch()
    (half.path / "train").mkdir()
    (half.path / "train" / ".train.jsonl.4711").touch()
    assert place.run().run.id == half.run.id
    assert not list(half.path.rglob(".*"))


def test_two_runs_of_one_loop_never_overlap(place: Place) -> None:
    place.teach(latency=1.0)
    first = place.start()
    deadline = time.monotonic() + 30
    while not place.stub.report().calls and time.monotonic() < deadline:
        time.sleep(0.05)
    with pytest.raises(FlowError, match="going on"):
        place.run()
    _, said = first.communicate(timeout=120)
    assert first.returncode == 0, said


def test_a_fire_time_is_run_once(place: Place) -> None:
    first = place.run(fire="2026-11-24T03:00:00+00:00")
    place.write("more.md", facts(50, 52))
    again = place.run(fire="2026-11-24T03:00:00+00:00")
    assert again.run.id == first.run.id
    assert len(place.runs()) == 1


@pytest.mark.parametrize("moment", ["harvest", "curate", "prepare", "train", "export", "evaluate", "score", "promote"])
def test_a_kill_in_any_step_loses_nothing_and_pays_for_nothing_twice(place: Place, moment: str) -> None:
    killed = place.start(DIE_IN=moment, DIE_FLAG=str(place.folder / "died"))
    _, said = killed.communicate(timeout=120)
    assert killed.returncode == -signal.SIGKILL, said
    again = place.start(DIE_IN=moment, DIE_FLAG=str(place.folder / "died"))
    _, said = again.communicate(timeout=120)
    assert again.returncode == 0, said
    (folder,) = place.runs()
    assert folder.run.verdict == "promoted"
    report = place.stub.report()
    assert (report.calls, report.paid_again) == (12, 0)
    with place.store() as store:
        assert [version.name for version in store.versions("units")] == ["v1"]


@pytest.mark.timeout(900)
def test_fifty_kills_during_distilling_lose_nothing_and_pay_for_nothing_twice(place: Place) -> None:
    """Each kill comes at a random moment; what the journal does not hold then is all that is asked again."""
    place.write("units.md", facts(0, 300))
    place.configure(questions=2)
    place.teach(latency=0.05)
    dice = random.Random(7)
    kills = unkept = 0
    for _ in range(50):
        before = place.stub.report().calls
        child = place.start()
        target = before + dice.randrange(1, 12)
        while place.stub.report().calls < target and child.poll() is None:
            time.sleep(0.01)
        kills += child.poll() is None
        child.kill()
        child.communicate()
        time.sleep(0.1)  # the stub hears of what was in flight
        assert 0 <= place.stub.report().calls - journalled(place) - unkept <= 8
        unkept = place.stub.report().calls - journalled(place)
    _, said = (last := place.start()).communicate(timeout=300)
    assert last.returncode == 0, said
    assert journalled(place) == 300
    assert place.stub.report().calls == 300 + unkept
    (folder,) = place.runs()
    questions = [json.loads(line)["question"] for line in (folder.path / "pairs.jsonl").read_text().splitlines()]
    assert len(questions) == len(set(questions))
    assert kills >= 20


def journalled(place: Place) -> int:
    """How many answers a fresh process would find."""
    with closing(sqlite3.connect(place.config.state / "store.db")) as file:
        return int(file.execute("SELECT count(*) FROM answers").fetchone()[0])
