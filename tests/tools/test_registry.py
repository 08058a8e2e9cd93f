"""One typed function with a docstring is a tool, and whatever is not is refused when the server starts."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.tools.offered import Bill, add_up
from tools import ToolError
from tools.context import Context
from tools.registry import BadArguments, Registry, tool


def test_a_tool_is_called_as_its_function_is_with_what_was_validated() -> None:
    made = tool(add_up)
    assert (made.name, made.summary) == ("add_up", "Add up a bill.")
    given = made.validated({"rows": [{"what": "tea", "price": "2.5"}], "discount": 0.5})
    assert made.run(Context(), given).model_dump()["total"] == 1.25


def test_what_is_wrong_is_told_by_the_name_of_the_argument() -> None:
    with pytest.raises(BadArguments) as wrong:
        tool(add_up).validated({"rows": [{"what": "tea", "price": -1}], "currency": "DM"})
    assert [each.name for each in wrong.value.fields] == ["rows.0.price", "currency"]
    assert "add_up cannot take these arguments: rows.0.price: " in str(wrong.value)


def test_arguments_that_agents_send_along_are_named_and_passed_over() -> None:
    given = {"rows": [], "id": "call_1", "tool": "add_up"}
    assert tool(add_up).unknown(given) == ["id", "tool"]
    assert "id" not in tool(add_up).validated(given).model_dump()


def untyped(context: Context, rows) -> Bill:  # type: ignore[no-untyped-def]
    """Add."""
    return Bill(total=0, rows=[])


def silent(context: Context) -> Bill:
    return Bill(total=0, rows=[])


def answers_text(context: Context) -> str:
    """Say something."""
    return ""


def without_context(rows: int) -> Bill:
    """Add."""
    return Bill(total=0, rows=[])


def nothing() -> Bill:
    """Add."""
    return Bill(total=0, rows=[])


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (untyped, "does not say of which type rows is"),
        (silent, "needs a lower-case name, a docstring and a Context"),
        (answers_text, "has to answer with a pydantic model"),
        (without_context, "needs a lower-case name, a docstring and a Context"),
        (nothing, "needs a lower-case name, a docstring and a Context"),
    ],
)
def test_a_function_that_is_no_tool_is_refused_with_what_it_lacks(function: Callable[..., Any], message: str) -> None:
    with pytest.raises(ToolError, match=re.escape(message)):
        tool(function)


def test_two_tools_of_one_name_are_refused() -> None:
    with pytest.raises(ToolError, match="two tools 'add_up'"):
        Registry().add([add_up, add_up])
