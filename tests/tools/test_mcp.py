"""The same tools over MCP: listed with their schemas, called, and honest about what is wrong."""

import asyncio
from typing import Any

import pytest
from fastmcp import Client
from fastmcp.exceptions import ToolError

from tests.tools.offered import context, registry
from tools.mcp import create_mcp


def asked(name: str, arguments: dict[str, Any]) -> Any:
    async def ask() -> Any:
        async with Client(create_mcp(registry(), context())) as client:
            return await client.call_tool(name, arguments)

    return asyncio.run(ask())


def test_every_tool_is_listed_with_its_schemas() -> None:
    async def ask() -> Any:
        async with Client(create_mcp(registry(), context())) as client:
            return await client.list_tools()

    listed = {each.name: each for each in asyncio.run(ask())}
    assert listed.keys() == registry().tools.keys()
    assert listed["add_up"].inputSchema["required"] == ["rows"]
    assert listed["add_up"].outputSchema["properties"].keys() == {"total", "rows", "kind"}


def test_an_answer_is_text_and_structured_content() -> None:
    answer = asked("add_up", {"rows": [{"what": "tea", "price": 2}], "id": "call_1"})
    assert answer.structured_content["total"] == 2
    assert '"total":2.0' in answer.content[0].text


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("add_up", {"rows": 3}, "add_up cannot take these arguments: rows: "),
        ("check_workflow", {"workflow": "hello"}, "workflow: "),
    ],
)
def test_what_is_wrong_is_told_to_the_model(name: str, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ToolError, match=message):
        asked(name, arguments)
