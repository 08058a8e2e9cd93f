"""What becomes of training rows before a model sees them."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.doubles.trainer import row, write_rows
from trainer import TrainError, rows

END = 3


class Chat:
    """A tokenizer that knows one token a character and four to mark turns; `late` breaks its template."""

    eos_token_id = END
    all_special_tokens = ("<|end|>",)

    def __init__(self, *, late: bool = False, ends: bool = True) -> None:
        self.late, self.ends = late, ends

    def apply_chat_template(
        self, chats: Sequence[list[dict[str, str]]], add_generation_prompt: bool = False
    ) -> dict[str, Any]:
        return {"input_ids": [self._render(chat) + [2] * add_generation_prompt for chat in chats]}

    def _render(self, chat: list[dict[str, str]]) -> list[int]:
        ids = [9] if self.late and chat[-1]["role"] == "assistant" else []
        for said in chat:
            ids += [2 if said["role"] == "assistant" else 1, *map(ord, said["content"]), *[END] * self.ends]
        return ids

    def decode(self, ids: list[int]) -> str:
        return "".join(map(chr, ids))


def encoded(question: str, answer: str, chat: Chat) -> rows.Example:
    one = msgspec.convert(row(question, answer), rows.Row)
    return rows.encode([one], chat, [END])[0]


def test_only_the_answer_and_its_end_have_labels() -> None:
    example = encoded("ab", "cd", Chat())
    assert example.input_ids == [1, 97, 98, END, 2, 99, 100, END]
    assert example.labels == [-100] * 5 + [99, 100, END]


def test_a_token_that_ends_turns_is_only_text_in_a_message() -> None:
    example = encoded("ab", "c<|end|>d", Chat())
    assert "".join(map(chr, example.input_ids[5:-1])) == "c< |end|>d"


def test_a_template_that_renders_the_question_otherwise_when_answered_is_refused() -> None:
    with pytest.raises(TrainError, match="'ab' differently when the answer follows"):
        encoded("ab", "cd", Chat(late=True))


def test_a_template_that_never_ends_an_answer_is_refused() -> None:
    with pytest.raises(TrainError, match="would never stop"):
        encoded("ab", "cd", Chat(ends=False))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", ":2: expected"),
        ('{"prompt": []}', "completion"),
        ('{"conversations": [{"from": "human", "value": "?"}]}', "prompt"),
        ('{"prompt": [{"role": "human", "content": "?"}], "completion": []}', "'human'"),
        ('{"prompt": [], "completion": [{"role": "assistant", "content": "!"}]}', "not empty"),
        (
            '{"prompt": [{"role": "user", "content": "?"}], "completion": [{"role": "assistant", "content": " "}]}',
            "empty",
        ),
        ("\udcff".encode("utf-8", "surrogateescape").decode("latin-1"), "expected"),
    ],
)
def test_a_broken_row_is_named_by_file_and_line(tmp_path: Path, line: str, said: str) -> None:
    path = tmp_path / "train.jsonl"
    path.write_bytes(msgspec.json.encode(row("?", "!")) + b"\n" + line.encode("latin-1") + b"\n")
    with pytest.raises(TrainError) as caught:
        rows.read(path)
    assert f"{path}:2: " in str(caught.value) and said in str(caught.value)


def test_no_rows_at_all_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(TrainError, match="no rows"):
        rows.read(Path(write_rows(tmp_path / "train.jsonl", [])))
    with pytest.raises(TrainError, match="cannot be read"):
        rows.read(tmp_path / "none.jsonl")


def lengths(*several: int) -> list[rows.Example]:
    return [rows.Example([1] * length, [1] * length) for length in several]


def test_rows_that_are_too_long_are_left_out_up_to_the_share_that_the_recipe_allows() -> None:
    examples = lengths(*[10] * 98, 11, 12)
    assert len(rows.fitting(examples, 10, 0.02)) == 98
    with pytest.raises(TrainError, match=r"3 of 101 rows .* max_length 10 \(the longest has 99 tokens\)"):
        rows.fitting([*examples, *lengths(99)], 10, 0.02)


def test_no_share_allows_to_leave_out_every_row() -> None:
    with pytest.raises(TrainError, match="2 of 2 rows"):
        rows.fitting(lengths(9, 9), 5, 1.0)


def test_every_pass_shows_each_row_once_in_a_new_order() -> None:
    order = rows.order(5, 12, seed=0, keep=False)
    passes = [order[:5], order[5:10]]
    assert all(sorted(one) == [0, 1, 2, 3, 4] for one in passes) and passes[0] != passes[1]
    assert order == rows.order(5, 12, seed=0, keep=False) != rows.order(5, 12, seed=1, keep=False)
    assert max(Counter(order).values()) == 3


def test_a_curriculum_keeps_its_order() -> None:
    assert rows.order(3, 7, seed=0, keep=True) == [0, 1, 2, 0, 1, 2, 0]


def test_all_the_tokens_that_a_model_may_end_with_count(tmp_path: Path) -> None:
    assert rows.end_tokens(tmp_path, Chat()) == [END]
    (tmp_path / "generation_config.json").write_text('{"eos_token_id": [7, 3]}')
    assert rows.end_tokens(tmp_path, Chat()) == [3, 7]
