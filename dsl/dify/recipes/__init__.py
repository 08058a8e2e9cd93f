"""Nodes that `dsl.dify.lower` made are again what they were made for.

Code that another platform wrote loses the lines around it; what one of our small programs says becomes its kind; nodes
that compute a value for another one go, and the value stands where it was wanted.
"""

from dsl.dify.lower.loops import COLLECTS, COUNTS
from dsl.dify.recipes.code import code
from dsl.dify.recipes.found import Found
from dsl.dify.recipes.shapes import SHAPES, assign
from dsl.dify.recipes.templates import template
from dsl.ir import Flow
from dsl.values import walk


def recognise(flow: Flow) -> None:
    found = Found(flow)
    for node, graph, container in list(walk(flow.graph)):
        if node.kind == "code":
            code(found, node, graph, container)
        elif node.kind == "template":
            template(node)
        elif node.kind == "assign" and container is not None and node.description in (COLLECTS, COUNTS):
            assign(found, node, graph, container)
    if found.any:
        found.apply(SHAPES)
