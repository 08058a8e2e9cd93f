"""n8n workflows run on n8n's own execution engine with its base nodes, without a server.

The code of JavaScript code nodes runs in the same process, since a server's runner is not there. LangChain nodes are
not there either: those run in the lane of the full server.
"""

import functools
import tempfile
from pathlib import Path
from typing import Any

import msgspec

from tests.dsl.engines.lane import Ran, Worker, home

VERSION = "2.41.0"
WORKER = Path(__file__).with_name("n8n_core_worker.cjs")
Workflow = dict[str, Any]


def run_n8n_core(
    workflow: Workflow,
    inputs: dict[str, Any] | list[dict[str, Any]],
    *,
    trigger: str = "",
    subflows: dict[str, Workflow] | None = None,
    credentials: dict[str, dict[str, Any]] | None = None,
    seconds: float = 60,
) -> Ran:
    """Run a workflow whose trigger (the one named, else the first) gives these inputs: an item, or a list of them.

    `subflows` are the workflows that Execute Workflow nodes name by id; `credentials` the data of each credential type.
    """
    request = {
        "workflow": workflow,
        "items": inputs if isinstance(inputs, list) else [inputs],
        "trigger": trigger,
        "subflows": subflows or {},
        "credentials": credentials or {},
    }
    return msgspec.convert(_worker().ask(request, seconds), Ran)


def kept_by_n8n(workflow: Workflow) -> dict[str, Any]:
    """By name of a base node, the parameters that n8n keeps when it loads the workflow: those its type knows."""
    answer: dict[str, Any] = _worker().ask({"kept": True, "workflow": workflow}, 60)
    return answer


@functools.cache
def _worker() -> Worker:
    folder = home(f"n8n-core-{VERSION}")
    own = tempfile.TemporaryDirectory(prefix="n8n-core-")  # it writes settings there; gone with this process
    environment = {"N8N_USER_FOLDER": own.name, "GENERIC_TIMEZONE": "UTC", "N8N_DIAGNOSTICS_ENABLED": "false"}
    worker = Worker([str(folder / "node_modules/.bin/node"), str(WORKER), str(folder)], environment)
    worker.keeps = own
    return worker
