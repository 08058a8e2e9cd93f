"""What Dify has nothing for: a node that fails when it runs and says why, or one that does nothing."""

import re

from dsl.dify.expressions import BEGIN, END
from dsl.dify.work import Recipe, Work
from dsl.ir import Node, Script


def _opaque(work: Work, node: Node) -> None:
    if work.own and not node.params.get("stub"):
        return
    kind = str(node.params.get("type", "unknown"))
    stub(work, node, f"{node.title or node.id} ({kind}) has no counterpart in Dify.", kind)


def stub(work: Work, node: Node, why: str, word: str = "", code: str = "kind.unsupported") -> None:
    """Same id, title, inputs and outputs; it fails when it runs, and says why."""
    if not work.own:
        advice = "Replace the node by hand: it fails when it runs."
        work.note(node, "stub", code, why, advice)
    given = {name: value for name, value in node.inputs.items() if work.is_native(value)}
    word = re.sub(r"\s+", " ", word or node.kind).strip()[:100]
    types, kept, body = dict(node.outputs), {name: given[name] for name in given if name.isidentifier()}, node.body
    node.kind, node.body, node.inputs, node.outputs = "code", None, kept, types
    arguments = ", ".join(f"{name}=None" for name in kept)
    source = f"# {BEGIN} stub {word}\ndef main({arguments}):\n    raise RuntimeError({why!r})\n# {END}\n"
    node.params = {"lang": "python3", "source": source, "style": "done"}
    for inner in body.nodes if body else []:
        work.nodes.pop(inner.id, None)


def _pass(work: Work, node: Node) -> None:
    """A template that prints nothing. Where nothing follows it, a round of a loop ends: that is what continue means."""
    word = node.kind
    node.kind, node.outputs = "template", {}
    node.params = {"template": Script("jinja2", f"{{# {BEGIN} {word} #}}{{# {END} #}}")}


RECIPES: dict[str, Recipe] = {"opaque": _opaque, "pass": _pass, "continue": _pass}
