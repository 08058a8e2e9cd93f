"""The steps in order over a run folder. What is done is not done again; a run goes on where it broke."""

import errno
import hashlib
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from connectors import ServiceError
from flows import FlowError, RowsLostError, UsageError, steps
from flows.config import Config, nearest
from flows.leases import only_one
from flows.models import check_models
from flows.progress import Progress
from flows.promote import registries, settle
from flows.runs import Run, RunFolder, Spent, Step, all_runs, digest, new_run
from flows.store import Store, require
from flows.work import NotDoneError, Work
from trainer import TrainError

HASHED = (".jsonl", ".gguf")  # files whose hash stands beside them; 145 MB take a tenth of a second

# What a step may fail with through no fault of ours. Anything else is a bug and leaves with its traceback.
EXPECTED = (FlowError, ServiceError, TrainError, OSError)


def run_loop(
    config: Config,
    name: str,
    store: Store,
    cache: Path,
    progress: Progress,
    only: Sequence[str] = (),
    fire: str = "",
) -> RunFolder:
    """Do the steps that are not done yet; returns the run, or the earlier one when nothing is new.

    Raises RowsLostError, after everything else is done, when documents or rows were lost on the way.
    """
    config.loop(name)
    _known(only)
    check_models(config, name)
    with only_one(store, f"loop:{name}", f"a run of loop {name}", wait=bool(fire)):
        earlier = all_runs(config.state / "runs", name)
        if fire and (done := _finished(earlier, fire)):
            done.repeated = True
            return done
        broken_off = _unfinished(earlier)
        folder = broken_off or new_run(config.state / "runs", name, fire)
        others = [one for one in earlier if one.run.id != folder.run.id]
        work = Work(config, name, store, cache, progress, folder)
        if broken_off:
            progress.say(f"Going on with run {folder.run.id}.")
        with _disk_explained(config.state):
            settle(name, registries(config, name), store, progress.say)
            folder.count_broken_off()
            folder.tidy()
            folder.run.status, folder.run.why = "running", ""
            folder.save()
            _do_steps(work, others, only)
            done = _end(work, others, only)
        if work.lost:
            raise RowsLostError(_without(work.run), done)
        return done


def _do_steps(work: Work, earlier: Sequence[RunFolder], only: Sequence[str]) -> None:
    if only and earlier and not work.run.steps:
        _take_over(work, earlier[0], only)
    for name in [name for name in steps.STEPS if name in only] or steps.STEPS:
        with _failure_recorded(work, name):
            depends_on = steps.STEPS[name].inputs(work)
            input_hash = digest(depends_on) if depends_on is not None else ""
            if input_hash and _is_done(work, work.run.step(name), input_hash):
                continue
            if input_hash and (reusable := _reusable(work, earlier, name, input_hash)):
                work.folder.put(reusable)
                continue
            _do(work, name, input_hash)


def _take_over(work: Work, last: RunFolder, only: Sequence[str]) -> None:
    """What the last run made, as it is, up to the last of the named steps: whoever names steps wants no others done."""
    work.progress.say(f"Doing {', '.join(only)} on what run {last.run.id} left.")
    named = [name in only for name in steps.STEPS]
    before = list(steps.STEPS)[: len(named) - 1 - named[::-1].index(True)]
    for step in last.run.steps:
        if step.name in before and step.name not in only and step.status == "done":
            work.folder.put(_reused(step, last))


@contextmanager
def _failure_recorded(work: Work, name: str) -> Iterator[None]:
    """A step that fails for a reason we know leaves it in the run's record and its report."""
    try:
        yield
    except NotDoneError:
        if _did_nothing(work):
            work.folder.forget()
        raise
    except EXPECTED as error:
        record = work.run.step(name) or Step(name=name, input_hash="", started=datetime.now(UTC))
        if record.status != "done":  # what was done stays so, even if what it depends on cannot be read now
            record.status, record.error = "failed", str(error)
        work.run.status, work.run.why = "failed", f"{name}: {error}"
        if work.lost:
            work.progress.say(f"flowstill: {_without(work.run)}")  # as the error that follows begins
        with suppress(*EXPECTED):  # a full disk has no room for its own story, and a broken file is no part of it
            work.folder.put(record)
            steps.report(work)
        raise


def _do(work: Work, name: str, input_hash: str) -> None:
    before = work.run.step(name)
    record = Step(name=name, input_hash=input_hash, started=datetime.now(UTC))
    if before and not before.reused:
        record.spent, record.seconds = before.spent, before.seconds
        if not input_hash:  # it looks anew, and what it told holds as long as it finds the same
            record.outputs, record.notes = before.outputs, before.notes
    work.folder.put(record)
    earlier = record.seconds
    started = time.monotonic()
    try:
        steps.STEPS[name].do(work, record)
        require(work.config.state)
        record.status = "done"
    finally:
        record.seconds = round(earlier + time.monotonic() - started, 3)
        if record.status != "done":
            record.started = None
        work.folder.put(record)


@contextmanager
def _disk_explained(state: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        what = "the disk is full" if error.errno == errno.ENOSPC else str(error)
        advice = "run again when it is mended: what was stored is kept, answers that were under way are asked again"
        raise FlowError(f"{what}. State is in {state}; {advice}.") from error


def _is_done(work: Work, step: Step | None, input_hash: str) -> bool:
    """Done with the same inputs, nothing lost on the way, and its files still there as they were written."""
    if step is None or step.status != "done" or step.input_hash != input_hash or step.counts.get("lost"):
        return False
    files = [work.config.state / value for value in step.outputs.values() if "/" in value]
    return all(path.exists() and _as_written(work, path, step) for path in files)


def _as_written(work: Work, path: Path, step: Step) -> bool:
    """By its hash where the step wrote one file; folders only need to be there: who reads them looks closer."""
    if path.suffix not in HASHED or _sha256(path) == step.outputs.get("sha256"):
        return True
    work.progress.say(f"{step.name}: {path} is not what was written; it is made anew")
    return False


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _reusable(work: Work, earlier: Sequence[RunFolder], name: str, input_hash: str) -> Step | None:
    """The same step of the earlier run that did it with the same inputs, marked as taken from there."""
    for folder in earlier:
        step = folder.run.step(name)
        if step and not step.reused and _is_done(work, step, input_hash):
            return _reused(step, folder)
    return None


def _reused(step: Step, folder: RunFolder) -> Step:
    """A step of the run in `folder` as the record of another run shows it: what it made, but no time and no cost."""
    return msgspec.structs.replace(
        step, seconds=0.0, spent=Spent(), lost=[], notes=[], reused=step.reused or folder.run.id
    )


def _did_nothing(work: Work) -> bool:
    """Looking at the sources is nothing yet."""
    return all(step.reused for step in work.run.steps if step.name != "harvest")


def _end(work: Work, earlier: Sequence[RunFolder], only: Sequence[str]) -> RunFolder:
    """Close the run; one that came to nothing new leaves no trace and gives way to the run it repeats."""
    complete = {step.name for step in work.run.steps if step.status == "done"} == set(steps.STEPS)
    if (complete or only) and (before := _repeated(work, earlier)):
        _charge(before, work.run)
        work.folder.forget()
        before.repeated = True
        return before
    if complete:
        _finish(work)
    work.folder.save()
    steps.report(work)
    return work.folder


def _repeated(work: Work, earlier: Sequence[RunFolder]) -> RunFolder | None:
    """The run before, if it had the same results and this one only looked at the sources and asked for what was lost.

    None of those before that: `show`, and named steps, mean the newest run.
    """
    looked = all(step.reused or step.name == "harvest" or step.counts.get("lost") for step in work.run.steps)
    if looked and earlier and all(_result(s) == _result(earlier[0].run.step(s.name)) for s in work.run.steps):
        return earlier[0]
    return None


def _result(step: Step | None) -> Any:
    """What a step came to, wherever its files are; two verdicts may be the same for other reasons."""
    if step is None:
        return None
    hashes = {key: value for key, value in step.outputs.items() if "/" not in value}
    return step.status, step.input_hash, hashes, [step.counts.get(kind, 0) for kind in ("unreadable", "lost")]


def _charge(kept: RunFolder, repeating: Run) -> None:
    """What was asked again in vain was paid for: the run that stays says so."""
    for step in repeating.steps:
        if (known := kept.run.step(step.name)) and step.spent.calls:
            known.spent += step.spent
            kept.save()


def _without(run: Run) -> str:
    shown = "".join(f"\n  {line}" for line in run.lost[:10])
    more = f"\n  and {len(run.lost) - 10} more, see the report" if run.lost[10:] else ""
    return f"the run went on without {_counted(run)}:{shown}{more}"


def _counted(run: Run) -> str:
    """What is lost, in words: the sources lose documents and rows, whoever asks a model loses answers."""
    documents = sum(len(step.lost) for step in run.steps if step.name == "harvest")
    answers = len(run.lost) - documents
    said = f"{documents} document{_s(documents)} or row{_s(documents)}" if documents else ""
    return " and ".join(filter(None, [said, f"{answers} answer{_s(answers)}" if answers else ""]))


def _s(count: int) -> str:
    return "" if count == 1 else "s"


def _finish(work: Work) -> None:
    work.run.status = "finished"
    work.run.verdict = "promoted" if work.output("gate", "verdict") == "promoted" else "refused"
    gate = work.run.step("gate")
    work.run.why = str(gate.counts.get("why", "")) if gate else ""


def _unfinished(earlier: Sequence[RunFolder]) -> RunFolder | None:
    return earlier[0] if earlier and earlier[0].run.status != "finished" else None


def _finished(earlier: Sequence[RunFolder], fire: str) -> RunFolder | None:
    return next((one for one in earlier if one.run.fire == fire and one.run.status == "finished"), None)


def _known(only: Sequence[str]) -> None:
    for name in only:
        if name not in steps.STEPS:
            raise UsageError(f"no step '{name}'.{nearest(name, steps.STEPS)}")
