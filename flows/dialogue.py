"""What is said to a model: one rendering for training, measuring and serving, so that none drifts."""

from collections.abc import Sequence

from connectors.records import Passage
from flows.pairs import Turn

Message = dict[str, str]

OPEN_BOOK = {
    "en": "Answer from these passages.\n\n{passages}\n\nQuestion: {question}",
    "zh": "根据以下资料回答。\n\n{passages}\n\n问题：{question}",
}


def messages(
    question: str,
    *,
    system: str = "",
    passages: Sequence[Passage] = (),
    history: Sequence[Turn] = (),
    language: str = "en",
) -> list[Message]:
    """The conversation up to where the assistant answers `question`; with passages it is open-book."""
    said: list[Message] = [{"role": "system", "content": system}] if system else []
    for turn in history:
        said.append({"role": "user", "content": turn.question})
        said.append({"role": "assistant", "content": turn.answer})
    if passages:
        shown = "\n\n".join(f"[{number}] {p.titled}" for number, p in enumerate(passages, start=1))
        form = OPEN_BOOK.get(language, OPEN_BOOK["en"])
        question = form.format(passages=shown, question=question)
    return [*said, {"role": "user", "content": question}]
