"""What a classifier calls the class that it chose: by a number on one platform, by an id or a name on another."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace

from dsl.collected import last
from dsl.computed import insert
from dsl.ir import Flow, Graph, Node, Ref, Type, Value
from dsl.values import node_refs, parts, redirect, text, unique, walk

Told = Callable[[Node, Node], None]  # for each: who reads it, the code that translates

OUTPUTS = ("class_id", "class_name")
_GIVEN = {"dify": ("class_id", "class_name"), "coze": ("class_id",), "ragflow": ("class_name",)}


DESCRIBED = "The descriptions and examples of the classes stand in the instruction."


def described(classifier: Node) -> Value:
    """The instruction with what its classes say of themselves, for a platform where they have names only."""
    lines = []
    for each in classifier.params.get("classes", []):
        examples = [str(one) for one in each.get("examples") or [] if one]
        said = [str(each["description"])] if each.get("description") else []
        said += [f"for example {'; '.join(examples)}"] if examples else []
        lines += [f"{each.get('name', '')}: {', '.join(said)}"] if said else []
    old = classifier.params.get("instruction", "")
    return text([*parts(old), ("\n\n" if old else "") + "\n".join(lines)]) if lines else old


def words(dialect: str, output: str, classifier: Node) -> tuple[list[Value], Value]:
    """What an output holds on a platform for each class, and for what fits none: Dify takes the first class then, and
    RAGFlow the last; n8n what flowstill wrote."""
    classes = classifier.params.get("classes", [])
    found, rest = _words(dialect, output, classes)
    return found, classifier.params.get("rest", {}).get(output, rest) if dialect == "n8n" else rest


def _words(dialect: str, output: str, classes: list[dict[str, Value]]) -> tuple[list[Value], Value]:
    if output == "class_name":
        found, rest = [each.get("name", "") for each in classes], ""
    elif _by_id(dialect, classes):
        found, rest = [str(each.get("id", i + 1)) for i, each in enumerate(classes)], ""
    else:
        return [i + 1 for i in range(len(classes))], 0
    taken = {"dify": found[:1], "ragflow": found[-1:]}.get(dialect)
    return found, taken[0] if taken else rest


def _by_id(dialect: str, classes: list[dict[str, Value]]) -> bool:
    """Elsewhere they are counted from 1; n8n has the ids of a flow that came from Dify."""
    return dialect == "dify" or (dialect == "n8n" and any("id" in each for each in classes))


def translate(flow: Flow, dialect: str, taken: set[str], told: Told) -> None:
    """Code in front of who reads a class gives what it reads where the flow comes from. The flow given is changed."""
    classifiers = {node.id: node for node, _, _ in walk(flow.graph) if node.kind == "classify"}
    if flow.dialect != dialect and classifiers:
        _take_back(flow, dialect, classifiers)
    for node, graph, _ in list(walk(flow.graph)) if classifiers else ():
        changed: dict[Ref, Ref] = {}
        for ref in dict.fromkeys(node_refs(node)):
            classifier = classifiers.get(ref.node) if ref.path[:1] in [(name,) for name in OUTPUTS] else None
            if classifier is None or _same(flow.dialect, dialect, classifier, str(ref.path[0])):
                continue
            made = _code(flow.dialect, dialect, classifier, str(ref.path[0]), taken)
            _put(node, graph, classifier, made)
            changed[ref] = Ref(made.id, ("output",))
            told(node, made)
        if changed:
            redirect(node, changed)


_TRANSLATION = re.compile(r'def main\(given\):\n    return \{"output": (\{.*\})\.get\(str\(given\), (.*)\)\}\n')


def _take_back(flow: Flow, dialect: str, classifiers: Mapping[str, Node]) -> None:
    """What was translated on the way here into what the target gives out as it is, is read as that."""
    known: dict[Ref, Ref] = {}
    for node, graph, _ in list(walk(flow.graph)):
        if (said := _translated(flow.dialect, dialect, node, classifiers)) is not None:
            known[Ref(node.id, ("output",))] = said
            _take_out(graph, node)
    for node, _, _ in walk(flow.graph) if known else ():
        redirect(node, known)


def _translated(source: str, target: str, node: Node, classifiers: Mapping[str, Node]) -> Ref | None:
    given = node.inputs.get("given")
    match = _TRANSLATION.fullmatch(str(node.params.get("source"))) if node.kind == "code" else None
    if match is None or not isinstance(given, Ref) or given.node not in classifiers or len(given.path) != 1:
        return None
    try:
        table, rest = json.loads(match[1]), json.loads(match[2])
    except ValueError:
        return None
    classifier = classifiers[given.node]
    keys = [str(key) for key in words(source, str(given.path[0]), classifier)[0]]
    for output in _GIVEN[target]:
        if list(table) == keys and words(target, output, classifier) == (list(table.values()), rest):
            return Ref(given.node, (output,))
    return None


def _take_out(graph: Graph, node: Node) -> None:
    """What led to the node leads to what followed it."""
    behind = [edge.target for edge in graph.edges if edge.source == node.id]
    ways = [replace(edge, target=each) for edge in graph.edges if edge.target == node.id for each in behind]
    graph.edges[:] = [edge for edge in graph.edges if node.id not in (edge.source, edge.target)] + ways
    graph.nodes.remove(node)


def _same(source: str, target: str, classifier: Node, output: str) -> bool:
    by_id = [_by_id(dialect, classifier.params.get("classes", [])) for dialect in (source, target)]
    return output in _GIVEN[target] and (output == "class_name" or by_id[0] == by_id[1])


def _code(source: str, target: str, classifier: Node, output: str, taken: set[str]) -> Node:
    """The words of the source by those that the target gives out."""
    read, rest = words(source, output, classifier)
    given = _GIVEN[target][0]
    keys = words(target, given, classifier)[0]
    table = json.dumps({str(key): value for key, value in zip(keys, read, strict=True)}, ensure_ascii=False)
    lines = f'def main(given):\n    return {{"output": {table}.get(str(given), {json.dumps(rest)})}}\n'
    made = Node(unique(f"{classifier.id}_{output}", taken), "code", f"{output} of {classifier.title or classifier.id}")
    made.params = {"lang": "python3", "style": "kwargs", "source": lines}
    made.inputs = {"given": Ref(classifier.id, (given,))}
    made.outputs = {"output": Type("string" if isinstance(rest, str) else "integer")}
    return made


def _put(reader: Node, graph: Graph, classifier: Node, made: Node) -> None:
    """In front of who reads it; at the end of the rounds for a container that reads what is in them."""
    body = reader.body
    if body is not None and any(node is classifier for node, _, _ in walk(body)):
        last(reader, body, made)
    else:
        insert(graph, made, reader)
