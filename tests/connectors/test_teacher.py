import asyncio
import gzip
import json
import logging
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, TypeVar
from urllib.parse import urlsplit

import msgspec
import pytest

from connectors import ServiceError, http
from connectors.teacher import Answer, Budget, BudgetReached, Failure, Request, Teacher, Unanswered
from tests.doubles.asker import FileJournal
from tests.doubles.memory import memory_below
from tests.doubles.teacher import stub_teacher
from tests.doubles.web import Call, Reply, replaying, serving

SECRET = "sk-sesame"
R = TypeVar("R")
Answers = dict[int, Answer | Failure]


class Pair(msgspec.Struct):
    question: str
    answer: str


class Pairs(msgspec.Struct):
    pairs: list[Pair]


class DictJournal:
    """A journal in memory."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}

    def answer(self, key: str) -> Answer | None:
        return self.answers.get(key)

    def put_answer(self, key: str, answer: Answer) -> None:
        self.answers[key] = answer


def passage(number: int) -> Request:
    facts = f"The height of unit U{number:05} is {number} m. The mass of unit U{number:05} is {number} kg."
    return Request(messages=[{"role": "user", "content": f"Write 2 pairs about:\n{facts}"}], shape=Pairs)


def plain(number: int, **settings: Any) -> Request:
    return Request(messages=[{"role": "user", "content": f"Is it so, {number}?"}], **settings)


def run(work: Coroutine[Any, Any, R]) -> R:
    return asyncio.run(work)


async def all_answers(teacher: Teacher, requests: Iterator[tuple[int, Request]]) -> Answers:
    return {number: answer async for number, answer in teacher.ask_all(requests)}


def ask_all(url: str, count: int, make: Callable[[int], Request] = passage, **settings: Any) -> tuple[Answers, Teacher]:
    async def work() -> tuple[Answers, Teacher]:
        async with Teacher(url, "stub", **settings) as teacher:
            return await all_answers(teacher, ((n, make(n)) for n in range(count))), teacher

    return run(work())


def ask(url: str, request: Request, **settings: Any) -> tuple[Answer, Teacher]:
    async def work() -> tuple[Answer, Teacher]:
        async with Teacher(url, "stub", **settings) as teacher:
            return await teacher.ask(request), teacher

    return run(work())


def pairs_of(answer: Answer | Failure) -> list[Pair]:
    assert isinstance(answer, Answer), answer
    return msgspec.json.decode(answer.text, type=Pairs).pairs


def items(count: int) -> Any:
    """A shape whose schema says how many are asked for, as those of distil do."""
    bounds = msgspec.Meta(extra_json_schema={"minItems": count, "maxItems": count})
    return msgspec.defstruct("Asked", [("pairs", Annotated[list[Pair], bounds])])


def written(*pairs: str) -> str:
    """The answer with these pairs, each `question answer`."""
    named = [dict(zip(("question", "answer"), pair.split(), strict=True)) for pair in pairs]
    return json.dumps({"pairs": named})


def completion(text: str, finish_reason: str = "stop") -> Reply:
    message = {"role": "assistant", "content": text}
    return Reply.json({"choices": [{"message": message, "finish_reason": finish_reason}]})


@contextmanager
def stub_process(port: int) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """A stub in a process of its own, which can be killed, and its base URL."""
    command = [sys.executable, "-m", "tests.doubles.teacher", "--port", str(port), "--settings", '{"latency": 0.05}']
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        yield process, process.stdout.readline().strip()
        process.kill()


@pytest.fixture
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Back-off draws its shortest wait, and a server that is away is given up at once."""
    monkeypatch.setattr("connectors.http.random.uniform", lambda low, high: low)
    monkeypatch.setattr("connectors.pace.OUTAGE", 0.0)


# --- answers


def test_every_request_is_answered_in_the_wanted_shape() -> None:
    with stub_teacher() as (url, stub):
        answers, teacher = ask_all(url, 100)
    assert {number: pairs_of(answer)[1].answer for number, answer in answers.items()} == {
        number: f"The mass of unit U{number:05} is {number} kg." for number in range(100)
    }
    assert teacher.calls == stub.report().calls == 100
    assert teacher.retries == teacher.repaired == teacher.cached == 0


def test_a_request_without_a_shape_gets_plain_text() -> None:
    with stub_teacher() as (url, _):
        answer, _ = ask(url, plain(1))
    assert answer.text == "It is so."
    assert (answer.model, answer.finish_reason) == ("stub", "stop")


def test_so_many_are_in_flight_and_no_more() -> None:
    with stub_teacher(latency=0.05) as (url, stub):
        ask_all(url, 60, in_flight=7)
        assert stub.report().most_in_flight == 7


def test_requests_are_taken_only_as_fast_as_they_are_answered() -> None:
    taken = 0

    def endless() -> Iterator[tuple[int, Request]]:
        nonlocal taken
        while True:
            taken += 1
            yield taken, plain(taken)

    async def work(url: str) -> None:
        async with Teacher(url, "stub", in_flight=4) as teacher:
            seen = 0
            async for _ in teacher.ask_all(endless()):
                seen += 1
                assert taken <= seen + 8
                if seen == 50:
                    break

    with stub_teacher() as (url, _):
        run(work(url))


def test_the_same_request_in_flight_is_sent_once() -> None:
    with stub_teacher(latency=0.05) as (url, stub):
        answers, _ = ask_all(url, 20, lambda number: passage(7))
        assert len(answers) == 20
        assert stub.report().calls <= 2  # without a journal, those behind the first 32 would call again


def test_an_error_of_the_source_comes_through() -> None:
    def broken() -> Iterator[tuple[int, Request]]:
        yield 1, plain(1)
        raise RuntimeError("the source broke")

    async def work(url: str) -> None:
        async with Teacher(url, "stub") as teacher:
            seen = []
            with pytest.raises(RuntimeError, match="the source broke"):
                async for number, _ in teacher.ask_all(broken()):
                    seen.append(number)
            assert seen == [1]

    with stub_teacher() as (url, _):
        run(work(url))


# --- journal


def test_what_was_answered_costs_nothing_again() -> None:
    journal, budget = DictJournal(), Budget()
    with stub_teacher() as (url, stub):
        first, _ = ask_all(url, 20, journal=journal)
        again, teacher = ask_all(url, 20, journal=journal, budget=budget)
        assert stub.report().calls == 20
    assert again == first
    assert (teacher.calls, teacher.cached, budget.spent_tokens) == (0, 20, 0)


def test_answers_are_journalled_before_they_are_given_out() -> None:
    journal = DictJournal()

    async def work(url: str) -> None:
        async with Teacher(url, "stub", journal=journal) as teacher:
            async for number, _ in teacher.ask_all((n, passage(n)) for n in range(10)):
                assert teacher.key(passage(number)) in journal.answers

    with stub_teacher() as (url, _):
        run(work(url))


def test_the_address_of_an_answer_follows_what_decides_it_and_nothing_else() -> None:
    here, there = Teacher("http://a/v1", "m", key=SECRET), Teacher("http://b/v1", "m")
    request = passage(1)
    assert here.key(request) == there.key(request)
    changed = [
        Teacher("http://a/v1", "other").key(request),
        *(
            here.key(msgspec.structs.replace(request, **{field: value}))
            for field, value in [
                ("temperature", 0.0),
                ("max_tokens", 1),
                ("seed", 1),
                ("prompt_hash", "x"),
                ("shape", None),
                ("messages", []),
            ]
        ),
    ]
    assert len({here.key(request), *changed}) == 8


def test_kill_9_loses_no_answer_and_pays_none_twice(tmp_path: Path) -> None:
    path, killed, draw = tmp_path / "answers.jsonl", 0, random.Random(1)
    with stub_teacher(latency=0.02) as (url, stub):
        command = [sys.executable, "-m", "tests.doubles.asker", url, str(path), "120"]
        while True:
            enough = stub.report().calls + draw.randint(1, 40)
            with subprocess.Popen(command) as asker:
                while asker.poll() is None and stub.report().calls < enough:
                    time.sleep(0.001)
                if asker.poll() is not None:
                    break
                asker.kill()
                killed += 1
        report = stub.report()
    journal = FileJournal(path)
    journal.close()
    assert asker.returncode == 0
    assert len(journal.keys) == len(set(journal.keys)) == 120
    assert killed >= 3
    assert report.calls <= 120 + killed * 8


# --- faults that pass


@pytest.mark.usefixtures("no_waiting")
@pytest.mark.parametrize("fault", ["p429", "p500", "pdrop"])
def test_a_tenth_of_calls_failing_loses_nothing(fault: str) -> None:
    with stub_teacher(**{fault: 0.1}, retry_after="0.01", seed=1) as (url, stub):
        answers, teacher = ask_all(url, 100)
        report = stub.report()
    assert all(len(pairs_of(answer)) == 2 for answer in answers.values())
    assert report.calls == teacher.calls == 100 + teacher.retries
    assert 1 <= teacher.retries <= 25


@pytest.mark.usefixtures("no_waiting")
def test_a_tenth_of_answers_cut_off_loses_nothing() -> None:
    with stub_teacher(pbad=0.1, seed=1) as (url, _):
        answers, teacher = ask_all(url, 100)
    assert all(len(pairs_of(answer)) == 2 for answer in answers.values())
    assert teacher.repaired >= 1
    assert teacher.calls <= 100 + teacher.repaired + 2


def test_a_long_wait_that_the_teacher_asks_for_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.teacher.LONG", 0.2)
    told: list[str] = []
    busy = [Reply(429, b"", {"Retry-After": wait}) for wait in ("0.01", *["0.3"] * 4)]
    with replaying([*busy, completion("yes")]) as (url, _):
        ask_all(url, 4, plain, in_flight=4, label="the teacher", note=told.append)
    assert 1 <= len(told) <= 2 and set(told) == {"the teacher asks to wait: nothing is sent for 0 s"}


def test_retry_after_holds_back_every_call() -> None:
    times: list[float] = []

    async def answering(call: Call) -> Reply:
        times.append(time.monotonic())
        return Reply(429, b"", {"Retry-After": "0.4"}) if len(times) == 1 else completion("yes")

    with serving(answering) as url:
        ask_all(url, 10, plain, in_flight=1)
    assert times[1] - times[0] >= 0.4


@pytest.mark.usefixtures("no_waiting")
def test_a_server_with_room_for_few_is_asked_by_few() -> None:
    with stub_teacher(capacity=4, latency=0.01, retry_after="0.02") as (url, stub):
        answers, _ = ask_all(url, 200, plain)
        statuses = stub.report().statuses
    assert all(isinstance(answer, Answer) for answer in answers.values())
    assert statuses["429"] < 200


@pytest.mark.usefixtures("no_waiting")
def test_a_hanging_server_is_asked_again_after_the_time_limit() -> None:
    with stub_teacher(phang=0.2, seed=3) as (url, _):
        answers, teacher = ask_all(url, 20, timeout=0.3)
    assert all(isinstance(answer, Answer) for answer in answers.values())
    assert teacher.retries >= 1


@pytest.mark.usefixtures("no_waiting")
def test_a_page_in_place_of_an_answer_is_asked_again() -> None:
    with replaying([Reply(200, b"<html>back soon"), Reply.json({"error": "x"}), completion("yes")]) as (
        url,
        _,
    ):
        answer, teacher = ask(url, plain(1))
    assert answer.text == "yes"
    assert teacher.retries == 2


@pytest.mark.parametrize("in_flight", [1, 8])
@pytest.mark.parametrize("away", [Reply(429), Reply(503), Reply(429, b"", {"Retry-After": "0.01"})])
def test_a_server_that_is_away_for_a_while_loses_nothing(
    away: Reply, in_flight: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.http.random.uniform", lambda low, high: low)
    monkeypatch.setattr("connectors.teacher.PROBE", 0.01)
    told: list[str] = []
    with replaying([away] * 60 + [completion("yes")] * 20) as (url, calls):
        answers, _ = ask_all(url, 20, plain, in_flight=in_flight, note=told.append)
    assert all(isinstance(answer, Answer) for answer in answers.values()) and len(calls) == 80
    assert len(told) == 1 and "It is tried again for 120 s before it is given up." in told[0]


def test_a_server_that_starts_anew_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.teacher.PROBE", 0.1)
    with stub_process(0) as (first, url), ThreadPoolExecutor() as pool:
        asked = pool.submit(ask_all, url, 60, plain, in_flight=2)
        time.sleep(0.5)
        first.kill()
        first.wait()
        assert not asked.done()
        with stub_process(urlsplit(url).port or 0):
            answers, teacher = asked.result()
    assert all(isinstance(answer, Answer) for answer in answers.values()) and teacher.retries


@pytest.mark.usefixtures("no_waiting")
def test_a_request_at_which_the_server_goes_away_is_lost_alone() -> None:
    async def answering(call: Call) -> Reply:
        return Reply(503) if "so, 19?" in call.body.decode() else completion("yes")

    with serving(answering) as url:
        answers, _ = ask_all(url, 20, plain, in_flight=2)
    assert [number for number, answer in answers.items() if isinstance(answer, Failure)] == [19]


# --- faults that stay


@pytest.mark.parametrize(("status", "blamed"), [(401, "key"), (403, "key"), (404, "url")])
def test_a_refused_call_stops_all_with_the_setting_to_check(status: int, blamed: str) -> None:
    with stub_teacher(status=status) as (url, stub), pytest.raises(ServiceError) as caught:
        ask_all(url, 100, name="big", in_flight=8)
    assert f"answered {status} to POST /v1/chat/completions" in str(caught.value)
    assert f"Check services.big.{blamed}." in str(caught.value)
    assert stub.report().calls <= 8


@pytest.mark.usefixtures("no_waiting")
@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (Reply(200, b"[" * 100_000), "That is no chat completion"),
        (Reply(500, b'{"error":' * 100_000), "answered 500"),
        (Reply(400, b"\xe4", {"Content-Type": "text/plain; charset=idna"}), "answered 400"),
        (Reply(200, b"{}", {"Content-Encoding": "gzip"}), "incorrect header"),
        (Reply(204), r"answered 204 .* Check services\.teacher\.url\."),
    ],
    ids=["nested", "nested error", "odd encoding", "not packed", "nothing"],
)
def test_an_answer_that_no_program_reads_is_told_in_one_line(reply: Reply, said: str) -> None:
    with replaying([reply]) as (url, _), pytest.raises(ServiceError, match=said):
        ask(f"{url}/v1", plain(1))


@pytest.mark.usefixtures("no_waiting")
def test_an_answer_that_unpacks_to_more_than_anybody_needs_takes_no_memory(bomb: Reply) -> None:
    with (
        replaying([bomb]) as (url, _),
        memory_below(4 * http.LARGEST),
        pytest.raises(ServiceError, match="more than 16 MiB"),
    ):
        ask(f"{url}/v1", plain(1))


def test_a_packed_answer_is_unpacked() -> None:
    said = Reply.json({"choices": [{"message": {"content": "yes"}}]})
    with replaying([Reply(200, gzip.compress(said.body), {"Content-Encoding": "gzip"})]) as (url, _):
        assert ask(f"{url}/v1", plain(1))[0].text == "yes"


@pytest.mark.usefixtures("no_waiting")
@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        (b'{"choices": [{"message": {"content": NaN}}]}', r"JSON is malformed: invalid character \(byte 37\)"),
        (b'{"choices": [{"message": {"content": "caf\xe9"}}]}', "can't decode byte 0xe9 in position 41"),
        (b'{"choices": [{"message": {"content": "ye', "it is cut off after 40 bytes"),
        (b'{"choices": [{"message": {"content": 7}}]}', r"got `int` - at `\$\.choices\[0\]\.message\.content`"),
        (b'{"choices": []}', "`choices` is empty"),
    ],
    ids=["NaN", "not UTF-8", "cut off", "another type", "no choice"],
)
def test_what_is_wrong_with_a_completion_is_told_and_where(body: bytes, wrong: str) -> None:
    with replaying([Reply(200, body)]) as (url, _), pytest.raises(ServiceError, match=f"no chat completion: .*{wrong}"):
        ask(f"{url}/v1", plain(1))


def test_a_byte_order_mark_is_no_part_of_an_answer() -> None:
    with replaying([Reply(200, b"\xef\xbb\xbf" + completion("yes").body)]) as (url, calls):
        assert (ask(f"{url}/v1", plain(1))[0].text, len(calls)) == ("yes", 1)


def test_an_answer_in_parts_is_read() -> None:
    parts = [{"type": "text", "text": "It is "}, {"type": "text", "text": "so."}]
    with replaying([Reply.json({"choices": [{"message": {"content": parts}}]})]) as (url, _):
        assert ask(f"{url}/v1", plain(1))[0].text == "It is so."


def test_an_answer_that_repeats_the_key_is_kept_without_it() -> None:
    text = "You are sk\\/sesame\\/1234, aren't you?"
    said = {"choices": [{"message": {"content": text}, "finish_reason": "sk/sesame/1234"}]}
    with replaying([Reply.json(said)]) as (url, _):
        answer, _ = ask(f"{url}/v1", plain(1), key="sk/sesame/1234")
    assert answer.text == "You are ***, aren't you?"
    assert answer.finish_reason == ""


def test_a_password_in_the_address_is_sent_and_not_shown() -> None:
    with replaying([Reply(401, b"you sent Basic dTpzZXNhbWU=")]) as (url, calls), pytest.raises(ServiceError) as caught:
        ask(url.replace("http://", "http://u:sesame@"), plain(1))
    assert calls[0].headers["authorization"] == "Basic dTpzZXNhbWU="
    assert "you sent Basic ***." in str(caught.value)


def test_an_unknown_model_names_the_model() -> None:
    with stub_teacher(status=404) as (url, _), pytest.raises(ServiceError, match=r"services\.teacher\.model"):
        ask(url, plain(1))


@pytest.mark.usefixtures("no_waiting")
@pytest.mark.parametrize("settings", [{"status": 500}, {"status": 429, "retry_after": "0.01"}, {"pwrong": 1.0}])
def test_when_every_call_fails_it_stops_with_the_cause(settings: dict[str, Any]) -> None:
    with stub_teacher(**settings) as (url, stub), pytest.raises(ServiceError, match="So many calls in a row"):
        ask_all(url, 100, in_flight=8)
    assert stub.report().calls <= 16


@pytest.mark.usefixtures("no_waiting")
def test_when_nobody_listens_it_stops_with_the_cause() -> None:
    with pytest.raises(ServiceError, match=r"127.0.0.1:9 cannot be reached: .*Check services\.teacher\.url"):
        ask_all("http://127.0.0.1:9/v1", 100)


@pytest.mark.usefixtures("no_waiting")
def test_when_all_hang_it_stops_with_the_cause() -> None:
    with stub_teacher(phang=1.0) as (url, _), pytest.raises(ServiceError, match=r"not answer within 0.2 s"):
        ask_all(url, 100, in_flight=4, timeout=0.2)


@pytest.mark.usefixtures("no_waiting")
def test_what_was_answered_before_the_stop_is_kept() -> None:
    journal = DictJournal()

    async def answering(call: Call) -> Reply:
        return completion("yes") if len(journal.answers) < 10 else Reply(500)

    with serving(answering) as url, pytest.raises(ServiceError):
        ask_all(url, 50, plain, in_flight=2, journal=journal)
    kept = len(journal.answers)
    assert kept >= 10
    with stub_teacher() as (url, stub):
        answers, _ = ask_all(url, 50, plain, journal=journal)
        assert stub.report().calls == 50 - kept
    assert len(answers) == 50


@pytest.mark.usefixtures("no_waiting")
def test_one_request_that_always_fails_is_lost_alone() -> None:
    async def answering(call: Call) -> Reply:
        return Reply(500, b"too hot") if "so, 3?" in call.body.decode() else completion("yes")

    with serving(answering) as url:
        answers, _ = ask_all(url, 20, plain, in_flight=2)
    failure = answers.pop(3)
    assert isinstance(failure, Failure)
    assert "answered 500 to POST /chat/completions: too hot" in failure.reason
    assert all(isinstance(answer, Answer) for answer in answers.values())


def test_a_request_the_server_finds_bad_is_lost_alone_and_not_repeated() -> None:
    with replaying([Reply.json({"error": {"message": "roles must alternate"}}, 400)]) as (url, calls):
        with pytest.raises(Unanswered, match="roles must alternate"):
            ask(url, plain(1))
        assert len(calls) == 1


@pytest.mark.parametrize(
    "said",
    [
        "request (2335 tokens) exceeds the available context size (2048 tokens), try increasing it",
        "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens.",
        "context_length_exceeded",
    ],
)
def test_a_request_longer_than_the_model_reads_names_the_settings_that_help(said: str) -> None:
    helps = r"max_tokens under harvest.*services\.mine\.context"
    with replaying([Reply.json({"error": {"message": said}}, 400)]) as (url, _), pytest.raises(Unanswered, match=helps):
        ask(url, plain(1), name="mine")


# --- JSON


WHOLE = '{"pairs": [{"question": "a", "answer": "b"}]}'
HALF = '{"pairs": [{"question": "a", "answer": "b"}, {"question": "c'


@pytest.mark.parametrize(
    "said",
    [
        WHOLE,
        f"```json\n{WHOLE}\n```",
        f"Sure! Here [as you wished] it is: {WHOLE} Anything else?",
        f"<think>maybe {{}} or []</think>{WHOLE}",
        '[{"question": "a", "answer": "b"}]',
        '{"pairs": [{"question": "a", "answer": "b", "mood": "good"}], "note": "extra"}',
    ],
)
def test_json_is_found_in_what_models_put_around_it(said: str) -> None:
    with replaying([completion(said)]) as (url, calls):
        answer, _ = ask(url, passage(1))
    assert answer.text == '{"pairs":[{"question":"a","answer":"b"}]}'
    assert len(calls) == 1


@pytest.mark.parametrize(
    "said",
    [
        "I cannot.",
        "",
        '{"pairs": "none"}',
        '{"pairs": [{"question": "a"}]}',
        WHOLE[:-8],
        "[" * 5000,
        '"\\ud800"',
    ],
)
def test_a_broken_answer_is_shown_to_the_model_once(said: str) -> None:
    with replaying([completion(said), completion(WHOLE)]) as (url, calls):
        answer, teacher = ask(url, passage(1))
    assert pairs_of(answer) == [Pair("a", "b")]
    assert (len(calls), teacher.repaired) == (2, 1)
    shown = calls[1].json()["messages"]
    assert shown[-2] == {"role": "assistant", "content": said[:1500] or "-"}
    assert '"required":["question","answer"]' in shown[-1]["content"]


@pytest.mark.parametrize("babble", ["no " * 2000, "没有" * 2000])
def test_of_a_long_broken_answer_a_small_model_sees_the_beginning_in_any_language(babble: str) -> None:
    with replaying([completion(babble), completion(WHOLE)]) as (url, calls):
        ask(url, passage(1))
    shown = calls[1].json()["messages"][-2]["content"]
    assert babble.startswith(shown)
    assert 1400 < len(shown.encode()) <= 1500


def test_an_answer_that_stays_broken_is_lost_alone() -> None:
    with replaying([completion("no"), completion("no, no"), completion("never")]) as (url, calls):
        with pytest.raises(Unanswered, match="nor were its repairs"):
            ask(url, passage(1), in_flight=4)
        assert len(calls) == 3


def test_of_what_is_known_already_only_what_can_be_used_counts() -> None:
    journal = DictJournal()
    with replaying([completion(one) for one in ("no", "no, no", "never", WHOLE)]) as (url, _):
        with pytest.raises(Unanswered):
            ask(url, passage(1), journal=journal)
        _, mended = ask(url, passage(1), journal=journal)
        _, later = ask(url, passage(1), journal=journal)
    assert (mended.calls, mended.cached) == (1, 0)
    assert (later.calls, later.cached) == (0, 1)


def test_a_broken_repair_is_repaired_once_more() -> None:
    with replaying([completion("no"), completion("no, no"), completion(WHOLE)]) as (url, calls):
        answer, teacher = ask(url, passage(1))
    assert pairs_of(answer) == [Pair("a", "b")]
    assert (len(calls), teacher.repaired, answer.partial) == (3, 1, False)
    assert calls[2].json()["messages"][-2]["content"] == "no, no", "the last one is shown, the first takes no room"


def test_a_repair_that_is_broken_in_the_same_way_is_drawn_anew() -> None:
    journal = DictJournal()
    with replaying([completion("no"), completion("no"), completion(WHOLE)]) as (url, calls):
        answer, _ = ask(url, passage(1), journal=journal)
    assert pairs_of(answer) == [Pair("a", "b")]
    assert calls[1].json()["seed"] != calls[2].json()["seed"], "the same words and seed would be the same call"


def test_most_of_what_is_whole_is_used_when_every_repair_is_broken() -> None:
    said = [written("a b", "c d", "e f")[:-20], written("a b", "c d", "e f")[:-4], "no"]
    with replaying([completion(one) for one in said]) as (url, calls):
        answer, teacher = ask(url, msgspec.structs.replace(passage(1), shape=items(4)))
    assert pairs_of(answer) == [Pair("a", "b"), Pair("c", "d")]
    assert (len(calls), teacher.repaired, answer.partial) == (3, 0, True)


def test_many_short_ones_are_more_than_a_long_one() -> None:
    """Told to write less, a model writes shorter pairs: the number of them is what counts."""
    long, short = written(f"a {'b' * 99}", "c d"), written("a b", "c d", "e f")
    with replaying([completion(long[:-9], "length"), completion(short[:-9], "length")]) as (url, _):
        answer, _ = ask(url, msgspec.structs.replace(passage(1), shape=items(4)))
    assert pairs_of(answer) == [Pair("a", "b"), Pair("c", "d")]


def test_what_is_complete_in_an_answer_cut_off_twice_is_used() -> None:
    said = '{"pairs": [{"question": "a", "answer": "b"}, {"question": "c", "answer": "d"}, {"question": "e'
    with replaying([completion(said, "length"), completion(said[:-40], "length")]) as (url, calls):
        answer, teacher = ask(url, passage(1))
    assert pairs_of(answer) == [Pair("a", "b"), Pair("c", "d")]
    assert "cut off, so write less" in calls[1].json()["messages"][-1]["content"]
    assert (len(calls), teacher.repaired) == (2, 0), "told to write less, it did not: that is not paid a third time"
    assert (answer.partial, answer.finish_reason) == (True, "length")


def test_an_answer_that_lacks_no_more_than_its_last_brackets_is_whole() -> None:
    with replaying([completion(written("a b", "c d")[:-2], "length")]) as (url, calls):
        answer, _ = ask(url, msgspec.structs.replace(passage(1), shape=items(2)))
    assert pairs_of(answer) == [Pair("a", "b"), Pair("c", "d")]
    assert (len(calls), answer.partial) == (1, False)


def test_an_answer_cut_off_is_used_when_there_is_no_room_for_a_repair() -> None:
    too_long = Reply.json({"error": {"message": "the request exceeds the context"}}, 400)
    with replaying([completion(HALF, "length"), too_long]) as (url, _):
        answer, _ = ask(url, passage(1))
    assert pairs_of(answer) == [Pair("a", "b")]
    assert answer.partial


@pytest.mark.parametrize(
    "said",
    [
        ["no", WHOLE],
        ["no", "no", WHOLE],
        ["no", HALF, "no"],
        [HALF, "no", "no"],
        [HALF, HALF, HALF],
        [HALF, "no", WHOLE],
    ],
)
def test_every_repair_is_paid_once(said: list[str]) -> None:
    journal = DictJournal()
    with replaying([completion(one) for one in said]) as (url, calls):
        first, _ = ask(url, passage(1), journal=journal)
        again, teacher = ask(url, passage(1), journal=journal)
        assert len(calls) == len(said)
    assert again == first
    assert teacher.calls == 0


@pytest.mark.parametrize("answered", [1, 2])
def test_a_repair_goes_on_where_it_was_killed(answered: int) -> None:
    """The process dies while a repair is under way: what was answered until then is not asked again."""
    journal = DictJournal()

    async def die_at_once(call: Call) -> Reply:
        return completion("no") if len(journal.answers) < answered else Reply(401)

    with serving(die_at_once) as url, pytest.raises(ServiceError, match="401"):
        ask(url, passage(1), journal=journal)
    assert len(journal.answers) == answered
    with replaying([completion(WHOLE)]) as (url, calls):
        answer, _ = ask(url, passage(1), journal=journal)
        assert len(calls) == 1
    assert pairs_of(answer) == [Pair("a", "b")]


def test_a_lost_request_is_tried_again_in_the_next_run() -> None:
    journal = DictJournal()
    with replaying([completion("no"), completion("no"), completion("no"), completion(WHOLE)]) as (url, calls):
        with pytest.raises(Unanswered):
            ask(url, passage(1), journal=journal)
        answer, _ = ask(url, passage(1), journal=journal)
        assert len(calls) == 4
    assert pairs_of(answer) == [Pair("a", "b")]


def test_a_request_that_no_run_gets_answered_is_not_paid_for_for_ever() -> None:
    journal, lost = DictJournal(), []
    with replaying([completion("no")]) as (url, calls):
        for _ in range(6):
            with pytest.raises(Unanswered) as caught:
                ask(url, passage(1), journal=journal)
            lost.append(("not asked for again" in str(caught.value), len(calls)))
    assert lost == [(False, 3), (False, 5), (True, 7), (True, 7), (True, 7), (True, 7)]


def test_a_server_without_response_format_is_told_in_words() -> None:
    notes: list[str] = []
    with stub_teacher(refuses=("response_format",)) as (url, stub):
        answers, _ = ask_all(url, 50, in_flight=4, note=notes.append)
        assert stub.report().calls <= 54
    assert all(len(pairs_of(answer)) == 2 for answer in answers.values())
    assert notes == ["stub takes no response_format: asked without it from now on"]


def test_response_format_can_be_off_from_the_start() -> None:
    with stub_teacher(refuses=("response_format",)) as (url, stub):
        answer, _ = ask(url, passage(1), json_schema=False)
        assert stub.report().calls == 1
    assert len(pairs_of(answer)) == 2


def test_a_model_that_knows_the_newer_name_of_max_tokens_gets_it() -> None:
    said = "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."
    refusal = Reply.json({"error": {"message": said}}, 400)
    with replaying([refusal, completion("yes")]) as (url, calls):
        ask(url, plain(1, max_tokens=5))
    assert calls[1].json()["max_completion_tokens"] == 5
    assert "max_tokens" not in calls[1].json()


# --- money


def test_tokens_and_cost_are_counted() -> None:
    usage = {"prompt_tokens": 1000, "completion_tokens": 500}
    reply = Reply.json({"choices": [{"message": {"content": "yes"}}], "usage": usage})
    budget = Budget()
    with replaying([reply]) as (url, _):
        answer, _ = ask(url, plain(1), prices=(2.0, 8.0), budget=budget)
    assert (answer.prompt_tokens, answer.answer_tokens) == (1000, 500)
    assert answer.cost == pytest.approx(0.006)
    assert budget.spent_tokens == 1500
    assert budget.spent_cost == pytest.approx(0.006)


def test_tokens_are_estimated_when_the_server_does_not_count() -> None:
    with stub_teacher(usage=False) as (url, _):
        answer, _ = ask(url, plain(1))
    assert (answer.prompt_tokens, answer.answer_tokens) == (3, 3)


@pytest.mark.parametrize("count", [-200, None, "12", 0, 1e300, [1]])
def test_an_odd_count_is_an_estimate_and_the_answer_is_kept(count: object) -> None:
    usage = {"prompt_tokens": count, "completion_tokens": count}
    reply = Reply.json({"choices": [{"message": {"content": "yes, it is"}}], "usage": usage})
    budget = Budget()
    with replaying([reply]) as (url, calls):
        answer, _ = ask(url, plain(1), budget=budget)
    assert (answer.text, len(calls)) == ("yes, it is", 1)
    assert budget.spent_tokens == answer.prompt_tokens + answer.answer_tokens > 0


@pytest.mark.usefixtures("no_waiting")
@pytest.mark.parametrize("choices", [b"[]", b"[null]", b'[{"message": {"content": NaN}}]'])
def test_a_reply_that_is_no_completion_is_paid_if_it_says_what_it_took(choices: bytes) -> None:
    broken = Reply(200, b'{"choices": %s, "usage": {"prompt_tokens": 1000, "completion_tokens": NaN}}' % choices)
    budget = Budget(max_tokens=2000)
    with replaying([broken]) as (url, calls), pytest.raises(BudgetReached):
        ask(url, plain(1), prices=(2.0, 8.0), budget=budget)
    assert (len(calls), budget.spent_tokens, budget.spent_cost) == (2, 2000, 0.004)


def test_a_broken_answer_and_its_repair_are_both_paid() -> None:
    budget = Budget()
    with replaying([completion("no"), completion(WHOLE)]) as (url, _):
        answer, _ = ask(url, passage(1), budget=budget)
    assert answer.prompt_tokens + answer.answer_tokens == budget.spent_tokens
    assert answer.prompt_tokens > 2 * 20


@pytest.mark.parametrize("limit", [{"max_tokens": 1000}, {"max_cost": 0.001}])
def test_the_budget_is_overshot_by_no_more_than_what_is_in_flight(limit: dict[str, Any]) -> None:
    budget, journal = Budget(**limit), DictJournal()
    seen: list[int] = []

    async def work(url: str) -> None:
        settings: dict[str, Any] = {"prices": (1.0, 1.0), "in_flight": 4}
        async with Teacher(url, "stub", budget=budget, journal=journal, **settings) as teacher:
            async for number, _ in teacher.ask_all((n, passage(n)) for n in range(1000)):
                seen.append(number)

    with (
        stub_teacher(latency=0.005) as (url, stub),
        pytest.raises(BudgetReached, match=r"used up.*again"),
    ):
        run(work(url))
    largest = max(answer.prompt_tokens + answer.answer_tokens for answer in journal.answers.values())
    assert 1000 <= budget.spent_tokens <= 1000 + 4 * largest
    assert len(seen) == len(journal.answers) == stub.report().ok


def test_a_cost_limit_without_prices_is_refused() -> None:
    with pytest.raises(ServiceError, match=r"Set services\.big\.prices"):
        Teacher("http://a/v1", "m", name="big", budget=Budget(max_cost=1.0))


# --- walking away


def test_who_walks_away_leaves_nothing_behind(caplog: pytest.LogCaptureFixture) -> None:
    async def work(url: str) -> None:
        async with Teacher(url, "stub") as teacher:
            async for _ in teacher.ask_all((n, passage(n)) for n in range(100)):
                break
        assert asyncio.all_tasks() == {asyncio.current_task()}

    with stub_teacher(latency=0.02) as (url, _):
        run(work(url))
    assert not [record for record in caplog.records if record.name == "asyncio"]


def test_a_cancelled_caller_leaves_nothing_behind(caplog: pytest.LogCaptureFixture) -> None:
    async def work(url: str) -> None:
        asking = asyncio.ensure_future(ask_forever(url))
        await asyncio.sleep(0.1)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        assert asyncio.all_tasks() == {asyncio.current_task()}

    async def ask_forever(url: str) -> None:
        async with Teacher(url, "stub", in_flight=4) as teacher:
            await all_answers(teacher, ((n, passage(n)) for n in range(10**9)))

    with stub_teacher(latency=0.02) as (url, _):
        run(work(url))
    assert not [record for record in caplog.records if record.name == "asyncio"]


def test_ctrl_c_ends_it_at_once_and_cleanly(tmp_path: Path) -> None:
    with stub_teacher(latency=0.02, p500=0.2) as (url, stub):
        command = [sys.executable, "-m", "tests.doubles.asker", url, str(tmp_path / "answers.jsonl"), "100000"]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as asker:
            while stub.report().calls < 30:
                time.sleep(0.001)
            asker.send_signal(signal.SIGINT)
            _, said = asker.communicate(timeout=10)
    assert said.strip().endswith("KeyboardInterrupt")
    assert "never retrieved" not in said


def test_commands_that_ask_nothing_do_not_wait_for_the_http_libraries() -> None:
    heavy = "import sys, connectors.teacher; print({'httpx', 'requests'} & {*sys.modules})"
    shown = subprocess.run([sys.executable, "-c", heavy], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "set()"


# --- secrets


@pytest.mark.usefixtures("no_waiting")
@pytest.mark.parametrize("settings", [{"key": "another"}, {"p500": 1.0}, {"status": 400}, {"pwrong": 1.0}])
def test_the_key_is_sent_and_never_shown(settings: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with stub_teacher(**settings) as (url, _), pytest.raises(ServiceError) as caught:
        ask_all(url, 20, key=SECRET, in_flight=2)
    error: BaseException | None = caught.value
    while error:
        assert SECRET not in f"{error!r} {error}"
        error = error.__cause__ or error.__context__
    assert SECRET not in caplog.text
    assert SECRET not in repr(Teacher(url, "stub", key=SECRET))


def test_the_right_key_opens() -> None:
    with stub_teacher(key=SECRET) as (url, _):
        assert ask(url, plain(1), key=SECRET)[0].text == "It is so."


@pytest.mark.usefixtures("no_waiting")
@pytest.mark.parametrize("said", [b"\x00\x01 nonsense\r\n\r\n", b"HTTP/1.1 two hundred\r\n\r\n"])
def test_who_answers_but_not_in_http_is_not_asked_whether_it_runs(said: bytes) -> None:
    with replaying([Reply(0, said)]) as (url, _), pytest.raises(ServiceError) as caught:
        ask(f"{url}/v1", plain(1))
    assert "cannot be used: it does not answer as HTTP has it: " in str(caught.value)
    assert "Is it running" not in str(caught.value)


@pytest.mark.usefixtures("no_waiting")
def test_an_account_without_credit_is_not_a_wrong_key() -> None:
    with (
        replaying([Reply(402)]) as (url, _),
        pytest.raises(ServiceError, match=r"402 .*\. Its account has no credit left\."),
    ):
        ask(f"{url}/v1", plain(1))
