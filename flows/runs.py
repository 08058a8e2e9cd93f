"""Run folders: `runs/<loop>/<run id>/run.json` says what each step read, made and cost."""

import shutil
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from connectors.records import sha256
from flows import FlowError
from flows.saving import HALF_WRITTEN, write_atomically

Count = int | float | str


class Spent(msgspec.Struct):
    """What a step's questions to a paid service took."""

    calls: int = 0  # those that were under way at a kill -9 are not known, nor what they cost
    tokens: int = 0  # prompt and answer together
    cost: float = 0.0
    currency: str = ""  # of the service's prices, if it has some

    def __add__(self, more: "Spent") -> "Spent":
        currency = self.currency or more.currency
        return Spent(self.calls + more.calls, self.tokens + more.tokens, self.cost + more.cost, currency)


class Step(msgspec.Struct):
    """One step of a run. With the same `input_hash` and status `done` it need not be done again."""

    name: str
    input_hash: str
    status: Literal["running", "done", "failed"] = "running"
    started: datetime | None = None  # the last try; None once one that broke off is counted
    seconds: Annotated[float, msgspec.Meta(ge=0, le=1e9)] = 0.0  # of all tries of this run, as are `spent`
    counts: dict[str, Count] = {}
    outputs: dict[str, str] = {}  # what later steps read: hashes, and paths relative to the state folder
    spent: Spent = msgspec.field(default_factory=Spent)  # by all tries of this run, those that were killed included
    reused: str = ""  # id of the run that did it
    error: str = ""
    lost: list[str] = []  # what this run could not read or make here, a line each
    notes: list[str] = []  # what else a person should know of it


class Run(msgspec.Struct):
    """What `run.json` holds."""

    loop: str
    id: str
    created: str
    status: Literal["running", "finished", "failed"] = "running"
    fire: str = ""  # the time the schedule asked for, ISO 8601, UTC
    verdict: Literal["", "promoted", "refused"] = ""
    why: str = ""
    steps: list[Step] = []

    def step(self, name: str) -> Step | None:
        return next((step for step in self.steps if step.name == name), None)

    @property
    def at(self) -> Step | None:
        """The step that is being done; those after it that say `running` broke off in an earlier try."""
        return next((step for step in self.steps if step.status == "running"), None)

    @property
    def notes(self) -> list[str]:
        """What the steps told, each once."""
        return list(dict.fromkeys(line for step in self.steps for line in step.notes))

    @property
    def lost(self) -> list[str]:
        """What the run went on without."""
        return [line for step in self.steps for line in step.lost]


class RunFolder:
    """The folder of one run and its record; `save` replaces run.json in one move, never half of it."""

    def __init__(self, path: Path, run: Run) -> None:
        self.path, self.run = path, run
        self.repeated = False  # it was asked for again, and nothing was new

    def save(self) -> None:
        self.path.mkdir(parents=True, exist_ok=True)
        write_atomically(self.path / "run.json", msgspec.json.format(msgspec.json.encode(self.run)))

    def put(self, step: Step) -> None:
        """Record a step in the place of its earlier record, if there is one."""
        known = [one.name for one in self.run.steps]
        if step.name in known:
            self.run.steps[known.index(step.name)] = step
        else:
            self.run.steps.append(step)
        self.save()

    def output(self, step: Step, key: str) -> str:
        """What a step that is done left under a name; raises FlowError when run.json says nothing of it."""
        if key not in step.outputs:
            record = self.path.parent / (step.reused or self.run.id) / "run.json"
            raise FlowError(
                f"{record}: step '{step.name}' says nothing of its '{key}'. Delete that folder and run again."
            )
        return step.outputs[key]

    def number(self, step: str, key: str) -> float:
        """A figure that a step counted; raises FlowError when run.json, which people can edit, holds none there."""
        found = self.run.step(step)
        value = found.counts.get(key) if found else None
        if not isinstance(value, int | float):
            wrong = f"is {value!r}, not a number" if value is not None else "is missing"
            raise FlowError(f"{self.path / 'run.json'}: step '{step}': '{key}' {wrong}. Put it right, or run anew.")
        return value

    def count_broken_off(self) -> None:
        """What a process that was killed could not write down: it worked until it wrote its last file."""
        last = max((path.stat().st_mtime for path in self.path.rglob("*") if path.is_file()), default=0.0)
        for step in self.run.steps:
            if step.status == "running" and step.started:
                step.seconds = round(step.seconds + max(last - step.started.timestamp(), 0.0), 3)
                step.started = None
                step.spent = self._last_spent(step)

    def ledger(self, step: str) -> Path:
        """Where a step that asks a paid service says after each answer what it has spent."""
        return self.path / f"{step}.spent"

    def _last_spent(self, step: Step) -> Spent:
        with suppress(OSError, ValueError, IndexError):  # there is none, or the disk was full: the record is near it
            return msgspec.json.decode(self.ledger(step.name).read_bytes().splitlines()[-1], type=Spent)
        return step.spent

    def tidy(self) -> None:
        """Remove what a process that was killed had not finished writing; the loop's lease keeps others out."""
        for left in self.path.rglob(".*"):
            if HALF_WRITTEN.fullmatch(left.name):
                left.unlink()

    def forget(self) -> None:
        """Remove the folder of a run that did nothing."""
        shutil.rmtree(self.path)


def all_runs(folder: Path, loop: str) -> list[RunFolder]:
    """The runs of a loop, newest first. A folder that was copied under another name is none of them."""
    paths = sorted((folder / loop).glob("*/run.json"), reverse=True)
    found = [RunFolder(path.parent, _read(path)) for path in paths]
    return [one for one in found if one.path.name == one.run.id and _time(one.run.id)]


def new_run(folder: Path, loop: str, fire: str = "") -> RunFolder:
    """Its id is its time, and later than all before it: also when the clock was set back, the newest comes last."""
    identity = _identity(datetime.now(UTC))
    if (earlier := all_runs(folder, loop)) and (last := _time(earlier[0].run.id)):
        identity = max(identity, _identity(last + timedelta(milliseconds=1)))
    return RunFolder(folder / loop / identity, Run(loop=loop, id=identity, created=now_text(), fire=fire))


def _identity(time: datetime) -> str:
    return time.strftime("%Y%m%dT%H%M%S") + f"{time.microsecond // 1000:03d}Z"


def _time(identity: str) -> datetime | None:
    """None: that is no run's name. One of the last year that there is would have no run after it."""
    try:
        time = datetime.strptime(f"{identity[:-1]}000", "%Y%m%dT%H%M%S%f").replace(tzinfo=UTC)
    except ValueError:
        return None
    return time if time.year < datetime.max.year else None


def now_text() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def digest(*parts: Any) -> str:
    """sha256 over the JSON of `parts`: the same settings and inputs give the same text."""
    return sha256(msgspec.json.encode(parts, order="deterministic").decode())


def _read(path: Path) -> Run:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Run)
    except (ValueError, RecursionError, OSError) as error:
        raise FlowError(f"{path}: not a run record: {error}. Move the folder away to go on without it.") from None
