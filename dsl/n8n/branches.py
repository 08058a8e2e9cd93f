"""Where control goes on from a node: if, filter and switch, and the ports that outputs of n8n are."""

from typing import TYPE_CHECKING, Any

from dsl import kinds
from dsl.ir import Node, OnError
from dsl.n8n import conditions
from dsl.n8n.source import Link, Raw, dig, members

if TYPE_CHECKING:
    from dsl.n8n.read import Reader


def read_if(reader: "Reader", raw: Raw, node: Node) -> None:
    node.kind = "if"
    found = raw.params.get("conditions")
    node.params["cases"] = [conditions.read(reader, raw, found)]
    if conditions.ignores_case(found):
        node.params["ignore_case"] = True


def read_switch(reader: "Reader", raw: Raw, node: Node) -> None:
    node.kind = "if"
    node.params["cases"] = conditions.switched(reader, raw)
    rules = members(raw.params, "rules", "values")
    if len(node.params["cases"]) > 1 and dig(raw.params, "options", "allMatchingOutputs") is True:
        message = "Control goes every way whose condition holds; elsewhere it goes the first of them."
        reader.note(raw, "degraded", "switch.all", message, "Make a branch of each condition, one beside the other.")
    if rules and all(conditions.ignores_case(rule.get("conditions")) for rule in rules):
        node.params["ignore_case"] = True


def outputs_of(raw: Raw) -> int:
    """How many outputs a node has, without the one for failures."""
    if raw.kind == "if":
        return 2
    if raw.kind == "switch":
        return len(_rules(raw)) + int(dig(raw.params, "options", "fallbackOutput") == "extra")
    if raw.kind in CLASSIFIERS:
        return len(classes_of(raw)) + int(dig(raw.params, "options", "fallback") == "other")
    return 2 if raw.kind == "splitInBatches" and raw.version >= 3 else 1


CLASSIFIERS = ("ai:textClassifier", "ai:sentimentAnalysis")


def classes_of(raw: Raw) -> list[dict[str, Any]]:
    """The classes of a classifier; those of a sentiment are listed in a text, and none are known of an expression."""
    if raw.kind == "ai:textClassifier":
        return members(raw.params, "categories", "categories")
    listed = dig(raw.params, "options", "categories")
    listed = "Positive, Neutral, Negative" if listed is None else listed
    if not isinstance(listed, str) or listed.startswith("="):
        return []
    return [{"category": name.strip()} for name in listed.split(",") if name.strip()]


def _rules(raw: Raw) -> list[Any]:
    if raw.params.get("mode") == "expression":
        number = raw.params.get("numberOutputs", raw.params.get("outputsAmount", 4))
        return [None] * (number if isinstance(number, int) and 0 <= number <= 50 else 4)
    rules: list[Any] = list(members(raw.params, "rules", "values"))
    return rules or [None] * (4 if dig(raw.params, "rules", "rules") else 0)


def ports(reader: "Reader", raw: Raw, node: Node, link: Link) -> list[str]:
    """The ports that a connection leaves by; none when nothing can."""
    if node.kind in ("stop", "end", "note"):
        return []
    if link.output < 0 or (raw.failing == "branch" and link.output == outputs_of(raw)):
        if node.on_error.then != "branch":
            node.on_error = OnError("branch", node.on_error.retries, node.on_error.wait_ms)
        return ["error"]
    if node.kind == "if":
        return _case_ports(raw, node, link.output)
    if node.kind == "classify":
        return [f"class:{link.output}" if link.output < len(node.params["classes"]) else "default"]
    if node.kind == "ask" and (known := kinds.ports(node))[1:]:
        return known[link.output : link.output + 1]
    if link.output > 0:
        reader.note(raw, "degraded", "port.unknown", f"Output {link.output + 1} is read as the only one.")
    return ["out"]


def _case_ports(raw: Raw, node: Node, output: int) -> list[str]:
    if raw.kind == "switch" and dig(raw.params, "rules", "rules") is not None and raw.version < 3:
        rules = members(raw.params, "rules", "rules")
        found = [f"case:{i}" for i, rule in enumerate(rules) if rule.get("output", 0) == output]
        return found + (["else"] if raw.params.get("fallbackOutput", -1) == output else [])
    found = [f"case:{output}"] if output < len(node.params["cases"]) else ["else"]
    fallback = dig(raw.params, "options", "fallbackOutput")
    return [*found, "else"] if type(fallback) is int and fallback == output and found != ["else"] else found
