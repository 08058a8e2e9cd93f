"""Where the bench measures: a generated folder with its flowstill.yml, and a stub teacher in a process of its own."""

import json
import os
import random
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, Self

import msgspec
import psutil

from connectors.records import Record
from flows.config import Config, Loop, load_config
from flows.runs import all_runs
from flows.store import open_store
from tests.doubles.teacher import Report, Settings

ROOT = Path(__file__).parents[2]
IN_FLIGHT = 32
LATENCY = 0.2  # seconds, of every answer
PAIRS_PER_PASSAGE = 2
SAMPLE = 0.05  # seconds between two looks at a process's memory

_ATTRIBUTES = ("colour", "weight", "keeper", "shelf")
_FILLER = "Whoever moves it writes down the day and the reason in the book beside the door of the hall."


class Stub:
    """The stub teacher's process; `url` ends in /v1."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "tests.doubles.teacher"]
        self._process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.url = self._process.stdout.readline().strip()

    def behave(self, **settings: object) -> None:
        """From now on it behaves so (see its Settings), its counters at zero."""
        body = msgspec.json.encode(Settings(**{"latency": LATENCY, **settings}))  # type: ignore[arg-type]
        self._control(body)

    def report(self) -> Report:
        return msgspec.json.decode(self._control(), type=Report)

    def _control(self, body: bytes | None = None) -> bytes:
        url = self.url.removesuffix("/v1") + "/stub"
        with urllib.request.urlopen(urllib.request.Request(url, data=body)) as reply:
            said: bytes = reply.read()
        return said

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.communicate()


class Ran(NamedTuple):
    """One run of the command line."""

    started: float  # seconds since the epoch
    seconds: float
    peak_bytes: int  # resident, summed over the process tree
    code: int


class Place:
    """A folder as a user has it. Every passage becomes one call, every call two pairs."""

    def __init__(self, folder: Path, url: str, passages: int) -> None:
        self.folder, self.url = folder, url
        (folder / "documents").mkdir(parents=True)
        for first in range(0, passages, 10):
            units = range(first, min(first + 10, passages))
            text = "\n".join(_section(unit) for unit in units)
            (folder / "documents" / f"units-{first:05}.md").write_text(text)
        (folder / "flowstill.yml").write_text(json.dumps(_settings(url)))  # JSON is YAML

    @property
    def config(self) -> Config:
        return load_config(self.folder / "flowstill.yml", {})

    @property
    def loop(self) -> Loop:
        return self.config.loop("units")

    def start(self, *steps: str) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", "flows", "--config", str(self.folder / "flowstill.yml")]
        said = subprocess.DEVNULL
        command += ["run", "units", *steps]
        return subprocess.Popen(command, cwd=ROOT, stdout=said, stderr=said, env=environment())

    def run(self, *steps: str) -> Ran:
        started = time.time()
        child = self.start(*steps)
        peak = 0
        while True:
            peak = max(peak, _resident(child.pid))
            try:
                code = child.wait(SAMPLE)
            except subprocess.TimeoutExpired:
                continue
            return Ran(started, time.time() - started, peak, code)

    def step_seconds(self, name: str) -> float:
        """What run.json says that a step of the newest run took."""
        step = all_runs(self.config.state / "runs", "units")[0].run.step(name)
        assert step is not None
        return step.seconds

    def records(self) -> list[tuple[str, Record]]:
        store = open_store(self.config.state)
        found = list(store.records("units"))
        store.close()
        return found

    def kept(self, keys: Iterable[str]) -> int:
        """How many of these answers the journal holds."""
        store = open_store(self.config.state)
        found = sum(store.answer(key) is not None for key in keys)
        store.close()
        return found

    def pairs(self) -> list[tuple[str, str]]:
        """Question and answer of every pair of the newest run."""
        path = all_runs(self.config.state / "runs", "units")[0].path / "pairs.jsonl"
        rows = [msgspec.json.decode(line) for line in path.read_bytes().splitlines()]
        return [(row["question"], row["answer"]) for row in rows]


def environment() -> dict[str, str]:
    """As an installed flowstill starts: its bytecode is kept, also where an editable one is told to keep none."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


@contextmanager
def stub() -> Iterator[Stub]:
    with Stub() as started:
        started.behave()
        yield started


def _section(unit: int) -> str:
    """A passage of about 70 words with four facts of the form that the stub answers from."""
    draw = random.Random(unit)
    facts = [f"The {name} of unit U{unit:05} is {draw.randrange(10**6)}." for name in _ATTRIBUTES]
    return f"## Unit {unit}\n\n{' '.join(facts)} {_FILLER} {_FILLER}\n"


def _settings(url: str) -> dict[str, object]:
    service = {"kind": "openai", "url": url, "model": "stub", "in_flight": IN_FLIGHT}
    distil = {"teacher": "stub", "questions": PAIRS_PER_PASSAGE, "phrasings": 1, "follow_ups": False, "refusals": 0}
    loop = {"harvest": [{"folder": "documents"}], "distil": distil}
    return {"services": {"stub": service}, "loops": {"units": loop}}


def _resident(pid: int) -> int:
    total = 0
    try:
        parent = psutil.Process(pid)
        for process in [parent, *parent.children(recursive=True)]:
            total += process.memory_info().rss
    except psutil.NoSuchProcess:
        pass
    return total
