"""A real n8n server on free ports of this machine, in a folder of its own, and what tests do with it.

Start it once for a whole test run: the fixture `n8n_server`. It has no way out of the machine: what n8n would fetch by
itself is switched off, and its proxy leads nowhere.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
import requests

from tests.dsl.engines.lane import ALONE, EngineError, Ran, home

VERSION = "2.41.1"
Workflow = dict[str, Any]
OWNER = {"email": "ci@example.com", "firstName": "CI", "lastName": "Owner", "password": "Passw0rdCI"}
QUIET = {
    "N8N_SECURE_COOKIE": "false",
    "GENERIC_TIMEZONE": "UTC",
    "EXTERNAL_FRONTEND_HOOKS_URLS": "",
    "N8N_RUNNERS_BROKER_LISTEN_ADDRESS": "127.0.0.1",
    "N8N_DISABLED_MODULES": "mcp-registry",
} | {
    f"N8N_{name}_ENABLED": "false"
    for name in (
        "DIAGNOSTICS",
        "VERSION_NOTIFICATIONS",
        "VERSION_NOTIFICATIONS_WHATS_NEW",
        "TEMPLATES",
        "PERSONALIZATION",
        "HIRING_BANNER",
        "DYNAMIC_BANNERS",
        "COMMUNITY_PACKAGES",
        "LICENSE_AUTO_RENEW",
    )
}

# What the public API takes of a workflow; it refuses everything else.
TOP = ("name", "nodes", "connections", "settings", "pinData", "staticData")
NODE = (
    *("id", "name", "type", "typeVersion", "position", "parameters", "credentials", "disabled", "notes", "notesInFlow"),
    *("webhookId", "executeOnce", "alwaysOutputData", "retryOnFail", "maxTries", "waitBetweenTries"),
    *("continueOnFail", "onError"),
)


def api_body(workflow: Workflow) -> Workflow:
    """The part of a workflow file that the public API takes."""
    body = {"settings": {}, "connections": {}, "name": "unnamed"} | {k: workflow[k] for k in TOP if k in workflow}
    return body | {"nodes": [{k: node[k] for k in NODE if k in node} for node in workflow["nodes"]]}


class N8nServer:
    """A running server with an owner and a key of its public API."""

    def __init__(self, url: str, key: str, session: requests.Session, command: list[str], env: dict[str, str]) -> None:
        self.url, self.key, self._session = url, key, session
        self._command, self._env = command, env

    def run(
        self,
        workflow: Workflow,
        inputs: Mapping[str, Any],
        *,
        subflows: Mapping[str, Workflow] | None = None,
        seconds: float = 60,
    ) -> Ran:
        """The life of a workflow: created, published and called when a webhook starts it, else run as the editor does
        with `inputs` for its trigger; then its execution read and everything deleted.

        `subflows` are the workflows that it calls, by the id it knows them by; they call none themselves.
        """
        made: list[str] = []
        try:
            for known, subflow in (subflows or {}).items():
                made.append(self.create(api_body(subflow)))
                self.publish(made[-1])
                workflow = json.loads(json.dumps(workflow).replace(json.dumps(known), json.dumps(made[-1])))
            return self._run(workflow, inputs, made, seconds)
        finally:
            for one in reversed(made):
                self.delete(one)

    def _run(self, workflow: Workflow, inputs: Mapping[str, Any], made: list[str], seconds: float) -> Ran:
        hook = next((one for one in workflow["nodes"] if one["type"] == "n8n-nodes-base.webhook"), None)
        if hook is None:
            trigger = next(one["name"] for one in workflow["nodes"] if "trigger" in one["type"].lower())
            made.append(self.create(api_body(workflow) | {"pinData": {trigger: [{"json": dict(inputs)}]}}))
            self._ask("POST", f"/rest/workflows/{made[-1]}/run", {"triggerToStartFrom": {"name": trigger}})
            return self.execution(made[-1], seconds)
        made.append(self.create(api_body(workflow)))
        self.publish(made[-1])
        answer = self.call(hook["parameters"]["path"], inputs, hook["parameters"].get("httpMethod", "GET"))
        return msgspec.structs.replace(self.execution(made[-1], seconds), response=said(answer))

    def create(self, body: Workflow) -> str:
        """The id of a new workflow with exactly this body of the public API."""
        return str(self._ask("POST", "/api/v1/workflows", body)["id"])

    def publish(self, workflow: str) -> None:
        """Where n8n really checks a workflow: what it does not like is raised in its own words."""
        self._ask("POST", f"/api/v1/workflows/{workflow}/publish", {})

    def call(self, path: str, body: Mapping[str, Any], method: str = "POST", seconds: float = 20) -> requests.Response:
        """The answer of a webhook; waits until it is there, which is a moment after publishing."""
        deadline = time.monotonic() + seconds
        sent: dict[str, Any] = {"params": dict(body)} if method in ("GET", "HEAD") else {"json": dict(body)}
        while True:
            answer = self._session.request(method, f"{self.url}/webhook/{path}", timeout=60, **sent)
            if answer.status_code != 404 or "is not registered" not in answer.text or time.monotonic() > deadline:
                return answer
            time.sleep(0.05)

    def execution(self, workflow: str, seconds: float = 60) -> Ran:
        """The last execution of a workflow, once it has ended."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            query = f"/api/v1/executions?workflowId={workflow}&includeData=true&limit=1"
            found = self._ask("GET", query)["data"]
            if found and found[0]["status"] not in ("new", "running"):
                return told(found[0])
            time.sleep(0.05)
        raise EngineError(f"workflow {workflow} has not ended within {seconds} s")

    def delete(self, workflow: str) -> None:
        """Unpublish and delete; n8n refuses for a moment after unpublishing."""
        self._request("POST", f"/api/v1/workflows/{workflow}/unpublish", {})
        for _ in range(100):
            if self._request("DELETE", f"/api/v1/workflows/{workflow}").status_code != 409:
                return
            time.sleep(0.05)
        raise EngineError(f"workflow {workflow} cannot be deleted")

    def get(self, workflow: str) -> Workflow:
        """The workflow as the public API shows it."""
        found: Workflow = self._ask("GET", f"/api/v1/workflows/{workflow}")
        return found

    def credential(self, kind: str, **data: Any) -> dict[str, dict[str, str]]:
        """A new credential, as the `credentials` of a node name it."""
        name = f"{kind} {uuid4().hex[:8]}"
        made = self._ask("POST", "/api/v1/credentials", {"name": name, "type": kind, "data": data})
        return {kind: {"id": made["id"], "name": name}}

    def import_files(self, *workflows: Workflow) -> str:
        """`n8n import:workflow` of files, which need id and name, beside the running server; what it printed."""
        with tempfile.TemporaryDirectory() as folder:
            for number, workflow in enumerate(workflows):
                (Path(folder) / f"{number}.json").write_text(json.dumps(workflow))
            command = [*self._command, "import:workflow", "--separate", f"--input={folder}"]
            done = subprocess.run(command, env=self._env, capture_output=True, text=True, timeout=120)
        if done.returncode:
            raise EngineError(f"n8n import:workflow failed:\n{done.stdout}\n{done.stderr}")
        return done.stdout

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        answer = self._request(method, path, body)
        if not answer.ok:
            raise EngineError(f"{method} {path} answered {answer.status_code}: {answer.text[:2000]}")
        return answer.json()

    def _request(self, method: str, path: str, body: Any = None) -> requests.Response:
        headers = {"X-N8N-API-KEY": self.key}
        return self._session.request(method, self.url + path, json=body, headers=headers, timeout=60)


def told(execution: dict[str, Any]) -> Ran:
    """An execution of the public API in the words of every engine."""
    result = execution["data"]["resultData"]
    runs: dict[str, list[dict[str, Any]]] = result["runData"]
    last = (runs.get(result.get("lastNodeExecuted") or "") or [{}])[-1]
    items = next(filter(None, ports(last)), [])
    order = sorted((run.get("executionIndex", 0), name) for name, many in runs.items() for run in many)
    error = result.get("error") or {}
    reason = [error.get("node", {}).get("name"), error.get("message"), error.get("description")]
    return Ran(
        status="succeeded" if execution["status"] == "success" else "failed",
        outputs=items[0] if items else {},
        error=": ".join(one for one in reason if one),
        nodes={name: ports(many[-1]) for name, many in runs.items()},
        order=[name for _, name in order],
        items=items,
    )


def ports(run: dict[str, Any]) -> list[list[dict[str, Any]]]:
    """The items of each output of a node's run; those of a sub-node are on an output of another type."""
    outputs = run.get("data") or {}
    found: list[list[dict[str, Any]] | None] = outputs.get("main") or next(iter(outputs.values()), [])
    return [[item["json"] for item in port or []] for port in found]


def said(answer: requests.Response) -> Any:
    """The body of an answer."""
    try:
        return answer.json()
    except requests.JSONDecodeError:
        return answer.text


@contextmanager
def serving_n8n(seconds: float = 180) -> Iterator[N8nServer]:
    """A server for as long as the block lasts; skips the test when `make n8n` has not set it up."""
    binaries = home(f"n8n-{VERSION}") / "node_modules" / ".bin"
    command = [str(binaries / "node"), str(binaries / "n8n")]
    folder = Path(tempfile.mkdtemp(prefix="n8n-"))
    url, env = _settings(folder, binaries)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([*command, "start"], env=env, stdout=log, stderr=log, start_new_session=True)
    session = requests.Session()
    session.trust_env = False
    try:
        _wait(session, url, process, folder / "log", seconds)
        # Commands beside the server need a port of their own.
        beside = env | {"N8N_RUNNERS_BROKER_PORT": str(_free_port())}
        yield N8nServer(url, _key(session, url), session, command, beside)
    finally:
        session.close()
        _end(process)
        shutil.rmtree(folder, ignore_errors=True)


def _settings(folder: Path, binaries: Path) -> tuple[str, dict[str, str]]:
    port = _free_port()
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("N8N_", "DB_"))}
    own = {
        "PATH": f"{binaries}{os.pathsep}{os.environ.get('PATH', '')}",
        "N8N_USER_FOLDER": str(folder),
        "TMPDIR": str(folder),
        "N8N_ENCRYPTION_KEY": uuid4().hex,
        "N8N_LISTEN_ADDRESS": "127.0.0.1",
        "N8N_HOST": "127.0.0.1",
        "N8N_PROTOCOL": "http",
        "N8N_PORT": str(port),
        "N8N_RUNNERS_BROKER_PORT": str(_free_port()),
        "DB_TYPE": "sqlite",
    }
    return f"http://127.0.0.1:{port}", kept | ALONE | QUIET | own


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def _wait(session: requests.Session, url: str, process: "subprocess.Popen[bytes]", log: Path, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < deadline:
        try:
            if session.get(f"{url}/healthz/readiness", timeout=5).ok:
                return
        except (requests.ConnectionError, requests.Timeout):
            pass
        time.sleep(0.2)
    raise EngineError(f"n8n did not start:\n{log.read_text(errors='replace')[-3000:]}")


def _key(session: requests.Session, url: str) -> str:
    """A key that may do everything, of a new owner."""
    session.post(f"{url}/rest/owner/setup", json=OWNER, timeout=30).raise_for_status()
    scopes = session.get(f"{url}/rest/api-keys/scopes", timeout=30).json()["data"]
    asked = {"label": "tests", "scopes": scopes, "expiresAt": None}
    made = session.post(f"{url}/rest/api-keys", json=asked, timeout=30)
    made.raise_for_status()
    return str(made.json()["data"]["rawApiKey"])


def _end(process: "subprocess.Popen[bytes]") -> None:
    """The whole group: the server starts a runner for code."""
    for how in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, how)
            process.wait(10)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            continue
