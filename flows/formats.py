"""Dataset versions in the formats of other tools, with LLaMA-Factory's dataset_info.json beside them.

TRL reads messages, prompt-completion, text, dpo and kto as they are. LLaMA-Factory reads every format by way of
dataset_info.json (https://github.com/hiyouga/LLaMA-Factory/blob/main/data/README.md). Where the two want different
shapes in one column (TRL lists of messages, LLaMA-Factory texts), the row has both.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from flows import FlowError, UsageError
from flows.config import nearest
from flows.curate import Curated
from flows.dataset import read
from flows.dialogue import Message, messages
from flows.duplicates import like
from flows.pairs import Pair
from flows.repeats import in_context
from flows.saving import write_atomically
from trainer.evaluate import words

Row = dict[str, Any]


class Format(NamedTuple):
    """How a dataset becomes rows, and what dataset_info.json says of them."""

    rows: Callable[[Curated], dict[str, list[Row]]]  # file -> rows
    info: dict[str, Any]
    missing: Callable[[Curated], str] = lambda _: "has no pairs."  # what to do when there are no rows


def export(path: Path, form: str, out: Path) -> list[Path]:
    """Write the version at `path` as `out`/train.jsonl ...; returns the files. Rows keep their lineage as columns."""
    chosen = named(form)
    curated = read(path)
    files = {name: rows for name, rows in chosen.rows(curated).items() if rows}
    if not files:
        raise FlowError(f"{path}: as {form} this dataset would be empty: it {chosen.missing(curated)}")
    info = {f"flowstill_{name}": {"file_name": f"{name}.jsonl", **chosen.info} for name in files}
    data = {f"{name}.jsonl": _lines(rows) for name, rows in files.items()}
    data["dataset_info.json"] = msgspec.json.format(msgspec.json.encode(info))
    try:
        out.mkdir(parents=True, exist_ok=True)
        _check_free(out)
        for name, text in data.items():
            write_atomically(out / name, text)
    except OSError as error:
        raise FlowError(f"{out}: the export could not be written: {error.strerror}.") from error
    return [out / name for name in data]


def _check_free(out: Path) -> None:
    """An export has a folder of its own: it overwrites nothing of others, and what lies beside it is no document."""
    info = out / "dataset_info.json"
    if any(out.iterdir()) and not (info.is_file() and b"flowstill_" in info.read_bytes()):
        raise FlowError(f"{out}: holds other files. Name an empty or a new folder, or that of an earlier export.")


def named(form: str) -> Format:
    """The format of that name; raises UsageError that names the nearest."""
    if form not in FORMATS:
        raise UsageError(f"no format '{form}'.{nearest(form, FORMATS)}")
    return FORMATS[form]


def _lines(rows: Sequence[Row]) -> bytes:
    return b"".join(msgspec.json.encode(row) + b"\n" for row in rows)


def _each(row: Callable[[Pair], Row]) -> Callable[[Curated], dict[str, list[Row]]]:
    """One row a pair, in a file a side."""

    def rows(curated: Curated) -> dict[str, list[Row]]:
        sides = {"train": curated.train, "validation": curated.validation, "test": curated.test}
        return {side: [{**row(pair), **_lineage(pair)} for pair in pairs] for side, pairs in sides.items()}

    return rows


def _lineage(pair: Pair) -> Row:
    """Texts and numbers only: a column must have one type in every row."""
    return {
        "id": pair.id,
        "kind": pair.kind,
        "document": pair.origin.document,
        "passages": " ".join(passage.sha256 for passage in pair.passages),
        "teacher": pair.teacher,
        "prompt_hash": pair.prompt_hash,
    }


def _asked(pair: Pair) -> list[Message]:
    return messages(pair.question, history=pair.history)


def _said(answer: str) -> list[Message]:
    return [{"role": "assistant", "content": answer}]


def _messages(pair: Pair) -> Row:
    return {"messages": [*_asked(pair), *_said(pair.answer)]}


def _instruction(pair: Pair) -> Row:
    return {
        "instruction": pair.question,
        "input": "",
        "history": [[turn.question, turn.answer] for turn in pair.history],
    }


def _alpaca(pair: Pair) -> Row:
    return {**_instruction(pair), "output": pair.answer}


def _sharegpt(pair: Pair) -> Row:
    names = {"user": "human", "assistant": "gpt"}
    said = [*_asked(pair), *_said(pair.answer)]
    return {"conversations": [{"from": names[one["role"]], "value": one["content"]} for one in said]}


def _prompt_completion(pair: Pair) -> Row:
    return {"prompt": _asked(pair), "completion": _said(pair.answer), **_alpaca(pair)}


def _text(pair: Pair) -> Row:
    turns = [(turn.question, turn.answer) for turn in pair.history] + [(pair.question, pair.answer)]
    return {"text": "\n\n".join(f"{question}\n{answer}" for question, answer in turns)}


def _dpo(curated: Curated) -> dict[str, list[Row]]:
    """Each thumbs-down answer beside the best answer to the same, or nearly the same, question."""
    return {"train": [_preference(bad, good) for bad, good in _contrasts(curated)]}


def _preference(bad: Pair, good: Pair) -> Row:
    row = {"prompt": _asked(bad), "chosen": _said(good.answer), "rejected": _said(bad.answer)}
    texts = {"chosen_text": good.answer, "rejected_text": bad.answer}
    return {**row, **_instruction(bad), **texts, **_lineage(good), "rejected_id": bad.id}


def _contrasts(curated: Curated) -> Iterator[tuple[Pair, Pair]]:
    answered = sorted(curated.train, key=_merit)
    threshold = curated.settings.get("near_duplicate", 0.8)
    alike = like([in_context(pair) for pair in curated.rejected], [in_context(p) for p in answered], threshold)
    for bad, candidates in zip(curated.rejected, alike, strict=True):
        good = (answered[n] for n in candidates if words(answered[n].answer) != words(bad.answer))
        if (best := next(good, None)) is not None:
            yield bad, best


def _no_contrasts(curated: Curated) -> str:
    if not (bad := len(curated.rejected)):
        return f"holds no thumbs-down answer. {_RATE}"
    said = f"holds {bad} thumbs-down answer{'s' if bad > 1 else ''}, but no better answer to the same question"
    if not (left_out := sum(one.reason == "not_selected" for one in curated.dropped)):
        return f"{said}. Harvest better answers to these questions."
    return f"{said}. It may be among what curate.select left out ({left_out}): raise curate.k, and curate again."


def _merit(pair: Pair) -> tuple[bool, bool, str]:
    """Answers that people liked come first, then those that people wrote."""
    return pair.rating <= 0, pair.kind != "human", pair.id


def _kto(curated: Curated) -> dict[str, list[Row]]:
    """Every rated answer by itself, good or bad."""
    rated = [pair for pair in curated.train if pair.rating > 0] + curated.rejected
    return {"train": [{**_prompt_completion(p), "label": p.rating > 0, **_lineage(p)} for p in rated]}


_ALPACA = {"prompt": "instruction", "query": "input", "response": "output", "history": "history"}
_COMPARED = {"prompt": "instruction", "query": "input", "history": "history"}
_OPENAI = {
    "role_tag": "role",
    "content_tag": "content",
    "user_tag": "user",
    "assistant_tag": "assistant",
    "system_tag": "system",
}
_RATE = "Harvest questions and answers with a `rating` column (1 or -1), or export `messages`."

FORMATS = {
    "messages": Format(
        _each(_messages), {"formatting": "sharegpt", "columns": {"messages": "messages"}, "tags": _OPENAI}
    ),
    "alpaca": Format(_each(_alpaca), {"formatting": "alpaca", "columns": _ALPACA}),
    "sharegpt": Format(_each(_sharegpt), {"formatting": "sharegpt", "columns": {"messages": "conversations"}}),
    "prompt-completion": Format(_each(_prompt_completion), {"formatting": "alpaca", "columns": _ALPACA}),
    "dpo": Format(
        _dpo,
        {
            "formatting": "alpaca",
            "ranking": True,
            "columns": {**_COMPARED, "chosen": "chosen_text", "rejected": "rejected_text"},
        },
        _no_contrasts,
    ),
    "kto": Format(
        _kto,
        {"formatting": "alpaca", "columns": {**_ALPACA, "kto_tag": "label"}},
        lambda _: f"holds no rated answer. {_RATE}",
    ),
    "text": Format(_each(_text), {"formatting": "alpaca", "columns": {"prompt": "text"}}),
}
