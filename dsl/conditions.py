"""What a platform's condition node has no comparison for is computed by a code node in front of it."""

from collections.abc import Callable, Iterator
from typing import Any

from dsl.computed import insert
from dsl.dify.expressions import FUNCTIONS
from dsl.ir import Graph, Node, Ref, Script, Type, Value
from dsl.steps import arguments, expression
from dsl.values import unique

Computed = Callable[[Node, Node], None]  # told for each: the condition node, the code node
Says = Callable[[dict[str, Any], bool], bool]  # whether the platform has words for a condition; True: in any case


def compute(graph: Graph, taken: set[str], says: Says, computed: Computed) -> None:
    """Put such a code node before each condition node that asks for more than the platform says, in bodies as well."""
    for node in list(graph.nodes):
        if node.body is not None:
            compute(node.body, taken, says, computed)
        cases = node.params.get("cases", []) if node.kind == "if" else []
        hard = [i for i, case in enumerate(cases) if _is_hard(case, bool(node.params.get("ignore_case")), says)]
        if hard:
            before = _before(node, hard, unique(f"{node.id}_conditions", taken))
            insert(graph, before, node)
            computed(node, before)


def _is_hard(case: dict[str, Any], fold: bool, says: Says) -> bool:
    """Whether the platform cannot say it and Python can."""
    asked = list(_conditions(case))
    scripts = any(isinstance(each.get(side), Script) for each in asked for side in ("left", "right"))
    nested = any("op" not in each for each in case.get("conditions", []))
    return not scripts and (nested or not all(says(each, fold) for each in asked))


def is_of_elements(right: Value) -> bool:
    """Whether the elements of a list are asked one by one, as only Dify does with files."""
    return isinstance(right, dict) and "conditions" in right


def _conditions(group: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for each in group.get("conditions", []):
        yield from (each,) if "op" in each else _conditions(each)


def _before(node: Node, hard: list[int], id_: str) -> Node:
    """The code node; the cases that it computes ask whether it found them true."""
    cases, fold = node.params["cases"], bool(node.params.get("ignore_case"))
    names = arguments(Node(node.id, "if", "", params={"cases": [cases[i] for i in hard]}))
    given = "".join(f"    {name} = args.params.get({name!r})\n" for name in names.values())
    found = ", ".join(f'"case{i}": {_python(cases[i], names, fold)}' for i in hard)
    functions = "".join(FUNCTIONS[name][0] for name in ("text", "test")).strip("\n")
    source = f"{functions}\n\n\nasync def main(args):\n{given}    return {{{found}}}\n"
    params = {"lang": "python3", "style": "args", "source": source}
    inputs: dict[str, Value] = {name: ref for ref, name in names.items()}
    outputs = {f"case{i}": Type("boolean") for i in hard}
    node.params["cases"] = [_asked(case, id_, i) if i in hard else case for i, case in enumerate(cases)]
    return Node(id_, "code", f"Conditions of {node.title or node.id}", "", params, inputs, outputs)


def _asked(case: dict[str, Any], id_: str, i: int) -> dict[str, Any]:
    found = {"left": Ref(id_, (f"case{i}",)), "op": "true", "right": None, "type": "boolean"}
    return {**case, "logic": "and", "conditions": [found]}


def _python(group: dict[str, Any], names: dict[Ref, str], fold: bool) -> str:
    asked = [_test(each, names, fold) if "op" in each else _python(each, names, fold) for each in group["conditions"]]
    return f"{'any' if group.get('logic') == 'or' else 'all'}([{', '.join(asked)}])"


def _test(each: dict[str, Any], names: dict[Ref, str], fold: bool) -> str:
    sides = f"{expression(each.get('left'), names)}, {expression(each.get('right'), names)}"
    return f"test({each['op']!r}, {sides}, {fold})"
