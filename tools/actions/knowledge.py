"""What the knowledge bases say: the passages that fit a question."""

from typing import Annotated

from pydantic import BaseModel, Field

from tools import ToolError
from tools.context import Context


class Passage(BaseModel):
    """A piece of a document."""

    text: str
    score: float = Field(description="Grows with the fit; to be compared within one answer only.")
    document: str = Field(description="Where it stands: a path or the document's id.")
    headings: list[str] = Field(description="The headings it stands under, outermost first.")


class Passages(BaseModel):
    """What was found, the best first."""

    passages: list[Passage]


def search_knowledge(
    context: Context,
    query: Annotated[str, Field(min_length=1, max_length=4_000, description="What is looked for, in plain words.")],
    knowledge_base: Annotated[str, Field(description="Which one; may be left out where there is one only.")] = "",
    top_k: Annotated[int, Field(ge=1, le=50, description="The most passages that are wanted.")] = 5,
) -> Passages:
    """Find the passages of a knowledge base that fit a question best."""
    found = context.search(_base(context, knowledge_base), query, top_k)
    return Passages(
        passages=[
            Passage(text=each.text, score=score, document=each.origin.document, headings=list(each.headings))
            for each, score in found
        ]
    )


def _base(context: Context, named: str) -> str:
    if named in context.bases:
        return named
    if not named and len(context.bases) == 1:
        return context.bases[0]
    known = ", ".join(context.bases) or "none: name a loop with sources in flowstill.yml"
    raise ToolError(
        f"knowledge_base: there is no {named!r}. There are: {known}."
        if named
        else f"knowledge_base: say which one is meant. There are: {known}."
    )
