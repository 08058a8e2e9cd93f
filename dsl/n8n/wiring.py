"""Connections of n8n that carry nothing, and nodes that miss others (n8n.md, sections 4, 5, 9 and 16)."""

from collections.abc import Collection, Iterable, Iterator

from dsl.n8n import prompted, schedules
from dsl.n8n.branches import outputs_of
from dsl.n8n.evaluated import Found
from dsl.n8n.source import Link, Raw, Source, dig, members

# The kinds whose outputs depend on what they are set to do, beyond what is counted here.
_OPEN = frozenset({"webhook", "respondToWebhook", "evaluation", "ai:guardrails", "ai:sentimentAnalysis", "ai:code"})
_OUTPUTS = {"compareDatasets": 4, "dynamicCredentialCheck": 2, "stopAndError": 0, "stickyNote": 0}
_ASKED = frozenset({"webhook", "formTrigger"})


def wrong(found: Source, kinds: Collection[str]) -> Iterator[tuple[Raw, Found]]:
    """`kinds` are those that n8n has: of others nothing is known."""
    for raw in found.nodes.values():
        if raw.disabled:
            continue
        told = [_timed(raw), _answered(raw, found), _parsed(raw, found), _tools(raw, found), _returns(raw, found)]
        told.append(_prompted(raw, found))
        if raw.kind in kinds:
            told += [_outputs(raw, found.out[raw.name]), _inputs(raw, found.into[raw.name])]
        yield from ((raw, each) for some in told for each in some)


def outputs(raw: Raw) -> int | None:
    """How many outputs a node has, that for failures left out; None where that is not clear."""
    if raw.kind in _OPEN or raw.kind.startswith(("ai:vectorStore", "ai:chatHub")):
        return None
    if raw.kind == "switch":
        counted = raw.version >= 3 and (raw.params.get("mode") == "expression" or dig(raw.params, "rules", "values"))
        number = raw.params.get("numberOutputs", 4)
        return outputs_of(raw) if counted and isinstance(number, int) else 4 if raw.version < 2 else None
    if raw.kind == "splitInBatches":
        return 2 if raw.version >= 2 else 1
    return _OUTPUTS.get(raw.kind, outputs_of(raw))


def inputs(raw: Raw) -> int | None:
    """How many inputs a node has; None where that is not clear."""
    if raw.kind == "merge":
        number = raw.params.get("numberInputs", 2) if raw.version >= 3 else 2
        return number if isinstance(number, int) else None
    return None if raw.kind == "evaluation" else 2 if raw.kind == "compareDatasets" else 1


def _outputs(raw: Raw, links: Iterable[Link]) -> Iterator[Found]:
    number = outputs(raw)
    for link in links:
        if number is not None and link.output >= number + (raw.failing == "branch"):
            message = (
                f"An edge leaves '{raw.name}' by output {link.output + 1}, which it does not have: it is never taken."
            )
            hint = "Wire it to another output; one for failures it has with onError: continueErrorOutput."
            yield link.place, "error", "port.unknown", message, hint


def _inputs(raw: Raw, links: Iterable[Link]) -> Iterator[Found]:
    number = inputs(raw)
    for link in links:
        if number is not None and link.input >= number:
            message = f"An edge leads into input {link.input + 1} of '{raw.name}', which has {number}: that is lost."
            yield link.place, "error", "port.input", message, "Wire it to another input, or give the node more."


def _timed(raw: Raw) -> Iterator[Found]:
    lists = {"scheduleTrigger": ("rule", "interval"), "cron": ("triggerTimes", "item")}
    for i, item in enumerate(members(raw.params, *lists[raw.kind]) if raw.kind in lists else ()):
        name = "expression" if raw.kind == "scheduleTrigger" else "cronExpression"
        line = item.get(name) if {item.get("field"), item.get("mode")} & {"cronExpression", "custom"} else None
        if isinstance(line, str) and not line.startswith("=") and (why := schedules.refused(line)):
            place = "/".join([raw.place, "parameters", *lists[raw.kind], str(i), name])
            message = f"'{raw.name}' never fires: {line!r} is no time, {why}. n8n publishes it without a word."
            yield place, "error", "cron.refused", message, "Write five or six fields of numbers, *, - and /."


def _answered(raw: Raw, found: Source) -> Iterator[Found]:
    """n8n looks for Respond to Webhook nodes when it is called, and fails before it begins."""
    mode = raw.params.get("responseMode", "onReceived")
    if raw.kind not in _ASKED or (raw.kind == "webhook" and raw.version < 2) or str(mode).startswith("="):
        return
    behind = [found.nodes[name] for name in _behind(found.out[raw.name], found)]
    answers = any(each.kind == "respondToWebhook" for each in behind)
    if mode == "responseNode" and not answers:
        message = f"'{raw.name}' answers by a Respond to Webhook node, and none follows: n8n fails when it is called."
        yield raw.place, "error", "respond.missing", message, "Add one, or choose another responseMode."
    waits = any(each.kind == "wait" and each.params.get("responseMode") == "responseNode" for each in behind)
    strict = raw.kind == "webhook" or raw.version <= 2.1
    if strict and answers and not waits and mode not in ("responseNode", "streaming"):
        message = f"'{raw.name}' answers {mode}, and a Respond to Webhook node follows: n8n fails when it is called."
        yield raw.place, "error", "respond.unused", message, "Set responseMode to responseNode, or take the node away."


def _parsed(raw: Raw, found: Source) -> Iterator[Found]:
    asked = raw.kind in ("ai:agent", "ai:chainLlm") and raw.params.get("hasOutputParser") is True
    if asked and not found.parts(raw.name, "ai_outputParser"):
        message = f"'{raw.name}' wants an output parser and has none: it answers in plain text."
        yield raw.place, "warning", "parser.missing", message, "Connect one, or set hasOutputParser to false."


def _prompted(raw: Raw, found: Source) -> Iterator[Found]:
    if prompted.waits(raw, found):
        message = (
            f"'{raw.name}' takes the field {prompted.CHAT} of what comes in for its prompt; none comes: n8n fails."
        )
        hint = 'Set promptType to "define" and write the prompt, or set the field before.'
        yield raw.place, "error", "prompt.missing", message, hint


def _tools(raw: Raw, found: Source) -> Iterator[Found]:
    if raw.kind == "ai:agent" and raw.version >= 3:
        for tool in found.parts(raw.name, "ai_tool"):
            if tool.kind == "ai:toolHttpRequest" and not tool.disabled:
                message = f"'{tool.name}' is of an old kind, with which an agent of version 3 fails: '{raw.name}'."
                yield tool.place, "error", "tool.old", message, "Replace it by an HTTP Request Tool."


def _returns(raw: Raw, found: Source) -> Iterator[Found]:
    rounds = [link for link in found.out[raw.name] if link.output == int(raw.version >= 3)]
    if raw.kind == "splitInBatches" and rounds and raw.name not in _behind(rounds, found):
        message = f"Nothing leads back to '{raw.name}': its first round is the only one, and it is never done."
        yield raw.place, "warning", "loop.open", message, "Lead the last node of the round back to it."


def _behind(links: Iterable[Link], found: Source) -> set[str]:
    """The nodes that these connections lead to, at the end of any way."""
    seen: set[str] = set()
    stack = list(links)
    while stack:
        link = stack.pop()
        if link.target not in seen:
            seen.add(link.target)
            stack += found.out[link.target]
    return seen
