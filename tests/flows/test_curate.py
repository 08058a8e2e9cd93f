"""What is fit to learn from, where it goes, and why the rest was dropped."""

import random

import msgspec
import pytest

from flows.config import Curate
from flows.curate import Curated, curate
from flows.filters import script
from flows.pairs import Pair, Turn
from flows.repeats import same_question
from tests.doubles.pairs import fleet, human, pair

ALL = Curate(validation=0.0, test=0.0)
SHIP = pair("How many people fit on the Kittiwake?", "The Kittiwake carries 148 people.")


def dropped(pairs: list[Pair], options: Curate = ALL, held_out: tuple[str, ...] = (), **judged: float) -> list[str]:
    return sorted(one.reason for one in curate(pairs, held_out, options, judged).dropped)


def kept(pairs: list[Pair], options: Curate = ALL, held_out: tuple[str, ...] = ()) -> set[str]:
    return {one.question for one in curate(pairs, held_out, options).train}


def test_every_pair_is_kept_or_dropped_for_a_reason() -> None:
    pairs = [*fleet(), SHIP, human("How many?", "148", rating=-1), pair("Why?", "")]
    found = curate(pairs, ["When was the Heron built?"], Curate())
    ids = [one.id for side in (found.train, found.validation, found.test) for one in side]
    assert sorted([*ids, *(one.pair for one in found.dropped)]) == sorted(one.id for one in pairs)


def test_the_same_question_and_answer_is_kept_once_and_people_come_first() -> None:
    asked = human("how many people fit on the kittiwake", "the Kittiwake carries 148 people")
    found = curate([SHIP, asked], [], ALL)
    assert [one.kind for one in found.train] == ["human"]
    assert [(one.pair, one.reason) for one in found.dropped] == [(SHIP.id, "duplicate")]


def test_near_duplicates_go_but_other_phrasings_and_other_facts_stay() -> None:
    long = "Could you please tell me in which year the old car ferry {} was built and by which yard {}?"
    pairs = [
        pair(long.format("Margit", "exactly"), "It was built by Holm in 1963."),
        pair(long.format("Margit", "then"), "It was built by Holm in 1963."),
        pair("Who built the Margit, and when?", "It was built by Holm in 1963."),
        pair(long.format("Petrel", "exactly"), "It was built by Holm in 1999."),
    ]
    assert dropped(pairs) == ["near_duplicate"]
    assert len(kept(pairs)) == 3


def test_a_held_out_question_that_was_asked_before_goes_with_its_conversation() -> None:
    turn = Turn(SHIP.question, SHIP.answer)
    later = pair("And how many cars?", "It takes 12 cars.", kind="follow_up", history=(turn,), text="It takes 12 cars.")
    assert dropped([later], held_out=(SHIP.question,)) == ["held_out"]


def test_a_held_out_question_behind_a_greeting_goes() -> None:
    asked = f"Hello dear team. Please can you tell me this: {SHIP.question.lower()}"
    assert dropped([pair(asked, SHIP.answer)], held_out=(SHIP.question,)) == ["held_out"]


def test_personal_data_in_a_heading_is_blanked_like_that_in_the_text() -> None:
    found = pair("What does it cost?", "It costs 7 euro.", text="It costs 7 euro.")
    headed = msgspec.structs.replace(found.passages[0], headings=("Write to bob.builder@megacorp.com",))
    (row,) = curate([msgspec.structs.replace(found, passages=(headed,))], [], ALL).train
    assert row.passages[0].headings == ("Write to [email]",)


def test_a_follow_up_is_its_question_in_its_conversation() -> None:
    first, other = Turn("When was the Margit built?", "In 1963."), Turn("When was the Heron built?", "In 2004.")
    pairs = [
        pair("And by whom?", "By Holm.", kind="follow_up", history=(turn,), text="By Holm. In 1963. In 2004.")
        for turn in (first, other)
    ]
    assert dropped(pairs) == []


@pytest.mark.parametrize(
    "asked",
    [
        "How many people fit on the Kittiwake?",
        "how many PEOPLE fit on the kittiwake",
        "How many people will fit on the Kittiwake?",
        "How many persons fit on the Kittiwake?",
    ],
)
def test_what_is_asked_in_the_evaluation_is_not_trained_on(asked: str) -> None:
    assert dropped([pair(asked, SHIP.answer)], held_out=(SHIP.question,)) == ["held_out"]


@pytest.mark.parametrize(
    "asked",
    [
        "What is the capacity of the Kittiwake?",
        "How many people fit on the Margit?",  # another ship is another fact
        "The Kittiwake: how large a party may board her?",
    ],
)
def test_a_paraphrase_of_an_evaluation_question_stays(asked: str) -> None:
    assert kept([pair(asked, SHIP.answer)], held_out=(SHIP.question,)) == {asked}


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("海鸥号渡轮最多可以载多少名乘客？", "海鸥号渡轮最多可以载多少名乘客呢", True),
        ("海鸥号渡轮最多可以载多少名乘客？", "白鹭号渡轮最多可以载多少名乘客？", False),
        ("How long is pier 3 at the harbour?", "How long is pier 4 at the harbour?", False),
        ("Which one?", "Which ship?", False),
    ],
)
def test_an_edited_word_is_the_same_question_unless_it_is_what_is_asked_about(one: str, other: str, same: bool) -> None:
    assert same_question(one, other) is same


def test_an_answer_must_rest_on_its_passage() -> None:
    text = "The Kittiwake - a steel vessel - carries 148 people."
    fit = pair("How many?", "148 people", text=text, quote="the kittiwake, a steel  vessel, carries 148")
    made_up = pair("How many then?", "148 people", text=text, quote="It carries 148 people gladly")
    elsewhere = pair("What colour?", "A cheerful shade of dark blue", text=text, quote="a steel vessel")
    unquoted = pair("How many in all?", "It carries 148 people.", text=text, quote=" ")
    verbatim = pair("What is she?", "A steel vessel", text=text, quote="")
    none = pair("Where is it?", "At the quay", passages=(), quote="")
    found = curate([fit, made_up, elsewhere, unquoted, verbatim, none], [], ALL)
    assert {one.id for one in found.train} == {fit.id, verbatim.id}
    assert {one.pair: one.detail for one in found.dropped if one.reason == "ungrounded"} == {
        made_up.id: "the quote is not in the passage",
        elsewhere.id: "17% of its words are in the passage",
        unquoted.id: "no quote",
        none.id: "no passage",
    }


@pytest.mark.parametrize("said", ["The ferry carries 148 people.", "Capacity of the ferry", "渡轮可载一百四十八人。"])
def test_a_statement_of_the_teacher_is_no_question_but_people_ask_in_keywords(said: str) -> None:
    text = "The ferry carries 148 people. 渡轮可载一百四十八人。"
    written = pair(said, "148 people", text=text, quote="carries 148 people", language="")
    assert dropped([written])[:1] == ["no_question"]
    assert dropped([human("capacity ferry", "148 people")]) == []


@pytest.mark.parametrize(
    "stuck", ["answer" + "1" * 90, "渡轮走到路上，" + "跑上一段，" * 30 + "？", "the end of " * 20 + "?"]
)
def test_what_a_stuck_teacher_wrote_goes_but_a_list_stays(stuck: str) -> None:
    assert dropped([pair(stuck, "148 people", kind="refusal")])[:1] == ["repetitive"]
    assert dropped([human(stuck, "148 people")]) != ["repetitive"]
    listed = (
        "The boats are the Heron, the Kittiwake, the Margit, the Skua, the Tern and the Petrel; all carry 148 people."
    )
    assert "repetitive" not in dropped([pair("Which boats are there, and whom do they carry?", listed, text=listed)])


def test_what_the_judge_finds_poor_goes_and_its_score_is_kept_with_the_rest() -> None:
    poor, good = pair("How large is it?", "148 people."), SHIP
    found = curate([poor, good], [], ALL, {poor.id: 2.0, good.id: 5.0})
    assert [(one.pair, one.reason) for one in found.dropped] == [(poor.id, "judged_low")]
    assert found.train[0].scores == {"judge": 5.0}


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (human("How old?", ""), "too_short"),
        (human("???", "An answer"), "too_short"),
        (human("How old?", "x" * 1501), "too_long"),
        (human("How old is the ferry now?", "I'm sorry, but I cannot answer that."), "refusal"),
        (human("渡轮是哪一年建造的？", "资料里没有提到。", language="zh"), "refusal"),
        (human("渡轮是哪一年建造的？请回答。", "It was built in the year 1963 by Holm."), "language"),
        (pair("How many people fit on board?", "一共可以载一百四十八名乘客", quote=""), "language"),
        (human("How old?", "It is very old", rating=-1), "thumbs_down"),
    ],
)
def test_unfit_rows_go_with_the_reason(row: Pair, reason: str) -> None:
    text = "The ferry carries one hundred and forty-eight people across."
    if row.passages:
        row = pair(row.question, row.answer, text=text, quote="")
    assert dropped([row]) == [reason]


@pytest.mark.parametrize(
    "row",
    [
        human("Are dogs allowed?", "Sorry, no dogs on board."),
        human("Is rust covered?", "Damage from salt water is not covered."),
        human("这艘渡轮叫什么名字？请告诉我。", "Kittiwake", language="zh"),
        pair("What is the moon made of?", "I do not know.", kind="refusal", quote=""),
    ],
)
def test_answers_that_only_look_unfit_stay(row: Pair) -> None:
    assert dropped([row]) == []


def test_what_another_document_answers_is_not_taught_as_unanswerable() -> None:
    row = pair("What is the moon made of?", "I do not know.", kind="refusal", quote="")
    (gone,) = curate([row], (), ALL, answered={row.id: "moon.md tells"}).dropped
    assert (gone.reason, gone.detail) == ("answerable", "moon.md tells")


def test_only_the_wanted_languages_stay() -> None:
    rows = [
        human("渡轮是哪一年建造的？", "一九六三年建造的。", language="zh"),
        human("How old is it, please?", "It is old."),
    ]
    assert dropped(rows, Curate(languages=("zh",), test=0, validation=0)) == ["language"]
    assert dropped(rows, Curate(languages=("zh", "en"), test=0, validation=0)) == []
    assert [script(text) for text in ("これは何ですか", "渡轮是哪一年", "When was it built?")] == [
        "kana",
        "han",
        "latin",
    ]


def test_paraphrases_of_a_rejected_answer_go_with_it() -> None:
    down = human("How old is the Margit?", "Nobody knows.", rating=-1)
    again = human("What is the age of the Margit?", "Nobody knows.", kind="paraphrase", parent=down.id)
    found = curate([down, again], [], ALL)
    assert [one.reason for one in found.dropped] == ["thumbs_down", "thumbs_down"]
    assert found.rejected == [down]


def test_a_paraphrase_that_asks_something_else_goes_even_when_its_original_is_held_out() -> None:
    asked = human("How many people fit on the Kittiwake?", "It carries 148 people.")
    restated = [
        msgspec.structs.replace(asked, question=question, kind="paraphrase", parent=asked.id)
        for question in (
            "What is the capacity of the Kittiwake?",
            "How many fit on board?",
            "Many fit on the Kittiwake.",
        )
    ]
    found = curate([asked, *restated], [asked.question], ALL)
    assert [one.question for one in found.train] == ["What is the capacity of the Kittiwake?"]
    assert {one.detail for one in found.dropped if one.reason == "changed_meaning"} == {"lost kittiwake", "no question"}


def test_personal_data_is_blanked_everywhere_dropped_or_kept() -> None:
    row = pair("Whom do I ask?", "Ask anna@ferry.example.", comment="by anna@ferry.example")
    child = human("Who?", "Call +44 20 7946 0958.", kind="paraphrase", parent=row.id)
    redacted = curate([row, child], [], ALL).train
    assert b"anna" not in msgspec.json.encode(redacted)
    assert {one.parent for one in redacted} == {"", next(one.id for one in redacted if not one.parent)}
    assert dropped([row], Curate(personal_data="drop", test=0, validation=0)) == ["personal_data"]
    assert kept([row], Curate(personal_data="keep", test=0, validation=0)) == {row.question}
    allowed = curate([row], [], Curate(allow=("anna@ferry.example",), test=0, validation=0)).train
    assert allowed == [row]


def sides(found: Curated) -> dict[str, str]:
    return {one.id: side for side in ("train", "validation", "test") for one in getattr(found, side)}


def test_no_document_and_no_question_stands_on_two_sides() -> None:
    found = curate(fleet(), [], Curate(test=0.3, validation=0.2))
    documents = [{one.origin.document for one in side} for side in (found.train, found.validation, found.test)]
    assert all(documents)
    assert not documents[0] & documents[1] and not documents[0] & documents[2] and not documents[1] & documents[2]
    shared = [pair("When do you sail?", f"At {hour}.", document=f"{hour}.md") for hour in ("nine", "ten")]
    assert curate(shared, [], ALL).components == 1


def test_the_same_question_about_another_ship_joins_nothing() -> None:
    assert curate(fleet(), [], ALL).components == 6
    ships = [
        pair(f"{n}号渡轮最多可以载多少名乘客？", "一百", document=n, text="一百") for n in ("海鸥", "白鹭", "黑鸦")
    ]
    assert curate(ships, [], ALL).components == 3


def coded(numbers: range) -> list[Pair]:
    return [pair(f"Code of {n:x}?", f"It is {n * 7919}.", document=f"{n}.md") for n in numbers]


def test_unrelated_rows_move_nothing_to_another_side() -> None:
    options = Curate(test=0.3, validation=0.2)
    before, after = (sides(curate(coded(range(size)), [], options)) for size in (40, 80))
    assert {key: after[key] for key in before} == before


def test_the_shares_are_met_about() -> None:
    found = curate(coded(range(600)), [], Curate(test=0.2, validation=0.1))
    total = len(found.train) + len(found.validation) + len(found.test)
    assert 0.15 < len(found.test) / total < 0.25
    assert 0.06 < len(found.validation) / total < 0.14


@pytest.mark.parametrize("seed", range(30))
def test_most_of_what_there_is_to_learn_is_trained_on(seed: int) -> None:
    large = [pair(f"Code of {n:x}?", f"It is {n * 7919}.", document="all.md") for n in range(60)]
    small = [pair(f"Where lies {n:x}?", f"At {n * 7907}.", document=f"{n}.md") for n in range(20)]
    found = curate([*large, *small], [], Curate(seed=seed))
    assert len(found.train) >= 60
    assert len(curate(large, [], Curate(seed=seed)).train) == 60


@pytest.mark.parametrize("seed", range(10))
def test_one_answer_is_not_trained_on_in_one_phrasing_and_tested_in_another(seed: int) -> None:
    rows = [human(f"What is code {n:x}?", f"Code {n} is {n * 7919}.", row=n) for n in range(40)]
    same = [human(f"Wording{n} quite{n} different{n}?", "The desk opens at 08:30.", row=50 + n) for n in range(6)]
    found = curate([*rows, *same], [], Curate(test=0.3, seed=seed))
    sides = [side for side in (found.train, found.validation, found.test) if any("desk" in row.answer for row in side)]
    assert len(sides) == 1


def test_one_document_is_all_training_and_a_small_base_still_has_a_test() -> None:
    alone = curate(fleet()[:5], [], Curate())
    assert (len(alone.train), alone.validation, alone.test, alone.components) == (5, [], [], 1)
    assert curate(fleet(), [], Curate(seed=3)).test


def test_nothing_is_lost_to_a_test_that_is_not_wanted() -> None:
    found = curate(fleet(), ["Something else?"], ALL)
    assert len(found.train) == len(fleet()) and not found.test and not found.validation


def test_rows_of_a_table_are_documents_of_their_own() -> None:
    rows = [human(f"What is code {n}?", f"Code {n} is {n * 7919}.", row=n) for n in range(40)]
    assert curate(rows, [], Curate()).components > 1


def test_the_order_of_arrival_plays_no_part() -> None:
    pairs = [*fleet(), SHIP, human("How many?", "148", rating=-1)]
    expected = curate(pairs, ["When was the Heron built?"], Curate())
    random.Random(1).shuffle(pairs)
    assert curate(pairs, ["When was the Heron built?"], Curate()) == expected


def test_longest_and_diverse_choose_k_and_say_what_they_left() -> None:
    same = [human(f"Say {n}, again please?", f"The ferry leaves the quay at nine, {n}.", row=n) for n in range(8)]
    other = human("Are dogs allowed?", "Yes.", row=9)
    wordy = human(
        "Tell me all?", "There is very much to tell about the old ferry and the people who sail on her.", row=10
    )
    for select, wanted in (("longest", wordy), ("diverse", other)):
        options = msgspec.convert({"select": select, "k": 3, "test": 0, "validation": 0}, Curate)
        found = curate([*same, other, wordy], [], options)
        assert wanted in found.train
        assert len(found.train) == 3
        assert [one.reason for one in found.dropped] == ["not_selected"] * 7


def test_easy_to_hard() -> None:
    rows = [
        human("One more thing?", "Short.", difficulty="hard"),
        human("How does this work?", "A rather long answer.", difficulty="easy", row=2),
        human("Who is that?", "Brief one.", difficulty="easy", row=3),
    ]
    found = curate(rows, [], Curate(order="easy_to_hard", test=0, validation=0)).train
    assert [one.answer for one in found] == ["Brief one.", "A rather long answer.", "Short."]


@pytest.mark.parametrize("rows", [[], [SHIP], [SHIP, SHIP, SHIP]])
def test_few_rows_and_nothing_but_duplicates(rows: list[Pair]) -> None:
    found = curate(rows, [], Curate())
    assert len(found.train) == min(len(rows), 1)
    assert [one.reason for one in found.dropped] == ["duplicate"] * (len(rows) - len(found.train))
