"""What the teacher makes of each record: questions with grounded answers, new phrasings, honest refusals."""

import functools
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
from msgspec import Meta

from connectors.records import Exchange, Passage, Record
from connectors.teacher import Answer, Failure, Request, Teacher
from flows.config import Distil
from flows.pairs import Kind, Pair, Turn
from flows.prompting import fill, language, prompt_hash
from trainer.evaluate import words

PROMPTS = ("passage", "paraphrase", "unanswerable")
LANGUAGES = ("en", "zh")

# Bounds keep a small model under a grammar from rambling; in characters.
Line = Annotated[str, Meta(max_length=240)]
Text = Annotated[str, Meta(max_length=600)]

FOLLOW_UP = {
    "en": "- follow_up: a question that only makes sense after the first one, with its answer and quote\n",
    "zh": "- follow_up：只有在第一个问题之后才有意义的追问，附答案和原句\n",
}


class Lost(msgspec.Struct, frozen=True):
    """A record that the teacher could not be brought to work on; a later run tries again."""

    record: str
    reason: str


class FollowUp(msgspec.Struct):
    quote: Text
    question: Line
    answer: Text


class Task(NamedTuple):
    """One call: the record it is about, and how its answer becomes pairs."""

    identity: str
    record: Record
    request: Request
    read: Callable[["Task", Answer], list[Pair]]


def prompt_hashes() -> dict[str, str]:
    """Name -> hash of every prompt that decides what is made."""
    names = [f"{prompt}.{tongue}" for prompt in PROMPTS for tongue in LANGUAGES]
    return {name: prompt_hash(name) for name in names}


def planned(records: Iterable[tuple[str, Record]], options: Distil) -> int:
    """How many calls `distil` will make of these records, answers in the journal included."""
    return sum(1 for identity, record in records for _ in _tasks(identity, record, options))


async def distil(
    records: Iterable[tuple[str, Record]],
    teacher: Teacher,
    options: Distil,
    on_answer: Callable[[], None] = lambda: None,
) -> AsyncIterator[Pair | Lost]:
    """Pairs as the answers come in, human rows as they are; the same answers always give the same pairs."""
    human: list[Pair] = []

    def requests() -> Iterator[tuple[Task, Request]]:
        for identity, record in records:
            if isinstance(record, Exchange):
                human.append(_human(identity, record))
            for task in _tasks(identity, record, options):
                yield task, task.request

    async for task, answer in teacher.ask_all(requests()):
        on_answer()
        while human:
            yield human.pop()
        if isinstance(answer, Failure):
            yield Lost(task.identity, answer.reason)
            continue
        for pair in _shared(task.read(task, answer), teacher, task.request, answer):
            yield pair
    while human:
        yield human.pop()


def _tasks(identity: str, record: Record, options: Distil) -> Iterator[Task]:
    if isinstance(record, Exchange):
        if options.paraphrases and record.rating >= 0:
            yield Task(identity, record, _paraphrase_request(record, options), _paraphrases)
        return
    if options.questions:
        yield Task(identity, record, _passage_request(record, options), _distilled)
    if wanted := _refusals_wanted(identity, options):
        yield Task(identity, record, _refusal_request(record, wanted, options), functools.partial(_refusals, options))


def _request(prompt: str, said: str, shape: type[msgspec.Struct], options: Distil, **values: Any) -> Request:
    name = f"{prompt}.{language(said)}"
    return Request(
        messages=fill(name, **values),
        prompt_hash=prompt_hash(name),
        shape=shape,
        max_tokens=options.answer_tokens,
        temperature=options.temperature,
    )


# --- questions about a passage


def _passage_request(passage: Passage, options: Distil) -> Request:
    return _request(
        "passage",
        passage.text,
        _items_shape(options.questions, options.phrasings, options.follow_ups),
        options,
        questions=options.questions,
        phrasings=options.phrasings,
        follow_up=FOLLOW_UP[language(passage.text)] if options.follow_ups else "",
        passage=passage.titled,
    )


@functools.cache
def _items_shape(questions: int, phrasings: int, follow_ups: bool) -> type[msgspec.Struct]:
    asked = Annotated[list[Line], Meta(min_length=1, max_length=phrasings)]
    fields: list[tuple[str, Any]] = [
        ("quote", Text),  # first: a model that copies before it asks stays with the text
        ("questions", asked),
        ("answer", Text),
        ("difficulty", Literal["easy", "medium", "hard"]),
    ]
    if follow_ups:
        fields.append(("follow_up", FollowUp))
    item = msgspec.defstruct("Item", fields)
    return msgspec.defstruct("Items", [("items", Annotated[list[item], Meta(min_length=1, max_length=questions)])])  # type: ignore[valid-type]


def _distilled(task: Task, answer: Answer) -> list[Pair]:
    found = []
    for item in msgspec.json.decode(answer.text)["items"]:
        for question in item["questions"]:
            found.append(_pair(task, "distilled", question, item))
        if after := item.get("follow_up"):
            before = Turn(item["questions"][0], item["answer"])
            found.append(_pair(task, "follow_up", after["question"], after | {"difficulty": "hard"}, (before,)))
    return found


def _pair(task: Task, kind: Kind, question: str, item: dict[str, Any], history: tuple[Turn, ...] = ()) -> Pair:
    assert isinstance(task.record, Passage)
    return Pair(
        question=question.strip(),
        answer=item["answer"].strip(),
        kind=kind,
        origin=task.record.origin,
        record=task.identity,
        passages=(task.record,),
        quote=item.get("quote", "").strip(),
        history=history,
        difficulty=item.get("difficulty", ""),
        language=language(task.record.text),
    )


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


def _paraphrase_request(asked: Exchange, options: Distil) -> Request:
    shape = _questions_shape(options.paraphrases)
    return _request(
        "paraphrase", asked.question, shape, options, phrasings=options.paraphrases, question=asked.question
    )


@functools.cache
def _questions_shape(most: int) -> type[msgspec.Struct]:
    return msgspec.defstruct("Questions", [("questions", Annotated[list[Line], Meta(min_length=1, max_length=most)])])


def _paraphrases(task: Task, answer: Answer) -> list[Pair]:
    assert isinstance(task.record, Exchange)
    parent = _human(task.identity, task.record)
    return [
        msgspec.structs.replace(parent, question=question.strip(), kind="paraphrase", parent=parent.id, comment="")
        for question in msgspec.json.decode(answer.text)["questions"]
    ]


# --- questions that the documents do not answer


def _refusals_wanted(identity: str, options: Distil) -> int:
    """How many to ask for at this passage, so that the share of all questions comes out over many of them."""
    if not 0 < options.refusals < 1:
        return 0
    expected = options.refusals / (1 - options.refusals) * options.questions * options.phrasings
    draw = int(identity[:8], 16) / 16**8
    return int(expected) + (draw < expected % 1)


def _refusal_request(passage: Passage, wanted: int, options: Distil) -> Request:
    shape = _questions_shape(wanted)
    return _request("unanswerable", passage.text, shape, options, questions=wanted, passage=passage.titled)


def _refusals(options: Distil, task: Task, answer: Answer) -> list[Pair]:
    assert isinstance(task.record, Passage)
    refusal = options.refusal_text_zh if language(task.record.text) == "zh" else options.refusal_text
    asked = [q for q in msgspec.json.decode(answer.text)["questions"] if _is_beyond(q, task.record)]
    return [_pair(task, "refusal", question, {"answer": refusal}) for question in asked]


def _is_beyond(question: str, passage: Passage) -> bool:
    """A question made of the passage's own words only is most likely answered by it."""
    known = set(words(passage.titled))
    return any(word not in known for word in words(question) if len(word) > 3 or not word.isascii())


# --- what it took


def _shared(pairs: list[Pair], teacher: Teacher, request: Request, answer: Answer) -> Iterator[Pair]:
    """The pairs of one call, each with its share of the tokens and the cost."""
    for number, pair in enumerate(pairs):
        tokens = answer.prompt_tokens + answer.answer_tokens
        yield msgspec.structs.replace(
            pair,
            teacher=teacher.model,
            prompt_hash=request.prompt_hash,
            answer_key=teacher.key(request),
            tokens=tokens // len(pairs) + (number < tokens % len(pairs)),
            cost=answer.cost / len(pairs),
        )
