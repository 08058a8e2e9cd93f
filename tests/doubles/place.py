"""A folder with documents, a config and a stub teacher, as a user would have them, around the faked engine."""

import io
import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

from flows.config import Config, load_config
from flows.loop import run_loop
from flows.progress import Progress
from flows.runs import RunFolder, all_runs
from flows.store import Store, open_store
from tests.doubles.teacher import Settings, StubTeacher

Process = subprocess.Popen[str]
ATTRIBUTES = ("colour", "weight", "keeper", "shelf")


def facts(first: int, last: int) -> str:
    """Sections of the form the stub teacher finds facts in, four facts a unit."""
    sections = []
    for unit in range(first, last):
        random.seed(unit)
        said = [f"The {a} of unit U{unit:05} is {random.randrange(10**6)}." for a in ATTRIBUTES]
        sections.append(f"## Unit {unit}\n\n{' '.join(said)}\n")
    return "\n".join(sections)


def asked(text: str, start: str) -> list[dict[str, Any]]:
    """Held-out questions about the facts of a text, phrased as nobody trained them."""
    sentences = [s for s in text.replace("\n", " ").split(". ") if " of unit " in s]
    rows = []
    for sentence in sentences:
        subject, _, value = sentence[sentence.index("The ") + 4 :].partition(" is ")
        rows.append({"question": f"{start} the {subject}?", "answer": f"The {subject} is {value.rstrip('. ')}."})
    return rows


class Place:
    """A folder with documents, a config and a stub teacher, as a user would have them."""

    def __init__(self, folder: Path, url: str, stub: StubTeacher) -> None:
        self.folder, self.stub, self.url = folder, stub, url
        self.documents = folder / "documents"
        self.documents.mkdir()
        self.write("units.md", facts(0, 12))
        held_out = asked(facts(0, 12), "Who can say what is")
        (folder / "held-out.jsonl").write_text("".join(json.dumps(row) + "\n" for row in held_out))
        self.configure()

    def teach(self, **behaviour: Any) -> None:
        """From now on the teacher behaves so; what it counted stays."""
        self.stub.settings = Settings(**behaviour)

    def write(self, name: str, text: str) -> None:
        (self.documents / name).write_text(text)

    def configure(self, **distil: Any) -> None:
        """The settings as they were at first, but for these of `distil`."""
        self.settings: dict[str, Any] = {
            "services": {"stub": {"kind": "openai", "url": self.url, "model": "stub", "in_flight": 8}},
            "loops": {
                "units": {
                    "harvest": [{"folder": "documents"}],
                    "distil": {"teacher": "stub", "questions": 4, "phrasings": 1, "refusals": 0} | distil,
                    "curate": {"test": 0, "validation": 0, "groundedness": 0.3},
                    "evaluate": {"questions": "held-out.jsonl"},
                    "gate": {"metric": "key", "min_questions": 10},
                }
            },
        }
        self._save()

    def change(self, section: str, **values: Any) -> None:
        """Set keys of a section of the loop."""
        loop = self.settings["loops"]["units"]
        loop[section] = loop.get(section, {}) | values
        self._save()

    def service(self, name: str, **values: Any) -> None:
        """Set keys of a service, or add one."""
        services = self.settings["services"]
        services[name] = services.get(name, {}) | values
        self._save()

    def base(self, source: str) -> None:
        """Train another base model."""
        self.settings["recipes"] = {"mine": {"base": source}}
        self.settings["loops"]["units"]["recipe"] = "mine"
        self._save()

    def _save(self) -> None:
        (self.folder / "flowstill.yml").write_text(json.dumps(self.settings))  # JSON is YAML

    @property
    def config(self) -> Config:
        return load_config(self.folder / "flowstill.yml", {})

    def run(self, *steps: str, fire: str = "", progress: Progress | None = None) -> RunFolder:
        told = progress or Progress(io.StringIO())
        with self.store() as store:
            return run_loop(self.config, "units", store, self.folder / "cache", told, steps, fire)

    def store(self) -> "Opened":
        return Opened(self.config)

    def runs(self) -> list[RunFolder]:
        return all_runs(self.config.state / "runs", "units")

    def start(self, **environment: str) -> Process:
        """A run in a process of its own."""
        return self.command("run", "units", **environment)

    def command(self, *arguments: str, module: str = "tests.doubles.engine", **environment: str) -> Process:
        """`flowstill ARGUMENTS` in this place; `module="flows"` is the real one, with nothing faked."""
        return subprocess.Popen(
            [sys.executable, "-m", module, "--config", str(self.folder / "flowstill.yml"), *arguments],
            env=os.environ | {"FLOWSTILL_CACHE": str(self.folder / "cache")} | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def said(self, *arguments: str, **options: str) -> tuple[int, str, str]:
        """Exit code, stdout and stderr of a command that ends by itself."""
        process = self.command(*arguments, **options)
        out, err = process.communicate(timeout=120)
        return process.returncode, out, err


class Opened:
    """The store for a `with` block."""

    def __init__(self, config: Config) -> None:
        self.store: Store = open_store(config.state)

    def __enter__(self) -> Store:
        return self.store

    def __exit__(self, *_: object) -> None:
        self.store.close()
