"""Train an adapter on the dataset, in the trainer's own process."""

from pathlib import Path
from typing import Any

import msgspec

from flows import FlowError, dataset
from flows.runs import Step
from flows.saving import write_atomically
from flows.steps.engine import UNSLOTH, base, in_trainer, prepared_base
from flows.work import Work
from trainer import backend, jobs

SHOWN = ("rows", "dropped", "steps", "tokens", "train_loss", "eval_loss", "peak_memory_bytes")


def inputs(work: Work) -> Any:
    options = work.loop.curate
    data = [work.output("curate", "sha256"), work.loop.system, options.open_book, options.order, options.seed]
    return [data, work.config.recipe(work.loop.recipe), base(work).sha256]


def do(work: Work, step: Step) -> None:
    recipe, folder = work.config.recipe(work.loop.recipe), work.folder.path / "train"
    choice = backend.choose(recipe, str(work.cache / UNSLOTH))
    work.progress.say(f"train: {choice.name} on {choice.device} ({choice.why})")
    job = jobs.TrainJob(
        recipe=recipe,
        base=str(prepared_base(work)),
        train=_rows(work, "train", folder),
        validation=_rows(work, "validation", folder),
        out=str(folder),
        backend=choice.backend,
        keep_order=work.loop.curate.order == "easy_to_hard",
    )
    done = in_trainer(work, "train", job, folder, python=choice.python)
    metrics = msgspec.json.decode((folder / "metrics.json").read_bytes())
    if metrics["train_loss"] is None:  # JSON has no other word for what is no number
        raise FlowError("the training loss is no finite number: try a lower learning_rate in the recipe.")
    step.counts = {key: metrics[key] for key in SHOWN if metrics.get(key) is not None}
    if again := metrics["rows"] + metrics.get("dropped", 0) - work.folder.number("curate", "train"):
        step.counts["open_book"] = int(again)
    step.counts |= {"backend": choice.name, "device": choice.device, "why": choice.why}
    step.outputs = {
        "adapter": work.relative(Path(done["artefact"])),
        "sha256": done["sha256"],
        "metrics": work.relative(folder / "metrics.json"),
    }


def _rows(work: Work, side: str, folder: Path) -> str:
    """The path of a split as the trainer reads it; empty when the split is."""
    folder.mkdir(parents=True, exist_ok=True)
    options = work.loop.curate
    pairs = getattr(dataset.read(work.path("curate", "dataset")), side)
    rows = dataset.training_rows(pairs, system=work.loop.system, open_book=options.open_book, seed=options.seed)
    data = b"".join(msgspec.json.encode(row) + b"\n" for row in rows)
    path = folder / f"{side}.jsonl"
    write_atomically(path, data)
    return str(path) if data else ""
