"""Everything heavy around the loop, faked: the trainer, the GGUF tools, the model servers. The loop itself is real.

`install` puts the fakes in place. A fake model is a text file: `base` knows nothing, a trained one knows the answers
of the training rows it was made from, so a test can tell what was trained on what.
"""

import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from connectors import modelhub, packages
from connectors.local import LocalModels
from connectors.modelhub import Base
from connectors.teacher import Answer, Journal, Request
from flows import cli, models, promote
from flows.steps import engine
from trainer import backend, evaluate, jobs


def install(patch: Callable[[Any, str, Any], None]) -> None:
    """`patch(object, name, value)`: pytest's monkeypatch.setattr, or plain setattr in a child process."""
    patch(modelhub, "resolve", lambda source, cache, note=None, **_: _base(cache))
    patch(modelhub, "located", lambda source, cache, note=None, **_: (_base(cache).path, "base"))
    patch(packages, "fetch", lambda package, cache, note=None: cache)
    patch(engine, "run_trainer", run_trainer)
    patch(
        backend,
        "choose",
        lambda recipe, python: backend.Choice("trl", "fake", "python", "no device", "a test"),
    )
    patch(models, "open_gguf", open_gguf)
    patch(promote, "LocalModels", FakeModels)
    for name in ("harvest", "curate"):
        module = sys.modules[f"flows.steps.{name}"]
        patch(module, name, _mortal(name, getattr(module, name)))


def _base(cache: Path) -> Base:
    path = cache / "base.gguf"
    if not path.exists():
        cache.mkdir(parents=True, exist_ok=True)
        path.write_text("{}")
    return Base("base", path, "0" * 64, "gguf")


def _mortal(moment: str, work: Callable[..., Any]) -> Callable[..., Any]:
    def wrapped(*arguments: Any, **options: Any) -> Any:
        result = work(*arguments, **options)
        die_in(moment)
        return result

    return wrapped


def run_trainer(command: str, job: Any, folder: Path, **_: Any) -> dict[str, Any]:
    die_in(command)
    commands: dict[str, Callable[[Any], dict[str, Any]]]
    commands = {"prepare": _prepare, "train": _train, "export": _export, "score": _score}
    return commands[command](job)


def die_in(moment: str) -> None:
    """kill -9 of this very process, at the moment the environment names, once."""
    flag = os.environ.get("DIE_FLAG")
    if os.environ.get("DIE_IN") == moment and flag and not Path(flag).exists():
        Path(flag).touch()
        os.kill(os.getpid(), signal.SIGKILL)


def _prepare(job: jobs.PrepareJob) -> dict[str, Any]:
    Path(job.out).mkdir(parents=True, exist_ok=True)
    (Path(job.out) / "config.json").write_text("{}")
    return {"event": "done"}


def _train(job: jobs.TrainJob) -> dict[str, Any]:
    rows = [json.loads(line) for line in Path(job.train).read_text().splitlines()]
    known = {row["prompt"][-1]["content"]: row["completion"][0]["content"] for row in rows}
    adapter = Path(job.out) / "adapter"
    adapter.mkdir(parents=True, exist_ok=True)
    (adapter / "known.json").write_text(json.dumps(known, sort_keys=True))
    metrics = {"rows": len(rows), "dropped": 0, "steps": 2, "tokens": 9, "train_loss": 1.0, "versions": {}}
    (Path(job.out) / "metrics.json").write_text(json.dumps(metrics | {"loss_history": [{"step": 1, "loss": 1.0}]}))
    return {
        "event": "done",
        "artefact": str(adapter),
        "sha256": engine.file_hash(adapter / "known.json"),
    }


def _export(job: jobs.ExportJob) -> dict[str, Any]:
    out = Path(job.out)
    out.mkdir(parents=True, exist_ok=True)
    made = out / f"{job.name}.{job.quantise}.gguf"
    made.unlink(missing_ok=True)  # as the real exporter does: the file may be linked to a version in service
    made.write_text((Path(job.adapter) / "known.json").read_text() if job.adapter else "{}")
    details = {"fallback": 0, "sha256": engine.file_hash(made)}
    (out / "export.json").write_text(json.dumps(details))
    known = json.loads(made.read_text())
    prompts = [json.loads(line) for line in Path(job.prompts).read_text().splitlines()] if job.prompts else []
    answers = [row | {"answer": _answer(known, row["messages"])} for row in prompts]
    (out / "reference.jsonl").write_text("".join(json.dumps(row) + "\n" for row in answers))
    return {"event": "done", "file": str(made)}


def _score(job: jobs.ScoreJob) -> dict[str, Any]:
    rows = Path(job.rows).read_text().splitlines()
    losses = {name: [1.0 + (name == "base")] * len(rows) for name in ("base", *job.adapters)}
    Path(job.out).write_text(json.dumps(losses))
    return {"event": "done"}


def _answer(known: dict[str, str], messages: list[dict[str, str]]) -> str:
    """The answer to the trained question that shares the most words, if it shares at least half."""
    asked = set(evaluate.words(messages[-1]["content"]))
    best, share = "I am a base model and chat about the weather.", 0.5
    for question, answer in known.items():
        words = set(evaluate.words(question))
        if words and len(asked & words) / len(words | asked) >= share:
            best, share = answer, len(asked & words) / len(words | asked)
    return best


class FakeModel:
    """What a served model offers, answering out of a text file."""

    def __init__(self, path: Path, alias: str, journal: Journal | None) -> None:
        self.known: dict[str, str] = json.loads(path.read_text())
        self.model, self.journal = alias, journal

    async def ask(self, request: Request) -> Answer:
        return Answer(_answer(self.known, request.messages), model=self.model, finish_reason="stop")

    async def ask_all(self, requests: Iterable[tuple[Any, Request]]) -> AsyncIterator[tuple[Any, Answer]]:
        for number, (key, request) in enumerate(requests):
            if number == 1:
                die_in("evaluate")
            yield key, await self.ask(request)


@asynccontextmanager
async def open_gguf(path: Path, alias: str, *, journal: Journal | None = None, **_: Any) -> AsyncIterator[Any]:
    yield FakeModel(path, alias, journal)


class FakeModels(LocalModels):
    """Real files and aliases, no server."""

    def chat(self, name: str, messages: list[dict[str, str]], max_tokens: int) -> str:
        die_in("promote")
        path = self.folder / f"{self.current(name) or name}.gguf"
        return _answer(json.loads(path.read_text()), messages)


if __name__ == "__main__":
    install(setattr)  # and then it is the command flowstill
    sys.argv[0] = "flowstill"
    cli.main()
