"""Outputs whose names a platform does not take get others, and with them all that refers to them."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace

from dsl.ir import Flow, Node, Ref
from dsl.itemspython import indented
from dsl.values import map_refs, unique, walk

Told = Callable[[Node, dict[str, str]], None]  # a node, and its outputs' new names


def rename(flow: Flow, allowed: re.Pattern[str], told: Told) -> None:
    """Let every output have a name that is allowed: Latin letters, digits and `_`. The flow given is changed."""
    every = [node for node, _, _ in walk(flow.graph)]
    new = {node.id: names for node in every if (names := _odd(node, allowed))}

    def changed(ref: Ref) -> Ref:
        names = new.get(ref.node, {}) if ref.scope in ("node", "loop") and ref.path else {}
        return replace(ref, path=(names[first], *ref.path[1:])) if (first := str((*ref.path, "")[0])) in names else ref

    for node in every if new else ():
        node.params, node.inputs = map_refs(node.params, changed), map_refs(node.inputs, changed)
    for node in every:
        if node.id in new:
            outputs_of(node, new[node.id])
            told(node, new[node.id])


def declared(node: Node) -> list[str]:
    """The names that the author of the flow chose for what a node gives out."""
    every = [*node.outputs, *(node.params.get("variables") or {}), *(node.params.get("collect") or {})]
    return list(dict.fromkeys(every))


def _odd(node: Node, allowed: re.Pattern[str]) -> dict[str, str]:
    odd = [name for name in declared(node) if not allowed.fullmatch(name)]
    taken = {*declared(node)} - {*odd}
    return {name: unique(_plain(name), taken) for name in odd}


def _plain(name: str) -> str:
    word = re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_") or "value"
    return word if word[0].isalpha() else f"v_{word}"


def outputs_of(node: Node, new: Mapping[str, str]) -> None:
    """Rename what one node gives out, wherever it says so. What it was called is its label: expressions look there."""
    node.outputs = {
        new.get(name, name): replace(type_, label=type_.label or name) if name in new else type_
        for name, type_ in node.outputs.items()
    }
    if node.kind in ("end", "set"):
        node.inputs = {new.get(name, name): value for name, value in node.inputs.items()}
    for key in ("variables", "collect"):
        if node.params.get(key):
            node.params[key] = {new.get(name, name): value for name, value in node.params[key].items()}
    if node.params.get("groups"):
        node.params["groups"] = [
            {**each, "name": new.get(each["name"], each["name"])} for each in node.params["groups"]
        ]
    if node.on_error.default:
        renamed = {new.get(name, name): value for name, value in node.on_error.default.items()}
        node.on_error = replace(node.on_error, default=renamed)
    if node.kind == "code" and (lines := _LINES.get((node.params.get("lang"), node.params.get("style")))):
        node.params["source"] = lines(str(node.params.get("source")), dict(new))


# -- n8n's code, which gives out fields of any name


def _javascript(source: str, new: dict[str, str]) -> str:
    waits, runs = ("await ", "async ") if re.search(r"\bawait\b", source) else ("", "")
    return _JAVASCRIPT.format(source=source, waits=waits, runs=runs, new=json.dumps(new, ensure_ascii=False))


def _python(source: str, new: dict[str, str]) -> str:
    return _PYTHON.format(source=indented(source), new=new)


_JAVASCRIPT = """const made = {waits}({runs}() => {{
{source}
}})();
const called = Object.entries({new});
const renamed = (each) => {{
  const json = each?.json ?? each;
  return {{ json: {{ ...json, ...Object.fromEntries(called.map(([name, to]) => [to, json?.[name]])) }} }};
}};
return Array.isArray(made) ? made.map(renamed) : renamed(made);"""
_PYTHON = """def made():
{source}
made = made()
called = {new!r}
def renamed(each):
    json = each["json"] if "json" in each else each
    return {{"json": {{**json, **{{to: json.get(name) for name, to in called.items()}}}}}}
return [renamed(each) for each in made] if isinstance(made, list) else renamed(made or {{}})"""
_LINES: dict[tuple[object, object], Callable[[str, dict[str, str]], str]] = {
    (lang, style): lines
    for lang, lines in (("javascript", _javascript), ("python3", _python))
    for style in ("items", "item")
}
