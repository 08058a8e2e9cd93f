"""The service in which Dify runs the code of code nodes, faked: it runs the program and gives back what it printed.

It is no sandbox at all: for the tests' own flows only.
"""

import asyncio
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.doubles.web import Call, Reply, serving

KEY = "dify-sandbox"  # what Dify itself ships
SECONDS = 20


async def answer(call: Call) -> Reply:
    if (call.method, call.path) != ("POST", "/v1/sandbox/run"):
        return Reply.json({"code": -404, "message": f"no route {call.path}", "data": None}, 404)
    if call.headers.get("x-api-key") != KEY:
        return Reply.json({"code": -401, "message": "Unauthorized", "data": None}, 401)
    body = call.json()
    if (command := interpreter(body["language"])) is None:
        return Reply.json({"code": -400, "message": f"unsupported language {body['language']}", "data": None})
    data = await asyncio.to_thread(_run, command, f"{body.get('preload') or ''}\n{body['code']}")
    return Reply.json({"code": 0, "message": "success", "data": data})


def interpreter(language: str) -> list[str] | None:
    """The command that runs a program of standard input."""
    node = shutil.which("node")
    return {"python3": [sys.executable, "-I", "-"], "nodejs": [node, "-"] if node else None}.get(language)


def _run(command: list[str], program: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        try:
            done = subprocess.run(command, input=program, cwd=folder, capture_output=True, text=True, timeout=SECONDS)
        except subprocess.TimeoutExpired:
            return {"stdout": "", "error": f"error: timeout after {SECONDS} s"}
    failed = done.stderr.strip() or f"error: exit status {done.returncode}"
    return {"stdout": done.stdout, "error": failed if done.returncode else ""}


@contextmanager
def sandbox() -> Iterator[str]:
    """The endpoint of a sandbox on a free port."""
    with serving(answer) as url:
        yield url
