"""Outputs whose names a platform does not take get others, and with them all that refers to them."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from dsl import keys
from dsl.dialects import named
from dsl.ir import Flow, Node, Ref
from dsl.values import copied, map_refs, unique, walk
from dsl.values import rename as rename_nodes

Told = Callable[[Node, dict[str, str]], None]  # a node, and its outputs' new names


def rename(flow: Flow, allowed: re.Pattern[str], told: Told) -> None:
    """Let every output have a name that is allowed: Latin letters, digits and `_`. The flow given is changed."""
    every = [node for node, _, _ in walk(flow.graph)]
    new = {node.id: names for node in every if (names := _odd(node, allowed))}

    _refer(every, new)
    for node in every:
        if node.id in new:
            outputs_of(node, new[node.id])
            told(node, new[node.id])


def original(flow: Flow) -> Flow:
    """The flow with the names that its author gave, where a platform alone wanted other ones.

    Of outputs, lines around code tell them, and the labels of fields that are set: of another platform they have none.
    """
    if flow.dialect in ("n8n", "ir"):  # whose outputs have any name
        return flow
    known = {node.id: made for node, _, _ in walk(flow.graph) if (made := _own(node))}
    given_ids = getattr(named(flow.dialect), "given_ids", None)
    ids = given_ids(flow) if given_ids else {}
    if not known and not ids:
        return flow
    flow = replace(flow, graph=copied(flow.graph))
    every = {node.id: node for node, _, _ in walk(flow.graph)}
    _refer([*every.values()], {name: _given(every[name], *made) for name, made in known.items()})
    rename_nodes(flow, ids)
    return flow


def _own(node: Node) -> tuple[keys.Names, str] | None:
    """What a node's outputs are called by what they were called, and its code as it was."""
    if node.kind == "set":
        names = {type_.label: name for name, type_ in node.outputs.items() if type_.label}
        return (names, "") if names else None
    return keys.unwrapped(*_code(node)) if node.kind == "code" else None


def _given(node: Node, names: keys.Names, source: str) -> dict[str, str]:
    """The node as it was, and what its outputs were called, by what they are called."""
    old = {here: there for there, here in names.items() if here in node.outputs and there not in node.outputs}
    node.outputs = {
        old.get(name, name): replace(type_, label="") if name in old else type_ for name, type_ in node.outputs.items()
    }
    if node.kind == "set":
        node.inputs = {old.get(name, name): value for name, value in node.inputs.items()}
    else:
        node.params["source"] = source
    _default(node, old)
    return old


def _refer(every: list[Node], new: Mapping[str, Mapping[str, str]]) -> None:
    """Let all refer to outputs by their new names, which stand by the node that gives them out."""

    def changed(ref: Ref) -> Ref:
        names = new.get(ref.node, {}) if ref.scope in ("node", "loop") and ref.path else {}
        return replace(ref, path=(names[first], *ref.path[1:])) if (first := str((*ref.path, "")[0])) in names else ref

    for node in every if new else ():
        node.params, node.inputs = map_refs(node.params, changed), map_refs(node.inputs, changed)


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
    _default(node, new)
    if node.kind == "code":
        node.params["source"] = keys.wrapped(*_code(node), dict(new))


def _default(node: Node, new: Mapping[str, str]) -> None:
    if node.on_error.default:
        renamed = {new.get(name, name): value for name, value in node.on_error.default.items()}
        node.on_error = replace(node.on_error, default=renamed)


def _code(node: Node) -> tuple[str, str, str]:
    given: dict[str, Any] = {"lang": "python3", "style": "kwargs", "source": ""} | node.params
    return str(given["lang"]), str(given["style"]), str(given["source"])
