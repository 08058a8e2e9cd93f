"""A flow of any platform as one that Dify has nodes for: the recipes for what it does not have.

Nothing here knows Dify's file format. What a recipe makes is found again by `dsl.dify.recipes` when the file is read.
"""

from functools import partial

from dsl import computed, fixed, knowledge, looped, rings
from dsl.bodies import as_text
from dsl.classes import translate
from dsl.dify.entered import enter
from dsl.dify.lacking import PLATFORM
from dsl.dify.lower import (
    aggregates,
    answers,
    assignments,
    code,
    failures,
    http,
    iterations,
    lists,
    loops,
    models,
    programs,
    stubs,
    templates,
)
from dsl.dify.settle import settle
from dsl.dify.starts import starts
from dsl.dify.tidy import tidy
from dsl.dify.work import Recipe, Work
from dsl.ir import Flow, Node
from dsl.lacking import supply, there
from dsl.values import node_refs

CONTAINERS: dict[str, Recipe] = {"iterate": iterations.iterate, "loop": loops.loop}  # they come first
RECIPES: dict[str, Recipe] = {
    **programs.RECIPES,
    **stubs.RECIPES,
    **code.RECIPES,
    **templates.RECIPES,
    **lists.RECIPES,
    **models.RECIPES,
    **answers.RECIPES,
    **aggregates.RECIPES,
    **loops.RECIPES,
    **assignments.RECIPES,
    **http.RECIPES,
}


def lowered(flow: Flow) -> Work:
    """A copy of the flow, of nodes that Dify has, and what does not travel."""
    work = Work(flow)
    if not work.own:
        computed.as_lists(work.flow)
    _supply(work)
    tidy(work)
    starts(work)
    if not work.own:
        enter(work)
    work.counted = {ref.node for node in work.all() for ref in node_refs(node) if ref.scope == "index" and not ref.path}
    for recipes in (CONTAINERS, RECIPES):
        for node in work.all():
            if recipe := recipes.get(node.kind):
                recipe(work, node)
    for node in work.all():
        failures.on_error(work, node)
        settle(work, node)
    failures.statuses(work)
    work.insert()
    return work


def _supply(work: Work) -> None:
    if not work.own:
        fixed.fix(work.flow.graph, work.note)
        taken = {*work.nodes}
        looped.as_loops(work.flow.graph, taken, partial(_looped, work))
        rings.cut(work.flow.graph, taken, partial(_cut, work))
    computed.settle(work.flow, there(PLATFORM.lacks))  # circles are loops by now
    if not work.own:
        work.index()
        as_text(work.flow.graph, {*work.nodes}, lambda node, made: None)
        translate(work.flow, "dify", {*work.nodes}, partial(_translated, work))
        work.index()
        supply(work.flow, PLATFORM, work.note, work.parsed)
    knowledge.request(work.flow, "python3", work.note, fetch=True)
    work.index()


def _looped(work: Work, node: Node, made: list[Node]) -> None:
    work.note(node, "degraded", "flow.ring", looped.MESSAGE)


def _cut(work: Work, node: Node, end: Node) -> None:
    work.note(node, "stub", "flow.ring", rings.MESSAGE, rings.ADVICE)


def _translated(work: Work, node: Node, before: Node) -> None:
    message = "A code node puts the class that was chosen into the words of the other platform."
    work.note(node, "equivalent", "class.output", message)
