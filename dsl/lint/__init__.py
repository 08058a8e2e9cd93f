"""The linter: what the platforms accept on import and fail on, or worse succeed with nothing, at run time.

What is wrong on any platform is found here in the common form; what one platform alone trips over, in the module
`rules` beside its dialect, which only the linter loads. Rules: what the platforms' own validators and engines say, and
what they do not.
"""

import copy
from dataclasses import replace
from typing import Any

from dsl.dialects import named
from dsl.hiding import discreet
from dsl.ir import Flow
from dsl.lint.finding import Finding, Level, called
from dsl.lint.graphs import every_graph, graphs
from dsl.lint.needs import lists, names, resources, secrets_in
from dsl.lint.references import references
from dsl.lint.rules import Rules, rules_of
from dsl.secrets import secrets_of
from dsl.values import at, copied, steps

__all__ = ["Finding", "Level", "Rules", "check", "mend", "rules_of"]


def check(flow: Flow) -> list[Finding]:
    """What will not work, or not as it looks, worst first and then in the order of the file; no secret is quoted."""
    secrets = secrets_of(flow)
    found = [*graphs(flow), *references(flow), *lists(flow), *names(flow), *resources(flow)]
    found += secrets_in(flow, secrets)
    if rules := rules_of(flow.dialect):
        found += rules.check(flow)
    order = {"error": 0, "warning": 1, "note": 2}
    return sorted(dict.fromkeys(discreet(found, secrets.told())), key=lambda each: order[each.level])


def mend(flow: Flow) -> tuple[Flow, list[str]]:
    """The flow with what is clear set right, and what was done; `dsl.write` puts it into the file.

    Clear is what has one right value only on its platform, and what nobody can have meant: edges from or to nothing,
    edges that stand twice.
    """
    rules, document = rules_of(flow.dialect), copy.deepcopy(flow.raw)
    done = rules.mend(document) if rules and document is not None else []
    mended = named(flow.dialect).read(document) if done else replace(flow, graph=copied(flow.graph), raw=document)
    return mended, discreet(done + _without_lost_edges(mended))


def _without_lost_edges(flow: Flow) -> list[str]:
    """Takes them out of the graph, and out of the file where each is an item of a list."""
    done, lost = [], set()
    for graph, container in every_graph(flow):
        known = {node.id for node in graph.nodes} | ({container.id} if container else set())
        kept = [edge for edge in dict.fromkeys(graph.edges) if {edge.source, edge.target} <= known]
        if gone := len(graph.edges) - len(kept):
            stay = {id(edge) for edge in kept}
            lost |= {edge.pointer for edge in graph.edges if id(edge) not in stay}
            graph.edges = kept
            where = f" in {called(container)}" if container else ""
            done.append(f"{gone} {'edges' if gone > 1 else 'edge'}{where} that led nowhere or stood twice.")
    for place in sorted(lost, key=_in_order, reverse=True):
        _take_away(flow.raw, place)
    return done


def _in_order(place: str) -> list[tuple[int, str]]:
    """In whose order the items of a list come by their numbers."""
    return [(len(step) if step.isdigit() else 0, step) for step in steps(place)]


def _take_away(document: Any, place: str) -> None:
    above, _, last = place.rpartition("/")
    try:
        items = at(document, above) if place else None
    except (LookupError, ValueError, TypeError):  # the common form says where it stood in another file
        return
    if isinstance(items, list) and last.isdigit() and isinstance(items[int(last)], dict):
        del items[int(last)]
