"""The teacher against a real model. What it says is noise at this size; that it keeps the shape is not."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import pytest

from connectors import embedded
from connectors.local import serve
from connectors.teacher import Answer, Request, Teacher, Unanswered

pytest.importorskip("xllamacpp")
pytestmark = pytest.mark.slow


class Question(msgspec.Struct):
    question: str
    answer: str
    difficulty: Literal["easy", "hard"] = "easy"


class Questions(msgspec.Struct):
    questions: Annotated[list[Question], msgspec.Meta(min_length=1, max_length=2)]


def about(text: str, seed: int = 0) -> Request:
    said = f"Write a question and its short answer about this text: {text}"
    return Request(messages=[{"role": "user", "content": said}], shape=Questions, seed=seed)


def kill_servers(state: Path) -> None:
    for path in state.glob("*.json"):
        if known := embedded.read(path):
            os.kill(known.child.pid, signal.SIGKILL)


@asynccontextmanager
async def teacher(model: Path, state: Path) -> AsyncIterator[Teacher]:
    with serve(model, alias="smol", state=state, slots=2, threads=1) as server:
        async with Teacher(server.url, "smol", in_flight=2, revive=lambda: server.revived().url) as opened:
            yield opened


def test_a_real_server_answers_in_the_wanted_shape(smollm2: Path, tmp_path: Path) -> None:
    async def work() -> None:
        async with teacher(smollm2, tmp_path) as opened:
            texts = ["The ferry leaves at nine.", "Dogs travel for free.", "渡轮九点开。"]
            async for _, answer in opened.ask_all((text, about(text)) for text in texts):
                assert isinstance(answer, Answer)
                assert 1 <= len(msgspec.json.decode(answer.text, type=Questions).questions) <= 2
                assert answer.prompt_tokens > 20 and answer.answer_tokens > 5

    asyncio.run(work())


def test_the_same_request_gets_the_same_answer_from_a_real_server(smollm2: Path, tmp_path: Path) -> None:
    async def work() -> list[str]:
        async with teacher(smollm2, tmp_path) as opened:
            return [(await opened.ask(about("Dogs travel for free.", seed=7))).text for _ in range(2)]

    first, second = asyncio.run(work())
    assert first == second


def test_a_server_of_ours_that_is_killed_is_started_anew_within_the_same_question(
    smollm2: Path, tmp_path: Path
) -> None:
    async def work() -> list[str]:
        async with teacher(smollm2, tmp_path) as opened:
            first = await opened.ask(about("Dogs travel for free.", seed=7))
            kill_servers(tmp_path)
            asked = await asyncio.gather(*(opened.ask(about("Dogs travel for free.", seed=7)) for _ in range(2)))
            assert 1 <= opened.retries <= 2
            return [first.text, *(answer.text for answer in asked)]

    assert len(set(asyncio.run(work()))) == 1
    assert not list(tmp_path.glob("*.json")), "the new one ends with the block, too"


def test_a_request_beyond_the_context_of_a_real_server_is_lost_alone(smollm2: Path, tmp_path: Path) -> None:
    async def work() -> None:
        async with teacher(smollm2, tmp_path) as opened:
            with pytest.raises(Unanswered, match="context"):
                await opened.ask(about("The ferry leaves at nine. " * 600))
            assert (await opened.ask(about("Dogs travel for free."))).text

    asyncio.run(work())
