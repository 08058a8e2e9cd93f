"""`flowstill serve` as its own process: keys, HTTP, MCP over streamable HTTP, and how it ends."""

import asyncio
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from flows import keys
from flows.sqlite import SqliteStore


def flowstill(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "flows", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)


@dataclass
class Served:
    folder: Path
    url: str
    process: "subprocess.Popen[str]"

    def call(self, key: str, tool: str = "search_knowledge", **arguments: Any) -> "requests.Response":
        headers = {"Authorization": f"Bearer {key}"}
        return requests.post(f"{self.url}/tools/{tool}", json=arguments, headers=headers, timeout=30)


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder, port = tmp_path_factory.mktemp("served"), free_port()
    command = [sys.executable, "-m", "flows", "serve", "--port", str(port)]
    process = subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True)
    url = f"http://127.0.0.1:{port}"
    for _ in range(300):
        try:
            requests.get(f"{url}/healthz", timeout=5)
            break
        except requests.ConnectionError:
            time.sleep(0.1)
    yield Served(folder, url, process)
    process.kill()
    process.communicate()


def test_a_key_lets_in_until_it_is_revoked(served: Served) -> None:
    made = flowstill(served.folder, "keys", "create", "n8n")
    key = made.stdout.strip()
    assert served.call(key, query="parcels").status_code == 400  # there is no knowledge base without settings
    assert "n8n" in flowstill(served.folder, "keys", "list").stdout
    assert key not in flowstill(served.folder, "keys", "list").stdout
    assert flowstill(served.folder, "keys", "revoke", "n8n").returncode == 0
    assert served.call(key, query="parcels").status_code == 401


def test_the_store_keeps_no_key_that_could_be_used(served: Served) -> None:
    key = flowstill(served.folder, "keys", "create", "kept").stdout.strip()
    assert all(key.encode() not in path.read_bytes() for path in (served.folder / "still").iterdir())


def test_a_key_for_one_tool_opens_no_other(served: Served) -> None:
    key = flowstill(served.folder, "keys", "create", "checker", "--tool", "check_workflow").stdout.strip()
    assert served.call(key, "check_workflow", workflow="x").status_code == 400
    assert served.call(key, "search_knowledge", query="x").status_code == 403


def test_names_of_keys_that_are_there_or_not_are_told(served: Served) -> None:
    flowstill(served.folder, "keys", "create", "twice")
    again = flowstill(served.folder, "keys", "create", "twice")
    assert (again.returncode, "There is a key 'twice': revoke it first" in again.stderr) == (2, True)
    none = flowstill(served.folder, "keys", "revoke", "nobody")
    assert (none.returncode, "There is no key 'nobody'. There are: " in none.stderr) == (2, True)


def test_tools_are_called_over_mcp_by_the_official_client(served: Served) -> None:
    from mcp import ClientSession
    from mcp.client.streamable_http import streamable_http_client
    from mcp.shared._httpx_utils import create_mcp_http_client

    key = flowstill(served.folder, "keys", "create", "mcp").stdout.strip()

    async def ask() -> tuple[set[str], Any]:
        headers = {"Authorization": f"Bearer {key}"}
        async with (
            create_mcp_http_client(headers) as http,
            streamable_http_client(f"{served.url}/mcp", http_client=http) as (read, write, _),
            ClientSession(read, write) as session,
        ):
            await session.initialize()
            listed = await session.list_tools()
            return {each.name for each in listed.tools}, await session.call_tool("check_workflow", {"workflow": "x"})

    names, answer = asyncio.run(ask())
    assert names == {"search_knowledge", "convert_workflow", "check_workflow"}
    assert answer.isError and "workflow: " in answer.content[0].text


def test_a_program_that_starts_the_command_speaks_mcp_with_it(tmp_path: Path) -> None:
    from mcp import ClientSession, StdioServerParameters
    from mcp.client.stdio import stdio_client

    command = StdioServerParameters(command=sys.executable, args=["-m", "flows", "mcp"], cwd=tmp_path)

    async def ask() -> Any:
        async with stdio_client(command) as (read, write), ClientSession(read, write) as session:
            await session.initialize()
            return await session.call_tool("check_workflow", {"workflow": "x"})

    answer = asyncio.run(ask())
    assert answer.isError and "workflow: " in answer.content[0].text


def test_a_key_for_one_tool_opens_no_other_over_mcp(served: Served) -> None:
    key = flowstill(served.folder, "keys", "create", "mcp-checker", "--tool", "check_workflow").stdout.strip()
    ask = {"jsonrpc": "2.0", "id": 1, "method": "tools/call"}
    headers = {"Authorization": f"Bearer {key}", "Accept": "application/json, text/event-stream"}
    for tool, message in (("check_workflow", "workflow: "), ("search_knowledge", "This key is not for the tool")):
        body = ask | {"params": {"name": tool, "arguments": {"workflow": "x", "query": "x"}}}
        said = requests.post(f"{served.url}/mcp", json=body, headers=headers, timeout=30).json()["result"]
        assert said["isError"] and message in said["content"][0]["text"]


def test_mcp_wants_a_key_too(served: Served) -> None:
    ask = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    for headers in ({}, {"Authorization": "Bearer fs_wrong"}):
        headers |= {"Accept": "application/json, text/event-stream"}
        assert requests.post(f"{served.url}/mcp", json=ask, headers=headers, timeout=30).status_code == 401


def test_a_port_that_is_taken_is_one_clear_line(served: Served, tmp_path: Path) -> None:
    port = served.url.rsplit(":", 1)[1]
    done = flowstill(tmp_path, "serve", "--port", port)
    assert done.returncode == 1
    assert f"Nothing can be served at 127.0.0.1:{port}: is another program there?" in done.stderr
    assert "Traceback" not in done.stderr


def test_it_stops_when_it_is_told_to_and_says_so(tmp_path: Path) -> None:
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "flows", "serve", "--port", str(port)], cwd=tmp_path, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    while "Nobody can call them yet" not in process.stderr.readline():
        assert process.poll() is None
    time.sleep(3)
    process.send_signal(signal.SIGTERM)
    said = process.communicate(timeout=30)[1]
    assert (process.returncode, "Traceback" in said) == (128 + signal.SIGTERM, False)
    assert "flowstill: stopped." in said


def test_the_common_words_for_a_key_are_no_key(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "store.db")
    good = keys.create(store, "mine")
    for key in ("", "fs_", "null", good[:-1], good + "x", good.upper(), keys.digest(good)):
        assert not keys.may_call(store, key)
    assert keys.may_call(store, good)
    store.close()
