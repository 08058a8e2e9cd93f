"""The command line as a person and a script meet it: exit codes, what goes where, and how it stops."""

import json
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest

from tests.doubles.place import Place, Process, facts

KEY = "sk-secret-4711"


@pytest.fixture
def done(place: Place) -> Place:
    """A place where one run is over."""
    place.run()
    return place


def wait_until(true: Callable[[], object], process: Process, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)


def one_line(err: str) -> str:
    """What stderr holds, when it is one message without a traceback."""
    assert "Traceback" not in err
    (line,) = err.splitlines()
    assert line.startswith("flowstill: ")
    return line


# --- exit codes, and what goes where


def test_a_run_prints_its_result_to_stdout_and_its_progress_to_stderr(place: Place) -> None:
    code, out, err = place.said("run", "units")
    assert code == 0, err
    for text in ("candidate", "promoted", "Verdict: promoted.", "In service: units-v1", "report.html"):
        assert text in out
        assert text not in err
    for step in ("harvest: documents", "distil: answers of stub", "evaluate: answers", "promote: units-v1"):
        assert f"{step} ..." in err
        assert f"{step}: done" in err
        assert step not in out


def test_a_second_run_says_the_same_and_costs_nothing(done: Place) -> None:
    calls = done.stub.report().calls
    code, out, _ = done.said("run", "units")
    assert (code, "Verdict: promoted." in out) == (0, True)
    assert out.startswith(f"Nothing is new since run {done.runs()[0].run.id}, which came to this:\n")
    assert done.stub.report().calls == calls


def test_a_scheduled_run_with_nothing_new_prints_no_result_again(place: Place) -> None:
    place.write("broken.pdf", "%PDF-1.4 this is none")
    fires = [["run", "units", "--fire", f"2026-11-{day}T03:00:00+00:00"] for day in (24, 25)]
    first, second = place.said(*fires[0]), place.said(*fires[1])
    assert (first[0], "Verdict: promoted." in first[1]) == (4, True)
    assert second[:2] == (4, "") and "broken.pdf" in second[2]
    assert place.said(*fires[0])[1] == ""


def test_lost_documents_are_exit_code_4_and_named(place: Place) -> None:
    place.write("broken.pdf", "%PDF-1.4 this is none")
    code, out, err = place.said("run", "units")
    assert code == 4
    for text in ("candidate", "Verdict: promoted.", "In service: units-v1", "report.html"):
        assert text in out
    assert "flowstill: the run went on without 1 document or row:" in err
    assert err.count("broken.pdf") == 1
    assert "Traceback" not in err


def test_the_documents_of_all_folders_are_counted_together(place: Place) -> None:
    (place.folder / "others").mkdir()
    (place.folder / "others" / "note.md").write_text("The mill grinds on Tuesdays.")
    place.settings["loops"]["units"]["harvest"] += [{"folder": "others"}]
    place.change("gate")
    _, _, err = place.said("run", "units", "harvest")
    assert "harvest: documents: done 2/2" in err


def test_lost_answers_are_exit_code_4_and_named_with_their_passages(place: Place) -> None:
    place.write("units.md", facts(0, 40))
    place.configure(refusals=0.5)
    place.teach(pwrong=0.5, seed=3)
    code, _, err = place.said("run", "units")
    lines = [line for line in err.splitlines() if re.match(r"  units\.md, Unit \d+, from character \d+: ", line)]
    lost = place.runs()[0].run.step("distil")
    assert code == 4 and lost is not None
    assert f"the run went on without {lost.counts['lost']} answers:" in err
    assert min(int(lost.counts["lost"]), 10) == len(lines) > 3


def test_a_run_says_how_many_pairs_were_fit_and_why_others_were_not(place: Place) -> None:
    place.change("curate", max_answer=34)
    _, _, err = place.said("run", "units")
    assert re.search(r"curate: \d+ pairs to train with; dropped \d+ of \d+ pairs: .*\d+ too long", err)


def test_a_run_in_which_all_pairs_were_fit_says_so(place: Place) -> None:
    _, _, err = place.said("run", "units", "harvest", "distil", "curate")
    assert re.search(r"curate: (\d+) pairs to train with; dropped none of \1 pairs\n", err), err


def test_an_error_of_a_run_is_exit_code_1_and_one_line_after_the_progress(place: Place) -> None:
    place.service("stub", url="http://127.0.0.1:9/v1")
    code, out, err = place.said("run", "units")
    assert (code, out) == (1, "")
    assert "Traceback" not in err
    assert err.splitlines()[-1].startswith("flowstill: ")
    assert "services.stub.url" in err.splitlines()[-1]


@pytest.mark.parametrize(
    "arguments",
    [["nothing"], ["run"], ["ask", "units"], ["show"], ["dataset", "export", "units"], ["runs", "--bogus"]],
)
def test_wrong_usage_is_exit_code_2(place: Place, arguments: list[str]) -> None:
    code, out, err = place.said(*arguments, module="flows")
    assert (code, out) == (2, "")
    assert err.startswith("Usage: flowstill")


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "unit"],
        ["runs", "unit"],
        ["show", "unit"],
        ["ask", "unit", "Hello?"],
        ["rollback", "unit"],
        ["dataset", "list", "unit"],
        ["dataset", "export", "unit", "--format", "text"],
    ],
)
def test_every_verb_names_the_loop_that_was_meant(place: Place, arguments: list[str]) -> None:
    code, out, err = place.said(*arguments, module="flows")
    assert (code, out) == (2, "")
    assert "'unit'" in one_line(err)
    assert "Did you mean 'units'?" in err


@pytest.mark.parametrize("verb", [["run", "units"], ["runs"], ["doctor"], ["schedule"], ["ask", "units", "Hello?"]])
def test_a_missing_settings_file_is_named_by_every_verb(place: Place, verb: list[str]) -> None:
    (place.folder / "flowstill.yml").unlink()
    code, out, err = place.said(*verb, module="flows")
    assert (code, out) == (1, "")
    assert "flowstill.yml: no such file" in one_line(err)


def test_a_missing_secret_is_named_by_its_variable(place: Place) -> None:
    place.service("stub", key="${STUB_KEY}")
    code, _, err = place.said("doctor", module="flows")
    assert code == 1
    assert "services.stub.key wants the environment variable STUB_KEY" in one_line(err)


def test_a_step_that_does_not_exist_leaves_no_run(place: Place) -> None:
    code, out, err = place.said("run", "units", "destil")
    assert (code, out) == (2, "")
    assert "no step 'destil'. Did you mean 'distil'?" in one_line(err)
    assert place.runs() == []


@pytest.mark.parametrize("module", ["flows", "flows.cli"])
@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_and_version_need_no_settings(option: str, module: str) -> None:
    command = [sys.executable, "-m", module, option]
    assert "flowstill" in subprocess.run(command, capture_output=True, text=True, check=True).stdout


# --- looking at runs


def words(text: str) -> set[str]:
    return set(text.split())


def test_runs_are_listed_with_verdict_and_why(done: Place) -> None:
    code, out, err = done.said("runs", module="flows")
    assert (code, err) == (0, "")
    (line,) = [line for line in out.splitlines() if "units" in line]
    (folder,) = done.runs()
    for text in (folder.run.id, "finished", "promoted", folder.run.why.split()[0]):
        assert text in line
    assert words(folder.run.why) <= words(out)


def test_a_run_that_did_not_come_to_its_end_is_listed_as_such(place: Place) -> None:
    place.run("harvest", "distil")
    _, out, _ = place.said("runs", "units", module="flows")
    assert "unfinished" in out


def test_a_run_that_is_going_on_is_listed_as_running_with_its_step_and_the_time_so_far(place: Place) -> None:
    place.teach(latency=30)
    run = place.start()
    wait_until(lambda: place.stub.report().most_in_flight >= 8, run)
    (folder,) = place.runs()
    step = folder.run.step("distil")
    assert step is not None
    step.started = datetime.now(UTC) - timedelta(minutes=6)
    folder.save()
    for verb in (["runs"], ["show", "units"]):
        _, out, _ = place.said(*verb, module="flows")
        assert "running distil" in out
        assert "unfinished" not in out
        assert re.search(r"│\s+(6\.\d|36\d\.\d) │", out), out
    run.kill()
    run.communicate()
    assert "unfinished" in place.said("runs", module="flows")[1]
    assert "broken off" in place.said("show", "units", module="flows")[1]


def test_no_runs_are_an_empty_list(place: Place) -> None:
    code, out, err = place.said("runs", module="flows")
    assert (code, err) == (0, "")
    assert "verdict" in out


def test_show_tells_the_steps_scores_and_report_of_the_newest_run(done: Place) -> None:
    code, out, err = done.said("show", "units", module="flows")
    assert (code, err) == (0, "")
    for text in ("harvest", "distil", "train", "gate", "48 held-out questions", "Verdict: promoted", "report.html"):
        assert text in out


def test_questions_beyond_the_limit_are_counted(place: Place) -> None:
    place.change("evaluate", limit=20)
    place.run()
    _, out, _ = place.said("show", "units", module="flows")
    assert "20 of 48 held-out questions" in out
    assert "questions beyond evaluate.limit: 28" in out


def test_show_names_what_was_lost_and_the_notes_of_the_run(place: Place) -> None:
    place.write("broken.pdf", "%PDF-1.4 this is none")
    place.said("run", "units")
    (folder,) = place.runs()
    folder.run.steps[1].notes.append("The teacher was tired.")
    folder.save()
    _, out, _ = place.said("show", "units", module="flows")
    assert "Notes:\n  The teacher was tired.\n" in out
    assert f"Went on without:\n  {place.documents / 'broken.pdf'}: " in out


def test_files_that_were_skipped_are_named_while_the_run_goes_on_and_later(place: Place) -> None:
    for name in ("pic.png", "Makefile"):
        place.write(name, "nothing to read")
    _, _, err = place.said("run", "units", "harvest")
    assert "\nskipped pic.png: is of a kind that is not read (.png)\n" in err
    _, out, _ = place.said("show", "units", module="flows")
    assert "files skipped: 2 (Makefile, pic.png)" in out


def test_show_explains_each_measure(done: Place) -> None:
    _, out, _ = done.said("show", "units", module="flows")
    (line,) = [line for line in out.splitlines() if "closed-book refuses rightly" in line]
    assert "refuses when nobody knows, and only then, by heart" in line


def test_what_is_printed_into_a_file_is_no_wider_than_a_page_and_loses_no_word(done: Place) -> None:
    (folder,) = done.runs()
    folder.run.why = "because " * 40 + "x" * 300
    folder.save()
    for verb in (["runs"], ["show", "units"], ["dataset", "list", "units"]):
        _, out, _ = done.said(*verb, module="flows")
        out = out.replace(f"{done.folder}/", "")  # how deep the tests' own folder lies is not what is looked at
        assert max(len(line) for line in out.splitlines() if not line.startswith("Verdict")) <= 120
    _, out, _ = done.said("runs", module="flows")
    assert (out.count("because"), out.count("x")) == (40, 300)


@pytest.mark.parametrize(
    "text", ['{"loop": 3}', "no json", '{"loop": "units", "steps": [{"name": 7}]}', '{"seconds": -7}']
)
def test_a_broken_run_record_is_one_error_that_names_the_file(done: Place, text: str) -> None:
    (folder,) = done.runs()
    (folder.path / "run.json").write_text(text)
    for verb in (["runs"], ["show", "units"], ["dataset", "list", "units"], ["run", "units"]):
        code, out, err = done.said(*verb)
        assert (code, out) == (1, "")
        assert f"{folder.path / 'run.json'}: not a run record" in one_line(err)


def test_a_time_that_cannot_be_is_a_broken_run_record(done: Place) -> None:
    (folder,) = done.runs()
    for seconds, said in [(-7, ">= 0.0"), (1e308, "<= 1000000000.0")]:
        folder.run.steps[0].seconds = seconds
        folder.save()
        code, _, err = done.said("show", "units", module="flows")
        assert code == 1 and f"not a run record: Expected `float` {said}" in one_line(err)


@pytest.mark.parametrize("verb", [["dataset", "list", "units"], ["dataset", "export", "units", "--format", "text"]])
def test_a_run_record_that_names_no_dataset_is_one_error(done: Place, verb: list[str]) -> None:
    (folder,) = done.runs()
    for step in folder.run.steps:
        step.outputs = {}
    folder.save()
    code, out, err = done.said(*verb, module="flows")
    assert (code, out) == (1, "")
    assert f"{folder.path / 'run.json'}: step 'curate' says nothing of its 'dataset'. Delete that folder" in one_line(
        err
    )


def test_show_by_id_as_json_is_the_run_record(done: Place) -> None:
    (folder,) = done.runs()
    code, out, err = done.said("show", folder.run.id, "--json", module="flows")
    assert (code, err) == (0, "")
    assert json.loads(out) == json.loads((folder.path / "run.json").read_text())


def test_show_as_json_calls_a_run_that_nobody_is_at_what_the_tables_call_it(place: Place) -> None:
    half = place.run("harvest", "distil")
    half.run.steps[1].status = "running"  # as a kill leaves it
    half.save()
    code, out, _ = place.said("show", "units", "--json", module="flows")
    told = json.loads(out)
    assert (code, told["status"]) == (0, "unfinished")
    assert [step["status"] for step in told["steps"]] == ["done", "broken off"]


def test_show_report_is_one_path_that_opens(done: Place) -> None:
    code, out, err = done.said("show", "units", "--report", module="flows")
    assert (code, err) == (0, "")
    (path,) = out.splitlines()
    assert "promoted" in Path(path).read_text()


def test_show_says_when_there_is_nothing_yet(place: Place) -> None:
    code, _, err = place.said("show", "units", module="flows")
    assert code == 1
    assert "loop units has no runs yet: `flowstill run units` makes one" in one_line(err)


def test_a_run_that_was_killed_has_no_report_and_says_so(place: Place) -> None:
    killed = place.start(DIE_IN="harvest", DIE_FLAG=str(place.folder / "died"))
    killed.communicate(timeout=60)
    code, out, err = place.said("show", "units", "--report", module="flows")
    assert (code, out) == (1, "")
    assert "has no report yet" in one_line(err)
    code, out, err = place.said("show", "units", module="flows")
    assert (code, err) == (0, "")
    assert "report.html" not in out


def test_square_brackets_in_a_message_reach_the_reader(place: Place) -> None:
    """They are markup to the library that draws tables."""
    place.service("stub", model="[bold]stub[/bold] :+1:")
    place.run()
    _, out, _ = place.said("show", "units", module="flows")
    assert "[bold]stub[/bold] :+1:" in out


def test_a_broken_file_of_questions_is_told_before_the_teacher_is_asked(place: Place) -> None:
    (place.folder / "held-out.jsonl").write_text("no json")
    code, _, err = place.said("run", "units")
    assert code == 1
    assert "held-out.jsonl, line 1" in one_line(err)
    assert place.runs() == [] and place.stub.report().calls == 0


def test_the_first_model_can_be_taken_out_of_service(done: Place) -> None:
    assert done.said("rollback", "units", "--to", "base")[:2] == (0, "The base model is in service.\n")
    code, _, err = done.said("rollback", "units", "--to", "base")
    assert code == 1 and "the base model is in service already" in one_line(err)
    question = ["ask", "units", "What is the colour of unit U00003?"]
    assert done.said(*question)[2] == (
        "The base model answers, which was taught nothing: loop units has no model in service since a rollback to the "
        "base: `flowstill rollback units` puts units-v1 back.\n"
    )
    assert done.said("rollback", "units")[:2] == (0, "units-v1 is in service.\n")
    assert "U00003" in done.said(*question)[1]
    assert done.said("rollback", "units", "--to", "units-v1")[0] == 0


def test_words_without_quotes_are_one_question(done: Place) -> None:
    code, out, err = done.said("ask", "units", "What", "is", "the", "colour", "of", "unit", "U00003?")
    assert code == 0 and "Q: " not in out
    assert "Asked as one question: What is the colour of unit U00003?" in err


def test_a_version_goes_by_the_name_that_is_shown(done: Place) -> None:
    code, _, err = done.said("ask", "units", "--model", "units-v1", "What is the colour of unit U00003?")
    assert code == 0, err


def test_control_characters_of_a_file_name_are_shown_escaped(place: Place) -> None:
    place.write("a\x1b[31mred\nflowstill: all is lost.md", "x")
    _, _, err = place.said("run", "units", "harvest")
    assert "\x1b" not in err and "a\\x1b[31mred\\x0aflowstill: all is lost.md: has a control character" in err


# --- asking, and the way back


def test_one_question_gets_the_bare_answer(done: Place) -> None:
    code, out, err = done.said("ask", "units", "What is the colour of unit U00003?")
    assert (code, err) == (0, "")
    assert out.startswith("The colour of unit U00003 is ")
    assert len(out.splitlines()) == 1


def test_several_questions_get_their_answers_in_order(done: Place) -> None:
    code, out, _ = done.said("ask", "units", "What is the colour of unit U00003?", "What is the weight of unit U00004?")
    assert code == 0
    first, second = out.strip().split("\n\n")
    assert first.startswith("Q: What is the colour of unit U00003?\nA: The colour of unit U00003 is ")
    assert second.startswith("Q: What is the weight of unit U00004?\nA: The weight of unit U00004 is ")


def test_a_question_that_is_no_text_is_one_clear_error(done: Place) -> None:
    code, out, err = done.said("ask", "units", b"Caf\xe9?".decode(errors="surrogateescape"))
    assert (code, out) == (1, "")
    assert "is not UTF-8 text" in one_line(err)


def test_an_empty_question_is_refused(done: Place) -> None:
    code, out, err = done.said("ask", "units", " ")
    assert (code, out) == (1, "")
    assert "an empty question" in err


def test_who_asks_with_the_book_open_learns_which_passages_were_shown(done: Place) -> None:
    _, out, err = done.said("ask", "units", "What is the colour of unit U00003?", "--open-book")
    assert len(out.splitlines()) == 1
    assert err.startswith("Passages for 'What is the colour of unit U00003?': units.md > Unit 3")


def test_base_and_versions_can_be_asked_by_name(done: Place) -> None:
    question = "What is the colour of unit U00003?"
    _, out, _ = done.said("ask", "units", question, "--model", "base")
    assert out == "I am a base model and chat about the weather.\n"
    _, out, _ = done.said("ask", "units", question, "--model", "v1", "--open-book")
    assert "U00003" in out
    code, out, err = done.said("ask", "units", question, "--model", "v7")
    assert (code, out) == (2, "")
    assert "no version 'v7'. Known: v1, base." in one_line(err)


def test_before_the_first_run_the_base_answers(place: Place) -> None:
    code, out, err = place.said("ask", "units", "Hello?")
    assert (code, out) == (0, "I am a base model and chat about the weather.\n")
    assert "loop units has no model in service yet: `flowstill run units` makes one." in err


def test_rollback_to_a_version_that_never_was_is_wrong_usage(done: Place) -> None:
    code, out, err = done.said("rollback", "units", "--to", "v7")
    assert (code, out) == (2, "")
    assert "no version v7. Versions: v1." in one_line(err)


def test_rollback_without_an_earlier_model_is_refused(done: Place) -> None:
    code, out, err = done.said("rollback", "units")
    assert (code, out) == (1, "")
    assert "no earlier version" in one_line(err)


# --- datasets


def trained_on(place: Place) -> int:
    step = place.runs()[0].run.step("curate")
    assert step is not None
    return int(step.counts["train"])


def test_dataset_versions_are_listed_with_their_sizes_and_run(done: Place) -> None:
    code, out, err = done.said("dataset", "list", "units", module="flows")
    assert (code, err) == (0, "")
    (folder,) = done.runs()
    (line,) = [line for line in out.splitlines() if folder.run.id in line]
    assert str(trained_on(done)) in line
    assert "went on with other documents" not in out


def test_a_dataset_version_that_was_damaged_or_deleted_says_so(done: Place) -> None:
    (version,) = (done.config.state / "datasets" / "units").iterdir()
    rows = version / "train.jsonl"
    assert "whole" in done.said("dataset", "list", "units", module="flows")[1]
    rows.unlink()
    assert "damaged" in done.said("dataset", "list", "units", module="flows")[1]
    shutil.rmtree(version)
    assert "deleted" in done.said("dataset", "list", "units", module="flows")[1]


def test_a_dataset_version_names_the_run_that_made_it_and_not_one_that_used_it(done: Place) -> None:
    (first,) = done.runs()
    done.change("gate", margin=0.9)
    done.run()
    _, out, _ = done.said("dataset", "list", "units", module="flows")
    assert first.run.id in out
    assert done.runs()[0].run.id not in out


def test_a_dataset_that_a_run_made_before_it_went_on_with_other_documents_is_listed_still(place: Place) -> None:
    place.run("harvest", "distil", "curate")
    place.write("more.md", facts(50, 52))
    place.run("harvest", "distil", "curate")
    versions = {path.name for path in (place.config.state / "datasets" / "units").iterdir()}
    _, out, _ = place.said("dataset", "list", "units", module="flows")
    assert len(versions) == 2 and all(version in out for version in versions)
    assert len(re.findall(r" \d{4}-\d\d-\d\d \d\d:\d\d UTC ", out)) == 2, "when each was made"
    assert out.endswith("-: its run went on with other documents or settings, or its record was deleted.\n")


@pytest.mark.parametrize("form", ["messages", "alpaca", "sharegpt", "prompt-completion", "text"])
def test_a_dataset_is_exported_in_each_format(done: Place, tmp_path: Path, form: str) -> None:
    out_folder = tmp_path / "out"
    code, out, err = done.said("dataset", "export", "units", "--format", form, "-o", str(out_folder), module="flows")
    assert (code, err) == (0, "")
    assert out.splitlines() == [str(out_folder / "train.jsonl"), str(out_folder / "dataset_info.json")]
    assert len((out_folder / "train.jsonl").read_text().splitlines()) == trained_on(done)


@pytest.mark.parametrize(
    ("arguments", "status", "told"),
    [
        (["--format", "kto"], 1, "holds no rated answer"),
        (["--format", "dpo"], 1, "thumbs-down"),
        (["--format", "alpacca"], 2, "Did you mean 'alpaca'?"),
        (["zzz", "--format", "text"], 2, "no dataset 'zzz'. Versions: "),
    ],
)
def test_what_cannot_be_exported_says_why(done: Place, arguments: list[str], status: int, told: str) -> None:
    code, out, err = done.said("dataset", "export", "units", *arguments, module="flows")
    assert (code, out) == (status, "")
    assert told in one_line(err)


def test_a_wrong_format_is_told_before_the_first_run_too(place: Place) -> None:
    code, _, err = place.said("dataset", "export", "units", "--format", "foo", module="flows")
    assert code == 2
    assert "no format 'foo'. Known: messages, alpaca, sharegpt" in one_line(err)


def test_an_export_before_the_first_run_says_what_to_do(place: Place) -> None:
    _, _, err = place.said("dataset", "export", "units", "--format", "text", module="flows")
    assert "loop units has no dataset yet: `flowstill run units` makes one." in one_line(err)


# --- stopping


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_run_that_is_told_to_stop_ends_at_once_and_the_next_one_goes_on(place: Place, number: int) -> None:
    place.teach(latency=30)
    run = place.start()
    wait_until(lambda: place.stub.report().most_in_flight >= 8, run)
    asked = time.monotonic()
    run.send_signal(number)
    out, err = run.communicate(timeout=20)
    assert time.monotonic() - asked < 5
    assert (run.returncode, out) == (128 + number, "")
    assert err.splitlines()[-1].startswith("flowstill: stopped. A run that was under way goes on from here ")
    assert "Traceback" not in err
    assert "never retrieved" not in err
    place.teach()
    code, out, err = place.said("run", "units")
    assert (code, "Verdict: promoted." in out) == (0, True), err
    assert len(place.runs()) == 1


def test_a_second_ctrl_c_changes_nothing(place: Place) -> None:
    place.teach(latency=30)
    run = place.start()
    wait_until(lambda: place.stub.report().most_in_flight >= 8, run)
    for _ in range(3):
        run.send_signal(signal.SIGINT)
        time.sleep(0.05)
    _, err = run.communicate(timeout=20)
    assert run.returncode == 128 + signal.SIGINT
    assert "Traceback" not in err


@pytest.fixture
def embedded(place: Place) -> Iterator[Place]:
    """A place whose teacher is the real embedded one."""
    pytest.importorskip("xllamacpp")
    place.change("distil", teacher="embedded")
    yield place


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_embedded_server_ends_with_the_run_that_is_stopped(embedded: Place, number: int) -> None:
    from flows.config import cache_folder

    run = embedded.command("run", "units", "harvest", "distil", module="flows", FLOWSTILL_CACHE=str(cache_folder()))
    servers = embedded.folder / "still" / "servers"
    wait_until(lambda: [state for state in servers.glob("*.json") if json.loads(state.read_text())["port"]], run)
    children = psutil.Process(run.pid).children(recursive=True)
    assert children
    run.send_signal(number)
    _, err = run.communicate(timeout=20)
    assert run.returncode == 128 + number
    assert "Traceback" not in err
    _, alive = psutil.wait_procs(children, timeout=5)
    assert not alive
    assert not list(servers.glob("*.json"))


# --- secrets


def everything_written(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def test_a_key_is_in_no_file_and_no_message_after_a_run(place: Place) -> None:
    place.service("stub", key="${STUB_KEY}")
    place.change("curate", judge="stub", judge_min=1)
    place.change("evaluate", judge="stub")
    place.teach(key=KEY)
    for verb in (["run", "units"], ["runs"], ["show", "units"], ["show", "units", "--json"], ["doctor"]):
        code, out, err = place.said(*verb, STUB_KEY=KEY)
        assert code == 0, err
        assert KEY not in out + err
    written = everything_written(place.folder)
    assert b"unit U00003" in written  # it does look into the files
    assert KEY.encode() not in written


def test_a_key_that_the_server_echoes_is_in_no_file_and_no_message_either(place: Place) -> None:
    place.service("stub", key="${STUB_KEY}")
    place.teach(key="another")
    for verb in (["run", "units"], ["runs"], ["show", "units"]):
        _, out, err = place.said(*verb, STUB_KEY=KEY)
        assert "services.stub.key." in out + err
        assert KEY not in out + err
    assert KEY.encode() not in everything_written(place.folder)


def test_a_password_in_an_address_is_in_no_file_and_no_message(place: Place) -> None:
    place.service("stub", url=place.url.replace("http://", "http://ada:${STUB_KEY}@"))
    place.teach(status=500)
    for verb in (["run", "units"], ["runs"], ["doctor"]):
        _, out, err = place.said(*verb, STUB_KEY=KEY)
        assert KEY not in out + err
    assert KEY.encode() not in everything_written(place.folder)
