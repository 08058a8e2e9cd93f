import time
from typing import Annotated

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors import shape


class Item(msgspec.Struct):
    question: str
    answer: Annotated[str, msgspec.Meta(min_length=1)]
    level: str = "easy"


class Items(msgspec.Struct):
    items: Annotated[list[Item], msgspec.Meta(min_length=1)]
    title: str = ""


class Phrasings(msgspec.Struct):
    questions: list[str]


def test_the_schema_stands_alone_and_is_strict() -> None:
    item = {
        "type": "object",
        "properties": {
            "question": {"type": "string"},
            "answer": {"type": "string", "minLength": 1},
            "level": {"type": "string"},
        },
        "required": ["question", "answer", "level"],
        "additionalProperties": False,
    }
    assert shape.schema(Items) == {
        "type": "object",
        "properties": {
            "items": {"type": "array", "minItems": 1, "items": item},
            "title": {"type": "string"},
        },
        "required": ["items", "title"],
        "additionalProperties": False,
    }


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=4), st.integers(1, 400))
def test_a_list_cut_anywhere_keeps_its_first_elements(questions: list[str], cut: int) -> None:
    whole = msgspec.json.encode(Phrasings(questions)).decode()
    try:
        found = msgspec.json.decode(shape.read_part(whole[:cut], Phrasings), type=Phrasings).questions
    except shape.ShapeError:
        return
    assert found == questions[: len(found)]


def test_a_cut_in_the_middle_loses_one_element() -> None:
    assert shape.read_part('{"questions": ["a", "b [", "c', Phrasings) == '{"questions":["a","b ["]}'
    half = 'Sure: {"items": [{"question": "a", "answer": "b"}, {"question": "c", "answ'
    assert msgspec.json.decode(shape.read_part(half, Items), type=Items) == Items([Item("a", "b")])


class Asked(msgspec.Struct):
    questions: list[str]
    level: str = ""


class Wanted(msgspec.Struct):
    """Two are asked for, as the schema says."""

    items: Annotated[list[Asked], msgspec.Meta(extra_json_schema={"minItems": 2, "maxItems": 2})]


def test_a_bare_list_is_taken_for_the_only_list_of_the_shape() -> None:
    """But not an empty one: it may stand inside what was cut off."""
    assert shape.read('[{"questions": ["a"], "level": ""}]', Wanted) == '{"items":[{"questions":["a"],"level":""}]}'
    with pytest.raises(shape.ShapeError):
        shape.read('{"items": [{"questions": [], "lev', Wanted)


def test_half_an_element_is_none() -> None:
    """What follows in it may have a default, which would then stand for what was never read."""
    said = '{"items": [{"questions": ["a"], "level": "easy"}, {"questions": ["b"], "level": "ha'
    assert shape.read_part(said, Wanted) == '{"items":[{"questions":["a"],"level":"easy"}]}'
    assert shape.read_part(said.removeprefix('{"items": '), Wanted) == shape.read_part(said, Wanted)


@pytest.mark.parametrize("missing", ["}", "]}"])
def test_all_that_was_asked_for_is_whole_without_its_last_brackets(missing: str) -> None:
    said = '{"items":[{"questions":["a"],"level":""},{"questions":["b"],"level":""}]}'
    assert shape.read(said.removesuffix(missing), Wanted) == said
    with pytest.raises(shape.ShapeError):
        shape.read(said.removesuffix("}]}"), Wanted)


def test_a_part_that_lacks_what_the_shape_demands_is_none() -> None:
    with pytest.raises(shape.ShapeError):
        shape.read_part('{"items": [{"question": "a", "answ', Items)


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    for reader in (shape.read, shape.read_part):
        try:
            msgspec.json.decode(reader(text, Items), type=Items)
        except shape.ShapeError:
            continue


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        '{"a":' * 100_000,
        "[" * 900 + '"\\ud800"' + "]" * 900,
        ("[" * 900 + "x") * 1000,
        '{"' + '\\"' * 200_000,
    ],
)
def test_a_stuttering_model_costs_little(text: str) -> None:
    before = time.process_time()
    with pytest.raises(shape.ShapeError):
        shape.read(text, Items)
    with pytest.raises(shape.ShapeError):
        shape.read_part(text, Items)
    assert time.process_time() - before < 5
