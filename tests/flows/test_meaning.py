"""A paraphrase keeps the numbers, names and identifiers of its original, and stays a question."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.meaning import changed, facts

ORIGINAL = "How many people fit on the Kittiwake at pier 3?"


@pytest.mark.parametrize(
    ("question", "original"),
    [
        ("What is the capacity of the kittiwake at pier 3?", ORIGINAL),
        ("tell me the capacity of the Kittiwake, pier 3", ORIGINAL),
        ("Until when is the office open?", "When does the office close?"),
        ("Which hours does the desk keep?", "HOW LONG IS THE DESK OPEN?"),
        ("How can one change a password?", "How Do I Change My Password?"),
        ("Where may I find it?", "Where can I find it?"),
        ("password reset", "reset password"),  # as people type into a search box
        ("3号码头的渡轮能坐多少人？", "3号码头的渡轮可以载几个人？"),
        ("请说明退票的办法", "怎么退票？"),
        ("Since when does Berlin's office exist?", "When was the office in Berlin opened?"),
        ("What is the limit?", "How much may it weigh?"),
        ("For how many days is it kept?", "How long is it kept?"),
        ("What is the building year?", "When was it built?"),
        ("阅览室的开放时间是几点？", "阅览室什么时候开放？"),
    ],
)
def test_a_rewording_asks_the_same(question: str, original: str) -> None:
    assert changed(question, original) == ""


@pytest.mark.parametrize(
    ("question", "original", "what"),
    [
        ("How many people fit on the Kittiwake?", ORIGINAL, "lost 3"),
        ("How many people fit on the ferry at pier 3?", ORIGINAL, "lost kittiwake"),
        ("The Kittiwake at pier 3 takes many people.", ORIGINAL, "no question"),
        ("When does it leave?", "When does the 08:30 ferry leave?", "lost 08:30"),
        ("What does the setting do?", "What does max_tokens do?", "lost max_tokens"),
        ("Which file do I edit?", "Where in app.yml is it?", "lost app.yml"),
        ("What is the password?", "WLAN password?", "lost wlan"),
        ("渡轮能坐多少人？", "3号码头的渡轮可以载几个人？", "lost 3"),
        ("退票要收手续费。", "退票收手续费吗？", "no question"),
        ("Who built it?", "When was it built?", "asks for a person instead of a time"),
        ("How many people muster there?", "Where do people muster?", "asks for an amount instead of a place"),
        ("How do I get fuel?", "Where do the boats take fuel?", "asks for a way instead of a place"),
        ("大烤炉由谁制造？", "大烤炉是什么时候制造的？", "asks for a person instead of a time"),
    ],
)
def test_what_a_rewording_lost_is_named(question: str, original: str, what: str) -> None:
    assert changed(question, original) == what


def test_a_sentence_start_is_no_name() -> None:
    assert facts("It is late. When does the Heron leave, Captain?") == {"heron", "captain"}


@given(st.text() | st.text(alphabet="aBI3é号_-. ?'", max_size=15))
def test_any_question_asks_the_same_as_itself(text: str) -> None:
    assert changed(text, text) == ""
