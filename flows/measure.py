"""The same questions put to each model, and each answer scored against its reference."""

import difflib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from connectors.files import Folder
from connectors.records import Exchange, Passage
from connectors.teacher import Answer, Failure, Request, Teacher
from flows import FlowError
from flows.dialogue import messages
from flows.pairs import Pair, Turn
from flows.prompting import language
from flows.refusals import is_refusal
from trainer import evaluate

Mode = Literal["closed_book", "open_book"]
METRICS = ("f1", "key", "exact", "refusal")


# what an answer is made of that says nothing of its own
_YES_OR_NO = frozenset(
    {
        *("yes", "no", "true", "false", "correct", "incorrect", "right", "wrong"),
        *("ja", "nein", "oui", "non", "si", "sí", "não", "是", "否", "不", "对", "的", "有", "没"),
    }
)


class HeldOut(msgspec.Struct, frozen=True, omit_defaults=True):
    """A question that no model was trained on, with the answer it should get."""

    question: str
    answer: str = ""
    keys: tuple[str, ...] = ()  # words that a right answer holds
    refusal: bool = False  # the right answer is that nobody knows
    history: tuple[Turn, ...] = ()
    language: str = ""

    @property
    def group(self) -> str:
        """Phrasings of one question share their answer; they are counted as one draw of the bootstrap.

        `Yes.` and `No.` answer many questions: those are told apart by what is asked.
        """
        own = not self.refusal and not set(evaluate.words(self.answer)) <= _YES_OR_NO
        return evaluate.normalise(self.answer if own else self.question)


class Scored(msgspec.Struct, frozen=True, omit_defaults=True):
    """One model's answer to one question in one mode, with its scores, each 0 to 1."""

    model: str
    mode: str
    question: int  # its place in the held-out list
    answer: str
    scores: dict[str, float]
    finished: bool = True  # the model ended by itself, it was not cut off


def from_file(path: Path) -> list[HeldOut]:
    """Held-out questions of a JSONL or CSV file; raises FlowError naming file and line."""
    if not path.is_file():
        what = "is a folder: name a file" if path.is_dir() else "no such file"
        raise FlowError(f"{path}: {what}. evaluate.questions names it.")
    rows = _jsonl(path) if path.suffix == ".jsonl" else _table(path)
    if not rows:
        raise FlowError(f"{path}: holds no questions. Wanted: JSONL or CSV with question and answer.")
    return rows


def from_pairs(pairs: Iterable[Pair]) -> list[HeldOut]:
    return [HeldOut(p.question, p.answer, keys_of(p.answer), p.kind == "refusal", p.history, p.language) for p in pairs]


def keys_of(answer: str) -> tuple[str, ...]:
    """The words of an answer that carry a digit: where nobody named the keys, these cannot be guessed."""
    return tuple(dict.fromkeys(word for word in evaluate.words(answer) if any(c.isdigit() for c in word)))


def deciding(metric: str, questions: Sequence[HeldOut], enough: int) -> str:
    """What a gate decides by; `auto` is the key where most questions have one and those are enough, else f1.

    Word overlap grows with the mere form of an answer: a model that has only learnt how answers sound gains in it.
    """
    if metric != "auto":
        return metric
    keyed = sum(bool(one.keys) or one.refusal for one in questions)
    return "key" if keyed >= enough and 2 * keyed >= len(questions) else "f1"


def score(answer: str, wanted: HeldOut) -> dict[str, float]:
    """Each metric 0 to 1. No `key` where the reference has none; a refusal row knows right and wrong only."""
    refused = float(is_refusal(answer))
    if wanted.refusal:  # loops may have a refusal text of their own
        return dict.fromkeys(METRICS, max(refused, evaluate.exact(answer, wanted.answer)))
    scores = {
        "f1": evaluate.token_f1(answer, wanted.answer),
        "exact": evaluate.exact(answer, wanted.answer),
        "refusal": 1.0 - refused,
    }
    return scores | ({"key": evaluate.key_match(answer, list(wanted.keys))} if wanted.keys else {})


async def ask_each(
    model: str,
    teacher: Teacher,
    held_out: Sequence[HeldOut],
    mode: Mode,
    *,
    passages: Callable[[HeldOut], Sequence[Passage]],
    system: str,
    answer_tokens: int,
    on_answer: Callable[[], None] = lambda: None,
) -> list[Scored]:
    """Put every question to one model, greedily; raises FlowError when one stays without an answer."""
    requests = (
        (number, _request(wanted, mode, passages, system, answer_tokens)) for number, wanted in enumerate(held_out)
    )
    found: list[Scored] = []
    async for number, answer in teacher.ask_all(requests):
        if isinstance(answer, Failure):
            raise FlowError(f"{model} did not answer '{held_out[number].question}': {answer.reason}")
        found.append(_scored(model, mode, number, answer, held_out[number]))
        on_answer()
    return sorted(found, key=lambda one: one.question)


def _request(
    wanted: HeldOut,
    mode: Mode,
    passages: Callable[[HeldOut], Sequence[Passage]],
    system: str,
    answer_tokens: int,
) -> Request:
    shown = passages(wanted) if mode == "open_book" else ()
    said = messages(
        wanted.question,
        system=system,
        passages=shown,
        history=wanted.history,
        language=wanted.language or language(wanted.question),
    )
    return Request(messages=said, max_tokens=answer_tokens, temperature=0.0)


def _scored(model: str, mode: str, number: int, answer: Answer, wanted: HeldOut) -> Scored:
    return Scored(model, mode, number, answer.text, score(answer.text, wanted), answer.finish_reason != "length")


def _table(path: Path) -> list[HeldOut]:
    folder = Folder(path.parent, include=(path.name,))
    contents = [folder.read(document) for document in folder.documents()]
    if lost := [line for content in contents for line in content.lost]:  # fewer questions would be another measure
        raise FlowError("\n".join(lost[:10]))
    rows = [record for content in contents for record in content.records]
    return [HeldOut(r.question, r.answer, keys_of(r.answer)) for r in rows if isinstance(r, Exchange)]


def _jsonl(path: Path) -> list[HeldOut]:
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")  # a text may hold other signs that end a line
    except (OSError, UnicodeDecodeError) as error:
        raise FlowError(f"{path}: not readable: {error}") from None
    return [_row(f"{path}, line {number}", line) for number, line in enumerate(lines, start=1) if line.strip()]


def _row(where: str, line: str) -> HeldOut:
    try:
        found = msgspec.json.decode(line)
        row = msgspec.convert(found, HeldOut)
    except (msgspec.ValidationError, msgspec.DecodeError, RecursionError) as error:
        raise FlowError(f"{where}: {error}. Wanted: question, answer, perhaps keys.") from None
    _check_names(where, found)
    if not row.question.strip():
        raise FlowError(f"{where}: has no question.")
    if row.refusal or is_refusal(row.answer):
        row = msgspec.structs.replace(row, refusal=True)
        return msgspec.structs.replace(row, answer=row.answer or "I do not know.")
    if not row.answer.strip():
        raise FlowError(f'{where}: has no answer. For a question that nobody can answer write "refusal": true.')
    keys = tuple(key for key in row.keys if key.strip()) or keys_of(row.answer)
    return msgspec.structs.replace(row, keys=keys)


def _check_names(where: str, row: dict[str, object]) -> None:
    """A name that is nearly one of ours is an error: what is scored in another way than was meant measures nothing."""
    for name in row.keys() - set(HeldOut.__struct_fields__):
        if near := difflib.get_close_matches(name.casefold(), HeldOut.__struct_fields__, n=1, cutoff=0.8):
            raise FlowError(f"{where}: '{name}' is not known. Did you mean '{near[0]}'?")
