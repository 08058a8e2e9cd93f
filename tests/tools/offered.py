"""A small registry with every kind of argument, and the doubles around it."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from connectors.records import Origin, Passage, sha256
from tools.actions import BUILT_IN
from tools.context import Context
from tools.registry import Registry

KEY = "fs_good"


class Row(BaseModel):
    """One line of a bill."""

    what: str
    price: float = Field(ge=0)
    note: str | None = None


class Bill(BaseModel):
    """What a bill comes to."""

    total: float
    rows: list[Row]
    kind: Literal["bill"] = "bill"


def add_up(
    context: Context,
    rows: Annotated[list[Row], Field(description="What was bought.")],
    currency: Literal["EUR", "USD"] = "EUR",
    discount: Annotated[float | None, Field(gt=0, lt=1, description="Share of the sum.")] = None,
    labels: Annotated[dict[str, str] | None, Field(description="For the file.")] = None,
    rounded: bool = False,
) -> Bill:
    """Add up a bill.

    Amounts are in one currency.
    """
    total = sum(row.price for row in rows) * (1 - (discount or 0))
    return Bill(total=round(total) if rounded else total, rows=rows)


def fall_over(context: Context) -> Bill:
    """Fail in a way that nobody foresaw."""
    raise RuntimeError("the password is hunter2")


def registry() -> Registry:
    made = Registry()
    made.add([*BUILT_IN, add_up, fall_over])
    return made


def context() -> Context:
    text = "A parcel may weigh ten kilograms."
    passage = Passage(text, sha256(text), Origin(service="files", document="parcels.md"), headings=("Parcels",))
    return Context(bases=("handbook",), search=lambda base, query, k: [(passage, 1.5)][:k])


def may_call(key: str, tool: str = "") -> bool:
    return key == KEY or (key == "fs_bills" and tool in ("", "add_up"))
