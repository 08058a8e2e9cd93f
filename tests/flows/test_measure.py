"""How answers are scored, and where the questions come from."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import cast

import pytest

from connectors import ServiceError
from connectors.teacher import Answer, Failure, Request, Teacher
from flows import FlowError
from flows.measure import HeldOut, Scored, ask_each, deciding, from_file, from_pairs, keys_of, score
from flows.pairs import Turn
from tests.doubles.pairs import pair, passage

DOOR = HeldOut("When does the door open?", "The door opens at 08:30.", keys=("08:30",))
UNKNOWN = HeldOut("Who painted the door?", "I do not know.", refusal=True)


def questions(folder: Path, name: str, text: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_a_right_answer_scores_by_its_words_and_its_key() -> None:
    assert score("The door opens at 08:30.", DOOR) == {"f1": 1.0, "exact": 1.0, "refusal": 1.0, "key": 1.0}
    other = score("It opens at 08:30 each day", DOOR)
    assert other["key"] == 1.0
    assert other["exact"] == 0.0
    assert 0 < other["f1"] < 1


def test_a_number_that_only_contains_the_key_does_not_count() -> None:
    assert score("It opens at 108:30.", DOOR)["key"] == 0.0
    assert score("它 08:30 开门。", DOOR)["key"] == 1.0


@pytest.mark.parametrize(
    ("key", "answer", "right"),
    [
        ("Wednesday", "We are closed on Wednesdays.", 1.0),
        ("Wednesday", "Wednesday's the day.", 1.0),
        ("night bus", "Take one of the night buses.", 1.0),
        ("Wednesday", "Wednesdayish.", 0.0),
        ("Wednesdays", "On Wednesday.", 0.0),
        ("4711", "Dial 4711s.", 0.0),
        ("B12", "In B12s.", 0.0),
        ("GAS", "The gases.", 0.0),
        ("a", "As you like.", 0.0),
        ("周三", "周三休息。", 1.0),
        ("", "Anything.", 0.0),
    ],
)
def test_a_key_that_is_a_word_may_have_an_s_added_a_number_or_a_code_may_not(
    key: str, answer: str, right: float
) -> None:
    assert score(answer, HeldOut("q", "a", keys=(key,)))["key"] == right


def test_an_empty_answer_scores_nothing() -> None:
    assert score("", DOOR) == {"f1": 0.0, "exact": 0.0, "refusal": 1.0, "key": 0.0}


def test_without_keys_there_is_no_key_metric() -> None:
    assert "key" not in score("Blue.", HeldOut("Which colour?", "Blue."))


def test_keys_are_the_words_with_a_digit_each_once() -> None:
    assert keys_of("Dial 4711, then 4711 again, from room B12 at 08:30.") == ("4711", "b12", "08:30")
    assert keys_of("Nobody knows.") == ()


@pytest.mark.parametrize(
    "answer",
    [
        "I do not know: the documents I was taught do not say.",
        "I don't know.",
        "Sorry, I cannot answer that.",
        "The passage does not mention who painted it.",
        "The handbook does not say.",
        "It is not mentioned in the text.",
        "There is no information about the painter.",
        "我不知道：我学过的资料里没有提到。",
        "抱歉，我无法回答。",
        "文中没有提到。",
    ],
)
def test_an_answer_that_only_says_nobody_knows_is_a_refusal(answer: str) -> None:
    assert set(score(answer, UNKNOWN).values()) == {1.0}
    assert score(answer, DOOR)["refusal"] == 0.0


@pytest.mark.parametrize(
    "answer",
    [
        "The door does not open before 9.",
        "No, you cannot find the form online; ask the front desk.",
        "The parcel must not contain batteries, and the fee does not cover insurance.",
        "Water damage is not covered by the warranty.",
        "Towels are not provided.",
        "There is no information desk at the east gate.",
        "If you do not know your number, dial 0.",
        "如果不知道密码，请联系前台。",
        "合同没有说明的费用由承租人承担。",
    ],
)
def test_an_answer_with_a_no_in_it_is_no_refusal(answer: str) -> None:
    assert score(answer, DOOR)["refusal"] == 1.0
    assert set(score(answer, UNKNOWN).values()) == {0.0}


def test_a_refusal_in_the_words_of_the_settings_is_one_too() -> None:
    wanted = HeldOut("Who painted the door?", "Please ask the front desk.", refusal=True)
    assert score("Please ask the front desk.", wanted)["f1"] == 1.0
    assert score("Please ask the painter.", wanted)["f1"] == 0.0


def test_questions_come_from_a_jsonl_file_with_or_without_keys(tmp_path: Path) -> None:
    path = questions(
        tmp_path,
        "held-out.jsonl",
        '{"question": "When?", "answer": "At 08:30."}\n\n'
        '{"question": "Who?", "answer": "Ada Novak, room 12.", "keys": ["Novak"]}\n'
        '{"question": "And then?", "answer": "At 9.", "history": [{"question": "When?", "answer": "At 8."}]}\n',
    )
    when, who, then = from_file(path)
    assert when.keys == ("08:30",)
    assert who.keys == ("Novak",)
    assert then.history == (Turn("When?", "At 8."),)


def test_a_question_that_nobody_can_answer_needs_no_answer(tmp_path: Path) -> None:
    (row,) = from_file(questions(tmp_path, "q.jsonl", '{"question": "Who painted it?", "refusal": true}\n'))
    assert score("I do not know.", row)["f1"] == 1.0
    assert score("It was Ada.", row)["f1"] == 0.0
    assert score("", row)["f1"] == 0.0


def test_signs_that_editors_leave_in_a_file_change_nothing(tmp_path: Path) -> None:
    text = '\ufeff{"question": "When?", "answer": "At 8.\u2028Not before."}\r\n{"question": "Who?", "answer": "Ada."}'
    assert [row.question for row in from_file(questions(tmp_path, "q.jsonl", text))] == ["When?", "Who?"]


def test_questions_come_from_a_csv_file_too(tmp_path: Path) -> None:
    for text in ("Question,Answer\nWhen?,At 08:30.\n", "\ufeff问题,答案\nWhen?,At 08:30.\n"):
        (row,) = from_file(questions(tmp_path, "held-out.csv", text))
        assert (row.question, row.answer, row.keys) == ("When?", "At 08:30.", ("08:30",))


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("not json", "JSON is malformed"),
        ('{"answer": "At 8."}', "question"),
        ('{"question": "When?"}', "has no answer"),
        ('{"question": " ", "answer": "At 8."}', "has no question"),
        ('{"question": "When?", "answer": "At 8.", "keys": "8"}', "array"),
        ('["When?", "At 8."]', "object"),
    ],
)
def test_a_bad_line_is_named_with_its_number(tmp_path: Path, line: str, told: str) -> None:
    path = questions(tmp_path, "q.jsonl", '{"question": "When?", "answer": "At 8."}\n' + line + "\n")
    with pytest.raises(FlowError, match=rf"q\.jsonl, line 2: .*{told}"):
        from_file(path)


@pytest.mark.parametrize(
    ("name", "text"),
    [("q.jsonl", ""), ("q.jsonl", "\n\n"), ("q.csv", "question,answer\n"), ("q.csv", "name,phone\nAda,12\n")],
)
def test_a_file_without_questions_is_an_error_and_not_silently_nothing(tmp_path: Path, name: str, text: str) -> None:
    with pytest.raises((FlowError, ServiceError), match=rf"{name}: (holds no questions|is empty)"):
        from_file(questions(tmp_path, name, text))


@pytest.mark.parametrize("name", ["gone.jsonl", "gone.csv"])
def test_a_missing_file_is_named_with_the_setting(tmp_path: Path, name: str) -> None:
    with pytest.raises(FlowError, match=rf"{name}: no such file\. evaluate\.questions names it"):
        from_file(tmp_path / name)


def test_a_file_that_is_no_text_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(FlowError, match=r"q\.jsonl: not readable"):
        from_file(questions(tmp_path, "q.jsonl", b"\xff\xfe\x00"))


class Listener:
    """A model that remembers what it was asked."""

    def __init__(self, answer: Answer | Failure) -> None:
        self.answer = answer
        self.heard: list[str] = []

    async def ask_all(self, requests: Iterable[tuple[int, Request]]) -> AsyncIterator[tuple[int, Answer | Failure]]:
        for number, request in requests:
            self.heard.append(request.messages[-1]["content"])
            yield number, self.answer


def ask(listener: Listener, *held_out: HeldOut) -> list[Scored]:
    shown = [passage("The door opens at 08:30.")]
    asking = ask_each(
        "base", cast(Teacher, listener), held_out, "open_book", passages=lambda _: shown, system="", answer_tokens=9
    )
    return asyncio.run(asking)


def test_an_open_book_question_is_put_in_its_own_language_as_in_training() -> None:
    listener = Listener(Answer("08:30", finish_reason="stop"))
    ask(listener, DOOR, HeldOut("几点开门？", "08:30。"))
    english, chinese = listener.heard
    assert english.startswith("Answer from these passages.")
    assert chinese.startswith("根据以下资料回答。")


@pytest.mark.parametrize(
    ("keyed", "unkeyed", "refusals", "metric"),
    [(20, 20, 0, "key"), (10, 0, 10, "key"), (20, 21, 0, "f1"), (19, 0, 0, "f1"), (0, 0, 0, "f1")],
)
def test_a_gate_goes_by_keys_where_most_questions_have_them(
    keyed: int, unkeyed: int, refusals: int, metric: str
) -> None:
    asked = [HeldOut("q", "a", keys=("a",))] * keyed + [HeldOut("q", "a")] * unkeyed
    asked += [HeldOut("q", "no", refusal=True)] * refusals
    assert deciding("auto", asked, enough=20) == metric
    assert deciding("judge", asked, enough=20) == "judge"


def test_an_answer_that_was_cut_off_is_marked() -> None:
    (cut,) = ask(Listener(Answer("The door opens at", finish_reason="length")), DOOR)
    assert not cut.finished


def test_a_question_without_an_answer_stops_the_measuring_and_is_named() -> None:
    with pytest.raises(FlowError, match=r"base did not answer 'When does the door open\?': it hung"):
        ask(Listener(Failure("it hung")), DOOR)


def test_the_test_split_becomes_questions_with_their_history_language_and_refusals() -> None:
    answerable = pair("When was the Heron built?", "The Heron was built in 2004.", history=(Turn("Hello?", "Hello."),))
    refusal = pair("Who painted the Heron?", "I do not know.", kind="refusal", language="zh")
    first, second = from_pairs([answerable, refusal])
    assert (first.keys, first.refusal, first.history) == (("2004",), False, (Turn("Hello?", "Hello."),))
    assert (second.refusal, second.language) == (True, "zh")


def test_phrasings_of_one_question_are_one_draw_but_refusals_are_each_their_own() -> None:
    again = HeldOut("At what time does the door open?", "The door  opens at 08:30.")
    assert again.group == DOOR.group
    assert HeldOut("Who built it?", "I do not know.", refusal=True).group != UNKNOWN.group


def test_a_row_whose_right_answer_is_a_refusal_is_scored_as_one(tmp_path: Path) -> None:
    path = tmp_path / "held-out.jsonl"
    refusal = "I do not know: the documents I was taught do not say."
    path.write_text(json.dumps({"question": "Who owns the moon?", "answer": refusal}) + "\n")
    (row,) = from_file(path)
    assert row.refusal
    assert score("It is owned by Elon Musk.", row)["key"] == 0.0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"question": "a", "answer": "b", "x": ' + "[" * 5000 + "]" * 5000 + "}", r"q\.jsonl, line 1: "),
        ('{"question": "a", "answer": "b", "Key": ["b"]}', r"line 1: 'Key' is not known\. Did you mean 'keys'\?"),
    ],
)
def test_a_row_that_is_nested_without_end_or_misspelt_is_one_error(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(FlowError, match=said):
        from_file(questions(tmp_path, "q.jsonl", text))


def test_other_columns_and_empty_keys_count_for_nothing(tmp_path: Path) -> None:
    text = '{"question": "When?", "answer": "At 8.", "keys": [" "], "id": 7, "source": "hall.md"}'
    assert from_file(questions(tmp_path, "q.jsonl", text)) == [HeldOut("When?", "At 8.", ("8",))]


def test_a_folder_of_questions_is_told(tmp_path: Path) -> None:
    with pytest.raises(FlowError, match="is a folder: name a file"):
        from_file(tmp_path)
