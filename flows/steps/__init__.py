"""The steps of a loop, a module each: `inputs` says what its result depends on, `do` does it.

They are glue between the run's record and the modules that do the work.
"""

from typing import Any, Protocol

from flows.runs import Step
from flows.steps import curate, distil, evaluate, export, gate, harvest, promote, train
from flows.steps.questions import held_out, read_answers
from flows.summary import write_report
from flows.work import Work


class StepPlan(Protocol):
    """What a step's module offers. `inputs` returns JSON-able values; None means: look anew in every run."""

    def inputs(self, work: Work) -> Any: ...
    def do(self, work: Work, step: Step) -> None: ...


STEPS: dict[str, StepPlan] = {
    "harvest": harvest,
    "distil": distil,
    "curate": curate,
    "train": train,
    "export": export,
    "evaluate": evaluate,
    "gate": gate,
    "promote": promote,
}


def report(work: Work) -> None:
    """Write report.html over whatever the run has come to."""
    step = work.run.step("evaluate")
    if step and step.status == "done":
        write_report(work, held_out(work), read_answers(work))
    else:
        write_report(work, [], [])
