"""What the tools of an agent do. n8n holds their definitions, every other platform chooses tools by their names.

So that they can be made there, the definitions travel as a note beside the agent, which n8n itself is not given.
"""

import json
from collections.abc import Callable
from typing import Any

from dsl.hiding import hidden
from dsl.ir import Node
from dsl.n8n.source import Raw, dig

DEFINED = "/tools"  # behind an agent's id: the note beside it


def what(part: Raw) -> str:
    """A tool in a few words."""
    if part.kind == "ai:toolCode":
        return "is code that stands in the file"
    if part.kind == "ai:toolWorkflow":
        return f"calls the workflow {_named(part)}".rstrip()
    url = part.params.get("url", part.params.get("sseEndpoint", part.params.get("endpointUrl")))
    if isinstance(url, str) and url:
        how = "is one of the MCP server at" if "mcp" in part.kind.lower() else "calls"
        return f"{how} {_address(url)}"
    return f"is the node {part.data['type']} of n8n"


def _named(part: Raw) -> str:
    value = part.params.get("workflowId")
    name = dig(value, "cachedResultName") or (dig(value, "value") if isinstance(value, dict) else value)
    return name if isinstance(name, str) else ""


def _address(url: str) -> str:
    """Without what may be a secret."""
    scheme, slashes, rest = url.removeprefix("=").partition("//")
    return scheme + slashes + rest.partition("?")[0].rpartition("@")[2]


def note(agent: Node, parts: list[Raw], told: Callable[[str], tuple[str, str]]) -> Node:
    """The definitions of all of an agent's tools."""
    text = f"Tools of {agent.title}, as they were in n8n\n\n" + "\n\n".join(
        _definition(part, told(part.kind)) for part in parts
    )
    place = (agent.position[0], agent.position[1] + 300) if agent.position else None
    params = {"text": text, "size": [480, 320]}
    return Node(agent.id + DEFINED, "note", f"Tools of {agent.title}", params=params, position=place)


def _definition(part: Raw, told: tuple[str, str]) -> str:
    """Without its name and what it is for, which travel."""
    kept = {
        key: value for key, value in hidden(part.params)[0].items() if key not in told and value not in ("", {}, [])
    }
    code = {key: kept.pop(key) for key in ("jsCode", "pythonCode") if isinstance(kept.get(key), str)}
    return "\n\n".join([f"**{part.name}** ({part.data['type']})", *map(_fenced, code.values()), *_listed(kept)])


def _fenced(source: str) -> str:
    return f"```\n{source}\n```"


def _listed(params: dict[str, Any]) -> list[str]:
    return [_fenced(json.dumps(params, ensure_ascii=False, indent=2, sort_keys=True))] if params else []
