"""Greedy answers of a model in memory: the reference that its exported file is compared with."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from trainer import TrainError
from trainer.events import Say
from trainer.rows import Message

BATCH = 16


class Prompt(msgspec.Struct, frozen=True):
    messages: list[Message]


def answers(model: Any, tokenizer: Any, prompts: Path, out: Path, tokens: int, ends: list[int], say: Say) -> None:
    """Write {"messages", "answer"} lines in the order of `prompts`; at most `tokens` tokens an answer."""
    asked = [_prompt(line, f"{prompts}:{n}") for n, line in enumerate(_lines(prompts), start=1)]
    tokenizer.padding_side = "left"  # so that every answer starts at the same column
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    by_length = sorted(range(len(asked)), key=lambda i: sum(len(m.content) for m in asked[i].messages))
    answered: dict[int, str] = {}
    for start in range(0, len(asked), BATCH):
        batch = by_length[start : start + BATCH]
        said = _greedy(model, tokenizer, [asked[i] for i in batch], tokens, ends)
        answered |= dict(zip(batch, said, strict=True))
        say("step", step=len(answered), of=len(asked))
    rows = [{"messages": one.messages, "answer": answered[i]} for i, one in enumerate(asked)]
    out.write_bytes(b"".join(msgspec.json.encode(row) + b"\n" for row in rows))


def _lines(path: Path) -> list[bytes]:
    try:
        return path.read_bytes().splitlines()
    except OSError as error:
        raise TrainError(f"{path}: the prompts cannot be read: {error.strerror}") from None


def _prompt(line: bytes, where: str) -> Prompt:
    try:
        return msgspec.json.decode(line, type=Prompt)
    except msgspec.DecodeError as error:
        raise TrainError(f'{where}: expected {{"messages": [..]}}: {error}') from None


def _greedy(model: Any, tokenizer: Any, asked: Sequence[Prompt], tokens: int, ends: list[int]) -> list[str]:
    import torch
    from transformers import GenerationConfig

    chats = [msgspec.to_builtins(one.messages) for one in asked]
    inputs = tokenizer.apply_chat_template(
        chats, add_generation_prompt=True, padding=True, return_dict=True, return_tensors="pt"
    )
    # Written out, since a model may bring sampling or a repetition penalty that no server knows of.
    greedy = GenerationConfig(
        max_new_tokens=tokens,
        do_sample=False,
        eos_token_id=ends,
        pad_token_id=tokenizer.pad_token_id,
    )
    with torch.inference_mode():
        said = model.generate(**inputs, generation_config=greedy)
    return [
        text.strip()
        for text in tokenizer.batch_decode(said[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
    ]
