"""What a run does when nobody can hear it: its streams are full, closed, or closed half way."""

import os
import subprocess
import sys

import pytest

from tests.doubles.place import Place


def said(place: Place, redirect: str, *arguments: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a command that a shell starts with redirected streams."""
    command = [
        sys.executable,
        "-m",
        "tests.doubles.engine",
        "--config",
        str(place.folder / "flowstill.yml"),
        *arguments,
    ]
    done = subprocess.run(
        ["sh", "-c", f'"$@" {redirect}', "sh", *command],
        env=os.environ | {"FLOWSTILL_CACHE": str(place.folder / "cache")},
        capture_output=True,
        text=True,
        timeout=120,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("redirect", ["2>/dev/full", "2>&-", "<&- 2>&-"])
def test_a_run_whose_progress_nobody_hears_comes_to_its_end(place: Place, redirect: str) -> None:
    code, out, _ = said(place, redirect, "run", "units")
    assert (code, "Verdict: promoted." in out) == (0, True)
    assert place.runs()[0].run.status == "finished"
    assert said(place, redirect, "show", "nothing")[:2] == (2, "")


@pytest.mark.parametrize(
    ("redirect", "why"), [(">/dev/full", "No space left on device"), (">&-", "Bad file descriptor")]
)
def test_a_result_that_cannot_be_written_is_one_error_and_what_was_done_is_kept(
    place: Place, redirect: str, why: str
) -> None:
    for verb in (["run", "units"], ["show", "units"], ["--help"]):
        code, _, err = said(place, redirect, *verb)
        assert code == 1 and "Traceback" not in err
        told = f"flowstill: the result cannot be written to stdout: {why}. What was done is kept."
        assert err.splitlines()[-1] == told
    assert place.runs()[0].run.verdict == "promoted"


def test_who_reads_only_the_start_of_a_result_gets_no_error(place: Place) -> None:
    place.run()
    assert said(place, "| head -n 1", "show", "units")[2] == ""
