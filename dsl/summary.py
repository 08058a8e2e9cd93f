"""What a workflow is and what it would take to run it elsewhere, as plain data and in words."""

from collections import Counter
from typing import Any

from dsl.hiding import hidden
from dsl.ir import Flow, Node, Type
from dsl.printed import line
from dsl.secrets import mask, secrets_of
from dsl.values import walk


def summarise(flow: Flow) -> dict[str, Any]:
    """Platform, inputs, results, kinds, resources and variables; pointers of secrets, never their values."""
    places = hidden(flow.raw, secrets_of(flow))[1]
    flow = mask(flow)[0]
    every = [node for node, _, _ in walk(flow.graph)]
    return {
        "name": flow.name,
        "platform": flow.dialect,
        "version": flow.version,
        "mode": flow.mode,
        "description": flow.description,
        "nodes": len(every),
        "kinds": dict(Counter(node.kind for node in every).most_common()),
        "inputs": _declared(every, "start"),
        "results": _declared(every, "end"),
        "resources": [
            {"id": each.id, "kind": each.kind, "name": each.name, "hint": each.hint} for each in flow.resources
        ],
        "variables": [
            {"scope": each.scope, "name": each.name, "type": type_name(each.type)} for each in flow.variables
        ],
        "platform_only": [_only(node) for node in every if node.kind == "opaque"],
        "secrets": places,
        "notes": [note.message for note in flow.notes],
    }


def _declared(nodes: list[Node], kind: str) -> dict[str, str]:
    return {name: type_name(each) for node in nodes if node.kind == kind for name, each in node.outputs.items()}


def _only(node: Node) -> dict[str, str]:
    return {"id": node.id, "title": node.title, "type": str(node.params.get("type", ""))}


def type_name(of: Type) -> str:
    """`array[string]`, `file (image)`, `string, required`."""
    name = f"array[{type_name(of.items)}]" if of.name == "array" and of.items else of.name
    name += f" ({of.file})" if of.file else ""
    return name + (", required" if of.required else "")


def words(plain: dict[str, Any]) -> str:
    """The summary for people; a part that is empty is left out."""
    version = f" {plain['version']}" if plain["version"] else ""
    lines = [f"{plain['name'] or '(no name)'}: {plain['platform']}{version}, {plain['mode']}, {plain['nodes']} nodes"]
    lines += [f"  {plain['description'].splitlines()[0][:110]}"] if plain["description"].strip() else []
    lines += _part("Kinds", [f"{count} {kind}" for kind, count in plain["kinds"].items()], join=True)
    for part in ("inputs", "results"):
        lines += _part(part.capitalize(), [f"{name}: {kind}" for name, kind in plain[part].items()])
    lines += _part("Variables", [f"{each['scope']}.{each['name']}: {each['type']}" for each in plain["variables"]])
    needs = [f"{each['kind']}: {each['name']}{_hint(each['hint'])}" for each in plain["resources"]]
    lines += _part("To bind elsewhere", needs)
    only = [f"{each['title'] or each['id']} ({each['type']})" for each in plain["platform_only"]]
    lines += _part(f"Only on {plain['platform']}: a stub elsewhere", only)
    lines += _part("Secrets in the file, at", plain["secrets"])
    lines += _part("Noticed while reading", plain["notes"])
    return "\n".join(map(line, lines))


def _hint(hint: dict[str, Any]) -> str:
    told = ", ".join(f"{name} {value}" for name, value in hint.items() if isinstance(value, str) and value)
    return f" ({told})" if told else ""


def _part(title: str, items: list[str], *, join: bool = False) -> list[str]:
    if not items:
        return []
    return [f"{title}: {', '.join(items)}"] if join else [f"{title}:", *(f"  {item}" for item in items)]
