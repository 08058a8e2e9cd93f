"""Dify's External Knowledge API: a knowledge base of ours as one of Dify's.

One route, `/retrieval`, with errors of its own ("External Knowledge API" in Dify's documentation).
"""

from collections.abc import Callable
from typing import Any, Literal

from flask import Blueprint, request
from pydantic import BaseModel, Field, ValidationError

from connectors.records import Passage
from tools.access import MayCall, key_of
from tools.context import Context

TOOL = "search_knowledge"  # what a key has to be good for
_LOOKED_AT = 200  # passages, where conditions leave some out
Answer = tuple[dict[str, Any], int]


class Condition(BaseModel):
    """What a field of the metadata must be."""

    name: str | list[str]
    comparison_operator: str
    value: Any = None


class Conditions(BaseModel):
    logical_operator: Literal["and", "or"] = "and"
    conditions: list[Condition] = []


class Setting(BaseModel):
    top_k: int = Field(default=4, ge=1, le=_LOOKED_AT)
    score_threshold: float = 0.0


class Wanted(BaseModel):
    """The body of a call. Dify asks once with an empty base and query when it is registered."""

    knowledge_id: str
    query: str
    retrieval_setting: Setting = Setting()
    metadata_condition: Conditions | None = None


def retrieval(context: Context, may_call: MayCall) -> Blueprint:
    made = Blueprint("retrieval", __name__)

    @made.post("/retrieval")
    def retrieve() -> Answer:
        if not (key := key_of(request)):
            return _refused(1001, "Send the key as `Authorization: Bearer <key>`.", 403)
        if not may_call(key, TOOL):
            return _refused(1002, "The key is wrong, or not for search_knowledge.", 403)
        try:
            wanted = Wanted.model_validate_json(request.get_data())
            return _found(context, wanted)
        except ValidationError as error:
            return _refused(400, "; ".join(f"{each['loc']}: {each['msg']}" for each in error.errors()), 400)

    return made


def _found(context: Context, wanted: Wanted) -> Answer:
    if not wanted.knowledge_id and not wanted.query:
        return {"records": []}, 200
    if wanted.knowledge_id not in context.bases:
        known = ", ".join(context.bases) or "none"
        return _refused(2001, f"There is no knowledge base {wanted.knowledge_id!r}. There are: {known}.", 404)
    if odd := _unknown(wanted.metadata_condition):
        return _refused(400, f"The comparison {odd!r} is none of: {', '.join(_COMPARED)}.", 400)
    setting, filtered = wanted.retrieval_setting, wanted.metadata_condition
    found = context.search(wanted.knowledge_id, wanted.query, _LOOKED_AT if filtered else setting.top_k)
    kept = [(each, _share(score)) for each, score in found if not filtered or _fits(each, filtered)]
    records = [_record(each, score) for each, score in kept if score >= setting.score_threshold]
    return {"records": records[: setting.top_k]}, 200


def _share(score: float) -> float:
    """Between 0 and 1, as Dify's threshold is, in the same order: what a search says has no upper end."""
    return max(score, 0) / (1 + max(score, 0))


def _record(passage: Passage, score: float) -> dict[str, Any]:
    title = passage.headings[-1] if passage.headings else passage.origin.document
    return {"content": passage.text, "score": score, "title": title, "metadata": _metadata(passage)}


def _metadata(passage: Passage) -> dict[str, str]:
    return {
        "document": passage.origin.document,
        "dataset": passage.origin.dataset,
        "headings": " > ".join(passage.headings),
    }


def _fits(passage: Passage, filtered: Conditions) -> bool:
    said = _metadata(passage)
    names = [(each, [each.name] if isinstance(each.name, str) else each.name) for each in filtered.conditions]
    held = [
        any(_COMPARED[each.comparison_operator](said.get(name, ""), each.value) for name in of) for each, of in names
    ]
    return not held or (all(held) if filtered.logical_operator == "and" else any(held))


def _unknown(filtered: Conditions | None) -> str:
    operators = [each.comparison_operator for each in filtered.conditions] if filtered else []
    return next((each for each in operators if each not in _COMPARED), "")


def _listed(value: Any) -> list[str]:
    return [*map(str, value)] if isinstance(value, list) else str(value).split(",")


# All that Dify sends for fields that are text; numbers and times there are none here.
_COMPARED: dict[str, Callable[[str, Any], bool]] = {
    "contains": lambda said, value: str(value) in said,
    "not contains": lambda said, value: str(value) not in said,
    "start with": lambda said, value: said.startswith(str(value)),
    "end with": lambda said, value: said.endswith(str(value)),
    "is": lambda said, value: said == str(value),
    "is not": lambda said, value: said != str(value),
    "in": lambda said, value: said in _listed(value),
    "not in": lambda said, value: said not in _listed(value),
    "empty": lambda said, value: not said,
    "not empty": lambda said, value: bool(said),
}


def _refused(code: int, message: str, status: int) -> Answer:
    return {"error_code": code, "error_msg": message}, status
