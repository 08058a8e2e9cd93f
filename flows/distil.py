"""What the teacher makes of each record: questions with grounded answers, new phrasings, honest refusals."""

import functools
import re
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from typing import Any, NamedTuple

import msgspec

from connectors.records import Exchange, Passage, Record
from connectors.teacher import Answer, Failure, Request, Teacher
from flows import shapes
from flows.config import Distil
from flows.pairs import Kind, Pair, Turn
from flows.prompting import fill, language, prompt_hash

PROMPTS = ("passage", "paraphrase", "unanswerable")
LANGUAGES = ("en", "zh")
MOST_REFUSALS = 5  # asked for at one passage; more would repeat themselves
_STYLE = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")  # what a terminal takes for colours and the like
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")  # tabs and line ends stay


class Lost(msgspec.Struct, frozen=True):
    """A question about a record that the teacher could not be brought to answer, and why."""

    record: str
    reason: str


class Partial(msgspec.Struct, frozen=True):
    """A record about which the teacher wrote less than was asked for, since no version of its answer was whole."""

    record: str
    cut_off: bool  # at `answer_tokens`; else what it wrote was no JSON


class Plan(msgspec.Struct, frozen=True):
    """What `distil` will ask: the number of calls, journalled answers included, and of refusals per passage."""

    calls: int
    refusals: float


class Task(NamedTuple):
    """One call: the record it is about, and how its answer becomes pairs."""

    identity: str
    record: Record
    request: Request
    read: Callable[["Task", dict[str, Any]], list[Pair]]


def prompt_hashes() -> dict[str, str]:
    """Name -> hash of every prompt that decides what is made."""
    names = [f"{prompt}.{tongue}" for prompt in PROMPTS for tongue in LANGUAGES]
    return {name: prompt_hash(name) for name in names}


def plan(records: Iterable[tuple[str, Record]], options: Distil) -> Plan:
    """Count the records once, so that refusals get their share of all questions, those of people included."""
    passages: list[str] = []
    human = rephrased = 0
    for identity, record in records:
        if isinstance(record, Passage):
            passages.append(identity)
        else:
            human += 1
            rephrased += _is_rephrased(record, options)
    distilled = len(passages) * options.questions * (options.phrasings + options.follow_ups)
    others = human + rephrased * options.paraphrases + distilled
    refusals = options.refusals / (1 - options.refusals) * others / max(len(passages), 1)
    asked = sum(_refusals_wanted(identity, refusals) > 0 for identity in passages)
    return Plan(len(passages) * (options.questions > 0) + rephrased + asked, refusals)


async def distil(
    records: Iterable[tuple[str, Record]],
    teacher: Teacher,
    options: Distil,
    planned: Plan,
    on_answer: Callable[[], None] = lambda: None,
) -> AsyncIterator[Pair | Lost | Partial]:
    """Pairs as the answers come in, human rows as they are; the same answers always give the same pairs."""
    human: list[Pair] = []

    def requests() -> Iterator[tuple[Task, Request]]:
        for identity, record in records:
            if isinstance(record, Exchange):
                human.append(_human(identity, record))
            for task in _tasks(identity, record, options, planned):
                yield task, task.request

    async for task, answer in teacher.ask_all(requests()):
        on_answer()
        while human:
            yield human.pop()
        for one in _made(task, answer, teacher):
            yield one
    while human:
        yield human.pop()


def _tasks(identity: str, record: Record, options: Distil, planned: Plan) -> Iterator[Task]:
    if isinstance(record, Exchange):
        if _is_rephrased(record, options):
            yield Task(identity, record, _paraphrase_request(record, options), _paraphrases)
        return
    if options.questions:
        yield Task(identity, record, _passage_request(record, options), _distilled)
    if wanted := _refusals_wanted(identity, planned.refusals):
        read = functools.partial(_refusals, options)
        yield Task(identity, record, _refusal_request(record, wanted, options), read)


def _request(
    prompt: str, said: str, count: int, shape: type[msgspec.Struct], options: Distil, **values: Any
) -> Request:
    name = f"{prompt}.{language(said)}"
    return Request(
        messages=fill(name, values, lambda answer: shapes.example(answer, count, options.follow_ups)),
        prompt_hash=prompt_hash(name),
        shape=shape,
        max_tokens=options.answer_tokens,
        temperature=options.temperature,
    )


def _made(task: Task, answer: Answer | Failure, teacher: Teacher) -> Iterator[Pair | Lost | Partial]:
    """The pairs of one call, each with its share of the tokens and the cost."""
    if isinstance(answer, Failure):
        yield Lost(task.identity, answer.reason)
        return
    pairs = task.read(task, msgspec.json.decode(answer.text))
    if not pairs:
        yield Lost(task.identity, f"{teacher.model} wrote no question about it.")
    elif answer.partial:
        yield Partial(task.identity, answer.finish_reason == "length")
    key, tokens = teacher.key(task.request), answer.prompt_tokens + answer.answer_tokens
    for number, pair in enumerate(pairs):
        yield msgspec.structs.replace(
            pair,
            teacher=teacher.model,
            prompt_hash=task.request.prompt_hash,
            answer_key=key,
            tokens=tokens // len(pairs) + (number < tokens % len(pairs)),
            cost=answer.cost / len(pairs),
        )


# --- questions about a passage


def _passage_request(passage: Passage, options: Distil) -> Request:
    return _request(
        "passage",
        passage.text,
        options.phrasings,
        shapes.items(options),
        options,
        questions=options.questions,
        phrasings=options.phrasings,
        section=_section(passage),
        passage=passage.text,
    )


def _section(passage: Passage) -> str:
    """Apart from the text, since small models copy headings into quotes."""
    return " > ".join(passage.headings) or passage.origin.document or "-"


def _distilled(task: Task, said: dict[str, Any]) -> list[Pair]:
    found = []
    for item in said["items"]:
        found += [_pair(task, "distilled", question, item) for question in item["questions"]]
        if (after := item.get("follow_up")) and item["questions"]:
            before = Turn(_said(item["questions"][0]), _said(item["answer"]))
            found.append(_pair(task, "follow_up", after["question"], after, (before,)))
    return found


def _pair(task: Task, kind: Kind, question: str, item: dict[str, Any], history: tuple[Turn, ...] = ()) -> Pair:
    assert isinstance(task.record, Passage)
    return Pair(
        question=_said(question),
        answer=_said(item["answer"]),
        kind=kind,
        origin=task.record.origin,
        record=task.identity,
        passages=(task.record,),
        quote=_printable(item.get("quote", "")),  # the rest of a terminal's codes stands in its passage, too
        history=history,
        difficulty=item.get("difficulty", ""),
        language=language(task.record.text),
    )


def _said(text: str) -> str:
    """What the teacher wrote, as a model may learn it."""
    return _printable(_STYLE.sub("", text))


def _printable(text: str) -> str:
    return _CONTROL.sub(lambda found: " " if found[0].isspace() else "", text).strip()


# --- new phrasings of what people asked


def _human(identity: str, asked: Exchange) -> Pair:
    return Pair(
        question=asked.question.strip(),
        answer=asked.answer.strip(),
        kind="human",
        origin=asked.origin,
        record=identity,
        passages=asked.passages,
        language=language(asked.question),
        rating=asked.rating,
        comment=asked.comment,
    )


def _is_rephrased(asked: Exchange, options: Distil) -> bool:
    """An answer that people rejected is not worth repeating."""
    return options.paraphrases > 0 and asked.rating >= 0


def _paraphrase_request(asked: Exchange, options: Distil) -> Request:
    count = options.paraphrases
    shape = shapes.questions(count)
    return _request(
        "paraphrase", asked.question, count, shape, options, phrasings=count, question=asked.question.strip()
    )


def _paraphrases(task: Task, said: dict[str, Any]) -> list[Pair]:
    assert isinstance(task.record, Exchange)
    parent = _human(task.identity, task.record)
    same = msgspec.structs.replace(parent, kind="paraphrase", parent=parent.id, rating=0, comment="")
    return [msgspec.structs.replace(same, question=_said(question)) for question in said["questions"]]


# --- questions that the documents do not answer


def _refusals_wanted(identity: str, expected: float) -> int:
    """How many to ask for at this passage; by its id, so that other passages do not change what was paid for."""
    draw = int(identity[:8], 16) / 16**8
    return min(int(expected) + (draw < expected % 1), MOST_REFUSALS)


def _refusal_request(passage: Passage, wanted: int, options: Distil) -> Request:
    shape = shapes.questions(wanted)
    return _request(
        "unanswerable",
        passage.text,
        wanted,
        shape,
        options,
        questions=wanted,
        section=_section(passage),
        passage=passage.text,
    )


def _refusals(options: Distil, task: Task, said: dict[str, Any]) -> list[Pair]:
    assert isinstance(task.record, Passage)
    refusal = options.refusal_text_zh if language(task.record.text) == "zh" else options.refusal_text
    return [_pair(task, "refusal", question, {"answer": refusal}) for question in said["questions"]]
