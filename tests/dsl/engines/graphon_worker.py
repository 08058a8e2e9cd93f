"""Runs in graphon's own environment: a JSON line with a flow in, a JSON line with what its run gave out."""

import json
import os
import sys
import tempfile
from collections.abc import Iterator
from typing import Any

import yaml
from graphon import dsl
from graphon.dsl.errors import DslError
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
            engine = dsl.loads(flow, credentials=credentials, workflow_id="w", start_inputs=inputs)
            for event in engine.run():
                _note(event, ran)
    except DslError as error:
        ran["error"] = f"{error.code}: {error} {getattr(error, 'details', None) or ''}".strip()
    except Exception as error:  # a failed run ends so after its event; a file can also break the engine itself
        ran["error"] = ran["error"] or f"{type(error).__name__}: {error}"
    return ran


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
