"""What n8n takes at create and fails on at publish or at run time (n8n.md, sections 8, 14 and 16)."""

import functools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

from dsl.ir import Flow, Node
from dsl.lint import Finding, Level
from dsl.n8n import evaluated, forms, wiring
from dsl.n8n.branches import CLASSIFIERS
from dsl.n8n.source import dig, source
from dsl.n8n.tables import AI, BASE, short
from dsl.values import at, pointer

ORDER = "v1"
# Off unless the operator of the server switches them on.
DISABLED = frozenset({"executeCommand", "localFileTrigger"})
_HOOKS = frozenset({"webhook", "formTrigger", "ai:chatTrigger"})


@dataclass(frozen=True)
class Required:
    """A parameter that n8n publishes no node without, where all of these others have one of these values."""

    name: str
    when: Mapping[str, tuple[str | None, ...]] = field(default_factory=dict)  # None: it is absent
    since: float = 1


_GENERIC = Required("genericAuthType", {"authentication": ("genericCredentialType",)})
_PREDEFINED = Required("nodeCredentialType", {"authentication": ("predefinedCredentialType",)})
_PROMPT = Required("text", {"promptType": ("define",)})
_SAVED = Required("workflowId", {"source": ("database", None)})
_GIVEN = Required("workflowJson", {"source": ("parameter",)})
_LAST_PAGE = {"operation": ("completion",)}
REQUIRED = {
    "httpRequest": (_GENERIC, _PREDEFINED),  # and the URL, which is wanted on every platform
    "httpRequestTool": (Required("url"), _GENERIC, _PREDEFINED),
    "executeWorkflow": (
        *(_SAVED, _GIVEN),
        Required("workflowPath", {"source": ("localFile",)}),
        Required("workflowUrl", {"source": ("url",)}),
    ),
    "form": (
        Required("completionTitle", _LAST_PAGE | {"respondWith": ("text", "returnBinary", None)}),
        Required("redirectUrl", _LAST_PAGE | {"respondWith": ("redirect",)}),
    ),
    "formTrigger": (Required("formTitle"),),
    "removeDuplicates": (
        Required(
            "dedupeValue",
            {"operation": ("removeItemsSeenInPreviousExecutions",), "logic": ("removeItemsWithAlreadySeenKeyValues",)},
            since=2,
        ),
    ),
    "respondToWebhook": (Required("redirectURL", {"respondWith": ("redirect",)}),),
    "splitOut": (Required("fieldToSplitOut"),),
    "stopAndError": (
        Required("errorMessage", {"errorType": ("errorMessage", None)}),
        Required("errorObject", {"errorType": ("errorObject",)}),
    ),
    "wait": (Required("dateTime", {"resume": ("specificTime",)}), Required("formTitle", {"resume": ("form",)})),
    "ai:agent": (_PROMPT,),
    "ai:chainLlm": (_PROMPT,),
    "ai:chat": (Required("message"),),
    "ai:mcpClient": (Required("endpointUrl"), Required("tool")),
    "ai:mcpClientTool": (Required("endpointUrl", since=1.1),),
    "ai:openAi": (Required("modelId", {"resource": ("text", None), "operation": ("response", None)}, since=2),),
    "ai:textClassifier": (Required("inputText"),),
    "ai:toolWorkflow": (_SAVED, _GIVEN),
    "ai:vectorStoreInMemory": (
        Required("toolDescription", {"mode": ("retrieve-as-tool",)}),
        Required("prompt", {"mode": ("load",)}),
        Required("id", {"mode": ("update",)}),
    ),
}


@functools.cache
def known() -> dict[str, list[float]]:
    """The types of n8n 2.41.1 as `tables.short` calls them, each with the versions that it runs."""
    found: dict[str, list[float]] = json.loads(files("dsl.n8n").joinpath("known.json").read_text())
    return found


def check(flow: Flow) -> Iterator[Finding]:
    found = forms.find(flow.raw)
    if found is None:  # the flow was not read from a file
        return
    _, place, workflow = found
    for i, node in enumerate(workflow["nodes"]):
        for level, code, message, fix in _node(node):
            yield Finding(level, code, message, f"{place}/nodes/{i}", str(node.get("id", "")), node["name"], fix)
    yield from _running(workflow, place)
    for path, name in _lost(workflow):
        message = f"A connection goes to or from {name!r}, which no node is called: n8n refuses the file."
        yield Finding("error", "edge.dangling", message, place + pointer(*path), fix="Take it away (--fix does).")
    if not _ordered(workflow):
        tools = any("ai_tool" in outputs for outputs in workflow["connections"].values() if isinstance(outputs, dict))
        yield Finding(
            "error" if tools else "warning",
            "order.missing",
            "settings.executionOrder is not v1: branches run in another order than the editor shows"
            + (", and an agent gets empty answers from its tools while the run counts as a success." if tools else "."),
            f"{place}/settings",
            fix='Set it to "v1".' if _chosen(workflow) else 'Set it to "v1" (--fix does).',
        )


def _running(workflow: dict[str, Any], place: str) -> Iterator[Finding]:
    """What is seen when it runs alone: expressions, code, what leads nowhere."""
    read = source(workflow, place)
    names = set(read.nodes)
    found = [(raw, each) for raw in read.nodes.values() if not raw.disabled for each in evaluated.wrong(raw, names)]
    for raw, (where, level, code, message, fix) in [*found, *wiring.wrong(read, known())]:
        yield Finding(level, code, message, where, raw.id, raw.name, fix)


def has_port(document: Any, node: Node, port: str) -> bool:
    """Whether there is something to wire: a filter has no output for what it drops, others only where that is set."""
    try:
        raw = at(document, node.pointer) if port in ("else", "default") and node.pointer else None
    except (LookupError, ValueError, TypeError):
        raw = None
    kind = short(raw["type"]) if isinstance(raw, dict) and isinstance(raw.get("type"), str) else ""
    options = dig(raw, "parameters", "options")
    if kind in CLASSIFIERS:
        return bool(dig(options, "fallback") == "other")
    return kind != "filter" and (kind != "switch" or dig(options, "fallbackOutput") == "extra")


def _lost(workflow: dict[str, Any]) -> list[tuple[tuple[str | int, ...], str]]:
    """Connections to or from nothing: where each stands, and the name that no node has."""
    found: list[tuple[tuple[str | int, ...], str]] = []
    known = {node["name"] for node in workflow["nodes"]}
    for name, kinds in workflow["connections"].items():
        if name not in known:
            found.append((("connections", name), name))
            continue
        for kind, outputs in kinds.items():
            for i, targets in enumerate(outputs or []):
                found += [
                    (("connections", name, kind, i, j), target["node"])
                    for j, target in enumerate(targets or [])
                    if target["node"] not in known
                ]
    return found


def _ordered(workflow: dict[str, Any]) -> bool:
    settings = workflow.get("settings")
    return isinstance(settings, dict) and settings.get("executionOrder") == ORDER


def _chosen(workflow: dict[str, Any]) -> bool:
    """Whether the file says an order: another one than v1 may be meant."""
    settings = workflow.get("settings") or {}
    return not isinstance(settings, dict) or "executionOrder" in settings


def _node(node: dict[str, Any]) -> Iterator[tuple[Level, str, str, str]]:
    title, kind, version = node["name"], short(node["type"]), node.get("typeVersion", 1)
    yield from _type(title, node["type"], version)
    if not node.get("disabled"):
        yield from _missing(title, kind, version, node.get("parameters"))
    if kind in DISABLED and not node.get("disabled"):
        yield (
            "warning",
            "node.disabled",
            f"n8n does not load {kind} unless its operator allows it.",
            "Ask, or replace it.",
        )
    if kind in _HOOKS and not node.get("webhookId"):
        message = f"'{title}' has no webhookId: imported by the command line, it is not served at its path."
        yield "note", "webhook.id", message, "Open and save it in the editor, or import it by the API."
    if "position" not in node:
        yield "error", "node.position", f"'{title}' has no position: n8n refuses it.", "Give it one (--fix does)."


def _type(title: str, type_: str, version: Any) -> Iterator[tuple[Level, str, str, str]]:
    name = short(type_)
    versions = known().get(name) or known().get(name.removesuffix("Tool"))
    if not type_.startswith((BASE, AI)):
        yield (
            "note",
            "node.community",
            f"'{title}' is of {type_}, which has to be installed on the server.",
            "Install it.",
        )
    elif versions is None:
        yield "error", "node.type", f"'{title}' is of {type_}, which n8n 2.41 does not have.", "Replace it."
    elif isinstance(version, int | float) and version not in versions:
        fix = f"It has: {', '.join(map(str, versions))}."
        yield "error", "node.version", f"'{title}' is of {name} {version}, which n8n 2.41 does not have.", fix


def _missing(title: str, kind: str, version: Any, parameters: Any) -> Iterator[tuple[Level, str, str, str]]:
    given = parameters if isinstance(parameters, dict) else {}
    for each in REQUIRED.get(kind, ()):
        meant = all(given.get(other) in values for other, values in each.when.items())
        if meant and _empty(given.get(each.name)) and isinstance(version, int | float) and version >= each.since:
            message = f"'{title}' has no {each.name}: n8n does not publish the workflow."
            yield "error", "parameter.missing", message, "Set it in the node."


def _empty(value: Any) -> bool:
    """A chosen resource is an object with its value."""
    return (value.get("value") if isinstance(value, dict) and "__rl" in value else value) in (None, "")


def mend(document: Any) -> list[str]:
    """Set what has one right value only. The document given is changed."""
    found = forms.find(document)
    if found is None:
        return []
    workflow, done = found[2], []
    for place, node in enumerate(workflow["nodes"]):
        if "position" not in node:
            node["position"] = [place * 220, 0]
            done.append(f"'{node['name']}' got a position.")
    if lost := _lost(workflow):
        for path, _ in reversed(lost):  # the last first, so that the places of the others stay
            *above, last = path
            del at(workflow, pointer(*above))[last]
        done.append(f"{len(lost)} connection{'s' * (len(lost) > 1)} to or from nothing.")
    if not _chosen(workflow):
        workflow["settings"] = (workflow.get("settings") or {}) | {"executionOrder": ORDER}
        done.append('settings.executionOrder is "v1" now.')
    return done
