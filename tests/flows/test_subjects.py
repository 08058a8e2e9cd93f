"""What words can tell: that a passage answers a question, and that a quote does not bear an answer out."""

import pytest

from connectors.records import Origin, Passage, sha256
from flows.subjects import answerable, subjects, unsupported

ROOM = "The reading room of the Vale archive opens at 9:40. Visitors leave their coats with the porter."
OVEN_ZH = "大烤炉一次能烤 36 个面包，由布兰特师傅制造，每周四用醋清洗。"


def passage(text: str) -> Passage:
    return Passage(text, sha256(text), Origin("files"))


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("When does the reading room open?", ROOM),
        ("What is the opening of the archive?", ROOM),
        ("What do visitors do with their coats?", ROOM),
        ("What is it?", ROOM),
        ("How often does the reading room open?", ROOM),
        ("What is the archive's purpose?", ROOM),
        ("大烤炉一次能烤多少个面包？", OVEN_ZH),
        ("什么时候用醋清洗大烤炉？", OVEN_ZH),
    ],
)
def test_a_question_made_of_the_passage_is_one_that_it_may_answer(question: str, text: str) -> None:
    assert answerable(question, passage(text))


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("How much does a library card cost?", ROOM),
        ("Is there a place to eat in the Vale archive?", ROOM),
        ("Does the reading room open at 8:30?", ROOM),
        ("大烤炉最高能到多少度？", OVEN_ZH),
        ("大烤炉坏了由谁修理？", OVEN_ZH),
    ],
)
def test_a_question_that_brings_in_something_new_is_beyond_the_passage(question: str, text: str) -> None:
    assert answerable(question, passage(text)) == ""


@pytest.mark.parametrize(
    ("question", "answer", "quote"),
    [
        ("When does the room open?", "The room opens at 9:40.", "The reading room opens at 9:40."),
        ("When does the room open?", "9:40", "The reading room opens at 9:40."),
        ("Can I take my coat in?", "No, coats stay with the porter.", "Visitors leave their coats with the porter."),
        (
            "Which is cheaper, the day pass or the week pass?",
            "The day pass.",
            "A day pass costs less than a week pass.",
        ),
        ("大烤炉能烤多少面包？", "大烤炉能烤 36 个面包。", "大烤炉一次能烤 36 个面包"),
        ("可以带狗吗？", "可以，但要拴绳。", "狗必须拴绳。"),
        ("Is the day pass cheaper?", "The day pass is cheaper.", "A day pass costs less than a week pass."),
    ],
)
def test_an_answer_that_its_quote_bears_out(question: str, answer: str, quote: str) -> None:
    assert unsupported(question, answer, quote) == ""


@pytest.mark.parametrize(
    ("question", "answer", "quote"),
    [
        ("How much fuel does she take?", "Two people.", "The boats take fuel at berth 17."),
        ("How far is the dock?", "It takes 28 days.", "The dock is in Holmvik, two hours down the coast."),
        ("Who is the master?", "Who is the master?", "The master is Ingrid Tolvane."),
        ("Is the badge blue?", "The badge is blue.", "Badges are turquoise."),
        ("徽章是蓝色的吗？", "徽章蓝色。", "胸牌为青绿"),
        ("What holds umbrellas?", "The barrel holds umbrellas.", "Nothing gets a card."),
        ("大烤炉由谁制造？", "由张三丰负责。", "由布兰特师傅制造"),
    ],
)
def test_an_answer_that_says_other_things_than_its_quote(question: str, answer: str, quote: str) -> None:
    assert unsupported(question, answer, quote)


def test_forms_of_a_word_are_one_subject_and_numbers_are_exact() -> None:
    assert subjects("opens opening opened") == subjects("open")
    assert subjects("４471") == {"4471"} != subjects("4472")
