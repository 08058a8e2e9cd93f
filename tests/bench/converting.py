"""What a conversion costs beside parsing the one file and emitting the other with PyYAML and json alone."""

import json
import time
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

import yaml

import dsl
from dsl.ir import Edge, Flow, Graph, Node, Ref, Text, Type
from tests.bench.figures import Figure, Target

NODES = 100
ROUNDS = 20
Library = tuple[Callable[[str], Any], Callable[[Any], str]]


def _yaml(document: Any) -> str:
    written = yaml.dump(document, Dumper=yaml.CSafeDumper, allow_unicode=True, sort_keys=False, width=2**20)
    return str(written)


YAML: Library = (partial(yaml.load, Loader=yaml.CSafeLoader), _yaml)
JSON: Library = (json.loads, partial(json.dumps, ensure_ascii=False, indent=2))
COMPACT: Library = (json.loads, partial(json.dumps, ensure_ascii=False))
LIBRARY = {"dify": YAML, "n8n": JSON, "coze": COMPACT, "ragflow": JSON}
PAIRS = (("dify", "n8n"), ("dify", "coze"), ("dify", "ragflow"), ("n8n", "dify"), ("coze", "dify"), ("ragflow", "dify"))
WITHOUT_YAML = (("n8n", "coze"), ("coze", "n8n"))  # json is C and all but free: what is left is the conversion


def long_flow(nodes: int = NODES) -> Flow:
    """A start, templates and requests in turn that refer to what is before them, an end."""
    graph = Graph([Node("begin", "start", "Start", outputs={"q": Type("string")})])
    before = Ref("begin", ("q",))
    for number in range(nodes - 2):
        name = f"step{number}"
        if number % 2:
            params = {"template": Text(("Say it again: ", before, " and once more.\nIn other words."))}
            graph.nodes.append(Node(name, "template", f"Step {number}", params=params))
            before = Ref(name, ("output",))
        else:
            url = Text((f"https://example.com/{number}/", before))
            graph.nodes.append(Node(name, "http", f"Step {number}", params={"method": "GET", "url": url}))
            before = Ref(name, ("body",))
    graph.nodes.append(Node("done", "end", "End", inputs={"r": before}, outputs={"r": Type("string")}))
    names = [node.id for node in graph.nodes]
    graph.edges = [Edge(one, other) for one, other in pairwise(names)]
    return Flow("long", "ir", graph=graph)


def measure() -> list[Figure]:
    flow = long_flow()
    pairs = [
        *(_pair(flow, *pair, Target(1.5, "ratio")) for pair in PAIRS),
        *(_pair(flow, *pair) for pair in WITHOUT_YAML),
    ]
    return [*pairs, _growth("coze", "ragflow")]


def _pair(flow: Flow, source: str, target: str, limit: Target | None = None) -> Figure:
    data = dsl.write(flow, source).data
    made = dsl.write(dsl.read(data), target).data
    assert isinstance(data, str) and isinstance(made, str)
    parse, emit, document = LIBRARY[source][0], LIBRARY[target][1], LIBRARY[target][0](made)
    floor, took = _fastest(lambda: (parse(data), emit(document)), partial(_convert, data, target))
    what = f"convert {NODES} nodes, {source} to {target}"
    return Figure(what, took, "ms", floor, "parse and emit", limit)


def _growth(source: str, target: str) -> Figure:
    """What a large workflow takes beside as many nodes in small ones: what looks through all for each shows here."""
    small, large = (dsl.write(long_flow(nodes), source).data for nodes in (200, 2000))
    floor, took = _fastest(*(partial(_convert, data, target) for data in (small, large)), rounds=5)
    return Figure(f"convert 2,000 nodes, {source} to {target}", took, "ms", 10 * floor, "10 times 200 nodes")


def _convert(data: str | bytes, target: str) -> None:
    dsl.write(dsl.read(data), target)


def _fastest(*works: Callable[[], object], rounds: int = ROUNDS) -> list[float]:
    """Milliseconds of each in the fastest of some rounds, by turns: what other work on the machine adds is left out."""
    found: list[list[float]] = [[] for _ in works]
    for _ in range(rounds):
        for work, took in zip(works, found, strict=True):
            started = time.process_time()
            work()
            took.append((time.process_time() - started) * 1000)
    return [*map(min, found)]
