"""Ids and names that Dify refuses, or cannot refer to, get others; with them everything that refers to them."""

import re
from dataclasses import replace
from typing import Any

from dsl.dify import names
from dsl.dify.work import Work
from dsl.ir import Node, Ref
from dsl.renamed import declared, outputs_of
from dsl.values import map_refs, rename, undeclared, unique


def tidy(work: Work) -> None:
    if work.own:
        return
    _ids(work)
    work.flow.variables += undeclared(work.flow)
    work.index()
    outputs = {(node.id, old): new for node in work.all() for old, new in _outputs(work, node).items()}
    variables = _variables(work)
    if outputs or variables:
        _apply(work, outputs, variables)


def legal(name: str, otherwise: str, taken: set[str], longest: int) -> str:
    """A name as near as may be; names without a Latin letter in them get another stem."""
    made = re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_")[:longest]
    if not re.search("[A-Za-z]", made):
        made = f"{otherwise}_{made}".strip("_")[:longest]
    return unique(made if made[0].isalpha() else f"{otherwise}_{made}"[:longest], taken, longest=longest)


def _ids(work: Work) -> None:
    odd = [name for name in work.nodes if not names.ID.fullmatch(name) or name in names.RESERVED]
    if not odd:
        return
    taken = {name for name in work.nodes if name not in odd} | names.RESERVED
    new = {name: legal(name, "node", taken, 45) for name in odd}
    rename(work.flow, new)
    work.called |= {here: there for there, here in new.items()}
    for index in (work.nodes, work.where, work.container):
        index.clear()
    work.index()


def _outputs(work: Work, node: Node) -> dict[str, str]:
    """New names for those outputs that cannot keep theirs."""
    odd = [name for name in declared(node) if not names.NAME.fullmatch(name)]
    taken = set(declared(node)) - set(odd)
    new = {name: legal(name, "value", taken, 30) for name in odd}
    if new and node.kind in ("start", "end"):
        message = f"Dify does not take these names: {', '.join(odd)}. They became {', '.join(new.values())}."
        work.note(node, "equivalent", "name.changed", message)
    if new and node.kind == "code" and node.params.get("style", "kwargs") == "kwargs":
        message = f"Lines around the code give its outputs names that Dify takes: {', '.join(new.values())}."
        work.note(node, "equivalent", "code.wrapped", message)
    return new


def _variables(work: Work) -> dict[tuple[Any, str], tuple[Any, str]]:
    """Variables by scope and name, as they are called here. Dify has those of the environment and of a conversation.

    A workflow has no conversation: there they are what they are at first.
    """
    chat = work.flow.mode == "chat"
    new: dict[tuple[Any, str], tuple[Any, str]] = {}
    taken: dict[str, set[str]] = {"env": set(), "session": set()}
    for i, variable in enumerate(work.flow.variables):
        scope: Any = "session" if chat and variable.scope != "env" else "env"
        name = variable.name if names.NAME.fullmatch(variable.name) else ""
        name = unique(name, taken[scope]) if name else legal(variable.name, "variable", taken[scope], 30)
        if (scope, name) != (variable.scope, variable.name):
            new[variable.scope, variable.name] = (scope, name)
            work.flow.variables[i] = replace(variable, scope=scope, name=name)
        if scope != variable.scope:
            here = "to the conversation" if chat else "to the environment, and never changes"
            message = f"{variable.name} belongs to the {variable.scope} where it comes from, here {here}."
            work.note(None, "degraded", "variable.scope", message)
    return new


def _apply(work: Work, outputs: dict[tuple[str, str], str], variables: dict[tuple[Any, str], tuple[Any, str]]) -> None:
    def changed(ref: Ref) -> Ref:
        if not ref.path:
            return ref
        first = str(ref.path[0])
        if (ref.scope, first) in variables:
            scope, name = variables[ref.scope, first]
            return replace(ref, scope=scope, path=(name, *ref.path[1:]))
        new = outputs.get((ref.node, first)) if ref.scope in ("node", "loop") else None
        return replace(ref, path=(new, *ref.path[1:])) if new else ref

    for node in work.all():
        node.params, node.inputs = map_refs(node.params, changed), map_refs(node.inputs, changed)
        own = {old: new for (name, old), new in outputs.items() if name == node.id} if node.outputs or node.body else {}
        if own:
            outputs_of(node, own)
    work.types = {(each.scope, each.name): each.type for each in work.flow.variables}
