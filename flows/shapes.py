"""The JSON that a teacher fills in: as long as the settings say, and no longer than its answer may be."""

import functools
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from flows.config import Distil

# Bounds stand in the schema alone, where they keep a small model under a grammar from rambling. An answer
# that passes them is not refused: not every server can be told bounds, and a long answer is paid for all the same.
QUESTION = 160  # characters


def items(options: Distil) -> type[msgspec.Struct]:
    """What is made of one passage: {"items": [{quote, questions, answer, difficulty, follow_up?}]}."""
    texts = options.questions * (6 if options.follow_ups else 3)
    longest = max(QUESTION, min(600, 3 * options.answer_tokens // texts))  # three characters a token
    return _items(options.questions, options.phrasings, options.follow_ups, longest)


@functools.cache
def _items(questions: int, phrasings: int, follow_ups: bool, longest: int) -> type[msgspec.Struct]:
    text = _text(longest)
    difficulty = Annotated[str, Meta(extra_json_schema={"enum": ["easy", "medium", "hard"]})]
    fields: list[tuple[str, Any, Any]] = [
        ("quote", text, ""),  # first: a model that copies before it asks stays with the text
        ("questions", _list(_text(QUESTION), phrasings), []),
        ("answer", text, ""),
        ("difficulty", difficulty, ""),
    ]
    if follow_ups:
        asked = [("quote", text, ""), ("question", _text(QUESTION), ""), ("answer", text, "")]
        follow_up = msgspec.defstruct("FollowUp", asked, frozen=True)
        fields.append(("follow_up", follow_up, follow_up()))
    return msgspec.defstruct("Items", [("items", _list(msgspec.defstruct("Item", fields), questions))])


@functools.cache
def questions(count: int) -> type[msgspec.Struct]:
    """{"questions": [...]}"""
    return msgspec.defstruct("Questions", [("questions", _list(_text(QUESTION), count))])


def _text(longest: int) -> Any:
    return Annotated[str, Meta(extra_json_schema={"minLength": 2, "maxLength": longest})]


def _list(kind: Any, count: int) -> Any:
    bounds = {"minItems": count, "maxItems": count}
    return Annotated[list[kind], Meta(extra_json_schema=bounds)]


def example(answer: str, count: int, follow_ups: bool) -> str:
    """An example answer of a prompt file, cut down to what the settings ask for."""
    said = msgspec.json.decode(answer)
    for one in said.get("items", [said]):
        one["questions"] = one["questions"][:count]
        if not follow_ups:
            one.pop("follow_up", None)
    return msgspec.json.encode(said).decode()
