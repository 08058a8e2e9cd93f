"""A model as judge: are pairs grounded in their passage, and do answers say what the right answer says?"""

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta

from connectors.teacher import Answer, Request, Teacher
from flows.measure import HeldOut, Scored
from flows.pairs import Pair
from flows.prompting import fill, prompt_hash

PROMPTS = ("judge_pair", "judge_answer")

K = TypeVar("K")


class Judgement(msgspec.Struct):
    score: Annotated[int, Meta(ge=1, le=5)]


def prompt_hashes() -> dict[str, str]:
    return {name: prompt_hash(name) for name in PROMPTS}


def can_be_judged(pair: Pair) -> bool:
    """Does it say something that its passage can bear out?"""
    return bool(pair.passages) and pair.kind != "refusal"


async def judge_pairs(judge: Teacher, pairs: Sequence[Pair], on_answer: Callable[[], None]) -> dict[str, float]:
    """Pair id -> groundedness 1 to 5, for pairs that can be judged; one that got no judgement is left out."""
    requests = {
        pair.id: _request(
            "judge_pair",
            passage="\n\n".join(passage.titled for passage in pair.passages),
            question=pair.question,
            answer=pair.answer,
        )
        for pair in pairs
    }
    return await _scores(judge, requests, on_answer)


async def judge_answers(
    judge: Teacher, questions: Sequence[HeldOut], answers: Sequence[Scored], on_answer: Callable[[], None]
) -> list[Scored]:
    """The answers with a score `judge`, 0 to 1, beside their others."""
    requests = {
        number: _request(
            "judge_answer",
            question=questions[one.question].question,
            reference=questions[one.question].answer,
            answer=one.answer,
        )
        for number, one in enumerate(answers)
    }
    found = await _scores(judge, requests, on_answer)
    return [
        msgspec.structs.replace(one, scores=one.scores | {"judge": (found[number] - 1) / 4}) if number in found else one
        for number, one in enumerate(answers)
    ]


async def _scores(judge: Teacher, requests: Mapping[K, Request], on_answer: Callable[[], None]) -> dict[K, float]:
    found: dict[K, float] = {}
    async for key, answer in judge.ask_all(requests.items()):
        on_answer()
        if isinstance(answer, Answer):
            found[key] = msgspec.json.decode(answer.text, type=Judgement).score
    return found


def _request(prompt: str, **values: str) -> Request:
    return Request(
        messages=fill(prompt, values),
        prompt_hash=prompt_hash(prompt),
        shape=Judgement,
        max_tokens=50,
        temperature=0.0,
    )
