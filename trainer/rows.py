"""Training rows: JSONL in, token ids and labels out, with the loss on the answer alone."""

import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import msgspec

from trainer import TrainError

IGNORED = -100  # the label of a token that the loss leaves out


class Message(msgspec.Struct, frozen=True):
    role: Literal["system", "user", "assistant"]
    content: str


class Row(msgspec.Struct, frozen=True):
    """One conversation and the answer that is to be learnt; other keys of a row are ignored."""

    prompt: list[Message]
    completion: list[Message]


class Example(NamedTuple):
    input_ids: list[int]
    labels: list[int]  # IGNORED for the tokens of the prompt


def read(path: Path) -> list[Row]:
    """Raises TrainError naming file and line of the first row that is none."""
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise TrainError(f"{path}: the training rows cannot be read: {error.strerror}") from None
    rows = [_row(line, f"{path}:{number}") for number, line in enumerate(lines, start=1) if line.strip()]
    if not rows:
        raise TrainError(f"{path}: no rows. Training needs at least one question with its answer.")
    return rows


def _row(line: bytes, where: str) -> Row:
    try:
        row = msgspec.json.decode(line, type=Row)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise TrainError(f'{where}: expected {{"prompt": [..], "completion": [..]}}: {error}') from None
    if not row.prompt or not row.completion or not any(said.content.strip() for said in row.completion):
        raise TrainError(f"{where}: a row needs a prompt and an answer that is not empty.")
    return row


def encode(rows: Sequence[Row], tokenizer: Any, ends: Sequence[int]) -> list[Example]:
    """Render rows with the model's own chat template; `ends` are the tokens that may end an answer."""
    if not rows:
        return []
    tame = _taming(tokenizer)
    prompts = [tame(row.prompt) for row in rows]
    whole = [tame([*row.prompt, *row.completion]) for row in rows]
    before = tokenizer.apply_chat_template(prompts, add_generation_prompt=True)["input_ids"]
    after = tokenizer.apply_chat_template(whole)["input_ids"]
    return [_example(row, prompt, full, tokenizer, ends) for row, prompt, full in zip(rows, before, after, strict=True)]


def _taming(tokenizer: Any) -> Callable[[Sequence[Message]], list[dict[str, str]]]:
    """Messages as the chat template takes them: the tokens that begin and end turns are no text of a message.

    A document may hold `<|im_end|>`. With a blank in it, it is read as the characters it consists of; whole, it would
    end the turn, and teach the model what nobody wrote as a turn.
    """
    special = [token for token in tokenizer.all_special_tokens if len(token) > 2]

    def tame(messages: Sequence[Message]) -> list[dict[str, str]]:
        made = []
        for message in messages:
            content = message.content
            for token in special:
                content = content.replace(token, f"{token[0]} {token[1:]}")
            made.append({"role": message.role, "content": content})
        return made

    return tame


def _example(row: Row, prompt: list[int], whole: list[int], tokenizer: Any, ends: Sequence[int]) -> Example:
    question = row.prompt[-1].content[:80]
    if whole[: len(prompt)] != prompt:
        raise TrainError(
            f"the base model's chat template renders {question!r} differently when the answer follows "
            f"({tokenizer.decode(prompt[-8:])!r} is no part of it): the model would learn what it is never "
            "asked. Take another base model, or mend its chat_template."
        )
    if not set(ends) & set(whole[len(prompt) :]):
        raise TrainError(
            f"the base model's chat template puts no end token ({tokenizer.decode(list(ends))!r}) after the "
            f"answer to {question!r}: the model would never stop. Take another base model or mend it."
        )
    return Example(whole, [IGNORED] * len(prompt) + whole[len(prompt) :])


def end_tokens(base: Path, tokenizer: Any) -> list[int]:
    """Every token that ends an answer; a model may name several in its generation_config.json."""
    said = base / "generation_config.json"
    ends = msgspec.json.decode(said.read_bytes()).get("eos_token_id") if said.is_file() else None
    several = ends if isinstance(ends, list) else [ends]
    return sorted({tokenizer.eos_token_id, *several} - {None})


def fitting(examples: Sequence[Example], max_length: int, max_dropped: float) -> list[Example]:
    """The examples of at most `max_length` tokens; refuses when more than `max_dropped` of all are longer."""
    kept = [one for one in examples if len(one.input_ids) <= max_length]
    dropped = len(examples) - len(kept)
    if not kept or dropped > max_dropped * len(examples):
        longest = max(len(one.input_ids) for one in examples)
        raise TrainError(
            f"{dropped} of {len(examples)} rows are longer than max_length {max_length} (the longest has "
            f"{longest} tokens) and would be left out; max_dropped allows {max_dropped:.0%}. Set one of the "
            "two in the recipe, or split the passages smaller."
        )
    return kept


def order(rows: int, total: int, seed: int, keep: bool) -> list[int]:
    """Row numbers in the order of training: pass after pass, each shuffled anew unless the order is kept."""
    shuffle, picked = random.Random(seed), list[int]()
    while len(picked) < total:
        one_pass = list(range(rows))
        if not keep:
            shuffle.shuffle(one_pass)
        picked += one_pass
    return picked[:total]
