"""Runs in graphon's own environment: a JSON line with a flow in, a JSON line with what its run gave out."""

import json
import mimetypes
import os
import sys
import tempfile
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import httpx
import yaml
from graphon import dsl
from graphon.dsl import importer, node_factory
from graphon.dsl.errors import DslError
from graphon.file import File, FileTransferMethod, FileType
from graphon.model_runtime.utils.encoders import jsonable_encoder

# By name, since the module they are in has moved between versions.
ENDS = {
    "GraphRunSucceededEvent": "succeeded",
    "GraphRunPartialSucceededEvent": "partial-succeeded",
    "GraphRunFailedEvent": "failed",
    "GraphRunAbortedEvent": "failed",
}
NODE_ENDS = {"NodeRunSucceededEvent", "NodeRunFailedEvent", "NodeRunExceptionEvent"}


def run(flow: str, inputs: dict[str, Any], sandbox: str) -> dict[str, Any]:
    """The run in the words of `lane.Ran`."""
    ran: dict[str, Any] = {"status": "failed", "outputs": {}, "error": "", "nodes": {}, "order": []}
    try:
        with tempfile.TemporaryDirectory() as plugins:
            credentials = _credentials(flow, sandbox, plugins)
            given = {name: _given(value) for name, value in inputs.items()}
            engine = dsl.loads(flow, credentials=credentials, workflow_id="w", start_inputs=given)
            for event in engine.run():
                _note(event, ran)
    except DslError as error:
        ran["error"] = f"{error.code}: {error} {getattr(error, 'details', None) or ''}".strip()
    except Exception as error:  # a failed run ends so after its event; a file can also break the engine itself
        ran["error"] = ran["error"] or f"{type(error).__name__}: {error}"
    return ran


KEPT: dict[str, bytes] = {}  # by name, the answers that are files


class Files:
    """What Dify adds to its engine, which alone knows no files: those given by a URL, and answers that are one."""

    def download(self, file: File) -> bytes:
        return KEPT[file.reference] if file.reference else httpx.get(file.remote_url or "").content

    def create_file_by_raw(self, *, file_binary: bytes, mimetype: str, filename: str | None = None) -> Any:
        name = filename or f"{uuid4().hex}{mimetypes.guess_extension(mimetype) or '.bin'}"
        KEPT[name] = file_binary
        return SimpleNamespace(id=name)

    def build_from_mapping(self, *, mapping: dict[str, Any]) -> File:
        name = mapping["tool_file_id"]
        method, size = FileTransferMethod.TOOL_FILE, len(KEPT[name])
        kind = {"file_type": FileType.DOCUMENT, "mime_type": mimetypes.guess_type(name)[0]}
        return File(transfer_method=method, reference=name, filename=name, size=size, **kind)


importer._unsupported_http_request_reason = lambda data: None
for refusing in ("RequestFileManager", "FileReferenceFactory"):
    setattr(node_factory, f"_UnsupportedHttp{refusing}", Files)
node_factory._TextOnlyHttpResponseFileManager = Files


def _given(value: Any) -> Any:
    """A file is given as `{"url": ...}`."""
    if not isinstance(value, dict) or value.keys() != {"url"}:
        return value
    name = value["url"].rpartition("/")[2]
    method = FileTransferMethod.REMOTE_URL
    return File(transfer_method=method, file_type=FileType.DOCUMENT, remote_url=value["url"], filename=name)


def _note(event: Any, ran: dict[str, Any]) -> None:
    name = type(event).__name__
    if name in NODE_ENDS:
        ran["order"].append(event.node_id)
        ran["nodes"][event.node_id] = _plain(event.node_run_result.outputs)
    elif name in ENDS:
        ran["status"] = ENDS[name]
        ran["outputs"] = _plain(getattr(event, "outputs", None) or {})
        ran["error"] = getattr(event, "error", None) or ran["error"]


def _plain(outputs: Any) -> Any:
    """The values out of what the engine wraps some of them in."""
    return {name: one.to_object() if hasattr(one, "to_object") else one for name, one in outputs.items()}


def _credentials(flow: str, sandbox: str, plugins: str) -> dict[str, Any]:
    """Every provider of the flow has a key; the fake model does not look at it."""
    values = {"openai_api_key": "none", "api_key": "none"}
    return {
        "model_credentials": [{"provider": one, "values": values} for one in sorted(set(_providers(flow)))],
        "slim": {"mode": "local", "plugin_folder": plugins, "marketplace_url": "http://127.0.0.1:9"},
        "code": {"execution_endpoint": sandbox},
    }


def _providers(flow: str) -> Iterator[str]:
    def walk(value: Any) -> Iterator[str]:
        if isinstance(value, dict):
            if isinstance(value.get("provider"), str):
                yield value["provider"]
            for one in value.values():
                yield from walk(one)
        elif isinstance(value, list):
            for one in value:
                yield from walk(one)

    try:
        yield from walk(yaml.safe_load(flow))
    except yaml.YAMLError:
        return  # the engine says so


def main() -> None:
    # What the engine and its libraries print goes elsewhere: standard output is for answers.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    for line in sys.stdin:
        answers.write(json.dumps(jsonable_encoder(run(**json.loads(line)))) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
