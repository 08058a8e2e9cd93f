"""Chains and agents that take their prompt from a chat, and whether what comes into them is of one."""

from dsl.n8n import sets, tables
from dsl.n8n.source import Raw, Source, members

CHAT = "chatInput"
# What these give is known, and has no such field.
_OTHERS = frozenset({"webhook", "scheduleTrigger", "ai:agent", "ai:chainLlm", "ai:informationExtractor"})


def waits(raw: Raw, found: Source) -> bool:
    """Whether a node takes its prompt from the chat, and none of those that it may come from gives any."""
    chats = raw.params.get("promptType", "auto") == "auto" and raw.version >= 1.4
    if raw.kind not in ("ai:chainLlm", "ai:agent") or not chats:
        return False
    seen, stack = {raw.name}, [raw.name]
    while stack:
        for name in {link.source for link in found.into[stack.pop()]} - seen:
            seen.add(name)
            if _hands_on(found.nodes[name]):
                stack.append(name)
            elif not _lacks(found.nodes[name]):
                return False
    return len(seen) > 1


def _hands_on(raw: Raw) -> bool:
    if raw.kind == "set":
        return sets.keeps_all(raw) and not _may_set(raw)
    return raw.disabled or raw.kind in tables.PASSING


def _lacks(raw: Raw) -> bool:
    """Whether it surely gives no such field."""
    if raw.kind == "set":
        return not _may_set(raw)
    declared = members(raw.params, "workflowInputs", "values")
    if raw.kind == "executeWorkflowTrigger":
        return (
            bool(declared)
            and raw.params.get("inputSource") != "passthrough"
            and CHAT not in [each.get("name") for each in declared]
        )
    return raw.kind in _OTHERS


def _may_set(raw: Raw) -> bool:
    names = [name for name, _, _ in sets.assignments(raw)]
    return raw.params.get("mode") == "raw" or any(name == CHAT or name.startswith("=") for name in names)
